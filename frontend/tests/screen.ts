/** A screen that draws when the test says so, with the steps of the real viewer: one slice a drawing, none skipped. */

import type { SopUid } from "../src/reading/model.ts";
import type { ImageScreen, Session } from "../src/reading/session.ts";
import type { Window } from "../src/viewer/windows.ts";

export class SlowScreen implements ImageScreen {
  session: Session | null = null;
  wanted: number;
  window: Window = [1800, 400];
  private shown: { readonly k: number; readonly sopUid: string; readonly at: Date } | null = null;
  private due = 0;
  private readonly sops: readonly SopUid[];

  constructor(sops: readonly SopUid[], start: number) {
    this.sops = sops;
    this.wanted = start;
  }

  get destination(): number {
    return this.within(this.wanted + this.due);
  }

  get displayed(): { readonly k: number; readonly sopUid: string; readonly at: Date } | null {
    return this.shown?.k === this.wanted ? this.shown : null;
  }

  /** The wanted slice comes on screen; a step that is due goes on from there. */
  draw(at = new Date()): void {
    const sop = this.sops[this.wanted] as SopUid;
    this.shown = { k: this.wanted, sopUid: sop, at };
    this.session?.rendered(sop);
    if (this.due === 0) return;
    const step = Math.sign(this.due);
    this.due -= step;
    this.goTo(this.wanted + step);
  }

  show(k: number): void {
    this.due = 0;
    this.goTo(k);
  }

  step(delta: number): void {
    if (this.displayed) this.goTo(this.wanted + delta);
    else this.due += delta;
  }

  stepWhenShown(delta: number): void {
    if (this.displayed) this.show(this.wanted + delta);
  }

  setWindow(width: number, level: number): void {
    this.window = [width, level];
  }

  fit(): void {}

  private goTo(k: number): void {
    const next = this.within(k);
    if (next === this.wanted) return;
    this.wanted = next;
    this.session?.moved();
  }

  private within(k: number): number {
    return Math.min(Math.max(k, 0), this.sops.length - 1);
  }
}
