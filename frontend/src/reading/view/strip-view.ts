/**
 * The vertebra strip: one row per vertebra, one column per slice, patient's right on the left. A map of the spine, and a
 * grid with one tab stop: in it the arrows go by the map, left and right through slices, up and down through vertebrae.
 */

import { cellOf, cellWords, countOf, isShaved, levelWords, markOf, rowWords, type Cell } from "../marks.ts";
import { modelCellOf, modelCellWords, modelRowWords, shownMarkOf } from "../model-marks.ts";
import { findingOf, injuryOf, nameOf, type Finding, type Vertebra } from "../model.ts";
import { middleOf } from "../room-data.ts";
import type { Session } from "../session.ts";
import { icon, make, part, setAttribute, setText } from "./dom.ts";
import { StripTicks } from "./strip-ticks.ts";
import { fitStrip } from "./strip-size.ts";

interface StripCell {
  readonly k: number;
  readonly element: HTMLTableCellElement;
}

export interface Row {
  readonly vertebra: Vertebra;
  readonly element: HTMLTableRowElement;
  readonly mark: HTMLElement;
  readonly extras: HTMLElement;
  readonly count: HTMLElement;
  readonly cells: readonly StripCell[];
}

export class StripView {
  private readonly table = part<HTMLTableElement>("strip");
  private readonly ticks = new StripTicks();
  private rows: readonly Row[] = [];
  private session: Session | null = null;
  private drag: { readonly vertebra: Vertebra; readonly from: number } | null = null;
  private reportWasOpen = true;

  constructor() {
    this.table.addEventListener("pointerdown", (event) => this.down(event));
    this.table.addEventListener("pointermove", (event) => this.move(event));
    this.table.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("pointerup", () => (this.drag = null));
    const observer = new ResizeObserver(() => this.fit());
    const panel = this.table.closest(".strip-panel");
    // Words in head, legend and foot may come to stand in two lines.
    const around = [...(panel?.children ?? [])].filter((child) => child !== this.table.parentElement);
    for (const each of [this.table.closest(".left") ?? this.table, ...around]) observer.observe(each);
  }

  build(session: Session): void {
    this.session = session;
    const { vertebrae } = session.room.context;
    const [first, last] = columnsOf(vertebrae, session.room.sops.length);
    const columns = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    this.table.style.setProperty("--columns", String(columns.length));
    this.rows = vertebrae.map((vertebra) => rowOf(session, vertebra, columns));
    const groups = make("colgroup", {}, make("col", { class: "lvl" }), make("col", { class: "mk" }));
    groups.append(make("col", { class: "sl", span: String(columns.length) }), make("col"));
    this.table.replaceChildren(groups, this.ticks.build(columns), make("tbody", {}, ...this.rows.map((row) => row.element)));
    this.refresh();
    this.fit();
  }

  refresh(): void {
    const { session } = this;
    if (!session) return;
    let hasOtherEnds = false;
    for (const row of this.rows) {
      hasOtherEnds = refreshEnd(row, session) || hasOtherEnds;
      this.refreshRow(row, session);
      if (row.vertebra === session.vertebra) keepInView(row.element);
    }
    this.ticks.show(session.k);
    const here = this.rows.find(({ vertebra }) => vertebra === session.vertebra)?.cells.find(({ k }) => k === session.k);
    setAttribute(this.table, "aria-activedescendant", here?.element.id ?? null);
    if (hasOtherEnds || this.reportWasOpen !== session.reportOpen) this.fit();
    this.reportWasOpen = session.reportOpen;
  }

  private refreshRow(row: Row, session: Session): void {
    const { state, seen } = session.store;
    const { vertebra } = row;
    const finding = findingOf(state, vertebra.id);
    const mark = shownMarkOf(session, vertebra);
    const words = [rowWords(vertebra, session.room.context, state, seen), modelRowWords(session, vertebra)].filter(Boolean).join(", ");
    // The colour of the cells is the reader's own word, whatever the mark says beside it.
    setAttribute(row.element, "class", markOf(vertebra, finding, seen).className);
    setAttribute(row.element, "aria-current", vertebra === session.vertebra ? "true" : null);
    setAttribute(row.mark, "class", `mark ${mark.className}`);
    setText(row.mark, mark.sign);
    setAttribute(row.mark, "aria-label", words);
    setAttribute(row.element, "title", words);
    setAttribute(row.element, "aria-label", words);
    for (const cell of row.cells) refreshCell(cell, vertebra, finding, session);
  }

  private fit(): void {
    fitStrip(this.table, this.rows);
  }

  // ---------------------------------------------------------------- by hand

  private down(event: PointerEvent): void {
    const hit = this.hit(event);
    if (!hit || !this.session || event.button !== 0) return;
    event.preventDefault();
    if (hit.k === null) {
      this.session.selectVertebra(hit.vertebra, middleOf(hit.vertebra));
      return;
    }
    this.drag = { vertebra: hit.vertebra, from: hit.k };
    if (event.shiftKey && this.session.anchor?.vertebra === hit.vertebra.id) {
      this.session.dragRange(hit.vertebra, this.session.anchor.k, hit.k);
    } else {
      this.session.selectVertebra(hit.vertebra);
      this.session.showSlice(hit.k);
    }
  }

  private move(event: PointerEvent): void {
    if (!this.drag || !this.session) return;
    const hit = this.hit(event);
    if (!hit || hit.k === null || hit.k === this.session.k) return;
    this.session.dragRange(this.drag.vertebra, this.drag.from, hit.k);
  }

  private hit(event: PointerEvent): { readonly vertebra: Vertebra; readonly k: number | null } | null {
    if (!(event.target instanceof Element)) return null;
    const id = event.target.closest("tr")?.dataset["vertebra"];
    const row = this.rows.find(({ vertebra }) => String(vertebra.id) === id);
    const k = event.target.closest("td")?.dataset["k"];
    return row ? { vertebra: row.vertebra, k: k === undefined ? null : Number(k) } : null;
  }

  // ---------------------------------------------------------------- by keys

  private key(event: KeyboardEvent): void {
    const { session } = this;
    if (!session || event.altKey || event.ctrlKey || event.metaKey || !this.walk(event, session)) return;
    event.preventDefault();
    // The room has other uses for the arrows.
    event.stopPropagation();
  }

  private walk({ key, shiftKey, repeat }: KeyboardEvent, session: Session): boolean {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) {
      if (shiftKey) stretch(session, step);
      else session.stepSlice(step, repeat);
      return true;
    }
    if (shiftKey) return false;
    if (key === "Home" || key === "End") session.endOfVertebra(key === "Home" ? -1 : 1);
    else if (key === "ArrowUp" || key === "ArrowDown") {
      const { vertebrae } = session.room.context;
      const at = session.vertebra ? vertebrae.indexOf(session.vertebra) : -1;
      const next = vertebrae[at + (key === "ArrowUp" ? -1 : 1)];
      if (next) session.selectVertebra(next);
    } else return false;
    return true;
  }
}

/** A range from where it began to the next slice, as a drag would choose it. */
function stretch(session: Session, step: number): void {
  const { vertebra, anchor, k } = session;
  const to = k + step;
  if (!vertebra || to < 0 || to >= session.room.sops.length) return;
  const from = anchor?.dragged && anchor.vertebra === vertebra.id ? anchor.k : k;
  session.dragRange(vertebra, from, to);
}

function rowOf(session: Session, vertebra: Vertebra, columns: readonly number[]): Row {
  const name = nameOf(vertebra, session.room.context);
  const mark = make("span", { class: "mark", role: "img" });
  const extras = make("span", { class: "extras", "data-key": "" });
  const count = make("span", {});
  const cells = columns.map((k) => ({ k, element: make("td", { "data-k": String(k), id: `strip-${vertebra.id}-${k}` }) }));
  const header = make("th", { class: "lvl", scope: "row" }, name);
  if (vertebra.certainty !== "certain") {
    const words = levelWords(vertebra);
    header.setAttribute("aria-label", `${name}, ${words.toLowerCase()}`);
    header.append(make("span", { class: `unsure ${vertebra.certainty}`, "aria-hidden": "true", title: words }, "?"));
  }
  const end = make("td", { class: "count" }, extras, count);
  const places = cells.map(({ element }) => element);
  const element = make("tr", { "data-vertebra": String(vertebra.id) }, header, make("td", {}, mark), ...places, end);
  return { vertebra, element, mark, extras, count, cells };
}

function refreshCell({ k, element }: StripCell, vertebra: Vertebra, finding: Finding, session: Session): void {
  const { anchor } = session;
  const sop = session.sopAt(k);
  const inside = vertebra.extent !== null && k >= vertebra.extent[0] && k <= vertebra.extent[1];
  const kind: Cell | "" = sop && (inside || finding.slices[sop]) ? cellOf(vertebra, finding, sop, session.store.seen) : "";
  const model = kind && sop ? modelCellOf(session, vertebra, sop) : "";
  const shaved = inside && isShaved(session.room.kept.get(vertebra.id), k);
  const isAnchored = anchor?.vertebra === vertebra.id;
  const inRange = isAnchored && anchor.dragged && k >= Math.min(anchor.k, session.k) && k <= Math.max(anchor.k, session.k);
  const flags = [
    kind && "c",
    kind,
    model,
    shaved && "shaved",
    kind && !inside && "margin",
    k === session.k && "now",
    isAnchored && anchor.k === k && "anchor",
    inRange && "ranged",
  ];
  const className = flags.filter(Boolean).join(" ");
  if (element.className === className && element.ariaLabel) return;
  element.className = className;
  const words = kind ? [cellWords(kind, { shaved, outside: !inside }), modelCellWords(model, session.room)].filter(Boolean).join(", ") : "does not cross it";
  setAttribute(element, "aria-label", `${nameOf(vertebra, session.room.context)}, slice ${k + 1}: ${words}`);
  setAttribute(element, "aria-selected", inRange ? "true" : null);
}

/** What no slice shows stands at the end of the row, before the count. True if that takes other room. */
function refreshEnd(row: Row, session: Session): boolean {
  const { state, seen } = session.store;
  const finding = findingOf(state, row.vertebra.id);
  const said = finding.level_said && `→${finding.level_said}`;
  const words = [said, injuryOf(state, row.vertebra.id)?.type, finding.process_fracture && "A0"].filter(Boolean).join(" ");
  const count = countOf(row.vertebra, finding, seen);
  const key = words || finding.unclear ? `${words}|${finding.unclear}|${count}` : "";
  setText(row.count, count);
  if (row.extras.dataset["key"] === key) return false;
  row.extras.dataset["key"] = key;
  row.extras.replaceChildren(...(words ? [words] : []), ...(finding.unclear ? [icon("flag")] : []));
  return true;
}

/** All slices that cross any vertebra, and a few beyond; all slices where no vertebra is known. */
function columnsOf(vertebrae: readonly Vertebra[], count: number): [number, number] {
  const extents = vertebrae.flatMap(({ extent }) => (extent ? [extent] : []));
  if (extents.length === 0) return [0, Math.max(0, count - 1)];
  const first = Math.min(...extents.map(([from]) => from));
  const last = Math.max(...extents.map(([, to]) => to));
  return [Math.max(0, first - 2), Math.min(count - 1, last + 2)];
}

/** Under the row of ticks, which stays, and with the neighbour visible that comes next. */
function keepInView(row: HTMLElement): void {
  const box = row.closest(".strip-scroll");
  if (!box || box.scrollHeight <= box.clientHeight) return;
  const above = row.offsetTop - box.scrollTop;
  const room = row.offsetHeight;
  if (above < 24 + room) box.scrollTop = row.offsetTop - 24 - room;
  else if (above + 2 * room > box.clientHeight) box.scrollTop = row.offsetTop + 2 * room - box.clientHeight;
}
