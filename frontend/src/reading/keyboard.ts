/** From key strokes to commands of the read that is open. */

import { commandNames, commandOf, runCommand, writes, type CommandName } from "./commands.ts";
import { belongsToControl, ChordReader, fits, secondWords, strokeOfPress, strokesOf, type Chord } from "./keys.ts";
import type { Session } from "./session.ts";

/** What the keyboard has to know of the page. */
export interface KeyboardPage {
  readonly session: Session | null;
  /** A dialog has the keys. */
  readonly dialogIsOpen: boolean;
  /** A new case is coming, and nothing of it is on screen yet. */
  readonly caseIsComing: boolean;
  /** The chords of a command, as this reader has them. */
  keysOf(name: CommandName): readonly Chord[];
  /** A key did nothing because of the dialog. */
  ignoredInDialog(what: string): void;
  /** A key did nothing because the next case is not on screen yet. */
  tooEarly(what: string): void;
}

export class Keyboard {
  private readonly page: KeyboardPage;
  private chords: ChordReader<CommandName>;

  constructor(page: KeyboardPage) {
    this.page = page;
    this.chords = this.reader();
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** A stroke that was begun does not wait any more. */
  forget(): void {
    this.chords.forget();
  }

  /** Keys were given to other commands. */
  rebind(): void {
    this.chords = this.reader();
  }

  private reader(): ChordReader<CommandName> {
    const table = Object.fromEntries(commandNames.map((name) => [name, this.page.keysOf(name)]));
    return new ChordReader(table as Record<CommandName, readonly Chord[]>);
  }

  private key(event: KeyboardEvent): void {
    const { session } = this.page;
    if (!session || event.isComposing) return;
    if (this.page.dialogIsOpen) {
      this.ignore(event);
      return;
    }
    if (belongsToControl(event, event.target instanceof Element ? event.target : null)) return;
    const read = this.chords.read(event, event.timeStamp);
    if (!read) return;
    event.preventDefault();
    if ("begun" in read) {
      session.say(secondWords(strokeOfPress(event) ?? "", read.begun.flatMap((name) => this.page.keysOf(name))));
      return;
    }
    const { label, repeats, takesKeys } = commandOf(read.name);
    if (event.repeat && !repeats) return;
    if (this.page.caseIsComing && (writes(read.name) || takesKeys)) {
      this.page.tooEarly(label);
      return;
    }
    session.say("");
    runCommand(read.name, session, event.repeat);
  }

  /** A key that would change the read does nothing while a dialog is open, and nobody has to find that out later. */
  private ignore(event: KeyboardEvent): void {
    if (event.repeat) return;
    const meant = (name: CommandName): boolean => this.page.keysOf(name).some((chord) => fits(event, strokesOf(chord)[0] ?? ""));
    const name = commandNames.find((each) => writes(each) && meant(each));
    if (name) this.page.ignoredInDialog(commandOf(name).label);
  }
}
