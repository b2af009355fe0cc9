/** What the reading room asks of the server; the shapes come from its schema. */

import { request, type Reply } from "./client.ts";
import type { Endpoints, OperationInRequest, SeenInRequest } from "./schema.ts";

type Answer<Key extends keyof Endpoints> = Promise<Reply<Endpoints[Key]["answer"]>>;

export const getRoom = (read: number): Answer<"GET /api/reads/{read_id}/room"> => request("GET", `/api/reads/${read}/room`);

export const postOperation = (read: number, body: OperationInRequest): Answer<"POST /api/reads/{read_id}/operations"> =>
  request("POST", `/api/reads/${read}/operations`, body);

export const postSeen = (read: number, body: SeenInRequest): Answer<"POST /api/reads/{read_id}/seen"> =>
  request("POST", `/api/reads/${read}/seen`, body);

export const postLock = (read: number, seq: number): Answer<"POST /api/reads/{read_id}/lock"> =>
  request("POST", `/api/reads/${read}/lock`, { base_seq: seq });

export const postOpen = (caseId: number): Answer<"POST /api/cases/{case_id}/open"> => request("POST", `/api/cases/${caseId}/open`, {});

export const getOutlines = (url: string): Answer<"GET /api/anatomies/{anatomy_id}/outlines"> => request("GET", url);
