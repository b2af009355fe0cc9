"""The pixels of vertebral slices: all slices of a vertebra at once, never one by one.

A crop lies on a square canvas. Where canvas and stack have parallel axes, which is all but always, an image is two
short weighted sums, one along the rows and one along the columns, over the block of voxels of all slices of a vertebra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from labeling.imaging.geometry import Geometry

__all__ = ["GRAY", "CropFrame", "frame_in_millimetres", "frame_in_pixels", "reach", "sampled", "stretched", "windowed"]

Floats = NDArray[np.float64]
Span = tuple[int, int]
Taps = tuple[NDArray[np.intp], NDArray[np.float32]]

GRAY: NDArray[np.uint8] = (np.linspace(0.0, 1.0, 256) * 255).astype(np.uint8)
"""The 8 bits that a picture of 256 grey levels holds: matplotlib's `gray` cuts off where it could round, so 24 of the
levels come out one lower. Kept, because the published network saw such pictures."""

SQUARE = 1e-3
"""Share by which pixels may differ in height and width and still count as square."""

SHEARED = 1e-3
"""Cosine between rows and columns from which they count as not perpendicular (0.06 degrees)."""


@dataclass(frozen=True, slots=True, eq=False)
class CropFrame:
    """Where the images of one vertebra lie in the slices of their stack.

    affine
        2x3: maps canvas pixels (y, x, 1), zero-based centres, to (row, column) of the stack.
    content
        (top, left, height, width) of the crop on the canvas; around it images are 0.
    pixel_mm
        Millimetres between canvas pixels along y and x.
    """

    affine: Floats
    content: tuple[int, int, int, int]
    pixel_mm: tuple[float, float]

    @property
    def is_straight(self) -> bool:
        return bool(self.affine[0, 1] == 0 and self.affine[1, 0] == 0)

    def rows(self) -> Floats:
        """Rows of the stack at the pixels of the crop from top to bottom, where the frame is straight."""
        top, _, height, _ = self.content
        places: Floats = self.affine[0, 0] * np.arange(top, top + height) + self.affine[0, 2]
        return places

    def columns(self) -> Floats:
        """As `rows`, from left to right."""
        _, left, _, width = self.content
        places: Floats = self.affine[1, 1] * np.arange(left, left + width) + self.affine[1, 2]
        return places


def frame_in_millimetres(
    geometry: Geometry, rows: Span, columns: Span, margin_mm: float, pixel_mm: float, canvas: int
) -> CropFrame:
    """A crop of square pixels of fixed size about a box of voxels, centred on the canvas.

    Parameters
    ----------
    rows, columns
        First and last voxel of the body, inclusive.
    margin_mm
        Around the outer borders of those voxels. Where the canvas is too small for it, the crop is the whole canvas.
    """
    spacing = geometry.spacing[1:]
    centre = np.array([sum(rows) / 2, sum(columns) / 2])
    directions = geometry.directions
    cosine = float(directions[:, 1] @ directions[:, 2])
    # Canvas y runs along the rows of the stack; x is perpendicular to it in the plane of the slice.
    to_mm = np.eye(2)
    size_mm = (np.array([rows[1] - rows[0], columns[1] - columns[0]]) + 1) * spacing
    if abs(cosine) > SHEARED:
        sine = float(np.sqrt(1 - cosine**2))
        to_mm = np.array([[1.0, -cosine / sine], [0.0, 1.0 / sine]])
        size_mm = np.array([size_mm[0] + abs(cosine) * size_mm[1], size_mm[1] * sine])
    matrix = to_mm * pixel_mm / spacing[:, None]
    middle = (canvas - 1) / 2
    offset = centre - matrix @ np.array([middle, middle])
    # Both sides alike: the crop keeps the body in its middle.
    half = np.minimum(np.ceil((size_mm / 2 + margin_mm) / pixel_mm - 1e-6), canvas // 2).astype(int)
    top, left = int(canvas // 2 - half[0]), int(canvas // 2 - half[1])
    affine = np.column_stack([matrix, offset])
    return CropFrame(affine, (top, left, 2 * int(half[0]), 2 * int(half[1])), (pixel_mm, pixel_mm))


def frame_in_pixels(geometry: Geometry, rows: Span, columns: Span, margin: int, canvas: int) -> CropFrame:
    """A crop of the stack's own pixels about a box of voxels, cut off at the border of the image.

    Where pixels are not square the image is first brought onto square ones of the finer spacing, whose first lies on
    the first of the stack. The crop lies on the canvas as padding and cropping to the middle put it.
    """
    spacing = geometry.spacing[1:]
    pixel = float(spacing.min())
    steps = np.where(spacing / pixel - 1 < SQUARE, 1.0, pixel / spacing)
    affine, content = np.zeros((2, 3)), []
    for axis, (first, last) in enumerate((rows, columns)):
        step, count = float(steps[axis]), geometry.shape[axis + 1]
        start = max(int(np.ceil((first - 0.5) / step - 1e-6)) - margin, 0)
        stop = min(int(np.floor((last + 0.5) / step + 1e-6)) + margin, int((count - 1) / step + 1e-6)) + 1
        size = stop - start
        if size > canvas:
            start, size = start + size // 2 - canvas // 2, canvas
        before = (canvas - size) // 2
        affine[axis, axis], affine[axis, 2] = step, (start - before) * step
        content += [before, size]
    millimetres = (float(spacing[0] * steps[0]), float(spacing[1] * steps[1]))
    return CropFrame(affine, (content[0], content[2], content[1], content[3]), millimetres)


def sampled(
    block: NDArray[Any], corner: tuple[int, int], shape: tuple[int, int], frame: CropFrame
) -> NDArray[np.float32]:
    """Values at the pixels of a crop in all slices of a block; linear between voxels, a mean where pixels are coarser.

    Parameters
    ----------
    block
        (n, rows, columns) of a stack, from `reach` of the frame.
    corner
        Row and column of the stack where the block begins.
    shape
        Rows and columns of the whole stack.

    Returns
    -------
    (n, height, width) of the crop. Pixels beyond the image are NaN.
    """
    # In C order, whatever that of the stack: what follows runs along its rows.
    values = block.astype(np.float32, order="C")
    if frame.is_straight:
        along_rows = _taps(frame.rows(), frame.affine[0, 0], corner[0], shape[0])
        along_columns = _taps(frame.columns(), frame.affine[1, 1], corner[1], shape[1])
        result = _tapped(_tapped(values, along_rows, 1), along_columns, 2)
    else:
        result = _sheared(values, corner, frame)
    result[:, _outside(frame, shape)] = np.nan
    return result


def reach(frame: CropFrame, shape: tuple[int, int]) -> tuple[Span, Span]:
    """Half-open ranges of rows and columns of a stack that the pixels of a crop touch; never empty."""
    top, left, height, width = frame.content
    corners = np.array([(y, x, 1) for y in (top, top + height - 1) for x in (left, left + width - 1)], dtype=float)
    places = corners @ frame.affine.T
    wide = np.maximum(np.abs(frame.affine[:, :2]).sum(axis=1), 1.0) + 1
    low = np.clip(np.floor(places.min(axis=0) - wide), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(places.max(axis=0) + wide), 0, np.array(shape) - 1).astype(int) + 1
    return (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))


def windowed(values: NDArray[np.float32], window: tuple[float, float]) -> NDArray[np.uint8]:
    """HU to 8 bits: the lower end of the window and all below it is 0, the upper end and all above it 255."""
    low, high = window
    scaled = np.nan_to_num((values - low) * np.float32(255 / (high - low)), nan=0.0)
    return np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)


def stretched(crops: NDArray[Any]) -> NDArray[np.uint8]:
    """Crops (n, h, w), each from its least to its greatest value, in the 8 bits of a grey picture of it.

    As a picture is made: the share between least and greatest, cut off to one of 256 levels, each a grey of `GRAY`. A
    crop of one value alone is black.
    """
    exact = np.issubdtype(crops.dtype, np.integer) and crops.dtype.itemsize <= 2
    values: NDArray[Any] = crops.astype(np.float32 if exact else np.float64)
    least = values.min(axis=(1, 2), keepdims=True)
    range_ = values.max(axis=(1, 2), keepdims=True) - least
    values -= least
    values /= np.where(range_ > 0, range_, 1)
    values *= 256
    np.minimum(values, 255, out=values)
    return GRAY[values.astype(np.uint8)]


def _taps(places: Floats, step: float, start: int, whole: int) -> Taps:
    """Voxels and their weights (taps, pixels): tents about the places, as wide as a pixel where a voxel is narrower.

    Weights of a pixel sum to 1; voxels count from `start`.
    """
    # Half a voxel beyond the outermost centre still shows the outermost voxel.
    inside = np.clip(places, 0, whole - 1)
    reach_ = max(1.0, step)
    voxels = np.floor(inside - reach_).astype(np.intp) + 1 + np.arange(int(np.ceil(2 * reach_)))[:, None]
    weights = np.maximum(1 - np.abs(voxels - inside) / reach_, 0) * ((voxels >= 0) & (voxels < whole))
    weights /= weights.sum(axis=0)
    return np.clip(voxels, 0, whole - 1) - start, weights.astype(np.float32)


def _tapped(values: NDArray[np.float32], taps: Taps, axis: int) -> NDArray[np.float32]:
    """Weighted sums of voxels along one axis: a pass over all slices for each tap, of which there are few."""
    shape = tuple(-1 if axis == other else 1 for other in range(3))
    result: NDArray[np.float32] | None = None
    for voxels, weights in zip(*taps, strict=True):
        part = np.take(values, voxels, axis=axis)
        part *= weights.reshape(shape)
        result = part if result is None else np.add(result, part, out=result)
    if result is None:
        raise ValueError("There is nothing to sum.")
    return result


def _canvas_places(frame: CropFrame) -> Floats:
    """(2, height, width): row and column of the stack at each pixel of the crop."""
    top, left, height, width = frame.content
    y, x = np.arange(top, top + height)[:, None], np.arange(left, left + width)[None, :]
    matrix = frame.affine
    rows = matrix[0, 0] * y + matrix[0, 1] * x + matrix[0, 2]
    columns = matrix[1, 0] * y + matrix[1, 1] * x + matrix[1, 2]
    return np.stack([rows, columns])


def _outside(frame: CropFrame, shape: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = _canvas_places(frame)
    beyond: NDArray[np.bool_] = (rows < -0.5) | (rows > shape[0] - 0.5) | (columns < -0.5) | (columns > shape[1] - 0.5)
    return beyond


def _sheared(values: NDArray[np.float32], corner: tuple[int, int], frame: CropFrame) -> NDArray[np.float32]:
    """Rows and columns are not perpendicular (a tilted gantry): each pixel at a place of its own, in one call."""
    rows, columns = _canvas_places(frame)
    where = np.empty((3, len(values), *rows.shape))
    where[0] = np.arange(len(values))[:, None, None]
    where[1], where[2] = rows - corner[0], columns - corner[1]
    sheared: NDArray[np.float32] = map_coordinates(values, where, order=1, mode="nearest")
    return sheared
