/** The viewport around the picture: outlines, letters, corner text, the slice bar, and what is not on screen yet. */

import { getOutlines } from "../../api/room.ts";
import { attachGestures } from "../../viewer/gestures.ts";
import { edgeLetters, toPixel } from "../../viewer/geometry.ts";
import { Overlay, type Outlines, type OutlineStyle } from "../../viewer/overlay.ts";
import type { StackViewer, View } from "../../viewer/stack-viewer.ts";
import { markOf } from "../marks.ts";
import { findingOf, nameOf } from "../model.ts";
import type { Session } from "../session.ts";
import { part, setAttribute, setText } from "./dom.ts";
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
  private session: Session | null = null;
  private view: View | null = null;

  constructor(viewer: StackViewer) {
    this.overlay = new Overlay(part("canvas"));
    this.bar = new SliceBar((k) => this.session?.showSlice(k));
    attachGestures(this.viewport, viewer, {
      tool: () => this.session?.tools.tool ?? "window",
      clicked: (x, y) => this.pointAt(x, y),
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
    this.session = session;
    this.view = null;
    this.overlay.setOutlines({});
    this.bar.build(session);
    this.progress.value = 0;
    setText(this.corners.tl, `${session.room.caseName}\n${session.room.stackWords}${session.room.origin ? `\n${session.room.origin}` : ""}`);
    const url = session.room.outlinesUrl;
    if (url) void this.loadOutlines(session, url);
  }

  refresh(): void {
    const { session, view } = this;
    if (!session) return;
    this.bar.refresh(session);
    const count = session.room.sops.length;
    const words = `Slice ${session.k + 1} of ${count}`;
    setText(this.corners.tr, words);
    setAttribute(this.viewport, "aria-label", `Sagittal image, ${words.toLowerCase()}`);
    if (!view) return;
    setText(this.corners.bl, `W ${view.window[0]} L ${view.window[1]}\nZoom ${Math.round(view.zoom * 100)} %`);
    const letters = edgeLetters(view.plane);
    for (const edge of ["top", "right", "bottom", "left"] as const) setText(this.letters[edge], letters[edge]);
    this.drawOverlay(session, view);
  }

  private drawOverlay(session: Session, view: View): void {
    const displayed = session.screen.displayed;
    this.overlay.draw({
      k: displayed?.k ?? session.k,
      transform: view.transform,
      plane: view.plane,
      styles: stylesOf(session),
      // Outlines of one slice over the picture of another would be worse than none.
      hidden: !session.tools.outlines || !displayed,
    });
  }

  private async loadOutlines(session: Session, url: string): Promise<void> {
    const reply = await getOutlines(url);
    if (session !== this.session) return;
    if (reply.kind === "ok") {
      this.overlay.setOutlines(reply.body as unknown as Outlines);
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

  /** A click on a body chooses its vertebra. */
  private pointAt(x: number, y: number): void {
    const { session, view } = this;
    const displayed = session?.screen.displayed;
    if (!session || !view || !displayed || !session.tools.outlines) return;
    const [column, row] = toPixel(view.transform, x, y);
    const label = this.overlay.labelAt(displayed.k, column, row);
    const vertebra = session.room.context.vertebrae.find((each) => each.labelValue === label);
    if (label !== null && vertebra) session.selectVertebra(vertebra);
  }
}

function stylesOf(session: Session): OutlineStyle[] {
  return session.room.context.vertebrae.flatMap((vertebra) => {
    if (vertebra.labelValue === null) return [];
    const finding = findingOf(session.store.state, vertebra.id);
    const mark = markOf(vertebra, finding, session.store.seen);
    return {
      labelValue: vertebra.labelValue,
      className: mark.className,
      level: nameOf(vertebra, session.room.context),
      type: finding.verdict === "fracture" ? mark.sign : "",
      current: vertebra === session.vertebra,
    };
  });
}
