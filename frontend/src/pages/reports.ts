/**
 * Reports to be confirmed, one after another: by click and by keys, without the page being loaded again.
 *
 * Each report (`data-report`) holds a form (`data-decide`) whose buttons name their key (`data-key`). A decision is sent
 * with `part=1`; the answer is HTML with the row as it stands now and the tabs with their counts (`data-part`). Without
 * this script the forms are sent as forms.
 */

/** What a key means: a step in the list, a button by its `data-key`, or the whole text. */
export type Meaning = { step: number } | { press: string } | { text: true } | null;

/** `inList`: the focus is on a report itself or nowhere, so that Enter and the arrows belong to nobody else. */
export function meaningOf(key: string, inList: boolean): Meaning {
  const letter = key.toLowerCase();
  if (letter === "j" || (inList && key === "ArrowDown")) return { step: 1 };
  if (letter === "k" || (inList && key === "ArrowUp")) return { step: -1 };
  if (inList && key === "Enter") return { press: "C" };
  if (letter === "t") return { text: true };
  return ["c", "n", "i", "e", "u"].includes(letter) ? { press: letter.toUpperCase() } : null;
}

/** The place to go on at: the next one that is open behind `from`, else the first before it, else none (-1). */
export function nextOpen(open: readonly boolean[], from: number): number {
  const behind = open.findIndex((each, place) => each && place > from);
  return behind >= 0 ? behind : open.findIndex((each, place) => each && place < from);
}

export class Reports {
  private readonly holder: HTMLElement;
  private readonly spoken = document.createElement("p");
  /** The last ones that were decided here, to be undone in turn. */
  private readonly decided: string[] = [];
  private busy = false;

  constructor(holder: HTMLElement) {
    this.holder = holder;
    this.spoken.className = "sr";
    this.spoken.setAttribute("role", "status");
    holder.append(this.spoken);
    holder.addEventListener("submit", (event) => this.onSubmit(event));
    holder.addEventListener("focusin", (event) => this.onFocus(event));
    document.addEventListener("keydown", (event) => this.onKey(event));
    const first = this.rows[0];
    if (first) mark(first, this.rows);
  }

  private get rows(): HTMLElement[] {
    return [...this.holder.querySelectorAll<HTMLElement>("[data-report]")];
  }

  private get current(): HTMLElement | null {
    return this.holder.querySelector<HTMLElement>('[data-report][aria-current="true"]');
  }

  private onFocus(event: FocusEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-report]");
    if (row) mark(row, this.rows);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (target.closest("input, textarea, select, [contenteditable], dialog") || document.querySelector("dialog[open]")) return;
    const inList = target === document.body || target.matches("[data-report]");
    const meaning = meaningOf(event.key, inList);
    if (!meaning) return;
    event.preventDefault();
    // A key that is held down decides once.
    if ("step" in meaning) this.step(meaning.step);
    else if (!event.repeat && "press" in meaning) this.press(meaning.press);
    else if (!event.repeat && "text" in meaning) this.current?.querySelector<HTMLElement>("[data-whole] > summary")?.click();
  }

  private step(by: number): void {
    const rows = this.rows;
    const now = this.current;
    const started = now !== null && now.contains(document.activeElement);
    const place = now ? rows.indexOf(now) + (started ? by : 0) : 0;
    rows[Math.max(0, Math.min(rows.length - 1, place))]?.focus();
  }

  private press(key: string): void {
    const last = key === "U" ? this.decided.at(-1) : undefined;
    const row = (last && this.holder.querySelector<HTMLElement>(`#${CSS.escape(last)}`)) || this.current;
    row?.querySelector<HTMLButtonElement>(`button[data-key="${key}"]`)?.click();
  }

  private onSubmit(event: SubmitEvent): void {
    const form = event.target as HTMLFormElement;
    const row = form.closest<HTMLElement>("[data-report]");
    if (form.dataset["decide"] === undefined || !row) return;
    event.preventDefault();
    if (this.busy) return;
    void this.send(form, row, event.submitter);
  }

  private async send(form: HTMLFormElement, row: HTMLElement, button: HTMLElement | null): Promise<void> {
    const body = new FormData(form, button);
    body.set("part", "1");
    // A button called "action" stands in the way of the form's own word for it.
    const address = form.getAttribute("action") ?? "";
    const undoes = String(body.get("action")).startsWith("undo");
    this.busy = true;
    row.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(address, { method: "POST", body, credentials: "same-origin", redirect: "manual" });
      if (response.ok || response.status === 409) this.show(await response.text(), row, response.ok, undoes);
      else if (response.status === 404) this.say(row, "This report is not open to you now. Load the page again.");
      else if (response.type === "opaqueredirect" || response.status === 403) this.say(row, "Nothing was changed: your session ended. Load the page again to log in.");
      else this.say(row, `Nothing was changed: the server answered ${response.status}. Try again.`);
    } catch {
      this.say(row, "The network is away. Load the page again when it is back, to see whether this was decided.");
    } finally {
      this.busy = false;
      row.removeAttribute("aria-busy");
    }
  }

  private show(html: string, row: HTMLElement, done: boolean, undoes: boolean): void {
    const answer = document.createElement("template");
    answer.innerHTML = html;
    const tabs = answer.content.querySelector('[data-part="tabs"]');
    const next = answer.content.querySelector<HTMLElement>("[data-report]");
    if (tabs) this.holder.querySelector('[data-part="tabs"]')?.replaceWith(tabs);
    if (!next) return;
    const wasOpen = row.dataset["open"] !== undefined;
    row.replaceWith(next);
    const place = this.decided.lastIndexOf(next.id);
    if (done && undoes && place >= 0) this.decided.splice(place, 1);
    if (done && !undoes) this.decided.push(next.id);
    const decided = next.querySelector(".report-head .chip")?.textContent ?? "";
    const name = next.querySelector(".report-head .m")?.textContent ?? "";
    this.spoken.textContent = done ? `${name}: ${undoes ? "open again" : decided}` : "";
    if (!done || undoes || !wasOpen) next.focus();
    else this.goOn(next);
  }

  /** To the next one that is open; where there is none, to the foot of the list. */
  private goOn(from: HTMLElement): void {
    const rows = this.rows;
    const place = nextOpen(
      rows.map((each) => each.dataset["open"] !== undefined),
      rows.indexOf(from),
    );
    const there = place >= 0 ? rows[place] : (this.holder.querySelector<HTMLElement>("[data-next]") ?? from);
    there?.focus();
    there?.scrollIntoView({ block: "nearest" });
  }

  private say(row: HTMLElement, words: string): void {
    row.querySelector("[data-said]")?.remove();
    const note = document.createElement("p");
    note.className = "notice notice-bad";
    note.dataset["said"] = "";
    note.setAttribute("role", "alert");
    note.textContent = words;
    row.append(note);
    row.focus();
  }
}

function mark(row: HTMLElement, rows: readonly HTMLElement[]): void {
  for (const each of rows) if (each !== row) each.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
}
