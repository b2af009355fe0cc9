"""Every file of the sample data through the whole import: what comes in, what is refused, and where it lies."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from labeling.imaging.outlines import decode
from labeling.intake.frames import media_path, stack_geometry, stack_volume
from labeling.intake.label_maps import label_map
from labeling.models import Anatomy, Case, IntakeBatch, Outcome, Vertebra
from tests.intake import conftest as intake

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

pytestmark = pytest.mark.django_db

deliver, quiet_heartbeat = intake.deliver, intake.quiet_heartbeat


@pytest.fixture
def delivered(deliver: intake.Deliver):
    def run(*names: str, **options: object) -> IntakeBatch:
        for name in names:
            assert (DATA / name).is_file(), f"{name} is missing from the sample data."
        return deliver(*(DATA / name for name in names), **options)

    return run


def strip(anatomy: Anatomy) -> dict[str, tuple[bool, int]]:
    """Level → (cut, slices that cross the body)."""
    return {row.level: (row.cut, row.last_k - row.first_k + 1) for row in anatomy.vertebrae.all()}


@pytest.mark.parametrize(
    ("name", "images", "kernel", "limited"),
    [
        ("acrin_flt_breast_001_torso_dicom.zip", 99, "SOFT", True),
        ("ts_example_dicom_j2k.zip", 20, "Br38f", False),
    ],
)
def test_axial_dicom_becomes_a_sagittal_stack_at_its_place(
    delivered, tmp_path: Path, name: str, images: int, kernel: str, limited: bool
):
    batch = delivered(name)
    assert (batch.state, batch.files_done, batch.files_total) == ("done", images, images)
    series = batch.series.get()
    assert (series.outcome, series.images, series.orientation) == (Outcome.DERIVED, images, "axial")
    case = series.case
    assert case.kernel == kernel
    assert bool(case.limited) is limited
    assert (case.source_rows, case.source_columns) == (512, 512)
    assert case.kv
    with zipfile.ZipFile(DATA / name) as archive:
        archive.extractall(tmp_path / "plain")
    reader = SimpleITK.ImageSeriesReader()
    folder = next(path.parent for path in sorted((tmp_path / "plain").rglob("*")) if path.is_file())
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    voxels = SimpleITK.GetArrayFromImage(image)
    volume = stack_volume(case.reading_stack)
    slab = round(case.reading_stack.slice_spacing / image.GetSpacing()[0])
    for k, r, c in np.random.default_rng(1).integers(0, volume.geometry.shape, (60, 3)).tolist():
        place = image.TransformPhysicalPointToContinuousIndex(volume.geometry.to_patient((k, r, c)).tolist())
        x, y, z = place[0] - (slab - 1) / 2, round(place[1]), round(place[2])
        samples = voxels[z, y, round(x) : round(x) + slab]
        assert abs(place[1] - y) < 0.01
        assert abs(place[2] - z) < 0.01
        assert abs(samples.mean() - (volume.array[k, r, c] * volume.slope + volume.intercept)) <= 0.5


def test_the_example_with_its_mask_is_t11_to_l5_with_the_upper_ones_cut(delivered):
    batch = delivered("ts_example_ct.nii.gz", "ts_example_vert_verse.nii.gz")
    assert set(batch.series.values_list("outcome", flat=True)) == {Outcome.DERIVED, Outcome.MASK}
    case = Case.objects.get()
    assert case.limited == ""
    anatomy = case.anatomies.get()
    found = strip(anatomy)
    assert list(found) == ["T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    assert [found[level][0] for level in found] == [True, True, False, False, False, False, False]
    # A body is 40 to 55 mm wide; the whole vertebra with its processes is nearly twice that.
    assert all(13 <= found[level][1] <= 21 for level in ("L1", "L2", "L3", "L4", "L5"))
    rings = decode(media_path(anatomy.outlines).read_bytes())
    assert {label for of_slice in rings.values() for label in of_slice} >= {18, 19, 20, 21, 22, 23, 24}


def test_labels_of_the_example_lie_on_bone(delivered):
    delivered("ts_example_ct.nii.gz", "ts_example_vert_verse.nii.gz")
    anatomy = Anatomy.objects.get()
    hounsfield = stack_volume(anatomy.stack).hu()
    labels = label_map(anatomy)
    assert 120 < float(hounsfield[(labels >= 20) & (labels <= 24)].mean()) < 400
    assert float(hounsfield[labels == 0].mean()) < 0


def test_the_pir_crop_is_l2_to_l4_and_its_subregions_are_refused(delivered):
    batch = delivered("tptbox_L3_ct.nii.gz", "tptbox_L3_vert_msk.nii.gz", "tptbox_L3_subreg_msk.nii.gz")
    assert batch.series.get(outcome=Outcome.REFUSED).code == "mask-not-verse"
    anatomy = Anatomy.objects.get()
    assert list(strip(anatomy)) == ["L2", "L3", "L4"]
    geometry = stack_geometry(anatomy.stack)
    assert np.allclose(np.abs(geometry.directions), [[1, 0, 0], [0, 0, 1], [0, 1, 0]], atol=1e-3)


def test_the_thorax_comes_in_and_its_binary_mask_says_what_to_number(delivered):
    batch = delivered("ts_thorax_ct_1p5mm.nii.gz", "ts_thorax_T12_mask.nii.gz")
    assert batch.series.get(outcome=Outcome.REFUSED).code == "mask-binary"
    stack = Case.objects.get().reading_stack
    assert (stack.slices_count, stack.slice_spacing, stack.row_spacing) == (60, pytest.approx(3.0), pytest.approx(1.5))


@pytest.mark.parametrize("name", ["sub-verse004_seg-vert_msk.nii.gz", "ts_s0327_vert_verse_maskonly.nii.gz"])
def test_a_mask_without_its_ct_is_refused(delivered, name: str):
    series = delivered(name).series.get()
    assert (series.outcome, series.code, series.modality) == (Outcome.REFUSED, "mask-without-ct", "SEG")


def test_the_mask_of_another_patient_is_refused_and_makes_no_anatomy(delivered):
    case = delivered("ts_example_ct.nii.gz").series.get().case
    for name in ("sub-verse004_seg-vert_msk.nii.gz", "ts_s0327_vert_verse_maskonly.nii.gz"):
        series = delivered(name, case=case).series.get()
        assert series.outcome == Outcome.REFUSED, series.why
        assert series.code.startswith("mask-")
    assert not Vertebra.objects.exists()


def test_pictures_tables_and_texts_are_left_out(delivered):
    batch = delivered("sub-verse004_preview.png", "sub-verse004_seg-subreg_ctd.json", "ATTRIBUTION.md")
    series = batch.series.get()
    assert (series.outcome, series.images) == (Outcome.LEFT_OUT, 3)


def test_everything_in_one_delivery(delivered):
    names = sorted(path.name for path in DATA.iterdir() if path.is_file())
    batch = delivered(*names)
    assert batch.state == "done"
    assert Case.objects.count() == 5
    outcomes = list(batch.series.values_list("outcome", flat=True))
    assert outcomes.count(Outcome.DERIVED) == 5
    assert outcomes.count(Outcome.MASK) == 2
