/**
 * The queue of operations of one read: in order, one at a time, kept in the browser's storage until the server has
 * said "written". Survives a lost network, a reload, a crash of the tab and an expired session.
 */

import { Emitter } from "../emitter.ts";
import type { SopUid } from "./model.ts";
import type { Answer, Operation, Transport, Viewed } from "./operation.ts";

export type Stall = "network" | "session" | "forbidden";

export type OutboxStatus =
  | { readonly kind: "saved"; readonly at: Date | null }
  | { readonly kind: "saving"; readonly count: number }
  | { readonly kind: "waiting"; readonly count: number; readonly why: Stall; readonly sentence: string };

export interface OutboxEvents {
  status: OutboxStatus;
  answered: { readonly operation: Operation; readonly answer: Answer & { kind: "written" } };
  refused: { readonly operation: Operation; readonly sentence: string };
  conflict: { readonly answer: Answer & { kind: "conflict" }; readonly dropped: readonly Operation[] };
  locked: { readonly dropped: readonly Operation[] };
}

export interface OutboxStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** First wait, then doubling up to the last, in milliseconds. */
const FIRST_WAIT = 500;
const LAST_WAIT = 15_000;
const SEEN_PAUSE = 800;
const FORMAT = 1;

export class Outbox {
  readonly events = new Emitter<OutboxEvents>();
  private operations: Operation[];
  private seenWaiting = new Set<SopUid>();
  private viewed: Viewed | null = null;
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
  private seq: number;

  constructor(options: { key: string; seq: number; transport: Transport; storage: OutboxStorage }) {
    this.key = options.key;
    this.seq = options.seq;
    this.transport = options.transport;
    this.storage = options.storage;
    this.operations = this.stored();
  }

  /** What the server has not confirmed yet, oldest first. */
  get pending(): readonly Operation[] {
    return this.operations;
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
    this.noteViewed(viewed);
  }

  noteViewed(viewed: Viewed): void {
    this.viewed = viewed;
    if (this.timer === null && !this.sending) this.later(SEEN_PAUSE);
  }

  /** Try again now: the network is back, or someone logged in. */
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
    return this.operations.length > 0 || this.seenWaiting.size > 0 || this.viewed !== null;
  }

  /** One request. False when there is nothing to send or it has to wait. */
  private async step(): Promise<boolean> {
    if (this.seenWaiting.size > 0 || (this.viewed && this.operations.length === 0)) return this.sendSeen();
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
    const viewed = this.viewed;
    const answer = await this.transport.seen(sops, viewed);
    if (this.closed || this.halted(answer)) return false;
    // A refusal of coverage cannot be mended by sending it again; the lock will list what is unseen.
    for (const sop of sops) this.seenWaiting.delete(sop);
    if (this.viewed === viewed) this.viewed = null;
    this.moving();
    return true;
  }

  private heard(operation: Operation, answer: Answer): boolean {
    if (this.halted(answer)) return false;
    this.moving();
    switch (answer.kind) {
      case "written":
        this.seq = answer.seq;
        this.drop(operation);
        this.savedAt = new Date();
        this.events.emit("answered", { operation, answer });
        this.tell();
        return true;
      case "refused":
        this.drop(operation);
        this.events.emit("refused", { operation, sentence: answer.sentence });
        return true;
      case "conflict":
        this.seq = answer.seq;
        this.events.emit("conflict", { answer, dropped: this.dropAll() });
        return false;
      case "locked":
        this.events.emit("locked", { dropped: this.dropAll() });
        return false;
      default:
        return false;
    }
  }

  /** Network, session and permission troubles keep everything and wait. */
  private halted(answer: { readonly kind: string; readonly sentence?: string }): boolean {
    if (answer.kind === "unreachable") {
      this.stall = { why: "network", sentence: "The server does not answer. Everything is kept here and sent when it does." };
      this.later(this.wait);
      this.wait = Math.min(this.wait * 2, LAST_WAIT);
      return true;
    }
    if (answer.kind === "session") {
      this.stall = { why: "session", sentence: "Your session has ended. Log in again; nothing is lost." };
      return true;
    }
    if (answer.kind === "forbidden") {
      this.stall = { why: "forbidden", sentence: answer.sentence ?? "This read belongs to someone else." };
      return true;
    }
    return false;
  }

  private moving(): void {
    this.stall = null;
    this.wait = FIRST_WAIT;
  }

  private drop(operation: Operation): void {
    this.operations = this.operations.filter((each) => each.uuid !== operation.uuid);
    this.keep();
  }

  private dropAll(): readonly Operation[] {
    const dropped = this.operations;
    this.operations = [];
    this.keep();
    return dropped;
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
    if (this.operations.length === 0) this.storage.removeItem(this.key);
    else this.storage.setItem(this.key, JSON.stringify({ format: FORMAT, operations: this.operations }));
  }

  private stored(): Operation[] {
    const text = this.storage.getItem(this.key);
    if (!text) return [];
    try {
      const kept = JSON.parse(text) as { format?: number; operations?: Operation[] };
      return kept.format === FORMAT && Array.isArray(kept.operations) ? kept.operations : [];
    } catch (error) {
      if (error instanceof SyntaxError) return [];
      throw error;
    }
  }
}
