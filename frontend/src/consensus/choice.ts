/** What the panel is about to say of one vertebra: whose finding it takes, or its own, and why the readers differ. Pure. */

import { apply } from "../reading/apply.ts";
import { gapsOf } from "../reading/gaps.ts";
import {
  EMPTY_FINDING,
  EMPTY_STATE,
  findingOf,
  injuryOf,
  type Acuity,
  type Change,
  type Finding,
  type Injury,
  type ReadContext,
  type ReadState,
  type SliceMark,
  type SopUid,
  type Vertebra,
} from "../reading/model.ts";
import { findingBy, injuryBy, type Asked, type ConsensusData } from "./data.ts";
import type { Letter, SettleBody, SettledJson, Took } from "./shapes.ts";

export interface Choice {
  readonly took: Took | null;
  /** Both call it a fracture, and each slice on which they differ is decided. */
  readonly bySlice: boolean;
  /** What is said where neither read is taken; of this vertebra alone. */
  readonly said: ReadState;
  readonly reason: string;
  readonly acuity: Acuity;
  readonly teach: boolean;
  readonly explanation: string;
}

export const NO_CHOICE: Choice = { took: null, bySlice: false, said: EMPTY_STATE, reason: "", acuity: "unknown", teach: false, explanation: "" };

export interface Result {
  readonly finding: Finding;
  readonly injury: Injury | null;
}

export const tookOf = (letter: Letter): Took => (letter === "A" ? "a" : "b");

const letterOf = (took: Took | null): Letter | null => (took === "a" ? "A" : took === "b" ? "B" : null);

/** The read as it was settled before, to be settled again. */
export function choiceOfSettled(settled: SettledJson, state: ReadState, vertebra: Vertebra): Choice {
  const { took, reason, acuity, teach, explanation } = settled;
  return { took, bySlice: false, said: took === "neither" ? only(state, vertebra) : EMPTY_STATE, reason, acuity, teach, explanation };
}

/** A or B is right. What it says of the age goes with it. */
export function takes(choice: Choice, letter: Letter, data: ConsensusData, vertebra: Vertebra): Choice {
  const { verdict, acuity } = findingBy(data, letter, vertebra);
  return { ...choice, took: tookOf(letter), bySlice: false, said: EMPTY_STATE, acuity: verdict === "fracture" ? acuity : "unknown" };
}

/** Neither is right: the panel says something of its own, from nothing. */
export function takesNeither(choice: Choice, data: ConsensusData, vertebra: Vertebra): Choice {
  if (choice.took === "neither" && !choice.bySlice) return choice;
  return { ...choice, took: "neither", bySlice: false, said: EMPTY_STATE, acuity: commonAcuity(data, vertebra) };
}

/** Whether both call it a fracture and at least one of them says which slices. */
export function maySlice(data: ConsensusData, vertebra: Vertebra): boolean {
  const findings = data.json.letters.map((letter) => findingBy(data, letter, vertebra));
  return findings.length === 2 && findings.every(({ verdict }) => verdict === "fracture") && findings.some(({ slices }) => Object.keys(slices).length > 0);
}

/** A fracture of which only the slices on which the two agree are labelled yet. */
export function takesSlices(choice: Choice, data: ConsensusData, { vertebra, differing }: Asked): Choice {
  const [a, b] = [findingBy(data, "A", vertebra), findingBy(data, "B", vertebra)];
  const slices: Record<SopUid, SliceMark> = {};
  for (const sop of [...vertebra.sops, ...vertebra.marginSops]) {
    const mark = a.slices[sop] ?? b.slices[sop];
    if (mark && !differing.has(sop)) slices[sop] = { value: mark.value, source: "range" };
  }
  const ao_body = a.ao_body === b.ao_body ? a.ao_body : null;
  const finding: Finding = { ...EMPTY_FINDING, verdict: "fracture", ao_body, slices, process_fracture: a.process_fracture && b.process_fracture };
  const [left, right] = [injuryBy(data, "A", vertebra), injuryBy(data, "B", vertebra)];
  const injury = left && right && left.type === right.type ? left : null;
  const said: ReadState = { findings: { [vertebra.id]: finding }, injuries: injury ? { [vertebra.id]: injury } : {} };
  return { ...choice, took: "neither", bySlice: true, said, acuity: commonAcuity(data, vertebra) };
}

/** The slices that are still to be decided, patient's right first. */
export function undecided(choice: Choice, { vertebra, differing }: Asked): SopUid[] {
  if (!choice.bySlice) return [];
  const { slices } = findingOf(choice.said, vertebra.id);
  return [...vertebra.sops].filter((sop) => differing.has(sop) && !slices[sop]);
}

/** One change of what the panel says itself, by the laws of every read. Throws OperationRefused. */
export function says(choice: Choice, context: ReadContext, change: Change): Choice {
  // The panel sits before the image: what is on screen there was seen by each of the readers before.
  return { ...choice, said: apply(choice.said, context, new Set(context.sops), change) };
}

/** What the choice would make of the vertebra; null while nothing is chosen. */
export function resultOf(choice: Choice, data: ConsensusData, vertebra: Vertebra): Result | null {
  if (choice.took === null) return null;
  const letter = letterOf(choice.took);
  const finding = letter ? findingBy(data, letter, vertebra) : findingOf(choice.said, vertebra.id);
  const injury = letter ? injuryBy(data, letter, vertebra) : injuryOf(choice.said, vertebra.id);
  const level_said = letter ? finding.level_said : "";
  return { finding: { ...finding, level_said, acuity: choice.acuity, comment: "", unclear: false, measures: [] }, injury };
}

export interface Missing {
  readonly part: "took" | "finding" | "reason";
  readonly sentence: string;
}

/** What is still to be said before this can be settled, in the order of the screen. */
export function missingOf(choice: Choice, data: ConsensusData, asked: Asked): Missing[] {
  const missing: Missing[] = [];
  const { vertebra } = asked;
  if (choice.took === null) {
    const sentence = data.json.letters.length < 2 ? "Take A, or say something else." : "Take A, take B, or neither.";
    missing.push({ part: "took", sentence });
  }
  const open = undecided(choice, asked).length;
  if (open > 0) missing.push({ part: "finding", sentence: `${open === 1 ? "1 slice is" : `${open} slices are`} still to be decided: F or N on each.` });
  else if (choice.took === "neither") {
    const gap = gapOf(choice.said, data.context, vertebra);
    if (gap) missing.push({ part: "finding", sentence: gap });
  }
  if (choice.reason === "") missing.push({ part: "reason", sentence: "Say why they differ." });
  return missing;
}

/** What this read says too little of to be taken; empty where it can be. */
export function lackOf(data: ConsensusData, letter: Letter, vertebra: Vertebra): string {
  const state = data.states[letter];
  if (!state) return `There is no read ${letter}.`;
  if (findingOf(state, vertebra.id).verdict === null) return `${letter} says nothing of it.`;
  const gap = gapOf(state, data.context, vertebra);
  return gap && `${letter} cannot be taken: ${gap}`;
}

/** A panel says something of a cut vertebra too, once it is asked. */
function gapOf(state: ReadState, context: ReadContext, vertebra: Vertebra): string {
  const vertebrae = context.vertebrae.map((each) => (each.id === vertebra.id ? { ...each, cut: false } : each));
  const gaps = gapsOf(state, { ...context, vertebrae }, new Set(context.sops));
  return gaps.find((each) => each.vertebra === vertebra.id)?.sentence ?? "";
}

export function bodyOf(choice: Choice, data: ConsensusData, vertebra: Vertebra): SettleBody {
  const { took, reason, acuity, teach, explanation } = choice;
  if (took === null) throw new Error("Nothing is chosen, so nothing can be settled.");
  const own = took === "neither" ? resultOf(choice, data, vertebra) : null;
  const injury = own?.injury ? { lower: own.injury.lower, type: own.injury.type } : null;
  return { vertebra: vertebra.id, took, finding: own?.finding ?? null, injury, reason, acuity, teach, explanation: teach ? explanation.trim() : "" };
}

/** The choice that a body was made of, for what waits to be sent. */
export function choiceOfBody({ vertebra, took, finding, injury, reason, acuity, teach, explanation }: SettleBody): Choice {
  const said: ReadState = finding ? { findings: { [vertebra]: finding }, injuries: injury ? { [vertebra]: injury } : {} } : EMPTY_STATE;
  return { took, bySlice: false, said, reason, acuity, teach, explanation };
}

/** Whether two choices would settle the same. */
export const sameChoice = (left: Choice, right: Choice): boolean => text(left) === text(right);

function text({ took, said, reason, acuity, teach, explanation }: Choice): string {
  const findings = Object.entries<Finding>(said.findings as Record<string, Finding>).map(([id, finding]) => {
    const slices = Object.entries<SliceMark>(finding.slices as Record<string, SliceMark>).map(([sop, { value }]) => `${sop} ${value}`);
    return [id, finding.verdict, finding.why, finding.ao_body, finding.process_fracture, slices.sort()];
  });
  const injuries = Object.entries<Injury>(said.injuries as Record<string, Injury>).map(([id, { type, lower }]) => [id, type, lower]);
  return JSON.stringify([took, took === "neither" ? [findings, injuries] : [], reason, acuity, teach, teach ? explanation.trim() : ""]);
}

const only = (state: ReadState, { id }: Vertebra): ReadState => ({
  findings: state.findings[id] ? { [id]: state.findings[id] } : {},
  injuries: state.injuries[id] ? { [id]: state.injuries[id] } : {},
});

/** The age that both say, else unknown. */
function commonAcuity(data: ConsensusData, vertebra: Vertebra): Acuity {
  const said = data.json.letters.map((letter) => findingBy(data, letter, vertebra)).filter(({ verdict }) => verdict === "fracture");
  const ages = new Set(said.map(({ acuity }) => acuity));
  return ages.size === 1 ? ([...ages][0] as Acuity) : "unknown";
}
