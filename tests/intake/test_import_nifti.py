"""NIfTI comes in: volumes in any orientation, and masks that find their CT."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.outlines import decode
from labeling.intake.frames import media_path, stack_volume
from labeling.intake.known_vertebrae import dice_pairs
from labeling.intake.label_maps import label_map
from labeling.intake.masks import attach_mask
from labeling.intake.nifti_studies import name_stem
from labeling.models import Anatomy, Case, Outcome, Patient, Series, Vertebra
from tests.intake.conftest import Deliver
from tests.intake.phantoms import MASK, SHAPE, dicom, hounsfield, nifti, sagittal_dicom

pytestmark = pytest.mark.django_db

ORIENTATIONS = ["LPS", "RAS", "PIR", "ASL", "SLP"]


def levels(anatomy: Anatomy) -> list[str]:
    return list(anatomy.vertebrae.values_list("level", flat=True))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_ct_and_mask_in_any_orientation_give_the_same_case_and_anatomy(
    deliver: Deliver, tmp_path: Path, orientation: str
):
    ct = nifti(tmp_path / "x_ct.nii.gz", hounsfield(), orientation=orientation)
    other = ORIENTATIONS[(ORIENTATIONS.index(orientation) + 1) % len(ORIENTATIONS)]
    mask = nifti(tmp_path / "x_vert_msk.nii.gz", MASK, orientation=other)
    batch = deliver(ct, mask)
    image, label = batch.series.order_by("pk")
    assert (image.outcome, label.outcome) == (Outcome.DERIVED, Outcome.MASK)
    assert image.case == label.case
    assert label.why == "4 vertebrae, L1 to L4. Anatomy version 1."
    anatomy = image.case.anatomies.get()
    rows = list(anatomy.vertebrae.all())
    assert [(row.level, row.label_value, row.rank < 30, row.cut) for row in rows] == [
        ("L1", 20, True, False),
        ("L2", 21, True, False),
        ("L3", 22, True, False),
        ("L4", 23, True, False),
    ]
    # Samples 11 to 36 from right to left, two to a slab; a slab is named by the left one of its two.
    assert {(row.first_k, row.last_k) for row in rows} == {(5, 17)}
    assert {row.certainty for row in rows} == {"assumed"}
    box = rows[3].box
    assert box[2:4] == pytest.approx([-36 + 14 * 1.5 - 0.75, -36 + 33 * 1.5 + 0.75], abs=0.01)
    assert box[4:6] == pytest.approx([100 + 4 * 2 - 1, 100 + 15 * 2 + 1], abs=0.01)


def test_the_label_map_and_the_outlines_lie_on_the_grid_of_the_stack(deliver: Deliver, tmp_path: Path):
    nifti(tmp_path / "in" / "x_ct.nii.gz", hounsfield(), orientation="RAS")
    nifti(tmp_path / "in" / "x_msk.nii.gz", MASK, orientation="PIR")
    deliver(tmp_path / "in")
    anatomy = Anatomy.objects.get()
    labels = label_map(anatomy)
    volume = stack_volume(anatomy.stack)
    assert labels.shape == volume.geometry.shape
    assert labels.dtype == np.uint8
    inside = volume.hu()[10][labels[10] > 0]
    assert inside.mean() > 200
    rings = decode(media_path(anatomy.outlines).read_bytes())
    columns = [column for ring in rings[10][22] for column, _ in ring]
    assert (min(columns), max(columns)) == pytest.approx((13.5, 33.5), abs=0.01)


def test_the_same_volume_in_another_orientation_is_the_same_case(deliver: Deliver, tmp_path: Path):
    deliver(nifti(tmp_path / "a" / "ct.nii.gz", hounsfield(), orientation="LPS"))
    series = deliver(nifti(tmp_path / "b" / "other.nii", hounsfield(), orientation="PIR")).series.get()
    assert series.outcome == Outcome.SEEN_BEFORE
    assert Case.objects.count() == 1


def test_files_of_one_named_patient_are_cases_one_and_two(deliver: Deliver, tmp_path: Path):
    nifti(tmp_path / "in" / "a.nii.gz", hounsfield(0))
    nifti(tmp_path / "in" / "b.nii.gz", hounsfield(1))
    deliver(tmp_path / "in", patient="Eva Muster")
    assert sorted(Patient.objects.get().cases.values_list("number", flat=True)) == [1, 2]
    deliver(nifti(tmp_path / "c.nii.gz", hounsfield(2)))
    assert Patient.objects.count() == 2


def test_two_pairs_in_one_folder_find_each_other_by_name(deliver: Deliver, tmp_path: Path):
    for place, name in enumerate(("sub-01", "sub-02")):
        nifti(tmp_path / "in" / f"{name}_ct.nii.gz", hounsfield(place))
        nifti(tmp_path / "in" / f"{name}_seg-vert_msk.nii.gz", np.where(20 + place == MASK, 0, MASK))
    batch = deliver(tmp_path / "in")
    masks = batch.series.filter(outcome=Outcome.MASK)
    assert {series.case.pk for series in masks} == {case.pk for case in Case.objects.all()}
    assert sorted(tuple(levels(anatomy)) for anatomy in Anatomy.objects.all()) == [
        ("L1", "L3", "L4"),
        ("L2", "L3", "L4"),
    ]


def test_one_mask_among_several_volumes_goes_where_it_lies(deliver: Deliver, tmp_path: Path):
    nifti(tmp_path / "in" / "first.nii.gz", hounsfield(0))
    nifti(tmp_path / "in" / "second.nii.gz", hounsfield(1), shift=(0, 0, 500))
    nifti(tmp_path / "in" / "third.nii.gz", hounsfield(2), shift=(0, 0, -500))
    nifti(tmp_path / "in" / "labels.nii.gz", MASK, shift=(0, 0, 500))
    deliver(tmp_path / "in")
    anatomy = Anatomy.objects.get()
    assert anatomy.stack.slices.get(k=0).position[2] == pytest.approx(100 + 500 + 65 * 2)


def test_a_mask_that_fits_two_volumes_is_not_guessed(deliver: Deliver, tmp_path: Path):
    nifti(tmp_path / "in" / "first.nii.gz", hounsfield(0))
    nifti(tmp_path / "in" / "second.nii.gz", hounsfield(1))
    nifti(tmp_path / "in" / "labels.nii.gz", MASK)
    series = deliver(tmp_path / "in").series.get(modality="SEG")
    assert (series.outcome, series.code, series.case) == (Outcome.REFUSED, "mask-ambiguous", None)
    assert "fits 2 CTs" in series.why


def test_a_mask_of_the_same_shape_that_lies_elsewhere_is_refused_and_kept(deliver: Deliver, tmp_path: Path, settings):
    nifti(tmp_path / "in" / "x_ct.nii.gz", hounsfield())
    nifti(tmp_path / "in" / "x_msk.nii.gz", MASK, shift=(0, 0, 400))
    batch = deliver(tmp_path / "in")
    series = batch.series.get(modality="SEG")
    assert (series.outcome, series.code) == (Outcome.REFUSED, "mask-elsewhere")
    assert "mm above every slice" in series.why
    assert not Anatomy.objects.exists()
    assert (Path(settings.QUARANTINE_ROOT) / batch.uuid.hex / series.files[0]).is_file()
    assert [path.suffix for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == [".frames", ".frames"]


def test_a_mask_of_another_patient_beside_the_bone_is_refused(deliver: Deliver, tmp_path: Path):
    values = hounsfield()
    values[:, 20:, :] = 20
    values[:, :, :] = np.roll(values, 0)
    soft = np.where(MASK > 0, 30, values).astype(np.int16)
    soft[0, 0, 0] = -1000
    nifti(tmp_path / "in" / "x_ct.nii.gz", soft)
    nifti(tmp_path / "in" / "x_msk.nii.gz", MASK)
    series = deliver(tmp_path / "in").series.get(modality="SEG")
    assert (series.outcome, series.code) == (Outcome.REFUSED, "mask-not-on-bone")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda mask: np.where(mask > 0, mask + 20, 0), "mask-not-verse"),
        (lambda mask: (mask > 0).astype(np.uint8), "mask-binary"),
        (lambda mask: np.zeros_like(mask), "mask-empty"),
    ],
)
def test_masks_that_name_no_vertebra_are_refused(deliver: Deliver, tmp_path: Path, change, code: str):
    nifti(tmp_path / "in" / "x_ct.nii.gz", hounsfield())
    nifti(tmp_path / "in" / "x_msk.nii.gz", change(MASK))
    assert deliver(tmp_path / "in").series.get(modality="SEG").code == code


def test_a_mask_for_a_dicom_case_finds_it_in_the_same_delivery(deliver: Deliver, tmp_path: Path):
    dicom(tmp_path / "in" / "ct")
    nifti(tmp_path / "in" / "vertebrae.nii.gz", MASK, orientation="RAS")
    batch = deliver(tmp_path / "in")
    assert batch.series.get(outcome=Outcome.MASK).case == Case.objects.get()
    assert len(levels(Anatomy.objects.get())) == 4


def test_a_mask_on_a_native_sagittal_stack(deliver: Deliver, tmp_path: Path):
    sagittal_dicom(tmp_path / "in" / "ct", face_left=False)
    nifti(tmp_path / "in" / "vertebrae.nii.gz", MASK, orientation="PIR")
    deliver(tmp_path / "in")
    rows = list(Anatomy.objects.get().vertebrae.all())
    assert {(row.first_k, row.last_k) for row in rows} == {(6, 18)}


def test_a_mask_that_comes_later_goes_to_the_named_case(deliver: Deliver, tmp_path: Path):
    case = deliver(nifti(tmp_path / "a.nii.gz", hounsfield(), orientation="RAS")).series.get().case
    series = deliver(nifti(tmp_path / "b.nii.gz", MASK, orientation="PIR"), case=case).series.get()
    assert (series.outcome, series.case) == (Outcome.MASK, case)


def test_a_mask_that_comes_later_finds_the_one_case_of_its_grid(deliver: Deliver, tmp_path: Path):
    case = deliver(nifti(tmp_path / "a.nii.gz", hounsfield(), orientation="RAS")).series.get().case
    deliver(nifti(tmp_path / "other.nii.gz", hounsfield(1), shift=(3, 0, 0)))
    series = deliver(nifti(tmp_path / "b.nii.gz", MASK, orientation="PIR")).series.get()
    assert (series.outcome, series.case) == (Outcome.MASK, case)


def test_a_mask_without_any_ct_is_refused_with_what_to_do(deliver: Deliver, tmp_path: Path):
    series = deliver(nifti(tmp_path / "b.nii.gz", MASK)).series.get()
    assert (series.outcome, series.code) == (Outcome.REFUSED, "mask-without-ct")
    assert "Send it together with its CT" in series.why


def test_a_second_mask_is_a_new_version_that_knows_the_vertebrae(deliver: Deliver, tmp_path: Path):
    """The levels are all one off and one vertebra is missing: identity comes from the bodies, not from the names."""
    case = (
        deliver(nifti(tmp_path / "a_ct.nii.gz", hounsfield()), nifti(tmp_path / "a_msk.nii.gz", MASK))
        .series.first()
        .case
    )
    first = case.anatomies.get()
    renumbered = np.where(MASK > 20, MASK - 1, 0)
    deliver(nifti(tmp_path / "b.nii.gz", renumbered), case=case)
    second = case.anatomies.get(n=2)
    assert second.parent == first
    assert levels(second) == ["L1", "L2", "L3"]
    known = dict(first.vertebrae.values_list("level", "vertebra"))
    assert dict(second.vertebrae.values_list("level", "vertebra")) == {
        "L1": known["L2"],
        "L2": known["L3"],
        "L3": known["L4"],
    }
    assert Vertebra.objects.filter(case=case).count() == 4
    deliver(nifti(tmp_path / "c.nii.gz", np.where(MASK == 20, 20, 0)), case=case)
    third = case.anatomies.get(n=3)
    assert third.vertebrae.get().vertebra_id == known["L1"]
    assert Vertebra.objects.filter(case=case).count() == 4


def test_a_body_elsewhere_is_a_new_vertebra(deliver: Deliver, tmp_path: Path):
    case = (
        deliver(nifti(tmp_path / "a_ct.nii.gz", hounsfield()), nifti(tmp_path / "a_msk.nii.gz", MASK))
        .series.first()
        .case
    )
    moved = np.where(MASK == 20, 20, 0)
    moved = np.roll(moved, -8, axis=0)
    deliver(nifti(tmp_path / "b.nii.gz", moved), case=case)
    assert Vertebra.objects.filter(case=case).count() == 5


def test_the_same_mask_again_makes_no_new_version(deliver: Deliver, tmp_path: Path):
    ct, mask = nifti(tmp_path / "a_ct.nii.gz", hounsfield()), nifti(tmp_path / "a_msk.nii.gz", MASK)
    case = deliver(ct, mask).series.first().case
    batch = deliver(nifti(tmp_path / "again.nii", MASK, orientation="RAS"), case=case)
    assert "Seen before" in batch.series.get().why
    assert case.anatomies.count() == 1


def test_a_mask_can_be_attached_to_a_case_directly(deliver: Deliver, tmp_path: Path):
    batch = deliver(nifti(tmp_path / "a_ct.nii.gz", hounsfield()))
    anatomy = attach_mask(Case.objects.get(), nifti(tmp_path / "m.nii.gz", MASK), batch=batch)
    assert (anatomy.n, levels(anatomy)) == (1, ["L1", "L2", "L3", "L4"])


def test_a_vertebra_at_the_border_of_the_scan_is_cut_and_one_at_the_border_of_the_mask_is_not(
    deliver: Deliver, tmp_path: Path
):
    values, mask = hounsfield()[10:], MASK[10:]
    nifti(tmp_path / "in" / "x_ct.nii.gz", values)
    nifti(tmp_path / "in" / "x_msk.nii.gz", mask[: 60 - 10])
    deliver(tmp_path / "in")
    cut = dict(Anatomy.objects.get().vertebrae.values_list("level", "cut"))
    assert cut == {"L1": False, "L2": False, "L3": False, "L4": True}


def test_the_author_of_an_anatomy_is_who_sent_the_mask(deliver: Deliver, tmp_path: Path, django_user_model):
    person = django_user_model.objects.create_user("resident")
    deliver(nifti(tmp_path / "a_ct.nii.gz", hounsfield()), nifti(tmp_path / "a_msk.nii.gz", MASK), by=person)
    assert Anatomy.objects.get().author.user == person


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:2000]), "truncated"),
        (lambda path: path.write_bytes(b""), "empty-file"),
        (lambda path: path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:4000])), "truncated-file"),
    ],
)
def test_damaged_files_are_refused_and_the_others_come_in(deliver: Deliver, tmp_path: Path, spoil, code: str):
    nifti(tmp_path / "in" / "good.nii.gz", hounsfield())
    spoil(nifti(tmp_path / "in" / "Muster_Eva.nii.gz", hounsfield(1)))
    batch = deliver(tmp_path / "in")
    refused = batch.series.exclude(outcome=Outcome.DERIVED).get()
    assert refused.outcome == Outcome.REFUSED
    assert code in refused.code or refused.code == "damaged-file"
    assert "Muster" not in refused.why
    assert refused.files[0].split("/")[-1] not in refused.why
    assert batch.series.filter(outcome=Outcome.DERIVED).count() == 1


def test_sheared_and_singular_affines_are_refused(deliver: Deliver, tmp_path: Path):
    sheared = np.diag([1.5, 1.5, 2.0, 1.0])
    sheared[0, 2] = 0.5
    (tmp_path / "in").mkdir()
    for name, affine in (("sheared", sheared), ("singular", np.diag([1.5, 0.0, 2.0, 1.0]))):
        image = nib.Nifti1Image(np.ascontiguousarray(hounsfield().transpose(2, 1, 0)), np.eye(4))
        image.header.set_xyzt_units("mm")
        image.header.set_sform(affine, 1)
        image.header.set_qform(None, 0)
        image.header["pixdim"][1:4] = 1.5, 1.5, np.linalg.norm(affine[:3, 2])
        header = image.header
        header["sform_code"] = 1
        header["srow_x"], header["srow_y"], header["srow_z"] = affine[:3]
        with (tmp_path / "in" / f"{name}.nii").open("wb") as file:
            header["vox_offset"], header["magic"] = 352, b"n+1"
            file.write(header.binaryblock + bytes(4) + np.asfortranarray(image.dataobj).tobytes(order="F"))
    batch = deliver(tmp_path / "in")
    assert sorted(batch.series.values_list("code", flat=True)) == ["sheared-affine", "singular-affine"]
    assert not Series.objects.filter(case__isnull=False).exists()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("x_ct.nii.gz", ("x",)),
        ("a/ts_example_vert_verse.nii.gz", ("ts", "example")),
        ("sub-verse004_seg-vert_msk.nii.gz", ("sub", "verse004")),
        ("sub-07/ct.nii.gz", ("sub", "07")),
        ("mask.nii", ()),
    ],
)
def test_the_stem_of_a_name_says_whose_it_is(name: str, stem: tuple[str, ...]):
    assert name_stem(name) == stem


@given(seed=st.integers(0, 2**16), relabel=st.permutations(range(1, 6)))
def test_bodies_find_each_other_under_any_renumbering(seed: int, relabel: list[int]):
    old = np.random.default_rng(seed).integers(0, 6, (4, 5, 6)).astype(np.uint8)
    table = np.array([0, *relabel], dtype=np.uint8)
    expected = {(int(table[label]), int(label)) for label in np.unique(old) if label}
    assert set(dice_pairs(table[old], old)) == expected


def test_shapes_of_the_phantom_agree():
    assert MASK.shape == SHAPE
