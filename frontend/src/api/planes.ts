/** Planes of the second view: HU as 16 bit integers, and where they lie in the patient. */

import type { Plane, Vector } from "../viewer/geometry.ts";
import type { ApiProblem } from "./client.ts";

/** One image of the second view. */
export interface PlaneImage {
  readonly plane: Plane;
  readonly columns: number;
  readonly rows: number;
  /** HU, row by row. */
  readonly values: Int16Array;
  /** Where it lies, in mm: z of an axial, y of a coronal plane. */
  readonly position: number;
  /** Millimetres to the next one. */
  readonly step: number;
  readonly index: number;
  readonly count: number;
  /** Made of the series as it came, or of the slices that are read. */
  readonly source: "native" | "stack";
  /** Of a prior: the level that is shown, and [column, row] of its body. */
  readonly level: string;
  readonly centre: readonly [number, number] | null;
}

export type PlaneReply =
  | { readonly kind: "ok"; readonly image: PlaneImage }
  /** The volume is being made ready; so much of it is done, from 0 to 1. */
  | { readonly kind: "preparing"; readonly share: number }
  | { readonly kind: "problem"; readonly sentence: string }
  | { readonly kind: "session" }
  | { readonly kind: "unreachable" };

const NOT_NOW = new Set([408, 425, 429, 502, 503, 504]);

/** Fetches one plane. Rejects with an AbortError when it is not wanted any more. */
export async function getPlane(url: string, signal: AbortSignal): Promise<PlaneReply> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", redirect: "manual", signal });
    if (response.status === 200) return { kind: "ok", image: imageOf(response, await response.arrayBuffer()) };
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: "unreachable" };
  }
  if (response.status === 401 || response.type === "opaqueredirect") return { kind: "session" };
  if (NOT_NOW.has(response.status)) return { kind: "unreachable" };
  const body = (await response.json().catch(() => null)) as ({ preparing?: number } & Partial<ApiProblem>) | null;
  if (response.status === 202) return { kind: "preparing", share: body?.preparing ?? 0 };
  return { kind: "problem", sentence: body?.sentence ?? `The server answered ${response.status}.` };
}

interface Header {
  readonly rows: number;
  readonly columns: number;
  readonly spacing: readonly [number, number];
  readonly origin: Vector;
  readonly right: Vector;
  readonly down: Vector;
  readonly position: number;
  readonly step: number;
  readonly index: number;
  readonly count: number;
  readonly source: "native" | "stack";
  readonly level?: string;
  readonly centre?: readonly [number, number];
}

function imageOf(response: Response, buffer: ArrayBuffer): PlaneImage {
  const header = JSON.parse(response.headers.get("X-Plane") ?? "{}") as Header;
  const { rows, columns, spacing, origin, right, down, position, step, index, count, source } = header;
  const plane = { origin, columnDirection: right, rowDirection: down, rowSpacing: spacing[0], columnSpacing: spacing[1] };
  const values = new Int16Array(buffer);
  if (values.length !== rows * columns) throw new Error("The plane has not as many pixels as its header says.");
  return { plane, columns, rows, values, position, step, index, count, source, level: header.level ?? "", centre: header.centre ?? null };
}
