/** What was measured on the current vertebra: heights with what is lost of them, lengths, and the ways to remove them. */

import { heightsInWords } from "../heights.ts";
import { capWords } from "../keys.ts";
import { heightsMm, lengthMm, type HeightName, type Measure } from "../measures.ts";
import { findingOf, type Vertebra } from "../model.ts";
import type { Preferences } from "../preferences.ts";
import type { Session } from "../session.ts";
import { button, icon, make, part, setText } from "./dom.ts";

export class MeasuresPanel {
  private readonly section = part("measures");
  private readonly reference = part("heights-reference");
  private readonly heights = part("heights");
  private readonly lengths = part("lengths");
  private readonly preferences: Preferences;
  /** What is drawn, so that a button keeps its focus while nothing changes. */
  private drawn = "";

  constructor(preferences: Preferences) {
    this.preferences = preferences;
  }

  refresh(session: Session): void {
    const { vertebra, store, room } = session;
    const measures = vertebra ? findingOf(store.state, vertebra.id).measures : [];
    const key = JSON.stringify([vertebra?.id, store.writable, this.hint(), room.context.vertebrae.map(({ id }) => findingOf(store.state, id).measures)]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.section.classList.toggle("hide-short", measures.length === 0);
    const heights = measures.find(({ kind }) => kind === "heights");
    if (vertebra && heights) this.showHeights(session, vertebra, heights, measures);
    else {
      setText(this.reference, "");
      this.heights.replaceChildren(make("p", { class: "t3 sm" }, this.hint()));
    }
    const lengths = measures.filter(({ kind }) => kind === "length");
    this.lengths.replaceChildren(...(vertebra ? lengths.map((measure) => this.lengthRow(session, vertebra, measure, measures)) : []));
  }

  private showHeights(session: Session, vertebra: Vertebra, heights: Measure, measures: readonly Measure[]): void {
    const { room, store } = session;
    const words = heightsInWords(vertebra, heightsMm(heights, room.spacing), store.state, room.context, room.spacing);
    setText(this.reference, words.reference);
    const columns = words.heights.map(({ name, mm, loss }) =>
      make("div", {}, nameTerm(name), make("dd", {}, make("b", {}, mm)), make("dd", { class: "t3" }, loss || "\u00a0")),
    );
    const list = make("dl", { class: "heights num" }, ...columns);
    this.heights.replaceChildren(list, ...this.removal(session, vertebra, heights, measures, "heights"));
  }

  private lengthRow(session: Session, vertebra: Vertebra, measure: Measure, measures: readonly Measure[]): HTMLElement {
    const k = session.room.sops.indexOf(measure.sop_uid);
    const words = `${lengthMm(measure.points, session.room.spacing).toFixed(1)} mm`;
    const place = button({ class: "linklike" }, `slice ${k + 1}`);
    place.addEventListener("mousedown", (event) => event.preventDefault());
    place.addEventListener("click", () => session.selectVertebra(vertebra, k));
    return make("li", {}, make("b", {}, words), place, ...this.removal(session, vertebra, measure, measures, `length of ${words}`));
  }

  private removal(session: Session, vertebra: Vertebra, measure: Measure, measures: readonly Measure[], what: string): HTMLElement[] {
    if (!session.store.writable) return [];
    const remove = button({ class: "btn btn-sm btn-icon btn-quiet", "aria-label": `Remove the ${what}`, title: `Remove the ${what}` }, icon("x"));
    remove.addEventListener("mousedown", (event) => event.preventDefault());
    remove.addEventListener("click", () => {
      const rest = measures.filter((each) => each !== measure);
      session.change(`${what} removed`, () => ({ verb: "set_measures", payload: { vertebra: vertebra.id, measures: rest } }));
    });
    return [remove];
  }

  private hint(): string {
    const [chord] = this.preferences.chordsOf("measureHeights");
    return chord ? `Not measured. ${capWords(chord)} measures them.` : "Not measured.";
  }
}

const SHORT: Readonly<Record<HeightName, string>> = { anterior: "ant", middle: "mid", posterior: "post" };

/** One of the two is shown, by the height of the screen. */
const nameTerm = (name: HeightName): HTMLElement =>
  make("dt", {}, make("span", { class: "full" }, name), make("span", { class: "short" }, SHORT[name]));
