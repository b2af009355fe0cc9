/** The scroll bar of the stack: bright = crosses the current vertebra, filled = has been on screen. */

import type { Session } from "../session.ts";
import { part, setAttribute } from "./dom.ts";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 20;

export class SliceBar {
  private readonly slider = part("slices");
  private readonly svg = this.slider.querySelector("svg") as SVGSVGElement;
  private segments: readonly SVGElement[] = [];
  private marker: SVGElement | null = null;
  private readonly chosen: (k: number) => void;

  constructor(chosen: (k: number) => void) {
    this.chosen = chosen;
    let dragging = false;
    this.slider.addEventListener("pointerdown", (event) => {
      dragging = true;
      this.slider.setPointerCapture(event.pointerId);
      this.point(event);
    });
    this.slider.addEventListener("pointermove", (event) => dragging && this.point(event));
    this.slider.addEventListener("pointerup", () => (dragging = false));
    this.slider.addEventListener("pointercancel", () => (dragging = false));
  }

  build(session: Session): void {
    const count = session.room.sops.length;
    this.svg.setAttribute("viewBox", `0 0 28 ${count * STEP}`);
    this.segments = session.room.sops.map((_, k) => rectangle(10, k * STEP + 2, 8, STEP - 4, "seg"));
    this.marker = rectangle(6, 0, 16, STEP, "here");
    this.svg.replaceChildren(...this.segments, this.marker);
    setAttribute(this.slider, "aria-valuemax", String(count));
  }

  refresh(session: Session): void {
    const { k, vertebra } = session;
    this.segments.forEach((segment, index) => {
      const sop = session.sopAt(index);
      const crosses = vertebra?.extent && index >= vertebra.extent[0] && index <= vertebra.extent[1];
      const seen = sop && session.store.seen.has(sop);
      setAttribute(segment, "class", `seg${crosses ? " v" : ""}${seen ? " on" : ""}`);
    });
    if (this.marker) setAttribute(this.marker, "y", String(k * STEP));
    setAttribute(this.slider, "aria-valuenow", String(k + 1));
    setAttribute(this.slider, "aria-valuetext", `slice ${k + 1} of ${session.room.sops.length}`);
  }

  private point(event: PointerEvent): void {
    const box = this.svg.getBoundingClientRect();
    const share = (event.clientY - box.top) / box.height;
    const last = this.segments.length - 1;
    this.chosen(Math.min(last, Math.max(0, Math.floor(share * this.segments.length))));
  }
}

function rectangle(x: number, y: number, width: number, height: number, className: string): SVGElement {
  const node = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) node.setAttribute(name, String(value));
  node.setAttribute("class", className);
  node.setAttribute("vector-effect", "non-scaling-stroke");
  return node;
}
