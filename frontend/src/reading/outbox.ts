/**
 * The queue of operations of one read: in order, one at a time, kept in the browser's storage until the server has
 * said "written". Survives a lost network, a reload, a crash of the tab and an expired session. What will never be
 * written is set aside and kept as well, until the reader has been told.
 */

import { Emitter } from "../emitter.ts";
import { keep, keptIn, type OutboxStorage, type Unsaved } from "./kept-queue.ts";
import type { SopUid } from "./model.ts";
import type { ActiveTotal, Answer, Operation, Transport, Viewed } from "./operation.ts";

export type { OutboxStorage, Unsaved } from "./kept-queue.ts";

export type Stall = "network" | "session" | "forbidden" | "elsewhere";

export type OutboxStatus =
  | { readonly kind: "saved"; readonly at: Date | null }
  | { readonly kind: "saving"; readonly count: number }
  | { readonly kind: "waiting"; readonly count: number; readonly why: Stall; readonly sentence: string };

export interface OutboxEvents {
  status: OutboxStatus;
  /** `known` where it had been written before this page was opened, so that what the page began with says it already. */
  answered: { readonly operation: Operation; readonly answer: Answer & { kind: "written" }; readonly known: boolean };
  refused: { readonly operation: Operation };
  conflict: { readonly answer: Answer & { kind: "conflict" } };
  locked: null;
  /** Another window or device writes now; everything is kept, and nothing is sent until this read is opened again. */
  elsewhere: null;
}

export interface OutboxOptions {
  readonly key: string;
  readonly seq: number;
  readonly transport: Transport;
  readonly storage: OutboxStorage;
  readonly active?: () => readonly ActiveTotal[];
}

/** First wait, then doubling up to the last, in milliseconds. */
const FIRST_WAIT = 500;
const LAST_WAIT = 15_000;
const SEEN_PAUSE = 800;
/** Less time at work than this is told with the next news, or before the lock. */
const ACTIVE_STEP = 1000;

const SENTENCES: Readonly<Record<Stall, string>> = {
  network: "The server does not answer. Everything is kept here and sent when it does.",
  session: "Your session has ended. Log in again; nothing is lost.",
  forbidden: "This read belongs to someone else.",
  elsewhere: "This read is being written on another device. Nothing was merged.",
};

export class Outbox {
  readonly events = new Emitter<OutboxEvents>();
  private operations: readonly Operation[];
  private unsavedList: readonly Unsaved[];
  private readonly seenWaiting: Set<SopUid>;
  private viewed: Viewed | null = null;
  private activeTold = 0;
  private sending = false;
  private stall: { why: Stall; sentence: string } | null = null;
  private wait = FIRST_WAIT;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private savedAt: Date | null = null;
  private closed = false;
  /** Nothing is sent before this tab is known to be the one that writes. */
  private started = false;
  private readonly transport: Transport;
  private readonly storage: OutboxStorage;
  private readonly key: string;
  private readonly active: () => readonly ActiveTotal[];
  /** Of the record this page was opened with. */
  private readonly openedSeq: number;
  /** What an earlier page had left in the queue. */
  private readonly fromBefore: ReadonlySet<string>;
  private seq: number;

  constructor(options: OutboxOptions) {
    this.key = options.key;
    this.transport = options.transport;
    this.storage = options.storage;
    this.active = options.active ?? (() => []);
    const kept = keptIn(options.storage, options.key);
    this.openedSeq = options.seq;
    this.operations = kept.operations;
    this.fromBefore = new Set(kept.operations.map(({ uuid }) => uuid));
    this.seenWaiting = new Set(kept.seen);
    this.unsavedList = kept.unsaved;
    // What waits was meant for the record as it was then. Built on a later one it would be a merge that nobody saw.
    this.seq = kept.operations.length > 0 ? (kept.seq ?? options.seq) : options.seq;
  }

  /** What the server has not confirmed yet, oldest first. */
  get pending(): readonly Operation[] {
    return this.operations;
  }

  /** What was made here, is not in the record and never will be, until the reader has acknowledged it. */
  get unsaved(): readonly Unsaved[] {
    return this.unsavedList;
  }

  /** Slices that were on screen before a reload and that the server has not heard of yet. */
  get unsentSeen(): ReadonlySet<SopUid> {
    return this.seenWaiting;
  }

  get confirmedSeq(): number {
    return this.seq;
  }

  get status(): OutboxStatus {
    const count = this.operations.length;
    if (this.stall) return { kind: "waiting", count, ...this.stall };
    return count > 0 ? { kind: "saving", count } : { kind: "saved", at: this.savedAt };
  }

  start(): void {
    this.started = true;
    this.kick();
  }

  add(operation: Operation): void {
    this.operations = [...this.operations, operation];
    this.keep();
    this.tell();
    this.kick();
  }

  /** A slice was on screen. Goes out in small batches, and always before the next operation. */
  addSeen(sop: SopUid, viewed: Viewed): void {
    this.seenWaiting.add(sop);
    this.keep();
    this.noteViewed(viewed);
  }

  noteViewed(viewed: Viewed): void {
    this.viewed = viewed;
    if (this.timer === null && !this.sending) this.later(SEEN_PAUSE);
  }

  /** The reader has read which changes are not in the record. */
  acknowledge(): void {
    this.unsavedList = [];
    this.keep();
    this.tell();
  }

  /** Try again now: the network is back, someone logged in, or it is time to tell how long the reader was at work. */
  kick(): void {
    if (!this.started || this.closed || this.sending) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    void this.drain();
  }

  /** Sends everything; true when nothing waits any more. */
  async settle(): Promise<boolean> {
    if (this.sending) {
      await new Promise<void>((resolve) => {
        const off = this.events.on("status", () => {
          if (this.sending) return;
          off();
          resolve();
        });
      });
    }
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.drain();
    return this.operations.length === 0 && this.seenWaiting.size === 0;
  }

  /**
   * The page goes away, and no answer will be heard. True where nothing of importance is on its way, so that the read can
   * be let go: a message that came after that under our name would only hold the read again.
   */
  leave(): boolean {
    if (this.sending || this.operations.length > 0) {
      this.kick();
      return false;
    }
    const sops = [...this.seenWaiting];
    // Without our name it never holds the read. What is seen lies in the storage too, should it come too early.
    if (this.started && !this.closed && (this.viewed || sops.length > 0)) void this.transport.leaving({ sops, viewed: this.viewed, active: [] });
    return true;
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private async drain(): Promise<void> {
    if (!this.started || this.sending || this.closed) return;
    this.sending = true;
    try {
      while (await this.step()) if (this.closed) break;
    } finally {
      this.sending = false;
      this.tell();
    }
    // Something may have been added between the last "nothing to send" and here, when a kick was still ignored.
    if (this.stall === null && this.timer === null && this.hasWork) this.kick();
  }

  private get hasWork(): boolean {
    return this.operations.length > 0 || this.hasLooked;
  }

  private get hasLooked(): boolean {
    return this.seenWaiting.size > 0 || (this.operations.length === 0 && (this.viewed !== null || this.untoldTime() >= ACTIVE_STEP));
  }

  private untoldTime(): number {
    return sumOf(this.active()) - this.activeTold;
  }

  /** One request. False when there is nothing to send or it has to wait. */
  private async step(): Promise<boolean> {
    if (this.hasLooked) return this.sendSeen();
    const first = this.operations[0];
    if (!first) return false;
    const operation = { ...first, base_seq: first.base_seq ?? this.seq };
    this.operations = [operation, ...this.operations.slice(1)];
    this.keep();
    const answer = await this.transport.write(operation);
    // A closed queue is somebody else's now; what this answer says, they will hear for themselves.
    return this.closed ? false : this.heard(operation, answer);
  }

  private async sendSeen(): Promise<boolean> {
    const sops = [...this.seenWaiting];
    const { viewed } = this;
    const active = this.active();
    const answer = await this.transport.seen({ sops, viewed, active });
    if (this.closed || this.halted(answer)) return false;
    // A refusal of coverage cannot be mended by sending it again; the lock will list what is unseen.
    for (const sop of sops) this.seenWaiting.delete(sop);
    this.activeTold = sumOf(active);
    if (this.viewed === viewed) this.viewed = null;
    this.keep();
    this.moving();
    return true;
  }

  private heard(operation: Operation, answer: Answer): boolean {
    if (this.halted(answer)) return false;
    this.moving();
    switch (answer.kind) {
      case "written":
        this.seq = this.seqAfter(operation, answer.seq);
        this.drop(operation);
        this.savedAt = new Date();
        this.events.emit("answered", { operation, answer, known: answer.seq <= this.openedSeq });
        this.tell();
        return true;
      case "refused":
        this.setAside([operation], "refused", answer.sentence);
        this.events.emit("refused", { operation });
        return true;
      case "conflict":
        this.seq = answer.seq;
        this.setAside(this.operations, "changed");
        this.events.emit("conflict", { answer });
        return false;
      case "locked":
        this.setAside(this.operations, "locked");
        this.events.emit("locked", null);
        return false;
      default:
        return false;
    }
  }

  /**
   * What the next operation builds on. An answer may be older than this page: it was lost on its way to the one before.
   * What that one had queued behind it was meant for the record as it was then; what was made here, for this page's.
   */
  private seqAfter(operation: Operation, seq: number): number {
    const older = this.operations.some(({ uuid }) => uuid !== operation.uuid && this.fromBefore.has(uuid));
    return older ? seq : Math.max(seq, this.openedSeq);
  }

  /** Network, session and permission troubles keep everything and wait. */
  private halted(answer: { readonly kind: string; readonly sentence?: string }): boolean {
    switch (answer.kind) {
      case "unreachable":
        this.stalled("network");
        this.later(this.wait);
        this.wait = Math.min(this.wait * 2, LAST_WAIT);
        return true;
      case "session":
        this.stalled("session");
        return true;
      case "forbidden":
        this.stalled("forbidden", answer.sentence);
        return true;
      case "elsewhere":
        this.stalled("elsewhere");
        this.close();
        this.events.emit("elsewhere", null);
        return true;
      default:
        return false;
    }
  }

  private stalled(why: Stall, sentence: string = SENTENCES[why]): void {
    this.stall = { why, sentence };
  }

  private moving(): void {
    this.stall = null;
    this.wait = FIRST_WAIT;
  }

  private drop(operation: Operation): void {
    this.operations = this.operations.filter((each) => each.uuid !== operation.uuid);
    this.keep();
  }

  private setAside(operations: readonly Operation[], why: Unsaved["why"], sentence = ""): void {
    const gone = new Set(operations.map(({ uuid }) => uuid));
    this.operations = this.operations.filter(({ uuid }) => !gone.has(uuid));
    this.unsavedList = [...this.unsavedList, ...operations.map((operation) => ({ operation, why, sentence }))];
    this.keep();
  }

  private later(milliseconds: number): void {
    if (this.closed) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.drain();
    }, milliseconds);
  }

  private tell(): void {
    this.events.emit("status", this.status);
  }

  private keep(): void {
    const { seq, operations, unsavedList: unsaved } = this;
    keep(this.storage, this.key, { seq, operations, seen: [...this.seenWaiting], unsaved });
  }
}

const sumOf = (totals: readonly ActiveTotal[]): number => totals.reduce((sum, { ms }) => sum + ms, 0);
