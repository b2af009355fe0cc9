/** The server's answer about one consensus, in the words of this screen. */

import type { RoomVertebraOut } from "../api/schema.ts";
import { sliceIndex, sopUid, vertebraId, type Finding, type Injury, type ReadContext, type ReadState, type SopUid, type Vertebra, type VertebraId } from "../reading/model.ts";
import { EMPTY_FINDING, findingOf, injuryOf } from "../reading/model.ts";
import { originWords } from "../reading/room-data.ts";
import { stateOf } from "../reading/transport.ts";
import type { DicomJson } from "../viewer/geometry.ts";
import type { ViewerSlice } from "../viewer/stack-viewer.ts";
import type { AskedJson, ConsensusJson, Letter } from "./shapes.ts";

/** A label is accepted this many slices beyond the body, where the mask may be too small. */
const MARGIN = 2;

/** One vertebra that the panel is asked about. */
export interface Asked {
  readonly vertebra: Vertebra;
  readonly json: AskedJson;
  readonly differing: ReadonlySet<SopUid>;
}

/** What does not change while the screen is open, but by a shift. */
export interface ConsensusData {
  readonly json: ConsensusJson;
  readonly readId: number;
  readonly context: ReadContext;
  readonly rows: readonly RoomVertebraOut[];
  readonly viewerSlices: readonly ViewerSlice[];
  readonly stackWords: string;
  /** What it is where it is no clinical CT, else ''. */
  readonly origin: string;
  readonly personWords: string;
  /** Harm first. */
  readonly asked: readonly Asked[];
  readonly agreed: readonly Vertebra[];
  readonly states: Readonly<Partial<Record<Letter, ReadState>>>;
  /** First and last slice that datasets keep of each body; null where they keep none. */
  readonly kept: ReadonlyMap<VertebraId, readonly [number, number] | null>;
}

export function dataOf(json: ConsensusJson): ConsensusData {
  const slices = [...json.stack.slices].sort((left, right) => left.k - right.k);
  const sops = slices.map((slice) => sopUid(slice.sop_uid));
  const vertebrae = json.vertebrae.map((row) => vertebraOf(row, sops));
  const byId = new Map(vertebrae.map((vertebra) => [vertebra.id, vertebra]));
  const found = (id: number): Vertebra[] => {
    const vertebra = byId.get(vertebraId(id));
    return vertebra ? [vertebra] : [];
  };
  const { rules } = json.round;
  const states = Object.fromEntries(json.letters.map((letter) => [letter, stateOf(json.reads[letter]?.state ?? { findings: {}, injuries: {} })]));
  return {
    json,
    readId: json.consensus.id,
    context: { unit: rules.unit, aoRequired: rules.ao_required, vertebrae, sops },
    rows: json.vertebrae,
    viewerSlices: slices.map((slice) => ({
      sopUid: slice.sop_uid,
      frameUrl: json.stack.frames_url.replace("{sop_uid}", slice.sop_uid),
      metadata: (json.stack.metadata[slice.k] ?? {}) as DicomJson,
    })),
    stackWords: `Sagittal${json.stack.origin === "derived" ? ", derived" : ""}, ${json.stack.slice_spacing.toFixed(1)} mm`,
    origin: originWords(json.case.origin),
    personWords: personWords(json.case.sex, json.case.age),
    asked: json.asked.flatMap((asked) => found(asked.vertebra).map((vertebra) => ({ vertebra, json: asked, differing: new Set(asked.sop_uids.map(sopUid)) }))),
    agreed: json.agreed.flatMap(found),
    states,
    kept: new Map(json.vertebrae.map((row) => [vertebraId(row.id), keptOf(row)])),
  };
}

/** In the order of the spine instead. */
export const byLevel = (asked: readonly Asked[], { vertebrae }: ReadContext): Asked[] =>
  [...asked].sort((left, right) => vertebrae.indexOf(left.vertebra) - vertebrae.indexOf(right.vertebra));

/** What A or B says of a vertebra, with its levels as moved where a shift was set. */
export function findingBy(data: ConsensusData, letter: Letter, vertebra: Vertebra): Finding {
  const state = data.states[letter];
  return state ? findingOf(state, vertebra.id) : EMPTY_FINDING;
}

export function injuryBy(data: ConsensusData, letter: Letter, vertebra: Vertebra): Injury | null {
  const state = data.states[letter];
  return state ? injuryOf(state, vertebra.id) : null;
}

function vertebraOf(row: RoomVertebraOut, sops: readonly SopUid[]): Vertebra {
  const extent = [sliceIndex(row.first_k), sliceIndex(row.last_k)] as const;
  return {
    id: vertebraId(row.id),
    level: row.level,
    certainty: row.certainty,
    cut: row.cut,
    cutWhere: row.cut_where,
    labelValue: row.label_value,
    extent,
    sops: sops.slice(extent[0], extent[1] + 1),
    marginSops: [...sops.slice(Math.max(0, extent[0] - MARGIN), extent[0]), ...sops.slice(extent[1] + 1, extent[1] + 1 + MARGIN)],
  };
}

const keptOf = ({ kept_first_k: first, kept_last_k: last }: RoomVertebraOut): readonly [number, number] | null =>
  first === null || last === null ? null : [first, last];

function personWords(sex: string, age: string): string {
  const word = { F: "Woman", M: "Man", O: "Other" }[sex] ?? "";
  return word && age ? `${word}, ${age}` : word || (age && `${age} years`);
}
