/** The moment of a new case: nothing is seen until its first image is drawn, then its name stays a while. */

import { make, part } from "../../reading/view/dom.ts";
import type { ConsensusData } from "../data.ts";
import { countWords } from "../words.ts";

/** How long the name of a case stands over its image, in milliseconds. */
const STANDS = 1800;

export class Moment {
  private readonly cover = part("moment");
  private readonly card = part("new-case");
  private name = "";

  get isUp(): boolean {
    return !this.cover.hidden;
  }

  begin({ json, personWords, context, asked }: ConsensusData): void {
    const { index, of } = json.position;
    const { vertebrae } = context;
    const levels = vertebrae.length > 0 ? ` · ${vertebrae[0]?.level} to ${vertebrae.at(-1)?.level} in view` : "";
    this.name = json.case.name;
    this.cover.replaceChildren(
      make(
        "div",
        { class: "moment" },
        make("p", { class: "t2" }, "Consensus"),
        make("p", { class: "case num" }, json.case.name),
        make("p", { class: "lg t2" }, `${personWords}${levels}${index > 0 ? ` · case ${index} of ${of}` : ""}`),
        make("p", { class: "t3" }, asked.length === 0 ? "Nothing differs" : countWords(asked.length, "difference to settle", "differences to settle")),
        make("p", { class: "moment-note" }),
      ),
    );
    this.cover.hidden = false;
  }

  say(sentence: string): void {
    const note = this.cover.querySelector(".moment-note");
    if (note) note.textContent = sentence;
  }

  /** The picture stands, or it is known that it does not come. */
  end(): void {
    if (!this.isUp) return;
    this.cover.hidden = true;
    this.card.replaceChildren(make("span", { class: "t2" }, "Consensus"), make("strong", { class: "num" }, this.name));
    this.card.hidden = false;
    setTimeout(() => (this.card.hidden = true), STANDS);
  }
}
