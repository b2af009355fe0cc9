/** Measures over the image: drawn where they were made, placed and moved by mouse and by keyboard. */

import type { Hand } from "../../viewer/gestures.ts";
import { toPixel, toScreen } from "../../viewer/geometry.ts";
import { MeasureLayer, type DrawnMeasure, type MeasureWords } from "../../viewer/measure-layer.ts";
import type { View } from "../../viewer/stack-viewer.ts";
import { heightsInWords } from "../heights.ts";
import { belongsToControl } from "../keys.ts";
import { heightsMm, lengthMm, pointAt, POINTS, type Measure, type Point } from "../measures.ts";
import { measuresOf, POINT_WORDS, sameMeasure, type Draft } from "../measuring.ts";
import type { Vertebra } from "../model.ts";
import type { Session } from "../session.ts";
import { button, buttonCap, make } from "./dom.ts";

/** How near to a point a press must be to take it, in CSS pixels: half of the 24 that a target needs. */
const NEAR = 12;
/** With less room than this to its left, what is measured is written on the right. */
const WORDS_ROOM = 150;
const FAST = 5;
const SHORT: Readonly<Record<string, string>> = { anterior: "ant", middle: "mid", posterior: "post" };
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class MeasureView implements Hand {
  private readonly layer: MeasureLayer;
  private readonly hint = make("p", { class: "tool-hint", role: "status" });
  private hintKey = "";
  private session: Session | null = null;
  private view: View | null = null;
  /** Where a drag of the ruler began. */
  private from: Point | null = null;
  private pointer: Point | null = null;
  private redraw: () => void;

  constructor(layer: SVGElement, viewport: HTMLElement, redraw: () => void) {
    this.layer = new MeasureLayer(layer);
    this.redraw = redraw;
    this.hint.hidden = true;
    viewport.append(this.hint);
    // Before the keys of the room: while a point is in the hand, arrows, Tab, Enter and Esc are its keys.
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    window.addEventListener("pagehide", () => this.session?.tools.measuring.letGo());
  }

  build(session: Session): void {
    this.session = session;
    this.from = null;
    this.pointer = null;
  }

  draw(session: Session, view: View): void {
    this.view = view;
    const sop = session.sopAt(view.k);
    const { draft } = session.tools.measuring;
    const drawn: DrawnMeasure[] = [];
    if (sop) {
      for (const vertebra of session.room.context.vertebrae) {
        for (const measure of measuresOf(session, vertebra)) {
          if (measure.sop_uid !== sop || (draft?.kept && sameMeasure(draft.kept, measure))) continue;
          drawn.push(this.drawnMeasure(session, vertebra, measure));
        }
      }
      if (draft?.sop === sop) drawn.push(this.drawnDraft(session, draft));
    }
    this.layer.draw(drawn, view.transform);
    this.showHint(session);
  }

  // ---------------------------------------------------------------- mouse

  press(x: number, y: number): boolean {
    const { session } = this;
    const measuring = session?.tools.measuring;
    if (!session || !measuring?.kind || !session.screen.displayed) return false;
    const near = this.nearest(x, y);
    this.from = near ? null : this.pixelAt(x, y);
    if (near) measuring.take(near.measure, near.handle);
    return true;
  }

  drag(x: number, y: number): void {
    const measuring = this.session?.tools.measuring;
    const to = this.pixelAt(x, y);
    if (!measuring || !to) return;
    if (!this.from) measuring.moveTo(to);
    else if (measuring.kind === "length") measuring.drawLine(this.from, to);
  }

  release(x: number, y: number, moved: boolean): void {
    const measuring = this.session?.tools.measuring;
    const at = this.pixelAt(x, y);
    if (!measuring || !at) return;
    if (!this.from) measuring.letGo();
    else if (!moved) measuring.click(at);
    else if (measuring.kind === "length") measuring.keep();
    this.from = null;
  }

  hover(at: { readonly x: number; readonly y: number } | null): void {
    const draft = this.session?.tools.measuring.draft;
    if (!draft || draft.points.length === 0 || draft.points.length === POINTS[draft.kind]) return;
    this.pointer = at && this.pixelAt(at.x, at.y);
    this.redraw();
  }

  // ---------------------------------------------------------------- keyboard

  private key(event: KeyboardEvent): void {
    const { session } = this;
    const measuring = session?.tools.measuring;
    if (!session || !measuring?.kind || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target instanceof Element ? event.target : null;
    if (document.querySelector("dialog[open]") || belongsToControl(event, target)) return;
    const { draft } = measuring;
    const inHand = draft !== null && draft.points.length > 0;
    const arrow = ARROWS[event.key];
    if (event.key === "Escape") measuring.leave();
    else if (!inHand) return;
    else if (arrow) measuring.nudge(...(arrow.map((step) => step * (event.shiftKey ? FAST : 1)) as [number, number]));
    else if (event.key === "Tab") measuring.nextHandle(event.shiftKey ? -1 : 1);
    else if (event.key === "Enter" && draft.points.length === POINTS[draft.kind]) measuring.keep();
    else if (event.key === "Delete") measuring.remove();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---------------------------------------------------------------- what is drawn

  private drawnMeasure(session: Session, vertebra: Vertebra, measure: Measure): DrawnMeasure {
    const current = vertebra === session.vertebra;
    const grabbable = current && session.tools.measuring.kind !== null;
    return {
      className: `${measure.kind}${current ? " current" : ""}`,
      lines: linesOf(measure.points),
      handles: grabbable ? measure.points.map((at) => ({ at, chosen: false })) : [],
      words: current || measure.kind === "length" ? this.wordsOf(session, vertebra, measure) : null,
    };
  }

  private drawnDraft(session: Session, draft: Draft): DrawnMeasure {
    const whole = draft.points.length === POINTS[draft.kind];
    const last = draft.points.at(-1);
    // Heights are clicked in pairs: only the second of a pair has a line to wait for.
    const open = !whole && last && this.pointer && draft.points.length % 2 === 1 ? [[last, this.pointer] as const] : [];
    const measure: Measure = { kind: draft.kind, sop_uid: draft.sop, points: draft.points };
    return {
      className: `${draft.kind} current${draft.kept ? "" : " draft"}`,
      lines: [...linesOf(draft.points), ...open],
      handles: draft.points.map((at, index) => ({ at, chosen: index === draft.handle })),
      words: whole ? this.wordsOf(session, draft.vertebra, measure) : null,
    };
  }

  private wordsOf(session: Session, vertebra: Vertebra, measure: Measure): MeasureWords | null {
    const { view } = this;
    const { spacing, context } = session.room;
    if (!view) return null;
    if (measure.kind === "length") {
      const at = measure.points.reduce((right, point) => (point[0] > right[0] ? point : right));
      return { at, lines: [`${lengthMm(measure.points, spacing).toFixed(1)} mm`], side: "right", free: 0 };
    }
    const words = heightsInWords(vertebra, heightsMm(measure, spacing), session.store.state, context, spacing);
    const lines = words.heights.map(({ name, mm, loss }) => `${SHORT[name]} ${mm} mm${loss ? `  ${loss}` : ""}`);
    const columns = measure.points.map(([column]) => column);
    const middle = measure.points.reduce((sum, [, row]) => sum + row, 0) / measure.points.length;
    const [left] = toScreen(view.transform, Math.min(...columns), middle);
    const side = left > WORDS_ROOM ? "left" : "right";
    const at = [side === "left" ? Math.min(...columns) : Math.max(...columns), middle] as const;
    // The level stands on the left already.
    return { at, lines: [...lines, words.reference], side, free: side === "left" ? 1 : 0 };
  }

  // ---------------------------------------------------------------- what to do now

  private showHint(session: Session): void {
    const { kind, draft } = session.tools.measuring;
    const whole = draft !== null && draft.points.length === POINTS[draft.kind];
    const words = kind === null ? "" : hintOf(kind, draft);
    const key = `${words}|${whole}|${draft?.kept ? "kept" : ""}`;
    if (key === this.hintKey) return;
    this.hintKey = key;
    this.hint.hidden = kind === null;
    const { measuring } = session.tools;
    const buttons = [
      ...(whole && !draft.kept ? [this.act("Keep", "⏎", () => measuring.keep())] : []),
      ...(draft?.kept ? [this.act("Delete", "Del", () => measuring.remove())] : []),
      ...(kind ? [this.act(draft && draft.points.length > 0 && !draft.kept ? "Leave" : "Done", "Esc", () => measuring.leave())] : []),
    ];
    this.hint.replaceChildren(make("span", {}, words), ...buttons);
  }

  private act(words: string, cap: string, run: () => void): HTMLButtonElement {
    const made = button({ class: "btn btn-sm" }, words, buttonCap(cap));
    made.addEventListener("mousedown", (event) => event.preventDefault());
    made.addEventListener("click", run);
    return made;
  }

  // ---------------------------------------------------------------- where

  private pixelAt(x: number, y: number): Point | null {
    return this.view ? pointAt(...toPixel(this.view.transform, x, y)) : null;
  }

  /** The point of a measure under the pointer: of the one in the hand, else of a kept one of this vertebra. */
  private nearest(x: number, y: number): { readonly measure: Measure | null; readonly handle: number } | null {
    const { session, view } = this;
    const displayed = session?.screen.displayed;
    const vertebra = session?.vertebra;
    if (!session || !view || !displayed || !vertebra) return null;
    const { draft } = session.tools.measuring;
    const sop = session.sopAt(displayed.k);
    const kept = measuresOf(session, vertebra).filter((each) => each.sop_uid === sop);
    const inHand = draft ? [{ measure: null, points: draft.points }] : [];
    const candidates = [...inHand, ...kept.map((measure) => ({ measure, points: measure.points }))].flatMap(({ measure, points }) =>
      points.map((point, handle) => {
        const [left, top] = toScreen(view.transform, point[0], point[1]);
        return { measure, handle, distance: Math.hypot(left - x, top - y) };
      }),
    );
    const near = candidates.filter(({ distance }) => distance <= NEAR).sort((one, other) => one.distance - other.distance);
    return near[0] ?? null;
  }
}

/** Points in pairs. */
const linesOf = (points: readonly Point[]): (readonly [Point, Point])[] =>
  points.flatMap((point, index) => (index % 2 === 1 ? [[points[index - 1] as Point, point] as const] : []));

function hintOf(kind: Draft["kind"], draft: Draft | null): string {
  const names = POINT_WORDS[kind];
  const count = draft?.points.length ?? 0;
  if (draft && count === POINTS[kind]) {
    return `${capital(names[draft.handle] ?? "")}: arrows move it, Tab takes the next point.`;
  }
  if (kind === "length") {
    return count === 1 ? "Click the other end." : "Click two points, or drag. The tool once more gives a line that the arrows move.";
  }
  return draft || count > 0 ? `Click ${names[count]}, point ${count + 1} of 6.` : "The heights are measured. Take a point to move it.";
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
