/** Curves of a training as SVG, drawn from the table that says the same: the table is there for everyone. */

export type Point = readonly [x: number, y: number];

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Round numbers from below `low` to above `high`, at most about `most` of them. */
export function ticks(low: number, high: number, most = 5): number[] {
  if (!(high > low)) return ticks(low - (Math.abs(low) || 1) * 0.1, low + (Math.abs(low) || 1) * 0.1, most);
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? 10 * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** As few digits as tell the ticks apart. */
export function tickWords(values: readonly number[]): string[] {
  const digits = Math.max(0, ...values.map((value) => (String(Number(value.toPrecision(6))).split(".")[1] ?? "").length));
  return values.map((value) => value.toFixed(digits).replace(/^-/, "−"));
}

/** Whole epochs only: an axis of steps has no halves. */
export function wholeTicks(low: number, high: number, most = 6): number[] {
  const found = ticks(low, high, most);
  return found.every(Number.isInteger) ? found : Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index);
}

const finite = (points: readonly Point[]): Point[] => points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));

export const rangeOf = (values: readonly number[]): Range => ({ low: Math.min(...values), high: Math.max(...values) });

/** Names at the ends of their lines, moved apart where they would lie over one another. */
export function apart(places: readonly number[], gap: number): number[] {
  const order = places.map((_, index) => index).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
  const moved = [...places];
  order.forEach((index, rank) => {
    const above = rank > 0 ? moved[order[rank - 1] ?? 0] : undefined;
    if (above !== undefined) moved[index] = Math.max(moved[index] ?? 0, above + gap);
  });
  return moved;
}

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString()).replace(/^-/, "−");

/** What the picture shows, for who does not see it. */
export function wordsOf(lines: readonly Line[], x: string): string {
  const said = lines.flatMap(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (!first || !last) return [];
    return points.length === 1 ? [`${name} ${number(first[1])} at ${x} ${first[0]}`] : [`${name} from ${number(first[1])} to ${number(last[1])} between ${x} ${first[0]} and ${last[0]}`];
  });
  return said.length ? `${said.join("; ")}.` : "Nothing yet.";
}

/** The lines of a table: its first column is x, each other one a line; empty cells are gaps. */
export function linesOf(table: HTMLTableElement): { x: string; lines: Line[] } {
  const [x = "", ...names] = [...table.querySelectorAll("thead th")].map((head) => head.textContent?.trim() ?? "");
  const rows = [...table.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => (cell as HTMLElement).dataset["value"] ?? ""));
  const value = (text: string | undefined): number => (text === undefined || text === "" ? Number.NaN : Number(text));
  const lines = names.map((name, column) => ({ name, points: finite(rows.map((row) => [value(row[0]), value(row[column + 1])] as const)) }));
  return { x, lines: lines.filter((line) => line.points.length > 0) };
}

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { height: 236, left: 46, right: 116, top: 14, bottom: 32 } as const;
/** Drawn one to one, so that its text is as large as all other text. */
const WIDEST = 640;

function node(name: string, attributes: Readonly<Record<string, string | number>>, text = ""): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text) made.textContent = text;
  return made;
}

function picture(lines: readonly Line[], x: string, bounds: Range | null, width: number): SVGElement {
  const all = lines.flatMap((line) => line.points);
  const xs = rangeOf(all.map(([at]) => at));
  const ys = bounds ?? rangeOf(all.map(([, value]) => value));
  const across = wholeTicks(xs.low, Math.max(xs.high, xs.low + 1));
  const up = ticks(ys.low, ys.high, 4);
  const [x0, x1] = [xs.low, Math.max(xs.high, xs.low + 1)];
  const [y0, y1] = [up[0] ?? 0, up.at(-1) ?? 1];
  const [right, bottom] = [width - SIZE.right, SIZE.height - SIZE.bottom];
  const px = (at: number): number => Number((SIZE.left + ((at - x0) / (x1 - x0)) * (right - SIZE.left)).toFixed(1));
  const py = (value: number): number => Number((bottom - ((value - y0) / (y1 - y0)) * (bottom - SIZE.top)).toFixed(1));

  const svg = node("svg", { viewBox: `0 0 ${width} ${SIZE.height}`, class: "fig curve-fig", role: "img", "aria-label": wordsOf(lines, x) });
  svg.append(node("path", { class: "grid", d: up.map((value) => `M${SIZE.left} ${py(value)}H${right}`).join("") }));
  svg.append(node("path", { class: "axis", d: `M${SIZE.left} ${SIZE.top - 4}V${bottom}H${right}` }));
  tickWords(up).forEach((words, index) => svg.append(node("text", { x: SIZE.left - 8, y: py(up[index] ?? 0) + 4, "text-anchor": "end" }, words)));
  for (const at of across.filter((each) => each >= x0 && each <= x1)) svg.append(node("text", { x: px(at), y: bottom + 18, "text-anchor": "middle" }, String(at)));
  svg.append(node("text", { class: "t-weak", x: right + 12, y: bottom + 18 }, x));

  const names = apart(lines.map((line) => py(line.points.at(-1)?.[1] ?? 0)), 14);
  lines.forEach(({ name, points }, index) => {
    // The last line of a figure is the one that decides: validation, not training.
    const style = index === lines.length - 1 ? "acc" : `other-${index % 3}`;
    svg.append(node("path", { class: style, d: points.map(([at, value], place) => `${place ? "L" : "M"}${px(at)} ${py(value)}`).join("") }));
    const last = points.at(-1);
    if (!last) return;
    if (points.length === 1 || index === lines.length - 1) svg.append(node("circle", { class: `${style}-dot`, cx: px(last[0]), cy: py(last[1]), r: 3 }));
    svg.append(node("text", { class: `${style}-name`, x: px(last[0]) + 8, y: (names[index] ?? 0) + 4 }, name));
  });
  return svg;
}

/** Draws every figure below a node. */
export function drawCurves(root: ParentNode): void {
  for (const figure of root.querySelectorAll<HTMLElement>("[data-curve]")) {
    const table = figure.querySelector("table");
    const place = figure.querySelector<HTMLElement>("[data-plot]");
    if (!table || !place) continue;
    const { x, lines } = linesOf(table);
    const share = figure.dataset["curve"] === "share" ? { low: 0, high: 1 } : null;
    if (lines.length > 0) place.replaceChildren(picture(lines, x, share, Math.min(WIDEST, Math.max(300, place.clientWidth))));
  }
}
