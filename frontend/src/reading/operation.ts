/** One click as it is sent and kept: an idempotent operation whose UUID the browser makes. */

import type { Change, Finding, Injury, ReadState, SopUid, VertebraId } from "./model.ts";

/** What was on screen when the person decided. */
export interface Shown {
  readonly sop_uid: SopUid | null;
  /** [width, level] in HU */
  readonly window: readonly [number, number];
  /** ISO time at which the slice was drawn at full resolution. */
  readonly rendered_at: string | null;
}

export type Operation = Change & {
  readonly uuid: string;
  readonly shown: Shown;
  readonly client_at: string;
  /** The seq it was first sent on. Set once, so that a second sending is the same request to the byte. */
  readonly base_seq: number | null;
};

/** Where the reader stopped. */
export interface Viewed {
  readonly k: number;
  readonly vertebra: VertebraId | null;
  readonly window: readonly [number, number];
}

export type Answer =
  | {
      readonly kind: "written";
      readonly seq: number;
      readonly findings: Readonly<Record<string, Finding | null>>;
      readonly injuries: Readonly<Record<string, Injury | null>>;
    }
  | { readonly kind: "conflict"; readonly seq: number; readonly state: ReadState }
  | { readonly kind: "locked" }
  | { readonly kind: "refused"; readonly sentence: string }
  /** The session ended: log in again, nothing is lost. */
  | { readonly kind: "session" }
  /** Logged in, but as someone who may not write here. */
  | { readonly kind: "forbidden"; readonly sentence: string }
  /** Nobody answered, or the server is in trouble: try again. */
  | { readonly kind: "unreachable" };

export interface Transport {
  write(operation: Operation & { readonly base_seq: number }): Promise<Answer>;
  seen(sops: readonly SopUid[], viewed: Viewed | null): Promise<Answer | { readonly kind: "noted" }>;
}

export const operationOf = (change: Change, shown: Shown): Operation => ({
  ...change,
  uuid: crypto.randomUUID(),
  shown,
  client_at: new Date().toISOString(),
  base_seq: null,
});
