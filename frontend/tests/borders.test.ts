import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { commandNames, isCommandName } from "../src/reading/commands.ts";

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url));
const TEMPLATE = new URL("../../templates/reading/room.html", import.meta.url);

const sources = readdirSync(SOURCE, { recursive: true, encoding: "utf-8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, text: readFileSync(SOURCE + path, "utf-8") }));

const imports = (text: string): string[] => [...text.matchAll(/from "([^"]+)"|import\("([^"]+)"\)/g)].map((match) => match[1] ?? match[2] ?? "");

test("only src/viewer imports Cornerstone: ask StackViewer for what you need", () => {
  for (const { path, text } of sources) {
    if (path.startsWith("viewer/")) continue;
    assert.deepEqual(imports(text).filter((name) => name.startsWith("@cornerstonejs")), [], path);
  }
});

test("the viewer knows nothing of reading, and the state of a read knows no DOM", () => {
  for (const { path, text } of sources) {
    if (path.startsWith("viewer/")) assert.deepEqual(imports(text).filter((name) => name.includes("/reading/")), [], path);
    if (!/^reading\/(apply|gaps|history|marks|model|operation|outbox|store|session|commands|keys|lease|holding|prefetch|unsaved|kept-queue|speech)\.ts$/.test(path)) continue;
    assert.doesNotMatch(text, /\bdocument\b|\bwindow\./, path);
  }
});

test("no file is longer than 400 lines", () => {
  for (const { path, text } of sources) if (!path.startsWith("api/schema")) assert.ok(text.split("\n").length <= 400, path);
});

test("every button of the page names a command, and every command but pure keys has its button", () => {
  const html = readFileSync(TEMPLATE, "utf-8");
  const named = [...html.matchAll(/data-command="(\w+)"/g)].map((match) => match[1] as string);
  for (const name of named) assert.ok(isCommandName(name), name);
  // These are reached on screen by other means: the wheel and the slice bar, the strip, Shift with a button, the radio group, the line above the image.
  const otherwise = ["sliceUp", "sliceDown", "firstSlice", "lastSlice", "rangeFracture", "rangeNegative", "acuity", "comment", "reopen"];
  assert.deepEqual(commandNames.filter((name) => !named.includes(name) && !otherwise.includes(name)), []);
});

test("the page carries no inline style, script or handler", () => {
  const html = readFileSync(TEMPLATE, "utf-8");
  assert.doesNotMatch(html, /\sstyle=|<script(?![^>]*src=)|\son[a-z]+=/);
});
