/** The scroll bar of the stack; bright = crosses the current body. */

import { part, setAttribute } from "../../reading/view/dom.ts";
import type { Desk } from "../desk.ts";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 20;

export class CheckSliceBar {
  private readonly slider = part("slices");
  private readonly svg = this.slider.querySelector("svg") as SVGSVGElement;
  private segments: readonly SVGElement[] = [];
  private readonly marker = rectangle(6, 0, 16, STEP, "here");
  private desk: Desk | null = null;

  constructor() {
    let dragging = false;
    this.slider.addEventListener("pointerdown", (event) => {
      dragging = true;
      this.slider.setPointerCapture(event.pointerId);
      this.point(event);
    });
    this.slider.addEventListener("pointermove", (event) => dragging && this.point(event));
    for (const end of ["pointerup", "pointercancel"]) this.slider.addEventListener(end, () => (dragging = false));
  }

  build(desk: Desk): void {
    this.desk = desk;
    const count = desk.data.slices.length;
    this.svg.setAttribute("viewBox", `0 0 28 ${count * STEP}`);
    this.segments = desk.data.slices.map((_, k) => rectangle(10, k * STEP + 2, 8, STEP - 4, "seg on"));
    this.svg.replaceChildren(...this.segments, this.marker);
    setAttribute(this.slider, "aria-valuemax", String(count));
  }

  refresh(desk: Desk): void {
    const extent = desk.body?.extent;
    this.segments.forEach((segment, k) => {
      const crosses = extent !== undefined && k >= extent[0] && k <= extent[1];
      setAttribute(segment, "class", crosses ? "seg v on" : "seg");
    });
    setAttribute(this.marker, "y", String(desk.k * STEP));
    setAttribute(this.slider, "aria-valuenow", String(desk.k + 1));
    setAttribute(this.slider, "aria-valuetext", `slice ${desk.k + 1} of ${desk.data.slices.length}`);
  }

  private point(event: PointerEvent): void {
    const box = this.svg.getBoundingClientRect();
    const last = this.segments.length - 1;
    const at = Math.floor(((event.clientY - box.top) / box.height) * this.segments.length);
    this.desk?.showSlice(Math.min(last, Math.max(0, at)));
  }
}

function rectangle(x: number, y: number, width: number, height: number, className: string): SVGElement {
  const node = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) node.setAttribute(name, String(value));
  node.setAttribute("class", className);
  node.setAttribute("vector-effect", "non-scaling-stroke");
  return node;
}
