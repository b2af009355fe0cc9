/** How the next case is fetched ahead: what the server says comes next, at low priority, with the viewer's own headers. */

import { getAhead } from "../api/room.ts";
import { FRAME_TYPE } from "../viewer/frame-type.ts";
import type { PrefetchOptions } from "./prefetch.ts";

/** A browser that cannot tell when it is idle is given this long, in milliseconds. */
const BREATH = 500;
const LATEST = 3000;

export const httpAhead: PrefetchOptions = {
  async next(caseId) {
    const reply = await getAhead(caseId);
    if (reply.kind !== "ok" || reply.body.case === null) return null;
    return { frames: reply.body.frames, outlinesUrl: reply.body.outlines_url };
  },

  async fetch(url, signal) {
    // The cache holds one answer for each Accept: it has to be the one that the viewer sends.
    const Accept = url.includes("/frames/") ? FRAME_TYPE : "application/json";
    const response = await fetch(url, { headers: { Accept }, credentials: "same-origin", priority: "low", signal });
    if (!response.ok) throw new Error(`${response.status}`);
    // Only what was read to its end lies in the cache.
    await response.arrayBuffer();
  },

  whenIdle(run) {
    if ("requestIdleCallback" in window) window.requestIdleCallback(run, { timeout: LATEST });
    else setTimeout(run, BREATH);
  },

  savesData: () => (navigator as Navigator & { readonly connection?: { readonly saveData?: boolean } }).connection?.saveData === true,
};
