/** The mouse on the image: left drag does the chosen tool, middle moves, right zooms, the wheel scrolls, a click points. */

import type { StackViewer } from "./stack-viewer.ts";

export type Tool = "window" | "pan" | "zoom";

/** What takes the left button before the tools do; places are CSS pixels of the element. */
export interface Hand {
  /** True to have the drag that begins here. */
  press(x: number, y: number): boolean;
  /** The drag goes on; it has gone farther than a hand trembles. */
  drag(x: number, y: number): void;
  release(x: number, y: number, moved: boolean): void;
  /** The pointer is somewhere else, with no button pressed; null outside the image. */
  hover(at: { readonly x: number; readonly y: number } | null): void;
}

export interface GestureTarget {
  readonly tool: () => Tool;
  /** A click without a drag, in CSS pixels of the element. */
  readonly clicked: (x: number, y: number) => void;
  readonly hand: Hand;
  /** A drag that changed the window has ended. */
  readonly windowed?: () => void;
}

const DRAG_FROM = 3;
/** HU per CSS pixel. */
const WINDOW_SPEED = 4;
const ZOOM_SPEED = 0.005;
const WHEEL_NOTCH = 60;

/** Returns the disposer. */
export function attachGestures(element: HTMLElement, viewer: StackViewer, target: GestureTarget): () => void {
  let drag: { tool: Tool | "hand"; x: number; y: number; moved: boolean; button: number } | null = null;
  let wheelRest = 0;
  const controller = new AbortController();
  const options = { signal: controller.signal };

  const placeOf = (event: PointerEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  const move = (event: PointerEvent): void => {
    if (!drag) {
      const [x, y] = placeOf(event);
      target.hand.hover({ x, y });
      return;
    }
    const dx = event.clientX - drag.x;
    const dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < DRAG_FROM) return;
    drag = { ...drag, x: event.clientX, y: event.clientY, moved: true };
    if (drag.tool === "hand") target.hand.drag(...placeOf(event));
    else if (drag.tool === "pan") viewer.panBy(dx, dy);
    else if (drag.tool === "zoom") viewer.zoomBy(Math.exp(-dy * ZOOM_SPEED));
    else viewer.setWindow(viewer.window[0] + dx * WINDOW_SPEED, viewer.window[1] + dy * WINDOW_SPEED);
  };

  const down = (event: PointerEvent): void => {
    if (event.button > 2) return;
    // A button over the image is pressed, not the image under it.
    if (event.target instanceof Element && event.target.closest("button")) return;
    // The middle button would start the browser's own scrolling.
    if (event.button === 1) event.preventDefault();
    const free = event.button === 0 && target.hand.press(...placeOf(event)) ? "hand" : target.tool();
    const tool = event.button === 1 ? "pan" : event.button === 2 ? "zoom" : free;
    drag = { tool, x: event.clientX, y: event.clientY, moved: false, button: event.button };
    element.setPointerCapture(event.pointerId);
  };

  const up = (event: PointerEvent): void => {
    const ended = drag;
    drag = null;
    if (ended?.tool === "hand") target.hand.release(...placeOf(event), ended.moved);
    else if (ended?.moved && ended.tool === "window") target.windowed?.();
    else if (ended && !ended.moved && ended.button === 0) target.clicked(...placeOf(event));
  };

  const cancel = (event: PointerEvent): void => {
    if (drag?.tool === "hand") target.hand.release(...placeOf(event), true);
    drag = null;
  };

  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    // Wheels report notches (100 or 120), touchpads single pixels: both move one slice per notch's worth.
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 40 : event.deltaY;
    wheelRest += pixels;
    const steps = Math.trunc(wheelRest / WHEEL_NOTCH);
    if (steps === 0) return;
    wheelRest = Math.abs(pixels) >= WHEEL_NOTCH ? 0 : wheelRest - steps * WHEEL_NOTCH;
    viewer.step(Math.abs(pixels) >= WHEEL_NOTCH ? Math.sign(steps) : steps);
  };

  element.addEventListener("pointerdown", down, options);
  element.addEventListener("pointermove", move, options);
  element.addEventListener("pointerup", up, options);
  element.addEventListener("pointercancel", cancel, options);
  element.addEventListener("pointerleave", () => drag ?? target.hand.hover(null), options);
  element.addEventListener("contextmenu", (event) => event.preventDefault(), options);
  element.addEventListener("wheel", wheel, { ...options, passive: false });
  return () => controller.abort();
}
