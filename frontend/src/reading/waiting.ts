/**
 * Label keys that are pressed while their slice is still being drawn wait for exactly that slice, in order, and for a
 * moment only. A hand is faster than a decoder; a label on another slice than the one meant would be worse than none.
 */

import { commandOf, runNow, type CommandName } from "./commands.ts";
import type { SopUid, Vertebra } from "./model.ts";
import type { Session } from "./session.ts";

/** How long a key waits for its slice, in milliseconds. */
export const SLICE_PATIENCE = 400;

interface Waiter {
  readonly name: CommandName;
  readonly vertebra: Vertebra | null;
  /** The slice it was pressed for; null where it is about the vertebra and only keeps its place in the order. */
  readonly slice: { readonly k: number; readonly sop: SopUid | null } | null;
  readonly until: number;
}

export class Waiting {
  private readonly session: Session;
  private queue: Waiter[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
  private settling = false;

  constructor(session: Session) {
    this.session = session;
  }

  get isBusy(): boolean {
    return this.queue.length > 0;
  }

  add(name: CommandName): void {
    const { aim, vertebra } = this.session;
    const slice = commandOf(name).needsSlice ? { k: aim, sop: this.session.sopAt(aim) } : null;
    this.queue.push({ name, vertebra, slice, until: performance.now() + SLICE_PATIENCE });
    this.arm();
  }

  /** Something came on screen or was left: does what can be done now, and refuses what never can. */
  settle(): void {
    if (this.settling) return;
    this.settling = true;
    try {
      while (this.dealWithFirst());
    } finally {
      this.settling = false;
    }
    this.arm();
  }

  /** Refuses everything that waits, and says what. */
  giveUp(): void {
    const dropped = this.queue.splice(0);
    this.arm();
    const slice = dropped.find((waiter) => waiter.slice)?.slice;
    if (!slice) return;
    const isOrWas = slice.k === this.session.aim ? "is" : "was";
    const labels = dropped.map(({ name }) => commandOf(name).label).join("; ");
    const also = dropped.length > 1 ? ` Not done: ${labels}.` : "";
    for (const { name } of dropped) this.session.refuse(`Slice ${slice.k + 1} ${isOrWas} not on screen yet.${also}`, name);
  }

  /** The read is left. */
  close(): void {
    this.queue = [];
    this.arm();
  }

  private dealWithFirst(): boolean {
    const [first] = this.queue;
    if (!first) return false;
    const { screen, vertebra } = this.session;
    const { slice } = first;
    const isShown = slice !== null && screen.displayed?.k === slice.k && screen.displayed.sopUid === slice.sop;
    if (first.vertebra === vertebra && (slice === null || isShown)) {
      this.queue.shift();
      runNow(first.name, this.session);
      return true;
    }
    // Steps that are still due are drawn one by one, so every slice on the way will be on screen.
    const [from, to] = [Math.min(screen.wanted, screen.destination), Math.max(screen.wanted, screen.destination)];
    if (first.vertebra === vertebra && slice && slice.k >= from && slice.k <= to) return false;
    this.giveUp();
    return false;
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const [first] = this.queue;
    this.timer = first ? setTimeout(() => this.giveUp(), Math.max(0, first.until - performance.now())) : null;
  }
}
