/** Buttons with data-command: label, key, state and action all come from the command list. */

import { commandOf, isCommandName, mayRun, runCommand, type CommandName } from "../commands.ts";
import { ariaShortcut, capsOf } from "../keys.ts";
import type { Session } from "../session.ts";
import { setAttribute } from "./dom.ts";

/** How long the control of a refused command is marked, in milliseconds. */
const MARKED = 1500;

/** Fills in the keys once and connects the clicks. `session` gives the read that is open now. */
export class CommandButtons {
  private readonly buttons: readonly { readonly name: CommandName; readonly element: HTMLElement }[];
  private readonly marks = new Map<HTMLElement, ReturnType<typeof setTimeout>>();

  constructor(root: ParentNode, session: () => Session | null) {
    this.buttons = [...root.querySelectorAll<HTMLElement>("[data-command]")].map((element) => {
      const name = element.dataset["command"] ?? "";
      if (!isCommandName(name)) throw new Error(`There is no command called ${name}.`);
      return { name, element };
    });
    for (const { name, element } of this.buttons) {
      label(name, element);
      element.addEventListener("click", () => {
        const open = session();
        if (open) runCommand(name, open);
      });
      // The image keeps the focus, so that Space and Enter stay keys of the room after a click.
      element.addEventListener("mousedown", (event) => event.preventDefault());
    }
    for (const element of root.querySelectorAll<HTMLElement>("[data-key-of]")) {
      const name = element.dataset["keyOf"] ?? "";
      if (isCommandName(name)) element.textContent = capText(name);
      element.setAttribute("aria-hidden", "true");
    }
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

  private standingFor(name: CommandName): HTMLElement[] {
    const shown = commandOf(name).button ?? name;
    return this.buttons.filter((each) => each.name === shown).map(({ element }) => element);
  }

  refresh(session: Session): void {
    for (const { name, element } of this.buttons) {
      const command = commandOf(name);
      const may = mayRun(name, session);
      setAttribute(element, "aria-disabled", may === true ? null : "true");
      const title = titleOf(name, session);
      setAttribute(element, "title", may === true ? title : `${title}. ${may}`);
      if (command.pressed) setAttribute(element, "aria-pressed", String(command.pressed(session)));
    }
  }
}

function label(name: CommandName, element: HTMLElement): void {
  const [chord] = commandOf(name).keys;
  const place = element.querySelector("kbd, [data-key]");
  if (place && chord) place.textContent = capText(name);
  place?.setAttribute("aria-hidden", "true");
  if (chord) element.setAttribute("aria-keyshortcuts", ariaShortcut(chord));
  // A button that shows words already has its name; icons and single letters get the command's.
  const words = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE || isWords(node));
  const text = words.map((node) => node.textContent?.trim() ?? "").join("");
  if (text.length < 4 && !element.hasAttribute("aria-label")) element.setAttribute("aria-label", commandOf(name).label);
}

const isWords = (node: ChildNode): boolean =>
  node instanceof HTMLElement && node.tagName === "SPAN" && !node.hasAttribute("data-key");

const capText = (name: CommandName): string => {
  const [chord] = commandOf(name).keys;
  return chord ? capsOf(chord).join(" ").replace(/^Shift /, "⇧ ") : "";
};

function titleOf(name: CommandName, session: Session): string {
  const entry = name === "undo" ? session.store.undoable : name === "redo" ? session.store.redoable : null;
  const { label: words, keys } = commandOf(name);
  const caps = keys.map((chord) => capsOf(chord).join(" ")).join(" or ");
  return `${entry ? `${words}: ${entry.label}` : words} (${caps})`;
}
