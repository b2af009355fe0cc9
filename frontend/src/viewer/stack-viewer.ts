/** The sagittal viewport. Cornerstone stays behind this class: no other folder imports it. */

import { cache, Enums, getShouldUseCPURendering, RenderingEngine, utilities, type Types } from "@cornerstonejs/core";

import { Emitter } from "../emitter.ts";
import { Frames, startCornerstone, type ViewerSlice } from "./frames.ts";
import { planeOf, positionOf, type PixelTransform, type Plane } from "./geometry.ts";
import { clampedWindow, PRESETS, type Window } from "./windows.ts";

export type { ViewerSlice } from "./frames.ts";

/** The slice that is really on screen, at full resolution. */
export interface Rendered {
  readonly k: number;
  readonly sopUid: string;
  readonly at: Date;
}

/** Where the image lies on screen. */
export interface View {
  readonly transform: PixelTransform;
  readonly plane: Plane;
  readonly window: Window;
  /** 1 = the whole image fits. */
  readonly zoom: number;
}

export interface ViewerEvents {
  rendered: Rendered;
  /** Another slice is wanted than before. */
  wanted: number;
  view: View;
  /** The wanted slice is not on screen yet; null once it is. */
  waiting: { readonly k: number; readonly sentence: string; readonly failed: boolean } | null;
  progress: { readonly loaded: number; readonly total: number };
  session: null;
}

const VIEWPORT = "sagittal";
/** Steps may run this far ahead of the screen; more are dropped, or the picture would go on after the hand stopped. */
const STEPS_AHEAD = 20;
/** A decode of a cached neighbour takes less than this; saying "loading" for it would only flicker. */
const PATIENCE = 120;

export class StackViewer {
  readonly events = new Emitter<ViewerEvents>();
  private readonly element: HTMLDivElement;
  private readonly engine: RenderingEngine;
  private readonly observer: ResizeObserver;
  private frames: Frames | null = null;
  /** The stack before, which the viewport may still ask for until the new one is set. */
  private former: Frames | null = null;
  private slices: readonly ViewerSlice[] = [];
  private planes: readonly Plane[] = [];
  private wantedK = 0;
  private stepsDue = 0;
  private shown: Rendered | null = null;
  private shownWindow: Window = PRESETS.bone.window;
  private patience: ReturnType<typeof setTimeout> | null = null;
  private stackIsSet = false;

  static async create(element: HTMLDivElement): Promise<StackViewer> {
    await startCornerstone();
    return new StackViewer(element);
  }

  private constructor(element: HTMLDivElement) {
    this.element = element;
    this.engine = new RenderingEngine("reading-room");
    this.engine.enableElement({
      viewportId: VIEWPORT,
      type: Enums.ViewportType.STACK,
      element,
      defaultOptions: { background: [0, 0, 0] },
    });
    element.addEventListener(Enums.Events.IMAGE_RENDERED, this.onRendered);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
  }

  /** The slice the person asked for; it may still be on its way. */
  get wanted(): number {
    return this.wantedK;
  }

  /** Where the steps lead that are still to be drawn, one slice after the other. */
  get destination(): number {
    return this.within(this.wantedK + this.stepsDue);
  }

  /** The slice on screen, or null while the wanted one is still loading, decoding or failed. */
  get displayed(): Rendered | null {
    return this.shown?.k === this.wantedK ? this.shown : null;
  }

  get window(): Window {
    return this.shownWindow;
  }

  /** Puts another stack on screen. Resolves when its first slice has been handed to the screen. */
  async open(slices: readonly ViewerSlice[], startK: number, window: Window): Promise<void> {
    this.frames?.close();
    this.former = this.frames;
    this.stackIsSet = false;
    this.shown = null;
    this.stepsDue = 0;
    this.slices = slices;
    this.planes = slices.map((slice) => planeOf(slice.metadata));
    this.shownWindow = window;
    this.wantedK = this.within(startK);
    const frames = new Frames(slices);
    this.frames = frames;
    frames.events.on("loaded", ({ k, loaded, total }) => {
      this.events.emit("progress", { loaded, total });
      if (k === this.wantedK) this.display();
    });
    frames.events.on("failed", ({ k, sentence }) => {
      if (k === this.wantedK) this.events.emit("waiting", { k, sentence, failed: true });
    });
    frames.events.on("session", () => this.events.emit("session", null));
    frames.events.on("retry", () => this.retry());
    this.ask();
  }

  /** Brings a slice on screen. */
  show(k: number): void {
    this.stepsDue = 0;
    this.goTo(k);
  }

  /** The next slice, but only when the present one has been on screen: a held key skips none. */
  stepWhenShown(delta: number): void {
    if (this.displayed) this.show(this.wantedK + delta);
  }

  /** One slice on, by wheel or key. Fast turns are played one slice a frame, so that each one is seen. */
  step(delta: number): void {
    const drawing = this.frames?.isLoaded(this.wantedK) === true && !this.displayed;
    if (drawing) this.stepsDue = Math.min(STEPS_AHEAD, Math.max(-STEPS_AHEAD, this.stepsDue + delta));
    // A slice that is still on its way, or failed, must not hold anybody up.
    else this.goTo(this.wantedK + delta);
  }

  setWindow(width: number, level: number): void {
    this.shownWindow = clampedWindow(width, level);
    if (!this.stackIsSet) return;
    this.applyWindow();
    this.viewport.render();
  }

  /** Moves the image by CSS pixels. */
  panBy(dx: number, dy: number): void {
    if (!this.stackIsSet) return;
    const [x, y] = this.viewport.getPan();
    this.viewport.setPan([x + dx, y + dy]);
    this.viewport.render();
  }

  zoomBy(factor: number): void {
    if (!this.stackIsSet) return;
    this.viewport.setZoom(Math.min(20, Math.max(0.5, this.viewport.getZoom() * factor)));
    this.viewport.render();
  }

  fit(): void {
    if (!this.stackIsSet) return;
    this.viewport.resetCamera();
    this.viewport.render();
  }

  /** Tries failed slices again. */
  retry(): void {
    this.frames?.retry();
    this.ask();
  }

  /** sha256 of the stored values (16 bit, little endian) that the browser decoded for slice k, for checks of exactness. */
  async pixelDigest(k: number): Promise<string> {
    const imageId = this.frames?.imageIds[k];
    if (!imageId || !(await this.frames?.want(k))) throw new Error(`Slice ${k + 1} did not load.`);
    const image = cache.getImage(imageId) as Types.IImage;
    const values = image.getPixelData();
    const scaling = image.preScale?.scaled ? image.preScale.scalingParameters : undefined;
    const slope = scaling?.rescaleSlope ?? 1;
    const intercept = scaling?.rescaleIntercept ?? 0;
    const stored = new Uint16Array(values.length);
    for (let index = 0; index < values.length; index += 1) {
      stored[index] = Math.round(((values[index] as number) - intercept) / slope);
    }
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", stored));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  dispose(): void {
    this.observer.disconnect();
    this.element.removeEventListener(Enums.Events.IMAGE_RENDERED, this.onRendered);
    this.frames?.close();
    this.engine.destroy();
  }

  private get viewport(): Types.IStackViewport {
    return this.engine.getViewport(VIEWPORT) as Types.IStackViewport;
  }

  private goTo(k: number): void {
    const next = this.within(k);
    const isOther = next !== this.wantedK;
    if (!isOther && this.displayed) return;
    this.wantedK = next;
    this.ask();
    if (isOther) this.events.emit("wanted", next);
  }

  private within(k: number): number {
    return Math.min(Math.max(k, 0), this.slices.length - 1);
  }

  private ask(): void {
    const k = this.wantedK;
    void this.frames?.want(k);
    if (this.frames?.isLoaded(k)) {
      this.display();
      return;
    }
    this.sayWaitingSoon(k);
  }

  private sayWaitingSoon(k: number): void {
    if (this.patience !== null) clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.patience = null;
      if (this.displayed || k !== this.wantedK) return;
      this.events.emit("waiting", { k, sentence: `Slice ${k + 1} is loading`, failed: false });
    }, PATIENCE);
  }

  private display(): void {
    const frames = this.frames;
    if (!frames) return;
    const k = this.wantedK;
    if (this.stackIsSet) {
      void this.viewport.setImageIdIndex(k).catch(() => this.notDrawn(k));
      return;
    }
    this.stackIsSet = true;
    this.viewport
      .setStack([...frames.imageIds], k)
      .then(() => {
        if (this.frames !== frames) return;
        this.former?.forget(new Set(frames.imageIds));
        this.former = null;
        this.applyWindow();
        this.viewport.resetCamera();
        this.viewport.render();
        // The person may have scrolled on while the first slice was being set.
        if (this.wantedK !== k) this.display();
      })
      .catch(() => this.notDrawn(k));
  }

  private notDrawn(k: number): void {
    this.frames?.othersToo();
    if (k !== this.wantedK) return;
    this.events.emit("waiting", { k, sentence: `Slice ${k + 1} could not be drawn. It cannot be labelled.`, failed: true });
  }

  private applyWindow(): void {
    const [width, level] = this.shownWindow;
    this.viewport.setProperties({ voiRange: utilities.windowLevel.toLowHighRange(width, level) });
  }

  private readonly onRendered = (): void => {
    const image = this.viewport.getCornerstoneImage() as Types.IImage | undefined;
    const k = image ? (this.frames?.imageIds.indexOf(image.imageId) ?? -1) : -1;
    const slice = this.slices[k];
    if (!image || !slice || image.imageQualityStatus !== Enums.ImageQualityStatus.FULL_RESOLUTION) return;
    const fresh = this.shown?.k !== k;
    this.shown = fresh ? { k, sopUid: slice.sopUid, at: new Date() } : this.shown;
    this.emitView(k);
    if (fresh && this.shown) this.events.emit("rendered", this.shown);
    this.frames?.othersToo();
    if (k !== this.wantedK) return;
    if (this.patience !== null) clearTimeout(this.patience);
    this.patience = null;
    this.events.emit("waiting", null);
    if (this.stepsDue !== 0) {
      const step = Math.sign(this.stepsDue);
      this.stepsDue -= step;
      this.goTo(k + step);
    }
  };

  private emitView(k: number): void {
    const plane = this.planes[k];
    if (!plane) return;
    this.events.emit("view", {
      plane,
      transform: this.transformOf(plane),
      window: this.shownWindow,
      zoom: this.viewport.getZoom(),
    });
  }

  private transformOf(plane: Plane): PixelTransform {
    // Without WebGL, Cornerstone draws the corner of the first pixel where ImagePositionPatient is, not its centre.
    const half = getShouldUseCPURendering() ? 0.5 : 0;
    const at = (column: number, row: number): Types.Point2 =>
      this.viewport.worldToCanvas(positionOf(plane, column + half, row + half));
    const [e, f] = at(0, 0);
    // Far points keep the rounding of the projection out of the direction.
    const [columnX, columnY] = at(1000, 0);
    const [rowX, rowY] = at(0, 1000);
    return { a: (columnX - e) / 1000, b: (columnY - f) / 1000, c: (rowX - e) / 1000, d: (rowY - f) / 1000, e, f };
  }

  private resize(): void {
    const fitted = this.stackIsSet && Math.abs(this.viewport.getZoom() - 1) < 0.001;
    this.engine.resize(true, true);
    if (fitted) this.fit();
  }
}
