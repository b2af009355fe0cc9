/** One case at the anatomy check: what its commands act on. Knows the table and the picture, and no DOM. */

import { Emitter } from "../emitter.ts";
import type { Rendered } from "../viewer/stack-viewer.ts";
import { PRESETS, sameWindow, type Window } from "../viewer/windows.ts";
import { edgesByNearness, type Vector } from "./boxes.ts";
import type { CaseData } from "./case-data.ts";
import { checkOf, columnOf, type Check } from "./check.ts";
import { column, shift, type Named } from "./levels.ts";
import {
  allRight,
  cutWords,
  levelsOf,
  middleOf,
  nameByNeighbours,
  nameOf,
  nextCertainty,
  nextCut,
  renamed,
  replaced,
  spanOf,
  withExtent,
  without,
  type Bodies,
  type Body,
  type Certainty,
  type MaskOk,
} from "./model.ts";
import { countedOn, place } from "./placing.ts";
import type { Table } from "./table.ts";

/** What the desk needs of the picture; StackViewer has it. */
export interface Screen {
  readonly displayed: Rendered | null;
  readonly destination: number;
  readonly window: Window;
  show(k: number): void;
  step(delta: number): void;
  stepWhenShown(delta: number): void;
  setWindow(width: number, level: number): void;
  fit(): void;
}

export type Tool = "window" | "pan" | "zoom";
export type Panel = "summary" | "keys" | "numbering";

export interface DeskEvents {
  changed: null;
  open: Panel;
  said: string;
}

const MASK_WORDS = { yes: "mask right", no: "mask wrong", missing: "mask missing" } as const;
const NOT_SHOWN = "This slice is not on screen yet. Nothing was changed.";
/** The name of the first vertebra that is placed, until somebody says another. */
const FIRST_NAME = "T12";

export class Desk {
  readonly events = new Emitter<DeskEvents>();
  readonly data: CaseData;
  readonly table: Table;
  private readonly screen: Screen;
  private isPlacing: boolean;
  private first = FIRST_NAME;
  private chosenTool: Tool = "window";
  private outlinesShown = true;

  constructor(data: CaseData, table: Table, screen: Screen) {
    this.data = data;
    this.table = table;
    this.screen = screen;
    this.isPlacing = data.mayEdit && table.bodies.length === 0;
    table.events.on("changed", () => this.events.emit("changed", null));
  }

  get bodies(): Bodies {
    return this.table.bodies;
  }

  get body(): Body | null {
    return this.bodies.find((body) => body.key === this.table.current) ?? null;
  }

  get check(): Check {
    return checkOf(this.bodies);
  }

  /** The slice that is meant: on screen, or where the steps lead. */
  get k(): number {
    return this.screen.destination;
  }

  get displayed(): Rendered | null {
    return this.screen.displayed;
  }

  get placing(): boolean {
    return this.isPlacing;
  }

  /** What the first vertebra would be called where none is there. */
  get firstName(): string {
    return this.first;
  }

  get tool(): Tool {
    return this.chosenTool;
  }

  get outlines(): boolean {
    return this.outlinesShown;
  }

  say(sentence: string): void {
    this.events.emit("said", sentence);
  }

  open(panel: Panel): void {
    this.events.emit("open", panel);
  }

  // ---------------------------------------------------------------- moving about

  stepSlice(delta: number, held: boolean): void {
    if (held) this.screen.stepWhenShown(delta);
    else this.screen.step(delta);
  }

  showSlice(k: number): void {
    this.screen.show(k);
  }

  /** Its slices come on screen where they are not there already. */
  select(key: string): void {
    this.table.choose(key);
    const { body } = this;
    if (body && (this.k < body.extent[0] || this.k > body.extent[1])) this.screen.show(middleOf(body));
  }

  stepVertebra(delta: 1 | -1): void {
    const { body, bodies } = this;
    const next = bodies[body ? bodies.indexOf(body) + delta : 0];
    if (next) this.select(next.key);
  }

  endOfVertebra(end: 0 | 1): void {
    if (this.body) this.screen.show(this.body.extent[end]);
  }

  /** The next one of whose mask nothing is said, from here on and round again. */
  nextOpen(): void {
    const { bodies, body } = this;
    const from = body ? bodies.indexOf(body) + 1 : 0;
    const next = [...bodies.slice(from), ...bodies.slice(0, from)].find((each) => each.maskOk === null);
    if (next) this.select(next.key);
    else this.say("Something is said of every mask. Enter shows what you would confirm.");
  }

  // ---------------------------------------------------------------- one vertebra

  setMask(value: MaskOk): void {
    this.changeBody(MASK_WORDS[value], (body) => ({ ...body, maskOk: value }));
  }

  setCertainty(certainty: Certainty): void {
    const { body } = this;
    if (!body) return;
    const level = certainty === "unknown" ? "" : body.level || this.nameFor(body);
    if (certainty !== "unknown" && !level) this.say("It has no name yet. N names the whole spine.");
    else this.changeBody(`level ${certainty}`, (each) => ({ ...each, certainty, level }));
  }

  cycleCertainty(): void {
    const { body } = this;
    if (!body) return;
    const next = nextCertainty(body, this.nameFor(body));
    if (next === body) this.say("It has no name yet. N names the whole spine.");
    else this.changeBody(`level ${next.certainty}`, () => next);
  }

  /** All that have a name: certain, or assumed where all of them are certain. */
  cycleAllCertainty(): void {
    const named = this.bodies.filter((body) => body.level);
    const certainty = named.every((body) => body.certainty === "certain") ? "assumed" : "certain";
    this.change(`all levels ${certainty}`, this.bodies.map((body) => (body.level ? { ...body, certainty } : body)));
  }

  cycleCut(): void {
    const { body } = this;
    if (!body) return;
    const next = nextCut(body, edgesByNearness(body.box, this.data.space.grid));
    this.changeBody(cutWords(next) || "complete", () => next);
  }

  setEndHere(end: "first" | "last"): void {
    const { displayed } = this.screen;
    if (displayed) this.setEnd(end, displayed.k);
    else this.say(NOT_SHOWN);
  }

  /** One slice more of the body at this end. */
  widen(end: "first" | "last"): void {
    const { body } = this;
    if (body) this.setEnd(end, end === "first" ? body.extent[0] - 1 : body.extent[1] + 1);
  }

  private setEnd(end: "first" | "last", k: number): void {
    const words = end === "first" ? "first slice" : "last slice";
    this.changeBody(`${words} ${Math.min(Math.max(k, 0), this.data.slices.length - 1) + 1}`, (body) => withExtent(body, end, k, this.data.space));
  }

  remove(): void {
    const { body, bodies } = this;
    if (!body) return;
    const at = bodies.indexOf(body);
    const next = bodies[at + 1] ?? bodies[at - 1];
    this.table.change(`${nameOf(body, bodies)} is no vertebra`, without(bodies, body.key), next?.key ?? null);
    if (this.bodies.length === 0) this.setPlacing(true);
  }

  /** A box that was pulled by hand. */
  setBody(next: Body, what: string): void {
    this.changeBody(what, () => next, next.key);
  }

  // ---------------------------------------------------------------- the whole spine

  shift(by: 1 | -1): void {
    if (this.bodies.length === 0) {
      const all = column({ thoracic: 12, lumbar: 5 });
      this.nameFirst(all[all.indexOf(this.first) + by] ?? this.first);
      return;
    }
    const named = shift(levelsOf(this.bodies), by);
    const counted = "levels" in named ? { levels: countedOn(this.bodies, named.levels) } : named;
    this.rename(counted, by > 0 ? "names one down" : "names one up");
  }

  rename(named: Named, label = ""): void {
    if ("problem" in named) {
      this.say(named.problem);
      return;
    }
    const next = renamed(this.bodies, named.levels, this.data.space);
    this.change(`${label || "numbering"}: ${spanOf(next)}`, next);
  }

  allMasksRight(): void {
    this.change("all masks right", allRight(this.bodies));
  }

  nameFirst(level: string): void {
    this.first = level;
    this.events.emit("changed", null);
  }

  setPlacing(on: boolean): void {
    this.isPlacing = on;
    this.events.emit("changed", null);
  }

  /** What the next click below the lowest one would be called. */
  get nextName(): string {
    const last = this.bodies.at(-1);
    if (!last) return this.first;
    const all = columnOf(this.bodies);
    return last.level ? (all[all.indexOf(last.level) + 1] ?? "") : "";
  }

  /** A click on the centre of a body, in pixel coordinates of the slice on screen. */
  placeAt(columnAt: number, row: number): void {
    const { displayed } = this.screen;
    if (!displayed) {
      this.say(NOT_SHOWN);
      return;
    }
    const { grid } = this.data.space;
    if (columnAt < -0.5 || row < -0.5 || columnAt > grid.columns - 0.5 || row > grid.rows - 0.5) return;
    const point: Vector = grid.toSpace([displayed.k, row, columnAt]);
    const result = place(point, this.bodies, this.first, this.data.space, crypto.randomUUID());
    if (!result) return;
    const { bodies, placed, words } = result;
    this.table.change(`${nameOf(placed, bodies)} placed`, bodies, placed.key);
    this.say(words);
  }

  /** The vertebra that was placed last, whatever was done since, is taken back. */
  takeBack(): void {
    const { undoable } = this.table;
    if (undoable?.endsWith(" placed")) this.undo();
    else this.say("The last change was not a click. Ctrl Z takes it back, Delete takes out the chosen vertebra.");
  }

  // ---------------------------------------------------------------- back and forth, and the picture

  undo(): void {
    const label = this.table.undo();
    this.say(label ? `Undone: ${label}.` : "Nothing to undo.");
  }

  redo(): void {
    const label = this.table.redo();
    this.say(label ? `Done again: ${label}.` : "Nothing to do again.");
  }

  chooseTool(tool: Tool): void {
    this.chosenTool = tool;
    this.events.emit("changed", null);
  }

  toggleOutlines(): void {
    this.outlinesShown = !this.outlinesShown;
    this.events.emit("changed", null);
  }

  setPreset(name: keyof typeof PRESETS): void {
    const [width, level] = PRESETS[name].window;
    this.screen.setWindow(width, level);
    this.events.emit("changed", null);
  }

  hasPreset = (name: keyof typeof PRESETS): boolean => sameWindow(this.screen.window, PRESETS[name].window);

  fit(): void {
    this.screen.fit();
  }

  private nameFor(body: Body): string {
    return nameByNeighbours(this.bodies, this.bodies.indexOf(body), columnOf(this.bodies));
  }

  private change(label: string, bodies: Bodies): void {
    if (!this.table.change(label, bodies)) this.say(`Nothing to change: ${label} already.`);
  }

  private changeBody(what: string, change: (body: Body) => Body, key = this.table.current): void {
    const body = this.bodies.find((each) => each.key === key);
    if (!body) return;
    this.change(`${nameOf(body, this.bodies)}: ${what}`, replaced(this.bodies, body.key, change));
  }
}
