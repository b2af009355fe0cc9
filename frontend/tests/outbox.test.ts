import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { apply, OperationRefused, sameOf } from "../src/reading/apply.ts";
import { EMPTY_STATE, type Change, type SopUid } from "../src/reading/model.ts";
import type { ActiveTotal, Shown } from "../src/reading/operation.ts";
import { Outbox, type Unsaved } from "../src/reading/outbox.ts";
import { ReadingStore } from "../src/reading/store.ts";
import { unsavedWords } from "../src/reading/unsaved.ts";
import { CASE, dice, L1, L2, MemoryStorage, SOPS } from "./case.ts";
import { anyChange } from "./changes.ts";
import { ContractServer, type Trouble } from "./server.ts";

const SHOWN: Shown = { sop_uid: SOPS[4] as SopUid, window: [1800, 400], rendered_at: null };
const WHERE = { k: 4, vertebra: L1.id, window: [1800, 400] } as const;

interface Open {
  readonly store: ReadingStore;
  /** How often the reader was told that something is not in the record. */
  readonly told: () => number;
}

function open(server: ContractServer, storage: MemoryStorage): Open {
  const outbox = new Outbox({ key: "queue", seq: server.seq, transport: server, storage });
  const store = new ReadingStore({
    context: CASE,
    confirmed: server.state,
    seen: server.seenSops,
    writable: true,
    outbox,
    storage,
    historyKey: "history",
  });
  let told = 0;
  store.events.on("unsaved", () => (told += 1));
  outbox.start();
  return { store, told: () => told };
}

const words = (list: readonly Unsaved[]): readonly string[] => unsavedWords(list, CASE).changes;

const see = (store: ReadingStore): void => SOPS.forEach((sop) => store.markSeen(sop, WHERE));
const type = (ao: "A1" | "A2" | "A3"): Change => ({ verb: "set_ao", payload: { vertebra: L1.id, ao_body: ao } });

/** Lets promises and waits of the queue run, without waiting for real. */
async function settle(store: ReadingStore): Promise<void> {
  for (let turn = 0; turn < 4000; turn += 1) {
    await Promise.resolve();
    if (turn % 20 === 19) mock.timers.tick(20_000);
    if (store.outbox.pending.length === 0 && store.outbox.status.kind === "saved" && turn > 60) break;
  }
}

const inTime = (name: string, body: () => Promise<void>): void => {
  void test(name, async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      await body();
    } finally {
      mock.timers.reset();
    }
  });
};

function assertSame(store: ReadingStore, server: ContractServer, hint = ""): void {
  for (const { id, level } of CASE.vertebrae) assert.ok(sameOf(store.state, server.state, id), `${level} ${hint}`);
}

inTime("fifty changes while the network comes and goes are written once each, in order", async () => {
  const roll = dice(7);
  const troubles: Trouble[] = ["none", "lost before", "lost after", "none"];
  const server = new ContractServer();
  const { store } = open(server, new MemoryStorage());
  see(store);
  server.trouble = () => troubles[roll(troubles.length)] ?? "none";
  for (let click = 0; click < 50; click += 1) {
    store.perform(`click ${click}`, 4, [type(click % 2 === 0 ? "A1" : "A2")], SHOWN);
    if (click % 7 === 0) await settle(store);
  }
  server.trouble = () => "none";
  await settle(store);
  assert.equal(server.order.length, 50);
  assert.equal(server.seq, 50);
  assertSame(store, server);
  assert.equal(store.outbox.status.kind, "saved");
});

inTime("slices seen reach the server before an operation that needs them", async () => {
  const server = new ContractServer();
  const { store, told } = open(server, new MemoryStorage());
  see(store);
  store.perform("rest", 4, [{ verb: "rest_negative", payload: { vertebra: L2.id } }], SHOWN);
  await settle(store);
  assert.equal(told(), 0);
  assert.equal(server.state.findings[L2.id]?.verdict, "negative");
});

inTime("a reload in the middle sends what was kept and doubles nothing", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const first = open(server, storage);
  see(first.store);
  await settle(first.store);
  server.trouble = () => "lost after";
  first.store.perform("one", 4, [type("A1")], SHOWN);
  first.store.perform("two", 4, [type("A2")], SHOWN);
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
  first.store.outbox.close();
  assert.equal(server.seq, 1, "the first was written, its answer lost");
  server.trouble = () => "none";
  const second = open(server, storage);
  assert.equal(second.store.state.findings[L1.id]?.ao_body, "A2", "shown at once");
  await settle(second.store);
  assert.equal(server.seq, 2);
  assertSame(second.store, server);
  assert.equal(storage.getItem("queue"), null);
});

inTime("a session that ended keeps the queue until someone logs in", async () => {
  const server = new ContractServer();
  const { store } = open(server, new MemoryStorage());
  server.trouble = () => "session";
  store.perform("one", 4, [type("A1")], SHOWN);
  await settle(store);
  assert.deepEqual([store.outbox.status.kind, store.outbox.pending.length], ["waiting", 1]);
  server.trouble = () => "none";
  store.outbox.kick();
  await settle(store);
  assert.equal(server.seq, 1);
  assert.equal(store.outbox.status.kind, "saved");
});

inTime("a conflict takes the server's state and names what is not in it, until that was read", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const { store, told } = open(server, storage);
  server.state = apply(EMPTY_STATE, CASE, new Set(), type("A3"));
  server.seq = 5;
  store.perform("one", 4, [type("A1")], SHOWN);
  await settle(store);
  assert.equal(store.state.findings[L1.id]?.ao_body, "A3");
  assert.deepEqual([told(), words(store.outbox.unsaved)], [1, ["L1, type A1"]]);
  assert.equal(store.undoable, null);
  store.perform("again", 4, [type("A1")], SHOWN);
  await settle(store);
  assertSame(store, server);

  store.outbox.close();
  const later = open(server, storage).store.outbox;
  assert.deepEqual(words(later.unsaved), ["L1, type A1"], "a reload does not forget it");
  later.acknowledge();
  assert.deepEqual([later.unsaved, storage.getItem("queue")], [[], null]);
});

inTime("a read locked elsewhere takes no more, and says what is not in it", async () => {
  const server = new ContractServer();
  server.locked = true;
  const { store } = open(server, new MemoryStorage());
  let locked = 0;
  store.events.on("locked", () => (locked += 1));
  store.perform("one", 4, [type("A1")], SHOWN);
  await settle(store);
  assert.deepEqual([store.writable, locked, words(store.outbox.unsaved)], [false, 1, ["L1, type A1"]]);
  assert.equal(store.state.findings[L1.id], undefined);
});

inTime("who lost the read to another device keeps what was not sent, on screen and through a reload", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const { store } = open(server, storage);
  let lost = 0;
  store.outbox.events.on("elsewhere", () => (lost += 1));
  server.trouble = () => "elsewhere";
  store.perform("one", 4, [type("A1")], SHOWN);
  store.perform("two", 4, [type("A2")], SHOWN);
  await settle(store);
  assert.deepEqual([lost, store.outbox.pending.length, server.seq], [1, 2, 0]);
  assert.equal(store.state.findings[L1.id]?.ao_body, "A2", "still on screen");
  assert.equal(store.outbox.status.kind, "waiting");

  // Nothing was written elsewhere: taken over again, it still fits and is written.
  server.trouble = () => "none";
  const second = open(server, storage);
  await settle(second.store);
  assert.deepEqual([server.seq, second.store.outbox.unsaved.length], [2, 0]);
  assertSame(second.store, server);
});

inTime("what waited is never built on what another device wrote meanwhile", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const first = open(server, storage);
  server.trouble = () => "lost before";
  first.store.perform("one", 4, [type("A1")], SHOWN);
  first.store.perform("two", 4, [type("A2")], SHOWN);
  await settle(first.store);
  first.store.outbox.close();
  // Neither was ever given a number of its own; the queue knows on what it was built.
  const kept = JSON.parse(storage.getItem("queue") ?? "{}") as { seq: number; operations: { base_seq: number | null }[] };
  storage.setItem("queue", JSON.stringify({ ...kept, operations: kept.operations.map((each) => ({ ...each, base_seq: null })) }));

  server.trouble = () => "none";
  server.state = apply(EMPTY_STATE, CASE, new Set(), type("A3"));
  server.seq = 1;
  const second = open(server, storage);
  await settle(second.store);
  assert.equal(server.seq, 1);
  assert.equal(second.store.state.findings[L1.id]?.ao_body, "A3");
  assert.deepEqual(words(second.store.outbox.unsaved), ["L1, type A1", "L1, type A2"]);
});

inTime("an operation whose answer was lost is in the record, whoever has the read since", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const first = open(server, storage);
  server.trouble = () => "lost after";
  first.store.perform("one", 4, [type("A1")], SHOWN);
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
  first.store.outbox.close();
  server.trouble = () => "elsewhere";
  const second = open(server, storage);
  await settle(second.store);
  assert.deepEqual([server.seq, second.store.outbox.pending.length, second.store.outbox.unsaved.length], [1, 0, 0]);
});

inTime("slices that were seen while the server was away are seen after a reload, and so is what needs them", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const first = open(server, storage);
  server.trouble = () => "lost before";
  see(first.store);
  first.store.perform("rest", 4, [{ verb: "rest_negative", payload: { vertebra: L2.id } }], SHOWN);
  await settle(first.store);
  first.store.outbox.close();
  server.trouble = () => "none";
  const second = open(server, storage);
  assert.equal(second.store.state.findings[L2.id]?.verdict, "negative");
  await settle(second.store);
  assert.equal(server.state.findings[L2.id]?.verdict, "negative");
  assert.equal(server.seenSops.size, SOPS.length);
});

inTime("time at work is told with what was seen, and before the lock", async () => {
  const server = new ContractServer();
  let active: ActiveTotal[] = [];
  const outbox = new Outbox({ key: "queue", seq: 0, transport: server, storage: new MemoryStorage(), active: () => active });
  outbox.start();
  active = [{ vertebra: null, ms: 400 }];
  assert.equal(await outbox.settle(), true);
  assert.deepEqual(server.active, [], "too little to tell");
  active = [{ vertebra: null, ms: 400 }, { vertebra: L1.id, ms: 2500 }];
  assert.equal(await outbox.settle(), true);
  assert.deepEqual(server.active, active);
});

inTime("a page that goes away lets the read go, unless a change is still on its way", async () => {
  const server = new ContractServer();
  const storage = new MemoryStorage();
  const { store } = open(server, storage);
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
  store.markSeen(SOPS[0] as SopUid, WHERE);
  assert.equal(store.outbox.leave(), true);
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
  assert.deepEqual([server.left, server.seenSops.size], [1, 1]);
  server.trouble = () => "lost before";
  store.perform("one", 4, [type("A1")], SHOWN);
  assert.equal(store.outbox.leave(), false);
  await settle(store);
  assert.equal(store.outbox.leave(), false);
  assert.notEqual(storage.getItem("queue"), null);
});

inTime("any mixture of changes, undo, redo and trouble ends the same on both sides", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const roll = dice(seed);
    const server = new ContractServer();
    const storage = new MemoryStorage();
    let { store } = open(server, storage);
    see(store);
    server.trouble = () => (["none", "none", "lost before", "lost after"] as const)[roll(4)] ?? "none";
    for (let step = 0; step < 30; step += 1) {
      const dieRoll = roll(12);
      try {
        if (dieRoll === 0) store.undo(SHOWN);
        else if (dieRoll === 1) store.redo(SHOWN);
        else if (dieRoll === 2) {
          await settle(store);
          store.outbox.close();
          ({ store } = open(server, storage));
          see(store);
        } else store.perform("change", 4, [anyChange(roll)], SHOWN);
      } catch (error) {
        assert.ok(error instanceof OperationRefused, String(error));
      }
      if (roll(5) === 0) await settle(store);
    }
    server.trouble = () => "none";
    store.outbox.kick();
    await settle(store);
    assert.equal(store.outbox.pending.length, 0, `seed ${seed}`);
    assertSame(store, server, `seed ${seed}`);
  }
});

inTime("undo takes back a step of many vertebrae at once, and redo brings it again", async () => {
  const server = new ContractServer();
  const { store } = open(server, new MemoryStorage());
  see(store);
  const both = [L1, L2].map(({ id }): Change => ({ verb: "rest_negative", payload: { vertebra: id } }));
  store.perform("2 vertebrae negative", 4, both, SHOWN);
  assert.equal(store.gaps.length, 0);
  store.undo(SHOWN);
  assert.deepEqual(Object.keys(store.state.findings), []);
  store.redo(SHOWN);
  await settle(store);
  assertSame(store, server);
  assert.equal(server.state.findings[L2.id]?.verdict, "negative");
});
