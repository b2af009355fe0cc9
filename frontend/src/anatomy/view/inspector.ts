/** The right column: the current vertebra, what can be said of it, and what is still to be said. */

import { button, make, part, setAttribute, setText } from "../../reading/view/dom.ts";
import type { Desk } from "../desk.ts";
import { LEVELS, shift } from "../levels.ts";
import { cutWords, levelsOf, nameOf, type Certainty } from "../model.ts";
import { CERTAINTY_WORDS, lookOf } from "./looks.ts";

const CERTAINTIES: readonly { readonly value: Certainty; readonly words: string }[] = [
  { value: "certain", words: "Certain" },
  { value: "assumed", words: "Assumed" },
  { value: "unknown", words: "Unknown" },
];
const CHANGES_SHOWN = 6;
const OPEN_SHOWN = 7;

export class Inspector {
  private readonly segments: readonly { readonly value: Certainty; readonly element: HTMLButtonElement }[];
  private readonly first = part<HTMLSelectElement>("first-level");
  private desk: Desk | null = null;

  constructor() {
    const group = part("certainty");
    this.segments = CERTAINTIES.map(({ value, words }) => {
      const element = button({ role: "radio" }, words);
      element.addEventListener("mousedown", (event) => event.preventDefault());
      element.addEventListener("click", () => this.desk?.data.mayEdit && this.desk.setCertainty(value));
      group.append(element);
      return { value, element };
    });
    this.first.append(...LEVELS.map((level) => make("option", { value: level }, level)));
    this.first.addEventListener("change", () => {
      this.desk?.nameFirst(this.first.value);
      part("viewport").focus();
    });
  }

  build(desk: Desk): void {
    this.desk = desk;
    this.refresh();
  }

  refresh(): void {
    const { desk } = this;
    if (!desk) return;
    const { body, bodies } = desk;
    setText(part("level"), body ? nameOf(body, bodies) : "–");
    const look = body && lookOf(body);
    const words = part("state-words");
    setText(words, look ? capital(look.words) : "No vertebra yet");
    setAttribute(words, "class", `state-text ${look?.className ?? ""}`);
    setText(part("where-from"), body ? `${bodies.indexOf(body) + 1} of ${bodies.length}, ${body.byHand ? "placed by hand" : "from a mask"}` : "");
    setText(part("body-note"), body?.note ?? "");
    part("body-note-part").hidden = !body?.note;
    for (const { value, element } of this.segments) {
      setAttribute(element, "aria-checked", String(body?.certainty === value));
      setAttribute(element, "aria-disabled", desk.data.mayEdit && body ? null : "true");
    }
    setText(part("certainty-words"), body ? CERTAINTY_WORDS[body.certainty] : "");
    setText(part("extent"), body ? `${body.extent[0] + 1} to ${body.extent[1] + 1} (${body.extent[1] - body.extent[0] + 1})` : "");
    setText(part("cut-words"), !body?.cut ? "Complete, not cut" : capital(cutWords(body)));
    this.names(desk);
    this.placing(desk);
    this.open(desk);
    this.changes(desk);
  }

  /** What the two keys would make of the current name. */
  private names(desk: Desk): void {
    for (const [name, by] of [["up-words", -1], ["down-words", 1]] as const) {
      const named = shift(levelsOf(desk.bodies), by);
      const at = desk.body ? desk.bodies.indexOf(desk.body) : -1;
      const after = "levels" in named ? named.levels[at] : "";
      setText(part(name), after ? `to ${after}` : by < 0 ? "Up" : "Down");
    }
  }

  private placing(desk: Desk): void {
    const { placing, bodies } = desk;
    part("place-part").hidden = !placing;
    if (!placing) return;
    const next = desk.nextName || "the next body";
    setText(part("place-next"), bodies.length === 0 ? "Click the centre of each vertebral body in the image, from top to bottom." : `Next: ${next}. Click its centre.`);
    part("first-name").hidden = bodies.length > 0;
    if (this.first.value !== desk.firstName) this.first.value = desk.firstName;
  }

  private open(desk: Desk): void {
    const unsaid = desk.bodies.filter((body) => body.maskOk === null);
    const links = unsaid.slice(0, OPEN_SHOWN).map((body) => {
      const link = button({ class: "open-link" }, nameOf(body, desk.bodies));
      link.addEventListener("mousedown", (event) => event.preventDefault());
      link.addEventListener("click", () => desk.select(body.key));
      return link;
    });
    const words = desk.bodies.length === 0 ? "" : unsaid.length === 0 ? "Nothing open" : "Open:";
    const rest = unsaid.length > OPEN_SHOWN ? [`and ${unsaid.length - OPEN_SHOWN} more`] : [];
    part("open-list").replaceChildren(...(words ? [words] : []), ...links, ...rest);
    const { check } = desk;
    const isNews = desk.table.isChanged || !desk.data.newest?.confirmed_at;
    const ready = desk.data.mayEdit && isNews && check.open.length === 0;
    part("confirm").classList.toggle("btn-primary", ready);
  }

  private changes(desk: Desk): void {
    const labels = desk.table.labels.slice(0, CHANGES_SHOWN);
    const rows = labels.map((label) => make("li", { class: "plain" }, capital(label)));
    part("changes").replaceChildren(...(rows.length > 0 ? rows : [make("li", { class: "t3" }, "None yet.")]));
  }
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
