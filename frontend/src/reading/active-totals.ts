/**
 * How long this browser was at work on one read, across reloads: the clock of the page begins at nothing, the totals
 * that are told to the server go on.
 */

import type { OutboxStorage } from "./kept-queue.ts";
import { vertebraId, type VertebraId } from "./model.ts";
import type { ActiveTotal } from "./operation.ts";

/** The clock of one page; the real one is ActiveClock. */
export interface Clock {
  totals(): readonly ActiveTotal[];
}

export class ActiveTotals {
  private readonly storage: OutboxStorage;
  private readonly key: string;
  private readonly clock: Clock;
  private readonly before: ReadonlyMap<VertebraId | null, number>;

  constructor(storage: OutboxStorage, key: string, clock: Clock) {
    this.storage = storage;
    this.key = key;
    this.clock = clock;
    this.before = parsed(storage.getItem(key));
  }

  /** Whole milliseconds by vertebra, kept before they are told. */
  now(): readonly ActiveTotal[] {
    const totals = new Map(this.before);
    for (const { vertebra, ms } of this.clock.totals()) totals.set(vertebra, (totals.get(vertebra) ?? 0) + Math.round(ms));
    const list = [...totals].map(([vertebra, ms]) => ({ vertebra, ms }));
    if (list.length > 0) this.storage.setItem(this.key, JSON.stringify(list));
    return list;
  }
}

function parsed(text: string | null): ReadonlyMap<VertebraId | null, number> {
  if (!text) return new Map();
  try {
    const list = JSON.parse(text) as ActiveTotal[];
    return new Map(list.map(({ vertebra, ms }) => [vertebra === null ? null : vertebraId(vertebra), ms]));
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}
