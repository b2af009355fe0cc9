"""NIfTI files for tests, written by nibabel and damaged by hand."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

RAS = np.array([[2.0, 0, 0, -10], [0, 1.5, 0, 20], [0, 0, 3.0, -30], [0, 0, 0, 1]])
SHAPE = (5, 6, 7)


def hounsfield(shape: tuple[int, ...] = SHAPE, dtype: Any = np.int16) -> NDArray[Any]:
    """Values as of a CT: air, fat, soft tissue and bone."""
    return np.random.default_rng(1).integers(-1024, 1500, shape).astype(dtype)


def write(
    folder: Path,
    array: NDArray[Any],
    affine: NDArray[np.float64] | None = RAS,
    name: str = "scan.nii.gz",
    change: Callable[[nib.Nifti1Header], None] | None = None,
    kind: type[nib.Nifti1Image] = nib.Nifti1Image,
) -> Path:
    """Write an array; `change` may spoil the header after nibabel has made a good one."""
    image = kind(array, affine)
    image.header.set_xyzt_units("mm")
    content = bytearray(image.to_bytes())
    if change is not None:
        size = 348 if kind is nib.Nifti1Image else 540
        header = kind.header_class(bytes(content[:size]), check=False)
        change(header)
        content[:size] = header.binaryblock
    path = folder / name
    path.write_bytes(gzip.compress(bytes(content)) if name.endswith(".gz") else bytes(content))
    return path
