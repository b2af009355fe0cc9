/**
 * Key strokes as words. A chord is one stroke ("f", "Shift+f", "Ctrl+Alt+Shift+z", "Digit1", "ArrowUp") or two in a row
 * ("b Digit1"). Letters and signs go by `event.key`, as printed on the keyboard; digits by `event.code`, because AZERTY
 * sends & for 1; letters with Alt by `event.code` too, because some systems write another letter then.
 */

export type Chord = string;

/** What a stroke looks like to us; KeyboardEvent has these. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

interface Stroke {
  readonly name: string;
  readonly shift: boolean;
  readonly ctrl: boolean;
  readonly alt: boolean;
}

const strokeOf = (text: string): Stroke => {
  const parts = text.split("+");
  // The plus sign is a key, too.
  const name = text.endsWith("+") ? "+" : (parts.at(-1) as string);
  return { name, shift: parts.includes("Shift"), ctrl: parts.includes("Ctrl"), alt: parts.includes("Alt") };
};

export const strokesOf = (chord: Chord): readonly string[] => chord.split(" ");

/** Whether a press is this stroke. A modifier that the stroke does not name never fits: Ctrl+S stays the browser's. */
export function fits(press: KeyPress, stroke: string): boolean {
  const { name, shift, ctrl, alt } = strokeOf(stroke);
  if (alt !== press.altKey || ctrl !== (press.ctrlKey || press.metaKey)) return false;
  const pressed = nameOf(press);
  if (digitOf(name)) return shift === press.shiftKey && pressed === name;
  // Where a sign lies differs by keyboard, and with it whether Shift is held to type it.
  if (isSign(name)) return press.key === name;
  return shift === press.shiftKey && pressed === name.toLowerCase();
}

/** The stroke that a press is, for a key that is given to a command; null while only modifiers are held. */
export function strokeOfPress(press: KeyPress): string | null {
  const name = isSign(press.key) && !digitOf(press.code) ? press.key : nameOf(press);
  if (["shift", "control", "alt", "altgraph", "meta", "capslock", "dead", "unidentified", "process"].includes(name)) return null;
  const spelt = name.length === 1 || digitOf(name) ? name : press.key === " " ? "Space" : press.key;
  const shift = press.shiftKey && !isSign(spelt);
  return `${press.ctrlKey || press.metaKey ? "Ctrl+" : ""}${press.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${spelt}`;
}

/** A key by one name whatever is held with it: "f", "Digit1", "space", "arrowup". */
function nameOf(press: KeyPress): string {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(press.code)?.[1];
  if (digit !== undefined) return `Digit${digit}`;
  const letter = /^Key([A-Z])$/.exec(press.code)?.[1];
  // Also where the keyboard has other letters than ours.
  if (letter && (press.altKey || !/^[a-z]$/i.test(press.key))) return letter.toLowerCase();
  return press.key === " " ? "space" : press.key.toLowerCase();
}

const digitOf = (name: string): boolean => /^(?:Digit|Numpad)\d$/.test(name);

const isSign = (name: string): boolean => name.length === 1 && name !== " " && name.toLowerCase() === name.toUpperCase();

/** Keys that only move: speech and a brushed key can do no harm with them. */
const MOVES = new Set(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]);

/** Whether a chord may work where single keys are off (WCAG 2.1.4): Ctrl or Alt is held, or the key only moves. */
export const isDeliberate = (chord: Chord): boolean =>
  strokesOf(chord).every((text) => {
    const { name, ctrl, alt } = strokeOf(text);
    return ctrl || alt || MOVES.has(name);
  });

const CAPS: Readonly<Record<string, string>> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Backspace: "⌫",
  Enter: "⏎",
  Escape: "Esc",
  PageUp: "Page up",
  PageDown: "Page down",
};

/** The key caps of a chord, for buttons and the help sheet: ["Shift", "F"], ["B", "1"]. */
export function capsOf(chord: Chord): string[] {
  return strokesOf(chord).flatMap((text) => {
    const { name, shift, ctrl, alt } = strokeOf(text);
    const cap = CAPS[name] ?? (name.startsWith("Digit") ? name.slice(5) : name.length === 1 ? name.toUpperCase() : name);
    return [...(ctrl ? ["Ctrl"] : []), ...(alt ? ["Alt"] : []), ...(shift ? ["Shift"] : []), cap];
  });
}

/** A chord in one line: "Shift F", "B 1". */
export const capWords = (chord: Chord): string => capsOf(chord).join(" ");

/** What to press after the first of two strokes: "B: now 1, 2 or 3." */
export function secondWords(first: string, chords: readonly Chord[]): string {
  const seconds = chords.filter((chord) => strokesOf(chord)[0] === first).map((chord) => capWords(strokesOf(chord)[1] ?? ""));
  const last = seconds.pop();
  return `${capWords(first)}: now ${seconds.length > 0 ? `${seconds.join(", ")} or ` : ""}${last ?? ""}.`;
}

/** What aria-keyshortcuts wants: "Shift+F Control+Y". It has no word for two strokes in a row; those are left out. */
export const ariaShortcuts = (chords: readonly Chord[]): string =>
  chords
    .filter((chord) => strokesOf(chord).length === 1)
    .map((chord) => {
      const { name, shift, ctrl, alt } = strokeOf(chord);
      const spelt = digitOf(name) ? name.slice(5) : name === "+" ? "Plus" : name.length === 1 ? name.toUpperCase() : name;
      return [ctrl && "Control", alt && "Alt", shift && "Shift", spelt].filter(Boolean).join("+");
    })
    .join(" ");

/** The same of one chord. */
export const ariaShortcut = (chord: Chord): string => ariaShortcuts([chord]);

/** A tick takes no letters. */
const EDITABLE = "input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable='true']";

/** Whether a press belongs to the control that has the focus: text is being typed, or a button is being pressed. */
export function belongsToControl(press: KeyPress, target: Element | null): boolean {
  if (!target) return false;
  if (target.closest(EDITABLE)) return press.key !== "Escape";
  const pressable = target.closest("button, a[href], summary, input, [role='slider']");
  return pressable !== null && (press.key === "Enter" || press.key === " ");
}

/** How long the second stroke of a chord may take, in milliseconds. */
export const CHORD_PAUSE = 2500;

type Table<Name extends string> = Readonly<Record<Name, readonly Chord[]>>;

interface Entry<Name> {
  readonly name: Name;
  readonly strokes: readonly string[];
}

/** Finds what a press means: a chord of one of the names, the start of one, or nothing. */
export class ChordReader<Name extends string> {
  private chords: readonly Entry<Name>[];
  private begun: readonly Entry<Name>[] = [];
  private begunAt = 0;

  constructor(table: Table<Name>) {
    this.chords = entriesOf(table);
  }

  /** Keys were given to other commands. */
  change(table: Table<Name>): void {
    this.chords = entriesOf(table);
    this.forget();
  }

  /** A stroke that was begun does not wait any more. */
  forget(): void {
    this.begun = [];
  }

  read(press: KeyPress, now: number): { readonly name: Name } | { readonly begun: readonly Name[] } | null {
    const waiting = now - this.begunAt <= CHORD_PAUSE ? this.begun : [];
    this.begun = [];
    const second = waiting.find(({ strokes }) => fits(press, strokes[1] as string));
    if (second) return { name: second.name };
    const first = this.chords.filter(({ strokes }) => fits(press, strokes[0] as string));
    const whole = first.find(({ strokes }) => strokes.length === 1);
    if (whole) return { name: whole.name };
    if (first.length === 0) return null;
    this.begun = first;
    this.begunAt = now;
    return { begun: first.map(({ name }) => name) };
  }
}

const entriesOf = <Name extends string>(table: Table<Name>): Entry<Name>[] =>
  (Object.keys(table) as Name[]).flatMap((name) => table[name].map((chord) => ({ name, strokes: strokesOf(chord) })));
