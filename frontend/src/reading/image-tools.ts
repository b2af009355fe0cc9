/** How the image is looked at and measured: the tool of the left button, outlines, magnifier, second view. Labels are the store's. */

import type { MeasureKind } from "./measures.ts";
import { Measuring } from "./measuring.ts";
import type { Room } from "./room-data.ts";

export type Tool = "window" | "pan" | "zoom";

/** What stands beside the sagittal image. */
export type Second = "off" | "planes" | "prior";

const SECONDS: readonly Second[] = ["off", "planes", "prior"];
/** Whoever reads with the planes beside the image does so in the next case too. */
const SECOND_KEY = "sagittal:second";

export class ImageTools {
  readonly measuring = new Measuring();
  private readonly changed: () => void;
  private chosenTool: Tool = "window";
  private outlinesShown: boolean;
  private magnified = false;
  private secondShown: Second;

  constructor(room: Pick<Room, "outlinesHidden">, changed: () => void) {
    this.changed = changed;
    this.outlinesShown = !room.outlinesHidden;
    this.secondShown = remembered();
    this.measuring.events.on("changed", changed);
  }

  /** What a drag with the left button does, unless something is measured. */
  get tool(): Tool {
    return this.chosenTool;
  }

  get outlines(): boolean {
    return this.outlinesShown;
  }

  get magnifier(): boolean {
    return this.magnified;
  }

  get second(): Second {
    return this.secondShown;
  }

  choose(tool: Tool): void {
    this.chosenTool = tool;
    this.measuring.lay();
    this.changed();
  }

  measure(kind: MeasureKind): void {
    this.measuring.toggle(kind);
    this.changed();
  }

  toggleOutlines(): void {
    this.outlinesShown = !this.outlinesShown;
    this.changed();
  }

  toggleMagnifier(): void {
    this.magnified = !this.magnified;
    this.changed();
  }

  /** Off, axial and coronal, the earlier examination, off. */
  nextSecond(): void {
    this.secondShown = SECONDS[(SECONDS.indexOf(this.secondShown) + 1) % SECONDS.length] ?? "off";
    globalThis.sessionStorage?.setItem(SECOND_KEY, this.secondShown);
    this.changed();
  }
}

function remembered(): Second {
  const kept = globalThis.sessionStorage?.getItem(SECOND_KEY);
  return SECONDS.find((each) => each === kept) ?? "off";
}
