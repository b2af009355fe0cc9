/** The commands of the image: windows, tools, outlines. */

import { PRESETS } from "../viewer/windows.ts";
import type { Command } from "./command.ts";

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
  pressed: (session) => session.tools.tool === tool,
  run: (session) => session.tools.choose(tool),
});

export const imageCommands = {
  presetBone: presetCommand("bone", 1),
  presetWide: presetCommand("wide", 2),
  presetSoft: presetCommand("soft", 3),
  toolWindow: toolCommand("window", "w", "Window: drag left"),
  toolPan: toolCommand("pan", "p", "Move: drag with the wheel pressed"),
  toolZoom: toolCommand("zoom", "z", "Zoom: drag right"),
  outlines: { label: "Mask outlines on or off", group: "Image", keys: ["m"], pressed: (s) => s.tools.outlines, run: (s) => s.tools.toggleOutlines() },
  fit: { label: "Fit the image", group: "Image", keys: ["o"], run: (s) => s.screen.fit() },
} as const satisfies Record<string, Command>;
