/**
 * The keys as this reader wants them, and whether keys without Ctrl or Alt do anything. They lie on the server, so that
 * they are there on every device, and in this browser, so that the first stroke of the day already means what it should.
 */

import { getPreferences, putPreferences } from "../api/me.ts";
import type { PreferencesOut } from "../api/schema.ts";
import { Emitter } from "../emitter.ts";
import { commandNames, commandOf, isCommandName, type CommandName } from "./commands.ts";
import { capWords, isDeliberate, strokesOf, type Chord } from "./keys.ts";

/** What the room asks of the server. */
export interface PreferencesServer {
  /** Null where there is no answer now. */
  get(): Promise<PreferencesOut | null>;
  put(preferences: PreferencesOut): Promise<"kept" | "refused" | "no answer">;
}

export interface PreferencesStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export interface PreferencesEvents {
  /** Keys were given to other commands, or single keys were switched. */
  changed: null;
  /** What is changed is on the server, or waits for it. */
  kept: boolean;
}

/** What giving a chord to a command came to. */
export type Given =
  | { readonly kind: "given" }
  /** Another command has it; `swap` gives that one the chord that becomes free. */
  | { readonly kind: "taken"; readonly by: CommandName; readonly sentence: string }
  | { readonly kind: "refused"; readonly sentence: string };

/** Keys of one command. */
const MOST_CHORDS = 4;

/** These belong to the page itself: Enter to the summary and its lock, the others to moving about and leaving. */
const RESERVED = new Map([
  ["Enter", "Enter shows the summary, and locks."],
  ["Escape", "Esc leaves a dialog."],
  ["Tab", "Tab goes from control to control."],
]);
/** No page hears of these. */
const OF_THE_BROWSER = new Set(["Ctrl+n", "Ctrl+t", "Ctrl+w", "Ctrl+q", "Ctrl+Shift+n", "Ctrl+Shift+t", "Ctrl+Shift+w", "Ctrl+Shift+q", "Alt+F4"]);

export class Preferences {
  readonly events = new Emitter<PreferencesEvents>();
  private readonly server: PreferencesServer;
  private readonly storage: PreferencesStorage;
  private readonly storageKey: string;
  /** By command; also of commands that this version of the room does not know. */
  private own: Readonly<Record<string, readonly Chord[]>> = {};
  private single = true;
  private table: Readonly<Record<CommandName, readonly Chord[]>>;
  private waits = false;
  private saving: Promise<void> = Promise.resolve();

  constructor(server: PreferencesServer, storage: PreferencesStorage, storageKey: string) {
    this.server = server;
    this.storage = storage;
    this.storageKey = storageKey;
    this.table = tableOf({});
    this.take(storedIn(storage, storageKey));
  }

  /** Asks the server. What was changed here and has not reached it goes there instead. Never throws, always ends. */
  async load(): Promise<void> {
    if (this.waits) {
      await this.save();
      return;
    }
    const found = await this.server.get();
    if (!found || this.waits) return;
    this.take({ ...found, waits: false });
    this.keepHere();
    this.events.emit("changed", null);
  }

  /** Whether keys without Ctrl or Alt do anything. */
  get singleKeys(): boolean {
    return this.single;
  }

  /** Whether everything that was changed is on the server. */
  get isKept(): boolean {
    return !this.waits;
  }

  /** The chords that work now, the one to show first. */
  chordsOf(name: CommandName): readonly Chord[] {
    return this.single ? this.table[name] : this.table[name].filter(isDeliberate);
  }

  /** The chords of the command, also those that are switched off. */
  givenTo(name: CommandName): readonly Chord[] {
    return this.table[name];
  }

  /** Whether a chord can be given up: Enter always shows the summary. */
  isFixed(chord: Chord): boolean {
    return RESERVED.has(chord);
  }

  isChanged(name: CommandName): boolean {
    return !sameChords(this.table[name], commandOf(name).keys);
  }

  /** Gives a chord to a command, in place of one of its own or beside them. Nothing is taken from another. */
  give(name: CommandName, chord: Chord, instead: Chord | null): Given {
    const sentence = this.refusal(name, chord, instead);
    if (sentence) return { kind: "refused", sentence };
    const by = this.ownersOf(chord).find((each) => each !== name);
    if (by) return { kind: "taken", by, sentence: `${capWords(chord)} is ${commandOf(by).label}.` };
    this.set({ [name]: replaced(this.table[name], instead, chord) });
    return { kind: "given" };
  }

  /** Gives a chord that another command has; that one gets the one that becomes free, or none. */
  swap(name: CommandName, chord: Chord, instead: Chord | null): void {
    const changes: Record<string, readonly Chord[]> = { [name]: replaced(this.table[name], instead, chord) };
    for (const other of this.ownersOf(chord)) if (other !== name) changes[other] = replaced(this.table[other], chord, instead);
    this.set(changes);
  }

  takeAway(name: CommandName, chord: Chord): void {
    this.set({ [name]: this.table[name].filter((each) => each !== chord) });
  }

  /** As delivered; what stands in the way goes back as well. Answers with the commands that did. */
  reset(name: CommandName): readonly CommandName[] {
    const names = new Set<CommandName>([name]);
    // A set grows while it is walked: what was freed may have been given on.
    for (const each of names) for (const chord of commandOf(each).keys) for (const other of this.inTheWayOf(chord)) names.add(other);
    this.own = Object.fromEntries(Object.entries(this.own).filter(([each]) => !isCommandName(each) || !names.has(each)));
    this.changed();
    return [...names];
  }

  resetAll(): void {
    this.own = {};
    this.changed();
  }

  switchSingleKeys(on: boolean): void {
    this.single = on;
    this.changed();
  }

  /** Sends what is here; one request at a time, so that the last change is the last to arrive. */
  save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      if (!this.waits) return;
      const sent = this.snapshot();
      const answer = await this.server.put(sent);
      // Changed meanwhile: the next save is in line already. What was refused would be refused again.
      if (answer !== "no answer" && JSON.stringify(sent) === JSON.stringify(this.snapshot())) this.waits = false;
      this.keepHere();
      this.events.emit("kept", answer === "kept");
    });
    return this.saving;
  }

  /** Whether two strokes are needed after this one, because chords begin with it. */
  beginners(stroke: string): readonly CommandName[] {
    return commandNames.filter((name) => this.table[name].some((chord) => strokesOf(chord).length > 1 && strokesOf(chord)[0] === stroke));
  }

  private refusal(name: CommandName, chord: Chord, instead: Chord | null): string | null {
    const strokes = strokesOf(chord);
    for (const stroke of strokes) {
      const reserved = RESERVED.get(stroke.split("+").at(-1) ?? "");
      if (reserved) return `${capWords(stroke)} stays as it is. ${reserved}`;
      if (OF_THE_BROWSER.has(stroke)) return `${capWords(stroke)} belongs to the browser, and no page hears of it.`;
    }
    const [first = "", second] = strokes;
    const begins = this.beginners(first).filter((each) => each !== name);
    if (second === undefined && begins.length > 0) {
      return `${capWords(first)} begins other keys: ${begins.map((each) => commandOf(each).label).join("; ")}. Give those other keys first.`;
    }
    if (instead === null && this.table[name].length >= MOST_CHORDS) return `A command has at most ${MOST_CHORDS} keys.`;
    const whole = this.ownersOf(first).filter((each) => each !== name);
    if (second !== undefined && whole.length > 0) return `${capWords(first)} is ${commandOf(whole[0] as CommandName).label} already, so nothing can follow it.`;
    return null;
  }

  private ownersOf(chord: Chord): CommandName[] {
    return commandNames.filter((name) => this.table[name].includes(chord));
  }

  private inTheWayOf(chord: Chord): CommandName[] {
    return commandNames.filter((name) => name in this.own && (this.own[name] ?? []).some((each) => collide(each, chord)));
  }

  private set(changes: Readonly<Record<string, readonly Chord[]>>): void {
    this.own = { ...this.own, ...changes };
    this.changed();
  }

  private changed(): void {
    this.table = tableOf(this.own);
    this.waits = true;
    this.keepHere();
    this.events.emit("changed", null);
    void this.save();
  }

  private take(stored: Stored): void {
    this.own = stored.keys;
    this.single = stored.single_keys;
    this.waits = stored.waits;
    this.table = tableOf(this.own);
  }

  /** What differs from how it was delivered. */
  private snapshot(): PreferencesOut {
    const keys = Object.entries(this.own).filter(([name, chords]) => !isCommandName(name) || !sameChords(chords, commandOf(name).keys));
    return { keys: Object.fromEntries(keys), single_keys: this.single };
  }

  private keepHere(): void {
    this.storage.setItem(this.storageKey, JSON.stringify({ ...this.snapshot(), waits: this.waits } satisfies Stored));
  }
}

interface Stored extends PreferencesOut {
  /** Not on the server yet. */
  readonly waits: boolean;
}

const NOTHING: Stored = { keys: {}, single_keys: true, waits: false };

function storedIn(storage: PreferencesStorage, key: string): Stored {
  const text = storage.getItem(key);
  if (!text) return NOTHING;
  try {
    const found = JSON.parse(text) as Partial<Stored> | null;
    const isWhole = typeof found?.keys === "object" && found.keys !== null && typeof found.single_keys === "boolean";
    return isWhole ? { keys: found.keys, single_keys: found.single_keys, waits: found.waits === true } as Stored : NOTHING;
  } catch (error) {
    if (error instanceof SyntaxError) return NOTHING;
    throw error;
  }
}

/** Own chords first; a delivered one that collides with them, or with an earlier one, gives way. */
function tableOf(own: Readonly<Record<string, readonly Chord[]>>): Readonly<Record<CommandName, readonly Chord[]>> {
  const claimed: Chord[] = [...RESERVED.keys()];
  const claim = (chords: readonly Chord[]): readonly Chord[] =>
    chords.filter((chord) => {
      const isFree = chord !== "" && !claimed.some((each) => collide(each, chord));
      if (isFree) claimed.push(chord);
      return isFree;
    });
  const ownOf = (name: CommandName): readonly Chord[] | null => (Object.hasOwn(own, name) && Array.isArray(own[name]) ? (own[name] ?? []) : null);
  const chosen = new Map(commandNames.map((name) => [name, claim(ownOf(name) ?? [])]));
  const entries = commandNames.map((name) => [name, ownOf(name) === null ? claim(commandOf(name).keys) : (chosen.get(name) ?? [])]);
  const table = Object.fromEntries(entries) as Record<CommandName, readonly Chord[]>;
  return { ...table, summary: ["Enter", ...table.summary] };
}

/** One of them could never be typed beside the other. */
function collide(left: Chord, right: Chord): boolean {
  const [a, b] = [strokesOf(left), strokesOf(right)];
  return a.slice(0, b.length).every((stroke, at) => stroke === b[at]);
}

/** One chord in the place of another; none where there is nothing to put. */
function replaced(chords: readonly Chord[], old: Chord | null, chord: Chord | null): readonly Chord[] {
  const rest = chords.filter((each) => each !== chord);
  if (chord === null) return rest.filter((each) => each !== old);
  return old !== null && rest.includes(old) ? rest.map((each) => (each === old ? chord : each)) : [...rest, chord];
}

const sameChords = (left: readonly Chord[], right: readonly Chord[]): boolean =>
  left.length === right.length && left.every((chord, at) => chord === right[at]);

/** The real server. */
export const preferencesServer: PreferencesServer = {
  async get() {
    const reply = await getPreferences();
    return reply.kind === "ok" ? reply.body : null;
  },
  async put(preferences) {
    const reply = await putPreferences(preferences);
    return reply.kind === "ok" ? "kept" : reply.kind === "problem" ? "refused" : "no answer";
  },
};
