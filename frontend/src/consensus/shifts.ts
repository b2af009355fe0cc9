/** Whether the levels of A and B fit: what the server found, and what was done about it. Pure. */

import type { ConsensusJson, Letter } from "./shapes.ts";

export type ShiftState =
  | { readonly kind: "fit"; readonly words: string }
  | { readonly kind: "looks"; readonly words: string }
  | { readonly kind: "shifted"; readonly words: string; readonly letter: Letter };

/** A read that is shifted by `by` was taken to be off by as much towards the head. */
const movedWords = (by: number): string => (by > 0 ? "down by one" : "up by one");

const looksWords = (by: number): string => (by > 0 ? "one level higher" : "one level lower");

export function shiftState({ letters, asked, shift, shifted }: Pick<ConsensusJson, "letters" | "asked" | "shift" | "shifted">): ShiftState {
  const moved = letters.find((letter) => (shifted[letter]?.by ?? 0) !== 0);
  const how = moved && shifted[moved];
  if (moved && how) return { kind: "shifted", letter: moved, words: `${moved} is shifted ${movedWords(how.by)}${how.who ? `, by ${how.who}` : ""}.` };
  if (shift) return { kind: "looks", words: shiftTitle(shift) + "." };
  const single = asked.some(({ difference }) => difference === "level");
  return { kind: "fit", words: single ? "Levels differ, but no shift by one fits." : "Levels of A and B fit." };
}

/** "B looks one level higher than A" */
export const shiftTitle = ({ letter, by }: { readonly letter: Letter; readonly by: number }): string =>
  `${letter} looks ${looksWords(by)} than ${letter === "A" ? "B" : "A"}`;

/** "Shift B down by one" */
export const shiftAction = ({ letter, by }: { readonly letter: Letter; readonly by: number }): string => `Shift ${letter} ${movedWords(by)}`;

export const shiftedRow = ({ letter, by }: { readonly letter: Letter; readonly by: number }): string => `${letter}, ${movedWords(by)}`;
