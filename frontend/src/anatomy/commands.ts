/** Every command of the anatomy check, once: it feeds the keys, the buttons and the sheet of keys. */

import type { Chord } from "../reading/keys.ts";
import { PRESETS } from "../viewer/windows.ts";
import type { Desk, Tool } from "./desk.ts";
import { shift } from "./levels.ts";
import { levelsOf, type MaskOk } from "./model.ts";

export type Group = "Move" | "This vertebra" | "Its slices" | "Whole spine" | "Image" | "Check";

export interface Command {
  readonly label: string;
  readonly group: Group;
  readonly keys: readonly Chord[];
  /** true, or the sentence that says why not. */
  readonly enabled?: (desk: Desk) => true | string;
  readonly pressed?: (desk: Desk) => boolean;
  readonly repeats?: boolean;
  readonly run: (desk: Desk, held: boolean) => void;
}

const writable = (desk: Desk): true | string => desk.data.mayEdit || desk.data.whyNot;

function chosen(desk: Desk): true | string {
  const may = writable(desk);
  return may !== true ? may : desk.body ? true : "No vertebra is here yet. A places one.";
}

function any(desk: Desk): true | string {
  const may = writable(desk);
  return may !== true ? may : desk.bodies.length > 0 ? true : "No vertebra is here yet. A places one.";
}

/** The names have room to move that way; where nothing is placed yet, the name of the first one moves. */
function shiftable(by: 1 | -1): (desk: Desk) => true | string {
  return (desk) => {
    const may = writable(desk);
    if (may !== true || desk.bodies.length === 0) return may;
    const named = shift(levelsOf(desk.bodies), by);
    return "problem" in named ? named.problem : true;
  };
}

const maskCommand = (value: MaskOk, digit: number, label: string): Command => ({
  label,
  group: "This vertebra",
  keys: [`Digit${digit}`],
  enabled: (desk) => {
    const may = chosen(desk);
    return may === true && value === "yes" && desk.body?.byHand ? "It was placed by hand, so there is no mask to be right." : may;
  },
  pressed: (desk) => desk.body?.maskOk === value,
  run: (desk) => desk.setMask(value),
});

const toolCommand = (tool: Tool, key: string, label: string): Command => ({
  label,
  group: "Image",
  keys: [key],
  pressed: (desk) => desk.tool === tool,
  run: (desk) => desk.chooseTool(tool),
});

const presetCommand = (name: keyof typeof PRESETS, digit: number): Command => ({
  label: `${PRESETS[name].title}, W ${PRESETS[name].window[0]} L ${PRESETS[name].window[1]}`,
  group: "Image",
  keys: [`Shift+Digit${digit}`],
  pressed: (desk) => desk.hasPreset(name),
  run: (desk) => desk.setPreset(name),
});

const commands = {
  sliceUp: { label: "Slice towards the right", group: "Move", keys: ["ArrowUp"], repeats: true, run: (d, held) => d.stepSlice(-1, held) },
  sliceDown: { label: "Slice towards the left", group: "Move", keys: ["ArrowDown"], repeats: true, run: (d, held) => d.stepSlice(1, held) },
  vertebraUp: { label: "Vertebra above", group: "Move", keys: ["k", "ArrowLeft"], repeats: true, run: (d) => d.stepVertebra(-1) },
  vertebraDown: { label: "Vertebra below", group: "Move", keys: ["j", "ArrowRight"], repeats: true, run: (d) => d.stepVertebra(1) },
  firstSlice: { label: "First slice of the body", group: "Move", keys: ["Home"], run: (d) => d.endOfVertebra(0) },
  lastSlice: { label: "Last slice of the body", group: "Move", keys: ["End"], run: (d) => d.endOfVertebra(1) },
  nextOpen: { label: "Next mask not looked at", group: "Move", keys: ["Space"], run: (d) => d.nextOpen() },

  maskRight: maskCommand("yes", 1, "Mask right"),
  maskWrong: maskCommand("no", 2, "Mask wrong"),
  maskMissing: maskCommand("missing", 3, "Mask missing"),
  certainty: { label: "Level certain, assumed, unknown", group: "This vertebra", keys: ["c"], enabled: chosen, run: (d) => d.cycleCertainty() },
  cut: {
    label: "Cut at the edge, and where",
    group: "This vertebra",
    keys: ["e"],
    enabled: chosen,
    pressed: (d) => d.body?.cut ?? false,
    run: (d) => d.cycleCut(),
  },
  remove: { label: "Not a vertebra: take it out", group: "This vertebra", keys: ["Delete"], enabled: chosen, run: (d) => d.remove() },

  // AltGr types brackets on many keyboards, and keys with it never come through: letters stand beside them.
  firstHere: { label: "First slice (right end) is here", group: "Its slices", keys: ["[", "r"], enabled: chosen, run: (d) => d.setEndHere("first") },
  lastHere: { label: "Last slice (left end) is here", group: "Its slices", keys: ["]", "l"], enabled: chosen, run: (d) => d.setEndHere("last") },
  firstOut: { label: "One slice more at the right end", group: "Its slices", keys: ["{", "Shift+r"], enabled: chosen, repeats: true, run: (d) => d.widen("first") },
  lastOut: { label: "One slice more at the left end", group: "Its slices", keys: ["}", "Shift+l"], enabled: chosen, repeats: true, run: (d) => d.widen("last") },

  allRight: { label: "Everything right: all masks", group: "Whole spine", keys: ["y"], enabled: any, run: (d) => d.allMasksRight() },
  shiftDown: { label: "All names one down: L1 becomes L2", group: "Whole spine", keys: ["+"], enabled: shiftable(1), repeats: true, run: (d) => d.shift(1) },
  shiftUp: { label: "All names one up: L1 becomes T12", group: "Whole spine", keys: ["-"], enabled: shiftable(-1), repeats: true, run: (d) => d.shift(-1) },
  numbering: { label: "Numbering: T13, L6, four lumbar", group: "Whole spine", keys: ["n"], enabled: any, run: (d) => d.open("numbering") },
  allCertainty: { label: "All levels certain, or assumed", group: "Whole spine", keys: ["Shift+c"], enabled: any, run: (d) => d.cycleAllCertainty() },
  place: {
    label: "Place vertebrae by clicks",
    group: "Whole spine",
    keys: ["a"],
    enabled: writable,
    pressed: (d) => d.placing,
    run: (d) => d.setPlacing(!d.placing),
  },
  takeBack: { label: "Take the last click back", group: "Whole spine", keys: ["Backspace"], enabled: any, run: (d) => d.takeBack() },
  endPlacing: { label: "End placing", group: "Whole spine", keys: ["Escape"], run: (d) => d.setPlacing(false) },

  presetBone: presetCommand("bone", 1),
  presetWide: presetCommand("wide", 2),
  presetSoft: presetCommand("soft", 3),
  toolWindow: toolCommand("window", "w", "Window: drag left"),
  toolPan: toolCommand("pan", "p", "Move: drag with the wheel pressed"),
  toolZoom: toolCommand("zoom", "z", "Zoom: drag right"),
  outlines: { label: "Outlines on or off", group: "Image", keys: ["m"], pressed: (d) => d.outlines, run: (d) => d.toggleOutlines() },
  fit: { label: "Fit the image", group: "Image", keys: ["o"], run: (d) => d.fit() },

  undo: {
    label: "Undo",
    group: "Check",
    keys: ["Ctrl+z"],
    enabled: (d) => (d.table.undoable === null ? "Nothing to undo." : writable(d)),
    repeats: true,
    run: (d) => d.undo(),
  },
  redo: {
    label: "Redo",
    group: "Check",
    keys: ["Ctrl+Shift+z", "Ctrl+y"],
    enabled: (d) => (d.table.redoable === null ? "Nothing to do again." : writable(d)),
    repeats: true,
    run: (d) => d.redo(),
  },
  summary: { label: "What is confirmed, then confirm", group: "Check", keys: ["Enter"], run: (d) => d.open("summary") },
  keys: { label: "These keys", group: "Check", keys: ["?"], run: (d) => d.open("keys") },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

export const commandNames = Object.keys(commands) as CommandName[];
export const commandOf = (name: CommandName): Command => commands[name];
export const isCommandName = (name: string): name is CommandName => name in commands;

export const mayRun = (name: CommandName, desk: Desk): true | string => commandOf(name).enabled?.(desk) ?? true;

/** Runs it, or says why not. */
export function runCommand(name: CommandName, desk: Desk, held = false): void {
  const may = mayRun(name, desk);
  if (may === true) commandOf(name).run(desk, held);
  else desk.say(may);
}
