/** Buttons with data-command: label, key, state and action all come from the command list. */

import { ariaShortcuts, capsOf } from "../../reading/keys.ts";
import { setAttribute } from "../../reading/view/dom.ts";
import { commandOf, isCommandName, mayRun, runCommand, type CommandName } from "../commands.ts";
import type { Desk } from "../desk.ts";

/** How long the control of a refused command is marked, in milliseconds. */
const MARKED = 1500;

export class CheckButtons {
  private readonly buttons: readonly { readonly name: CommandName; readonly element: HTMLElement }[];

  constructor(desk: () => Desk | null) {
    this.buttons = [...document.querySelectorAll<HTMLElement>("[data-command]")].map((element) => {
      const name = element.dataset["command"] ?? "";
      if (!isCommandName(name)) throw new Error(`There is no command called ${name}.`);
      return { name, element };
    });
    for (const { name, element } of this.buttons) {
      label(name, element);
      element.addEventListener("click", () => {
        const open = desk();
        open?.say("");
        if (open) runCommand(name, open);
      });
      // The image keeps the focus, so that Space and Enter stay keys of the page after a click.
      element.addEventListener("mousedown", (event) => event.preventDefault());
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-key-of]")) {
      const name = element.dataset["keyOf"] ?? "";
      if (isCommandName(name)) element.textContent = capText(name);
      element.setAttribute("aria-hidden", "true");
    }
  }

  /** Marks the control of a command that was refused, for a moment. */
  refused(name: CommandName): void {
    for (const { element } of this.buttons.filter((each) => each.name === name)) {
      element.dataset["refused"] = "";
      setTimeout(() => delete element.dataset["refused"], MARKED);
    }
  }

  refresh(desk: Desk): void {
    for (const { name, element } of this.buttons) {
      const command = commandOf(name);
      const may = mayRun(name, desk);
      setAttribute(element, "aria-disabled", may === true ? null : "true");
      const title = `${titleOf(name, desk)} (${command.keys.map((chord) => capsOf(chord).join(" ")).join(" or ")})`;
      setAttribute(element, "title", may === true ? title : `${title}. ${may}`);
      if (command.pressed) setAttribute(element, "aria-pressed", String(command.pressed(desk)));
    }
  }
}

function titleOf(name: CommandName, desk: Desk): string {
  const { label: words } = commandOf(name);
  const step = name === "undo" ? desk.table.undoable : name === "redo" ? desk.table.redoable : null;
  return step ? `${words}: ${step}` : words;
}

function label(name: CommandName, element: HTMLElement): void {
  const place = element.querySelector("kbd, [data-key]");
  if (place) place.textContent = capText(name);
  place?.setAttribute("aria-hidden", "true");
  element.setAttribute("aria-keyshortcuts", ariaShortcuts(commandOf(name).keys));
  // A button that shows words already has its name; icons and single letters get the command's.
  const words = [...element.childNodes].filter((node) => node !== place).map((node) => node.textContent?.trim() ?? "");
  if (words.join("").length < 4 && !element.hasAttribute("aria-label")) element.setAttribute("aria-label", commandOf(name).label);
}

const capText = (name: CommandName): string => {
  const [chord] = commandOf(name).keys;
  if (!chord) return "";
  const caps = capsOf(chord).join(" ").replace(/^Shift /, "⇧ ");
  return caps === "Delete" ? "Del" : caps;
};
