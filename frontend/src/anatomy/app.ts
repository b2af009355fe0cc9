/** The page of the anatomy check: opens a case, listens to keys, confirms, and keeps what was not confirmed. */

import type { AnatomyMadeOut, AnatomyVersionOut } from "../api/schema.ts";
import { getPreferences } from "../api/me.ts";
import { postAnatomy } from "../api/room.ts";
import type { Reply } from "../api/client.ts";
import { belongsToControl, ChordReader, isDeliberate } from "../reading/keys.ts";
import { Dialogs } from "../reading/view/dialogs.ts";
import { part, setText } from "../reading/view/dom.ts";
import type { StackViewer } from "../viewer/stack-viewer.ts";
import { PRESETS } from "../viewer/windows.ts";
import { caseDataOf, momentWords, type CaseData } from "./case-data.ts";
import { commandNames, commandOf, mayRun, runCommand, type CommandName } from "./commands.ts";
import { Desk, type Panel } from "./desk.ts";
import { allRight, isSame, sentBody, spanOf } from "./model.ts";
import { getAnatomy } from "./server.ts";
import { keptParents, Table, tableKey } from "./table.ts";
import { keysDialog, newerDialog, summaryDialog, type Preview } from "./view/check-dialogs.ts";
import { CheckButtons } from "./view/command-buttons.ts";
import { Frame } from "./view/frame.ts";
import { Inspector } from "./view/inspector.ts";
import { ListView } from "./view/list-view.ts";
import { numberingDialog } from "./view/numbering-dialog.ts";
import { Picture } from "./view/picture.ts";

const NO_ANSWER = "The server does not answer. Nothing was sent; your changes are kept in this browser. Try again.";

/** What lies on the table: on which version it was begun, and on which it would be built. */
interface Stand {
  readonly desk: Desk;
  readonly base: number | null;
  readonly parent: number | null;
}

export class AnatomyApp {
  private readonly viewer: StackViewer;
  private readonly caseId: number;
  private readonly read: number | null;
  private readonly user: string;
  private readonly root: HTMLElement;
  private readonly dialogs = new Dialogs(() => this.chords.forget());
  private readonly list = new ListView();
  private readonly inspector = new Inspector();
  private readonly frame = new Frame();
  private readonly picture: Picture;
  private readonly buttons: CheckButtons;
  private readonly chords = new ChordReader<CommandName>(keyTable(true));
  private stand: Stand | null = null;
  /** Newer than what lies on the table, once the server has said so. */
  private newer: CaseData | null = null;
  private refreshDue = false;
  private sending = false;
  private trouble = "";

  constructor(viewer: StackViewer, root: HTMLElement) {
    this.viewer = viewer;
    this.root = root;
    this.caseId = Number(root.dataset["case"]);
    this.read = root.dataset["read"] ? Number(root.dataset["read"]) : null;
    this.user = root.dataset["user"] ?? "";
    this.picture = new Picture(viewer);
    this.buttons = new CheckButtons(() => this.stand?.desk ?? null);
    viewer.events.on("rendered", () => this.refreshSoon());
    viewer.events.on("wanted", () => this.refreshSoon());
    viewer.events.on("session", () => this.dialogs.whenFree(() => this.askLogin(() => this.viewer.retry())));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("online", () => this.viewer.retry());
    window.addEventListener("focus", () => this.viewer.retry());
    window.addEventListener("storage", (event) => this.changedElsewhere(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.stand && !this.stand.desk.table.kept) event.preventDefault();
    });
    part("fullscreen").addEventListener("click", () => {
      void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen());
    });
  }

  /** What is open now, for checks from outside. */
  get open(): Desk | null {
    return this.stand?.desk ?? null;
  }

  async load(): Promise<void> {
    const [reply, preferences] = await Promise.all([getAnatomy(this.caseId), getPreferences()]);
    if (preferences.kind === "ok" && !preferences.body.single_keys) this.chords.change(keyTable(false));
    if (reply.kind === "session") {
      this.askLogin(() => void this.load());
      return;
    }
    if (reply.kind !== "ok") {
      const lines = [reply.kind === "problem" ? reply.problem.sentence : "The server does not answer."];
      this.dialogs.notice({ tone: "bad", title: "The anatomy did not open", lines }, { words: "Try again", run: () => void this.load() });
      return;
    }
    const data = caseDataOf(reply.body);
    const newest = data.newest?.id ?? 0;
    const kept = data.mayEdit ? keptParents(this.user, this.caseId, Object.keys(localStorage)) : [];
    this.enter(data, data.newest?.id ?? null, true);
    const older = kept.filter((base) => base !== newest);
    if (!kept.includes(newest) && older.length > 0) this.sayNewer(data, Math.max(...older));
  }

  /** Puts a version, or the changes that were begun on one, on the table. */
  private enter(data: CaseData, base: number | null, isFirst = false): void {
    const table = new Table(data.bodies, tableKey(this.user, this.caseId, base), localStorage);
    const desk = new Desk(data, table, this.viewer);
    this.stand = { desk, base, parent: base };
    this.trouble = "";
    desk.events.on("changed", () => this.refreshSoon());
    desk.events.on("open", (panel) => this.openPanel(panel));
    desk.events.on("said", (sentence) => this.say(sentence));
    this.list.build(desk);
    this.inspector.build(desk);
    const shown = data.versions.find((version) => version.id === base) ?? data.newest;
    this.picture.build(desk, shown?.outlines_url ?? null);
    const k = isFirst ? Math.floor((data.slices.length - 1) / 2) : this.viewer.wanted;
    if (isFirst) void this.viewer.open(data.slices, k, PRESETS.bone.window);
    this.say(table.foundAt ? `Your changes of ${momentWords(table.foundAt.toISOString())} are here again.` : "");
    this.refresh();
    part("viewport").focus();
  }

  // ---------------------------------------------------------------- keys and panels

  private key(event: KeyboardEvent): void {
    const desk = this.stand?.desk;
    if (!desk || event.isComposing || this.dialogs.isOpen) return;
    if (belongsToControl(event, event.target instanceof Element ? event.target : null)) return;
    const read = this.chords.read(event, event.timeStamp);
    if (!read || "begun" in read) return;
    event.preventDefault();
    if (event.repeat && !commandOf(read.name).repeats) return;
    this.say("");
    if (mayRun(read.name, desk) !== true) this.buttons.refused(read.name);
    runCommand(read.name, desk, event.repeat);
  }

  private openPanel(panel: Panel): void {
    if (!this.stand) return;
    if (panel === "keys") keysDialog(this.dialogs);
    else if (panel === "numbering") numberingDialog(this.dialogs, this.stand.desk);
    else void this.summary(this.stand);
  }

  private say(sentence: string): void {
    setText(part("said"), sentence);
    setText(part("live"), sentence);
  }

  // ---------------------------------------------------------------- confirming

  private async summary(stand: Stand): Promise<void> {
    const { desk } = stand;
    const { newest } = desk.data;
    if (!desk.data.mayEdit) {
      this.dialogs.notice({ tone: "info", title: "This anatomy is not yours to change", lines: [desk.data.whyNot] });
      return;
    }
    const isNew = desk.table.isChanged || stand.parent !== stand.base;
    if (!isNew && newest?.confirmed_at) {
      const lines = [`Version ${newest.n} was confirmed by ${newest.confirmed_by} at ${momentWords(newest.confirmed_at)}. Nothing has changed since.`];
      const onward = { words: this.root.dataset["onwardWords"] ?? "Back", run: () => this.leave() };
      this.dialogs.notice({ tone: "info", title: "Confirmed already", lines }, onward);
      return;
    }
    const { check } = desk;
    const unsaid = desk.bodies.some((body) => body.maskOk === null && !body.byHand);
    const shown = summaryDialog(this.dialogs, `${desk.data.name}: you confirm`, check, {
      confirm: () => void this.send(stand, true),
      keep: isNew && desk.bodies.length > 0 ? () => void this.send(stand, false) : null,
      allRight: unsaid ? () => this.allRightInSummary(stand) : null,
      goTo: (point) => {
        this.dialogs.close();
        if (point.key) desk.select(point.key);
      },
    });
    if (desk.bodies.length === 0) return;
    shown.show({ kind: "asking" });
    const preview = await this.post(stand, { confirm: true, preview: true });
    if (preview.kind === "session") this.askLogin(() => void this.summary(stand));
    else if (isNewer(preview)) await this.newerWasMade(stand);
    else shown.show(previewOf(preview));
  }

  /** Those of which nothing was said; a mask that was called wrong stays wrong. */
  private allRightInSummary(stand: Stand): void {
    const { desk } = stand;
    const right = new Map(allRight(desk.bodies).map((body) => [body.key, body]));
    desk.table.change("all other masks right", desk.bodies.map((body) => (body.maskOk === null ? (right.get(body.key) ?? body) : body)));
    void this.summary(stand);
  }

  private async send(stand: Stand, confirm: boolean): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    this.trouble = "";
    this.refresh();
    const reply = await this.post(stand, { confirm, preview: false });
    this.sending = false;
    if (reply.kind === "ok") this.wasMade(stand);
    else if (reply.kind === "session") this.askLogin(() => void this.send(stand, confirm));
    else if (isNewer(reply)) await this.newerWasMade(stand);
    else {
      this.trouble = reply.kind === "unreachable" ? "No connection, not confirmed" : "Not confirmed";
      const lines = [reply.kind === "problem" ? reply.problem.sentence : NO_ANSWER];
      this.dialogs.notice({ tone: "bad", title: "Not confirmed", lines }, { words: "Try again", run: () => void this.summary(stand) });
    }
    this.refresh();
  }

  private post(stand: Stand, how: { readonly confirm: boolean; readonly preview: boolean }): Promise<Reply<AnatomyMadeOut>> {
    const { bodies } = stand.desk;
    return postAnatomy(this.caseId, { parent: stand.parent, vertebrae: bodies.map(sentBody), read: this.read, ...how });
  }

  /** It is a version now, so nothing of it waits in the browser any more. */
  private wasMade(stand: Stand): void {
    stand.desk.table.forget();
    for (const base of keptParents(this.user, this.caseId, Object.keys(localStorage))) {
      localStorage.removeItem(tableKey(this.user, this.caseId, base === 0 ? null : base));
    }
    this.leave();
  }

  private leave(): void {
    location.assign(this.root.dataset["onward"] ?? "/");
  }

  // ---------------------------------------------------------------- others, and accidents

  private async newerWasMade(stand: Stand): Promise<void> {
    const reply = await getAnatomy(this.caseId);
    if (reply.kind === "ok" && this.stand === stand) this.sayNewer(caseDataOf(reply.body), stand.base ?? 0);
    else if (reply.kind !== "ok") this.dialogs.notice({ tone: "bad", title: "Not confirmed", lines: ["Somebody made a newer version meanwhile, and it did not load. Your changes are kept."] });
  }

  /** `base`: the version, 0 for none, on which the own changes were begun. */
  private sayNewer(data: CaseData, base: number): void {
    const { newest } = data;
    if (!newest) return;
    this.newer = data;
    const own = base === 0 ? null : base;
    newerDialog(this.dialogs, newest, this.mineWords(data, own), {
      look: () => this.look(data, own),
      mine: () => this.makeMineNext(data, own),
    });
    this.refresh();
  }

  private mineWords(data: CaseData, base: number | null): string {
    const mine = this.stand?.base === base ? this.stand.desk.table : new Table(data.bodies, tableKey(this.user, this.caseId, base), localStorage);
    const { bodies, changes } = mine;
    return `${bodies.length} vertebrae, ${spanOf(bodies)}, ${changes} ${changes === 1 ? "change" : "changes"}`;
  }

  private look(data: CaseData, own: number | null): void {
    this.enter(data, data.newest?.id ?? null);
    this.frame.news(`This is version ${data.newest?.n}. What you did on an older one is kept in this browser.`, [
      { words: "Back to mine", run: () => this.makeMineNext(data, own) },
      { words: "Give mine up", run: () => this.askGiveUp(own) },
    ]);
  }

  /** The own changes, to be built on the version that somebody else has made. */
  private makeMineNext(data: CaseData, own: number | null): void {
    this.newer = null;
    this.enter(data, own);
    if (!this.stand) return;
    this.stand = { ...this.stand, parent: data.newest?.id ?? null };
    const { bodies } = this.stand.desk;
    const differ = isSame(bodies, data.bodies) ? " Both say the same." : "";
    this.frame.news(`These are your changes. Confirmed, they become the version after ${data.newest?.n}.${differ}`, [
      { words: "Look at theirs", run: () => this.look(data, own) },
    ]);
    this.refresh();
  }

  private askGiveUp(own: number | null): void {
    const lines = ["They are in this browser and nowhere else. This cannot be undone."];
    this.dialogs.notice({ tone: "warn", title: "Give your changes up?", lines }, { words: "Give them up", run: () => this.giveUp(own) });
  }

  private giveUp(own: number | null): void {
    localStorage.removeItem(tableKey(this.user, this.caseId, own));
    this.newer = null;
    this.frame.news("");
    this.say("Your changes to the older version are gone.");
  }

  /** The same version lies on the table of another tab of this browser; the last change counts in both. */
  private changedElsewhere({ key, newValue }: StorageEvent): void {
    const { stand } = this;
    if (!stand || key !== tableKey(this.user, this.caseId, stand.base) || this.sending) return;
    // Nothing is kept any more: it was confirmed or undone there, and the server knows which.
    if (newValue === null) {
      void this.load();
      return;
    }
    this.enter(stand.desk.data, stand.base);
    this.stand = { ...(this.stand as Stand), parent: stand.parent };
    this.say("Changed in another tab of this browser.");
  }

  private askLogin(again: () => void): void {
    const sentence = "Your session has ended. Log in again; your changes are kept.";
    this.dialogs.session(sentence, this.root.dataset["login"] ?? "/login", again);
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
    const { stand } = this;
    if (!stand) return;
    const { desk } = stand;
    this.list.refresh();
    this.picture.refresh();
    this.inspector.refresh();
    this.buttons.refresh(desk);
    this.frame.refresh(desk, { sending: this.sending, trouble: this.trouble, newer: this.newerVersion(stand) });
  }

  private newerVersion(stand: Stand): AnatomyVersionOut | null {
    const newest = this.newer?.newest ?? null;
    return newest && newest.id !== stand.parent ? newest : null;
  }
}

const isNewer = (reply: Reply<AnatomyMadeOut>): boolean => reply.kind === "problem" && reply.problem.code === "newer_anatomy";

function previewOf(reply: Exclude<Reply<AnatomyMadeOut>, { readonly kind: "session" }>): Preview {
  if (reply.kind === "ok") return { kind: "ok", made: reply.body };
  return { kind: "not", sentence: reply.kind === "problem" ? reply.problem.sentence : NO_ANSWER };
}

/** Where single keys are off, what needs no Ctrl only moves; Esc and Enter belong to the page. */
function keyTable(singleKeys: boolean): Record<CommandName, readonly string[]> {
  const works = (chord: string): boolean => singleKeys || isDeliberate(chord) || chord === "Enter" || chord === "Escape";
  const table: Record<string, readonly string[]> = Object.fromEntries(commandNames.map((name) => [name, commandOf(name).keys.filter(works)]));
  return table as Record<CommandName, readonly string[]>;
}
