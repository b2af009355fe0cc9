/** The words of a read as the server speaks them: one finding per vertebra, one label per vertebral slice. */

import type { Measure } from "./measures.ts";

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** SOP Instance UID of one slice: what a slice label is anchored to. */
export type SopUid = Branded<string, "SopUid">;
/** Primary key of a vertebra; also the key of `findings` and, for the upper one of a segment, of `injuries`. */
export type VertebraId = Branded<number, "VertebraId">;
/** Zero-based position in the stack, from the patient's right to left. */
export type SliceIndex = Branded<number, "SliceIndex">;

export const sopUid = (value: string): SopUid => value as SopUid;
export const vertebraId = (value: string | number): VertebraId => Number(value) as VertebraId;
export const sliceIndex = (value: number): SliceIndex => value as SliceIndex;

export type Verdict = "negative" | "fracture" | "indeterminate" | "not_assessable";
export type SliceValue = "fracture" | "negative";
export type LabelSource = "key" | "range" | "implied" | "accepted" | "model";
export type AoBody = "A1" | "A2" | "A3" | "A4";
export type Acuity = "unknown" | "acute" | "old";
export type InjuryType = "B1" | "B2" | "B3" | "C";
export type Why = "cut" | "metal" | "motion" | "coarse" | "mask_missing" | "no_slice" | "destroyed" | "other";

export const AO_BODIES: readonly AoBody[] = ["A1", "A2", "A3", "A4"];
export const ACUITIES: readonly Acuity[] = ["unknown", "acute", "old"];

/** Why a vertebra is not assessable, in the order of the dialog. */
export const WHYS: readonly { readonly value: Why; readonly words: string }[] = [
  { value: "cut", words: "Cut by the edge of the image" },
  { value: "metal", words: "Metal" },
  { value: "motion", words: "Motion" },
  { value: "coarse", words: "Too coarse" },
  { value: "mask_missing", words: "Mask missing" },
  { value: "no_slice", words: "Too few slices" },
  { value: "destroyed", words: "Destroyed or operated" },
  { value: "other", words: "Other" },
];

export interface SliceMark {
  readonly value: SliceValue;
  readonly source: LabelSource;
}

export interface Finding {
  readonly verdict: Verdict | null;
  readonly why: Why | "";
  readonly ao_body: AoBody | null;
  readonly process_fracture: boolean;
  readonly acuity: Acuity;
  readonly unclear: boolean;
  readonly comment: string;
  readonly level_said: string;
  readonly slices: Readonly<Record<SopUid, SliceMark>>;
  readonly measures: readonly Measure[];
}

export interface Injury {
  /** The vertebra below, or null at the edge of the image. */
  readonly lower: VertebraId | null;
  readonly type: InjuryType;
}

export interface ReadState {
  readonly findings: Readonly<Record<VertebraId, Finding>>;
  readonly injuries: Readonly<Record<VertebraId, Injury>>;
}

export const EMPTY_FINDING: Finding = {
  verdict: null,
  why: "",
  ao_body: null,
  process_fracture: false,
  acuity: "unknown",
  unclear: false,
  comment: "",
  level_said: "",
  slices: {},
  measures: [],
};

export const EMPTY_STATE: ReadState = { findings: {}, injuries: {} };

/** One vertebra as the read's pinned anatomy knows it. */
export interface Vertebra {
  readonly id: VertebraId;
  /** L1, or "" where the level is not known. */
  readonly level: string;
  readonly certainty: "certain" | "assumed" | "unknown";
  readonly cut: boolean;
  readonly cutWhere: string;
  /** First and last slice that cross the body, inclusive; null where there is none. */
  readonly extent: readonly [SliceIndex, SliceIndex] | null;
  readonly labelValue: number | null;
  /** The body slices, patient's right first. */
  readonly sops: readonly SopUid[];
  /** Up to two slices beyond each end of the body: a label is accepted there, and left out of datasets. */
  readonly marginSops: readonly SopUid[];
}

/** What does not change while one version of a read is open. */
export interface ReadContext {
  readonly unit: "slice" | "vertebra";
  readonly aoRequired: boolean;
  /** Cranial first. */
  readonly vertebrae: readonly Vertebra[];
  /** All slices of the stack, patient's right first: a length may lie beside a body. */
  readonly sops: readonly SopUid[];
}

export interface Operations {
  label_slices: { vertebra: VertebraId; sop_uids: readonly SopUid[]; value: SliceValue | null; source: "key" | "range" };
  rest_negative: { vertebra: VertebraId };
  set_verdict: { vertebra: VertebraId; verdict: Verdict | null; why: Why | "" };
  set_ao: { vertebra: VertebraId; ao_body: AoBody | null };
  set_process_fracture: { vertebra: VertebraId; value: boolean };
  set_acuity: { vertebra: VertebraId; acuity: Acuity };
  set_unclear: { vertebra: VertebraId; value: boolean };
  set_comment: { vertebra: VertebraId; text: string };
  set_level_said: { vertebra: VertebraId; level: string };
  set_measures: { vertebra: VertebraId; measures: readonly Measure[] };
  set_injury: { vertebra: VertebraId; upper: VertebraId; lower: VertebraId | null; type: InjuryType | null };
  /** What the model read says, taken over; `all` where it is one of all that remain, once everything was seen. */
  accept: {
    vertebra: VertebraId;
    model_read: number;
    verdict: SliceValue;
    slices: Readonly<Record<SopUid, SliceValue>>;
    all: boolean;
  };
  restore: { vertebra: VertebraId; finding: Finding | null; injury: Injury | null };
}
export type Verb = keyof Operations;

/** One change of one vertebra. `V` ties the payload to its verb. */
export type Change = { [V in Verb]: { readonly verb: V; readonly payload: Operations[V] } }[Verb];

export const findingOf = (state: ReadState, vertebra: VertebraId): Finding => state.findings[vertebra] ?? EMPTY_FINDING;
export const injuryOf = (state: ReadState, vertebra: VertebraId): Injury | null => state.injuries[vertebra] ?? null;

/** How a vertebra is called on screen: its level, or its place where the level is not known. */
export const nameOf = (vertebra: Vertebra, context: ReadContext): string =>
  vertebra.level || `#${context.vertebrae.indexOf(vertebra) + 1}`;
