import assert from "node:assert/strict";
import { test } from "node:test";

import { edgeLetters, planeOf, positionOf, scaleBarLength, toPixel, toScreen } from "../src/viewer/geometry.ts";

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
