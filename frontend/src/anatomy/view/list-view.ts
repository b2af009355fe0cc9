/** The list of the vertebrae, head to feet: level, mask, cut, and its slices as a bar over the whole stack. */

import { make, part, setAttribute, setText } from "../../reading/view/dom.ts";
import { missingBelow } from "../check.ts";
import type { Desk } from "../desk.ts";
import { cutWords, nameOf, spanOf, type Bodies, type Body } from "../model.ts";
import { CERTAINTY_SIGN, CERTAINTY_WORDS, lookOf } from "./looks.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Units of the bar across one slice. */
const UNIT = 10;

export class ListView {
  private readonly table = part<HTMLTableElement>("list");
  private readonly body = make("tbody");
  private readonly span = part("span");
  private desk: Desk | null = null;
  private shown: Bodies = [];
  private currentShown: string | null = null;
  private lines: SVGElement[] = [];

  constructor() {
    const head = (className: string, ...content: (string | Node)[]): HTMLElement => make("th", { scope: "col", class: className }, ...content);
    const ends = make("span", { title: "Patient right to left" }, make("span", {}, "R"), make("span", {}, "L"));
    const heads = [head("lvl", "Level"), head("mk", "Mask"), head("edge", "Cut"), head("bar", ends), head("num", "Slices")];
    this.table.append(make("thead", {}, make("tr", {}, ...heads)), this.body);
    this.body.addEventListener("pointerdown", (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>("tr[data-key]") : null;
      if (!row || !this.desk) return;
      event.preventDefault();
      this.desk.select(row.dataset["key"] ?? "");
      const bar = event.target instanceof Element ? event.target.closest("svg") : null;
      if (bar) this.showUnder(bar, event);
    });
  }

  build(desk: Desk): void {
    this.desk = desk;
    this.shown = [];
    this.currentShown = null;
    this.refresh();
  }

  refresh(): void {
    const { desk } = this;
    if (!desk) return;
    const { bodies } = desk;
    setText(this.span, bodies.length === 0 ? "none yet" : `${bodies.length}, ${spanOf(bodies)}`);
    if (bodies !== this.shown || desk.table.current !== this.currentShown) {
      this.shown = bodies;
      this.currentShown = desk.table.current;
      this.draw(desk);
    }
    const at = String((desk.k + 0.5) * UNIT);
    for (const line of this.lines) {
      setAttribute(line, "x1", at);
      setAttribute(line, "x2", at);
    }
  }

  private draw(desk: Desk): void {
    const { bodies } = desk;
    this.lines = [];
    this.table.classList.toggle("many", bodies.length > 15);
    this.body.replaceChildren(
      ...bodies.flatMap((body, place) => {
        const row = this.row(desk, body);
        const missing = missingBelow(bodies, place);
        return missing.length === 0 ? [row] : [row, gapRow(missing)];
      }),
    );
    if (bodies.length === 0) this.body.append(make("tr", {}, make("td", { class: "none t3", colspan: "5" }, emptyWords(desk))));
    this.body.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  private row(desk: Desk, body: Body): HTMLTableRowElement {
    const look = lookOf(body);
    const name = nameOf(body, desk.bodies);
    const [first, last] = body.extent;
    const level = make("th", { scope: "row", class: "lvl" }, name);
    if (CERTAINTY_SIGN[body.certainty]) level.append(make("span", { class: "unsure", "aria-hidden": "true" }, CERTAINTY_SIGN[body.certainty]));
    level.append(make("span", { class: "sr" }, `, ${CERTAINTY_WORDS[body.certainty]}`));
    const mark = make("td", { class: "mk" }, make("b", { class: `mask-mark ${look.className}`, "aria-hidden": "true" }, look.sign));
    mark.append(make("span", { class: "sr" }, look.words));
    const cut = make("td", { class: "edge" }, body.cut ? body.cutWhere || "cut" : "");
    const slices = make("td", { class: "num" }, `${first + 1}–${last + 1}`);
    const row = make("tr", { "data-key": body.key }, level, mark, cut, this.bar(desk, body), slices);
    const title = `${name}: ${look.words}, ${cutWords(body) || "complete"}, slices ${first + 1} to ${last + 1}`;
    setAttribute(row, "title", title);
    setAttribute(row, "aria-current", body.key === desk.table.current ? "true" : null);
    return row;
  }

  private bar(desk: Desk, body: Body): HTMLTableCellElement {
    const svg = document.createElementNS(SVG, "svg");
    const count = desk.data.slices.length;
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${count * UNIT} 10`, preserveAspectRatio: "none", "aria-hidden": "true" })) {
      svg.setAttribute(name, value);
    }
    const [first, last] = body.extent;
    const width = String((last - first + 1) * UNIT);
    svg.append(
      line("path", { d: `M0 5H${count * UNIT}`, class: "base" }),
      line("rect", { x: String(first * UNIT), y: "2", width, height: "6", class: lookOf(body).className }),
    );
    const now = line("line", { x1: "0", x2: "0", y1: "-6", y2: "16", class: "now" });
    svg.append(now);
    this.lines.push(now);
    return make("td", { class: "bar" }, svg);
  }

  /** A click on the bar also shows the slice under it. */
  private showUnder(bar: SVGSVGElement, event: PointerEvent): void {
    const box = bar.getBoundingClientRect();
    const count = this.desk?.data.slices.length ?? 0;
    this.desk?.showSlice(Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * count))));
  }
}

const gapRow = (missing: readonly string[]): HTMLElement =>
  make("tr", { class: "gap" }, make("td", { colspan: "5" }, `${missing.join(", ")} not in the list`));

const emptyWords = (desk: Desk): string =>
  desk.data.mayEdit ? "There is no mask. Click the centre of each vertebral body in the image, from top to bottom." : "There is no mask, and nobody has placed a vertebra yet.";

function line(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.setAttribute("vector-effect", "non-scaling-stroke");
  return node;
}
