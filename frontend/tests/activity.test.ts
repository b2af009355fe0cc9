import assert from "node:assert/strict";
import { test } from "node:test";

import { ActiveClock, durationWords, STILL_LOOKING, type AttendedPage } from "../src/reading/activity.ts";
import { vertebraId } from "../src/reading/model.ts";

type Listener = (event: Event) => void;

/** A page, a window and a wall clock that only the test moves. */
class Desk implements AttendedPage {
  visibilityState = "visible";
  focused = true;
  time = 5000;
  private readonly listeners = new Map<string, Set<Listener>>();
  readonly defaultView = this;

  hasFocus(): boolean {
    return this.focused;
  }
  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, (this.listeners.get(type) ?? new Set()).add(listener));
  }
  removeEventListener(type: string, listener: Listener): void {
    this.listeners.get(type)?.delete(listener);
  }
  happens(type: string, more: object = {}): void {
    for (const listener of this.listeners.get(type) ?? []) listener({ type, ...more } as Event);
  }
  get heard(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
  pass(ms: number): void {
    this.time += ms;
  }
  clock(): ActiveClock {
    return new ActiveClock(() => this.time, this);
  }
}

const L1 = vertebraId(21);
const L2 = vertebraId(22);

test("time counts while keys, wheel and pointer follow each other", () => {
  const desk = new Desk();
  const clock = desk.clock();
  for (const [type, more] of [["keydown", {}], ["wheel", {}], ["pointermove", { screenX: 1, screenY: 2 }], ["pointerdown", {}]] as const) {
    desk.pass(STILL_LOOKING - 1);
    desk.happens(type, more);
  }
  assert.equal(clock.total, 4 * (STILL_LOOKING - 1));
});

test("a coffee counts for the last look and no longer", () => {
  const desk = new Desk();
  const clock = desk.clock();
  desk.pass(2000);
  desk.happens("keydown");
  desk.pass(600_000);
  assert.equal(clock.total, 2000 + STILL_LOOKING);
  desk.happens("keydown");
  desk.pass(3000);
  assert.equal(clock.total, 2000 + STILL_LOOKING + 3000);
});

test("asking in the middle of a pause does not make it longer or shorter", () => {
  const desk = new Desk();
  const clock = desk.clock();
  for (let asked = 0; asked < 40; asked += 1) {
    desk.pass(700);
    clock.totals();
  }
  assert.equal(clock.total, STILL_LOOKING);
});

test("nothing counts in another window or another tab, whatever moves there", () => {
  const desk = new Desk();
  const clock = desk.clock();
  desk.pass(1000);
  desk.focused = false;
  desk.happens("blur");
  desk.pass(4000);
  desk.happens("pointermove", { screenX: 8, screenY: 8 });
  desk.pass(4000);
  assert.equal(clock.total, 1000);
  desk.focused = true;
  desk.pass(4000);
  desk.happens("keydown");
  desk.pass(500);
  assert.equal(clock.total, 1500);
  desk.visibilityState = "hidden";
  desk.happens("visibilitychange");
  desk.pass(9000);
  desk.visibilityState = "visible";
  desk.happens("visibilitychange");
  desk.pass(9000);
  assert.equal(clock.total, 1500);
});

test("a pointer that rests is no movement, even where the browser reports it anew", () => {
  const desk = new Desk();
  const clock = desk.clock();
  desk.happens("pointermove", { screenX: 30, screenY: 40 });
  for (let second = 0; second < 60; second += 1) {
    desk.pass(1000);
    desk.happens("pointermove", { screenX: 30, screenY: 40 });
  }
  assert.equal(clock.total, STILL_LOOKING);
});

test("each vertebra gets its own time, and the whole is their sum", () => {
  const desk = new Desk();
  const clock = desk.clock();
  desk.pass(500);
  clock.attribute(L1);
  desk.pass(2000);
  clock.attribute(L2);
  desk.happens("keydown");
  desk.pass(3000);
  clock.attribute(L1);
  desk.pass(1000);
  assert.deepEqual(clock.totals(), [
    { vertebra: null, ms: 500 },
    { vertebra: L1, ms: 3000 },
    { vertebra: L2, ms: 3000 },
  ]);
  assert.equal(clock.total, 6500);
});

test("a read that opens in a window behind has no time yet", () => {
  const desk = new Desk();
  desk.focused = false;
  const clock = desk.clock();
  desk.pass(3000);
  assert.deepEqual(clock.totals(), []);
});

test("a clock that runs backwards takes nothing away", () => {
  const desk = new Desk();
  const clock = desk.clock();
  desk.pass(4000);
  assert.equal(clock.total, 4000);
  desk.pass(-3_600_000);
  desk.happens("keydown");
  desk.pass(1000);
  assert.equal(clock.total, 5000);
});

test("a stopped clock hears nothing and keeps what it has", () => {
  const desk = new Desk();
  const clock = desk.clock();
  desk.pass(1200);
  clock.stop();
  assert.equal(desk.heard, 0);
  desk.pass(1000);
  assert.equal(clock.total, 1200);
});

test("durations read as on a watch", () => {
  assert.equal(durationWords(0), "0:00");
  assert.equal(durationWords(84_999), "1:24");
  assert.equal(durationWords(3_723_000), "1:02:03");
});
