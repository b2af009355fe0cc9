"""De-identification by an allow-list: what is not named here does not go on.

DICOM PS3.15, Annex E: Basic Application Level Confidentiality Profile (Table E.1-1) with the options Retain
Longitudinal Temporal Information with Modified Dates (113107) and Retain Patient Characteristics (113108: sex and
capped age, no more). Stricter than the profile in that private attributes, all sequences, all times of day, overlays,
every free text and everything unknown are dropped, and that what is kept is checked by value, not by name: a number
must be a number, a code one of its codes, a device name made of known words. The output is pure ASCII. Pixels are not
looked at: burned-in text is refused elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from pydicom import Dataset
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as ItemSequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import IS, DSfloat, format_number_as_ds

from labeling.imaging.acquisition import capped_age, patient_age, patient_sex
from labeling.imaging.header_values import Component, components, number, numbers, text, texts
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.imaging.vocabulary import body_part, image_type, kernel, maker, model, series_words

__all__ = ["IMPLEMENTATION_UID", "KEEP", "Pseudonymizer", "Treatment", "deidentified", "pseudonym_for", "series_words"]

#: A random UUID that stands for this program in the files it writes (Implementation Class UID, PS3.7 D.3.3.2).
IMPLEMENTATION_UID = UID("2.25.329800735698586629295641978511506172918")
_STANDARD_UID = re.compile(r"1\.2\.840\.10008(\.\d{1,4}){1,10}", re.ASCII)


class Treatment(StrEnum):
    """What becomes of an attribute of the allow-list."""

    KEEP = "keep"  # as it is, if its value passes the check for its kind
    UID = "uid"  # replaced by its pseudonym
    DATE = "date"  # moved back by the patient's shift
    REPLACE = "replace"  # a value made here, whatever the original says


_KEPT = """
    ImageType SOPClassUID Modality Manufacturer ManufacturerModelName BodyPartExamined SliceThickness KVP
    DataCollectionDiameter SpacingBetweenSlices ReconstructionDiameter DistanceSourceToDetector
    DistanceSourceToPatient GantryDetectorTilt TableHeight RotationDirection ExposureTime XRayTubeCurrent Exposure
    ExposureInuAs FocalSpots ConvolutionKernel PatientPosition RevolutionTime SingleCollimationWidth
    TotalCollimationWidth TableSpeed TableFeedPerRotation SpiralPitchFactor CTDIvol AcquisitionType SeriesNumber
    AcquisitionNumber InstanceNumber ImagePositionPatient ImageOrientationPatient SliceLocation SamplesPerPixel
    PhotometricInterpretation NumberOfFrames Rows Columns PixelSpacing BitsAllocated BitsStored HighBit
    PixelRepresentation PixelPaddingValue BurnedInAnnotation WindowCenter WindowWidth RescaleIntercept RescaleSlope
    RescaleType LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod
"""
_REPLACED = """
    StudyTime AccessionNumber ReferringPhysicianName PatientName PatientID PatientBirthDate PatientSex PatientAge
    PatientIdentityRemoved DeidentificationMethod DeidentificationMethodCodeSequence ContrastBolusAgent StudyID
    PositionReferenceIndicator LongitudinalTemporalInformationModified
"""

#: The allow-list: keyword (PS3.6) of every attribute that can be in the output, with what becomes of it.
KEEP: Mapping[str, Treatment] = {
    **dict.fromkeys(_KEPT.split(), Treatment.KEEP),
    **dict.fromkeys(["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"], Treatment.UID),
    **dict.fromkeys(["StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"], Treatment.DATE),
    **dict.fromkeys(_REPLACED.split(), Treatment.REPLACE),
    "PixelData": Treatment.KEEP,
}

#: Codes an attribute may have (PS3.3 C.7.6, C.8.2.1); any other value is dropped.
_CODES = {
    "Modality": {"CT", "MR", "PT", "NM", "CR", "DX", "SR", "SEG", "OT", "SC"},
    "RotationDirection": {"CW", "CC"},
    "PatientPosition": {"HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"},
    "AcquisitionType": {"SEQUENCED", "SPIRAL", "CONSTANT_ANGLE", "STATIONARY", "FREE"},
    "PhotometricInterpretation": {
        "MONOCHROME1",
        "MONOCHROME2",
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_RCT",
        "YBR_ICT",
        "PALETTE COLOR",
    },
    "BurnedInAnnotation": {"YES", "NO"},
    "RescaleType": {"HU", "HU_MOD", "US", "OD", "MGML", "Z_EFF", "ED", "PCT"},
    "LossyImageCompression": {"00", "01"},
    "LossyImageCompressionMethod": {
        "ISO_10918_1",
        "ISO_14495_1",
        "ISO_15444_1",
        "ISO_13818_2",
        "ISO_14496_10",
        "ISO_23008_2",
        "ISO_15444_15",
    },
}
_TEXTS: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "ImageType": image_type,
    "SOPClassUID": lambda values: tuple(value for value in values[:1] if _STANDARD_UID.fullmatch(value)),
    "Manufacturer": lambda values: _only(maker("\\".join(values))),
    "ManufacturerModelName": lambda values: _only(model("\\".join(values))),
    "BodyPartExamined": lambda values: _only(body_part("\\".join(values))),
    "ConvolutionKernel": kernel,
}
#: Five digits are enough for nearly every attribute, and too few for a date, an order or a telephone number.
_HIGHEST = dict.fromkeys(KEEP, 99_999.0) | {"ExposureInuAs": 9_999_999.0, "ExposureTime": 999_999.0}
#: How many values an attribute has (PS3.6); None for any number.
_COUNTS = {keyword: int(dictionary_VM(keyword)) if dictionary_VM(keyword).isdigit() else None for keyword in KEEP}
#: Type 2 (PS3.5 7.4.3): present even if there is nothing to say.
_TYPE_2 = {"KVP", "SeriesNumber", "AcquisitionNumber", "InstanceNumber"}
_INTEGERS = {"US": (0, 65_535), "US or SS": (-32_768, 65_535)}
_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)


def _only(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _entry(keyword: str) -> tuple[str, BaseTag, str]:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword!r} is no keyword of the DICOM data dictionary (PS3.6).")
    return keyword, Tag(tag), dictionary_VR(tag)


_ENTRIES = {
    treatment: [_entry(keyword) for keyword, its in KEEP.items() if its is treatment and keyword != "PixelData"]
    for treatment in Treatment
}
_PIXELS = Tag(0x7FE00010)


def pseudonym_for(dataset: Dataset, pseudonymizer: Pseudonymizer) -> str:
    """The pseudonym of the patient in a header.

    From Patient ID and its issuer; without a usable Patient ID the study stands for the patient
    (`Pseudonymizer.patient_of_study`), and where even the Study Instance UID is empty, the Frame of Reference. Raises
    `Refusal` "no-patient-id" when there is none of these.
    """
    try:
        return pseudonymizer.patient(text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID"))
    except Refusal:
        for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
            uid = text(dataset, keyword)
            if uid:
                return pseudonymizer.patient_of_study(uid)
        raise


def deidentified(dataset: Dataset, pseudonymizer: Pseudonymizer, pseudonym: str) -> Dataset:
    """A new dataset with the attributes of `KEEP` and nothing else; `dataset` is not changed.

    Parameters
    ----------
    dataset
        An original header, with or without Pixel Data. Uncompressed Pixel Data goes on as the same bytes object, cut
        to the length the header states; compressed Pixel Data does not (a code stream may carry comments): set the
        frames anew.
    pseudonymizer
        Gives the UIDs and the dates.
    pseudonym
        Of the patient (`pseudonym_for`): becomes Patient ID and Patient's Name, and determines the date shift.

    Returns
    -------
    Dataset
        With file meta information of its own (no AE titles, no preamble), ready for `save_as(...,
        enforce_file_format=True)`. Study, series and Frame of Reference UIDs that were empty are absent. Patient's Age
        is in whole years, "090Y" for 90 and more.

    Raises
    ------
    Refusal
        "no-uid" when there is no SOP Instance UID, in the header or in the file meta information.
    """
    clean = Dataset()
    for keyword, tag, vr in _ENTRIES[Treatment.KEEP]:
        if tag in dataset:
            kept = _kept(dataset, keyword, vr)
            if kept:
                _put(clean, tag, vr, kept)
        if keyword in _TYPE_2 and tag not in clean:
            clean[tag] = DataElement(tag, vr, None)
    for keyword, tag, _ in _ENTRIES[Treatment.UID]:
        uid = text(dataset, keyword)
        if uid:
            _put(clean, tag, "UI", (pseudonymizer.uid(uid),))
    for keyword, tag, _ in _ENTRIES[Treatment.DATE]:
        moved = pseudonymizer.shift_date(text(dataset, keyword), pseudonym)
        if moved or keyword == "StudyDate":  # type 2: present, if empty
            _put(clean, tag, "DA", (moved,))
    replacements = _replacements(dataset, pseudonym)
    for keyword, tag, vr in _ENTRIES[Treatment.REPLACE]:
        if keyword in replacements:
            _put(clean, tag, vr, (replacements[keyword],))
    clean[0x00120064] = DataElement(0x00120064, "SQ", _method_codes())
    transfer_syntax = _carry_pixels(dataset, clean)
    _complete_identity(dataset, clean, pseudonymizer, transfer_syntax)
    return clean


def _kept(dataset: Dataset, keyword: str, vr: str) -> tuple[Component, ...]:
    if keyword in _TEXTS:
        return _TEXTS[keyword](texts(dataset, keyword))
    if keyword in _CODES:
        given = texts(dataset, keyword)
        return given if all(value in _CODES[keyword] for value in given) else ()
    values = numbers(dataset, keyword)
    count = _COUNTS[keyword]
    if not values or (len(values) != count if count else len(values) > 8):
        return ()
    # Text can be stored as binary numbers (eight letters are one double): those are too large, too small or too many.
    lowest = 1e-9 if vr == "FD" else 0.0
    if any(value and not lowest < abs(value) <= _HIGHEST[keyword] for value in values):
        return ()
    if vr in ("DS", "IS"):  # as it was written, so that positions stay exact to the last digit
        written = tuple(str(part).strip() for part in components(dataset, keyword))
        if vr == "IS":
            return written if all(value == int(value) for value in values) else ()
        return tuple(
            part if len(part) <= 16 else format_number_as_ds(value) for part, value in zip(written, values, strict=True)
        )
    if vr in _INTEGERS:
        low, high = _INTEGERS[vr]
        whole = all(value == int(value) and low <= value <= high for value in values)
        return tuple(int(value) for value in values) if whole else ()
    return values


def _put(clean: Dataset, tag: BaseTag, vr: str, values: tuple[Component, ...]) -> None:
    if vr == "US or SS":
        vr = "SS" if any(isinstance(value, int) and value < 0 for value in values) else "US"
    converted: list[object]
    if vr == "DS":
        converted = [DSfloat(value) for value in values]
    elif vr == "IS":
        converted = [IS(int(float(value))) for value in values]
    elif vr == "UI":
        converted = [UID(str(value)) for value in values]
    else:
        converted = list(values)
    value = converted[0] if len(converted) == 1 else MultiValue(type(converted[0]), converted)
    clean[tag] = DataElement(tag, vr, value, already_converted=vr != "PN")


def _replacements(dataset: Dataset, pseudonym: str) -> dict[str, str]:
    age = patient_age([dataset])
    agent = text(dataset, "ContrastBolusAgent")
    return {
        "StudyTime": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "PatientName": pseudonym,
        "PatientID": pseudonym,
        "PatientBirthDate": "",
        "PatientSex": patient_sex([dataset]),
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "Allow-list, DICOM PS3.15 Annex E",
        "StudyID": "",
        "PositionReferenceIndicator": "",
        "LongitudinalTemporalInformationModified": "MODIFIED",
        **({"PatientAge": f"{capped_age(age):03d}Y"} if age is not None else {}),
        **({"ContrastBolusAgent": "CONTRAST"} if agent else {}),
    }


def _method_codes() -> ItemSequence:
    """De-identification Method Code Sequence (0012,0064), codes of PS3.16 CID 7050."""
    methods = []
    for value, meaning in _METHODS:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        methods.append(code)
    return ItemSequence(methods)


def _carry_pixels(dataset: Dataset, clean: Dataset) -> UID:
    """Hand uncompressed pixel bytes on, uncopied; the transfer syntax the result is to be written with."""
    meta = getattr(dataset, "file_meta", None)
    syntax = UID(text(meta, "TransferSyntaxUID")) if meta is not None else UID("")
    if syntax not in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian):
        return ExplicitVRLittleEndian
    element = dataset.get_item(_PIXELS) if _PIXELS in dataset else None
    value = element.value if isinstance(element, DataElement | RawDataElement) else None
    if isinstance(value, bytes):
        sizes = [number(clean, keyword, 1) for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")]
        frames = number(clean, "NumberOfFrames", 1) or 1.0
        if None not in sizes:
            bits = frames
            for size in sizes:
                bits *= size or 0.0
            length = int(bits) // 8
            stated = length + length % 2
            if len(value) >= length:  # what lies behind the last pixel is not part of the picture
                clean[_PIXELS] = DataElement(
                    _PIXELS,
                    "OW",
                    value if len(value) == stated else value[:length] + b"\0" * (length % 2),
                    already_converted=True,
                )
    return syntax


def _complete_identity(dataset: Dataset, clean: Dataset, pseudonymizer: Pseudonymizer, transfer_syntax: UID) -> None:
    """SOP class and instance from the file meta information where the header leaves them empty, and new file meta
    information.
    """
    old = getattr(dataset, "file_meta", None)
    if "SOPInstanceUID" not in clean:
        clean.SOPInstanceUID = pseudonymizer.uid(text(old, "MediaStorageSOPInstanceUID") if old is not None else "")
    if "SOPClassUID" not in clean and old is not None:
        for sop_class in _TEXTS["SOPClassUID"](texts(old, "MediaStorageSOPClassUID")):
            clean.SOPClassUID = sop_class
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    if "SOPClassUID" in clean:
        meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "SAGITTAL"
    clean.file_meta = meta
