import assert from "node:assert/strict";
import { test } from "node:test";

import { apply } from "../src/reading/apply.ts";
import { commandNames, mayRun, runCommand } from "../src/reading/commands.ts";
import { markOf } from "../src/reading/marks.ts";
import { modelCellOf, modelCellWords, modelRowWords, shownMarkOf } from "../src/reading/model-marks.ts";
import { EMPTY_FINDING, EMPTY_STATE, findingOf, type Change, type Finding, type ReadState, type SopUid, type Vertebra } from "../src/reading/model.ts";
import {
  abstentionWords,
  asFinding,
  comparedWith,
  differencesOf,
  isRevealed,
  modelViewOf,
  opinionName,
  slicesWords,
  strongestSlice,
  suggestionOf,
  type ModelView,
} from "../src/reading/opinions.ts";
import { placeIn } from "../src/reading/place.ts";
import { Outbox } from "../src/reading/outbox.ts";
import type { Room } from "../src/reading/room-data.ts";
import { Session, type Panel } from "../src/reading/session.ts";
import { ReadingStore } from "../src/reading/store.ts";
import { ALL_SEEN, CASE, L1, L2, MemoryStorage, SOPS, T12 } from "./case.ts";
import { CLASSIFIED, judged, modelView, MORPHOMETRY, opinion, TRUTH } from "./opinions.ts";
import { SlowScreen } from "./screen.ts";
import { ContractServer } from "./server.ts";

const FIRST = modelView("first", [opinion(CLASSIFIED), MORPHOMETRY]);
const REVEALED = modelView("revealed", [opinion(CLASSIFIED)]);

const marks = (...ks: number[]): Finding["slices"] => Object.fromEntries(ks.map((k) => [SOPS[k], { value: "fracture", source: "key" }]));
const said = (verdict: Finding["verdict"], ...ks: number[]): Finding => ({ ...EMPTY_FINDING, verdict, slices: marks(...ks) });

function open(model: ModelView | null, more: { readonly state?: ReadState; readonly seen?: readonly SopUid[]; readonly locked?: boolean } = {}): Session {
  const storage = new MemoryStorage();
  const outbox = new Outbox({ key: "queue", seq: 0, transport: new ContractServer(), storage });
  const { state = EMPTY_STATE, seen = SOPS, locked = false } = more;
  const store = new ReadingStore({ context: CASE, confirmed: state, seen, writable: !locked, outbox, storage, historyKey: "history" });
  const start = { k: 5, vertebra: L1, window: [1800, 400] };
  const screen = new SlowScreen(SOPS, 5);
  const anatomy = { editable: false };
  const room = { context: CASE, sops: SOPS, outlinesHidden: false, start, model, locked, anatomy, report: null, second: {}, versions: [] };
  const session = new Session(room as unknown as Room, store, screen);
  screen.session = session;
  return session;
}

// ---------------------------------------------------------------- accepting

const accepted = (more: Partial<Extract<Change, { verb: "accept" }>["payload"]> = {}): Change => ({
  verb: "accept",
  payload: { vertebra: L1.id, model_read: 7, verdict: "fracture", slices: { [SOPS[4] as SopUid]: "fracture", [SOPS[5] as SopUid]: "negative" }, all: false, ...more },
});

test("what is accepted is marked as accepted, and where the unit is the slice the rest of the body is negative", () => {
  const before = { findings: { [L1.id]: { ...said("fracture", 2, 7), ao_body: "A3" as const, comment: "old" } }, injuries: {} };
  const finding = findingOf(apply(before, CASE, ALL_SEEN, accepted()), L1.id);
  assert.deepEqual([finding.verdict, finding.ao_body, finding.comment], ["fracture", "A3", "old"]);
  const sources = L1.sops.map((sop) => `${finding.slices[sop]?.value} ${finding.slices[sop]?.source}`);
  assert.deepEqual(sources, ["negative range", "fracture accepted", "negative accepted", "negative range", "negative range", "negative range"]);
  assert.equal(Object.keys(finding.slices).length, L1.sops.length);
  const whole = findingOf(apply(before, { ...CASE, unit: "vertebra" }, ALL_SEEN, accepted()), L1.id);
  assert.deepEqual(Object.keys(whole.slices), [SOPS[4], SOPS[5]]);
});

test("a negative suggestion takes the AO type away", () => {
  const before = { findings: { [L1.id]: { ...said("fracture", 4), ao_body: "A1" as const } }, injuries: {} };
  const finding = findingOf(apply(before, CASE, ALL_SEEN, accepted({ verdict: "negative", slices: {} })), L1.id);
  assert.deepEqual([finding.verdict, finding.ao_body], ["negative", null]);
});

test("nothing is accepted that was not seen: of the vertebra, and of every complete one where all is accepted", () => {
  const seen = new Set(SOPS.slice(3, 9));
  assert.equal(findingOf(apply(EMPTY_STATE, CASE, seen, accepted()), L1.id).verdict, "fracture");
  assert.throws(() => apply(EMPTY_STATE, CASE, seen, accepted({ all: true })), { code: "unseen", message: "2 slices have not been seen on L2." });
  assert.throws(() => apply(EMPTY_STATE, CASE, new Set(SOPS.slice(4)), accepted()), { message: "1 slice has not been seen on L1." });
  const nowhere = accepted({ slices: { [SOPS[5] as SopUid]: "negative" } });
  assert.throws(() => apply(EMPTY_STATE, CASE, ALL_SEEN, nowhere), { code: "no_fractured_slice" });
});

test("A accepts one vertebra as one step, with the opinion named in what was shown, and undo takes it back", () => {
  const session = open(FIRST);
  runCommand("accept", session);
  const [operation] = session.store.outbox.pending;
  assert.deepEqual(operation?.payload, {
    vertebra: L1.id,
    model_read: 7,
    verdict: "fracture",
    slices: { [SOPS[4] as string]: "fracture", [SOPS[5] as string]: "fracture", [SOPS[6] as string]: "fracture", [SOPS[7] as string]: "negative" },
    all: false,
  });
  assert.deepEqual(operation?.shown.suggestion, { read: 7 });
  assert.equal(session.store.latest[0]?.label, "L1, suggestion accepted, fracture");
  // The type is the reader's own word, and is still asked for.
  assert.deepEqual(session.store.gaps.map(({ kind }) => kind), ["no_ao_type", "no_verdict"]);
  runCommand("undo", session);
  assert.deepEqual(session.store.state, EMPTY_STATE);
});

test("all remaining suggestions are accepted as one step, once every slice was on screen, and no verdict is written over", () => {
  const state: ReadState = { findings: { [L1.id]: said("indeterminate") }, injuries: {} };
  const early = open(FIRST, { state, seen: SOPS.slice(0, 9) });
  assert.equal(mayRun("acceptAll", early), "Possible once every slice has been on screen. 1 to go.");
  const session = open(FIRST, { state });
  runCommand("acceptAll", session);
  assert.deepEqual(session.store.outbox.pending.map(({ payload }) => payload.vertebra), [L2.id]);
  assert.equal(findingOf(session.store.state, L2.id).verdict, "negative");
  assert.equal(findingOf(session.store.state, L1.id).verdict, "indeterminate");
  assert.equal(mayRun("acceptAll", session), "No suggestion is left: every vertebra that has one has a verdict.");
  runCommand("undo", session);
  assert.deepEqual(session.store.state, state);
});

test("a vertebra with a slice label that says otherwise is left out of all remaining, and is accepted by itself", () => {
  const open5 = (value: "fracture" | "negative", k: number): ReadState => ({
    findings: { [L1.id]: { ...EMPTY_FINDING, slices: { [SOPS[k] as SopUid]: { value, source: "key" } } }, [L2.id]: said("negative") },
    injuries: {},
  });
  const otherwise = open(FIRST, { state: open5("negative", 5) });
  assert.equal(mayRun("acceptAll", otherwise), "What is left has slice labels that say otherwise. Accept those vertebrae one by one.");
  assert.throws(() => apply(open5("negative", 4), CASE, ALL_SEEN, accepted({ all: true })), {
    code: "contradicted",
    message: "L1 has a slice label that says otherwise. Accept it by itself, or clear the label.",
  });
  runCommand("accept", otherwise);
  assert.equal(findingOf(otherwise.store.state, L1.id).verdict, "fracture");
  // What the model says too, and a negative where it is silent, is nothing else.
  for (const k of [7, 8]) {
    const alike = open(FIRST, { state: open5("negative", k) });
    assert.equal(mayRun("acceptAll", alike), true);
    runCommand("acceptAll", alike);
    assert.equal(findingOf(alike.store.state, L1.id).verdict, "fracture");
  }
});

test("what cannot be accepted says why: abstained, not seen, nothing shown, only measured", () => {
  const session = open(FIRST, { seen: SOPS.slice(0, 7) });
  assert.equal(mayRun("accept", session), "Possible once every slice of L1 has been on screen. 2 to go.");
  session.selectVertebra(T12);
  assert.equal(mayRun("accept", session), "There is no suggestion for T12.");
  for (const model of [null, modelView("hidden", []), modelView("first", []), modelView("first", [MORPHOMETRY])]) {
    assert.equal(mayRun("accept", open(model)), "No suggestion is shown here.");
    assert.equal(mayRun("acceptAll", open(model)), "No suggestion is shown here.");
  }
});

// ---------------------------------------------------------------- hidden

test("while the model is hidden, nothing on screen and nothing that is sent depends on it", () => {
  const without = open(null);
  // Even an answer that says too much is not listened to.
  const hidden = open(modelViewOf({ rule: "after_lock", stage: "hidden", opinions: [opinion(CLASSIFIED)] }));
  for (const vertebra of CASE.vertebrae) {
    assert.deepEqual(shownMarkOf(hidden, vertebra), shownMarkOf(without, vertebra));
    assert.equal(modelRowWords(hidden, vertebra), "");
    for (const sop of SOPS) assert.equal(modelCellOf(hidden, vertebra, sop), "");
  }
  for (const name of commandNames) assert.equal(mayRun(name, hidden), mayRun(name, without), name);
  assert.deepEqual(hidden.shown(), without.shown());
  assert.ok(!("suggestion" in hidden.shown()));
});

// ---------------------------------------------------------------- on the strip

test("a suggestion is drawn dashed with its letter until the reader has said something", () => {
  const session = open(FIRST);
  const signOf = (vertebra: Vertebra): string => `${shownMarkOf(session, vertebra).className} ${shownMarkOf(session, vertebra).sign}`;
  assert.deepEqual([T12, L1, L2].map(signOf), ["st-na ×", "st-model F", "st-model −"]);
  assert.deepEqual(SOPS.slice(3, 9).map((sop) => modelCellOf(session, L1, sop)), ["", "mf", "mf", "mf", "mn", ""]);
  assert.equal(modelRowWords(session, L1), "the model suggests fracture on 3 slices");
  // Slices beside one that has a label keep theirs, the vertebra has a verdict of its own.
  session.store.perform("by hand", 3, [{ verb: "label_slices", payload: { vertebra: L1.id, sop_uids: [SOPS[5] as SopUid], value: "fracture", source: "range" } }], session.shown());
  assert.deepEqual(SOPS.slice(3, 9).map((sop) => modelCellOf(session, L1, sop)), ["", "mf", "", "mf", "mn", ""]);
  assert.equal(signOf(L1), "st-a0 F");
  runCommand("indeterminate", session);
  assert.equal(signOf(L1), "st-indet ?");
  assert.deepEqual(SOPS.map((sop) => modelCellOf(session, L1, sop)).join(""), "");
});

test("after the lock, slices that the model calls a fracture are underlined, and another verdict is marked ≠", () => {
  const state: ReadState = { findings: { [L1.id]: said("negative"), [L2.id]: said("negative") }, injuries: {} };
  const session = open(REVEALED, { state, locked: true });
  assert.deepEqual([L1, L2].map((vertebra) => shownMarkOf(session, vertebra).sign), ["≠", "−"]);
  assert.deepEqual(SOPS.slice(3, 9).map((sop) => modelCellOf(session, L1, sop)), ["", "mm", "mm", "mm", "", ""]);
  assert.equal(modelRowWords(session, L1), "the model: fracture on 3 slices, you differ");
  assert.equal(modelRowWords(session, L2), "the model: negative");
  assert.equal(shownMarkOf(session, T12).sign, markOf(T12, EMPTY_FINDING, ALL_SEEN).sign);
});

// ---------------------------------------------------------------- after the lock

test("differences come by harm: what may be missed, what may be extra, what is not judged, where else it is seen", () => {
  const vertebrae = [L1, L2, T12];
  const kinds = (findings: ReadState["findings"], classified: Parameters<typeof opinion>[0] = CLASSIFIED): string[] =>
    differencesOf({ model: modelView("revealed", [opinion(classified)]), locked: true }, vertebrae, { findings, injuries: {} }).map(
      ({ vertebra, kind }) => `${vertebra.level} ${kind}`,
    );
  assert.deepEqual(kinds({ [L1.id]: said("fracture", 5, 6), [L2.id]: said("negative") }), []);
  assert.deepEqual(kinds({ [L1.id]: said("fracture", 7, 8), [L2.id]: said("fracture", 5) }), ["L2 extra", "L1 slices"]);
  assert.deepEqual(kinds({ [L1.id]: said("negative"), [L2.id]: said("fracture", 5) }), ["L1 missed", "L2 extra"]);
  assert.deepEqual(kinds({ [L1.id]: said("not_assessable"), [L2.id]: said("fracture", 5) }), ["L2 extra", "L1 undecided"]);
  // A model that abstains says nothing, and neither does a reader without a verdict.
  assert.deepEqual(kinds({ [T12.id]: said("fracture", 5) }), []);
  // A type or a verdict without slices is in no other place.
  assert.deepEqual(kinds({ [L1.id]: said("fracture") }), []);
  assert.deepEqual(kinds({ [L1.id]: said("negative") }, { [L1.id]: judged("indeterminate", 0.5) }), ["L1 undecided"]);
});

test("a read is compared with the truth before any model, and there the type and what is not assessable count too", () => {
  const model = modelView("revealed", [TRUTH, opinion(CLASSIFIED)]);
  assert.equal(comparedWith({ model, locked: true })?.kind, "truth");
  const kinds = (findings: ReadState["findings"]): string[] =>
    differencesOf({ model, locked: true }, [L1, L2, T12], { findings, injuries: {} }).map(({ vertebra, kind }) => `${vertebra.level} ${kind}`);
  const typed = (ao_body: Finding["ao_body"], ...ks: number[]): Finding => ({ ...said("fracture", ...ks), ao_body });
  assert.deepEqual(kinds({ [L1.id]: typed("A3", 4, 5), [L2.id]: said("negative") }), []);
  assert.deepEqual(kinds({ [L1.id]: typed("A1", 4, 5), [L2.id]: said("fracture", 5) }), ["L2 extra", "L1 type"]);
  assert.deepEqual(kinds({ [L1.id]: said("negative"), [T12.id]: said("negative") }), ["L1 missed", "T12 undecided"]);
  assert.deepEqual(kinds({ [L1.id]: typed("A3", 7, 8) }), ["L1 slices"]);
  const truth = model.opinions[0]?.vertebrae.get(L1.id);
  assert.ok(truth);
  assert.equal(markOf(L1, asFinding(truth), ALL_SEEN).sign, "A3");
});

test("beside the truth, the strip speaks of the reference and not of the model", () => {
  const state: ReadState = { findings: { [L1.id]: said("negative"), [L2.id]: said("negative") }, injuries: {} };
  const session = open(modelView("revealed", [TRUTH]), { state, locked: true });
  assert.equal(shownMarkOf(session, L1).words, "You and the reference differ");
  assert.equal(modelRowWords(session, L1), "the reference: fracture A3 on 2 slices, you differ");
  assert.equal(modelCellWords("mm", session.room), "the reference says fracture");
  assert.equal(opinionName(comparedWith(session.room) ?? assert.fail()), "Reference");
});

test("a link leads to a vertebra and a slice, and one that names none of this read leads nowhere", () => {
  assert.deepEqual(placeIn("?vertebra=12&slice=7"), { vertebra: 12, k: 6 });
  assert.deepEqual(placeIn("?vertebra=12"), { vertebra: 12, k: null });
  for (const search of ["", "?slice=3", "?vertebra=x", "?vertebra=-1", "?vertebra=0"]) assert.equal(placeIn(search), null);
  const session = open(REVEALED, { locked: true });
  session.goTo(L2.id, 7);
  assert.deepEqual([session.vertebra?.level, session.screen.wanted], ["L2", 7]);
  session.goTo(999, 3);
  assert.deepEqual([session.vertebra?.level, session.screen.wanted], ["L2", 7]);
});

test("once revealed, Enter and Space go on to the next case", () => {
  const session = open(REVEALED, { locked: true });
  const opened: Panel[] = [];
  session.events.on("open", (panel) => opened.push(panel));
  runCommand("summary", session);
  runCommand("nextOpen", session);
  const draft = open(REVEALED);
  draft.events.on("open", (panel) => opened.push(panel));
  runCommand("summary", draft);
  assert.deepEqual(opened, ["next", "next", "summary"]);
  assert.ok(!isRevealed({ locked: true, model: modelView("revealed", []) }));
});

test("slices, scores and abstentions in words", () => {
  const fracture = REVEALED.opinions[0]?.vertebrae.get(L1.id);
  assert.ok(fracture);
  assert.equal(slicesWords(fracture, SOPS), "slices 5 to 7, strongest 6");
  assert.equal(strongestSlice(fracture, SOPS), 5);
  const words = (slices: Parameters<typeof judged>[2]): string => {
    const found = modelView("first", [opinion({ [L1.id]: judged("fracture", 0.6, slices) })]).opinions[0]?.vertebrae.get(L1.id);
    return found ? slicesWords(found, SOPS) : "";
  };
  assert.equal(words([[4, 0.9]]), "slice 5");
  assert.equal(words([[3, 0.6], [4, 0.7], [7, 0.9]]), "slices 4 to 5 and 8, strongest 8");
  assert.equal(words([[3, null], [4, null], [5, null]]), "slices 4 to 6");
  assert.equal(abstentionWords(suggestionless("")), "cut by the edge of the image");
  assert.equal(abstentionWords(suggestionless("It has no mask, so it was not classified.")), "it has no mask, so it was not classified");
  assert.equal(abstentionWords(suggestionless("HU are missing.")), "HU are missing");
  assert.deepEqual(FIRST.opinions.map(opinionName), ["Classifier sagittal 2", "Morphometry 1"]);
  assert.equal(suggestionOf({ model: FIRST, locked: false }, T12.id), null);
});

function suggestionless(reason: string): NonNullable<Parameters<typeof abstentionWords>[0]> {
  return { verdict: "not_assessable", why: "cut", reason, score: null, slices: new Map(), ao: null, words: "" };
}
