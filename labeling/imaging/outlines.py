"""Outlines of the labels of a stack as polygons: kilobytes per slice, drawn by the browser over the image.

The shape that is stored and served::

    {"<k>": {"<label>": [ring, ...]}}        ring = [[column, row], ...]

Slices and labels without voxels are left out. A ring is not closed (its first point is not repeated) and its
coordinates are pixels, where ``0, 0`` is the **centre** of the first pixel of the slice. A hole is a ring of its own:
fill with the even-odd rule.

The line runs half way between the centres of labelled and unlabelled pixels. It is not smoothed further: a reader must
see what the mask says, and polygon and mask agree to a third of a pixel.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

__all__ = ["Outlines", "Ring", "decode", "encode", "outlines"]

Ring = list[tuple[float, float]]
Outlines = dict[int, dict[int, list[Ring]]]

TOLERANCE_PIXELS = 0.3
"""How far a left-out corner may lie from the line that replaces it."""

_DECIMALS = 2


def outlines(labels: NDArray[np.integer]) -> Outlines:
    """The outline of each label in each slice.

    Parameters
    ----------
    labels
        (k, r, c) integers, 0 = nothing.

    Returns
    -------
    ``{k: {label: [ring, ...]}}`` with rings of (column, row) as the module says; holes are rings of their own.
    """
    result: Outlines = {}
    for k in range(labels.shape[0]):
        found = _of_slice(labels[k])
        if found:
            result[k] = found
    return result


def encode(polygons: Mapping[int, Mapping[int, list[Ring]]]) -> bytes:
    """Gzipped compact JSON of outlines; the same outlines give the same bytes."""
    shaped = {str(k): {str(label): rings for label, rings in of_slice.items()} for k, of_slice in polygons.items()}
    return gzip.compress(json.dumps(shaped, separators=(",", ":"), sort_keys=True).encode(), mtime=0)


def decode(data: bytes) -> Outlines:
    """What `encode` was given; coordinates to a hundredth of a pixel."""
    shaped = json.loads(gzip.decompress(data))
    return {
        int(k): {int(label): [[(c, r) for c, r in ring] for ring in rings] for label, rings in of_slice.items()}
        for k, of_slice in shaped.items()
    }


def _of_slice(plane: NDArray[np.integer]) -> dict[int, list[Ring]]:
    found: dict[int, list[Ring]] = {}
    for label, region in enumerate(ndimage.find_objects(plane), start=1):
        if region is None:
            continue
        # Padded, so that what touches the border of the slice is closed there and not left open.
        padded = np.pad(plane[region] == label, 1).astype(np.float64)
        rings = [_ring(contour, region[0].start - 1, region[1].start - 1) for contour in _contours(padded)]
        found[label] = rings
    return found


def _contours(mask: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Closed contours (n, 2) of (row, column), the first point repeated at the end."""
    # 'low': pixels that meet at a corner only are two rings and not a figure of eight.
    return list(measure.find_contours(mask, 0.5, fully_connected="low"))


def _ring(contour: NDArray[np.float64], row: int, column: int) -> Ring:
    simple = measure.approximate_polygon(contour, TOLERANCE_PIXELS)
    if len(simple) < 4:
        simple = contour  # a single pixel: its diamond is smaller than any tolerance
    return [(round(float(c) + column, _DECIMALS), round(float(r) + row, _DECIMALS)) for r, c in simple[:-1]]
