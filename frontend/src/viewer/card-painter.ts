/** Draws with WebGL through Cornerstone's rendering engine. */

import { Enums, RenderingEngine, utilities, type Types } from "@cornerstonejs/core";

import { positionOf, type PixelTransform, type Plane } from "./geometry.ts";
import { clampedZoom, type Drawn, type Painter } from "./painter.ts";
import type { Window } from "./windows.ts";

const VIEWPORT = "sagittal";

export class CardPainter implements Painter {
  private readonly element: HTMLDivElement;
  private readonly engine: RenderingEngine;
  private readonly drawn: Drawn;
  private stack: readonly string[] = [];
  /** Before the first stack is set, Cornerstone has nothing to turn or scale. */
  private isSet = false;

  constructor(element: HTMLDivElement, drawn: Drawn) {
    this.element = element;
    this.drawn = drawn;
    this.engine = new RenderingEngine("reading-room");
    this.engine.enableElement({
      viewportId: VIEWPORT,
      type: Enums.ViewportType.STACK,
      element,
      defaultOptions: { background: [0, 0, 0] },
    });
    element.addEventListener(Enums.Events.IMAGE_RENDERED, this.onRendered);
  }

  get zoom(): number {
    return this.isSet ? this.viewport.getZoom() : 1;
  }

  async setStack(imageIds: readonly string[], _planes: readonly Plane[], k: number, window: Window): Promise<boolean> {
    this.stack = imageIds;
    await this.viewport.setStack([...imageIds], k);
    if (this.stack !== imageIds) return false;
    this.isSet = true;
    this.applyWindow(window);
    this.fit();
    return true;
  }

  async show(k: number): Promise<void> {
    await this.viewport.setImageIdIndex(k);
  }

  setWindow(window: Window): void {
    if (!this.isSet) return;
    this.applyWindow(window);
    this.viewport.render();
  }

  panBy(dx: number, dy: number): void {
    if (!this.isSet) return;
    const [x, y] = this.viewport.getPan();
    this.viewport.setPan([x + dx, y + dy]);
    this.viewport.render();
  }

  zoomBy(factor: number): void {
    if (!this.isSet) return;
    this.viewport.setZoom(clampedZoom(this.viewport.getZoom() * factor));
    this.viewport.render();
  }

  fit(): void {
    if (!this.isSet) return;
    this.viewport.resetCamera();
    this.viewport.render();
  }

  resize(): void {
    const fitted = this.isSet && Math.abs(this.viewport.getZoom() - 1) < 0.001;
    this.engine.resize(true, true);
    if (fitted) this.fit();
  }

  transformOf(plane: Plane): PixelTransform {
    const at = (column: number, row: number): Types.Point2 => this.viewport.worldToCanvas(positionOf(plane, column, row));
    const [e, f] = at(0, 0);
    // Far points keep the rounding of the projection out of the direction.
    const [columnX, columnY] = at(1000, 0);
    const [rowX, rowY] = at(0, 1000);
    return { a: (columnX - e) / 1000, b: (columnY - f) / 1000, c: (rowX - e) / 1000, d: (rowY - f) / 1000, e, f };
  }

  dispose(): void {
    this.element.removeEventListener(Enums.Events.IMAGE_RENDERED, this.onRendered);
    this.engine.destroy();
  }

  private get viewport(): Types.IStackViewport {
    return this.engine.getViewport(VIEWPORT) as Types.IStackViewport;
  }

  private applyWindow([width, level]: Window): void {
    this.viewport.setProperties({ voiRange: utilities.windowLevel.toLowHighRange(width, level) });
  }

  private readonly onRendered = (): void => {
    const image = this.viewport.getCornerstoneImage() as Types.IImage | undefined;
    if (image?.imageQualityStatus === Enums.ImageQualityStatus.FULL_RESOLUTION) this.drawn(image.imageId);
  };
}
