import assert from "node:assert/strict";
import { test } from "node:test";

import { commandNames, commandOf } from "../src/reading/commands.ts";
import { ariaShortcuts, capsOf, ChordReader, fits, secondWords, strokesOf, type KeyPress } from "../src/reading/keys.ts";

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  code: "",
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

test("no two commands claim one key, and no key is the first half of another's chord", () => {
  const claimed = new Map<string, string>();
  for (const name of commandNames) {
    for (const chord of commandOf(name).keys) {
      assert.equal(claimed.get(chord), undefined, `${chord} is claimed by ${name} and ${claimed.get(chord) ?? ""}`);
      claimed.set(chord, name);
    }
  }
  const single = new Set([...claimed.keys()].filter((chord) => strokesOf(chord).length === 1));
  for (const chord of claimed.keys()) {
    const [first, second] = strokesOf(chord);
    if (second) assert.ok(!single.has(first as string), `${chord} can never be typed`);
  }
});

test("every command has a key and a name of its own", () => {
  const labels = commandNames.map((name) => commandOf(name).label);
  assert.equal(new Set(labels).size, labels.length);
  for (const name of commandNames) assert.ok(commandOf(name).keys.length > 0, name);
});

test("digits go by their place, so that a French keyboard works", () => {
  assert.ok(fits(press("&", { code: "Digit1" }), "Digit1"));
  assert.ok(fits(press("1", { code: "Numpad1" }), "Digit1"));
  assert.ok(fits(press("1", { code: "Digit1", shiftKey: true }), "Shift+Digit1"));
  assert.ok(!fits(press("!", { code: "Digit1", shiftKey: true }), "Digit1"));
});

test("a modifier that nobody asked for leaves the key to the browser", () => {
  assert.ok(!fits(press("f", { ctrlKey: true }), "f"));
  assert.ok(!fits(press("n", { metaKey: true }), "n"));
  assert.ok(!fits(press("z", { altKey: true }), "z"));
  assert.ok(fits(press("Z", { ctrlKey: true, shiftKey: true }), "Ctrl+Shift+z"));
  assert.ok(fits(press("?", { shiftKey: true }), "?"));
});

test("B waits for its digit and forgets it after a pause", () => {
  const reader = new ChordReader({ b1: ["b Digit1"], type1: ["Digit1"], f: ["f"] });
  assert.deepEqual(reader.read(press("b"), 0), { begun: ["b1"] });
  assert.deepEqual(reader.read(press("1", { code: "Digit1" }), 500), { name: "b1" });
  assert.deepEqual(reader.read(press("b"), 1000), { begun: ["b1"] });
  assert.deepEqual(reader.read(press("1", { code: "Digit1" }), 9000), { name: "type1" });
  assert.deepEqual(reader.read(press("b"), 10_000), { begun: ["b1"] });
  assert.deepEqual(reader.read(press("f"), 10_100), { name: "f" });
});

test("the space bar is a key like any other", () => {
  const reader = new ChordReader({ next: ["Space"] });
  assert.deepEqual(reader.read(press(" ", { code: "Space" }), 0), { name: "next" });
});

test("key caps read as they are printed", () => {
  assert.deepEqual(capsOf("Ctrl+Shift+z"), ["Ctrl", "Shift", "Z"]);
  assert.deepEqual(capsOf("b Digit2"), ["B", "2"]);
  assert.deepEqual(capsOf("ArrowUp"), ["↑"]);
});

test("after the first of two strokes it is said what may follow, as the keys are now", () => {
  assert.equal(secondWords("b", ["b Digit1", "b Digit2", "y", "b x"]), "B: now 1, 2 or X.");
  assert.equal(secondWords("b", ["b Digit1"]), "B: now 1.");
});

test("a screen reader is told single strokes; it has no word for two in a row", () => {
  assert.equal(ariaShortcuts(["Shift+f", "Ctrl+Alt+Digit1", "b Digit1", "+", "ArrowUp"]), "Shift+F Control+Alt+1 Plus ArrowUp");
});
