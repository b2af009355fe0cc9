"""Reports coming in: each finds its case, now or later, and none keeps what names a patient."""

from __future__ import annotations

import io
import json
import zipfile

import pydicom
import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from labeling.cohort.crawl import crawl_now, uncrawled
from labeling.cohort.decisions import decide_report
from labeling.cohort.report_rows import report_row, report_rows
from labeling.cohort.reports import WITHHELD, match_waiting, receive
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.imaging.sealing import Seal
from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.models import AuditEvent, Case, Exposure, Identity, RoundKind, StudyReport
from labeling.reading.elsewhere.reports import set_report
from labeling.reading.roles import Role
from tests import factories
from tests.cohort.studies import EXCLUDED, FRACTURE, NEGATED, make_report
from tests.intake.phantoms import sagittal_dicom

pytestmark = pytest.mark.django_db

ACCESSION = "A4711-0815"
STUDY = "1.2.840.99.4711"


@pytest.fixture
def lead():
    return factories.make_user(Role.LEAD)


def make_sealed_case(accession: str = ACCESSION, name: str = "Huber^Anna", **fields) -> Case:
    """A case as it comes from DICOM files: its real identifiers are sealed."""
    case = factories.make_bare_case(study_uid=Pseudonymizer(settings.PSEUDONYM_KEY).uid(STUDY), **fields)
    identity = {
        "patient": {"patient_id": "PID778899", "name": name, "birth_date": "19500203"},
        "study": {"study_uid": STUDY, "accession_number": accession},
    }
    Identity.objects.create(case=case, sealed=Seal(settings.IDENTITY_KEYS).seal(identity))
    return case


def csv_of(*rows: str, header: str = "accession,date,text") -> bytes:
    return "\n".join((header, *rows)).encode()


def sr_of(text: str, *, patient: str = "Huber^Anna", uid: str = "1.2.840.10008.5.1.4.1.1.88.11") -> bytes:
    def coded(meaning: str) -> Sequence:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99TEST", meaning
        return Sequence([code])

    body = Dataset()
    body.RelationshipType, body.ValueType, body.TextValue = "CONTAINS", "TEXT", text
    body.ConceptNameCodeSequence = coded("Finding")
    observer = Dataset()
    observer.RelationshipType, observer.ValueType, observer.PersonName = "HAS OBS CONTEXT", "PNAME", "Roth^Eva"
    section = Dataset()
    section.RelationshipType, section.ValueType = "CONTAINS", "CONTAINER"
    section.ConceptNameCodeSequence, section.ContentSequence = coded("Befund"), Sequence([body])
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = uid
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID = "1.2.3.4"
    report.SpecificCharacterSet = "ISO_IR 100"
    report.PatientName, report.PatientID, report.StudyDate = patient, "PID778899", "20190314"
    report.AccessionNumber, report.StudyInstanceUID = ACCESSION, STUDY
    report.ContentSequence = Sequence([observer, section])
    file = io.BytesIO()
    report.save_as(file, enforce_file_format=True)
    return file.getvalue()


def zip_of(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", ".", 1), content)
    return file.getvalue()


def files_of(text: str) -> dict[str, tuple[str, bytes]]:
    """The same report in every kind of file."""
    german = f'Anforderungsnummer;Untersuchungsdatum;Befund\r\n{ACCESSION};14.03.2019;"{text}"\r\n'
    return {
        "csv": ("r.csv", csv_of(f'{ACCESSION},2019-03-14,"{text}"')),
        "german csv of a hospital": ("r.csv", german.encode("cp1252")),
        "utf-16 with tabs": ("r.tsv", f"accession\tstudy_date\treport\n{ACCESSION}\t20190314\t{text}".encode("utf-16")),
        "json": ("r.json", json.dumps([{"accession": ACCESSION, "date": "2019-03-14", "text": text}]).encode()),
        "json in a frame": (
            "r.json",
            json.dumps({"reports": [{"AccessionNumber": ACCESSION, "report": text}]}).encode(),
        ),
        "json lines": ("r.jsonl", f"{json.dumps({'accession': ACCESSION, 'text': text})}\n".encode() * 1),
        "text": (f"{ACCESSION}.txt", text.encode()),
        "sr": ("r.dcm", sr_of(text)),
        "zip": ("r.zip", zip_of(**{f"{ACCESSION}_txt": text.encode()})),
    }


@pytest.mark.parametrize("kind", list(files_of("")))
def test_every_kind_of_file_finds_the_case_and_keeps_no_accession_number(lead, kind):
    case = make_sealed_case()
    received = receive(lead, [files_of(FRACTURE)[kind]])
    assert (received.new, received.matched, received.problems) == (1, 1, [])
    report = StudyReport.objects.get()
    assert report.case == case
    assert FRACTURE in report.text
    assert report.year in (2019, None)
    case.refresh_from_db()
    assert case.report_text == report.text
    kept = json.dumps(StudyReport.objects.values().get(), default=str) + json.dumps(
        list(AuditEvent.objects.values("verb", "detail")), default=str
    )
    assert not [word for word in (ACCESSION, "Huber", "PID778899", "Roth") if word in kept]
    assert FRACTURE not in json.dumps(list(AuditEvent.objects.values("detail")))
    assert Exposure.objects.filter(case=case, reader__user=lead, what="report").exists()


@pytest.mark.parametrize("kind", ["csv", "text", "sr"])
def test_a_report_waits_for_its_case_and_finds_it(lead, kind):
    assert receive(lead, [files_of(FRACTURE)[kind]]).matched == 0
    assert match_waiting() == 0
    case = make_sealed_case()
    assert match_waiting([case.pk]) == 1
    assert StudyReport.objects.get().case == case
    case.refresh_from_db()
    assert FRACTURE in case.report_text
    assert Exposure.objects.filter(case=case, reader__user=lead, what="report").exists()
    assert receive(lead, [files_of(FRACTURE)[kind]]).known == 1


def test_a_report_is_found_by_case_name_and_by_study_uid(lead):
    case = make_sealed_case()
    by_name = csv_of(f"{case.name},{FRACTURE}", header="case,text")
    assert receive(lead, [("r.csv", by_name)]).matched == 1
    by_study = csv_of(f"{STUDY},{FRACTURE}", header="StudyInstanceUID,text")
    by_own_study = csv_of(f"{case.study_uid},{FRACTURE}", header="StudyInstanceUID,text")
    received = receive(lead, [("r.csv", by_study), ("r.csv", by_own_study), files_of(FRACTURE)["csv"]])
    assert (received.new, received.known) == (0, 3)


def test_the_same_delivery_again_adds_nothing_and_another_text_is_said(lead):
    delivery = ("r.csv", csv_of(f"A1,2019,{FRACTURE}", f"A2,2018,{NEGATED}"))
    assert receive(lead, [delivery]).new == 2
    again = receive(lead, [delivery])
    assert (again.new, again.known, again.problems) == (0, 2, [])
    other = receive(lead, [("r.csv", csv_of(f"A1,2019,{NEGATED}"))])
    assert other.new == 0
    assert other.problems == [
        "r.csv, row 2: Another report of this examination came in before. It stays, and this one was not taken."
    ]
    assert StudyReport.objects.filter(year=2019).get().text == FRACTURE


def test_the_text_that_a_case_has_stays(lead):
    case = make_sealed_case()
    set_report(lead, case, NEGATED)
    assert receive(lead, [files_of(FRACTURE)["csv"]]).matched == 1
    case.refresh_from_db()
    assert case.report_text == NEGATED


def test_a_text_that_names_the_patient_is_refused_where_the_case_is_known(lead):
    case = make_sealed_case()
    received = receive(lead, [("r.csv", csv_of(f"{ACCESSION},2019,Frau Huber: {FRACTURE}"))])
    assert received.problems == ["r.csv, row 2: The text holds the patient's name. Take that out and send it again."]
    assert not StudyReport.objects.exists()
    assert AuditEvent.objects.filter(verb="report_refused", case=case, by=lead).count() == 1


def test_a_text_that_names_what_its_own_file_says_is_refused_without_a_case(lead):
    received = receive(lead, [("r.dcm", sr_of(f"Herr Huber: {FRACTURE}", patient="Huber^Karl"))])
    assert "holds the patient's name" in received.problems[0]
    received = receive(lead, [("r.csv", csv_of(f"{ACCESSION},2019,Nr. {ACCESSION}: {FRACTURE}"))])
    assert "holds the accession number" in received.problems[0]
    assert not StudyReport.objects.exists()


def test_a_waiting_text_that_proves_to_name_the_patient_is_taken_out_and_may_come_again(lead):
    receive(lead, [("r.csv", csv_of(f"{ACCESSION},2019,Frau Huber: {FRACTURE}"))])
    crawl_now()
    case = make_sealed_case()
    assert match_waiting() == 1
    report = StudyReport.objects.get()
    assert (report.text, report.case, report.verdict, report.found) == (WITHHELD, case, "", {})
    case.refresh_from_db()
    assert case.report_text == ""
    assert receive(lead, [files_of(FRACTURE)["csv"]]).new == 1
    report.refresh_from_db()
    assert report.text == FRACTURE


def test_what_cannot_be_taken_is_said_and_the_rest_comes_in(lead):
    received = receive(
        lead,
        [
            ("r.csv", csv_of("A1,2019,", f",2019,{FRACTURE}", f"A3,2019,{FRACTURE}", f"A4,2019,{'x' * 20_001}")),
            ("s.csv", b"name,age\nx,4"),
            ("t.json", b"[1, {"),
            ("u.dcm", bytes(128) + b"DICM" + b"nothing"),
            ("v.zip", b"PK\x03\x04nothing"),
            ("w.csv", csv_of(f"SAG-00000000,{FRACTURE}", header="case,text")),
            ("d.dcm", sr_of(FRACTURE, uid="1.2.840.10008.5.1.4.1.1.88.67")),
        ],
    )
    assert received.new == 1
    text = "\n".join(received.problems)
    for said in (
        "r.csv, row 2: The report holds no text.",
        "r.csv, row 3: It names no case, no study and no accession number.",
        "r.csv, row 5: The report has 20,001 characters, 20,000 are taken.",
        "s.csv: No columns for the text",
        "t.json: The JSON cannot be read.",
        "u.dcm: ",
        "v.zip: The archive cannot be unpacked.",
        "w.csv, row 2: There is no case called 'SAG-00000000'.",
        "d.dcm: The DICOM file is no report of a radiologist.",
    ):
        assert said in text


def test_who_is_to_read_a_case_without_its_report_brings_none_in():
    reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    case = make_sealed_case()
    factories.make_assignment(case, reader=reader, round=factories.make_round(RoundKind.INDEPENDENT))
    received = receive(reader.user, [files_of(FRACTURE)["csv"]])
    assert "read its case without the report" in received.problems[0]
    assert not StudyReport.objects.exists()
    assert not Exposure.objects.exists()


def test_readers_bring_in_no_reports():
    for role in (Role.RESIDENT, Role.SENIOR):
        with pytest.raises(PermissionDenied):
            receive(factories.make_user(role), [])
        with pytest.raises(PermissionDenied):
            report_rows(factories.make_user(role), "to-confirm")


def test_a_report_that_came_with_its_case_is_searched_too_and_again_when_it_changes(lead):
    case = factories.make_bare_case()
    set_report(None, case, FRACTURE)
    assert uncrawled() == 1
    assert crawl_now() == 1
    report = StudyReport.objects.get()
    assert (report.case, report.verdict) == (case, "candidate")
    decide_report(lead, report.pk, "confirmed")
    set_report(None, case, NEGATED)
    assert crawl_now() == 1
    report.refresh_from_db()
    assert (report.verdict, report.decision) == ("negated", "confirmed")
    assert crawl_now() == 0


# -- rows that people confirm ------------------------------------------------------------------------------------------


def test_a_row_marks_what_was_found_and_names_what_speaks_against_it(lead):
    report = make_report(EXCLUDED)
    row = report_rows(lead, "to-confirm").rows[0]
    assert "".join(piece.text for piece in row.text_pieces) == EXCLUDED
    assert {piece.kind for passage in row.passages for piece in passage} >= {"fracture", "exclusion"}
    assert row.exclusions == ("instrumented",)
    assert (row.language, row.proposed, row.levels) == ("German", True, ("L1",))
    assert "criterion i" in row.chip
    assert report_row(lead, report.pk) == row


def test_each_report_is_in_one_tab(lead):
    make_report(FRACTURE)
    make_report(NEGATED)
    make_report(FRACTURE, searched=False)
    decide_report(lead, make_report(FRACTURE).pk, "confirmed")
    decide_report(lead, make_report(FRACTURE).pk, "not_candidate")
    page = report_rows(lead, "to-confirm")
    assert page.counts == {"to-confirm": 1, "others": 1, "confirmed": 1, "not-candidates": 1, "waiting": 1}
    assert [len(report_rows(lead, tab).rows) for tab in page.counts] == [1, 1, 1, 1, 1]
    with pytest.raises(Refusal, match="no list of reports"):
        report_rows(lead, "x")


def test_pages_follow_one_another_and_the_last_is_the_end(lead):
    reports = [make_report() for _ in range(105)]
    first, last = report_rows(lead, "to-confirm"), report_rows(lead, "to-confirm", 99)
    assert (first.page, first.pages, last.page, len(last.rows)) == (1, 3, 3, 5)
    assert first.rows[0].pk == reports[0].pk


def test_the_report_of_a_case_that_is_to_be_read_without_it_is_not_here_and_others_expose():
    reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    mine, other = factories.make_case(slices=2), factories.make_bare_case()
    hidden, shown = make_report(case=mine), make_report(case=other)
    make_report()
    factories.make_assignment(mine, reader=reader, round=factories.make_round(RoundKind.INDEPENDENT))
    page = report_rows(reader.user, "to-confirm")
    assert page.rows[0].pk == shown.pk
    assert (len(page.rows), page.closed, page.counts["to-confirm"]) == (2, 1, 2)
    assert list(Exposure.objects.values_list("case", "what", "reader")) == [(other.pk, "report", reader.pk)]
    with pytest.raises(StudyReport.DoesNotExist):
        report_row(reader.user, hidden.pk)


def test_the_command_brings_in_files_and_folders(tmp_path, capsys):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "A1.txt").write_text(FRACTURE)
    (tmp_path / "r.csv").write_bytes(csv_of(f"A1,2019,{FRACTURE}", "A2,2019,"))
    call_command("import_reports", str(tmp_path / "reports"), str(tmp_path / "r.csv"))
    said = capsys.readouterr()
    assert said.out == "1 reports came in, 0 of them with their case; 1 were here already.\n"
    assert said.err == "r.csv, row 3: The report holds no text.\n"


def test_one_examination_twice_in_one_delivery_comes_in_once(lead):
    received = receive(lead, [("r.csv", csv_of(f"A1,2019,{FRACTURE}", f"A1,2019,{FRACTURE}", f"a1,2019,{NEGATED}"))])
    assert (received.new, received.known, len(received.problems)) == (1, 1, 1)


def test_reports_that_came_first_are_matched_as_the_images_come_in(lead, tmp_path):
    paths = sagittal_dicom(tmp_path / "in")
    for path in paths:
        image = pydicom.dcmread(path)
        image.AccessionNumber = ACCESSION
        image.save_as(path)
    receive(lead, [files_of(FRACTURE)["csv"]])
    batch = batches.new_batch(None, "in", "command")
    batches.add_path(batch, tmp_path / "in")
    batches.finish_batch(batch)
    import_batch(batch.uuid)
    case = Case.objects.get()
    assert StudyReport.objects.get().case == case
    assert case.report_text == FRACTURE
