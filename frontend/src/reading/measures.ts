/**
 * Lengths and vertebral heights: from points on a slice to millimetres and losses. The twin of
 * labeling/reading/measures.py: the same steps in the same order, so that both give the same numbers to the last bit.
 */

import type { SopUid } from "./model.ts";
import { OperationRefused } from "./refused.ts";

/** [column, row] in pixel coordinates of its slice; 0,0 is the centre of the first pixel. */
export type Point = readonly [column: number, row: number];

export type MeasureKind = "length" | "heights";

/** What a reader measured on one slice. Only points are kept; millimetres follow from them. */
export interface Measure {
  readonly kind: MeasureKind;
  readonly sop_uid: SopUid;
  /**
   * A length has 2; heights have 6: anterior upper, anterior lower, middle upper, middle lower, posterior upper,
   * posterior lower.
   */
  readonly points: readonly Point[];
}

/** Millimetres from row to row and from column to column of a slice; the viewer's plane has them. */
export interface PixelSpacing {
  readonly rowSpacing: number;
  readonly columnSpacing: number;
}

export const HEIGHT_NAMES = ["anterior", "middle", "posterior"] as const;
export type HeightName = (typeof HEIGHT_NAMES)[number];
/** Of one body, in mm. */
export type Heights = Readonly<Record<HeightName, number>>;
/** As a share of 1: 0.25 is a quarter lost, below 0 is taller; null where there is no reference. */
export type Losses = Readonly<Record<HeightName, number | null>>;

export const POINTS: Readonly<Record<MeasureKind, number>> = { length: 2, heights: 6 };
/** Measures of one vertebra in one read. */
export const MOST_MEASURES = 20;
/** Rows and columns of a DICOM image are 16 bit; a point may lie on the outer edge of the last pixel. */
const NEAREST = -0.5;
const FARTHEST = 65535.5;

const hundredth = (value: number): number => Math.round(value * 100) / 100;

/** A place under the pointer as a point that can be kept: a whole hundredth of a pixel. */
export const pointAt = (column: number, row: number): Point => [hundredth(column) + 0, hundredth(row) + 0];

/** The distance of two points in mm. */
export function lengthMm(points: readonly Point[], spacing: PixelSpacing): number {
  const [first, second] = points;
  if (!first || !second) throw new RangeError("A length needs two points.");
  const across = (second[0] - first[0]) * spacing.columnSpacing;
  const down = (second[1] - first[1]) * spacing.rowSpacing;
  // Not Math.hypot: browsers round it differently, the square root of a sum not.
  return Math.sqrt(across * across + down * down);
}

/** The three heights of a measure of the kind `heights`, in mm. */
export function heightsMm(measure: Measure, spacing: PixelSpacing): Heights {
  const { points } = measure;
  return {
    anterior: lengthMm(points.slice(0, 2), spacing),
    middle: lengthMm(points.slice(2, 4), spacing),
    posterior: lengthMm(points.slice(4, 6), spacing),
  };
}

/** The heights among these measures; null where there are none. */
export function heightsOf(measures: readonly Measure[], spacing: PixelSpacing): Heights | null {
  const measure = measures.find((each) => each.kind === "heights");
  return measure ? heightsMm(measure, spacing) : null;
}

/**
 * The loss of each height against the mean of the same height of the vertebrae above and below. A neighbour that was
 * not measured is null; with one neighbour it alone is the reference, without any there is none.
 */
export function lossAgainst(heights: Heights, neighbours: readonly (Heights | null)[]): Losses {
  const known = neighbours.filter((neighbour) => neighbour !== null);
  const of = (name: HeightName): number | null => loss(heights[name], known.map((neighbour) => neighbour[name]));
  return { anterior: of("anterior"), middle: of("middle"), posterior: of("posterior") };
}

/** The loss of the anterior and the middle height against the vertebra's own posterior height. */
export const lossWithin = ({ anterior, middle, posterior }: Heights): Losses => ({
  anterior: loss(anterior, [posterior]),
  middle: loss(middle, [posterior]),
  posterior: null,
});

function loss(height: number, references: readonly number[]): number | null {
  const total = references.reduce((sum, reference) => sum + reference, 0);
  return total === 0 ? null : 1 - height / (total / references.length);
}

/** The same measures, once they are of the form that is kept. Throws {@link OperationRefused}. */
export function checkedMeasures(measures: readonly Measure[]): readonly Measure[] {
  if (measures.length > MOST_MEASURES) {
    throw new OperationRefused("too_many_measures", `A vertebra holds at most ${MOST_MEASURES} measures. Delete some.`);
  }
  for (const { kind, points } of measures) {
    if (points.length !== POINTS[kind]) {
      throw new OperationRefused("bad_payload", `points of a measure of ${kind} must be a list of ${POINTS[kind]}.`);
    }
    for (const value of points.flat()) checkCoordinate(value);
  }
  if (measures.filter((measure) => measure.kind === "heights").length > 1) {
    throw new OperationRefused("two_heights", "A vertebra has one set of heights. Delete the other one first.");
  }
  return measures;
}

function checkCoordinate(value: number): void {
  if (!(value >= NEAREST && value <= FARTHEST)) {
    throw new OperationRefused("bad_payload", "A point of a measure lies outside every image.");
  }
  if (hundredth(value) !== value) {
    throw new OperationRefused("bad_payload", "A point of a measure has at most two decimals.");
  }
}
