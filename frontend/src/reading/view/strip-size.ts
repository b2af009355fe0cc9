/** How wide the cells and how high the rows of the strip are: as large as fits, as small as can still be read. */

import type { Row } from "./strip-view.ts";

const NARROWEST_CELL = 3;
/** From this width on a letter stands in the cell. */
const LETTER_CELL = 10;
const THIN_CELL = 7;
/** The columns of level and mark, and of the end of a row that has nothing but its count, in rem. */
const LEVEL_AND_MARK = 2.625 + 2.25;
const PLAIN_END = 3.125;
/** Between the last cell, the extras and the count. */
const END_GAPS = 6 + 6;
/** A letter still fits between the lines. */
const LOWEST_ROW = 22;
/** The row of the slice numbers. */
const HEAD_ROW = 22;

export function fitStrip(table: HTMLTableElement, rows: readonly Row[]): void {
  fitCells(table, rows);
  fitRows(table, rows.length);
}

/** A native series has many more slices than a derived one. */
function fitCells(table: HTMLTableElement, rows: readonly Row[]): void {
  const count = Number(table.style.getPropertyValue("--columns")) || 1;
  const style = getComputedStyle(table);
  const pad = Number.parseFloat(style.getPropertyValue("--pad"));
  const widestCell = Number.parseFloat(style.getPropertyValue("--cell-max"));
  const ends = rows.filter(({ extras }) => extras.dataset["key"]);
  const widest = Math.max(0, ...ends.map(({ extras, count: words }) => extras.offsetWidth + words.offsetWidth));
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const fixed = pad + LEVEL_AND_MARK * rem + Math.max(PLAIN_END * rem, widest > 0 ? Math.ceil(widest) + END_GAPS + pad : 0);
  const space = (table.parentElement?.clientWidth ?? 0) - fixed;
  const cell = Math.max(NARROWEST_CELL, Math.min(widestCell, Math.floor((space / count) * 2) / 2));
  table.style.setProperty("--cell", `${cell}px`);
  table.classList.toggle("thin", cell < THIN_CELL);
  table.classList.toggle("lettered", cell >= LETTER_CELL);
}

/** A whole spine shrinks its rows before it scrolls; what is left goes to the report. */
function fitRows(table: HTMLTableElement, count: number): void {
  const left = table.closest<HTMLElement>(".left");
  const panel = table.closest<HTMLElement>(".strip-panel");
  const scroll = table.parentElement;
  if (!left || !panel || !scroll || count === 0) return;
  const style = getComputedStyle(left);
  const highest = Number.parseFloat(style.getPropertyValue("--row-max"));
  const drawer = Number.parseFloat(style.getPropertyValue("--drawer-min"));
  // Heads, legend and foot of the panel do not depend on the rows.
  const around = [...panel.children].filter((child) => child !== scroll).reduce((sum, child) => sum + (child as HTMLElement).offsetHeight, 0);
  const space = left.clientHeight - drawer - around - HEAD_ROW - 1;
  const row = Math.max(LOWEST_ROW, Math.min(highest, Math.floor(space / count)));
  table.style.setProperty("--row", `${row}px`);
}
