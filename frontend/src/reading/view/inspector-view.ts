/** The right column: the current vertebra, what is said of it, what is open, what was done last. */

import { durationWords } from "../activity.ts";
import type { CommandName } from "../commands.ts";
import { capWords } from "../keys.ts";
import { certaintyWords, markOf } from "../marks.ts";
import { shownMarkOf } from "../model-marks.ts";
import { ACUITIES, findingOf, injuryOf, nameOf, type Acuity, type Vertebra } from "../model.ts";
import { isRevealed } from "../opinions.ts";
import type { Preferences } from "../preferences.ts";
import { middleOf } from "../room-data.ts";
import type { Session } from "../session.ts";
import { button, make, part, refill, setAttribute, setText, timeWords } from "./dom.ts";
import { MeasuresPanel } from "./measures-panel.ts";
import { OpinionView } from "./opinion-view.ts";
import { RevealView } from "./reveal-view.ts";

const ACUITY_WORDS: Readonly<Record<Acuity, string>> = { unknown: "Unknown", acute: "Acute", old: "Old" };
/** A comment is one operation per pause in typing, not one per letter. */
const COMMENT_PAUSE = 700;
const CHANGES_SHOWN = 5;
/** How often the time on this case is shown anew, in milliseconds. */
const CLOCK_STEP = 1000;

export class InspectorView {
  private readonly comment = part<HTMLTextAreaElement>("comment");
  private readonly said = part("said");
  private readonly time = part("active-time");
  private readonly measures: MeasuresPanel;
  private readonly opinions = new OpinionView();
  private readonly reveal = new RevealView();
  private readonly preferences: Preferences;
  private session: Session | null = null;
  private commentTimer: ReturnType<typeof setTimeout> | null = null;
  private commentOf: Vertebra | null = null;

  constructor(preferences: Preferences) {
    this.preferences = preferences;
    this.measures = new MeasuresPanel(preferences);
    preferences.events.on("changed", () => this.refresh());
    setInterval(() => this.showTime(), CLOCK_STEP);
    this.comment.addEventListener("input", () => this.typed());
    this.comment.addEventListener("blur", () => this.saveComment());
    this.comment.addEventListener("keydown", (event) => {
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
        this.comment.blur();
        part("viewport").focus();
      }
    });
    part("acuity").append(
      ...ACUITIES.map((acuity) => {
        const each = button({ role: "radio", "data-acuity": acuity }, ACUITY_WORDS[acuity]);
        each.addEventListener("mousedown", (event) => event.preventDefault());
        each.addEventListener("click", () => this.setAcuity(acuity));
        return each;
      }),
    );
  }

  build(session: Session): void {
    this.session = session;
    this.commentOf = null;
    setText(this.said, "");
    session.events.on("said", (sentence) => setText(this.said, sentence));
    session.events.on("focusComment", () => this.comment.focus());
    this.opinions.build(session);
    this.reveal.build(session);
    this.refresh();
  }

  /** Writes what is being typed now, before the read is locked or another one comes. */
  saveComment(): void {
    if (this.commentTimer !== null) clearTimeout(this.commentTimer);
    this.commentTimer = null;
    const { session, commentOf: vertebra } = this;
    if (!session || !vertebra || !session.store.writable) return;
    const text = this.comment.value.trim();
    if (text === findingOf(session.store.state, vertebra.id).comment) return;
    const label = `${nameOf(vertebra, session.room.context)}, comment`;
    const change = { verb: "set_comment", payload: { vertebra: vertebra.id, text } } as const;
    session.store.perform(label, session.k, [change], session.shown());
  }

  refresh(): void {
    const { session } = this;
    if (!session) return;
    this.refreshLevel(session);
    this.opinions.refresh(session);
    this.reveal.refresh(session);
    this.refreshSlice(session);
    this.refreshComment(session);
    this.refreshOpen(session);
    const acuity = session.vertebra ? findingOf(session.store.state, session.vertebra.id).acuity : "unknown";
    for (const each of part("acuity").querySelectorAll<HTMLElement>("[data-acuity]")) {
      const checked = each.dataset["acuity"] === acuity;
      setAttribute(each, "aria-checked", String(checked));
      setAttribute(each, "aria-disabled", session.store.writable ? null : "true");
    }
    this.measures.refresh(session);
    this.refreshChanges(session);
    this.showTime();
  }

  private refreshChanges(session: Session): void {
    const latest = session.store.latest.slice(0, CHANGES_SHOWN);
    refill(part("changes"), latest, () => {
      const changes = latest.map(({ label, at }) => {
        const [level, ...words] = label.split(", ");
        const time = make("span", { class: "t3" }, at ? timeWords(new Date(at)) : "");
        return make("li", {}, make("span", {}, level ?? ""), make("span", {}, words.join(", ")), time);
      });
      return changes.length > 0 ? changes : [make("li", { class: "t3" }, "Nothing yet")];
    });
  }

  /** Own time on this case, all visits together; shown to nobody else. */
  private showTime(): void {
    if (!this.session) return;
    const { room, clock } = this.session;
    setText(this.time, `${durationWords((room.activeMs[""] ?? 0) + (clock?.total ?? 0))} on this case`);
  }

  private refreshLevel(session: Session): void {
    const { vertebra } = session;
    if (!vertebra) {
      setText(part("level"), "–");
      setText(part("state-words"), "No vertebrae yet");
      setText(part("certainty"), "A mask or boxes placed by hand bring them");
      return;
    }
    const finding = findingOf(session.store.state, vertebra.id);
    const mark = markOf(vertebra, finding, session.store.seen);
    setText(part("level"), nameOf(vertebra, session.room.context));
    // In a draft it is the reader's own word, also where the model says otherwise.
    const shown = isRevealed(session.room) || finding.verdict === null ? shownMarkOf(session, vertebra) : mark;
    setText(part("state-words"), shown.words);
    setAttribute(part("state-words"), "class", `state-text ${shown.className}`);
    setText(part("certainty"), certaintyWords(vertebra));
    const said = part("level-said");
    said.hidden = finding.level_said === "";
    setText(said, `You say ${finding.level_said}`);
    // The fracture button wears the colour of the type once there is one.
    const colour = finding.verdict === "fracture" ? mark.className : "st-a0";
    setAttribute(part("mark-fracture"), "class", `verdict ${colour}`);
    const injury = injuryOf(session.store.state, vertebra.id);
    const lower = session.room.context.vertebrae.find((each) => each.id === injury?.lower);
    const hint = part("injury-hint");
    hint.hidden = injury === null;
    if (injury) {
      const below = lower ? nameOf(lower, session.room.context) : "the edge of the image";
      setText(hint, `Segment injury ${injury.type} between ${nameOf(vertebra, session.room.context)} and ${below}`);
    }
  }

  private refreshSlice(session: Session): void {
    const { anchor, k, vertebra } = session;
    const dragged = anchor?.dragged && anchor.vertebra === vertebra?.id;
    const title = dragged ? `Slices ${Math.min(anchor.k, k) + 1} to ${Math.max(anchor.k, k) + 1}` : "This slice";
    setText(part("slice-title"), title);
    setText(part("slice-count"), `${k + 1} of ${session.room.sops.length}`);
    setText(part("range-hint"), this.rangeHint(session, Boolean(dragged)));
    this.refreshMaskChip(session);
  }

  /** The slice on screen lies where the mask has ended already. */
  private refreshMaskChip(session: Session): void {
    const { k, vertebra, store } = session;
    const chip = part("mask-chip");
    const sop = session.sopAt(k);
    chip.hidden = !vertebra || !sop || !vertebra.marginSops.includes(sop);
    if (chip.hidden || !vertebra || !sop) return;
    const isLabelled = findingOf(store.state, vertebra.id).slices[sop] !== undefined;
    setText(chip, isLabelled ? "Mask too small here" : "Outside the mask");
    chip.title = isLabelled ? "The label is kept, and left out of datasets." : "A label here is kept, and left out of datasets.";
  }

  private refreshComment(session: Session): void {
    const { vertebra } = session;
    if (vertebra !== this.commentOf) {
      this.saveComment();
      this.commentOf = vertebra;
      this.comment.value = vertebra ? findingOf(session.store.state, vertebra.id).comment : "";
    } else if (vertebra && document.activeElement !== this.comment && this.commentTimer === null) {
      const { comment } = findingOf(session.store.state, vertebra.id);
      if (this.comment.value !== comment) this.comment.value = comment;
    }
    this.comment.disabled = !session.store.writable || vertebra === null;
  }

  private refreshOpen(session: Session): void {
    const { context } = session.room;
    const openIds = new Set(session.store.gaps.map((gap) => gap.vertebra));
    const open = context.vertebrae.filter((vertebra) => openIds.has(vertebra.id));
    const room = window.innerWidth < 1600 ? 2 : window.innerWidth < 2400 ? 3 : 5;
    const shown = open.length > room + 1 ? open.slice(0, room) : open;
    const hidden = open.length - shown.length;
    const none = session.room.locked ? "" : context.vertebrae.length > 0 ? "Nothing is open" : "No vertebrae yet";
    refill(part("open-list"), [session, none, hidden, ...session.store.gaps.map((gap) => gap.sentence)], () => {
      const links = shown.map((vertebra) => this.openLink(session, vertebra));
      const more = hidden > 0 ? make("span", { class: "t3", title: `${hidden} more` }, `+${hidden}`) : "";
      return links.length > 0 ? [make("span", {}, "Open:"), ...links, more] : [none];
    });
    const lock = part("lock");
    lock.classList.toggle("btn-primary", isRevealed(session.room) || (session.store.writable && open.length === 0 && context.vertebrae.length > 0));
    setText(part("lock-words"), isRevealed(session.room) ? "Next case" : session.room.locked ? "Summary" : "Lock, next case");
    const complete = context.vertebrae.filter((vertebra) => !vertebra.cut);
    const done = complete.filter((vertebra) => findingOf(session.store.state, vertebra.id).verdict !== null).length;
    setText(part("read-count"), session.room.locked ? "locked" : `${done} of ${complete.length} read`);
  }

  private openLink(session: Session, vertebra: Vertebra): HTMLElement {
    const link = button({ class: "open-link" }, nameOf(vertebra, session.room.context));
    const sentences = session.store.gaps.filter((gap) => gap.vertebra === vertebra.id).map((gap) => gap.sentence);
    link.title = sentences.join(" ");
    link.addEventListener("mousedown", (event) => event.preventDefault());
    link.addEventListener("click", () => session.selectVertebra(vertebra, middleOf(vertebra)));
    return link;
  }

  private setAcuity(acuity: Acuity): void {
    const words = `acuity ${acuity}`;
    this.session?.change(words, ({ id }) => ({ verb: "set_acuity", payload: { vertebra: id, acuity } }));
  }

  private typed(): void {
    if (this.commentTimer !== null) clearTimeout(this.commentTimer);
    this.commentTimer = setTimeout(() => this.saveComment(), COMMENT_PAUSE);
  }

  private rangeHint(session: Session, dragged: boolean): string {
    const { anchor, k, vertebra } = session;
    if (!session.store.writable) return "";
    const caps = (...names: readonly CommandName[]): string =>
      names.map((name) => capWords(this.preferences.chordsOf(name)[0] ?? "")).filter(Boolean).join(" or ");
    if (dragged) return `${caps("markFracture", "markNegative") || "Fracture or Negative"} marks all of them.`;
    const range = caps("rangeFracture", "rangeNegative");
    if (!anchor || anchor.vertebra !== vertebra?.id || anchor.k === k) return range ? `${range} marks a range.` : "";
    const [from, to] = anchor.k < k ? [anchor.k, k] : [k, anchor.k];
    return range ? `${range} marks slices ${from + 1} to ${to + 1}.` : "";
  }
}
