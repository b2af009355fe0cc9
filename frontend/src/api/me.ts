/** What is asked of the server about the person themselves; the shapes come from its schema. */

import { request, type Reply } from "./client.ts";
import type { Endpoints, PreferencesInRequest } from "./schema.ts";

type Answer<Key extends keyof Endpoints> = Promise<Reply<Endpoints[Key]["answer"]>>;

export const getPreferences = (): Answer<"GET /api/me/preferences"> => request("GET", "/api/me/preferences");

export const putPreferences = (body: PreferencesInRequest): Answer<"PUT /api/me/preferences"> => request("PUT", "/api/me/preferences", body);
