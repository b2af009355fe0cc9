"""Simulated cases as files, through the very importer that clinical ones pass."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from inference.simulate import CaseSpec, Fracture, simulate_case, simulate_read, write_case
from inference.simulate.files import write_read
from labeling.imaging.choice import is_bone_kernel
from labeling.imaging.dicom_series import assemble, scan
from labeling.imaging.nifti import read_labels
from labeling.imaging.refusal import Refusal
from labeling.imaging.sagittal import derived_stack, is_sagittal, native_stack
from labeling.imaging.volume import canonical, canonical_labels
from labeling.jobs import queue
from labeling.models import Case, CaseOrigin, Read, Split
from labeling.reading.labels import load_state, replay
from labeling.reading.roles import Role, roles_of
from labeling.reading.rounds import enter_open_round, seed_open_labelling_round
from labeling.reading.simulated_reader import Said, read_simulated, said_in

SPEC = CaseSpec(
    top="L1",
    bottom="L2",
    sacrum=False,
    cut_bottom=True,
    pixel_mm=1.2,
    depth_mm=110.0,
    width_mm=70.0,
    rotation_deg=5.0,
    fractures=(Fracture("L2", "A1"),),
)


@pytest.mark.parametrize("plane", ["sagittal", "axial"])
def test_dicom_comes_back_voxel_for_voxel_and_millimetre_for_millimetre(tmp_path: Path, plane: str):
    case = simulate_case(replace(SPEC, plane=plane, slice_mm=3.0 if plane == "sagittal" else 1.5), 1)
    folder = write_case(case, tmp_path, "one")
    found = scan(sorted((folder / "ct").iterdir()))
    assert not found.refused
    (series,) = found.series
    volume = assemble(series)
    stack = canonical(volume)
    np.testing.assert_array_equal(stack.hu(), case.hounsfield)
    assert stack.geometry.is_close(case.geometry, 1e-3)
    assert is_sagittal(volume.geometry) == (plane == "sagittal")
    assert (native_stack if plane == "sagittal" else derived_stack)(volume).origin
    assert is_bone_kernel(case.spec.kernel)


def test_masks_lie_on_the_images_and_truth_names_its_slices(tmp_path: Path):
    case = simulate_case(SPEC, 1)
    folder = write_case(case, tmp_path, "one")
    for name, wanted in (("mask.nii.gz", case.labels), ("bodies.nii.gz", case.bodies)):
        labels = canonical_labels(read_labels(folder / name))
        np.testing.assert_array_equal(labels.array, wanted)
        assert labels.geometry.is_close(case.geometry, 1e-3)
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["simulated"] is True
    assert truth["levels"] == ["L1", "L2"]
    fractured = [one for one in truth["vertebrae"] if one["fractured"]]
    assert [(one["level"], one["ao_type"]) for one in fractured] == [("L2", "A1")]
    (series,) = scan(sorted((folder / "ct").iterdir())).series
    # From the patient's right, as the truth counts; the series may run the other way.
    assert sorted(truth["sop_uids"]) == sorted(series.sop_uids)
    right = min(series.headers, key=lambda header: float(header.ImagePositionPatient[0]))
    assert truth["sop_uids"][0] == right.SOPInstanceUID


def test_every_image_says_that_it_is_simulated(tmp_path: Path):
    folder = write_case(simulate_case(SPEC, 1), tmp_path, "one")
    for path in (folder / "ct").iterdir():
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert str(header.PatientName) == "SIMULATED^one"
        assert header.Manufacturer == "Simulated"
        assert "Simulated" in header.SeriesDescription


@pytest.mark.django_db
@pytest.mark.parametrize("lost", ["Manufacturer", "ImageComments"])
def test_by_whichever_door_a_simulated_study_comes_it_is_a_simulated_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
):
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)
    folder = write_case(simulate_case(SPEC, 1), tmp_path, "one") / "ct"
    # Somebody has de-identified it on the way, and one mark is gone.
    change(folder, **{lost: ""})
    call_command("import_cases", str(folder), stdout=io.StringIO())
    assert Case.objects.get().origin == CaseOrigin.SIMULATED


@pytest.mark.django_db
def test_a_person_called_simulated_is_a_clinical_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)
    folder = write_case(simulate_case(SPEC, 1), tmp_path, "one") / "ct"
    change(folder, Manufacturer="SIEMENS", ImageComments="Simulated position for therapy")
    call_command("import_cases", str(folder), stdout=io.StringIO())
    assert Case.objects.get().origin == CaseOrigin.CLINICAL


def change(folder: Path, **values: str) -> None:
    """Other values in the headers of all images below a folder."""
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(image, keyword, value)
        image.save_as(path)


@pytest.mark.django_db
def test_a_cohort_comes_in_as_simulated_cases_with_masks_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # A test's transaction hides the job from the heartbeat's own connection, which would take it for lost.
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)
    out = io.StringIO()
    call_command(
        "simulate_cohort", "--cases", "1", "--seed", "4", "--into", str(tmp_path / "cohort"), "--import", stdout=out
    )
    case = Case.objects.get()
    truth = json.loads((tmp_path / "cohort" / "sim-0004-0001" / "truth.json").read_text())
    assert out.getvalue().strip().endswith(f"{case.name}, case {case.pk}")
    assert case.origin == CaseOrigin.SIMULATED
    assert case.patient.split == Split.UNASSIGNED
    assert case.report_text.startswith("Simulation.")
    assert case.reading_stack is not None
    assert case.reading_stack.origin == "native"
    anatomy = case.anatomies.get()
    complete = [one.level for one in anatomy.vertebrae.all() if not one.cut]
    assert sorted(complete) == sorted(truth["levels"])
    # The same cohort again, for training: the same case, whose patient goes into the split, and which is read.
    seed_open_labelling_round()
    enter_open_round(case)
    call_command(
        "simulate_cohort", "--cases", "1", "--seed", "4", "--into", str(tmp_path / "again"), "--split", "training",
        "--reads", "--reader-sensitivity", "0", stdout=out,
    )  # fmt: skip
    assert Case.objects.get().patient.split == Split.TRAINING
    assert out.getvalue().strip().endswith("read by Simulated reader with 0 fractures")
    assert (tmp_path / "again" / "sim-0004-0001" / "read.json").is_file()
    assert Read.objects.get(state="locked", round__isnull=False).reader.user.username == "simulated-reader"


def test_a_cohort_that_cannot_be_ends_with_a_sentence(tmp_path: Path):
    with pytest.raises(CommandError, match="Cases are 1 to"):
        call_command("simulate_cohort", "--cases", "0", "--into", str(tmp_path))


@pytest.mark.django_db
def test_a_simulated_reader_reads_the_truth_on_the_way_of_everybody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)
    seed_open_labelling_round()
    made = simulate_case(SPEC, 1)
    folder = write_case(made, tmp_path, "one")
    call_command("import_cases", str(folder / "ct"), str(folder / "mask.nii.gz"), stdout=io.StringIO())
    case = Case.objects.get()
    read = read_simulated(case, folder)
    assert str(read.reader) == "Simulated reader"
    user = User.objects.get(username="simulated-reader")
    assert (user.has_usable_password(), roles_of(user)) == (False, {Role.RESIDENT})
    assert (read.state, read.round.kind, replay(read)) == ("locked", "labelling", load_state(read)[0])
    assert {one.shown["simulated"] for one in read.operations.all()} == {True}
    levels = dict(read.anatomy.vertebrae.values_list("vertebra", "level"))
    said = {levels[one.vertebra_id]: one for one in read.findings.all()}
    assert (said["L1"].verdict, said["L2"].verdict, said["L2"].ao_body) == ("negative", "fracture", "A1")
    assert {one.verdict for level, one in said.items() if level not in made.levels} <= {"not_assessable"}
    marked = said["L2"].slice_labels.filter(value="fracture").values_list("slice__k", flat=True)
    truth = made.vertebra("L2")
    assert set(marked) == set(truth.positive_slices)
    # Read again it stays; on another case's truth, or of a case that is none of a simulator, it reads nothing.
    assert read_simulated(case, folder) == read
    other = write_case(simulate_case(replace(SPEC, pixel_mm=1.4), 1), tmp_path, "other")
    with pytest.raises(Refusal, match="are not those of the simulation"):
        read_simulated(case, other)
    (other / "truth.json").write_text("{")
    with pytest.raises(Refusal, match="holds no truth that can be read"):
        read_simulated(case, other)
    with pytest.raises(Refusal, match="Only people read it"):
        read_simulated(Case(origin=CaseOrigin.CLINICAL, patient=case.patient, number=9), folder)
    user.set_password("somebody's own")
    user.save()
    with pytest.raises(Refusal, match="Somebody logs in as simulated-reader"):
        read_simulated(case, folder)


def test_what_a_reader_of_some_skill_says_lies_beside_the_truth_and_is_read_instead(tmp_path: Path):
    case = simulate_case(SPEC, 1)
    folder = write_case(case, tmp_path, "one")
    true = said_in(folder)
    assert {level for level, one in true.items() if one.ao_type} == {"L2"}
    blind = simulate_read(case, 0.0, 1.0, seed=1)
    write_read(blind, folder)
    assert said_in(folder) == dict.fromkeys(("L1", "L2"), Said("", ()))


def test_axial_volumes_have_no_simulated_reader_and_a_share_is_a_share():
    with pytest.raises(CommandError, match="Leave out --axial"):
        call_command("simulate_cohort", "--axial", "--reads")
    with pytest.raises(CommandError, match="reader-sensitivity"):
        call_command("simulate_cohort", "--reads", "--reader-sensitivity", "1.2")
