"""A simulated case as files: DICOM, masks as NIfTI, the report, and truth.json. Everything in them says simulated."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from labeling.imaging.geometry import Geometry

from .case import SimulatedCase
from .readers import SimulatedRead

__all__ = ["CT_FOLDER", "MASK_FILE", "READ_FILE", "REPORT_FILE", "TRUTH_FILE", "write_case", "write_read"]

CT_FOLDER, MASK_FILE, BODY_FILE = "ct", "mask.nii.gz", "bodies.nii.gz"
REPORT_FILE, TRUTH_FILE, READ_FILE = "report.txt", "truth.json", "read.json"

_INTERCEPT = -1024
_NAMESPACE = uuid.UUID("6f1a7a0e-2f6b-5f0c-9d0b-0a51a6177a15")


def write_case(case: SimulatedCase, folder: Path, name: str) -> Path:
    """Write a case into ``folder/name``: `CT_FOLDER` with the images, the masks, the report and the truth.

    Parameters
    ----------
    name
        Of the folder, and the patient's identifier; the patient is called ``SIMULATED^name``.

    Returns
    -------
    The folder of the case.
    """
    place = folder / name
    (place / CT_FOLDER).mkdir(parents=True, exist_ok=True)
    uids = _write_images(case, place / CT_FOLDER, name)
    write_mask(case.labels, case.geometry, place / MASK_FILE)
    write_mask(case.bodies, case.geometry, place / BODY_FILE)
    (place / REPORT_FILE).write_text(case.report + "\n", encoding="utf-8")
    truth = json.dumps(_truth(case, name, uids), indent=1, ensure_ascii=False)
    (place / TRUTH_FILE).write_text(truth + "\n", encoding="utf-8")
    return place


def write_read(read: SimulatedRead, place: Path) -> None:
    """Write what a simulated reader said of a case into its folder, as `READ_FILE`."""
    said = {"simulated": True, **asdict(read)}
    (place / READ_FILE).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def write_mask(labels: NDArray[np.uint8], geometry: Geometry, path: Path) -> None:
    """Write labels (k, r, c) as NIfTI in their own axis order, millimetres, RAS."""
    image: Any = nib.Nifti1Image(labels, np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def _truth(case: SimulatedCase, name: str, uids: list[str]) -> dict[str, Any]:
    return {
        "simulated": True,
        "name": name,
        "seed": case.seed,
        "spec": asdict(case.spec),
        "array": "slice right to left, row head to feet, column front to back; k counts slices of it",
        "shape": list(case.geometry.shape),
        "spacing_mm": [round(float(value), 6) for value in case.geometry.spacing],
        "affine_lps": case.geometry.affine.tolist(),
        "sop_uids": uids if case.spec.plane == "sagittal" else [],
        "marrow_hu_l1": round(case.marrow, 1),
        "sacrum_in_view": case.sacrum_in_view,
        "levels": list(case.levels),
        "vertebrae": [one.as_json() for one in case.vertebrae],
    }


def _uid(*parts: object) -> str:
    """A UID under 2.25 (PS3.5 annex B.2) that depends on `parts` alone."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}"


def _write_images(case: SimulatedCase, folder: Path, name: str) -> list[str]:
    """One file per slice, in the order of the array; returns their SOP Instance UIDs."""
    geometry = case.geometry
    stored = (case.hounsfield.astype(np.int32) - _INTERCEPT).astype("<u2")
    left, down, back = geometry.directions.T
    sagittal = case.spec.plane == "sagittal"
    count = geometry.shape[0] if sagittal else geometry.shape[1]
    uids = []
    for n in range(count):
        if sagittal:
            frame, at, row, column = stored[n], (n, 0, 0), back, down
            spacing = geometry.spacing[1], geometry.spacing[2]
        else:
            # Axial slices count from the feet, as scanners number them.
            r = count - 1 - n
            frame, at, row, column = stored[:, r, :].T, (0, r, 0), left, back
            spacing = geometry.spacing[2], geometry.spacing[0]
        uid = _uid(name, case.seed, case.spec.plane, n)
        dataset = _header(case, name, n, uid)
        dataset.ImagePositionPatient = [_decimal(value) for value in geometry.to_patient(at)]
        dataset.ImageOrientationPatient = [_decimal(value) for value in (*row, *column)]
        dataset.PixelSpacing = [_decimal(value) for value in spacing]
        dataset.Rows, dataset.Columns = frame.shape
        dataset.PixelData = np.ascontiguousarray(frame).tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.save_as(folder / f"{n + 1:04d}.dcm", enforce_file_format=True)
        uids.append(uid)
    return uids


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters (PS3.5 6.2)."""
    return f"{float(value):.9g}" if abs(value) > 1e-9 else "0"


def _header(case: SimulatedCase, name: str, n: int, uid: str) -> FileDataset:
    spec = case.spec
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    sagittal = spec.plane == "sagittal"
    dataset.ImageType = ["DERIVED", "SECONDARY", "MPR"] if sagittal else ["DERIVED", "PRIMARY", "AXIAL"]
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, UID(uid)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = _uid(name, case.seed), _uid(name, case.seed, spec.plane)
    dataset.FrameOfReferenceUID = _uid(name, case.seed, "frame")
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = "CT", "Simulated", "Simulated CT"
    dataset.PatientName, dataset.PatientID = f"SIMULATED^{name}", name
    dataset.PatientSex, dataset.PatientAge = "F" if spec.female else "M", f"{spec.age:03d}Y"
    dataset.StudyDate, dataset.StudyDescription = "20240101", "Simulated CT of the spine"
    dataset.SeriesDescription = f"Simulated {'sagittal bone' if sagittal else 'axial bone'}"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, n + 1
    dataset.BodyPartExamined = "SPINE"
    dataset.KVP, dataset.Exposure = "120", str(round(200 * spec.dose))
    dataset.ConvolutionKernel, dataset.SliceThickness = spec.kernel, _decimal(spec.slice_mm)
    dataset.ImageComments = "Simulated, not a patient"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.RescaleIntercept, dataset.RescaleSlope = str(_INTERCEPT), "1"
    return dataset
