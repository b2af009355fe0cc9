/** The server's answer about one read, in the words of this room. */

import type { PriorOut, RoomAnatomyOut, RoomOut, RoomVertebraOut, RulesOut, SecondOut } from "../api/schema.ts";
import type { DicomJson } from "../viewer/geometry.ts";
import type { ViewerSlice } from "../viewer/stack-viewer.ts";
import { PRESETS, type Window } from "../viewer/windows.ts";
import type { PixelSpacing } from "./measures.ts";
import { sliceIndex, sopUid, vertebraId, type ReadContext, type ReadState, type SliceIndex, type SopUid, type Vertebra, type VertebraId } from "./model.ts";
import { differencesOf, modelViewOf, strongestSlice, truthOf, type ModelView, type Reading } from "./opinions.ts";
import { stateOf } from "./transport.ts";

/** A label is accepted this many slices beyond the body, where the mask may be too small. */
const MARGIN = 2;

/** One version of this reader's read of the case. */
export interface Version {
  readonly read: number;
  readonly version: number;
  readonly lockedAt: string | null;
  /** Why it was opened again; empty for the first. */
  readonly reason: string;
}

export interface Room {
  readonly readId: number;
  readonly caseId: number;
  readonly caseName: string;
  readonly person: string;
  readonly version: number;
  /** All versions, oldest first; this one is among them. */
  readonly versions: readonly Version[];
  /** Locked, and its reader may open it again. */
  readonly reopenable: boolean;
  readonly seq: number;
  readonly locked: boolean;
  readonly lockedAt: string | null;
  readonly writable: boolean;
  readonly roundName: string;
  /** What is known of the model, then of the report. */
  readonly rules: readonly string[];
  /** What models say, as far as this reader may know it now; null where that is no question of this read. */
  readonly model: ModelView | null;
  readonly position: { readonly index: number; readonly of: number } | null;
  readonly origin: string;
  readonly limited: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly report: string | null;
  readonly stackWords: string;
  readonly spacing: PixelSpacing;
  /** (k, row, column, 1) to x, y, z in mm, LPS. */
  readonly affine: readonly (readonly number[])[];
  /** By slice index. */
  readonly sops: readonly SopUid[];
  readonly viewerSlices: readonly ViewerSlice[];
  readonly context: ReadContext;
  /** The vertebrae as the server gave them, with their boxes and masks. */
  readonly rows: readonly RoomVertebraOut[];
  /** First and last slice that datasets keep of each body; null where they keep none. */
  readonly kept: ReadonlyMap<VertebraId, readonly [SliceIndex, SliceIndex] | null>;
  readonly anatomy: RoomAnatomyOut;
  readonly outlinesUrl: string | null;
  readonly outlinesHidden: boolean;
  readonly state: ReadState;
  readonly seen: readonly SopUid[];
  /** Own active time so far: by vertebra, and all of it under "". */
  readonly activeMs: Readonly<Record<string, number>>;
  readonly priors: readonly PriorOut[];
  readonly second: SecondOut;
  readonly start: { readonly k: number; readonly vertebra: Vertebra | null; readonly window: Window };
}

export function roomOf(json: RoomOut): Room {
  const slices = [...json.stack.slices].sort((left, right) => left.k - right.k);
  const sops = slices.map((slice) => sopUid(slice.sop_uid));
  const vertebrae = json.vertebrae.map((vertebra) => vertebraOf(vertebra, sops));
  const rules = json.round?.rules ?? null;
  const locked = json.read.state === "locked";
  const model = modelViewOf(json.model);
  const state = stateOf(json.state);
  const start = startOf(json.read.viewed, vertebrae, sops.length);
  return {
    readId: json.read.id,
    caseId: json.case.id,
    caseName: json.case.name,
    person: personWords(json.case.sex, json.case.age),
    version: json.read.version,
    versions: json.versions.map(({ read, version, locked_at, reason }) => ({ read, version, lockedAt: locked_at, reason })),
    reopenable: json.reopenable,
    seq: json.read.seq,
    locked,
    lockedAt: json.read.locked_at,
    writable: json.read.writable,
    roundName: json.round?.name ?? "",
    rules: rules ? [modelWords(rules, model, locked), reportWords(rules, json.report !== null)] : [],
    model,
    // The server counts from 1; 0 says that the case stands in no list of this reader.
    position: json.position.index > 0 ? json.position : null,
    origin: originWords(json.case.origin),
    limited: json.case.limited,
    facts: json.case.facts,
    report: json.report?.text ?? null,
    stackWords: `Sagittal${json.stack.origin === "derived" ? ", derived" : ""}, ${json.stack.slice_spacing.toFixed(1)} mm`,
    spacing: { rowSpacing: json.stack.row_spacing, columnSpacing: json.stack.column_spacing },
    affine: json.stack.affine,
    sops,
    viewerSlices: slices.map((slice) => ({
      sopUid: slice.sop_uid,
      frameUrl: json.stack.frames_url.replace("{sop_uid}", slice.sop_uid),
      metadata: (json.stack.metadata[slice.k] ?? {}) as DicomJson,
    })),
    context: { unit: rules?.unit ?? "vertebra", aoRequired: rules?.ao_required ?? false, vertebrae, sops },
    rows: json.vertebrae,
    kept: new Map(json.vertebrae.map((row) => [vertebraId(row.id), keptOf(row)])),
    anatomy: json.anatomy,
    outlinesUrl: json.outlines_url,
    outlinesHidden: rules?.outlines === "hidden",
    state,
    seen: json.seen.map(sopUid),
    activeMs: json.active_ms,
    priors: json.priors,
    second: json.second,
    start: { ...start, ...startAtDifference({ model, locked }, vertebrae, state, sops) },
  };
}

function vertebraOf(json: RoomVertebraOut, sops: readonly SopUid[]): Vertebra {
  const extent = [sliceIndex(json.first_k), sliceIndex(json.last_k)] as const;
  return {
    id: vertebraId(json.id),
    level: json.level,
    certainty: json.certainty,
    cut: json.cut,
    cutWhere: json.cut_where,
    labelValue: json.label_value,
    extent,
    sops: sops.slice(extent[0], extent[1] + 1),
    marginSops: [...sops.slice(Math.max(0, extent[0] - MARGIN), extent[0]), ...sops.slice(extent[1] + 1, extent[1] + 1 + MARGIN)],
  };
}

const keptOf = ({ kept_first_k: first, kept_last_k: last }: RoomVertebraOut): readonly [SliceIndex, SliceIndex] | null =>
  first === null || last === null ? null : [sliceIndex(first), sliceIndex(last)];

export const middleOf = (vertebra: Vertebra): number | null =>
  vertebra.extent && Math.floor((vertebra.extent[0] + vertebra.extent[1]) / 2);

/** Where the reader stopped, else the middle of the first vertebra that is completely in view. */
function startOf(viewed: RoomOut["read"]["viewed"], vertebrae: readonly Vertebra[], count: number): Room["start"] {
  const { k, vertebra: id, window } = viewed;
  const before = vertebrae.find((vertebra) => vertebra.id === id);
  const first = before ?? vertebrae.find((vertebra) => !vertebra.cut) ?? vertebrae[0] ?? null;
  const middle = (first && middleOf(first)) ?? Math.floor(count / 2);
  return { k: typeof k === "number" ? k : middle, vertebra: first, window: windowOf(window) ?? PRESETS.bone.window };
}

/** Once the model or the truth is revealed: where it and the reader differ most, on the slice that speaks most for it. */
function startAtDifference(room: Reading, vertebrae: readonly Vertebra[], state: ReadState, sops: readonly SopUid[]): Partial<Room["start"]> {
  const [first] = room.locked ? differencesOf(room, vertebrae, state) : [];
  if (!first) return {};
  const k = strongestSlice(first.judged, sops) ?? middleOf(first.vertebra) ?? 0;
  return { k, vertebra: first.vertebra };
}

function windowOf(value: unknown): Window | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [width, level] = value.map(Number);
  return Number.isFinite(width) && Number.isFinite(level) ? [width as number, level as number] : null;
}

function personWords(sex: string, age: string): string {
  const word = { F: "Woman", M: "Man", O: "Other" }[sex] ?? "";
  return word && age ? `${word}, ${age}` : word || (age && `${age} years`);
}

function modelWords({ model: rule }: RulesOut, model: ModelView | null, locked: boolean): string {
  if (model?.stage === "revealed") return truthOf({ model, locked }) ? "Reference shown" : "Model revealed";
  if (model?.stage === "first") return "Model shown";
  if (rule === "never") return "Model never shown";
  // In a round that shows the model, some cases are drawn to be read without it.
  if (model) return locked ? "Model hidden" : "Model hidden until you lock";
  return rule === "shown" ? "Model shown" : "Model hidden until you lock";
}

const reportWords = ({ report }: RulesOut, hasReport: boolean): string =>
  ({
    shown: hasReport ? "Report shown" : "No report",
    after_lock: "Report hidden until you lock",
    hidden: "Report hidden",
  })[report];

/** What is no clinical CT is called what it is wherever it is shown. */
export function originWords(origin: string): string {
  return { simulated: "Simulated", demonstration: "Demonstration, public CT" }[origin] ?? "";
}
