/** Every tool of the room, once: this list feeds the keys, the buttons, the help sheet and the tests. */

import { sameOf } from "./apply.ts";
import { rangeOpen, sliceOpen, vertebraOpen, writable, type Command } from "./command.ts";
import { caseCommands } from "./case-commands.ts";
import { imageCommands } from "./image-commands.ts";
import type { Chord } from "./keys.ts";
import { ACUITIES, EMPTY_STATE, findingOf, injuryOf, nameOf, type AoBody, type Finding, type InjuryType, type Vertebra } from "./model.ts";
import { isRevealed } from "./opinions.ts";
import type { Session } from "./session.ts";
import { suggestionCommands } from "./suggestion-commands.ts";

function somethingSet(session: Session): true | string {
  const may = vertebraOpen(session);
  if (may !== true) return may;
  const { vertebra, room, store } = session;
  if (vertebra && sameOf(store.state, EMPTY_STATE, vertebra.id)) return `Nothing is set on ${nameOf(vertebra, room.context)}.`;
  return true;
}

const finding = (session: Session): Finding | null =>
  session.vertebra && findingOf(session.store.state, session.vertebra.id);

const sliceLabel = (session: Session): string | null => {
  const sop = session.sopAt(session.aim);
  return (sop && finding(session)?.slices[sop]?.value) ?? null;
};

const aoCommand = (type: AoBody, digit: number, words: string): Command => ({
  label: `Type ${type}, ${words}`,
  group: "This vertebra",
  keys: [`Digit${digit}`],
  enabled: vertebraOpen,
  pressed: (session) => finding(session)?.ao_body === type,
  run: (session) => session.change(`type ${type}`, ({ id }) => ({ verb: "set_ao", payload: { vertebra: id, ao_body: type } })),
});

/** Pressing the injury that is set takes it away: it is a tick, like the process fracture. */
const injuryCommand = (type: InjuryType, keys: readonly Chord[], words: string): Command => ({
  label: `Segment injury ${type}, ${words}`,
  group: "This vertebra",
  keys,
  enabled: vertebraOpen,
  pressed: (session) => session.vertebra !== null && injuryOf(session.store.state, session.vertebra.id)?.type === type,
  run: (session) => {
    const set = session.vertebra && injuryOf(session.store.state, session.vertebra.id)?.type === type;
    session.change(set ? "no segment injury" : `segment injury ${type}`, (vertebra) => ({
      verb: "set_injury",
      payload: { vertebra: vertebra.id, upper: vertebra.id, lower: below(session, vertebra)?.id ?? null, type: set ? null : type },
    }));
  },
});

/** Nothing is open in a read that is locked: once the model was revealed, the next thing is the next case. */
function goToNextOpen(session: Session): void {
  if (isRevealed(session.room)) session.open("next");
  else session.nextOpen();
}

const below = (session: Session, vertebra: Vertebra): Vertebra | undefined =>
  session.room.context.vertebrae[session.room.context.vertebrae.indexOf(vertebra) + 1];

export const commands = {
  sliceUp: { label: "Slice towards the right", group: "Move", keys: ["ArrowUp"], repeats: true, run: (s, held) => s.stepSlice(-1, held) },
  sliceDown: { label: "Slice towards the left", group: "Move", keys: ["ArrowDown"], repeats: true, run: (s, held) => s.stepSlice(1, held) },
  firstSlice: { label: "First slice of the vertebra", group: "Move", keys: ["Home"], run: (s) => s.endOfVertebra(-1) },
  lastSlice: { label: "Last slice of the vertebra", group: "Move", keys: ["End"], run: (s) => s.endOfVertebra(1) },
  vertebraUp: { label: "Vertebra above", group: "Move", keys: ["k", "ArrowLeft"], run: (s) => s.stepVertebra(-1) },
  vertebraDown: { label: "Vertebra below", group: "Move", keys: ["j", "ArrowRight"], run: (s) => s.stepVertebra(1) },
  nextOpen: { label: "Next open vertebra", group: "Move", keys: ["Space"], run: goToNextOpen },

  markFracture: {
    label: "Fracture",
    group: "This slice",
    keys: ["f"],
    enabled: (s) => (s.anchor?.dragged ? rangeOpen(s) : sliceOpen(s)),
    needsSlice: true,
    pressed: (s) => sliceLabel(s) === "fracture",
    run: (s) => s.markSlice("fracture"),
  },
  markNegative: {
    label: "Negative",
    group: "This slice",
    keys: ["n"],
    enabled: (s) => (s.anchor?.dragged ? rangeOpen(s) : sliceOpen(s)),
    needsSlice: true,
    pressed: (s) => sliceLabel(s) === "negative",
    run: (s) => s.markSlice("negative"),
  },
  clearSlice: {
    label: "Clear the slice",
    group: "This slice",
    keys: ["Backspace"],
    enabled: (s) => (sliceLabel(s) === null ? "This slice has no label." : sliceOpen(s)),
    needsSlice: true,
    run: (s) => s.clearSlice(),
  },
  startRange: { label: "A range starts here", group: "This slice", keys: ["r"], enabled: vertebraOpen, run: (s) => s.startRange() },
  rangeFracture: {
    label: "Fracture, from the last mark to here",
    group: "This slice",
    keys: ["Shift+f"],
    enabled: rangeOpen,
    needsSlice: true,
    button: "markFracture",
    run: (s) => s.markRange("fracture"),
  },
  rangeNegative: {
    label: "Negative, from the last mark to here",
    group: "This slice",
    keys: ["Shift+n"],
    enabled: rangeOpen,
    needsSlice: true,
    button: "markNegative",
    run: (s) => s.markRange("negative"),
  },

  restNegative: {
    label: "Rest of it negative",
    group: "This vertebra",
    keys: ["v"],
    enabled: vertebraOpen,
    pressed: (s) => finding(s)?.verdict === "negative",
    run: (s) => s.change("rest negative", ({ id }) => ({ verb: "rest_negative", payload: { vertebra: id } })),
  },
  typeA1: aoCommand("A1", 1, "wedge or impaction"),
  typeA2: aoCommand("A2", 2, "split or pincer"),
  typeA3: aoCommand("A3", 3, "incomplete burst"),
  typeA4: aoCommand("A4", 4, "complete burst"),
  processFracture: {
    label: "Process fracture, A0",
    group: "This vertebra",
    keys: ["Digit0"],
    enabled: vertebraOpen,
    pressed: (s) => finding(s)?.process_fracture === true,
    run: (s) => {
      const value = !finding(s)?.process_fracture;
      s.change(value ? "process fracture" : "no process fracture", ({ id }) => ({
        verb: "set_process_fracture",
        payload: { vertebra: id, value },
      }));
    },
  },
  injuryB1: injuryCommand("B1", ["b Digit1"], "transosseous"),
  injuryB2: injuryCommand("B2", ["b Digit2"], "posterior"),
  injuryB3: injuryCommand("B3", ["b Digit3"], "hyperextension"),
  injuryC: injuryCommand("C", ["c"], "displacement"),
  acuity: {
    label: "Acuity: unknown, acute, old",
    group: "This vertebra",
    keys: ["q"],
    enabled: vertebraOpen,
    run: (s) => {
      const now = finding(s)?.acuity ?? "unknown";
      const acuity = ACUITIES[(ACUITIES.indexOf(now) + 1) % ACUITIES.length] ?? "unknown";
      s.change(`acuity ${acuity}`, ({ id }) => ({ verb: "set_acuity", payload: { vertebra: id, acuity } }));
    },
  },
  indeterminate: {
    label: "Indeterminate",
    group: "This vertebra",
    keys: ["i"],
    enabled: vertebraOpen,
    pressed: (s) => finding(s)?.verdict === "indeterminate",
    run: (s) =>
      s.change("indeterminate", ({ id }) => ({ verb: "set_verdict", payload: { vertebra: id, verdict: "indeterminate", why: "" } })),
  },
  notAssessable: {
    label: "Not assessable, says why",
    group: "This vertebra",
    keys: ["x"],
    enabled: vertebraOpen,
    pressed: (s) => finding(s)?.verdict === "not_assessable",
    takesKeys: true,
    run: (s) => s.open("why"),
  },
  unclear: {
    label: "Unclear, a second opinion is wanted",
    group: "This vertebra",
    keys: ["u"],
    enabled: vertebraOpen,
    pressed: (s) => finding(s)?.unclear === true,
    run: (s) => {
      const value = !finding(s)?.unclear;
      s.change(value ? "unclear" : "not unclear", ({ id }) => ({ verb: "set_unclear", payload: { vertebra: id, value } }));
    },
  },
  comment: {
    label: "Comment",
    group: "This vertebra",
    keys: [","],
    enabled: vertebraOpen,
    takesKeys: true,
    run: (s) => s.events.emit("focusComment", null),
  },
  clearVertebra: {
    label: "Clear the vertebra",
    group: "This vertebra",
    keys: ["Shift+Backspace"],
    enabled: somethingSet,
    run: (s) => s.change("cleared", ({ id }) => ({ verb: "restore", payload: { vertebra: id, finding: null, injury: null } })),
  },

  ...suggestionCommands,
  ...imageCommands,
  ...caseCommands,

  undo: {
    label: "Undo",
    group: "Case",
    keys: ["Ctrl+z"],
    enabled: (s) => (s.store.undoable ? writable(s) : "Nothing to undo."),
    run: (s) => s.undo(),
  },
  redo: {
    label: "Redo",
    group: "Case",
    keys: ["Ctrl+Shift+z", "Ctrl+y"],
    enabled: (s) => (s.store.redoable ? writable(s) : "Nothing to redo."),
    run: (s) => s.redo(),
  },
  allNegative: {
    label: "All remaining negative",
    group: "Case",
    keys: ["Shift+v"],
    enabled: allNegativeOpen,
    run: (s) => s.restOfCaseNegative(),
  },
  summary: { label: "Summary, then lock", group: "Case", keys: ["Enter"], takesKeys: true, run: (s) => s.open(isRevealed(s.room) ? "next" : "summary") },
  keys: { label: "These keys", group: "Case", keys: ["?"], takesKeys: true, run: (s) => s.open("keys") },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

export const commandOf = (name: CommandName): Command => commands[name];
export const commandNames = Object.keys(commands) as CommandName[];
export const isCommandName = (name: string): name is CommandName => Object.hasOwn(commands, name);

/** Whether it may change the read: such commands are done in the order in which they were pressed. */
export const writes = (name: CommandName): boolean => {
  const { group, takesKeys } = commandOf(name);
  return group !== "Move" && group !== "Image" && takesKeys !== true;
};

/** true, or why the command cannot be used now. */
export function mayRun(name: CommandName, session: Session): true | string {
  const { enabled, needsSlice } = commandOf(name);
  const may = enabled?.(session) ?? true;
  if (may !== true) return may;
  return needsSlice && !session.screen.displayed ? `Slice ${session.aim + 1} is not on screen yet.` : true;
}

/** What a key or a button does: at once, or as soon as the slice that it is meant for is on screen. */
export function runCommand(name: CommandName, session: Session, held = false): void {
  const { enabled, needsSlice, takesKeys } = commandOf(name);
  const { waiting } = session;
  // What waits must not be overtaken, and must not come later into a dialog or over what was decided there.
  if (takesKeys) waiting.giveUp();
  else if (waiting.isBusy && writes(name)) {
    waiting.add(name);
    return;
  }
  if (needsSlice && !session.screen.displayed && (enabled?.(session) ?? true) === true) waiting.add(name);
  else runNow(name, session, held);
}

export function runNow(name: CommandName, session: Session, held = false): void {
  const may = mayRun(name, session);
  if (may === true) session.doing(name, () => commandOf(name).run(session, held));
  else session.refuse(may, name);
}

function allNegativeOpen(session: Session): true | string {
  const may = writable(session);
  if (may !== true) return may;
  const open = session.openForNegative();
  if (open.length === 0) return "Every vertebra has a verdict.";
  const unseen = new Set(open.flatMap((vertebra) => vertebra.sops.filter((sop) => !session.store.seen.has(sop)))).size;
  if (unseen === 0) return true;
  return `Possible once every slice has been on screen. ${unseen} to go.`;
}
