/**
 * Key strokes as words. A chord is one stroke ("f", "Shift+f", "Ctrl+Shift+z", "Digit1", "ArrowUp") or two in a row
 * ("b Digit1"). Letters and signs go by `event.key`, as printed on the keyboard; digits by `event.code`, because AZERTY
 * sends & for 1.
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
}

const strokeOf = (text: string): Stroke => {
  const parts = text.split("+");
  return { name: parts.at(-1) as string, shift: parts.includes("Shift"), ctrl: parts.includes("Ctrl") };
};

export const strokesOf = (chord: Chord): readonly string[] => chord.split(" ");

/** Whether a press is this stroke. A modifier that the stroke does not name never fits: Ctrl+S stays the browser's. */
export function fits(press: KeyPress, stroke: string): boolean {
  const { name, shift, ctrl } = strokeOf(stroke);
  if (press.altKey || ctrl !== (press.ctrlKey || press.metaKey)) return false;
  if (name.startsWith("Digit")) {
    return shift === press.shiftKey && (press.code === name || press.code === name.replace("Digit", "Numpad"));
  }
  // Where a sign lies differs by keyboard, and with it whether Shift is held to type it.
  if (isSign(name)) return press.key === name;
  return shift === press.shiftKey && press.key.toLowerCase() === name.toLowerCase();
}

const isSign = (name: string): boolean => name.length === 1 && name.toLowerCase() === name.toUpperCase();

const CAPS: Readonly<Record<string, string>> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Backspace: "⌫",
  Enter: "⏎",
  Escape: "Esc",
};

/** The key caps of a chord, for buttons and the help sheet: ["Shift", "F"], ["B", "1"]. */
export function capsOf(chord: Chord): string[] {
  return strokesOf(chord).flatMap((text) => {
    const { name, shift, ctrl } = strokeOf(text);
    const cap = CAPS[name] ?? (name.startsWith("Digit") ? name.slice(5) : name.length === 1 ? name.toUpperCase() : name);
    return [...(ctrl ? ["Ctrl"] : []), ...(shift ? ["Shift"] : []), cap];
  });
}

/** What aria-keyshortcuts wants: "Shift+F", a sequence joined by a space. */
export const ariaShortcut = (chord: Chord): string =>
  strokesOf(chord)
    .map((stroke) => stroke.replace("Ctrl", "Control").replace("Digit", "").replace(/\b[a-z]$/, (letter) => letter.toUpperCase()))
    .join(" ");

const EDITABLE = "input, textarea, select, [contenteditable='true']";

/** Whether a press belongs to the control that has the focus: text is being typed, or a button is being pressed. */
export function belongsToControl(press: KeyPress, target: Element | null): boolean {
  if (!target) return false;
  if (target.closest(EDITABLE)) return press.key !== "Escape";
  const pressable = target.closest("button, a[href], summary, [role='slider']");
  return pressable !== null && (press.key === "Enter" || press.key === " ");
}

/** How long the second stroke of a chord may take, in milliseconds. */
export const CHORD_PAUSE = 2500;

/** Finds what a press means: a chord of one of the names, the start of one, or nothing. */
export class ChordReader<Name extends string> {
  private readonly chords: readonly { readonly name: Name; readonly strokes: readonly string[] }[];
  private begun: readonly { readonly name: Name; readonly strokes: readonly string[] }[] = [];
  private begunAt = 0;

  constructor(table: Readonly<Record<Name, readonly Chord[]>>) {
    this.chords = (Object.keys(table) as Name[]).flatMap((name) =>
      table[name].map((chord) => ({ name, strokes: strokesOf(chord) })),
    );
  }

  /** A stroke that was begun does not wait any more. */
  forget(): void {
    this.begun = [];
  }

  read(press: KeyPress, now: number): { readonly name: Name } | { readonly begun: readonly Name[] } | null {
    const waiting = now - this.begunAt <= CHORD_PAUSE ? this.begun : [];
    this.begun = [];
    const second = waiting.find(({ strokes }) => fits(normal(press), strokes[1] as string));
    if (second) return { name: second.name };
    const first = this.chords.filter(({ strokes }) => fits(normal(press), strokes[0] as string));
    const whole = first.find(({ strokes }) => strokes.length === 1);
    if (whole) return { name: whole.name };
    if (first.length === 0) return null;
    this.begun = first;
    this.begunAt = now;
    return { begun: first.map(({ name }) => name) };
  }
}

/** The space bar sends " ", which cannot stand in a chord that is split at spaces. */
const normal = (press: KeyPress): KeyPress =>
  press.key === " "
    ? {
        key: "Space",
        code: press.code,
        shiftKey: press.shiftKey,
        ctrlKey: press.ctrlKey,
        metaKey: press.metaKey,
        altKey: press.altKey,
      }
    : press;
