/** What is still missing before a read can be locked: the rules "To lock", computed at once from what is on screen. */

import { fracturedSlices } from "./laws.ts";
import { findingOf, nameOf, type Finding, type ReadContext, type ReadState, type SopUid, type Vertebra, type VertebraId } from "./model.ts";

export type GapKind = "no_verdict" | "no_fractured_slice" | "no_ao_type" | "fractured_slices" | "unseen_slices";

export interface Gap {
  readonly vertebra: VertebraId;
  readonly level: string;
  readonly kind: GapKind;
  readonly sentence: string;
  readonly sop_uids: readonly SopUid[];
}

/** All gaps, cranial first; a cut vertebra never blocks. The server decides at the lock; this only saves the way there. */
export function gapsOf(state: ReadState, context: ReadContext, seen: ReadonlySet<SopUid>): Gap[] {
  return context.vertebrae
    .filter((vertebra) => !vertebra.cut)
    .flatMap((vertebra) => gapsOfVertebra(vertebra, findingOf(state, vertebra.id), context, seen));
}

function gapsOfVertebra(vertebra: Vertebra, finding: Finding, context: ReadContext, seen: ReadonlySet<SopUid>): Gap[] {
  const level = nameOf(vertebra, context);
  const gaps: Gap[] = [];
  const add = (kind: GapKind, sentence: string, sop_uids: readonly SopUid[] = []): void => {
    gaps.push({ vertebra: vertebra.id, level, kind, sentence, sop_uids });
  };
  if (finding.verdict === null) {
    add("no_verdict", `${level} has no verdict yet.`);
    return gaps;
  }
  const bySlice = context.unit === "slice";
  const isFractured = (sop: SopUid): boolean => finding.slices[sop]?.value === "fracture";
  const fractured = vertebra.sops.filter(isFractured);
  if (finding.verdict === "fracture") {
    if (bySlice && fractured.length === 0) {
      add("no_fractured_slice", `${level} is a fracture, but none of its slices is marked.`, vertebra.sops);
    }
    if (context.aoRequired && finding.ao_body === null) add("no_ao_type", `${level} is a fracture and needs its AO type.`);
  }
  if (finding.verdict === "negative" && fracturedSlices(finding) > 0) {
    // Those in the margin included.
    const marked = (Object.keys(finding.slices) as SopUid[]).filter(isFractured);
    add("fractured_slices", `${level} is negative, but has a fractured slice.`, marked);
  }
  if (bySlice && (finding.verdict === "fracture" || finding.verdict === "negative")) {
    const unseen = vertebra.sops.filter((sop) => !seen.has(sop) && !isFractured(sop));
    const words = unseen.length === 1 ? "1 slice has" : `${unseen.length} slices have`;
    if (unseen.length > 0) add("unseen_slices", `${words} not been seen on ${level}.`, unseen);
  }
  return gaps;
}
