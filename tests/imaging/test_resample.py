"""Masks placed by position in the patient, compared with SimpleITK; and masks that belong elsewhere."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from labeling.imaging import resample
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import check_same_patient, check_verse_numbers, labels_on, overlap_fraction
from labeling.imaging.volume import LabelMap, Volume, canonical, canonical_labels

AXCODES = [
    "".join(codes)
    for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])
    for signs in np.ndindex(2, 2, 2)
    for codes in [["LR"[signs[0]] if a == 0 else "PA"[signs[1]] if a == 1 else "IS"[signs[2]] for a in order]]
]
FAR_FROM_TIES = 1e-3


def affine_of(codes: str, spacing: Any, origin: Any, turn: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """LPS affine of axes that run the way `codes` say (nibabel's letters: the end of the axis)."""
    towards = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.array([towards[c] for c in codes]).T * np.array(spacing)
    affine[:3, 3] = origin
    return affine


@st.composite
def grids(draw: st.DrawFn, turned: bool) -> Geometry:
    """Any of the 48 orientations, 0.4 to 4 mm apart, about the same place; turned by up to 30 degrees if asked."""
    spacing = [draw(st.floats(0.4, 4.0)) for _ in range(3)]
    shape = tuple(draw(st.integers(1, 12)) for _ in range(3))
    # Thousandths of a degree: ITK's own decomposition of the directions breaks down over denormal cosines.
    angles = [draw(st.integers(-30_000, 30_000)) / 1000 for _ in range(3)] if turned else [0.0, 0.0, 0.0]
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine = affine_of(draw(st.sampled_from(AXCODES)), spacing, (0, 0, 0), turn)
    centre = np.array([draw(st.floats(-5, 5)) for _ in range(3)])
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry((shape[0], shape[1], shape[2]), affine)


def as_itk(geometry: Geometry, array: NDArray[Any]) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing(geometry.spacing.tolist())
    image.SetOrigin(geometry.origin.tolist())
    image.SetDirection(geometry.directions.ravel().tolist())
    return image


def by_itk(geometry: Geometry, labels: LabelMap) -> NDArray[np.uint8]:
    target = as_itk(geometry, np.zeros(geometry.shape, dtype=np.uint8))
    moved = SimpleITK.Resample(
        as_itk(labels.geometry, labels.array), target, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor, 0.0
    )
    return SimpleITK.GetArrayFromImage(moved).transpose(2, 1, 0)


def clear_of_ties(geometry: Geometry, labels: LabelMap) -> NDArray[np.bool_]:
    """Voxels that lie on no border between two samples, where either is as near."""
    indices = labels.geometry.to_index(geometry.to_patient(np.argwhere(np.ones(geometry.shape, dtype=bool))))
    away = np.abs(indices - np.floor(indices) - 0.5).min(axis=1)
    return (away > FAR_FROM_TIES).reshape(geometry.shape)


def some_labels(geometry: Geometry, seed: int) -> LabelMap:
    return LabelMap(geometry, np.random.default_rng(seed).integers(0, 29, geometry.shape).astype(np.uint8))


@pytest.mark.parametrize("turned", [False, True], ids=["parallel", "oblique"])
@settings(max_examples=150, deadline=None)
@given(data=st.data(), seed=st.integers(0, 999))
def test_labels_land_where_simpleitk_puts_them(turned: bool, data: st.DataObject, seed: int) -> None:
    stack, labels = data.draw(grids(turned)), some_labels(data.draw(grids(turned)), seed)
    clear = clear_of_ties(stack, labels)
    np.testing.assert_array_equal(labels_on(stack, labels)[clear], by_itk(stack, labels)[clear])


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR"])
@settings(max_examples=40, deadline=None)
@given(stack=grids(turned=False), spacing=st.tuples(*[st.floats(0.5, 3.0)] * 3), seed=st.integers(0, 999))
def test_masks_in_the_orientations_of_practice_land_where_simpleitk_puts_them(
    codes: str, stack: Geometry, spacing: tuple[float, float, float], seed: int
) -> None:
    affine = affine_of(codes, spacing, (0, 0, 0))
    affine[:3, 3] = -affine[:3, :3] @ np.array([4, 4, 4])
    labels = some_labels(Geometry((9, 9, 9), affine), seed)
    clear = clear_of_ties(stack, labels)
    np.testing.assert_array_equal(labels_on(stack, labels)[clear], by_itk(stack, labels)[clear])


@given(stack=grids(turned=True), seed=st.integers(0, 999))
def test_a_mask_on_its_own_grid_comes_back_unchanged_in_every_orientation(stack: Geometry, seed: int) -> None:
    labels = some_labels(stack, seed)
    np.testing.assert_array_equal(labels_on(stack, labels), labels.array)
    turned = canonical_labels(labels)
    np.testing.assert_array_equal(labels_on(stack, turned), labels.array)
    np.testing.assert_array_equal(labels_on(turned.geometry, labels), turned.array)


def test_the_same_shape_is_no_reason_to_think_it_the_same_place() -> None:
    geometry = Geometry((6, 6, 6), affine_of("LPS", (1, 1, 1), (0, 0, 0)))
    mirrored = Geometry((6, 6, 6), affine_of("RAS", (1, 1, 1), (5, 5, 0)))
    labels = some_labels(mirrored, 1)
    np.testing.assert_array_equal(labels_on(geometry, labels), labels.array[::-1, ::-1])


def test_exactly_between_two_samples_all_rows_take_the_same_one() -> None:
    affine = affine_of("LIP", (0.1, 0.7, 0.3), (0.05 + 1e-9, 7.7, 3.3))
    stack = Geometry((5, 40, 40), affine)
    source = Geometry((8, 40, 40), affine_of("LIP", (0.1, 0.7, 0.3), (0.0, 7.7, 3.3)))
    labels = LabelMap(source, np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None], source.shape))
    placed = labels_on(stack, labels)
    assert [np.unique(placed[k]).tolist() for k in range(5)] == [[1], [2], [3], [4], [5]]


def test_both_ways_of_placing_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Geometry((7, 9, 8), affine_of("LIP", (3, 1.1, 0.9), (-10, -4, 5)))
    labels = some_labels(Geometry((20, 11, 10), affine_of("RAS", (1.3, 1, 0.8), (9, 4, -6))), 3)
    straight = labels_on(stack, labels)
    monkeypatch.setattr(resample, "_straight", lambda matrix, shape: None)
    np.testing.assert_array_equal(labels_on(stack, labels), straight)
    assert straight.any()


def test_arrays_that_come_in_are_never_changed() -> None:
    labels = some_labels(Geometry((5, 5, 5), np.eye(4)), 4)
    labels.array.setflags(write=False)
    labels_on(Geometry((4, 4, 4), np.eye(4)), labels)
    assert overlap_fraction(Geometry((5, 5, 5), np.eye(4)), labels) == 1.0


@given(shift=st.integers(-12, 12))
def test_the_overlap_is_the_share_of_labelled_voxels_within_the_stack(shift: int) -> None:
    stack = Geometry((10, 10, 10), np.eye(4))
    affine = np.eye(4)
    affine[0, 3] = shift
    labels = LabelMap(Geometry((10, 10, 10), affine), np.full((10, 10, 10), 20, dtype=np.uint8))
    assert overlap_fraction(stack, labels) == pytest.approx(max(0, 10 - abs(shift)) / 10)


def test_an_empty_mask_overlaps_nothing() -> None:
    empty = LabelMap(Geometry((3, 3, 3), np.eye(4)), np.zeros((3, 3, 3), dtype=np.uint8))
    assert overlap_fraction(empty.geometry, empty) == 0.0
    assert not labels_on(empty.geometry, empty).any()


# -- does it belong? -----------------------------------------------------------------------------------------------


def phantom() -> tuple[Volume, LabelMap]:
    """A body of soft tissue (40 HU) in air with three blocks of bone, one above the other, and their mask."""
    geometry = Geometry((40, 60, 60), affine_of("LIP", (3, 2, 2), (-60, -60, 60)))
    hu = np.full(geometry.shape, -1000, dtype=np.int16)
    hu[4:36, :, 6:54] = -90
    hu[6:34, :, 9:50] = 40
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    for value, top in ((20, 6), (21, 24), (22, 42)):
        part = (slice(14, 26), slice(top, top + 13), slice(25, 42))
        labels[part] = value
        hu[part] = 160
        hu[14:26, top : top + 13, 40:42] = 400
        hu[14:16, top : top + 13, 25:42] = 400
    return Volume(geometry, (hu + 1024).astype(np.uint16), 1.0, -1024.0), LabelMap(geometry, labels)


def moved(labels: LabelMap, x: float, y: float, z: float) -> LabelMap:
    affine = labels.geometry.affine.copy()
    affine[:3, 3] += (x, y, z)
    return LabelMap(Geometry(labels.geometry.shape, affine), labels.array)


def refusal_of(stack: Volume, labels: LabelMap) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_same_patient(stack, labels, "SAG-7F3A")
    return caught.value


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL"])
def test_a_mask_on_its_bones_is_taken_in_any_orientation(codes: str) -> None:
    stack, labels = phantom()
    check_same_patient(stack, labels)
    ras = np.diag([-1, -1, 1, 1]) @ labels.geometry.affine
    image = nib.Nifti1Image(labels.array, ras)
    turn = nib.orientations.ornt_transform(nib.io_orientation(ras), nib.orientations.axcodes2ornt(codes))
    turned = image.as_reoriented(turn)
    array = np.asarray(turned.dataobj)
    check_same_patient(stack, LabelMap(Geometry(array.shape, np.diag([-1, -1, 1, 1]) @ turned.affine), array))


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ((0, 0, 221), "112 mm above every slice of SAG-7F3A"),
        ((0, 0, -230), "mm below every slice"),
        ((200, 0, 0), "mm to the left of every slice"),
        ((-200, 0, 0), "mm to the right of every slice"),
        ((0, 200, 0), "mm behind every slice"),
        ((0, -200, 0), "mm in front of every slice"),
    ],
)
def test_a_mask_outside_of_every_slice_is_refused_with_the_distance(
    shift: tuple[float, float, float], words: str
) -> None:
    stack, labels = phantom()
    refusal = refusal_of(stack, moved(labels, *shift))
    assert refusal.code == "mask-elsewhere"
    assert words in refusal.sentence
    assert "another patient" in refusal.sentence


def test_a_mask_mostly_outside_is_refused_with_its_share() -> None:
    stack, labels = phantom()
    refusal = refusal_of(stack, moved(labels, 0, 0, 80))
    assert refusal.code == "mask-partly-outside"
    assert "Only 3" in refusal.sentence


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ((30, 0, 0), "30 mm further to the right"),
        ((0, -30, 0), "30 mm further to the back"),
        ((0, 34, 0), "lies on air"),
    ],
)
def test_a_mask_beside_the_bone_is_refused(shift: tuple[float, float, float], words: str) -> None:
    stack, labels = phantom()
    refusal = refusal_of(stack, moved(labels, *shift))
    assert refusal.code == "mask-not-on-bone"
    assert words in refusal.sentence


def test_a_mask_in_soft_tissue_with_no_bone_near_is_refused() -> None:
    stack, labels = phantom()
    soft = np.full(stack.geometry.shape, 40 + 1024, dtype=np.uint16)
    assert refusal_of(Volume(stack.geometry, soft, 1.0, -1024.0), labels).code == "mask-not-on-bone"


def test_a_porous_spine_beside_enhanced_kidneys_is_not_refused() -> None:
    stack, labels = phantom()
    hu = stack.hu().astype(np.int32)
    hu[labels.array > 0] = 30
    hu[14:26, :, 41][labels.array[14:26, :, 41] > 0] = 220  # only a thin shell is left
    hu[25, :, 25:42][labels.array[25, :, 25:42] > 0] = 220
    hu[28:38, :, 20:45] = 230
    check_same_patient(Volume(stack.geometry, (hu + 1024).astype(np.uint16), 1.0, -1024.0), labels)


def test_a_mask_of_a_few_voxels_is_not_judged_by_density() -> None:
    stack, labels = phantom()
    few = np.zeros_like(labels.array)
    few[0, 0, :5] = 20
    check_same_patient(stack, LabelMap(labels.geometry, few))


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ([], "mask-empty", "no vertebra"),
        ([20, 27], "mask-not-verse", "the number 27,"),
        ([41, 42, 43, 49, 50], "mask-not-verse", "the numbers 41 to 43, 49, 50,"),
        ([200], "mask-not-verse", "the number 200,"),
        ([1], "mask-binary", "C1"),
    ],
)
def test_numbers_that_name_no_vertebra_are_refused_by_name(values: list[int], code: str, words: str) -> None:
    array = np.zeros((1, 1, 10), dtype=np.uint8)
    array[0, 0, : len(values)] = values
    with pytest.raises(Refusal) as caught:
        check_verse_numbers(LabelMap(Geometry(array.shape, np.eye(4)), array))
    assert caught.value.code == code
    assert words in caught.value.sentence


def test_every_verse_number_is_taken() -> None:
    array = np.array([*range(0, 27), 28], dtype=np.uint8).reshape(1, 1, -1)
    check_verse_numbers(LabelMap(Geometry(array.shape, np.eye(4)), array))


def test_the_check_does_not_depend_on_the_axis_order_of_the_stack() -> None:
    stack, labels = phantom()
    turned = canonical(Volume(stack.geometry.permuted((1, 2, 0)), stack.array.transpose(1, 2, 0), 1.0, -1024.0))
    check_same_patient(turned, labels)
