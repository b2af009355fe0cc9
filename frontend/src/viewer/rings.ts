/** Closed polygons of [column, row] in pixel coordinates, where 0, 0 is the centre of the first pixel. */

export type PixelPoint = readonly [number, number];
/** The first point is not repeated at the end. */
export type Ring = readonly PixelPoint[];

/** In square pixels, by the shoelace formula. */
export function areaOf(ring: Ring): number {
  const twice = ring.reduce((sum, [x1, y1], index) => {
    const [x2, y2] = ring[(index + 1) % ring.length] as PixelPoint;
    return sum + x1 * y2 - x2 * y1;
  }, 0);
  return Math.abs(twice) / 2;
}

/** Whether a point lies inside, by the even-odd rule. */
export function contains(ring: Ring, column: number, row: number): boolean {
  let inside = false;
  ring.forEach(([x1, y1], index) => {
    const [x2, y2] = ring[(index + 1) % ring.length] as PixelPoint;
    if (y1 > row !== y2 > row && column < ((x2 - x1) * (row - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

/** The part of a ring on one side of a line: where `side` is not negative. `side` must be linear. */
export function cutBy(ring: Ring, side: (point: PixelPoint) => number): Ring {
  return ring.flatMap((point, index): PixelPoint[] => {
    const next = ring[(index + 1) % ring.length] as PixelPoint;
    const [here, there] = [side(point), side(next)];
    const kept = here >= 0 ? [point] : [];
    if (here >= 0 === there >= 0) return kept;
    const share = here / (here - there);
    return [...kept, [point[0] + share * (next[0] - point[0]), point[1] + share * (next[1] - point[1])]];
  });
}
