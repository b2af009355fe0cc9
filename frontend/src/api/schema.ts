/* Made by `npm run api` from openapi.json: the shapes of what the server takes and answers. Do not edit. */

export type AcuityEnum = "unknown" | "acute" | "old";

export type AnatomyEnum = "editable" | "pinned";

export type AoBodyEnum = "A1" | "A2" | "A3" | "A4";

/** One delivery. */
export interface BatchOut {
  readonly uuid: string;
  readonly name: string;
  readonly source: BatchOutSourceEnum;
  readonly state: BatchOutStateEnum;
  readonly mine: boolean;
  readonly files_total: number;
  readonly files_done: number;
  readonly bytes_total: number;
  readonly stage: string;
  readonly message: string;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly series: readonly BatchSeriesOut[];
}

export type BatchOutSourceEnum = "upload" | "command" | "dicom";

export type BatchOutStateEnum = "receiving" | "queued" | "running" | "done" | "failed";

/** One series of a delivery, what became of it and why. */
export interface BatchSeriesOut {
  readonly id: number;
  readonly case: CaseLinkOut | null;
  readonly number: number | null;
  readonly words: string;
  readonly modality: string;
  readonly kernel: string;
  readonly orientation: OrientationEnum | BlankEnum;
  readonly images: number;
  readonly rows: number | null;
  readonly columns: number | null;
  readonly spacing: readonly number[] | null;
  readonly outcome: OutcomeEnum;
  readonly code: string;
  readonly why: string;
}

export interface BatchesOut {
  readonly batches: readonly BatchOut[];
}

export type BlankEnum = "";

export interface CaseLinkOut {
  readonly id: number;
  readonly name: string;
}

export type CertaintyEnum = "certain" | "assumed" | "unknown";

/** code `conflict`: the read went on elsewhere, its newest state is here. code `locked`: it takes no more. */
export interface ConflictOut {
  readonly ok?: boolean;
  /** A machine word. */
  readonly code: string;
  /** What is wrong, where, and what to do next. */
  readonly sentence: string;
  /** bad_input: the fields that are wrong. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
  readonly seq?: number;
  readonly state?: StateOut;
}

/** Every error, of every address; some carry more fields. */
export interface ErrorOut {
  readonly ok?: boolean;
  /** A machine word. */
  readonly code: string;
  /** What is wrong, where, and what to do next. */
  readonly sentence: string;
  /** bad_input: the fields that are wrong. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
}

export interface FactOut {
  readonly label: string;
  readonly value: string;
}

export type FeedbackEnum = "at_once" | "after_consensus" | "when_closed" | "none";

export interface FileOut {
  /** Stored of this file. */
  readonly bytes: number;
}

/** What a read says of one vertebra; `slices` by SOP Instance UID. */
export interface FindingOut {
  readonly verdict: VerdictEnum | NullEnum | null;
  readonly why: WhyEnum | BlankEnum;
  readonly ao_body: AoBodyEnum | NullEnum | null;
  readonly process_fracture: boolean;
  readonly acuity: AcuityEnum;
  readonly unclear: boolean;
  readonly comment: string;
  readonly level_said: string;
  readonly slices: Readonly<Record<string, SliceMarkOut>>;
}

/** What a read says of one vertebra; `slices` by SOP Instance UID. */
export interface FindingOutRequest {
  readonly verdict: VerdictEnum | NullEnum | null;
  readonly why: WhyEnum | BlankEnum;
  readonly ao_body: AoBodyEnum | NullEnum | null;
  readonly process_fracture: boolean;
  readonly acuity: AcuityEnum;
  readonly unclear: boolean;
  readonly comment: string;
  readonly level_said: string;
  readonly slices: Readonly<Record<string, SliceMarkOutRequest>>;
}

/** One thing that is open before the read can be locked. */
export interface GapOut {
  readonly vertebra: number;
  readonly level: string;
  readonly kind: string;
  readonly sentence: string;
  readonly sop_uids: readonly string[];
}

export interface GapsOut {
  readonly gaps: readonly GapOut[];
}

/** An injury of the segment below a vertebra. */
export interface InjuryOut {
  readonly lower: number | null;
  readonly type: TypeEnum;
}

/** An injury of the segment below a vertebra. */
export interface InjuryOutRequest {
  readonly lower: number | null;
  readonly type: TypeEnum;
}

export type KindEnum = "practice" | "labelling" | "independent" | "repeat" | "consensus";

export interface LabelSlicesPayloadRequest {
  readonly vertebra: number;
  readonly sop_uids: readonly string[];
  readonly value: ValueEnum | NullEnum | null;
  readonly source: LabelSlicesPayloadSourceEnum;
}

export type LabelSlicesPayloadSourceEnum = "key" | "range";

export type LevelEnum = "C1" | "C2" | "C3" | "C4" | "C5" | "C6" | "C7" | "T1" | "T2" | "T3" | "T4" | "T5" | "T6" | "T7" | "T8" | "T9" | "T10" | "T11" | "T12" | "T13" | "L1" | "L2" | "L3" | "L4" | "L5" | "L6";

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface LockInRequest {
  readonly base_seq: number;
}

export interface LockedOut {
  readonly locked_at: string;
  readonly version: number;
  /** The case to read next. */
  readonly next: number | null;
}

export interface MeOut {
  readonly username: string;
  readonly name: string;
  readonly roles: readonly RolesEnum[];
}

export type ModelEnum = "shown" | "after_lock" | "never";

/** A delivery to be filled with files. */
export interface NewBatchInRequest {
  /** What was dropped: a file's or a folder's name. */
  readonly name: string;
  /** Whose the files without a patient identifier are. */
  readonly patient?: string;
  /** The case that masks belong to. */
  readonly case?: number | null;
}

export interface NewBatchOut {
  readonly uuid: string;
}

/** Every error, of every address; some carry more fields. */
export interface NotCompleteOut {
  readonly ok?: boolean;
  /** A machine word. */
  readonly code: string;
  /** What is wrong, where, and what to do next. */
  readonly sentence: string;
  /** bad_input: the fields that are wrong. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
  readonly gaps?: readonly GapOut[];
}

export type NullEnum = null;

export interface OpenedOut {
  readonly read: number;
}

/** One click. */
export interface OperationInRequest {
  /** Made by the client: sending the same operation twice is harmless. */
  readonly uuid: string;
  readonly base_seq: number;
  readonly verb: VerbEnum;
  readonly payload: OperationPayloadRequest;
  readonly shown?: ShownInRequest;
  readonly client_at: string;
}

export type OperationPayloadRequest = LabelSlicesPayloadRequest | VertebraPayloadRequest | SetVerdictPayloadRequest | SetAoPayloadRequest | SetFlagPayloadRequest | SetAcuityPayloadRequest | SetCommentPayloadRequest | SetLevelSaidPayloadRequest | SetInjuryPayloadRequest | RestorePayloadRequest;

export type OrientationEnum = "sagittal" | "axial" | "coronal" | "oblique";

export type OutcomeEnum = "reading" | "derived" | "kept" | "mask" | "left_out" | "seen_before" | "refused";

export type OutlinesEnum = "shown" | "hidden";

/** The place of the case in the reader's list, from 1; 0 where it stands in none. */
export interface PositionOut {
  readonly index: number;
  readonly of: number;
}

export interface ReadOut {
  readonly id: number;
  readonly version: number;
  readonly state: ReadOutStateEnum;
  /** Operations applied so far; the base_seq of the next one. */
  readonly seq: number;
  readonly locked_at: string | null;
  readonly writable: boolean;
  /** Where the reader stopped: k, vertebra, window. */
  readonly viewed: Readonly<Record<string, unknown>>;
}

export type ReadOutStateEnum = "draft" | "locked";

export type ReportEnum = "shown" | "after_lock" | "hidden";

export interface ReportOut {
  readonly text: string;
}

export interface RestorePayloadRequest {
  readonly vertebra: number;
  readonly finding: FindingOutRequest | null;
  readonly injury?: InjuryOutRequest | null;
}

/** The draft last written to. */
export interface ResumeOut {
  readonly case: number;
  readonly name: string;
  readonly read: number;
  readonly row: WorklistRowOut;
}

export type RolesEnum = "resident" | "senior" | "lead" | "engineer" | "administrator";

export interface RoomCaseOut {
  readonly id: number;
  readonly name: string;
  readonly sex: string;
  readonly age: string;
  readonly origin: RoomCaseOutOriginEnum;
  readonly limited: string;
  readonly facts: readonly FactOut[];
}

export type RoomCaseOutOriginEnum = "clinical" | "demonstration" | "simulated";

/** All that the reading room needs to show a read. */
export interface RoomOut {
  readonly read: ReadOut;
  readonly round: RoundOut | null;
  readonly position: PositionOut;
  readonly case: RoomCaseOut;
  readonly report: ReportOut | null;
  readonly stack: StackOut;
  readonly vertebrae: readonly RoomVertebraOut[];
  readonly outlines_url: string | null;
  readonly state: StateOut;
  readonly seen: readonly string[];
  readonly gaps: readonly GapOut[];
}

export interface RoomVertebraOut {
  readonly id: number;
  readonly level: string;
  readonly certainty: CertaintyEnum;
  readonly cut: boolean;
  readonly cut_where: string;
  readonly first_k: number;
  readonly last_k: number;
  readonly label_value: number;
  readonly origin: RoomVertebraOutOriginEnum;
}

export type RoomVertebraOutOriginEnum = "segmented" | "by_hand";

export interface RoundOut {
  readonly name: string;
  readonly kind: KindEnum;
  readonly rules: RulesOut;
}

export interface RulesOut {
  readonly unit: UnitEnum;
  readonly report: ReportEnum;
  readonly model: ModelEnum;
  readonly outlines: OutlinesEnum;
  readonly anatomy: AnatomyEnum;
  readonly ao_required: boolean;
  readonly required_reads: number;
  readonly washout_days: number;
  readonly second_reader_share: number;
  readonly model_hidden_share: number;
  readonly feedback: FeedbackEnum;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface SeenInRequest {
  readonly sop_uids: readonly string[];
  readonly viewed?: ViewedInRequest;
}

export interface SeenOut {
  /** How many slices of the read were seen by now. */
  readonly seen: number;
}

export interface SetAcuityPayloadRequest {
  readonly vertebra: number;
  readonly acuity: AcuityEnum;
}

export interface SetAoPayloadRequest {
  readonly vertebra: number;
  readonly ao_body: AoBodyEnum | NullEnum | null;
}

export interface SetCommentPayloadRequest {
  readonly vertebra: number;
  readonly text: string;
}

export interface SetFlagPayloadRequest {
  readonly vertebra: number;
  readonly value: boolean;
}

export interface SetInjuryPayloadRequest {
  readonly upper: number;
  readonly lower: number | null;
  readonly type: TypeEnum | NullEnum | null;
}

export interface SetLevelSaidPayloadRequest {
  readonly vertebra: number;
  readonly level: LevelEnum | BlankEnum;
}

export interface SetVerdictPayloadRequest {
  readonly vertebra: number;
  readonly verdict: VerdictEnum | NullEnum | null;
  readonly why?: WhyEnum | BlankEnum;
}

/** What was on screen when the reader clicked. */
export interface ShownInRequest {
  readonly sop_uid: string;
  readonly window?: readonly number[] | null;
  readonly rendered_at?: string | null;
}

export interface SliceMarkOut {
  readonly value: ValueEnum;
  readonly source: SliceMarkOutSourceEnum;
}

export interface SliceMarkOutRequest {
  readonly value: ValueEnum;
  readonly source: SliceMarkOutSourceEnum;
}

export type SliceMarkOutSourceEnum = "key" | "range" | "implied" | "accepted" | "model";

/** The slices in reading order; `frames_url` holds {sop_uid}, `metadata` is WADO-RS metadata per slice. */
export interface StackOut {
  readonly study_uid: string;
  readonly series_uid: string;
  readonly origin: StackOutOriginEnum;
  readonly rows: number;
  readonly columns: number;
  readonly row_spacing: number;
  readonly column_spacing: number;
  readonly slice_spacing: number;
  readonly slices: readonly StackSliceOut[];
  readonly frames_url: string;
  readonly metadata: readonly (Readonly<Record<string, unknown>>)[];
}

export type StackOutOriginEnum = "native" | "derived";

export interface StackSliceOut {
  readonly sop_uid: string;
  readonly k: number;
  readonly position_mm: number;
}

/** Findings by vertebra, injuries by the upper vertebra of their segment. */
export interface StateOut {
  readonly findings: Readonly<Record<string, FindingOut>>;
  readonly injuries: Readonly<Record<string, InjuryOut>>;
}

export interface TabCountsOut {
  readonly mine: number;
  readonly to_read: number;
  readonly draft: number;
  readonly locked: number;
  readonly skipped: number;
  readonly unclear: number;
}

export type TabEnum = "mine" | "to_read" | "draft" | "locked" | "skipped" | "unclear";

export type TypeEnum = "B1" | "B2" | "B3" | "C";

export type UnitEnum = "slice" | "vertebra";

export type ValueEnum = "fracture" | "negative";

export type VerbEnum = "label_slices" | "rest_negative" | "set_verdict" | "set_ao" | "set_process_fracture" | "set_acuity" | "set_unclear" | "set_comment" | "set_level_said" | "set_injury" | "restore";

export type VerdictEnum = "negative" | "fracture" | "indeterminate" | "not_assessable";

/** One vertebra of a row: `state` is a verdict, `open` without one, or `cut`. */
export interface VertebraCellOut {
  readonly id: number;
  readonly level: string;
  readonly state: VertebraCellOutStateEnum;
  readonly ao_body: AoBodyEnum | NullEnum | null;
  readonly unclear: boolean;
}

export type VertebraCellOutStateEnum = "negative" | "fracture" | "indeterminate" | "not_assessable" | "open" | "cut";

export interface VertebraPayloadRequest {
  readonly vertebra: number;
}

/** Where the reader is. */
export interface ViewedInRequest {
  readonly k?: number | null;
  readonly vertebra?: number | null;
  readonly window?: readonly number[] | null;
}

export type WhyEnum = "cut" | "metal" | "motion" | "coarse" | "mask_missing" | "no_slice" | "destroyed" | "other";

/** One page of a tab, with the counts of all tabs. */
export interface WorklistOut {
  readonly tab: TabEnum;
  readonly search: string;
  readonly page: number;
  readonly pages: number;
  readonly total: number;
  readonly counts: TabCountsOut;
  readonly rows: readonly WorklistRowOut[];
  readonly resume: ResumeOut | null;
}

/** One case of one round. */
export interface WorklistRowOut {
  readonly case: number;
  readonly name: string;
  readonly sex: string;
  readonly age: string;
  readonly round: string;
  /** In view, as T9–L5. */
  readonly levels: string;
  readonly vertebrae: readonly VertebraCellOut[];
  readonly state: WorklistRowOutStateEnum;
  readonly state_word: string;
  readonly readable: boolean;
  /** Nobody has claimed it yet. */
  readonly pooled: boolean;
  readonly position: number;
  readonly read: number | null;
}

export type WorklistRowOutStateEnum = "to_read" | "draft" | "locked" | "skipped";

/** What one operation changed, and what is open after it. */
export interface WrittenOut {
  readonly seq: number;
  readonly findings: Readonly<Record<string, FindingOut>>;
  readonly injuries: Readonly<Record<string, InjuryOut | null>>;
  readonly gaps: readonly GapOut[];
}

/** Every address, with what it takes and what it answers. */
export interface Endpoints {
  /** Rings of [column, row] per slice and label value; they never change, so browsers keep them. */
  readonly "GET /api/anatomies/{anatomy_id}/outlines": { readonly body: undefined; readonly answer: Readonly<Record<string, Readonly<Record<string, readonly (readonly (readonly number[])[])[]>>>> };
  /** Open a case for reading: the read one has of it, or a new draft (from the pool, too). */
  readonly "POST /api/cases/{case_id}/open": { readonly body: undefined; readonly answer: OpenedOut };
  /** One row per finding of the locked reads that this person may take out. */
  readonly "GET /api/exports/findings": { readonly body: undefined; readonly answer: readonly (Readonly<Record<string, unknown>>)[] };
  /** One row per slice label of the locked reads that this person may take out. */
  readonly "GET /api/exports/labels": { readonly body: undefined; readonly answer: readonly (Readonly<Record<string, unknown>>)[] };
  /** The newest deliveries; a new one. */
  readonly "GET /api/intake/batches": { readonly body: undefined; readonly answer: BatchesOut };
  /** The newest deliveries; a new one. */
  readonly "POST /api/intake/batches": { readonly body: NewBatchInRequest; readonly answer: NewBatchOut };
  /** One delivery, with what became of each of its series. */
  readonly "GET /api/intake/batches/{batch}": { readonly body: undefined; readonly answer: BatchOut };
  /** Put one file into a delivery. The same path again replaces the file. */
  readonly "PUT /api/intake/batches/{batch}/files": { readonly body: undefined; readonly answer: FileOut };
  /** Close a delivery; a worker takes it from there. Closing it twice is harmless. */
  readonly "POST /api/intake/batches/{batch}/finish": { readonly body: undefined; readonly answer: BatchOut };
  /** Stop a delivery. Cases that are already stored stay. */
  readonly "POST /api/intake/batches/{batch}/stop": { readonly body: undefined; readonly answer: BatchOut };
  /** The person behind the session or the token. */
  readonly "GET /api/me": { readonly body: undefined; readonly answer: MeOut };
  /** What is open before the read can be locked. */
  readonly "GET /api/reads/{read_id}/gaps": { readonly body: undefined; readonly answer: GapsOut };
  /** Lock the read. From then on it never changes. */
  readonly "POST /api/reads/{read_id}/lock": { readonly body: LockInRequest; readonly answer: LockedOut };
  /** Write one operation. Sending the same one twice gives the same answer and changes nothing. */
  readonly "POST /api/reads/{read_id}/operations": { readonly body: OperationInRequest; readonly answer: WrittenOut };
  /** All that the reading room needs to show a read, in one answer. */
  readonly "GET /api/reads/{read_id}/room": { readonly body: undefined; readonly answer: RoomOut };
  /** Say which slices were on screen at full resolution, and where the reader is. */
  readonly "POST /api/reads/{read_id}/seen": { readonly body: SeenInRequest; readonly answer: SeenOut };
  /** One page of one's own worklist, with the counts of all tabs. */
  readonly "GET /api/worklist": { readonly body: undefined; readonly answer: WorklistOut };
}
