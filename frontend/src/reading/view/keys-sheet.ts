/** The sheet of all keys, where each can be given to another command, and single keys can be switched off. */

import type { Group } from "../command.ts";
import { commandNames, commandOf, type CommandName } from "../commands.ts";
import { capsOf, capWords, fits, isDeliberate, strokeOfPress, type Chord } from "../keys.ts";
import type { Preferences } from "../preferences.ts";
import type { Form } from "./dialogs.ts";
import { button, icon, keyCaps, make, part, setText, type Child } from "./dom.ts";

const COLUMNS: readonly (readonly Group[])[] = [["Move", "This slice"], ["This vertebra"], ["Image", "Case"]];

/** The dialog that the sheet is shown in. */
export interface SheetFrame {
  fill(form: Form, ...content: Child[]): void;
  close(): void;
}

/** A key is waited for. */
interface Recording {
  readonly name: CommandName;
  /** The chord that it replaces; null for one more. */
  readonly instead: Chord | null;
  /** The first of two strokes. */
  readonly first: string | null;
}

const ASIDE = "Everything here is also a button.";
const HOW = "Choose a key to change it, the plus for one more. The keys are the same on every device.";

export class KeysSheet {
  private readonly frame: SheetFrame;
  private readonly preferences: Preferences;
  private readonly body = make("div", { class: "dialog-body keys" });
  private readonly words = make("span", { role: "status" });
  private readonly choices = make("span", { class: "row row-wrap" });
  private readonly kept = make("span", { class: "t3 sm", role: "status" });
  /** In the top bar: says that keys do nothing, and leads here. */
  private readonly off = part("keys-off");
  private readonly single = make("input", { type: "checkbox" });
  private recording: Recording | null = null;

  constructor(frame: SheetFrame, preferences: Preferences) {
    this.frame = frame;
    this.preferences = preferences;
    preferences.events.on("kept", (kept) => setText(this.kept, keptWords(kept)));
    preferences.events.on("changed", () => {
      this.draw();
      this.showOff();
    });
    this.off.addEventListener("click", () => this.open());
    this.showOff();
    this.single.addEventListener("change", () => preferences.switchSingleKeys(this.single.checked));
  }

  private showOff(): void {
    this.off.hidden = this.preferences.singleKeys;
  }

  open(): void {
    this.recording = null;
    setText(this.kept, this.preferences.isKept ? "" : keptWords(false));
    this.say(HOW);
    this.draw();
    const all = button({ class: "btn btn-sm" }, icon("reset"), "All keys as delivered");
    all.addEventListener("click", () => {
      this.stop();
      this.preferences.resetAll();
      this.say("All keys are as they were delivered.");
    });
    const single = make("label", { class: "check" }, this.single, "Keys without Ctrl or Alt");
    single.title = "Off: only arrows, Home and End, and keys with Ctrl or Alt do anything. Every tool is also a button.";
    const note = make("div", { class: "keys-note sm" }, this.words, this.choices);
    const foot = make("div", { class: "dialog-foot" }, single, this.kept, make("span", { class: "push" }), all);
    this.frame.fill({ size: "wide", title: "Keys", aside: ASIDE, key: (event) => this.key(event) }, note, this.body, foot);
  }

  private key(event: KeyboardEvent): boolean {
    if (this.recording) return this.record(event, this.recording);
    const closes = this.preferences.chordsOf("keys").some((chord) => fits(event, chord));
    if (closes && !event.repeat) this.frame.close();
    return closes;
  }

  private record(event: KeyboardEvent, { name, instead, first }: Recording): boolean {
    if (event.key === "Tab") {
      this.stop();
      return false;
    }
    if (event.key === "Escape") {
      this.stop();
      this.say("Left as it was.");
      this.focus(name, instead);
      return true;
    }
    const stroke = event.repeat ? null : strokeOfPress(event);
    if (stroke === null) return true;
    if (first === null && this.preferences.beginners(stroke).length > 0) {
      this.recording = { name, instead, first: stroke };
      this.say(`${capWords(stroke)} begins keys of two strokes. Press the second one; Esc leaves it as it was.`);
      return true;
    }
    this.give(name, first === null ? stroke : `${first} ${stroke}`, instead);
    return true;
  }

  private give(name: CommandName, chord: Chord, instead: Chord | null): void {
    const given = this.preferences.give(name, chord, instead);
    if (given.kind === "refused") {
      this.recording = { name, instead, first: null };
      this.say(`${given.sentence} Press another one; Esc leaves it as it was.`);
      return;
    }
    this.stop();
    if (given.kind === "given") {
      this.say(givenWords(commandOf(name).label, chord, this.preferences.singleKeys));
      this.focus(name, chord);
      return;
    }
    const other = commandOf(given.by).label;
    const swap = button({ class: "btn btn-sm btn-primary" }, instead ? `Swap: ${other} gets ${capWords(instead)}` : `Take it: ${other} loses it`);
    swap.addEventListener("click", () => {
      this.preferences.swap(name, chord, instead);
      this.say(`${commandOf(name).label} is ${capWords(chord)}, ${other} ${instead ? `is ${capWords(instead)}` : "has lost it"}.`);
      this.focus(name, chord);
    });
    const leave = button({ class: "btn btn-sm" }, "Leave both");
    leave.addEventListener("click", () => {
      this.say("Left as it was.");
      this.focus(name, instead);
    });
    this.say(given.sentence, swap, leave);
    swap.focus();
  }

  private start(name: CommandName, instead: Chord | null): void {
    this.recording = { name, instead, first: null };
    this.draw();
    const { label } = commandOf(name);
    const sentence = `${label}: press the new key. Esc leaves it as it was.`;
    if (instead === null) this.say(sentence);
    else {
      const away = button({ class: "btn btn-sm" }, `Take ${capWords(instead)} away`);
      away.addEventListener("click", () => {
        this.stop();
        this.preferences.takeAway(name, instead);
        this.say(`${capWords(instead)} does nothing now. ${label} is still a button.`);
        this.focus(name, null);
      });
      this.say(sentence, away);
    }
    this.focus(name, instead);
  }

  private stop(): void {
    if (!this.recording) return;
    this.recording = null;
    this.draw();
  }

  private say(sentence: string, ...choices: HTMLElement[]): void {
    setText(this.words, sentence);
    this.choices.replaceChildren(...choices);
  }

  private focus(name: CommandName, chord: Chord | null): void {
    const buttons = [...this.body.querySelectorAll<HTMLElement>(`[data-of="${name}"]`)];
    (buttons.find((each) => each.dataset["chord"] === chord) ?? buttons.at(-1))?.focus();
  }

  private draw(): void {
    this.single.checked = this.preferences.singleKeys;
    this.body.replaceChildren(...COLUMNS.map((groups) => make("div", {}, ...groups.map((group) => this.group(group)))));
  }

  private group(group: Group): HTMLElement {
    const rows = commandNames
      .filter((name) => commandOf(name).group === group)
      .flatMap((name) => [make("dt", {}, commandOf(name).label), make("dd", {}, ...this.chordsOf(name))]);
    return make("section", {}, make("h3", {}, group), make("dl", {}, ...rows));
  }

  private chordsOf(name: CommandName): Child[] {
    const { label } = commandOf(name);
    const isOn = (instead: Chord | null): boolean => this.recording?.name === name && this.recording.instead === instead;
    const chords = this.preferences.givenTo(name).map((chord) => {
      const works = this.preferences.singleKeys || isDeliberate(chord);
      if (this.preferences.isFixed(chord)) return make("span", { class: `chord fixed${works ? "" : " off"}`, title: "Stays as it is" }, ...keyCaps(capsOf(chord)));
      const change = button(
        {
          class: `chord${works ? "" : " off"}`,
          "aria-label": isOn(chord) ? `${label}: press a key` : `${label}: ${capWords(chord)}${works ? "" : ", switched off"}. Change`,
          "data-of": name,
          "data-chord": chord,
        },
        ...(isOn(chord) ? ["press a key"] : apart(keyCaps(capsOf(chord)))),
      );
      change.classList.toggle("recording", isOn(chord));
      change.addEventListener("click", () => this.start(name, chord));
      return change;
    });
    const more = button({ class: "chord more", "aria-label": isOn(null) ? `${label}: press a key` : `${label}: one more key`, "data-of": name }, isOn(null) ? "press a key" : icon("plus"));
    more.classList.toggle("recording", isOn(null));
    more.addEventListener("click", () => this.start(name, null));
    const none = chords.length === 0 ? ["no key"] : [];
    return [...this.back(name), ...none, ...chords, more];
  }

  private back(name: CommandName): HTMLElement[] {
    if (!this.preferences.isChanged(name)) return [];
    const { label } = commandOf(name);
    const back = button({ class: "chord more", "aria-label": `${label}: keys as delivered`, title: "As delivered" }, icon("reset"));
    back.addEventListener("click", () => {
      this.stop();
      const names = this.preferences.reset(name).map((each) => commandOf(each).label);
      this.say(`As delivered: ${names.join("; ")}.`);
      this.focus(name, null);
    });
    return [back];
  }
}

/** With blanks between, which the layout drops: "Shift N" in the name of the button is "Shift N" on it. */
const apart = (caps: readonly HTMLElement[]): Child[] => caps.flatMap((cap, index) => (index > 0 ? [" ", cap] : [cap]));

const keptWords = (kept: boolean): string =>
  kept ? "Kept. The same on every device." : "Not on the server yet. Kept in this browser until it is.";

const givenWords = (label: string, chord: Chord, singleKeys: boolean): string =>
  singleKeys || isDeliberate(chord)
    ? `${label} is ${capWords(chord)}.`
    : `${label} is ${capWords(chord)} as soon as keys without Ctrl or Alt are on again.`;
