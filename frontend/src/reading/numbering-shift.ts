/** The whole numbering moved by one from within the room, shown before it is done; the rest of the anatomy has a page. */

import { shift } from "../anatomy/levels.ts";
import type { Reply } from "../api/client.ts";
import { postAnatomy } from "../api/room.ts";
import type { AnatomyInRequest, AnatomyMadeOut, RoomVertebraOut, VertebraInRequest } from "../api/schema.ts";
import type { CaseFlow } from "./case-flow.ts";
import type { Session } from "./session.ts";
import { shiftDialog } from "./view/case-dialogs.ts";
import type { Dialogs } from "./view/dialogs.ts";

const UNSENT = "Some changes have not reached the server yet. Try again when the chip says Saved.";

/** The same vertebrae under other names. A name that was moved by hand is assumed: it stands on no anchor yet. */
export function renamed(rows: readonly RoomVertebraOut[], levels: readonly string[]): VertebraInRequest[] {
  return rows.map((row, at) => {
    const level = levels[at] ?? "";
    const certainty = !level ? "unknown" : level === row.level ? row.certainty : "assumed";
    return {
      vertebra: row.id,
      level: level as VertebraInRequest["level"],
      certainty,
      first_k: row.first_k,
      last_k: row.last_k,
      box: row.box,
      cut: row.cut,
      cut_where: row.cut_where as VertebraInRequest["cut_where"],
      mask_ok: row.mask_ok,
      origin: row.origin,
    };
  });
}

export class NumberingShift {
  private readonly dialogs: Dialogs;
  private readonly flow: CaseFlow;

  constructor(dialogs: Dialogs, flow: CaseFlow) {
    this.dialogs = dialogs;
    this.flow = flow;
  }

  /** The page of the anatomy check, from which the reader comes back to this read. */
  async openCheck(session: Session): Promise<void> {
    if (await session.store.outbox.settle()) location.assign(`${session.room.anatomy.url}?read=${session.room.readId}`);
    else this.refused(UNSENT);
  }

  /** What it would do: the new names, and what of this read would go with it. */
  async preview(session: Session, by: 1 | -1): Promise<void> {
    const { rows } = session.room;
    const named = shift(rows.map(({ level }) => level), by);
    if ("problem" in named) {
      this.refused(named.problem);
      return;
    }
    if (!(await session.store.outbox.settle())) {
      this.refused(UNSENT);
      return;
    }
    const body = this.body(session, named.levels);
    const reply = await postAnatomy(session.room.caseId, { ...body, preview: true });
    if (reply.kind !== "ok") {
      this.notAnswered(reply);
      return;
    }
    const { n, carried } = reply.body;
    const names = rows.map(({ level }, at) => ({ before: level, after: named.levels[at] ?? "" }));
    const dropped = (carried?.dropped ?? []).map(({ level, what }) => `${level || "No level"}: ${what}`);
    shiftDialog(this.dialogs, { names, version: n, kept: carried?.kept ?? 0, dropped }, () => void this.make(session, body));
  }

  private async make(session: Session, body: AnatomyInRequest): Promise<void> {
    const reply = await postAnatomy(session.room.caseId, body);
    if (reply.kind === "ok") await this.flow.openRead(session.room.readId);
    else this.notAnswered(reply);
  }

  private body({ room }: Session, levels: readonly string[]): AnatomyInRequest {
    return { parent: room.anatomy.id, vertebrae: renamed(room.rows, levels), confirm: false, read: room.readId, preview: false };
  }

  private notAnswered(reply: Exclude<Reply<AnatomyMadeOut>, { readonly kind: "ok" }>): void {
    if (reply.kind === "problem") this.refused(reply.problem.sentence);
    else this.refused(reply.kind === "session" ? "Your session has ended. Log in again, then shift." : "The server does not answer. Nothing was changed.");
  }

  private refused(sentence: string): void {
    this.dialogs.notice({ tone: "bad", title: "The numbering stays as it is", lines: [sentence] });
  }
}
