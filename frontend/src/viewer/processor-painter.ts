/**
 * Draws on a 2D canvas: the window turns values into grey at the slice's own resolution, and the browser scales them,
 * with linear interpolation as the card does. For computers without WebGL, or whose WebGL is itself made in software.
 */

import { cache, Enums, type Types } from "@cornerstonejs/core";

import type { PixelTransform, Plane } from "./geometry.ts";
import { paint, rasterOf } from "./grayscale.ts";
import { clampedZoom, type Drawn, type Painter } from "./painter.ts";
import type { Window } from "./windows.ts";

/** What was turned into grey last: drawing it elsewhere or larger needs no new values. */
interface Painted {
  readonly imageId: string;
  readonly window: Window;
}

export class ProcessorPainter implements Painter {
  private readonly element: HTMLElement;
  private readonly drawn: Drawn;
  private readonly canvas = document.createElement("canvas");
  private readonly context: CanvasRenderingContext2D;
  private readonly slice = document.createElement("canvas");
  private readonly sliceContext: CanvasRenderingContext2D;
  private greys: ImageData | null = null;
  private painted: Painted | null = null;
  private imageIds: readonly string[] = [];
  private planes: readonly Plane[] = [];
  private k = -1;
  private window: Window = [2, 0];
  private scale = 1;
  /** The pixel in the middle of the canvas, as shares of the image, so that it holds for every slice. */
  private centre: readonly [number, number] = [0.5, 0.5];
  private frame = 0;
  /** In CSS pixels. Kept, because asking the browser after a change would make it lay out the page for every slice. */
  private size = { width: 0, height: 0 };

  constructor(element: HTMLElement, drawn: Drawn) {
    this.element = element;
    this.drawn = drawn;
    this.canvas.className = "picture";
    Object.assign(this.canvas.style, { position: "absolute", inset: "0", width: "100%", height: "100%" });
    // Opaque, so that nothing needs blending; and kept where the processor reads and writes it.
    this.context = contextOf(this.canvas, { alpha: false, willReadFrequently: true });
    this.sliceContext = contextOf(this.slice, { alpha: false, willReadFrequently: true });
    element.prepend(this.canvas);
    this.resize();
  }

  get zoom(): number {
    return this.scale;
  }

  setStack(imageIds: readonly string[], planes: readonly Plane[], k: number, window: Window): Promise<boolean> {
    this.imageIds = imageIds;
    this.planes = planes;
    this.window = window;
    this.scale = 1;
    this.centre = [0.5, 0.5];
    this.k = k;
    this.draw();
    return Promise.resolve(true);
  }

  show(k: number): Promise<void> {
    this.k = k;
    this.draw();
    return Promise.resolve();
  }

  setWindow(window: Window): void {
    this.window = window;
    this.draw();
  }

  panBy(dx: number, dy: number): void {
    const image = this.image();
    const plane = this.planes[this.k];
    if (!image || !plane) return;
    const { a, d } = this.transformOf(plane);
    const [across, down] = this.centre;
    this.centre = [across - dx / a / image.columns, down - dy / d / image.rows];
    this.draw();
  }

  zoomBy(factor: number): void {
    this.scale = clampedZoom(this.scale * factor);
    this.draw();
  }

  fit(): void {
    this.scale = 1;
    this.centre = [0.5, 0.5];
    this.draw();
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.element;
    this.size = { width: clientWidth, height: clientHeight };
    const [width, height] = [Math.round(clientWidth * devicePixelRatio), Math.round(clientHeight * devicePixelRatio)];
    if (width === 0 || height === 0 || (width === this.canvas.width && height === this.canvas.height)) return;
    this.canvas.width = width;
    this.canvas.height = height;
    // At once: a canvas that was given another size is black until then.
    this.drawNow();
  }

  transformOf(plane: Plane): PixelTransform {
    const { width, height } = this.size;
    const image = this.image();
    const [columns, rows] = image ? [image.columns, image.rows] : [1, 1];
    const whole = Math.min(width / (columns * plane.columnSpacing), height / (rows * plane.rowSpacing));
    const [a, d] = [whole * this.scale * plane.columnSpacing, whole * this.scale * plane.rowSpacing];
    // 0, 0 is the centre of the first pixel, so the image reaches from -0.5 on.
    const [column, row] = [this.centre[0] * columns - 0.5, this.centre[1] * rows - 0.5];
    return { a, b: 0, c: 0, d, e: width / 2 - column * a, f: height / 2 - row * d };
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.canvas.remove();
  }

  private image(): Types.IImage | undefined {
    const imageId = this.imageIds[this.k];
    return imageId && cache.isLoaded(imageId) ? (cache.getImage(imageId) as Types.IImage | undefined) : undefined;
  }

  /** Once per frame of the screen, so that every slice that counts as drawn has been on it. */
  private draw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawNow();
    });
  }

  private drawNow(): void {
    const image = this.image();
    const plane = this.planes[this.k];
    if (!image || !plane) return;
    // Never a blurred one: nothing but whole frames is asked for, and this is where it would show.
    const { FULL_RESOLUTION } = Enums.ImageQualityStatus;
    if ((image.imageQualityStatus ?? FULL_RESOLUTION) !== FULL_RESOLUTION) return;
    this.paintSlice(image);
    const { context, canvas } = this;
    const ratio = devicePixelRatio;
    const { a, d, e, f } = this.transformOf(plane);
    const [left, top] = [(e - a / 2) * ratio, (f - d / 2) * ratio];
    const [width, height] = [a * image.columns * ratio, d * image.rows * ratio];
    const covered = left <= 0 && top <= 0 && left + width >= canvas.width && top + height >= canvas.height;
    if (!covered) context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.slice, left, top, width, height);
    this.drawn(image.imageId);
  }

  private paintSlice(image: Types.IImage): void {
    const { painted, window } = this;
    if (painted?.imageId === image.imageId && painted.window[0] === window[0] && painted.window[1] === window[1]) return;
    const { columns, rows } = image;
    if (this.greys?.width !== columns || this.greys.height !== rows) {
      this.slice.width = columns;
      this.slice.height = rows;
      this.greys = this.sliceContext.createImageData(columns, rows);
    }
    paint(rasterOf(image), { column: 0, row: 0, width: columns, height: rows }, window, this.greys.data);
    this.sliceContext.putImageData(this.greys, 0, 0);
    this.painted = { imageId: image.imageId, window };
  }
}

function contextOf(canvas: HTMLCanvasElement, options: CanvasRenderingContext2DSettings): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", options);
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  return context;
}
