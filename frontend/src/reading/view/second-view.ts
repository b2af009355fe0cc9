/** Beside the sagittal image: axial over coronal through the same place, or the same patient's earlier examination. */

import { getPlane, type PlaneImage } from "../../api/planes.ts";
import { crossing, pixelOf, positionOf, type Plane, type Segment, type Vector } from "../../viewer/geometry.ts";
import type { View } from "../../viewer/stack-viewer.ts";
import { PRESETS } from "../../viewer/windows.ts";
import type { Bodies } from "../bodies.ts";
import { nameOf, type Vertebra } from "../model.ts";
import { PlaneLoader, PlaneStack, type PlaneNote } from "../planes.ts";
import type { Session } from "../session.ts";

import { PlanePane } from "./plane-pane.ts";
import { PriorPane } from "./prior-pane.ts";

/** Millimetres across a pane: a body with its arch and what lies beside it. */
const ACROSS = 130;

const NO_PLANES: PlaneNote = { kind: "trouble", sentence: "This case holds no volume that such a plane could be cut from." };

export class SecondView {
  private readonly host: HTMLElement;
  private readonly redrawn: () => void;
  private readonly axialPane: PlanePane;
  private readonly coronalPane: PlanePane;
  private readonly prior: PriorPane;
  private axial: PlaneStack | null = null;
  private coronal: PlaneStack | null = null;
  private session: Session | null = null;
  private bodies: Bodies | null = null;
  private view: View | null = null;
  private vertebra: Vertebra | null = null;
  /** What the panes show the middle of: the body that was chosen last. */
  private centre: Vector | null = null;

  /** `redrawn` is told when the lines over the sagittal image have moved. */
  constructor(host: HTMLElement, redrawn: () => void) {
    this.host = host;
    this.redrawn = redrawn;
    this.axialPane = new PlanePane("Axial image", {
      scrolled: (planes) => this.scroll(this.axial, planes),
      clicked: (column, row) => this.point(this.axial, column, row),
      retry: () => this.axial?.loader.retry(),
    });
    this.coronalPane = new PlanePane("Coronal image", {
      scrolled: (planes) => this.scroll(this.coronal, planes),
      clicked: (column, row) => this.point(this.coronal, column, row),
      retry: () => this.coronal?.loader.retry(),
    });
    this.prior = new PriorPane();
  }

  build(session: Session, bodies: Bodies): void {
    this.close();
    this.session = session;
    this.bodies = bodies;
    const read = `/api/reads/${session.room.readId}`;
    const changed = (): void => this.changed();
    this.axial = new PlaneStack(new PlaneLoader(getPlane, changed), -1, (z) => `${read}/planes/axial?z=${z}`);
    this.coronal = new PlaneStack(new PlaneLoader(getPlane, changed), 1, (y) => `${read}/planes/coronal?y=${y}`);
    this.prior.build(session);
  }

  private close(): void {
    this.axial?.loader.close();
    this.coronal?.loader.close();
    this.prior.close();
    this.view = null;
    this.vertebra = null;
    this.centre = null;
  }

  /** Follows the room: the mode, the vertebra, the window, the sagittal slice. */
  refresh(view: View | null): void {
    const { session } = this;
    this.view = view;
    if (!session) return;
    const mode = session.tools.second;
    this.show(mode);
    if (mode === "planes") {
      this.follow(session);
      this.drawPlanes(session);
    } else if (mode === "prior") this.prior.refresh(session, view);
  }

  /** Where the planes that are shown cut through the sagittal slice. */
  guides(view: View): readonly Segment[] {
    if (this.session?.tools.second !== "planes") return [];
    return [this.axial, this.coronal].flatMap((stack) => {
      const image = stack?.loader.image;
      const line = image && crossing(view.plane, view.columns, view.rows, image.plane);
      return line ? [line] : [];
    });
  }

  /** A click on the sagittal image: the other two planes go there. */
  goTo(plane: Plane, column: number, row: number): void {
    const { session } = this;
    if (session?.tools.second !== "planes") return;
    const [, y, z] = positionOf(plane, column, row);
    if (session.room.second.axial) this.axial?.goTo(z, false);
    if (session.room.second.coronal) this.coronal?.goTo(y, false);
    this.changed();
  }

  private show(mode: string): void {
    if (this.host.dataset["mode"] === mode) return;
    this.host.dataset["mode"] = mode;
    this.host.hidden = mode === "off";
    const panes = [this.axialPane.element, this.coronalPane.element];
    this.host.replaceChildren(...(mode === "planes" ? panes : mode === "prior" ? [this.prior.element] : []));
    // Chosen again, it opens at the vertebra of now.
    this.vertebra = null;
  }

  /** Another vertebra: both planes go through the middle of its body. */
  private follow(session: Session): void {
    const { vertebra } = session;
    if (this.centre && vertebra === this.vertebra) return;
    const centre = (vertebra && this.bodies?.centreOf(vertebra.id)) ?? (this.centre ? null : this.middleOfSlice());
    this.vertebra = vertebra;
    if (!centre) return;
    this.centre = centre;
    const { axial, coronal } = session.room.second;
    if (axial) this.axial?.goTo(centre[2], true);
    if (coronal) this.coronal?.goTo(centre[1], true);
  }

  /** For a case without vertebrae. */
  private middleOfSlice(): Vector | null {
    const { view } = this;
    return view && positionOf(view.plane, (view.columns - 1) / 2, (view.rows - 1) / 2);
  }

  private changed(): void {
    const { session } = this;
    if (!session || session.tools.second !== "planes") return;
    this.drawPlanes(session);
    this.redrawn();
  }

  private drawPlanes(session: Session): void {
    const { second, context } = session.room;
    const level = session.vertebra ? `, ${nameOf(session.vertebra, context)}` : "";
    this.drawPane(this.axialPane, this.axial, this.coronal, second.axial, `Axial${level}`);
    this.drawPane(this.coronalPane, this.coronal, this.axial, second.coronal, `Coronal${level}`);
  }

  private drawPane(pane: PlanePane, stack: PlaneStack | null, other: PlaneStack | null, possible: boolean, title: string): void {
    const image = stack?.loader.image ?? null;
    const note = possible ? (stack?.loader.note ?? null) : NO_PLANES;
    const window = this.session?.screen.window ?? PRESETS.bone.window;
    const centre = image && this.centre ? pixelOf(image.plane, this.centre) : null;
    const made = image?.source === "stack" ? "\nfrom the sagittal slices" : "";
    pane.draw({ image, note, window, centre, across: ACROSS, title: title + made, lines: image ? this.linesOn(image, other) : [] });
  }

  /** The sagittal slice and the other plane, as lines. */
  private linesOn(image: PlaneImage, other: PlaneStack | null): Segment[] {
    const planes = [this.view?.plane, other?.loader.image?.plane];
    return planes.flatMap((plane) => {
      const line = plane && crossing(image.plane, image.columns, image.rows, plane);
      return line ? [line] : [];
    });
  }

  private scroll(stack: PlaneStack | null, planes: number): void {
    stack?.step(planes);
    this.changed();
  }

  /** A click in a pane: the sagittal slice and the other pane go to that place. */
  private point(stack: PlaneStack | null, column: number, row: number): void {
    const { session, bodies } = this;
    const image = stack?.loader.image;
    if (!session || !bodies || !image) return;
    const place = positionOf(image.plane, column, row);
    if (stack === this.axial) this.coronal?.goTo(place[1], false);
    else this.axial?.goTo(place[2], false);
    session.showSlice(bodies.sliceAt(place));
    this.changed();
  }
}
