import assert from "node:assert/strict";
import { test } from "node:test";

import { apart, tickWords, ticks, wholeTicks, wordsOf } from "../src/pages/curves.ts";

test("ticks are round, enclose the values and are few", () => {
  assert.deepEqual(ticks(0, 1, 4), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(ticks(0.07, 0.93, 4), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(ticks(-0.93, -0.12, 4), [-1, -0.75, -0.5, -0.25, 0]);
  assert.deepEqual(ticks(0, 47, 5), [0, 10, 20, 30, 40, 50]);
  for (const [low, high] of [[0, 1e-6], [1e5, 3e7], [-3, 8], [0.333, 0.334]] as const) {
    const found = ticks(low, high, 5);
    assert.ok((found[0] ?? 1) <= low + 1e-12 && (found.at(-1) ?? 0) >= high - 1e-12, `${low} to ${high}: ${found}`);
    assert.ok(found.length >= 2 && found.length <= 8, `${found}`);
  }
});

test("one value has an axis too", () => {
  for (const value of [0, 0.5, -3]) {
    const found = ticks(value, value);
    assert.ok((found[0] ?? 1) < value && (found.at(-1) ?? 0) > value, `${value}: ${found}`);
  }
});

test("an axis of epochs has no halves", () => {
  assert.deepEqual(wholeTicks(0, 2), [0, 1, 2]);
  assert.deepEqual(wholeTicks(0, 1), [0, 1]);
  assert.ok(wholeTicks(0, 1000).every(Number.isInteger));
  assert.ok(wholeTicks(0, 1000).length < 10);
});

test("ticks have as many digits as tell them apart, and a true minus", () => {
  assert.deepEqual(tickWords([0, 0.25, 0.5]), ["0.00", "0.25", "0.50"]);
  assert.deepEqual(tickWords([-10, 0, 10]), ["−10", "0", "10"]);
});

test("names that would lie over one another are moved apart, in the order of their lines", () => {
  assert.deepEqual(apart([100, 96, 20], 14), [110, 96, 20]);
  assert.deepEqual(apart([20, 60], 14), [20, 60]);
});

test("a figure says in words what it shows", () => {
  const lines = [
    { name: "train loss", points: [[0, 0.91234], [47, 0.0812]] },
    { name: "Dice", points: [[0, -0.5]] },
  ] as const;
  assert.equal(wordsOf(lines, "epoch"), "train loss from 0.912 to 0.0812 between epoch 0 and 47; Dice −0.5 at epoch 0.");
  assert.equal(wordsOf([], "epoch"), "Nothing yet.");
});
