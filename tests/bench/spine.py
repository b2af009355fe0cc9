"""The CT the viewer is measured with: a native sagittal series and its vertebra mask, as files, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from tests.bench.scale import Scale
from tests.imaging.dicom_factory import SAGITTAL, write_ct_series

#: mm between slices, rows and columns: pixels are not square.
SPACING = (3.0, 0.45, 0.60)
INTERCEPT = -1024
NOISE = 14.0
#: VerSe numbers from the head down: T6, T7 … L5.
LABELS = (*range(13, 20), *range(20, 25))


@dataclass(frozen=True)
class Spine:
    """The study of one patient on disk. `values` are HU, (slice, row, column), from the patient's right to left."""

    files: list[Path]
    mask: Path
    values: NDArray[np.int16]


def write_spine(folder: Path, scale: Scale, patient: str, seed: int) -> Spine:
    """Write the series and the mask; two seeds differ in every pixel."""
    labels = _labels(scale)
    values = _hounsfield(labels, seed)
    x, y, z = -SPACING[0] * scale.slices / 2, -150.0, 400.0
    files = write_ct_series(
        folder / "ct",
        (values - INTERCEPT).astype(np.int16),
        orientation=SAGITTAL,
        origin=(x, y, z),
        step_mm=-SPACING[0],  # the normal of SAGITTAL points to the patient's right
        pixel_spacing=(SPACING[1], SPACING[2]),
        intercept=INTERCEPT,
        kernel="Br60s",
        patient_id=patient,
    )
    affine = np.array(  # (k, r, c) to RAS
        [[-SPACING[0], 0, 0, -x], [0, 0, -SPACING[2], -y], [0, -SPACING[1], 0, z], [0, 0, 0, 1]]
    )
    image: Any = nib.Nifti1Image(labels, affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    mask = folder / "mask.nii.gz"
    nib.save(image, mask)
    return Spine(files, mask, values)


def _labels(scale: Scale) -> NDArray[np.uint8]:
    """Rounded bodies in a curve from the head down, each with pedicles and a spinous process behind."""
    labels = np.zeros((scale.slices, scale.rows, scale.columns), dtype=np.uint8)
    k, r, c = np.ogrid[: scale.slices, : scale.rows, : scale.columns]
    pitch = scale.rows / (scale.vertebrae + 0.5)
    height, depth, width = pitch * 0.38, scale.columns * 0.055, scale.slices * 0.19
    middle = (scale.slices - 1) / 2
    for place, label in enumerate(LABELS[: scale.vertebrae]):
        row = pitch * (place + 0.75)
        column = scale.columns * (0.45 + 0.06 * np.sin(row / scale.rows * 2 * np.pi))
        sideways = abs(k - middle)
        body = (abs((r - row) / height) ** 4 + abs((c - column) / depth) ** 4 + (sideways / width) ** 4) < 1
        upper = abs(r - row + height * 0.3) < height * 0.4
        behind = c - column - depth
        pedicles = upper & (behind > -3) & (behind < depth) & (abs(sideways - width * 0.6) < 1.2)
        process = (abs(r - row) < height * 0.6) & (behind >= depth * 0.9) & (behind < depth * 2.2) & (sideways < 1.6)
        labels[body | pedicles | process] = label
    return labels


def _hounsfield(labels: NDArray[np.uint8], seed: int) -> NDArray[np.int16]:
    slices, rows, columns = labels.shape
    front = np.linspace(-1, 1, columns)[None, None, :]
    tissue = np.where(abs(front) < 0.85, 40.0, -1000.0)
    values = np.where(labels > 0, 350.0, tissue).astype(np.float32)
    random = np.random.default_rng(seed)
    values += random.standard_normal((slices, rows, columns), dtype=np.float32) * np.float32(NOISE)
    return np.clip(np.rint(values), INTERCEPT, 3071).astype(np.int16)
