/** Findings, settlements and counts in the words of the consensus screen. Pure. */

import { markOf, type Mark } from "../reading/marks.ts";
import { WHYS, type Finding, type Injury, type ReadContext, type SopUid, type Vertebra } from "../reading/model.ts";
import type { Letter, MemberJson, Took } from "./shapes.ts";

const NOT_SAID: Mark = { className: "st-unseen", sign: "·", words: "Nothing said" };

/** The mark of a finding that was locked: what was not said there is said by nobody any more. */
export function markBy(vertebra: Vertebra, finding: Finding): Mark {
  return finding.verdict === null && !vertebra.cut ? NOT_SAID : markOf(vertebra, finding, new Set());
}

/** "Fracture, A1", "Not assessable: metal". */
export function findingWords(finding: Finding, injury: Injury | null = null): string {
  const more = [finding.process_fracture && "process fracture", injury && `${injury.type} below`].filter(Boolean).join(", ");
  return `${verdictWords(finding)}${more && `, ${more}`}`;
}

function verdictWords({ verdict, ao_body, why }: Finding): string {
  switch (verdict) {
    case "fracture":
      return ao_body ? `Fracture, ${ao_body}` : "Fracture";
    case "negative":
      return "Negative";
    case "indeterminate":
      return "Indeterminate";
    case "not_assessable":
      return `Not assessable: ${WHYS.find((each) => each.value === why)?.words.toLowerCase() ?? why}`;
    case null:
      return "Nothing said";
  }
}

/** Zero-based slices as people count them: "slices 18 to 24", "slices 3, 5 to 7". */
export function sliceSpans(ks: readonly number[]): string {
  const sorted = [...ks].sort((left, right) => left - right);
  const spans: [number, number][] = [];
  for (const k of sorted) {
    const last = spans.at(-1);
    if (last && k === last[1] + 1) last[1] = k;
    else spans.push([k, k]);
  }
  const words = spans.map(([from, to]) => (from === to ? `${from + 1}` : `${from + 1} to ${to + 1}`));
  return words.length === 0 ? "" : `${sorted.length === 1 ? "slice" : "slices"} ${words.join(", ")}`;
}

export const fracturedIn = (finding: Finding, { sops }: ReadContext): number[] =>
  (Object.keys(finding.slices) as SopUid[]).filter((sop) => finding.slices[sop]?.value === "fracture").map((sop) => sops.indexOf(sop)).filter((k) => k >= 0);

/** What a read says slice by slice, in half a line; nothing where it says nothing of slices. */
export function slicesWords(finding: Finding, vertebra: Vertebra, context: ReadContext): string {
  if (finding.verdict === "fracture") {
    const fractured = fracturedIn(finding, context);
    return fractured.length > 0 ? sliceSpans(fractured) : "No slice marked";
  }
  if (finding.verdict !== "negative") return "";
  const said = vertebra.sops.filter((sop) => finding.slices[sop]).length;
  return said > 0 ? `${said} of ${vertebra.sops.length} slices` : "";
}

const letterOf = (took: Took): string => ({ a: "A", b: "B", neither: "" })[took];

/** "A taken", "Neither taken"; of one read: "Something else said". */
export function tookWords(took: Took, letters: readonly Letter[]): string {
  const letter = letterOf(took);
  if (letter) return `${letter} taken`;
  return letters.length < 2 ? "Something else said" : "Neither taken";
}

/** "fracture, A3" out of "Fracture, A3": the type stays as it is written. */
export const lowerFirst = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1);

/** What settling would write: "negative, 17 of 17 slices". */
export function resultWords(finding: Finding, injury: Injury | null, vertebra: Vertebra, context: ReadContext): string {
  const slices = slicesWords(finding, vertebra, context);
  const said = findingWords(finding, injury);
  const words = lowerFirst(said);
  return slices && !(context.unit === "vertebra" && slices === "No slice marked") ? `${words}, ${lowerFirst(slices)}` : words;
}

export const countWords = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** What stands against locking as far as the people go; empty where nothing does. */
export function presentProblem(members: readonly MemberJson[]): string {
  const present = members.filter((member) => member.present);
  if (present.length === 0) return "Nobody is marked present. Choose the initials of those who sit here, above.";
  return present.some((member) => member.senior) ? "" : "No senior is marked present. A consensus needs one.";
}

export const acuityWords = { unknown: "Unknown", acute: "Acute", old: "Old" } as const;

/** 9 Dec 09:12, or only the time where it was today. */
export function momentWords(iso: string, now: Date = new Date()): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return time;
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }) });
  return `${day} ${time}`;
}
