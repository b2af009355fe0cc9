/** Beside the sagittal image: axial over coronal through the same place. */

import { getPlane, type PlaneImage } from "../../api/planes.ts";
import type { Bodies } from "../../reading/bodies.ts";
import type { Vertebra } from "../../reading/model.ts";
import { PlaneLoader, PlaneStack, type PlaneNote } from "../../reading/planes.ts";
import { PlanePane } from "../../reading/view/plane-pane.ts";
import { crossing, pixelOf, positionOf, type Plane, type Segment, type Vector } from "../../viewer/geometry.ts";
import type { View } from "../../viewer/stack-viewer.ts";
import type { Sitting } from "../sitting.ts";

/** Millimetres across a pane: a body with its arch and what lies beside it. */
const ACROSS = 130;
const NO_PLANES: PlaneNote = { kind: "trouble", sentence: "This case holds no volume that such a plane could be cut from." };

interface Place {
  readonly pane: PlanePane;
  readonly stack: PlaneStack;
  readonly kind: "axial" | "coronal";
}

export class PlanesView {
  private readonly host: HTMLElement;
  private readonly redrawn: () => void;
  private readonly places: readonly Place[];
  private sitting: Sitting | null = null;
  private bodies: Bodies | null = null;
  private view: View | null = null;
  private vertebra: Vertebra | null = null;
  private centre: Vector | null = null;

  constructor(host: HTMLElement, read: number, redrawn: () => void) {
    this.host = host;
    this.redrawn = redrawn;
    const place = (kind: "axial" | "coronal", towards: 1 | -1, axis: string, title: string): Place => {
      const loader = new PlaneLoader(getPlane, () => this.changed());
      const stack = new PlaneStack(loader, towards, (at) => `/api/reads/${read}/planes/${kind}?${axis}=${at}`);
      const pane = new PlanePane(`${title} image`, {
        scrolled: (planes) => {
          stack.step(planes);
          this.changed();
        },
        clicked: (column, row) => this.point(kind, stack.loader.image, column, row),
        retry: () => loader.retry(),
      });
      return { pane, stack, kind };
    };
    this.places = [place("axial", -1, "z", "Axial"), place("coronal", 1, "y", "Coronal")];
  }

  build(sitting: Sitting, bodies: Bodies): void {
    this.sitting = sitting;
    this.bodies = bodies;
    this.vertebra = null;
  }

  refresh(view: View | null): void {
    const { sitting } = this;
    this.view = view;
    if (!sitting) return;
    this.show(sitting.tools.planes);
    if (!sitting.tools.planes) return;
    this.follow(sitting);
    this.draw(sitting);
  }

  guides(view: View): readonly Segment[] {
    if (!this.sitting?.tools.planes) return [];
    return this.places.flatMap(({ stack }) => lineOf(stack.loader.image?.plane, view.plane, view.columns, view.rows));
  }

  /** A click beside the bodies moves both planes there. */
  goTo(plane: Plane, column: number, row: number): void {
    if (!this.sitting?.tools.planes) return;
    this.moveTo(positionOf(plane, column, row), false);
    this.changed();
  }

  private show(isOn: boolean): void {
    const mode = isOn ? "planes" : "off";
    if (this.host.dataset["mode"] === mode) return;
    this.host.dataset["mode"] = mode;
    this.host.hidden = !isOn;
    this.host.replaceChildren(...(isOn ? this.places.map(({ pane }) => pane.element) : []));
    this.vertebra = null;
  }

  private follow({ vertebra }: Sitting): void {
    if (this.centre && vertebra === this.vertebra) return;
    const { view } = this;
    const middle = view && positionOf(view.plane, (view.columns - 1) / 2, (view.rows - 1) / 2);
    const centre = (vertebra && this.bodies?.centreOf(vertebra.id)) ?? (this.centre ? null : middle);
    this.vertebra = vertebra;
    if (!centre) return;
    this.centre = centre;
    this.moveTo(centre, true);
  }

  private moveTo(place: Vector, far: boolean): void {
    for (const { kind, stack } of this.places) if (this.has(kind)) stack.goTo(place[kind === "axial" ? 2 : 1], far);
  }

  private has(kind: "axial" | "coronal"): boolean {
    return this.sitting?.data.json.second[kind] ?? false;
  }

  private changed(): void {
    const { sitting } = this;
    if (!sitting?.tools.planes) return;
    this.draw(sitting);
    this.redrawn();
  }

  private draw(sitting: Sitting): void {
    const level = sitting.vertebra ? `, ${sitting.name(sitting.vertebra)}` : "";
    for (const { pane, stack, kind } of this.places) {
      const { image } = stack.loader;
      const made = image?.source === "stack" ? "\nfrom the sagittal slices" : "";
      pane.draw({
        image,
        note: this.has(kind) ? stack.loader.note : NO_PLANES,
        window: sitting.screen.window,
        centre: image && this.centre ? pixelOf(image.plane, this.centre) : null,
        across: ACROSS,
        title: `${kind === "axial" ? "Axial" : "Coronal"}${level}${made}`,
        lines: image ? this.linesOn(image, stack) : [],
      });
    }
  }

  private linesOn(image: PlaneImage, own: PlaneStack): Segment[] {
    const others = this.places.filter(({ stack }) => stack !== own).map(({ stack }) => stack.loader.image?.plane);
    return [this.view?.plane, ...others].flatMap((plane) => lineOf(plane, image.plane, image.columns, image.rows));
  }

  private point(kind: "axial" | "coronal", image: PlaneImage | null, column: number, row: number): void {
    const { sitting, bodies } = this;
    if (!sitting || !bodies || !image) return;
    const place = positionOf(image.plane, column, row);
    for (const each of this.places) if (each.kind !== kind && this.has(each.kind)) each.stack.goTo(place[each.kind === "axial" ? 2 : 1], false);
    sitting.tools.showSlice(bodies.sliceAt(place));
    this.changed();
  }
}

function lineOf(plane: Plane | undefined, on: Plane, columns: number, rows: number): Segment[] {
  const line = plane && crossing(on, columns, rows, plane);
  return line ? [line] : [];
}
