/** The differences as a map: one lane per reader over the slices, patient's right on the left, what differs underlined. */

import { cellOf, cellWords, isShaved } from "../../reading/marks.ts";
import type { Finding, SopUid, Vertebra } from "../../reading/model.ts";
import { button, icon, make, part, setAttribute } from "../../reading/view/dom.ts";
import { StripTicks } from "../../reading/view/strip-ticks.ts";
import { findingBy, type Asked, type ConsensusData } from "../data.ts";
import type { Letter } from "../shapes.ts";
import type { Sitting } from "../sitting.ts";
import { countWords, findingWords, fracturedIn, markBy, tookWords } from "../words.ts";

interface Group {
  readonly asked: Asked;
  readonly element: HTMLTableSectionElement;
  readonly end: HTMLElement;
  readonly cells: readonly { readonly k: number; readonly element: HTMLTableCellElement }[];
}

const NARROWEST_CELL = 3;
const WIDEST_CELL = 13;
const THIN_CELL = 7;
/** Level, letter and mark before the cells; the count after them, in rem. */
const AROUND = 2 + 1.25 + 2.25 + 3.4;

export class Lanes {
  private readonly table = part<HTMLTableElement>("lanes");
  private readonly scroll = part("lanes-scroll");
  private ticks = new StripTicks();
  private groups: readonly Group[] = [];
  private sitting: Sitting | null = null;
  private builtOf: readonly unknown[] = [];
  private columns = 1;

  constructor() {
    this.table.addEventListener("pointerdown", (event) => this.down(event));
    this.table.addEventListener("pointermove", (event) => event.buttons === 1 && this.move(event));
    new ResizeObserver(() => this.fit()).observe(this.scroll);
  }

  refresh(sitting: Sitting): void {
    this.sitting = sitting;
    const of = [sitting.data.asked, sitting.order];
    if (of.some((each, index) => each !== this.builtOf[index])) {
      this.build(sitting);
      this.builtOf = of;
    }
    for (const group of this.groups) this.refreshGroup(group, sitting);
    this.ticks.show(sitting.k);
  }

  private build(sitting: Sitting): void {
    const { data, asked } = sitting;
    this.scroll.hidden = asked.length === 0;
    const [first, last] = columnsOf(asked, data.context.sops.length);
    const columns = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    this.columns = columns.length;
    this.ticks = new StripTicks();
    const head = this.ticks.build(columns);
    head.rows[0]?.prepend(make("td"));
    this.groups = asked.map((each) => this.groupOf(each, data, columns));
    const groups = make("colgroup", {}, ...["lvl", "who", "mk"].map((name) => make("col", { class: name })));
    groups.append(make("col", { class: "sl", span: String(columns.length) }), make("col"));
    this.table.replaceChildren(groups, head, ...this.groups.map(({ element }) => element));
    this.fit();
  }

  private groupOf(asked: Asked, data: ConsensusData, columns: readonly number[]): Group {
    const { vertebra, json } = asked;
    const cells: { k: number; element: HTMLTableCellElement }[] = [];
    const end = make("span", { class: "t3 num" });
    const why = make("span", { class: json.difference === "verdict" ? "state-text st-diff" : "" }, json.why);
    const width = String(columns.length + 4);
    const head = make("tr", { class: "why" }, make("th", { colspan: width, scope: "rowgroup" }, make("span", { class: "why-row" }, why, end)));
    const lanes = data.json.letters.map((letter, index) => {
      const finding = findingBy(data, letter, vertebra);
      const mark = markBy(vertebra, finding);
      const places = columns.map((k) => cellFor(k, data, vertebra, finding, asked.differing));
      cells.push(...places.map((element, place) => ({ k: columns[place] as number, element })));
      const row = make("tr", { class: mark.className });
      if (index === 0) row.append(this.levelCell(asked, data));
      const words = findingWords(finding);
      const sign = make("span", { class: `mark ${mark.className}`, role: "img", "aria-label": words, title: words }, mark.sign);
      row.append(make("th", { class: "who", scope: "row" }, letter), make("td", {}, sign), ...places, make("td", { class: "count" }, laneCount(finding, vertebra, data, letter)));
      return row;
    });
    const element = make("tbody", { "data-vertebra": String(vertebra.id) }, head, ...lanes);
    return { asked, element, end, cells };
  }

  private levelCell(asked: Asked, data: ConsensusData): HTMLElement {
    const name = asked.json.level || asked.vertebra.level || `#${data.context.vertebrae.indexOf(asked.vertebra) + 1}`;
    const go = button({ class: "lane-level" }, name);
    go.addEventListener("click", () => this.sitting?.select(asked));
    return make("th", { class: "lvl", scope: "rowgroup", rowspan: String(data.json.letters.length) }, go);
  }

  private refreshGroup({ asked, element, end, cells }: Group, sitting: Sitting): void {
    const isCurrent = asked.vertebra === sitting.vertebra;
    setAttribute(element, "aria-current", isCurrent ? "true" : null);
    const settled = sitting.settledOf(asked.vertebra);
    element.classList.toggle("settled", settled !== null);
    const words = settled?.took ? tookWords(settled.took, sitting.data.json.letters) : differWords(asked);
    if (end.dataset["of"] !== words) {
      end.dataset["of"] = words;
      end.replaceChildren(...(settled ? [icon("check")] : []), words);
    }
    for (const { k, element: cell } of cells) cell.classList.toggle("now", k === sitting.k);
    if (isCurrent) keepInView(element, this.scroll);
  }

  private fit(): void {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const pad = Number.parseFloat(getComputedStyle(this.table).getPropertyValue("--pad")) || 12;
    const space = this.scroll.clientWidth - AROUND * rem - 2 * pad;
    const cell = Math.max(NARROWEST_CELL, Math.min(WIDEST_CELL, Math.floor((space / this.columns) * 2) / 2));
    this.table.style.setProperty("--cell", `${cell}px`);
    this.table.classList.toggle("thin", cell < THIN_CELL);
  }

  private down(event: PointerEvent): void {
    const hit = this.hit(event);
    if (!hit || event.button !== 0) return;
    event.preventDefault();
    this.sitting?.select(hit.asked, hit.k);
  }

  private move(event: PointerEvent): void {
    const hit = this.hit(event);
    if (hit?.k !== undefined && hit.k !== null && hit.asked === this.sitting?.current) this.sitting.tools.showSlice(hit.k);
  }

  private hit(event: PointerEvent): { readonly asked: Asked; readonly k: number | null } | null {
    if (!(event.target instanceof Element) || event.target.closest("button")) return null;
    const id = event.target.closest("tbody")?.dataset["vertebra"];
    const group = this.groups.find(({ asked }) => String(asked.vertebra.id) === id);
    const k = event.target.closest("td")?.dataset["k"];
    return group ? { asked: group.asked, k: k === undefined ? null : Number(k) } : null;
  }
}

function cellFor(k: number, data: ConsensusData, vertebra: Vertebra, finding: Finding, differing: ReadonlySet<SopUid>): HTMLTableCellElement {
  const sop = data.context.sops[k];
  const inside = vertebra.extent !== null && k >= vertebra.extent[0] && k <= vertebra.extent[1];
  const kind = sop && (inside || finding.slices[sop]) ? laneCell(vertebra, finding, sop) : "";
  const shaved = inside && isShaved(data.kept.get(vertebra.id), k);
  const names = [kind && "c", kind, shaved && "shaved", kind && !inside && "margin", sop && differing.has(sop) && "dx"];
  const cell = make("td", { "data-k": String(k), class: names.filter(Boolean).join(" ") });
  if (kind) cell.title = `Slice ${k + 1}: ${cellWords(kind, { shaved, outside: !inside })}`;
  return cell;
}

/** A vertebra that is negative is so on each of its slices; one that is a fracture is not. */
function laneCell(vertebra: Vertebra, finding: Finding, sop: SopUid): ReturnType<typeof cellOf> {
  const cell = cellOf(vertebra, finding, sop, SEEN);
  return cell === "s" && finding.verdict === "negative" ? "n" : cell;
}

/** Both readers have seen what they locked. */
const SEEN: ReadonlySet<SopUid> = { has: () => true } as unknown as ReadonlySet<SopUid>;

function laneCount(finding: Finding, vertebra: Vertebra, data: ConsensusData, letter: Letter): string {
  if (finding.level_said && finding.level_said !== vertebra.level) return `→${finding.level_said}`;
  const labelled = data.json.reads[letter]?.slices_labelled ?? false;
  if (!labelled || (finding.verdict !== "fracture" && finding.verdict !== "negative")) return "";
  return `${fracturedIn(finding, data.context).length} / ${vertebra.sops.length}`;
}

export const differWords = ({ differing }: Asked): string => (differing.size > 0 ? countWords(differing.size, "slice", "slices") : "");

function columnsOf(asked: readonly Asked[], count: number): [number, number] {
  const extents = asked.flatMap(({ vertebra }) => (vertebra.extent ? [vertebra.extent] : []));
  if (extents.length === 0) return [0, Math.max(0, count - 1)];
  const first = Math.min(...extents.map(([from]) => from));
  const last = Math.max(...extents.map(([, to]) => to));
  return [Math.max(0, first - 2), Math.min(count - 1, last + 2)];
}

const HEAD = 24;

function keepInView(group: HTMLElement, box: HTMLElement): void {
  if (box.scrollHeight <= box.clientHeight) return;
  const { offsetTop: top, offsetHeight: height } = group;
  if (top < box.scrollTop + HEAD) box.scrollTop = top - HEAD;
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
}
