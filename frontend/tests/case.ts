/** A small case for the tests: three vertebrae over twelve slices. */

import { sliceIndex, sopUid, vertebraId, type ReadContext, type SopUid, type Vertebra } from "../src/reading/model.ts";

export const SOPS: readonly SopUid[] = Array.from({ length: 12 }, (_, k) => sopUid(`2.25.${k + 1}`));

const vertebra = (id: number, level: string, first: number, last: number, cut = false): Vertebra => ({
  id: vertebraId(id),
  level,
  certainty: "certain",
  cut,
  cutWhere: cut ? "top" : "",
  labelValue: id,
  extent: [sliceIndex(first), sliceIndex(last)],
  sops: SOPS.slice(first, last + 1),
  marginSops: [...SOPS.slice(Math.max(0, first - 2), first), ...SOPS.slice(last + 1, last + 3)],
});

export const T12 = vertebra(12, "T12", 3, 8, true);
export const L1 = vertebra(21, "L1", 3, 8);
export const L2 = vertebra(22, "L2", 2, 9);

export const CASE: ReadContext = { unit: "slice", aoRequired: true, vertebrae: [T12, L1, L2], sops: SOPS };
export const ALL_SEEN: ReadonlySet<SopUid> = new Set(SOPS);

/** Storage as the browser has it, in memory. */
export class MemoryStorage {
  readonly items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
  }
}

/** A seeded generator of whole numbers below `limit` (mulberry32), so that a failing sequence can be run again. */
export function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
