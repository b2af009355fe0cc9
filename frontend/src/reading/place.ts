/** Where a link into the room leads: ?vertebra=12&slice=7, the slice counted from 1. */

export interface Place {
  readonly vertebra: number;
  /** From 0; null for the middle of the body. */
  readonly k: number | null;
}

export function placeIn(search: string): Place | null {
  const query = new URLSearchParams(search);
  const [vertebra, slice] = ["vertebra", "slice"].map((name) => numberIn(query.get(name)));
  return vertebra ? { vertebra, k: slice ? slice - 1 : null } : null;
}

const numberIn = (words: string | null): number => (words !== null && /^[1-9]\d{0,15}$/.test(words) ? Number(words) : 0);
