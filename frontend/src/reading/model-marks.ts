/** How the strip, the panel and the outlines show a model's word: dashed while it is a suggestion, ≠ where the reader says otherwise. */

import { markOf, type Mark } from "./marks.ts";
import { findingOf, type Finding, type ReadContext, type ReadState, type SliceValue, type SopUid, type Vertebra } from "./model.ts";
import { comparedWith, differenceOf, fracturedOf, suggestionOf, theOther, verdictWords, type DifferenceKind, type Reading } from "./opinions.ts";

/** What is asked of an open read. */
export interface Read {
  readonly room: Reading & { readonly context: ReadContext };
  readonly store: { readonly state: ReadState; readonly seen: ReadonlySet<SopUid> };
}

const SUGGESTED: Readonly<Record<SliceValue, Mark>> = {
  fracture: { className: "st-model", sign: "F", words: "Not decided" },
  negative: { className: "st-model", sign: "−", words: "Not decided" },
};

/** Where what stands beside the read is another verdict or type. */
export const differs = (other: string): Mark => ({ className: "st-diff", sign: "≠", words: `You and ${other} differ` });

/** The mark of a vertebra with the model's word in it, where one is shown. */
export function shownMarkOf({ room, store }: Read, vertebra: Vertebra): Mark {
  const finding = findingOf(store.state, vertebra.id);
  const mark = markOf(vertebra, finding, store.seen);
  if (finding.verdict === null) {
    const suggestion = suggestionOf(room, vertebra.id);
    return suggestion && !vertebra.cut ? SUGGESTED[suggestion.verdict] : mark;
  }
  const kind = kindOf({ room, store }, vertebra);
  // Other slices of the same fracture are no other verdict.
  return kind !== null && kind !== "slices" ? differs(theOther(comparedWith(room))) : mark;
}

function kindOf({ room, store }: Read, vertebra: Vertebra): DifferenceKind | null {
  const judged = comparedWith(room)?.vertebrae.get(vertebra.id);
  return judged ? differenceOf(findingOf(store.state, vertebra.id), judged) : null;
}

/** mf, mn: a suggestion on a slice that has no label. mm: a fracture by the model or the reference, beside the reader's word. */
export type ModelCell = "mf" | "mn" | "mm" | "";

const CELL_WORDS: Readonly<Record<Exclude<ModelCell, "mm">, string>> = {
  mf: "fracture suggested",
  mn: "negative suggested",
  "": "",
};

export const modelCellWords = (cell: ModelCell, room: Reading): string =>
  cell === "mm" ? `${theOther(comparedWith(room))} says fracture` : CELL_WORDS[cell];

/** Whether slices without a label still wait for one: where the unit is the slice, also beside those that have one. */
const isOpen = ({ locked, context }: Read["room"], { cut }: Vertebra, { verdict }: Finding): boolean =>
  !cut && (verdict === null || (!locked && context.unit === "slice" && verdict === "fracture"));

export function modelCellOf({ room, store }: Read, vertebra: Vertebra, sop: SopUid): ModelCell {
  const finding = findingOf(store.state, vertebra.id);
  if (isOpen(room, vertebra, finding) && !finding.slices[sop]) {
    const value = suggestionOf(room, vertebra.id)?.slices.get(sop)?.value;
    if (value) return value === "fracture" ? "mf" : "mn";
  }
  const judged = comparedWith(room)?.vertebrae.get(vertebra.id);
  return judged?.slices.get(sop)?.value === "fracture" ? "mm" : "";
}

/** What the model says of a row of the strip, for a screen reader; empty where nothing is shown. */
export function modelRowWords(read: Read, vertebra: Vertebra): string {
  const { room, store } = read;
  if (findingOf(store.state, vertebra.id).verdict === null) {
    const suggestion = suggestionOf(room, vertebra.id);
    if (!suggestion || vertebra.cut) return "";
    return `the model suggests ${suggestion.verdict}${sliceCount(fracturedOf(suggestion).length)}`;
  }
  const opinion = comparedWith(room);
  const judged = opinion?.vertebrae.get(vertebra.id);
  if (!judged) return "";
  if (judged.verdict === "not_assessable" && !judged.words) return "the model did not assess it";
  const differing = kindOf(read, vertebra) === null ? "" : ", you differ";
  const words = judged.words ? judged.words.charAt(0).toLowerCase() + judged.words.slice(1) : verdictWords(judged.verdict);
  return `${theOther(opinion)}: ${words}${sliceCount(fracturedOf(judged).length)}${differing}`;
}

const sliceCount = (count: number): string => (count === 0 ? "" : count === 1 ? " on 1 slice" : ` on ${count} slices`);
