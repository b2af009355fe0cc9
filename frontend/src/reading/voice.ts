/** What the room says to the person. A refusal stays long enough to be read, whatever is pressed after it. */

import type { CommandName } from "./commands.ts";

/** A refusal is not wiped before it has stood this long, in milliseconds. */
export const REFUSAL_STANDS = 2500;

interface Refusal {
  readonly command: CommandName | null;
  readonly sentence: string;
  readonly at: number;
}

export class Voice {
  private refusals: readonly Refusal[] = [];
  private words = "";
  private readonly now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** All that stands now, each sentence once. */
  get text(): string {
    return [...new Set([...this.refusals.map((each) => each.sentence), this.words].filter(Boolean))].join(" ");
  }

  /** An ordinary sentence; empty takes the last one away. Refusals that have stood long enough go with it. */
  say(sentence: string): void {
    this.refusals = this.refusals.filter(({ at }) => this.now() - at < REFUSAL_STANDS);
    this.words = sentence;
  }

  refuse(sentence: string, command: CommandName | null): void {
    this.say("");
    if (command) this.succeeded(command);
    this.refusals = [...this.refusals, { command, sentence, at: this.now() }];
  }

  /** What was refused has been done after all. */
  succeeded(command: CommandName): void {
    this.refusals = this.refusals.filter((each) => each.command !== command);
  }
}
