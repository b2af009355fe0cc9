import assert from "node:assert/strict";
import { test } from "node:test";

import type { PreferencesOut } from "../src/api/schema.ts";
import { commandNames, commandOf, type CommandName } from "../src/reading/commands.ts";
import { ChordReader, isDeliberate, strokeOfPress, strokesOf, type KeyPress } from "../src/reading/keys.ts";
import { Preferences, type PreferencesServer } from "../src/reading/preferences.ts";
import { dice, MemoryStorage } from "./case.ts";

/** Keeps what it is sent, like the real one; may be out of reach. */
class Shelf implements PreferencesServer {
  kept: PreferencesOut = { keys: {}, single_keys: true };
  reachable = true;
  puts = 0;

  async get(): Promise<PreferencesOut | null> {
    return this.reachable ? this.kept : null;
  }
  async put(preferences: PreferencesOut): Promise<"kept" | "no answer"> {
    this.puts += 1;
    if (!this.reachable) return "no answer";
    this.kept = JSON.parse(JSON.stringify(preferences)) as PreferencesOut;
    return "kept";
  }
}

const here = (server = new Shelf(), storage = new MemoryStorage()): { preferences: Preferences; server: Shelf; storage: MemoryStorage } => ({
  preferences: new Preferences(server, storage, "keys"),
  server,
  storage,
});

const press = (key: string, code = "", more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  code,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

/** No press can mean two commands, and every chord can be typed to its end. */
function assertClear(preferences: Preferences): void {
  const chords = commandNames.flatMap((name) => preferences.givenTo(name));
  assert.equal(new Set(chords).size, chords.length, chords.join(", "));
  for (const chord of chords) {
    const [first, second] = strokesOf(chord);
    if (second !== undefined) assert.ok(!chords.includes(first as string), `${chord} can never be typed`);
  }
  assert.ok(preferences.givenTo("summary").includes("Enter"));
}

test("until something is changed the keys are those that the commands came with", () => {
  const { preferences } = here();
  for (const name of commandNames) assert.deepEqual(preferences.chordsOf(name), commandOf(name).keys, name);
  assertClear(preferences);
});

test("a free key is given at once, sent, and there on another device", async () => {
  const { preferences, server } = here();
  let told = 0;
  preferences.events.on("changed", () => (told += 1));
  assert.deepEqual(preferences.give("markFracture", "y", "f"), { kind: "given" });
  assert.deepEqual(preferences.chordsOf("markFracture"), ["y"]);
  assert.equal(told, 1);
  await preferences.save();
  assert.deepEqual(server.kept.keys, { markFracture: ["y"] });
  const other = here(server).preferences;
  await other.load();
  assert.deepEqual(other.chordsOf("markFracture"), ["y"]);
});

test("a key that another command has is named, left alone, and swapped only when told", () => {
  const { preferences } = here();
  const given = preferences.give("markFracture", "n", "f");
  assert.deepEqual(given, { kind: "taken", by: "markNegative", sentence: "N is Negative." });
  assert.deepEqual(preferences.chordsOf("markFracture"), ["f"]);
  preferences.swap("markFracture", "n", "f");
  assert.deepEqual(preferences.chordsOf("markFracture"), ["n"]);
  assert.deepEqual(preferences.chordsOf("markNegative"), ["f"]);
  assertClear(preferences);
});

test("Enter, Escape and Tab stay what they are, whatever is held with them", () => {
  const { preferences } = here();
  for (const chord of ["Enter", "Escape", "Tab", "Ctrl+Enter", "Shift+Tab", "b Enter"]) {
    assert.equal(preferences.give("markFracture", chord, "f").kind, "refused", chord);
  }
  const given = preferences.give("markFracture", "Ctrl+w", "f");
  assert.ok(given.kind === "refused" && given.sentence.includes("browser"));
});

test("the first half of other keys is refused, and the sentence says whose", () => {
  const { preferences } = here();
  const given = preferences.give("markFracture", "b", "f");
  assert.ok(given.kind === "refused");
  assert.ok(given.sentence.includes("Segment injury B1"), given.sentence);
  assert.deepEqual(preferences.give("markFracture", "b x", "f"), { kind: "given" });
  const after = preferences.give("markNegative", "v v", "n");
  assert.ok(after.kind === "refused" && after.sentence.includes("Rest of it negative"));
});

test("going back to a key as delivered takes it back from whoever has it now", () => {
  const { preferences } = here();
  preferences.swap("markFracture", "n", "f");
  assert.deepEqual(new Set(preferences.reset("markFracture")), new Set(["markFracture", "markNegative"]));
  assert.deepEqual(preferences.chordsOf("markFracture"), ["f"]);
  assert.deepEqual(preferences.chordsOf("markNegative"), ["n"]);
  preferences.give("unclear", "y", "u");
  preferences.resetAll();
  assert.deepEqual(preferences.chordsOf("unclear"), ["u"]);
});

test("with single keys off only chords with Ctrl or Alt and keys that move do anything", () => {
  const { preferences } = here();
  preferences.switchSingleKeys(false);
  const working = commandNames.flatMap((name) => preferences.chordsOf(name));
  assert.ok(working.length > 0 && working.every(isDeliberate));
  assert.ok(working.every((chord) => /^(Ctrl|Alt)|Arrow|Home|End/.test(chord)), working.join(", "));
  assert.deepEqual(preferences.chordsOf("markFracture"), []);
  assert.deepEqual(preferences.give("markFracture", "Ctrl+Alt+f", null), { kind: "given" });
  assert.deepEqual(preferences.chordsOf("markFracture"), ["Ctrl+Alt+f"]);
  preferences.switchSingleKeys(true);
  assert.deepEqual(preferences.chordsOf("markFracture"), ["f", "Ctrl+Alt+f"]);
});

test("without the network the change holds here, and goes out at the next start", async () => {
  const { preferences, server, storage } = here();
  server.reachable = false;
  preferences.give("fit", "y", "o");
  await preferences.save();
  assert.equal(preferences.isKept, false);
  server.reachable = true;
  const later = here(server, storage).preferences;
  assert.deepEqual(later.chordsOf("fit"), ["y"]);
  await later.load();
  assert.equal(later.isKept, true);
  assert.deepEqual(server.kept.keys, { fit: ["y"] });
});

test("of two quick changes the last one is what the server keeps", async () => {
  const { preferences, server } = here();
  preferences.give("fit", "y", "o");
  preferences.give("fit", "Alt+o", "y");
  await preferences.save();
  assert.deepEqual(server.kept.keys, { fit: ["Alt+o"] });
  assert.equal(preferences.isKept, true);
});

test("without an answer the keys are those that this browser knew", async () => {
  const { preferences, server, storage } = here();
  preferences.give("fit", "y", "o");
  await preferences.save();
  server.reachable = false;
  const later = here(server, storage).preferences;
  await later.load();
  assert.deepEqual(later.chordsOf("fit"), ["y"]);
});

test("keys of a command that this room does not know are kept for the one that does", async () => {
  const { preferences, server } = here();
  server.kept = { keys: { ofTomorrow: ["y"], fit: ["Alt+o"] }, single_keys: true };
  await preferences.load();
  preferences.give("fit", "Alt+p", "Alt+o");
  await preferences.save();
  assert.deepEqual(server.kept.keys, { ofTomorrow: ["y"], fit: ["Alt+p"] });
});

test("nonsense from the storage or the server leaves keys that can be typed", async () => {
  for (const text of ["{", "null", "[]", '{"keys":null}', '{"keys":{"fit":["f","b","Enter",""]},"single_keys":true}']) {
    const storage = new MemoryStorage();
    storage.setItem("keys", text);
    assertClear(here(new Shelf(), storage).preferences);
  }
  const { preferences, server } = here();
  server.kept = { keys: { summary: [], fit: ["Enter", "f"], outlines: ["f"] }, single_keys: true };
  await preferences.load();
  assertClear(preferences);
  assert.deepEqual([...preferences.chordsOf("fit"), ...preferences.chordsOf("outlines")], ["f"]);
  assert.deepEqual(preferences.chordsOf("markFracture"), []);
});

test("whatever is given, swapped and taken back, no press ever means two commands", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const roll = dice(seed);
    const { preferences, server } = here();
    const any = (): CommandName => commandNames[roll(commandNames.length)] as CommandName;
    const chords = commandNames.flatMap((name) => commandOf(name).keys);
    for (let step = 0; step < 40; step += 1) {
      const name = any();
      const own = preferences.givenTo(name).filter((chord) => !preferences.isFixed(chord));
      const instead = own[roll(own.length + 1)] ?? null;
      const chord = [chords[roll(chords.length)], "y", "Alt+x", "b y", "Ctrl+Alt+Digit1"][roll(5)] as string;
      const act = roll(6);
      if (act === 0) preferences.reset(name);
      else if (act === 1 && instead) preferences.takeAway(name, instead);
      else if (preferences.give(name, chord, instead).kind === "taken") preferences.swap(name, chord, instead);
      assertClear(preferences);
    }
    await preferences.save();
    const elsewhere = here(server).preferences;
    await elsewhere.load();
    for (const name of commandNames) assert.deepEqual(elsewhere.givenTo(name), preferences.givenTo(name), `${seed}: ${name}`);
  }
});

test("a press is written down as the chord that it will fit", () => {
  const presses: readonly [KeyPress, string][] = [
    [press("f", "KeyF"), "f"],
    [press("F", "KeyF", { shiftKey: true }), "Shift+f"],
    [press("&", "Digit1"), "Digit1"],
    [press("1", "Numpad1"), "Digit1"],
    [press("?", "Slash", { shiftKey: true }), "?"],
    [press("+", "NumpadAdd"), "+"],
    [press(" ", "Space"), "Space"],
    [press(" ", "Space", { ctrlKey: true }), "Ctrl+Space"],
    [press("ƒ", "KeyF", { altKey: true }), "Alt+f"],
    [press("а", "KeyF"), "f"],
    [press("ArrowUp", "ArrowUp", { ctrlKey: true, shiftKey: true }), "Ctrl+Shift+ArrowUp"],
    [press("F7", "F7"), "F7"],
    [press("z", "KeyZ", { metaKey: true }), "Ctrl+z"],
  ];
  for (const [stroke, chord] of presses) {
    assert.equal(strokeOfPress(stroke), chord);
    assert.deepEqual(new ChordReader({ it: [chord] }).read(stroke, 0), { name: "it" }, chord);
  }
  for (const key of ["Shift", "Control", "Alt", "AltGraph", "Meta", "Dead", "CapsLock"]) assert.equal(strokeOfPress(press(key)), null, key);
});

test("the reader of strokes takes another table while it runs", () => {
  const reader = new ChordReader({ first: ["a"], second: ["b Digit1"] });
  assert.deepEqual(reader.read(press("b"), 0), { begun: ["second"] });
  reader.change({ first: ["b"], second: ["a"] });
  assert.deepEqual(reader.read(press("b"), 1), { name: "first" });
  assert.deepEqual(reader.read(press("a"), 2), { name: "second" });
});
