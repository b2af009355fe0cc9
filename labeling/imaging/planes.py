"""Planes through a CT volume: axial and coronal beside the sagittal slice that is read, and the sagittal of a prior.

Every plane hangs as radiologists hang it: axial seen from the feet (columns from the patient's right to left, rows from
front to back), coronal seen from the front (right to left, head to feet), sagittal as the stack (front to back, head to
feet). Where the axes of the volume run along those of the patient, a plane is its samples and no value is computed;
where they do not (oblique slices, a tilted gantry), it is interpolated on a grid along the patient's axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from .geometry import Flips, Floats, Geometry, Order, canonical_order
from .volume import reordered

__all__ = ["AIR", "Plane", "axial_order", "axial_plane", "coronal_plane", "hounsfield", "sagittal_plane"]

#: HU of what lies outside an interpolated volume.
AIR = -1024

#: How far, in millimetres, a voxel may lie beside the straight line along its axis before the volume counts as oblique.
_STRAIGHT_MM = 0.1

#: An interpolated plane has at most this many pixels along an edge; its pixels grow where that is not enough.
_MOST_PIXELS = 2048

#: Shares of a voxel. A grid that ends on the last voxel must not fall off it by rounding.
_HAIR = 1e-6

_X, _Y, _Z = np.eye(3)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One plane and where it lies.

    Parameters
    ----------
    values
        (rows, columns), int16, HU.
    spacing
        Millimetres between rows and between columns.
    origin
        Centre of the first pixel, millimetres in LPS.
    right, down
        Unit vectors in LPS along which columns and rows grow.
    position
        Where the plane lies, in millimetres: z of an axial, y of a coronal, the distance along the normal of a
        sagittal plane.
    step
        Millimetres to the next plane.
    index, count
        Its place among the planes of the volume, from 0: axial from head to feet, coronal from front to back, sagittal
        from the patient's right to left.
    """

    values: NDArray[np.int16]
    spacing: tuple[float, float]
    origin: Floats
    right: Floats
    down: Floats
    position: float
    step: float
    index: int
    count: int

    def pixel_of(self, point: ArrayLike) -> tuple[float, float]:
        """(column, row) of the foot of the perpendicular from a point (x, y, z) in millimetres, LPS."""
        offset = np.asarray(point, dtype=np.float64) - self.origin
        return float(offset @ self.right) / self.spacing[1], float(offset @ self.down) / self.spacing[0]


def hounsfield(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[np.int16]:
    """HU of stored values, a new array of int16: rounded where the rescale is broken, held at the ends of the type."""
    if float(slope).is_integer() and float(intercept).is_integer():
        exact = stored.astype(np.int32) * int(slope) + int(intercept)
        return np.clip(exact, -32768, 32767).astype(np.int16)
    return np.clip(np.rint(stored.astype(np.float64) * slope + intercept), -32768, 32767).astype(np.int16)


def axial_order(geometry: Geometry) -> tuple[Order, Flips]:
    """The permutation and flips that make the axes run head to feet, front to back, right to left, as near as they can.

    As `canonical_order`, with the axes in the order in which an axial plane is one block of memory.
    """
    (across, along, through), (flip_across, flip_along, flip_through) = canonical_order(geometry)
    return (along, through, across), (flip_along, flip_through, flip_across)


def axial_plane(array: NDArray[np.int16], geometry: Geometry, z: float) -> Plane:
    """The axial plane nearest to `z` (millimetres, LPS); a `z` beyond the volume gives its first or last plane.

    Parameters
    ----------
    array
        HU, int16, of the shape of the geometry; any orientation, may be memory-mapped.
    """
    order, flips = axial_order(geometry)
    ordered = geometry.permuted(order, flips)
    if not _is_straight(ordered):
        return _interpolated(array, geometry, _Z, z, right=_X, down=_Y, towards=-1)
    step, rows, columns = ordered.spacing.tolist()
    index = _nearest((ordered.origin[2] - z) / step, ordered.shape[0])
    values = np.ascontiguousarray(reordered(array, order, flips)[index])
    origin = ordered.to_patient((index, 0, 0))
    return Plane(values, (rows, columns), origin, _X, _Y, float(origin[2]), step, index, ordered.shape[0])


def coronal_plane(array: NDArray[np.int16], geometry: Geometry, y: float) -> Plane:
    """The coronal plane nearest to `y` (millimetres, LPS); otherwise as `axial_plane`."""
    order, flips = axial_order(geometry)
    ordered = geometry.permuted(order, flips)
    if not _is_straight(ordered):
        return _interpolated(array, geometry, _Y, y, right=_X, down=-_Z, towards=1)
    rows, step, columns = ordered.spacing.tolist()
    index = _nearest((y - ordered.origin[1]) / step, ordered.shape[1])
    values = np.ascontiguousarray(reordered(array, order, flips)[:, index])
    origin = ordered.to_patient((0, index, 0))
    return Plane(values, (rows, columns), origin, _X, -_Z, float(origin[1]), step, index, ordered.shape[1])


def sagittal_plane(frame: NDArray[np.int16], geometry: Geometry, k: int) -> Plane:
    """Slice `k` of a sagittal stack as it lies, oblique or not.

    Parameters
    ----------
    frame
        HU (rows, columns) of that slice.
    geometry
        Of the whole stack: axes right to left, head to feet, front to back, as `canonical_order` has them.

    Raises
    ------
    ValueError
        where the frame has not the shape of the stack, or `k` is none of its slices.
    """
    if frame.shape != geometry.shape[1:] or not 0 <= k < geometry.shape[0]:
        raise ValueError(f"Slice {k} of shape {frame.shape} is none of a stack of {geometry.shape}.")
    step, rows, columns = geometry.spacing.tolist()
    directions = geometry.directions
    origin = geometry.to_patient((k, 0, 0))
    along = float(origin @ directions[:, 0])
    return Plane(frame, (rows, columns), origin, directions[:, 2], directions[:, 1], along, step, k, geometry.shape[0])


def _is_straight(geometry: Geometry) -> bool:
    """Whether the axes, in the order of `axial_order`, run along z, y and x over the whole volume."""
    beside = geometry.affine[:3, :3].copy()
    beside[[2, 1, 0], [0, 1, 2]] = 0.0
    drift = np.abs(beside) * (np.array(geometry.shape) - 1)
    return bool(drift.max() <= _STRAIGHT_MM)


def _nearest(place: float, count: int) -> int:
    return min(max(math.floor(place + 0.5), 0), count - 1)


def _interpolated(
    array: NDArray[np.int16],
    geometry: Geometry,
    normal: Floats,
    position: float,
    *,
    right: Floats,
    down: Floats,
    towards: int,
) -> Plane:
    """A plane on a grid of square pixels along the patient's axes that holds the whole volume, trilinear.

    The grid is the same for every plane of a volume, so that planes lie upon each other. `towards` is the sign in which
    planes are counted along the normal.
    """
    corners = geometry.to_patient(np.array(np.meshgrid(*[(0, n - 1) for n in geometry.shape])).reshape(3, -1).T)
    finest = float(geometry.spacing.min())
    start, rows, pixel_rows = _extent(corners @ down, finest)
    left, columns, pixel_columns = _extent(corners @ right, finest)
    pixel = max(pixel_rows, pixel_columns)
    rows, columns = _pixels(rows, pixel), _pixels(columns, pixel)

    # Of the axis that runs along the normal most; of a tilted gantry the table feed, not the way along the tilt.
    step = float(np.abs(normal @ geometry.affine[:3, int(np.abs(normal @ geometry.directions).argmax())]))
    first, depth, _ = _extent(corners @ normal * towards, step)
    count = _pixels(depth, step)
    index = _nearest((position * towards - first) / step, count)
    at = (first + index * step) * towards

    origin = right * left + down * start + normal * at
    inverse = np.linalg.inv(geometry.affine[:3, :3])
    per_row, per_column = inverse @ down * pixel, inverse @ right * pixel
    where = (
        geometry.to_index(origin)[:, None, None]
        + per_row[:, None, None] * np.arange(rows)[None, :, None]
        + per_column[:, None, None] * np.arange(columns)[None, None, :]
    )
    _onto_the_edge(where, geometry.shape)
    values = map_coordinates(array, where, output=np.float32, order=1, mode="constant", cval=AIR)
    return Plane(np.rint(values).astype(np.int16), (pixel, pixel), origin, right, down, at, step, index, count)


def _extent(along: Floats, spacing: float) -> tuple[float, float, float]:
    """Start and length in millimetres of the corners along an axis, and a pixel that covers it in `_MOST_PIXELS`."""
    start, length = float(along.min()), float(np.ptp(along))
    return start, length, max(spacing, length / (_MOST_PIXELS - 1))


def _pixels(length: float, pixel: float) -> int:
    return math.floor(length / pixel + _HAIR) + 1


def _onto_the_edge(where: Floats, shape: tuple[int, int, int]) -> None:
    """Bring coordinates that lie a hair outside onto the first or last voxel, in place."""
    for axis, count in enumerate(shape):
        along, last = where[axis], count - 1
        along[(along < 0) & (along > -_HAIR)] = 0
        along[(along > last) & (along < last + _HAIR)] = last
