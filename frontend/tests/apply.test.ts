import assert from "node:assert/strict";
import { test } from "node:test";

import { apply, OperationRefused, restoring, sameOf } from "../src/reading/apply.ts";
import { EMPTY_STATE, findingOf, type Change, type ReadState, type SopUid } from "../src/reading/model.ts";
import { ALL_SEEN, CASE, dice, L1, L2, SOPS } from "./case.ts";
import { anyChange } from "./changes.ts";

const done = (changes: readonly Change[], seen: ReadonlySet<SopUid> = ALL_SEEN): ReadState =>
  changes.reduce((state, change) => apply(state, CASE, seen, change), EMPTY_STATE);

const slice = (k: number, value: "fracture" | "negative" | null): Change => ({
  verb: "label_slices",
  payload: { vertebra: L1.id, sop_uids: [SOPS[k] as SopUid], value, source: "key" },
});
const rest: Change = { verb: "rest_negative", payload: { vertebra: L1.id } };

test("a fractured slice makes the vertebra a fracture and takes away indeterminate", () => {
  const state = done([{ verb: "set_verdict", payload: { vertebra: L1.id, verdict: "indeterminate", why: "" } }, slice(4, "fracture")]);
  assert.equal(findingOf(state, L1.id).verdict, "fracture");
});

test("when the last fractured slice goes, verdict and AO type go with it", () => {
  const typed: Change = { verb: "set_ao", payload: { vertebra: L1.id, ao_body: "A3" } };
  const finding = findingOf(done([slice(4, "fracture"), typed, slice(4, null)]), L1.id);
  assert.deepEqual([finding.verdict, finding.ao_body], [null, null]);
});

test("a slice two beyond the body is accepted, one further out is refused with the level named", () => {
  assert.equal(findingOf(done([slice(1, "fracture")]), L1.id).verdict, "fracture");
  assert.throws(() => done([slice(0, "fracture")]), { message: "This slice does not cross L1." });
});

test("rest negative needs every body slice seen and says how many are not", () => {
  const seen = new Set(SOPS.slice(0, 6));
  assert.throws(() => done([rest], seen), { message: "3 slices of L1 have not been on screen." });
});

test("rest negative beside a fractured slice leaves the fracture and fills the others", () => {
  const finding = findingOf(done([slice(4, "fracture"), rest]), L1.id);
  assert.equal(finding.verdict, "fracture");
  assert.equal(Object.values(finding.slices).filter((mark) => mark.value === "negative").length, L1.sops.length - 1);
});

test("negative is refused while slices are fractured, with their number", () => {
  const negative: Change = { verb: "set_verdict", payload: { vertebra: L1.id, verdict: "negative", why: "" } };
  assert.throws(() => done([slice(4, "fracture"), slice(5, "fracture"), negative]), {
    message: "L1 has 2 fractured slices. Clear them first.",
  });
});

test("a vertebra whose every slice is negative is negative; one that loses a label has no verdict", () => {
  const all: Change = { verb: "label_slices", payload: { vertebra: L1.id, sop_uids: L1.sops, value: "negative", source: "range" } };
  assert.equal(findingOf(done([all]), L1.id).verdict, "negative");
  assert.equal(findingOf(done([all, slice(4, null)]), L1.id).verdict, null);
});

test("not assessable drops slices and type and needs a reason", () => {
  const cannot = (why: "metal" | ""): Change => ({ verb: "set_verdict", payload: { vertebra: L1.id, verdict: "not_assessable", why } });
  const finding = findingOf(done([slice(4, "fracture"), cannot("metal")]), L1.id);
  assert.deepEqual([finding.verdict, finding.why, finding.slices], ["not_assessable", "metal", {}]);
  assert.throws(() => done([cannot("")]), OperationRefused);
});

test("the rest of a graded fracture without a fractured slice is not negative", () => {
  const graded: Change = { verb: "set_ao", payload: { vertebra: L1.id, ao_body: "A1" } };
  assert.throws(() => done([graded, { verb: "rest_negative", payload: { vertebra: L1.id } }]), OperationRefused);
});

test("what a change does to one vertebra leaves the others alone", () => {
  const state = done([{ verb: "rest_negative", payload: { vertebra: L2.id } }, slice(4, "fracture")]);
  assert.equal(findingOf(state, L2.id).verdict, "negative");
});

test("doing any change and undoing it is nothing, and no state is changed in place", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const roll = dice(seed);
    let state = EMPTY_STATE;
    for (let step = 0; step < 25; step += 1) {
      const change = anyChange(roll);
      const before = JSON.stringify(state);
      const back = restoring(state, change.payload.vertebra);
      let after: ReadState;
      try {
        after = apply(state, CASE, ALL_SEEN, change);
      } catch (error) {
        assert.ok(error instanceof OperationRefused, `seed ${seed}: ${String(error)}`);
        continue;
      }
      assert.equal(JSON.stringify(state), before, `seed ${seed}: changed in place`);
      const undone = apply(after, CASE, ALL_SEEN, back);
      for (const { id } of CASE.vertebrae) assert.ok(sameOf(undone, state, id), `seed ${seed}, ${change.verb}`);
      state = after;
    }
  }
});

test("the same change twice is the change once", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const change = anyChange(dice(seed));
    try {
      const once = apply(EMPTY_STATE, CASE, ALL_SEEN, change);
      const twice = apply(once, CASE, ALL_SEEN, change);
      for (const { id } of CASE.vertebrae) assert.ok(sameOf(once, twice, id), `seed ${seed}, ${change.verb}`);
    } catch (error) {
      assert.ok(error instanceof OperationRefused);
    }
  }
});
