"""The one orientation in which networks see images, in training and prediction alike.

The record holds volumes (k, r, c): right to left, head to feet, front to back. nnU-Net reads a NIfTI file in RAS as
(z, y, x): feet to head, back to front, left to right. So the network's array is the record's with its axes permuted
and run backwards, and left is never taken for right: both orders say of every voxel where it lies, and all images go
the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.imaging.geometry import Geometry

__all__ = ["from_network", "network_spacing", "to_network", "write_nifti"]


def to_network(array: NDArray[Any]) -> NDArray[Any]:
    """A view of a (k, r, c) array as (feet to head, back to front, left to right)."""
    return array.transpose(1, 2, 0)[::-1, ::-1, ::-1]


def from_network(array: NDArray[Any]) -> NDArray[Any]:
    """A view of a network's array as (k, r, c); undoes `to_network`."""
    return array[::-1, ::-1, ::-1].transpose(2, 0, 1)


def network_spacing(geometry: Geometry) -> tuple[float, float, float]:
    """Millimetres along the axes of the network's array, for a (k, r, c) geometry."""
    k, r, c = geometry.spacing.tolist()
    return (r, c, k)


def write_nifti(path: Path, array: NDArray[Any], geometry: Geometry) -> None:
    """Write a (k, r, c) array so that nnU-Net reads it as `to_network` gives it; complete or not at all.

    Only the spacing goes into the file: where the patient lay is nothing to a network, and a sheared stack is refused
    by the reader that nnU-Net uses.
    """
    import nibabel

    affine = np.diag([*geometry.spacing[[0, 2, 1]].tolist(), 1.0])
    ras = array.transpose(0, 2, 1)[::-1, ::-1, ::-1]
    image = nibabel.Nifti1Image(np.ascontiguousarray(ras), affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    part = path.with_name(f"part-{path.name}")
    nibabel.save(image, part)
    part.replace(path)
