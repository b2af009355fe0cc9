"""`manage.py import_cases` and the demonstration case."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labeling.imaging.refusal import Refusal
from labeling.intake import batches
from labeling.intake.demonstration import seed_demonstration_case
from labeling.models import Anatomy, Assignment, BatchState, Case, CaseOrigin, IntakeBatch
from tests.intake.phantoms import MASK, dicom, hounsfield, nifti

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command("import_cases", *arguments, stdout=out, skip_checks=True)
    return out.getvalue()


def test_each_series_is_a_line(tmp_path: Path):
    dicom(tmp_path / "in" / "a")
    dicom(tmp_path / "in" / "b", attributes={"Modality": "MR"}, seed=2)
    lines = said(str(tmp_path / "in")).splitlines()
    case = Case.objects.get()
    assert (
        f"Sagittal stack built [{case.name}, case {case.pk}]: CT 2, spine, 66 images. No sagittal series." in lines[0]
    )
    assert any(line.startswith("Left out: MR 2, spine, 66 images. The series is MR, not CT.") for line in lines)


def test_a_second_run_is_no_error(tmp_path: Path):
    dicom(tmp_path / "in")
    said(str(tmp_path / "in"))
    assert "Seen before" in said(str(tmp_path / "in"))


def test_where_nothing_comes_in_the_command_ends_with_an_error(tmp_path: Path):
    dicom(tmp_path / "in", attributes={"Modality": "MR"})
    with pytest.raises(CommandError, match=r"Nothing came in\."):
        said(str(tmp_path / "in"))


def test_a_path_that_is_not_there_is_said_before_anything_is_copied(tmp_path: Path):
    with pytest.raises(CommandError, match="is not there"):
        said(str(tmp_path / "nothing"))
    assert not IntakeBatch.objects.exists()


def test_a_mask_for_a_case_by_its_number(tmp_path: Path):
    said(str(nifti(tmp_path / "x.nii.gz", hounsfield())), "--patient", "Eva")
    case = Case.objects.get()
    assert "4 vertebrae, L1 to L4" in said(str(nifti(tmp_path / "y.nii.gz", MASK)), "--mask", "--case", str(case.pk))


def test_the_report_of_the_one_case_comes_in_beside_its_images(tmp_path: Path):
    report = tmp_path / "report.txt"
    report.write_text("\ufeffKeilfraktur L1.\r\n", encoding="utf-8")
    dicom(tmp_path / "in")
    lines = said(str(tmp_path / "in"), "--report", str(report)).splitlines()
    case = Case.objects.get()
    assert lines[-1] == f"Report stored: {case.name}, case {case.pk}."
    assert case.report_text == "Keilfraktur L1."


def test_a_report_that_names_the_patient_stays_outside_while_the_images_come_in(tmp_path: Path):
    report = tmp_path / "report.txt"
    report.write_text("Frau Muster fell.", encoding="utf-8")
    dicom(tmp_path / "in", attributes={"PatientName": "Muster^Maria"})
    with pytest.raises(CommandError, match=r"the report did not\. The text holds the patient's name"):
        said(str(tmp_path / "in"), "--report", str(report))
    assert Case.objects.get().report_text == ""


def test_a_report_that_cannot_be_read_is_said_before_anything_is_copied(tmp_path: Path):
    dicom(tmp_path / "in")
    (tmp_path / "report.doc").write_bytes(b"\xff\xfe\x00\xd8")
    for path, sentence in ((tmp_path / "none.txt", "cannot be read"), (tmp_path / "report.doc", "no UTF-8 text")):
        with pytest.raises(CommandError, match=sentence):
            said(str(tmp_path / "in"), "--report", str(path))
    assert not IntakeBatch.objects.exists()


def test_a_ct_given_as_a_mask_is_refused(tmp_path: Path):
    with pytest.raises(CommandError, match="Nothing came in"):
        said(str(nifti(tmp_path / "x.nii.gz", hounsfield())), "--mask")


def test_a_delivery_over_the_limits_is_stopped_with_the_limit(tmp_path: Path, settings):
    settings.INTAKE_MAX_FILES = 5
    dicom(tmp_path / "in")
    with pytest.raises(CommandError, match="at most 5 files"):
        said(str(tmp_path / "in"))
    assert IntakeBatch.objects.get().state == BatchState.FAILED
    settings.INTAKE_MAX_FILES, settings.INTAKE_MAX_BYTES = 5000, 10_000
    with pytest.raises(CommandError, match="larger than the limit"):
        said(str(tmp_path / "in"))


def test_the_name_of_a_delivery_is_its_top_level(tmp_path: Path):
    assert batches.new_batch(None, "torso/IM/0001", "upload").name == "torso"
    assert batches.new_batch(None, "..\\..\\x\0\n.zip", "upload").name == "x.zip"
    assert batches.new_batch(None, "", "upload").name == "Delivery"
    assert len(batches.new_batch(None, "n" * 900, "upload").name) == 200


def test_a_file_sent_twice_replaces_itself_and_a_closed_delivery_takes_none():
    batch = batches.new_batch(None, "x", "upload")
    for data in (b"first", b"second!"):
        batches.add_file(batch, "a/b.dcm", io.BytesIO(data))
    batch.refresh_from_db()
    assert (batch.files_total, batch.bytes_total) == (1, 7)
    batches.finish_batch(batch)
    batches.finish_batch(batch)
    with pytest.raises(Refusal, match="closed"):
        batches.add_file(batch, "late", io.BytesIO(b"x"))


def test_the_demonstration_case_is_there_once_and_can_be_read(open_round, monkeypatch, tmp_path: Path):
    case = seed_demonstration_case()
    assert seed_demonstration_case() == case
    assert case.origin == CaseOrigin.DEMONSTRATION
    assert IntakeBatch.objects.count() == 1
    assert list(Anatomy.objects.get().vertebrae.values_list("level", flat=True)) == ["L2", "L3", "L4"]
    assert Assignment.objects.filter(case=case, round=open_round).exists()
    assert case.reading_stack.slice_spacing == pytest.approx(3.0)


def test_without_its_package_the_demonstration_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refusal, match="tptbox"):
        seed_demonstration_case()


def test_the_package_of_the_demonstration_is_found_without_importing_it():
    import sys

    assert importlib.util.find_spec("TPTBox") is not None
    assert "TPTBox" not in sys.modules
