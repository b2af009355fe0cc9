/** How the state of a vertebra looks: a sign, a class and words. Shape and word first, colour second. */

import type { Body } from "../model.ts";

export interface Look {
  readonly className: string;
  readonly sign: string;
  readonly words: string;
}

export function lookOf(body: Body): Look {
  switch (body.maskOk) {
    case "yes":
      return { className: "an-right", sign: "✓", words: "mask right" };
    case "no":
      return { className: "an-wrong", sign: "×", words: "mask wrong" };
    case "missing":
      return { className: "an-hand", sign: "–", words: "mask missing" };
    default:
      return { className: "an-open", sign: "?", words: "mask not looked at" };
  }
}

export const CERTAINTY_SIGN = { certain: "", assumed: "~", unknown: "" } as const;

export const CERTAINTY_WORDS = {
  certain: "Certain: two anchors seen",
  assumed: "Assumed: one anchor or convention",
  unknown: "Unknown: it has no name",
} as const;
