/** What the commands that open a dialog lead to. */

import type { CaseFlow } from "./case-flow.ts";
import { findingOf, nameOf } from "./model.ts";
import { NumberingShift } from "./numbering-shift.ts";
import { isRevealed } from "./opinions.ts";
import type { Panel, Session } from "./session.ts";
import { changesWords, describe, unsavedWords } from "./unsaved.ts";
import { levelDialog, reopenDialog, skipDialog, unsavedDialog } from "./view/case-dialogs.ts";
import type { Dialogs } from "./view/dialogs.ts";
import type { KeysSheet } from "./view/keys-sheet.ts";

/** Why a read is opened again, where nobody says otherwise, once the model was revealed. */
const AFTER_MODEL = "After seeing the model";

export class CasePanels {
  private readonly dialogs: Dialogs;
  private readonly flow: CaseFlow;
  private readonly numbering: NumberingShift;
  private readonly sheet: KeysSheet;
  private readonly saveComment: () => void;

  constructor(dialogs: Dialogs, flow: CaseFlow, sheet: KeysSheet, saveComment: () => void) {
    this.dialogs = dialogs;
    this.sheet = sheet;
    this.flow = flow;
    this.numbering = new NumberingShift(dialogs, flow);
    this.saveComment = saveComment;
  }

  open(panel: Panel, session: Session): void {
    // A comment that is being typed belongs to what the dialog is about.
    this.saveComment();
    switch (panel) {
      case "keys":
        this.sheet.open();
        break;
      case "why":
        this.askWhy(session);
        break;
      case "summary":
        this.dialogs.summary(session, () => void this.flow.lock(session), this.flow.nextCase === null ? null : () => this.flow.openNext());
        break;
      case "next":
        void this.flow.goOn(session);
        break;
      case "skip":
        skipDialog(this.dialogs, session.room.caseName, (reason, note) => void this.flow.skip(session, reason, note));
        break;
      case "reopen":
        reopenDialog(this.dialogs, session.room.version + 1, isRevealed(session.room) ? AFTER_MODEL : "", (reason) => void this.flow.reopen(session, reason));
        break;
      case "level":
        if (session.room.anatomy.editable) void this.numbering.openCheck(session);
        else this.sayLevel(session);
        break;
      case "shiftUp":
        void this.numbering.preview(session, 1);
        break;
      case "shiftDown":
        void this.numbering.preview(session, -1);
        break;
    }
  }

  /** Changes that are not in the record and never will be: named until the reader has read them. */
  unsaved(session: Session): void {
    const { outbox } = session.store;
    if (outbox.unsaved.length === 0) return;
    unsavedDialog(this.dialogs, unsavedWords(outbox.unsaved, session.room.context), () => outbox.acknowledge());
  }

  /** Changes that wait while another device writes. Nothing is dropped by looking at them. */
  pending(session: Session, take: () => void): void {
    const { pending } = session.store.outbox;
    const lines = [
      "They are kept in this browser. Read here takes the read over: what still fits the record is written then, and what does not is named again.",
      ...pending.map((operation) => describe(operation, session.room.context)),
    ];
    const title = `${changesWords(pending.length)} not saved`;
    this.dialogs.notice({ tone: "warn", title, lines }, { words: "Read here", run: take });
  }

  private askWhy(session: Session): void {
    const { vertebra } = session;
    if (!vertebra) return;
    this.dialogs.why(session, vertebra, (why) =>
      session.change("not assessable", ({ id }) => ({ verb: "set_verdict", payload: { vertebra: id, verdict: "not_assessable", why } })),
    );
  }

  private sayLevel(session: Session): void {
    const { vertebra, room, store } = session;
    if (!vertebra) return;
    const said = findingOf(store.state, vertebra.id).level_said;
    levelDialog(this.dialogs, nameOf(vertebra, room.context), said, (level) =>
      session.change(level ? `level said ${level}` : "level as named", ({ id }) => ({ verb: "set_level_said", payload: { vertebra: id, level } })),
    );
  }
}
