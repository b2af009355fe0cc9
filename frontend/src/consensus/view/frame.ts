/** The top bar and the line above the image: whose consensus this is, by which rules, who sits here, what is saved. */

import { button, icon, make, part, refill, setAttribute, setText, timeWords } from "../../reading/view/dom.ts";
import type { ConsensusData } from "../data.ts";
import type { MemberJson } from "../shapes.ts";
import type { Sitting } from "../sitting.ts";
import { momentWords } from "../words.ts";
import type { WritesStatus } from "../writes.ts";

export interface News {
  readonly tone: "info" | "warn";
  readonly words: string;
}

export class Frame {
  private readonly chosen: (member: MemberJson) => void;
  private readonly banner = part("banner");
  private shown = "";

  /** `chosen`: somebody is marked present, or not any more. */
  constructor(chosen: (member: MemberJson) => void) {
    this.chosen = chosen;
  }

  refresh(sitting: Sitting, status: WritesStatus, news: readonly News[]): void {
    const { json } = sitting.data;
    setText(part("case"), json.case.name);
    setText(part("person"), sitting.data.personWords);
    const { index, of } = json.position;
    refill(part("position"), [index, of], () => (index > 0 ? [make("span", { class: "hide-narrow" }, "Case\u00a0"), `${index} of ${of}`] : []));
    setText(part("round"), json.round.name);
    refill(part("chips"), [json.round, json.report, json.case, json.consensus], () => chips(sitting.data));
    this.saved(sitting, status);
    this.members(sitting);
    this.say(news);
  }

  private members(sitting: Sitting): void {
    const { members } = sitting.data.json;
    const { writable } = sitting;
    refill(part("members"), [members, writable], () => [
      make("span", { class: "sm t3 hide-narrow" }, "Present"),
      ...members.map((member) => {
        const role = [member.senior ? "senior" : "", member.you ? "you" : ""].filter(Boolean).join(", ");
        const words = `${member.name}${role ? `, ${role}` : ""}: ${member.present ? "present" : "not present"}`;
        const element = button({ class: "avatar member", "aria-pressed": String(member.present), "aria-label": `${member.initials}, ${words}`, title: writable ? `${words}. Click to change.` : words }, member.initials);
        if (writable) element.addEventListener("click", () => this.chosen(member));
        else element.setAttribute("aria-disabled", "true");
        element.addEventListener("mousedown", (event) => event.preventDefault());
        return element;
      }),
    ]);
  }

  private saved({ data, locked, writable }: Sitting, status: WritesStatus): void {
    const chip = part("saved");
    const set = (state: string, words: string, time: string, symbol: string): void => {
      setAttribute(chip, "data-state", state);
      setText(part("saved-words"), words);
      setText(part("saved-time"), time);
      const glyph = chip.querySelector("use");
      if (glyph) setAttribute(glyph, "href", `#i-${symbol}`);
    };
    setAttribute(chip, "title", status.kind === "waiting" ? status.sentence : null);
    const { version, locked_at } = data.json.consensus;
    if (status.kind === "waiting" && status.count > 0) set("waiting", `Not saved, ${status.count} waiting`, "", "saving");
    else if (status.kind === "saving") set("saving", `Saving ${status.count}`, "", "saving");
    else if (locked) set("saved", `Locked, version ${version}`, locked_at ? momentWords(locked_at) : "", "lock");
    else if (!writable) set("saved", "Read only", "", "lock");
    else set("saved", "Saved", status.kind === "saved" && status.at ? timeWords(status.at) : "", "saved");
  }

  private say(news: readonly News[]): void {
    const text = JSON.stringify(news);
    if (text === this.shown) return;
    this.shown = text;
    this.banner.hidden = news.length === 0;
    this.banner.replaceChildren(...news.map(({ tone, words }) => make("div", { class: `banner-line banner-${tone}` }, make("p", {}, words))));
  }
}

function chips({ json, origin }: ConsensusData): HTMLElement[] {
  const order = json.letters.length < 2 ? "One read, A" : "Readers A and B, order drawn for this case";
  const list = [
    make("span", { class: "chip" }, icon("scales"), order),
    make("span", { class: "chip" }, icon(json.report.open ? "report" : "eye-off"), json.report.open ? "Report shown to the panel" : "Report hidden"),
    make("span", { class: "chip hide-narrow" }, icon("eye-off"), "Model hidden"),
  ];
  if (origin) list.push(make("span", { class: "chip chip-line" }, icon("info"), origin));
  if (json.follows.imported) list.push(make("span", { class: "chip chip-warn", title: "Nothing is known of what the readers of imported reads saw." }, "Imported reads"));
  if (json.case.limited) list.push(make("span", { class: "chip chip-warn", title: json.case.limited }, "Limited"));
  list.push(make("span", { class: "chip chip-line hide-narrow" }, `Settles ${json.follows.name}`));
  return list;
}
