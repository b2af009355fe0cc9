/** The calm lines above the image: who writes, which version this is, what was skipped, what is not in the record. */

import type { Holder } from "../holding.ts";
import { isRevealed } from "../opinions.ts";
import type { Session } from "../session.ts";
import { changesWords } from "../unsaved.ts";
import { button, make, part, timeWords } from "./dom.ts";

export interface Line {
  readonly tone: "info" | "warn";
  readonly words: string;
  readonly actions: readonly { readonly words: string; readonly run: () => void }[];
}

export interface BannerActions {
  readonly take: () => void;
  readonly showPending: () => void;
  readonly showUnsaved: () => void;
  readonly reopen: () => void;
}

/** What there is to say of a read now, most pressing first. `note` is left from the case before. */
export function linesOf(session: Session, holder: Holder, note: Line | null, actions: BannerActions): Line[] {
  return [unsavedLine(session, actions), holderLine(session, holder, actions), versionLine(session, actions), note].filter((line) => line !== null);
}

function unsavedLine({ store }: Session, actions: BannerActions): Line | null {
  const count = store.outbox.unsaved.length;
  if (count === 0) return null;
  const words = `${changesWords(count)} made here ${count === 1 ? "is" : "are"} not in the record.`;
  return { tone: "warn", words, actions: [{ words: "Show them", run: actions.showUnsaved }] };
}

function holderLine({ store }: Session, holder: Holder, actions: BannerActions): Line | null {
  const take = { words: "Read here", run: actions.take };
  if (holder.kind === "tab") {
    // What this tab had not sent lies in the storage that both share; the other tab sends it.
    return { tone: "info", words: "Being written in another tab of this browser. Here it can be looked at.", actions: [take] };
  }
  if (holder.kind !== "device") return null;
  const since = holder.since ? `, last heard of at ${clockWords(holder.since)}` : "";
  const count = store.outbox.pending.length;
  const unsent = count === 0 ? "" : ` ${changesWords(count)} made here ${count === 1 ? "is" : "are"} not saved; nothing was merged.`;
  return {
    tone: count > 0 ? "warn" : "info",
    words: `Being written on another device${since}.${unsent}`,
    actions: count > 0 ? [{ words: "Show them", run: actions.showPending }, take] : [take],
  };
}

function versionLine({ room }: Session, actions: BannerActions): Line | null {
  // There the top bar says so, and the way to a next version stands below the differences.
  if (isRevealed(room)) return null;
  const reason = room.versions.find(({ read }) => read === room.readId)?.reason ?? "";
  const because = room.version > 1 && reason ? `, opened again because “${reason}”` : "";
  const again = room.reopenable ? [{ words: "Open again", run: actions.reopen }] : [];
  if (room.locked) {
    const at = room.lockedAt ? ` at ${timeWords(new Date(room.lockedAt))}` : "";
    return { tone: "info", words: `Version ${room.version}${because}, locked${at}. A locked read never changes.`, actions: again };
  }
  return because ? { tone: "info", words: `Version ${room.version}${because}.`, actions: [] } : null;
}

/** 10:42, in the reader's own time zone. */
const clockWords = (at: Date): string => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });

export class BannerView {
  private readonly node = part("banner");
  private shown = "";

  /** Builds anew only when something else is said: a focused button keeps its focus. */
  show(lines: readonly Line[]): void {
    const text = JSON.stringify(lines.map(({ words, tone, actions }) => [words, tone, actions.map((action) => action.words)]));
    if (text === this.shown) return;
    this.shown = text;
    this.node.hidden = lines.length === 0;
    this.node.replaceChildren(...lines.map((line) => this.line(line)));
  }

  private line({ tone, words, actions }: Line): HTMLElement {
    const row = make("div", { class: `banner-line banner-${tone}` }, make("p", {}, words));
    for (const action of actions) {
      const go = button({ class: "btn btn-sm" }, action.words);
      // The image keeps the focus, so that keys stay keys of the room after a click.
      go.addEventListener("mousedown", (event) => event.preventDefault());
      go.addEventListener("click", action.run);
      row.append(go);
    }
    return row;
  }
}
