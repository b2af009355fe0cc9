import assert from "node:assert/strict";
import { test } from "node:test";

import { Prefetch, type Ahead } from "../src/reading/prefetch.ts";

interface Lines {
  readonly prefetch: Prefetch;
  readonly asked: string[];
  readonly aborted: string[];
  /** The browser has nothing to do. */
  readonly idle: () => void;
  /** Every request that is under way is answered. */
  readonly answer: () => Promise<void>;
}

const turn = async (): Promise<void> => {
  for (let count = 0; count < 10; count += 1) await Promise.resolve();
};

function lines(ahead: Ahead | null, savesData = false): Lines {
  const asked: string[] = [];
  const aborted: string[] = [];
  let waiting: (() => void)[] = [];
  let idle: (() => void)[] = [];
  const prefetch = new Prefetch({
    next: async () => ahead,
    fetch: (url, signal) =>
      new Promise((resolve, reject) => {
        asked.push(url);
        waiting.push(resolve);
        signal.addEventListener("abort", () => {
          aborted.push(url);
          reject(new Error("aborted"));
        });
      }),
    whenIdle: (run) => idle.push(run),
    savesData: () => savesData,
  });
  return {
    prefetch,
    asked,
    aborted,
    idle: () => idle.splice(0).forEach((run) => run()),
    answer: async () => {
      waiting.splice(0).forEach((resolve) => resolve());
      await turn();
    },
  };
}

const AHEAD: Ahead = { frames: ["f1", "f2", "f3", "f4"], outlinesUrl: "o" };

test("the next case is fetched once the browser is idle: first image, outlines, then outwards, two at a time", async () => {
  const { prefetch, asked, idle, answer } = lines(AHEAD);
  prefetch.after(1);
  await turn();
  assert.deepEqual(asked, []);
  idle();
  await turn();
  assert.deepEqual(asked, ["f1", "o"]);
  await answer();
  await answer();
  await answer();
  assert.deepEqual(asked, ["f1", "o", "f2", "f3", "f4"]);
  prefetch.after(1);
  idle();
  await turn();
  assert.equal(asked.length, 5, "once per case");
});

test("it gives way at once, and goes on later with what had not come", async () => {
  const { prefetch, asked, aborted, idle, answer } = lines(AHEAD);
  prefetch.after(1);
  idle();
  await turn();
  await answer();
  assert.deepEqual(asked, ["f1", "o", "f2", "f3"]);
  prefetch.stop();
  await turn();
  assert.deepEqual(aborted.slice(-2), ["f2", "f3"]);
  assert.equal(asked.length, 4);
  prefetch.after(1);
  idle();
  await turn();
  await answer();
  await answer();
  assert.deepEqual(asked.slice(4), ["f2", "f3", "f4"]);
});

test("nothing is fetched where the person pays for every byte, or where nothing comes next", async () => {
  for (const { prefetch, asked, idle } of [lines(AHEAD, true), lines(null)]) {
    prefetch.after(1);
    idle();
    await turn();
    assert.deepEqual(asked, []);
  }
});
