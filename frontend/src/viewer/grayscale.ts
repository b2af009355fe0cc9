/** HU become grey, on a 2D canvas: planes of the second view and the patch under the magnifier. */

import type { Window } from "./windows.ts";

/** Values of an image, row by row; `slope * value + intercept` are HU. */
export interface Raster {
  readonly values: ArrayLike<number>;
  readonly columns: number;
  readonly rows: number;
  readonly slope: number;
  readonly intercept: number;
}

/** The part of a raster from a column and a row on, of `width` by `height` pixels. It may reach beyond the raster. */
export interface Patch {
  readonly column: number;
  readonly row: number;
  readonly width: number;
  readonly height: number;
}

/** What the loader made of an image: it may have scaled the values to HU already, and says so. */
interface LoadedImage {
  readonly columns: number;
  readonly rows: number;
  readonly slope: number;
  readonly intercept: number;
  readonly preScale?: { readonly scaled?: boolean } | undefined;
  getPixelData(): ArrayLike<number>;
}

export function rasterOf(image: LoadedImage): Raster {
  const { columns, rows } = image;
  const { slope, intercept } = image.preScale?.scaled ? { slope: 1, intercept: 0 } : image;
  return { values: image.getPixelData(), columns, rows, slope, intercept };
}

/**
 * Writes a patch as opaque grey into RGBA bytes. The linear function of DICOM (PS3.3 C.11.2.1.2.1), the one that the
 * sagittal viewport draws with: black at level - width / 2, white at level + width / 2 - 1. What lies beyond the raster
 * is black.
 */
export function paint(raster: Raster, patch: Patch, window: Window, bytes: Uint8ClampedArray): void {
  const { values, columns, rows, slope, intercept } = raster;
  const [width, level] = window;
  const steepness = 255 / (width - 1);
  // Both straight lines in one: grey = factor * value + offset.
  const factor = slope * steepness;
  const offset = (intercept - level + width / 2) * steepness;
  const pixels = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const from = Math.max(0, -patch.column);
  const to = Math.min(patch.width, columns - patch.column);
  for (let down = 0; down < patch.height; down += 1) {
    const row = patch.row + down;
    const start = down * patch.width;
    if (row < 0 || row >= rows || to <= from) {
      pixels.fill(BLACK, start, start + patch.width);
      continue;
    }
    pixels.fill(BLACK, start, start + from);
    pixels.fill(BLACK, start + to, start + patch.width);
    const first = row * columns + patch.column;
    for (let across = from; across < to; across += 1) {
      const grey = factor * (values[first + across] as number) + offset;
      // The half rounds; what lies outside the window is cut off.
      const byte = grey <= 0 ? 0 : grey >= 255 ? 255 : (grey + 0.5) | 0;
      pixels[start + across] = BLACK | (byte << 16) | (byte << 8) | byte;
    }
  }
}

/** Opaque: the bytes are red, green, blue, alpha in the order of the memory. */
const BLACK = 0xff000000;
