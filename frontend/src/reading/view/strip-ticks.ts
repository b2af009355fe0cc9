/** The numbers above the strip: every fifth slice, the patient's sides at the ends, the slice on screen in a box. */

import { make } from "./dom.ts";

export class StripTicks {
  private ticks: ReadonlyMap<number, HTMLElement> = new Map();
  private now: HTMLElement | null = null;

  build(columns: readonly number[]): HTMLTableSectionElement {
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
    this.now = null;
    return make("thead", { "aria-hidden": "true" }, row);
  }

  show(k: number): void {
    const tick = this.ticks.get(k) ?? null;
    if (tick === this.now) return;
    if (this.now) {
      this.now.classList.remove("now");
      const span = this.now.querySelector("span");
      if (span) span.textContent = this.now.dataset["words"] ?? "";
    }
    if (tick) {
      const span = tick.querySelector("span");
      tick.dataset["words"] = span?.textContent ?? "";
      if (span) span.textContent = String(k + 1);
      tick.classList.add("now");
    }
    this.now = tick;
    // A number beside the slice on screen would be half covered by it.
    for (const [index, cell] of this.ticks) cell.classList.toggle("near", index !== k && Math.abs(index - k) <= 2);
  }
}
