/** What the anatomy check asks of the server beside what the room asks too. */

import { request, type Reply } from "../api/client.ts";
import type { CaseAnatomyOut } from "../api/schema.ts";

export const getAnatomy = (caseId: number): Promise<Reply<CaseAnatomyOut>> => request("GET", `/api/cases/${caseId}/anatomy`);
