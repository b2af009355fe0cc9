"""A study that carries identifiers wherever it can: none may be found in any table, any stored file or any log line."""

from __future__ import annotations

import gzip
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import generate_uid

from labeling.imaging.refusal import Refusal
from labeling.intake.identities import open_identity
from labeling.models import AuditEvent, Case, IntakeBatch, Outcome
from labeling.reading.roles import Role
from tests.factories import make_user
from tests.intake.conftest import Deliver
from tests.intake.phantoms import MASK, dicom, hounsfield, nifti, sagittal_dicom, zipped

pytestmark = pytest.mark.django_db

NAME, ID, ACCESSION, PHYSICIAN, HOSPITAL = "Zyxnamen", "ID00815471", "ACC99123", "Qoctorov", "Xspitalheim"
DATE, BORN = "20240131", "19481207"
UID_ROOT = "1.2.826.0.1.3680043.8.498.4242424242"
PLANTED = (NAME, ID, ACCESSION, PHYSICIAN, HOSPITAL, DATE, "2024-01-31", BORN, "1948-12-07", UID_ROOT)

ATTRIBUTES = {
    "PatientName": f"{NAME}^Eva",
    "PatientBirthDate": BORN,
    "PatientAge": "075Y",
    "OtherPatientIDs": [ID, NAME],
    "PatientComments": f"{NAME} {ID}",
    "AccessionNumber": ACCESSION,
    "StudyID": ID[:16],
    "StudyDate": DATE,
    "SeriesDate": DATE,
    "ContentDate": DATE,
    "InstitutionName": HOSPITAL,
    "StationName": HOSPITAL,
    "ReferringPhysicianName": PHYSICIAN,
    "OperatorsName": PHYSICIAN,
    "StudyDescription": f"LWS {NAME}",
    "SeriesDescription": f"LWS sag Knochen {NAME} {ID}",
    "ProtocolName": f"Spine {NAME}",
    "ImageComments": f"{NAME} {BORN}",
    "Manufacturer": f"SIEMENS {HOSPITAL}",
    "ManufacturerModelName": f"SOMATOM {NAME}",
    "ConvolutionKernel": ["Br60f", NAME],
    "ContrastBolusAgent": f"Ultravist {NAME}",
    "DeviceSerialNumber": ID,
    "RequestAttributesSequence": [],
}


def hostile(dataset: FileDataset, n: int) -> None:
    block = dataset.private_block(0x0029, f"{NAME} HEADER", create=True)
    block.add_new(0x10, "LO", f"{NAME} {ID}")
    request = Dataset()
    request.ScheduledProcedureStepDescription = f"{NAME} {PHYSICIAN}"
    dataset.RequestAttributesSequence = [request]
    dataset.file_meta.SourceApplicationEntityTitle = HOSPITAL
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(f"{UID_ROOT}.")
    dataset.FrameOfReferenceUID = f"{UID_ROOT}.77"


def hostile_modality(dataset: FileDataset, n: int) -> None:
    hostile(dataset, n)
    dataset.Modality = NAME.upper()


def everything_stored(media: Path) -> str:
    """Every row of every table as text, but for the seal and the name of what was dropped; every file and its name."""
    parts: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in ("labeling_identity",):
                continue
            what = "to_jsonb(t) - 'name'" if table == "labeling_intakebatch" else "to_jsonb(t)"
            cursor.execute(f'SELECT {what}::text FROM "{table}" t')
            parts += [row[0] for row in cursor.fetchall()]
    for path in media.rglob("*"):
        parts.append(str(path.relative_to(media)))
        if path.is_file():
            data = path.read_bytes()
            parts.append((gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1"))
    return "\n".join(parts)


@pytest.fixture
def imported(deliver: Deliver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> IntakeBatch:
    caplog.set_level(logging.DEBUG)
    study = f"{UID_ROOT}.1"
    folder = tmp_path / "in"
    common: dict[str, Any] = {"study_uid": study, "patient_id": ID, "attributes": ATTRIBUTES}
    dicom(folder / f"{NAME}_1", series_uid=f"{UID_ROOT}.2", change=hostile, prefix=NAME, **common)
    sagittal_dicom(folder / "2", series_uid=f"{UID_ROOT}.3", change=hostile, prefix=ID, **common)
    dicom(folder / "3", series_uid=f"{UID_ROOT}.4", change=hostile_modality, seed=3, **common)
    gap = dicom(folder / "4", series_uid=f"{UID_ROOT}.5", change=hostile, prefix=NAME, seed=4, **common)
    gap[20].unlink()
    nifti(folder / f"{NAME}_{ID}_ct.nii.gz", hounsfield(5), shift=(0, 0, 900))
    nifti(folder / f"{NAME}_{ID}_msk.nii.gz", MASK, shift=(0, 0, 900))
    nifti(folder / f"{PHYSICIAN}_msk.nii.gz", MASK, shift=(0, 700, 900))
    nifti(folder / f"{PHYSICIAN}_ct.nii.gz", np.abs(hounsfield(6)))
    (folder / f"{NAME}.txt").write_text(NAME)
    archive = zipped(tmp_path / f"{NAME} {ID}.zip", [one for one in folder.rglob("*") if one.is_file()], folder)
    return deliver(archive, patient=f"{NAME} Eva")


def test_no_planted_identifier_is_found_anywhere(imported: IntakeBatch, settings, caplog: pytest.LogCaptureFixture):
    assert imported.state == "done"
    outcomes = set(imported.series.values_list("outcome", flat=True))
    assert {Outcome.READING, Outcome.KEPT, Outcome.DERIVED, Outcome.MASK, Outcome.REFUSED, Outcome.LEFT_OUT} <= outcomes
    stored = everything_stored(Path(settings.MEDIA_ROOT)).casefold()
    for planted in PLANTED:
        assert planted.casefold() not in stored, planted
        assert planted.casefold() not in caplog.text.casefold(), planted


def test_what_is_useful_of_a_description_stays(imported: IntakeBatch):
    read = imported.series.get(outcome=Outcome.READING)
    assert read.words == "lws sag knochen"
    assert read.kernel == "Br60f"
    assert read.modality == "CT"


def test_the_command_prints_no_identifier(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    paths = dicom(tmp_path / NAME, study_uid=f"{UID_ROOT}.1", patient_id=ID, attributes=ATTRIBUTES, change=hostile)
    assert paths
    out = io.StringIO()
    call_command("import_cases", str(tmp_path / NAME), stdout=out, skip_checks=True)
    assert "Sagittal stack built" in out.getvalue()
    for planted in PLANTED:
        assert planted not in out.getvalue()


ROLES = [
    ((), False),
    ((Role.RESIDENT,), False),
    ((Role.SENIOR,), False),
    ((Role.LEAD,), False),
    ((Role.ENGINEER,), False),
    ((Role.ADMINISTRATOR,), True),
]


@pytest.mark.parametrize(("roles", "allowed"), ROLES)
def test_who_may_look_up_who_a_case_is(deliver: Deliver, tmp_path: Path, roles: tuple[Role, ...], allowed: bool):
    dicom(tmp_path / "in", patient_id=ID, attributes={"PatientAge": "094Y", "PatientName": f"{NAME}^Eva"})
    deliver(tmp_path / "in")
    case = Case.objects.get()
    user = make_user(*roles)
    if not allowed:
        with pytest.raises(PermissionDenied):
            open_identity(user, case)
        assert not AuditEvent.objects.exists()
        return
    record = open_identity(user, case)
    assert (record["patient"]["patient_id"], record["age"]) == (ID, 94)
    assert record["patient"]["name"] == f"{NAME}^Eva"
    event = AuditEvent.objects.get()
    assert (event.by, event.verb, event.case) == (user, "open_identity", case)
    assert ID not in str(event.detail)


def test_every_look_is_written_down_also_one_that_finds_no_key(deliver: Deliver, tmp_path: Path, settings):
    dicom(tmp_path / "in")
    deliver(tmp_path / "in")
    case, user = Case.objects.get(), make_user(Role.ADMINISTRATOR)
    open_identity(user, case)
    open_identity(user, case)
    assert AuditEvent.objects.filter(verb="open_identity").count() == 2
    settings.IDENTITY_KEYS = (b"MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=",)
    with pytest.raises(Refusal, match="keys at hand"):
        open_identity(user, case)
