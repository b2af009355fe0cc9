/** The rules of one label operation, the same that the server applies. Pure: states go in, a new state comes out. */

import {
  checkedComment,
  checkedFinding,
  checkedInjury,
  contradicts,
  demandInside,
  demandSeen,
  fracturedSlices,
  fracturedSlicesSentence,
} from "./laws.ts";
import { checkedMeasures } from "./measures.ts";
import {
  EMPTY_FINDING,
  findingOf,
  injuryOf,
  nameOf,
  vertebraId,
  type Change,
  type Finding,
  type Injury,
  type Operations,
  type ReadContext,
  type ReadState,
  type SliceMark,
  type SliceValue,
  type SopUid,
  type Verb,
  type Vertebra,
  type VertebraId,
} from "./model.ts";
import { OperationRefused } from "./refused.ts";

export { OperationRefused };

export function vertebraOf(context: ReadContext, id: VertebraId): Vertebra {
  const found = context.vertebrae.find((vertebra) => vertebra.id === id);
  if (!found) throw new OperationRefused("unknown_vertebra", "This vertebra is not in the anatomy of this read.");
  return found;
}

type Handler<V extends Verb> = (finding: Finding, payload: Operations[V], known: Known) => Finding;
interface Known {
  readonly context: ReadContext;
  readonly vertebra: Vertebra;
  readonly seen: ReadonlySet<SopUid>;
}

const labelSlices: Handler<"label_slices"> = (finding, payload, known) => {
  const { context, vertebra, seen } = known;
  if (payload.sop_uids.length === 0) throw new OperationRefused("bad_payload", "No slice was named.");
  if (payload.source === "key" && payload.sop_uids.length !== 1) {
    throw new OperationRefused("bad_payload", "A label by key is for one slice.");
  }
  demandInside(payload.sop_uids, vertebra, context);
  // One key may say of a slice that is on screen what it likes; a range speaks of slices that are not.
  if (payload.value === "negative" && payload.source === "range") demandSeen(payload.sop_uids, vertebra, context, seen);
  const slices: Record<SopUid, SliceMark> = { ...finding.slices };
  for (const sop of payload.sop_uids) {
    if (payload.value === null) delete slices[sop];
    else slices[sop] = { value: payload.value, source: payload.source };
  }
  return verdictAfterLabels(finding, { ...finding, slices }, known);
};

/**
 * A fractured slice makes a fracture. Where the unit is the slice, the verdict goes back to none when the last
 * fractured slice goes or a negative vertebra loses a label, and to negative once every vertebral slice is negative.
 */
function verdictAfterLabels(before: Finding, labelled: Finding, { context, vertebra }: Known): Finding {
  let after = labelled;
  if (fracturedSlices(after) > 0) return { ...after, verdict: "fracture", why: "" };
  if (sameSlices(before, after)) return after;
  if (before.verdict === "indeterminate" || before.verdict === "not_assessable") after = { ...after, verdict: null, why: "" };
  if (context.unit !== "slice") return after;
  const complete = vertebra.sops.every((sop) => after.slices[sop]);
  if (fracturedSlices(before) > 0 || (before.verdict === "negative" && !complete)) {
    after = { ...after, verdict: null, ao_body: null };
  }
  return after.verdict === null && complete ? { ...after, verdict: "negative" } : after;
}

const sameSlices = (left: Finding, right: Finding): boolean => JSON.stringify(marksOf(left)) === JSON.stringify(marksOf(right));

const marksOf = (finding: Finding): [string, SliceMark][] =>
  Object.entries<SliceMark>(finding.slices).sort(([left], [right]) => (left < right ? -1 : 1));

const restNegative: Handler<"rest_negative"> = (finding, _payload, { context, vertebra, seen }) => {
  demandSeen(vertebra.sops, vertebra, context, seen);
  const slices: Record<SopUid, SliceMark> = { ...finding.slices };
  for (const sop of vertebra.sops) slices[sop] ??= { value: "negative", source: "range" };
  if (fracturedSlices(finding) > 0) return { ...finding, slices, verdict: "fracture", why: "" };
  return { ...finding, slices, verdict: "negative", why: "", ao_body: null };
};

const setVerdict: Handler<"set_verdict"> = (finding, payload, known) => {
  const { verdict } = payload;
  // Changes in the browser's storage may come from an older page.
  const why = payload.why ?? "";
  const name = nameOf(known.vertebra, known.context);
  if (verdict !== "not_assessable" && why) {
    throw new OperationRefused("why", `${name} needs a reason only when it is not assessable.`);
  }
  if (verdict === "not_assessable" && !why) throw new OperationRefused("why", `Say why ${name} is not assessable.`);
  if (verdict === "negative") {
    const count = fracturedSlices(finding);
    if (count > 0) throw new OperationRefused("fractured_slices", fracturedSlicesSentence(name, count));
    if (known.context.unit === "slice") return restNegative(finding, payload, known);
    return { ...finding, verdict, why: "", ao_body: null };
  }
  if (verdict === "fracture") return { ...finding, verdict, why: "" };
  // The image cannot decide, nothing can be seen, or the reader starts over: no slice is labelled then.
  return { ...finding, verdict, why, ao_body: null, slices: {} };
};

const setAo: Handler<"set_ao"> = (finding, payload) =>
  payload.ao_body === null
    ? { ...finding, ao_body: null }
    : { ...finding, ao_body: payload.ao_body, verdict: "fracture", why: "" };

/** What a model says of a vertebra becomes what the reader says, once they have looked at all of it. */
const accept: Handler<"accept"> = (finding, { verdict, slices: said, all }, { context, vertebra, seen }) => {
  const sops = Object.keys(said) as SopUid[];
  demandInside(sops, vertebra, context);
  for (const each of context.vertebrae) {
    // All at once is for who has been through the whole case; one by one, for who has been through this vertebra.
    if (each.id === vertebra.id || (all && !each.cut)) demandSeen(each.sops, each, context, seen);
  }
  if (all && contradicts(finding, said)) {
    const sentence = `${nameOf(vertebra, context)} has a slice label that says otherwise. Accept it by itself, or clear the label.`;
    throw new OperationRefused("contradicted", sentence);
  }
  if (verdict === "fracture" && !sops.some((sop) => said[sop] === "fracture")) {
    const sentence = `The suggestion calls ${nameOf(vertebra, context)} a fracture, but none of its slices.`;
    throw new OperationRefused("no_fractured_slice", sentence);
  }
  const slices: Record<SopUid, SliceMark> = {};
  if (context.unit === "slice") for (const sop of vertebra.sops) slices[sop] = { value: "negative", source: "range" };
  for (const sop of sops) slices[sop] = { value: said[sop] as SliceValue, source: "accepted" };
  const ao_body = verdict === "fracture" ? finding.ao_body : null;
  return checkedFinding({ ...finding, verdict, why: "", ao_body, slices }, vertebra, context);
};

/** A finding that says nothing is the same as none. */
function withFinding(state: ReadState, id: VertebraId, finding: Finding): ReadState {
  const findings: Record<VertebraId, Finding> = { ...state.findings };
  if (text(finding) === text(EMPTY_FINDING)) delete findings[id];
  else findings[id] = finding;
  return { ...state, findings };
}

function withInjury(state: ReadState, upper: VertebraId, injury: Injury | null): ReadState {
  const injuries: Record<VertebraId, Injury> = { ...state.injuries };
  if (injury) injuries[upper] = injury;
  else delete injuries[upper];
  return { ...state, injuries };
}

function restored(state: ReadState, payload: Operations["restore"], { context, vertebra }: Known): ReadState {
  const { finding, injury } = payload;
  // A finding that was kept before there were measures has none.
  const whole = finding && checkedFinding({ ...finding, measures: finding.measures ?? [] }, vertebra, context);
  const after = withFinding(state, vertebra.id, whole ?? EMPTY_FINDING);
  // An injury that is not named stays.
  if (injury === undefined) return after;
  return withInjury(after, vertebra.id, injury && checkedInjury(injury, vertebra, context));
}

/** The state after one change; `state` itself is left alone. Throws {@link OperationRefused}. */
export function apply(state: ReadState, context: ReadContext, seen: ReadonlySet<SopUid>, change: Change): ReadState {
  const { vertebra: id } = change.payload;
  const known: Known = { context, vertebra: vertebraOf(context, id), seen };
  const finding = findingOf(state, id);
  switch (change.verb) {
    case "label_slices":
      return withFinding(state, id, labelSlices(finding, change.payload, known));
    case "rest_negative":
      if (finding.verdict === "fracture" && fracturedSlices(finding) === 0) {
        const name = nameOf(known.vertebra, known.context);
        const sentence = `${name} is called a fracture, but none of its slices is. Mark one first, or clear the vertebra.`;
        throw new OperationRefused("fracture_without_slice", sentence);
      }
      return withFinding(state, id, restNegative(finding, change.payload, known));
    case "set_verdict":
      return withFinding(state, id, setVerdict(finding, change.payload, known));
    case "set_ao":
      return withFinding(state, id, setAo(finding, change.payload, known));
    case "set_process_fracture":
      return withFinding(state, id, { ...finding, process_fracture: change.payload.value });
    case "set_acuity":
      return withFinding(state, id, { ...finding, acuity: change.payload.acuity });
    case "set_unclear":
      return withFinding(state, id, { ...finding, unclear: change.payload.value });
    case "set_comment":
      return withFinding(state, id, { ...finding, comment: checkedComment(change.payload.text) });
    case "set_level_said":
      return withFinding(state, id, { ...finding, level_said: change.payload.level });
    case "set_measures": {
      const measures = checkedMeasures(change.payload.measures);
      return withFinding(state, id, checkedFinding({ ...finding, measures }, known.vertebra, context));
    }
    case "set_injury": {
      const { lower, type } = change.payload;
      return withInjury(state, id, type && checkedInjury({ type, lower }, known.vertebra, context));
    }
    case "accept":
      return withFinding(state, id, accept(finding, change.payload, known));
    case "restore":
      return restored(state, change.payload, known);
  }
}

/** The state with what the server says of some vertebrae: null and blank findings are none. */
export function withAnswer(
  state: ReadState,
  findings: Readonly<Record<string, Finding | null>>,
  injuries: Readonly<Record<string, Injury | null>>,
): ReadState {
  let next = state;
  for (const [id, finding] of Object.entries(findings)) next = withFinding(next, vertebraId(id), finding ?? EMPTY_FINDING);
  for (const [id, injury] of Object.entries(injuries)) next = withInjury(next, vertebraId(id), injury);
  return next;
}

/** The change that puts a vertebra back to how it is in `state`: undo, redo and "clear" are made of it. */
export function restoring(state: ReadState, vertebra: VertebraId): Change {
  const finding = state.findings[vertebra] ?? null;
  const injury = state.injuries[vertebra] ?? null;
  return { verb: "restore", payload: { vertebra, finding, injury } };
}

/** Whether two states hold the same of one vertebra; an absent finding equals an empty one. */
export function sameOf(left: ReadState, right: ReadState, vertebra: VertebraId): boolean {
  const known = (state: ReadState): string => {
    const injury = injuryOf(state, vertebra);
    return JSON.stringify([text(findingOf(state, vertebra)), injury && [injury.type, injury.lower]]);
  };
  return known(left) === known(right);
}

/** A finding as text, the same for equal findings whatever the order of their slices. */
function text(finding: Finding): string {
  const { verdict, why, ao_body, process_fracture, acuity, unclear, comment, level_said } = finding;
  const measures = finding.measures.map(({ kind, sop_uid, points }) => [kind, sop_uid, points]);
  const plain = [verdict, why, ao_body, process_fracture, acuity, unclear, comment, level_said];
  return JSON.stringify([...plain, marksOf(finding), measures]);
}
