/** Window width and level in HU. */
export type Window = readonly [width: number, level: number];

export interface Preset {
  readonly name: string;
  readonly title: string;
  readonly window: Window;
}

/** Published bone windows vary, so the values stand on the buttons and beside the image. */
export const PRESETS = {
  bone: { name: "Bone", title: "Bone window", window: [1800, 400] },
  wide: { name: "Wide", title: "Wide bone window", window: [2500, 480] },
  soft: { name: "Soft", title: "Soft tissue window", window: [400, 40] },
} as const satisfies Record<string, Preset>;

export const sameWindow = (left: Window, right: Window): boolean => left[0] === right[0] && left[1] === right[1];

/** A window of one value has no ends to draw between. */
const NARROWEST = 2;
const WIDEST = 8000;

export const clampedWindow = (width: number, level: number): Window => [
  Math.round(Math.min(Math.max(width, NARROWEST), WIDEST)),
  Math.round(Math.min(Math.max(level, -2000), 4000)),
];
