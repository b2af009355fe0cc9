/** One pane of the second view: an image on a 2D canvas, lines, letters and scale over it. No WebGL. */

import type { PlaneImage } from "../../api/planes.ts";
import { crosshairPath, edgeLetters, scaleBarLength, toPixel, type PixelTransform, type Segment } from "../../viewer/geometry.ts";
import { paint } from "../../viewer/grayscale.ts";
import type { Window } from "../../viewer/windows.ts";
import type { PlaneNote } from "../planes.ts";
import { button, make, setAttribute, setText } from "./dom.ts";

export interface PaneScene {
  readonly image: PlaneImage | null;
  readonly note: PlaneNote | null;
  readonly window: Window;
  /** The place in the middle of the pane, [column, row]; null for the middle of the image. */
  readonly centre: readonly [number, number] | null;
  /** How many millimetres the pane is wide; less where the image has less. */
  readonly across: number;
  readonly title: string;
  readonly lines: readonly Segment[];
}

export interface PaneHooks {
  /** Planes to go on, by wheel or arrow keys. */
  readonly scrolled: (planes: number) => void;
  /** A click at [column, row]. */
  readonly clicked: (column: number, row: number) => void;
  readonly retry: () => void;
}

const SVG = "http://www.w3.org/2000/svg";
const SCALE_WIDTH = 90;
const WHEEL_NOTCH = 60;
const KEYS: Readonly<Record<string, number>> = { ArrowUp: -1, ArrowDown: 1, PageUp: -5, PageDown: 5 };

export class PlanePane {
  readonly element: HTMLElement;
  private readonly canvas = make("canvas", { "aria-hidden": "true" });
  private readonly painted = document.createElement("canvas");
  private paintedKey: readonly unknown[] = [];
  private drawnKey: readonly unknown[] = [];
  private readonly drawing = document.createElementNS(SVG, "svg");
  private readonly cross = document.createElementNS(SVG, "path");
  private readonly scale = document.createElementNS(SVG, "path");
  private readonly scaleWords = document.createElementNS(SVG, "text");
  private readonly title = make("p", { class: "ov ov-tl" });
  private readonly place = make("p", { class: "ov ov-tr" });
  private readonly letters = ["t", "r", "b", "l"].map((edge) => make("span", { class: `ori ori-${edge}` }));
  private readonly noteWords = make("p", {});
  private readonly share = make("progress", { max: "1", "aria-label": "Prepared" });
  private readonly again = button({ class: "btn btn-sm" }, "Try again");
  private readonly note = make("div", { class: "not-shown", role: "status" }, this.noteWords, this.share, this.again);
  private readonly name: string;
  private scene: PaneScene | null = null;
  private transform: PixelTransform | null = null;

  constructor(name: string, hooks: PaneHooks) {
    this.name = name;
    this.drawing.setAttribute("class", "drawing");
    this.drawing.setAttribute("aria-hidden", "true");
    this.cross.setAttribute("class", "crosshair");
    const bar = document.createElementNS(SVG, "g");
    bar.setAttribute("class", "scalebar");
    this.scaleWords.setAttribute("text-anchor", "middle");
    bar.append(this.scale, this.scaleWords);
    this.drawing.append(this.cross, bar);
    this.element = make("div", { class: "viewport pane", role: "application", tabindex: "0" });
    this.element.append(this.canvas, this.drawing, this.title, this.place, ...this.letters, this.note);
    this.note.hidden = true;
    this.listen(hooks);
    new ResizeObserver(() => this.scene && this.draw(this.scene)).observe(this.element);
  }

  draw(scene: PaneScene): void {
    this.scene = scene;
    this.sayNote(scene.note);
    const { image } = scene;
    this.canvas.hidden = image === null;
    this.drawing.toggleAttribute("hidden", image === null);
    setText(this.title, scene.title);
    setText(this.place, image ? `${image.index + 1} of ${image.count}` : "");
    setAttribute(this.element, "aria-label", `${this.name}${image ? `, ${image.index + 1} of ${image.count}` : ""}`);
    for (const letter of this.letters) letter.hidden = image === null;
    if (!image) return;
    const transform = this.drawImage(image, scene);
    this.transform = transform;
    if (!transform) return;
    const letters = edgeLetters(image.plane);
    [letters.top, letters.right, letters.bottom, letters.left].forEach((letter, edge) => setText(this.letters[edge] as HTMLElement, letter));
    setAttribute(this.cross, "d", crosshairPath(scene.lines, transform));
    this.drawScale(transform.a / image.plane.columnSpacing);
  }

  private drawImage(image: PlaneImage, scene: PaneScene): PixelTransform | null {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) return null;
    const ratio = devicePixelRatio;
    // A slice further on the sagittal image only moves a line here.
    const key = [image, ...scene.window, ...(scene.centre ?? []), scene.across, width, height, ratio];
    if (this.transform && same(key, this.drawnKey)) return this.transform;
    this.drawnKey = key;
    const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== deviceWidth || this.canvas.height !== deviceHeight) {
      this.canvas.width = deviceWidth;
      this.canvas.height = deviceHeight;
    }
    const transform = fitted(image, scene, width, height);
    const context = this.canvas.getContext("2d", { alpha: false });
    if (!context) return null;
    this.paintImage(image, scene.window);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillRect(0, 0, deviceWidth, deviceHeight);
    context.imageSmoothingQuality = "high";
    context.setTransform(transform.a * ratio, 0, 0, transform.d * ratio, transform.e * ratio, transform.f * ratio);
    // The corner of the first pixel lies half a pixel before its centre.
    context.drawImage(this.painted, -0.5, -0.5);
    return transform;
  }

  private paintImage(image: PlaneImage, window: Window): void {
    const key = [image, ...window];
    if (same(key, this.paintedKey)) return;
    this.paintedKey = key;
    const { columns, rows, values } = image;
    this.painted.width = columns;
    this.painted.height = rows;
    const context = this.painted.getContext("2d");
    const data = context?.createImageData(columns, rows);
    if (!context || !data) return;
    paint({ values, columns, rows, slope: 1, intercept: 0 }, { column: 0, row: 0, width: columns, height: rows }, window, data.data);
    context.putImageData(data, 0, 0);
  }

  private drawScale(perMillimetre: number): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const length = scaleBarLength(perMillimetre, SCALE_WIDTH);
    const right = width - 12;
    const left = right - length * perMillimetre;
    const base = height - 10;
    setAttribute(this.scale, "d", `M${left.toFixed(1)} ${base - 6}v6H${right}v-6`);
    setAttribute(this.scaleWords, "x", ((left + right) / 2).toFixed(1));
    setAttribute(this.scaleWords, "y", String(base - 8));
    setText(this.scaleWords, `${length} mm`);
  }

  private sayNote(note: PlaneNote | null): void {
    this.note.hidden = note === null;
    if (!note) return;
    const trouble = note.kind === "trouble";
    this.note.classList.toggle("failed", trouble);
    setText(this.noteWords, trouble ? note.sentence : `Preparing the volume, ${Math.round(note.share * 100)} %`);
    this.share.hidden = trouble;
    this.again.hidden = !trouble;
    if (!trouble) this.share.value = note.share;
  }

  private listen(hooks: PaneHooks): void {
    let rest = 0;
    this.element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        // As over the sagittal image: a notch of the wheel is one plane, single pixels of a touchpad add up to one.
        const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 40 : event.deltaY;
        rest += pixels;
        const steps = Math.trunc(rest / WHEEL_NOTCH);
        if (steps === 0) return;
        const notched = Math.abs(pixels) >= WHEEL_NOTCH;
        rest = notched ? 0 : rest - steps * WHEEL_NOTCH;
        hooks.scrolled(notched ? Math.sign(steps) : steps);
      },
      { passive: false },
    );
    // The sagittal image keeps the focus, so that the keys stay the room's after a click.
    this.element.addEventListener("mousedown", (event) => event.preventDefault());
    this.element.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("button")) return;
      const box = this.element.getBoundingClientRect();
      if (this.transform) hooks.clicked(...toPixel(this.transform, event.clientX - box.left, event.clientY - box.top));
    });
    this.element.addEventListener("keydown", (event) => {
      const planes = KEYS[event.key];
      if (planes === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      hooks.scrolled(planes);
    });
    this.again.addEventListener("click", hooks.retry);
  }
}

const same = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((each, index) => each === other[index]);

/** Millimetres are the same in both directions; `centre` lies in the middle, but no black is shown where there is image. */
function fitted(image: PlaneImage, scene: PaneScene, width: number, height: number): PixelTransform {
  const { columnSpacing, rowSpacing } = image.plane;
  const [wide, high] = [image.columns * columnSpacing, image.rows * rowSpacing];
  const whole = Math.min(width / wide, height / high);
  const scale = Math.max(whole, width / Math.min(scene.across, wide));
  const [column, row] = scene.centre ?? [(image.columns - 1) / 2, (image.rows - 1) / 2];
  const [a, d] = [scale * columnSpacing, scale * rowSpacing];
  return { a, b: 0, c: 0, d, e: shifted(column, a, image.columns, width), f: shifted(row, d, image.rows, height) };
}

function shifted(centre: number, scale: number, count: number, room: number): number {
  const size = count * scale;
  const start = room / 2 - (centre + 0.5) * scale;
  const within = size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, start));
  return within + scale / 2;
}
