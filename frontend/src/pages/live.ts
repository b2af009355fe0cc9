/**
 * Parts of a page that are asked for again: often while something runs, seldom otherwise, never while nobody looks.
 *
 * A holder (`data-live`, `data-url`) holds parts (`data-part="name"`). The answer of the URL is HTML with the same parts;
 * each one that says something else takes the old one's place. `data-active="yes"` in it means that something runs.
 */

const IDLE = 15_000;
const AWAY_AGAIN = 3_000;
const BUSY = 1_500;
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** Forms carry a token that is masked anew in every answer: no news. */
export const withoutTokens = (html: string): string => html.replace(/(name="csrfmiddlewaretoken" value=")[^"]*/g, "$1");

/** When a part is asked for again, in milliseconds. */
export const pauseAfter = (answer: "busy" | "idle" | "away", busy = BUSY): number => (answer === "busy" ? busy : answer === "away" ? AWAY_AGAIN : IDLE);

const clock = (): string => new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export class Live {
  private readonly holder: HTMLElement;
  private readonly onChange: (part: HTMLElement) => void;
  private readonly note = document.createElement("p");
  private readonly spoken = document.createElement("p");
  private readonly busy: number;
  private timer = 0;
  private asked = 0;
  private heard = clock();
  private over = false;

  constructor(holder: HTMLElement, onChange: (part: HTMLElement) => void = () => undefined) {
    this.holder = holder;
    this.onChange = onChange;
    this.busy = Number(holder.dataset["busy"]) || BUSY;
    this.note.className = "live-note sm t2";
    this.note.hidden = true;
    this.spoken.className = "sr";
    for (const line of [this.note, this.spoken]) line.setAttribute("role", "status");
    holder.prepend(this.note);
    holder.append(this.spoken);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) window.clearTimeout(this.timer);
      else void this.refresh();
    });
    window.addEventListener("online", () => void this.refresh());
    this.plan(this.isBusy ? "busy" : "idle");
  }

  private get isBusy(): boolean {
    return this.holder.querySelector('[data-active="yes"]') !== null;
  }

  private plan(answer: "busy" | "idle" | "away"): void {
    window.clearTimeout(this.timer);
    if (document.hidden || this.over) return;
    this.timer = window.setTimeout(() => void this.refresh(), pauseAfter(answer, this.busy));
  }

  async refresh(): Promise<void> {
    const mine = ++this.asked;
    window.clearTimeout(this.timer);
    try {
      const response = await fetch(this.holder.dataset["url"] ?? "", { credentials: "same-origin", redirect: "manual" });
      const html = response.ok ? await response.text() : "";
      // A newer question is on its way: its answer counts.
      if (mine !== this.asked) return;
      if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) {
        this.over = true;
        this.say("Your session ended. Load the page again to log in.");
      } else if (response.ok) {
        this.show(html);
        this.heard = clock();
        this.say("");
      } else {
        this.say(`The server answered ${response.status}. This is what was known at ${this.heard}.`);
      }
      this.plan(response.ok ? (this.isBusy ? "busy" : "idle") : "away");
    } catch {
      if (mine !== this.asked) return;
      this.say(`The network is away. This is what was known at ${this.heard}; it is asked for again.`);
      this.plan("away");
    }
  }

  private say(words: string): void {
    this.note.hidden = words === "";
    if (this.note.textContent !== words) this.note.textContent = words;
  }

  private show(html: string): void {
    const answer = document.createElement("template");
    answer.innerHTML = html;
    for (const next of answer.content.querySelectorAll<HTMLElement>("[data-part]")) {
      const now = this.holder.querySelector<HTMLElement>(`[data-part="${next.dataset["part"]}"]`);
      if (!now || isInUse(now) || source(now) === withoutTokens(next.outerHTML)) continue;
      const place = placeIn(now);
      sources.set(next, withoutTokens(next.outerHTML));
      now.replaceWith(next);
      this.onChange(next);
      place(next);
    }
    const words = [...this.holder.querySelectorAll("[data-say]")].map((each) => each.textContent?.trim() ?? "").join(" ");
    if (this.spoken.textContent !== words) this.spoken.textContent = words;
  }
}

/** What the server wrote of a part, before scripts drew into it. */
const sources = new WeakMap<HTMLElement, string>();
const source = (part: HTMLElement): string => sources.get(part) ?? "";

/** Whether a person is choosing or copying something in this part, or is asked about one of its buttons. */
function isInUse(part: HTMLElement): boolean {
  // The form that asks must still be there when the answer comes.
  if (document.querySelector("dialog[open]")) return true;
  const focused = document.activeElement;
  if (focused && part.contains(focused) && focused.matches("select, input, textarea")) return true;
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && part.contains(selection.anchorNode);
}

/** Remembers where a person is in a part: focus, open tables, how far a log is scrolled. */
function placeIn(part: HTMLElement): (next: HTMLElement) => void {
  const focused = document.activeElement;
  const at = focused && part.contains(focused) ? [...part.querySelectorAll(FOCUSABLE)].indexOf(focused) : -1;
  const id = at >= 0 ? focused?.id : "";
  const open = new Set([...part.querySelectorAll<HTMLDetailsElement>("details[open]")].map((each) => each.id));
  const logs = [...part.querySelectorAll<HTMLElement>("[data-log], .scroll-x")].map((log) => ({
    atEnd: log.scrollTop + log.clientHeight >= log.scrollHeight - 4,
    top: log.scrollTop,
    left: log.scrollLeft,
  }));
  return (next) => {
    for (const details of next.querySelectorAll("details")) if (open.has(details.id)) details.open = true;
    next.querySelectorAll<HTMLElement>("[data-log], .scroll-x").forEach((log, index) => {
      const before = logs[index];
      if (!before) return;
      log.scrollLeft = before.left;
      log.scrollTop = before.atEnd ? log.scrollHeight : before.top;
    });
    if (at < 0) return;
    const same = id ? next.querySelector<HTMLElement>(`#${CSS.escape(id)}`) : null;
    const there = same ?? [...next.querySelectorAll<HTMLElement>(FOCUSABLE)][at];
    // Without an id the place may hold another button now; better none than the wrong one under the finger.
    if (there && (same || !id)) there.focus({ preventScroll: true });
  };
}
