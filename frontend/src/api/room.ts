/** What the reading room asks of the server; the shapes come from its schema. */

import { request, type Reply } from "./client.ts";
import type { AnatomyInRequest, Endpoints, OperationInRequest, SeenInRequest, SkipInRequest } from "./schema.ts";

type Answer<Key extends keyof Endpoints> = Promise<Reply<Endpoints[Key]["answer"]>>;

export const getRoom = (read: number): Answer<"GET /api/reads/{read_id}/room"> => request("GET", `/api/reads/${read}/room`);

export const postOperation = (read: number, body: OperationInRequest): Answer<"POST /api/reads/{read_id}/operations"> =>
  request("POST", `/api/reads/${read}/operations`, body);

export const postSeen = (read: number, body: SeenInRequest): Answer<"POST /api/reads/{read_id}/seen"> =>
  request("POST", `/api/reads/${read}/seen`, body);

export const postLock = (read: number, seq: number, tab: string): Answer<"POST /api/reads/{read_id}/lock"> =>
  request("POST", `/api/reads/${read}/lock`, { base_seq: seq, tab });

export const postReopen = (read: number, reason: string): Answer<"POST /api/reads/{read_id}/reopen"> =>
  request("POST", `/api/reads/${read}/reopen`, { reason });

/** Claims or renews the write lease of a read for this browser. */
export const putWriter = (read: number, tab: string, take: boolean): Answer<"PUT /api/reads/{read_id}/writer"> =>
  request("PUT", `/api/reads/${read}/writer`, { tab, take });

/** Lets the lease go; sent even while the page is closing. */
export const postRelease = (read: number, tab: string): Answer<"POST /api/reads/{read_id}/writer/release"> =>
  request("POST", `/api/reads/${read}/writer/release`, { tab });

export const postOpen = (caseId: number): Answer<"POST /api/cases/{case_id}/open"> => request("POST", `/api/cases/${caseId}/open`, {});

export const postSkip = (caseId: number, body: SkipInRequest): Answer<"POST /api/cases/{case_id}/skip"> =>
  request("POST", `/api/cases/${caseId}/skip`, body);

/** Makes a new version of the anatomy, or says what it would do. */
export const postAnatomy = (caseId: number, body: AnatomyInRequest): Answer<"POST /api/cases/{case_id}/anatomies"> =>
  request("POST", `/api/cases/${caseId}/anatomies`, body);

/** What may be fetched ahead of the case that comes after this one. */
export const getAhead = (caseId: number): Answer<"GET /api/worklist/next"> => request("GET", `/api/worklist/next?after=${caseId}`);

/** Opens what comes next: what is one's own, else the next free case of a pool, which nobody else is given meanwhile. */
export const postNext = (after: number): Answer<"POST /api/worklist/next"> => request("POST", "/api/worklist/next", { after });

export const getOutlines = (url: string): Answer<"GET /api/anatomies/{anatomy_id}/outlines"> => request("GET", url);
