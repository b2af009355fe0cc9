/** The magnifier in the room: it follows the pointer; without one it begins at the current vertebra and goes by Shift and arrows. */

import { pixelOf, toScreen } from "../../viewer/geometry.ts";
import { Magnifier } from "../../viewer/magnifier.ts";
import type { StackViewer, View } from "../../viewer/stack-viewer.ts";
import type { Bodies } from "../bodies.ts";
import { belongsToControl } from "../keys.ts";
import type { Vertebra } from "../model.ts";
import type { Session } from "../session.ts";

/** By one key, in CSS pixels. */
const STEP = 16;
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
};

interface Place {
  readonly x: number;
  readonly y: number;
}

export class MagnifierView {
  private readonly magnifier: Magnifier;
  private readonly viewport: HTMLElement;
  private readonly viewer: StackViewer;
  private session: Session | null = null;
  private bodies: Bodies | null = null;
  private view: View | null = null;
  private place: Place | null = null;
  private vertebra: Vertebra | null = null;
  private byPointer = false;

  constructor(viewport: HTMLElement, viewer: StackViewer) {
    this.viewport = viewport;
    this.viewer = viewer;
    this.magnifier = new Magnifier(viewport);
    viewport.addEventListener("pointermove", (event) => this.pointed(event));
    viewport.addEventListener("pointerleave", () => (this.byPointer = false));
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
  }

  build(session: Session, bodies: Bodies): void {
    this.session = session;
    this.bodies = bodies;
    this.place = null;
    this.vertebra = null;
    this.magnifier.hide();
  }

  draw(session: Session, view: View): void {
    this.view = view;
    const raster = session.tools.magnifier ? this.viewer.raster : null;
    if (!raster) {
      this.magnifier.hide();
      return;
    }
    // A vertebra that was chosen by keyboard comes under the lens.
    if (session.vertebra !== this.vertebra && !this.byPointer) this.place = null;
    this.vertebra = session.vertebra;
    this.place ??= this.centre(view);
    this.magnifier.show(raster, view, this.place.x, this.place.y);
  }

  private centre(view: View): Place {
    const centre = this.vertebra && this.bodies?.centreOf(this.vertebra.id);
    const { width, height } = this.magnifier.room;
    if (!centre) return { x: width / 2, y: height / 2 };
    const [x, y] = toScreen(view.transform, ...pixelOf(view.plane, centre));
    return { x: Math.min(width, Math.max(0, x)), y: Math.min(height, Math.max(0, y)) };
  }

  private pointed(event: PointerEvent): void {
    this.byPointer = true;
    if (!this.session?.tools.magnifier || !this.view) return;
    const box = this.viewport.getBoundingClientRect();
    this.place = { x: event.clientX - box.left, y: event.clientY - box.top };
    this.draw(this.session, this.view);
  }

  private key(event: KeyboardEvent): void {
    const { session, view } = this;
    if (!session?.tools.magnifier || !view || event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open]") || belongsToControl(event, event.target instanceof Element ? event.target : null)) return;
    const step = event.shiftKey && session.tools.measuring.draft === null ? ARROWS[event.key] : undefined;
    if (step) {
      const { width, height } = this.magnifier.room;
      const { x, y } = this.place ?? this.centre(view);
      this.place = { x: Math.min(width, Math.max(0, x + step[0])), y: Math.min(height, Math.max(0, y + step[1])) };
      this.draw(session, view);
    } else if (event.key === "Escape" && session.tools.measuring.kind === null) session.tools.toggleMagnifier();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
