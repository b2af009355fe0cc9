/**
 * Where the six points of the vertebral heights may lie: a proposal from the outline of the body, for a person to
 * correct. The points are those of quantitative morphometry: the corners of the body at both ends of each endplate, and
 * the endplates' middle (Genant 1993).
 */

import { areaOf, cutBy, type PixelPoint, type Ring } from "../viewer/rings.ts";
import { pointAt, type PixelSpacing, type Point } from "./measures.ts";

/** The axis of a body may lean this far from the line through its neighbours. */
const LEAN = (30 * Math.PI) / 180;
const LEAN_STEPS = 60;
/** A body that is smaller on this slice has no corners to speak of, in mm. */
const SMALLEST = 5;
/** The box is cut from the mask at whole pixels, so the outline reaches a little beyond it, in mm. */
const BOX_MARGIN = 0.75;

/** What is known of the body besides its outline. */
export interface BodyFrame {
  /** The corners of its box on this slice; cuts off the arch, which belongs to the same mask. */
  readonly box: Ring | null;
  /** Along the spine from head to feet, in mm to the back and downwards; straight down where no neighbour is known. */
  readonly axis: readonly [back: number, down: number];
}

/** Anterior upper, anterior lower, middle upper, middle lower, posterior upper, posterior lower; null without a body. */
export function proposedHeights(rings: readonly Ring[], frame: BodyFrame, spacing: PixelSpacing): readonly Point[] | null {
  const { columnSpacing, rowSpacing } = spacing;
  const toMm = ([column, row]: PixelPoint): PixelPoint => [column * columnSpacing, row * rowSpacing];
  const [first, ...others] = rings.map((ring) => ring.map(toMm));
  if (!first) return null;
  const largest = others.reduce<Ring>((best, ring) => (areaOf(ring) > areaOf(best) ? ring : best), first);
  const body = frame.box ? within(largest, frame.box.map(toMm)) : largest;
  if (body.length < 4) return null;

  const corners = cornersOf(body, axisOf(body, frame.axis));
  if (!corners) return null;
  const { frontUpper, frontLower, backUpper, backLower } = corners;
  const upper = halfWay(frontUpper, backUpper);
  const lower = halfWay(frontLower, backLower);
  const [middleUpper, middleLower] = endsAlong(body, upper, lower);
  const points = [frontUpper, frontLower, middleUpper, middleLower, backUpper, backLower];
  return points.map(([back, down]) => pointAt(back / columnSpacing, down / rowSpacing));
}

/** The part of a ring inside the box, a little beyond its borders. */
function within(ring: Ring, box: Ring): Ring {
  const [backs, downs] = [box.map(([back]) => back), box.map(([, down]) => down)];
  const cuts: ((point: PixelPoint) => number)[] = [
    ([back]) => back - Math.min(...backs) + BOX_MARGIN,
    ([back]) => Math.max(...backs) + BOX_MARGIN - back,
    ([, down]) => down - Math.min(...downs) + BOX_MARGIN,
    ([, down]) => Math.max(...downs) + BOX_MARGIN - down,
  ];
  return cuts.reduce(cutBy, ring);
}

/** The unit vector from head to feet along which the body fits the narrowest rectangle. */
function axisOf(body: Ring, [back, down]: readonly [number, number]): readonly [number, number] {
  const along = Math.atan2(back, down);
  const angles = Array.from({ length: LEAN_STEPS + 1 }, (_, step) => along + LEAN * ((2 * step) / LEAN_STEPS - 1));
  const size = (angle: number): number => {
    const { width, height } = spread(body, [Math.sin(angle), Math.cos(angle)]);
    return width * height;
  };
  const best = angles.reduce((found, angle) => (size(angle) < size(found) ? angle : found), along);
  return [Math.sin(best), Math.cos(best)];
}

interface Spread {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** How far to the back, and how far down the axis, a point lies. */
const turned = ([back, down]: PixelPoint, [sine, cosine]: readonly [number, number]): PixelPoint => [
  back * cosine - down * sine,
  back * sine + down * cosine,
];

function spread(body: Ring, axis: readonly [number, number]): Spread {
  const points = body.map((point) => turned(point, axis));
  const [lefts, tops] = [points.map(([left]) => left), points.map(([, top]) => top)];
  const [left, top] = [Math.min(...lefts), Math.min(...tops)];
  return { left, top, width: Math.max(...lefts) - left, height: Math.max(...tops) - top };
}

interface Corners {
  readonly frontUpper: PixelPoint;
  readonly frontLower: PixelPoint;
  readonly backUpper: PixelPoint;
  readonly backLower: PixelPoint;
}

/** The points that lie farthest out along the diagonals of the body's own rectangle. */
function cornersOf(body: Ring, axis: readonly [number, number]): Corners | null {
  const { left, top, width, height } = spread(body, axis);
  if (width < SMALLEST || height < SMALLEST) return null;
  const farthest = (toBack: 1 | -1, toFeet: 1 | -1): PixelPoint => {
    const out = (point: PixelPoint): number => {
      const [back, down] = turned(point, axis);
      return toBack * ((back - left) / width) + toFeet * ((down - top) / height);
    };
    return body.reduce((best, point) => (out(point) > out(best) ? point : best));
  };
  return { frontUpper: farthest(-1, -1), frontLower: farthest(-1, 1), backUpper: farthest(1, -1), backLower: farthest(1, 1) };
}

const halfWay = (one: PixelPoint, other: PixelPoint): PixelPoint => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];

/** Where the line through two points enters and leaves the ring, next to those points; the points where it does not. */
function endsAlong(ring: Ring, from: PixelPoint, to: PixelPoint): [PixelPoint, PixelPoint] {
  const [back, down] = [to[0] - from[0], to[1] - from[1]];
  const side = ([x, y]: PixelPoint): number => (x - from[0]) * down - (y - from[1]) * back;
  const shares = ring.flatMap((point, index): number[] => {
    const next = ring[(index + 1) % ring.length] as PixelPoint;
    const [here, there] = [side(point), side(next)];
    if (here >= 0 === there >= 0) return [];
    const part = here / (here - there);
    const [x, y] = [point[0] + part * (next[0] - point[0]), point[1] + part * (next[1] - point[1])];
    return [((x - from[0]) * back + (y - from[1]) * down) / (back * back + down * down)];
  });
  if (shares.length < 2) return [from, to];
  const at = (share: number): PixelPoint => [from[0] + share * back, from[1] + share * down];
  return [at(Math.min(...shares)), at(Math.max(...shares))];
}
