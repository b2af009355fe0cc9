/** Names of a row of vertebrae, from head to feet: the twin of labeling/anatomy/numbering.py. "" is a level not known. */

const range = (letter: string, last: number): string[] => Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);

/** Every level from head to feet; T13 between T12 and L1. */
export const LEVELS: readonly string[] = [...range("C", 7), ...range("T", 13), ...range("L", 6)];

export type Thoracic = 11 | 12 | 13;
export type Lumbar = 4 | 5 | 6;
export const THORACIC: readonly Thoracic[] = [11, 12, 13];
export const LUMBAR: readonly Lumbar[] = [4, 5, 6];

/** How many thoracic and lumbar vertebrae a spine has. */
export interface Counts {
  readonly thoracic: Thoracic;
  readonly lumbar: Lumbar;
}

/** Names, or the sentence that says why there are none. */
export type Named = { readonly levels: readonly string[] } | { readonly problem: string };

/** All levels of a spine with so many thoracic and lumbar vertebrae. */
export function column({ thoracic, lumbar }: Counts): readonly string[] {
  const last: Readonly<Record<string, number>> = { C: 7, T: thoracic, L: lumbar };
  return LEVELS.filter((level) => Number(level.slice(1)) <= (last[level.charAt(0)] ?? 0));
}

/** The levels of `count` vertebrae without a gap, of which the one at `place` (0 = uppermost) is called `level`. */
export function countFrom(level: string, place: number, count: number, counts: Counts): Named {
  const all = column(counts);
  const at = all.indexOf(level);
  if (at < 0) {
    return { problem: `${level} is not among ${counts.thoracic} thoracic and ${counts.lumbar} lumbar vertebrae. Change the count or the name.` };
  }
  const first = at - place;
  if (first < 0) return { problem: `${place + 1} vertebrae from ${level} up reach beyond C1. Begin further down, or take one out.` };
  if (first + count > all.length) {
    return { problem: `${count - place} vertebrae from ${level} on reach beyond ${all.at(-1)}. Begin further up, or take one out.` };
  }
  return { levels: all.slice(first, first + count) };
}

export const countDown = (first: string, count: number, counts: Counts): Named => countFrom(first, 0, count, counts);

/** 13 where T13 is named, 11 where L1 follows on T11, else 12. */
export function thoracicCount(levels: readonly string[]): Thoracic {
  if (levels.includes("T13")) return 13;
  return levels.some((level, place) => level === "T11" && levels[place + 1] === "L1") ? 11 : 12;
}

/** 6 where L6 is named, else 5: that the lowest one in view is L4 does not say that it is the last. */
export const lumbarCount = (levels: readonly string[]): Lumbar => (levels.includes("L6") ? 6 : 5);

/** Every vertebra called by the name of its neighbour: +1 toward the feet (L1 becomes L2), -1 toward the head. */
export function shift(levels: readonly string[], by: 1 | -1): Named {
  const named = levels.filter(Boolean);
  if (named.length === 0) return { problem: "No vertebra has a name to shift. Name one first." };
  const all = column({ thoracic: thoracicCount(levels), lumbar: 6 });
  const places = named.map((level) => all.indexOf(level));
  if (Math.min(...places) + by < 0) return { problem: "The uppermost vertebra is C1 already. The names cannot move up by one." };
  if (Math.max(...places) + by >= all.length) {
    return { problem: `The lowest vertebra is ${all.at(-1)} already. The names cannot move down by one.` };
  }
  return { levels: levels.map((level) => (level ? (all[all.indexOf(level) + by] as string) : "")) };
}

/** A sentence where a level stands twice or out of order from head to feet, else "". */
export function orderProblem(levels: readonly string[]): string {
  let above = "";
  for (const level of levels.filter(Boolean)) {
    if (levels.filter((each) => each === level).length > 1) return `Two vertebrae are called ${level}. Give one of them another name.`;
    if (above && LEVELS.indexOf(level) < LEVELS.indexOf(above)) {
      return `${level} stands below ${above}. Names run from head to feet: change one of them.`;
    }
    above = level;
  }
  return "";
}

/** The names between two neighbours of the list that nobody bears: ["T12"] between T11 and L1. */
export function namesBetween(above: string, below: string, levels: readonly string[]): readonly string[] {
  if (!above || !below) return [];
  const all = column({ thoracic: thoracicCount(levels), lumbar: lumbarCount(levels) });
  const from = all.indexOf(above);
  const to = all.indexOf(below);
  return from < 0 || to < 0 ? [] : all.slice(from + 1, to);
}
