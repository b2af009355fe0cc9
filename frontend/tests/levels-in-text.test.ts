import assert from "node:assert/strict";
import { test } from "node:test";

import { levelsIn } from "../src/reading/levels-in-text.ts";

const named = (text: string): string[] => levelsIn(text).flatMap(({ level }) => (level ? [level] : []));

const TEXTS: readonly (readonly [string, readonly string[]])[] = [
  ["Frische Deckplattenimpressionsfraktur LWK 1 ohne Hinterkantenbeteiligung (AO A1).", ["L1"]],
  ["Inkomplette Berstungsfraktur BWK 12 mit 4 mm Hinterkantenversatz.", ["T12"]],
  ["Fraktur LWK1, Sinterung BWK8 und HWK 5.", ["L1", "T8", "C5"]],
  ["Querfortsatzfrakturen L2 und L3 links, Wirbelkörper intakt.", ["L2", "L3"]],
  ["Höhenminderung LWK 4 um ca. 30 %, Alter der Fraktur nicht sicher zu bestimmen.", ["L4"]],
  ["Osteochondrose L4/5 mit Deckplattensklerose.", ["L4", "L5"]],
  ["Osteochondrose LWK 4/5, Listhese LWK 4 / LWK 5", ["L4", "L5", "L4", "L5"]],
  ["Fraktur Th12 und Th 11, TH10.", ["T12", "T11", "T10"]],
  ["Frakturen LWK 2 und 3 sowie BWK 5 bis 8.", ["L2", "L3", "T5", "T8"]],
  ["Fraktur des 12. Brustwirbelkörpers und des 1. Lendenwirbels.", ["T12", "L1"]],
  ["LWK 2 und 3 mm Versatz", ["L2"]],
  ["Burst fracture of L1 with retropulsion, 4 mm; 40% anterior height loss at T12.", ["L1", "T12"]],
  ["Status post T10-L2 instrumentation for burst fracture of T12.", ["T10", "L2", "T12"]],
  ["Compression fractures T5 to T8 and L1, the latter new.", ["T5", "T8", "L1"]],
  ["Fracture of the 12th thoracic vertebra and the 1st lumbar vertebra.", ["T12", "L1"]],
  ["Spinous process fractures C7 and T1 (clay-shoveler)", ["C7", "T1"]],
  ["Tassement ancien de D12, inchangé. Lyse de D6.", ["T12", "T6"]],
  ["Fracture de la 2e vertèbre lombaire et de la 11ème vertèbre dorsale.", ["L2", "T11"]],
  ["Sacralised L6, thirteenth rib at T13", ["L6", "T13"]],
];

const NO_LEVEL: readonly string[] = [
  "Kein Nachweis einer frischen Wirbelkörperfraktur.",
  "T1-weighted and T2-FLAIR images, T1w, T2 gewichtet",
  "Rippenserienfraktur 6-9 rechts",
  "AO A1, B2, C",
  "L7, T14, C8, L0, D15, LWK 9",
  "CT12, vitamin d3, XL5, L1234",
  "S1 und S2",
];

for (const [text, levels] of TEXTS) {
  test(`names ${levels.join(", ")} in “${text}”`, () => assert.deepEqual(named(text), levels));
}

for (const text of NO_LEVEL) test(`names nothing in “${text}”`, () => assert.deepEqual(named(text), []));

test("a link is the whole word", () => {
  assert.deepEqual(levelsIn("des 12. Brustwirbelkörpers.")[1], { text: "12. Brustwirbelkörpers", level: "T12" });
});

test("the pieces together are the text, whatever it holds", () => {
  for (const text of [...TEXTS.map(([each]) => each), ...NO_LEVEL, "", "L1", "L1L2", "L4/5/", "\nBWK\u00a012\t"]) {
    assert.equal(levelsIn(text).map((piece) => piece.text).join(""), text);
  }
});
