/** Every command of the consensus screen, once: it feeds the keys, the buttons and the sheet of keys. */

import { findingOf, type AoBody, type InjuryType } from "../reading/model.ts";
import type { Chord } from "../reading/keys.ts";
import { PRESETS } from "../viewer/windows.ts";
import { lackOf, maySlice } from "./choice.ts";
import type { Letter } from "./shapes.ts";
import type { Sitting } from "./sitting.ts";
import type { Tool } from "./screen-tools.ts";

export type Group = "Move" | "This difference" | "What you say yourselves" | "Image" | "Case";

export interface Command {
  readonly label: string;
  readonly group: Group;
  readonly keys: readonly Chord[];
  /** true, or the sentence that says why not. */
  readonly enabled?: (sitting: Sitting) => true | string;
  readonly pressed?: (sitting: Sitting) => boolean;
  readonly repeats?: boolean;
  /** What a click with Shift does instead. */
  readonly shifted?: "rangeFracture" | "rangeNegative";
  readonly run: (sitting: Sitting, held: boolean) => void;
}

export function writable(sitting: Sitting): true | string {
  if (sitting.writable) return true;
  const { hindrance } = sitting.data.json;
  return sitting.locked ? "This consensus is locked. A correction makes the next version." : hindrance || "Only the members of the panel settle differences.";
}

function asked(sitting: Sitting): true | string {
  const may = writable(sitting);
  return may !== true ? may : sitting.current ? true : "Nothing differs.";
}

function ownFinding(sitting: Sitting): true | string {
  const may = asked(sitting);
  if (may !== true) return may;
  return sitting.choice.took === "neither" ? true : "Only where neither read is taken: E, then this.";
}

function ownVerdict(sitting: Sitting): true | string {
  const may = ownFinding(sitting);
  return may === true && sitting.choice.bySlice ? "Slice by slice, both call it a fracture. E begins from nothing." : may;
}

function ownType(sitting: Sitting): true | string {
  const may = ownFinding(sitting);
  if (may !== true) return may;
  const verdict = said(sitting)?.verdict;
  return verdict === "fracture" || verdict === null ? true : "Only a fracture has a type.";
}

const said = (sitting: Sitting) => (sitting.vertebra ? findingOf(sitting.choice.said, sitting.vertebra.id) : null);

const takeCommand = (letter: Letter, key: string): Command => ({
  label: `Take ${letter}`,
  group: "This difference",
  keys: [key],
  enabled: (s) => (s.data.json.letters.includes(letter) ? takeable(s, letter) : `There is no read ${letter}.`),
  pressed: (s) => s.choice.took === (letter === "A" ? "a" : "b"),
  run: (s) => s.take(letter),
});

/** What a read lacks, a panel cannot take from it: old reads have no AO types, say. */
function takeable(sitting: Sitting, letter: Letter): true | string {
  const may = asked(sitting);
  if (may !== true || !sitting.vertebra) return may;
  const lacks = lackOf(sitting.data, letter, sitting.vertebra);
  return lacks ? `${lacks} E: say it yourselves.` : true;
}

const typeCommand = (type: AoBody): Command => ({
  label: `AO type ${type}`,
  group: "What you say yourselves",
  keys: [],
  enabled: ownType,
  pressed: (s) => said(s)?.ao_body === type,
  run: (s) => s.own.setType(type),
});

const injuryCommand = (type: InjuryType): Command => ({
  label: `Segment injury ${type} below`,
  group: "What you say yourselves",
  keys: [],
  enabled: ownFinding,
  pressed: (s) => s.vertebra !== null && s.choice.said.injuries[s.vertebra.id]?.type === type,
  run: (s) => s.own.setInjury(s.vertebra && s.choice.said.injuries[s.vertebra.id]?.type === type ? null : type),
});

/** Not on the sheet by themselves: what they mean stands on the screen. */
const digitCommand = (digit: number): Command => ({
  label: `Reason ${digit === 0 ? 10 : digit}, or AO type`,
  group: "This difference",
  keys: [`Digit${digit}`],
  enabled: asked,
  run: (s) => s.digit(digit),
});

const toolCommand = (tool: Tool, key: string, label: string): Command => ({
  label,
  group: "Image",
  keys: [key],
  pressed: (s) => s.tools.tool === tool,
  run: (s) => s.tools.choose(tool),
});

const presetCommand = (name: keyof typeof PRESETS, digit: number): Command => ({
  label: `${PRESETS[name].title}, W ${PRESETS[name].window[0]} L ${PRESETS[name].window[1]}`,
  group: "Image",
  keys: [`Shift+Digit${digit}`],
  pressed: (s) => s.tools.hasPreset(name),
  run: (s) => s.tools.setPreset(name),
});

const hasPlanes = (sitting: Sitting): true | string => {
  const { axial, coronal } = sitting.data.json.second;
  return axial || coronal ? true : "This case holds no volume that such a plane could be cut from.";
};

const commands = {
  sliceUp: { label: "Slice towards the right", group: "Move", keys: ["ArrowUp"], repeats: true, run: (s, held) => s.tools.stepSlice(-1, held) },
  sliceDown: { label: "Slice towards the left", group: "Move", keys: ["ArrowDown"], repeats: true, run: (s, held) => s.tools.stepSlice(1, held) },
  firstSlice: { label: "First slice of the vertebra", group: "Move", keys: ["Home"], run: (s) => s.endOfVertebra(0) },
  lastSlice: { label: "Last slice of the vertebra", group: "Move", keys: ["End"], run: (s) => s.endOfVertebra(1) },
  before: { label: "Difference before", group: "Move", keys: ["k", "ArrowLeft"], run: (s) => s.stepAsked(-1) },
  next: { label: "Next difference", group: "Move", keys: ["j", "ArrowRight"], run: (s) => s.stepAsked(1) },
  nextOpen: { label: "Next that is not settled", group: "Move", keys: ["Space"], run: (s) => s.nextOpen() },
  order: { label: "Harm first, or by level", group: "Move", keys: ["h"], run: (s) => s.toggleOrder() },

  takeA: takeCommand("A", "a"),
  takeB: takeCommand("B", "b"),
  neither: {
    label: "Neither: say it yourselves",
    group: "This difference",
    keys: ["e"],
    enabled: asked,
    pressed: (s) => s.choice.took === "neither" && !s.choice.bySlice,
    run: (s) => s.takeNeither(),
  },
  bySlice: {
    label: "By slice: decide those that differ",
    group: "This difference",
    keys: ["s"],
    enabled: (s) => {
      const may = asked(s);
      return may === true && s.vertebra && !maySlice(s.data, s.vertebra) ? "Only where both call it a fracture and say which slices." : may;
    },
    pressed: (s) => s.choice.bySlice,
    run: (s) => s.takeSlices(),
  },
  ask: { label: "Ask a reader", group: "This difference", keys: ["r"], enabled: asked, run: (s) => s.open("ask") },
  reasons: {
    label: "Digits to the reasons",
    group: "This difference",
    keys: ["y"],
    enabled: asked,
    pressed: (s) => s.digits === "reasons",
    run: (s) => s.setDigits("reasons"),
  },
  digit1: digitCommand(1),
  digit2: digitCommand(2),
  digit3: digitCommand(3),
  digit4: digitCommand(4),
  digit5: digitCommand(5),
  digit6: digitCommand(6),
  digit7: digitCommand(7),
  digit8: digitCommand(8),
  digit9: digitCommand(9),
  digit0: digitCommand(0),
  acuity: { label: "Acuity: unknown, acute, old", group: "This difference", keys: ["q"], enabled: isFracture, run: (s) => s.cycleAcuity() },
  teach: { label: "On the teaching list", group: "This difference", keys: ["l"], enabled: asked, pressed: (s) => s.choice.teach, run: (s) => s.toggleTeach() },
  clear: { label: "Take the choice back", group: "This difference", keys: ["Backspace"], enabled: asked, run: (s) => s.clear() },

  fracture: {
    label: "Fracture (slice by slice: this slice)",
    group: "What you say yourselves",
    keys: ["f"],
    shifted: "rangeFracture",
    enabled: ownFinding,
    pressed: (s) => !s.saysSlices && said(s)?.verdict === "fracture",
    run: (s) => (s.saysSlices ? s.own.mark("fracture", false) : s.own.setVerdict("fracture")),
  },
  negative: {
    label: "Negative (slice by slice: this slice)",
    group: "What you say yourselves",
    keys: ["n"],
    shifted: "rangeNegative",
    enabled: ownFinding,
    pressed: (s) => !s.saysSlices && said(s)?.verdict === "negative",
    run: (s) => (s.saysSlices ? s.own.mark("negative", false) : s.own.setVerdict("negative")),
  },
  rangeFracture: {
    label: "Fracture from the last mark to here",
    group: "What you say yourselves",
    keys: ["Shift+f"],
    enabled: bySlices,
    run: (s) => s.own.mark("fracture", true),
  },
  rangeNegative: {
    label: "Negative from the last mark to here",
    group: "What you say yourselves",
    keys: ["Shift+n"],
    enabled: bySlices,
    run: (s) => s.own.mark("negative", true),
  },
  restNegative: {
    label: "The rest of the vertebra negative",
    group: "What you say yourselves",
    keys: ["v"],
    enabled: ownFinding,
    run: (s) => (s.choice.bySlice || s.data.context.unit === "slice" ? s.own.restNegative() : s.own.setVerdict("negative")),
  },
  indeterminate: {
    label: "Indeterminate",
    group: "What you say yourselves",
    keys: ["Shift+i"],
    enabled: ownVerdict,
    pressed: (s) => said(s)?.verdict === "indeterminate",
    run: (s) => s.own.setVerdict("indeterminate"),
  },
  notAssessable: {
    label: "Not assessable, and why",
    group: "What you say yourselves",
    keys: ["x"],
    enabled: ownVerdict,
    pressed: (s) => said(s)?.verdict === "not_assessable",
    run: (s) => s.open("why"),
  },
  typeA1: typeCommand("A1"),
  typeA2: typeCommand("A2"),
  typeA3: typeCommand("A3"),
  typeA4: typeCommand("A4"),
  process: {
    label: "Process fracture, A0",
    group: "What you say yourselves",
    keys: [],
    enabled: ownFinding,
    pressed: (s) => said(s)?.process_fracture ?? false,
    run: (s) => s.own.toggleProcess(),
  },
  injury: { label: "Segment injury below: B1, B2, B3, C, none", group: "What you say yourselves", keys: ["c"], enabled: ownFinding, run: (s) => s.own.cycleInjury() },
  injuryB1: injuryCommand("B1"),
  injuryB2: injuryCommand("B2"),
  injuryB3: injuryCommand("B3"),
  injuryC: injuryCommand("C"),

  presetBone: presetCommand("bone", 1),
  presetWide: presetCommand("wide", 2),
  presetSoft: presetCommand("soft", 3),
  toolWindow: toolCommand("window", "w", "Window: drag left"),
  toolPan: toolCommand("pan", "p", "Move: drag with the wheel pressed"),
  toolZoom: toolCommand("zoom", "z", "Zoom: drag right"),
  outlines: { label: "Mask outlines on or off", group: "Image", keys: ["m"], pressed: (s) => s.tools.outlines, run: (s) => s.tools.toggleOutlines() },
  secondView: {
    label: "Second view: axial and coronal",
    group: "Image",
    keys: ["i"],
    enabled: hasPlanes,
    pressed: (s) => s.tools.planes,
    run: (s) => s.tools.togglePlanes(),
  },
  fit: { label: "Fit the image", group: "Image", keys: ["o"], run: (s) => s.tools.fit() },

  advance: { label: "Settle, next difference; then lock", group: "Case", keys: ["Enter"], run: (s) => s.advance() },
  undo: {
    label: "Undo",
    group: "Case",
    keys: ["Ctrl+z"],
    enabled: (s) => (s.undoable ? writable(s) : "Nothing to undo."),
    repeats: true,
    run: (s) => s.undo(),
  },
  // Where + is Shift and 1, as on Swiss keyboards, that stroke is the bone preset.
  levels: { label: "Levels of A and B", group: "Case", keys: ["+", "Shift+l"], run: (s) => s.open("shift") },
  report: { label: "Report, folded or not", group: "Case", keys: ["t"], run: (s) => s.tools.toggleReport() },
  correct: {
    label: "Correct: open the next version",
    group: "Case",
    keys: ["Shift+r"],
    enabled: (s) => (s.data.json.consensus.reopenable ? true : s.locked ? "You may not correct this consensus." : "It is not locked yet."),
    run: (s) => s.open("correct"),
  },
  keys: { label: "These keys", group: "Case", keys: ["?"], run: (s) => s.open("keys") },
} as const satisfies Record<string, Command>;

function bySlices(sitting: Sitting): true | string {
  const may = ownFinding(sitting);
  return may === true && !sitting.saysSlices ? "This round speaks of vertebrae, not of slices." : may;
}

function isFracture(sitting: Sitting): true | string {
  const may = asked(sitting);
  if (may !== true) return may;
  return sitting.result?.finding.verdict === "fracture" ? true : "Only a fracture is acute or old.";
}

export type CommandName = keyof typeof commands;

export const commandNames = Object.keys(commands) as CommandName[];
export const commandOf = (name: CommandName): Command => commands[name];
export const isCommandName = (name: string): name is CommandName => name in commands;

export const mayRun = (name: CommandName, sitting: Sitting): true | string => commandOf(name).enabled?.(sitting) ?? true;

/** Runs it, or says why not. */
export function runCommand(name: CommandName, sitting: Sitting, held = false): void {
  const may = mayRun(name, sitting);
  if (may === true) commandOf(name).run(sitting, held);
  else sitting.say(may);
}
