/**
 * The browser's storage for one reader. The queue must always find room in it: what can only be undone, or belongs to
 * another read, gives way.
 */

import type { OutboxStorage } from "./kept-queue.ts";

const PREFIX = "sagittal:";
const HISTORY = ":history";

/** Where the queue of a read lies, what can be undone in it, and how long the reader was at work on it. */
export function storageKeys(user: string, read: number): { readonly queue: string; readonly history: string; readonly active: string } {
  const place = `${PREFIX}${user}:${read}`;
  return { queue: `${place}:queue`, history: `${place}${HISTORY}`, active: `${place}:active` };
}

export class BrowserStorage implements OutboxStorage {
  private readonly storage: Storage;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  getItem(key: string): string | null {
    return this.storage.getItem(key);
  }

  setItem(key: string, value: string): void {
    try {
      this.storage.setItem(key, value);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.makeRoom(key, value);
    }
  }

  removeItem(key: string): void {
    this.storage.removeItem(key);
  }

  /** The storage is full: histories go, and where that is not enough, a history is simply not kept. */
  private makeRoom(key: string, value: string): void {
    for (const each of this.keys().filter((name) => name.startsWith(PREFIX) && name.endsWith(HISTORY))) this.storage.removeItem(each);
    try {
      this.storage.setItem(key, value);
    } catch (error) {
      // What waits stays in memory, the chip says so, and leaving the page asks first.
      if (!isFull(error)) throw error;
    }
  }

  private keys(): string[] {
    return Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index) ?? "");
  }
}

const isFull = (error: unknown): boolean => error instanceof DOMException && error.name === "QuotaExceededError";

/** The number of this browser for this reader, made once. One number for all its tabs: they share one queue. */
export function deviceOf(user: string, storage: OutboxStorage): string {
  const key = `${PREFIX}${user}:device`;
  const known = storage.getItem(key);
  if (known) return known;
  const made = crypto.randomUUID();
  storage.setItem(key, made);
  return made;
}
