/** The dialogs of the room: summary and lock, why not assessable, notices, a session that ended. One at a time. */

import { certaintyWords, markOf } from "../marks.ts";
import { findingOf, injuryOf, nameOf, WHYS, type Vertebra } from "../model.ts";
import type { Session } from "../session.ts";
import { button, buttonCap, icon, make, part, setText, type Child } from "./dom.ts";

export interface Notice {
  readonly tone: "info" | "warn" | "bad";
  readonly title: string;
  readonly lines: readonly string[];
}

/** A dialog that another file fills. */
export interface Form {
  readonly size: "wide" | "narrow" | "small";
  readonly title: string;
  readonly aside?: string;
  /** What a key does in it; true when it did something. */
  readonly key?: (event: KeyboardEvent) => boolean;
}

export class Dialogs {
  private readonly dialog = part<HTMLDialogElement>("dialog");
  /** What a key does in the dialog that is open; true when it did something. */
  private onKey: ((event: KeyboardEvent) => boolean) | null = null;
  private next: (() => void) | null = null;
  private note: HTMLElement | null = null;

  private readonly opened: () => void;

  /** `opened` is called whenever a dialog comes up. */
  constructor(opened: () => void) {
    this.opened = opened;
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.close();
    });
    this.dialog.addEventListener("close", () => {
      // The event comes late: another dialog may stand there by now.
      if (this.dialog.open) return;
      this.onKey = null;
      part("viewport").focus();
      const { next } = this;
      this.next = null;
      next?.();
    });
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  close(): void {
    if (!this.dialog.open) return;
    this.dialog.close();
    // At once: the next key may come before the browser takes the focus out of a dialog that is gone.
    part("viewport").focus();
  }

  /** Opens a dialog now, or after the one that is open; only the last one waits. Null takes that back. */
  whenFree(open: (() => void) | null): void {
    if (open && !this.isOpen) open();
    else this.next = open;
  }

  /** Says that a key of the room did nothing because a dialog is open. */
  ignored(what: string): void {
    if (this.note) setText(this.note, `${what}: not done. Keys reach the read again once this is closed.`);
  }

  private key(event: KeyboardEvent): void {
    // Enter held down a moment too long must not press the button that has just come under it.
    const isHeldEnter = event.repeat && event.key === "Enter";
    const isHandled = isHeldEnter || this.onKey?.(event);
    if (!isHandled && event.key === "Escape") this.close();
    else if (!isHandled) return;
    // The dialog may be closed by now, and the key must not go on to the room as another command.
    event.preventDefault();
    event.stopPropagation();
  }

  /** Every vertebra with its verdict, what is missing, and the lock. */
  summary(session: Session, lock: () => void, next: (() => void) | null): void {
    const { context } = session.room;
    const { gaps } = session.store;
    const items = context.vertebrae.map((vertebra) => this.summaryRow(session, vertebra));
    const complete = gaps.length === 0 && context.vertebrae.length > 0;
    const sentence = session.room.locked
      ? "This read is locked. A locked read never changes."
      : complete
        ? "Nothing is missing. Once locked, this read never changes."
        : context.vertebrae.length === 0
          ? "This case has no vertebrae yet, so there is nothing to lock."
          : `${gaps.length === 1 ? "One thing is" : `${gaps.length} things are`} missing.`;
    const foot = make("div", { class: "dialog-foot" }, make("span", { class: "t2" }, sentence), make("span", { class: "push" }));
    const act = session.room.locked ? next : complete && session.store.writable ? lock : null;
    if (act) {
      const words = session.room.locked ? "Next case" : "Lock";
      const confirm = button({ class: "btn btn-lg btn-primary", autofocus: "" }, icon("lock"), words, buttonCap("⏎"));
      confirm.addEventListener("click", act);
      foot.append(confirm);
      this.onKey = null;
    } else {
      const go = button({ class: "btn btn-lg", autofocus: "" }, complete ? "Close" : "Go to the first", buttonCap("⏎"));
      go.addEventListener("click", () => {
        this.close();
        const vertebra = context.vertebrae.find((each) => each.id === gaps[0]?.vertebra);
        if (vertebra) this.goTo(session, vertebra);
      });
      foot.append(go);
    }
    const list = make("div", { class: "dialog-body summary" }, ...items);
    this.show("narrow", `${session.room.caseName}: summary`, "", list, foot);
  }

  why(session: Session, vertebra: Vertebra, chosen: (why: (typeof WHYS)[number]["value"]) => void): void {
    const options = WHYS.map(({ value, words }, index) => {
      const option = button({ class: "reason" }, buttonCap(String(index + 1)), words);
      option.addEventListener("click", () => {
        this.close();
        chosen(value);
      });
      return option;
    });
    const title = `Why is ${nameOf(vertebra, session.room.context)} not assessable?`;
    this.show("small", title, "", make("div", { class: "dialog-body reasons" }, ...options));
    this.onKey = (event) => {
      const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
      const option = digit && !event.repeat ? options[Number(digit) - 1] : undefined;
      option?.click();
      return option !== undefined;
    };
    options[0]?.focus();
  }

  notice(notice: Notice, action?: { readonly words: string; readonly run: () => void }): void {
    const lines = notice.lines.map((line) => make("p", {}, line));
    const foot = make("div", { class: "dialog-foot" }, make("span", { class: "push" }));
    const close = button({ class: "btn" }, "Close");
    close.addEventListener("click", () => this.close());
    foot.append(close);
    if (action) {
      const go = button({ class: "btn btn-primary" }, action.words);
      go.addEventListener("click", () => {
        this.close();
        action.run();
      });
      foot.append(go);
    }
    this.show("small", notice.title, "", make("div", { class: "dialog-body stack" }, ...lines), foot);
    (foot.lastElementChild as HTMLElement).focus();
  }

  /** The session ended: the login opens beside this page, which keeps everything. */
  session(sentence: string, loginUrl: string, retry: () => void): void {
    const login = make("a", { class: "btn btn-primary", href: loginUrl, target: "_blank", rel: "opener" }, "Log in");
    const again = button({ class: "btn" }, "I have logged in");
    again.addEventListener("click", () => {
      this.close();
      retry();
    });
    const body = make("div", { class: "dialog-body stack" }, make("p", {}, sentence));
    body.append(make("p", { class: "t2" }, "The login opens in a new tab. Come back here afterwards: this page goes on where it was."));
    this.show("small", "Log in again", "", body, make("div", { class: "dialog-foot" }, make("span", { class: "push" }), again, login));
    login.focus();
  }

  fill(form: Form, ...content: Child[]): void {
    this.show(form.size, form.title, form.aside ?? "", ...content);
    this.onKey = form.key ?? null;
  }

  private show(size: "wide" | "narrow" | "small", title: string, aside: string, ...content: Child[]): void {
    const keep = this.onKey;
    this.close();
    this.onKey = keep;
    const close = button({ class: "btn btn-sm btn-quiet push" }, "Close", buttonCap("Esc"));
    close.addEventListener("click", () => this.close());
    const heading = make("h2", { id: "dialog-title" }, title);
    const head = make("div", { class: "dialog-head" }, heading, make("span", { class: "t3" }, aside), close);
    this.dialog.className = `dialog dialog-${size}`;
    this.note = make("p", { class: "dialog-note sm", role: "status" });
    this.dialog.replaceChildren(head, this.note, ...content);
    this.dialog.showModal();
    this.opened();
  }

  private summaryRow(session: Session, vertebra: Vertebra): HTMLElement {
    const finding = findingOf(session.store.state, vertebra.id);
    const mark = markOf(vertebra, finding, session.store.seen);
    const gaps = session.store.gaps.filter((gap) => gap.vertebra === vertebra.id);
    const injury = injuryOf(session.store.state, vertebra.id);
    const below = injury && `segment injury ${injury.type} below`;
    const extras = [below, finding.process_fracture && "process fracture", finding.unclear && "unclear"].filter(Boolean).join(", ");
    const words = `${mark.words}${extras ? `, ${extras}` : ""}`;
    const sign = make("span", { class: `mark ${mark.className}`, "aria-hidden": "true" }, mark.sign);
    const row = button({ class: `summary-row${gaps.length > 0 ? " open" : ""}` });
    row.append(make("span", { class: "m" }, nameOf(vertebra, session.room.context)), sign, make("span", { class: "what" }, words));
    // "No verdict yet" stands in the row already.
    const news = gaps.filter((gap) => gap.kind !== "no_verdict").map((gap) => gap.sentence).join(" ");
    const right = news || (vertebra.cut ? certaintyWords(vertebra) : "");
    row.append(make("span", { class: "t3 sm more" }, right));
    row.addEventListener("click", () => {
      this.close();
      this.goTo(session, vertebra);
    });
    return row;
  }

  private goTo(session: Session, vertebra: Vertebra): void {
    const middle = vertebra.extent && Math.floor((vertebra.extent[0] + vertebra.extent[1]) / 2);
    session.selectVertebra(vertebra, middle);
  }
}
