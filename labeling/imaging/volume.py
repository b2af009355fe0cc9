"""A CT volume of stored values, and a label map, each with its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import Flips, Geometry, Order, canonical_order
from .refusal import Refusal

__all__ = ["LabelMap", "Volume", "canonical", "canonical_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Stored values of a CT: ``HU = slope * stored + intercept``.

    Parameters
    ----------
    geometry
        Its shape is the shape of the array.
    array
        (i0, i1, i2), an integer type (16 bit for everything that is assembled here).
    slope, intercept
        Finite; the slope is positive.

    Raises
    ------
    Refusal
        ``bad-volume`` where array and geometry have other shapes, the array is no integer array, or the rescale is
        not finite and positive.
    """

    geometry: Geometry
    array: NDArray[Any]
    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.shape:
            raise Refusal(
                "bad-volume",
                f"The array is {self.array.shape}, its geometry says {self.geometry.shape}. They must agree.",
            )
        if not np.issubdtype(self.array.dtype, np.integer):
            raise Refusal("bad-volume", f"Stored values are whole numbers, not {self.array.dtype}.")
        if not (np.isfinite(self.slope) and np.isfinite(self.intercept) and self.slope > 0):
            raise Refusal(
                "bad-volume",
                f"The rescale slope is {self.slope} and the intercept {self.intercept}. "
                "Both must be numbers, the slope above zero.",
            )

    def hu(self) -> NDArray[np.int16] | NDArray[np.float32]:
        """Hounsfield units, a new array: int16 where every value is a whole number that fits, else float32."""
        if float(self.slope).is_integer() and float(self.intercept).is_integer():
            lowest = int(self.slope) * int(self.array.min()) + int(self.intercept)
            highest = int(self.slope) * int(self.array.max()) + int(self.intercept)
            if lowest >= -32768 and highest <= 32767:
                # int32 in the middle: the stored value alone may pass the ends of int16.
                return (self.array.astype(np.int32) * int(self.slope) + int(self.intercept)).astype(np.int16)
        return (self.array.astype(np.float64) * self.slope + self.intercept).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Labels (VerSe numbers, or values of a model) on a grid: `array` (i0, i1, i2) of integers, 0 = nothing."""

    geometry: Geometry
    array: NDArray[Any]

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.shape:
            raise Refusal(
                "bad-volume",
                f"The mask is {self.array.shape}, its geometry says {self.geometry.shape}. They must agree.",
            )
        if not np.issubdtype(self.array.dtype, np.integer):
            raise Refusal("bad-volume", f"Labels are whole numbers, not {self.array.dtype}.")


def reordered(array: NDArray[Any], order: Order, flips: Flips) -> NDArray[Any]:
    """A view of `array` whose axis ``a`` is the old axis ``order[a]``, run backwards where ``flips[a]``."""
    step = tuple(slice(None, None, -1) if flipped else slice(None) for flipped in flips)
    return array.transpose(order)[step]


def canonical(volume: Volume) -> Volume:
    """The same voxels with axes that run right to left, head to feet, front to back, as near as they can.

    By permutation and flips only: no value is computed. The array is a view of the given one.
    """
    order, flips = canonical_order(volume.geometry)
    return Volume(
        volume.geometry.permuted(order, flips), reordered(volume.array, order, flips), volume.slope, volume.intercept
    )


def canonical_labels(labels: LabelMap) -> LabelMap:
    """As `canonical`, for a label map."""
    order, flips = canonical_order(labels.geometry)
    return LabelMap(labels.geometry.permuted(order, flips), reordered(labels.array, order, flips))
