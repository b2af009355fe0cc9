/* Made by `npm run api` from openapi.json: the shapes of what the server takes and answers. Do not edit. */

/** What a model says of a vertebra, taken over as it is. */
export interface AcceptPayloadRequest {
  readonly vertebra: number;
  /** The read of the opinion. */
  readonly model_read: number;
  readonly verdict: SliceValueEnum;
  /** By SOP Instance UID. */
  readonly slices: Readonly<Record<string, "fracture" | "negative">>;
  /** One of all the remaining vertebrae, accepted together: everything was seen. */
  readonly all: boolean;
}

/** Active time of this tab on one vertebra, or (null) on the case as a whole, since it opened the read. */
export interface ActiveInRequest {
  readonly vertebra: number | null;
  readonly ms: number;
}

export type AcuityEnum = "unknown" | "acute" | "old";

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface AheadInRequest {
  /** The case that is being read. */
  readonly after?: number;
}

/** What may be fetched before the next case is opened. Asking claims nothing and opens nothing. */
export interface AheadOut {
  readonly case: number | null;
  readonly name: string;
  /** In the order to fetch: the first slice shown, then outwards. */
  readonly frames: readonly string[];
  readonly outlines_url: string | null;
}

export type AnatomyEnum = "editable" | "pinned";

/** A new version, all its vertebrae from head to feet. What stands in the parent and not here was taken out. */
export interface AnatomyInRequest {
  /** The newest; nothing where there is none. */
  readonly parent: number | null;
  readonly vertebrae: readonly VertebraInRequest[];
  readonly confirm: boolean;
  /** The own draft to tell of; all of them follow. */
  readonly read: number | null;
  /** Only say what would happen. */
  readonly preview: boolean;
}

export interface AnatomyMadeOut {
  /** Nothing in a preview of a version that is not there yet. */
  readonly anatomy: number | null;
  readonly n: number;
  readonly carried: CarriedOut | null;
}

/** One version of the anatomy of a case. */
export interface AnatomyVersionOut {
  readonly id: number;
  /** 1, 2, 3 … per case. */
  readonly n: number;
  readonly parent: number | null;
  /** A person's name; empty where a program made it. */
  readonly author: string;
  readonly created_at: string;
  /** Empty where nobody did. */
  readonly confirmed_by: string;
  readonly confirmed_at: string | null;
  /** Where it comes from, in words. */
  readonly origin: string;
  /** On what the names rest, and what was left out; empty where nobody said. */
  readonly note: string;
  /** In view, as T9–L5. */
  readonly levels: string;
  readonly vertebrae: number;
  readonly outlines_url: string | null;
}

export interface AnatomyVertebraOut {
  readonly id: number | null;
  readonly level: LevelEnum | BlankEnum;
  readonly certainty: CertaintyEnum;
  readonly cut: boolean;
  readonly cut_where: string;
  readonly first_k: number;
  readonly last_k: number;
  /** Of the body, in mm, LPS: x0, x1, y0, y1, z0, z1. */
  readonly box: readonly number[];
  readonly origin: VertebraOriginEnum;
  readonly mask_ok: MaskOkEnum | NullEnum | null;
  /** Its value in outlines and label map; 0 where it was placed by hand. */
  readonly label_value: number;
  /** What was done to its mask: split, joined, one slice; empty where nothing was. */
  readonly note: string;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface AnswerInRequest {
  readonly text: string;
}

export interface AnsweredOut {
  readonly answered_at: string;
}

export type AoBodyEnum = "A1" | "A2" | "A3" | "A4";

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface AskInRequest {
  readonly letter: LetterEnum;
  readonly vertebra: number;
  readonly text: string;
}

/** One vertebra that the panel is asked about, the most harmful first. */
export interface AskedOut {
  readonly vertebra: number;
  readonly level: string;
  readonly difference: DifferenceEnum;
  /** The larger, the more harmful. */
  readonly harm: number;
  /** For people: Fracture or negative. */
  readonly why: string;
  /** The slices that one read calls fractured and one does not. */
  readonly sop_uids: readonly string[];
}

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

export type ByEnum = -1 | 1;

export interface CarriedOut {
  readonly read: number;
  /** Vertebrae of which the draft still says what it said. */
  readonly kept: number;
  readonly dropped: readonly DroppedOut[];
}

/** The newest anatomy of a case, and what this person may do to it. It says nothing of anybody's reads. */
export interface CaseAnatomyOut {
  readonly case: number;
  readonly name: string;
  readonly stack: StackOut;
  readonly anatomy: AnatomyVersionOut | null;
  readonly vertebrae: readonly AnatomyVertebraOut[];
  /** Newest first. */
  readonly versions: readonly AnatomyVersionOut[];
  readonly may_edit: boolean;
  readonly may_confirm: boolean;
  /** A sentence where they may not, else empty. */
  readonly why_not: string;
  /** Own drafts that would follow a new version. */
  readonly used_by: number;
  /** Per level the width, depth and height of a usual body in mm, for placing boxes; '' is any level. */
  readonly body_sizes: Readonly<Record<string, readonly number[]>>;
}

export interface CaseLinkOut {
  readonly id: number;
  readonly name: string;
}

export type CertaintyEnum = "certain" | "assumed" | "unknown";

/** code `conflict`: the read went on, its newest state is here. `locked`: it takes no more. `elsewhere`: another window or device is writing. */
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
  /** That the read stands on by now; another one: load the room again. */
  readonly anatomy?: number;
}

export interface ConsensusAnatomyOut {
  readonly id: number;
  readonly n: number;
}

export interface ConsensusListOut {
  readonly cases: readonly ConsensusRowOut[];
}

/** All that the screen of a consensus shows. */
export interface ConsensusOut {
  readonly consensus: ConsensusReadOut;
  readonly round: ConsensusRoundOut;
  readonly follows: FollowedRoundOut;
  readonly case: RoomCaseOut;
  readonly stack: StackOut;
  readonly outlines_url: string | null;
  readonly anatomy: ConsensusAnatomyOut;
  readonly vertebrae: readonly RoomVertebraOut[];
  readonly letters: readonly LetterEnum[];
  /** By letter. */
  readonly reads: Readonly<Record<string, SettledReadOut>>;
  readonly asked: readonly AskedOut[];
  /** Vertebrae that are filled in. */
  readonly agreed: readonly number[];
  /** By vertebra. */
  readonly settled: Readonly<Record<string, SettlementOut>>;
  readonly state: StateOut;
  readonly gaps: readonly GapOut[];
  readonly reasons: readonly ReasonOut[];
  readonly members: readonly MemberOut[];
  readonly shift: ShiftOut | null;
  /** By letter. */
  readonly shifted: Readonly<Record<string, ShiftedOut>>;
  readonly report: ReportToPanelOut;
  readonly questions: readonly QuestionOut[];
  readonly record: readonly RecordOut[];
  readonly position: PositionOut;
  readonly next: NextConsensusOut | null;
  readonly versions: readonly VersionOut[];
  readonly second: SecondOut;
  /** Why nothing can be written; empty where it can. */
  readonly hindrance: string;
}

/** The panel's own read. */
export interface ConsensusReadOut {
  readonly id: number;
  readonly version: number;
  readonly state: ReadOutStateEnum;
  /** The base_seq of what is settled next. */
  readonly seq: number;
  readonly locked_at: string | null;
  readonly writable: boolean;
  /** Of the reference that it becomes. */
  readonly target: string;
  /** Locked, and a later version may follow. */
  readonly reopenable: boolean;
}

export interface ConsensusRoundOut {
  readonly id: number;
  readonly name: string;
  readonly kind: RoundOutKindEnum;
  readonly rules: RulesOut;
}

/** One case that a person is to settle with others. */
export interface ConsensusRowOut {
  readonly round_id: number;
  readonly round: string;
  readonly case: number;
  readonly name: string;
  readonly sex: string;
  readonly age: string;
  readonly state: ConsensusRowOutStateEnum;
  /** The state as people are told it, with the date it waits for. */
  readonly words: string;
  /** The consensus, once it was opened. */
  readonly read: number | null;
  readonly version: number | null;
  readonly draft: boolean;
  /** From when on it can be settled, where that is ahead. */
  readonly on: string | null;
}

export type ConsensusRowOutStateEnum = "ready" | "later" | "settled";

export interface CorrectedOut {
  /** The later version, a draft. */
  readonly consensus: number;
}

export type CutWhereEnum = "top" | "bottom" | "left" | "right" | "front" | "back";

export type DifferenceEnum = "verdict" | "ao" | "level" | "slices" | "unclear" | "audit";

/** What a draft said that has no place in the new version. */
export interface DroppedOut {
  readonly vertebra: number;
  readonly level: string;
  readonly what: string;
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

export interface FindingBriefOut {
  readonly verdict: VerdictEnum | NullEnum | null;
  readonly ao_body: AoBodyEnum | NullEnum | null;
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
  readonly measures: readonly MeasureOut[];
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
  readonly measures: readonly MeasureOutRequest[];
}

/** The round whose reads are settled. */
export interface FollowedRoundOut {
  readonly name: string;
  readonly kind: RoundOutKindEnum;
  readonly imported: boolean;
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

export interface JobCaseOut {
  readonly id: number;
  readonly name: string;
}

export interface JobModelOut {
  readonly id: number;
  readonly name: string;
}

/** One job: what it does, how far it is, what it waits for, how it ended. */
export interface JobOut {
  readonly id: number;
  readonly kind: string;
  readonly title: string;
  readonly queue: QueueEnum;
  readonly case: JobCaseOut | null;
  /** The model that works, or the one that a training made. */
  readonly model_version: JobModelOut | null;
  /** Who asked for it; empty where nobody did. */
  readonly by: string;
  readonly state: JobStateEnum;
  /** What it is doing, in words. */
  readonly stage: string;
  /** 0 to 1. */
  readonly progress: number;
  readonly attempts: number;
  /** Why it stopped, in a sentence. */
  readonly message: string;
  /** A sentence, where more than a free worker is missing. */
  readonly waiting_for: string;
  /** Of a training: name to [[epoch, value], ...]. */
  readonly curves: Readonly<Record<string, readonly (readonly (number | null)[])[]>>;
  readonly created_at: string;
  /** Of the present or last attempt. */
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly may_cancel: boolean;
  readonly may_retry: boolean;
}

export type JobStateEnum = "queued" | "running" | "done" | "failed" | "cancelled";

/** A job with the end of its log. */
export interface JobWholeOut {
  readonly id: number;
  readonly kind: string;
  readonly title: string;
  readonly queue: QueueEnum;
  readonly case: JobCaseOut | null;
  /** The model that works, or the one that a training made. */
  readonly model_version: JobModelOut | null;
  /** Who asked for it; empty where nobody did. */
  readonly by: string;
  readonly state: JobStateEnum;
  /** What it is doing, in words. */
  readonly stage: string;
  /** 0 to 1. */
  readonly progress: number;
  readonly attempts: number;
  /** Why it stopped, in a sentence. */
  readonly message: string;
  /** A sentence, where more than a free worker is missing. */
  readonly waiting_for: string;
  /** Of a training: name to [[epoch, value], ...]. */
  readonly curves: Readonly<Record<string, readonly (readonly (number | null)[])[]>>;
  readonly created_at: string;
  /** Of the present or last attempt. */
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly may_cancel: boolean;
  readonly may_retry: boolean;
  /** Its last lines, for overseers. */
  readonly log_tail: string;
}

/** The newest jobs first. */
export interface JobsOut {
  readonly jobs: readonly JobOut[];
}

export interface LabelSlicesPayloadRequest {
  readonly vertebra: number;
  readonly sop_uids: readonly string[];
  readonly value: SliceValueEnum | NullEnum | null;
  readonly source: LabelSlicesPayloadSourceEnum;
}

export type LabelSlicesPayloadSourceEnum = "key" | "range";

export type LetterEnum = "A" | "B";

export type LevelEnum = "C1" | "C2" | "C3" | "C4" | "C5" | "C6" | "C7" | "T1" | "T2" | "T3" | "T4" | "T5" | "T6" | "T7" | "T8" | "T9" | "T10" | "T11" | "T12" | "T13" | "L1" | "L2" | "L3" | "L4" | "L5" | "L6";

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface LockInRequest {
  readonly base_seq: number;
  /** Made by the tab when it opens the read; a script that writes alone needs none. */
  readonly tab?: string;
}

export interface LockedOut {
  readonly locked_at: string;
  readonly version: number;
  /** The case to read next. */
  readonly next: number | null;
  /** Whether the room of this read now shows something of the models that it did not show before. */
  readonly reveal: boolean;
}

export type MaskOkEnum = "yes" | "no" | "missing";

export interface MeOut {
  readonly username: string;
  readonly name: string;
  readonly roles: readonly RolesEnum[];
}

/** A length (two points) or the heights of a body (six: upper and lower of anterior, middle, posterior). */
export interface MeasureOut {
  readonly kind: MeasureOutKindEnum;
  readonly sop_uid: string;
  /** [column, row] of that slice; 0,0 is the centre of the first pixel. */
  readonly points: readonly (readonly number[])[];
}

export type MeasureOutKindEnum = "length" | "heights";

/** A length (two points) or the heights of a body (six: upper and lower of anterior, middle, posterior). */
export interface MeasureOutRequest {
  readonly kind: MeasureOutKindEnum;
  readonly sop_uid: string;
  /** [column, row] of that slice; 0,0 is the centre of the first pixel. */
  readonly points: readonly (readonly number[])[];
}

/** A member of the panel. */
export interface MemberOut {
  readonly reader: number;
  readonly name: string;
  readonly initials: string;
  readonly senior: boolean;
  readonly present: boolean;
  readonly you: boolean;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface MembersInRequest {
  readonly reader: number;
  readonly present: boolean;
}

export interface MembersOut {
  readonly members: readonly MemberOut[];
}

/** A model that came in; the same files again are the same version. */
export interface ModelMadeOut {
  readonly id: number;
  readonly name: string;
  /** Of its files, not of the zip. */
  readonly sha256: string;
  /** Of its page. */
  readonly url: string;
}

/** What the models say of the case, and what is true of it, as far as this reader is shown it now; the truth first, then the classifier. */
export interface ModelOut {
  readonly rule: ModelRuleEnum;
  readonly stage: StageEnum;
  readonly opinions: readonly OpinionOut[];
}

export type ModelRuleEnum = "shown" | "after_lock" | "never";

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

/** code `newer_anatomy`: somebody made a version meanwhile. */
export interface NewerAnatomyOut {
  readonly ok?: boolean;
  /** A machine word. */
  readonly code: string;
  /** What is wrong, where, and what to do next. */
  readonly sentence: string;
  /** bad_input: the fields that are wrong. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
  readonly anatomy?: number | null;
  readonly n?: number;
}

export interface NextConsensusOut {
  readonly round: number;
  readonly case: number;
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

export interface OpenedConsensusOut {
  readonly consensus: number;
}

/** The next read and its room; nothing of both where no case is left. */
export interface OpenedNextOut {
  readonly read: number | null;
  readonly room: RoomOut | null;
}

/** The read and its room, so that a next case is one way there and back. */
export interface OpenedOut {
  readonly read: number;
  readonly room: RoomOut;
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
  /** Made by the tab when it opens the read; a script that writes alone needs none. */
  readonly tab?: string;
  /** On which it was made; another one is a conflict. */
  readonly anatomy?: number;
}

export type OperationPayloadRequest = LabelSlicesPayloadRequest | VertebraPayloadRequest | SetVerdictPayloadRequest | SetAoPayloadRequest | SetFlagPayloadRequest | SetAcuityPayloadRequest | SetCommentPayloadRequest | SetLevelSaidPayloadRequest | SetInjuryPayloadRequest | SetMeasuresPayloadRequest | RestorePayloadRequest | AcceptPayloadRequest;

/** A model's verdict on the case as a whole. */
export interface OpinionCaseOut {
  readonly kind: OpinionCaseOutKindEnum;
  readonly text: string;
}

export type OpinionCaseOutKindEnum = "fracture" | "negative" | "incomplete";

/** The read of one model version on the anatomy of this read, or the truth of its case; `vertebrae` by the id of the vertebra. */
export interface OpinionOut {
  readonly read: number;
  readonly kind: OpinionOutKindEnum;
  readonly name: string;
  readonly at: string;
  readonly case: OpinionCaseOut;
  readonly vertebrae: Readonly<Record<string, SuggestedOut>>;
}

export type OpinionOutKindEnum = "truth" | "classifier" | "morphometry";

export type OrientationEnum = "sagittal" | "axial" | "coronal" | "oblique";

export type OutcomeEnum = "reading" | "derived" | "kept" | "mask" | "left_out" | "seen_before" | "refused";

export type OutlinesEnum = "shown" | "hidden";

export interface PanelReportOut {
  readonly report: ReportToPanelOut;
}

/** The place of the case in the reader's list, from 1; 0 where it stands in none. */
export interface PositionOut {
  readonly index: number;
  readonly of: number;
}

/** All preferences at once: what is left out goes back to how it was delivered. */
export interface PreferencesInRequest {
  readonly keys?: Readonly<Record<string, readonly string[]>>;
  readonly single_keys?: boolean;
}

/** How one reader works; keys by the name of the command. */
export interface PreferencesOut {
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** Whether keys without Ctrl, Alt or Meta do anything. */
  readonly single_keys: boolean;
}

/** The volume is being decoded; ask again. */
export interface PreparingOut {
  /** The share that is done. */
  readonly preparing: number;
}

/** An earlier examination of the same patient. */
export interface PriorOut {
  readonly case: number;
  readonly name: string;
  /** As 8 months before. */
  readonly interval: string;
  readonly url: string;
}

/** The protocol record of a round, as it is printed; no identity, and no number of this database. */
export interface ProtocolOut {
  /** Of the record as canonical JSON: the same record gives the same hash. */
  readonly sha256: string;
  /** Whether cases are closed that the asking person owes a read of. */
  readonly partial: boolean;
  readonly record: Readonly<Record<string, unknown>>;
}

/** A question to one reader, and the answer. */
export interface QuestionOut {
  readonly id: number;
  readonly letter: LetterEnum;
  readonly vertebra: number;
  readonly text: string;
  readonly at: string;
  readonly answer: string;
  readonly answered_at: string | null;
}

export interface QuestionsOut {
  readonly questions: readonly QuestionOut[];
}

export type QueueEnum = "io" | "infer" | "train";

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

export type ReasonEnum = "image" | "wrong_study" | "anatomy" | "exclude" | "known" | "later";

export interface ReasonOut {
  readonly code: string;
  readonly text: string;
}

export interface RecordOut {
  /** A, B, or the initials of a member; empty for the panel. */
  readonly who: string;
  readonly what: string;
  readonly at: string;
}

export interface ReferenceOut {
  readonly locked_at: string;
  readonly reference: number;
  readonly next: NextConsensusOut | null;
}

/** A tab that lets go. As a form, it may bear the CSRF token, for what a closing page can still send. */
export interface ReleaseInRequest {
  readonly tab: string;
  readonly csrfmiddlewaretoken?: string;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface ReopenInRequest {
  readonly reason: string;
}

export interface ReopenedOut {
  /** The new version, a draft. */
  readonly read: number;
}

export type ReportEnum = "shown" | "after_lock" | "hidden";

export interface ReportOut {
  readonly text: string;
}

export interface ReportToPanelOut {
  readonly open: boolean;
  readonly may_show: boolean;
  readonly text: string | null;
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

/** The version of the anatomy that the read stands on. */
export interface RoomAnatomyOut {
  readonly id: number;
  readonly n: number;
  readonly confirmed: boolean;
  /** Whether this reader may make a new version of it. */
  readonly editable: boolean;
  /** The page of the anatomy check. */
  readonly url: string;
}

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
  /** Nothing where the read is not one's own or of no round. */
  readonly model: ModelOut | null;
  readonly stack: StackOut;
  readonly vertebrae: readonly RoomVertebraOut[];
  readonly anatomy: RoomAnatomyOut;
  readonly outlines_url: string | null;
  readonly state: StateOut;
  readonly seen: readonly string[];
  readonly gaps: readonly GapOut[];
  /** Locked, one's own, and no consensus has begun. */
  readonly reopenable: boolean;
  readonly versions: readonly VersionOut[];
  /** Own active time by vertebra; the whole under the empty name. */
  readonly active_ms: Readonly<Record<string, number>>;
  readonly priors: readonly PriorOut[];
  readonly second: SecondOut;
}

export interface RoomVertebraOut {
  readonly id: number;
  readonly level: string;
  readonly certainty: CertaintyEnum;
  readonly cut: boolean;
  readonly cut_where: string;
  readonly first_k: number;
  readonly last_k: number;
  /** First slice that stays when datasets shave the outer slices; nothing where none does. */
  readonly kept_first_k: number | null;
  readonly kept_last_k: number | null;
  readonly label_value: number;
  readonly origin: VertebraOriginEnum;
  /** Of the body, in mm, LPS: x0, x1, y0, y1, z0, z1. */
  readonly box: readonly number[];
  readonly mask_ok: MaskOkEnum | NullEnum | null;
}

export interface RoundOut {
  readonly name: string;
  readonly kind: RoundOutKindEnum;
  readonly rules: RulesOut;
}

export type RoundOutKindEnum = "practice" | "labelling" | "independent" | "repeat" | "consensus";

export interface RulesOut {
  readonly unit: UnitEnum;
  readonly report: ReportEnum;
  readonly model: ModelRuleEnum;
  readonly outlines: OutlinesEnum;
  readonly anatomy: AnatomyEnum;
  readonly ao_required: boolean;
  readonly required_reads: number;
  readonly washout_days: number;
  readonly second_reader_share: number;
  readonly model_hidden_share: number;
  readonly feedback: FeedbackEnum;
  readonly audit_share: number;
}

/** Which planes the second view can show beside the sagittal one. */
export interface SecondOut {
  readonly axial: boolean;
  readonly coronal: boolean;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface SeenInRequest {
  readonly sop_uids: readonly string[];
  readonly viewed?: ViewedInRequest;
  /** Made by the tab when it opens the read; a script that writes alone needs none. */
  readonly tab?: string;
  /** Totals of this tab; needs it. */
  readonly active?: readonly ActiveInRequest[];
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

export interface SetMeasuresPayloadRequest {
  readonly vertebra: number;
  readonly measures: readonly MeasureOutRequest[];
}

export interface SetVerdictPayloadRequest {
  readonly vertebra: number;
  readonly verdict: VerdictEnum | NullEnum | null;
  readonly why?: WhyEnum | BlankEnum;
}

/** How a panel settles one vertebra. */
export interface SettleInRequest {
  /** Made by the client: sending the same twice is harmless. */
  readonly uuid: string;
  readonly base_seq: number;
  readonly vertebra: number;
  readonly took: TookEnum;
  /** Only where neither is taken. */
  readonly finding?: FindingOutRequest | null;
  /** Only where neither is taken. */
  readonly injury?: InjuryOutRequest | null;
  readonly reason: string;
  readonly acuity: AcuityEnum;
  readonly teach?: boolean;
  readonly explanation?: string;
}

/** What the consensus says after something was settled or taken back. */
export interface SettledOut {
  readonly seq: number;
  readonly settled: Readonly<Record<string, SettlementOut>>;
  readonly state: StateOut;
  readonly gaps: readonly GapOut[];
}

/** One of the reads, on the anatomy of the consensus; moved, where a shift is set. */
export interface SettledReadOut {
  readonly state: StateOut;
  readonly locked_at: string | null;
  readonly version: number;
  readonly active_ms: number | null;
  /** By how many vertebrae toward the feet it is moved. */
  readonly shift: number;
  readonly shift_moves: ShiftMovesEnum | BlankEnum;
  readonly slices_labelled: boolean;
}

/** How one vertebra was settled. */
export interface SettlementOut {
  readonly took: TookEnum;
  readonly reason: string;
  readonly acuity: AcuityEnum;
  readonly teach: boolean;
  readonly explanation: string;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface ShiftInRequest {
  readonly letter: LetterEnum;
  readonly by: number;
  readonly moves?: ShiftMovesEnum | BlankEnum;
}

export type ShiftMovesEnum = "names" | "findings";

/** A shift by one vertebra that leaves fewer differences. */
export interface ShiftOut {
  readonly letter: LetterEnum;
  readonly by: ByEnum;
  readonly moves: ShiftMovesEnum;
  readonly differ_now: number;
  readonly differ_after: number;
  readonly sentence: string;
  readonly preview: readonly ShiftPreviewOut[];
}

export interface ShiftPreviewOut {
  readonly vertebra: number;
  readonly level: string;
  readonly other: FindingBriefOut | null;
  readonly now: FindingBriefOut | null;
  readonly after: FindingBriefOut | null;
}

/** A shift that is set, and who set it. */
export interface ShiftedOut {
  readonly by: ByEnum;
  readonly moves: ShiftMovesEnum;
  readonly who: string;
}

/** What was on screen when the reader clicked. */
export interface ShownInRequest {
  readonly sop_uid: string;
  readonly window?: readonly number[] | null;
  readonly rendered_at?: string | null;
  readonly suggestion?: SuggestionInRequest | null;
}

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface SkipInRequest {
  readonly reason: ReasonEnum;
  readonly note?: string;
}

export interface SkippedOut {
  /** The case to read next. */
  readonly next: number | null;
}

export interface SliceMarkOut {
  readonly value: SliceValueEnum;
  readonly source: SliceMarkOutSourceEnum;
}

export interface SliceMarkOutRequest {
  readonly value: SliceValueEnum;
  readonly source: SliceMarkOutSourceEnum;
}

export type SliceMarkOutSourceEnum = "key" | "range" | "implied" | "accepted" | "model";

export type SliceValueEnum = "fracture" | "negative";

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
  /** 4x4: (k, row, column, 1) to x, y, z in mm, LPS. */
  readonly affine: readonly (readonly number[])[];
}

export type StackOutOriginEnum = "native" | "derived";

export interface StackSliceOut {
  readonly sop_uid: string;
  readonly k: number;
  readonly position_mm: number;
}

export type StageEnum = "hidden" | "first" | "revealed";

/** Findings by vertebra, injuries by the upper vertebra of their segment. */
export interface StateOut {
  readonly findings: Readonly<Record<string, FindingOut>>;
  readonly injuries: Readonly<Record<string, InjuryOut>>;
}

/** What a model says of one vertebra; `slices` by SOP Instance UID. */
export interface SuggestedOut {
  readonly verdict: VerdictEnum;
  readonly why: WhyEnum | BlankEnum;
  /** For people; empty where it has nothing to say. */
  readonly reason: string;
  readonly score: number | null;
  readonly slices: Readonly<Record<string, SuggestedSliceOut>>;
  /** Of the reference; no model gives one. * `A1` - A1 wedge or impaction * `A2` - A2 split or pincer * `A3` - A3 incomplete burst * `A4` - A4 complete burst */
  readonly ao_body: AoBodyEnum | NullEnum | null;
  /** All that the reference says of the vertebra; empty for a model. */
  readonly words: string;
}

/** What a model says of one slice. */
export interface SuggestedSliceOut {
  readonly value: SliceValueEnum;
  /** Probability of fracture. */
  readonly p: number | null;
}

/** The model's opinion that stood on the screen. */
export interface SuggestionInRequest {
  readonly read: number;
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

export type TookEnum = "a" | "b" | "neither";

export type TypeEnum = "B1" | "B2" | "B3" | "C";

export type UnitEnum = "slice" | "vertebra";

/** A vertebra that is open again. */
export interface UnsettleInRequest {
  /** Made by the client: sending the same twice is harmless. */
  readonly uuid: string;
  readonly base_seq: number;
  readonly vertebra: number;
}

export type VerbEnum = "label_slices" | "rest_negative" | "set_verdict" | "set_ao" | "set_process_fracture" | "set_acuity" | "set_unclear" | "set_comment" | "set_level_said" | "set_measures" | "set_injury" | "accept" | "restore";

export type VerdictEnum = "negative" | "fracture" | "indeterminate" | "not_assessable";

/** One version of the same reader's read. */
export interface VersionOut {
  readonly read: number;
  readonly version: number;
  readonly locked_at: string | null;
  /** Why it was reopened; empty for the first. */
  readonly reason: string;
}

/** One vertebra of a row: `state` is a verdict, `open` without one, or `cut`. */
export interface VertebraCellOut {
  readonly id: number;
  readonly level: string;
  readonly state: VertebraCellOutStateEnum;
  readonly ao_body: AoBodyEnum | NullEnum | null;
  readonly unclear: boolean;
}

export type VertebraCellOutStateEnum = "negative" | "fracture" | "indeterminate" | "not_assessable" | "open" | "cut";

/** A serializer that refuses unknown fields by name: a misspelt field is a 400, never a label that went nowhere. */
export interface VertebraInRequest {
  /** Nothing for a new one. */
  readonly vertebra: number | null;
  readonly level: LevelEnum | BlankEnum;
  readonly certainty: CertaintyEnum;
  readonly first_k: number;
  readonly last_k: number;
  /** Of the body, in mm, LPS: x0, x1, y0, y1, z0, z1. */
  readonly box: readonly number[] | null;
  readonly cut: boolean;
  readonly cut_where: CutWhereEnum | BlankEnum;
  readonly mask_ok: MaskOkEnum | NullEnum | null;
  readonly origin: VertebraOriginEnum;
}

export type VertebraOriginEnum = "segmented" | "by_hand";

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
  /** Median time of the own last reads; nothing before the first. */
  readonly pace_ms: number | null;
  /** Pace times what is open. */
  readonly left_ms: number | null;
  /** Locked, of `of` cases in all; skipped ones are in neither. */
  readonly done: number;
  readonly of: number;
}

/** One case of one round. */
export interface WorklistRowOut {
  readonly assignment: number;
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
  /** Of the own read: 2 and more once it was reopened. */
  readonly version: number | null;
  /** Own active time on the case so far, all versions. */
  readonly active_ms: number;
  /** Its code, where the case was skipped. */
  readonly skip_reason: string;
}

export type WorklistRowOutStateEnum = "to_read" | "draft" | "locked" | "skipped";

/** A tab that wants to write, or to go on writing. */
export interface WriterInRequest {
  readonly tab: string;
  /** Take over from another tab that is writing. */
  readonly take?: boolean;
}

/** Who writes: this tab, or another one until its lease runs out or is taken over. */
export interface WriterOut {
  readonly mine: boolean;
  readonly until: string | null;
  /** When the other one was last heard of; nothing where it is mine. */
  readonly since: string | null;
}

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
  /** Make a new version by hand, or confirm the newest. The same content twice is one version. */
  readonly "POST /api/cases/{case_id}/anatomies": { readonly body: AnatomyInRequest; readonly answer: AnatomyMadeOut };
  /** The newest anatomy of a case, its versions, and what this person may do. */
  readonly "GET /api/cases/{case_id}/anatomy": { readonly body: undefined; readonly answer: CaseAnatomyOut };
  /** Open a case for reading: the read one has of it, or a new draft (from the pool, too). */
  readonly "POST /api/cases/{case_id}/open": { readonly body: undefined; readonly answer: OpenedOut };
  /** Pass a case by, with a reason. Opening it again takes it up again. */
  readonly "POST /api/cases/{case_id}/skip": { readonly body: SkipInRequest; readonly answer: SkippedOut };
  /** One's own consensus cases, those first that can be settled now. */
  readonly "GET /api/consensus": { readonly body: undefined; readonly answer: ConsensusListOut };
  /** All that the screen of a consensus needs, in one answer. */
  readonly "GET /api/consensus/{read_id}": { readonly body: undefined; readonly answer: ConsensusOut };
  /** Begin a later version of a locked consensus. The truth stays what it is until that is locked. */
  readonly "POST /api/consensus/{read_id}/correct": { readonly body: ReopenInRequest; readonly answer: CorrectedOut };
  /** Lock the consensus: it becomes the truth of its case. */
  readonly "POST /api/consensus/{read_id}/lock": { readonly body: LockInRequest; readonly answer: ReferenceOut };
  /** Record who sits at the table. Whoever is present knows what is on the screen. */
  readonly "POST /api/consensus/{read_id}/members": { readonly body: MembersInRequest; readonly answer: MembersOut };
  /** Send a vertebra back to one reader with a question. Who that is is not said. */
  readonly "POST /api/consensus/{read_id}/questions": { readonly body: AskInRequest; readonly answer: QuestionsOut };
  /** Show the panel the clinical report: for the study lead, and recorded. */
  readonly "POST /api/consensus/{read_id}/report": { readonly body: undefined; readonly answer: PanelReportOut };
  /** Settle one vertebra, or settle it anew. Sending the same one twice gives an answer and changes nothing. */
  readonly "POST /api/consensus/{read_id}/settle": { readonly body: SettleInRequest; readonly answer: SettledOut };
  /** Compare one read as moved by one vertebra, or as it was locked again. The read itself stays. */
  readonly "POST /api/consensus/{read_id}/shift": { readonly body: ShiftInRequest; readonly answer: ConsensusOut };
  /** Take back how a vertebra was settled. */
  readonly "POST /api/consensus/{read_id}/unsettle": { readonly body: UnsettleInRequest; readonly answer: SettledOut };
  /** Open the consensus of a case: the one that there is, or a new one with all that is agreed filled in. */
  readonly "POST /api/consensus/open/{round_id}/{case_id}": { readonly body: undefined; readonly answer: OpenedConsensusOut };
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
  /** The newest jobs that this person may see; of a case, a kind or a state. */
  readonly "GET /api/jobs": { readonly body: undefined; readonly answer: JobsOut };
  /** One job, with the end of its log. */
  readonly "GET /api/jobs/{job_id}": { readonly body: undefined; readonly answer: JobWholeOut };
  /** Start a job again that failed or was stopped. */
  readonly "POST /api/jobs/{job_id}/again": { readonly body: undefined; readonly answer: JobWholeOut };
  /** Stop a job. What it has stored stays. */
  readonly "POST /api/jobs/{job_id}/cancel": { readonly body: undefined; readonly answer: JobWholeOut };
  /** The person behind the session or the token. */
  readonly "GET /api/me": { readonly body: undefined; readonly answer: MeOut };
  /** How the person works: their keys. The same at every workstation. */
  readonly "GET /api/me/preferences": { readonly body: undefined; readonly answer: PreferencesOut };
  /** How the person works: their keys. The same at every workstation. */
  readonly "PUT /api/me/preferences": { readonly body: PreferencesInRequest; readonly answer: PreferencesOut };
  /** Take a model in. Engineers only: a checkpoint is a program, and runs when it is loaded. */
  readonly "PUT /api/models": { readonly body: undefined; readonly answer: ModelMadeOut };
  /** Answer a question about one's own read, once. */
  readonly "POST /api/questions/{question_id}/answer": { readonly body: AnswerInRequest; readonly answer: AnsweredOut };
  /** What is open before the read can be locked. */
  readonly "GET /api/reads/{read_id}/gaps": { readonly body: undefined; readonly answer: GapsOut };
  /** Lock the read. From then on it never changes. */
  readonly "POST /api/reads/{read_id}/lock": { readonly body: LockInRequest; readonly answer: LockedOut };
  /** Write one operation. Sending the same one twice gives the same answer and changes nothing. */
  readonly "POST /api/reads/{read_id}/operations": { readonly body: OperationInRequest; readonly answer: WrittenOut };
  /** The axial plane of the case of a read that lies nearest to z: patient's right on the left, front above. */
  readonly "GET /api/reads/{read_id}/planes/axial": { readonly body: undefined; readonly answer: undefined };
  /** The coronal plane of the case of a read that lies nearest to y: patient's right on the left, head above. */
  readonly "GET /api/reads/{read_id}/planes/coronal": { readonly body: undefined; readonly answer: undefined };
  /** A sagittal slice of an earlier case of the same patient, at a level. */
  readonly "GET /api/reads/{read_id}/priors/{prior_id}/slice": { readonly body: undefined; readonly answer: undefined };
  /** Reopen one's own locked read as a new version. The locked one stays as it is. */
  readonly "POST /api/reads/{read_id}/reopen": { readonly body: ReopenInRequest; readonly answer: ReopenedOut };
  /** All that the reading room needs to show a read, in one answer. */
  readonly "GET /api/reads/{read_id}/room": { readonly body: undefined; readonly answer: RoomOut };
  /** Say which slices were on screen at full resolution, and where the reader is. */
  readonly "POST /api/reads/{read_id}/seen": { readonly body: SeenInRequest; readonly answer: SeenOut };
  /** Take, renew or end the write lease of a tab. Another tab's lease is told, and ended only where asked to. */
  readonly "PUT /api/reads/{read_id}/writer": { readonly body: WriterInRequest; readonly answer: WriterOut };
  /** Take, renew or end the write lease of a tab. Another tab's lease is told, and ended only where asked to. */
  readonly "DELETE /api/reads/{read_id}/writer": { readonly body: undefined; readonly answer: WriterOut };
  /** Ending the lease as a page that closes can ask for it: a form, with the CSRF token as a field. */
  readonly "POST /api/reads/{read_id}/writer/release": { readonly body: ReleaseInRequest; readonly answer: WriterOut };
  /** Who was assigned, what they were shown, when they opened, locked and settled; hashed. */
  readonly "GET /api/rounds/{round_id}/protocol": { readonly body: undefined; readonly answer: ProtocolOut };
  /** One page of one's own worklist, with the counts of all tabs. */
  readonly "GET /api/worklist": { readonly body: undefined; readonly answer: WorklistOut };
  /** What comes next: what may be fetched before it is opened, and opening it. */
  readonly "GET /api/worklist/next": { readonly body: undefined; readonly answer: AheadOut };
  /** Open the next case: the own draft or own case that comes first, else one of the pool, which nobody else is given at the same moment. `read` is null where nothing is left. */
  readonly "POST /api/worklist/next": { readonly body: AheadInRequest; readonly answer: OpenedNextOut };
}
