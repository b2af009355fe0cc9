"""The line through the vertebral bodies of a mask: where the spine runs, before anything is known of single vertebrae.

In the plane across the body a vertebra is massive (its greatest inscribed circle measures 7 to 18 mm) and an arch is
thin (under 6 mm), also where the body is crushed to a third of its height. The line is the path from the head to the
feet that gathers the largest circles, found by dynamic programming and smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

__all__ = ["STEP_MM", "Curve", "Grid", "spine_curve", "working_grid"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

WORKING_MM = 1.6
"""Voxels finer than this are pooled: where a vertebra ends and the next begins needs no finer grid."""

USUAL_PERCENT = 70
"""Rank of the circle that is usual among those of a body and its neighbours: broken ones are smaller."""

THIN_MM = 15.0
"""A mask of less than this from right to left holds slices of bodies and not bodies."""

PATH_MM = 3.0
"""Grid on which the path is looked for."""

THICK_MM = 15.0
"""Circles beyond this radius count no more: the path is to follow the bodies and not their broadest one."""

ARCH_MM = 4.0
"""Circles up to this radius are those of arches and carry no weight in the smoothed line."""

SIDESTEP = 2.0
"""Cost in mm2 of circle radius of a step aside, per mm2 of its square."""

SMOOTHING_MM = 14.0
"""Half a vertebra: the line follows the curvature of the spine and not the corners of the bodies."""

BODY_MM = 30.0
"""About the height of a body with its disc."""

STEP_MM = 0.5
"""Distance of the samples of the line."""

BEYOND_MM = 25.0
"""How far the line is carried on beyond the mask."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A label map cropped to what it holds and pooled to `WORKING_MM`.

    values
        (k, r, c) uint16, the labels; 0 = nothing.
    spacing
        mm along the axes.
    region
        Where it lies in the whole array.
    step
        Voxels of the whole array per voxel along each axis.
    """

    values: NDArray[np.uint16]
    spacing: Floats
    region: tuple[slice, slice, slice]
    step: tuple[int, int, int]

    @property
    def mask(self) -> Mask:
        """Where there is something."""
        result: Mask = self.values > 0
        return result

    def spread(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An array of the grid on the voxels of the region of the whole array."""
        for axis, step in enumerate(self.step):
            array = np.repeat(array, step, axis=axis) if step > 1 else array
        shape = [part.stop - part.start for part in self.region]
        return array[: shape[0], : shape[1], : shape[2]]


@dataclass(frozen=True, eq=False)
class Curve:
    """Samples of the line from head to feet, `STEP_MM` apart along it; n of them.

    points
        (n, 3) in mm of the grid (k, r, c).
    down, left, back
        (n, 3) unit vectors along the line, to the patient's left across it, and to the back across it.
    radius
        (n,) mm: the circle that fits into the bodies about.
    circle
        (n,) mm: the circle that fits right there.
    first, last
        The samples between which there is something.
    """

    points: Floats
    down: Floats
    left: Floats
    back: Floats
    radius: Floats
    circle: Floats
    first: int
    last: int

    def nearest(self, positions: Floats) -> NDArray[np.intp]:
        """The sample next to each of positions (m, 3), mm of the grid."""
        result: NDArray[np.intp] = cKDTree(self.points).query(positions)[1]
        return result

    def across(self, spacing: Floats, reach: float) -> Floats:
        """(n, m, 3) voxel coordinates spread over discs across the line, of `reach` times the radius of the bodies."""
        x, y = _disc()
        aside = x[None, :, None] * self.left[:, None, :] + y[None, :, None] * self.back[:, None, :]
        return (self.points[:, None, :] + reach * self.radius[:, None, None] * aside) / spacing


def _disc() -> tuple[Floats, Floats]:
    """Points (x, y) spread evenly over a disc of radius 1."""
    u = np.linspace(-1.0, 1.0, 7)
    x, y = (side.ravel() for side in np.meshgrid(u, u, indexing="ij"))
    inside = x**2 + y**2 <= 1.0 + 1e-9
    return x[inside], y[inside]


def working_grid(labels: NDArray[np.uint8] | NDArray[np.uint16], spacing: Floats) -> Grid | None:
    """The labels (k, r, c), cropped and pooled; None where all of them are 0.

    A pooled voxel holds something where at least half of it does, and then the label in its middle. One voxel of
    nothing is kept about what is there, except where the array itself ends, and beside a few slices in the middle of a
    spine: its bodies are taken to go on there.
    """
    region = _region(labels)
    if region is None:
        return None
    used = np.flatnonzero(labels[region].any(axis=(1, 2))) + region[0].start
    if len(used) * spacing[0] < THIN_MM:
        region = (slice(int(used[0]), int(used[-1]) + 1), region[1], region[2])
    step = tuple(max(1, int((WORKING_MM + 1e-3) // float(mm))) for mm in spacing)
    inside = np.ascontiguousarray(labels[region])
    values = inside.astype(np.uint16)
    if max(step) > 1:
        held: Mask = np.greater(inside, 0)
        full = _pooled(held, step)
        middle = tuple(np.minimum(np.arange(n) * s + s // 2, inside.shape[a] - 1) for a, (n, s) in _axes(full, step))
        values = inside[np.ix_(*middle)].astype(np.uint16)
        if (full & (values == 0)).any():
            # The middle of a half full voxel may be empty: any label within it will do.
            largest: NDArray[Any] = inside
            for axis, size in enumerate(step):
                largest = np.maximum.reduceat(largest, np.arange(0, inside.shape[axis], size), axis=axis)
            values = np.where(values == 0, largest, values).astype(np.uint16)
        values[~full] = 0
    return Grid(values, spacing * np.array(step), region, (step[0], step[1], step[2]))


def _axes(array: Mask, step: tuple[int, ...]) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(zip(array.shape, step, strict=True)))


def _region(labels: NDArray[np.uint8] | NDArray[np.uint16]) -> tuple[slice, slice, slice] | None:
    # The rows first: what is left after them is small.
    parts: list[slice] = [slice(0, n) for n in labels.shape]
    for axis in (1, 0, 2):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(labels[tuple(parts)].any(axis=others))
        if not len(used):
            return None
        low = max(0, int(used[0]) - 1)
        parts[axis] = slice(low, min(labels.shape[axis], int(used[-1]) + 2))
    return parts[0], parts[1], parts[2]


def _pooled(mask: Mask, step: tuple[int, ...]) -> Mask:
    """Whether at least half of each block of `step` voxels is set; blocks at the end may be smaller."""
    counts = mask.view(np.uint8)
    sizes = np.ones((1, 1, 1), dtype=np.int64)
    for axis, size in enumerate(step):
        starts = np.arange(0, mask.shape[axis], size)
        counts = np.add.reduceat(counts, starts, axis=axis, dtype=np.uint16)
        shape = [1, 1, 1]
        shape[axis] = len(starts)
        sizes = sizes * np.diff([*starts, mask.shape[axis]]).reshape(shape)
    result: Mask = 2 * counts.astype(np.int64) >= sizes
    return result


def spine_curve(mask: Mask, spacing: Floats) -> Curve:
    """The line through the bodies of a mask (k, r, c), not empty; rows run from head to feet.

    Where the array ends beside the mask the bodies are taken to go on: a cut spine has its line in the middle of what
    is in view.
    """
    circles = _circles(mask, spacing)
    step = np.maximum(1, np.rint(PATH_MM / spacing)).astype(int)
    # The largest circle of each block of rows, so that thin bodies on coarse rows are not stepped over.
    rows = np.arange(0, mask.shape[1], step[1])
    coarse = np.maximum.reduceat(circles, rows, axis=1)[:: step[0], :, :: step[2]]
    path = _best_path(np.minimum(coarse, THICK_MM) ** 2, spacing * step)
    k, c = path[:, 0], path[:, 1]
    along = coarse[k, np.arange(len(rows)), c]
    # A row of a block stands for its middle.
    heights = (rows + 0.5 * (np.minimum(rows + step[1], mask.shape[1]) - rows - 1)) * spacing[1]
    sides = np.stack([k * step[0] * spacing[0], c * step[2] * spacing[2]], axis=1)
    return _smoothed(heights, sides, along)


def _circles(mask: Mask, spacing: Floats) -> NDArray[np.float32]:
    """Radius in mm of the circle about each voxel that fits into its row (across the spine)."""
    if mask.all():
        return np.full(mask.shape, THICK_MM, dtype=np.float32)
    # Rows so far apart that the nearest nothing is always in the same row.
    distance = ndimage.distance_transform_edt(mask, sampling=(float(spacing[0]), 1e4, float(spacing[2])))
    result: NDArray[np.float32] = np.minimum(distance, 40.0).astype(np.float32)
    return result


def _best_path(gain: NDArray[np.float32], spacing: Floats) -> NDArray[np.intp]:
    """(rows, 2): the cell (k, c) of each row on the path with the greatest gain, few steps aside per row."""
    # A neck bends forward by more than 45 degrees in some; nothing bends so much to the side.
    sides = [(dk, dc) for dk in (-1, 0, 1) for dc in (-2, -1, 0, 1, 2)]
    # Straight ahead first: of equal ways the straight one is taken.
    sides.sort(key=lambda side: (abs(side[0]) + abs(side[1]), side))
    cost = [SIDESTEP * (abs(dk) * spacing[0] ** 2 + abs(dc) * spacing[2] ** 2) for dk, dc in sides]
    total = gain[:, 0, :].astype(np.float64)
    came: list[NDArray[np.int8]] = []
    for row in range(1, gain.shape[1]):
        padded = np.pad(total, 2, constant_values=-np.inf)
        options = np.stack(
            [
                padded[2 - dk : 2 - dk + total.shape[0], 2 - dc : 2 - dc + total.shape[1]] - price
                for (dk, dc), price in zip(sides, cost, strict=True)
            ]
        )
        best = options.argmax(axis=0)
        came.append(best.astype(np.int8))
        total = np.take_along_axis(options, best[None], axis=0)[0] + gain[:, row, :]
    k, c = (int(i) for i in np.unravel_index(int(total.argmax()), total.shape))
    path = [(k, c)]
    for best in reversed(came):
        dk, dc = sides[int(best[k, c])]
        k, c = k - dk, c - dc
        path.append((k, c))
    return np.array(path[::-1], dtype=np.intp)


def _smoothed(heights: Floats, sides: Floats, along: NDArray[np.float32]) -> Curve:
    """A line through points at these heights (n,) and sides (n, 2), weighted by their circles."""
    weights = np.maximum(along.astype(np.float64) - ARCH_MM, 0.02) ** 2
    solid = np.flatnonzero(along > ARCH_MM)
    ends = (heights[solid[0]], heights[solid[-1]]) if len(solid) else (heights[0], heights[-1])
    fine = np.arange(ends[0] - BEYOND_MM, ends[1] + BEYOND_MM + STEP_MM, STEP_MM)
    # Local straight lines and not local means: they are not drawn inward at the ends.
    at = np.clip(fine, *ends)[:, None]
    offset = heights[None, :] - at
    weight = weights * np.exp(-0.5 * (offset / SMOOTHING_MM) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    mean, middle = (weight * offset).sum(axis=1, keepdims=True), weight @ sides
    spread = (weight * (offset - mean) ** 2).sum(axis=1, keepdims=True)
    slope = (weight * (offset - mean)) @ sides / np.maximum(spread, 1e-6)
    aside = middle + np.where(spread > 1e-6, slope, 0.0) * (fine[:, None] - at - mean)
    points = np.stack([aside[:, 0], fine, aside[:, 1]], axis=1)
    return _framed(points, heights, along, ends)


def _framed(points: Floats, heights: Floats, along: NDArray[np.float32], ends: tuple[float, float]) -> Curve:
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    even = np.arange(0.0, length[-1], STEP_MM)
    even_points = np.stack([np.interp(even, length, points[:, axis]) for axis in range(3)], axis=1)
    down = np.gradient(even_points, axis=0)
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    across = np.array([1.0, 0.0, 0.0]) - down[:, :1] * down
    left = across / np.linalg.norm(across, axis=1, keepdims=True)
    back = np.cross(left, down)
    radius = np.maximum(np.interp(even_points[:, 1], heights, _widest(heights, along.astype(np.float64))), ARCH_MM)
    circle = np.interp(even_points[:, 1], heights, along.astype(np.float64))
    inside = np.flatnonzero((even_points[:, 1] >= ends[0] - 3.0) & (even_points[:, 1] <= ends[1] + 3.0))
    return Curve(even_points, down, left, back, radius, circle, int(inside[0]), int(inside[-1]))


def _widest(heights: Floats, along: Floats) -> Floats:
    """The circle of the body about each row, not of the disc or of a corner; of a broken one that of its neighbours."""
    step = float(np.diff(heights).mean()) if len(heights) > 1 else BODY_MM
    own, several = (max(1, round(reach / step) // 2 * 2 + 1) for reach in (BODY_MM, 3 * BODY_MM))
    largest = ndimage.maximum_filter1d(along, own, mode="nearest")
    # Not the median: at the end of a spine half of what is looked at is the broken body itself.
    usual = ndimage.percentile_filter(largest, USUAL_PERCENT, min(several, len(heights)), mode="reflect")
    result: Floats = np.maximum(largest, usual)
    return result
