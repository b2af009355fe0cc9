/** The room as a whole: opens reads one after the other without loading a page, and connects state, viewer and views. */

import { getRoom, postLock, postOpen } from "../api/room.ts";
import type { StackViewer } from "../viewer/stack-viewer.ts";
import { commandNames, commandOf, runCommand, writes, type CommandName } from "./commands.ts";
import { belongsToControl, ChordReader, fits, strokesOf } from "./keys.ts";
import { sopUid } from "./model.ts";
import { Outbox, type OutboxStatus } from "./outbox.ts";
import { roomOf, type Room } from "./room-data.ts";
import { Session, type Panel } from "./session.ts";
import { ReadingStore } from "./store.ts";
import { TabLock } from "./tab-lock.ts";
import { httpTransport } from "./transport.ts";
import { CommandButtons } from "./view/buttons.ts";
import { Dialogs } from "./view/dialogs.ts";
import { make, part, setText } from "./view/dom.ts";
import { ImageView } from "./view/image-view.ts";
import { InspectorView } from "./view/inspector-view.ts";
import { buildRoom, showStatus } from "./view/room-view.ts";
import { StripView } from "./view/strip-view.ts";

export class RoomApp {
  private readonly viewer: StackViewer;
  private readonly user: string;
  private readonly loginUrl: string;
  private readonly dialogs = new Dialogs(() => this.chords.forget());
  private readonly strip = new StripView();
  private readonly inspector = new InspectorView();
  private readonly image: ImageView;
  private readonly buttons: CommandButtons;
  private readonly chords: ChordReader<CommandName>;
  private session: Session | null = null;
  private closers: (() => void)[] = [];
  private tab: TabLock | null = null;
  private tabIsMine = false;
  private elsewhere = false;
  private refreshDue = false;
  private locking = false;
  private stall = "";
  private nextCase: number | null = null;

  constructor(viewer: StackViewer, root: HTMLElement) {
    this.viewer = viewer;
    this.user = root.dataset["user"] ?? "";
    this.loginUrl = root.dataset["login"] ?? "/login";
    this.image = new ImageView(viewer);
    this.buttons = new CommandButtons(document, () => this.session);
    const table = Object.fromEntries(commandNames.map((name) => [name, commandOf(name).keys]));
    this.chords = new ChordReader(table as Record<CommandName, readonly string[]>);
    viewer.events.on("rendered", ({ sopUid: sop }) => {
      part("moment").hidden = true;
      this.session?.rendered(sopUid(sop));
    });
    viewer.events.on("wanted", () => this.session?.moved());
    viewer.events.on("waiting", (waiting) => {
      // The cover stays, because the case before may still be under it.
      if (waiting?.failed && !part("moment").hidden) setText(part("moment-note"), waiting.sentence);
    });
    viewer.events.on("session", () => this.askLogin("Your session has ended. Log in again; nothing is lost."));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("online", () => this.tryAgain());
    window.addEventListener("focus", () => this.tryAgain());
    window.addEventListener("pagehide", () => this.session?.store.outbox.kick());
    window.addEventListener("beforeunload", (event) => this.beforeLeaving(event));
    part("fullscreen").addEventListener("click", () => {
      void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());
    });
  }

  /** The session that is open now, for checks from outside. */
  get open(): Session | null {
    return this.session;
  }

  async openRead(read: number): Promise<void> {
    const reply = await getRoom(read);
    if (reply.kind === "ok") {
      this.enter(roomOf(reply.body));
      return;
    }
    if (reply.kind === "session") {
      this.askLogin("Your session has ended. Log in again.", () => void this.openRead(read));
      return;
    }
    const lines = reply.kind === "problem" ? [reply.problem.sentence] : ["The server does not answer."];
    this.dialogs.notice({ tone: "bad", title: "This read did not open", lines }, { words: "Try again", run: () => void this.openRead(read) });
  }

  private enter(room: Room): void {
    this.leave();
    const storageKey = `sagittal:${this.user}:${room.readId}`;
    const outbox = new Outbox({
      key: `${storageKey}:queue`,
      seq: room.seq,
      transport: httpTransport(room.readId),
      storage: localStorage,
    });
    const store = new ReadingStore({
      context: room.context,
      confirmed: room.state,
      seen: room.seen,
      writable: room.writable,
      outbox,
      storage: localStorage,
      historyKey: `${storageKey}:history`,
    });
    const session = new Session(room, store, this.viewer);
    this.session = session;
    this.nextCase = null;
    this.listen(session, outbox, store);
    buildRoom(session);
    this.strip.build(session);
    this.image.build(session);
    this.inspector.build(session);
    this.status(outbox.status);
    void this.viewer.open(room.viewerSlices, room.start.k, room.start.window);
    // Not before the lock says so: two tabs must not both believe that they write.
    store.setWritable(false);
    this.hold(room);
    this.refresh();
    part("viewport").focus();
  }

  private listen(session: Session, outbox: Outbox, store: ReadingStore): void {
    store.events.on("changed", () => this.refreshSoon());
    store.events.on("notice", (notice) => this.dialogs.notice(notice));
    store.events.on("locked", () => void this.openRead(session.room.readId));
    session.events.on("changed", () => this.refreshSoon());
    session.events.on("open", (panel) => this.openPanel(panel, session));
    session.events.on("said", (sentence) => setText(part("live"), sentence));
    session.events.on("refused", (command) => {
      // A new node is read out even where it says what stood there before.
      part("live").replaceChildren(part("live").textContent ?? "");
      if (command) this.buttons.refused(command);
    });
    session.events.on("done", (command) => this.buttons.done(command));
    outbox.events.on("status", (status) => this.status(status));
    this.closers.push(() => outbox.close(), () => session.waiting.close());
    setText(part("live"), "");
  }

  /** Only one tab of this browser writes; a second one reads along and may take over. */
  private hold(room: Room): void {
    if (this.tab?.read === room.readId && room.writable) {
      this.mayWrite(this.tabIsMine);
      return;
    }
    this.tab?.release();
    this.tab = null;
    this.tabIsMine = false;
    if (!room.writable) return;
    const tab = new TabLock(room.readId, (mine) => {
      if (tab !== this.tab) return;
      const tookOver = mine && !this.tabIsMine && this.elsewhere;
      this.tabIsMine = mine;
      // The other tab may have written since this one was loaded.
      if (tookOver) void this.openRead(room.readId);
      else this.mayWrite(mine);
    });
    this.tab = tab;
  }

  private mayWrite(mine: boolean): void {
    const { session } = this;
    if (!session) return;
    const { outbox } = session.store;
    this.elsewhere = !mine;
    session.store.setWritable(mine);
    // What this tab had not sent lies in the storage that both share; the other tab sends it.
    if (mine) {
      outbox.start();
      // A slice that was drawn before the answer came has been seen all the same.
      if (this.viewer.displayed) session.rendered(sopUid(this.viewer.displayed.sopUid));
    } else outbox.close();
    this.status(outbox.status);
    if (mine) return;
    const lines = ["It can be changed in one tab at a time. Nothing of the other tab is lost when you take over."];
    const action = { words: "Read here", run: () => this.tab?.take() };
    this.dialogs.notice({ tone: "info", title: "Open in another tab", lines }, action);
  }

  private leave(): void {
    this.inspector.saveComment();
    for (const close of this.closers.splice(0)) close();
    this.elsewhere = false;
  }

  private status(status: OutboxStatus): void {
    const { session } = this;
    if (!session) return;
    showStatus(status, session, this.elsewhere);
    const stall = status.kind === "waiting" && status.why !== "network" ? status.sentence : "";
    // Once per time it happens: the chip keeps saying it after the dialog was closed.
    if (stall && stall !== this.stall) this.askLogin(stall);
    if (!stall && this.stall) this.loggedInAgain();
    this.stall = stall;
  }

  /** The server takes changes again, so it gives slices again too. */
  private loggedInAgain(): void {
    this.dialogs.whenFree(null);
    this.viewer.retry();
  }

  private askLogin(sentence: string, retry: () => void = () => this.tryAgain()): void {
    this.dialogs.whenFree(() => this.dialogs.session(sentence, this.loginUrl, retry));
  }

  private tryAgain(): void {
    this.session?.store.outbox.kick();
    this.viewer.retry();
  }

  /** Many changes, one redraw per frame. */
  private refreshSoon(): void {
    if (this.refreshDue) return;
    this.refreshDue = true;
    requestAnimationFrame(() => {
      this.refreshDue = false;
      this.refresh();
    });
  }

  private refresh(): void {
    const { session } = this;
    if (!session) return;
    this.strip.refresh();
    this.image.refresh();
    this.inspector.refresh();
    this.buttons.refresh(session);
    setText(part("all-negative-why"), allNegativeWords(session));
  }

  private key(event: KeyboardEvent): void {
    const { session } = this;
    if (!session || event.isComposing) return;
    if (this.dialogs.isOpen) {
      this.ignore(event);
      return;
    }
    if (belongsToControl(event, event.target instanceof Element ? event.target : null)) return;
    const read = this.chords.read(event, event.timeStamp);
    if (!read) return;
    event.preventDefault();
    if ("begun" in read) {
      session.say("B: now 1, 2 or 3 for the segment injury below this vertebra.");
      return;
    }
    if (event.repeat && !commandOf(read.name).repeats) return;
    if (writes(read.name) && !part("moment").hidden) {
      setText(part("moment-note"), `${commandOf(read.name).label}: not done. The next case is not on screen yet.`);
      return;
    }
    session.say("");
    runCommand(read.name, session, event.repeat);
  }

  /** A key that would change the read does nothing while a dialog is open, and nobody has to find that out later. */
  private ignore(event: KeyboardEvent): void {
    const name = commandNames.find((each) => writes(each) && commandOf(each).keys.some((chord) => fits(event, strokesOf(chord)[0] ?? "")));
    if (name && !event.repeat) this.dialogs.ignored(commandOf(name).label);
  }

  private openPanel(panel: Panel, session: Session): void {
    if (panel === "keys") this.dialogs.keys();
    else if (panel === "why") this.askWhy(session);
    else {
      this.inspector.saveComment();
      const next = this.nextCase;
      this.dialogs.summary(session, () => void this.lock(session), next === null ? null : () => void this.openCase(next));
    }
  }

  private askWhy(session: Session): void {
    const { vertebra } = session;
    if (!vertebra) return;
    this.dialogs.why(session, vertebra, (why) =>
      session.change("not assessable", ({ id }) => ({ verb: "set_verdict", payload: { vertebra: id, verdict: "not_assessable", why } })),
    );
  }

  private async lock(session: Session): Promise<void> {
    if (this.locking) return;
    this.locking = true;
    try {
      await this.lockOnce(session);
    } finally {
      this.locking = false;
    }
  }

  private async lockOnce(session: Session): Promise<void> {
    const { outbox } = session.store;
    if (!(await outbox.settle())) {
      this.refuseLock("Some changes have not reached the server yet. Lock again when the chip says Saved.");
      return;
    }
    const reply = await postLock(session.room.readId, outbox.confirmedSeq);
    if (reply.kind === "session") this.askLogin("Your session has ended. Log in again, then lock.");
    else if (reply.kind === "unreachable") this.refuseLock("The server does not answer. Nothing was locked; try again.");
    else if (reply.kind === "problem") {
      const gaps = (reply.problem["gaps"] ?? []) as readonly { readonly sentence: string }[];
      this.refuseLock(reply.problem.sentence, ...gaps.map((gap) => gap.sentence));
    } else {
      this.dialogs.close();
      const { next } = reply.body;
      if (next === null) await this.lockedLast(session);
      else await this.openCase(next, session.room.caseName);
    }
  }

  private refuseLock(...lines: string[]): void {
    this.dialogs.notice({ tone: "bad", title: "Not locked", lines });
  }

  private async lockedLast(session: Session): Promise<void> {
    await this.openRead(session.room.readId);
    const lines = [`${session.room.caseName} is locked. No other case waits for you.`];
    this.dialogs.notice({ tone: "info", title: "Locked", lines }, { words: "To the worklist", run: () => location.assign("/worklist") });
  }

  /** The old image is covered completely until the new one is drawn. */
  private async openCase(caseId: number, lockedName = ""): Promise<void> {
    const cover = part("moment");
    cover.replaceChildren(make("div", { class: "moment" }, make("p", { class: "t2" }, "New case"), momentNote()));
    cover.hidden = false;
    const opened = await postOpen(caseId);
    if (opened.kind !== "ok") {
      cover.hidden = true;
      const lines = [opened.kind === "problem" ? opened.problem.sentence : "The server does not answer."];
      this.dialogs.notice({ tone: "bad", title: "The next case did not open", lines }, { words: "To the worklist", run: () => location.assign("/worklist") });
      return;
    }
    const reply = await getRoom(opened.body.read);
    if (reply.kind !== "ok") {
      location.assign(`/read/${opened.body.read}`);
      return;
    }
    const room = roomOf(reply.body);
    history.pushState(null, "", `/read/${room.readId}`);
    cover.replaceChildren(momentOf(room, lockedName));
    this.enter(room);
  }

  private beforeLeaving(event: BeforeUnloadEvent): void {
    this.inspector.saveComment();
    const waiting = this.session?.store.outbox.pending.length ?? 0;
    // Nothing would be lost, but the changes would wait in this browser until the read is opened here again.
    if (waiting > 0 && this.session?.store.outbox.status.kind === "waiting") event.preventDefault();
  }
}

function momentOf(room: Room, lockedName: string): HTMLElement {
  const { vertebrae } = room.context;
  const levels = vertebrae.length > 0 ? ` · ${vertebrae[0]?.level} to ${vertebrae.at(-1)?.level} in view` : "";
  const place = room.position ? ` · case ${room.position.index} of ${room.position.of}` : "";
  return make(
    "div",
    { class: "moment" },
    make("p", { class: "t2" }, "New case"),
    make("p", { class: "case num" }, room.caseName),
    make("p", { class: "lg t2" }, `${room.person}${levels}${place}`),
    make("p", { class: "t3" }, lockedName ? `${lockedName} is locked and saved.` : ""),
    momentNote(),
  );
}

const momentNote = (): HTMLElement => make("p", { class: "moment-note", "data-room": "moment-note" });

function allNegativeWords(session: Session): string {
  const open = session.openForNegative();
  if (!session.store.writable || open.length === 0) return "";
  const unseen = new Set(open.flatMap((vertebra) => vertebra.sops.filter((sop) => !session.store.seen.has(sop)))).size;
  return unseen === 0 ? "Every slice has been on screen." : `Possible once every slice has been on screen. ${unseen} to go.`;
}
