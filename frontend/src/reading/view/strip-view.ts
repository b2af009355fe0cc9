/** The vertebra strip: one row per vertebra, one column per slice, patient's right on the left. A map of the spine. */

import { cellOf, countOf, levelWords, markOf, rowWords, type Cell } from "../marks.ts";
import { findingOf, injuryOf, nameOf, type Vertebra } from "../model.ts";
import type { Session } from "../session.ts";
import { icon, make, part, setAttribute, setText } from "./dom.ts";

interface Row {
  readonly vertebra: Vertebra;
  readonly element: HTMLTableRowElement;
  readonly mark: HTMLElement;
  readonly extras: HTMLElement;
  readonly count: HTMLElement;
  /** By slice index. */
  readonly cells: ReadonlyMap<number, HTMLTableCellElement>;
}

const WIDEST_CELL = 13;
const NARROWEST_CELL = 3;
/** The columns of level and mark, and of the end of a row that has nothing but its count, in CSS pixels. */
const LEVEL_AND_MARK = 42 + 36;
const PLAIN_END = 50;
/** Between the last cell, the extras and the count. */
const END_GAPS = 6 + 6;

export class StripView {
  private readonly table = part<HTMLTableElement>("strip");
  private rows: readonly Row[] = [];
  private ticks: ReadonlyMap<number, HTMLElement> = new Map();
  private nowTick: HTMLElement | null = null;
  private session: Session | null = null;
  private drag: { readonly vertebra: Vertebra; readonly from: number } | null = null;
  private readonly observer = new ResizeObserver(() => this.fitCells());

  constructor() {
    this.table.addEventListener("pointerdown", (event) => this.down(event));
    this.table.addEventListener("pointermove", (event) => this.move(event));
    window.addEventListener("pointerup", () => (this.drag = null));
    this.observer.observe(this.table.parentElement ?? this.table);
  }

  build(session: Session): void {
    this.session = session;
    const { vertebrae } = session.room.context;
    const [first, last] = columnsOf(vertebrae, session.room.sops.length);
    const columns = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    this.table.style.setProperty("--columns", String(columns.length));
    const head = this.head(columns);
    this.rows = vertebrae.map((vertebra) => this.row(session, vertebra, columns));
    const groups = make("colgroup", {}, make("col", { class: "lvl" }), make("col", { class: "mk" }));
    groups.append(make("col", { class: "sl", span: String(columns.length) }), make("col"));
    this.table.replaceChildren(groups, head, make("tbody", {}, ...this.rows.map((row) => row.element)));
    this.fitCells();
    this.refresh();
  }

  refresh(): void {
    const { session } = this;
    if (!session) return;
    let endsChanged = false;
    const { state, seen } = session.store;
    const { k, anchor } = session;
    for (const row of this.rows) {
      const { vertebra } = row;
      const finding = findingOf(state, vertebra.id);
      const current = vertebra === session.vertebra;
      const mark = markOf(vertebra, finding, seen);
      setAttribute(row.element, "class", mark.className);
      setAttribute(row.element, "aria-current", current ? "true" : null);
      setAttribute(row.mark, "class", `mark ${mark.className}`);
      setText(row.mark, mark.sign);
      setAttribute(row.mark, "aria-label", rowWords(vertebra, session.room.context, state, seen));
      setAttribute(row.element, "title", rowWords(vertebra, session.room.context, state, seen));
      endsChanged = this.refreshEnd(row, session) || endsChanged;
      const ranged = anchor?.dragged && anchor.vertebra === vertebra.id ? ([anchor.k, k] as const) : null;
      for (const [index, cell] of row.cells) {
        const sop = session.sopAt(index);
        const inside = vertebra.extent && index >= vertebra.extent[0] && index <= vertebra.extent[1];
        const label = sop && finding.slices[sop];
        const kind: Cell | "" = sop && (inside || label) ? cellOf(vertebra, finding, sop, seen) : "";
        const isAnchor = anchor?.vertebra === vertebra.id && anchor.k === index;
        const inRange = ranged && index >= Math.min(...ranged) && index <= Math.max(...ranged);
        const flags = [kind && "c", kind, index === k && "now", isAnchor && "anchor", inRange && "ranged", kind && !inside && "margin"];
        setAttribute(cell, "class", flags.filter(Boolean).join(" "));
      }
      if (current) keepInView(row.element);
    }
    this.refreshTick(k);
    if (endsChanged) this.fitCells();
  }

  /** Injuries and ticks that no slice shows stand at the end of the row, before the count. True if that takes other room. */
  private refreshEnd(row: Row, session: Session): boolean {
    const { state, seen } = session.store;
    const finding = findingOf(state, row.vertebra.id);
    const words = [injuryOf(state, row.vertebra.id)?.type, finding.process_fracture && "A0"].filter(Boolean).join(" ");
    const count = countOf(row.vertebra, finding, seen);
    const key = words || finding.unclear ? `${words}|${finding.unclear}|${count}` : "";
    setText(row.count, count);
    if (row.extras.dataset["key"] === key) return false;
    row.extras.dataset["key"] = key;
    const nodes = [...(words ? [words] : []), ...(finding.unclear ? [icon("flag")] : [])];
    row.extras.replaceChildren(...nodes);
    return true;
  }

  private head(columns: readonly number[]): HTMLTableSectionElement {
    const ticks = new Map<number, HTMLElement>();
    const row = make("tr", {}, make("td"), make("td"));
    columns.forEach((k, place) => {
      const edge = place === 0 ? "R" : place === columns.length - 1 ? "L" : "";
      const number = edge || ((k + 1) % 5 === 0 && place > 2 && place < columns.length - 3 ? String(k + 1) : "");
      const cell = make("td", { class: `tick${edge ? " lr" : ""}` }, make("span", {}, number));
      ticks.set(k, cell);
      row.append(cell);
    });
    row.append(make("td"));
    this.ticks = ticks;
    this.nowTick = null;
    return make("thead", { "aria-hidden": "true" }, row);
  }

  private row(session: Session, vertebra: Vertebra, columns: readonly number[]): Row {
    const name = nameOf(vertebra, session.room.context);
    const mark = make("span", { class: "mark", role: "img" });
    const extras = make("span", { class: "extras", "data-key": "" });
    const count = make("span", {});
    const cells = new Map(columns.map((k) => [k, make("td", { "data-k": String(k) })]));
    const header = make("th", { class: "lvl", scope: "row" }, name);
    if (vertebra.certainty !== "certain") {
      const words = levelWords(vertebra);
      header.setAttribute("aria-label", `${name}, ${words.toLowerCase()}`);
      header.append(make("span", { class: "unsure", "aria-hidden": "true", title: words }, "?"));
    }
    const end = make("td", { class: "count" }, extras, count);
    const element = make("tr", { "data-vertebra": String(vertebra.id) }, header, make("td", {}, mark), ...cells.values(), end);
    return { vertebra, element, mark, extras, count, cells };
  }

  private refreshTick(k: number): void {
    const tick = this.ticks.get(k) ?? null;
    if (this.nowTick && this.nowTick !== tick) {
      this.nowTick.classList.remove("now");
      const span = this.nowTick.querySelector("span");
      if (span) span.textContent = this.nowTick.dataset["words"] ?? "";
    }
    if (tick && this.nowTick !== tick) {
      const span = tick.querySelector("span");
      tick.dataset["words"] = span?.textContent ?? "";
      if (span) span.textContent = String(k + 1);
      tick.classList.add("now");
    }
    this.nowTick = tick;
    // A number beside the slice on screen would be half covered by it.
    for (const [index, cell] of this.ticks) cell.classList.toggle("near", index !== k && Math.abs(index - k) <= 2);
  }

  /** As wide as fits: a native series has many more slices than a derived one. */
  private fitCells(): void {
    const count = Number(this.table.style.getPropertyValue("--columns")) || 1;
    const style = getComputedStyle(this.table);
    const pad = Number.parseFloat(style.getPropertyValue("--pad"));
    const ends = this.rows.filter(({ extras }) => extras.dataset["key"]);
    const widest = Math.max(0, ...ends.map(({ extras, count: words }) => extras.offsetWidth + words.offsetWidth));
    const fixed = pad + LEVEL_AND_MARK + Math.max(PLAIN_END, widest > 0 ? Math.ceil(widest) + END_GAPS + pad : 0);
    const space = (this.table.parentElement?.clientWidth ?? 0) - fixed;
    const cell = Math.max(NARROWEST_CELL, Math.min(WIDEST_CELL, Math.floor((space / count) * 2) / 2));
    this.table.style.setProperty("--cell", `${cell}px`);
    this.table.classList.toggle("thin", cell < 7);
  }

  private down(event: PointerEvent): void {
    const hit = this.hit(event);
    if (!hit || !this.session || event.button !== 0) return;
    event.preventDefault();
    if (hit.k === null) {
      const middle = hit.vertebra.extent && Math.floor((hit.vertebra.extent[0] + hit.vertebra.extent[1]) / 2);
      this.session.selectVertebra(hit.vertebra, middle);
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
}

/** All slices that cross any vertebra, and a few beyond; all slices where no vertebra is known. */
function columnsOf(vertebrae: readonly Vertebra[], count: number): [number, number] {
  const extents = vertebrae.flatMap(({ extent }) => (extent ? [extent] : []));
  if (extents.length === 0) return [0, Math.max(0, count - 1)];
  const first = Math.min(...extents.map(([from]) => from));
  const last = Math.max(...extents.map(([, to]) => to));
  return [Math.max(0, first - 2), Math.min(count - 1, last + 2)];
}

function keepInView(row: HTMLElement): void {
  const box = row.closest(".strip-scroll");
  if (!box || box.scrollHeight <= box.clientHeight) return;
  const above = row.offsetTop - box.scrollTop;
  if (above < 24) box.scrollTop = row.offsetTop - 24;
  else if (above + row.offsetHeight > box.clientHeight) box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
}
