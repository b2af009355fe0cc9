/** A locked read beside what the model says, or what is true: both verdicts, and where they differ, the most harmful first. */

import { markOf, type Mark } from "../marks.ts";
import { differs } from "../model-marks.ts";
import { findingOf, nameOf, type Finding, type SopUid, type Vertebra } from "../model.ts";
import {
  abstentionWords,
  asFinding,
  comparedWith,
  differencesOf,
  isRevealed,
  opinionName,
  scoreWords,
  slicesWords,
  strongestSlice,
  theOther,
  unbroken,
  verdictWords,
  type Difference,
  type Judged,
  type Opinion,
} from "../opinions.ts";
import { middleOf } from "../room-data.ts";
import type { Session } from "../session.ts";
import { button, make, part, refill, setText, type Child } from "./dom.ts";
import { besideSentence } from "./opinion-view.ts";

export class RevealView {
  private readonly panel = part("inspect");
  private readonly versus = part("versus");
  private readonly differences = part("differences");

  build(session: Session): void {
    const reveals = isRevealed(session.room);
    this.panel.toggleAttribute("data-reveal", reveals);
    part("versus-section").setAttribute("aria-label", `You and ${theOther(comparedWith(session.room))}`);
    for (const name of ["versus-section", "differences-section", "change-my-read"]) part(name).hidden = !reveals;
  }

  refresh(session: Session): void {
    const { room, store, vertebra } = session;
    const opinion = comparedWith(room);
    if (!isRevealed(room) || !opinion) return;
    const found = differencesOf(room, room.context.vertebrae, store.state);
    setText(part("differences-title"), found.length > 0 ? `Where you and ${theOther(opinion)} differ` : `You and ${theOther(opinion)} agree`);
    refill(this.versus, [session, vertebra], () => (vertebra ? versus(session, opinion, vertebra) : []));
    refill(this.differences, [session, vertebra], () => differences(session, opinion, found));
  }
}

/** What is said aloud when the model or the truth is revealed. */
export function revealWords({ room, store }: Session): string {
  const opinion = comparedWith(room);
  if (!isRevealed(room) || !opinion) return "";
  const count = differencesOf(room, room.context.vertebrae, store.state).length;
  return `${opinion.kind === "truth" ? "Reference" : "Model"} revealed. ${opinionName(opinion)}: ${opinion.caseWords}. ${count === 0 ? "Nothing differs." : count === 1 ? "1 difference." : `${count} differences.`}`;
}

// ---------------------------------------------------------------- the current vertebra

function versus(session: Session, opinion: Opinion, vertebra: Vertebra): Child[] {
  const { room, store } = session;
  const finding = findingOf(store.state, vertebra.id);
  const judged = opinion.vertebrae.get(vertebra.id);
  const own = markOf(vertebra, finding, store.seen);
  const isTruth = opinion.kind === "truth";
  const theirs = judged ? (isTruth ? { ...markOf(vertebra, asFinding(judged), store.seen), words: judged.words } : modelMark(judged)) : null;
  const score = scoreWords(judged?.score ?? null);
  const more = judged ? (isTruth ? slicesWords(judged, room.sops) : moreOf(judged, room.sops)) : "";
  const sides = make(
    "div",
    { class: "versus" },
    side("You, locked", own, own.words, readerSlices(vertebra, finding)),
    side(opinionName(opinion), theirs, theirs ? theirs.words : isTruth ? "Says nothing" : "Not assessed", more, score),
  );
  const level = nameOf(vertebra, room.context);
  const beside = (room.model?.opinions ?? []).filter((each) => each !== opinion).map((each) => besideSentence(each, vertebra, level));
  const why = isTruth && judged?.reason ? [make("p", { class: "sm panel-says" }, make("span", { class: "t3" }, "The panel: "), judged.reason)] : [];
  return [sides, ...why, ...(beside.length > 0 ? [make("p", { class: "sm t2 beside" }, beside.join(" "))] : [])];
}

function side(who: string, mark: Mark | null, words: string, more: string, score = ""): HTMLElement {
  const sign = mark ? [make("span", { class: `mark ${mark.className}`, "aria-hidden": "true" }, mark.sign)] : [];
  const verdict = make("p", { class: "row m" }, ...sign, make("span", {}, words), ...(score ? [make("span", { class: "num" }, score)] : []));
  return make("div", {}, make("p", { class: "xs t3 who", title: who }, who), verdict, make("p", { class: "sm t2 num" }, more));
}

const MODEL_MARKS: Readonly<Record<Judged["verdict"], Mark>> = {
  fracture: { className: "st-model", sign: "F", words: "Fracture" },
  negative: { className: "st-model", sign: "−", words: "Negative" },
  indeterminate: { className: "st-model", sign: "?", words: "Indeterminate" },
  not_assessable: { className: "st-model", sign: "×", words: "Not assessed" },
};

const modelMark = ({ verdict }: Judged): Mark => MODEL_MARKS[verdict];

const moreOf = (judged: Judged, sops: readonly SopUid[]): string =>
  unbroken(judged.verdict === "not_assessable" ? abstentionWords(judged) : slicesWords(judged, sops) || judged.reason);

function readerSlices({ sops }: Vertebra, { verdict, slices }: Finding): string {
  if (verdict !== "fracture" && verdict !== "negative") return "";
  const count = sops.filter((sop) => slices[sop]?.value === verdict).length;
  return count === 0 ? "" : `${count} of ${sops.length} slices ${verdict}`;
}

// ---------------------------------------------------------------- all of them

function differences(session: Session, opinion: Opinion, found: readonly Difference[]): Child[] {
  const { room } = session;
  const rows = found.map((difference) => make("li", {}, row(session, difference)));
  const others = room.context.vertebrae.filter(({ id }) => !found.some(({ vertebra }) => vertebra.id === id));
  const says = (judged: Judged | undefined): boolean => judged !== undefined && (judged.verdict !== "not_assessable" || judged.words !== "");
  const assessed = others.filter(({ id }) => says(opinion.vertebrae.get(id))).length;
  const unassessed = others.length - assessed;
  const rest = [
    assessed > 0 ? `${found.length > 0 ? `${assessed} other${assessed === 1 ? "" : "s"}` : `All ${assessed}`}: the same verdict.` : "",
    unassessed > 0 ? `${unassessed} not assessed by ${theOther(opinion)}.` : "",
  ];
  return [
    make("p", { class: "sm case-word" }, make("span", { class: "t3" }, `${opinionName(opinion)} on the case: `), opinion.caseWords),
    ...(rows.length > 0 ? [make("ol", { class: "differences sm num" }, ...rows)] : []),
    make("p", { class: "sm t3" }, rest.filter(Boolean).join(" ")),
    ...(room.reopenable
      ? [make("p", { class: "sm t3" }, `A change is written as version ${room.version + 1}. Version ${room.version} stays as you locked it.`)]
      : []),
  ];
}

function row(session: Session, { vertebra, kind, judged }: Difference): HTMLElement {
  const { verdict, ao_body: ao } = findingOf(session.store.state, vertebra.id);
  const other = theOther(comparedWith(session.room));
  const words = rowWords(kind, { verdict, ao }, judged, other.replace("the ", ""));
  const mark = kind === "slices" ? markOf(vertebra, findingOf(session.store.state, vertebra.id), session.store.seen) : differs(other);
  const sign = make("span", { class: `mark ${mark.className}`, "aria-hidden": "true" }, mark.sign);
  const score = make("span", { class: "t3" }, scoreWords(judged.score));
  const go = button({ class: "difference" }, make("span", { class: "m" }, nameOf(vertebra, session.room.context)), " ", sign, make("span", {}, words), " ", score);
  if (vertebra === session.vertebra) go.setAttribute("aria-current", "true");
  // The image keeps the focus, so that Enter stays the key for the next case.
  go.addEventListener("mousedown", (event) => event.preventDefault());
  go.addEventListener("click", () => {
    session.selectVertebra(vertebra, placeOf(session, vertebra, judged));
    part("viewport").focus();
  });
  return go;
}

function rowWords(kind: Difference["kind"], own: { readonly verdict: Finding["verdict"]; readonly ao: Finding["ao_body"] }, judged: Judged, other: string): string {
  if (kind === "slices") return "both fracture, on other slices";
  if (kind === "type") return `both fracture, you ${own.ao ?? "without a type"}, ${other} ${judged.ao ?? "without a type"}`;
  return `you ${verdictWords(own.verdict ?? "indeterminate")}, ${other} ${verdictWords(judged.verdict)}${judged.ao ? ` ${judged.ao}` : ""}`;
}

/** The slice that the model rests on most; where it saw no fracture, the middle of what the reader marked. */
function placeOf({ room, store }: Session, vertebra: Vertebra, judged: Judged): number | null {
  const { slices } = findingOf(store.state, vertebra.id);
  const marked = vertebra.sops.filter((sop) => slices[sop]?.value === "fracture");
  const middle = marked[Math.floor(marked.length / 2)];
  return strongestSlice(judged, room.sops) ?? (middle ? room.sops.indexOf(middle) : middleOf(vertebra));
}
