/** The rules of one label operation, the same that the server applies. Pure: states go in, a new state comes out. */

import {
  EMPTY_FINDING,
  findingOf,
  injuryOf,
  nameOf,
  type Change,
  type Finding,
  type Injury,
  type Operations,
  type ReadContext,
  type ReadState,
  type SliceMark,
  type SopUid,
  type Verb,
  type Vertebra,
  type VertebraId,
} from "./model.ts";

/** A change that the rules of reading do not allow; `sentence` says why, for the person. */
export class OperationRefused extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.name = "OperationRefused";
    this.code = code;
  }
}

const COMMENT_LIMIT = 2000;

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

const fracturedSlices = (finding: Finding): number =>
  Object.values(finding.slices).filter((mark) => mark.value === "fracture").length;

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const labelSlices: Handler<"label_slices"> = (finding, payload, known) => {
  const { context, vertebra } = known;
  if (payload.sop_uids.length === 0) throw new OperationRefused("no_slice", "No slice was named.");
  const allowed = new Set<SopUid>([...vertebra.sops, ...vertebra.marginSops]);
  if (payload.sop_uids.some((sop) => !allowed.has(sop))) {
    throw new OperationRefused("outside", `This slice does not cross ${nameOf(vertebra, context)}.`);
  }
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
  const unseen = vertebra.sops.filter((sop) => !seen.has(sop)).length;
  if (unseen > 0) {
    const name = nameOf(vertebra, context);
    const verb = unseen === 1 ? "has" : "have";
    throw new OperationRefused("unseen_slices", `${plural(unseen, "slice", "slices")} of ${name} ${verb} not been on screen.`);
  }
  const slices: Record<SopUid, SliceMark> = { ...finding.slices };
  for (const sop of vertebra.sops) slices[sop] ??= { value: "negative", source: "range" };
  if (fracturedSlices(finding) > 0) return { ...finding, slices, verdict: "fracture", why: "" };
  return { ...finding, slices, verdict: "negative", why: "", ao_body: null };
};

const setVerdict: Handler<"set_verdict"> = (finding, payload, known) => {
  const { verdict, why } = payload;
  if (verdict === "not_assessable" && !why) {
    throw new OperationRefused("why_missing", "Not assessable needs a reason.");
  }
  if (verdict === "negative") {
    const count = fracturedSlices(finding);
    if (count > 0) {
      const name = nameOf(known.vertebra, known.context);
      const sentence = `${name} has ${plural(count, "fractured slice", "fractured slices")}. Clear them first.`;
      throw new OperationRefused("fractured_slices", sentence);
    }
    if (known.context.unit === "slice") return restNegative(finding, payload, known);
    return { ...finding, verdict, why: "", ao_body: null };
  }
  if (verdict === "fracture") return { ...finding, verdict, why: "" };
  if (verdict === null) return { ...finding, verdict, why: "", ao_body: null, slices: {} };
  return { ...finding, verdict, why: verdict === "not_assessable" ? why : "", ao_body: null, slices: {} };
};

const setAo: Handler<"set_ao"> = (finding, payload) =>
  payload.ao_body === null
    ? { ...finding, ao_body: null }
    : { ...finding, ao_body: payload.ao_body, verdict: "fracture", why: "" };

const setComment: Handler<"set_comment"> = (finding, payload) => {
  if (payload.text.length > COMMENT_LIMIT) {
    throw new OperationRefused("comment_too_long", `A comment holds at most ${COMMENT_LIMIT} characters.`);
  }
  return { ...finding, comment: payload.text };
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

function restored(state: ReadState, payload: Operations["restore"]): ReadState {
  const { vertebra, finding, injury } = payload;
  return withInjury(withFinding(state, vertebra, finding ?? EMPTY_FINDING), vertebra, injury);
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
      return withFinding(state, id, setComment(finding, change.payload, known));
    case "set_injury": {
      const { upper, lower, type } = change.payload;
      return withInjury(state, upper, type && { type, lower });
    }
    case "restore":
      return restored(state, change.payload);
  }
}

/** The change that puts a vertebra back to how it is in `state`: undo, redo and "clear" are made of it. */
export function restoring(state: ReadState, vertebra: VertebraId): Change {
  const finding = state.findings[vertebra] ?? null;
  const injury = state.injuries[vertebra] ?? null;
  return { verb: "restore", payload: { vertebra, finding, injury } };
}

/** Whether two states hold the same of one vertebra; an absent finding equals an empty one. */
export function sameOf(left: ReadState, right: ReadState, vertebra: VertebraId): boolean {
  const known = (state: ReadState): string =>
    JSON.stringify([text(findingOf(state, vertebra)), injuryOf(state, vertebra)]);
  return known(left) === known(right);
}

/** A finding as text, the same for equal findings whatever the order of their slices. */
function text(finding: Finding): string {
  const { verdict, why, ao_body, process_fracture, acuity, unclear, comment, level_said } = finding;
  return JSON.stringify([verdict, why, ao_body, process_fracture, acuity, unclear, comment, level_said, marksOf(finding)]);
}
