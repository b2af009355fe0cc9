import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { apply, OperationRefused, sameOf } from "../src/reading/apply.ts";
import { EMPTY_STATE, type Change, type SopUid } from "../src/reading/model.ts";
import type { Shown } from "../src/reading/operation.ts";
import { Outbox } from "../src/reading/outbox.ts";
import { ReadingStore, type Notice } from "../src/reading/store.ts";
import { CASE, dice, L1, L2, MemoryStorage, SOPS } from "./case.ts";
import { anyChange } from "./changes.ts";
import { ContractServer, type Trouble } from "./server.ts";

const SHOWN: Shown = { sop_uid: SOPS[4] as SopUid, window: [1800, 400], rendered_at: null };
const WHERE = { k: 4, vertebra: L1.id, window: [1800, 400] } as const;

function open(server: ContractServer, storage: MemoryStorage): { store: ReadingStore; notices: Notice[] } {
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
  const notices: Notice[] = [];
  store.events.on("notice", (notice) => notices.push(notice));
  outbox.start();
  return { store, notices };
}

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
  const { store, notices } = open(server, new MemoryStorage());
  see(store);
  store.perform("rest", 4, [{ verb: "rest_negative", payload: { vertebra: L2.id } }], SHOWN);
  await settle(store);
  assert.deepEqual(notices, []);
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

inTime("a conflict takes the server's state and names what was dropped", async () => {
  const server = new ContractServer();
  const { store, notices } = open(server, new MemoryStorage());
  server.state = apply(EMPTY_STATE, CASE, new Set(), type("A3"));
  server.seq = 5;
  store.perform("one", 4, [type("A1")], SHOWN);
  await settle(store);
  assert.equal(store.state.findings[L1.id]?.ao_body, "A3");
  assert.equal(notices[0]?.lines[1], "L1, type A1");
  assert.equal(store.undoable, null);
  store.perform("again", 4, [type("A1")], SHOWN);
  await settle(store);
  assertSame(store, server);
});

inTime("a read locked elsewhere takes no more and says so", async () => {
  const server = new ContractServer();
  server.locked = true;
  const { store, notices } = open(server, new MemoryStorage());
  store.perform("one", 4, [type("A1")], SHOWN);
  await settle(store);
  assert.equal(store.writable, false);
  assert.equal(notices[0]?.title, "This read is locked");
  assert.equal(store.state.findings[L1.id], undefined);
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
