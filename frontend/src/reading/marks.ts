/** How states look: the class that carries the colour, the sign that carries the meaning, the words that say it. */

import { findingOf, injuryOf, nameOf, WHYS, type Finding, type ReadContext, type ReadState, type SopUid, type Vertebra } from "./model.ts";

export interface Mark {
  readonly className: string;
  /** One or two letters in the mark. */
  readonly sign: string;
  /** "Fracture, type A1" */
  readonly words: string;
}

/** u not seen, s seen, n negative, f fracture, q indeterminate, x not assessable */
export type Cell = "u" | "s" | "n" | "f" | "q" | "x";

const CELL_WORDS: Readonly<Record<Cell, string>> = {
  u: "not seen",
  s: "seen",
  n: "negative",
  f: "fracture",
  q: "indeterminate",
  x: "not assessable",
};

const UNSEEN: Mark = { className: "st-unseen", sign: "·", words: "Not seen" };
const SEEN: Mark = { className: "st-seen", sign: "", words: "No verdict yet" };
const NEGATIVE: Mark = { className: "st-neg", sign: "−", words: "Negative" };
const INDETERMINATE: Mark = { className: "st-indet", sign: "?", words: "Indeterminate" };

export function markOf(vertebra: Vertebra, finding: Finding, seen: ReadonlySet<SopUid>): Mark {
  switch (finding.verdict) {
    case "fracture":
      return finding.ao_body
        ? { className: `st-${finding.ao_body.toLowerCase()}`, sign: finding.ao_body, words: `Fracture, type ${finding.ao_body}` }
        : { className: "st-a0", sign: "F", words: "Fracture" };
    case "negative":
      return NEGATIVE;
    case "indeterminate":
      return INDETERMINATE;
    case "not_assessable":
      return { className: "st-na", sign: "×", words: `Not assessable: ${whyWords(finding)}` };
    case null:
      if (vertebra.cut) return { className: "st-na", sign: "×", words: "Cut by the edge, not assessable unless you say so" };
      return vertebra.sops.some((sop) => seen.has(sop) || finding.slices[sop]) ? SEEN : UNSEEN;
  }
}

const whyWords = (finding: Finding): string => WHYS.find((why) => why.value === finding.why)?.words.toLowerCase() ?? "";

export function cellOf(vertebra: Vertebra, finding: Finding, sop: SopUid, seen: ReadonlySet<SopUid>): Cell {
  const label = finding.slices[sop]?.value;
  if (label) return label === "fracture" ? "f" : "n";
  if (finding.verdict === "indeterminate") return "q";
  if (finding.verdict === "not_assessable" || (vertebra.cut && finding.verdict === null)) return "x";
  return seen.has(sop) ? "s" : "u";
}

/** One cell of the strip in words: "fracture, would be shaved". */
export function cellWords(cell: Cell, more: { readonly shaved: boolean; readonly outside: boolean }): string {
  const words = [CELL_WORDS[cell]];
  if (more.outside) words.push("outside the mask, left out of datasets");
  else if (more.shaved) words.push("would be shaved");
  return words.join(", ");
}

/** Whether a dataset that shaves the outer slices leaves this one out. */
export function isShaved(kept: readonly [number, number] | null | undefined, k: number): boolean {
  if (kept === undefined) return false;
  return kept === null || k < kept[0] || k > kept[1];
}

/** What stands at the end of a row of the strip. */
export function countOf(vertebra: Vertebra, finding: Finding, seen: ReadonlySet<SopUid>): string {
  if (vertebra.cut && finding.verdict === null) return "cut";
  const unseen = unseenOf(vertebra, finding, seen);
  if (finding.verdict === "indeterminate" || finding.verdict === "not_assessable") return "";
  if (unseen > 0) return `${unseen} left`;
  const fractured = vertebra.sops.filter((sop) => finding.slices[sop]?.value === "fracture").length;
  return finding.verdict === null && fractured === 0 ? "seen" : `${fractured} / ${vertebra.sops.length}`;
}

/** Body slices that were neither on screen nor labelled. */
export const unseenOf = (vertebra: Vertebra, finding: Finding, seen: ReadonlySet<SopUid>): number =>
  vertebra.sops.filter((sop) => !seen.has(sop) && !finding.slices[sop]).length;

/** One row of the strip in words, for a screen reader. */
export function rowWords(vertebra: Vertebra, context: ReadContext, state: ReadState, seen: ReadonlySet<SopUid>): string {
  const finding = findingOf(state, vertebra.id);
  const injury = injuryOf(state, vertebra.id);
  const parts = [`${nameOf(vertebra, context)}: ${markOf(vertebra, finding, seen).words.toLowerCase()}`];
  const count = (value: string): number => vertebra.sops.filter((sop) => finding.slices[sop]?.value === value).length;
  if (count("fracture") > 0) parts.push(`${count("fracture")} of ${vertebra.sops.length} slices fractured`);
  const unseen = unseenOf(vertebra, finding, seen);
  if (unseen > 0 && !vertebra.cut) parts.push(`${unseen} not seen`);
  if (finding.process_fracture) parts.push("process fracture");
  if (injury) parts.push(`segment injury ${injury.type} below`);
  if (finding.level_said) parts.push(`level said ${finding.level_said}`);
  if (finding.unclear) parts.push("unclear");
  return parts.join(", ");
}

export function certaintyWords(vertebra: Vertebra): string {
  if (vertebra.cut) return vertebra.cutWhere ? `Cut at the ${vertebra.cutWhere}` : "Cut by the edge of the image";
  return levelWords(vertebra);
}

export function levelWords(vertebra: Vertebra): string {
  return { certain: "Level certain", assumed: "Level assumed", unknown: "Level not known" }[vertebra.certainty];
}
