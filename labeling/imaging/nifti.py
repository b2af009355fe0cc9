"""NIfTI files at the door: a CT, or a map of vertebra labels, in the patient's LPS millimetres.

What is decided here
--------------------
*Orientation*: any. NIfTI is RAS; both horizontal axes are turned to LPS and nothing else is moved. The sform is used
where its code is set, else the qform. Where both are set and place a corner over 1 mm apart, the file says two things
about where the patient's left is and is refused.

*Values*: ``scl_slope`` and ``scl_inter`` are applied and the result rounded to the nearest whole Hounsfield unit
(halves to even). The volume stores them as unsigned 16 bit with slope 1 and an intercept that is a multiple of -1024,
so integer HU come through bit-exact.

*Safety*: the header is read and checked before a byte of voxels; voxels are read as a stream, a slab at a time, never
more than the header declares plus a short tail. A compressed stream is read to its end, so that its checksum counts.

What of a header is believed and what is refused is in `nifti_header`.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .nifti_header import NiftiHeader, checked_header
from .refusal import Refusal
from .volume import LabelMap, Volume

__all__ = ["looks_like_labels", "read_ct", "read_labels"]

MAX_RATIO_CT = 200
"""Greatest share by which a CT shrinks in gzip, judged from `RATIO_FROM_BYTES` on. Noise keeps real ones under 10."""

GZIP_LIMIT = 1032
"""deflate cannot shrink by more: a header that declares more than this times the file cannot be true."""

RATIO_FROM_BYTES = 64 * 2**20

MAX_LABEL_VALUES = 128
"""More different values than this are an image and not labels (whole-body label sets have up to 118)."""

_TRAILING_BYTES = 2**20
_SLAB_BYTES = 8 * 2**20
_HU_RANGE = (-32768, 32767)


def read_ct(path: str | os.PathLike[str]) -> Volume:
    """A CT in Hounsfield units.

    Returns
    -------
    Volume of uint16 in the file's own axis order (i, j, k), slope 1; its geometry is LPS.

    Raises
    ------
    Refusal
        with a code and a sentence that names the file, for everything that is not a whole, unambiguous CT volume.
    """
    path = Path(path)
    with _opened(path) as (stream, header):
        if header.dtype.itemsize == 1:
            raise Refusal(
                "eight-bit-ct",
                f"{path.name} holds 8-bit values. A CT in Hounsfield units needs 16. Export it without a window.",
            )
        _check_ratio(path, header)
        hounsfield = np.empty(header.shape, dtype=np.int16, order="F")
        for start, slab in _slabs(stream, header, path):
            values = np.rint(slab)
            _check_hounsfield(values, path)
            hounsfield[:, :, start : start + slab.shape[2]] = values
    lowest = int(hounsfield.min())
    if lowest >= 0:
        raise Refusal(
            "not-hounsfield",
            f"No value in {path.name} lies below 0, but air is -1000 and fat -100 HU. "
            "It is no CT, or its rescale intercept is lost. Export it in Hounsfield units.",
        )
    intercept = -1024 * max(1, math.ceil(-lowest / 1024))
    # Both steps wrap around within 16 bits and so are exact: stored = HU - intercept lies in 0 ... 65535.
    stored = hounsfield.view(np.uint16)
    stored -= np.uint16(intercept % 2**16)
    return Volume(header.geometry, stored, 1.0, float(intercept))


def read_labels(path: str | os.PathLike[str]) -> LabelMap:
    """A label map: whole numbers from 0 up, stored as integers or as floats.

    Which numbers are vertebrae is not judged here, see `labeling.imaging.resample.check_same_patient`.

    Returns
    -------
    LabelMap of uint8 (uint16 where a label is over 255) in the file's own axis order; its geometry is LPS.

    Raises
    ------
    Refusal
        as `read_ct`, and ``not-labels`` for values that are negative, over 65,535 or not whole.
    """
    path = Path(path)
    with _opened(path) as (stream, header):
        labels: NDArray[Any] = np.zeros(header.shape, dtype=np.uint8, order="F")
        for start, slab in _slabs(stream, header, path):
            wrong = slab[(slab < 0) | (slab > 65535) | (slab != np.rint(slab))]
            if wrong.size:
                raise Refusal(
                    "not-labels",
                    f"{path.name} holds the value {wrong[0]:g}. Labels are whole numbers from 0 up. "
                    "Send a mask with VerSe numbers.",
                )
            if labels.dtype == np.uint8 and slab.max() > 255:
                labels = labels.astype(np.uint16)
            labels[:, :, start : start + slab.shape[2]] = slab
    return LabelMap(header.geometry, labels)


def looks_like_labels(path: str | os.PathLike[str]) -> bool:
    """Whether a file is more likely a label map than a CT: few different whole numbers from 0 to 255.

    Cheap for a CT, which betrays itself by its first values below zero. Never raises: what cannot be read is no label
    map, and `read_ct` then says why.
    """
    seen: set[float] = set()
    path = Path(path)
    try:
        with _opened(path) as (stream, header):
            for _, slab in _slabs(stream, header, path):
                if slab.min() < 0 or slab.max() > 255 or (slab != np.rint(slab)).any():
                    return False
                seen.update(np.unique(slab).tolist())
                if len(seen) > MAX_LABEL_VALUES:
                    return False
    except (Refusal, OSError):
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], NiftiHeader]]:
    """The stream of voxels and the checked header of a file; damage on the way becomes a refusal."""
    if not path.is_file():
        raise Refusal("not-a-file", f"{path.name} is not a file. Send a single .nii or .nii.gz file.")
    if path.stat().st_size == 0:
        raise Refusal("empty-file", f"{path.name} is empty. Send the file again.")
    with open(path, "rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if compressed else raw  # type: ignore[assignment]
        try:
            header, read = checked_header(lambda count: _exactly(stream, count, path), path.name)
            _check_size(path, header, compressed)
            _exactly(stream, header.offset - read, path)
            yield stream, header
        except (EOFError, zlib.error, gzip.BadGzipFile) as damage:
            raise Refusal(
                "damaged-file",
                f"{path.name} breaks off or its checksum differs. The transfer damaged it. Send it again.",
            ) from damage


def _check_size(path: Path, header: NiftiHeader, compressed: bool) -> None:
    """Refuse before reading where the file cannot hold what its header declares."""
    if header.declared_bytes > path.stat().st_size * (GZIP_LIMIT if compressed else 1):
        raise _truncated(path)


def _check_ratio(path: Path, header: NiftiHeader) -> None:
    declared = header.declared_bytes
    if declared > RATIO_FROM_BYTES and declared > MAX_RATIO_CT * path.stat().st_size:
        raise Refusal(
            "compression-bomb",
            f"{path.name} unpacks to {declared // 2**20} MB from {max(1, path.stat().st_size // 2**20)} MB. "
            "No CT shrinks that far. Export it again.",
        )


def _slabs(stream: IO[bytes], header: NiftiHeader, path: Path) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Scaled voxels in slabs (i, j, some k), each with its first k; then the end of the stream is checked."""
    width, height, depth = header.shape
    plane = width * height * header.dtype.itemsize
    thick = max(1, _SLAB_BYTES // plane)
    for start in range(0, depth, thick):
        count = min(thick, depth - start)
        raw = np.frombuffer(_exactly(stream, plane * count, path), dtype=header.dtype)
        slab = raw.reshape((width, height, count), order="F").astype(np.float64)
        if header.slope != 1.0 or header.intercept != 0.0:
            slab = slab * header.slope + header.intercept
        if not np.isfinite(slab).all():
            raise Refusal(
                "nan-voxels",
                f"{path.name} holds voxels that are not numbers, at or after slice {start + 1}. Export it again.",
            )
        yield start, slab
    # To the end, so that gzip compares its checksum; but a file may not hide a bomb behind its last voxel.
    if len(stream.read(_TRAILING_BYTES + 1)) > _TRAILING_BYTES:
        raise Refusal("longer-than-declared", f"{path.name} goes on after its last voxel. Export it again.")


def _exactly(stream: IO[bytes], count: int, path: Path) -> bytes:
    """`count` bytes of the stream, or a refusal."""
    parts = []
    while count > 0:
        part = stream.read(min(count, _SLAB_BYTES))
        if not part:
            raise _truncated(path)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _truncated(path: Path) -> Refusal:
    return Refusal("truncated-file", f"{path.name} is shorter than its header says. Send it again.")


def _check_hounsfield(values: NDArray[np.float64], path: Path) -> None:
    low, high = float(values.min()), float(values.max())
    if low < _HU_RANGE[0] or high > _HU_RANGE[1]:
        raise Refusal(
            "hu-out-of-range",
            f"{path.name} holds values from {low:g} to {high:g}. Hounsfield units lie between -32768 and 32767. "
            "Export it in Hounsfield units.",
        )
