/**
 * The reading room without a screen: the real store, queue and history, driven line by line from outside, so that a
 * test in another language can compare what they hold with what the server holds. Each line on stdin is a command, and
 * each is answered by one line on stdout. Time and the network are the driver's: a request waits until it is answered,
 * and the clock moves only when it is told to.
 */

import { mock } from "node:test";
import { createInterface } from "node:readline";

import { apply, OperationRefused } from "../src/reading/apply.ts";
import { gapsOf } from "../src/reading/gaps.ts";
import { heightsOf, lengthMm, lossAgainst, lossWithin, type Measure, type PixelSpacing } from "../src/reading/measures.ts";
import type { Change, ReadContext, ReadState, SopUid } from "../src/reading/model.ts";
import type { Answer, Looked, Operation, Shown, Transport } from "../src/reading/operation.ts";
import { Outbox, type Unsaved } from "../src/reading/outbox.ts";
import { ReadingStore } from "../src/reading/store.ts";
import { MemoryStorage } from "./case.ts";

type Request =
  | { readonly kind: "write"; readonly operation: Operation & { readonly base_seq: number } }
  | { readonly kind: "seen"; readonly looked: Looked };

/** A network whose other end is the driver: one request at a time, answered when the driver says so. */
class Wire implements Transport {
  request: Request | null = null;
  private resolve: ((answer: never) => void) | null = null;

  write(operation: Operation & { readonly base_seq: number }): Promise<Answer> {
    return this.ask({ kind: "write", operation });
  }

  seen(looked: Looked): Promise<Answer | { readonly kind: "noted" }> {
    return this.ask({ kind: "seen", looked });
  }

  /** No page goes away here with a last word. */
  leaving(): Promise<void> {
    return Promise.resolve();
  }

  answer(answer: unknown): void {
    const { resolve } = this;
    if (!resolve) throw new Error("No request waits for this answer.");
    this.request = this.resolve = null;
    resolve(answer as never);
  }

  private ask<Heard>(request: Request): Promise<Heard> {
    if (this.request) throw new Error("A second request was sent before the first was answered.");
    this.request = request;
    return new Promise((resolve) => (this.resolve = resolve));
  }
}

interface Opening {
  readonly context: ReadContext;
  readonly state: ReadState;
  readonly seq: number;
  readonly seen: readonly SopUid[];
}

/** One tab on one device. Its storage outlives a reload. */
class Tab {
  private readonly storage = new MemoryStorage();
  private wire = new Wire();
  private opened: ReadingStore | null = null;
  /** UUIDs of all operations that were ever made here, oldest first. */
  private readonly made: string[] = [];

  get request(): Request | null {
    return this.wire.request;
  }

  get store(): ReadingStore {
    if (!this.opened) throw new Error("This tab has not opened the read.");
    return this.opened;
  }

  open({ context, state, seq, seen }: Opening): void {
    this.opened?.outbox.close();
    // What the old page was still waiting for is never heard of again.
    this.wire = new Wire();
    const { storage } = this;
    const outbox = new Outbox({ key: "queue", seq, transport: this.wire, storage });
    const historyKey = "history";
    this.opened = new ReadingStore({ context, confirmed: state, seen, writable: true, outbox, storage, historyKey });
    outbox.start();
  }

  answer(answer: unknown): void {
    this.wire.answer(answer);
  }

  look(sops: readonly SopUid[]): void {
    for (const sop of sops) this.store.markSeen(sop, { k: this.store.context.sops.indexOf(sop), vertebra: null, window: [1800, 400] });
  }

  perform(changes: readonly Change[]): void {
    const shown = shownFor(changes);
    // A slice of another stack cannot be on screen.
    this.look(this.store.context.sops.filter((sop) => sop === shown.sop_uid));
    this.noting(() => this.store.perform("a change", 0, changes, shown));
  }

  undo(): void {
    this.noting(() => this.store.undo(shownFor([])));
  }

  redo(): void {
    this.noting(() => this.store.redo(shownFor([])));
  }

  /** Does once more, on what the record says now, what was set aside because the record had changed. */
  again(): readonly object[] {
    const { outbox } = this.store;
    const { unsaved } = outbox;
    outbox.acknowledge();
    for (const { operation } of unsaved) {
      const change = { verb: operation.verb, payload: operation.payload } as Change;
      unlessRefused(() => this.perform([change]));
    }
    return unsaved.map(told);
  }

  report(): object {
    const { state, gaps, seen, outbox } = this.store;
    return {
      state,
      gaps,
      seen: [...seen],
      seq: outbox.confirmedSeq,
      status: outbox.status.kind,
      made: this.made,
      pending: outbox.pending.map(({ uuid }) => uuid),
      unsaved: outbox.unsaved.map(told),
    };
  }

  private noting(action: () => void): void {
    const before = new Set(this.store.outbox.pending.map(({ uuid }) => uuid));
    action();
    for (const { uuid } of this.store.outbox.pending) if (!before.has(uuid)) this.made.push(uuid);
  }
}

const told = ({ operation, why, sentence }: Unsaved): object => ({ uuid: operation.uuid, verb: operation.verb, why, sentence });

/** The screen at a click: a label by key is for the slice on it, drawn a moment ago. */
function shownFor(changes: readonly Change[]): Shown {
  const byKey = changes.find((change) => change.verb === "label_slices" && change.payload.source === "key");
  const sop = byKey?.verb === "label_slices" ? (byKey.payload.sop_uids[0] ?? null) : null;
  return { sop_uid: sop, window: [1800, 400], rendered_at: new Date().toISOString() };
}

function unlessRefused(action: () => void): { readonly code: string; readonly sentence: string } | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof OperationRefused) return { code: error.code, sentence: error.message };
    throw error;
  }
}

interface Judging extends Omit<Opening, "seq"> {
  readonly change: Change;
}

/** One change by the rules of this side alone. */
function judged({ context, state, seen, change }: Judging): object {
  const looked = new Set(seen);
  let after = state;
  const refused = unlessRefused(() => (after = apply(state, context, looked, change)));
  return { refused, state: after, gaps: gapsOf(after, context, looked) };
}

function measured(measures: readonly Measure[], neighbours: readonly (readonly Measure[])[], spacing: PixelSpacing): object {
  const heights = heightsOf(measures, spacing);
  return {
    lengths: measures.filter(({ kind }) => kind === "length").map(({ points }) => lengthMm(points, spacing)),
    heights,
    against: heights && lossAgainst(heights, neighbours.map((each) => heightsOf(each, spacing))),
    within: heights && lossWithin(heights),
  };
}

type Command =
  | { readonly do: "begin" }
  | { readonly do: "pass"; readonly milliseconds: number }
  | { readonly do: "judge"; readonly case: Judging }
  | { readonly do: "measure"; readonly measures: readonly Measure[]; readonly neighbours: readonly (readonly Measure[])[]; readonly spacing: PixelSpacing }
  | { readonly do: "open"; readonly tab: string; readonly opening: Opening }
  | { readonly do: "look"; readonly tab: string; readonly sops: readonly SopUid[] }
  | { readonly do: "perform"; readonly tab: string; readonly changes: readonly Change[] }
  | { readonly do: "answer"; readonly tab: string; readonly answer: unknown }
  | { readonly do: "undo" | "redo" | "again" | "kick" | "report"; readonly tab: string };

const tabs = new Map<string, Tab>();
const troubles: string[] = [];

function tabOf(name: string): Tab {
  const tab = tabs.get(name) ?? new Tab();
  tabs.set(name, tab);
  return tab;
}

function obey(command: Command): unknown {
  switch (command.do) {
    case "begin":
      for (const tab of tabs.values()) tab.store.outbox.close();
      return tabs.clear();
    case "pass":
      return mock.timers.tick(command.milliseconds);
    case "judge":
      return judged(command.case);
    case "measure":
      return measured(command.measures, command.neighbours, command.spacing);
    case "open":
      return tabOf(command.tab).open(command.opening);
    case "look":
      return tabOf(command.tab).look(command.sops);
    case "perform":
      return unlessRefused(() => tabOf(command.tab).perform(command.changes));
    case "answer":
      return tabOf(command.tab).answer(command.answer);
    case "undo":
      return unlessRefused(() => tabOf(command.tab).undo());
    case "redo":
      return unlessRefused(() => tabOf(command.tab).redo());
    case "again":
      return tabOf(command.tab).again();
    case "kick":
      return tabOf(command.tab).store.outbox.kick();
    case "report":
      return tabOf(command.tab).report();
  }
}

const said = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

// What a listener throws is only logged by the emitter; here it is told to the driver.
console.error = (...things: unknown[]): void => void troubles.push(...things.map(said));
process.on("unhandledRejection", (error) => troubles.push(said(error)));
mock.timers.enable({ apis: ["setTimeout"] });

for await (const line of createInterface({ input: process.stdin })) {
  let result: unknown = null;
  try {
    result = obey(JSON.parse(line) as Command) ?? null;
  } catch (error) {
    troubles.push(said(error));
  }
  // All promises that this command set going have run once the event loop comes round.
  await new Promise((resolve) => setImmediate(resolve));
  const requests = Object.fromEntries([...tabs].map(([name, tab]) => [name, tab.request]));
  process.stdout.write(`${JSON.stringify({ result, requests, troubles: troubles.splice(0) })}\n`);
}
