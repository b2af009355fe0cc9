/** Where the vertebrae lie on each slice: outlines of the mask, or the box that a hand placed where there is no mask. */

import { distanceTo, pixelOf, planeOf, type Plane } from "../viewer/geometry.ts";
import { contains, type Ring } from "../viewer/rings.ts";
import type { Vertebra } from "./model.ts";
import type { Room } from "./room-data.ts";

/** Rings by label value, by slice, as the server has them. */
export type Outlines = Readonly<Record<string, Readonly<Record<string, readonly Ring[]>>>>;

/** Of a body in mm, LPS: x0, x1, y0, y1, z0, z1. */
export type Box = readonly [number, number, number, number, number, number];

export class Bodies {
  private readonly vertebrae: readonly Vertebra[];
  private readonly boxes: ReadonlyMap<number, Box>;
  private readonly planes: readonly Plane[];
  private outlines: Outlines = {};
  /** Labels that have an outline on any slice. */
  private outlined = new Set<string>();

  constructor(room: Pick<Room, "context" | "rows" | "viewerSlices">) {
    this.vertebrae = room.context.vertebrae;
    this.boxes = new Map(room.rows.flatMap((row) => (isBox(row.box) ? [[row.id, row.box] as const] : [])));
    this.planes = room.viewerSlices.map((slice) => planeOf(slice.metadata));
  }

  setOutlines(outlines: Outlines): void {
    this.outlines = outlines;
    this.outlined = new Set(Object.values(outlines).flatMap((labels) => Object.keys(labels)));
  }

  /** What is drawn of a vertebra on a slice. */
  rings(k: number, id: number): readonly Ring[] {
    const vertebra = this.vertebrae.find((each) => each.id === id);
    if (!vertebra) return [];
    const label = String(vertebra.labelValue);
    if (this.outlined.has(label)) return this.outlines[String(k)]?.[label] ?? [];
    const { extent } = vertebra;
    const box = extent && k >= extent[0] && k <= extent[1] ? this.boxRing(k, id) : null;
    return box ? [box] : [];
  }

  /** Whether a mask outlines this vertebra; else its shape is a box. */
  isOutlined(vertebra: Vertebra): boolean {
    return this.outlined.has(String(vertebra.labelValue));
  }

  /** The box of a body as four corners on a slice: front upper, back upper, back lower, front lower. */
  boxRing(k: number, id: number): Ring | null {
    const [box, plane] = [this.boxes.get(id), this.planes[k]];
    if (!box || !plane) return null;
    const [x0, x1, y0, y1, z0, z1] = box;
    const x = (x0 + x1) / 2;
    return ([[y0, z1], [y1, z1], [y1, z0], [y0, z0]] as const).map(([y, z]) => pixelOf(plane, [x, y, z]));
  }

  /** The middle of a body in the patient, mm, LPS. */
  centreOf(id: number): [number, number, number] | null {
    const box = this.boxes.get(id);
    return box ? [(box[0] + box[1]) / 2, (box[2] + box[3]) / 2, (box[4] + box[5]) / 2] : null;
  }

  /** The vertebra under a pixel of a slice. */
  at(k: number, column: number, row: number): Vertebra | null {
    return this.vertebrae.find(({ id }) => this.rings(k, id).some((ring) => contains(ring, column, row))) ?? null;
  }

  plane(k: number): Plane | null {
    return this.planes[k] ?? null;
  }

  /** The slice that lies nearest to a place in the patient. */
  sliceAt(point: readonly [number, number, number]): number {
    const distances = this.planes.map((plane) => Math.abs(distanceTo(plane, point)));
    return distances.indexOf(Math.min(...distances));
  }
}

const isBox = (box: readonly number[] | null | undefined): box is Box =>
  box?.length === 6 && box.every((place) => Number.isFinite(place));
