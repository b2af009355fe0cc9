/** Top bar and left column: whose read this is, by which rules, what is saved, the report, the facts. */

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
  const report = part("report-part");
  report.hidden = room.report === null;
  setAttribute(part("drawer"), "aria-labelledby", room.report === null ? "case-title" : "report-title");
  part("report").replaceChildren(...paragraphs(room.report ?? "", session));
  const limited = part("limited");
  limited.hidden = room.limited === "";
  setText(limited, room.limited);
  const levels = levelWords(session);
  const facts = [...room.facts, ...(levels ? [{ label: "Levels", value: levels }] : [])];
  part("facts").replaceChildren(...facts.flatMap(({ label, value }) => [make("dt", {}, label), make("dd", {}, value)]));
}

/** The chip is never wrong: it shows the queue, not a hope. */
export function showStatus(status: OutboxStatus, session: Session, elsewhere: boolean): void {
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
  if (status.kind === "waiting") {
    if (status.count > 0) set("waiting", `Not saved, ${status.count} waiting`, "", "saving");
    else set("waiting", status.why === "network" ? "No connection" : "Logged out", "", "saving");
  } else if (status.kind === "saving") set("saving", `Saving ${status.count}`, "", "saving");
  else if (session.room.locked) {
    set("saved", `Locked, version ${session.room.version}`, session.room.lockedAt ? timeWords(new Date(session.room.lockedAt)) : "", "lock");
  } else if (elsewhere) set("conflict", "Open in another tab", "", "alert");
  else if (!session.room.writable) set("saved", "Read only", "", "lock");
  else set("saved", "Saved", status.at ? timeWords(status.at) : "", "saved");
}

function chips(session: Session): HTMLElement[] {
  const { room } = session;
  const list = room.rules.map((words, index) => {
    const glyph = words.startsWith("Report") || words === "No report" ? "report" : "eye-off";
    return make("span", { class: index > 0 ? "chip hide-narrow" : "chip" }, icon(glyph), words);
  });
  if (room.origin) list.push(make("span", { class: "chip chip-line" }, icon("info"), room.origin));
  if (room.limited) list.push(make("span", { class: "chip chip-warn", title: room.limited }, "Limited"));
  return list;
}

/** Levels named in the report are links to their vertebra. */
function paragraphs(text: string, session: Session): HTMLElement[] {
  return text
    .split(/\n{2,}|\r\n\r\n/)
    .map((each) => each.trim())
    .filter(Boolean)
    .map((each) => {
      const pieces = each.split(/\b((?:C[1-7]|[TD](?:1[0-3]|[1-9])|L[1-6]))\b/);
      const nodes = pieces.map((piece, index) => (index % 2 === 1 ? levelLink(piece, session) : piece));
      return make("p", {}, ...nodes);
    });
}

function levelLink(level: string, session: Session): HTMLElement | string {
  const { vertebrae } = session.room.context;
  const vertebra = vertebrae.find((each) => each.level === level.replace(/^D/, "T"));
  if (!vertebra) return level;
  const link = make("button", { type: "button", class: "lv" }, level);
  link.addEventListener("click", () => {
    const middle = vertebra.extent && Math.floor((vertebra.extent[0] + vertebra.extent[1]) / 2);
    session.selectVertebra(vertebra, middle);
  });
  return link;
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
