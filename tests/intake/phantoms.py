"""A small CT of four vertebrae and its mask, as arrays, DICOM and NIfTI: real files, made of arithmetic."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from tests.imaging.dicom_factory import AXIAL, SAGITTAL, write_ct_series

#: mm along z (to the head), y (to the back), x (to the left).
SPACING = (2.0, 1.5, 1.5)
SHAPE = (66, 48, 48)
ORIGIN = (-36.0, -36.0, 100.0)
LABELS = (23, 22, 21, 20)  # L4 lowest … L1 highest, VerSe numbers, in order of z


def _bodies() -> NDArray[np.uint8]:
    """(z, y, x): four blocks 24 mm high, 30 mm deep and 39 mm wide, 6 mm apart."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for place, label in enumerate(LABELS):
        low = 4 + place * 15
        labels[low : low + 12, 14:34, 11:37] = label
    return labels


MASK = _bodies()


def hounsfield(seed: int = 0) -> NDArray[np.int16]:
    """(z, y, x): soft tissue, spongy bodies with dense rims, noise, air in a corner."""
    noise = np.random.default_rng(seed).normal(0, 12, SHAPE)
    bone = MASK > 0
    core = np.zeros_like(bone)
    core[1:-1, 1:-1, 1:-1] = bone[2:, 1:-1, 1:-1] & bone[:-2, 1:-1, 1:-1] & bone[1:-1, 2:, 1:-1] & bone[1:-1, :-2, 1:-1]
    values = np.where(bone, np.where(core, 220.0, 600.0), 40.0) + noise
    values[:, :6, :] = -1000
    return np.rint(values).astype(np.int16)


def dicom(folder: Path, *, seed: int = 0, **options: Any) -> list[Path]:
    """The phantom as axial CT files; `options` as `write_ct_series` takes them."""
    stored = options.pop("stored", None)
    if stored is None:
        stored = hounsfield(seed)
    return write_ct_series(
        folder,
        stored,
        **{
            "orientation": AXIAL,
            "origin": ORIGIN,
            "step_mm": SPACING[0],
            "pixel_spacing": (SPACING[1], SPACING[2]),
            "intercept": 0,
            **options,
        },
    )


def sagittal_dicom(folder: Path, *, face_left: bool = True, seed: int = 0, **options: Any) -> list[Path]:
    """The phantom as a native sagittal series: every second sample, 3 mm apart; `face_left` False turns it around."""
    values = hounsfield(seed)[::-1, :, ::2].transpose(2, 0, 1)  # x, rows downward, columns to the back
    top = ORIGIN[2] + (SHAPE[0] - 1) * SPACING[0]
    orientation: Sequence[float] = SAGITTAL
    origin = (ORIGIN[0], ORIGIN[1], top)
    step = -3.0  # the normal of SAGITTAL points to the patient's right
    if not face_left:
        values = values[:, :, ::-1]
        orientation = (0.0, -1.0, 0.0, 0.0, 0.0, -1.0)
        origin = (ORIGIN[0], ORIGIN[1] + (SHAPE[1] - 1) * SPACING[1], top)
        step = 3.0
    return write_ct_series(
        folder,
        values,
        **{
            "orientation": orientation,
            "origin": origin,
            "step_mm": step,
            "pixel_spacing": (SPACING[0], SPACING[1]),
            "intercept": 0,
            "kernel": "Br60s",
            **options,
        },
    )


def affine() -> NDArray[np.float64]:
    """RAS affine (NIfTI's) of the phantom with its axes in (x, y, z) order, stored towards L, P, S."""
    matrix = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    matrix[:3, 3] = (-ORIGIN[0], -ORIGIN[1], ORIGIN[2])
    return matrix


def nifti(path: Path, array: NDArray[Any], *, orientation: str = "LPS", shift: Sequence[float] = (0, 0, 0)) -> Path:
    """Write a (z, y, x) array of the phantom in any of NIfTI's orientations, moved by `shift` mm (RAS)."""
    matrix = affine()
    matrix[:3, 3] += shift
    voxels = array.astype(np.uint8) if array.dtype == np.int64 else array  # a mask that arithmetic has widened
    image = nib.Nifti1Image(np.ascontiguousarray(voxels.transpose(2, 1, 0)), matrix)
    from_to = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(matrix), nib.orientations.axcodes2ornt(tuple(orientation))
    )
    turned = image.as_reoriented(from_to)
    turned.header.set_xyzt_units("mm")
    turned.set_sform(turned.affine, 1)
    turned.set_qform(turned.affine, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(turned, path)
    return path


def zipped(path: Path, files: Iterable[Path] | Mapping[str, bytes], root: Path | None = None) -> Path:
    """A zip of files (named relative to `root`) or of names and bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if isinstance(files, Mapping):
            for name, data in files.items():
                archive.writestr(name, data)
        else:
            for file in files:
                archive.write(file, file.relative_to(root) if root is not None else file.name)
    return path
