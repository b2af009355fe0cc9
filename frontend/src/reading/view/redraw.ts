/**
 * When the room is redrawn: what lies over the image at once, strip and panels as often as a fast scroll leaves room for.
 *
 * A slice is drawn in less time than the page needs to be laid out and painted again, and nobody reads a table that
 * changes thirty times a second. So while slices follow each other, the panels follow at a slower pace; whenever anything
 * but the slice has changed, they follow at once, and so they do when the slice on screen has another label than the one
 * before: what is shown as the label of this slice always is.
 */

import { findingOf } from "../model.ts";
import type { Session } from "../session.ts";

/** At least this long between two refreshes of the panels while slices follow each other, in milliseconds. */
const PACE = 160;

/** The parts of the room that are redrawn. */
export interface Parts {
  readonly session: Session | null;
  /** What lies over the image, and the slice bar. */
  image(): void;
  /** Strip, inspector, buttons. */
  panels(): void;
}

export class Redraw {
  private readonly parts: Parts;
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private refreshedAt = 0;
  private shown: readonly unknown[] = [];

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Many changes, one redraw per frame. */
  soon(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.run();
    });
  }

  /** As `soon`, panels too: something changed that the session does not know of. */
  allSoon(): void {
    this.shown = [];
    this.soon();
  }

  now(): void {
    this.parts.image();
    this.refreshPanels();
  }

  private run(): void {
    const { session } = this.parts;
    if (!session) return;
    this.parts.image();
    const onlyMoved = same(this.shown, besideTheSlice(session));
    const rest = this.refreshedAt + PACE - performance.now();
    // A slice that is about to be drawn asks again in a moment.
    if (onlyMoved && (rest > 0 || !session.screen.displayed)) this.later(rest > 0 ? rest : PACE);
    else this.refreshPanels();
  }

  private refreshPanels(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { session } = this.parts;
    if (!session) return;
    this.shown = besideTheSlice(session);
    this.refreshedAt = performance.now();
    this.parts.panels();
  }

  private later(milliseconds: number): void {
    // In a frame, behind the drawing of the slice: else the panels would say for a moment that it is not on screen.
    this.timer ??= setTimeout(() => requestAnimationFrame(() => this.timer !== null && this.refreshPanels()), milliseconds);
  }
}

/** All that the panels show but the number of the slice and which slices have been seen. */
function besideTheSlice(session: Session): readonly unknown[] {
  const { store, vertebra, anchor, tools, screen } = session;
  const sop = screen.displayed && session.sopAt(screen.displayed.k);
  const label = sop && vertebra ? findingOf(store.state, vertebra.id).slices[sop]?.value : undefined;
  const crosses = sop && vertebra ? vertebra.sops.includes(sop) || vertebra.marginSops.includes(sop) : undefined;
  const toolsNow = [tools.tool, tools.outlines, tools.magnifier, tools.second, tools.measuring.kind];
  const labels = [store.state, store.writable, store.gaps.length, vertebra, anchor, label, crosses];
  return [session, ...labels, ...toolsNow, session.reportOpen, String(screen.window)];
}

const same = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((each, index) => each === other[index]);
