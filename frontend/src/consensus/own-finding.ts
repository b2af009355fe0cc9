/** What a panel says of a vertebra itself, where it takes neither read or decides slice by slice: the laws are those of every read. */

import {
  findingOf,
  type AoBody,
  type Change,
  type InjuryType,
  type SopUid,
  type Vertebra,
  type VertebraId,
  type Why,
} from "../reading/model.ts";
import { OperationRefused } from "../reading/refused.ts";
import type { ImageScreen } from "../reading/session.ts";
import { says, type Choice } from "./choice.ts";
import type { ConsensusData } from "./data.ts";

/** What it needs to know of the sitting. */
export interface Speaker {
  readonly vertebra: Vertebra | null;
  readonly choice: Choice;
  readonly data: ConsensusData;
  readonly screen: ImageScreen;
  choose(choice: Choice): void;
  setDigits(digits: "finding"): void;
  toUndecided(): void;
  say(sentence: string): void;
}

const NOT_SHOWN = "This slice is not on screen yet. Nothing was changed.";
const INJURIES: readonly (InjuryType | null)[] = [null, "B1", "B2", "B3", "C"];

export class OwnFinding {
  private readonly sitting: Speaker;
  /** The last mark, from which a range begins. */
  private anchor: { readonly vertebra: VertebraId; readonly k: number } | null = null;

  constructor(sitting: Speaker) {
    this.sitting = sitting;
  }

  setType(ao_body: AoBody): void {
    const { vertebra } = this.sitting;
    if (!vertebra) return;
    const same = findingOf(this.sitting.choice.said, vertebra.id).ao_body === ao_body;
    this.change({ verb: "set_ao", payload: { vertebra: vertebra.id, ao_body: same ? null : ao_body } });
  }

  toggleProcess(): void {
    const { vertebra } = this.sitting;
    if (!vertebra) return;
    const value = !findingOf(this.sitting.choice.said, vertebra.id).process_fracture;
    this.change({ verb: "set_process_fracture", payload: { vertebra: vertebra.id, value } });
  }

  setInjury(type: InjuryType | null): void {
    const { vertebra } = this.sitting;
    if (!vertebra) return;
    const { vertebrae } = this.sitting.data.context;
    const lower = vertebrae[vertebrae.indexOf(vertebra) + 1]?.id ?? null;
    this.change({ verb: "set_injury", payload: { vertebra: vertebra.id, upper: vertebra.id, lower, type } });
  }

  cycleInjury(): void {
    const { vertebra } = this.sitting;
    if (!vertebra) return;
    const type = this.sitting.choice.said.injuries[vertebra.id]?.type ?? null;
    this.setInjury(INJURIES[(INJURIES.indexOf(type) + 1) % INJURIES.length] ?? null);
  }

  setVerdict(verdict: "fracture" | "negative" | "indeterminate"): void {
    const { vertebra } = this.sitting;
    if (vertebra) this.change({ verb: "set_verdict", payload: { vertebra: vertebra.id, verdict, why: "" } });
  }

  /** Every slice without a word is negative; without a fractured one, so is the vertebra. */
  restNegative(): void {
    const { vertebra } = this.sitting;
    if (vertebra) this.change({ verb: "rest_negative", payload: { vertebra: vertebra.id } });
  }

  setNotAssessable(why: Why): void {
    const { vertebra } = this.sitting;
    if (vertebra) this.change({ verb: "set_verdict", payload: { vertebra: vertebra.id, verdict: "not_assessable", why } });
  }

  /** Of the slice on screen, or from the last mark to here. */
  mark(value: "fracture" | "negative", isRange: boolean): void {
    const { vertebra } = this.sitting;
    const { displayed } = this.sitting.screen;
    if (!vertebra) return;
    if (!displayed) {
      this.sitting.say(NOT_SHOWN);
      return;
    }
    const from = isRange && this.anchor?.vertebra === vertebra.id ? this.anchor.k : displayed.k;
    const [first, last] = [Math.min(from, displayed.k), Math.max(from, displayed.k)];
    const allowed = new Set<SopUid>([...vertebra.sops, ...vertebra.marginSops]);
    const between = this.sitting.data.context.sops.slice(first, last + 1);
    const sop_uids = between.length > 1 ? between.filter((sop) => allowed.has(sop)) : between;
    const source = sop_uids.length === 1 ? "key" : "range";
    const done = this.change({ verb: "label_slices", payload: { vertebra: vertebra.id, sop_uids, value, source } });
    if (!done) return;
    this.anchor = { vertebra: vertebra.id, k: displayed.k };
    if (this.sitting.choice.bySlice) this.sitting.toUndecided();
  }

  private change(change: Change): boolean {
    if (this.sitting.choice.took !== "neither") return false;
    try {
      this.sitting.choose(says(this.sitting.choice, this.sitting.data.context, change));
      this.sitting.setDigits("finding");
      return true;
    } catch (error) {
      if (!(error instanceof OperationRefused)) throw error;
      this.sitting.say(error.message);
      return false;
    }
  }
}
