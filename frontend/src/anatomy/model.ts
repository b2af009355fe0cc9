/** The anatomy on the table: what a person says of the vertebrae of one case, before it becomes a version. No DOM. */

import type { AnatomyVertebraOut, VertebraInRequest } from "../api/schema.ts";
import { boxAt, centreOf, extentOf, scaleOf, widened, type BodySize, type Box, type Edge, type Grid } from "./boxes.ts";

export type Certainty = "certain" | "assumed" | "unknown";
export type MaskOk = "yes" | "no" | "missing";

/** One vertebra. Never changed: every change makes a new one. */
export interface Body {
  /** Stands for it on this page; identities of new ones are the server's. */
  readonly key: string;
  readonly vertebra: number | null;
  readonly level: string;
  readonly certainty: Certainty;
  readonly extent: readonly [number, number];
  readonly box: Box;
  readonly cut: boolean;
  readonly cutWhere: Edge | "";
  readonly maskOk: MaskOk | null;
  readonly byHand: boolean;
  /** In outlines; 0 where it was placed by hand. */
  readonly labelValue: number;
  /** What a program did to its mask, in words; empty where nothing was done. */
  readonly note: string;
  /** A hand has set its slices or pulled its box: its size follows its name no longer. */
  readonly sized: boolean;
}

/** All vertebrae in view, from head to feet. */
export type Bodies = readonly Body[];

export type Sizes = Readonly<Record<string, BodySize>>;

/** What the functions below need to know of the case. */
export interface Space {
  readonly grid: Grid;
  readonly sizes: Sizes;
}

/** Values of the server that this page knows; another word would be a newer server. */
const EDGE_WORDS = new Set<string>(["top", "bottom", "left", "right", "front", "back"]);

export function bodyOf(json: AnatomyVertebraOut): Body {
  return {
    key: json.id === null ? crypto.randomUUID() : String(json.id),
    vertebra: json.id,
    level: json.level,
    certainty: json.certainty,
    extent: [json.first_k, json.last_k],
    box: json.box as unknown as Box,
    cut: json.cut,
    cutWhere: EDGE_WORDS.has(json.cut_where) ? (json.cut_where as Edge) : "",
    maskOk: json.mask_ok as MaskOk | null,
    byHand: json.origin === "by_hand",
    labelValue: json.label_value,
    note: json.note,
    sized: true,
  };
}

export const sentBody = (body: Body): VertebraInRequest => ({
  vertebra: body.vertebra,
  level: body.level as VertebraInRequest["level"],
  certainty: body.certainty,
  first_k: body.extent[0],
  last_k: body.extent[1],
  box: [...body.box],
  cut: body.cut,
  cut_where: body.cutWhere,
  mask_ok: body.maskOk,
  origin: body.byHand ? "by_hand" : "segmented",
});

/** Whether two lists say the same. */
export const isSame = (left: Bodies, right: Bodies): boolean =>
  left.length === right.length && left.every((body, place) => JSON.stringify(sentBody(body)) === JSON.stringify(sentBody(right[place] as Body)));

/** "L1", or where no level is known its place: "3rd from the top" would be long, "no. 3" is not. */
export const nameOf = (body: Body, bodies: Bodies): string => body.level || `no. ${bodies.indexOf(body) + 1}`;

export const levelsOf = (bodies: Bodies): string[] => bodies.map((body) => body.level);

const CUT_WORDS: Readonly<Record<Edge | "", string>> = {
  top: "cut at the top",
  bottom: "cut at the bottom",
  left: "cut at the left edge",
  right: "cut at the right edge",
  front: "cut at the front",
  back: "cut at the back",
  "": "cut at the edge",
};

/** "cut at the top", or "" for one that is complete. */
export const cutWords = (body: Body): string => (body.cut ? CUT_WORDS[body.cutWhere] : "");

export const middleOf = (body: Body): number => Math.floor((body.extent[0] + body.extent[1]) / 2);

export const replaced = (bodies: Bodies, key: string, change: (body: Body) => Body): Bodies =>
  bodies.map((body) => (body.key === key ? change(body) : body));

export const without = (bodies: Bodies, key: string): Bodies => bodies.filter((body) => body.key !== key);

/** Other names, from head to feet. A name that was moved by hand stands on no anchor that anybody has named. */
export function renamed(bodies: Bodies, levels: readonly string[], space: Space): Bodies {
  const next = bodies.map((body, place) => {
    const level = levels[place] ?? "";
    if (level === body.level) return body;
    return { ...body, level, certainty: level ? "assumed" : "unknown" } satisfies Body;
  });
  return resized(next, space);
}

/** Certain, assumed, unknown, and round again. Unknown takes the name; `name` is what it is called afterwards. */
export function nextCertainty(body: Body, name: string): Body {
  if (body.certainty === "certain") return { ...body, certainty: "assumed" };
  if (body.certainty === "assumed") return { ...body, certainty: "unknown", level: "" };
  return name ? { ...body, certainty: "certain", level: name } : body;
}

/** The name that a vertebra without one has to have by its neighbours, or "". */
export function nameByNeighbours(bodies: Bodies, place: number, all: readonly string[]): string {
  const above = bodies[place - 1]?.level;
  const below = bodies[place + 1]?.level;
  const name = above ? all[all.indexOf(above) + 1] : below ? all[all.indexOf(below) - 1] : undefined;
  return name && !levelsOf(bodies).includes(name) ? name : "";
}

/** Complete, then cut at each border, the nearest first, then complete again. */
export function nextCut(body: Body, edges: readonly Edge[]): Body {
  const round: readonly (Edge | "")[] = ["", ...edges];
  const now = body.cut ? body.cutWhere || (edges[0] ?? "top") : "";
  const next = round[(round.indexOf(now) + 1) % round.length] ?? "";
  return { ...body, cut: next !== "", cutWhere: next };
}

/** Sets first or last slice of the body; the other one gives way. The box of one placed by hand goes with it. */
export function withExtent(body: Body, end: "first" | "last", k: number, { grid }: Space): Body {
  const at = Math.min(Math.max(k, 0), grid.slices - 1);
  const extent = end === "first" ? ([at, Math.max(at, body.extent[1])] as const) : ([Math.min(at, body.extent[0]), at] as const);
  if (extent[0] === body.extent[0] && extent[1] === body.extent[1]) return body;
  return { ...body, extent, sized: true, box: body.byHand ? widened(body.box, extent, grid) : body.box };
}

/** All masks right; what was placed by hand has none. */
export const allRight = (bodies: Bodies): Bodies => bodies.map((body) => (body.byHand ? body : { ...body, maskOk: "yes" }));

/** Boxes placed by hand in the size of their level, in this person's scale; those that a hand pulled stay. */
export function resized(bodies: Bodies, { grid, sizes }: Space): Bodies {
  const scale = scaleOf(bodies.map((body) => ({ centre: centreOf(body.box), height: sizeOf(body.level, sizes)[2] })));
  return bodies.map((body) => {
    if (!body.byHand || body.sized) return body;
    const box = boxAt(centreOf(body.box), sizeOf(body.level, sizes), scale);
    const extent = extentOf(box, grid);
    return extent ? { ...body, box, extent } : body;
  });
}

export const sizeOf = (level: string, sizes: Sizes): BodySize => sizes[level] ?? sizes[""] ?? [40, 32, 25];

/** "T9 to L5" */
export const spanOf = (bodies: Bodies): string => {
  const [first, last] = [bodies[0]?.level || "?", bodies.at(-1)?.level || "?"];
  return bodies.length > 1 ? `${first} to ${last}` : first;
};
