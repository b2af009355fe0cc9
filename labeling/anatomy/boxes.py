"""A body placed by hand: the usual size of each level, the box about a click, and the slices that the box crosses.

A box is axis-aligned in millimetres, LPS: (x0, x1, y0, y1, z0, z1), the outer borders of a vertebral body. A reader
clicks the centre of a body; what they see of the box they pull to size.

Sizes
-----
Mean of women and men, supine CT. Endplate width and depth: cadaver series of Panjabi (Spine 1991, 1992) lifted to CT by
the depths of Cook (Int J Spine Surg 2021;15:1072, 196 CT, L5) and the rise of Palm (Sci Rep 2025, 3,117 vertebrae).
Height: mean of the anterior and the posterior one, anterior by the wedge of Masharawi (Eur Spine J 2010;19:768) and Apr
(Surg Radiol Anat 2011;33:223). Between persons all scatter by 7 to 8 % (SD). T13 is taken as T12, L6 as L5.
C1 has no body: its box is the ring with its transverse processes, as in a mask (width 71 to 72 mm, depth 42 mm:
Patel, Int J Res Med Sci, and Rekha, Int J Anat Res 2016;4:1981, 100 dry bones each; height of the lateral masses,
rounded). The body of C2 is measured with its dens (body 21 mm, dens 18 mm: Teo, J Spine; depth 15 mm: Gosavi 2012, 100
dry bones; width after C3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.levels import LEVELS, rank
from labeling.imaging.geometry import Geometry

__all__ = [
    "EDGES",
    "Box",
    "body_size",
    "body_sizes",
    "box_at",
    "centre_of",
    "extent_of",
    "nearest_edge",
    "overlap",
    "spine_axes",
]

Box = tuple[float, float, float, float, float, float]
"""(x0, x1, y0, y1, z0, z1) in mm, LPS."""

Point = Sequence[float]
Floats = NDArray[np.float64]

EDGES: tuple[str, ...] = ("top", "bottom", "left", "right", "front", "back")
"""Where a body can leave the image, in words of the patient."""

#: Level -> endplate width, endplate depth, height, in mm.
_SIZES: dict[str, tuple[float, float, float]] = {
    "C1": (72.0, 42.0, 20.0),
    "C2": (18.0, 15.5, 38.0),
    "C3": (18.3, 15.3, 13.5),
    "C4": (19.0, 15.3, 13.2),
    "C5": (20.0, 15.8, 12.8),
    "C6": (22.0, 16.3, 12.9),
    "C7": (25.8, 16.8, 14.4),
    "T1": (28.3, 18.5, 16.4),
    "T2": (27.5, 19.5, 17.3),
    "T3": (26.5, 22.0, 17.6),
    "T4": (27.0, 23.3, 17.9),
    "T5": (27.8, 24.8, 18.2),
    "T6": (29.3, 26.5, 18.7),
    "T7": (30.8, 28.0, 19.3),
    "T8": (32.3, 29.0, 20.1),
    "T9": (34.0, 30.0, 20.8),
    "T10": (36.5, 30.5, 22.1),
    "T11": (39.3, 31.3, 23.3),
    "T12": (42.5, 32.3, 24.9),
    "T13": (42.5, 32.3, 24.9),
    "L1": (44.5, 33.3, 26.6),
    "L2": (46.3, 34.3, 27.5),
    "L3": (48.3, 35.3, 27.8),
    "L4": (50.0, 35.5, 27.8),
    "L5": (52.0, 35.0, 28.2),
    "L6": (52.0, 35.0, 28.2),
}

#: Of a body whose level nobody knows: between the thoracic and the lumbar ones, where most spines are scanned.
_ANY_LEVEL = _SIZES["T12"]


def body_size(level: str) -> tuple[float, float, float]:
    """Width, depth and height in mm of a usual body of this level; of '' (not known) those of T12.

    Raises
    ------
    ValueError
        where `level` is no level.
    """
    if not level:
        return _ANY_LEVEL
    return _SIZES[LEVELS[rank(level)]]


def body_sizes() -> Mapping[str, tuple[float, float, float]]:
    """`body_size` of every level, and of ''."""
    return {level: body_size(level) for level in ("", *LEVELS)}


def box_at(point: Point, level: str, *, axis: Point = (0.0, 0.0, 1.0), scale: float = 1.0) -> Box:
    """The box about a body of usual size whose centre is `point`.

    Parameters
    ----------
    point
        Centre of the body in mm, LPS.
    level
        C1 ... L6, or '' where it is not known.
    axis
        Direction of the spine there, toward the head; any length. A body that stands aslant needs a larger box.
    scale
        Of this patient against the mean, 1 unless something is known.

    Raises
    ------
    ValueError
        where a number is not finite, the axis is nothing, the scale is not positive, or `level` is no level.
    """
    centre = np.asarray(point, dtype=np.float64)
    size = np.array(body_size(level)) * scale
    up = np.asarray(axis, dtype=np.float64)
    length = float(np.linalg.norm(up))
    if centre.shape != (3,) or up.shape != (3,) or not (np.isfinite(centre).all() and np.isfinite(length)):
        raise ValueError("A body is placed at three finite numbers. Click it again.")
    if length == 0 or not (np.isfinite(scale) and scale > 0):
        raise ValueError("A body needs a direction and a scale that are not nothing.")
    half = 0.5 * np.abs(_frame(up / length)) @ size
    (x0, y0, z0), (x1, y1, z1) = (centre - half).tolist(), (centre + half).tolist()
    return (x0, x1, y0, y1, z0, z1)


def _frame(up: Floats) -> Floats:
    """3x3: unit columns along the width, the depth and the height of a body whose height runs along `up`.

    The width keeps as near to the patient's left as it can: clicks say nothing of a turn about the spine.
    """
    left = np.array([1.0, 0.0, 0.0])
    if abs(float(up @ left)) > 0.99:
        left = np.array([0.0, 1.0, 0.0])
    width = left - (left @ up) * up
    width /= np.linalg.norm(width)
    return np.stack([width, np.cross(up, width), up], axis=1)


def spine_axes(points: Sequence[Point]) -> list[tuple[float, float, float]]:
    """The direction of the spine, toward the head, at each of a row of centres from head to feet; mm, LPS.

    At a centre between two others it is the line through both, at an end the line to the one neighbour; of a single
    centre, and of centres that coincide, straight up.
    """
    centres = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    axes = []
    for place in range(len(centres)):
        above, below = centres[max(place - 1, 0)], centres[min(place + 1, len(centres) - 1)]
        length = float(np.linalg.norm(above - below))
        x, y, z = ((above - below) / length).tolist() if length > 0 else (0.0, 0.0, 1.0)
        axes.append((x, y, z))
    return axes


def centre_of(box: Box) -> tuple[float, float, float]:
    """The middle of a box in mm, LPS."""
    x0, x1, y0, y1, z0, z1 = box
    return ((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2)


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """The volume that two boxes share, as a share (0 to 1) of what they cover together."""
    a, b = (np.asarray(box, dtype=np.float64).reshape(3, 2) for box in (one, other))
    shared = float(np.prod(np.clip(np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0]), 0.0, None)))
    together = float(np.prod(a[:, 1] - a[:, 0]) + np.prod(b[:, 1] - b[:, 0])) - shared
    return shared / together if together > 0 else 0.0


def extent_of(box: Box, geometry: Geometry) -> tuple[int, int]:
    """First and last slice, inclusive, whose centre plane the box crosses on the line from its right to its left.

    A box between two planes gives the nearest slice. What lies beside the stack is cut off.

    Raises
    ------
    ValueError
        where the whole box lies beside the stack, or is no box.
    """
    if not all(np.isfinite(box)) or not (box[0] < box[1] and box[2] < box[3] and box[4] < box[5]):
        raise ValueError("A box runs from a smaller to a larger number on each axis.")
    _, y, z = centre_of(box)
    ends = geometry.to_index([(box[0], y, z), (box[1], y, z)])[:, 0]
    low, high = float(ends.min()), float(ends.max())
    last = geometry.shape[0] - 1
    if high < -0.5 or low > last + 0.5:
        raise ValueError("The box lies beside the slices of this case. Place it on a slice.")
    # A border that lies on a plane to a thousandth of a slice crosses it, whatever rounding says.
    first_k, last_k = ceil(low - 1e-3), floor(high + 1e-3)
    if first_k > last_k:
        first_k = last_k = round((low + high) / 2)
    return min(max(first_k, 0), last), max(min(last_k, last), 0)


def nearest_edge(box: Box, geometry: Geometry) -> str:
    """The border of the stack, one of `EDGES`, that a box is nearest to or reaches furthest beyond."""
    corners = np.array(np.meshgrid(box[0:2], box[2:4], box[4:6])).reshape(3, -1).T
    index = geometry.to_index(corners)
    low, high = index.min(axis=0) * geometry.spacing, index.max(axis=0) * geometry.spacing
    field = (np.array(geometry.shape) - 1) * geometry.spacing
    # Slices run from the patient's right to left, rows from head to feet, columns from front to back.
    gaps = {
        "top": low[1],
        "bottom": field[1] - high[1],
        "left": field[0] - high[0],
        "right": low[0],
        "front": low[2],
        "back": field[2] - high[2],
    }
    return min(EDGES, key=lambda edge: float(gaps[edge]))
