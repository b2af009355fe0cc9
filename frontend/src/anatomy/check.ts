/** The anatomy check in words: what is to be confirmed, and what nobody has said yet. No DOM. */

import { column, lumbarCount, namesBetween, orderProblem, thoracicCount } from "./levels.ts";
import { cutWords, levelsOf, nameOf, spanOf, type Bodies, type Body } from "./model.ts";

export interface Point {
  readonly words: string;
  /** Where to go to mend it. */
  readonly key: string | null;
}

export interface Check {
  /** What a person puts their name to. */
  readonly statements: readonly string[];
  /** Has to be said before it can be confirmed. */
  readonly open: readonly Point[];
  /** Worth a look, and possible. */
  readonly notes: readonly Point[];
}

const number = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

export function checkOf(bodies: Bodies): Check {
  return { statements: statements(bodies), open: open(bodies), notes: notes(bodies) };
}

function statements(bodies: Bodies): string[] {
  if (bodies.length === 0) return [];
  const names = (chosen: Bodies): string => listed(chosen.map((body) => nameOf(body, bodies)));
  const whole = bodies.filter((body) => !body.cut);
  const cut = bodies.filter((body) => body.cut);
  const absent = bodies.flatMap((_, place) => missingBelow(bodies, place));
  return [
    `${number(bodies.length, "vertebra", "vertebrae")} in view, ${spanOf(bodies)}${absent.length > 0 ? ` without ${listed(absent)}` : ""}, and no other.`,
    levelWords(bodies),
    cut.length === 0
      ? "None is cut at the edge of the image."
      : `${number(whole.length, "is complete", "are complete")}; ${cut.map((body) => `${nameOf(body, bodies)} is ${cutWords(body)}`).join(", ")}.`,
    maskWords(bodies, names),
  ];
}

function levelWords(bodies: Bodies): string {
  const of = (certainty: Body["certainty"]): Bodies => bodies.filter((body) => body.certainty === certainty);
  const levels = levelsOf(bodies);
  const odd = [
    thoracicCount(levels) === 12 ? "" : `${thoracicCount(levels)} thoracic vertebrae`,
    levels.includes("L6") ? "6 lumbar vertebrae" : "",
  ].filter(Boolean);
  const variant = odd.length > 0 ? `, with ${listed(odd)}` : "";
  for (const [certainty, words] of [
    ["certain", "certain: two anchors seen"],
    ["assumed", "assumed: one anchor or convention"],
    ["unknown", "unknown"],
  ] as const) {
    if (of(certainty).length === bodies.length) return `All levels are ${words}${variant}.`;
  }
  const parts = (["certain", "assumed", "unknown"] as const).filter((each) => of(each).length > 0);
  return `Levels: ${parts.map((each) => `${of(each).length} ${each}`).join(", ")}${variant}.`;
}

function maskWords(bodies: Bodies, names: (chosen: Bodies) => string): string {
  const said = (value: Body["maskOk"]): Bodies => bodies.filter((body) => body.maskOk === value);
  const [right, wrong, missing] = [said("yes"), said("no"), said("missing")];
  if (right.length === bodies.length) return "All masks are right.";
  if (missing.length === bodies.length) return "All were placed by hand; there are no masks.";
  return [
    right.length > 0 ? `${number(right.length, "mask")} right` : "",
    wrong.length > 0 ? `wrong: ${names(wrong)}` : "",
    missing.length > 0 ? `missing: ${names(missing)}` : "",
    said(null).length > 0 ? `not looked at: ${names(said(null))}` : "",
  ]
    .filter(Boolean)
    .join("; ")
    .replace(/^./, (letter) => letter.toUpperCase())
    .concat(".");
}

function open(bodies: Bodies): Point[] {
  if (bodies.length === 0) return [{ words: "No vertebra is here yet. Click the centre of each body, from top to bottom.", key: null }];
  const unsaid = bodies.filter((body) => body.maskOk === null);
  const problem = orderProblem(levelsOf(bodies));
  return [
    ...(problem ? [{ words: problem, key: null }] : []),
    ...(unsaid.length > 0
      ? [{ words: `Is the mask right? Not said of ${listed(unsaid.map((body) => nameOf(body, bodies)))}.`, key: unsaid[0]?.key ?? null }]
      : []),
  ];
}

function notes(bodies: Bodies): Point[] {
  return bodies.flatMap((body, place) => {
    const missing = missingBelow(bodies, place);
    const unnamed = body.level ? [] : [{ words: `The level of ${nameOf(body, bodies)} from the top is not known.`, key: body.key }];
    if (missing.length === 0) return unnamed;
    const words = `${listed(missing)} ${missing.length === 1 ? "is" : "are"} not in the list between ${body.level} and ${bodies[place + 1]?.level}.`;
    return [...unnamed, { words, key: body.key }];
  });
}

/** The names that are left out between a vertebra and the next one. */
export const missingBelow = (bodies: Bodies, place: number): readonly string[] =>
  namesBetween(bodies[place]?.level ?? "", bodies[place + 1]?.level ?? "", levelsOf(bodies));

/** All names of this spine, for what has none. */
export const columnOf = (bodies: Bodies): readonly string[] => {
  const levels = levelsOf(bodies);
  return column({ thoracic: thoracicCount(levels), lumbar: lumbarCount(levels) });
};
