/** What a sitting tells the page, and what it can take back. */

import type { VertebraId } from "../reading/model.ts";
import type { Choice, Missing } from "./choice.ts";

export type Panel = "keys" | "summary" | "ask" | "shift" | "report" | "why" | "correct";
/** What a digit means now: a reason, or the type of the fracture that the panel says itself. */
export type Digits = "reasons" | "finding";

export interface SittingEvents {
  changed: null;
  open: Panel;
  said: string;
  /** Nothing was done; the part of the screen where something is missing is marked. */
  missing: Missing["part"];
  focusExplanation: null;
}

/** What Ctrl Z takes back. */
export type Step =
  | { readonly kind: "choice"; readonly vertebra: VertebraId; readonly before: Choice | null }
  | { readonly kind: "settled"; readonly vertebra: VertebraId; readonly before: Choice | null; readonly draft: Choice };
