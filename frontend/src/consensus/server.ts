/** What the consensus screen asks of the server. */

import { request, type Reply } from "../api/client.ts";
import type { MeOut } from "../api/schema.ts";
import type { ConsensusJson, Letter, LockedAnswer, MemberJson, QuestionJson, ReportJson, SettleBody, SettledAnswer } from "./shapes.ts";

/** A settlement as it is sent: the same to the byte when it is sent again. */
export type Write = { readonly uuid: string; readonly base_seq: number } & (
  | ({ readonly kind: "settle" } & SettleBody)
  | { readonly kind: "unsettle"; readonly vertebra: number }
);

export interface ConsensusServer {
  get(): Promise<Reply<ConsensusJson>>;
  write(write: Write): Promise<Reply<SettledAnswer>>;
  setMember(reader: number, present: boolean): Promise<Reply<{ readonly members: readonly MemberJson[] }>>;
  shift(letter: Letter, by: number, moves: string): Promise<Reply<ConsensusJson>>;
  ask(letter: Letter, vertebra: number, text: string): Promise<Reply<{ readonly questions: readonly QuestionJson[] }>>;
  showReport(): Promise<Reply<{ readonly report: ReportJson }>>;
  lock(seq: number): Promise<Reply<LockedAnswer>>;
  correct(reason: string): Promise<Reply<{ readonly consensus: number }>>;
}

/** Who is logged in now. */
export const getMe = (): Promise<Reply<MeOut>> => request("GET", "/api/me");

export function httpConsensus(read: number): ConsensusServer {
  const place = `/api/consensus/${read}`;
  return {
    get: () => request("GET", place),
    write: ({ kind, ...body }) => request("POST", `${place}/${kind}`, body),
    setMember: (reader, present) => request("POST", `${place}/members`, { reader, present }),
    shift: (letter, by, moves) => request("POST", `${place}/shift`, { letter, by, moves }),
    ask: (letter, vertebra, text) => request("POST", `${place}/questions`, { letter, vertebra, text }),
    showReport: () => request("POST", `${place}/report`, {}),
    lock: (seq) => request("POST", `${place}/lock`, { base_seq: seq }),
    correct: (reason) => request("POST", `${place}/correct`, { reason }),
  };
}
