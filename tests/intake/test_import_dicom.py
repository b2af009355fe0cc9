"""DICOM comes in: what is read, what is kept, how exact, and how a second delivery of the same is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, FileDataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, XRayRadiationDoseSRStorage, generate_uid

from labeling.api.dicomweb.attributes import metadata
from labeling.imaging import codec
from labeling.imaging.codec import pixel_sha256
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.sealing import Seal
from labeling.intake.frames import media_path, stack_volume
from labeling.intake.studies import LOSSY
from labeling.models import Assignment, Case, Identity, Instance, Outcome, Patient, Series, Slice, Stack
from tests.imaging.dicom_factory import TRANSFER_SYNTAXES
from tests.intake.conftest import Deliver
from tests.intake.phantoms import SHAPE, SPACING, dicom, hounsfield, sagittal_dicom, zipped

pytestmark = pytest.mark.django_db


def sealed(case: Case, settings) -> dict:
    return Seal(settings.IDENTITY_KEYS).open(bytes(Identity.objects.get(case=case).sealed))


def test_a_folder_of_axial_slices_becomes_a_case_with_a_derived_stack(deliver: Deliver, open_round, tmp_path: Path):
    dicom(tmp_path / "in")
    batch = deliver(tmp_path / "in")
    assert (batch.state, batch.message, batch.stage) == ("done", "", "")
    assert batch.files_done == batch.files_total == SHAPE[0]
    series = batch.series.get()
    assert series.outcome == Outcome.DERIVED
    assert series.orientation == "axial"
    assert series.spacing == [1.5, 1.5, 2.0]
    case = series.case
    assert case.reading_stack == case.stacks.get()
    stack = case.reading_stack
    assert (stack.origin, stack.slices_count, stack.rows, stack.columns) == ("derived", 24, SHAPE[0], SHAPE[1])
    assert (stack.slice_spacing, stack.row_spacing, stack.column_spacing) == (3.0, 2.0, 1.5)
    assert Assignment.objects.filter(case=case, round=open_round, reader=None).exists()


def test_the_derived_stack_is_the_mean_of_slabs_at_its_place(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in")
    stack = deliver(tmp_path / "in").series.get().case.reading_stack
    volume = stack_volume(stack)
    source = hounsfield().astype(np.int64)  # z, y, x
    first = source[::-1, :, 0:2].sum(axis=2).T  # y, z: columns, rows
    assert np.array_equal(volume.hu()[0], np.floor(first.T / 2 + 0.5))
    slices = list(stack.slices.all())
    assert slices[0].position == pytest.approx([-36.0 + 0.75, -36.0, 100.0 + 65 * 2.0], abs=0.001)
    assert [one.position_mm for one in slices] == sorted(one.position_mm for one in slices)
    for one in slices[::5]:
        assert one.pixel_sha256 == pixel_sha256(volume.array[one.k])


@pytest.mark.parametrize("syntax", sorted(TRANSFER_SYNTAXES))
def test_a_native_sagittal_series_keeps_every_bit_in_every_transfer_syntax(
    deliver: Deliver, tmp_path: Path, syntax: str
):
    paths = sagittal_dicom(tmp_path / "in", transfer_syntax=TRANSFER_SYNTAXES[syntax])
    series = deliver(tmp_path / "in").series.get()
    assert series.outcome == Outcome.READING
    stack = series.case.reading_stack
    assert stack.origin == "native"
    assert series.pack == stack.pack
    expected = hounsfield()[::-1, :, ::2].transpose(2, 0, 1)
    assert len(paths) == stack.slices_count == expected.shape[0]
    assert np.array_equal(stack_volume(stack).hu(), expected)


def test_a_series_that_faces_right_is_turned_and_its_own_frames_are_kept(deliver: Deliver, tmp_path: Path, settings):
    sagittal_dicom(tmp_path / "in", face_left=False)
    series = deliver(tmp_path / "in").series.get()
    stack = series.case.reading_stack
    assert series.pack != stack.pack
    assert np.array_equal(stack_volume(stack).hu(), hounsfield()[::-1, :, ::2].transpose(2, 0, 1))
    instance = series.instances.get(index=3)
    kept = codec.decode(codec.read_frame(media_path(series.pack), instance.offset, instance.length))
    turned = stack_volume(stack)
    k = Slice.objects.get(sop_uid=instance.sop_uid).k
    assert np.array_equal(kept[:, ::-1], turned.array[k])


def test_labels_are_anchored_to_the_pseudonymised_uid_of_the_very_image(deliver: Deliver, tmp_path: Path, settings):
    paths = sagittal_dicom(tmp_path / "in")
    stack = deliver(tmp_path / "in").series.get().case.reading_stack
    pseudonymizer = Pseudonymizer(settings.PSEUDONYM_KEY)
    volume = stack_volume(stack)
    for path in paths:
        dataset = pydicom.dcmread(path)
        one = Slice.objects.get(sop_uid=pseudonymizer.uid(dataset.SOPInstanceUID))
        assert one.position_mm == pytest.approx(float(dataset.ImagePositionPatient[0]), abs=0.01)
        assert np.array_equal(volume.hu()[one.k], dataset.pixel_array)


def test_the_sagittal_bone_series_is_read_and_the_others_are_kept_with_their_frames(deliver: Deliver, tmp_path: Path):
    study = generate_uid()
    dicom(tmp_path / "in" / "a", study_uid=study, attributes={"SeriesNumber": 2}, kernel="Br40f")
    sagittal_dicom(tmp_path / "in" / "b", study_uid=study, attributes={"SeriesNumber": 3})
    batch = deliver(zipped(tmp_path / "torso.zip", (tmp_path / "in").rglob("*.dcm"), tmp_path / "in"))
    kept, read = batch.series.order_by("number")
    assert (kept.outcome, read.outcome) == (Outcome.KEPT, Outcome.READING)
    assert kept.case == read.case
    assert Case.objects.count() == 1
    frame = kept.instances.get(index=10)
    packed = codec.decode(codec.read_frame(media_path(kept.pack), frame.offset, frame.length))
    assert np.array_equal(packed * kept.geometry["slope"] + kept.geometry["intercept"], hounsfield()[10])


def test_an_archive_is_deleted_once_its_members_lie_beside_it(deliver: Deliver, tmp_path: Path, settings):
    dicom(tmp_path / "in")
    archive = zipped(tmp_path / "torso.zip", (tmp_path / "in").iterdir())
    batch = deliver(archive)
    folder = Path(settings.QUARANTINE_ROOT) / batch.uuid.hex
    assert not list((folder / "received").iterdir())
    files = batch.series.get().files
    assert len(files) == SHAPE[0]
    assert all((folder / file).is_file() for file in files)


def test_two_studies_of_one_patient_are_two_cases_of_one_pseudonym(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in" / "a", patient_id="4711", attributes={"StudyDate": "20240131"})
    dicom(tmp_path / "in" / "b", patient_id=" 4711", seed=1, attributes={"StudyDate": "20240301"})
    deliver(tmp_path / "in")
    patient = Patient.objects.get()
    first, second = patient.cases.order_by("number")
    assert (first.number, second.number) == (1, 2)
    assert second.name == f"{patient.pseudonym}-2"
    assert (second.study_date - first.study_date).days == 30


def test_sex_capped_age_and_the_exact_one_in_the_seal(deliver: Deliver, tmp_path: Path, settings):
    dicom(tmp_path / "in", attributes={"PatientAge": "094Y", "PatientSex": "M"})
    case = deliver(tmp_path / "in").series.get().case
    assert (case.patient.sex, case.age, case.age_shown) == ("M", 90, "90+")
    assert sealed(case, settings)["age"] == 94


def test_the_acquisition_is_kept_and_the_dose_estimated_without_a_report(deliver: Deliver, tmp_path: Path):
    attributes = {
        "KVP": "120",
        "Exposure": "210",
        "SliceThickness": "2.0",
        "SingleCollimationWidth": 0.6,
        "CTDIvol": 10.0,
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "SOMATOM Force",
    }
    dicom(tmp_path / "in", attributes=attributes)
    case = deliver(tmp_path / "in").series.get().case
    assert (case.kv, case.mas, case.collimation_mm, case.ctdivol) == (120, 210, 0.6, 10)
    assert (case.slice_thickness, case.kernel, case.source_rows, case.source_columns) == (2.0, "Br60f", 48, 48)
    assert case.manufacturer.upper() == "SIEMENS"
    assert case.dlp_source == "estimated"
    assert case.dlp == pytest.approx(10.0 * 13.2, rel=0.05)


def coded(value: str, unit: str = "DCM") -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, unit, value
    return Sequence([item])


def dose_report(path: Path, study: str, patient_id: str, dlp: float) -> None:
    """A CT Radiation Dose SR with nothing but the total (PS3.16 TID 10011, 10012)."""
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = str(dlp), coded("mGy.cm", "UCUM")
    total = Dataset()
    total.ValueType, total.ConceptNameCodeSequence = "NUM", coded("113813")
    total.MeasuredValueSequence = Sequence([measured])
    accumulated = Dataset()
    accumulated.ValueType, accumulated.ConceptNameCodeSequence = "CONTAINER", coded("113811")
    accumulated.ContentSequence = Sequence([total])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayRadiationDoseSRStorage
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = generate_uid(), ExplicitVRLittleEndian
    report = FileDataset(str(path), Dataset(), file_meta=meta, preamble=bytes(128))
    report.SOPClassUID, report.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    report.Modality, report.StudyInstanceUID, report.SeriesInstanceUID = "SR", study, generate_uid()
    report.PatientID, report.ValueType, report.ConceptNameCodeSequence = patient_id, "CONTAINER", coded("113701")
    report.ContentSequence = Sequence([accumulated])
    report.save_as(path, enforce_file_format=True)


def test_the_dose_of_a_report_in_the_same_delivery_goes_before_an_estimate(deliver: Deliver, tmp_path: Path):
    study = generate_uid()
    dicom(tmp_path / "in", study_uid=study, attributes={"CTDIvol": 10.0})
    dicom(tmp_path / "in" / "other", patient_id="P2", seed=1, attributes={"CTDIvol": 10.0})
    dose_report(tmp_path / "in" / "dose", study, "P1", 477.5)
    batch = deliver(tmp_path / "in")
    reported, estimated = Case.objects.order_by("dlp_source")[::-1]
    assert (reported.dlp, reported.dlp_source) == (477.5, "reported")
    assert estimated.dlp_source == "estimated"
    assert batch.series.get(code="dose-report").outcome == Outcome.LEFT_OUT
    assert batch.files_done == batch.files_total == 2 * SHAPE[0] + 1


def test_thick_slices_make_the_case_limited(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in", step_mm=5.0)
    assert "5.00 mm" in deliver(tmp_path / "in").series.get().case.limited


def test_the_same_delivery_again_changes_nothing_and_says_where_it_is(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in")
    case = deliver(tmp_path / "in").series.get().case
    before = [model.objects.count() for model in (Case, Stack, Slice, Instance, Patient)]
    again = deliver(tmp_path / "in")
    series = again.series.get()
    assert (series.outcome, series.case) == (Outcome.SEEN_BEFORE, case)
    assert again.state == "done"
    assert [model.objects.count() for model in (Case, Stack, Slice, Instance, Patient)] == before


def test_a_fuller_series_of_the_same_uid_does_not_replace_what_is_read(deliver: Deliver, tmp_path: Path):
    paths = dicom(tmp_path / "in")
    for path in paths[-6:]:
        path.rename(tmp_path / path.name)
    deliver(tmp_path / "in")
    for path in paths[-6:]:
        (tmp_path / path.name).rename(path)
    series = deliver(tmp_path / "in").series.get()
    assert series.outcome == Outcome.SEEN_BEFORE
    assert "60 images" in series.why
    assert "66" in series.why


def test_a_later_series_joins_its_case_and_the_reading_stack_stays(deliver: Deliver, tmp_path: Path, settings):
    study = generate_uid()
    dicom(tmp_path / "a", study_uid=study)
    case = deliver(tmp_path / "a").series.get().case
    stack = case.reading_stack
    sagittal_dicom(tmp_path / "b", study_uid=study)
    series = deliver(tmp_path / "b").series.get()
    assert (series.outcome, series.case) == (Outcome.KEPT, case)
    assert "reading stack stays" in series.why
    case.refresh_from_db()
    assert case.reading_stack == stack
    assert len(sealed(case, settings)["series"]) == 2
    assert len(sealed(case, settings)["instances"]) == SHAPE[0] + SHAPE[2] // 2


def test_the_seal_leads_back_to_every_real_identifier(deliver: Deliver, tmp_path: Path, settings):
    paths = dicom(
        tmp_path / "in", patient_id="4711", attributes={"AccessionNumber": "A-17", "PatientName": "Muster^Eva"}
    )
    case = deliver(tmp_path / "in").series.get().case
    record = sealed(case, settings)
    dataset = pydicom.dcmread(paths[5], stop_before_pixels=True)
    assert record["patient"]["patient_id"] == "4711"
    assert record["patient"]["name"] == "Muster^Eva"
    assert record["study"]["study_uid"] == dataset.StudyInstanceUID
    assert record["study"]["accession_number"] == "A-17"
    assert set(record["series"].values()) == {dataset.SeriesInstanceUID}
    pseudonym = Pseudonymizer(settings.PSEUDONYM_KEY).uid(dataset.SOPInstanceUID)
    assert record["instances"][pseudonym] == dataset.SOPInstanceUID


def test_a_study_without_patient_id_is_its_own_patient_unless_one_is_named(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "a", patient_id="")
    dicom(tmp_path / "b", patient_id="ANONYMOUS", seed=1)
    dicom(tmp_path / "c", patient_id="", seed=2)
    dicom(tmp_path / "d", patient_id="", seed=3)
    alone = {deliver(tmp_path / folder).series.get().case.patient for folder in "ab"}
    named = {deliver(tmp_path / folder, patient="Eva M").series.get().case.patient for folder in "cd"}
    assert len(alone) == 2
    assert len(named) == 1


def test_one_study_under_two_patients_is_refused_the_second_time(deliver: Deliver, tmp_path: Path):
    study = generate_uid()
    dicom(tmp_path / "a", study_uid=study, patient_id="1")
    dicom(tmp_path / "b", study_uid=study, patient_id="2")
    deliver(tmp_path / "a")
    series = deliver(tmp_path / "b").series.get()
    assert (series.outcome, series.code) == (Outcome.REFUSED, "other-patient")
    assert Case.objects.count() == 1
    assert Patient.objects.count() == 1


def test_images_that_are_part_of_another_series_are_refused(deliver: Deliver, tmp_path: Path):
    uids = [generate_uid() for _ in range(SHAPE[0])]
    study = generate_uid()

    def same_images(dataset, n):
        dataset.SOPInstanceUID = uids[n]

    dicom(tmp_path / "a", study_uid=study, change=same_images)
    dicom(tmp_path / "b", study_uid=study, seed=1, change=same_images)
    deliver(tmp_path / "a")
    series = deliver(tmp_path / "b").series.get()
    assert (series.outcome, series.code) == (Outcome.REFUSED, "images-known")
    assert Series.objects.filter(outcome=Outcome.KEPT).count() == 0


def test_two_copies_with_other_uids_are_two_cases_with_their_own_slices(deliver: Deliver, tmp_path: Path):
    """A copy that was anonymised anew has the same pixels and other UIDs: nobody can say that it is the same person."""
    dicom(tmp_path / "a", patient_id="1")
    dicom(tmp_path / "b", patient_id="2")
    deliver(tmp_path / "a")
    deliver(tmp_path / "b")
    assert Case.objects.count() == 2
    assert Slice.objects.values("sop_uid").distinct().count() == 48


def test_uids_of_a_derived_stack_depend_on_the_pixels_and_the_recipe_alone(deliver: Deliver, tmp_path: Path, settings):
    dicom(tmp_path / "a")
    stack = deliver(tmp_path / "a").series.get().case.reading_stack
    pseudonymizer = Pseudonymizer(settings.PSEUDONYM_KEY)
    parts = (stack.case.study_uid, stack.source_digest, stack.recipe_sha)
    assert stack.series_uid == pseudonymizer.derived_uid("stack", *parts)
    assert stack.slices.get(k=7).sop_uid == pseudonymizer.derived_uid("slice", *parts, 7)
    assert stack.slice_spacing == SPACING[2] * 2


def test_what_was_compressed_with_loss_says_so_on_the_series_and_in_the_metadata(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "lossy", attributes={"LossyImageCompression": "01"})
    dicom(tmp_path / "whole", seed=2, patient_id="P2")
    series = deliver(tmp_path).series.select_related("case__reading_stack").order_by("pk")
    said = {one.why.endswith(LOSSY): one for one in series}
    assert set(said) == {True, False}
    for lossy, flag in ((True, "01"), (False, "00")):
        (first, *_) = metadata(said[lossy].case.reading_stack, said[lossy].case.reading_stack.slices.all())
        assert first["00282110"]["Value"] == [flag]


def test_a_series_uid_that_is_anothers_already_is_refused_and_joins_nobody(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "one", patient_id="P1", series_uid="1.2.826.1")
    dicom(tmp_path / "two", patient_id="P2", series_uid="1.2.826.1", seed=5)
    deliver(tmp_path / "one")
    batch = deliver(tmp_path / "two")
    (row,) = batch.series.all()
    assert (row.outcome, row.code, row.case) == ("refused", "series-known", None)
