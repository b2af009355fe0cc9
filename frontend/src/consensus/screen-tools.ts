/** How the pictures are looked at: the tool in hand, the window, outlines, the second view, the report. Nothing of it is written. */

import type { ReadContext, SopUid, Vertebra } from "../reading/model.ts";
import type { ImageScreen } from "../reading/session.ts";
import { PRESETS, sameWindow } from "../viewer/windows.ts";
import type { Asked } from "./data.ts";

export type Tool = "window" | "pan" | "zoom";

export class ScreenTools {
  private readonly screen: ImageScreen;
  private readonly changed: () => void;
  private chosen: Tool = "window";
  private outlinesShown: boolean;
  private planesShown = false;
  private reportShown = true;

  constructor(screen: ImageScreen, outlines: boolean, changed: () => void) {
    this.screen = screen;
    this.outlinesShown = outlines;
    this.changed = changed;
  }

  /** As they were before the screen was filled anew. */
  as(before: ScreenTools): void {
    this.chosen = before.chosen;
    this.outlinesShown = before.outlinesShown;
    this.planesShown = before.planesShown;
    this.reportShown = before.reportShown;
  }

  get tool(): Tool {
    return this.chosen;
  }

  get outlines(): boolean {
    return this.outlinesShown;
  }

  get planes(): boolean {
    return this.planesShown;
  }

  get reportOpen(): boolean {
    return this.reportShown;
  }

  choose(tool: Tool): void {
    this.chosen = tool;
    this.changed();
  }

  toggleOutlines(): void {
    this.outlinesShown = !this.outlinesShown;
    this.changed();
  }

  togglePlanes(): void {
    this.planesShown = !this.planesShown;
    this.changed();
  }

  toggleReport(): void {
    this.reportShown = !this.reportShown;
    this.changed();
  }

  setPreset(name: keyof typeof PRESETS): void {
    const [width, level] = PRESETS[name].window;
    this.screen.setWindow(width, level);
    this.changed();
  }

  hasPreset(name: keyof typeof PRESETS): boolean {
    return sameWindow(this.screen.window, PRESETS[name].window);
  }

  /** A held key waits for each slice to be drawn. */
  stepSlice(delta: number, held: boolean): void {
    if (held) this.screen.stepWhenShown(delta);
    else this.screen.step(delta);
  }

  showSlice(k: number): void {
    this.screen.show(k);
  }

  showBody({ extent }: Vertebra): void {
    if (extent) this.screen.show(Math.floor((extent[0] + extent[1]) / 2));
  }

  /** The slice that says most: the middle of those that differ, else of the body. */
  showDifference({ vertebra, differing }: Asked, { sops }: ReadContext): void {
    const ks = vertebra.sops.filter((sop) => differing.has(sop)).map((sop) => sops.indexOf(sop));
    const middle = ks[Math.floor((ks.length - 1) / 2)];
    if (middle !== undefined) this.screen.show(middle);
    else this.showBody(vertebra);
  }

  /** Of these slices the nearest. */
  showNearest(slices: readonly SopUid[], { sops }: ReadContext): void {
    const k = this.screen.destination;
    const [first] = slices.map((sop) => sops.indexOf(sop)).sort((left, right) => Math.abs(left - k) - Math.abs(right - k));
    if (first !== undefined) this.screen.show(first);
  }

  fit(): void {
    this.screen.fit();
  }
}
