import assert from "node:assert/strict";
import { test } from "node:test";

import { meaningOf, nextOpen } from "../src/pages/reports.ts";

test("letters mean the same everywhere; Enter and the arrows only where they belong to nobody else", () => {
  assert.deepEqual(meaningOf("j", false), { step: 1 });
  assert.deepEqual(meaningOf("K", false), { step: -1 });
  assert.deepEqual(meaningOf("c", false), { press: "C" });
  assert.deepEqual(meaningOf("t", true), { text: true });
  assert.deepEqual(meaningOf("Enter", true), { press: "C" });
  assert.deepEqual(meaningOf("ArrowDown", true), { step: 1 });
  for (const key of ["Enter", "ArrowDown", "ArrowUp"]) assert.equal(meaningOf(key, false), null);
  for (const key of ["x", "Escape", " ", "Tab"]) assert.equal(meaningOf(key, true), null);
});

test("after a decision the next open report has its turn, and the skipped ones after the last", () => {
  assert.equal(nextOpen([false, false, true, true], 1), 2);
  assert.equal(nextOpen([true, false, false, false], 2), 0);
  assert.equal(nextOpen([false, false], 0), -1);
});
