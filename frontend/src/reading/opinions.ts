/** What models say of the case, and what is true of it, as far as the server shows it to this reader now; and where the reader says otherwise. */

import type { ModelOut, OpinionOut, SuggestedOut } from "../api/schema.ts";
import {
  EMPTY_FINDING,
  findingOf,
  vertebraId,
  WHYS,
  type AoBody,
  type Finding,
  type ReadState,
  type SliceValue,
  type SopUid,
  type Verdict,
  type Vertebra,
  type VertebraId,
} from "./model.ts";

/** One model's word on one vertebra, or that of the reference. */
export interface Judged {
  readonly verdict: Verdict;
  readonly why: string;
  /** A sentence for people; empty where there is none. */
  readonly reason: string;
  /** 0 to 1, the higher the more like a fracture. */
  readonly score: number | null;
  readonly slices: ReadonlyMap<SopUid, { readonly value: SliceValue; readonly p: number | null }>;
  /** Of the reference; no model gives a type. */
  readonly ao: AoBody | null;
  /** All that the reference says of the vertebra; empty for a model. */
  readonly words: string;
}

export interface Opinion {
  readonly read: number;
  readonly kind: "truth" | "classifier" | "morphometry";
  readonly name: string;
  /** "fracture at T12 and L1" */
  readonly caseWords: string;
  readonly vertebrae: ReadonlyMap<VertebraId, Judged>;
}

/** `first` where it stands beside the draft from the start, `revealed` once the reader has locked. */
export interface ModelView {
  readonly rule: "shown" | "after_lock" | "never";
  readonly stage: "hidden" | "first" | "revealed";
  /** The truth first, then the classifier; none while hidden, and none where no model has read this anatomy. */
  readonly opinions: readonly Opinion[];
}

export const modelViewOf = (json: ModelOut | null): ModelView | null =>
  json && { rule: json.rule, stage: json.stage, opinions: json.stage === "hidden" ? [] : json.opinions.map(opinionOf) };

const opinionOf = ({ read, kind, name, case: whole, vertebrae }: OpinionOut): Opinion => ({
  read,
  kind,
  name,
  caseWords: whole.text,
  vertebrae: new Map(Object.entries(vertebrae).map(([id, judged]) => [vertebraId(id), judgedOf(judged)])),
});

const judgedOf = ({ verdict, why, reason, score, slices, ao_body, words }: SuggestedOut): Judged => ({
  verdict,
  why,
  reason,
  score,
  slices: new Map(Object.entries(slices) as [SopUid, { value: SliceValue; p: number | null }][]),
  ao: (ao_body as AoBody | null) ?? null,
  words,
});

/** What a room has to know for the questions below. */
export interface Reading {
  readonly model: ModelView | null;
  readonly locked: boolean;
}

/** The opinion that suggestions come from: morphometry labels no slices and is only told beside it. */
export const suggesting = ({ model }: Reading): Opinion | null => model?.opinions.find(({ kind }) => kind === "classifier") ?? null;

export type Suggestion = Judged & { readonly verdict: SliceValue; readonly read: number };

/** What can be accepted for a vertebra; null where the model abstained, or where none is shown. */
export function suggestionOf(room: Reading, vertebra: VertebraId): Suggestion | null {
  const opinion = suggesting(room);
  const judged = opinion?.vertebrae.get(vertebra);
  if (!opinion || !judged || (judged.verdict !== "fracture" && judged.verdict !== "negative")) return null;
  return { ...judged, verdict: judged.verdict, read: opinion.read };
}

/** A locked read with the models' word, or the truth, beside it. */
export const isRevealed = (room: Reading): boolean =>
  room.locked && room.model?.stage === "revealed" && room.model.opinions.length > 0;

/** The opinion that a locked read, or its next version, is compared with: the truth, where it is told. */
export const comparedWith = (room: Reading): Opinion | null =>
  room.model?.stage === "revealed" ? (truthOf(room) ?? suggesting(room) ?? room.model.opinions[0] ?? null) : null;

export const truthOf = ({ model }: Reading): Opinion | null => model?.opinions.find(({ kind }) => kind === "truth") ?? null;

/** What stands beside the read, in the middle of a sentence. */
export const theOther = (opinion: Opinion | null): string => (opinion?.kind === "truth" ? "the reference" : "the model");

// ---------------------------------------------------------------- where the reader says otherwise

/** By harm: what may be missed, what may be extra, what one of both would not judge, of which type, where else it is seen. */
export type DifferenceKind = "missed" | "extra" | "undecided" | "type" | "slices";
const BY_HARM: readonly DifferenceKind[] = ["missed", "extra", "undecided", "type", "slices"];

export interface Difference {
  readonly vertebra: Vertebra;
  readonly kind: DifferenceKind;
  readonly judged: Judged;
}

/** Fractures that share fewer of their slices than this are seen in different places. */
const SAME_PLACE = 0.5;

export function differenceOf(finding: Finding, judged: Judged): DifferenceKind | null {
  const { verdict } = finding;
  // Where the model abstained it says nothing, and where the reader has no verdict yet nothing differs. A reference that
  // found a vertebra not assessable has said so.
  if (verdict === null || (judged.verdict === "not_assessable" && !judged.words)) return null;
  if (verdict === judged.verdict) {
    if (verdict !== "fracture") return null;
    if (judged.words && judged.ao !== finding.ao_body) return "type";
    return overlap(finding, judged) < SAME_PLACE ? "slices" : null;
  }
  if (verdict === "negative" && judged.verdict === "fracture") return "missed";
  return verdict === "fracture" && judged.verdict === "negative" ? "extra" : "undecided";
}

/** Fractured slices that both name, of those that either names; 1 where one of them named none at all. */
function overlap(finding: Finding, judged: Judged): number {
  const reader = (Object.keys(finding.slices) as SopUid[]).filter((sop) => finding.slices[sop]?.value === "fracture");
  const model = new Set(fracturedOf(judged));
  if (reader.length === 0 || model.size === 0) return 1;
  const both = reader.filter((sop) => model.has(sop)).length;
  return both / (reader.length + model.size - both);
}

/** Where this read and the model differ, the most harmful first, else cranial first. */
export function differencesOf(room: Reading, vertebrae: readonly Vertebra[], state: ReadState): Difference[] {
  const opinion = comparedWith(room);
  if (!opinion) return [];
  const found = vertebrae.flatMap((vertebra) => {
    const judged = opinion.vertebrae.get(vertebra.id);
    const kind = judged && differenceOf(findingOf(state, vertebra.id), judged);
    return judged && kind ? [{ vertebra, kind, judged }] : [];
  });
  return found.sort((one, other) => BY_HARM.indexOf(one.kind) - BY_HARM.indexOf(other.kind));
}

// ---------------------------------------------------------------- in words

export const fracturedOf = (judged: Judged): SopUid[] => [...judged.slices].filter(([, { value }]) => value === "fracture").map(([sop]) => sop);

/** The slice that speaks most for a fracture, else the middle one of those that are called one; null where none is. */
export function strongestSlice(judged: Judged, sops: readonly SopUid[]): number | null {
  const fractured = fracturedOf(judged);
  const p = (sop: SopUid): number => judged.slices.get(sop)?.p ?? -1;
  const [first] = [...fractured].sort((one, other) => p(other) - p(one));
  if (first === undefined) return null;
  const places = fractured.map((sop) => sops.indexOf(sop)).sort((one, other) => one - other);
  return p(first) >= 0 ? sops.indexOf(first) : (places[Math.floor(places.length / 2)] ?? null);
}

/** "slices 24 to 27, strongest 25"; empty where no slice is called a fracture. */
export function slicesWords(judged: Judged, sops: readonly SopUid[]): string {
  const places = fracturedOf(judged).map((sop) => sops.indexOf(sop) + 1).sort((one, other) => one - other);
  if (places.length === 0) return "";
  if (places.length === 1) return `slice ${places[0]}`;
  const runs: [number, number][] = [];
  for (const place of places) {
    const last = runs.at(-1);
    if (last?.[1] === place - 1) last[1] = place;
    else runs.push([place, place]);
  }
  const spans = runs.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`));
  const strongest = [...judged.slices.values()].some(({ p }) => p !== null) ? strongestSlice(judged, sops) : null;
  return `slices ${joined(spans)}${strongest === null ? "" : `, strongest ${strongest + 1}`}`;
}

export const scoreWords = (score: number | null): string => (score === null ? "" : score.toFixed(2));

/** Why it did not assess a vertebra, to stand behind a colon. */
export function abstentionWords(judged: Judged | null): string {
  const words = judged?.reason || WHYS.find(({ value }) => value === judged?.why)?.words || "it says nothing of it";
  // A sentence begins here without its capital; a word that is all capitals is a name.
  const small = /^[A-Z][a-z ]/.test(words) ? `${words.charAt(0).toLowerCase()}${words.slice(1)}` : words;
  return small.replace(/\.$/, "");
}

/** A number stays with its sign. */
export const unbroken = (words: string): string => words.replace(/(\d) %/g, "$1\u00a0%");

/** What the reference says, as a finding: for its mark. */
export const asFinding = ({ verdict, why, ao }: Judged): Finding => ({ ...EMPTY_FINDING, verdict, why: why as Finding["why"], ao_body: ao });

export const verdictWords = (verdict: Verdict): string => verdict.replace("_", " ");

const KINDS = { truth: "Reference", classifier: "Classifier", morphometry: "Morphometry" } as const;

/** "Classifier sagittal 2", "Morphometry 1": the kind stands before a name that does not say it. */
export const opinionName = ({ kind, name }: Opinion): string =>
  name.toLowerCase().includes(KINDS[kind].toLowerCase()) ? name : `${KINDS[kind]} ${name}`;

const joined = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
