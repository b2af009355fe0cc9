/** What is true of every finding, and the sentences for what is not: the same laws that the server keeps. */

import { checkedMeasures } from "./measures.ts";
import { nameOf, type Finding, type Injury, type ReadContext, type SliceValue, type SopUid, type Vertebra } from "./model.ts";
import { OperationRefused } from "./refused.ts";

const COMMENT_LIMIT = 2000;

export const fracturedSlices = (finding: Finding): number =>
  Object.values(finding.slices).filter((mark) => mark.value === "fracture").length;

/** Refuses slices that neither cross the body nor lie in its margin. */
export function demandInside(sops: readonly SopUid[], vertebra: Vertebra, context: ReadContext): void {
  const allowed = new Set<SopUid>([...vertebra.sops, ...vertebra.marginSops]);
  if (sops.some((sop) => !allowed.has(sop))) {
    throw new OperationRefused("outside", `This slice does not cross ${nameOf(vertebra, context)}.`);
  }
}

/** Refuses what nobody looked at: it is not negative. */
export function demandSeen(
  sops: readonly SopUid[],
  vertebra: Vertebra,
  context: ReadContext,
  seen: ReadonlySet<SopUid>,
): void {
  const unseen = sops.filter((sop) => !seen.has(sop)).length;
  if (unseen === 0) return;
  const slices = unseen === 1 ? "1 slice has" : `${unseen} slices have`;
  throw new OperationRefused("unseen", `${slices} not been seen on ${nameOf(vertebra, context)}.`);
}

/** Whether slices are labelled otherwise than a suggestion would label them; beside what it names, that is negative. */
export const contradicts = (finding: Finding, said: Readonly<Record<SopUid, SliceValue>>): boolean =>
  (Object.keys(finding.slices) as SopUid[]).some((sop) => finding.slices[sop]?.value !== (said[sop] ?? "negative"));

/** The same text, once it is short enough and can be stored. */
export function checkedComment(text: string): string {
  // The server counts characters, not the halves that some of them have here.
  if ([...text].length > COMMENT_LIMIT) {
    throw new OperationRefused("bad_payload", `A comment holds at most ${COMMENT_LIMIT} characters.`);
  }
  if (text.includes("\0") || /\p{Surrogate}/u.test(text)) {
    throw new OperationRefused("bad_payload", "A sign of this comment cannot be stored. Type it again.");
  }
  return text;
}

/** An injury lies between a vertebra and the next one below; null stands where the image ends. */
export function checkedInjury(injury: Injury, upper: Vertebra, context: ReadContext): Injury {
  const below = context.vertebrae[context.vertebrae.indexOf(upper) + 1]?.id ?? null;
  if (injury.lower !== null && injury.lower !== below) {
    throw new OperationRefused("not_neighbours", `The segment below ${nameOf(upper, context)} ends elsewhere.`);
  }
  return injury;
}

export function fracturedSlicesSentence(name: string, count: number): string {
  return count === 1
    ? `${name} has 1 fractured slice. Clear it first.`
    : `${name} has ${count} fractured slices. Clear them first.`;
}

/** The same finding, once it keeps every law. Throws {@link OperationRefused}. */
export function checkedFinding(finding: Finding, vertebra: Vertebra, context: ReadContext): Finding {
  const name = nameOf(vertebra, context);
  const refuse = (code: string, sentence: string): never => {
    throw new OperationRefused(code, sentence);
  };
  checkedComment(finding.comment);
  checkedMeasures(finding.measures);
  demandInside(Object.keys(finding.slices) as SopUid[], vertebra, context);
  const stack = new Set(context.sops);
  if (finding.measures.some((measure) => !stack.has(measure.sop_uid))) {
    refuse("another_stack", "Something was measured on a slice that is not of this stack.");
  }
  const { verdict } = finding;
  const fractured = fracturedSlices(finding);
  if (finding.ao_body !== null && verdict !== "fracture") {
    refuse("ao_without_fracture", `${name} has an AO type but is not called a fracture.`);
  }
  if ((verdict === "indeterminate" || verdict === "not_assessable") && Object.keys(finding.slices).length > 0) {
    refuse("slices_without_verdict", `${name} cannot be judged, so its slices carry no label.`);
  }
  if ((verdict === "not_assessable") !== (finding.why !== "")) {
    refuse("why", `${name} needs a reason exactly when it is not assessable.`);
  }
  if (verdict === "negative" && fractured > 0) refuse("fractured_slices", fracturedSlicesSentence(name, fractured));
  if (context.unit !== "slice") return finding;
  if (fractured > 0 && verdict !== "fracture") {
    refuse("fractured_slices", `${name} has a fractured slice, so it is a fracture.`);
  }
  if (verdict === "negative" && vertebra.sops.some((sop) => !finding.slices[sop])) {
    refuse("unlabelled", `${name} is negative only when each of its slices is.`);
  }
  return finding;
}
