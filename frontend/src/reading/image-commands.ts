/** The commands of the image: windows, tools, measures, outlines, the second view. */

import { PRESETS } from "../viewer/windows.ts";
import { vertebraOpen, type Command } from "./command.ts";
import type { MeasureKind } from "./measures.ts";

const presetCommand = (name: keyof typeof PRESETS, digit: number): Command => ({
  label: `${PRESETS[name].title}, W ${PRESETS[name].window[0]} L ${PRESETS[name].window[1]}`,
  group: "Image",
  keys: [`Shift+Digit${digit}`],
  pressed: (session) => session.hasWindow(PRESETS[name].window),
  run: (session) => session.setWindow(PRESETS[name].window),
});

const toolCommand = (tool: "window" | "pan" | "zoom", key: string, label: string): Command => ({
  label,
  group: "Image",
  keys: [key],
  pressed: (session) => session.tools.tool === tool && session.tools.measuring.kind === null,
  run: (session) => session.tools.choose(tool),
});

/** What is measured is kept with the current vertebra. */
const measureCommand = (kind: MeasureKind, key: string, label: string): Command => ({
  label,
  group: "Image",
  keys: [key],
  enabled: vertebraOpen,
  pressed: (session) => session.tools.measuring.kind === kind,
  run: (session) => session.tools.measure(kind),
});

export const imageCommands = {
  presetBone: presetCommand("bone", 1),
  presetWide: presetCommand("wide", 2),
  presetSoft: presetCommand("soft", 3),
  toolWindow: toolCommand("window", "w", "Window: drag left"),
  toolPan: toolCommand("pan", "p", "Move: drag with the wheel pressed"),
  toolZoom: toolCommand("zoom", "z", "Zoom: drag right"),
  magnifier: { label: "Magnifier", group: "Image", keys: ["g"], pressed: (s) => s.tools.magnifier, run: (s) => s.tools.toggleMagnifier() },
  measureLength: measureCommand("length", "d", "Length in mm: click two points or drag"),
  measureHeights: measureCommand("heights", "h", "Heights of the vertebra"),
  secondView: {
    label: "Second view: axial and coronal, earlier examination, off",
    group: "Image",
    keys: ["e"],
    pressed: (s) => s.tools.second !== "off",
    run: (s) => s.tools.nextSecond(),
  },
  outlines: { label: "Mask outlines on or off", group: "Image", keys: ["m"], pressed: (s) => s.tools.outlines, run: (s) => s.tools.toggleOutlines() },
  fit: { label: "Fit the image", group: "Image", keys: ["o"], run: (s) => s.screen.fit() },
} as const satisfies Record<string, Command>;
