"""The sample NIfTI files: read, placed on derived stacks, and their vertebrae found."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from labeling.anatomy.bodies import MaskVertebra, bodies_only, body_extents, coverage
from labeling.imaging.geometry import Geometry
from labeling.imaging.nifti import looks_like_labels, read_ct, read_labels
from labeling.imaging.outlines import encode, outlines
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import check_same_patient, labels_on, overlap_fraction
from labeling.imaging.sagittal import derived_stack
from labeling.imaging.volume import LabelMap, Volume, canonical_labels

DATA = Path(os.environ.get("SAGITTAL_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))

CTS = ["tptbox_L3_ct", "ts_example_ct", "ts_thorax_ct_1p5mm"]
MASKS = [
    "sub-verse004_seg-vert_msk",
    "tptbox_L3_subreg_msk",
    "tptbox_L3_vert_msk",
    "ts_example_vert_verse",
    "ts_s0327_vert_verse_maskonly",
    "ts_thorax_T12_mask",
]
PAIRS = [("ts_example_ct", "ts_example_vert_verse"), ("tptbox_L3_ct", "tptbox_L3_vert_msk")]


def path_of(name: str) -> Path:
    return DATA / f"{name}.nii.gz"


def mask_of(name: str) -> LabelMap:
    labels = read_labels(path_of(name))
    if name == "ts_thorax_T12_mask":  # marked with 1; what it marks is T12
        return LabelMap(labels.geometry, labels.array * np.uint8(19))
    return labels


def stack_of(ct: str, slab_mm: float = 3.0) -> Volume:
    return derived_stack(read_ct(path_of(ct)), slab_mm).volume


def every_third(labels: LabelMap, slab_mm: float) -> tuple[NDArray[np.uint8], Geometry]:
    """A mask without its CT on the sagittal grid that a derived stack of that slab would have."""
    source = canonical_labels(labels)
    slab = max(1, round(slab_mm / float(source.geometry.spacing[0])))
    affine = source.geometry.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (slab - 1) / 2
    affine[:3, 0] *= slab
    grid = Geometry((source.geometry.shape[0] // slab, *source.geometry.shape[1:]), affine)
    return labels_on(grid, labels), grid


def by_level(found: list[MaskVertebra]) -> dict[str, MaskVertebra]:
    return {one.level: one for one in found}


def width_mm(one: MaskVertebra, geometry: Geometry) -> float:
    return (one.last_k - one.first_k + 1) * float(geometry.spacing[0])


def test_every_nifti_file_of_the_samples_is_covered_here() -> None:
    assert sorted(path.name for path in DATA.glob("*.nii.gz")) == sorted(f"{name}.nii.gz" for name in CTS + MASKS)


@pytest.mark.parametrize("name", CTS)
def test_a_ct_is_bit_exact_and_in_its_place(name: str) -> None:
    volume = read_ct(path_of(name))
    reference = SimpleITK.ReadImage(str(path_of(name)))  # ITK turns NIfTI into LPS as well
    np.testing.assert_array_equal(volume.hu(), SimpleITK.GetArrayFromImage(reference).transpose(2, 1, 0))
    for index in np.ndindex(2, 2, 2):
        corner = np.array(index) * (np.array(volume.geometry.shape) - 1)
        there = reference.TransformIndexToPhysicalPoint([int(i) for i in corner])
        np.testing.assert_allclose(volume.geometry.to_patient(corner), there, atol=0.01)


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_exact_and_in_its_place(name: str) -> None:
    labels = read_labels(path_of(name))
    reference = SimpleITK.ReadImage(str(path_of(name)))
    np.testing.assert_array_equal(labels.array, SimpleITK.GetArrayFromImage(reference).transpose(2, 1, 0))
    np.testing.assert_allclose(labels.geometry.origin, reference.GetOrigin(), atol=0.01)


def test_masks_and_cts_are_told_apart() -> None:
    assert not any(looks_like_labels(path_of(name)) for name in CTS)
    assert all(looks_like_labels(path_of(name)) for name in MASKS)


@pytest.mark.parametrize("slab_mm", [1.5, 3.0, 4.0])
@pytest.mark.parametrize(("ct", "mask"), PAIRS)
def test_a_mask_lands_on_its_stack_as_simpleitk_places_it(ct: str, mask: str, slab_mm: float) -> None:
    stack, labels = stack_of(ct, slab_mm), mask_of(mask)
    placed = labels_on(stack.geometry, labels)
    # Slices of two samples lie between them; labels_on takes the sample with the higher index, ITK is nudged to it.
    across = labels.geometry.directions[:, np.abs(labels.geometry.directions[0]).argmax()]
    target = SimpleITK.GetImageFromArray(np.zeros(stack.geometry.shape[::-1], dtype=np.uint8))
    target.SetSpacing(stack.geometry.spacing.tolist())
    target.SetOrigin((stack.geometry.origin + 0.01 * across).tolist())
    target.SetDirection(stack.geometry.directions.ravel().tolist())
    source = SimpleITK.ReadImage(str(path_of(mask)))
    there = SimpleITK.Resample(source, target, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor, 0.0)
    np.testing.assert_array_equal(placed, SimpleITK.GetArrayFromImage(there).transpose(2, 1, 0))
    check_same_patient(stack, labels, "SAG-1")
    assert overlap_fraction(stack.geometry, labels) > 0.99


def test_the_t12_mask_fits_the_thorax_once_it_is_numbered() -> None:
    stack = stack_of("ts_thorax_ct_1p5mm")
    check_same_patient(stack, mask_of("ts_thorax_T12_mask"))
    with pytest.raises(Refusal) as caught:
        check_same_patient(stack, read_labels(path_of("ts_thorax_T12_mask")))
    assert caught.value.code == "mask-binary"


@pytest.mark.parametrize(
    ("ct", "mask", "code"),
    [
        ("ts_example_ct", "tptbox_L3_vert_msk", "mask-elsewhere"),
        ("ts_thorax_ct_1p5mm", "ts_example_vert_verse", "mask-elsewhere"),
        ("tptbox_L3_ct", "sub-verse004_seg-vert_msk", "mask-elsewhere"),
        ("ts_example_ct", "ts_s0327_vert_verse_maskonly", "mask-partly-outside"),
        ("tptbox_L3_ct", "tptbox_L3_subreg_msk", "mask-not-verse"),
    ],
)
def test_the_mask_of_another_patient_is_refused(ct: str, mask: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_same_patient(stack_of(ct), mask_of(mask), "SAG-1")
    assert caught.value.code == code


@pytest.mark.parametrize(("ct", "mask"), PAIRS)
@pytest.mark.parametrize("shift", [(15, 0, 0), (-25, 0, 0), (0, -20, 0), (0, -70, 0), (60, 0, 0)])
def test_a_mask_shifted_off_its_bones_is_refused(ct: str, mask: str, shift: tuple[float, float, float]) -> None:
    labels = mask_of(mask)
    affine = labels.geometry.affine.copy()
    affine[:3, 3] += shift
    with pytest.raises(Refusal) as caught:
        check_same_patient(stack_of(ct), LabelMap(Geometry(labels.geometry.shape, affine), labels.array))
    assert caught.value.code in {"mask-not-on-bone", "mask-partly-outside"}


@pytest.mark.parametrize(("slab_mm", "tolerance"), [(3.0, 1), (1.5, 2)])
def test_the_bodies_of_l2_to_l4_are_those_of_the_sub_region_mask(slab_mm: float, tolerance: int) -> None:
    geometry = stack_of("tptbox_L3_ct", slab_mm).geometry
    labels = labels_on(geometry, mask_of("tptbox_L3_vert_msk"))
    is_body = np.isin(labels_on(geometry, mask_of("tptbox_L3_subreg_msk")), (49, 50))
    bodies = bodies_only(labels, geometry)
    for one in body_extents(labels, geometry):
        truth = is_body & (labels == one.label_value)
        used = np.flatnonzero(truth.any(axis=(1, 2)))
        assert abs(one.first_k - used[0]) <= tolerance
        assert abs(one.last_k - used[-1]) <= tolerance
        body = bodies == one.label_value
        assert (body & truth).sum() / (body | truth).sum() > 0.95
    alone = np.where(is_body, labels, 0).astype(np.uint8)
    found, clean = by_level(body_extents(alone, geometry)), bodies_only(alone, geometry)
    assert (clean != alone).sum() <= 0.005 * (alone > 0).sum()  # crumbs of the sub-region mask
    used = np.flatnonzero((clean == 22).any(axis=(1, 2)))
    assert (found["L3"].first_k, found["L3"].last_k) == (used[0], used[-1])


def test_l3_has_half_as_many_slices_as_its_mask() -> None:
    geometry = stack_of("tptbox_L3_ct").geometry
    labels = labels_on(geometry, mask_of("tptbox_L3_vert_msk"))
    found = by_level(body_extents(labels, geometry))["L3"]
    assert int((labels == 22).any(axis=(1, 2)).sum()) >= 31
    assert found.last_k - found.first_k + 1 in (18, 19)


def test_ts_example_is_cut_at_t11_and_t12_only() -> None:
    source = read_ct(path_of("ts_example_ct"))
    stack = derived_stack(source).volume
    labels = labels_on(stack.geometry, mask_of("ts_example_vert_verse"))
    found = body_extents(labels, stack.geometry, coverage(stack.geometry, source.geometry))
    assert [one.level for one in found] == ["T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    assert [one.level for one in found if one.cut] == ["T11", "T12"]
    assert {one.cut_where for one in found if one.cut} == {"top"}
    assert by_level(found)["T11"].body_voxels == 0
    for one in found[2:]:
        assert 45 <= width_mm(one, stack.geometry) <= 60
        assert one.certainty == "assumed"  # the sacrum alone is one anchor


def test_the_first_vertebrae_of_s0327_are_cut_and_the_rest_is_complete() -> None:
    labels, geometry = every_third(mask_of("ts_s0327_vert_verse_maskonly"), 3.0)
    found = body_extents(labels, geometry)
    assert [one.level for one in found if one.cut] == ["C7", "T1"]
    assert {one.cut_where for one in found if one.cut} == {"top"}
    assert {one.certainty for one in found} == {"assumed"}
    assert len(found) == 18


# Width at the waist in mm, from measurements of the same masks; endplates are about 1/0.9 as wide.
WAISTS = {
    "ts_s0327_vert_verse_maskonly": {"T5": 28, "T7": 31, "T9": 35, "T10": 39, "T11": 38, "T12": 39, "L1": 42, "L3": 50},
    "sub-verse004_seg-vert_msk": {"T9": 32, "T10": 36, "T11": 36, "T12": 38, "L1": 48, "L2": 40, "L3": 42, "L4": 44},
}


@pytest.mark.parametrize("slab_mm", [1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("name", list(WAISTS))
def test_bodies_are_as_wide_as_measured(name: str, slab_mm: float) -> None:
    labels, geometry = every_third(mask_of(name), slab_mm)
    found = by_level(body_extents(labels, geometry))
    slice_mm = float(geometry.spacing[0])
    for level, waist in WAISTS[name].items():
        assert waist - slice_mm <= width_mm(found[level], geometry) <= waist / 0.9 + 4.5 + slice_mm, level


def test_verse004_is_complete_and_each_body_holds_its_centroid() -> None:
    mask = read_labels(path_of("sub-verse004_seg-vert_msk"))
    labels, geometry = every_third(mask, 2.0)
    found = {one.label_value: one for one in body_extents(labels, geometry)}
    assert not any(one.cut for one in found.values())
    centroids = json.loads((DATA / "sub-verse004_seg-subreg_ctd.json").read_text())[1:]
    bodies = bodies_only(labels, geometry)
    for entry in centroids:
        # In voxels of the mask's own axes (P, I, R); they mark the body.
        k, r, c = np.rint(geometry.to_index(mask.geometry.to_patient([entry["X"], entry["Y"], entry["Z"]]))).astype(int)
        assert bodies[k, r, c] == entry["label"]
        assert found[entry["label"]].first_k < k < found[entry["label"]].last_k


def test_t12_of_the_thorax_is_complete_though_its_arch_leaves_the_scan() -> None:
    geometry = stack_of("ts_thorax_ct_1p5mm").geometry
    (found,) = body_extents(labels_on(geometry, mask_of("ts_thorax_T12_mask")), geometry)
    assert not found.cut
    assert found.note == "The arch of T12 leaves the scan at the bottom; its body is complete."
    assert 36 <= width_mm(found, geometry) <= 48


@pytest.mark.parametrize(("ct", "mask"), PAIRS)
def test_outlines_are_kilobytes_per_slice(ct: str, mask: str) -> None:
    geometry = stack_of(ct).geometry
    found = outlines(labels_on(geometry, mask_of(mask)))
    assert max(len(encode({k: of_slice})) for k, of_slice in found.items()) < 4096
