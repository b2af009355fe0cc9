/** Directions and distances of a slice, from its DICOM attributes (PS3.3 C.7.6.2.1.1). LPS, millimetres. */

/** The DICOM JSON model of one instance (PS3.18 F.2), as far as it is read here. */
export type DicomJson = Readonly<Record<string, { readonly vr?: string; readonly Value?: readonly unknown[] }>>;

export type Vector = readonly [number, number, number];

export interface Plane {
  /** Centre of the first pixel. */
  readonly origin: Vector;
  /** Unit vector of increasing column, and of increasing row. */
  readonly columnDirection: Vector;
  readonly rowDirection: Vector;
  /** mm between columns, and between rows. */
  readonly columnSpacing: number;
  readonly rowSpacing: number;
}

export interface EdgeLetters {
  readonly top: string;
  readonly right: string;
  readonly bottom: string;
  readonly left: string;
}

/** Maps pixel coordinates (0, 0 = centre of the first pixel) to CSS pixels: x = a·column + c·row + e, y = b·column + d·row + f. */
export interface PixelTransform {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
}

const IMAGE_POSITION = "00200032";
const IMAGE_ORIENTATION = "00200037";
const PIXEL_SPACING = "00280030";

/** The plane of one slice. Throws where an attribute is missing: a picture without millimetres must not be shown. */
export function planeOf(metadata: DicomJson): Plane {
  const position = numbers(metadata, IMAGE_POSITION, 3);
  const orientation = numbers(metadata, IMAGE_ORIENTATION, 6);
  const spacing = numbers(metadata, PIXEL_SPACING, 2);
  return {
    origin: vector(position, 0),
    columnDirection: vector(orientation, 0),
    rowDirection: vector(orientation, 3),
    rowSpacing: spacing[0] as number,
    columnSpacing: spacing[1] as number,
  };
}

/** Patient position (LPS, mm) of a pixel, given as column and row; half a pixel off the centre is allowed. */
export function positionOf(plane: Plane, column: number, row: number): [number, number, number] {
  const along = column * plane.columnSpacing;
  const down = row * plane.rowSpacing;
  const at = (axis: 0 | 1 | 2): number => plane.origin[axis] + along * plane.columnDirection[axis] + down * plane.rowDirection[axis];
  return [at(0), at(1), at(2)];
}

/** [column, row] of the foot of the perpendicular from a point of the patient (LPS, mm): the inverse of {@link positionOf}. */
export function pixelOf(plane: Plane, point: Vector): [number, number] {
  const offset = minus(point, plane.origin);
  return [dot(offset, plane.columnDirection) / plane.columnSpacing, dot(offset, plane.rowDirection) / plane.rowSpacing];
}

/** How far a point lies from a plane, in mm, along its normal. */
export const distanceTo = (plane: Plane, point: Vector): number =>
  dot(minus(point, plane.origin), cross(plane.columnDirection, plane.rowDirection));

/** Two pixels, [column, row] each. */
export type Segment = readonly [readonly [number, number], readonly [number, number]];

/**
 * The line along which another plane cuts through an image of `columns` by `rows` pixels, from edge to edge. Null where it
 * does not meet the image, or hardly turns away from it: planes of one stack have no line worth drawing.
 */
export function crossing(image: Plane, columns: number, rows: number, other: Plane): Segment | null {
  const normal = cross(other.columnDirection, other.rowDirection);
  const across = dot(normal, image.columnDirection) * image.columnSpacing;
  const down = dot(normal, image.rowDirection) * image.rowSpacing;
  const rest = dot(normal, minus(image.origin, other.origin));
  if (Math.hypot(dot(normal, image.columnDirection), dot(normal, image.rowDirection)) < LEAST_TURN) return null;
  const [left, top, right, bottom] = [-0.5, -0.5, columns - 0.5, rows - 0.5];
  // The line enters and leaves at two of the edges: the steeper its way, the more surely at the upper and lower one.
  const found: (readonly [number, number])[] = [];
  const steep = Math.abs(across) * (right - left) >= Math.abs(down) * (bottom - top);
  if (steep) for (const row of [top, bottom]) found.push([-(down * row + rest) / across, row]);
  else for (const column of [left, right]) found.push([column, -(across * column + rest) / down]);
  const [from, to] = found as [readonly [number, number], readonly [number, number]];
  const inside = ([column, row]: readonly [number, number]): boolean =>
    column >= left && column <= right && row >= top && row <= bottom;
  const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2] as const;
  return inside(from) || inside(to) || inside(middle) ? [from, to] : null;
}

/** How far the lines of a crosshair stay away from where they meet, in CSS pixels: what lies there is what is looked at. */
const CROSS_GAP = 14;

/** Lines as the path of an SVG element, in CSS pixels; two that meet leave the place free where they do. */
export function crosshairPath(lines: readonly Segment[], transform: PixelTransform): string {
  const drawn = lines.map(([from, to]) => [toScreen(transform, ...from), toScreen(transform, ...to)] as const);
  const [one, other] = drawn;
  const meeting = one && other && drawn.length === 2 ? meet(one, other) : null;
  const pieces = meeting ? drawn.flatMap((line) => around(line, meeting)) : drawn;
  return pieces.map((ends) => `M${ends.map((end) => end.map((at) => at.toFixed(1)).join(" ")).join("L")}`).join("");
}

function meet([a, b]: Segment, [c, d]: Segment): readonly [number, number] | null {
  const [along, across] = [[b[0] - a[0], b[1] - a[1]] as const, [d[0] - c[0], d[1] - c[1]] as const];
  const turn = along[0] * across[1] - along[1] * across[0];
  if (turn === 0) return null;
  const share = ((c[0] - a[0]) * across[1] - (c[1] - a[1]) * across[0]) / turn;
  return [a[0] + share * along[0], a[1] + share * along[1]];
}

/** The two pieces of a line on either side of a place on it. */
function around([from, to]: Segment, [x, y]: readonly [number, number]): Segment[] {
  return [from, to].flatMap((end): Segment[] => {
    const [right, down] = [end[0] - x, end[1] - y];
    const length = Math.hypot(right, down);
    if (length <= CROSS_GAP) return [];
    return [[end, [x + (right / length) * CROSS_GAP, y + (down / length) * CROSS_GAP]]];
  });
}

/** Planes that are turned against each other by less than a sine of this (6 degrees) count as parallel. */
const LEAST_TURN = 0.1;

/** The letters at the four edges: right, left, anterior, posterior, head, feet, the strongest first. */
export function edgeLetters(plane: Plane): EdgeLetters {
  return {
    right: letters(plane.columnDirection),
    left: letters(negated(plane.columnDirection)),
    bottom: letters(plane.rowDirection),
    top: letters(negated(plane.rowDirection)),
  };
}

/** The length of a scale bar that suits a screen, in mm: 10, 20, 50, 100 or 200, the longest within `longest` CSS pixels. */
export function scaleBarLength(pixelsPerMillimetre: number, longest: number): number {
  const lengths = [200, 100, 50, 20, 10, 5, 2];
  return lengths.find((length) => length * pixelsPerMillimetre <= longest) ?? 1;
}

export const toScreen = (transform: PixelTransform, column: number, row: number): [number, number] => [
  transform.a * column + transform.c * row + transform.e,
  transform.b * column + transform.d * row + transform.f,
];

/** The inverse of {@link toScreen}: [column, row] under a CSS pixel. */
export function toPixel(transform: PixelTransform, x: number, y: number): [number, number] {
  const { a, b, c, d, e, f } = transform;
  const determinant = a * d - b * c;
  return [(d * (x - e) - c * (y - f)) / determinant, (a * (y - f) - b * (x - e)) / determinant];
}

function numbers(metadata: DicomJson, tag: string, count: number): number[] {
  const values = (metadata[tag]?.Value ?? []).map(Number);
  if (values.length !== count || values.some((value) => !Number.isFinite(value))) {
    throw new Error(`The slice has no usable attribute ${tag}. It cannot be shown in true proportions.`);
  }
  return values;
}

const vector = (values: readonly number[], from: number): Vector => [
  values[from] as number,
  values[from + 1] as number,
  values[from + 2] as number,
];

const dot = (left: Vector, right: Vector): number => left[0] * right[0] + left[1] * right[1] + left[2] * right[2];

const minus = (left: Vector, right: Vector): Vector => [left[0] - right[0], left[1] - right[1], left[2] - right[2]];

const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

const negated = ([x, y, z]: Vector): Vector => [-x, -y, -z];

/** Components under this share of the direction are not worth a letter (about 18 degrees off the axis). */
const LETTER_FROM = 0.3;

function letters([x, y, z]: Vector): string {
  const parts: [number, string][] = [
    [Math.abs(x), x > 0 ? "L" : "R"],
    [Math.abs(y), y > 0 ? "P" : "A"],
    [Math.abs(z), z > 0 ? "H" : "F"],
  ];
  return parts
    .filter(([share]) => share >= LETTER_FROM)
    .sort(([left], [right]) => right - left)
    .map(([, letter]) => letter)
    .join("");
}
