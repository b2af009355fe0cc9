import assert from "node:assert/strict";
import { test } from "node:test";

import type { RoomVertebraOut } from "../src/api/schema.ts";
import { ActiveTotals } from "../src/reading/active-totals.ts";
import { BrowserStorage, deviceOf, storageKeys } from "../src/reading/browser-storage.ts";
import type { Holder } from "../src/reading/holding.ts";
import { keptIn } from "../src/reading/kept-queue.ts";
import { renamed } from "../src/reading/numbering-shift.ts";
import type { Session } from "../src/reading/session.ts";
import { linesOf } from "../src/reading/view/banner-view.ts";
import { L1, MemoryStorage } from "./case.ts";

/** Storage of a browser that takes so many characters in all. */
class SmallStorage extends MemoryStorage implements Storage {
  readonly most: number;
  constructor(most: number) {
    super();
    this.most = most;
  }
  get length(): number {
    return this.items.size;
  }
  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }
  clear(): void {
    this.items.clear();
  }
  override setItem(key: string, value: string): void {
    const others = [...this.items].filter(([name]) => name !== key).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
    if (others + key.length + value.length > this.most) throw new DOMException("full", "QuotaExceededError");
    super.setItem(key, value);
  }
}

test("a full storage lets what can be undone go before a change that waits", () => {
  const small = new SmallStorage(400);
  const storage = new BrowserStorage(small);
  const [old, own] = [storageKeys("ada", 1), storageKeys("ada", 2)];
  storage.setItem(old.queue, "w".repeat(60));
  storage.setItem(old.history, "h".repeat(200));
  storage.setItem(own.queue, "q".repeat(150));
  assert.deepEqual([small.getItem(own.queue)?.length, small.getItem(old.queue)?.length, small.getItem(old.history)], [150, 60, null]);
  // A history that finds no room is not kept, and nothing breaks.
  storage.setItem(own.history, "h".repeat(500));
  assert.equal(small.getItem(own.history), null);
  assert.equal(small.getItem(own.queue)?.length, 150);
});

test("all tabs of one browser are one device to the server, and another person there is another", () => {
  const storage = new MemoryStorage();
  assert.equal(deviceOf("ada", storage), deviceOf("ada", storage));
  assert.notEqual(deviceOf("ada", storage), deviceOf("grace", storage));
});

test("what was kept by an earlier version of the room is read, and what is no queue is none", () => {
  const storage = new MemoryStorage();
  storage.setItem("q", JSON.stringify({ format: 1, operations: [{ uuid: "u" }] }));
  assert.deepEqual(keptIn(storage, "q"), { seq: null, operations: [{ uuid: "u" }], seen: [], unsaved: [] });
  for (const text of ["{", "[]", '{"format":9,"operations":[]}', "null"]) {
    storage.setItem("q", text);
    assert.deepEqual(keptIn(storage, "q").operations, [], text);
  }
});

test("time at work goes on after a reload, vertebra by vertebra", () => {
  const storage = new MemoryStorage();
  const before = new ActiveTotals(storage, "a", { totals: () => [{ vertebra: L1.id, ms: 1500.4 }, { vertebra: null, ms: 10 }] });
  assert.deepEqual(before.now(), [{ vertebra: L1.id, ms: 1500 }, { vertebra: null, ms: 10 }]);
  const after = new ActiveTotals(storage, "a", { totals: () => [{ vertebra: L1.id, ms: 500 }] });
  assert.deepEqual(after.now(), [{ vertebra: L1.id, ms: 2000 }, { vertebra: null, ms: 10 }]);
});

test("a vertebra that was renamed by hand stays the same bone, and its level is assumed", () => {
  const row = { id: 7, level: "L1", certainty: "certain", first_k: 3, last_k: 8, box: [0, 1, 0, 1, 0, 1], cut: false, cut_where: "", mask_ok: null, origin: "segmented" };
  const rows = [row, { ...row, id: 8, level: "", certainty: "unknown" }] as unknown as RoomVertebraOut[];
  const [first, second] = renamed(rows, ["L2", ""]);
  assert.deepEqual([first?.vertebra, first?.level, first?.certainty], [7, "L2", "assumed"]);
  assert.deepEqual([second?.vertebra, second?.level, second?.certainty], [8, "", "unknown"]);
});

const ACTIONS = { take: () => undefined, showPending: () => undefined, showUnsaved: () => undefined, reopen: () => undefined };

function sessionWith(room: object, pending = 0, unsaved = 0): Session {
  const outbox = { pending: Array.from({ length: pending }), unsaved: Array.from({ length: unsaved }) };
  const versions = [{ read: 4, version: 2, lockedAt: null, reason: "L2 overlooked" }];
  return { store: { outbox }, room: { readId: 4, version: 1, locked: false, lockedAt: null, reopenable: false, versions: [], ...room, ...("version" in room ? { versions } : {}) } } as unknown as Session;
}

const said = (session: Session, holder: Holder): string[] =>
  linesOf(session, holder, null, ACTIONS).map(({ words, actions }) => [words, ...actions.map((each) => `[${each.words}]`)].join(" "));

test("the line above the image says who writes, what is not saved, and which version this is", () => {
  const away: Holder = { kind: "device", since: new Date(2026, 0, 2, 10, 42) };
  assert.deepEqual(said(sessionWith({}), { kind: "here" }), []);
  assert.deepEqual(said(sessionWith({}), away), ["Being written on another device, last heard of at 10:42. [Read here]"]);
  assert.deepEqual(said(sessionWith({}, 1), away), [
    "Being written on another device, last heard of at 10:42. 1 change made here is not saved; nothing was merged. [Show them] [Read here]",
  ]);
  // In another tab of the same browser what waits is sent from there.
  assert.deepEqual(said(sessionWith({}, 3), { kind: "tab" }), ["Being written in another tab of this browser. Here it can be looked at. [Read here]"]);
  assert.deepEqual(said(sessionWith({}, 0, 2), { kind: "here" }), ["2 changes made here are not in the record. [Show them]"]);
  assert.deepEqual(said(sessionWith({ version: 2 }), { kind: "here" }), ["Version 2, opened again because “L2 overlooked”."]);
  assert.deepEqual(said(sessionWith({ locked: true, reopenable: true }), { kind: "here" }), ["Version 1, locked. A locked read never changes. [Open again]"]);
});
