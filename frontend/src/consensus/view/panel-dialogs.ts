/** The dialogs of the consensus: keys, summary and lock, a question to a reader, shifted levels, the report, a correction. */

import { capsOf } from "../../reading/keys.ts";
import { WHYS, type Why } from "../../reading/model.ts";
import type { Dialogs } from "../../reading/view/dialogs.ts";
import { button, buttonCap, icon, keyCaps, make, type Child } from "../../reading/view/dom.ts";
import { resultOf } from "../choice.ts";
import { commandNames, commandOf, type Group } from "../commands.ts";
import { shiftAction, shiftedRow, shiftState, shiftTitle } from "../shifts.ts";
import type { Brief, Letter, ShiftJson } from "../shapes.ts";
import type { Sitting } from "../sitting.ts";
import { acuityWords, countWords, markBy, presentProblem, resultWords, tookWords } from "../words.ts";

const COLUMNS: readonly (readonly Group[])[] = [["Move", "Case"], ["This difference", "Image"], ["What you say yourselves"]];
const TEXT_LIMIT = "2000";
/** Least letters of a reason that says something; the server wants as many. */
const REASON_LEAST = 3;

export function keysDialog(dialogs: Dialogs): void {
  const closes = (event: KeyboardEvent): boolean => {
    if (event.key !== "?") return false;
    dialogs.close();
    return true;
  };
  const columns = COLUMNS.map((groups) => make("div", {}, ...groups.map(keyGroup)));
  const note = make("p", { class: "keys-note sm" }, "Digits choose the reason. While you say a finding yourselves they are AO types, and Y gives them back: the keys are printed where they are.");
  dialogs.fill({ size: "wide", title: "Keys", aside: "Everything here is also a button.", key: closes }, note, make("div", { class: "dialog-body keys" }, ...columns));
}

function keyGroup(group: Group): HTMLElement {
  const rows = commandNames
    .filter((name) => commandOf(name).group === group && commandOf(name).keys.length > 0 && !name.startsWith("digit"))
    .flatMap((name) => {
      const { label, keys } = commandOf(name);
      const chords = keys.flatMap((chord, index) => [...(index > 0 ? ["or"] : []), ...keyCaps(capsOf(chord))]);
      return keyRow(label, chords);
    });
  if (group === "This difference") rows.push(...keyRow("Why they differ", [...keyCaps(["1"]), "to", ...keyCaps(["9"]), ...keyCaps(["0"])]));
  if (group === "What you say yourselves") {
    rows.push(...keyRow("AO type", [...keyCaps(["1"]), "to", ...keyCaps(["4"])]), ...keyRow("Process fracture, A0", keyCaps(["0"])));
  }
  return make("section", {}, make("h3", {}, group), make("dl", {}, ...rows));
}

const keyRow = (label: string, caps: readonly Child[]): HTMLElement[] => [make("dt", {}, label), make("dd", {}, ...caps)];

// ------------------------------------------------------------------ what is locked

export interface SummaryActions {
  readonly lock: () => void;
  /** After the lock: the next case, or back to the list. */
  readonly onward: () => void;
}

/** Every difference with how it is settled, who sits here, and the lock: Enter again. */
export function summaryDialog(dialogs: Dialogs, sitting: Sitting, actions: SummaryActions): void {
  const { data, locked } = sitting;
  const problem = lockProblem(sitting);
  const rows = sitting.asked.map((asked) => summaryRow(dialogs, sitting, asked));
  const agreed = countWords(data.agreed.length, "vertebra is agreed and filled in", "vertebrae are agreed and filled in");
  const body = make("div", { class: "dialog-body summary" }, ...rows, make("p", { class: "t2 summary-agreed" }, `${agreed}.`));
  const present = data.json.members.filter((member) => member.present);
  const who = present.length === 0 ? "nobody" : present.map(({ name, senior }) => `${name}${senior ? ", senior" : ""}`).join("; ");
  body.append(make("p", { class: "summary-agreed" }, make("span", { class: "t2" }, "Present: "), who));
  const sentence = locked ? "This consensus is locked. It never changes; a correction makes the next version." : problem || "Nothing is missing. Once locked, this is the reference of the case.";
  const foot = make("div", { class: "dialog-foot" }, make("span", { class: problem && !locked ? "warn" : "t2", role: "status" }, sentence), make("span", { class: "push" }));
  const act = locked ? actions.onward : actions.lock;
  const words = locked ? (data.json.next ? "Next case" : "Back to the list") : "Lock";
  const confirm = button({ class: "btn btn-lg" }, ...(locked ? [] : [icon("lock")]), problem && !locked ? "Close" : words, buttonCap("⏎"));
  confirm.classList.toggle("btn-primary", locked || !problem);
  confirm.addEventListener("click", () => (problem && !locked ? dialogs.close() : act()));
  foot.append(confirm);
  dialogs.fill({ size: "narrow", title: `${data.json.case.name}: ${locked ? "the consensus" : "you lock"}` }, body, foot);
  confirm.focus();
}

/** Why it cannot be locked now; empty where it can. */
export function lockProblem(sitting: Sitting): string {
  const open = sitting.data.asked.length - sitting.settledCount;
  if (!sitting.writable) return sitting.data.json.hindrance || "Only the members of the panel lock.";
  if (open > 0) return `${countWords(open, "difference is", "differences are")} not settled yet.`;
  const changed = sitting.data.asked.filter(sitting.isChanged).map(({ vertebra }) => sitting.name(vertebra));
  if (changed.length > 0) return `${changed.join(", ")} ${changed.length === 1 ? "was" : "were"} changed and not settled yet.`;
  if (sitting.writes.status.kind === "waiting") return "Something is not saved yet. It is sent as soon as the server answers.";
  return presentProblem(sitting.data.json.members);
}

function summaryRow(dialogs: Dialogs, sitting: Sitting, asked: Sitting["asked"][number]): HTMLElement {
  const { vertebra } = asked;
  const { data } = sitting;
  const settled = sitting.settledOf(vertebra);
  const result = settled && resultOf(settled, data, vertebra);
  const mark = result ? markBy(vertebra, result.finding) : { className: "st-diff", sign: "≠" };
  const words = result ? resultWords(result.finding, result.injury, vertebra, data.context) : "not settled yet";
  const reason = data.json.reasons.find(({ code }) => code === settled?.reason)?.text ?? "";
  const age = result?.finding.verdict === "fracture" && settled ? acuityWords[settled.acuity].toLowerCase() : "";
  const how = settled?.took ? [tookWords(settled.took, data.json.letters), reason, age && `acuity ${age}`].filter(Boolean).join(", ") : "";
  const sign = make("span", { class: `mark ${mark.className}`, "aria-hidden": "true" }, mark.sign);
  const row = button({ class: `summary-row${settled ? "" : " open"}` }, make("span", { class: "m" }, sitting.name(vertebra)), sign, make("span", { class: "what" }, words), make("span", { class: "t3 sm more" }, how));
  row.addEventListener("click", () => {
    dialogs.close();
    sitting.select(asked);
  });
  return row;
}

// ------------------------------------------------------------------ a question

export function askDialog(dialogs: Dialogs, sitting: Sitting, chosen: (letter: Letter, text: string) => void): void {
  const { vertebra, data } = sitting;
  if (!vertebra) return;
  const options = data.json.letters.map((letter) => {
    const input = make("input", { type: "radio", name: "ask-letter", value: letter });
    return { letter, input, row: make("label", { class: "choice" }, input, `Reader ${letter}`) };
  });
  const field = make("textarea", { rows: "3", maxlength: TEXT_LIMIT, "aria-label": "Question", placeholder: `What do you see on ${sitting.name(vertebra)}?` });
  const confirm = button({ class: "btn btn-primary", disabled: "" }, "Ask", buttonCap("⏎"));
  const chosenLetter = (): Letter | null => options.find(({ input }) => input.checked)?.letter ?? null;
  const check = (): void => {
    confirm.disabled = !chosenLetter() || field.value.trim() === "";
  };
  const done = (): void => {
    const letter = chosenLetter();
    const text = field.value.trim();
    if (!letter || text === "") return;
    dialogs.close();
    chosen(letter, text);
  };
  if (options.length === 1 && options[0]) options[0].input.checked = true;
  field.addEventListener("input", check);
  confirm.addEventListener("click", done);
  const group = make("div", { class: "choices", role: "radiogroup", "aria-label": "Whom" }, ...options.map(({ row }) => row));
  group.addEventListener("change", check);
  const key = (event: KeyboardEvent): boolean => {
    const inField = event.target === field;
    const option = inField ? undefined : options.find(({ letter }) => letter.toLowerCase() === event.key.toLowerCase());
    if (option) {
      option.input.checked = true;
      field.focus();
      check();
      return true;
    }
    if (event.key !== "Enter" || event.shiftKey || !(inField || event.target instanceof HTMLInputElement)) return false;
    if (inField) done();
    else field.focus();
    return true;
  };
  const words = make("p", { class: "t2" }, "The reader sees the case, the vertebra and your question, and nothing of the other read. The read stays as it was locked; the answer comes beside it.");
  const body = make("div", { class: "dialog-body stack" }, group, field, words);
  dialogs.fill({ size: "small", title: `Ask about ${sitting.name(vertebra)}`, key }, body, make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm));
  (options.length === 1 ? field : (options[0]?.input ?? field)).focus();
}

// ------------------------------------------------------------------ shifted levels

export interface ShiftActions {
  readonly shift: (letter: Letter, by: number, moves: string) => void;
}

/** The pattern of one read repeats the other's one level off: preview, shift, or say that the levels are right. */
export function shiftDialog(dialogs: Dialogs, sitting: Sitting, { shift: act }: ShiftActions): void {
  const { json } = sitting.data;
  const state = shiftState(json);
  const { shift } = json;
  const foot = make("div", { class: "dialog-foot" });
  if (state.kind === "shifted") {
    const back = button({ class: "btn" }, icon("undo"), `Undo the shift of ${state.letter}`);
    back.addEventListener("click", () => run(dialogs, () => act(state.letter, 0, "")));
    foot.append(make("span", { class: "t2" }, "Undone in the open too: both stay in the history."), make("span", { class: "push" }), ...(sitting.writable ? [back] : []));
    const words = make("p", {}, `${state.words} The read itself stays as it was locked.`);
    dialogs.fill({ size: "small", title: "Levels of A and B" }, make("div", { class: "dialog-body stack" }, words), foot);
  } else if (shift) {
    const right = button({ class: "btn" }, "Levels are right");
    right.addEventListener("click", () => dialogs.close());
    const go = button({ class: "btn btn-primary" }, shiftAction(shift));
    go.addEventListener("click", () => run(dialogs, () => act(shift.letter, shift.by, shift.moves)));
    const moves = shift.moves === "findings" ? "Slices and AO types move with the levels." : "Only the names move; the findings stay on their vertebrae.";
    const body = make("div", { class: "dialog-body stack" }, make("p", {}, `${shift.sentence} ${moves}`), shiftTable(shift));
    foot.append(make("span", { class: "t2" }, "Kept in the history with your name. Can be undone."), make("span", { class: "push" }), right, ...(sitting.writable ? [go] : []));
    dialogs.fill({ size: "narrow", title: shiftTitle(shift) }, body, foot);
    (sitting.writable ? go : right).focus();
    return;
  } else {
    const words = make("p", {}, "Neither read repeats the other's fractures one level off.");
    foot.append(make("span", { class: "push" }));
    dialogs.fill({ size: "small", title: "Levels of A and B fit" }, make("div", { class: "dialog-body stack" }, words), foot);
  }
  const close = button({ class: "btn" }, "Close");
  close.addEventListener("click", () => dialogs.close());
  foot.append(close);
  close.focus();
}

function run(dialogs: Dialogs, act: () => void): void {
  dialogs.close();
  act();
}

function shiftTable(shift: ShiftJson): HTMLElement {
  const { preview, letter } = shift;
  const other = letter === "A" ? "B" : "A";
  const head = make("tr", {}, make("th", { scope: "row" }, make("span", { class: "sr" }, "Level")), ...preview.map(({ level }) => make("th", { scope: "col" }, level)), make("th", { scope: "col" }, make("span", { class: "sr" }, "Differences")));
  const row = (name: string, values: readonly (Brief | null)[], end: string, className = ""): HTMLElement =>
    make("tr", className ? { class: className } : {}, make("th", { scope: "row" }, name), ...values.map((value) => make("td", {}, briefMark(value))), make("td", { class: "num nowrap" }, end));
  const differ = (count: number): string => `${count} ${count === 1 ? "differs" : "differ"}`;
  const rows = [
    row(other, preview.map((each) => each.other), ""),
    row(`${letter} now`, preview.map((each) => each.now), differ(shift.differ_now)),
    row(shiftedRow(shift), preview.map((each) => each.after), differ(shift.differ_after), "after"),
  ];
  return make("div", { class: "shift-scroll", tabindex: "0", role: "group", "aria-label": "What the shift does" }, make("table", { class: "shift-table" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function briefMark(brief: Brief | null): HTMLElement {
  const { className, sign, words } = briefLook(brief);
  return make("span", { class: `mark ${className}`, role: "img", "aria-label": words, title: words }, sign);
}

function briefLook(brief: Brief | null): { readonly className: string; readonly sign: string; readonly words: string } {
  switch (brief?.verdict) {
    case "fracture":
      return brief.ao_body ? { className: `st-${brief.ao_body.toLowerCase()}`, sign: brief.ao_body, words: `fracture ${brief.ao_body}` } : { className: "st-a0", sign: "F", words: "fracture" };
    case "negative":
      return { className: "st-neg", sign: "−", words: "negative" };
    case "indeterminate":
      return { className: "st-indet", sign: "?", words: "indeterminate" };
    case "not_assessable":
      return { className: "st-na", sign: "×", words: "not assessable" };
    default:
      return { className: "st-unseen", sign: "·", words: "nothing said" };
  }
}

// ------------------------------------------------------------------ report, why, correction

export function reportDialog(dialogs: Dialogs, confirmed: () => void): void {
  const confirm = button({ class: "btn btn-primary" }, icon("report"), "Show the report");
  confirm.addEventListener("click", () => run(dialogs, confirmed));
  const close = button({ class: "btn" }, "Leave it hidden");
  close.addEventListener("click", () => dialogs.close());
  const words = [
    make("p", {}, "Everybody in this panel sees it from now on. It cannot be hidden again."),
    make("p", { class: "t2" }, "The record of this round says who showed it and when, and each member counts as having seen the report of this case."),
  ];
  dialogs.fill({ size: "small", title: "Show the report to the panel?" }, make("div", { class: "dialog-body stack" }, ...words), make("div", { class: "dialog-foot" }, make("span", { class: "push" }), close, confirm));
  close.focus();
}

export function whyDialog(dialogs: Dialogs, name: string, chosen: (why: Why) => void): void {
  const options = WHYS.map(({ value, words }, index) => {
    const option = button({ class: "reason" }, buttonCap(String(index + 1)), words);
    option.addEventListener("click", () => run(dialogs, () => chosen(value)));
    return option;
  });
  const key = (event: KeyboardEvent): boolean => {
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
    const option = digit && !event.repeat ? options[Number(digit) - 1] : undefined;
    option?.click();
    return option !== undefined;
  };
  dialogs.fill({ size: "small", title: `Why is ${name} not assessable?`, key }, make("div", { class: "dialog-body reasons" }, ...options));
  options[0]?.focus();
}

export function correctDialog(dialogs: Dialogs, nextVersion: number, chosen: (reason: string) => void): void {
  const field = make("textarea", { rows: "3", maxlength: "500", "aria-label": "Reason", placeholder: "For example: T12 settled on the wrong level" });
  const confirm = button({ class: "btn btn-primary", disabled: "" }, `Open version ${nextVersion}`, buttonCap("⏎"));
  const reason = (): string => field.value.trim();
  const done = (): void => {
    if (reason().length >= REASON_LEAST) run(dialogs, () => chosen(reason()));
  };
  field.addEventListener("input", () => (confirm.disabled = reason().length < REASON_LEAST));
  confirm.addEventListener("click", done);
  const key = (event: KeyboardEvent): boolean => {
    if (event.key !== "Enter" || event.shiftKey || event.target !== field) return false;
    done();
    return true;
  };
  const words = make("p", { class: "t2" }, `What is locked stays as it is, and stays the reference until version ${nextVersion} is locked.`);
  dialogs.fill({ size: "small", title: "Why correct this consensus?", key }, make("div", { class: "dialog-body stack" }, field, words), make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm));
  field.focus();
}
