/** What was chosen and not settled yet, kept in this browser so that a reload loses nothing. */

import type { OutboxStorage } from "../reading/kept-queue.ts";
import { vertebraId, type VertebraId } from "../reading/model.ts";
import { choiceOfBody, NO_CHOICE, type Choice } from "./choice.ts";
import type { Waiting } from "./writes.ts";

export class Drafts {
  private readonly storage: OutboxStorage;
  private readonly key: string;
  private choices: ReadonlyMap<VertebraId, Choice>;
  /** Where the panel was. */
  private at: VertebraId | null;

  constructor(storage: OutboxStorage, key: string) {
    this.storage = storage;
    this.key = key;
    const { choices, at } = kept(storage.getItem(key));
    this.choices = choices;
    this.at = at;
  }

  get vertebra(): VertebraId | null {
    return this.at;
  }

  of(vertebra: VertebraId): Choice | null {
    return this.choices.get(vertebra) ?? null;
  }

  set(vertebra: VertebraId, choice: Choice | null): void {
    const choices = new Map(this.choices);
    if (choice) choices.set(vertebra, choice);
    else choices.delete(vertebra);
    this.choices = choices;
    this.keep();
  }

  /** What was not written is a draft again; what was chosen since, or is `pending` since, is newer and stays. */
  takeUp(lost: readonly Waiting[], pending: readonly Waiting[]): void {
    const newer = new Set<number>([...this.choices.keys(), ...pending.map(({ vertebra }) => vertebra)]);
    // The last word on each vertebra counts.
    for (const write of new Map(lost.map((each) => [each.vertebra, each])).values()) {
      if (write.kind === "settle" && !newer.has(write.vertebra)) this.set(vertebraId(write.vertebra), choiceOfBody(write));
    }
  }

  goTo(vertebra: VertebraId): void {
    if (this.at === vertebra) return;
    this.at = vertebra;
    this.keep();
  }

  forget(): void {
    this.choices = new Map();
    this.storage.removeItem(this.key);
  }

  private keep(): void {
    this.storage.setItem(this.key, JSON.stringify({ at: this.at, choices: [...this.choices] }));
  }
}

function kept(text: string | null): { readonly choices: ReadonlyMap<VertebraId, Choice>; readonly at: VertebraId | null } {
  const none = { choices: new Map<VertebraId, Choice>(), at: null };
  if (!text) return none;
  try {
    const { at, choices } = JSON.parse(text) as { at: unknown; choices: unknown };
    if (!Array.isArray(choices)) return none;
    const pairs = (choices as [number, Partial<Choice>][]).map(([id, choice]) => [vertebraId(id), { ...NO_CHOICE, ...choice }] as const);
    return { choices: new Map(pairs), at: typeof at === "number" ? vertebraId(at) : null };
  } catch {
    return none;
  }
}
