/** The dialogs of the case as a whole: skipping, opening again, levels, the numbering, changes that were not saved. */

import { LEVELS } from "../../anatomy/levels.ts";
import type { ReasonEnum } from "../../api/schema.ts";
import type { UnsavedWords } from "../unsaved.ts";
import type { Dialogs } from "./dialogs.ts";
import { button, buttonCap, make } from "./dom.ts";

/** Why a case is passed by, in the order of the dialog. */
export const SKIP_REASONS: readonly { readonly value: ReasonEnum; readonly words: string }[] = [
  { value: "image", words: "The image cannot be read" },
  { value: "wrong_study", words: "No spine, or the wrong examination" },
  { value: "anatomy", words: "Vertebrae are wrong or missing" },
  { value: "exclude", words: "Should not be in the study (tumour, implant, infection)" },
  { value: "known", words: "I know this patient or this case" },
  { value: "later", words: "Later" },
];

export const skipWords = (reason: ReasonEnum): string => SKIP_REASONS.find(({ value }) => value === reason)?.words.toLowerCase() ?? "";

const NOTE_LIMIT = 500;

/** Arrows or digits choose, Enter confirms; nothing is chosen beforehand, so that no reason is given by accident. */
export function skipDialog(dialogs: Dialogs, caseName: string, chosen: (reason: ReasonEnum, note: string) => void): void {
  const options = SKIP_REASONS.map(({ words, value }, index) => {
    const input = make("input", { type: "radio", name: "skip-reason", value });
    return { input, value, row: make("label", { class: "choice" }, input, buttonCap(String(index + 1)), words) };
  });
  const note = make("textarea", { rows: "2", maxlength: String(NOTE_LIMIT), "aria-label": "Note", placeholder: "Note, optional" });
  const confirm = button({ class: "btn btn-primary", disabled: "" }, "Skip this case", buttonCap("⏎"));
  const reason = (): ReasonEnum | null => options.find(({ input }) => input.checked)?.value ?? null;
  const choose = (index: number): void => {
    const option = options[(index + options.length) % options.length];
    if (!option) return;
    option.input.checked = true;
    option.input.focus();
    confirm.disabled = false;
  };
  const done = (): void => {
    const why = reason();
    if (!why) return;
    dialogs.close();
    chosen(why, note.value.trim());
  };
  confirm.addEventListener("click", done);
  const group = make("div", { class: "choices", role: "radiogroup", "aria-label": "Reason" }, ...options.map(({ row }) => row));
  group.addEventListener("change", () => (confirm.disabled = reason() === null));
  const words = make("p", { class: "t2" }, "Nothing you have marked is lost, and nothing counts as negative. The case stays under Skipped on your worklist.");
  dialogs.fill(
    {
      size: "small",
      title: `Why skip ${caseName}?`,
      key: (event) => {
        const inNote = event.target === note;
        const digit = inNote ? null : digitOf(event);
        if (digit !== null && digit <= options.length) choose(digit - 1);
        else if (!inNote && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
          const at = options.findIndex(({ input }) => input.checked);
          choose(at < 0 ? 0 : at + (event.key === "ArrowDown" ? 1 : -1));
        } else if (event.key === "Enter" && !event.shiftKey && reason() && isField(event.target)) done();
        else return false;
        return true;
      },
    },
    make("div", { class: "dialog-body stack" }, group, note, words),
    make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm),
  );
  options[0]?.input.focus();
}

/** Least letters of a reason that says something; the server wants as many. */
const REASON_LEAST = 3;

/** `proposed` stands in the field, chosen, so that typing replaces it; empty where the reader has to find the words. */
export function reopenDialog(dialogs: Dialogs, nextVersion: number, proposed: string, chosen: (reason: string) => void): void {
  const field = make("textarea", { rows: "3", maxlength: String(NOTE_LIMIT), "aria-label": "Reason", placeholder: "For example: L2 overlooked" });
  const confirm = button({ class: "btn btn-primary" }, `Open version ${nextVersion}`, buttonCap("⏎"));
  const reason = (): string => field.value.trim();
  field.value = proposed;
  confirm.disabled = reason().length < REASON_LEAST;
  const done = (): void => {
    if (reason().length < REASON_LEAST) return;
    dialogs.close();
    chosen(reason());
  };
  field.addEventListener("input", () => (confirm.disabled = reason().length < REASON_LEAST));
  confirm.addEventListener("click", done);
  const words = make("p", { class: "t2" }, `What is locked stays as it is. Version ${nextVersion} begins with what it says and has to be locked again.`);
  dialogs.fill(
    {
      size: "small",
      title: "Why open this read again?",
      key: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.target !== field) return false;
        done();
        return true;
      },
    },
    make("div", { class: "dialog-body stack" }, field, words),
    make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm),
  );
  field.focus();
  field.select();
}

/** What the reader would call the level; the anatomy of the round stays as it is. `said` is what was said before. */
export function levelDialog(dialogs: Dialogs, name: string, said: string, chosen: (level: string) => void): void {
  const select = make("select", { class: "select", "aria-label": "Level" }, make("option", { value: "" }, `${name}, as named`));
  for (const level of LEVELS) select.append(make("option", { value: level }, level));
  select.value = said;
  const confirm = button({ class: "btn btn-primary" }, "Say so", buttonCap("⏎"));
  const done = (): void => {
    dialogs.close();
    chosen(select.value);
  };
  confirm.addEventListener("click", done);
  const words = make("p", { class: "t2" }, "The anatomy of this round is fixed. What you say is kept with your finding and can be undone.");
  dialogs.fill(
    {
      size: "small",
      title: `Which level would you call ${name}?`,
      key: (event) => {
        if (event.key !== "Enter" || event.target !== select) return false;
        done();
        return true;
      },
    },
    make("div", { class: "dialog-body stack" }, select, words),
    make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm),
  );
  select.focus();
}

export interface ShiftPreview {
  /** From head to feet: what each vertebra is called now, and then. */
  readonly names: readonly { readonly before: string; readonly after: string }[];
  readonly version: number;
  readonly kept: number;
  /** "L1: 3 slices fracture" */
  readonly dropped: readonly string[];
}

/** What a shift of the numbering would do, before it is done. */
export function shiftDialog(dialogs: Dialogs, preview: ShiftPreview, confirmed: () => void): void {
  const { names, version, kept, dropped } = preview;
  const rows = names.map(({ before, after }) => make("li", {}, `${before || "no level"} → ${after || "no level"}`));
  const kindly = kept === 1 ? "What you said of 1 vertebra goes" : `What you said of ${kept} vertebrae goes`;
  const body = make("div", { class: "dialog-body stack" }, make("ol", { class: "shift-names num" }, ...rows));
  if (kept > 0) body.append(make("p", { class: "t2" }, `${kindly} with it: the same bone, another name.`));
  if (dropped.length > 0) {
    body.append(make("p", {}, "This has no place in the new version:"), make("ul", {}, ...dropped.map((what) => make("li", {}, what))));
  }
  const confirm = button({ class: "btn btn-primary", autofocus: "" }, `Make version ${version} of the anatomy`, buttonCap("⏎"));
  confirm.addEventListener("click", () => {
    dialogs.close();
    confirmed();
  });
  dialogs.fill({ size: "small", title: "Move the numbering by one?" }, body, make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm));
  confirm.focus();
}

/** Names every change that is not in the record. Only the button says that it has been read. */
export function unsavedDialog(dialogs: Dialogs, words: UnsavedWords, seen: () => void): void {
  const confirm = button({ class: "btn btn-primary", autofocus: "" }, "I have read this", buttonCap("⏎"));
  confirm.addEventListener("click", () => {
    dialogs.close();
    seen();
  });
  const list = make("ul", { class: "unsaved" }, ...words.changes.map((change) => make("li", {}, change)));
  dialogs.fill(
    { size: "small", title: words.title },
    make("div", { class: "dialog-body stack" }, make("p", {}, words.why), list),
    make("div", { class: "dialog-foot" }, make("span", { class: "push" }), confirm),
  );
  confirm.focus();
}

const digitOf = (event: KeyboardEvent): number | null => {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  return digit && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey ? Number(digit) : null;
};

const isField = (target: EventTarget | null): boolean => target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
