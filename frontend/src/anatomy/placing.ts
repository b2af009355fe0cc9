/** Vertebrae placed by a click on the centre of the body: where in the row they belong and what they are called. */

import { boxAt, centreOf, extentOf, gapsOf, type Box, type Edge, type Grid, type Vector } from "./boxes.ts";
import { column, countDown, lumbarCount, namesBetween, thoracicCount } from "./levels.ts";
import { levelsOf, resized, sizeOf, type Bodies, type Body, type Space } from "./model.ts";

/** Within this share of its height outside of the image, a body is cut; less is a click that was not quite central. */
const CUT_SHARE = 0.12;

export interface PlacedResult {
  readonly bodies: Bodies;
  readonly placed: Body;
  /** What happened to the names, in words. */
  readonly words: string;
}

/** Where a body whose centre lies here stands in the row, from head to feet. */
export function placeOf(point: Vector, bodies: Bodies, grid: Grid): number {
  const row = grid.toIndex(point)[1];
  const below = bodies.findIndex((body) => grid.toIndex(centreOf(body.box))[1] > row);
  return below < 0 ? bodies.length : below;
}

/** One more vertebra with its centre here. `first` names it where it is the only one; else its neighbours do. */
export function place(point: Vector, bodies: Bodies, first: string, space: Space, key: string): PlacedResult | null {
  const at = placeOf(point, bodies, space.grid);
  const { level, levels, words } = namesAfter(bodies, at, first);
  const size = sizeOf(level, space.sizes);
  const box = boxAt(point, size);
  const extent = extentOf(box, space.grid);
  if (!extent) return null;
  const edge = cutEdge(box, size[2], space.grid);
  const placed: Body = {
    key,
    vertebra: null,
    level,
    certainty: level ? "assumed" : "unknown",
    extent,
    box,
    cut: edge !== "",
    cutWhere: edge,
    maskOk: "missing",
    byHand: true,
    labelValue: 0,
    note: "",
    sized: false,
  };
  const row = [...bodies.slice(0, at), placed, ...bodies.slice(at)].map((body, index) => {
    const name = levels[index] ?? "";
    return name === body.level ? body : { ...body, level: name, certainty: name ? ("assumed" as const) : ("unknown" as const) };
  });
  const whole = resized(row, space);
  return { bodies: whole, placed: whole[at] as Body, words };
}

/** Names after one more stands at this place. Those above keep theirs; below they count on where none was free. */
function namesAfter(bodies: Bodies, at: number, first: string): { level: string; levels: readonly string[]; words: string } {
  const levels = levelsOf(bodies);
  const above = levels[at - 1];
  const below = levels[at];
  const counts = { thoracic: thoracicCount(levels), lumbar: lumbarCount(levels) };
  const all = column(counts);
  const put = (level: string, words = ""): { level: string; levels: readonly string[]; words: string } => ({
    level,
    levels: [...levels.slice(0, at), level, ...levels.slice(at)],
    words,
  });
  if (bodies.length === 0) return put(first);
  if (below === undefined) return put(above ? (all[all.indexOf(above) + 1] ?? afterLast(above, levels)) : "");
  if (above === undefined) return put(below ? (all[all.indexOf(below) - 1] ?? "") : "");
  const free = namesBetween(above, below, levels);
  if (free.length > 0) return put(free[0] as string);
  const counted = above ? countDown(above, bodies.length - at + 2, { ...counts, lumbar: 6 }) : null;
  if (!above || !counted || "problem" in counted) return put("", "It has no name yet: there is none between its neighbours.");
  const tail = counted.levels.slice(1);
  const words = `Placed below ${above}. The names below count on: ${tail.at(0)} to ${tail.at(-1)}.`;
  return { level: tail[0] as string, levels: [...levels.slice(0, at), ...tail], words };
}

/** Clicked ones that found no name below L6 have one once the others have moved up. */
export function countedOn(bodies: Bodies, levels: readonly string[]): readonly string[] {
  const all = column({ thoracic: thoracicCount(levels), lumbar: lumbarCount(levels) });
  const named: string[] = [];
  levels.forEach((level, at) => {
    const above = named[at - 1];
    const isFree = level === "" && bodies[at]?.vertebra === null && !levels.slice(at).some(Boolean);
    named.push(isFree && above ? (all[all.indexOf(above) + 1] ?? "") : level);
  });
  return named;
}

/** Below L5 comes L6 where somebody clicks one, and then nothing. */
const afterLast = (above: string, levels: readonly string[]): string =>
  (above === "L5" || above === "L4") && !levels.includes("L6") ? `L${Number(above.slice(1)) + 1}` : "";

function cutEdge(box: Box, height: number, grid: Grid): Edge | "" {
  const gaps = gapsOf(box, grid);
  if (gaps.top < -CUT_SHARE * height) return "top";
  return gaps.bottom < -CUT_SHARE * height ? "bottom" : "";
}

/** The same body with its centre here. */
export function moved(body: Body, point: Vector, { grid }: Space): Body | null {
  const [x, y, z] = centreOf(body.box);
  const by = [point[0] - x, point[1] - y, point[2] - z] as const;
  const box = body.box.map((side, index) => side + (by[Math.floor(index / 2)] as number)) as unknown as Box;
  const extent = extentOf(box, grid);
  return extent ? { ...body, box, extent } : null;
}
