"""Vertebral slices: the images that a classifier sees, cut out of a sagittal stack.

The one implementation for pre-labels, training and datasets. Of every vertebra the slices that cross its body are
shaved, and the rest is cropped as a recipe says (`vertebral_recipes`). What cannot be judged is not judged: a vertebra
that is cut, without a mask, seen too coarsely, with too few slices or with metal beside it comes back without images
and with the reason. It is *not assessed*, which is never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.imaging.geometry import Geometry, canonical_order
from labeling.imaging.vertebral_crops import (
    CropFrame,
    Span,
    frame_in_millimetres,
    frame_in_pixels,
    reach,
    sampled,
    stretched,
    windowed,
)
from labeling.imaging.vertebral_recipes import SliceRecipe, kept_slices

__all__ = ["COARSEST_MM", "METAL_HU", "METAL_MM3", "BodyPlace", "Metal", "VertebralSlices", "vertebral_slices"]

METAL_HU = 3000
"""No bone is denser; scanners stop at 3071 or go on far beyond."""

METAL_MM3 = 30.0
"""What is less (a clip, a few saturated voxels of noise) leaves the body readable; a screw is fifty times as much."""

COARSEST_MM = 3.0
"""Pixels in the plane beyond which a step in an endplate cannot be seen; such a case is called limited at intake."""

CUT, MASK_MISSING, COARSE, NO_SLICE, METAL = "cut", "mask_missing", "coarse", "no_slice", "metal"
"""Why a vertebra was not assessed, in the words of a finding, in the order in which they are looked for."""


@dataclass(frozen=True, slots=True)
class BodyPlace:
    """Where an anatomy says that one vertebral body lies.

    key
        The caller's name for it; comes back with the slices.
    level
        For sentences, '' where unknown.
    label_value
        Its value in the label map; 0 for a body placed by hand.
    first_k, last_k
        Body extent, slices of the stack, inclusive.
    box
        Of the body: (x0, x1, y0, y1, z0, z1) in mm, LPS, outer borders.
    cut
        Whether the body leaves the scan.
    mask_ok
        What a person said of the mask: ``yes``, ``no``, ``missing``, or None.
    """

    key: int
    level: str
    label_value: int
    first_k: int
    last_k: int
    box: tuple[float, float, float, float, float, float]
    cut: bool = False
    mask_ok: str | None = None

    @property
    def called(self) -> str:
        """For sentences."""
        return self.level or "The vertebra"


@dataclass(frozen=True, slots=True)
class Metal:
    """What is over `METAL_HU` in the crop of a vertebra, over its whole body extent.

    mm3
        How much.
    first_k, last_k
        In which slices, inclusive; -1 where there is none.
    centre
        Where on average, mm, LPS.
    """

    mm3: float = 0.0
    first_k: int = -1
    last_k: int = -1
    centre: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VertebralSlices:
    """The slices of one vertebra, or why there are none.

    ks
        (n,) slices of the stack, rising.
    images
        (n, channels, canvas, canvas) uint8, in the order of `SliceRecipe.channels`; head up, face to the left.
    frame
        Where the images lie in the slices; None without images.
    why, reason
        ``cut``, ``mask_missing``, ``coarse``, ``no_slice`` or ``metal`` and a sentence; '' where it can be assessed.
    note
        A sentence on the crop, else ''.
    """

    key: int
    level: str
    ks: NDArray[np.intp]
    images: NDArray[np.uint8]
    frame: CropFrame | None
    metal: Metal
    why: str = ""
    reason: str = ""
    note: str = ""


def vertebral_slices(
    hounsfield: NDArray[Any],
    geometry: Geometry,
    bodies: Sequence[BodyPlace],
    labels: NDArray[Any] | None,
    recipe: SliceRecipe,
) -> list[VertebralSlices]:
    """The slices of every vertebra of a stack, in the order of `bodies`.

    Parameters
    ----------
    hounsfield
        (k, r, c) HU, int16 or float; right to left, head to feet, front to back. May be memory-mapped.
    geometry
        Of the stack.
    bodies
        See `BodyPlace`. Extents beyond the stack are cut off.
    labels
        (k, r, c) label map on the same grid, of bodies or of whole vertebrae (only what lies in the box of the body
        counts), or None where there is none.

    Raises
    ------
    ValueError
        where shapes differ or the axes do not run as a sagittal stack's do.
    """
    if hounsfield.shape != geometry.shape or (labels is not None and labels.shape != geometry.shape):
        shapes = (hounsfield.shape, None if labels is None else labels.shape, geometry.shape)
        raise ValueError(f"Image, labels and geometry have the shapes {shapes}. They must agree.")
    if canonical_order(geometry) != ((0, 1, 2), (False, False, False)):
        raise ValueError("The stack does not run right to left, head to feet, front to back. Put it in order first.")
    return [_of_one(hounsfield, geometry, body, labels, recipe) for body in bodies]


def _of_one(
    hounsfield: NDArray[Any], geometry: Geometry, body: BodyPlace, labels: NDArray[Any] | None, recipe: SliceRecipe
) -> VertebralSlices:
    nothing = VertebralSlices(
        body.key,
        body.level,
        np.empty(0, dtype=np.intp),
        np.empty((0, len(recipe.channels), recipe.canvas, recipe.canvas), dtype=np.uint8),
        None,
        Metal(),
    )
    if body.cut:
        return replace(nothing, why=CUT, reason=f"{body.called} is cut by the edge of the image.")
    place = _place(geometry, body, labels, recipe)
    if isinstance(place, str):
        return replace(nothing, why=MASK_MISSING, reason=place)
    coarse = float(geometry.spacing[1:].max())
    if coarse > COARSEST_MM + 1e-3:
        reason = f"Pixels are {coarse:.1f} mm apart; over {COARSEST_MM:g} mm a fracture can be invisible."
        return replace(nothing, why=COARSE, reason=reason)
    extent = max(body.first_k, 0), min(body.last_k, geometry.shape[0] - 1)
    kept = kept_slices(*extent, recipe) if extent[0] <= extent[1] else None
    if kept is None:
        return replace(nothing, why=NO_SLICE, reason=_too_few(body, extent[1] - extent[0] + 1, recipe))
    frame, note = _frame(geometry, body, place, recipe)
    metal = _metal(hounsfield, geometry, extent, frame)
    if metal.mm3 >= METAL_MM3:
        return replace(nothing, why=METAL, metal=metal, reason=_metal_reason(body, metal))
    ks = np.arange(kept[0], kept[1] + 1, dtype=np.intp)
    images = _images(hounsfield, geometry, body, labels, frame, ks, recipe)
    return replace(nothing, ks=ks, images=images, frame=frame, metal=metal, note=note)


def _place(
    geometry: Geometry, body: BodyPlace, labels: NDArray[Any] | None, recipe: SliceRecipe
) -> tuple[Span, Span] | str:
    """Rows and columns of the body, first and last inclusive; or the sentence on its missing mask."""
    if body.mask_ok in ("no", "missing"):
        said = "marked wrong" if body.mask_ok == "no" else "missing"
        return f"The mask of {body.level or 'this vertebra'} is {said}. Correct the anatomy and ask the model again."
    rows, columns = _box_pixels(geometry, body)
    if body.label_value == 0:
        if not recipe.mask:
            return rows, columns
        return f"{body.called} was placed by hand: this model needs a mask."
    k = slice(max(body.first_k, 0), max(body.last_k + 1, 0))
    region = (k, slice(rows[0], rows[1] + 1), slice(columns[0], columns[1] + 1))
    inside = None if labels is None else (labels[region] == body.label_value).any(axis=0)
    if inside is None or not inside.any():
        return f"The label map marks nothing where {body.level or 'this vertebra'} should be."
    along_r, along_c = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return (
        (rows[0] + int(along_r[0]), rows[0] + int(along_r[-1])),
        (columns[0] + int(along_c[0]), columns[0] + int(along_c[-1])),
    )


def _box_pixels(geometry: Geometry, body: BodyPlace) -> tuple[Span, Span]:
    """Rows and columns whose centres lie in the box, within the image; at least one of each."""
    corners = np.array(np.meshgrid(body.box[0:2], body.box[2:4], body.box[4:6])).reshape(3, -1).T
    index = geometry.to_index(corners)[:, 1:]
    most = np.array(geometry.shape[1:]) - 1
    low = np.clip(np.ceil(index.min(axis=0) - 1e-3), 0, most).astype(int)
    high = np.maximum(np.clip(np.floor(index.max(axis=0) + 1e-3), 0, most).astype(int), low)
    return (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))


def _frame(geometry: Geometry, body: BodyPlace, place: tuple[Span, Span], recipe: SliceRecipe) -> tuple[CropFrame, str]:
    if recipe.margin_px is not None:
        return frame_in_pixels(geometry, *place, recipe.margin_px, recipe.canvas), ""
    if recipe.margin_mm is None or recipe.pixel_mm is None:
        raise ValueError("The recipe has no margin and no pixel size.")
    frame = frame_in_millimetres(geometry, *place, recipe.margin_mm, recipe.pixel_mm, recipe.canvas)
    sizes = [(last - first + 1) * float(step) for (first, last), step in zip(place, geometry.spacing[1:], strict=True)]
    field = recipe.canvas * recipe.pixel_mm
    if max(sizes) + 2 * recipe.margin_mm <= field + recipe.pixel_mm:
        return frame, ""
    return frame, (
        f"The body of {body.called} measures {sizes[0]:.0f} x {sizes[1]:.0f} mm in the plane: with its margin it is "
        f"larger than the image of {field:.0f} mm. Its middle is shown."
    )


def _images(
    hounsfield: NDArray[Any],
    geometry: Geometry,
    body: BodyPlace,
    labels: NDArray[Any] | None,
    frame: CropFrame,
    ks: NDArray[np.intp],
    recipe: SliceRecipe,
) -> NDArray[np.uint8]:
    """(n, channels, canvas, canvas): one block of voxels, sampled once."""
    shape = geometry.shape[1], geometry.shape[2]
    top, left, height, width = frame.content
    images = np.zeros((len(ks), len(recipe.channels), recipe.canvas, recipe.canvas), dtype=np.uint8)
    crop = (slice(None), slice(None), slice(top, top + height), slice(left, left + width))
    rows, columns = reach(frame, shape)
    corner = rows[0], columns[0]
    away = 0
    if recipe.neighbour_mm is not None:
        away = max(1, int(recipe.neighbour_mm / float(geometry.spacing[0]) + 0.5))
    wanted = np.clip(ks[:, None] + np.array([0] if not away else [-away, 0, away]), 0, geometry.shape[0] - 1)
    low, high = int(wanted.min()), int(wanted.max()) + 1
    if recipe.window is None:
        images[crop] = stretched(_crops(hounsfield[low:high], frame, shape))[:, None]
        return images
    block = hounsfield[low:high, rows[0] : rows[1], columns[0] : columns[1]]
    planes = windowed(sampled(block, corner, shape, frame), recipe.window)
    channels = planes[wanted - low]
    if recipe.mask and labels is not None:
        part = labels[ks[0] : ks[-1] + 1, rows[0] : rows[1], columns[0] : columns[1]] == body.label_value
        mask = windowed(sampled(part, corner, shape, frame), (0.0, 1.0))
        channels = np.concatenate([channels, mask[:, None]], axis=1)
    images[crop] = channels
    return images


def _crops(slices: NDArray[Any], frame: CropFrame, shape: tuple[int, int]) -> NDArray[Any]:
    """The values of crops on the stack's own pixels: as they are where those are square, else linear between them."""
    if frame.affine[0, 0] == 1 and frame.affine[1, 1] == 1:
        at = frame.rows().astype(int), frame.columns().astype(int)
        return slices[:, at[0][0] : at[0][-1] + 1, at[1][0] : at[1][-1] + 1]
    rows, columns = reach(frame, shape)
    block = slices[:, rows[0] : rows[1], columns[0] : columns[1]]
    return sampled(block, (rows[0], columns[0]), shape, frame)


def _metal(hounsfield: NDArray[Any], geometry: Geometry, extent: Span, frame: CropFrame) -> Metal:
    rows, columns = reach(frame, (geometry.shape[1], geometry.shape[2]))
    block = hounsfield[extent[0] : extent[1] + 1, rows[0] : rows[1], columns[0] : columns[1]]
    # Nearly always there is none, and the greatest value says so.
    if block.max() <= METAL_HU:
        return Metal()
    voxels = np.argwhere(block > METAL_HU) + np.array([extent[0], rows[0], columns[0]])
    x, y, z = geometry.to_patient(voxels.mean(axis=0)).tolist()
    volume = len(voxels) * abs(float(np.linalg.det(geometry.affine[:3, :3])))
    centre = (round(x, 1), round(y, 1), round(z, 1))
    return Metal(round(volume, 1), int(voxels[:, 0].min()), int(voxels[:, 0].max()), centre)


def _metal_reason(body: BodyPlace, metal: Metal) -> str:
    middle = [(body.box[axis] + body.box[axis + 1]) / 2 for axis in (0, 2, 4)]
    offsets = [at - centre for at, centre in zip(metal.centre or middle, middle, strict=True)]
    axis = int(np.argmax(np.abs(offsets)))
    sides = (("to the right of", "to the left of"), ("in front of", "behind"), ("below", "above"))
    side = sides[axis][int(offsets[axis] > 0)]
    return (
        f"{metal.mm3 / 1000:.2f} ml of metal over {METAL_HU} HU lie by {body.level or 'the vertebra'}, on average "
        f"{abs(offsets[axis]):.0f} mm {side} the middle of its body."
    )


def _too_few(body: BodyPlace, width: int, recipe: SliceRecipe) -> str:
    if recipe.shaved_slices is not None:
        lost = f"{recipe.shaved_slices} are left out on each side"
    else:
        lost = f"at least {recipe.least_kept} are needed"
    count = f"{max(width, 0)} slice" + ("" if width == 1 else "s")
    return f"Too few slices: {count} cross the body of {body.level or 'this vertebra'}, {lost}."
