/** The heights of a vertebra in words: millimetres, and what is lost against its neighbours. */

import { HEIGHT_NAMES, heightsOf, lossAgainst, lossWithin, type HeightName, type Heights, type PixelSpacing } from "./measures.ts";
import { findingOf, nameOf, type ReadContext, type ReadState, type Vertebra } from "./model.ts";

export interface HeightWords {
  readonly name: HeightName;
  /** "17.2" */
  readonly mm: string;
  /** "−34 %", "+2 %", or "" where there is nothing to compare with. */
  readonly loss: string;
}

export interface HeightsInWords {
  readonly heights: readonly HeightWords[];
  /** "against T12 and L2", "against its posterior height". */
  readonly reference: string;
}

/** Neighbours that were measured are the reference; without any, the vertebra's own posterior height. */
export function heightsInWords(
  vertebra: Vertebra,
  heights: Heights,
  state: ReadState,
  context: ReadContext,
  spacing: PixelSpacing,
): HeightsInWords {
  const at = context.vertebrae.indexOf(vertebra);
  const neighbours = [context.vertebrae[at - 1], context.vertebrae[at + 1]].flatMap((each) => {
    const measured = each && heightsOf(findingOf(state, each.id).measures, spacing);
    return each && measured ? [{ name: nameOf(each, context), measured }] : [];
  });
  const losses = neighbours.length > 0 ? lossAgainst(heights, neighbours.map(({ measured }) => measured)) : lossWithin(heights);
  return {
    heights: HEIGHT_NAMES.map((name) => ({ name, mm: heights[name].toFixed(1), loss: lossWords(losses[name]) })),
    reference: neighbours.length > 0 ? `against ${neighbours.map(({ name }) => name).join(" and ")}` : "against its posterior height",
  };
}

/** A loss has a minus, as the height that is gone; what is taller has a plus. */
export function lossWords(loss: number | null): string {
  if (loss === null) return "";
  const percent = Math.round(loss * 100);
  return percent > 0 ? `−${percent} %` : percent < 0 ? `+${-percent} %` : "0 %";
}
