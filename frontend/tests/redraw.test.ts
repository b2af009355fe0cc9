import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { EMPTY_STATE } from "../src/reading/model.ts";
import { Outbox } from "../src/reading/outbox.ts";
import type { Room } from "../src/reading/room-data.ts";
import { Session } from "../src/reading/session.ts";
import { ReadingStore } from "../src/reading/store.ts";
import { Redraw } from "../src/reading/view/redraw.ts";
import { CASE, L1, MemoryStorage, SOPS } from "./case.ts";
import { SlowScreen } from "./screen.ts";
import { ContractServer } from "./server.ts";

const FRAME = 16;

interface Screen {
  readonly session: Session;
  readonly screen: SlowScreen;
  readonly count: { image: number; panels: number };
  /** One frame of the screen goes by, in which the wanted slice is drawn. */
  readonly frame: () => void;
}

/** A room at the middle of L1, whose frames come when the test lets them. */
function room(): Screen {
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 1000;
  mock.method(performance, "now", () => now);
  let callbacks: (() => void)[] = [];
  globalThis.requestAnimationFrame = (callback) => callbacks.push(() => callback(now));
  const storage = new MemoryStorage();
  const outbox = new Outbox({ key: "queue", seq: 0, transport: new ContractServer(), storage });
  const store = new ReadingStore({ context: CASE, confirmed: EMPTY_STATE, seen: [], writable: true, outbox, storage, historyKey: "history" });
  const start = { k: 5, vertebra: L1, window: [1800, 400] };
  const screen = new SlowScreen(SOPS, 5);
  const session = new Session({ context: CASE, sops: SOPS, outlinesHidden: false, start } as unknown as Room, store, screen);
  screen.session = session;
  const count = { image: 0, panels: 0 };
  const redraw = new Redraw({ session, image: () => (count.image += 1), panels: () => (count.panels += 1) });
  session.events.on("changed", () => redraw.soon());
  store.events.on("changed", () => redraw.soon());
  const frame = (): void => {
    now += FRAME;
    mock.timers.tick(FRAME);
    if (!screen.displayed) screen.draw();
    const due = callbacks;
    callbacks = [];
    for (const callback of due) callback();
  };
  frame();
  return { session, screen, count, frame };
}

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

test("one slice on, and the panels follow in the same frame", () => {
  const { session, count, frame } = room();
  for (let pause = 0; pause < 20; pause += 1) frame();
  const before = count.panels;
  session.stepSlice(1, false);
  frame();
  assert.equal(count.panels, before + 1);
});

test("while slices follow each other the image is redrawn for each, the panels a few times a second", () => {
  const { session, count, frame } = room();
  for (let pause = 0; pause < 20; pause += 1) frame();
  count.image = 0;
  count.panels = 0;
  const steps = 60;
  for (let step = 0; step < steps; step += 1) {
    // To and fro over the slices that cross L1.
    session.stepSlice(Math.floor(step / 3) % 2 ? -1 : 1, false);
    frame();
  }
  assert.ok(count.image >= steps);
  assert.ok(count.panels >= 4 && count.panels <= 8, String(count.panels));
});

test("when the hand stops, the panels show the last slice a moment later", () => {
  const { session, count, frame } = room();
  for (let step = 0; step < 3; step += 1) {
    session.stepSlice(1, false);
    frame();
  }
  const before = count.panels;
  for (let pause = 0; pause < 12; pause += 1) frame();
  assert.equal(count.panels, before + 1);
});

test("a slice with another label than the one before has its panels at once, however fast one scrolls", () => {
  const { session, count, frame } = room();
  session.markSlice("fracture");
  frame();
  session.stepSlice(1, false);
  frame();
  const before = count.panels;
  session.stepSlice(-1, false);
  frame();
  assert.equal(count.panels, before + 1);
});

test("a label, another vertebra or another tool is shown in the next frame", () => {
  const { session, count, frame } = room();
  const acts = [
    () => session.markSlice("fracture"),
    () => session.stepVertebra(1),
    () => session.tools.choose("zoom"),
    () => session.tools.toggleOutlines(),
    () => session.undo(),
  ];
  for (const act of acts) {
    const before = count.panels;
    act();
    frame();
    assert.equal(count.panels, before + 1, String(act));
  }
});
