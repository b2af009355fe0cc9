"""The header of a NIfTI file, checked before a voxel is read: what it says, and whether it can be believed.

Source: NIfTI-1 and NIfTI-2 data formats (nifti.nimh.nih.gov), fields dim, datatype, pixdim, scl_*, *form_code.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry
from .refusal import Refusal

__all__ = ["MAX_VOXELS", "NiftiHeader", "checked_header"]

MAX_VOXELS = 2**30
"""Largest volume that is read: 4,096 slices of 512 x 512."""

MAX_PLANE = 2**24
"""Largest plane of two axes: it is held in memory at once."""

CONTRADICTION_MM = 1.0
"""Distance between the corners of sform and qform from which they contradict each other; rounding stays under 0.01."""

SPACING_TOLERANCE = 0.02
"""Share by which pixdim and the columns of the affine may differ."""

_PLAIN = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_RGB = {128: "RGB", 2304: "RGBA"}
_UNITS = {1: "metres", 3: "micrometres"}
_SMALLEST_UNIT_VOLUME = 1e-4
_LATEST_VOXEL = 2**26  # header extensions can be long, but not that long
_CONVERT = "Convert it again from the DICOM series."
_EXPORT = "Export it again."


@dataclass(frozen=True)
class NiftiHeader:
    """What is believed of a NIfTI header once it has been checked.

    dtype
        Of a stored voxel, with its byte order.
    offset
        Bytes from the start of the (unpacked) file to the first voxel.
    slope, intercept
        ``value = slope * stored + intercept``.
    geometry
        Index to LPS millimetres; axes in the file's order.
    """

    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    geometry: Geometry

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.geometry.shape

    @property
    def declared_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def checked_header(read: Callable[[int], bytes], name: str) -> tuple[NiftiHeader, int]:
    """The checked header, and how many bytes of the file it took.

    Parameters
    ----------
    read
        Gives exactly so many bytes from the start of the unpacked file, or refuses.
    name
        Of the file, for the sentence.

    Raises
    ------
    Refusal
        with a code for each thing that would make the volume wrong or ambiguous.
    """
    block = read(348)
    for endianness in ("<", ">"):
        size = struct.unpack(f"{endianness}i", block[:4])[0]
        if size == 540:
            block += read(540 - 348)
            return _checked(nib.Nifti2Header(block, endianness, check=False), block[4:8], name), len(block)
        if size == 348:
            return _checked(nib.Nifti1Header(block, endianness, check=False), block[344:348], name), len(block)
    raise Refusal("not-nifti", f"{name} is not a NIfTI file. Send a .nii or .nii.gz file.")


def _checked(header: nib.Nifti1Header, magic: bytes, name: str) -> NiftiHeader:
    if magic[:3] in (b"ni1", b"ni2"):
        raise Refusal(
            "header-without-voxels",
            f"{name} is a header without its voxels. Send one .nii or .nii.gz file that has both.",
        )
    if magic[:3] not in (b"n+1", b"n+2"):
        raise Refusal("not-nifti", f"{name} is not a NIfTI file. Send a .nii or .nii.gz file.")
    shape = _shape(header, name)
    dtype = _dtype(header, name)
    offset = float(header["vox_offset"])
    if not int(header["sizeof_hdr"]) <= offset <= _LATEST_VOXEL:
        raise Refusal("bad-header", f"The header of {name} says that the voxels begin at byte {offset:g}. {_EXPORT}")
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        slope, intercept = 1.0, 0.0  # the standard: no scaling unless the slope is a number other than zero
    if not math.isfinite(intercept):
        raise Refusal("bad-scaling", f"The rescale intercept of {name} is not a number. {_EXPORT}")
    return NiftiHeader(dtype, int(offset), slope, intercept, _geometry(header, shape, name))


def _shape(header: nib.Nifti1Header, name: str) -> tuple[int, int, int]:
    dims = [int(n) for n in header["dim"]]
    if not 1 <= dims[0] <= 7 or any(n < 1 for n in dims[1 : dims[0] + 1]):
        raise Refusal("bad-header", f"The header of {name} gives the dimensions {dims}. Export it again.")
    sizes = dims[1 : dims[0] + 1]
    if len(sizes) < 3 or any(n != 1 for n in sizes[3:]):
        shown = " x ".join(map(str, sizes))
        raise Refusal("not-3d", f"{name} has the shape {shown}. A volume has three axes. Send one volume per file.")
    if math.prod(sizes) > MAX_VOXELS or sizes[0] * sizes[1] > MAX_PLANE:
        shown = " x ".join(map(str, sizes))
        raise Refusal("too-large", f"{name} declares {shown} voxels, over the limit. Crop it to the spine.")
    return sizes[0], sizes[1], sizes[2]


def _dtype(header: nib.Nifti1Header, name: str) -> np.dtype[Any]:
    code = int(header["datatype"])
    if code in _RGB:
        raise Refusal("rgb", f"{name} is a colour image ({_RGB[code]}). Send the CT or the mask itself.")
    if code not in _PLAIN:
        raise Refusal("bad-datatype", f"{name} has the data type {code}, which is no plain number. Export it as int16.")
    return np.dtype(_PLAIN[code]).newbyteorder(header.endianness)


def _geometry(header: nib.Nifti1Header, shape: tuple[int, int, int], name: str) -> Geometry:
    """Index to LPS; checked for units, spacing, orientation, contradiction and shear."""
    unit = _UNITS.get(int(header["xyzt_units"]) & 7)
    if unit:
        raise Refusal("bad-units", f"{name} gives positions in {unit}. Export it in millimetres.")
    spacing = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        shown = " x ".join(f"{value:g}" for value in spacing)
        raise Refusal("bad-spacing", f"The voxel spacing of {name} is {shown} mm. Export it with its true spacing.")
    forms = _forms(header, name)
    if not forms:
        raise Refusal(
            "no-orientation",
            f"{name} does not say how it lies in the patient: neither sform nor qform is set. {_CONVERT}",
        )
    columns = np.linalg.norm(forms[0][:3, :3], axis=0)
    if not np.isfinite(forms[0]).all() or (columns < 1e-6).any() or _unit_volume(forms[0]) < _SMALLEST_UNIT_VOLUME:
        raise Refusal("singular-affine", f"The axes of {name} do not span a volume. {_CONVERT}")
    apart = max(_apart(forms[0], form, shape) for form in forms)
    if apart > CONTRADICTION_MM:
        raise Refusal(
            "orientation-contradicts", f"sform and qform of {name} place it up to {apart:.1f} mm apart. {_CONVERT}"
        )
    if np.abs(columns / spacing - 1).max() > SPACING_TOLERANCE:
        raise Refusal(
            "spacing-contradicts",
            f"{name} gives its voxels as {_millimetres(spacing)} in one place and {_millimetres(columns)} in another. "
            f"{_CONVERT}",
        )
    geometry = Geometry(shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ forms[0])
    if geometry.is_sheared():
        raise Refusal(
            "sheared-affine",
            f"The axes of {name} are not at right angles: a tilted gantry, or a wrong transform. "
            "Resample it to a straight grid.",
        )
    return geometry


def _forms(header: nib.Nifti1Header, name: str) -> list[NDArray[np.float64]]:
    """The affines that are set (RAS), the sform first."""
    forms = []
    if int(header["sform_code"]) > 0:
        forms.append(np.asarray(header.get_sform(), dtype=np.float64))
    if int(header["qform_code"]) > 0:
        header = header.copy()
        if header["pixdim"][0] == 0:
            header["pixdim"][0] = 1  # the standard: a qfac of zero means one
        try:
            forms.append(np.asarray(header.get_qform(), dtype=np.float64))
        except (ValueError, nib.spatialimages.HeaderDataError) as wrong:
            raise Refusal("bad-qform", f"The quaternion of {name} is no rotation. {_CONVERT}") from wrong
    return forms


def _unit_volume(affine: NDArray[np.float64]) -> float:
    return float(abs(np.linalg.det(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))))


def _apart(one: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, int, int]) -> float:
    """Greatest distance in mm between the corners that two affines give."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1)
    distance = (one - other)[:3, :3] @ corners + (one - other)[:3, 3:]
    greatest = float(np.linalg.norm(distance, axis=0).max())
    return greatest if math.isfinite(greatest) else math.inf


def _millimetres(spacing: NDArray[np.float64]) -> str:
    return " x ".join(f"{value:.3g}" for value in spacing) + " mm"
