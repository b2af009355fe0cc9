/**
 * A server for the queue's tests: it keeps the contract of POST /api/reads/…/operations (same UUID = same answer, base
 * seq or conflict) with our own rules of reading, and it can be cut off before or after it has written.
 */

import { apply, OperationRefused } from "../src/reading/apply.ts";
import { EMPTY_STATE, type ReadState, type SopUid } from "../src/reading/model.ts";
import type { ActiveTotal, Answer, Looked, Operation, Transport } from "../src/reading/operation.ts";
import { CASE } from "./case.ts";

export type Trouble = "none" | "lost before" | "lost after" | "session" | "elsewhere";

export class ContractServer implements Transport {
  state: ReadState = EMPTY_STATE;
  seq = 0;
  readonly written = new Map<string, Answer>();
  readonly order: string[] = [];
  readonly seenSops = new Set<SopUid>();
  trouble: () => Trouble = () => "none";
  locked = false;
  /** Last words that were heard. */
  left = 0;
  active: readonly ActiveTotal[] = [];

  async write(operation: Operation & { readonly base_seq: number }): Promise<Answer> {
    await Promise.resolve();
    const trouble = this.trouble();
    if (trouble === "session") return { kind: "session" };
    if (trouble === "lost before") return { kind: "unreachable" };
    // What was written before is answered again, whoever has the read now.
    if (trouble === "elsewhere" && !this.written.has(operation.uuid)) return { kind: "elsewhere" };
    const answer = this.answer(operation);
    return trouble === "lost after" ? { kind: "unreachable" } : answer;
  }

  async seen({ sops, active }: Looked): Promise<{ readonly kind: "noted" } | Answer> {
    await Promise.resolve();
    const trouble = this.trouble();
    if (trouble === "session") return { kind: "session" };
    if (trouble === "elsewhere") return { kind: "elsewhere" };
    if (trouble !== "none") return { kind: "unreachable" };
    this.active = active;
    for (const sop of sops) this.seenSops.add(sop);
    return { kind: "noted" };
  }

  async leaving({ sops }: Looked): Promise<void> {
    await Promise.resolve();
    this.left += 1;
    for (const sop of sops) this.seenSops.add(sop);
  }

  private answer(operation: Operation & { readonly base_seq: number }): Answer {
    const before = this.written.get(operation.uuid);
    if (before) return before;
    if (this.locked) return { kind: "locked" };
    if (operation.base_seq !== this.seq) return { kind: "conflict", seq: this.seq, state: this.state };
    try {
      this.state = apply(this.state, CASE, this.seenSops, operation);
    } catch (error) {
      if (error instanceof OperationRefused) return { kind: "refused", sentence: error.message };
      throw error;
    }
    this.seq += 1;
    this.order.push(operation.uuid);
    const { vertebra } = operation.payload;
    const finding = this.state.findings[vertebra] ?? null;
    const injury = this.state.injuries[vertebra] ?? null;
    const answer: Answer = { kind: "written", seq: this.seq, findings: { [vertebra]: finding }, injuries: { [vertebra]: injury } };
    this.written.set(operation.uuid, answer);
    return answer;
  }
}
