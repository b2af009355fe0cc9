"""Writes real DICOM Part 10 CT files: any orientation, sign, bit depth, rescale, spacing and transfer syntax."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, RLELossless, generate_uid

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"

TRANSFER_SYNTAXES = {
    "implicit little endian": IMPLICIT_LITTLE,
    "explicit little endian": EXPLICIT_LITTLE,
    "explicit big endian": EXPLICIT_BIG,
    "JPEG lossless": JPEG_LOSSLESS,
    "JPEG lossless SV1": JPEG_LOSSLESS_SV1,
    "JPEG-LS": JPEG_LS,
    "JPEG 2000": JPEG_2000,
    "HTJ2K": HTJ2K,
    "RLE": RLE,
}

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)

Change = Callable[[FileDataset, int], None]


def stored_values(shape: tuple[int, int, int], dtype: str = "int16", bits: int = 16, seed: int = 0) -> NDArray[Any]:
    """Noise over the whole range of `bits` bits, its two ends included, in (n, rows, columns)."""
    signed = np.dtype(dtype).kind == "i"
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    values = np.random.default_rng(seed).integers(low, high, shape, endpoint=True).astype(dtype)
    values[0, 0, :2] = low, high
    return values


def write_ct_series(
    folder: Path,
    stored: NDArray[Any],
    *,
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-100.0, -120.0, -300.0),
    step_mm: float = 1.0,
    pixel_spacing: tuple[float, float] = (0.5, 0.5),
    slope: str | float = 1,
    intercept: str | float = -1024,
    bits_stored: int = 16,
    transfer_syntax: str = EXPLICIT_LITTLE,
    kernel: str | Sequence[str] = "Br60f",
    patient_id: str = "P1",
    study_uid: str | None = None,
    series_uid: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    change: Change | None = None,
    suffix: str = ".dcm",
    prefix: str = "image",
) -> list[Path]:
    """Write `stored` (n, rows, columns), uint16 or int16, as n CT files into `folder`; returns their paths.

    Slice n lies at ``origin + n * step_mm * normal``. `attributes` are set on every header, then
    ``change(dataset, n)`` may spoil it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = study_uid or generate_uid()
    series = series_uid or generate_uid()
    frame_of_reference = generate_uid()
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    paths = []
    for n, frame in enumerate(stored):
        dataset = _header(frame, transfer_syntax)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.FrameOfReferenceUID = frame_of_reference
        dataset.PatientID = patient_id
        dataset.InstanceNumber = n + 1
        dataset.ConvolutionKernel = list(kernel) if not isinstance(kernel, str) else kernel
        dataset.ImageOrientationPatient = [_decimal(value) for value in orientation]
        dataset.ImagePositionPatient = [_decimal(value) for value in np.array(origin) + n * step_mm * normal]
        dataset.PixelSpacing = [_decimal(value) for value in pixel_spacing]
        dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(intercept)
        dataset.BitsStored, dataset.HighBit = bits_stored, bits_stored - 1
        _set_pixels(dataset, frame, transfer_syntax, bits_stored)
        path = folder / f"{prefix}{n:04d}{suffix}"
        # Tests write values that DICOM forbids; the reader has to meet them.
        with warnings.catch_warnings(), _NoValidation():
            warnings.simplefilter("ignore")
            for keyword, value in (attributes or {}).items():
                setattr(dataset, keyword, value)
            if change is not None:
                change(dataset, n)
            dataset.set_original_encoding(transfer_syntax == IMPLICIT_LITTLE, transfer_syntax != EXPLICIT_BIG)
            dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


class _NoValidation:
    def __enter__(self) -> None:
        settings = pydicom.config.settings
        self.modes = settings.reading_validation_mode, settings.writing_validation_mode
        settings.reading_validation_mode = settings.writing_validation_mode = pydicom.config.IGNORE

    def __exit__(self, *_: object) -> None:
        settings = pydicom.config.settings
        settings.reading_validation_mode, settings.writing_validation_mode = self.modes


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters (PS3.5 6.2)."""
    for digits in range(15, 0, -1):
        written = f"{float(value):.{digits}g}"
        if len(written) <= 16:
            return written
    return "0"


def _header(frame: NDArray[Any], transfer_syntax: str) -> FileDataset:
    uid = generate_uid()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = pydicom.uid.UID(transfer_syntax)
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, uid
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = "CT"
    dataset.PatientName, dataset.PatientSex, dataset.PatientAge = "Test^Person", "F", "077Y"
    dataset.StudyDate, dataset.SeriesDescription, dataset.SeriesNumber = "20240131", "spine", 2
    dataset.Rows, dataset.Columns = frame.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.PixelRepresentation = int(frame.dtype.kind == "i")
    return dataset


def _set_pixels(dataset: FileDataset, frame: NDArray[Any], transfer_syntax: str, bits_stored: int) -> None:
    order = ">" if transfer_syntax == EXPLICIT_BIG else "<"
    native = np.ascontiguousarray(frame).astype(frame.dtype.newbyteorder(order)).tobytes()
    if transfer_syntax in (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG):
        dataset.PixelData = native
    elif transfer_syntax == RLE:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.PixelData = native
        dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        dataset.PixelData = encapsulate([codestream(frame, transfer_syntax, bits_stored)])
    dataset["PixelData"].VR = "OW" if order == ">" or transfer_syntax in (IMPLICIT_LITTLE, EXPLICIT_LITTLE) else "OB"


def codestream(frame: NDArray[Any], transfer_syntax: str, bits_stored: int) -> bytes:
    """A frame compressed as the transfer syntax has it."""
    frame = np.ascontiguousarray(frame)
    # JPEG and JPEG-LS know no sign: PS3.5 8.2.1 and 8.2.3 have the two's complement of Bits Stored bits.
    unsigned = frame.view(np.uint16) & np.uint16((1 << bits_stored) - 1)
    if transfer_syntax == JPEG_LOSSLESS:
        return bytes(imagecodecs.jpeg8_encode(unsigned, lossless=True, predictor=6, bitspersample=bits_stored))
    if transfer_syntax == JPEG_LOSSLESS_SV1:
        return bytes(imagecodecs.jpeg8_encode(unsigned, lossless=True, predictor=1, bitspersample=bits_stored))
    if transfer_syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(unsigned))
    if transfer_syntax == JPEG_2000:
        bits = bits_stored if frame.dtype.kind == "u" else 16
        return bytes(imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k", bitspersample=bits))
    if transfer_syntax == HTJ2K:
        return bytes(imagecodecs.htj2k_encode(frame, reversible=True))
    raise ValueError(f"No codec for {transfer_syntax}.")
