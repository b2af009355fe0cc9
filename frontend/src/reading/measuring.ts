/**
 * The ruler and the six points of the heights while they are being placed: what is chosen, what moves, what is kept.
 * Each change of a kept measure is one operation on its vertebra, so that undo takes back one movement of the hand.
 */

import { Emitter } from "../emitter.ts";
import type { Bodies } from "./bodies.ts";
import { MOST_MEASURES, POINTS, pointAt, type Measure, type MeasureKind, type Point } from "./measures.ts";
import { findingOf, nameOf, type SopUid, type Vertebra } from "./model.ts";
import { proposedHeights } from "./proposal.ts";
import { OperationRefused } from "./refused.ts";
import type { Session } from "./session.ts";

/** A measure that is being placed or changed, on the slice on which it was begun. */
export interface Draft {
  readonly vertebra: Vertebra;
  readonly sop: SopUid;
  readonly kind: MeasureKind;
  /** Fewer than the kind has while they are still being clicked. */
  readonly points: readonly Point[];
  /** Index of the chosen point. */
  readonly handle: number;
  /** As it stands in the finding; null while it does not. */
  readonly kept: Measure | null;
  /** Moved by a hand since it was last kept. */
  readonly touched: boolean;
}

/** In the order in which they are kept and clicked. */
export const POINT_WORDS: Readonly<Record<MeasureKind, readonly string[]>> = {
  length: ["one end", "the other end"],
  heights: ["anterior upper", "anterior lower", "middle upper", "middle lower", "posterior upper", "posterior lower"],
};

/** Keys that follow each other within this time are one movement. */
const PAUSE = 600;
/** Half the length of the line that is offered to the keyboard, in mm. */
const LINE_HALF = 10;

export class Measuring {
  readonly events = new Emitter<{ changed: null }>();
  private chosenKind: MeasureKind | null = null;
  private current: Draft | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** While a change is on its way into the store, what is heard from there is our own voice. */
  private writing = false;
  /** A proposal comes once per vertebra and slice: one that was left or kept does not come back by itself. */
  private proposedFor = "";
  private session: Session | null = null;
  private bodies: Bodies | null = null;
  private closers: (() => void)[] = [];

  /** Which read is measured; nothing of the read before is left. */
  attach(session: Session, bodies: Bodies): void {
    this.close();
    this.session = session;
    this.bodies = bodies;
    this.closers = [
      session.events.on("changed", () => this.follow()),
      session.store.events.on("changed", () => this.follow()),
      session.events.on("open", () => this.letGo()),
    ];
  }

  /** Keeps what was moved; nothing is listened to any more. */
  close(): void {
    this.letGo();
    for (const close of this.closers.splice(0)) close();
    this.set(null);
    this.session = null;
  }

  /** The tool in the hand: null for none of them. */
  get kind(): MeasureKind | null {
    return this.chosenKind;
  }

  get draft(): Draft | null {
    return this.current;
  }

  // ---------------------------------------------------------------- taking the tool

  /** Off, on, and for the ruler a line that the keyboard can move. */
  toggle(kind: MeasureKind): void {
    if (this.chosenKind !== kind) {
      this.letGo();
      this.chosenKind = kind;
      this.set(kind === "heights" ? this.heightsHere() : null);
    } else if (kind === "length" && !this.current) this.set(this.lineHere());
    else this.lay();
  }

  /** Puts the tool away. What was moved is kept. */
  lay(): void {
    this.letGo();
    this.chosenKind = null;
    this.set(null);
  }

  /** What the heights tool begins with: the kept points of this slice, else a proposal, else six clicks. */
  private heightsHere(): Draft | null {
    const place = this.place();
    if (!place || !this.bodies) return null;
    const { vertebra, sop, k, session } = place;
    const kept = measuresOf(session, vertebra).find((each) => each.kind === "heights" && each.sop_uid === sop);
    if (kept) return draftOf(vertebra, kept);
    const frame = { box: this.bodies.boxRing(k, vertebra.id), axis: this.axisAt(vertebra) };
    // Where the image cuts a body off, its outline has corners that the bone has not.
    const outlined = !vertebra.cut && this.bodies.isOutlined(vertebra);
    const rings = outlined ? this.bodies.rings(k, vertebra.id) : [];
    const points = proposedHeights(rings, frame, session.room.spacing) ?? [];
    return { vertebra, sop, kind: "heights", points, handle: 0, kept: null, touched: false };
  }

  private lineHere(): Draft | null {
    const place = this.place();
    if (!place || !this.bodies) return null;
    const { vertebra, sop, k, session } = place;
    const centre = this.bodies.boxRing(k, vertebra.id);
    if (!centre) return null;
    const [column, row] = [0, 1].map((axis) => centre.reduce((sum, corner) => sum + (corner[axis] as number), 0) / centre.length);
    const half = LINE_HALF / session.room.spacing.columnSpacing;
    const points = [pointAt((column as number) - half, row as number), pointAt((column as number) + half, row as number)];
    return { vertebra, sop, kind: "length", points, handle: 1, kept: null, touched: false };
  }

  /** From the middle of the body above to the middle of the one below, in mm to the back and downwards. */
  private axisAt(vertebra: Vertebra): readonly [number, number] {
    const list = this.session?.room.context.vertebrae ?? [];
    const at = list.indexOf(vertebra);
    const centres = [list[at - 1] ?? vertebra, list[at + 1] ?? vertebra].map((each) => this.bodies?.centreOf(each.id));
    const [above, below] = centres;
    if (!above || !below || above[2] - below[2] < 1) return [0, 1];
    return [below[1] - above[1], above[2] - below[2]];
  }

  // ---------------------------------------------------------------- points

  /** A click with a tool in the hand: the next point. A ruler's second point, and the sixth of the heights, keep it. */
  click(point: Point): void {
    const { current } = this;
    const place = this.place();
    if (!place || !this.chosenKind) return;
    const kind = this.chosenKind;
    const begun = current && current.points.length < POINTS[kind] ? current : null;
    if (!begun && kind === "heights" && current) return;
    if (!begun) this.letGo();
    const points = [...(begun?.points ?? []), point];
    const { vertebra, sop } = begun ?? place;
    this.set({ vertebra, sop, kind, points, handle: points.length - 1, kept: null, touched: true });
    if (points.length === POINTS[kind]) this.keep();
  }

  /** A line by one drag. */
  drawLine(from: Point, to: Point): void {
    const place = this.place();
    if (!place) return;
    const { vertebra, sop } = place;
    this.set({ vertebra, sop, kind: "length", points: [from, to], handle: 1, kept: null, touched: true });
  }

  /** Takes a point of a kept measure, or of the one that is being placed, into the hand. */
  take(measure: Measure | null, handle: number): void {
    const { current, session } = this;
    const vertebra = session?.vertebra;
    if (!measure) {
      if (current) this.set({ ...current, handle });
      return;
    }
    if (!vertebra || (current?.kept && sameMeasure(current.kept, measure))) {
      if (current) this.set({ ...current, handle });
      return;
    }
    this.letGo();
    this.set({ ...draftOf(vertebra, measure), handle });
  }

  /** The chosen point goes to a place; it is kept when the hand lets go. */
  moveTo(point: Point): void {
    const { current } = this;
    if (!current) return;
    const points = current.points.map((each, index) => (index === current.handle ? point : each));
    this.set({ ...current, points, touched: true });
  }

  /** By the keyboard, in pixels; kept after a pause. */
  nudge(columns: number, rows: number): void {
    const point = this.current?.points[this.current.handle];
    if (!point) return;
    this.moveTo(pointAt(point[0] + columns, point[1] + rows));
    this.stopTimer();
    this.timer = setTimeout(() => this.letGo(), PAUSE);
  }

  nextHandle(step: 1 | -1): void {
    const { current } = this;
    if (!current || current.points.length === 0) return;
    const handle = (current.handle + step + current.points.length) % current.points.length;
    this.set({ ...current, handle });
  }

  // ---------------------------------------------------------------- keeping

  /** The hand lets go: what is complete and was moved is written. */
  letGo(): void {
    this.stopTimer();
    const { current, session } = this;
    if (!session?.store.writable) return;
    if (current?.touched && current.points.length === POINTS[current.kind]) this.write(current);
  }

  /** Also writes a proposal that nobody moved. A finished line lets the next one begin. */
  keep(): void {
    this.stopTimer();
    const { current } = this;
    if (!current || current.points.length < POINTS[current.kind]) return;
    if (!current.kept || current.touched) this.write(current);
    this.set(null);
  }

  /** Takes back what was not kept; with nothing in the hand the tool goes. */
  leave(): void {
    this.stopTimer();
    if (this.current) this.set(null);
    else this.chosenKind = null;
    this.events.emit("changed", null);
  }

  /** Deletes the chosen measure. */
  remove(): void {
    this.stopTimer();
    const { current, session } = this;
    this.set(null);
    const kept = current?.kept;
    if (!kept || !session) return;
    const others = measuresOf(session, current.vertebra).filter((each) => !sameMeasure(each, kept));
    this.perform(current.vertebra, others, `${wordsOf(kept.kind)} deleted`);
  }

  private write(draft: Draft): void {
    const { session } = this;
    if (!session) return;
    const measure: Measure = { kind: draft.kind, sop_uid: draft.sop, points: draft.points };
    const stored = measuresOf(session, draft.vertebra);
    // A vertebra has one set of heights: a new one takes the place of the one on another slice.
    const replaced = draft.kept ?? (draft.kind === "heights" ? (stored.find((each) => each.kind === "heights") ?? null) : null);
    if (!replaced && stored.length >= MOST_MEASURES) {
      this.set(null);
      session.refuse(`A vertebra holds at most ${MOST_MEASURES} measures. Delete some.`);
      return;
    }
    const measures = replaced
      ? stored.map((each) => (sameMeasure(each, replaced) ? measure : each))
      : [...stored, measure];
    if (this.perform(draft.vertebra, measures, `${wordsOf(draft.kind)} ${replaced ? "changed" : "measured"}`)) {
      if (this.current) this.set({ ...this.current, kept: measure, touched: false });
    } else this.set(null);
  }

  private perform(vertebra: Vertebra, measures: readonly Measure[], words: string): boolean {
    const { session } = this;
    if (!session) return false;
    try {
      const change = { verb: "set_measures", payload: { vertebra: vertebra.id, measures } } as const;
      this.writing = true;
      session.store.perform(`${nameOf(vertebra, session.room.context)}, ${words}`, session.k, [change], session.shown());
      return true;
    } catch (error) {
      if (!(error instanceof OperationRefused)) throw error;
      session.refuse(error.message);
      return false;
    } finally {
      this.writing = false;
    }
  }

  /** Another vertebra or slice is looked at, or the measure was taken back: then the hand is empty. */
  private follow(): void {
    const { current, session } = this;
    if (!session || this.writing) return;
    if (!session.store.writable && this.chosenKind) {
      this.chosenKind = null;
      this.set(null);
      return;
    }
    if (current) {
      const elsewhere = session.vertebra !== current.vertebra || session.sopAt(session.k) !== current.sop;
      const { kept } = current;
      if (kept && !measuresOf(session, current.vertebra).some((each) => sameMeasure(each, kept))) this.set(null);
      else if (elsewhere) {
        this.letGo();
        this.set(null);
      }
    }
    // The heights of the next vertebra follow without another key, once its slice stands.
    if (!this.current && this.chosenKind === "heights" && this.mayPropose()) this.set(this.heightsHere());
  }

  private mayPropose(): boolean {
    const { session } = this;
    const place = this.place();
    if (!place || !session) return false;
    const key = `${place.vertebra.id} ${place.sop}`;
    if (key === this.proposedFor) return false;
    const body = place.vertebra.sops.includes(place.sop);
    return body && !measuresOf(session, place.vertebra).some((each) => each.kind === "heights");
  }

  private place(): { readonly session: Session; readonly vertebra: Vertebra; readonly sop: SopUid; readonly k: number } | null {
    const { session } = this;
    const displayed = session?.screen.displayed;
    const vertebra = session?.vertebra;
    const sop = displayed && session?.sopAt(displayed.k);
    return session && displayed && vertebra && sop ? { session, vertebra, sop, k: displayed.k } : null;
  }

  private set(draft: Draft | null): void {
    if (draft) this.proposedFor = `${draft.vertebra.id} ${draft.sop}`;
    if (draft === this.current) return;
    this.current = draft;
    this.events.emit("changed", null);
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

export const measuresOf = (session: Session, vertebra: Vertebra): readonly Measure[] =>
  findingOf(session.store.state, vertebra.id).measures;

export const sameMeasure = (one: Measure, other: Measure): boolean =>
  one.kind === other.kind && one.sop_uid === other.sop_uid && String(one.points) === String(other.points);

const wordsOf = (kind: MeasureKind): string => (kind === "length" ? "length" : "heights");

const draftOf = (vertebra: Vertebra, kept: Measure): Draft => ({
  vertebra,
  sop: kept.sop_uid,
  kind: kept.kind,
  points: kept.points,
  handle: 0,
  kept,
  touched: false,
});
