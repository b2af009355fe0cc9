/**
 * Vertebral levels named in a report, in the spellings of German, English and French: L1, LWK 1, LWK1, Th12, BWK 12,
 * D12, "12. Brustwirbelkörper", "12th thoracic vertebra", "2e vertèbre lombaire". Pairs and ranges name a level at both
 * ends: "L4/5", "T5 to T8", "LWK 2 und 3".
 */

export interface Piece {
  readonly text: string;
  /** The level as we call it; null for words between. */
  readonly level: string | null;
}

type Region = "C" | "T" | "L";

/** How many vertebrae a region can have; T13 and L6 exist. */
const COUNT: Readonly<Record<Region, number>> = { C: 7, T: 13, L: 6 };

const PREFIX: Readonly<Record<string, Region>> = {
  c: "C",
  hwk: "C",
  hwb: "C",
  t: "T",
  th: "T",
  d: "T",
  bwk: "T",
  bwb: "T",
  l: "L",
  lwk: "L",
  lwb: "L",
};

const WORD: Readonly<Record<string, Region>> = {
  hals: "C",
  cervical: "C",
  brust: "T",
  thora: "T",
  dorsal: "T",
  lenden: "L",
  lumbar: "L",
  lombaire: "L",
};

/** T1-weighted is a word of another modality, not of a vertebra. */
const NO_SEQUENCE = String.raw`(?![-\s]?(?:w\b|gew|wi\b|weight|pond|flair|stir|tse))`;
/** "L1, 4 mm": the second number is a measure. */
const NO_MEASURE = String.raw`(?!\d|[.,]\d|\s?(?:mm|cm|%|°|x\s?\d|HE\b|HU\b|Jahre|years?\b|ans\b|Wochen|weeks?\b|semaines|Tagen?\b|days?\b|jours|Monate|months?\b|mois))`;

const NUMBER = String.raw`(\d{1,2})`;
/** Abbreviations of several letters may have a space, and be written small. */
const LONG = String.raw`\b((?:[HBL]W[KB]|Th)(?:s|er)?)[\s\u00a0.]?${NUMBER}(?!\d)`;
const SHORT = String.raw`\b([CTDL])${NUMBER}(?!\d)${NO_SEQUENCE}`;
const SPACED = String.raw`\b([TL])[ \u00a0]${NUMBER}(?![\d.,]\d)${NO_MEASURE}${NO_SEQUENCE}`;
const ORDINAL = String.raw`\b${NUMBER}(?:\.|st|nd|rd|th|re|ère|er|e|ème|ᵉ)?[\s-]+(?:vert[eè]bres?\s+)?(Hals|Brust|Lenden)wirbel\p{L}*`;
const ORDINAL_WORD = String.raw`\b${NUMBER}(?:st|nd|rd|th|re|ère|er|e|ème|ᵉ)\s+(?:vert[eè]bres?\s+)?(cervical|thora[ck]i[ck]|thoracique|dorsal|lumbar|lombaire)`;
const LEVEL = new RegExp(`${LONG}|${SHORT}|${SPACED}|${ORDINAL}|${ORDINAL_WORD}`, "giu");
/** What may stand between a level and a second number of the same region. */
const SECOND = new RegExp(String.raw`^(\s?(?:\/|-|–|bis|to|à|und|u\.|and|et)\s?)${NUMBER}${NO_MEASURE}(?!\.\s?(?:Hals|Brust|Lenden|Rippe))`, "iu");

/** The text in pieces, in order; together they are the text. */
export function levelsIn(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  const words = (to: number): void => {
    if (to > at) pieces.push({ text: text.slice(at, to), level: null });
    at = to;
  };
  for (const match of text.matchAll(LEVEL)) {
    const found = regionAndNumber(match);
    if (!found || match.index < at) continue;
    words(match.index);
    at = match.index + match[0].length;
    pieces.push({ text: match[0], level: `${found.region}${found.number}` });
    for (;;) {
      const second = SECOND.exec(text.slice(at));
      const level = second && levelOf(found.region, Number(second[2]));
      if (!second || !level) break;
      words(at + (second[1] as string).length);
      at += (second[2] as string).length;
      pieces.push({ text: second[2] as string, level });
    }
  }
  words(text.length);
  return pieces;
}

function regionAndNumber(match: RegExpMatchArray): { readonly region: Region; readonly number: number } | null {
  const [, long, longNumber, short, shortNumber, spaced, spacedNumber, ordinal, , ordinalWord] = match;
  const prefix = (long ?? short ?? spaced)?.toLowerCase().replace(/(?<=w[kb])(?:s|er)$/, "");
  // One letter is a level only as a capital: "c3" may be anything.
  if (prefix?.length === 1 && (short ?? spaced) !== (short ?? spaced)?.toUpperCase()) return null;
  const stem = [match[8], match[10]].find(Boolean)?.toLowerCase();
  const region = prefix ? PREFIX[prefix] : stem && Object.entries(WORD).find(([start]) => stem.startsWith(start))?.[1];
  const number = Number(longNumber ?? shortNumber ?? spacedNumber ?? ordinal ?? ordinalWord);
  return region && levelOf(region, number) ? { region, number } : null;
}

const levelOf = (region: Region, number: number): string | null =>
  number >= 1 && number <= COUNT[region] ? `${region}${number}` : null;
