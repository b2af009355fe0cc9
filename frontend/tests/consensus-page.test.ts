import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { commandNames, commandOf, isCommandName } from "../src/consensus/commands.ts";
import { ChordReader } from "../src/reading/keys.ts";

const html = readFileSync(new URL("../../templates/reading/consensus.html", import.meta.url), "utf-8");
const named = [...html.matchAll(/data-command="(\w+)"/g)].map((match) => match[1] as string);
const folder = new URL("../src/consensus/", import.meta.url);

test("every button of the consensus names a command, and every command but pure keys has its button", () => {
  for (const name of named) assert.ok(isCommandName(name), name);
  // Reached on screen by other means: wheel and slice bar, Shift with a button, the buttons of reasons, of acuity and of the order.
  const otherwise = ["rangeFracture", "rangeNegative", "sliceUp", "sliceDown", "firstSlice", "lastSlice", "order", "acuity"];
  assert.deepEqual(commandNames.filter((name) => !named.includes(name) && !otherwise.includes(name) && !/^digit\d$/.test(name)), []);
});

test("no two commands of the consensus share a key", () => {
  const keys = commandNames.flatMap((name) => commandOf(name).keys);
  assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) !== index), []);
});

test("the levels have a key on keyboards where + is Shift and 1, and L alone stays the teaching list", () => {
  const reader = new ChordReader(Object.fromEntries(commandNames.map((name) => [name, commandOf(name).keys])));
  const press = (key: string, code: string, shiftKey: boolean) => reader.read({ key, code, shiftKey, ctrlKey: false, metaKey: false, altKey: false }, 0);
  assert.deepEqual(press("L", "KeyL", true), { name: "levels" });
  assert.deepEqual(press("l", "KeyL", false), { name: "teach" });
  assert.deepEqual(press("+", "Digit1", true), { name: "presetBone" });
});

test("the consensus carries no inline style, script or handler", () => {
  assert.doesNotMatch(html, /\sstyle=|<script(?![^>]*src=)|\son[a-z]+=/);
});

test("what is said of a consensus knows no DOM", () => {
  for (const path of readdirSync(folder).filter((each) => each.endsWith(".ts") && each !== "app.ts")) {
    assert.doesNotMatch(readFileSync(new URL(path, folder), "utf-8"), /\bdocument\b|\bwindow\.(?!\[)/, path);
  }
});
