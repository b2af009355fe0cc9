/** The clinical report beside the image: folded or not, with its levels as ways to their vertebrae, or why there is none. */

import { levelsIn } from "../levels-in-text.ts";
import { middleOf, type Room } from "../room-data.ts";
import type { Session } from "../session.ts";
import { button, make, part, setAttribute, setText, type Child } from "./dom.ts";

export class ReportView {
  private readonly body = part("report");
  private readonly words = part("report-words");
  private readonly left = part("drawer").closest<HTMLElement>(".left");
  private readonly fold = part("drawer").querySelector<HTMLElement>("[data-command='report']");

  build(session: Session): void {
    const { report } = session.room;
    const why = report === null ? [make("p", { class: "t3" }, absenceWords(session.room))] : paragraphs(report, session);
    this.body.replaceChildren(...why);
    this.body.scrollTop = 0;
    this.refresh(session);
  }

  /** Folded or not, as the reader left it. Why there is no report is one line, which nobody has to fold. */
  refresh(session: Session): void {
    const isOpen = session.reportOpen || session.room.report === null;
    this.body.hidden = !isOpen;
    setText(this.words, isOpen ? "" : "folded");
    if (this.left) setAttribute(this.left, "data-report", session.room.report === null ? "none" : isOpen ? "open" : "folded");
    if (this.fold) setAttribute(this.fold, "aria-expanded", String(isOpen));
  }
}

/** Why no report is shown, as far as the reader may know. */
export function absenceWords({ rules }: Pick<Room, "rules">): string {
  if (rules.includes("Report hidden until you lock")) return "This round hides the report until you have locked your read.";
  if (rules.includes("Report hidden")) return "This round hides the report: the image decides.";
  return "This case came without a report.";
}

function paragraphs(text: string, session: Session): HTMLElement[] {
  return text
    .split(/(?:\r?\n){2,}/)
    .map((each) => each.trim())
    .filter(Boolean)
    .map((each) => make("p", {}, ...linked(each, session)));
}

function linked(text: string, session: Session): Child[] {
  const { vertebrae } = session.room.context;
  return levelsIn(text).map((piece) => {
    const vertebra = piece.level && vertebrae.find(({ level }) => level === piece.level);
    if (!vertebra) return piece.text;
    const link = button({ class: "lv", title: `To ${vertebra.level}` }, piece.text);
    // The image keeps the focus, so that the keys stay keys of the room.
    link.addEventListener("mousedown", (event) => event.preventDefault());
    link.addEventListener("click", () => session.selectVertebra(vertebra, middleOf(vertebra)));
    return link;
  });
}
