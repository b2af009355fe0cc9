import assert from "node:assert/strict";
import { mock, test } from "node:test";

import type { PlaneImage, PlaneReply } from "../src/api/planes.ts";
import { PlaneLoader, PlaneStack } from "../src/reading/planes.ts";

const COUNT = 100;
const STEP = 1.5;
/** Axial: the first plane lies highest. */
const TOP = 300;

const imageAt = (index: number): PlaneImage => ({
  plane: { origin: [0, 0, 0], columnDirection: [1, 0, 0], rowDirection: [0, 1, 0], rowSpacing: 1, columnSpacing: 1 },
  columns: 1,
  rows: 1,
  values: new Int16Array(1),
  position: TOP - index * STEP,
  step: STEP,
  index,
  count: COUNT,
  source: "native",
  level: "",
  centre: null,
});

/** A server that answers when the test says so. */
class Answers {
  readonly asked: { readonly url: string; readonly signal: AbortSignal; readonly answer: (reply: PlaneReply) => Promise<void> }[] = [];

  readonly fetch = (url: string, signal: AbortSignal): Promise<PlaneReply> =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      const answer = async (reply: PlaneReply): Promise<void> => {
        resolve(reply);
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
      };
      this.asked.push({ url, signal, answer });
    });

  get urls(): string[] {
    return this.asked.map(({ url }) => url);
  }

  async ok(index: number, which = this.asked.length - 1): Promise<void> {
    await this.asked[which]?.answer({ kind: "ok", image: imageAt(index) });
  }
}

function axial(): { server: Answers; stack: PlaneStack; changes: () => number } {
  const server = new Answers();
  let changes = 0;
  const stack = new PlaneStack(new PlaneLoader(server.fetch, () => (changes += 1)), -1, (z) => `z=${z}`);
  return { server, stack, changes: () => changes };
}

test("while one plane is on its way, only the newest wish is asked for after it", async () => {
  const { server, stack } = axial();
  stack.goTo(210, true);
  await server.ok(60);
  stack.step(1);
  for (let step = 0; step < 9; step += 1) stack.step(1);
  assert.deepEqual(server.urls, ["z=210", "z=208.5"]);
  await server.ok(61);
  assert.equal(stack.loader.image?.index, 61);
  assert.deepEqual(server.urls, ["z=210", "z=208.5", "z=195"]);
  await server.ok(70);
  assert.equal(stack.loader.image?.index, 70);
  assert.equal(stack.loader.isCurrent, true);
});

test("a jump to another vertebra stops what is on its way and takes the image before away", async () => {
  const { server, stack } = axial();
  stack.goTo(210, true);
  await server.ok(60);
  stack.step(1);
  stack.goTo(150, true);
  assert.equal(server.asked[1]?.signal.aborted, true);
  const shown = (): PlaneImage | null => stack.loader.image;
  assert.equal(shown(), null);
  await server.ok(100);
  assert.equal(shown()?.index, 100);
});

test("a scroll stops at the first and at the last plane", async () => {
  const { server, stack } = axial();
  stack.goTo(297, true);
  await server.ok(2);
  stack.step(-10);
  assert.equal(stack.position, TOP);
  stack.step(COUNT + 10);
  assert.equal(stack.position, TOP - (COUNT - 1) * STEP);
});

test("a place between two planes has the address of the nearest, so it is not fetched twice", async () => {
  const { server, stack } = axial();
  stack.goTo(210, true);
  await server.ok(60);
  stack.goTo(208.4, false);
  await server.ok(61);
  stack.goTo(209.9, false);
  stack.goTo(208.9, false);
  assert.deepEqual(server.urls, ["z=210", "z=208.5"]);
  assert.equal(stack.loader.image?.index, 61);
});

test("only the last planes are kept", async () => {
  const { server, stack } = axial();
  stack.goTo(210, true);
  await server.ok(60);
  for (let index = 61; index < 90; index += 1) {
    stack.step(1);
    await server.ok(index);
  }
  const before = server.asked.length;
  stack.step(-5);
  assert.equal(server.asked.length, before);
  stack.goTo(210, false);
  assert.equal(server.asked.length, before + 1);
});

test("a volume that is being prepared is asked for again, and what is done of it is said", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { server, stack } = axial();
  stack.goTo(210, true);
  await server.asked[0]?.answer({ kind: "preparing", share: 0.25 });
  assert.deepEqual(stack.loader.note, { kind: "preparing", share: 0.25 });
  mock.timers.tick(600);
  assert.deepEqual(server.urls, ["z=210", "z=210"]);
  await server.ok(60);
  assert.equal(stack.loader.note, null);
  mock.timers.reset();
});

test("a trouble is said in its place until the plane comes; a server that is silent is asked again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { server, stack } = axial();
  stack.goTo(210, true);
  await server.asked[0]?.answer({ kind: "problem", sentence: "The pack of this case is missing." });
  assert.deepEqual(stack.loader.note, { kind: "trouble", sentence: "The pack of this case is missing." });
  mock.timers.tick(10_000);
  assert.equal(server.asked.length, 1);
  stack.loader.retry();
  await server.asked[1]?.answer({ kind: "unreachable" });
  assert.equal(stack.loader.note?.kind, "trouble");
  mock.timers.tick(3000);
  await server.ok(60);
  assert.equal(stack.loader.note, null);
  assert.equal(stack.loader.image?.index, 60);
  mock.timers.reset();
});

test("after it was closed, an answer that comes late changes nothing", async () => {
  const { server, stack, changes } = axial();
  stack.goTo(210, true);
  stack.loader.close();
  await server.ok(60);
  assert.equal(stack.loader.image, null);
  assert.equal(changes(), 0);
});
