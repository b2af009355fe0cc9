/** The outbox's way to the server: requests and answers in the words of the queue. */

import type { Reply } from "../api/client.ts";
import { postOperation, postRelease, postSeen, putWriter } from "../api/room.ts";
import type { OperationInRequest, StateOut, WrittenOut } from "../api/schema.ts";
import type { LeaseServer } from "./lease.ts";
import type { Finding, Injury, ReadState } from "./model.ts";
import type { Answer, Operation, Transport } from "./operation.ts";

/**
 * Requests of one read. `tab` says who writes, so that no other window or device does at the same time; `anatomy` is the
 * one on screen, so that nothing is written about bodies that somebody has moved meanwhile.
 */
export function httpTransport(read: number, tab: string, anatomy: number): Transport {
  return {
    async write(operation) {
      return answerOf(await postOperation(read, { ...bodyOf(operation), tab, anatomy }), anatomy);
    },
    async seen({ sops, viewed, active }) {
      const told = active.filter(({ ms }) => ms > 0).map(({ vertebra, ms }) => ({ vertebra, ms: Math.round(ms) }));
      const reply = await postSeen(read, { sop_uids: [...sops], active: told, tab, ...(viewed ? { viewed } : {}) });
      if (reply.kind === "ok") return { kind: "noted" };
      if (reply.kind === "problem") return isElsewhere(reply) ? { kind: "elsewhere" } : (forbidden(reply) ?? { kind: "noted" });
      return reply;
    },
    leaving: ({ sops, viewed }) => postSeen(read, { sop_uids: [...sops], ...(viewed ? { viewed } : {}) }),
  };
}

export function httpLease(read: number, tab: string): LeaseServer {
  return {
    async claim(take) {
      const reply = await putWriter(read, tab, take);
      if (reply.kind !== "ok") return { kind: "unknown" };
      const { mine, since } = reply.body;
      return mine ? { kind: "mine" } : { kind: "elsewhere", since: since === null ? null : new Date(since) };
    },
    release: () => void postRelease(read, tab),
  };
}

function bodyOf(operation: Operation & { readonly base_seq: number }): OperationInRequest {
  const { uuid, base_seq, verb, payload, shown, client_at } = operation;
  return { uuid, base_seq, verb, payload: { ...payload }, client_at, shown: { ...shown, sop_uid: shown.sop_uid ?? "" } };
}

function answerOf(reply: Reply<WrittenOut>, anatomy: number): Answer {
  if (reply.kind !== "ok" && reply.kind !== "problem") return reply;
  if (reply.kind === "ok") {
    const { seq, findings, injuries } = reply.body;
    return {
      kind: "written",
      seq,
      findings: findings as Readonly<Record<string, Finding | null>>,
      injuries: injuries as Readonly<Record<string, Injury | null>>,
    };
  }
  const { problem, status } = reply;
  if (status === 409 && problem.code === "conflict" && problem["state"]) {
    const moved = Number(problem["anatomy"]) !== anatomy;
    return { kind: "conflict", seq: Number(problem["seq"]), state: stateOf(problem["state"] as StateOut), moved };
  }
  if (status === 409 && problem.code === "locked") return { kind: "locked" };
  if (isElsewhere(reply)) return { kind: "elsewhere" };
  return forbidden(reply) ?? { kind: "refused", sentence: problem.sentence };
}

type Problem = Reply<unknown> & { readonly kind: "problem" };

/** Another window or device holds the read now. */
export const isElsewhere = ({ status, problem }: Problem): boolean => status === 409 && problem.code === "elsewhere";

/** Someone else is logged in here now: nothing of the queue may be thrown away for that. */
function forbidden(reply: Problem): (Answer & { kind: "forbidden" }) | null {
  if (reply.status !== 403 && reply.status !== 404) return null;
  return { kind: "forbidden", sentence: "You are logged in as someone who may not write to this read. Log in as its reader." };
}

export const stateOf = (json: StateOut): ReadState => json as unknown as ReadState;
