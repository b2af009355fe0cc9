/** The sagittal viewport. Cornerstone stays behind this class: no other folder imports it. */

import { cache, type Types } from "@cornerstonejs/core";

import { Emitter } from "../emitter.ts";
import { CardPainter } from "./card-painter.ts";
import { chosenHand, type Hand } from "./drawing.ts";
import { Frames, startCornerstone, type ViewerSlice } from "./frames.ts";
import { planeOf, type PixelTransform, type Plane } from "./geometry.ts";
import { rasterOf, type Raster } from "./grayscale.ts";
import type { Painter } from "./painter.ts";
import { ProcessorPainter } from "./processor-painter.ts";
import { clampedWindow, PRESETS, type Window } from "./windows.ts";

export type { ViewerSlice } from "./frames.ts";

/** The slice that is really on screen, at full resolution. */
export interface Rendered {
  readonly k: number;
  readonly sopUid: string;
  readonly at: Date;
}

/** Which slice is on screen, wanted or not any more, and where it lies there. */
export interface View {
  readonly k: number;
  readonly transform: PixelTransform;
  readonly plane: Plane;
  readonly columns: number;
  readonly rows: number;
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

/** Steps may run this far ahead of the screen; more are dropped, or the picture would go on after the hand stopped. */
const STEPS_AHEAD = 20;
/** A decode of a cached neighbour takes less than this; saying "loading" for it would only flicker. */
const PATIENCE = 120;

export class StackViewer {
  readonly events = new Emitter<ViewerEvents>();
  /** Who draws the picture, for checks from outside. */
  readonly hand: Hand;
  private readonly painter: Painter;
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
    const hand = chosenHand();
    await startCornerstone(hand);
    return new StackViewer(element, hand);
  }

  private constructor(element: HTMLDivElement, hand: Hand) {
    this.hand = hand;
    const drawn = (imageId: string): void => this.onDrawn(imageId);
    this.painter = hand === "card" ? new CardPainter(element, drawn) : new ProcessorPainter(element, drawn);
    this.observer = new ResizeObserver(() => this.painter.resize());
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
      if (k !== this.wantedK) return;
      // "Loading" must not come after it.
      this.stopPatience();
      this.events.emit("waiting", { k, sentence, failed: true });
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
    this.painter.setWindow(this.shownWindow);
  }

  /** Moves the image by CSS pixels. */
  panBy(dx: number, dy: number): void {
    this.painter.panBy(dx, dy);
  }

  zoomBy(factor: number): void {
    this.painter.zoomBy(factor);
  }

  fit(): void {
    this.painter.fit();
  }

  /** The values of the slice on screen, wanted or not any more; null before the first. */
  get raster(): Raster | null {
    const imageId = this.shown && this.frames?.imageIds[this.shown.k];
    const image = imageId ? (cache.getImage(imageId) as Types.IImage | undefined) : undefined;
    return image ? rasterOf(image) : null;
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
    this.frames?.close();
    this.painter.dispose();
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
    this.stopPatience();
    this.patience = setTimeout(() => {
      this.patience = null;
      if (this.displayed || k !== this.wantedK) return;
      this.events.emit("waiting", { k, sentence: `Slice ${k + 1} is loading`, failed: false });
    }, PATIENCE);
  }

  private stopPatience(): void {
    if (this.patience !== null) clearTimeout(this.patience);
    this.patience = null;
  }

  private display(): void {
    const frames = this.frames;
    if (!frames) return;
    const k = this.wantedK;
    if (this.stackIsSet) {
      void this.painter.show(k).catch(() => this.notDrawn(k));
      return;
    }
    this.stackIsSet = true;
    this.painter
      .setStack(frames.imageIds, this.planes, k, this.shownWindow)
      .then((isSet) => {
        if (!isSet || this.frames !== frames) return;
        this.former?.forget(new Set(frames.imageIds));
        this.former = null;
        // The window may have been changed, or another slice chosen, while the first slice was being set.
        this.painter.setWindow(this.shownWindow);
        if (this.wantedK !== k) this.display();
      })
      .catch(() => this.notDrawn(k));
  }

  private notDrawn(k: number): void {
    this.frames?.othersToo();
    if (k !== this.wantedK) return;
    this.events.emit("waiting", { k, sentence: `Slice ${k + 1} could not be drawn. It cannot be labelled.`, failed: true });
  }

  /** A slice has been drawn at full resolution, for the first time or again. */
  private onDrawn(imageId: string): void {
    const k = this.frames?.imageIds.indexOf(imageId) ?? -1;
    const slice = this.slices[k];
    if (!slice) return;
    const fresh = this.shown?.k !== k;
    this.shown = fresh ? { k, sopUid: slice.sopUid, at: new Date() } : this.shown;
    this.emitView(k);
    if (fresh && this.shown) this.events.emit("rendered", this.shown);
    this.frames?.othersToo();
    if (k !== this.wantedK) return;
    this.stopPatience();
    this.events.emit("waiting", null);
    if (this.stepsDue !== 0) {
      const step = Math.sign(this.stepsDue);
      this.stepsDue -= step;
      this.goTo(k + step);
    }
  }

  private emitView(k: number): void {
    const plane = this.planes[k];
    const imageId = this.frames?.imageIds[k];
    const image = imageId ? (cache.getImage(imageId) as Types.IImage | undefined) : undefined;
    if (!plane || !image) return;
    const { columns, rows } = image;
    const { zoom } = this.painter;
    this.events.emit("view", { k, plane, columns, rows, transform: this.painter.transformOf(plane), window: this.shownWindow, zoom });
  }
}
