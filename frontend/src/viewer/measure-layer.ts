/** Lines, points and numbers of measures over the image. They are given in pixels of the slice and drawn in CSS pixels. */

import { toScreen, type PixelTransform } from "./geometry.ts";
import type { PixelPoint } from "./rings.ts";

/** One measure as it is drawn. */
export interface DrawnMeasure {
  readonly className: string;
  readonly lines: readonly (readonly [PixelPoint, PixelPoint])[];
  readonly handles: readonly { readonly at: PixelPoint; readonly chosen: boolean }[];
  readonly words: MeasureWords | null;
}

/** Beside one place, line under line; `free` lines are left for what stands there already. */
export interface MeasureWords {
  readonly at: PixelPoint;
  readonly lines: readonly string[];
  readonly side: "left" | "right";
  readonly free: number;
}

const SVG = "http://www.w3.org/2000/svg";
const RADIUS = 4.5;
const GAP = 12;
const LINE_HEIGHT = 16;

export class MeasureLayer {
  private readonly layer: SVGElement;
  private drawn = "";

  constructor(layer: SVGElement) {
    this.layer = layer;
  }

  draw(measures: readonly DrawnMeasure[], transform: PixelTransform): void {
    const key = measures.length === 0 ? "" : JSON.stringify([measures, transform]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.layer.replaceChildren(...measures.map((measure) => groupOf(measure, transform)));
  }
}

function groupOf(measure: DrawnMeasure, transform: PixelTransform): SVGElement {
  const place = ([column, row]: PixelPoint): [string, string] => {
    const [x, y] = toScreen(transform, column, row);
    return [x.toFixed(1), y.toFixed(1)];
  };
  const group = node("g", { class: `measure ${measure.className}` });
  const path = measure.lines.map(([from, to]) => `M${place(from).join(" ")}L${place(to).join(" ")}`).join("");
  // A dark line under the bright one is seen on bone and on air.
  if (path) group.append(node("path", { class: "under", d: path }), node("path", { d: path }));
  for (const { at, chosen } of measure.handles) {
    const [cx, cy] = place(at);
    group.append(node("circle", { class: chosen ? "handle chosen" : "handle", cx, cy, r: String(RADIUS) }));
  }
  if (measure.words) group.append(textOf(measure.words, toScreen(transform, ...measure.words.at)));
  return group;
}

function textOf(words: MeasureWords, [x, y]: readonly [number, number]): SVGElement {
  const left = words.side === "left";
  const at = (left ? x - GAP : x + GAP).toFixed(1);
  const text = node("text", { "text-anchor": left ? "end" : "start" });
  words.lines.forEach((line, index) => {
    const part = node("tspan", { x: at, y: (y + 4 + LINE_HEIGHT * (index + words.free)).toFixed(1) });
    part.textContent = line;
    text.append(part);
  });
  return text;
}

function node(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
