/** The chooser of the numbering: from which end, which name, how many thoracic and lumbar; all names before it is done. */

import type { Dialogs } from "../../reading/view/dialogs.ts";
import { button, buttonCap, icon, make, setAttribute, setText } from "../../reading/view/dom.ts";
import type { Desk } from "../desk.ts";
import { column, countFrom, LEVELS, LUMBAR, lumbarCount, THORACIC, thoracicCount, type Counts, type Named } from "../levels.ts";
import { levelsOf } from "../model.ts";

type From = "top" | "this" | "bottom";

interface Choice {
  readonly from: From;
  readonly level: string;
  readonly counts: Counts;
}

const FROMS: readonly { readonly value: From; readonly words: string }[] = [
  { value: "top", words: "the uppermost" },
  { value: "this", words: "the chosen one" },
  { value: "bottom", words: "the lowest" },
];
/** Named from below where the lumbar end is in view: the sacrum is the anchor that most scans have. */
const LOW = ["L4", "L5", "L6"];

export function numberingDialog(dialogs: Dialogs, desk: Desk): void {
  const before = levelsOf(desk.bodies);
  let choice = begin(before);

  const placeOf = (from: From): number => {
    if (from === "top") return 0;
    const current = desk.bodies.findIndex((body) => body.key === desk.table.current);
    return from === "bottom" || current < 0 ? desk.bodies.length - 1 : current;
  };
  const named = (): Named => countFrom(choice.level, placeOf(choice.from), before.length, choice.counts);

  const preview = make("ol", { class: "names num" });
  const problem = make("p", { class: "warn", role: "status" });
  const level = make("output", { class: "anchor num" });
  const apply = button({ class: "btn btn-lg btn-primary" }, "Use these names", buttonCap("⏎"));

  const set = (change: Partial<Choice>): void => {
    choice = { ...choice, ...change };
    const names = column(choice.counts);
    if (!names.includes(choice.level)) choice = { ...choice, level: nearest(choice.level, names) };
    draw();
  };
  const setFrom = (from: From): void => {
    const now = named();
    const at = placeOf(from);
    set({ from, level: ("levels" in now ? now.levels[at] : before[at]) || choice.level });
  };
  const step = (by: 1 | -1): void => {
    const names = column(choice.counts);
    set({ level: names[names.indexOf(choice.level) + by] ?? choice.level });
  };

  const froms = segments("Count from", FROMS, (value) => setFrom(value));
  const thoracic = segments("Thoracic vertebrae", THORACIC.map((value) => ({ value, words: String(value) })), (value) => set({ counts: { ...choice.counts, thoracic: value } }));
  const lumbar = segments("Lumbar vertebrae", LUMBAR.map((value) => ({ value, words: String(value) })), (value) => set({ counts: { ...choice.counts, lumbar: value } }));

  const draw = (): void => {
    froms.mark(choice.from);
    thoracic.mark(choice.counts.thoracic);
    lumbar.mark(choice.counts.lumbar);
    setText(level, choice.level);
    const after = named();
    setText(problem, "problem" in after ? after.problem : "");
    setAttribute(apply, "aria-disabled", "problem" in after ? "true" : null);
    preview.replaceChildren(...before.map((name, place) => nameRow(name, "levels" in after ? (after.levels[place] ?? "") : "–", place === placeOf(choice.from))));
  };
  const done = (): void => {
    const after = named();
    if ("problem" in after) return;
    dialogs.close();
    desk.rename(after);
  };
  apply.addEventListener("click", done);

  const up = button({ class: "btn btn-sm btn-icon", "aria-label": "One level up" }, icon("up"));
  const down = button({ class: "btn btn-sm btn-icon", "aria-label": "One level down" }, icon("down"));
  up.addEventListener("click", () => step(-1));
  down.addEventListener("click", () => step(1));
  const form = make(
    "div",
    { class: "numbering-form" },
    field("Count from", "F", froms.element),
    field("It is", "↑ ↓", make("div", { class: "row" }, up, level, down)),
    field("Thoracic vertebrae", "T", thoracic.element),
    field("Lumbar vertebrae", "L", lumbar.element),
    problem,
  );
  const key = (event: KeyboardEvent): boolean => {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const name = event.key.toLowerCase();
    if (event.key === "ArrowUp") step(-1);
    else if (event.key === "ArrowDown") step(1);
    else if (name === "f") setFrom(next(FROMS.map(({ value }) => value), choice.from));
    else if (name === "t") set({ counts: { ...choice.counts, thoracic: next(THORACIC, choice.counts.thoracic) } });
    else if (name === "l") set({ counts: { ...choice.counts, lumbar: next(LUMBAR, choice.counts.lumbar) } });
    else return false;
    return true;
  };
  const aside = "Names that change are assumed until you say more.";
  const foot = make("div", { class: "dialog-foot" }, make("span", { class: "t2" }, "13 thoracic gives T13, 6 lumbar gives L6."), make("span", { class: "push" }), apply);
  dialogs.fill({ size: "narrow", title: "Numbering", aside, key }, make("div", { class: "dialog-body numbering-body" }, form, preview), foot);
  draw();
  apply.focus();
}

function begin(before: readonly string[]): Choice {
  const counts = { thoracic: thoracicCount(before), lumbar: lumbarCount(before) };
  const [first, last] = [before[0] ?? "", before.at(-1) ?? ""];
  const from: From = LOW.includes(last) || !first ? "bottom" : "top";
  return { from, level: (from === "bottom" ? last : first) || "L5", counts };
}

/** The name that remains of one that is no longer there: L5 becomes L4, T13 becomes T12. */
const nearest = (level: string, names: readonly string[]): string =>
  [...LEVELS.slice(0, LEVELS.indexOf(level))].reverse().find((each) => names.includes(each)) ?? (names[0] as string);

const next = <Value>(values: readonly Value[], now: Value): Value => values[(values.indexOf(now) + 1) % values.length] as Value;

function nameRow(before: string, after: string, isAnchor: boolean): HTMLElement {
  const changed = before !== after;
  const className = `${changed ? "changed" : ""}${isAnchor ? " anchor" : ""}`;
  return make("li", { class: className }, make("span", { class: "t3" }, before || "?"), "→", make("b", {}, after || "?"));
}

const field = (words: string, key: string, control: HTMLElement): HTMLElement =>
  make("div", { class: "numbering-field" }, make("span", { class: "label" }, words, " ", buttonCap(key)), control);

interface Segments<Value> {
  readonly element: HTMLElement;
  mark(value: Value): void;
}

function segments<Value extends string | number>(
  label: string,
  options: readonly { readonly value: Value; readonly words: string }[],
  chosen: (value: Value) => void,
): Segments<Value> {
  const buttons = options.map(({ value, words }) => {
    const element = button({ role: "radio" }, words);
    element.addEventListener("mousedown", (event) => event.preventDefault());
    element.addEventListener("click", () => chosen(value));
    return { value, element };
  });
  const element = make("div", { class: "segmented", role: "radiogroup", "aria-label": label }, ...buttons.map((each) => each.element));
  return {
    element,
    mark: (value) => {
      for (const each of buttons) setAttribute(each.element, "aria-checked", String(each.value === value));
    },
  };
}
