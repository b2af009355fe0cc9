/**
 * The way from case to case without loading a page: open, lock, skip, open again. Each step says what became of the one
 * before it, and a step that was not answered changes nothing on screen.
 */

import type { Reply } from "../api/client.ts";
import { getAhead, getRoom, postLock, postNext, postOpen, postReopen, postSkip } from "../api/room.ts";
import type { ReasonEnum, RoomOut } from "../api/schema.ts";
import { roomOf, type Room } from "./room-data.ts";
import type { Session } from "./session.ts";
import { isElsewhere } from "./transport.ts";
import type { Line } from "./view/banner-view.ts";
import { skipWords } from "./view/case-dialogs.ts";
import type { Dialogs } from "./view/dialogs.ts";
import type { MomentView } from "./view/moment-view.ts";

/** What the flow needs of the room around it. */
export interface FlowHost {
  readonly dialogs: Dialogs;
  readonly moment: MomentView;
  readonly device: string;
  /** Shows a read; `note` is a line that stays above it. */
  enter(room: Room, note: Line | null): void;
  /** The read was locked: nothing of it has to be kept in this browser. */
  over(room: Room): void;
  askLogin(sentence: string, retry?: () => void): void;
  /** A line that stays above the read that is open. */
  remark(note: Line): void;
  /** The server refused because another window or device has the read. */
  lostToAnother(): void;
}

/** Anything but yes. */
type Unanswered = Exclude<Reply<unknown>, { readonly kind: "ok" }>;

const TO_WORKLIST = { words: "To the worklist", run: () => location.assign("/worklist") };
const NO_ANSWER = "The server does not answer.";
const UNSENT = "Some changes have not reached the server yet. Try again when the chip says Saved.";

export class CaseFlow {
  private readonly host: FlowHost;
  private busy = false;
  private next: number | null = null;
  private shown: number | null = null;

  constructor(host: FlowHost) {
    this.host = host;
    // Back and forward of the browser go through the reads of this page.
    window.addEventListener("popstate", () => {
      const read = /\/read\/(\d+)$/.exec(location.pathname)?.[1];
      if (read) void this.openRead(Number(read));
    });
  }

  /** The case after this one, where it is known. */
  get nextCase(): number | null {
    return this.next;
  }

  /** Shows a read once `ready`, and what the server says of it, are there. */
  async openRead(read: number, ready: Promise<void> = Promise.resolve()): Promise<void> {
    const reply = await getRoom(read);
    await ready;
    if (reply.kind === "ok") this.enter(roomOf(reply.body), null);
    else this.notOpened(reply, "This read did not open", () => void this.openRead(read));
  }

  /** From a read that is over, to what comes next. */
  openNext(): void {
    const done = this.shown;
    if (done !== null) void this.once(() => this.openFollowing(done, "", null, () => this.nothingLeft("Nothing is left", "This case is done.")));
  }

  /** From a locked read that the model was revealed beside, to the next case. */
  goOn(session: Session): Promise<void> {
    const { caseId, caseName } = session.room;
    const nothing = (): void => this.nothingLeft("Nothing is left", `${caseName} is locked.`);
    return this.once(() => this.openFollowing(caseId, `${caseName} is locked and saved.`, null, nothing));
  }

  lock(session: Session): Promise<void> {
    return this.once(async () => {
      const { outbox } = session.store;
      if (!(await outbox.settle())) {
        this.refused("Not locked", UNSENT);
        return;
      }
      const reply = await postLock(session.room.readId, outbox.confirmedSeq, this.host.device);
      if (reply.kind === "ok") {
        this.host.dialogs.close();
        this.host.over(session.room);
        if (reply.body.reveal) await this.openRead(session.room.readId);
        else await this.locked(session);
      } else await this.notLocked(session, reply);
    });
  }

  skip(session: Session, reason: ReasonEnum, note: string): Promise<void> {
    return this.once(async () => {
      if (!(await session.store.outbox.settle())) {
        this.refused("Not skipped", UNSENT);
        return;
      }
      const { caseId, caseName } = session.room;
      const reply = await postSkip(caseId, { reason, ...(note ? { note } : {}) });
      if (reply.kind !== "ok") {
        this.answered(reply, "Not skipped", () => void this.skip(session, reason, note));
        return;
      }
      const words = `${caseName} is skipped: ${skipWords(reason)}.`;
      const undo = { words: "Undo", run: () => void this.openCase(caseId, "") };
      const skipped: Line = { tone: "info", words, actions: [undo] };
      await this.openFollowing(caseId, words, skipped, () => {
        this.host.remark(skipped);
        this.nothingLeft("Skipped", words);
      });
    });
  }

  reopen(session: Session, reason: string): Promise<void> {
    return this.once(async () => {
      const reply = await postReopen(session.room.readId, reason);
      if (reply.kind !== "ok") {
        this.answered(reply, "Not opened again", () => void this.reopen(session, reason));
        return;
      }
      history.pushState(null, "", `/read/${reply.body.read}`);
      await this.openRead(reply.body.read);
    });
  }

  openCase(caseId: number, before: string, note: Line | null = null): Promise<void> {
    return this.show(() => postOpen(caseId), before, note, () => void this.openCase(caseId, before, note));
  }

  /**
   * What comes after this case by now. The server chooses: the case that was fetched ahead may have been taken by another
   * reader meanwhile, and then another one comes.
   */
  private openFollowing(after: number, before: string, note: Line | null, nothing: () => void | Promise<void>): Promise<void> {
    const again = (): void => void this.openFollowing(after, before, note, nothing);
    return this.show(() => postNext(after), before, note, again, nothing);
  }

  /** The old image is covered completely until the new one is drawn. */
  private async show(
    ask: () => Promise<Reply<{ readonly room: RoomOut | null }>>,
    before: string,
    note: Line | null,
    retry: () => void,
    nothing: () => void | Promise<void> = () => undefined,
  ): Promise<void> {
    const { moment } = this.host;
    moment.begin();
    const reply = await ask();
    if (reply.kind !== "ok" || reply.body.room === null) {
      moment.cancel();
      if (reply.kind === "ok") await nothing();
      else this.notOpened(reply, "The next case did not open", retry);
      return;
    }
    const room = roomOf(reply.body.room);
    history.pushState(null, "", `/read/${room.readId}`);
    moment.tell(room, before);
    this.enter(room, note);
  }

  private enter(room: Room, note: Line | null): void {
    this.next = null;
    this.shown = room.caseId;
    this.host.enter(room, note);
    // From a read that is over, Enter goes on.
    if (room.locked) void this.lookAhead(room.caseId);
  }

  private async lookAhead(caseId: number): Promise<Reply<unknown>> {
    const reply = await getAhead(caseId);
    if (reply.kind === "ok" && this.shown === caseId) this.next = reply.body.case;
    return reply;
  }

  private locked(session: Session): Promise<void> {
    const { caseId, caseName, readId } = session.room;
    return this.openFollowing(caseId, `${caseName} is locked and saved.`, null, async () => {
      await this.openRead(readId);
      this.nothingLeft("Locked", `${caseName} is locked.`);
    });
  }

  private async notLocked(session: Session, reply: Unanswered): Promise<void> {
    if (reply.kind !== "problem") {
      // Whether it came to the lock nobody knows; locking once more is harmless.
      this.answered(reply, "Not locked yet", () => void this.lock(session));
      return;
    }
    const { problem } = reply;
    if (isElsewhere(reply)) this.host.lostToAnother();
    // Locked by an answer that was lost, or changed elsewhere: what the server has comes on screen.
    else if (problem.code === "locked" || problem.code === "conflict") await this.openRead(session.room.readId);
    const gaps = (problem["gaps"] ?? []) as readonly { readonly sentence: string }[];
    if (problem.code !== "locked") this.refused("Not locked", problem.sentence, ...gaps.map((gap) => gap.sentence));
    else this.host.dialogs.close();
  }

  private nothingLeft(title: string, sentence: string): void {
    this.host.dialogs.notice({ tone: "info", title, lines: [`${sentence} No other case waits for you.`] }, TO_WORKLIST);
  }

  private notOpened(reply: Unanswered, title: string, retry: () => void): void {
    if (reply.kind === "problem") this.host.dialogs.notice({ tone: "bad", title, lines: [reply.problem.sentence] }, TO_WORKLIST);
    else this.answered(reply, title, retry);
  }

  /** In words, with a way to try again where that may help. */
  private answered(reply: Unanswered, title: string, retry: () => void): void {
    if (reply.kind === "session") this.host.askLogin("Your session has ended. Log in again; nothing is lost.", retry);
    else if (reply.kind === "problem") this.refused(title, reply.problem.sentence);
    else this.host.dialogs.notice({ tone: "bad", title, lines: [NO_ANSWER] }, { words: "Try again", run: retry });
  }

  private refused(title: string, ...lines: string[]): void {
    this.host.dialogs.notice({ tone: "bad", title, lines });
  }

  private async once(act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await act();
    } finally {
      this.busy = false;
    }
  }
}
