/** Buttons with data-command: label, key, state and action all come from the command list. */

import { ariaShortcuts, capsOf } from "../../reading/keys.ts";
import { setAttribute } from "../../reading/view/dom.ts";
import { commandOf, isCommandName, mayRun, runCommand, type CommandName } from "../commands.ts";
import type { Sitting } from "../sitting.ts";

/** How long the control of a refused command is marked, in milliseconds. */
const MARKED = 1500;

export class ConsensusButtons {
  private readonly buttons: readonly { readonly name: CommandName; readonly element: HTMLElement }[];

  constructor(sitting: () => Sitting | null) {
    this.buttons = [...document.querySelectorAll<HTMLElement>("[data-command]")].map((element) => {
      const name = element.dataset["command"] ?? "";
      if (!isCommandName(name)) throw new Error(`There is no command called ${name}.`);
      return { name, element };
    });
    for (const { name, element } of this.buttons) {
      label(name, element);
      element.addEventListener("click", (event) => {
        const open = sitting();
        open?.say("");
        if (open) runCommand((event.shiftKey && commandOf(name).shifted) || name, open);
      });
      // The image keeps the focus, so that Space and Enter stay keys of the page after a click.
      element.addEventListener("mousedown", (event) => event.preventDefault());
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-key-of]")) {
      const name = element.dataset["keyOf"] ?? "";
      if (isCommandName(name)) element.textContent = capText(name);
      element.setAttribute("aria-hidden", "true");
    }
    for (const element of document.querySelectorAll("[data-digit]")) element.setAttribute("aria-hidden", "true");
  }

  /** Marks the control of a command that was refused, for a moment. */
  refused(name: CommandName): void {
    for (const { element } of this.buttons.filter((each) => each.name === name)) mark(element);
  }

  refresh(sitting: Sitting): void {
    for (const { name, element } of this.buttons) {
      const command = commandOf(name);
      const may = mayRun(name, sitting);
      setAttribute(element, "aria-disabled", may === true ? null : "true");
      const keys = command.keys.map((chord) => capsOf(chord).join(" ")).join(" or ");
      const title = `${command.label}${keys && ` (${keys})`}${command.shifted ? "; with Shift from the last mark to here" : ""}`;
      setAttribute(element, "title", may === true ? title : `${title}. ${may}`);
      if (command.pressed) setAttribute(element, "aria-pressed", String(command.pressed(sitting)));
    }
    // The digits are printed where they are now, and nowhere else.
    for (const element of document.querySelectorAll("[data-digit]")) element.classList.toggle("elsewhere", element.getAttribute("data-digit") !== sitting.digits);
  }
}

export function mark(element: HTMLElement): void {
  element.dataset["refused"] = "";
  setTimeout(() => delete element.dataset["refused"], MARKED);
}

function label(name: CommandName, element: HTMLElement): void {
  const { keys } = commandOf(name);
  const place = element.querySelector("kbd:not([data-digit]), [data-key]");
  if (place && keys.length > 0) place.textContent = capText(name);
  place?.setAttribute("aria-hidden", "true");
  if (keys.length > 0) element.setAttribute("aria-keyshortcuts", ariaShortcuts(keys));
  // A button that shows words already has its name; icons and single letters get the command's.
  const words = [...element.childNodes].filter((node) => node !== place).map((node) => node.textContent?.trim() ?? "");
  if (words.join("").length < 4 && !element.hasAttribute("aria-label") && !element.querySelector("[data-words]")) element.setAttribute("aria-label", commandOf(name).label);
}

const capText = (name: CommandName): string => {
  const [chord] = commandOf(name).keys;
  return chord ? capsOf(chord).join(" ").replace(/^Shift /, "⇧ ") : "";
};
