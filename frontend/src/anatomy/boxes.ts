/** Boxes of vertebral bodies in space, LPS and millimetres: the twin of labeling/anatomy/boxes.py. */

export type Vector = readonly [number, number, number];
/** x0, x1, y0, y1, z0, z1 */
export type Box = readonly [number, number, number, number, number, number];
/** Width, depth, height. */
export type BodySize = readonly [number, number, number];

/** Where a body can leave the image, in words of the patient. */
export const EDGES = ["top", "bottom", "left", "right", "front", "back"] as const;
export type Edge = (typeof EDGES)[number];

const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const scaled = (a: Vector, by: number): Vector => [a[0] * by, a[1] * by, a[2] * by];
const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const cross = (a: Vector, b: Vector): Vector => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const length = (a: Vector): number => Math.hypot(...a);

/** A stack in space: (slice, row, column), zero-based voxel centres. */
export class Grid {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  private readonly origin: Vector;
  /** mm in space of one slice, one row, one column. */
  private readonly steps: readonly [Vector, Vector, Vector];
  private readonly inverse: readonly [Vector, Vector, Vector];

  constructor(shape: Vector, affine: readonly (readonly number[])[]) {
    [this.slices, this.rows, this.columns] = shape;
    const at = (column: number): Vector => [0, 1, 2].map((row) => affine[row]?.[column] ?? Number.NaN) as unknown as Vector;
    this.steps = [at(0), at(1), at(2)];
    this.origin = at(3);
    const [s, r, c] = this.steps;
    const determinant = dot(s, cross(r, c));
    this.inverse = [scaled(cross(r, c), 1 / determinant), scaled(cross(c, s), 1 / determinant), scaled(cross(s, r), 1 / determinant)];
  }

  get spacing(): Vector {
    return this.steps.map(length) as unknown as Vector;
  }

  toSpace([k, row, column]: Vector): Vector {
    const [s, r, c] = this.steps;
    const axis = (a: 0 | 1 | 2): number => this.origin[a] + s[a] * k + r[a] * row + c[a] * column;
    return [axis(0), axis(1), axis(2)];
  }

  toIndex(point: Vector): Vector {
    const from = minus(point, this.origin);
    return this.inverse.map((row) => dot(row, from)) as unknown as Vector;
  }
}

export const centreOf = ([x0, x1, y0, y1, z0, z1]: Box): Vector => [(x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2];

/** The box about an upright body of this size whose centre is `point`. */
export function boxAt([x, y, z]: Vector, size: BodySize, scale = 1): Box {
  const [width, depth, height] = size.map((side) => (side * scale) / 2) as [number, number, number];
  return [x - width, x + width, y - depth, y + depth, z - height, z + height];
}

/** Of body and disc together, against the body alone: about 5 mm in the chest, 9 mm in the lumbar spine. */
const WITH_DISC = 1.28;
/** People differ by 7 to 8 % (SD); what lies beyond is a vertebra that was left out, or a wrong name. */
const [SMALLEST, LARGEST] = [0.8, 1.2];

/** How large this person's bodies are against the mean, from the distances of neighbouring centres; 1 for fewer than three. */
export function scaleOf(row: readonly { readonly centre: Vector; readonly height: number }[]): number {
  const ratios = row.slice(1).map(({ centre, height }, place) => {
    const above = row[place] as { readonly centre: Vector; readonly height: number };
    return length(minus(centre, above.centre)) / (((height + above.height) / 2) * WITH_DISC);
  });
  if (ratios.length < 2) return 1;
  const middle = [...ratios].sort((left, right) => left - right)[Math.floor((ratios.length - 1) / 2)] as number;
  return Math.min(LARGEST, Math.max(SMALLEST, middle));
}

/** First and last slice that the box crosses; what lies beside the stack is cut off. Null where all of it does. */
export function extentOf(box: Box, grid: Grid): readonly [number, number] | null {
  const [, y, z] = centreOf(box);
  const ends = [grid.toIndex([box[0], y, z])[0], grid.toIndex([box[1], y, z])[0]];
  const low = Math.min(...ends);
  const high = Math.max(...ends);
  const last = grid.slices - 1;
  if (high < -0.5 || low > last + 0.5) return null;
  // A border that lies on a plane to a thousandth of a slice crosses it, whatever rounding says.
  let first = Math.ceil(low - 1e-3);
  let final = Math.floor(high + 1e-3);
  if (first > final) first = final = Math.round((low + high) / 2);
  return [Math.min(Math.max(first, 0), last), Math.max(Math.min(final, last), 0)];
}

/** The same box, as wide as these slices: half a slice beyond the first and the last of them. */
export function widened(box: Box, extent: readonly [number, number], grid: Grid): Box {
  const [, row, column] = grid.toIndex(centreOf(box));
  const ends = [grid.toSpace([extent[0] - 0.5, row, column])[0], grid.toSpace([extent[1] + 0.5, row, column])[0]];
  return [Math.min(...ends), Math.max(...ends), box[2], box[3], box[4], box[5]];
}

/** How far a box lies from each border of the stack, in mm; negative = beyond it. */
export function gapsOf(box: Box, grid: Grid): Readonly<Record<Edge, number>> {
  const corners = [0, 1].flatMap((x) => [2, 3].flatMap((y) => [4, 5].map((z) => grid.toIndex([box[x] as number, box[y] as number, box[z] as number]))));
  const { spacing } = grid;
  const low = (axis: 0 | 1 | 2): number => Math.min(...corners.map((corner) => corner[axis])) * spacing[axis];
  const high = (axis: 0 | 1 | 2): number => Math.max(...corners.map((corner) => corner[axis])) * spacing[axis];
  const field = [grid.slices, grid.rows, grid.columns].map((count, axis) => (count - 1) * (spacing[axis] as number)) as [number, number, number];
  // Slices run from the patient's right to left, rows from head to feet, columns from front to back.
  return { top: low(1), bottom: field[1] - high(1), left: field[0] - high(0), right: low(0), front: low(2), back: field[2] - high(2) };
}

/** Farther than this from a border, in mm, no body is cut there but at the top or the bottom. */
const TOUCHES = 4;

/** The borders in the order in which a cut is likely: what the box touches, then top and bottom, the nearer first. */
export function edgesByNearness(box: Box, grid: Grid): readonly Edge[] {
  const gaps = gapsOf(box, grid);
  const farness = (edge: Edge): number => gaps[edge] + (edge === "top" || edge === "bottom" || gaps[edge] < TOUCHES ? 0 : 1e6);
  return [...EDGES].sort((left, right) => farness(left) - farness(right));
}
