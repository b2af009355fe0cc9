"""What DICOMweb says of a stack and its slices, built from the record.

One description serves the metadata (DICOM JSON, PS3.18 Annex F), the room page and Part 10 files, so that they cannot
differ. Attributes follow the CT Image IOD (PS3.3 A.3); the only date is the shifted one of the case.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless
from pydicom.valuerep import format_number_as_ds

from labeling.models import Case, Slice, Stack

#: DICOM JSON of one object: tag in hex -> {"vr", "Value"}.
DicomJson = dict[str, dict[str, Any]]

#: What frames and instances are on offer as; the stored one first.
TRANSFER_SYNTAXES = (str(JPEGLSLossless), str(ExplicitVRLittleEndian))

WINDOW_CENTER = 400
WINDOW_WIDTH = 1800
SERIES_NUMBER = 1


def tag_of(keyword: str) -> str:
    """The eight hex digits of an attribute, as DICOM JSON writes it."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(f"{keyword} is no attribute of DICOM.")
    return f"{tag:08X}"


def element(keyword: str, values: Iterable[Any] = ()) -> DicomJson:
    """One attribute as DICOM JSON; without values it is present and empty (type 2)."""
    vr = dictionary_VR(tag_for_keyword(keyword) or 0)
    kept = [_value(vr, value) for value in values if value is not None and value != ""]
    return {tag_of(keyword): {"vr": vr, "Value": kept} if kept else {"vr": vr}}


def _value(vr: str, value: Any) -> Any:
    if vr == "PN":
        return {"Alphabetic": str(value)}
    if vr == "DS":
        return decimal(float(value))
    if vr in {"IS", "US", "UL", "SS", "SL"}:
        return int(value)
    return str(value)


def decimal(value: float) -> float:
    """The number as a DS of 16 characters holds it (PS3.5 6.2), so that JSON and Part 10 say the same."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot stand in a DICOM decimal string.")
    return float(format_number_as_ds(value)) + 0.0


def joined(parts: Iterable[DicomJson]) -> DicomJson:
    """Several attributes as one object, in the order of their tags (PS3.18 F.2.2)."""
    merged: DicomJson = {}
    for part in parts:
        merged.update(part)
    return dict(sorted(merged.items()))


def patient_and_study(case: Case) -> Iterator[DicomJson]:
    """Patient and General Study modules. `case.patient` should be loaded already."""
    yield element("SpecificCharacterSet", ["ISO_IR 192"])
    yield element("PatientName", [case.patient.pseudonym])
    yield element("PatientID", [case.patient.pseudonym])
    yield element("PatientBirthDate")
    yield element("PatientSex", [case.patient.sex])
    if case.age is not None:
        yield element("PatientAge", [f"{case.age:03d}Y"])
    yield element("PatientIdentityRemoved", ["YES"])
    yield element("DeidentificationMethod", ["PS3.15 Basic Profile, characteristics and modified dates retained"])
    yield element("LongitudinalTemporalInformationModified", ["MODIFIED" if case.study_date else "REMOVED"])
    yield element("StudyInstanceUID", [case.study_uid])
    yield element("StudyID")
    yield element("StudyDate", [f"{case.study_date:%Y%m%d}"] if case.study_date else [])
    yield element("StudyTime")
    yield element("AccessionNumber")
    yield element("ReferringPhysicianName")


def series(stack: Stack) -> Iterator[DicomJson]:
    """General Series, Equipment and Frame of Reference modules."""
    case = stack.case
    yield element("Modality", ["CT"])
    yield element("SeriesInstanceUID", [stack.series_uid])
    yield element("SeriesNumber", [SERIES_NUMBER])
    words = "Sagittal" if stack.origin == "native" else f"Sagittal, derived, {stack.slice_spacing:.2f} mm"
    yield element("SeriesDescription", [words])
    yield element("BodyPartExamined", ["SPINE"])
    yield element("Laterality")
    yield element("FrameOfReferenceUID", [stack.frame_of_reference])
    yield element("PositionReferenceIndicator")
    yield element("Manufacturer", [case.manufacturer])
    yield element("ManufacturerModelName", [case.scanner])


def image(stack: Stack) -> Iterator[DicomJson]:
    """What all slices of a stack share of the CT Image, Image Plane, Pixel and Modality LUT modules."""
    case = stack.case
    derived = stack.origin == "derived"
    yield element("SOPClassUID", [CTImageStorage])
    yield element("ImageType", ["DERIVED", "SECONDARY", "MPR"] if derived else ["ORIGINAL", "PRIMARY"])
    if derived:
        yield element("DerivationDescription", ["Sagittal slices, mean of whole samples from right to left"])
    yield element("ImageOrientationPatient", orientation(stack))
    yield element("PixelSpacing", [stack.row_spacing, stack.column_spacing])
    yield element("SliceThickness", [stack.slice_thickness])
    yield element("SpacingBetweenSlices", [stack.slice_spacing])
    yield element("KVP", [case.kv])
    yield element("ConvolutionKernel", [case.kernel])
    yield element("SamplesPerPixel", [1])
    yield element("PhotometricInterpretation", ["MONOCHROME2"])
    yield element("Rows", [stack.rows])
    yield element("Columns", [stack.columns])
    yield element("BitsAllocated", [16])
    yield element("BitsStored", [16])
    yield element("HighBit", [15])
    yield element("PixelRepresentation", [int(stack.signed)])
    yield element("RescaleSlope", [stack.slope])
    yield element("RescaleIntercept", [stack.intercept])
    yield element("RescaleType", ["HU"])
    yield element("WindowCenter", [WINDOW_CENTER])
    yield element("WindowWidth", [WINDOW_WIDTH])
    yield element("BurnedInAnnotation", ["NO"])
    # Not by us, but once lost is lost (PS3.3 C.7.6.1.1.5).
    yield element("LossyImageCompression", ["01" if stack.recipe.get("lossy") else "00"])
    yield element("AvailableTransferSyntaxUID", TRANSFER_SYNTAXES)


def of_slice(slice_: Slice) -> Iterator[DicomJson]:
    """What differs from slice to slice."""
    yield element("SOPInstanceUID", [slice_.sop_uid])
    yield element("InstanceNumber", [slice_.k + 1])
    yield element("ImagePositionPatient", slice_.position)
    yield element("SliceLocation", [slice_.position_mm])
    yield element("AcquisitionNumber")


def orientation(stack: Stack) -> list[float]:
    """Image Orientation (Patient): the direction of a row (along its columns), then of a column (PS3.3 C.7.6.2.1.1)."""
    affine = np.asarray(stack.affine, dtype=np.float64)
    along_row, along_column = affine[:3, 2], affine[:3, 1]
    cosines = [*(along_row / np.linalg.norm(along_row)), *(along_column / np.linalg.norm(along_column))]
    return [float(value) for value in cosines]


def metadata(stack: Stack, slices: Iterable[Slice]) -> list[DicomJson]:
    """The metadata of slices of one stack, WADO-RS form. `stack.case.patient` should be loaded already."""
    shared = joined([*patient_and_study(stack.case), *series(stack), *image(stack)])
    return [joined([shared, *of_slice(slice_)]) for slice_ in slices]
