/** What a model says of the small case, in the words of the server. */

import type { ModelOut, OpinionOut, StageEnum, SuggestedOut } from "../src/api/schema.ts";
import { modelViewOf, type ModelView } from "../src/reading/opinions.ts";
import { L1, L2, SOPS, T12 } from "./case.ts";

type P = readonly [k: number, p: number | null][];

/** From half on, a slice is called a fracture. */
export const judged = (verdict: SuggestedOut["verdict"], score: number | null, slices: P = []): SuggestedOut => ({
  verdict,
  why: verdict === "not_assessable" ? "cut" : "",
  reason: "",
  score,
  slices: Object.fromEntries(slices.map(([k, p]) => [SOPS[k], { value: (p ?? 1) < 0.5 ? "negative" : "fracture", p }])),
  ao_body: null,
  words: "",
});

/** L1 is a fracture on slices 5 to 7, strongest on 6; L2 is negative; T12 is cut. */
export const CLASSIFIED = {
  [L1.id]: judged("fracture", 0.71, [[4, 0.6], [5, 0.9], [6, 0.7], [7, 0.1]]),
  [L2.id]: judged("negative", 0.04, [[5, 0.02], [6, 0.03]]),
  [T12.id]: judged("not_assessable", null),
};

export const opinion = (vertebrae: OpinionOut["vertebrae"], more: Partial<OpinionOut> = {}): OpinionOut => ({
  read: 7,
  kind: "classifier",
  name: "sagittal 2",
  at: "2026-01-02T10:44:00+00:00",
  case: { kind: "fracture", text: "fracture at L1" },
  vertebrae,
  ...more,
});

export const MORPHOMETRY = opinion(
  { [L1.id]: { ...judged("fracture", 0.87), reason: "Anterior height 68 % of the neighbours." } },
  { read: 8, kind: "morphometry", name: "Morphometry 1" },
);

/** The reference: L1 is an A3 on slices 5 and 6, with a panel's reason; L2 is negative. */
export const TRUTH = opinion(
  {
    [L1.id]: { ...judged("fracture", null, [[4, null], [5, null]]), ao_body: "A3", words: "Fracture A3", reason: "Cortical irregularity. The back edge is broken." },
    [L2.id]: { ...judged("negative", null), words: "Negative" },
    [T12.id]: { ...judged("not_assessable", null), words: "Not assessable: cut by the edge of the image" },
  },
  { read: 9, kind: "truth", name: "Reference" },
);

export function modelView(stage: StageEnum, opinions: readonly OpinionOut[], rule: ModelOut["rule"] = "shown"): ModelView {
  const view = modelViewOf({ rule, stage, opinions });
  if (!view) throw new Error("This model is of no round.");
  return view;
}
