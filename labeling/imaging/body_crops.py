"""A vertebral body as people look at it: a window of fixed millimetres about its middle, out of one sagittal slice."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from labeling.imaging.planes import AIR, Plane
from labeling.imaging.vertebral_crops import windowed

__all__ = ["BONE", "PIXEL_MM", "SIZE_MM", "body_crop", "place_in_crop", "png"]

#: Height and width of a crop in millimetres: a lumbar body with half of each neighbour.
SIZE_MM = (72.0, 72.0)
#: Finer than scanners resolve, so that no crop is coarser than its slice.
PIXEL_MM = 0.3
#: HU: level 400, width 1800, as the reading room shows bone.
BONE = (-500.0, 1300.0)


def body_crop(plane: Plane, box: tuple[float, ...]) -> NDArray[np.uint8]:
    """The crop about the middle of a body, black outside the image.

    Parameters
    ----------
    plane
        A sagittal slice in HU.
    box
        Millimetres, LPS: x0, x1, y0, y1, z0, z1 of the body.

    Returns
    -------
    (height, width) of `SIZE_MM` at `PIXEL_MM`, the same for every stack, whatever its spacing.
    """
    height, width = (round(side / PIXEL_MM) for side in SIZE_MM)
    column, row = plane.pixel_of(_middle(box))
    down = row + (np.arange(height) - (height - 1) / 2) * PIXEL_MM / plane.spacing[0]
    right = column + (np.arange(width) - (width - 1) / 2) * PIXEL_MM / plane.spacing[1]
    places = np.meshgrid(down, right, indexing="ij")
    values = map_coordinates(plane.values.astype(np.float32), places, order=1, mode="constant", cval=AIR)
    return windowed(values, BONE)


def place_in_crop(plane: Plane, box: tuple[float, ...], column: float, row: float) -> tuple[float, float]:
    """(x, y) in pixels of the crop of a place (column, row) of the slice; the middle of the first pixel is 0, 0."""
    middle_column, middle_row = plane.pixel_of(_middle(box))
    height, width = (round(side / PIXEL_MM) for side in SIZE_MM)
    x = (column - middle_column) * plane.spacing[1] / PIXEL_MM + (width - 1) / 2
    y = (row - middle_row) * plane.spacing[0] / PIXEL_MM + (height - 1) / 2
    return x, y


def png(crop: NDArray[np.uint8]) -> bytes:
    """The crop as PNG: the same pixels give the same bytes."""
    out = io.BytesIO()
    Image.fromarray(crop, "L").save(out, "PNG", optimize=False)
    return out.getvalue()


def _middle(box: tuple[float, ...]) -> tuple[float, float, float]:
    x0, x1, y0, y1, z0, z1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2
