import assert from "node:assert/strict";
import { test } from "node:test";

import { apply, OperationRefused, restoring, sameOf, withAnswer } from "../src/reading/apply.ts";
import { EMPTY_FINDING, EMPTY_STATE, findingOf, type Change, type ReadState, type SopUid } from "../src/reading/model.ts";
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
  assert.throws(() => done([rest], seen), { message: "3 slices have not been seen on L1." });
});

test("a negative range needs each of its slices seen, a fractured one and a single slice do not", () => {
  const range = (value: "fracture" | "negative"): Change => ({
    verb: "label_slices",
    payload: { vertebra: L1.id, sop_uids: L1.sops, value, source: "range" },
  });
  const seen = new Set(SOPS.slice(0, 8));
  assert.throws(() => done([range("negative")], seen), { message: "1 slice has not been seen on L1." });
  assert.equal(findingOf(done([range("fracture")], seen), L1.id).verdict, "fracture");
  assert.equal(findingOf(done([slice(8, "negative")], seen), L1.id).slices[SOPS[8] as SopUid]?.value, "negative");
});

test("a reader may say another level than the anatomy does", () => {
  const saying: Change = { verb: "set_level_said", payload: { vertebra: L1.id, level: "T13" } };
  assert.equal(findingOf(done([saying]), L1.id).level_said, "T13");
});

test("an injury lies between neighbours or ends with the image", () => {
  const injury = (lower: typeof L2.id | null): Change => ({
    verb: "set_injury",
    payload: { vertebra: L1.id, upper: L1.id, lower, type: "B2" },
  });
  assert.deepEqual(done([injury(L2.id)]).injuries[L1.id], { type: "B2", lower: L2.id });
  assert.deepEqual(done([injury(null)]).injuries[L1.id], { type: "B2", lower: null });
  assert.throws(() => done([injury(L1.id)]), { message: "The segment below L1 ends elsewhere." });
});

test("what an older page kept is not put back where it breaks a law now", () => {
  const finding = { ...EMPTY_FINDING, verdict: "fracture" as const, slices: { [SOPS[0] as SopUid]: { value: "fracture", source: "key" } as const } };
  const restore: Change = { verb: "restore", payload: { vertebra: L1.id, finding, injury: null } };
  assert.throws(() => done([restore]), { message: "This slice does not cross L1." });
});

test("a comment is counted in characters, as the server counts", () => {
  const comment = (text: string): Change => ({ verb: "set_comment", payload: { vertebra: L1.id, text } });
  assert.equal(findingOf(done([comment("🦴".repeat(2000))]), L1.id).comment.length, 4000);
  assert.throws(() => done([comment("🦴".repeat(2001))]), OperationRefused);
  for (const sign of ["\0", "\ud800"]) assert.throws(() => done([comment(sign)]), OperationRefused);
});

test("the server's answer takes the place of what was there, and a blank finding is none", () => {
  const state = done([slice(4, "fracture"), { verb: "set_unclear", payload: { vertebra: L2.id, value: true } }]);
  const after = withAnswer(state, { [L1.id]: EMPTY_FINDING }, { [L1.id]: { type: "C", lower: L2.id } });
  assert.deepEqual(Object.keys(after.findings), [String(L2.id)]);
  assert.deepEqual(withAnswer(after, { [L2.id]: null }, { [L1.id]: null }), EMPTY_STATE);
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
