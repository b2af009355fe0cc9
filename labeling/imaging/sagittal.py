"""The stack that is read: sagittal slices, head up, face to the left, from the patient's right to left."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry, canonical_order
from .refusal import Refusal
from .volume import Volume, canonical

__all__ = [
    "NATIVE_RECIPE",
    "RECIPE",
    "SagittalStack",
    "derived_stack",
    "is_sagittal",
    "native_stack",
    "orientation_of",
    "recipe_sha",
]

# How a derived stack is made. Its hash names the stack: a change in what `derived_stack` computes raises the version.
RECIPE: Mapping[str, Any] = {
    "name": "sagittal-slab-mean",
    "version": 1,
    "slab_mm": 3.0,
    "samples": "max(1, slab_mm / right-left spacing, rounded half up)",
    "value": "mean of stored values, rounded half up",
    "first": "patient's right edge",
    "last": "dropped where incomplete",
    "plane": "native samples",
}
NATIVE_RECIPE: Mapping[str, Any] = {"name": "sagittal-native", "version": 1, "plane": "flips and transposes only"}

_WITHIN_DEGREES = 30.0
_LIMIT_MM = 3.0
_FEWEST_SLICES = 3
_BLOCK_VOXELS = 1 << 24  # sums of 4 bytes: 64 MB at a time, whatever the size of the volume


@dataclass(frozen=True, slots=True, eq=False)
class SagittalStack:
    """A sagittal stack in reading order.

    Parameters
    ----------
    volume
        Axes (k right to left, r head to feet, c front to back).
    origin
        'native' or 'derived'.
    source_index
        Native: for each k the slice of the source volume it is. Derived: empty.
    slab
        Source samples in one slice; 1 for native.
    limited, limited_why
        Whether the craniocaudal spacing is over 3 mm, and the sentence that says so (else empty).
    recipe
        What made it; `recipe_sha` is its name.
    """

    volume: Volume
    origin: str
    source_index: tuple[int, ...]
    slab: int
    limited: bool
    limited_why: str
    recipe: Mapping[str, Any]


def recipe_sha(recipe: Mapping[str, Any] = RECIPE) -> str:
    """SHA-256, in hex, of a recipe as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(dict(recipe), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def orientation_of(cosines: Sequence[float]) -> str:
    """The plane of an Image Orientation (six direction cosines).

    'sagittal', 'coronal' or 'axial' where the normal lies within 30 degrees of that of the plane, else 'oblique'.
    """
    normal = np.cross(np.asarray(cosines[:3], dtype=float), np.asarray(cosines[3:], dtype=float))
    length = float(np.linalg.norm(normal))
    if length == 0:
        return "oblique"
    return _plane(normal / length)


def _plane(normal: NDArray[np.float64]) -> str:
    axis = int(np.abs(normal).argmax())
    # A hair of slack, so that cosines rounded at exactly 30 degrees fall inside.
    if abs(normal[axis]) < math.cos(math.radians(_WITHIN_DEGREES)) - 1e-6:
        return "oblique"
    return ("sagittal", "coronal", "axial")[axis]


def is_sagittal(where: Geometry | Sequence[float]) -> bool:
    """Whether slices are sagittal within 30 degrees.

    Takes a geometry whose axis 0 runs from slice to slice, or the six cosines of Image Orientation.
    """
    if isinstance(where, Geometry):
        directions = where.directions
        return orientation_of([*directions[:, 2], *directions[:, 1]]) == "sagittal"
    return orientation_of(where) == "sagittal"


def native_stack(volume: Volume) -> SagittalStack:
    """A sagittal series (axis 0 = slices, up to 30 degrees oblique) in reading order; no value is computed.

    Raises
    ------
    Refusal
        ``not-sagittal``.
    """
    if not is_sagittal(volume.geometry):
        raise Refusal("not-sagittal", "The series is not sagittal within 30 degrees, so it cannot be read as it is.")
    order, flips = canonical_order(volume.geometry)
    if order[0] != 0:
        raise Refusal("not-sagittal", "The slices of the series do not run from right to left.")
    count = volume.geometry.shape[0]
    source_index = tuple(range(count - 1, -1, -1) if flips[0] else range(count))
    stack = canonical(volume)
    return SagittalStack(stack, "native", source_index, 1, *_limited(stack.geometry), NATIVE_RECIPE)


def derived_stack(volume: Volume, slab_mm: float = 3.0) -> SagittalStack:
    """Sagittal slices of about `slab_mm` out of any volume, by averaging whole samples from right to left.

    A slab is ``max(1, slab_mm / spacing)`` samples, rounded half up; its value is the mean of their stored values,
    rounded half up (towards higher HU), which a moved intercept does not change. The first slab starts at the
    patient's right edge. A last slab that is not complete is dropped: less than `slab_mm` at the left edge, so that
    every slice is made of the same number of samples and the centre of slice k lies exactly at sample
    ``k * slab + (slab - 1) / 2``. In plane the samples are those of the volume. Where the volume is oblique, the
    slices are as oblique as its axes: nothing is resampled.

    Raises
    ------
    Refusal
        ``too-narrow`` where fewer than 3 slabs fit, ``bad-slab`` where `slab_mm` is no positive number.
    """
    if not (math.isfinite(slab_mm) and slab_mm > 0):
        raise Refusal("bad-slab", f"The slab is {slab_mm} mm thick; it must be above zero.")
    source = canonical(volume)
    slab = max(1, math.floor(slab_mm / float(source.geometry.spacing[0]) + 0.5 + 1e-9))
    count = source.geometry.shape[0] // slab
    if count < _FEWEST_SLICES:
        width = source.geometry.shape[0] * source.geometry.spacing[0]
        raise Refusal(
            "too-narrow",
            f"The volume is {width:.1f} mm wide from right to left: room for {count} slices of {slab_mm:g} mm, "
            f"{_FEWEST_SLICES} are needed. Send the whole volume.",
        )
    affine = source.geometry.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (slab - 1) / 2
    affine[:3, 0] *= slab
    geometry = Geometry((count, *source.geometry.shape[1:]), affine)
    stack = Volume(geometry, _slab_means(source.array, slab, count), source.slope, source.intercept)
    recipe = {**RECIPE, "slab_mm": float(slab_mm)}
    return SagittalStack(stack, "derived", (), slab, *_limited(geometry), recipe)


def _slab_means(array: NDArray[Any], slab: int, count: int) -> NDArray[Any]:
    """Mean over runs of `slab` samples of axis 0, rounded half up, in blocks along axis 1."""
    means = np.empty((count, *array.shape[1:]), dtype=array.dtype)
    rows_at_once = max(1, _BLOCK_VOXELS // (count * array.shape[2]))
    for start in range(0, array.shape[1], rows_at_once):
        block = array[: count * slab, start : start + rows_at_once]
        # 'K' keeps the memory order of the source, so that sums run along its own rows and not across them.
        total = block[::slab].astype(np.int64 if slab > 16384 else np.int32, order="K")
        for offset in range(1, slab):
            np.add(total, block[offset::slab], out=total)
        means[:, start : start + rows_at_once] = (2 * total + slab) // (2 * slab)
    return means


def _limited(geometry: Geometry) -> tuple[bool, str]:
    spacing = float(geometry.spacing[1])
    if spacing <= _LIMIT_MM + 1e-3:
        return False, ""
    return True, (
        f"Craniocaudal spacing is {spacing:.2f} mm, over {_LIMIT_MM:g} mm: small fractures can be invisible. "
        "The case is limited."
    )
