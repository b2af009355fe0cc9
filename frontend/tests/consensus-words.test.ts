import assert from "node:assert/strict";
import { test } from "node:test";

import { shiftAction, shiftState, shiftTitle } from "../src/consensus/shifts.ts";
import { findingWords, momentWords, presentProblem, resultWords, sliceSpans, slicesWords } from "../src/consensus/words.ts";
import { CASE, L1 } from "./case.ts";
import { finding, fracture, negative } from "./consensus.ts";

test("slices are told as people count them, in spans", () => {
  assert.equal(sliceSpans([17, 18, 19, 20, 21, 22, 23]), "slices 18 to 24");
  assert.equal(sliceSpans([6, 2, 4, 5]), "slices 3, 5 to 7");
  assert.equal(sliceSpans([0]), "slice 1");
  assert.equal(sliceSpans([]), "");
});

test("a finding is told with all that it says", () => {
  assert.equal(findingWords(fracture(L1, "A1", [5])), "Fracture, A1");
  assert.equal(findingWords(finding({ verdict: "not_assessable", why: "metal" })), "Not assessable: metal");
  assert.equal(findingWords(finding({ verdict: "negative", process_fracture: true }), { type: "B2", lower: null }), "Negative, process fracture, B2 below");
  assert.equal(slicesWords(fracture(L1, "A1", [5, 6]), L1, CASE), "slices 6 to 7");
  assert.equal(resultWords(negative(L1), null, L1, CASE), "negative, 6 of 6 slices");
  assert.equal(resultWords(finding({ verdict: "fracture", ao_body: "A4" }), null, L1, { ...CASE, unit: "vertebra" }), "fracture, A4");
});

test("a consensus needs a senior who is present, and says whom it lacks", () => {
  const member = { reader: 1, name: "N", initials: "N", senior: false, present: false, you: true };
  assert.match(presentProblem([member]), /Nobody is marked present/);
  assert.match(presentProblem([{ ...member, present: true }]), /No senior/);
  assert.equal(presentProblem([{ ...member, present: true }, { ...member, senior: true, present: true }]), "");
});

test("a shift is told from the side of the read that is off", () => {
  const shift = { letter: "B", by: 1, moves: "findings", differ_now: 4, differ_after: 1, sentence: "", preview: [] } as const;
  assert.equal(shiftTitle(shift), "B looks one level higher than A");
  assert.equal(shiftAction(shift), "Shift B down by one");
  assert.equal(shiftState({ letters: ["A", "B"], asked: [], shift: null, shifted: {} }).words, "Levels of A and B fit.");
  assert.equal(shiftState({ letters: ["A", "B"], asked: [], shift, shifted: {} }).words, "B looks one level higher than A.");
  assert.equal(shiftState({ letters: ["A", "B"], asked: [], shift: null, shifted: { A: { by: -1, moves: "names", who: "Sofia Brunner" } } }).words, "A is shifted up by one, by Sofia Brunner.");
  assert.equal(shiftState({ letters: ["A", "B"], asked: [], shift: null, shifted: { B: { by: 0, moves: "", who: "" } } }).kind, "fit");
  const level = { vertebra: 1, level: "L3", difference: "level", harm: 30, why: "L2 or L3", sop_uids: [] } as const;
  assert.equal(shiftState({ letters: ["A", "B"], asked: [level], shift: null, shifted: {} }).words, "Levels differ, but no shift by one fits.");
});

test("the time of today stands alone, another day comes with its date", () => {
  const now = new Date(2026, 0, 12, 16, 0);
  assert.equal(momentWords(new Date(2026, 0, 12, 15, 4).toISOString(), now), "15:04");
  assert.match(momentWords(new Date(2025, 11, 9, 9, 12).toISOString(), now), /^9 Dec 2025 09:12$/);
});
