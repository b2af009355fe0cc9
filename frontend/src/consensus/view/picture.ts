/** The viewport: outlines in the colours of what is settled, letters, corner text, and what A and B say of the current one. */

import { getOutlines } from "../../api/room.ts";
import { Bodies, type Outlines } from "../../reading/bodies.ts";
import { findingOf, type Vertebra } from "../../reading/model.ts";
import { stateOf } from "../../reading/transport.ts";
import { make, part, refill, setAttribute, setText } from "../../reading/view/dom.ts";
import { attachGestures } from "../../viewer/gestures.ts";
import { edgeLetters, toPixel } from "../../viewer/geometry.ts";
import { Overlay, type OutlineStyle } from "../../viewer/overlay.ts";
import type { StackViewer, View } from "../../viewer/stack-viewer.ts";
import { resultOf } from "../choice.ts";
import { findingBy } from "../data.ts";
import type { Sitting } from "../sitting.ts";
import { findingWords, lowerFirst, markBy } from "../words.ts";
import { PlanesView } from "./planes-view.ts";
import { ConsensusSliceBar } from "./slice-bar.ts";

export class Picture {
  private readonly viewport = part("viewport");
  private readonly notShown = part("not-shown");
  private readonly corners = { tl: part("ov-tl"), tr: part("ov-tr"), bl: part("ov-bl") };
  private readonly letters = { top: part("ori-top"), right: part("ori-right"), bottom: part("ori-bottom"), left: part("ori-left") };
  private readonly progress = part<HTMLProgressElement>("progress");
  private readonly overlay = new Overlay(part("canvas"));
  private readonly bar = new ConsensusSliceBar();
  private readonly planes: PlanesView;
  private sitting: Sitting | null = null;
  private bodies: Bodies | null = null;
  private outlines: Outlines | null = null;
  private outlinesUrl: string | null = null;
  private view: View | null = null;

  constructor(viewer: StackViewer, read: number) {
    this.planes = new PlanesView(part("second"), read, () => this.draw());
    attachGestures(this.viewport, viewer, {
      tool: () => this.sitting?.tools.tool ?? "window",
      clicked: (x, y) => this.pointAt(x, y),
      hand: { press: () => false, drag: () => {}, release: () => {}, hover: () => {} },
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

  build(sitting: Sitting): void {
    this.sitting = sitting;
    const { data } = sitting;
    this.bodies = new Bodies(data);
    if (this.outlines) this.bodies.setOutlines(this.outlines);
    this.setRings();
    this.bar.build(sitting);
    this.planes.build(sitting, this.bodies);
    setText(this.corners.tl, [data.json.case.name, data.stackWords, data.origin].filter(Boolean).join("\n"));
    const url = data.json.outlines_url;
    if (url && url !== this.outlinesUrl) void this.loadOutlines(url);
  }

  refresh(): void {
    const { sitting, view } = this;
    if (!sitting) return;
    this.bar.refresh(sitting);
    const words = `Slice ${sitting.k + 1} of ${sitting.data.context.sops.length}`;
    setText(this.corners.tr, words);
    setAttribute(this.viewport, "aria-label", `Sagittal image, ${words.toLowerCase()}`);
    this.says(sitting);
    this.planes.refresh(view);
    if (!view) return;
    setText(this.corners.bl, `W ${view.window[0]} L ${view.window[1]}\nZoom ${Math.round(view.zoom * 100)} %`);
    const letters = edgeLetters(view.plane);
    for (const edge of ["top", "right", "bottom", "left"] as const) setText(this.letters[edge], letters[edge]);
    this.draw();
  }

  private draw(): void {
    const { sitting, view } = this;
    if (!sitting || !view) return;
    this.overlay.draw({
      k: view.k,
      transform: view.transform,
      plane: view.plane,
      styles: sitting.data.context.vertebrae.map((vertebra) => styleOf(vertebra, sitting)),
      hidden: !sitting.tools.outlines,
      guides: this.planes.guides(view),
    });
  }

  /** What A and B say of the slice on screen, where it crosses the current vertebra. */
  private says(sitting: Sitting): void {
    const { vertebra, data, k } = sitting;
    const node = part("says");
    const extent = vertebra?.extent;
    node.hidden = !vertebra || !extent || k < extent[0] || k > extent[1];
    if (node.hidden || !vertebra) return;
    const sop = data.context.sops[k];
    refill(node, [vertebra, data, sop], () =>
      data.json.letters.flatMap((letter) => {
        const finding = findingBy(data, letter, vertebra);
        const slice = sop && finding.slices[sop]?.value;
        const here = slice ? { ...finding, verdict: slice, ao_body: slice === "fracture" ? finding.ao_body : null, why: "" as const } : finding;
        const mark = markBy(vertebra, here);
        const words = slice ?? lowerFirst(findingWords(finding));
        return [make("span", { class: "who" }, letter), make("span", { class: `mark ${mark.className}`, "aria-hidden": "true" }, mark.sign), make("span", {}, words)];
      }),
    );
  }

  private setRings(): void {
    const { bodies } = this;
    this.overlay.setRings((k, id) => bodies?.rings(k, id) ?? []);
  }

  private async loadOutlines(url: string): Promise<void> {
    this.outlinesUrl = url;
    const reply = await getOutlines(url);
    if (reply.kind !== "ok") {
      this.outlinesUrl = null;
      this.sitting?.say("The mask outlines did not load. The consensus goes on without them.");
      return;
    }
    this.outlines = reply.body as unknown as Outlines;
    this.bodies?.setOutlines(this.outlines);
    this.setRings();
    this.refresh();
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

  /** A click on a body chooses its difference; beside the bodies it moves the lines of the second view. */
  private pointAt(x: number, y: number): void {
    const { sitting, view, bodies } = this;
    const displayed = sitting?.screen.displayed;
    if (!sitting || !view || !bodies || !displayed) return;
    const [column, row] = toPixel(view.transform, x, y);
    const vertebra = sitting.tools.outlines ? bodies.at(displayed.k, column, row) : null;
    const asked = sitting.data.asked.find((each) => each.vertebra === vertebra);
    if (asked && asked !== sitting.current) sitting.select(asked, displayed.k);
    else this.planes.goTo(view.plane, column, row);
  }
}

/** Settled and agreed ones in the colour of what they are; an open one is pink, and a sign says so too. */
function styleOf(vertebra: Vertebra, sitting: Sitting): OutlineStyle {
  const { data } = sitting;
  const isAsked = data.asked.some((each) => each.vertebra === vertebra);
  const settled = isAsked ? sitting.settledOf(vertebra) : null;
  const finding = isAsked ? settled && resultOf(settled, data, vertebra)?.finding : findingOf(stateOf(data.json.state), vertebra.id);
  const mark = finding ? markBy(vertebra, finding) : { className: "st-diff", sign: "≠" };
  return {
    id: vertebra.id,
    className: mark.className,
    level: sitting.name(vertebra),
    type: finding && finding.verdict !== "fracture" ? "" : mark.sign,
    current: vertebra === sitting.vertebra,
  };
}
