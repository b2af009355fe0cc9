/** The consensus screen as a whole: listens to keys, asks the server, and keeps record, picture and panels together. */

import { getPreferences } from "../api/me.ts";
import type { Reply } from "../api/client.ts";
import { BrowserStorage } from "../reading/browser-storage.ts";
import { belongsToControl, ChordReader, isDeliberate } from "../reading/keys.ts";
import { Dialogs } from "../reading/view/dialogs.ts";
import { part, setText } from "../reading/view/dom.ts";
import type { StackViewer } from "../viewer/stack-viewer.ts";
import { PRESETS } from "../viewer/windows.ts";
import { commandNames, commandOf, mayRun, runCommand, type CommandName } from "./commands.ts";
import { dataOf } from "./data.ts";
import { Drafts } from "./drafts.ts";
import type { Panel } from "./events.ts";
import { getMe, httpConsensus, type ConsensusServer } from "./server.ts";
import type { ConsensusJson, Letter, MemberJson } from "./shapes.ts";
import { Sitting } from "./sitting.ts";
import { ConsensusButtons, mark } from "./view/buttons.ts";
import { Frame, type News } from "./view/frame.ts";
import { Inspector } from "./view/inspector.ts";
import { Lanes } from "./view/lanes.ts";
import { LeftColumn } from "./view/left-column.ts";
import { Moment } from "./view/moment.ts";
import { askDialog, correctDialog, keysDialog, lockProblem, reportDialog, shiftDialog, summaryDialog, whyDialog } from "./view/panel-dialogs.ts";
import { Picture } from "./view/picture.ts";
import { Writes, type Waiting } from "./writes.ts";

const NO_ANSWER = "The server does not answer. Nothing was changed; try again.";
const UNSAVED = "Something is not saved yet.";
/** Without a first picture the cover goes after this long, in milliseconds: what is missing is said on the screen itself. */
const COVERED = 8000;

export class ConsensusApp {
  private readonly viewer: StackViewer;
  private readonly root: HTMLElement;
  private readonly read: number;
  private readonly server: ConsensusServer;
  private readonly storage = new BrowserStorage(localStorage);
  private readonly dialogs = new Dialogs(() => this.chords.forget());
  private readonly moment = new Moment();
  private readonly lanes = new Lanes();
  private readonly inspector = new Inspector();
  private readonly left = new LeftColumn(() => this.openPanel("report"));
  private readonly frame = new Frame((member) => void this.setMember(member));
  private readonly picture: Picture;
  private readonly buttons = new ConsensusButtons(() => this.sitting);
  private readonly chords = new ChordReader<CommandName>(keyTable(true));
  private sitting: Sitting | null = null;
  private news: News[] = [];
  private refreshDue = false;
  private busy = false;
  private locking = false;
  private stall = "";

  constructor(viewer: StackViewer, root: HTMLElement) {
    this.viewer = viewer;
    this.root = root;
    this.read = Number(root.dataset["read"]);
    this.server = httpConsensus(this.read);
    this.picture = new Picture(viewer, this.read);
    viewer.events.on("rendered", () => {
      this.moment.end();
      this.refreshSoon();
    });
    viewer.events.on("wanted", () => this.refreshSoon());
    viewer.events.on("waiting", (waiting) => waiting?.failed && this.moment.say(waiting.sentence));
    viewer.events.on("session", () => this.askLogin("Your session has ended. Log in again; nothing is lost."));
    document.addEventListener("keydown", (event) => this.key(event));
    for (const back of ["online", "focus"]) window.addEventListener(back, () => this.tryAgain());
    window.addEventListener("beforeunload", (event) => {
      if (this.sitting?.writes.status.kind === "waiting" && this.sitting.writes.pending.length > 0) event.preventDefault();
    });
    for (const order of ["harm", "level"] as const) {
      part(`order-${order}`).addEventListener("click", () => this.sitting?.order !== order && this.sitting?.toggleOrder());
      part(`order-${order}`).addEventListener("mousedown", (event) => event.preventDefault());
    }
  }

  /** What is open now, for checks from outside. */
  get open(): Sitting | null {
    return this.sitting;
  }

  start(json: ConsensusJson): void {
    void getPreferences().then((reply) => {
      if (reply.kind === "ok" && !reply.body.single_keys) this.chords.change(keyTable(false));
    });
    const sitting = this.enter(json);
    this.moment.begin(sitting.data);
    setTimeout(() => this.moment.end(), COVERED);
    const { vertebrae } = sitting.data.context;
    const first = sitting.current?.vertebra ?? vertebrae.find((vertebra) => !vertebra.cut) ?? vertebrae[0];
    const middle = first?.extent ? Math.floor((first.extent[0] + first.extent[1]) / 2) : Math.floor(sitting.data.viewerSlices.length / 2);
    void this.viewer.open(sitting.data.viewerSlices, middle, PRESETS.bone.window);
    if (sitting.current) sitting.select(sitting.current);
  }

  /** What the server says now is put on the screen; what waits here goes on waiting. */
  private enter(json: ConsensusJson): Sitting {
    this.sitting?.writes.close();
    const user = this.root.dataset["user"] ?? "";
    const isSamePerson = async (): Promise<boolean | null> => {
      const reply = await getMe();
      return reply.kind === "ok" ? reply.body.username === user : null;
    };
    const place = `sagittal:${user}:${this.read}:consensus`;
    const writes = new Writes({ server: this.server, storage: this.storage, key: `${place}:queue`, seq: json.consensus.seq, isSamePerson });
    const drafts = new Drafts(this.storage, `${place}:drafts`);
    if (json.consensus.state === "locked") drafts.forget();
    const before = this.sitting;
    const sitting = new Sitting(dataOf(json), { writes, drafts, screen: this.viewer });
    if (before) sitting.lookAs(before);
    this.sitting = sitting;
    sitting.events.on("changed", () => this.refreshSoon());
    sitting.events.on("open", (panel) => this.openPanel(panel));
    sitting.events.on("said", (sentence) => this.say(sentence));
    sitting.events.on("missing", (name) => mark(part(`${name}-part`)));
    sitting.events.on("focusExplanation", () => {
      this.refresh();
      this.inspector.focusExplanation();
    });
    writes.events.on("status", () => this.status(sitting));
    // Who writes is present, so the server says too.
    writes.events.on("answered", () => sitting.patch({ members: sitting.data.json.members.map((member) => (member.you ? { ...member, present: true } : member)) }));
    writes.events.on("refused", ({ write, sentence }) => this.refused(sitting, write, sentence));
    writes.events.on("conflict", ({ lost }) => void this.changedElsewhere(lost));
    writes.events.on("gone", ({ sentence }) => this.dialogs.whenFree(() => this.notice("Not saved", sentence)));
    this.picture.build(sitting);
    this.refresh();
    writes.kick();
    part("viewport").focus();
    return sitting;
  }

  // ---------------------------------------------------------------- keys and panels

  private key(event: KeyboardEvent): void {
    const { sitting } = this;
    if (!sitting || event.isComposing || this.dialogs.isOpen) return;
    if (belongsToControl(event, event.target instanceof Element ? event.target : null)) return;
    const read = this.chords.read(event, event.timeStamp);
    if (!read || "begun" in read) return;
    event.preventDefault();
    if (event.repeat && !commandOf(read.name).repeats) return;
    this.say("");
    if (this.moment.isUp) return;
    if (mayRun(read.name, sitting) !== true) this.buttons.refused(read.name);
    runCommand(read.name, sitting, event.repeat);
  }

  private openPanel(panel: Panel): void {
    const { sitting, dialogs } = this;
    if (!sitting) return;
    const { vertebra } = sitting;
    if (panel === "keys") keysDialog(dialogs);
    else if (panel === "summary") summaryDialog(dialogs, sitting, { lock: () => void this.lock(), onward: () => this.onward() });
    else if (panel === "ask") askDialog(dialogs, sitting, (letter, text) => void this.ask(letter, text));
    else if (panel === "shift") shiftDialog(dialogs, sitting, { shift: (letter, by, moves) => void this.shift(letter, by, moves) });
    else if (panel === "report") reportDialog(dialogs, () => void this.showReport());
    else if (panel === "correct") correctDialog(dialogs, sitting.data.json.consensus.version + 1, (reason) => void this.correct(reason));
    else if (vertebra) whyDialog(dialogs, sitting.name(vertebra), (why) => sitting.own.setNotAssessable(why));
  }

  private say(sentence: string): void {
    setText(part("said"), sentence);
    setText(part("live"), sentence);
  }

  // ---------------------------------------------------------------- asking the server

  /** One request at a time; whatever is refused is said, and nothing on the screen pretends otherwise. */
  private async asked<Body>(send: () => Promise<Reply<Body>>, what: string): Promise<Body | null> {
    if (this.busy) {
      if (this.dialogs.isOpen) this.notice(what, UNSAVED);
      else this.say(UNSAVED);
      return null;
    }
    this.busy = true;
    const reply = await send();
    this.busy = false;
    if (reply.kind === "ok") return reply.body;
    if (reply.kind === "session") this.askLogin("Your session has ended. Log in again; nothing is lost.");
    else if (reply.kind === "problem" && reply.status === 409 && reply.problem.code !== "refused") {
      const reread = await this.server.get();
      if (reread.kind === "ok") this.enter(reread.body);
      this.notice(what, reply.problem.sentence);
    } else this.notice(what, reply.kind === "problem" ? reply.problem.sentence : NO_ANSWER);
    return null;
  }

  private notice(title: string, sentence: string): void {
    this.dialogs.notice({ tone: "bad", title, lines: [sentence] });
  }

  private async setMember({ reader, present }: MemberJson): Promise<void> {
    const body = await this.asked(() => this.server.setMember(reader, !present), "Not changed");
    if (body) this.sitting?.patch({ members: body.members });
  }

  private async ask(letter: Letter, text: string): Promise<void> {
    const vertebra = this.sitting?.vertebra;
    if (!vertebra) return;
    const body = await this.asked(() => this.server.ask(letter, vertebra.id, text), "Not asked");
    if (!body) return;
    this.sitting?.patch({ questions: body.questions });
    this.say(`${letter} has been asked.`);
  }

  private async showReport(): Promise<void> {
    const body = await this.asked(() => this.server.showReport(), "Not shown");
    if (body) this.sitting?.patch({ report: body.report });
  }

  private async shift(letter: Letter, by: number, moves: string): Promise<void> {
    const { sitting } = this;
    // What is on its way is meant for the levels as they are.
    if (!sitting || !(await sitting.writes.arrived())) {
      this.notice("Not shifted", UNSAVED);
      return;
    }
    const json = await this.asked(() => this.server.shift(letter, by, moves), "Not shifted");
    if (!json) return;
    this.enter(json);
    this.say(by === 0 ? `The shift of ${letter} is undone.` : `${letter} is shifted. What differs is asked anew.`);
  }

  private async lock(): Promise<void> {
    const { sitting } = this;
    if (!sitting || this.locking) return;
    this.locking = true;
    try {
      await this.lockNow(sitting);
    } finally {
      this.locking = false;
    }
  }

  private async lockNow(sitting: Sitting): Promise<void> {
    // What is on its way arrives first; meanwhile a choice may have been changed.
    const problem = lockProblem(sitting) || ((await sitting.writes.arrived()) ? lockProblem(sitting) : UNSAVED);
    if (problem) {
      this.notice("Not locked", problem);
      return;
    }
    const body = await this.asked(() => this.server.lock(sitting.writes.confirmedSeq), "Not locked");
    if (!body) return;
    const reread = await this.server.get();
    const locked = { ...sitting.data.json.consensus, state: "locked" as const, locked_at: body.locked_at, writable: false };
    this.enter(reread.kind === "ok" ? reread.body : { ...sitting.data.json, consensus: locked, next: body.next });
    this.openPanel("summary");
  }

  private async correct(reason: string): Promise<void> {
    const body = await this.asked(() => this.server.correct(reason), "Not opened again");
    if (body) location.assign(`/consensus/${body.consensus}`);
  }

  /** The next case of this panel, or the list where there is none. */
  private onward(): void {
    const next = this.sitting?.data.json.next;
    if (!next) {
      location.assign("/consensus");
      return;
    }
    const form = part<HTMLFormElement>("onward");
    form.action = `/consensus/${next.round}/${next.case}/open`;
    form.submit();
  }

  // ---------------------------------------------------------------- others, and accidents

  private status(sitting: Sitting): void {
    if (sitting !== this.sitting) return;
    const { status } = sitting.writes;
    const stall = status.kind === "waiting" && status.why !== "network" ? status.sentence : "";
    if (stall && stall !== this.stall) this.askLogin(stall);
    this.stall = stall;
    this.refreshSoon();
  }

  /** The server knows better; the choice comes back as a draft, so that nothing has to be chosen twice. */
  private refused(sitting: Sitting, write: Waiting, sentence: string): void {
    sitting.takeUpAgain(write);
    this.dialogs.whenFree(() => this.notice(`${sitting.nameOfId(write.vertebra)} was not settled`, sentence));
    this.refreshSoon();
  }

  private async changedElsewhere(lost: readonly Waiting[]): Promise<void> {
    const reply = await this.server.get();
    if (reply.kind === "session") this.askLogin("Your session has ended. Log in again.", () => void this.changedElsewhere(lost));
    if (reply.kind !== "ok") {
      this.news = [{ tone: "warn", words: "This consensus was changed on another screen, and it did not load. Load this page again; your choices are kept." }];
      this.refreshSoon();
      return;
    }
    const sitting = this.enter(reply.body);
    const names = [...new Set(lost.map(({ vertebra }) => sitting.nameOfId(vertebra)))].join(", ");
    const what = sitting.locked ? "locked" : "changed";
    this.news = [{ tone: "warn", words: `This consensus was ${what} on another screen. Not saved from here: ${names}. The screen shows what the record has; nothing was merged.` }];
    this.refresh();
  }

  private askLogin(sentence: string, again: () => void = () => this.tryAgain()): void {
    this.dialogs.whenFree(() => this.dialogs.session(sentence, this.root.dataset["login"] ?? "/login", again));
  }

  private tryAgain(): void {
    this.sitting?.writes.kick();
    this.viewer.retry();
  }

  // ---------------------------------------------------------------- drawing

  private refreshSoon(): void {
    if (this.refreshDue) return;
    this.refreshDue = true;
    requestAnimationFrame(() => {
      this.refreshDue = false;
      this.refresh();
    });
  }

  private refresh(): void {
    const { sitting } = this;
    if (!sitting) return;
    this.lanes.refresh(sitting);
    this.left.refresh(sitting);
    this.inspector.refresh(sitting);
    this.picture.refresh();
    this.buttons.refresh(sitting);
    this.frame.refresh(sitting, sitting.writes.status, [...standing(sitting), ...this.news]);
  }
}

/** What stays true of this consensus while it is open. */
function standing({ data, locked }: Sitting): News[] {
  const { consensus, hindrance, versions } = data.json;
  const reason = versions.find(({ read }) => read === consensus.id)?.reason ?? "";
  const because = consensus.version > 1 && reason ? ` It corrects the one before: “${reason}”.` : "";
  if (locked) return [{ tone: "info", words: `Version ${consensus.version}, locked.${because} A locked consensus never changes; a correction makes the next version.` }];
  if (hindrance) return [{ tone: "warn", words: hindrance }];
  return because ? [{ tone: "info", words: `Version ${consensus.version}.${because}` }] : [];
}

/** Where single keys are off, what needs no Ctrl only moves; Enter belongs to the page. */
function keyTable(singleKeys: boolean): Record<CommandName, readonly string[]> {
  const works = (chord: string): boolean => singleKeys || isDeliberate(chord) || chord === "Enter";
  const table: Record<string, readonly string[]> = Object.fromEntries(commandNames.map((name) => [name, commandOf(name).keys.filter(works)]));
  return table as Record<CommandName, readonly string[]>;
}
