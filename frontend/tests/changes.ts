/** Any change a person could make, drawn at random. */

import type { Measure, Point } from "../src/reading/measures.ts";
import { AO_BODIES, ACUITIES, WHYS, type Change } from "../src/reading/model.ts";
import { CASE, L1, L2, T12 } from "./case.ts";

export function anyChange(roll: (limit: number) => number): Change {
  const vertebra = [T12, L1, L2][roll(3)] ?? L1;
  const { id } = vertebra;
  const pick = <Item>(items: readonly Item[]): Item => items[roll(items.length)] as Item;
  const reachable = [...vertebra.sops, ...vertebra.marginSops];
  const value = pick(["fracture", "negative", null] as const);
  switch (roll(13)) {
    case 0:
    case 1:
      return { verb: "label_slices", payload: { vertebra: id, sop_uids: [pick(reachable)], value, source: "key" } };
    case 2: {
      const from = roll(vertebra.sops.length);
      return { verb: "label_slices", payload: { vertebra: id, sop_uids: vertebra.sops.slice(from), value, source: "range" } };
    }
    case 3:
      return { verb: "rest_negative", payload: { vertebra: id } };
    case 4: {
      const verdict = pick(["negative", "fracture", "indeterminate", "not_assessable", null] as const);
      return { verb: "set_verdict", payload: { vertebra: id, verdict, why: verdict === "not_assessable" ? pick(WHYS).value : "" } };
    }
    case 5:
      return { verb: "set_ao", payload: { vertebra: id, ao_body: pick([...AO_BODIES, null]) } };
    case 6:
      return { verb: "set_process_fracture", payload: { vertebra: id, value: roll(2) === 1 } };
    case 7:
      return { verb: "set_acuity", payload: { vertebra: id, acuity: pick(ACUITIES) } };
    case 8:
      return { verb: "set_comment", payload: { vertebra: id, text: pick(["", "old", "limbus?"]) } };
    case 9:
      return { verb: "set_level_said", payload: { vertebra: id, level: pick(["", "T13", "L1"]) } };
    case 10: {
      const point = (): Point => [roll(51_200) / 100, roll(51_200) / 100];
      const length = (): Measure => ({ kind: "length", sop_uid: pick(CASE.sops), points: [point(), point()] });
      return { verb: "set_measures", payload: { vertebra: id, measures: Array.from({ length: roll(3) }, length) } };
    }
    case 11: {
      const verdict = pick(["fracture", "negative"] as const);
      const slices = Object.fromEntries(vertebra.sops.map((sop) => [sop, pick(["negative", verdict] as const)]));
      return { verb: "accept", payload: { vertebra: id, model_read: 7, verdict, slices, all: roll(2) === 1 } };
    }
    default: {
      const lower = CASE.vertebrae[CASE.vertebrae.indexOf(vertebra) + 1]?.id ?? null;
      return { verb: "set_injury", payload: { vertebra: id, upper: id, lower, type: pick(["B1", "B2", "B3", "C", null] as const) } };
    }
  }
}
