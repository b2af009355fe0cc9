/** What frames the page: chips, what is kept or sent, the versions there are, and news from others. */

import type { AnatomyVersionOut } from "../../api/schema.ts";
import { button, icon, make, part, setAttribute, setText } from "../../reading/view/dom.ts";
import { momentWords, versionWords } from "../case-data.ts";
import type { Desk } from "../desk.ts";

export interface FrameState {
  readonly sending: boolean;
  readonly trouble: string;
  readonly newer: AnatomyVersionOut | null;
}

export interface NewsAction {
  readonly words: string;
  readonly run: () => void;
}

export class Frame {
  private readonly bar = part("news");
  private drawn: Desk | null = null;

  refresh(desk: Desk, state: FrameState): void {
    this.saved(desk, state);
    if (desk === this.drawn) return;
    this.drawn = desk;
    const { newest } = desk.data;
    const chips = [make("span", { class: newest?.confirmed_at ? "chip" : "chip chip-line" }, versionWords(newest))];
    if (desk.data.usedBy > 0) chips.push(make("span", { class: "chip chip-line hide-narrow" }, "Your draft follows a new version"));
    part("chips").replaceChildren(...chips);
    part("note").hidden = !newest?.note;
    setText(part("note"), newest?.note ?? "");
    part("versions").replaceChildren(...desk.data.versions.map(versionRow));
    if (desk.data.versions.length === 0) part("versions").append(make("li", { class: "t3" }, "None yet."));
    if (!desk.data.mayEdit) this.news(`Read only. ${desk.data.whyNot}`);
  }

  /** One line under the top bar until it is replaced; empty takes it away. */
  news(words: string, actions: readonly NewsAction[] = []): void {
    this.bar.hidden = words === "";
    const buttons = actions.map(({ words: name, run }) => {
      const element = button({ class: "btn btn-sm" }, name);
      element.addEventListener("mousedown", (event) => event.preventDefault());
      element.addEventListener("click", run);
      return element;
    });
    this.bar.replaceChildren(icon("info"), make("span", {}, words), ...buttons);
  }

  /** The chip is never wrong: what is not confirmed is kept in the browser, or it says that it is not. */
  private saved(desk: Desk, { sending, trouble, newer }: FrameState): void {
    const { table } = desk;
    const set = (state: string, words: string, more: string, symbol: string): void => {
      setAttribute(part("saved"), "data-state", state);
      setText(part("saved-words"), words);
      setText(part("saved-more"), more);
      const glyph = part("saved").querySelector("use");
      if (glyph) setAttribute(glyph, "href", `#i-${symbol}`);
    };
    const changes = `${table.changes} ${table.changes === 1 ? "change" : "changes"}`;
    if (sending) set("saving", "Confirming", "", "saving");
    else if (!table.kept) set("waiting", "Not kept: this browser has no room", "", "alert");
    else if (trouble) set("waiting", trouble, "", "saving");
    else if (newer) set("conflict", `Version ${newer.n} is newer`, "", "alert");
    else if (!desk.data.mayEdit) set("saved", "Read only", "", "lock");
    else if (table.isChanged) set("saved", "Kept in this browser", changes, "saved");
    else set("saved", desk.data.newest?.confirmed_at ? "Confirmed" : "Nothing changed", "", desk.data.newest?.confirmed_at ? "lock" : "saved");
  }
}

function versionRow(version: AnatomyVersionOut): HTMLElement {
  const at = make("span", { class: "t3 num" }, momentWords(version.created_at));
  const head = make("p", {}, make("b", {}, `Version ${version.n}`), ` ${version.vertebrae} vertebrae, ${version.levels}`);
  const by = version.author ? ` by ${version.author}` : "";
  const confirmed = version.confirmed_at ? `confirmed by ${version.confirmed_by}, ${momentWords(version.confirmed_at)}` : "not confirmed";
  return make("li", {}, make("div", { class: "version-head" }, head, at), make("p", { class: "t3" }, `${version.origin}${by}; ${confirmed}`));
}
