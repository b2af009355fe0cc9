/** A round lens over the image. It shows the slice's own values, not the enlarged screen. */

import { toPixel, toScreen } from "./geometry.ts";
import { paint, type Raster } from "./grayscale.ts";
import type { View } from "./stack-viewer.ts";

/** In CSS pixels. */
const DIAMETER = 220;
/** Against the image as it stands on screen. */
const POWER = 2.5;

export class Magnifier {
  private readonly host: HTMLElement;
  private readonly lens = document.createElement("canvas");
  private readonly patch = document.createElement("canvas");

  constructor(host: HTMLElement) {
    this.host = host;
    this.lens.className = "lens";
    this.lens.setAttribute("aria-hidden", "true");
    this.lens.hidden = true;
    this.lens.style.width = this.lens.style.height = `${DIAMETER}px`;
    host.append(this.lens);
  }

  hide(): void {
    if (!this.lens.hidden) this.lens.hidden = true;
  }

  /** Shows what lies about a place of the image, given in CSS pixels of the host. */
  show(raster: Raster, view: View, x: number, y: number): void {
    const ratio = devicePixelRatio;
    const size = Math.round(DIAMETER * ratio);
    if (this.lens.width !== size) this.lens.width = this.lens.height = size;
    const context = this.lens.getContext("2d", { alpha: false });
    const patch = this.patch.getContext("2d");
    if (!context || !patch) return;

    const { a, b, c, d } = view.transform;
    const [centreColumn, centreRow] = toPixel(view.transform, x, y);
    // Half a lens in pixels of the slice; the image may be turned, so the longer way holds for both.
    const halfColumns = Math.ceil(DIAMETER / 2 / POWER / Math.hypot(a, b)) + 2;
    const halfRows = Math.ceil(DIAMETER / 2 / POWER / Math.hypot(c, d)) + 2;
    const column = Math.round(centreColumn) - halfColumns;
    const row = Math.round(centreRow) - halfRows;
    const [width, height] = [2 * halfColumns + 1, 2 * halfRows + 1];
    this.patch.width = width;
    this.patch.height = height;
    const data = patch.createImageData(width, height);
    paint(raster, { column, row, width, height }, view.window, data.data);
    patch.putImageData(data, 0, 0);

    // The corner of a pixel lies half a pixel before its centre.
    const [left, top] = toScreen(view.transform, column - 0.5, row - 0.5);
    const scale = POWER * ratio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillRect(0, 0, size, size);
    context.imageSmoothingQuality = "high";
    context.setTransform(a * scale, b * scale, c * scale, d * scale, (left - x) * scale + size / 2, (top - y) * scale + size / 2);
    context.drawImage(this.patch, 0, 0);
    this.lens.style.transform = `translate(${x - DIAMETER / 2}px, ${y - DIAMETER / 2}px)`;
    if (this.lens.hidden) this.lens.hidden = false;
  }

  /** The size of the image's frame, in CSS pixels. */
  get room(): { readonly width: number; readonly height: number } {
    return { width: this.host.clientWidth, height: this.host.clientHeight };
  }
}
