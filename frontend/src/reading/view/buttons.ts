/** Buttons with data-command: label, key, state and action all come from the command list and the reader's keys. */

import { commandOf, isCommandName, mayRun, runCommand, type CommandName } from "../commands.ts";
import { ariaShortcuts, capWords, type Chord } from "../keys.ts";
import type { Preferences } from "../preferences.ts";
import type { Session } from "../session.ts";
import { setAttribute, setText } from "./dom.ts";

/** How long the control of a refused command is marked, in milliseconds. */
const MARKED = 1500;

/** Shows the keys as they are now and connects the clicks. `session` gives the read that is open now. */
export class CommandButtons {
  private readonly buttons: readonly { readonly name: CommandName; readonly element: HTMLElement }[];
  private readonly caps: readonly { readonly name: CommandName; readonly element: HTMLElement }[];
  private readonly preferences: Preferences;
  private readonly marks = new Map<HTMLElement, ReturnType<typeof setTimeout>>();

  constructor(root: ParentNode, session: () => Session | null, preferences: Preferences) {
    this.preferences = preferences;
    this.buttons = named(root, "command");
    this.caps = named(root, "keyOf");
    for (const { name, element } of this.buttons) {
      nameButton(name, element);
      element.addEventListener("click", () => {
        const open = session();
        if (open) runCommand(name, open);
      });
      // The image keeps the focus, so that Space and Enter stay keys of the room after a click.
      element.addEventListener("mousedown", (event) => event.preventDefault());
    }
    this.showKeys();
    preferences.events.on("changed", () => {
      this.showKeys();
      const open = session();
      if (open) this.refresh(open);
    });
  }

  /** Marks the control of a command that was refused, for a moment. */
  refused(name: CommandName): void {
    for (const element of this.standingFor(name)) {
      clearTimeout(this.marks.get(element));
      element.dataset["refused"] = "";
      this.marks.set(element, setTimeout(() => delete element.dataset["refused"], MARKED));
    }
  }

  /** It was done after all. */
  done(name: CommandName): void {
    for (const element of this.standingFor(name)) delete element.dataset["refused"];
  }

  private showKeys(): void {
    for (const { name, element } of this.buttons) {
      const chords = this.preferences.chordsOf(name);
      const place = element.querySelector<HTMLElement>("kbd, [data-key]");
      if (place) showCap(place, chords[0]);
      setAttribute(element, "aria-keyshortcuts", ariaShortcuts(chords) || null);
    }
    for (const { name, element } of this.caps) {
      showCap(element, this.preferences.chordsOf(name)[0]);
      element.setAttribute("aria-hidden", "true");
    }
  }

  private standingFor(name: CommandName): HTMLElement[] {
    const shown = commandOf(name).button ?? name;
    return this.buttons.filter((each) => each.name === shown).map(({ element }) => element);
  }

  refresh(session: Session): void {
    for (const { name, element } of this.buttons) {
      const command = commandOf(name);
      const may = mayRun(name, session);
      setAttribute(element, "aria-disabled", may === true ? null : "true");
      const title = titleOf(name, session, this.preferences.chordsOf(name));
      setAttribute(element, "title", may === true ? title : `${title}. ${may}`);
      if (command.pressed) setAttribute(element, "aria-pressed", String(command.pressed(session)));
    }
  }
}

function named(root: ParentNode, key: "command" | "keyOf"): { readonly name: CommandName; readonly element: HTMLElement }[] {
  const attribute = key === "command" ? "data-command" : "data-key-of";
  return [...root.querySelectorAll<HTMLElement>(`[${attribute}]`)].map((element) => {
    const name = element.dataset[key] ?? "";
    if (!isCommandName(name)) throw new Error(`There is no command called ${name}.`);
    return { name, element };
  });
}

/** A button that shows words already has its name; icons and single letters get the command's. */
function nameButton(name: CommandName, element: HTMLElement): void {
  element.querySelector("kbd, [data-key]")?.setAttribute("aria-hidden", "true");
  const words = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE || isWords(node));
  const text = words.map((node) => node.textContent?.trim() ?? "").join("");
  if (text.length < 4 && !element.hasAttribute("aria-label")) element.setAttribute("aria-label", commandOf(name).label);
}

/** The cap of the first key; a place without a key is not shown at all. */
function showCap(place: HTMLElement, chord: Chord | undefined): void {
  setText(place, chord ? capWords(chord).replace(/^Shift /, "⇧ ") : "");
  place.hidden = !chord;
}

const isWords = (node: ChildNode): boolean =>
  node instanceof HTMLElement && node.tagName === "SPAN" && !node.hasAttribute("data-key");

function titleOf(name: CommandName, session: Session, keys: readonly Chord[]): string {
  const entry = name === "undo" ? session.store.undoable : name === "redo" ? session.store.redoable : null;
  const words = entry ? `${commandOf(name).label}: ${entry.label}` : commandOf(name).label;
  return keys.length > 0 ? `${words} (${keys.map(capWords).join(" or ")})` : words;
}
