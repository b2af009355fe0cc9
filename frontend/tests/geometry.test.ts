import assert from "node:assert/strict";
import { test } from "node:test";

import { crosshairPath, crossing, distanceTo, edgeLetters, pixelOf, planeOf, positionOf, scaleBarLength, toPixel, toScreen, type Plane } from "../src/viewer/geometry.ts";
import { paint } from "../src/viewer/grayscale.ts";
import { areaOf, contains, cutBy } from "../src/viewer/rings.ts";

const sagittal = {
  "00200032": { vr: "DS", Value: [10, -120, 300] },
  "00200037": { vr: "DS", Value: [0, 1, 0, 0, 0, -1] },
  "00280030": { vr: "DS", Value: [0.45, 0.6] },
};

test("a sagittal slice has head up, feet down, front left and back right", () => {
  assert.deepEqual(edgeLetters(planeOf(sagittal)), { top: "H", right: "P", bottom: "F", left: "A" });
});

test("pixels that are not square keep their millimetres on both axes", () => {
  assert.deepEqual(positionOf(planeOf(sagittal), 10, 20), [10, -114, 291]);
});

test("a slice without pixel spacing is refused instead of shown too narrow", () => {
  const { "00280030": _spacing, ...without } = sagittal;
  assert.throws(() => planeOf(without), /true proportions/);
});

test("screen and pixel coordinates are each other's inverse", () => {
  const transform = { a: 2, b: 0.5, c: -0.25, d: 3, e: 40, f: -7 };
  const [column, row] = toPixel(transform, ...toScreen(transform, 12.25, 99.5));
  assert.ok(Math.abs(column - 12.25) < 1e-9 && Math.abs(row - 99.5) < 1e-9);
});

test("the scale bar takes the longest round length that fits", () => {
  assert.equal(scaleBarLength(2, 160), 50);
  assert.equal(scaleBarLength(0.5, 160), 200);
});

test("a place of the patient and its pixel are each other's inverse", () => {
  const plane = planeOf(sagittal);
  const [column, row] = pixelOf(plane, positionOf(plane, 17.5, 203));
  assert.ok(Math.abs(column - 17.5) < 1e-9 && Math.abs(row - 203) < 1e-9);
  assert.ok(Math.abs(distanceTo(plane, [4, 7, 9])) - 6 < 1e-9);
});

const axial = (z: number): Plane => ({
  origin: [-100, -150, z],
  columnDirection: [1, 0, 0],
  rowDirection: [0, 1, 0],
  rowSpacing: 0.5,
  columnSpacing: 0.5,
});

test("an axial plane is a level line on the sagittal slice, and the slice an upright one on the plane", () => {
  assert.deepEqual(crossing(planeOf(sagittal), 512, 1024, axial(255)), [[-0.5, 100], [511.5, 100]]);
  assert.deepEqual(crossing(axial(255), 400, 400, planeOf(sagittal)), [[220, -0.5], [220, 399.5]]);
});

test("two lines leave free what lies where they meet; one alone is whole", () => {
  const transform = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 };
  const [upright, level] = [[[50, 0], [50, 100]], [[0, 40], [200, 40]]] as const;
  assert.equal(crosshairPath([upright], transform), "M50.0 0.0L50.0 100.0");
  assert.equal(
    crosshairPath([upright, level], transform),
    "M50.0 0.0L50.0 26.0M50.0 100.0L50.0 54.0M0.0 40.0L36.0 40.0M200.0 40.0L64.0 40.0",
  );
});

test("a plane beside the image, or parallel to it, leaves no line", () => {
  assert.equal(crossing(planeOf(sagittal), 512, 1024, axial(400)), null);
  assert.equal(crossing(axial(255), 400, 400, axial(250)), null);
});

test("grey follows the linear window function, and what lies beyond the image is black", () => {
  const bytes = new Uint8ClampedArray(4 * 6);
  const raster = { values: [0, 400, 1323, 3000], columns: 4, rows: 1, slope: 1, intercept: -1024 };
  paint(raster, { column: -1, row: 0, width: 6, height: 1 }, [1800, 400], bytes);
  const grey = Array.from({ length: 6 }, (_, place) => bytes[place * 4]);
  // 1323 - 1024 = 299 HU: (299 + 500) / 1799 of the way from black to white.
  assert.deepEqual(grey, [0, 0, 0, 113, 255, 0]);
  assert.ok([3, 7, 11, 15, 19, 23].every((place) => bytes[place] === 255));
});

test("a ring has its area, its inside, and parts on either side of a line that make up the whole", () => {
  const ring = [[0, 0], [10, 0], [10, 6], [0, 6]] as const;
  assert.equal(areaOf(ring), 60);
  assert.equal(contains(ring, 5, 3), true);
  assert.equal(contains(ring, 11, 3), false);
  const side = ([x, y]: readonly [number, number]): number => x + y - 7;
  assert.equal(areaOf(cutBy(ring, side)) + areaOf(cutBy(ring, (point) => -side(point))), 60);
});
