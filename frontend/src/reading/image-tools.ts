/** How the image is looked at and measured: the tool of the left button, outlines on or off. Labels are the store's. */

import type { Room } from "./room-data.ts";

export type Tool = "window" | "pan" | "zoom";

export class ImageTools {
  private readonly changed: () => void;
  private chosenTool: Tool = "window";
  private outlinesShown: boolean;

  constructor(room: Room, changed: () => void) {
    this.changed = changed;
    this.outlinesShown = !room.outlinesHidden;
  }

  get tool(): Tool {
    return this.chosenTool;
  }

  get outlines(): boolean {
    return this.outlinesShown;
  }

  choose(tool: Tool): void {
    this.chosenTool = tool;
    this.changed();
  }

  toggleOutlines(): void {
    this.outlinesShown = !this.outlinesShown;
    this.changed();
  }
}
