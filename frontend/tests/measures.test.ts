import assert from "node:assert/strict";
import { test } from "node:test";

import { apply, OperationRefused } from "../src/reading/apply.ts";
import { heightsMm, heightsOf, lengthMm, lossAgainst, lossWithin, MOST_MEASURES, pointAt, type Heights, type Measure, type Point } from "../src/reading/measures.ts";
import { EMPTY_FINDING, EMPTY_STATE, findingOf, sopUid, type Change, type ReadState, type SopUid } from "../src/reading/model.ts";
import { ALL_SEEN, CASE, dice, L1, SOPS } from "./case.ts";

const HALF = { rowSpacing: 0.5, columnSpacing: 0.5 };
const SLICE = SOPS[4] as SopUid;
const LENGTH: Measure = { kind: "length", sop_uid: SLICE, points: [[10, 20], [13, 24]] };
const HEIGHTS: Measure = {
  kind: "heights",
  sop_uid: SLICE,
  // Anterior 40 rows, middle 30, posterior 50.
  points: [[10, 10], [10, 50], [30, 15], [30, 45], [50, 5], [50, 55]],
};

const setting = (...measures: Measure[]): Change => ({ verb: "set_measures", payload: { vertebra: L1.id, measures } });
const done = (...changes: Change[]): ReadState =>
  changes.reduce((state, change) => apply(state, CASE, ALL_SEEN, change), EMPTY_STATE);
const heights = (anterior: number, middle: number, posterior: number): Heights => ({ anterior, middle, posterior });

test("a length is worked out with the spacing of each direction", () => {
  // 3 columns of 0.5 mm are 1.5 mm, 4 rows of 1.5 mm are 6 mm: the root of 38.25.
  assert.equal(lengthMm(LENGTH.points, { rowSpacing: 1.5, columnSpacing: 0.5 }), Math.sqrt(38.25));
  assert.equal(lengthMm([[0, 0], [3, 4]], { rowSpacing: 1, columnSpacing: 1 }), 5);
  assert.equal(lengthMm([[7, 2], [7, 12]], { rowSpacing: 0.4, columnSpacing: 0.9 }), 4);
});

test("three heights come from six points, front to back", () => {
  assert.deepEqual(heightsMm(HEIGHTS, HALF), heights(20, 15, 25));
  assert.deepEqual(heightsOf([LENGTH, HEIGHTS], HALF), heights(20, 15, 25));
  assert.equal(heightsOf([LENGTH], HALF), null);
});

test("the loss is against the mean of the neighbours, or the one that was measured", () => {
  const fractured = heights(15, 18, 24);
  const above = heights(24, 23, 24);
  const below = heights(26, 25, 26);
  assert.deepEqual(lossAgainst(fractured, [above, below]), { anterior: 1 - 15 / 25, middle: 0.25, posterior: 1 - 24 / 25 });
  assert.deepEqual(lossAgainst(fractured, [above, null]), { anterior: 1 - 15 / 24, middle: 1 - 18 / 23, posterior: 0 });
  assert.deepEqual(lossAgainst(fractured, [null, null]), { anterior: null, middle: null, posterior: null });
});

test("the loss within is against the own posterior height", () => {
  assert.deepEqual(lossWithin(heights(15, 18, 24)), { anterior: 0.375, middle: 0.25, posterior: null });
  assert.deepEqual(lossWithin(heights(15, 18, 0)), { anterior: null, middle: null, posterior: null });
});

test("a place under the pointer becomes a point that is kept", () => {
  assert.deepEqual(pointAt(10.123456, 0.005), [10.12, 0.01]);
  assert.ok(Object.is(pointAt(-0.001, 0)[0], 0), "never -0");
  const roll = dice(3);
  for (let turn = 0; turn < 2000; turn += 1) {
    const point: Point = pointAt(roll(51_200_000) / 100_000, roll(51_200_000) / 100_000);
    assert.doesNotThrow(() => done(setting({ ...LENGTH, points: [point, [0, 0]] })), String(point));
  }
});

test("measures stand with the finding and survive every verdict", () => {
  const verdicts = (["negative", "indeterminate", "fracture", null] as const).map(
    (verdict): Change => ({ verb: "set_verdict", payload: { vertebra: L1.id, verdict, why: "" } }),
  );
  const state = done(setting(LENGTH, HEIGHTS), ...verdicts);
  assert.deepEqual(findingOf(state, L1.id), { ...EMPTY_FINDING, measures: [LENGTH, HEIGHTS] });
  assert.deepEqual(apply(state, CASE, ALL_SEEN, setting()), EMPTY_STATE);
});

test("a finding that was kept before there were measures can still be put back", () => {
  const { measures: _, ...old } = { ...EMPTY_FINDING, verdict: "fracture" as const };
  const restore = { verb: "restore", payload: { vertebra: L1.id, finding: old, injury: null } } as unknown as Change;
  assert.deepEqual(findingOf(done(restore), L1.id), { ...EMPTY_FINDING, verdict: "fracture" });
});

test("a slice beside the body can be measured, one of another stack cannot", () => {
  assert.equal(findingOf(done(setting({ ...LENGTH, sop_uid: SOPS[0] as SopUid })), L1.id).measures.length, 1);
  assert.throws(() => done(setting({ ...LENGTH, sop_uid: sopUid("9.9.9") })), { message: /not of this stack/ });
});

test("measures of another form are refused with a sentence", () => {
  const refused = (measures: Measure[], sentence: RegExp): void => {
    assert.throws(() => done(setting(...measures)), (error) => error instanceof OperationRefused && sentence.test(error.message));
  };
  refused([HEIGHTS, HEIGHTS], /one set of heights/);
  refused(Array.from({ length: MOST_MEASURES + 1 }, () => LENGTH), /at most 20 measures/);
  refused([{ ...LENGTH, points: [[1, 2]] }], /list of 2/);
  refused([{ ...LENGTH, points: [[1, 2], [0.125, 3]] }], /two decimals/);
  refused([{ ...LENGTH, points: [[1, 2], [Number.NaN, 3]] }], /outside every image/);
  refused([{ ...LENGTH, points: [[1, 2], [65_535.51, 3]] }], /outside every image/);
});
