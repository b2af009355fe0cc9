/** The viewport around the picture: outlines, measures, letters, corner text, the slice bar, and what is not on screen yet. */

import { getOutlines } from "../../api/room.ts";
import { attachGestures } from "../../viewer/gestures.ts";
import { edgeLetters, toPixel } from "../../viewer/geometry.ts";
import { Overlay, type OutlineStyle } from "../../viewer/overlay.ts";
import type { StackViewer, View } from "../../viewer/stack-viewer.ts";
import { Bodies, type Outlines } from "../bodies.ts";
import { shownMarkOf } from "../model-marks.ts";
import { findingOf, nameOf } from "../model.ts";
import type { Session } from "../session.ts";
import { part, setAttribute, setText } from "./dom.ts";
import { MagnifierView } from "./magnifier-view.ts";
import { MeasureView } from "./measure-view.ts";
import { SecondView } from "./second-view.ts";
import { SliceBar } from "./slice-bar.ts";

export class ImageView {
  private readonly viewport = part("viewport");
  private readonly notShown = part("not-shown");
  private readonly corners = { tl: part("ov-tl"), tr: part("ov-tr"), bl: part("ov-bl") };
  private readonly letters = {
    top: part("ori-top"),
    right: part("ori-right"),
    bottom: part("ori-bottom"),
    left: part("ori-left"),
  };
  private readonly progress = part<HTMLProgressElement>("progress");
  private readonly overlay: Overlay;
  private readonly bar: SliceBar;
  private readonly measures: MeasureView;
  private readonly magnifier: MagnifierView;
  private readonly second: SecondView;
  private session: Session | null = null;
  private bodies: Bodies | null = null;
  private view: View | null = null;

  constructor(viewer: StackViewer) {
    this.overlay = new Overlay(part("canvas"));
    this.bar = new SliceBar((k) => this.session?.showSlice(k));
    this.measures = new MeasureView(this.overlay.layer("measures"), this.viewport, () => this.drawImage());
    this.magnifier = new MagnifierView(this.viewport, viewer);
    this.second = new SecondView(part("second"), () => this.drawImage());
    attachGestures(this.viewport, viewer, {
      tool: () => this.session?.tools.tool ?? "window",
      clicked: (x, y) => this.pointAt(x, y),
      hand: this.measures,
      // Written down, so that the case opens with it again.
      windowed: () => this.session?.setWindow(viewer.window),
    });
    part<HTMLButtonElement>("retry").addEventListener("click", () => viewer.retry());
    viewer.events.on("view", (view) => {
      this.view = view;
      this.refresh();
    });
    viewer.events.on("waiting", (waiting) => this.sayWaiting(waiting));
    viewer.events.on("progress", ({ loaded, total }) => {
      this.progress.max = total;
      this.progress.value = loaded;
      this.progress.classList.toggle("done", loaded === total);
    });
  }

  build(session: Session): void {
    this.session?.tools.measuring.close();
    this.session = session;
    this.view = null;
    const bodies = new Bodies(session.room);
    this.bodies = bodies;
    this.overlay.clear();
    this.overlay.setRings((k, id) => bodies.rings(k, id));
    session.tools.measuring.attach(session, bodies);
    this.measures.build(session);
    this.magnifier.build(session, bodies);
    this.second.build(session, bodies);
    this.bar.build(session);
    this.progress.value = 0;
    setText(this.corners.tl, `${session.room.caseName}\n${session.room.stackWords}${session.room.origin ? `\n${session.room.origin}` : ""}`);
    const url = session.room.outlinesUrl;
    if (url) void this.loadOutlines(session, bodies, url);
  }

  refresh(): void {
    const { session, view } = this;
    if (!session) return;
    this.bar.refresh(session);
    const count = session.room.sops.length;
    const words = `Slice ${session.k + 1} of ${count}`;
    setText(this.corners.tr, words);
    setAttribute(this.viewport, "aria-label", `Sagittal image, ${words.toLowerCase()}`);
    this.second.refresh(view);
    if (!view) return;
    setText(this.corners.bl, `W ${view.window[0]} L ${view.window[1]}\nZoom ${Math.round(view.zoom * 100)} %`);
    const letters = edgeLetters(view.plane);
    for (const edge of ["top", "right", "bottom", "left"] as const) setText(this.letters[edge], letters[edge]);
    this.drawImage();
  }

  /** What lies over the picture. */
  private drawImage(): void {
    const { session, view } = this;
    if (!session || !view) return;
    // Always those of the picture: while another slice is on its way, the one before still stands on screen.
    this.overlay.draw({
      k: view.k,
      transform: view.transform,
      plane: view.plane,
      styles: stylesOf(session),
      hidden: !session.tools.outlines,
      guides: this.second.guides(view),
    });
    this.measures.draw(session, view);
    this.magnifier.draw(session, view);
  }

  private async loadOutlines(session: Session, bodies: Bodies, url: string): Promise<void> {
    const reply = await getOutlines(url);
    if (session !== this.session) return;
    if (reply.kind === "ok") {
      bodies.setOutlines(reply.body as unknown as Outlines);
      this.overlay.setRings((k, id) => bodies.rings(k, id));
      this.refresh();
    } else {
      session.say("The mask outlines did not load. Reading goes on without them.");
    }
  }

  private sayWaiting(waiting: { readonly sentence: string; readonly failed: boolean } | null): void {
    if (waiting === null && this.notShown.hidden) return;
    this.notShown.hidden = waiting === null;
    if (waiting) {
      setText(this.notShown.querySelector("p") as HTMLElement, waiting.sentence);
      part<HTMLButtonElement>("retry").hidden = !waiting.failed;
      this.notShown.classList.toggle("failed", waiting.failed);
    }
    this.refresh();
  }

  /** A click on a body chooses its vertebra; beside the bodies it moves the lines of the second view. */
  private pointAt(x: number, y: number): void {
    const { session, view, bodies } = this;
    const displayed = session?.screen.displayed;
    if (!session || !view || !bodies || !displayed) return;
    const [column, row] = toPixel(view.transform, x, y);
    const vertebra = session.tools.outlines ? bodies.at(displayed.k, column, row) : null;
    if (vertebra && vertebra !== session.vertebra) session.selectVertebra(vertebra);
    else this.second.goTo(view.plane, column, row);
  }
}

function stylesOf(session: Session): OutlineStyle[] {
  return session.room.context.vertebrae.map((vertebra) => {
    const finding = findingOf(session.store.state, vertebra.id);
    const mark = shownMarkOf(session, vertebra);
    return {
      id: vertebra.id,
      className: mark.className,
      level: nameOf(vertebra, session.room.context),
      type: finding.verdict === "fracture" || mark.className === "st-diff" ? mark.sign : "",
      current: vertebra === session.vertebra,
    };
  });
}
