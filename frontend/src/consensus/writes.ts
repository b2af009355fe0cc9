/**
 * Settlements on their way: in order, one at a time, kept in the browser until the server has said "written". A lost
 * network or an expired session keeps them; what was changed on another screen meanwhile is never built upon.
 */

import type { Reply } from "../api/client.ts";
import { Emitter } from "../emitter.ts";
import type { OutboxStorage } from "../reading/kept-queue.ts";
import type { ConsensusServer, Write } from "./server.ts";
import type { SettleBody, SettledAnswer } from "./shapes.ts";

/** What is to be written; the seq it builds on is set when it is first sent, and then stays. */
export type Waiting = { readonly uuid: string; readonly base_seq: number | null } & (
  | ({ readonly kind: "settle" } & SettleBody)
  | { readonly kind: "unsettle"; readonly vertebra: number }
);
type Meant = { [Kind in Waiting["kind"]]: Omit<Extract<Waiting, { kind: Kind }>, "uuid" | "base_seq"> }[Waiting["kind"]];

export type WritesStatus =
  | { readonly kind: "saved"; readonly at: Date | null }
  | { readonly kind: "saving"; readonly count: number }
  | { readonly kind: "waiting"; readonly count: number; readonly why: "network" | "session" | "forbidden"; readonly sentence: string };

export interface WritesEvents {
  status: WritesStatus;
  /** The queue changed, so what is settled on screen did. */
  changed: null;
  answered: SettledAnswer;
  /** The server does not take it; the others go on. */
  refused: { readonly write: Waiting; readonly sentence: string };
  /** Changed on another screen, or locked there: none of these was written. */
  conflict: { readonly lost: readonly Waiting[]; readonly sentence: string };
  /** The same person may not write here any more: none of these was written, nor will be. */
  gone: { readonly lost: readonly Waiting[]; readonly sentence: string };
}

const NO_ANSWER = "The server does not answer. Everything is kept here and sent when it does.";
const FIRST_WAIT = 500;
const LAST_WAIT = 15_000;

export class Writes {
  readonly events = new Emitter<WritesEvents>();
  private readonly server: Pick<ConsensusServer, "write">;
  private readonly storage: OutboxStorage;
  private readonly key: string;
  private readonly isSamePerson: () => Promise<boolean | null>;
  private queue: readonly Waiting[];
  private seq: number;
  /** Of the record this page was opened with. */
  private readonly openedSeq: number;
  /** What an earlier page had left was meant for the record as it was then; it is never built on a later one. */
  private readonly fromBefore: ReadonlySet<string>;
  /** How many were given back, so that nobody takes an empty queue for a written one. */
  private givenBack = 0;
  private savedAt: Date | null = null;
  private sending = false;
  private stall: { readonly why: "network" | "session" | "forbidden"; readonly sentence: string } | null = null;
  private wait = FIRST_WAIT;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(options: {
    readonly server: Pick<ConsensusServer, "write">;
    readonly storage: OutboxStorage;
    readonly key: string;
    readonly seq: number;
    /** Whether whom this page was opened for is logged in still; null where that is not known. */
    readonly isSamePerson?: () => Promise<boolean | null>;
  }) {
    this.server = options.server;
    this.storage = options.storage;
    this.key = options.key;
    this.isSamePerson = options.isSamePerson ?? (async () => false);
    const { seq, writes } = kept(options.storage, options.key);
    this.openedSeq = options.seq;
    this.queue = writes;
    this.fromBefore = new Set(writes.map(({ uuid }) => uuid));
    this.seq = writes.length > 0 ? (seq ?? options.seq) : options.seq;
  }

  get pending(): readonly Waiting[] {
    return this.queue;
  }

  /** Of the record as it was last heard of. */
  get confirmedSeq(): number {
    return this.seq;
  }

  get status(): WritesStatus {
    const count = this.queue.length;
    if (this.stall) return { kind: "waiting", count, ...this.stall };
    return count > 0 ? { kind: "saving", count } : { kind: "saved", at: this.savedAt };
  }

  add(meant: Meant): void {
    this.set([...this.queue, { ...meant, uuid: crypto.randomUUID(), base_seq: null } as Waiting]);
    this.kick();
  }

  /** Try now: the page was opened, the network is back, or someone logged in. */
  kick(): void {
    if (this.closed || this.sending) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    void this.drain();
  }

  /** Once nothing is on its way any more: whether all of it was written. */
  async arrived(): Promise<boolean> {
    const { givenBack } = this;
    while (this.sending && !this.closed) {
      await new Promise<void>((resolve) => {
        const off = this.events.on("status", () => {
          off();
          resolve();
        });
      });
    }
    return !this.closed && this.queue.length === 0 && this.givenBack === givenBack;
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async drain(): Promise<void> {
    this.sending = true;
    while (!this.closed && this.queue.length > 0 && (await this.step())) this.tell();
    this.sending = false;
    this.tell();
  }

  /** One request; false where the others have to wait. */
  private async step(): Promise<boolean> {
    const first = this.queue[0] as Waiting;
    const write = { ...first, base_seq: first.base_seq ?? this.seq } as Write;
    this.queue = [write, ...this.queue.slice(1)];
    this.keep();
    const reply = await this.server.write(write);
    const isShut = reply.kind === "problem" && (reply.status === 403 || reply.status === 404);
    if (!isShut) return !this.closed && this.heard(write, reply);
    const isSame = await this.isSamePerson();
    return !this.closed && this.shut(isSame);
  }

  /** Somebody else is logged in, or the same person may not write here any more. */
  private shut(isSame: boolean | null): false {
    if (isSame === null) return this.stalled("network", NO_ANSWER);
    if (!isSame) return this.stalled("forbidden", "You are logged in as someone who does not sit in this panel. Log in as one who does.");
    this.stall = null;
    this.events.emit("gone", { lost: this.giveBack(), sentence: "You no longer sit here, or you owe a read of this case. Your choices are kept." });
    return false;
  }

  private heard(write: Write, reply: Reply<SettledAnswer>): boolean {
    if (reply.kind === "unreachable") return this.stalled("network", NO_ANSWER);
    if (reply.kind === "session") return this.stalled("session", "Your session has ended. Log in again; nothing is lost.");
    this.stall = null;
    this.wait = FIRST_WAIT;
    if (reply.kind === "ok") {
      this.savedAt = new Date();
      this.queue = this.queue.slice(1);
      // An answer may be older than this page: it was lost on its way to the one before.
      const older = this.queue.some(({ uuid }) => this.fromBefore.has(uuid));
      this.seq = older ? reply.body.seq : Math.max(this.openedSeq, reply.body.seq);
      this.keep();
      this.events.emit("answered", reply.body);
      this.events.emit("changed", null);
      return true;
    }
    const { sentence } = reply.problem;
    if (reply.status === 409) {
      this.events.emit("conflict", { lost: this.giveBack(), sentence });
      return false;
    }
    this.givenBack += 1;
    this.set(this.queue.slice(1));
    this.events.emit("refused", { write, sentence });
    return true;
  }

  private giveBack(): readonly Waiting[] {
    const lost = this.queue;
    this.givenBack += lost.length;
    this.set([]);
    return lost;
  }

  private stalled(why: "network" | "session" | "forbidden", sentence: string): false {
    this.stall = { why, sentence };
    if (why === "network") {
      this.timer = setTimeout(() => this.kick(), this.wait);
      this.wait = Math.min(this.wait * 2, LAST_WAIT);
    }
    return false;
  }

  private set(queue: readonly Waiting[]): void {
    this.queue = queue;
    this.keep();
    this.events.emit("changed", null);
    this.tell();
  }

  private keep(): void {
    if (this.queue.length === 0) this.storage.removeItem(this.key);
    else this.storage.setItem(this.key, JSON.stringify({ seq: this.seq, writes: this.queue }));
  }

  private tell(): void {
    this.events.emit("status", this.status);
  }
}

function kept(storage: OutboxStorage, key: string): { readonly seq: number | null; readonly writes: readonly Waiting[] } {
  const none = { seq: null, writes: [] };
  const text = storage.getItem(key);
  if (!text) return none;
  try {
    const { seq, writes } = JSON.parse(text) as { seq?: unknown; writes?: unknown };
    if (!Array.isArray(writes)) return none;
    const known = (writes as Waiting[]).filter((each) => (each.kind === "settle" || each.kind === "unsettle") && typeof each.uuid === "string");
    return { seq: typeof seq === "number" ? seq : null, writes: known };
  } catch {
    return none;
  }
}
