/** What lies on the table: the vertebrae as they stand, every step back and forth, and a copy in the browser. No DOM. */

import { Emitter } from "../emitter.ts";
import { isSame, type Bodies } from "./model.ts";

export interface KeptStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

interface Step {
  readonly label: string;
  readonly bodies: Bodies;
  readonly current: string | null;
}

/** What is kept in the browser of changes that nobody has confirmed. */
interface Kept {
  readonly format: 1;
  readonly at: string;
  readonly past: readonly Step[];
  readonly now: Step;
  readonly future: readonly Step[];
}

const STEPS = 100;
const FORMAT = 1;

/** Where the changes of one person to one version lie. */
export const tableKey = (user: string, caseId: number, parent: number | null): string => `sagittal:${user}:anatomy:${caseId}:${parent ?? 0}`;

/** The parents of which changes of this person to this case lie in the browser; 0 = no version yet. */
export function keptParents(user: string, caseId: number, keys: readonly string[]): number[] {
  const prefix = `sagittal:${user}:anatomy:${caseId}:`;
  return keys.filter((key) => key.startsWith(prefix)).map((key) => Number(key.slice(prefix.length)));
}

export class Table {
  readonly events = new Emitter<{ changed: null }>();
  /** When the changes that were found in the browser were made; null where there were none. */
  readonly foundAt: Date | null;
  private readonly key: string;
  private readonly storage: KeptStorage;
  private readonly origin: Bodies;
  private past: readonly Step[] = [];
  private future: readonly Step[] = [];
  private step: Step;
  private isKept = true;

  constructor(origin: Bodies, key: string, storage: KeptStorage) {
    this.origin = origin;
    this.key = key;
    this.storage = storage;
    this.step = { label: "", bodies: origin, current: origin.find((body) => !body.cut)?.key ?? origin[0]?.key ?? null };
    this.foundAt = this.restore();
  }

  get bodies(): Bodies {
    return this.step.bodies;
  }

  get current(): string | null {
    return this.step.current;
  }

  get isChanged(): boolean {
    return !isSame(this.origin, this.step.bodies);
  }

  /** How many steps led here. */
  get changes(): number {
    return this.past.length;
  }

  /** False where the browser has no room: then a reload would lose the changes. */
  get kept(): boolean {
    return this.isKept;
  }

  get undoable(): string | null {
    return this.past.length > 0 ? this.step.label : null;
  }

  get redoable(): string | null {
    return this.future[0]?.label ?? null;
  }

  /** The changes so far, the newest first. */
  get labels(): readonly string[] {
    return [this.step.label, ...this.past.map((step) => step.label).reverse()].filter(Boolean);
  }

  choose(key: string | null): void {
    if (key === this.step.current) return;
    this.step = { ...this.step, current: key };
    this.events.emit("changed", null);
  }

  /** One step on; false where it changes nothing. */
  change(label: string, bodies: Bodies, current: string | null = this.step.current): boolean {
    if (isSame(bodies, this.step.bodies)) return false;
    this.past = [...this.past, this.step].slice(-STEPS);
    this.future = [];
    this.step = { label, bodies, current: bodies.some((body) => body.key === current) ? current : (bodies[0]?.key ?? null) };
    this.settle();
    return true;
  }

  undo(): string | null {
    const before = this.past.at(-1);
    if (!before) return null;
    const { label } = this.step;
    this.past = this.past.slice(0, -1);
    this.future = [this.step, ...this.future];
    this.step = before;
    this.settle();
    return label;
  }

  redo(): string | null {
    const next = this.future[0];
    if (!next) return null;
    this.past = [...this.past, this.step];
    this.future = this.future.slice(1);
    this.step = next;
    this.settle();
    return next.label;
  }

  /** Nothing of it is kept any more: it became a version, or was given up. */
  forget(): void {
    this.storage.removeItem(this.key);
  }

  private settle(): void {
    this.keep();
    this.events.emit("changed", null);
  }

  private keep(): void {
    try {
      if (this.past.length === 0 && this.future.length === 0) this.storage.removeItem(this.key);
      else this.storage.setItem(this.key, JSON.stringify(this.whole()));
      this.isKept = true;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.isKept = false;
    }
  }

  private whole(): Kept {
    return { format: FORMAT, at: new Date().toISOString(), past: this.past, now: this.step, future: this.future };
  }

  private restore(): Date | null {
    const text = this.storage.getItem(this.key);
    if (!text) return null;
    const kept = keptOf(text);
    if (!kept) return null;
    this.past = kept.past;
    this.future = kept.future;
    this.step = kept.now;
    return new Date(kept.at);
  }
}

/** What was kept, or null where another version of this page wrote it or somebody else did. */
function keptOf(text: string): Kept | null {
  try {
    const kept = JSON.parse(text) as Partial<Kept> | null;
    return kept?.format === FORMAT && Array.isArray(kept.past) && Array.isArray(kept.future) && Array.isArray(kept.now?.bodies) ? (kept as Kept) : null;
  } catch {
    return null;
  }
}
