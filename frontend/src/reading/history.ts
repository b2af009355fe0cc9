/** Undo and redo of one read. An entry holds changes and their inverses; taking it back is itself a new operation. */

import type { Change } from "./model.ts";

export interface Entry {
  /** What was done, in words: "L1, slice 22, fracture". */
  readonly label: string;
  /** Slice to bring on screen when it is undone or redone. */
  readonly k: number;
  readonly forward: readonly Change[];
  readonly backward: readonly Change[];
  /** When it was done, ISO; the history of an earlier version has none. */
  readonly at?: string;
}

interface Snapshot {
  readonly format: number;
  readonly done: readonly Entry[];
  readonly undone: readonly Entry[];
}

const FORMAT = 1;
const LIMIT = 200;

export class History {
  private done: readonly Entry[] = [];
  private undone: readonly Entry[] = [];

  get undoable(): Entry | null {
    return this.done.at(-1) ?? null;
  }

  get redoable(): Entry | null {
    return this.undone.at(-1) ?? null;
  }

  /** Newest first. */
  get latest(): readonly Entry[] {
    return this.done.toReversed();
  }

  push(entry: Entry): void {
    this.done = [...this.done, { at: new Date().toISOString(), ...entry }].slice(-LIMIT);
    this.undone = [];
  }

  undo(): Entry | null {
    const entry = this.undoable;
    if (!entry) return null;
    this.done = this.done.slice(0, -1);
    this.undone = [...this.undone, entry];
    return entry;
  }

  redo(): Entry | null {
    const entry = this.redoable;
    if (!entry) return null;
    this.undone = this.undone.slice(0, -1);
    this.done = [...this.done, entry];
    return entry;
  }

  /** After the server's state replaced ours, the inverses belong to another past. */
  clear(): void {
    this.done = [];
    this.undone = [];
  }

  toJSON(): Snapshot {
    return { format: FORMAT, done: this.done, undone: this.undone };
  }

  /** Takes what `toJSON` gave; anything else is an empty history. */
  static parse(text: string | null): History {
    const history = new History();
    if (!text) return history;
    try {
      const snapshot = JSON.parse(text) as Partial<Snapshot>;
      if (snapshot.format === FORMAT && Array.isArray(snapshot.done) && Array.isArray(snapshot.undone)) {
        history.done = snapshot.done;
        history.undone = snapshot.undone;
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    return history;
  }
}
