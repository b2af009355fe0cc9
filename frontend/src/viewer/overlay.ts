/** Outlines, level names and the scale bar over the image, as SVG: no WebGL, sharp at every zoom, kilobytes. */

import { scaleBarLength, toScreen, type PixelTransform, type Plane } from "./geometry.ts";

/** Rings of [column, row] by label value, by slice; 0, 0 is the centre of the first pixel. */
export type Outlines = Readonly<Record<string, Readonly<Record<string, readonly (readonly (readonly [number, number])[])[]>>>>;

/** How one vertebra is drawn. */
export interface OutlineStyle {
  readonly labelValue: number;
  readonly className: string;
  readonly level: string;
  readonly type: string;
  readonly current: boolean;
}

export interface OverlayScene {
  readonly k: number;
  readonly transform: PixelTransform;
  readonly plane: Plane;
  readonly styles: readonly OutlineStyle[];
  readonly hidden: boolean;
}

const SVG = "http://www.w3.org/2000/svg";
const LABEL_GAP = 10;
/** With less room than this to its left, a name goes inside the outline instead of over the edge letters. */
const LABEL_ROOM = 64;
const SCALE_WIDTH = 160;

interface Shape {
  readonly path: string;
  /** Leftmost column and middle row: where the name goes. */
  readonly left: number;
  readonly middle: number;
}

export class Overlay {
  private readonly outlineLayer = element("g");
  private readonly labelLayer = element("g");
  private readonly scaleLayer = element("g", { class: "scalebar" });
  private readonly nodes = new Map<string, { path: SVGElement; text: SVGElement }>();
  private readonly shapes = new Map<string, Shape | null>();
  private outlines: Outlines = {};
  /** Kept here because asking the browser after a change would make it lay out the page for every slice. */
  private size = { width: 0, height: 0 };

  constructor(host: HTMLElement) {
    new ResizeObserver(([entry]) => {
      if (entry) this.size = { width: entry.contentRect.width, height: entry.contentRect.height };
    }).observe(host);
    const svg = element("svg", { class: "drawing", "aria-hidden": "true" });
    svg.append(this.outlineLayer, this.labelLayer, this.scaleLayer);
    host.append(svg);
  }

  setOutlines(outlines: Outlines): void {
    this.outlines = outlines;
    this.shapes.clear();
  }

  draw(scene: OverlayScene): void {
    this.drawScale(scene);
    const drawn = new Set<string>();
    if (!scene.hidden) for (const style of scene.styles) if (this.drawOutline(scene, style)) drawn.add(String(style.labelValue));
    for (const [key, nodes] of this.nodes) {
      if (drawn.has(key)) continue;
      nodes.path.remove();
      nodes.text.remove();
      this.nodes.delete(key);
    }
    const { a, b, c, d, e, f } = scene.transform;
    this.outlineLayer.setAttribute("transform", `matrix(${a} ${b} ${c} ${d} ${e} ${f})`);
  }

  /** The label value whose body lies under a pixel of a slice, or null. */
  labelAt(k: number, column: number, row: number): number | null {
    for (const [value, rings] of Object.entries(this.outlines[String(k)] ?? {})) {
      if (rings.some((ring) => contains(ring, column, row))) return Number(value);
    }
    return null;
  }

  private drawOutline(scene: OverlayScene, style: OutlineStyle): boolean {
    const shape = this.shapeOf(scene.k, style.labelValue);
    if (!shape) return false;
    const nodes = this.nodesOf(String(style.labelValue));
    put(nodes.path, "d", shape.path);
    put(nodes.path, "class", `outline ${style.className}${style.current ? " current" : ""}`);
    const [x, y] = toScreen(scene.transform, shape.left, shape.middle);
    const inside = x < LABEL_ROOM;
    put(nodes.text, "text-anchor", inside ? "start" : "end");
    put(nodes.text, "x", (inside ? Math.max(x, 4) + LABEL_GAP : x - LABEL_GAP).toFixed(1));
    put(nodes.text, "y", (y + 4).toFixed(1));
    put(nodes.text, "class", `lvl-label ${style.className}${style.current ? " current" : ""}`);
    const words = `${style.level}|${style.type}`;
    if (nodes.text.getAttribute("data-words") !== words) {
      const type = element("tspan", { class: "ty" });
      type.textContent = style.type ? ` ${style.type}` : "";
      nodes.text.replaceChildren(document.createTextNode(style.level), type);
      nodes.text.setAttribute("data-words", words);
    }
    return true;
  }

  private nodesOf(key: string): { path: SVGElement; text: SVGElement } {
    const known = this.nodes.get(key);
    if (known) return known;
    const nodes = { path: element("path"), text: element("text") };
    this.outlineLayer.append(nodes.path);
    this.labelLayer.append(nodes.text);
    this.nodes.set(key, nodes);
    return nodes;
  }

  private shapeOf(k: number, labelValue: number): Shape | null {
    const key = `${k}/${labelValue}`;
    const known = this.shapes.get(key);
    if (known !== undefined) return known;
    const rings = this.outlines[String(k)]?.[String(labelValue)];
    const shape = rings?.length ? shapeOfRings(rings) : null;
    this.shapes.set(key, shape);
    return shape;
  }

  private drawScale(scene: OverlayScene): void {
    const { width, height } = this.size;
    const perMillimetre = Math.hypot(scene.transform.c, scene.transform.d) / scene.plane.rowSpacing;
    const length = scaleBarLength(perMillimetre, SCALE_WIDTH);
    const right = width - 14;
    const left = right - length * perMillimetre;
    const base = height - 14;
    const key = `${length} ${left.toFixed(1)} ${base}`;
    if (this.scaleLayer.getAttribute("data-key") === key) return;
    this.scaleLayer.setAttribute("data-key", key);
    const bar = element("path", { d: `M${left} ${base - 7}v7H${right}v-7M${(left + right) / 2} ${base - 4}v4` });
    const text = element("text", { x: String((left + right) / 2), y: String(base - 12), "text-anchor": "middle" });
    text.textContent = `${length} mm`;
    this.scaleLayer.replaceChildren(bar, text);
  }
}

type Ring = readonly (readonly [number, number])[];

/** The name stands beside the largest ring: the body, not a piece of the arch. */
function shapeOfRings(rings: readonly Ring[]): Shape {
  const path = rings.map((ring) => `M${ring.map(([column, row]) => `${column} ${row}`).join("L")}Z`).join("");
  const body = rings.reduce((largest, ring) => (area(ring) > area(largest) ? ring : largest));
  const rows = body.map(([, row]) => row);
  return {
    path,
    left: Math.min(...body.map(([column]) => column)),
    middle: (Math.min(...rows) + Math.max(...rows)) / 2,
  };
}

/** Shoelace formula, in pixels. */
function area(ring: Ring): number {
  const twice = ring.reduce((sum, [x1, y1], index) => {
    const [x2, y2] = ring[(index + 1) % ring.length] as readonly [number, number];
    return sum + x1 * y2 - x2 * y1;
  }, 0);
  return Math.abs(twice) / 2;
}

function contains(ring: Ring, column: number, row: number): boolean {
  let inside = false;
  ring.forEach(([x1, y1], index) => {
    const [x2, y2] = ring[(index + 1) % ring.length] as readonly [number, number];
    if (y1 > row !== y2 > row && column < ((x2 - x1) * (row - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

function element(name: string, attributes: Readonly<Record<string, string>> = {}): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function put(node: SVGElement, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
