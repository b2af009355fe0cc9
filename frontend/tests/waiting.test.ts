import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { runCommand, type CommandName } from "../src/reading/commands.ts";
import { EMPTY_STATE, findingOf, type SopUid, type Vertebra } from "../src/reading/model.ts";
import { Outbox } from "../src/reading/outbox.ts";
import type { Room } from "../src/reading/room-data.ts";
import { Session } from "../src/reading/session.ts";
import { ReadingStore } from "../src/reading/store.ts";
import { SLICE_PATIENCE } from "../src/reading/waiting.ts";
import { CASE, dice, L1, L2, MemoryStorage, SOPS } from "./case.ts";
import { SlowScreen } from "./screen.ts";
import { ContractServer } from "./server.ts";

const DRAWN_AT = new Date("2026-01-02T03:04:05.678Z");

interface Open {
  readonly session: Session;
  readonly screen: SlowScreen;
  readonly press: (...names: CommandName[]) => void;
  readonly said: () => string;
  readonly refused: (CommandName | null)[];
  readonly labels: (vertebra: Vertebra) => Record<number, string>;
}

/** A read open at the middle of L1, which is on screen. */
function open(): Open {
  const storage = new MemoryStorage();
  const outbox = new Outbox({ key: "queue", seq: 0, transport: new ContractServer(), storage });
  const store = new ReadingStore({
    context: CASE,
    confirmed: EMPTY_STATE,
    seen: [],
    writable: true,
    outbox,
    storage,
    historyKey: "history",
  });
  const room = {
    context: CASE,
    sops: SOPS,
    locked: false,
    outlinesHidden: false,
    start: { k: 5, vertebra: L1, window: [1800, 400] },
  } as unknown as Room;
  const screen = new SlowScreen(SOPS, 5);
  const session = new Session(room, store, screen);
  screen.session = session;
  screen.draw();
  let said = "";
  const refused: (CommandName | null)[] = [];
  session.events.on("said", (text) => (said = text));
  session.events.on("refused", (name) => refused.push(name));
  const labels = (vertebra: Vertebra): Record<number, string> =>
    Object.fromEntries(
      Object.entries(findingOf(store.state, vertebra.id).slices).map(([sop, mark]) => [SOPS.indexOf(sop as SopUid), mark.value]),
    );
  const press = (...names: CommandName[]): void => names.forEach((name) => runCommand(name, session));
  return { session, screen, press, said: () => said, refused, labels };
}

/** Wait and time are the test's own. */
const inTime = (name: string, body: () => void): void => {
  void test(name, () => {
    let now = 1000;
    mock.timers.enable({ apis: ["setTimeout"] });
    const clock = mock.method(performance, "now", () => now);
    pass = (milliseconds) => {
      now += milliseconds;
      mock.timers.tick(milliseconds);
    };
    try {
      body();
    } finally {
      clock.mock.restore();
      mock.timers.reset();
    }
  });
};
let pass: (milliseconds: number) => void = () => undefined;

inTime("a label key pressed right after a jump marks the slice jumped to, with its own time of drawing", () => {
  const { session, screen, press, labels, refused } = open();
  session.selectVertebra(L2, 7);
  press("markFracture");
  assert.deepEqual(labels(L2), {});
  pass(SLICE_PATIENCE - 50);
  screen.draw(DRAWN_AT);
  assert.deepEqual([labels(L1), labels(L2)], [{}, { 7: "fracture" }]);
  const [operation] = session.store.outbox.pending;
  assert.deepEqual([operation?.shown.sop_uid, operation?.shown.rendered_at], [SOPS[7], DRAWN_AT.toISOString()]);
  assert.deepEqual(refused, []);
});

inTime("a slice that is not drawn in time is not marked, also not later, and the sentence names it", () => {
  const { session, screen, press, labels, said, refused } = open();
  session.selectVertebra(L2, 7);
  press("markFracture");
  pass(SLICE_PATIENCE);
  assert.equal(said(), "Slice 8 is not on screen yet.");
  assert.deepEqual(refused, ["markFracture"]);
  screen.draw();
  assert.deepEqual(labels(L2), {});
});

inTime("whoever goes on to another slice takes the waiting label back, and is told", () => {
  const { session, screen, press, labels, said } = open();
  session.selectVertebra(L2, 7);
  press("markFracture", "typeA2");
  session.showSlice(3);
  assert.equal(said(), "Slice 8 was not on screen yet. Not done: Fracture; Type A2, split or pincer.");
  screen.draw();
  session.showSlice(7);
  screen.draw();
  assert.deepEqual(labels(L2), {});
  assert.equal(findingOf(session.store.state, L2.id).ao_body, null);
});

inTime("another vertebra on the same slice is not the one that was meant", () => {
  const { session, screen, press, labels } = open();
  session.showSlice(6);
  press("markFracture");
  session.selectVertebra(L2);
  screen.draw();
  assert.deepEqual([labels(L1), labels(L2)], [{}, {}]);
});

inTime("what is pressed after a waiting label is done after it", () => {
  const { session, screen, press, labels } = open();
  session.selectVertebra(L2, 7);
  press("markFracture", "undo");
  assert.equal(session.store.undoable, null);
  screen.draw();
  assert.deepEqual(labels(L2), {});
  session.showSlice(4);
  press("markFracture", "indeterminate");
  screen.draw();
  assert.equal(findingOf(session.store.state, L2.id).verdict, "indeterminate");
});

inTime("a dialog is never opened over a label that still waits", () => {
  const { session, screen, press, labels, refused } = open();
  const opened: string[] = [];
  session.events.on("open", (panel) => opened.push(panel));
  session.selectVertebra(L2, 7);
  press("markFracture", "notAssessable");
  assert.deepEqual([opened, refused], [["why"], ["markFracture"]]);
  screen.draw();
  assert.deepEqual(labels(L2), {});
});

inTime("steps faster than the screen are all drawn, and each key marks the slice where its hand was", () => {
  const { screen, press, labels, refused } = open();
  press("sliceDown", "sliceDown", "markFracture", "sliceDown", "markNegative");
  for (let drawn = 0; drawn < 3; drawn += 1) screen.draw();
  assert.deepEqual(labels(L1), { 7: "fracture", 8: "negative" });
  assert.deepEqual(refused, []);
});

inTime("a range begins and ends at the slices that were wanted when its keys were pressed", () => {
  const { screen, press, labels } = open();
  press("sliceUp", "sliceUp", "startRange");
  screen.draw();
  screen.draw();
  press("sliceDown", "sliceDown", "sliceDown", "rangeFracture", "sliceDown");
  for (let drawn = 0; drawn < 4; drawn += 1) screen.draw();
  assert.deepEqual(Object.keys(labels(L1)).map(Number), [3, 4, 5, 6]);
});

inTime("a refusal stands while other keys are pressed, until it is old or the same key succeeds", () => {
  const { session, screen, press, said } = open();
  session.selectVertebra(L2, 7);
  press("markFracture");
  pass(SLICE_PATIENCE);
  const sentence = "Slice 8 is not on screen yet.";
  session.say("");
  press("typeA1");
  assert.equal(said(), sentence);
  screen.draw();
  press("markFracture");
  assert.equal(said(), "");

  press("startRange", "clearVertebra", "clearVertebra");
  assert.equal(said(), "Nothing is set on L2.");
  pass(2400);
  session.say("");
  assert.equal(said(), "Nothing is set on L2.");
  pass(200);
  session.say("");
  assert.equal(said(), "");
});

inTime("no sequence of keys and drawings marks a slice that was not wanted when its key was pressed", () => {
  const moves: CommandName[] = ["sliceUp", "sliceDown", "vertebraUp", "vertebraDown", "firstSlice", "lastSlice"];
  for (let seed = 0; seed < 300; seed += 1) {
    const roll = dice(seed);
    const { session, screen } = open();
    const meant: string[] = [];
    for (let turn = 0; turn < 40; turn += 1) {
      const kind = roll(4);
      if (kind === 0) screen.draw();
      else if (kind === 1) pass(roll(500));
      else if (kind === 2) runCommand(moves[roll(moves.length)] as CommandName, session);
      else {
        const name = (["markFracture", "markNegative"] as const)[roll(2)] as CommandName;
        meant.push(`${session.vertebra?.level} ${SOPS[session.aim]} ${name === "markFracture" ? "fracture" : "negative"}`);
        runCommand(name, session);
      }
    }
    // What was marked is a part of what was meant, in the same order.
    let at = 0;
    for (const operation of session.store.outbox.pending) {
      assert.equal(operation.verb, "label_slices");
      if (operation.verb !== "label_slices") continue;
      const { vertebra, sop_uids, value } = operation.payload;
      const level = CASE.vertebrae.find(({ id }) => id === vertebra)?.level;
      assert.equal(operation.shown.sop_uid, sop_uids[0]);
      const found = meant.indexOf(`${level} ${sop_uids[0]} ${value}`, at);
      assert.notEqual(found, -1, `seed ${seed}: ${level} ${sop_uids[0]} ${value} was not meant`);
      at = found + 1;
    }
  }
});
