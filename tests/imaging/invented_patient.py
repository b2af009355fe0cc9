"""CT headers of one invented patient, for the tests of de-identification."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

# Sixteen things that must not be found in any file written: names, numbers, places, dates and UIDs of one patient.
NAME, PATIENT_ID, OTHER_ID, ACCESSION = "Mustermann", "PID-4711-0815", "AHV7569999", "ACC20240229X"
PHYSICIAN, OPERATOR, HOSPITAL, STREET = "Sauerbruch", "Operateurin", "Spital Hinterdorf", "Petersgraben"
PHONE, EMPLOYER, STATION, AE_TITLE = "+41791234567", "Feuerwehr", "CTHINTEN01", "QR_HINTERDORF"
STUDY_DATE, BIRTH_DATE = "20240229", "19310415"
STUDY_UID, INSTANCE_UID = "1.2.826.0.1.3680043.77.1", "1.2.826.0.1.3680043.77.1.1.1"
IDENTIFIERS = [
    *(NAME, PATIENT_ID, OTHER_ID, ACCESSION, PHYSICIAN, OPERATOR, HOSPITAL, STREET),
    *(PHONE, EMPLOYER, STATION, AE_TITLE, STUDY_DATE, BIRTH_DATE, STUDY_UID, INSTANCE_UID),
]


def ct_header(**changes: Any) -> Dataset:
    """A CT header as a scanner writes it, with a patient in it."""
    dataset = Dataset()
    values: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": INSTANCE_UID,
        "StudyInstanceUID": STUDY_UID,
        "SeriesInstanceUID": STUDY_UID + ".1",
        "FrameOfReferenceUID": STUDY_UID + ".9",
        "StudyDate": STUDY_DATE,
        "SeriesDate": STUDY_DATE,
        "StudyTime": "101112",
        "Modality": "CT",
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "SOMATOM Definition AS+",
        "AccessionNumber": ACCESSION,
        "PatientName": f"{NAME}^Erika",
        "PatientID": PATIENT_ID,
        "IssuerOfPatientID": HOSPITAL,
        "PatientBirthDate": BIRTH_DATE,
        "PatientSex": "F",
        "PatientAge": "092Y",
        "BodyPartExamined": "LSPINE",
        "ConvolutionKernel": ["Br60f", "3"],
        "KVP": "120",
        "SliceThickness": "0.75",
        "ImagePositionPatient": ["-107.123456789", "-250.5", "82.000000000001"],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": ["0.48828125", "0.48828125"],
        "SeriesNumber": "4",
        "InstanceNumber": "17",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 4,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "CTDIvol": 12.5,
        **changes,
    }
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = INSTANCE_UID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = AE_TITLE
    return dataset


def hostile_header() -> Dataset:
    """The same with the patient in every corner that a header has."""
    dataset = ct_header(
        StudyDescription=f"CT LWS nativ {NAME}",
        SeriesDescription=f"sag bone {NAME} {BIRTH_DATE}",
        ProtocolName=f"WS {NAME}",
        InstitutionName=HOSPITAL,
        InstitutionAddress=STREET,
        StationName=STATION,
        ReferringPhysicianName=f"{PHYSICIAN}^Ferdinand",
        OperatorsName=OPERATOR,
        PhysiciansOfRecord=PHYSICIAN,
        OtherPatientIDs=[OTHER_ID, PATIENT_ID],
        PatientTelephoneNumbers=PHONE,
        Occupation=EMPLOYER,
        PatientComments=f"calls {PHONE}",
        ImageComments=f"{NAME} {STREET}",
        AcquisitionDateTime=f"{STUDY_DATE}101112",
        StudyID=ACCESSION,
        PositionReferenceIndicator=NAME,
        ContrastBolusAgent=f"Imeron for {NAME}",
        IrradiationEventUID=STUDY_UID + ".5",
        DeviceSerialNumber=STATION,
        ImageType=["ORIGINAL", "PRIMARY", NAME.upper()],
        BodyPartExamined=NAME.upper(),
        Manufacturer=HOSPITAL,
        ManufacturerModelName=f"SOMATOM {NAME}",
        ConvolutionKernel=[NAME, "3"],
        RescaleType=NAME,
        PatientAge="092Y",
    )
    item = Dataset()
    item.PatientName = f"{NAME}^Erika"
    item.ReferencedSOPInstanceUID = INSTANCE_UID
    nested = Dataset()
    nested.PersonName = PHYSICIAN
    nested.InstitutionName = HOSPITAL
    item.PersonIdentificationCodeSequence = Sequence([nested])
    dataset.ReferencedImageSequence = Sequence([item])
    dataset.RequestAttributesSequence = Sequence([item])
    dataset.OtherPatientIDsSequence = Sequence([item])
    # In the place of an allowed attribute: text where a number belongs, a sequence where a code belongs.
    dataset.add(DataElement(0x00180090, "LO", NAME))
    dataset.add(DataElement(0x00181100, "LO", PHONE))
    dataset.add(DataElement(0x00185100, "SQ", Sequence([item])))
    dataset.add(DataElement(0x00200011, "IS", 20240229))
    block = dataset.private_block(0x0009, NAME, create=True)
    block.add_new(0x01, "LO", PATIENT_ID)
    block.add_new(0x02, "UN", NAME.encode())
    dataset.add(DataElement(0x60000010, "US", 4))
    dataset.add(DataElement(0x60003000, "OW", NAME.encode()))
    dataset.add(DataElement(0x60004000, "LT", NAME))
    dataset.add(DataElement(0x50003000, "OW", PATIENT_ID.encode() + b" "))
    dataset.add(DataElement(0x00084000, "LT", f"{NAME} retired"))
    dataset.add(DataElement(0xFFFCFFFC, "OB", NAME.encode()))
    dataset.PixelData = b"\x01\x00" * 16 + NAME.encode() + b"\0"
    return dataset


def written(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def assert_no_identifier(data: bytes) -> None:
    lowered = data.lower()
    for identifier in IDENTIFIERS:
        assert identifier.lower().encode() not in lowered, identifier
