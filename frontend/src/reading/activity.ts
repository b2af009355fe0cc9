/**
 * Active time: how long the reader was at work on a read, by vertebra. It runs while the page is visible and has the
 * focus and a hand moved a moment ago; a page that is left open for a coffee counts a few seconds and no more.
 */

import type { VertebraId } from "./model.ts";
import type { ActiveTotal } from "./operation.ts";

/** For how long after the last movement somebody still looks at the picture, in milliseconds. */
export const STILL_LOOKING = 10_000;

type Listener = (event: Event) => void;

interface Listened {
  addEventListener(type: string, listener: Listener, options?: AddEventListenerOptions): void;
  removeEventListener(type: string, listener: Listener, options?: AddEventListenerOptions): void;
}

/** What the clock needs of the page; `document` has it. */
export interface AttendedPage extends Listened {
  readonly visibilityState: string;
  readonly defaultView: Listened | null;
  hasFocus(): boolean;
}

const INPUTS = ["keydown", "pointerdown", "pointermove", "wheel"] as const;
/** Nobody may stop an event before the clock has heard of it, and the clock never stops one. */
const LISTEN: AddEventListenerOptions = { capture: true, passive: true };

export class ActiveClock {
  private readonly now: () => number;
  private readonly page: AttendedPage;
  private readonly pause: number;
  private readonly spent = new Map<VertebraId | null, number>();
  private current: VertebraId | null = null;
  /** When a hand last moved; null while nobody attends. */
  private moved: number | null = null;
  private countedTo = 0;
  private pointer = "";

  /** `now` in milliseconds, from any beginning. Opening a read is a movement of the hand as well. */
  constructor(now: () => number, page: AttendedPage, pause = STILL_LOOKING) {
    this.now = now;
    this.page = page;
    this.pause = pause;
    for (const type of INPUTS) page.addEventListener(type, this.input, LISTEN);
    page.addEventListener("visibilitychange", this.left, LISTEN);
    page.defaultView?.addEventListener("blur", this.left, LISTEN);
    this.attend();
  }

  /** From now on the time belongs to this vertebra. */
  attribute(vertebra: VertebraId | null): void {
    this.count();
    this.current = vertebra;
  }

  /** Whole milliseconds by vertebra; null is time on none of them. */
  totals(): ActiveTotal[] {
    this.count();
    return [...this.spent].map(([vertebra, ms]) => ({ vertebra, ms: Math.round(ms) }));
  }

  /** All of it together, in milliseconds. */
  get total(): number {
    return this.totals().reduce((sum, { ms }) => sum + ms, 0);
  }

  /** The read is left. */
  stop(): void {
    this.count();
    this.moved = null;
    for (const type of INPUTS) this.page.removeEventListener(type, this.input, LISTEN);
    this.page.removeEventListener("visibilitychange", this.left, LISTEN);
    this.page.defaultView?.removeEventListener("blur", this.left, LISTEN);
  }

  private readonly input = (event: Event): void => {
    if (event.type === "pointermove" && this.pointerRests(event)) return;
    this.attend();
  };

  /** Browsers report a move when the page changes under a pointer that rests. */
  private pointerRests(event: Event): boolean {
    const { screenX, screenY } = event as PointerEvent;
    const place = `${screenX} ${screenY}`;
    const rests = place === this.pointer;
    this.pointer = place;
    return rests;
  }

  private attend(): void {
    this.count();
    if (this.page.visibilityState === "visible" && this.page.hasFocus()) this.moved = this.now();
  }

  private readonly left = (event: Event): void => {
    if (event.type === "visibilitychange" && this.page.visibilityState === "visible") return;
    this.count();
    this.moved = null;
  };

  /** Adds what has passed since the last count, up to the end of the last look. */
  private count(): void {
    const now = this.now();
    if (this.moved !== null) {
      const ms = Math.min(now, this.moved + this.pause) - Math.max(this.countedTo, this.moved);
      if (ms > 0) this.spent.set(this.current, (this.spent.get(this.current) ?? 0) + ms);
    }
    this.countedTo = now;
  }
}

/** 1:24, or 1:02:03 from an hour on. */
export function durationWords(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
