/** What is said to the person while commands run: a sentence, a refusal and the command it belongs to, success. */

import { OperationRefused } from "./apply.ts";
import type { CommandName } from "./commands.ts";
import { Voice } from "./voice.ts";

export interface SpeechEvents {
  /** All that is said to the person now; empty for nothing. */
  said(text: string): void;
  /** Something was not done, and the sentence that is said now tells why. */
  refused(command: CommandName | null): void;
  /** Something that may have been refused before was done. */
  done(command: CommandName): void;
}

export class Speech {
  private readonly voice = new Voice();
  private readonly events: SpeechEvents;
  private acting: { readonly command: CommandName; refused: boolean } | null = null;

  constructor(events: SpeechEvents) {
    this.events = events;
  }

  say(sentence: string): void {
    this.voice.say(sentence);
    this.events.said(this.voice.text);
  }

  /** Says why something was not done; without a name it was what is being done now. */
  refuse(sentence: string, command: CommandName | null = this.acting?.command ?? null): void {
    if (this.acting) this.acting.refused = true;
    this.voice.refuse(sentence, command);
    this.events.said(this.voice.text);
    this.events.refused(command);
  }

  /** Does something by the name of its command, so that what is refused on the way is known to be that. */
  doing(command: CommandName, act: () => void): void {
    const before = this.acting;
    const acting = { command, refused: false };
    this.acting = acting;
    try {
      act();
    } finally {
      this.acting = before;
    }
    if (acting.refused) return;
    this.voice.succeeded(command);
    this.events.said(this.voice.text);
    this.events.done(command);
  }

  /** Does something that the rules of reading may forbid, and then says why. */
  attempt(act: () => void): void {
    this.say("");
    try {
      act();
    } catch (error) {
      if (!(error instanceof OperationRefused)) throw error;
      this.refuse(error.message);
    }
  }
}
