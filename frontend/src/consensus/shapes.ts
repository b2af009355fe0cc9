/** What the server says of a consensus, in its own words: the JSON of /api/consensus/<read>. */

import type { RoomCaseOut, RoomVertebraOut, RulesOut, SecondOut, StackOut, StateOut, VersionOut } from "../api/schema.ts";
import type { Acuity, AoBody, Finding, InjuryType, Verdict, VertebraId } from "../reading/model.ts";

export type Letter = "A" | "B";
export type Took = "a" | "b" | "neither";
export type DifferenceKind = "verdict" | "ao" | "level" | "slices" | "unclear" | "audit";

/** One of the reads that are settled. */
export interface SettledReadJson {
  readonly state: StateOut;
  readonly locked_at: string | null;
  readonly version: number;
  readonly active_ms: number | null;
  /** By how many vertebrae towards the feet it is taken to be off. */
  readonly shift: number;
  readonly shift_moves: "" | "names" | "findings";
  /** Whether this read has labels on slices at all. */
  readonly slices_labelled: boolean;
}

export interface AskedJson {
  readonly vertebra: number;
  readonly level: string;
  readonly difference: DifferenceKind;
  /** The larger, the more harmful. */
  readonly harm: number;
  /** "Fracture or negative" */
  readonly why: string;
  /** The slices on which the two differ. */
  readonly sop_uids: readonly string[];
}

export interface SettledJson {
  readonly took: Took;
  readonly reason: string;
  readonly acuity: Acuity;
  readonly teach: boolean;
  readonly explanation: string;
}

export interface MemberJson {
  readonly reader: number;
  readonly name: string;
  readonly initials: string;
  readonly senior: boolean;
  readonly present: boolean;
  readonly you: boolean;
}

export interface Brief {
  readonly verdict: Verdict | null;
  readonly ao_body: AoBody | null;
}

export type Moves = "names" | "findings";

/** What the server makes of a pattern that repeats one level off. */
export interface ShiftJson {
  readonly letter: Letter;
  readonly by: -1 | 1;
  readonly moves: Moves;
  readonly differ_now: number;
  readonly differ_after: number;
  readonly sentence: string;
  readonly preview: readonly { readonly vertebra: number; readonly level: string; readonly other: Brief | null; readonly now: Brief | null; readonly after: Brief | null }[];
}

export interface QuestionJson {
  readonly id: number;
  readonly letter: Letter;
  readonly vertebra: number;
  readonly text: string;
  readonly at: string;
  readonly answer: string;
  readonly answered_at: string | null;
}

export interface ReportJson {
  readonly open: boolean;
  readonly may_show: boolean;
  readonly text: string | null;
}

export interface NextJson {
  readonly round: number;
  readonly case: number;
}

export interface GapJson {
  readonly vertebra: number | null;
  readonly level?: string;
  readonly sentence: string;
}

export interface ConsensusJson {
  readonly consensus: {
    readonly id: number;
    readonly version: number;
    readonly state: "draft" | "locked";
    readonly seq: number;
    readonly locked_at: string | null;
    readonly writable: boolean;
    readonly target: string;
    readonly reopenable: boolean;
  };
  readonly round: { readonly id: number; readonly name: string; readonly kind: string; readonly rules: RulesOut };
  readonly follows: { readonly name: string; readonly kind: string; readonly imported: boolean };
  readonly case: RoomCaseOut;
  readonly stack: StackOut;
  readonly outlines_url: string | null;
  readonly anatomy: { readonly id: number; readonly n: number };
  readonly vertebrae: readonly RoomVertebraOut[];
  readonly letters: readonly Letter[];
  readonly reads: Readonly<Partial<Record<Letter, SettledReadJson>>>;
  readonly asked: readonly AskedJson[];
  readonly agreed: readonly number[];
  readonly settled: Readonly<Record<string, SettledJson>>;
  readonly state: StateOut;
  readonly gaps: readonly GapJson[];
  readonly reasons: readonly { readonly code: string; readonly text: string }[];
  readonly members: readonly MemberJson[];
  readonly shift: ShiftJson | null;
  readonly shifted: Readonly<Partial<Record<Letter, { readonly by: number; readonly moves: string; readonly who: string }>>>;
  readonly report: ReportJson;
  readonly questions: readonly QuestionJson[];
  readonly record: readonly { readonly who: string; readonly what: string; readonly at: string }[];
  readonly position: { readonly index: number; readonly of: number };
  readonly next: NextJson | null;
  readonly versions: readonly VersionOut[];
  readonly second: SecondOut;
  readonly hindrance: string;
}

export interface SettleBody {
  readonly vertebra: VertebraId;
  readonly took: Took;
  /** Only where neither is taken. */
  readonly finding: Finding | null;
  readonly injury: { readonly lower: VertebraId | null; readonly type: InjuryType } | null;
  readonly reason: string;
  readonly acuity: Acuity;
  readonly teach: boolean;
  readonly explanation: string;
}

/** After a settlement was written or taken back. */
export interface SettledAnswer {
  readonly seq: number;
  readonly settled: Readonly<Record<string, SettledJson>>;
  readonly state: StateOut;
  readonly gaps: readonly GapJson[];
}

export interface LockedAnswer {
  readonly locked_at: string;
  readonly reference: number;
  readonly next: NextJson | null;
}
