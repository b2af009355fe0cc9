/** The dialogs of the check: what is confirmed, the numbering, a newer version, the keys. */

import type { AnatomyMadeOut, AnatomyVersionOut } from "../../api/schema.ts";
import { capsOf } from "../../reading/keys.ts";
import type { Dialogs } from "../../reading/view/dialogs.ts";
import { button, buttonCap, icon, keyCaps, make } from "../../reading/view/dom.ts";
import { momentWords } from "../case-data.ts";
import type { Check, Point } from "../check.ts";
import { commandNames, commandOf, type Group } from "../commands.ts";

const GROUP_COLUMNS: readonly (readonly Group[])[] = [["Move", "This vertebra"], ["Its slices", "Whole spine"], ["Image", "Check"]];

export function keysDialog(dialogs: Dialogs): void {
  const columns = GROUP_COLUMNS.map((groups) => make("div", {}, ...groups.map(keyGroup)));
  const close = (event: KeyboardEvent): boolean => {
    if (event.key !== "?") return false;
    dialogs.close();
    return true;
  };
  dialogs.fill({ size: "wide", title: "Keys", aside: "Everything here is also a button.", key: close }, make("div", { class: "dialog-body keys" }, ...columns));
}

function keyGroup(group: Group): HTMLElement {
  const rows = commandNames
    .filter((name) => commandOf(name).group === group)
    .flatMap((name) => {
      const { label, keys } = commandOf(name);
      const chords = keys.flatMap((chord, index) => [...(index > 0 ? ["or"] : []), ...keyCaps(capsOf(chord))]);
      return [make("dt", {}, label), make("dd", {}, ...chords)];
    });
  return make("section", {}, make("h3", {}, group), make("dl", {}, ...rows));
}

// ------------------------------------------------------------------ what is confirmed

/** What the server says of it before it is done. */
export type Preview =
  | { readonly kind: "asking" }
  | { readonly kind: "ok"; readonly made: AnatomyMadeOut }
  | { readonly kind: "not"; readonly sentence: string };

export interface SummaryActions {
  readonly confirm: () => void;
  /** A version that nobody has confirmed yet; null where nothing has changed. */
  readonly keep: (() => void) | null;
  readonly allRight: (() => void) | null;
  readonly goTo: (point: Point) => void;
}

export interface Summary {
  /** Shows what the server said. */
  show(preview: Preview): void;
}

export function summaryDialog(dialogs: Dialogs, title: string, check: Check, actions: SummaryActions): Summary {
  const isComplete = check.open.length === 0;
  const statements = make("ol", { class: "statements" }, ...check.statements.map((words) => make("li", {}, words)));
  const points = [...check.open.map((point) => pointRow(point, "open", actions)), ...check.notes.map((point) => pointRow(point, "note", actions))];
  const answer = make("div", { class: "preview", role: "status" });
  const body = make("div", { class: "dialog-body stack" }, statements);
  if (points.length > 0) body.append(make("div", { class: "points" }, ...points));
  body.append(answer);
  const foot = make("div", { class: "dialog-foot" }, make("span", { class: "push" }));
  if (actions.keep) {
    const keep = button({ class: "btn" }, "Keep, not confirmed");
    keep.addEventListener("click", actions.keep);
    foot.append(keep);
  }
  const main = mainButton(isComplete, actions, check);
  foot.append(main);
  dialogs.fill({ size: "narrow", title, key: (event) => allRightKey(event, isComplete, actions) }, body, foot);
  main.focus();
  return { show: (preview) => showPreview(answer, main, isComplete, preview) };
}

/** The mask question is answered from within, for a whole spine that is right. */
function allRightKey(event: KeyboardEvent, isComplete: boolean, { allRight }: SummaryActions): boolean {
  if (event.key.toLowerCase() !== "y" || event.ctrlKey || event.metaKey || event.altKey || event.repeat || isComplete || !allRight) return false;
  allRight();
  return true;
}

function mainButton(isComplete: boolean, actions: SummaryActions, check: Check): HTMLButtonElement {
  if (!isComplete && actions.allRight) {
    const right = button({ class: "btn btn-lg btn-primary" }, "All masks right", buttonCap("Y"));
    right.addEventListener("click", actions.allRight);
    return right;
  }
  if (!isComplete) {
    const go = button({ class: "btn btn-lg" }, "Go there", buttonCap("⏎"));
    go.addEventListener("click", () => check.open[0] && actions.goTo(check.open[0]));
    return go;
  }
  const confirm = button({ class: "btn btn-lg btn-primary", "aria-disabled": "true" }, icon("lock"), "Confirm", buttonCap("⏎"));
  confirm.addEventListener("click", () => {
    if (confirm.getAttribute("aria-disabled") !== "true") actions.confirm();
  });
  return confirm;
}

function pointRow(point: Point, kind: "open" | "note", { goTo }: SummaryActions): HTMLElement {
  const row = button({ class: `point ${kind}` }, icon(kind === "open" ? "alert" : "info"), point.words);
  row.addEventListener("click", () => goTo(point));
  return row;
}

function showPreview(answer: HTMLElement, main: HTMLElement, isComplete: boolean, preview: Preview): void {
  answer.replaceChildren();
  if (preview.kind === "asking") answer.append(make("p", { class: "t3" }, "Asking the server what this would do."));
  if (preview.kind === "not") answer.append(make("p", { class: "notice notice-bad" }, icon("alert"), make("span", {}, preview.sentence)));
  if (preview.kind !== "ok") return;
  answer.append(...carriedWords(preview.made));
  if (isComplete) main.removeAttribute("aria-disabled");
}

function carriedWords({ carried, n }: AnatomyMadeOut): HTMLElement[] {
  const version = make("p", { class: "t2" }, `This is version ${n}. Once confirmed, it never changes; a correction makes the next one.`);
  if (!carried) return [version];
  const { dropped, kept } = carried;
  const stays = kept === 0 ? "Your draft says nothing yet." : `What your draft says of ${kept} ${kept === 1 ? "vertebra" : "vertebrae"} goes with it.`;
  if (dropped.length === 0) return [version, make("p", { class: "t2" }, stays)];
  const lines = dropped.map(({ level, what }) => make("li", {}, `${level || "No level"}: ${what}`));
  const words = make("div", {}, make("p", { class: "m" }, "This has no place in the new version and would go from your draft:"), make("ul", {}, ...lines));
  return [version, make("p", { class: "t2" }, stays), make("div", { class: "notice notice-warn" }, icon("alert"), words)];
}

// ------------------------------------------------------------------ somebody was faster

export interface NewerActions {
  readonly look: () => void;
  readonly mine: () => void;
}

/** Somebody made a version while this one lay on the table. Nothing is lost either way. */
export function newerDialog(dialogs: Dialogs, newest: AnatomyVersionOut, mine: string, actions: NewerActions): void {
  const who = newest.author || "Somebody";
  const lines = [
    `${who} made version ${newest.n} at ${momentWords(newest.created_at)}: ${newest.vertebrae} vertebrae, ${newest.levels}${newest.confirmed_at ? ", confirmed" : ""}.`,
    `Yours: ${mine}. It is kept in this browser, and nothing of it was sent.`,
  ];
  const close = button({ class: "btn" }, "Not now");
  close.addEventListener("click", () => dialogs.close());
  const next = button({ class: "btn" }, "Make mine the next version");
  const look = button({ class: "btn btn-primary" }, "Look at theirs");
  for (const [element, run] of [[next, actions.mine], [look, actions.look]] as const) {
    element.addEventListener("click", () => {
      dialogs.close();
      run();
    });
  }
  const body = make("div", { class: "dialog-body stack" }, ...lines.map((words) => make("p", {}, words)));
  const foot = make("div", { class: "dialog-foot" }, close, make("span", { class: "push" }), next, look);
  dialogs.fill({ size: "narrow", title: `Version ${newest.n} was made meanwhile` }, body, foot);
  look.focus();
}
