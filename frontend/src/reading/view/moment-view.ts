/** The moment of a new case: the old image is covered completely until the new one is drawn, then its name stays a while. */

import type { Room } from "../room-data.ts";
import { make, part, setText } from "./dom.ts";

/** How long the name of a new case stands over its image, in milliseconds. */
const STANDS = 1800;

export class MomentView {
  private readonly cover = part("moment");
  private readonly card = part("new-case");
  private timer: ReturnType<typeof setTimeout> | null = null;
  private note: HTMLElement | null = null;
  private name = "";

  /** Nothing of the case before can be seen or labelled any more. */
  get isUp(): boolean {
    return !this.cover.hidden;
  }

  begin(): void {
    this.name = "";
    this.fill(make("p", { class: "t2" }, "New case"));
    this.cover.hidden = false;
  }

  /** Which case it is, and what became of the one before. */
  tell(room: Room, before: string): void {
    const { vertebrae } = room.context;
    const levels = vertebrae.length > 0 ? ` · ${vertebrae[0]?.level} to ${vertebrae.at(-1)?.level} in view` : "";
    const place = room.position ? ` · case ${room.position.index} of ${room.position.of}` : "";
    this.name = room.caseName;
    this.fill(
      make("p", { class: "t2" }, "New case"),
      make("p", { class: "case num" }, room.caseName),
      make("p", { class: "lg t2" }, `${room.person}${levels}${place}`),
      make("p", { class: "t3" }, before),
    );
  }

  say(sentence: string): void {
    if (this.note) setText(this.note, sentence);
  }

  /** It did not come: the case before is looked at again. */
  cancel(): void {
    this.cover.hidden = true;
  }

  /** An image is on screen: of the new case, once it has a name; before, of the old one, which stays covered. */
  drawn(): void {
    if (!this.isUp || !this.name) return;
    this.cover.hidden = true;
    this.card.replaceChildren(make("span", { class: "t2" }, "New case"), make("strong", { class: "num" }, this.name));
    this.card.hidden = false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.card.hidden = true), STANDS);
  }

  private fill(...lines: HTMLElement[]): void {
    this.note = make("p", { class: "moment-note", "data-room": "moment-note" });
    this.cover.replaceChildren(make("div", { class: "moment" }, ...lines, this.note));
  }
}
