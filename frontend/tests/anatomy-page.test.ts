import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { commandNames, commandOf, isCommandName } from "../src/anatomy/commands.ts";

const html = readFileSync(new URL("../../templates/reading/anatomy.html", import.meta.url), "utf-8");
const named = [...html.matchAll(/data-command="(\w+)"/g)].map((match) => match[1] as string);

test("every button of the anatomy check names a command, and every command but pure keys has its button", () => {
  for (const name of named) assert.ok(isCommandName(name), name);
  // Reached on screen by other means: wheel and slice bar, and the radio group of certainty.
  const otherwise = ["sliceUp", "sliceDown", "firstSlice", "lastSlice", "certainty"];
  assert.deepEqual(commandNames.filter((name) => !named.includes(name) && !otherwise.includes(name)), []);
});

test("no two commands of the anatomy check share a key", () => {
  const keys = commandNames.flatMap((name) => commandOf(name).keys);
  assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) !== index), []);
});

test("the anatomy check carries no inline style, script or handler", () => {
  assert.doesNotMatch(html, /\sstyle=|<script(?![^>]*src=)|\son[a-z]+=/);
});
