/** Directions and distances of a slice, from its DICOM attributes (PS3.3 C.7.6.2.1.1). LPS, millimetres. */

/** The DICOM JSON model of one instance (PS3.18 F.2), as far as it is read here. */
export type DicomJson = Readonly<Record<string, { readonly vr?: string; readonly Value?: readonly unknown[] }>>;

type Vector = readonly [number, number, number];

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
