/** The room as a whole: shows one read after the other without loading a page, and connects state, viewer and views. */

import type { StackViewer } from "../viewer/stack-viewer.ts";
import { httpAhead } from "./ahead.ts";
import { BrowserStorage, deviceOf } from "./browser-storage.ts";
import { CaseFlow } from "./case-flow.ts";
import { CasePanels } from "./case-panels.ts";
import { Holding, type Holder } from "./holding.ts";
import { Keyboard } from "./keyboard.ts";
import { sopUid } from "./model.ts";
import { forgetRead, openedRead } from "./opened-read.ts";
import { isRevealed } from "./opinions.ts";
import type { OutboxStatus } from "./outbox.ts";
import { Preferences, preferencesServer } from "./preferences.ts";
import { Prefetch } from "./prefetch.ts";
import type { Room } from "./room-data.ts";
import type { Session } from "./session.ts";
import { TabLock } from "./tab-lock.ts";
import { httpLease } from "./transport.ts";
import { BannerView, linesOf, type Line } from "./view/banner-view.ts";
import { CommandButtons } from "./view/buttons.ts";
import { Dialogs } from "./view/dialogs.ts";
import { part, setText } from "./view/dom.ts";
import { ImageView } from "./view/image-view.ts";
import { InspectorView } from "./view/inspector-view.ts";
import { KeysSheet } from "./view/keys-sheet.ts";
import { MomentView } from "./view/moment-view.ts";
import { Redraw } from "./view/redraw.ts";
import { ReportView } from "./view/report-view.ts";
import { allNegativeWords, buildRoom, showStatus } from "./view/room-view.ts";
import { revealWords } from "./view/reveal-view.ts";
import { StripView } from "./view/strip-view.ts";

/** What waits for the first picture waits no longer than this, in milliseconds. */
const DRAWING = 1500;

export class RoomApp {
  private readonly viewer: StackViewer;
  private readonly user: string;
  private readonly loginUrl: string;
  private readonly storage = new BrowserStorage(localStorage);
  private readonly device: string;
  private readonly preferences: Preferences;
  private readonly dialogs = new Dialogs(() => this.keyboard.forget());
  private readonly moment = new MomentView();
  private readonly banner = new BannerView();
  private readonly strip = new StripView();
  private readonly inspector: InspectorView;
  private readonly report = new ReportView();
  private readonly image: ImageView;
  private readonly buttons: CommandButtons;
  private readonly keyboard: Keyboard;
  private readonly flow: CaseFlow;
  private readonly redraw: Redraw;
  private readonly panels: CasePanels;
  private readonly prefetch = new Prefetch(httpAhead);
  private session: Session | null = null;
  private preferencesAreHere: Promise<void> | null = null;
  private closers: (() => void)[] = [];
  /** What waits until the first picture of a read stands. */
  private due: (() => void)[] = [];
  private holding: Holding | null = null;
  private note: Line | null = null;
  private stackIsHere = false;
  private stall = "";
  private reportOpen = true;

  constructor(viewer: StackViewer, root: HTMLElement) {
    this.viewer = viewer;
    this.user = root.dataset["user"] ?? "";
    this.loginUrl = root.dataset["login"] ?? "/login";
    this.device = deviceOf(this.user, this.storage);
    this.image = new ImageView(viewer);
    this.preferences = new Preferences(preferencesServer, this.storage, `sagittal:${this.user}:preferences`);
    this.buttons = new CommandButtons(document, () => this.session, this.preferences);
    this.inspector = new InspectorView(this.preferences);
    this.flow = new CaseFlow({
      dialogs: this.dialogs,
      moment: this.moment,
      device: this.device,
      enter: (room, note) => this.enter(room, note),
      remark: (note) => this.remark(note),
      askLogin: (sentence, retry) => this.askLogin(sentence, retry),
      over: (room) => {
        forgetRead(this.user, room.readId, this.storage);
        this.holding?.end();
        this.holding = null;
      },
      lostToAnother: () => this.holding?.refused(),
    });
    this.panels = new CasePanels(this.dialogs, this.flow, new KeysSheet(this.dialogs, this.preferences), () => this.inspector.saveComment());
    this.keyboard = this.keys();
    this.redraw = this.redrawing();
    this.preferences.events.on("changed", () => this.keyboard.rebind());
    this.listenToViewer();
    this.listenToPage();
  }

  /** The session that is open now, for checks from outside. */
  get open(): Session | null {
    return this.session;
  }

  async openRead(read: number): Promise<void> {
    // No key may mean something else for a moment. Both are asked for at once.
    this.preferencesAreHere ??= this.preferences.load();
    await this.flow.openRead(read, this.preferencesAreHere);
  }

  private redrawing(): Redraw {
    const app = this;
    return new Redraw({
      get session() {
        return app.session;
      },
      image: () => this.image.refresh(),
      panels: () => this.refreshPanels(),
    });
  }

  private keys(): Keyboard {
    const app = this;
    return new Keyboard({
      get session() {
        return app.session;
      },
      get dialogIsOpen() {
        return app.dialogs.isOpen;
      },
      get caseIsComing() {
        return app.moment.isUp;
      },
      keysOf: (name) => this.preferences.chordsOf(name),
      ignoredInDialog: (what) => this.dialogs.ignored(what),
      tooEarly: (what) => this.moment.say(`${what}: not done. The next case is not on screen yet.`),
    });
  }

  private listenToViewer(): void {
    const { events } = this.viewer;
    events.on("rendered", ({ sopUid: sop }) => {
      this.moment.drawn();
      this.session?.rendered(sopUid(sop));
      for (const run of this.due.splice(0)) run();
    });
    events.on("wanted", () => this.session?.moved());
    events.on("waiting", (waiting) => {
      if (!waiting) {
        this.fetchAhead();
        return;
      }
      this.prefetch.stop();
      // The cover stays, because the case before may still be under it.
      if (waiting.failed) this.moment.say(waiting.sentence);
    });
    events.on("progress", ({ loaded, total }) => {
      this.stackIsHere = loaded === total;
      this.fetchAhead();
    });
    events.on("session", () => this.askLogin("Your session has ended. Log in again; nothing is lost."));
  }

  private fetchAhead(): void {
    const room = this.session?.room;
    if (this.stackIsHere && room && (!room.locked || isRevealed(room))) this.prefetch.after(room.caseId);
  }

  private listenToPage(): void {
    window.addEventListener("online", () => this.tryAgain());
    window.addEventListener("focus", () => this.tryAgain());
    window.addEventListener("pagehide", () => {
      if (this.session?.store.outbox.leave() === false) return;
      this.holding?.release();
      this.holding = null;
    });
    // Brought back from the browser's memory, the page has let go of its read.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted && this.session) void this.openRead(this.session.room.readId);
    });
    window.addEventListener("beforeunload", (event) => this.beforeLeaving(event));
    part("fullscreen").addEventListener("click", () => {
      void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());
    });
  }

  // ---------------------------------------------------------------- one read after the other

  private enter(room: Room, note: Line | null): void {
    this.leave(room);
    const { user, device, storage, viewer, reportOpen } = this;
    const { session, close } = openedRead(room, { user, device, storage, screen: viewer, reportOpen });
    this.session = session;
    this.note = note;
    this.closers.push(close);
    // The image is on its way while everything around it is built.
    void viewer.open(room.viewerSlices, room.start.k, room.start.window);
    this.listen(session);
    buildRoom(session);
    this.report.build(session);
    this.strip.build(session);
    this.image.build(session);
    this.inspector.build(session);
    if (room.locked) forgetRead(user, room.readId, storage);
    this.hold(room);
    const { outbox } = session.store;
    this.status(outbox.status);
    this.refresh();
    if (outbox.unsaved.length > 0) this.panels.unsaved(session);
    part("viewport").focus();
  }

  private leave(next: Room): void {
    this.inspector.saveComment();
    for (const close of this.closers.splice(0)) close();
    if (this.session?.room.caseId === next.caseId) this.prefetch.stop();
    else this.prefetch.forget();
    this.stackIsHere = false;
    if (this.holding?.read === next.readId && next.writable) return;
    this.holding?.release();
    this.holding = null;
  }

  private listen(session: Session): void {
    const { store } = session;
    const { outbox } = store;
    store.events.on("changed", () => this.redraw.soon());
    store.events.on("unsaved", () => {
      this.refreshSoon();
      this.panels.unsaved(session);
    });
    for (const gone of ["locked", "moved"] as const) store.events.on(gone, () => void this.openRead(session.room.readId));
    session.events.on("changed", () => this.redraw.soon());
    session.events.on("open", (panel) => this.panels.open(panel, session));
    session.events.on("said", (sentence) => setText(part("live"), sentence));
    session.events.on("refused", (command) => {
      // A new node is read out even where it says what stood there before.
      part("live").replaceChildren(part("live").textContent ?? "");
      if (command) this.buttons.refused(command);
    });
    session.events.on("done", (command) => this.buttons.done(command));
    outbox.events.on("status", (status) => this.status(status));
    outbox.events.on("elsewhere", () => this.holding?.refused());
    setText(part("live"), revealWords(session));
  }

  // ---------------------------------------------------------------- who writes

  private hold(room: Room): void {
    if (!room.writable) {
      // What waited for a read that takes no more: the server says of each change whether it came in time.
      if (this.session && this.session.store.outbox.pending.length > 0) this.session.store.outbox.start();
      return;
    }
    if (this.holding) {
      this.heldBy(this.holding.holder);
      return;
    }
    this.holding = new Holding({
      read: room.readId,
      server: httpLease(room.readId, this.device),
      tab: (heard) => new TabLock(room.readId, heard),
      changed: (holder) => this.heldBy(holder),
      reread: () => void this.openRead(room.readId),
      everyRenewal: () => this.session?.store.outbox.kick(),
      soon: (run) => this.afterDrawing(run),
      noAnswer: () => this.dialogs.notice({ tone: "bad", title: "Not taken over", lines: ["The server does not answer. Try again."] }),
    });
  }

  private heldBy(holder: Holder): void {
    const { session } = this;
    if (!session || holder.kind === "asking") return;
    const { outbox } = session.store;
    if (holder.kind === "here") {
      session.store.setWritable(true);
      outbox.start();
      // A slice that was drawn before the answer came has been seen all the same.
      if (this.viewer.displayed) session.rendered(sopUid(this.viewer.displayed.sopUid));
    } else {
      outbox.close();
      // What was being typed is kept with the other changes that were not sent.
      this.inspector.saveComment();
      session.store.setWritable(false);
    }
    this.status(outbox.status);
    this.refreshSoon();
  }

  /** The first picture comes before everything that can wait; where it does not come, the others wait a moment. */
  private afterDrawing(run: () => void): void {
    this.due.push(run);
    setTimeout(() => {
      const at = this.due.indexOf(run);
      if (at >= 0) this.due.splice(at, 1)[0]?.();
    }, DRAWING);
  }

  private remark(note: Line): void {
    this.note = note;
    this.refreshSoon();
  }

  // ---------------------------------------------------------------- saved, or not

  private status(status: OutboxStatus): void {
    const { session } = this;
    if (!session) return;
    showStatus(status, session, this.holding?.holder ?? null);
    const isLogin = status.kind === "waiting" && (status.why === "session" || status.why === "forbidden");
    const stall = isLogin ? status.sentence : "";
    // Once per time it happens: the chip keeps saying it after the dialog was closed.
    if (stall && stall !== this.stall) this.askLogin(stall);
    if (!stall && this.stall) this.loggedInAgain();
    this.stall = stall;
    this.refreshSoon();
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
    this.holding?.look();
    this.viewer.retry();
  }

  private beforeLeaving(event: BeforeUnloadEvent): void {
    this.inspector.saveComment();
    const waiting = this.session?.store.outbox.pending.length ?? 0;
    // Nothing would be lost, but the changes would wait in this browser until the read is opened here again.
    if (waiting > 0 && this.session?.store.outbox.status.kind === "waiting") event.preventDefault();
  }

  // ---------------------------------------------------------------- the screen

  /** Many changes, one redraw per frame. */
  private refreshSoon(): void {
    this.redraw.allSoon();
  }

  private refresh(): void {
    this.redraw.now();
  }

  /** Everything but what lies over the image. */
  private refreshPanels(): void {
    const { session } = this;
    if (!session) return;
    this.reportOpen = session.reportOpen;
    session.clock?.attribute(session.vertebra?.id ?? null);
    this.strip.refresh();
    this.inspector.refresh();
    this.buttons.refresh(session);
    this.report.refresh(session);
    setText(part("all-negative-why"), allNegativeWords(session));
    const lines = linesOf(session, this.holding?.holder ?? { kind: "here" }, this.note, {
      take: () => this.holding?.take(),
      showPending: () => this.panels.pending(session, () => this.holding?.take()),
      showUnsaved: () => this.panels.unsaved(session),
      reopen: () => session.open("reopen"),
    });
    this.banner.show(lines);
  }
}
