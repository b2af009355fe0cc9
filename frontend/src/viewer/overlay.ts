/** Outlines, level names and the scale bar over the image, as SVG: no WebGL, sharp at every zoom, kilobytes. */

import { crosshairPath, scaleBarLength, toScreen, type PixelTransform, type Plane, type Segment } from "./geometry.ts";
import { areaOf, type Ring } from "./rings.ts";

/** The rings of one vertebra on one slice; none where the slice does not cross it. */
export type RingSource = (k: number, id: number) => readonly Ring[];

/** How one vertebra is drawn. */
export interface OutlineStyle {
  readonly id: number;
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
  /** Where the planes of the second view cut through this slice. */
  readonly guides: readonly Segment[];
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
  private readonly guideLayer = element("g", { class: "guides" });
  private readonly outlineLayer = element("g");
  private readonly labelLayer = element("g");
  private readonly scaleLayer = element("g", { class: "scalebar" });
  private readonly svg = element("svg", { class: "drawing", "aria-hidden": "true" });
  private readonly nodes = new Map<number, { path: SVGElement; text: SVGElement }>();
  private readonly shapes = new Map<string, Shape | null>();
  private rings: RingSource = () => [];
  /** Kept here because asking the browser after a change would make it lay out the page for every slice. */
  private size = { width: 0, height: 0 };
  private scene: OverlayScene | null = null;

  constructor(host: HTMLElement) {
    new ResizeObserver(([entry]) => {
      if (!entry) return;
      this.size = { width: entry.contentRect.width, height: entry.contentRect.height };
      // The picture heard of the new size first and was drawn with the old one still standing here.
      if (this.scene) this.drawScale(this.scene);
    }).observe(host);
    this.svg.append(this.guideLayer, this.outlineLayer, this.labelLayer, this.scaleLayer);
    host.append(this.svg);
  }

  /** A layer of its own over the outlines, in CSS pixels. */
  layer(className: string): SVGElement {
    const layer = element("g", { class: className });
    this.svg.append(layer);
    return layer;
  }

  setRings(rings: RingSource): void {
    this.rings = rings;
    this.shapes.clear();
  }

  /** Another stack: nothing of the one before stays over it. */
  clear(): void {
    for (const { path, text } of this.nodes.values()) {
      path.remove();
      text.remove();
    }
    this.nodes.clear();
    this.guideLayer.replaceChildren();
  }

  draw(scene: OverlayScene): void {
    this.scene = scene;
    this.drawScale(scene);
    this.drawGuides(scene);
    const drawn = new Set<number>();
    if (!scene.hidden) for (const style of scene.styles) if (this.drawOutline(scene, style)) drawn.add(style.id);
    for (const [id, nodes] of this.nodes) {
      if (drawn.has(id)) continue;
      nodes.path.remove();
      nodes.text.remove();
      this.nodes.delete(id);
    }
    const { a, b, c, d, e, f } = scene.transform;
    put(this.outlineLayer, "transform", `matrix(${a} ${b} ${c} ${d} ${e} ${f})`);
  }

  private drawGuides(scene: OverlayScene): void {
    const path = crosshairPath(scene.guides, scene.transform);
    const [line] = this.guideLayer.children;
    if (line) put(line as SVGElement, "d", path);
    else if (path) this.guideLayer.append(element("path", { class: "crosshair", d: path }));
  }

  private drawOutline(scene: OverlayScene, style: OutlineStyle): boolean {
    const shape = this.shapeOf(scene.k, style.id);
    if (!shape) return false;
    const nodes = this.nodesOf(style.id);
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

  private nodesOf(id: number): { path: SVGElement; text: SVGElement } {
    const known = this.nodes.get(id);
    if (known) return known;
    const nodes = { path: element("path"), text: element("text") };
    this.outlineLayer.append(nodes.path);
    this.labelLayer.append(nodes.text);
    this.nodes.set(id, nodes);
    return nodes;
  }

  private shapeOf(k: number, id: number): Shape | null {
    const key = `${k}/${id}`;
    const known = this.shapes.get(key);
    if (known !== undefined) return known;
    const rings = this.rings(k, id);
    const shape = rings.length > 0 ? shapeOfRings(rings) : null;
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

/** The name stands beside the largest ring: the body, not a piece of the arch. */
function shapeOfRings(rings: readonly Ring[]): Shape {
  const path = rings.map((ring) => `M${ring.map(([column, row]) => `${column} ${row}`).join("L")}Z`).join("");
  const body = rings.reduce((largest, ring) => (areaOf(ring) > areaOf(largest) ? ring : largest));
  const rows = body.map(([, row]) => row);
  return {
    path,
    left: Math.min(...body.map(([column]) => column)),
    middle: (Math.min(...rows) + Math.max(...rows)) / 2,
  };
}

function element(name: string, attributes: Readonly<Record<string, string>> = {}): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function put(node: SVGElement, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
