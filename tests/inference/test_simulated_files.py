"""Simulated cases as files, through the very importer that clinical ones pass."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from django.core.management import CommandError, call_command

from inference.simulate import CaseSpec, Fracture, simulate_case, write_case
from labeling.imaging.choice import is_bone_kernel
from labeling.imaging.dicom_series import assemble, scan
from labeling.imaging.nifti import read_labels
from labeling.imaging.sagittal import derived_stack, is_sagittal, native_stack
from labeling.imaging.volume import canonical, canonical_labels
from labeling.jobs import queue
from labeling.models import Case, CaseOrigin, Split

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
    # The same cohort again, for training: the same case, whose patient goes into the split.
    call_command(
        "simulate_cohort", "--cases", "1", "--seed", "4", "--into", str(tmp_path / "again"), "--split", "training",
        stdout=out,
    )  # fmt: skip
    assert Case.objects.get().patient.split == Split.TRAINING


def test_a_cohort_that_cannot_be_ends_with_a_sentence(tmp_path: Path):
    with pytest.raises(CommandError, match="Cases are 1 to"):
        call_command("simulate_cohort", "--cases", "0", "--into", str(tmp_path))
