/** Top bar and left column: whose read this is, by which rules, what is saved, the facts. */

import type { Holder } from "../holding.ts";
import { isRevealed, truthOf } from "../opinions.ts";
import type { OutboxStatus } from "../outbox.ts";
import type { Session } from "../session.ts";
import { icon, make, part, setAttribute, setText, timeWords } from "./dom.ts";

export function buildRoom(session: Session): void {
  const { room } = session;
  document.title = `${room.caseName} · Sagittal`;
  setText(part("case"), room.caseName);
  setText(part("person"), room.person);
  const { position } = room;
  const place = position ? [make("span", { class: "hide-narrow" }, "Case\u00a0"), `${position.index} of ${position.of}`] : [];
  part("position").replaceChildren(...place);
  setText(part("round"), room.roundName);
  part("chips").replaceChildren(...chips(session));
  const limited = part("limited");
  limited.hidden = room.limited === "";
  setText(limited, room.limited);
  const levels = levelWords(session);
  const facts = [...room.facts, ...(levels ? [{ label: "Levels", value: levels }] : [])];
  part("facts").replaceChildren(...facts.flatMap(({ label, value }) => [make("dt", {}, label), make("dd", {}, value)]));
  part("versions").replaceChildren(...versions(session));
}

/** The versions of this reader's own read, once there is more than one. */
function versions({ room }: Session): HTMLElement[] {
  if (room.versions.length < 2) return [];
  const rows = room.versions.map((each) => {
    const words = `Version ${each.version}`;
    const name = each.read === room.readId ? make("strong", {}, words) : make("a", { href: `/read/${each.read}` }, words);
    const state = each.lockedAt ? `locked ${dateWords(new Date(each.lockedAt))}` : "draft";
    return make("li", {}, name, ` ${state}${each.reason ? `: ${each.reason}` : ""}`);
  });
  return [make("h3", { class: "sm" }, "Versions"), make("ol", { class: "sm" }, ...rows)];
}

const dateWords = (at: Date): string =>
  at.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

export function allNegativeWords(session: Session): string {
  const open = session.openForNegative();
  if (!session.store.writable || open.length === 0) return "";
  const unseen = new Set(open.flatMap((vertebra) => vertebra.sops.filter((sop) => !session.store.seen.has(sop)))).size;
  return unseen === 0 ? "Every slice has been on screen." : `Possible once every slice has been on screen. ${unseen} to go.`;
}

/** The chip is never wrong: it shows the queue, not a hope. */
export function showStatus(status: OutboxStatus, session: Session, holder: Holder | null): void {
  const chip = part("saved");
  const words = part("saved-words");
  const time = part("saved-time");
  const glyph = chip.querySelector("use");
  const set = (state: string, text: string, at: string, symbol: string): void => {
    setAttribute(chip, "data-state", state);
    setText(words, text);
    setText(time, at);
    if (glyph) setAttribute(glyph, "href", `#i-${symbol}`);
  };
  setAttribute(chip, "title", status.kind === "waiting" ? status.sentence : null);
  const kept = status.kind === "saved" ? 0 : status.count;
  if (holder?.kind === "tab") set("saved", "Open in another tab", "", "lock");
  else if (holder?.kind === "device" && kept > 0) set("conflict", `Not saved, ${kept} kept here`, "", "alert");
  else if (holder?.kind === "device") set("saved", "Open on another device", "", "lock");
  else if (status.kind === "waiting") {
    if (status.count > 0) set("waiting", `Not saved, ${status.count} waiting`, "", "saving");
    else set("waiting", status.why === "network" ? "No connection" : "Logged out", "", "saving");
  } else if (status.kind === "saving") set("saving", `Saving ${status.count}`, "", "saving");
  else if (isRevealed(session.room)) set("saved", "Saved", session.room.lockedAt ? timeWords(new Date(session.room.lockedAt)) : "", "saved");
  else if (session.room.locked) {
    set("saved", `Locked, version ${session.room.version}`, session.room.lockedAt ? timeWords(new Date(session.room.lockedAt)) : "", "lock");
  } else if (!session.room.writable) set("saved", "Read only", "", "lock");
  else set("saved", "Saved", status.at ? timeWords(status.at) : "", "saved");
}

function chips(session: Session): HTMLElement[] {
  const { room } = session;
  const list = room.rules.map((words, index) => {
    const seesTruth = index === 0 && isRevealed(room) && truthOf(room) !== null;
    const seesModel = index === 0 && !seesTruth && (room.model?.stage === "first" || room.model?.stage === "revealed");
    const glyph = index > 0 ? "report" : seesTruth ? "check" : seesModel ? "models" : "eye-off";
    return make("span", { class: `chip${index > 0 ? " hide-narrow" : ""}${seesModel ? " chip-model" : ""}` }, icon(glyph), words);
  });
  if (isRevealed(room) && room.lockedAt) {
    const at = timeWords(new Date(room.lockedAt)).slice(0, 5);
    list.unshift(make("span", { class: "chip" }, icon("lock"), `Locked ${at}, version ${room.version}`));
  }
  if (room.origin) list.push(make("span", { class: "chip chip-line" }, icon("info"), room.origin));
  if (room.limited) list.push(make("span", { class: "chip chip-warn", title: room.limited }, "Limited"));
  return list;
}

function levelWords(session: Session): string {
  const { vertebrae } = session.room.context;
  if (vertebrae.length === 0) return "";
  const unsure = vertebrae.filter((vertebra) => vertebra.certainty !== "certain").length;
  const first = vertebrae[0]?.level || "?";
  const last = vertebrae.at(-1)?.level || "?";
  const span = vertebrae.length > 1 ? `${first} to ${last}` : first;
  return unsure === 0 ? `${span}, all certain` : `${span}, ${unsure} of ${vertebrae.length} not certain`;
}
