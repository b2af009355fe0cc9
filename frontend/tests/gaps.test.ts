import assert from "node:assert/strict";
import { test } from "node:test";

import { apply } from "../src/reading/apply.ts";
import { gapsOf } from "../src/reading/gaps.ts";
import { EMPTY_STATE, type Change, type SopUid } from "../src/reading/model.ts";
import { ALL_SEEN, CASE, L1, L2, SOPS } from "./case.ts";

const after = (...changes: Change[]) => changes.reduce((state, change) => apply(state, CASE, ALL_SEEN, change), EMPTY_STATE);
const negative = (vertebra: typeof L1): Change => ({ verb: "rest_negative", payload: { vertebra: vertebra.id } });
const sentences = (...changes: Change[]): string[] => gapsOf(after(...changes), CASE, ALL_SEEN).map((gap) => gap.sentence);

test("an empty read lacks a verdict on every vertebra that is completely in view", () => {
  assert.deepEqual(sentences(), ["L1 has no verdict yet.", "L2 has no verdict yet."]);
});

test("a read of negatives that were all seen lacks nothing", () => {
  assert.deepEqual(sentences(negative(L1), negative(L2)), []);
});

test("a fracture lacks its slice and its type until it has them", () => {
  const called: Change = { verb: "set_verdict", payload: { vertebra: L1.id, verdict: "fracture", why: "" } };
  assert.deepEqual(sentences(called, negative(L2)), [
    "L1 is a fracture, but none of its slices is marked.",
    "L1 is a fracture and needs its AO type.",
  ]);
});

test("slices that were never on screen are counted and named", () => {
  const marked: Change = {
    verb: "label_slices",
    payload: { vertebra: L1.id, sop_uids: [SOPS[4] as SopUid], value: "fracture", source: "key" },
  };
  const typed: Change = { verb: "set_ao", payload: { vertebra: L1.id, ao_body: "A1" } };
  const seen = new Set(SOPS.slice(0, 7));
  const gaps = gapsOf(after(marked, typed, negative(L2)), CASE, seen).filter((gap) => gap.vertebra === L1.id);
  assert.deepEqual(gaps.map((gap) => [gap.sentence, gap.sop_uids]), [["2 slices have not been seen on L1.", [SOPS[7], SOPS[8]]]]);
});
