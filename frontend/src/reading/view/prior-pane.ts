/** The same patient's earlier examination at the level that is read. */

import { getPlane } from "../../api/planes.ts";
import type { View } from "../../viewer/stack-viewer.ts";
import { PRESETS } from "../../viewer/windows.ts";
import { nameOf, type Vertebra } from "../model.ts";
import { PlaneLoader } from "../planes.ts";
import type { Room } from "../room-data.ts";
import type { Session } from "../session.ts";
import { button, make, setAttribute } from "./dom.ts";
import { PlanePane } from "./plane-pane.ts";

type Prior = Room["priors"][number];

const ACROSS = 130;

export class PriorPane {
  readonly element = make("div", { class: "prior" });
  private readonly choice = make("div", { class: "segmented prior-choice", role: "radiogroup", "aria-label": "Earlier examinations" });
  private readonly empty = make("p", { class: "second-empty" });
  private readonly pane: PlanePane;
  private loader = new PlaneLoader(getPlane, () => this.draw());
  private session: Session | null = null;
  private prior: Prior | null = null;
  private vertebra: Vertebra | null = null;
  /** Slices that the wheel went on from the one that lies where the sagittal image is. */
  private beside = 0;
  /** The slice that the server chose for the level, and the middle of its body. */
  private found: { readonly index: number; readonly count: number; readonly level: string; readonly centre: readonly [number, number] | null } | null = null;

  constructor() {
    this.pane = new PlanePane("Earlier examination", {
      scrolled: (slices) => this.scroll(slices),
      clicked: () => undefined,
      retry: () => this.loader.retry(),
    });
    this.element.append(this.choice, this.pane.element, this.empty);
  }

  build(session: Session): void {
    this.session = session;
    this.loader = new PlaneLoader(getPlane, () => this.draw());
    this.vertebra = null;
    this.found = null;
    this.beside = 0;
    const { priors } = session.room;
    this.prior = priors[0] ?? null;
    this.choice.hidden = priors.length === 0;
    this.pane.element.hidden = priors.length === 0;
    this.empty.hidden = priors.length > 0;
    this.empty.textContent = "No earlier examination of this patient is here.";
    this.choice.replaceChildren(...priors.map((prior) => this.choiceOf(prior)));
    this.markChoice();
  }

  close(): void {
    this.loader.close();
  }

  refresh(session: Session, view: View | null): void {
    if (!this.prior || !view) return;
    if (session.vertebra !== this.vertebra) {
      this.vertebra = session.vertebra;
      this.beside = 0;
      this.found = null;
    }
    this.ask(session);
    this.draw();
  }

  private choiceOf(prior: Prior): HTMLElement {
    const each = button({ role: "radio", title: prior.name, "data-prior": String(prior.case) }, prior.interval);
    each.addEventListener("mousedown", (event) => event.preventDefault());
    each.addEventListener("click", () => {
      this.prior = prior;
      this.beside = 0;
      this.found = null;
      this.markChoice();
      if (this.session) this.ask(this.session);
      this.draw();
    });
    return each;
  }

  private markChoice(): void {
    for (const each of this.choice.children) {
      setAttribute(each, "aria-checked", String(each.getAttribute("data-prior") === String(this.prior?.case)));
    }
  }

  /** The slice at the same share of the same body as the sagittal one, or one beside it. */
  private ask(session: Session): void {
    const { prior, found } = this;
    if (!prior) return;
    if (this.beside !== 0 && found) {
      const index = Math.min(Math.max(found.index + this.beside, 0), found.count - 1);
      this.beside = index - found.index;
      this.loader.want(`${prior.url}?share=${(index / Math.max(1, found.count - 1)).toFixed(4)}`);
      return;
    }
    const level = this.vertebra?.level ?? "";
    const url = `${prior.url}?level=${encodeURIComponent(level)}&share=${shareOf(session).toFixed(2)}`;
    if (found) this.loader.want(url);
    else this.loader.jump(url);
  }

  private scroll(slices: number): void {
    if (!this.session || !this.found) return;
    this.beside += slices;
    this.ask(this.session);
    this.draw();
  }

  private draw(): void {
    const { session, prior } = this;
    if (!session || !prior) return;
    const { image, note } = this.loader;
    if (image && this.beside === 0 && this.loader.isCurrent) {
      const { index, count, level, centre } = image;
      this.found = { index, count, level, centre };
    }
    const asked = session.vertebra ? nameOf(session.vertebra, session.room.context) : "";
    const level = this.found?.level ?? "";
    const other = level && asked && level !== asked ? `, ${asked} is not in view` : "";
    this.pane.draw({
      image,
      note,
      window: session.screen.window ?? PRESETS.bone.window,
      centre: this.found?.centre ?? null,
      across: ACROSS,
      title: `${prior.name}, ${prior.interval}\n${level ? `${level}${other}` : "Level not known"}`,
      lines: [],
    });
  }
}

/** Where the sagittal slice lies in the current body: 0 its first slice, 1 its last. */
function shareOf(session: Session): number {
  const extent = session.vertebra?.extent;
  if (!extent || extent[1] <= extent[0]) return 0.5;
  return Math.min(1, Math.max(0, (session.k - extent[0]) / (extent[1] - extent[0])));
}
