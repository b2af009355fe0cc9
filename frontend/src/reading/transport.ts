/** The outbox's way to the server: requests and answers in the words of the queue. */

import type { Reply } from "../api/client.ts";
import { postOperation, postSeen } from "../api/room.ts";
import type { OperationInRequest, StateOut, WrittenOut } from "../api/schema.ts";
import type { Finding, Injury, ReadState } from "./model.ts";
import type { Answer, Operation, Transport } from "./operation.ts";

export function httpTransport(read: number): Transport {
  return {
    async write(operation) {
      return answerOf(await postOperation(read, bodyOf(operation)));
    },
    async seen(sops, viewed) {
      const reply = await postSeen(read, { sop_uids: sops, ...(viewed ? { viewed } : {}) });
      if (reply.kind === "ok") return { kind: "noted" };
      if (reply.kind === "problem") return forbidden(reply) ?? { kind: "noted" };
      return reply;
    },
  };
}

function bodyOf(operation: Operation & { readonly base_seq: number }): OperationInRequest {
  const { uuid, base_seq, verb, payload, shown, client_at } = operation;
  return { uuid, base_seq, verb, payload: { ...payload }, client_at, shown: { ...shown, sop_uid: shown.sop_uid ?? "" } };
}

function answerOf(reply: Reply<WrittenOut>): Answer {
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
    return { kind: "conflict", seq: Number(problem["seq"]), state: stateOf(problem["state"] as StateOut) };
  }
  if (status === 409 && problem.code === "locked") return { kind: "locked" };
  return forbidden(reply) ?? { kind: "refused", sentence: problem.sentence };
}

/** Someone else is logged in here now: nothing of the queue may be thrown away for that. */
function forbidden(reply: Reply<unknown> & { readonly kind: "problem" }): (Answer & { kind: "forbidden" }) | null {
  if (reply.status !== 403 && reply.status !== 404) return null;
  return { kind: "forbidden", sentence: "You are logged in as someone who may not write to this read. Log in as its reader." };
}

export const stateOf = (json: StateOut): ReadState => json as unknown as ReadState;
