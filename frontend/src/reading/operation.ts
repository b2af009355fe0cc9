/** One click as it is sent and kept: an idempotent operation whose UUID the browser makes. */

import type { Change, Finding, Injury, ReadState, SopUid, VertebraId } from "./model.ts";

/** What was on screen when the person decided. */
export interface Shown {
  readonly sop_uid: SopUid | null;
  /** [width, level] in HU */
  readonly window: readonly [number, number];
  /** ISO time at which the slice was drawn at full resolution. */
  readonly rendered_at: string | null;
  /** The model's opinion that stood on the screen; absent where none did. */
  readonly suggestion?: { readonly read: number };
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

/** Milliseconds of work on a vertebra, or on none in particular: the total of one browser since it opened the read. */
export interface ActiveTotal {
  readonly vertebra: VertebraId | null;
  readonly ms: number;
}

/** What was on screen, where the reader is, and how long they were at work. */
export interface Looked {
  readonly sops: readonly SopUid[];
  readonly viewed: Viewed | null;
  readonly active: readonly ActiveTotal[];
}

export type Answer =
  | {
      readonly kind: "written";
      readonly seq: number;
      readonly findings: Readonly<Record<string, Finding | null>>;
      readonly injuries: Readonly<Record<string, Injury | null>>;
    }
  /** `moved`: on another anatomy than the one on screen, so the state is about other bodies. */
  | { readonly kind: "conflict"; readonly seq: number; readonly state: ReadState; readonly moved?: boolean }
  | { readonly kind: "locked" }
  /** Another window or device has the read now; nothing was written. */
  | { readonly kind: "elsewhere" }
  | { readonly kind: "refused"; readonly sentence: string }
  /** The session ended: log in again, nothing is lost. */
  | { readonly kind: "session" }
  /** Logged in, but as someone who may not write here. */
  | { readonly kind: "forbidden"; readonly sentence: string }
  /** Nobody answered, or the server is in trouble: try again. */
  | { readonly kind: "unreachable" };

export interface Transport {
  write(operation: Operation & { readonly base_seq: number }): Promise<Answer>;
  seen(looked: Looked): Promise<Answer | { readonly kind: "noted" }>;
  /** The last word of a page that goes away; whether it was taken nobody hears. */
  leaving(looked: Looked): Promise<unknown>;
}

export const operationOf = (change: Change, shown: Shown): Operation => ({
  ...change,
  uuid: crypto.randomUUID(),
  shown,
  client_at: new Date().toISOString(),
  base_seq: null,
});
