/**
 * One open read on screen: the store, the viewer, and where the person is. Commands act on it, views listen to it; it
 * knows no DOM.
 */

import { Emitter } from "../emitter.ts";
import { sameWindow, type Window } from "../viewer/windows.ts";
import type { ActiveClock } from "./activity.ts";
import { OperationRefused } from "./apply.ts";
import type { CommandName } from "./commands.ts";
import { ImageTools } from "./image-tools.ts";
import { nameOf, type Change, type SliceValue, type SopUid, type Vertebra, type VertebraId } from "./model.ts";
import type { Shown, Viewed } from "./operation.ts";
import { middleOf, type Room } from "./room-data.ts";
import { Speech } from "./speech.ts";
import type { ReadingStore } from "./store.ts";
import { Waiting } from "./waiting.ts";

/** What the session needs of the viewer; the real one is StackViewer. */
export interface ImageScreen {
  readonly wanted: number;
  /** Where the steps lead that were pressed faster than slices can be drawn. */
  readonly destination: number;
  readonly displayed: { readonly k: number; readonly sopUid: string; readonly at: Date } | null;
  readonly window: Window;
  show(k: number): void;
  step(delta: number): void;
  stepWhenShown(delta: number): void;
  setWindow(width: number, level: number): void;
  fit(): void;
}

export type Panel = "keys" | "summary" | "next" | "why" | "skip" | "reopen" | "level" | "shiftUp" | "shiftDown";

export interface SessionEvents {
  /** Selection, tools or view options changed; labels are the store's news. */
  changed: null;
  open: Panel;
  /** All that is said to the person now; empty for nothing. */
  said: string;
  /** Something was not done, and the sentence that is said now tells why. */
  refused: CommandName | null;
  /** Something that may have been refused before was done. */
  done: CommandName;
  focusComment: null;
}

/** Where a range began: a mark, the R key, or the start of a drag on the strip. */
export interface Anchor {
  readonly vertebra: VertebraId;
  readonly k: number;
  /** A drag on the strip chose a range, so a plain F or N means all of it. */
  readonly dragged: boolean;
}

export interface SessionOptions {
  /** As the reader left the report at the case before. */
  readonly reportOpen?: boolean;
  readonly clock?: ActiveClock;
}

export class Session {
  readonly events = new Emitter<SessionEvents>();
  readonly room: Room;
  readonly store: ReadingStore;
  readonly screen: ImageScreen;
  readonly waiting: Waiting;
  readonly tools: ImageTools;
  /** How long the reader has been at work since this read was opened here; `room.activeMs` has what was before. */
  readonly clock: ActiveClock | null;
  private readonly speech = new Speech({
    said: (text) => this.events.emit("said", text),
    refused: (command) => this.events.emit("refused", command),
    done: (command) => this.events.emit("done", command),
  });
  private currentVertebra: Vertebra | null;
  private rangeAnchor: Anchor | null = null;
  private reportIsOpen: boolean;

  constructor(room: Room, store: ReadingStore, screen: ImageScreen, options: SessionOptions = {}) {
    this.room = room;
    this.store = store;
    this.screen = screen;
    this.currentVertebra = room.start.vertebra;
    this.reportIsOpen = options.reportOpen ?? true;
    this.clock = options.clock ?? null;
    this.tools = new ImageTools(room, () => this.changed());
    this.waiting = new Waiting(this);
  }

  get vertebra(): Vertebra | null {
    return this.currentVertebra;
  }

  get anchor(): Anchor | null {
    return this.rangeAnchor;
  }

  get k(): number {
    return this.screen.wanted;
  }

  /** The slice that a key means: the one on screen, else the one that all steps pressed so far lead to. */
  get aim(): number {
    return this.screen.displayed ? this.screen.wanted : this.screen.destination;
  }

  sopAt(k: number): SopUid | null {
    return this.room.sops[k] ?? null;
  }

  // ---------------------------------------------------------------- moving

  showSlice(k: number): void {
    this.dropDraggedRange();
    this.screen.show(k);
    this.changed();
  }

  stepSlice(delta: number, held: boolean): void {
    this.dropDraggedRange();
    if (held) this.screen.stepWhenShown(delta);
    else this.screen.step(delta);
    this.changed();
  }

  selectVertebra(vertebra: Vertebra, k: number | null = null): void {
    if (vertebra !== this.currentVertebra) this.rangeAnchor = null;
    this.currentVertebra = vertebra;
    if (k !== null) this.screen.show(k);
    this.waiting.settle();
    this.noteWhere();
    this.changed();
  }

  /** A vertebra by its number, on this slice or in the middle of its body; nowhere where the anatomy has none such. */
  goTo(id: number, k: number | null): void {
    const vertebra = this.room.context.vertebrae.find((each) => each.id === id);
    if (!vertebra) return;
    const inStack = k !== null && k < this.room.sops.length ? k : null;
    this.selectVertebra(vertebra, inStack ?? middleOf(vertebra));
  }

  /** The neighbour above (-1) or below (1), on the middle slice of its body: no model says where to look. */
  stepVertebra(delta: -1 | 1): void {
    const { vertebrae } = this.room.context;
    const at = this.currentVertebra ? vertebrae.indexOf(this.currentVertebra) : -1;
    const next = vertebrae[at + delta];
    if (next) this.selectVertebra(next, middleOf(next));
  }

  /** The next vertebra that something is missing of, going round. */
  nextOpen(): void {
    const { vertebrae } = this.room.context;
    const open = new Set(this.store.gaps.map((gap) => gap.vertebra));
    const at = this.currentVertebra ? vertebrae.indexOf(this.currentVertebra) : -1;
    const next = [...vertebrae.slice(at + 1), ...vertebrae.slice(0, at + 1)].find((vertebra) => open.has(vertebra.id));
    if (next) this.selectVertebra(next, middleOf(next));
    else this.say("Nothing is open. Enter shows the summary.");
  }

  /** First (-1) or last (1) slice of the current vertebra. */
  endOfVertebra(end: -1 | 1): void {
    const extent = this.currentVertebra?.extent;
    if (extent) this.showSlice(end < 0 ? extent[0] : extent[1]);
  }

  // ---------------------------------------------------------------- labelling

  /** The slice on screen gets this label; with a range chosen on the strip, all of the range. */
  markSlice(value: SliceValue): void {
    if (this.rangeAnchor?.dragged) {
      this.markRange(value);
      return;
    }
    this.attempt(() => {
      const vertebra = this.demandVertebra();
      const shown = this.demandSlice();
      const sop = shown.sop_uid;
      const name = nameOf(vertebra, this.room.context);
      this.store.perform(`${name}, slice ${this.k + 1} ${value}`, this.k, [labelling(vertebra, [sop], value, "key")], shown);
      this.rangeAnchor = { vertebra: vertebra.id, k: this.k, dragged: false };
      if (vertebra.marginSops.includes(sop)) {
        this.say(`The mask of ${name} ends before this slice. The label is kept, and left out of datasets.`);
      }
    });
  }

  clearSlice(): void {
    this.attempt(() => {
      const vertebra = this.demandVertebra();
      const shown = this.demandSlice();
      const words = `${nameOf(vertebra, this.room.context)}, slice ${this.k + 1} cleared`;
      this.store.perform(words, this.k, [labelling(vertebra, [shown.sop_uid], null, "key")], shown);
    });
  }

  startRange(): void {
    if (!this.currentVertebra) return;
    this.rangeAnchor = { vertebra: this.currentVertebra.id, k: this.aim, dragged: false };
    this.changed();
  }

  /** A drag on the strip from one slice to another, which comes on screen. */
  dragRange(vertebra: Vertebra, from: number, to: number): void {
    // What was pressed before was meant for another choice of slices.
    this.waiting.giveUp();
    this.currentVertebra = vertebra;
    this.rangeAnchor = { vertebra: vertebra.id, k: from, dragged: from !== to };
    this.screen.show(to);
    this.changed();
  }

  /** From the last mark to the slice on screen. A negative range wants every slice of it seen. */
  markRange(value: SliceValue): void {
    this.attempt(() => {
      const vertebra = this.demandVertebra();
      const shown = this.demandSlice();
      const anchor = this.rangeAnchor;
      if (anchor?.vertebra !== vertebra.id) {
        throw new OperationRefused("no_anchor", "A range needs a start: mark a slice, or say that a range starts here.");
      }
      const [from, to] = anchor.k < this.k ? [anchor.k, this.k] : [this.k, anchor.k];
      const sops = this.room.sops.slice(from, to + 1).filter((sop) => vertebra.sops.includes(sop));
      this.demandSeen(sops, value, from, to);
      const words = `${nameOf(vertebra, this.room.context)}, slices ${from + 1} to ${to + 1} ${value}`;
      this.store.perform(words, this.k, [labelling(vertebra, sops, value, "range")], shown);
      this.rangeAnchor = { vertebra: vertebra.id, k: this.k, dragged: false };
    });
  }

  /** One change of the current vertebra as a whole. */
  change(words: string, make: (vertebra: Vertebra) => Change): void {
    this.attempt(() => {
      const vertebra = this.demandVertebra();
      this.store.perform(`${nameOf(vertebra, this.room.context)}, ${words}`, this.k, [make(vertebra)], this.shown());
    });
  }

  /** Changes of several vertebrae as one step. */
  changeTogether(words: string, changes: readonly Change[]): void {
    this.attempt(() => this.store.perform(words, this.k, changes, this.shown()));
  }

  /** Every vertebra without a verdict becomes negative, as one step; offered once all of it has been seen. */
  restOfCaseNegative(): void {
    const open = this.openForNegative();
    const changes = open.map((vertebra): Change => ({ verb: "rest_negative", payload: { vertebra: vertebra.id } }));
    this.changeTogether(`${open.length} vertebrae negative`, changes);
  }

  openForNegative(): Vertebra[] {
    const { findings } = this.store.state;
    return this.room.context.vertebrae.filter((vertebra) => !vertebra.cut && !findings[vertebra.id]?.verdict);
  }

  undo(): void {
    this.travel((shown) => this.store.undo(shown));
  }

  redo(): void {
    this.travel((shown) => this.store.redo(shown));
  }

  // ---------------------------------------------------------------- the screen

  setWindow(window: Window): void {
    this.screen.setWindow(window[0], window[1]);
    this.noteWhere();
    this.changed();
  }

  hasWindow(window: Window): boolean {
    return sameWindow(this.screen.window, window);
  }

  get reportOpen(): boolean {
    return this.reportIsOpen;
  }

  toggleReport(): void {
    this.reportIsOpen = !this.reportIsOpen;
    this.changed();
  }

  say(sentence: string): void {
    this.speech.say(sentence);
  }

  /** Says why something was not done; without a name it was what is being done now. */
  refuse(sentence: string, command?: CommandName | null): void {
    this.speech.refuse(sentence, command);
  }

  /** Does something by the name of its command, so that what is refused on the way is known to be that. */
  doing(command: CommandName, act: () => void): void {
    this.speech.doing(command, act);
  }

  open(panel: Panel): void {
    this.events.emit("open", panel);
  }

  /** The viewer drew a slice at full resolution. */
  rendered(sop: SopUid): void {
    this.store.markSeen(sop, this.viewed());
    this.waiting.settle();
    this.changed();
  }

  /** Another slice is wanted on screen than before, by whatever hand. */
  moved(): void {
    this.waiting.settle();
  }

  viewed(): Viewed {
    return { k: this.screen.wanted, vertebra: this.currentVertebra?.id ?? null, window: this.screen.window };
  }

  shown(): Shown {
    const displayed = this.screen.displayed;
    const [opinion] = this.room.model?.opinions ?? [];
    return {
      ...(opinion ? { suggestion: { read: opinion.read } } : {}),
      sop_uid: displayed ? (displayed.sopUid as SopUid) : null,
      window: this.screen.window,
      rendered_at: displayed?.at.toISOString() ?? null,
    };
  }

  private changed(): void {
    this.events.emit("changed", null);
  }

  private noteWhere(): void {
    if (this.store.writable) this.store.outbox.noteViewed(this.viewed());
  }

  private dropDraggedRange(): void {
    if (!this.rangeAnchor?.dragged) return;
    // A key that waits was meant for the whole range.
    this.waiting.giveUp();
    this.rangeAnchor = { ...this.rangeAnchor, dragged: false };
  }

  private travel(move: (shown: Shown) => { readonly k: number; readonly forward: readonly Change[] } | null): void {
    this.attempt(() => {
      const entry = move(this.shown());
      if (!entry) return;
      const id = entry.forward[0]?.payload.vertebra;
      const vertebra = this.room.context.vertebrae.find((each) => each.id === id);
      if (vertebra) this.selectVertebra(vertebra, entry.k);
    });
  }

  private attempt(act: () => void): void {
    this.speech.attempt(act);
    this.changed();
  }

  private demandVertebra(): Vertebra {
    if (!this.currentVertebra) throw new OperationRefused("no_vertebra", "This case has no vertebrae yet.");
    return this.currentVertebra;
  }

  /** The label goes to the slice that is really on screen, or nowhere. */
  private demandSlice(): Shown & { readonly sop_uid: SopUid } {
    const shown = this.shown();
    if (shown.sop_uid === null) {
      throw new OperationRefused("not_on_screen", `Slice ${this.k + 1} is not on screen yet. Nothing was marked.`);
    }
    return { ...shown, sop_uid: shown.sop_uid };
  }

  private demandSeen(sops: readonly SopUid[], value: SliceValue, from: number, to: number): void {
    if (value !== "negative") return;
    const unseen = sops.filter((sop) => !this.store.seen.has(sop)).length;
    if (unseen === 0) return;
    const words = unseen === 1 ? "1 slice" : `${unseen} slices`;
    throw new OperationRefused("unseen", `${words} from ${from + 1} to ${to + 1} ${unseen === 1 ? "has" : "have"} not been on screen.`);
  }
}

const labelling = (vertebra: Vertebra, sops: readonly SopUid[], value: SliceValue | null, source: "key" | "range"): Change => ({
  verb: "label_slices",
  payload: { vertebra: vertebra.id, sop_uids: sops, value, source },
});
