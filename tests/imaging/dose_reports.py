"""CT series and X-Ray Radiation Dose SR objects, built by hand, for the tests of acquisition and dose."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, XRayRadiationDoseSRStorage

STUDY = "1.2.826.0.1.3680043.77.1"
EVENT, SCOUT_EVENT = STUDY + ".5", STUDY + ".6"


def through_a_file(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, sop_class: str = CTImageStorage) -> Dataset:
    """The dataset as it comes out of a file: its elements not yet converted."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or "1.2.3"
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()))


def header(z: float = 0.0, **changes: Any) -> Dataset:
    dataset = Dataset()
    values: dict[str, Any] = {
        "SOPInstanceUID": f"{STUDY}.1.{int(z * 10) + 1}",
        "StudyInstanceUID": STUDY,
        "IrradiationEventUID": EVENT,
        "StudyDate": "20240229",
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "SOMATOM Force",
        "PatientSex": "F",
        "PatientAge": "077Y",
        "KVP": "120",
        "XRayTubeCurrent": "200",
        "ExposureTime": "1000",
        "Exposure": "217",
        "SingleCollimationWidth": 0.6,
        "TotalCollimationWidth": 57.6,
        "CTDIvol": 12.5,
        "SliceThickness": "3",
        "ConvolutionKernel": ["Br60f", "3"],
        "Rows": 512,
        "Columns": 500,
        "PixelSpacing": ["0.5", "0.5"],
        "ImagePositionPatient": [-125, -128, z],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        **changes,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str = "DCM") -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, value
    return Sequence([item])


def content(kind: str, concept: str, children: list[Dataset] | None = None, **values: Any) -> Dataset:
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = kind
    item.ConceptNameCodeSequence = code(concept)
    for keyword, value in values.items():
        setattr(item, keyword, value)
    if children:
        item.ContentSequence = Sequence(children)
    return item


def measure(concept: str, value: str, unit: str) -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = code(unit, "UCUM")
    return content("NUM", concept, MeasuredValueSequence=Sequence([measured]))


def event(uid: str, ctdivol: str, dlp: str) -> Dataset:
    """CT Acquisition (TID 10013) with its dose one level below, as scanners nest it."""
    dose = content("CONTAINER", "113829", [measure("113830", ctdivol, "mGy"), measure("113838", dlp, "mGy.cm")])
    return content("CONTAINER", "113819", [content("UIDREF", "113769", UID=uid), dose])


def dose_sr(
    total: str | None, events: list[Dataset], sop_uid: str = STUDY + ".7", study: str = STUDY, unit: str = "mGy.cm"
) -> Dataset:
    """An X-Ray Radiation Dose SR (TID 10011)."""
    dataset = content("CONTAINER", "113701")
    dataset.SOPClassUID = XRayRadiationDoseSRStorage
    dataset.SOPInstanceUID = sop_uid
    dataset.StudyInstanceUID = study
    dataset.Modality = "SR"
    accumulated = content("CONTAINER", "113811", [measure("113813", total, unit)] if total is not None else [])
    dataset.ContentSequence = Sequence([accumulated, *events])
    return through_a_file(dataset, sop_class=XRayRadiationDoseSRStorage)
