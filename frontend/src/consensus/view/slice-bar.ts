/** The scroll bar of the stack: bright = crosses the current vertebra, a line beside it = the readers differ there. */

import { part, setAttribute } from "../../reading/view/dom.ts";
import type { Sitting } from "../sitting.ts";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 20;

export class ConsensusSliceBar {
  private readonly slider = part("slices");
  private readonly svg = this.slider.querySelector("svg") as SVGSVGElement;
  private segments: readonly SVGElement[] = [];
  private differing: readonly SVGElement[] = [];
  private readonly marker = rectangle(6, 0, 16, STEP, "here");
  private sitting: Sitting | null = null;

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

  build(sitting: Sitting): void {
    this.sitting = sitting;
    const { sops } = sitting.data.context;
    this.svg.setAttribute("viewBox", `0 0 28 ${sops.length * STEP}`);
    this.segments = sops.map((_, k) => rectangle(10, k * STEP + 2, 8, STEP - 4, "seg on"));
    this.differing = sops.map((_, k) => rectangle(3, k * STEP, 3, STEP, "differs"));
    this.svg.replaceChildren(...this.segments, ...this.differing, this.marker);
    setAttribute(this.slider, "aria-valuemax", String(sops.length));
  }

  refresh(sitting: Sitting): void {
    const { sops } = sitting.data.context;
    const extent = sitting.vertebra?.extent;
    const waiting = new Set(sitting.undecided);
    sops.forEach((sop, k) => {
      const crosses = extent && k >= extent[0] && k <= extent[1];
      setAttribute(this.segments[k] as SVGElement, "class", crosses ? "seg v on" : "seg");
      const differs = sitting.current?.differing.has(sop) ?? false;
      setAttribute(this.differing[k] as SVGElement, "class", `differs${differs ? " shown" : ""}${waiting.has(sop) ? " waits" : ""}`);
    });
    setAttribute(this.marker, "y", String(sitting.k * STEP));
    const here = sops[sitting.k];
    const differs = here && sitting.current?.differing.has(here) ? ", the readers differ here" : "";
    setAttribute(this.slider, "aria-valuenow", String(sitting.k + 1));
    setAttribute(this.slider, "aria-valuetext", `slice ${sitting.k + 1} of ${sops.length}${differs}`);
  }

  private point(event: PointerEvent): void {
    const box = this.svg.getBoundingClientRect();
    const last = this.segments.length - 1;
    const at = Math.floor(((event.clientY - box.top) / box.height) * this.segments.length);
    this.sitting?.tools.showSlice(Math.min(last, Math.max(0, at)));
  }
}

function rectangle(x: number, y: number, width: number, height: number, className: string): SVGElement {
  const node = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) node.setAttribute(name, String(value));
  node.setAttribute("class", className);
  node.setAttribute("vector-effect", "non-scaling-stroke");
  return node;
}
