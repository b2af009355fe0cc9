/**
 * The state of one open read: what the server confirmed, plus what is on its way. Knows no DOM and no viewer.
 * Every change of a label goes through `perform`, which makes an operation and its inverse.
 */

import { apply, OperationRefused, restoring, sameOf, withAnswer } from "./apply.ts";
import { Emitter } from "../emitter.ts";
import { gapsOf, type Gap } from "./gaps.ts";
import { History, type Entry } from "./history.ts";
import type { Change, ReadContext, ReadState, SopUid } from "./model.ts";
import { operationOf, type Answer, type Operation, type Shown, type Viewed } from "./operation.ts";
import type { Outbox, OutboxStorage } from "./outbox.ts";

export interface StoreEvents {
  /** Labels, coverage or gaps changed. */
  changed: null;
  /** Changes that were made here are not in the record: `outbox.unsaved` names them. */
  unsaved: null;
  /** The read was locked elsewhere. */
  locked: null;
  /** The read is on another anatomy than the one on screen. */
  moved: null;
}

/** What a reduction of one read starts from. */
export interface StoreOptions {
  readonly context: ReadContext;
  readonly confirmed: ReadState;
  readonly seen: Iterable<SopUid>;
  readonly writable: boolean;
  readonly outbox: Outbox;
  readonly storage: OutboxStorage;
  readonly historyKey: string;
}

export class ReadingStore {
  readonly events = new Emitter<StoreEvents>();
  readonly context: ReadContext;
  readonly outbox: Outbox;
  private readonly storage: OutboxStorage;
  private readonly historyKey: string;
  private confirmed: ReadState;
  private current: ReadState;
  private readonly seenSops: Set<SopUid>;
  private history: History;
  private gapList: readonly Gap[] = [];
  private mayWrite: boolean;

  constructor(options: StoreOptions) {
    this.context = options.context;
    this.outbox = options.outbox;
    this.storage = options.storage;
    this.historyKey = options.historyKey;
    this.confirmed = options.confirmed;
    this.current = options.confirmed;
    this.seenSops = new Set([...options.seen, ...options.outbox.unsentSeen]);
    this.mayWrite = options.writable;
    this.history = History.parse(options.storage.getItem(options.historyKey));
    // Where it is known, what was written there since would be taken back on this screen.
    this.outbox.events.on("answered", ({ operation, answer, known }) => (known ? this.replay() : this.take(operation, answer)));
    this.outbox.events.on("refused", () => this.takeBack(this.confirmed));
    this.outbox.events.on("conflict", ({ answer }) => (answer.moved ? this.moveOn() : this.takeBack(answer.state)));
    this.outbox.events.on("locked", () => this.becomeLocked());
    this.replay();
  }

  get state(): ReadState {
    return this.current;
  }

  get seen(): ReadonlySet<SopUid> {
    return this.seenSops;
  }

  get gaps(): readonly Gap[] {
    return this.gapList;
  }

  get writable(): boolean {
    return this.mayWrite;
  }

  get undoable(): Entry | null {
    return this.history.undoable;
  }

  get redoable(): Entry | null {
    return this.history.redoable;
  }

  get latest(): readonly Entry[] {
    return this.history.latest;
  }

  setWritable(writable: boolean): void {
    this.mayWrite = writable;
    this.changed();
  }

  /** Does the changes as one undoable step. Throws OperationRefused and changes nothing if a rule forbids one. */
  perform(label: string, k: number, changes: readonly Change[], shown: Shown): void {
    this.demandWritable();
    let next = this.current;
    const backward: Change[] = [];
    const forward: Change[] = [];
    for (const change of changes) {
      const after = apply(next, this.context, this.seenSops, change);
      const { vertebra } = change.payload;
      if (sameOf(next, after, vertebra)) continue;
      backward.unshift(restoring(next, vertebra));
      forward.push(change);
      next = after;
    }
    if (forward.length === 0) return;
    // Redo restores what stood there instead of repeating the click: a repeated "one slice" write would need that
    // slice on screen at the moment of sending.
    const redo = forward.map((change) => restoring(next, change.payload.vertebra));
    this.history.push({ label, k, forward: redo, backward });
    this.commit(next, forward, shown);
  }

  undo(shown: Shown): Entry | null {
    this.demandWritable();
    const entry = this.history.undo();
    if (entry) this.redoChanges(entry.backward, shown);
    return entry;
  }

  redo(shown: Shown): Entry | null {
    this.demandWritable();
    const entry = this.history.redo();
    if (entry) this.redoChanges(entry.forward, shown);
    return entry;
  }

  /** The slice was on screen at full resolution. */
  markSeen(sop: SopUid, viewed: Viewed): void {
    if (!this.mayWrite) return;
    if (this.seenSops.has(sop)) {
      this.outbox.noteViewed(viewed);
      return;
    }
    this.seenSops.add(sop);
    this.outbox.addSeen(sop, viewed);
    this.changed();
  }

  private demandWritable(): void {
    if (!this.mayWrite) throw new OperationRefused("read_only", "This read cannot be changed here.");
  }

  private redoChanges(changes: readonly Change[], shown: Shown): void {
    const next = changes.reduce((state, change) => apply(state, this.context, this.seenSops, change), this.current);
    this.commit(next, changes, shown);
  }

  private commit(next: ReadState, changes: readonly Change[], shown: Shown): void {
    this.current = next;
    for (const change of changes) this.outbox.add(operationOf(change, shown));
    this.keepHistory();
    this.changed();
  }

  private take(operation: Operation, answer: Answer & { kind: "written" }): void {
    let next = this.confirmed;
    try {
      next = apply(next, this.context, this.seenSops, operation);
    } catch (error) {
      // The server is the judge: what it wrote is taken below even where our rules would not have.
      if (!(error instanceof OperationRefused)) throw error;
    }
    this.confirmed = withAnswer(next, answer.findings, answer.injuries);
    this.replay();
  }

  /** Changes were set aside: the screen shows what the record has, and the inverses belong to another past. */
  private takeBack(confirmed: ReadState): void {
    this.confirmed = confirmed;
    this.history.clear();
    this.keepHistory();
    this.replay();
    this.events.emit("unsaved", null);
  }

  /** The read is on another anatomy now: only the whole room, loaded again, can show it. */
  private moveOn(): void {
    this.history.clear();
    this.keepHistory();
    this.events.emit("moved", null);
  }

  private becomeLocked(): void {
    this.mayWrite = false;
    this.replay();
    this.events.emit("locked", null);
  }

  /** What the screen shows: the confirmed state and everything on its way, in order. */
  private replay(): void {
    let next = this.confirmed;
    for (const operation of this.outbox.pending) {
      try {
        next = apply(next, this.context, this.seenSops, operation);
      } catch (error) {
        if (!(error instanceof OperationRefused)) throw error;
      }
    }
    this.current = next;
    this.changed();
  }

  private changed(): void {
    this.gapList = gapsOf(this.current, this.context, this.seenSops);
    this.events.emit("changed", null);
  }

  private keepHistory(): void {
    this.storage.setItem(this.historyKey, JSON.stringify(this.history));
  }
}
