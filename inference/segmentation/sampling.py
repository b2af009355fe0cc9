"""A volume brought to the spacing of a network: the same numbers as nnU-Net's preprocessing, in bounded memory.

nnU-Net resamples with cubic splines, voxel borders kept in place, and without blending slices of a stack that is much
coarser across than along its slices. Splines of a grid are separable: along each axis the new samples are one matrix
times the old ones. So a volume is taken slab by slab and no second copy of it is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Box", "patient_box", "resampled", "resampling_matrix", "spline_orders", "target_shape"]

Floats = NDArray[np.float32]
Box = tuple[slice, slice, slice]

ANISOTROPIC = 3.0
"""nnU-Net's threshold: an axis so many times coarser than the finest is not blended."""

AIR_HU = -300.0

LEAST_SHARE = 0.005
"""Of the voxels of a plane must be more than air, so that noise and the wires of a monitor count as nothing."""

MARGIN_MM = 8.0

_STEP_MM = 4.0
_SLAB_BYTES = 64 << 20


def target_shape(shape: Sequence[int], spacing: Sequence[float], wanted: Sequence[float]) -> tuple[int, int, int]:
    """The shape of a volume at another spacing, rounded as nnU-Net rounds."""
    one, two, three = (max(1, round(n * s / w)) for n, s, w in zip(shape, spacing, wanted, strict=True))
    return one, two, three


def spline_orders(spacing: Sequence[float], wanted: Sequence[float]) -> tuple[int, int, int]:
    """The order of the spline along each axis: 0 along the one coarse axis of a stack, else 3."""
    orders = [3, 3, 3]
    for candidate in (spacing, wanted):
        if max(candidate) / min(candidate) > ANISOTROPIC:
            coarse = [axis for axis in range(3) if candidate[axis] == max(candidate)]
            if len(coarse) == 1:
                orders[coarse[0]] = 0
            break
    return orders[0], orders[1], orders[2]


def resampling_matrix(old: int, new: int, order: int) -> Floats:
    """(new, old): the samples of a line of `new` voxels from one of `old` voxels over the same length."""
    if old == new:
        return np.eye(old, dtype=np.float32)
    if old == 1:
        return np.ones((new, 1), dtype=np.float32)
    matrix = ndimage.zoom(np.eye(old), (new / old, 1.0), order=order, mode="nearest", grid_mode=True)
    return matrix.astype(np.float32)


def patient_box(volume: NDArray[Any], spacing: Sequence[float]) -> Box:
    """The part of a volume (k, r, c) that holds more than air, with a margin; all of it where that is nothing."""
    steps = [max(1, round(_STEP_MM / one)) for one in spacing]
    coarse = np.asarray(volume[:: steps[0], :: steps[1], :: steps[2]]) > AIR_HU
    sides = []
    for axis in range(3):
        share = coarse.mean(axis=tuple(other for other in range(3) if other != axis))
        used = np.flatnonzero(share > LEAST_SHARE)
        if not len(used):
            return slice(0, volume.shape[0]), slice(0, volume.shape[1]), slice(0, volume.shape[2])
        margin = int(np.ceil(MARGIN_MM / spacing[axis])) + steps[axis]
        first, last = int(used[0]) * steps[axis] - margin, int(used[-1]) * steps[axis] + margin
        sides.append(slice(max(0, first), min(volume.shape[axis], last + 1)))
    return sides[0], sides[1], sides[2]


def resampled(
    volume: NDArray[Any], shape: tuple[int, int, int], orders: tuple[int, int, int], clip: tuple[float, float]
) -> Floats:
    """A volume at another shape over the same field of view.

    Parameters
    ----------
    volume
        (k, r, c), any number type; read slab by slab, so it may lie on disk.
    clip
        Lowest and highest value; values are clipped before and, for splines overshoot, after.

    Returns
    -------
    float32 of `shape`.
    """
    matrices = [resampling_matrix(*one) for one in zip(volume.shape, shape, orders, strict=True)]
    middle = np.empty((volume.shape[0], shape[1], shape[2]), dtype=np.float32)
    thick = max(1, _SLAB_BYTES // (4 * volume.shape[1] * volume.shape[2]))
    for start in range(0, volume.shape[0], thick):
        slab = np.asarray(volume[start : start + thick], dtype=np.float32)
        slab = np.clip(slab, *clip)
        middle[start : start + thick] = np.matmul(matrices[1], np.matmul(slab, matrices[2].T))
    result = (matrices[0] @ middle.reshape(volume.shape[0], -1)).reshape(shape)
    np.clip(result, *clip, out=result)
    return result
