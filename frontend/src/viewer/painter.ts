/** What the viewer needs of the hand that draws; the card's and the processor's are each other's equal. */

import type { PixelTransform, Plane } from "./geometry.ts";
import type { Window } from "./windows.ts";

export interface Painter {
  /** 1 = the whole image fits. */
  readonly zoom: number;
  /** Takes another stack and draws one of its slices, fitted. False when another stack came meanwhile. */
  setStack(imageIds: readonly string[], planes: readonly Plane[], k: number, window: Window): Promise<boolean>;
  /** Draws a slice that lies in the cache. Rejects when it cannot. */
  show(k: number): Promise<void>;
  setWindow(window: Window): void;
  /** Moves the image by CSS pixels. */
  panBy(dx: number, dy: number): void;
  zoomBy(factor: number): void;
  fit(): void;
  resize(): void;
  /** Where the pixels of a slice lie on screen. */
  transformOf(plane: Plane): PixelTransform;
  dispose(): void;
}

/** Told after each drawing at full resolution, with the image that is on screen now. */
export type Drawn = (imageId: string) => void;

const SMALLEST = 0.5;
const LARGEST = 20;

export const clampedZoom = (zoom: number): number => Math.min(LARGEST, Math.max(SMALLEST, zoom));
