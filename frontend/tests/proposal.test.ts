import assert from "node:assert/strict";
import { test } from "node:test";

import type { Point } from "../src/reading/measures.ts";
import { proposedHeights } from "../src/reading/proposal.ts";
import type { PixelPoint, Ring } from "../src/viewer/rings.ts";

/** Rows 0.45 mm, columns 0.6 mm apart. */
const SPACING = { rowSpacing: 0.45, columnSpacing: 0.6 };

/** A ring through corners in mm, with points every half millimetre, turned about its middle, in pixels. */
function ring(corners: readonly PixelPoint[], degrees = 0): Ring {
  const angle = (degrees * Math.PI) / 180;
  const [x0, y0] = [60, 80];
  return corners.flatMap((from, index) => {
    const to = corners[(index + 1) % corners.length] as PixelPoint;
    const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 0.5);
    return Array.from({ length: steps }, (_, step): PixelPoint => {
      const [x, y] = [from[0] + ((to[0] - from[0]) * step) / steps, from[1] + ((to[1] - from[1]) * step) / steps];
      const [right, down] = [x * Math.cos(angle) - y * Math.sin(angle), x * Math.sin(angle) + y * Math.cos(angle)];
      return [(x0 + right) / SPACING.columnSpacing, (y0 + down) / SPACING.rowSpacing];
    });
  });
}

const mm = (one: Point, other: Point): number =>
  Math.hypot((one[0] - other[0]) * SPACING.columnSpacing, (one[1] - other[1]) * SPACING.rowSpacing);

const heights = (points: readonly Point[]): number[] =>
  [0, 2, 4].map((place) => mm(points[place] as Point, points[place + 1] as Point));

const near = (found: readonly number[], wanted: readonly number[], within: number): void => {
  found.forEach((value, index) => assert.ok(Math.abs(value - (wanted[index] as number)) <= within, `${found} is not ${wanted}`));
};

const BODY: readonly PixelPoint[] = [[-16, -13], [16, -13], [16, 13], [-16, 13]];
/** Front 16 mm, back 26 mm high. */
const WEDGE: readonly PixelPoint[] = [[-16, -4], [16, -13], [16, 13], [-16, 12]];
/** Both endplates sink 4 mm in their middle. */
const BICONCAVE: readonly PixelPoint[] = [[-16, -13], [0, -9], [16, -13], [16, 13], [0, 9], [-16, 13]];

for (const degrees of [-25, -10, 0, 10, 25]) {
  // The spine is known to lean the same way, but not exactly so.
  const angle = ((degrees - 6) * Math.PI) / 180;
  const axis = [-Math.sin(angle), Math.cos(angle)] as const;

  test(`a whole body that leans ${degrees} degrees is as high in front as behind`, () => {
    const points = proposedHeights([ring(BODY, degrees)], { box: null, axis }, SPACING);
    assert.ok(points);
    near(heights(points), [26, 26, 26], 0.3);
  });

  test(`a wedge that leans ${degrees} degrees is lower in front`, () => {
    const points = proposedHeights([ring(WEDGE, degrees)], { box: null, axis }, SPACING);
    assert.ok(points);
    near(heights(points), [16, 20.9, 26], 0.5);
  });

  test(`a biconcave body that leans ${degrees} degrees is lowest in its middle`, () => {
    const points = proposedHeights([ring(BICONCAVE, degrees)], { box: null, axis }, SPACING);
    assert.ok(points);
    near(heights(points), [26, 18, 26], 0.6);
  });
}

test("the points come in the order in which they are kept: front, middle, back, the upper one first", () => {
  const points = proposedHeights([ring(BODY)], { box: null, axis: [0, 1] }, SPACING) ?? [];
  const columns = points.map(([column]) => column);
  const rows = points.map(([, row]) => row);
  assert.ok(columns[0] === columns[1] && (columns[1] as number) < (columns[2] as number) && (columns[3] as number) < (columns[4] as number));
  for (const upper of [0, 2, 4]) assert.ok((rows[upper] as number) < (rows[upper + 1] as number));
});

test("the arch that hangs on the body is cut off by the body's box", () => {
  const withPedicle: readonly PixelPoint[] = [[-16, -13], [16, -13], [16, -9], [34, -9], [34, 2], [16, 2], [16, 13], [-16, 13]];
  const box = ring(BODY).filter((_, index, all) => index === 0 || index === Math.floor(all.length / 2));
  const points = proposedHeights([ring(withPedicle)], { box, axis: [0, 1] }, SPACING);
  assert.ok(points);
  near(heights(points), [26, 26, 26], 0.3);
});

test("a spinous process of its own is not taken for the body", () => {
  const process = ring([[40, -4], [52, -4], [52, 6], [40, 6]]);
  const points = proposedHeights([process, ring(BODY)], { box: null, axis: [0, 1] }, SPACING);
  assert.ok(points);
  near(heights(points), [26, 26, 26], 0.3);
});

test("without an outline, or with a sliver of one, nothing is proposed", () => {
  assert.equal(proposedHeights([], { box: null, axis: [0, 1] }, SPACING), null);
  assert.equal(proposedHeights([ring([[0, 0], [3, 0], [3, 3], [0, 3]])], { box: null, axis: [0, 1] }, SPACING), null);
});

test("points have two decimals, as they are kept", () => {
  const points = proposedHeights([ring(WEDGE, 7)], { box: null, axis: [0, 1] }, SPACING) ?? [];
  for (const value of points.flat()) assert.equal(Math.round(value * 100) / 100, value);
});
