/** The viewport of the check: outlines and boxes, names, letters, corner text, and clicks that choose or place. */

import { getOutlines } from "../../api/room.ts";
import { part, setAttribute, setText } from "../../reading/view/dom.ts";
import { attachGestures } from "../../viewer/gestures.ts";
import { edgeLetters, toPixel } from "../../viewer/geometry.ts";
import { Overlay, type OutlineStyle } from "../../viewer/overlay.ts";
import { contains, type Ring } from "../../viewer/rings.ts";
import type { StackViewer, View } from "../../viewer/stack-viewer.ts";
import type { Desk } from "../desk.ts";
import { nameOf, type Body } from "../model.ts";
import { BoxesLayer, isBoxed } from "./boxes-layer.ts";
import { lookOf } from "./looks.ts";
import { CheckSliceBar } from "./slice-bar.ts";

/** Rings by label value, by slice, as the server has them. */
type Outlines = Readonly<Record<string, Readonly<Record<string, readonly Ring[]>>>>;

export class Picture {
  private readonly viewport = part("viewport");
  private readonly notShown = part("not-shown");
  private readonly hint = part("place-hint");
  private readonly corners = { tl: part("ov-tl"), tr: part("ov-tr"), bl: part("ov-bl") };
  private readonly letters = { top: part("ori-top"), right: part("ori-right"), bottom: part("ori-bottom"), left: part("ori-left") };
  private readonly progress = part<HTMLProgressElement>("progress");
  private readonly overlay: Overlay;
  private readonly boxes: BoxesLayer;
  private readonly bar = new CheckSliceBar();
  private desk: Desk | null = null;
  private view: View | null = null;
  private outlines: Outlines | null = null;

  constructor(viewer: StackViewer) {
    this.overlay = new Overlay(part("canvas"));
    this.boxes = new BoxesLayer(this.overlay.layer("boxes"));
    // Made after the overlay, so that the overlay knows its new size by then.
    new ResizeObserver(() => this.refresh()).observe(part("canvas"));
    attachGestures(this.viewport, viewer, {
      tool: () => this.desk?.tool ?? "window",
      clicked: (x, y) => this.pointAt(x, y),
      hand: this.boxes,
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

  /** `outlinesUrl`: of the version that lies on the table. */
  build(desk: Desk, outlinesUrl: string | null): void {
    this.desk = desk;
    this.setOutlines(null);
    this.bar.build(desk);
    setText(this.corners.tl, `${desk.data.name}\n${desk.data.stackWords}`);
    if (outlinesUrl) void this.loadOutlines(desk, outlinesUrl);
  }

  refresh(): void {
    const { desk, view } = this;
    if (!desk) return;
    this.bar.refresh(desk);
    const words = `Slice ${desk.k + 1} of ${desk.data.slices.length}`;
    setText(this.corners.tr, words);
    setAttribute(this.viewport, "aria-label", `Sagittal image, ${words.toLowerCase()}`);
    this.viewport.classList.toggle("placing", desk.placing);
    this.hint.hidden = !desk.placing;
    setText(this.hint, desk.nextName ? `Click the centre of ${desk.nextName}` : "Click the centre of the next body");
    if (!view) return;
    setText(this.corners.bl, `W ${view.window[0]} L ${view.window[1]}\nZoom ${Math.round(view.zoom * 100)} %`);
    const letters = edgeLetters(view.plane);
    for (const edge of ["top", "right", "bottom", "left"] as const) setText(this.letters[edge], letters[edge]);
    this.draw(desk, view);
  }

  private draw(desk: Desk, view: View): void {
    const { displayed } = desk;
    // Outlines of one slice over the picture of another would be worse than none.
    const hidden = !desk.outlines || !displayed;
    this.overlay.draw({
      k: displayed?.k ?? desk.k,
      transform: view.transform,
      plane: view.plane,
      styles: desk.bodies.filter((body) => !isBoxed(body, this.outlines !== null)).map((body) => styleOf(body, desk)),
      hidden,
      guides: [],
    });
    if (hidden) this.boxes.clear();
    else this.boxes.draw(desk, view, displayed.k, desk.bodies.filter((body) => isBoxed(body, this.outlines !== null)));
  }

  private setOutlines(outlines: Outlines | null): void {
    this.outlines = outlines;
    this.overlay.setRings((k, label) => this.ringsOf(k, label));
  }

  private ringsOf(k: number, label: number): readonly Ring[] {
    return this.outlines?.[String(k)]?.[String(label)] ?? [];
  }

  private async loadOutlines(desk: Desk, url: string): Promise<void> {
    const reply = await getOutlines(url);
    if (desk !== this.desk) return;
    if (reply.kind === "ok") {
      this.setOutlines(reply.body as unknown as Outlines);
      this.refresh();
    } else {
      desk.say("The mask outlines did not load. The boxes of the bodies stand for them.");
    }
  }

  private sayWaiting(waiting: { readonly sentence: string; readonly failed: boolean } | null): void {
    if (waiting === null && this.notShown.hidden) return;
    this.notShown.hidden = waiting === null;
    if (waiting) {
      setText(this.notShown.querySelector("p") as HTMLElement, waiting.sentence.replace("It cannot be labelled.", "").trim());
      part<HTMLButtonElement>("retry").hidden = !waiting.failed;
      this.notShown.classList.toggle("failed", waiting.failed);
    }
    this.refresh();
  }

  private pointAt(x: number, y: number): void {
    const { desk, view } = this;
    const displayed = desk?.displayed;
    if (!desk || !view || !displayed) return;
    const [column, row] = toPixel(view.transform, x, y);
    if (desk.placing) {
      desk.placeAt(column, row);
      return;
    }
    if (!desk.outlines) return;
    const outlined = desk.bodies.find((each) => !each.byHand && this.ringsOf(displayed.k, each.labelValue).some((ring) => contains(ring, column, row)));
    const body = outlined ?? this.boxes.bodyAt(x, y);
    if (body) desk.select(body.key);
  }
}

const styleOf = (body: Body, desk: Desk): OutlineStyle => ({
  id: body.labelValue,
  className: lookOf(body).className,
  level: nameOf(body, desk.bodies),
  type: body.maskOk === "no" ? "wrong" : body.cut ? "cut" : "",
  current: body.key === desk.table.current,
});
