/** What the queue of one read keeps in the browser's storage, as text: it must outlive the tab that wrote it. */

import type { SopUid } from "./model.ts";
import type { Operation } from "./operation.ts";

export interface OutboxStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A change that was made here and is not in the record, kept until the reader has been told. */
export interface Unsaved {
  readonly operation: Operation;
  /** The read was changed elsewhere, was locked elsewhere, or the server refused this one change. */
  readonly why: "changed" | "locked" | "refused";
  /** The server's own sentence, where it gave one. */
  readonly sentence: string;
}

export interface Kept {
  /** The number of operations the record had when the queue began: a later record is another past. */
  readonly seq: number | null;
  readonly operations: readonly Operation[];
  /** Slices that were on screen and that the server has not heard of; operations may need them. */
  readonly seen: readonly SopUid[];
  readonly unsaved: readonly Unsaved[];
}

const FORMAT = 2;
const NOTHING: Kept = { seq: null, operations: [], seen: [], unsaved: [] };

export function keep(storage: OutboxStorage, key: string, kept: Kept): void {
  const { operations, seen, unsaved } = kept;
  if (operations.length + seen.length + unsaved.length === 0) storage.removeItem(key);
  else storage.setItem(key, JSON.stringify({ format: FORMAT, ...kept }));
}

/** Whatever is not ours, or cannot be read, is nothing. */
export function keptIn(storage: OutboxStorage, key: string): Kept {
  const text = storage.getItem(key);
  if (!text) return NOTHING;
  try {
    const found = JSON.parse(text) as (Partial<Kept> & { readonly format?: number }) | null;
    if (!found || !Array.isArray(found.operations)) return NOTHING;
    // Format 1 held operations alone.
    if (found.format === 1) return { ...NOTHING, operations: found.operations };
    return found.format === FORMAT ? { ...NOTHING, ...found, operations: found.operations } : NOTHING;
  } catch (error) {
    if (error instanceof SyntaxError) return NOTHING;
    throw error;
  }
}
