/** A small consensus for the tests: the case of case.ts, two reads that differ on L1 and L2, and a server in memory. */

import type { Reply } from "../src/api/client.ts";
import { EMPTY_FINDING, type Finding, type SliceMark, type SopUid } from "../src/reading/model.ts";
import { dataOf, type ConsensusData } from "../src/consensus/data.ts";
import { Drafts } from "../src/consensus/drafts.ts";
import type { Write } from "../src/consensus/server.ts";
import type { AskedJson, ConsensusJson, SettledAnswer, SettledJson } from "../src/consensus/shapes.ts";
import { Sitting } from "../src/consensus/sitting.ts";
import { Writes } from "../src/consensus/writes.ts";
import { L1, L2, MemoryStorage, SOPS, T12 } from "./case.ts";

const marks = (vertebra: typeof L1, fractured: readonly number[]): Record<SopUid, SliceMark> =>
  Object.fromEntries(vertebra.sops.map((sop) => [sop, { value: fractured.includes(SOPS.indexOf(sop)) ? "fracture" : "negative", source: "key" }] as const));

export const finding = (more: Partial<Finding>): Finding => ({ ...EMPTY_FINDING, ...more });

export const fracture = (vertebra: typeof L1, ao_body: Finding["ao_body"], fractured: readonly number[], more: Partial<Finding> = {}): Finding =>
  finding({ verdict: "fracture", ao_body, slices: marks(vertebra, fractured), ...more });

export const negative = (vertebra: typeof L1): Finding => finding({ verdict: "negative", slices: marks(vertebra, []) });

/** L1: A fracture A1 on slices 5 and 6, B negative. L2: both fractures, A1 on 4 to 6 and A3 on 6 to 9. */
export function consensusJson(more: Partial<ConsensusJson> = {}): ConsensusJson {
  const row = (vertebra: typeof L1): object => ({
    id: vertebra.id,
    level: vertebra.level,
    certainty: "certain",
    cut: vertebra.cut,
    cut_where: vertebra.cutWhere,
    first_k: vertebra.extent?.[0],
    last_k: vertebra.extent?.[1],
    kept_first_k: null,
    kept_last_k: null,
    label_value: vertebra.labelValue,
    origin: "mask",
    box: [],
    mask_ok: null,
  });
  const asked = (vertebra: typeof L1, difference: AskedJson["difference"], harm: number, why: string, ks: readonly number[]): AskedJson => ({
    vertebra: vertebra.id,
    level: vertebra.level,
    difference,
    harm,
    why,
    sop_uids: ks.map((k) => SOPS[k] as string),
  });
  const read = (findings: Record<number, Finding>): object => ({ state: { findings, injuries: {} }, locked_at: "2026-01-05T09:00:00Z", version: 1, active_ms: 161000, shift: 0, shift_moves: "", slices_labelled: true });
  const json = {
    consensus: { id: 7, version: 1, state: "draft", seq: 3, locked_at: null, writable: true, target: "fracture", reopenable: false },
    round: { id: 2, name: "Consensus 1", kind: "consensus", rules: { unit: "slice", outlines: "shown", report: "hidden", ao_required: true } },
    follows: { name: "Blind 1", kind: "independent", imported: false },
    case: { id: 1, name: "SAG-0117", sex: "F", age: "72", origin: "clinical", limited: "", facts: [] },
    stack: { slices: SOPS.map((sop_uid, k) => ({ k, sop_uid })), frames_url: "/{sop_uid}", metadata: [], origin: "native", slice_spacing: 2, rows: 1, columns: 1, affine: [] },
    outlines_url: null,
    anatomy: { id: 1, n: 1 },
    vertebrae: [row(T12), row(L1), row(L2)],
    letters: ["A", "B"],
    reads: {
      A: read({ [L1.id]: fracture(L1, "A1", [5, 6], { acuity: "acute" }), [L2.id]: fracture(L2, "A1", [4, 5, 6], { acuity: "old" }) }),
      B: read({ [L1.id]: negative(L1), [L2.id]: fracture(L2, "A3", [6, 7, 8, 9], { acuity: "old" }) }),
    },
    asked: [asked(L1, "verdict", 100, "Fracture or negative", [5, 6]), asked(L2, "ao", 62, "A1 or A3", [4, 5, 7, 8, 9])],
    agreed: [T12.id],
    settled: {},
    state: { findings: {}, injuries: {} },
    gaps: [],
    reasons: [
      { code: "schmorl", text: "Schmorl node" },
      { code: "wedging", text: "Normal wedging" },
    ],
    members: [{ reader: 4, name: "Sofia Brunner", initials: "SB", senior: true, present: true, you: true }],
    shift: null,
    shifted: {},
    report: { open: false, may_show: false, text: null },
    questions: [],
    record: [],
    position: { index: 1, of: 2 },
    next: null,
    versions: [],
    second: { axial: false, coronal: false },
    hindrance: "",
    ...more,
  };
  return json as unknown as ConsensusJson;
}

export const consensusData = (more: Partial<ConsensusJson> = {}): ConsensusData => dataOf(consensusJson(more));

/** The server's side of settling, as far as the browser can tell. */
export class SettlingServer {
  seq = 3;
  settled: Record<string, SettledJson> = {};
  state: { findings: Record<string, Finding>; injuries: Record<string, never> } = { findings: {}, injuries: {} };
  readonly writes: Write[] = [];
  readonly known = new Map<string, number>();
  /** What the next requests are answered with instead. */
  troubles: Reply<SettledAnswer>[] = [];

  async write(write: Write): Promise<Reply<SettledAnswer>> {
    this.writes.push(write);
    const trouble = this.troubles.shift();
    if (trouble) return trouble;
    if (!this.known.has(write.uuid)) {
      if (write.base_seq !== this.seq) return { kind: "problem", status: 409, problem: { code: "conflict", sentence: "Changed meanwhile." } };
      this.seq += 1;
      this.known.set(write.uuid, this.seq);
      const { [String(write.vertebra)]: _gone, ...others } = this.settled;
      this.settled = others;
      if (write.kind === "settle") {
        const { took, reason, acuity, teach, explanation } = write;
        this.settled = { ...this.settled, [String(write.vertebra)]: { took, reason, acuity, teach, explanation } };
        if (write.finding) this.state = { ...this.state, findings: { ...this.state.findings, [String(write.vertebra)]: write.finding } };
      }
    }
    const { settled, state } = this;
    return { kind: "ok", body: { seq: this.known.get(write.uuid) ?? this.seq, settled, state, gaps: [] } as unknown as SettledAnswer };
  }
}

/** A viewer that shows every slice at once. */
export class StillScreen {
  wanted = 5;
  window = [1800, 400] as const;
  get destination(): number {
    return this.wanted;
  }
  get displayed(): { readonly k: number; readonly sopUid: string; readonly at: Date } {
    return { k: this.wanted, sopUid: SOPS[this.wanted] as string, at: new Date(0) };
  }
  show(k: number): void {
    this.wanted = k;
  }
  step(delta: number): void {
    this.wanted += delta;
  }
  stepWhenShown(delta: number): void {
    this.wanted += delta;
  }
  setWindow(): void {}
  fit(): void {}
}

export interface Opened {
  readonly sitting: Sitting;
  readonly server: SettlingServer;
  readonly screen: StillScreen;
  readonly storage: MemoryStorage;
  readonly said: string[];
}

export function openSitting(more: Partial<ConsensusJson> = {}, server = new SettlingServer(), storage = new MemoryStorage()): Opened {
  const data = consensusData({ settled: server.settled, state: server.state as never, ...more });
  const writes = new Writes({ server, storage, key: "queue", seq: data.json.consensus.seq });
  const screen = new StillScreen();
  const sitting = new Sitting(data, { writes, drafts: new Drafts(storage, "drafts"), screen });
  const said: string[] = [];
  sitting.events.on("said", (sentence) => said.push(sentence));
  return { sitting, server, screen, storage, said };
}

export const settledDown = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
