/** Boxes of the vertebrae that were placed by hand, over the picture; the current one can be moved and pulled. */

import { toPixel, toScreen } from "../../viewer/geometry.ts";
import type { Hand } from "../../viewer/gestures.ts";
import type { View } from "../../viewer/stack-viewer.ts";
import { centreOf, type Box } from "../boxes.ts";
import type { Desk } from "../desk.ts";
import { nameOf, type Body } from "../model.ts";
import { moved } from "../placing.ts";
import { lookOf } from "./looks.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Half the side of a handle that can be grabbed, in CSS pixels. */
const GRAB = 12;
const LABEL_GAP = 10;
/** With less room than this to its left, a name goes inside the box. */
const LABEL_ROOM = 64;
/** A body is not thinner than this, in mm. */
const THINNEST = 3;

/** Which of y0/y1 and z0/z1 a corner moves. */
type Corner = readonly [y: 2 | 3, z: 4 | 5];
const CORNERS: readonly Corner[] = [[2, 4], [2, 5], [3, 4], [3, 5]];

interface Drag {
  readonly body: Body;
  readonly corner: Corner | null;
  next: Body;
}

/** Whether the box of a body is drawn: there is no outline that would show it. */
export const isBoxed = (body: Body, hasOutlines: boolean): boolean => body.byHand || body.labelValue === 0 || !hasOutlines;

export class BoxesLayer implements Hand {
  private readonly layer: SVGElement;
  private scene: { readonly desk: Desk; readonly view: View; readonly k: number; readonly boxed: readonly Body[] } | null = null;
  private grabbed: Drag | null = null;

  /** `layer`: a group of the drawing over the image. */
  constructor(layer: SVGElement) {
    this.layer = layer;
  }

  draw(desk: Desk, view: View, k: number, boxed: readonly Body[]): void {
    this.scene = { desk, view, k, boxed };
    this.redraw();
  }

  clear(): void {
    this.scene = null;
    this.layer.replaceChildren();
  }

  /** The body whose box lies under a pixel of the slice on screen; the smallest where boxes overlap. */
  bodyAt(x: number, y: number): Body | null {
    const hits = this.visible().filter((body) => {
      const [[x0, y0], , [x1, y1]] = this.corners(body.box);
      return x >= Math.min(x0, x1) && x <= Math.max(x0, x1) && y >= Math.min(y0, y1) && y <= Math.max(y0, y1);
    });
    const middle = (body: Body): number => Math.hypot(...this.centre(body.box).map((at, axis) => at - [x, y][axis]!));
    return hits.sort((left, right) => middle(left) - middle(right))[0] ?? null;
  }

  private visible(): Body[] {
    const { scene } = this;
    if (!scene) return [];
    return scene.boxed
      .map((body) => (this.grabbed?.body.key === body.key ? this.grabbed.next : body))
      .filter((body) => scene.k >= body.extent[0] && scene.k <= body.extent[1]);
  }

  private redraw(): void {
    const { scene } = this;
    if (!scene) return;
    const nodes = this.visible().flatMap((body) => this.nodes(body, scene.desk));
    this.layer.replaceChildren(...nodes);
  }

  private nodes(body: Body, desk: Desk): SVGElement[] {
    const current = body.key === desk.table.current;
    const look = lookOf(body);
    const corners = this.corners(body.box);
    const path = `M${corners.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;
    const classes = `${look.className} byhand${current ? " current" : ""}`;
    const left = Math.min(...corners.map(([x]) => x));
    const [x, y] = this.centre(body.box);
    const inside = left < LABEL_ROOM;
    const label = node("text", {
      x: String(inside ? Math.max(left, 4) + LABEL_GAP : left - LABEL_GAP),
      y: String(y + 4),
      "text-anchor": inside ? "start" : "end",
      class: `lvl-label ${classes}`,
    });
    label.textContent = nameOf(body, desk.bodies);
    const shapes = [node("path", { d: path, class: `outline ${classes}` }), label];
    if (!current) return shapes;
    const cross = node("path", { d: `M${x - 5} ${y}h10M${x} ${y - 5}v10`, class: `centre ${look.className}` });
    shapes.push(cross);
    if (this.mayPull(desk)) shapes.push(...CORNERS.map((corner) => this.knob(body.box, corner)));
    return shapes;
  }

  private knob(box: Box, corner: Corner): SVGElement {
    const [x, y] = this.at(box[corner[0]], box[corner[1]], box);
    return node("rect", { x: String(x - 3), y: String(y - 3), width: "6", height: "6", class: "knob" });
  }

  /** While vertebrae are placed, every click is the next one. */
  private mayPull(desk: Desk): boolean {
    return desk.data.mayEdit && !desk.placing && desk.body?.byHand === true;
  }

  /** Where a point of the body's middle plane lies on screen. */
  private at(y: number, z: number, box: Box): [number, number] {
    const { scene } = this;
    if (!scene) return [0, 0];
    const { grid } = scene.desk.data.space;
    const [, row, column] = grid.toIndex([centreOf(box)[0], y, z]);
    return toScreen(scene.view.transform, column, row);
  }

  private centre(box: Box): [number, number] {
    const [, y, z] = centreOf(box);
    return this.at(y, z, box);
  }

  private corners(box: Box): [[number, number], [number, number], [number, number], [number, number]] {
    return [this.at(box[2], box[5], box), this.at(box[3], box[5], box), this.at(box[3], box[4], box), this.at(box[2], box[4], box)];
  }

  press(x: number, y: number): boolean {
    const body = this.scene && this.mayPull(this.scene.desk) ? this.scene.desk.body : null;
    if (!body || !this.visible().includes(body)) return false;
    const isNear = ([atX, atY]: readonly [number, number]): boolean => Math.abs(atX - x) <= GRAB && Math.abs(atY - y) <= GRAB;
    const corner = CORNERS.find(([yEnd, zEnd]) => isNear(this.at(body.box[yEnd], body.box[zEnd], body.box))) ?? null;
    if (!corner && !isNear(this.centre(body.box))) return false;
    this.grabbed = { body, corner, next: body };
    return true;
  }

  drag(x: number, y: number): void {
    const { grabbed, scene } = this;
    if (!grabbed || !scene) return;
    const [column, row] = toPixel(scene.view.transform, x, y);
    const { space } = scene.desk.data;
    const [, atY, atZ] = space.grid.toSpace([scene.k, row, column]);
    const { body, corner } = grabbed;
    grabbed.next = corner ? pulled(body, corner, atY, atZ) : (moved(body, [centreOf(body.box)[0], atY, atZ], space) ?? grabbed.next);
    this.redraw();
  }

  release(_x: number, _y: number, hasMoved: boolean): void {
    const { grabbed, scene } = this;
    this.grabbed = null;
    if (grabbed && scene && hasMoved && grabbed.next !== grabbed.body) {
      const what = grabbed.corner ? "box pulled" : "box moved";
      scene.desk.setBody({ ...grabbed.next, extent: grabbed.body.extent, sized: true }, what);
    }
    this.redraw();
  }

  hover(): void {
    // The crosshair of the page says enough.
  }
}

/** One corner of the box goes here; the opposite one stays. */
function pulled(body: Body, [yEnd, zEnd]: Corner, y: number, z: number): Body {
  const box = [...body.box] as [number, number, number, number, number, number];
  box[yEnd] = yEnd === 2 ? Math.min(y, box[3] - THINNEST) : Math.max(y, box[2] + THINNEST);
  box[zEnd] = zEnd === 4 ? Math.min(z, box[5] - THINNEST) : Math.max(z, box[4] + THINNEST);
  return { ...body, box };
}

function node(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
