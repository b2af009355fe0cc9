"""The two real CTs of the sample data, from the zip to the pack of frames."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from labeling.imaging.choice import Candidate, choose
from labeling.imaging.codec import FramePackWriter, decode, pixel_sha256, read_frame
from labeling.imaging.dicom_series import DicomSeries, assemble, scan
from labeling.imaging.sagittal import derived_stack
from labeling.imaging.volume import canonical

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

TORSO = "acrin_flt_breast_001_torso_dicom.zip"
J2K = "ts_example_dicom_j2k.zip"


@pytest.fixture(scope="module", params=[TORSO, J2K])
def series(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DicomSeries:
    folder = tmp_path_factory.mktemp("zip")
    with zipfile.ZipFile(DATA / request.param) as archive:
        archive.extractall(folder)
    found = scan(sorted(path for path in folder.rglob("*") if path.is_file()))
    assert found.refused == []
    assert len(found.series) == 1
    return found.series[0]


def test_the_series_are_known_for_what_they_are(series: DicomSeries) -> None:
    assert (series.modality, series.orientation, series.rows, series.columns) == ("CT", "axial", 512, 512)
    assert series.study_uid
    assert series.series_uid
    assert len(set(series.sop_uids)) == len(series.instances)
    expected = {99: (("SOFT",), 4.25), 20: (("Br38f", "3"), 2.0)}[len(series.instances)]
    assert (series.kernel, series.spacing[0] if series.spacing else None) == (expected[0], pytest.approx(expected[1]))


def test_values_and_positions_equal_those_of_simpleitk(series: DicomSeries) -> None:
    volume = assemble(series)
    assert volume.array.dtype == np.uint16
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in series.paths])
    image = reader.Execute()
    np.testing.assert_array_equal(volume.hu(), SimpleITK.GetArrayFromImage(image))
    slices, rows, columns = volume.geometry.shape
    for k, r, c in np.random.default_rng(0).integers(0, (slices, rows, columns), (50, 3)).tolist():
        there = image.TransformIndexToPhysicalPoint((c, r, k))
        assert np.linalg.norm(volume.geometry.to_patient((k, r, c)) - there) < 0.01


def test_a_derived_stack_is_the_mean_of_what_simpleitk_reads(series: DicomSeries) -> None:
    volume = assemble(series)
    stack = derived_stack(volume)
    assert stack.slab == 3
    assert stack.volume.array.shape == (170, len(series.instances), 512)
    assert stack.limited == (len(series.instances) == 99)
    if stack.limited:
        assert stack.limited_why.startswith("Craniocaudal spacing is 4.25 mm, over 3 mm")
    upright = canonical(volume).hu().astype(np.float64)
    for k in (0, 60, 85, 169):
        mean = np.floor(upright[3 * k : 3 * k + 3].mean(axis=0) + 0.5)
        np.testing.assert_array_equal(stack.volume.hu()[k], mean)
    # The head is up: row 0 lies higher than the last. The face is left: column 0 lies before the last.
    geometry = stack.volume.geometry
    assert geometry.to_patient((0, 0, 0))[2] > geometry.to_patient((0, len(series.instances) - 1, 0))[2]
    assert geometry.to_patient((0, 0, 0))[1] < geometry.to_patient((0, 0, 511))[1]
    np.testing.assert_allclose(geometry.spacing, (3 * 0.9765625, series.spacing[0], 0.9765625), rtol=1e-5)  # type: ignore[index]


def test_the_axial_series_is_chosen_to_derive_from(series: DicomSeries) -> None:
    choice = choose([Candidate(assemble(series).geometry, series.kernel)])
    assert (choice.index, choice.origin) == (0, "derived")
    assert choice.why == "No sagittal series. 170 slabs of 2.9 mm, marked derived. Soft kernel."


def test_every_frame_of_the_pack_is_bit_identical(series: DicomSeries, tmp_path: Path) -> None:
    stack = derived_stack(assemble(series)).volume.array
    with FramePackWriter(tmp_path / "stack.jls") as pack:
        pack.write_all(stack)
    for frame, packed in zip(stack, pack.frames, strict=True):
        back = decode(read_frame(tmp_path / "stack.jls", packed.offset, packed.length))
        np.testing.assert_array_equal(back, frame)
        assert pixel_sha256(back) == packed.sha256
    assert (tmp_path / "stack.jls").stat().st_size < 0.6 * stack.nbytes
