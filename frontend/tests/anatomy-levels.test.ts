import assert from "node:assert/strict";
import { test } from "node:test";

import { column, countDown, countFrom, LEVELS, LUMBAR, namesBetween, orderProblem, shift, thoracicCount, THORACIC, type Counts } from "../src/anatomy/levels.ts";

const words = (text: string): string[] => text.split(" ");
const NECK = "C1 C2 C3 C4 C5 C6 C7";
const CHEST = "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11";

/** Every spine there can be, written out. */
const TABLE: Readonly<Record<string, string[]>> = {
  "11/4": words(`${NECK} ${CHEST} L1 L2 L3 L4`),
  "11/5": words(`${NECK} ${CHEST} L1 L2 L3 L4 L5`),
  "11/6": words(`${NECK} ${CHEST} L1 L2 L3 L4 L5 L6`),
  "12/4": words(`${NECK} ${CHEST} T12 L1 L2 L3 L4`),
  "12/5": words(`${NECK} ${CHEST} T12 L1 L2 L3 L4 L5`),
  "12/6": words(`${NECK} ${CHEST} T12 L1 L2 L3 L4 L5 L6`),
  "13/4": words(`${NECK} ${CHEST} T12 T13 L1 L2 L3 L4`),
  "13/5": words(`${NECK} ${CHEST} T12 T13 L1 L2 L3 L4 L5`),
  "13/6": words(`${NECK} ${CHEST} T12 T13 L1 L2 L3 L4 L5 L6`),
};

const COUNTS: readonly Counts[] = THORACIC.flatMap((thoracic) => LUMBAR.map((lumbar) => ({ thoracic, lumbar })));
const tableOf = ({ thoracic, lumbar }: Counts): string[] => TABLE[`${thoracic}/${lumbar}`] as string[];

/** Numbers that look random and are the same each time (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("the column of every spine is the one that stands in the table", () => {
  for (const counts of COUNTS) assert.deepEqual(column(counts), tableOf(counts));
});

test("counting down from any level agrees with the table, or says why there are no names", () => {
  const pick = random(1);
  for (let round = 0; round < 5000; round += 1) {
    const counts = COUNTS[pick(COUNTS.length)] as Counts;
    const first = LEVELS[pick(LEVELS.length)] as string;
    const count = 1 + pick(26);
    const table = tableOf(counts);
    const at = table.indexOf(first);
    const named = countDown(first, count, counts);
    if (at < 0 || at + count > table.length) assert.ok("problem" in named && named.problem.endsWith("."), `${first} ${count}`);
    else assert.deepEqual(named, { levels: table.slice(at, at + count) });
  }
});

test("counting from one in the middle names it as was said, its neighbours by the table", () => {
  const pick = random(2);
  for (let round = 0; round < 5000; round += 1) {
    const counts = COUNTS[pick(COUNTS.length)] as Counts;
    const count = 1 + pick(24);
    const place = pick(count);
    const level = LEVELS[pick(LEVELS.length)] as string;
    const named = countFrom(level, place, count, counts);
    if ("problem" in named) continue;
    assert.equal(named.levels.length, count);
    assert.equal(named.levels[place], level);
    assert.equal(named.levels.join(" "), tableOf(counts).slice(tableOf(counts).indexOf(named.levels[0] as string)).slice(0, count).join(" "));
  }
});

test("a numbering that is shifted and shifted back is what it was, whatever part of whatever spine is in view", () => {
  const pick = random(3);
  for (let round = 0; round < 5000; round += 1) {
    const counts = COUNTS[pick(COUNTS.length)] as Counts;
    const table = tableOf(counts);
    const from = pick(table.length);
    const levels = table.slice(from, from + 1 + pick(table.length - from)).map((level) => (pick(8) === 0 ? "" : level));
    const by = pick(2) === 0 ? 1 : -1;
    const there = shift(levels, by);
    if ("problem" in there) continue;
    assert.deepEqual(there.levels.map(Boolean), levels.map(Boolean), "unknown stays unknown");
    assert.equal(orderProblem(there.levels), "");
    // A T13 that has moved out of view no longer says that there is one.
    if (thoracicCount(there.levels) !== thoracicCount(levels)) continue;
    assert.deepEqual(shift(there.levels, by === 1 ? -1 : 1), { levels });
  }
});

test("L1 becomes L2 or T12, with T13 in view T13, and beyond C1 or L6 it says so", () => {
  assert.deepEqual(shift(["T12", "L1"], 1), { levels: ["L1", "L2"] });
  assert.deepEqual(shift(["T12", "L1"], -1), { levels: ["T11", "T12"] });
  assert.deepEqual(shift(["T13", "L1"], -1), { levels: ["T12", "T13"] });
  assert.deepEqual(shift(["T11", "L1"], 1), { levels: ["L1", "L2"] });
  assert.ok("problem" in shift(["C1", "C2"], -1));
  assert.ok("problem" in shift(["L5", "L6"], 1));
  assert.ok("problem" in shift(["", ""], 1));
});

test("a name that is left out between two neighbours is found, and only that", () => {
  assert.deepEqual(namesBetween("T11", "L1", ["T11", "L1", "L2"]), [], "eleven thoracic vertebrae leave none out");
  assert.deepEqual(namesBetween("T10", "L1", ["T10", "L1"]), ["T11", "T12"]);
  assert.deepEqual(namesBetween("L1", "L2", ["L1", "L2"]), []);
  assert.deepEqual(namesBetween("", "L2", ["", "L2"]), []);
});

test("two of one name, and names out of order, are told in a sentence", () => {
  assert.match(orderProblem(["L1", "L1"]), /Two vertebrae are called L1/);
  assert.match(orderProblem(["L2", "L1"]), /L1 stands below L2/);
  assert.equal(orderProblem(["T12", "T13", "", "L1"]), "");
});
