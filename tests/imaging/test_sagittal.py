"""The stack that is read: head up, face to the left, right to left, native pixels untouched, slabs exact means."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labeling.imaging.dicom_series import assemble, scan
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.sagittal import (
    NATIVE_RECIPE,
    RECIPE,
    derived_stack,
    is_sagittal,
    native_stack,
    orientation_of,
    recipe_sha,
)
from labeling.imaging.volume import Volume, reordered
from tests.imaging import dicom_factory as factory
from tests.imaging.dicom_factory import stored_values, write_ct_series
from tests.imaging.test_geometry import rotation

STACK_DIRECTIONS = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # columns: left, feet, back


def reading_order(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = STACK_DIRECTIONS * spacing
    affine[:3, 3] = -40.0, -70.0, 900.0
    return Geometry(shape, affine)


def volume_of(array: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    return Volume(reading_order(array.shape, spacing), array, 1.0, -1024.0)  # type: ignore[arg-type]


ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)))


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_a_stack_is_head_up_and_face_left_from_all_48_orientations(order: tuple, flips: tuple) -> None:
    upright = volume_of(stored_values((9, 4, 5), "uint16"), (1.0, 0.6, 0.45))
    turned = Volume(upright.geometry.permuted(order, flips), reordered(upright.array, order, flips), 1.0, -1024.0)
    stack = derived_stack(turned, slab_mm=1.0).volume
    np.testing.assert_array_equal(stack.array, upright.array)
    assert stack.geometry.is_close(upright.geometry, 1e-9)
    if is_sagittal(turned.geometry):
        native = native_stack(turned)
        np.testing.assert_array_equal(native.volume.array, upright.array)
        for k, source in enumerate(native.source_index):
            assert np.array_equal(np.sort(native.volume.array[k].ravel()), np.sort(turned.array[source].ravel()))
    else:
        with pytest.raises(Refusal, match="not sagittal"):
            native_stack(turned)


FRONT_BACK, HEAD_FEET = [(0, 1, 0), (0, -1, 0)], [(0, 0, 1), (0, 0, -1)]
SAGITTAL_PLANES = [*itertools.product(FRONT_BACK, HEAD_FEET), *itertools.product(HEAD_FEET, FRONT_BACK)]


@pytest.mark.parametrize(("row", "column"), SAGITTAL_PLANES)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_the_face_of_a_sagittal_dicom_series_looks_left(
    tmp_path: Path, row: tuple, column: tuple, backwards: bool, dtype: str
) -> None:
    stored = stored_values((5, 6, 7), dtype)
    write_ct_series(tmp_path, stored, orientation=(*row, *column), step_mm=-3 if backwards else 3)
    series = scan(sorted(tmp_path.iterdir())).series[0]
    stack = native_stack(assemble(series))
    np.testing.assert_allclose(stack.volume.geometry.directions, STACK_DIRECTIONS, atol=1e-9)
    # Every pixel of every slice is the one its own header puts at that place.
    for k, source in enumerate(stack.source_index):
        header = series.headers[source]
        start, cosines = np.array(header.ImagePositionPatient), np.array(header.ImageOrientationPatient)
        frame = stored[int(header.InstanceNumber) - 1].astype(np.int32) - 1024
        for r, c in itertools.product(range(6), range(7)):
            place = start + cosines[:3] * 0.5 * c + cosines[3:] * 0.5 * r
            index = np.rint(stack.volume.geometry.to_index(place)).astype(int)
            assert index[0] == k
            assert stack.volume.hu()[tuple(index)] == frame[r, c]


@given(st.floats(-29, 29), st.sampled_from([0, 1]))
@settings(max_examples=30)
def test_a_sagittal_series_may_be_oblique_and_is_not_resampled(degrees: float, about: int) -> None:
    turn = rotation((0, 0, math.radians(degrees)) if about else (0, math.radians(degrees), 0))
    affine = np.eye(4)
    affine[:3, :3] = turn @ (STACK_DIRECTIONS * (3.0, 0.6, 0.45))
    array = stored_values((4, 5, 6), "uint16")
    source = Volume(Geometry((4, 5, 6), affine).permuted((0, 1, 2), (True, False, True)), array, 1.0, 0.0)
    stack = native_stack(source)
    np.testing.assert_array_equal(stack.volume.array, array[::-1, :, ::-1])
    assert stack.source_index == (3, 2, 1, 0)
    assert stack.volume.geometry.is_close(Geometry((4, 5, 6), affine), 1e-6)
    assert (stack.origin, stack.slab, stack.recipe) == ("native", 1, NATIVE_RECIPE)


@pytest.mark.parametrize(
    ("cosines", "plane"),
    [
        (factory.AXIAL, "axial"),
        (factory.CORONAL, "coronal"),
        (factory.SAGITTAL, "sagittal"),
        ((math.sin(math.radians(30)), math.cos(math.radians(30)), 0, 0, 0, -1), "sagittal"),
        ((math.sin(math.radians(31)), math.cos(math.radians(31)), 0, 0, 0, -1), "oblique"),
        ((1, 0, 0, 1, 0, 0), "oblique"),
    ],
)
def test_planes_are_named_within_30_degrees(cosines: tuple, plane: str) -> None:
    assert orientation_of(cosines) == plane
    assert is_sagittal(cosines) == (plane == "sagittal")


@given(
    st.integers(3, 40), st.integers(1, 9), st.integers(1, 9), st.floats(0.2, 4), st.floats(0.5, 6), st.integers(0, 99)
)
def test_a_slab_is_the_mean_of_its_samples(
    width: int, rows: int, columns: int, spacing: float, slab_mm: float, seed: int
) -> None:
    half_up = slab_mm / spacing + 0.5
    assume(abs(half_up - round(half_up)) > 1e-6)  # a tie that hangs on the last bit is nobody's
    array = stored_values((width, rows, max(2, columns)), "uint16", seed=seed)
    volume = volume_of(array, (spacing, 1.0, 1.0))
    slab = max(1, math.floor(slab_mm / spacing + 0.5))
    if width // slab < 3:
        with pytest.raises(Refusal, match="room for"):
            derived_stack(volume, slab_mm)
        return
    stack = derived_stack(volume, slab_mm)
    assert stack.slab == slab
    assert stack.volume.geometry.shape[0] == width // slab
    for k, frame in enumerate(stack.volume.array):
        samples = array[k * slab : (k + 1) * slab].astype(np.float64)
        np.testing.assert_array_equal(frame, np.floor(samples.mean(axis=0) + 0.5))
        centre = volume.geometry.to_patient((k * slab + (slab - 1) / 2, 0, 0))
        np.testing.assert_allclose(stack.volume.geometry.to_patient((k, 0, 0)), centre, atol=1e-9)
    assert (stack.volume.slope, stack.volume.intercept) == (volume.slope, volume.intercept)


def test_signed_samples_round_as_unsigned_ones_do() -> None:
    signed = stored_values((12, 3, 4), "int16", 12)
    unsigned = (signed.astype(np.int32) + 2048).astype(np.uint16)
    one = derived_stack(volume_of(signed)).volume.array
    other = derived_stack(volume_of(unsigned)).volume.array
    assert one.dtype == np.int16
    np.testing.assert_array_equal(one.astype(np.int32) + 2048, other)


def test_the_first_slab_lies_at_the_patients_right_edge() -> None:
    array = np.zeros((11, 4, 5), np.uint16)
    array[:3] = 100  # the patient's right
    array[9:] = 900  # two samples too few for a fourth slab
    stack = derived_stack(volume_of(array))
    assert stack.volume.array.shape == (3, 4, 5)
    np.testing.assert_array_equal(stack.volume.array[:, 0, 0], [100, 0, 0])
    assert stack.volume.geometry.to_patient((0, 0, 0))[0] == pytest.approx(-40 + 1)
    assert stack.volume.geometry.spacing[0] == 3


def test_a_volume_of_many_blocks_is_averaged_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    array = stored_values((30, 17, 12), "uint16")
    whole = derived_stack(volume_of(array)).volume.array
    monkeypatch.setattr("labeling.imaging.sagittal._BLOCK_VOXELS", 10 * 12 * 3)
    np.testing.assert_array_equal(derived_stack(volume_of(array)).volume.array, whole)


def test_deriving_takes_little_memory_beside_its_result() -> None:
    array = np.zeros((300, 512, 512), np.uint16)  # 157 MB, axial
    affine = np.diag([0.7, 0.7, 1.0, 1.0])[:, [2, 1, 0, 3]]
    tracemalloc.start()
    stack = derived_stack(Volume(Geometry(array.shape, affine), array, 1.0, 0.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stack.volume.array.shape == (128, 300, 512)
    assert peak < stack.volume.array.nbytes + 300e6


def test_the_source_is_left_as_it_was() -> None:
    array = stored_values((12, 3, 4), "uint16")
    before = array.copy()
    derived_stack(volume_of(array))
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    ("spacing", "limited"), [(1.0, False), (3.0, False), (3.0004, False), (3.1, True), (4.25, True)]
)
def test_a_coarse_case_is_limited_and_says_why(spacing: float, limited: bool) -> None:
    stack = derived_stack(volume_of(stored_values((12, 3, 4), "uint16"), (1.0, spacing, 1.0)))
    assert stack.limited is limited
    assert stack.limited_why == (
        f"Craniocaudal spacing is {spacing:.2f} mm, over 3 mm: small fractures can be invisible. The case is limited."
        if limited
        else ""
    )


@pytest.mark.parametrize("slab_mm", [0, -1, math.nan, math.inf])
def test_a_slab_without_a_thickness_is_refused(slab_mm: float) -> None:
    with pytest.raises(Refusal, match="above zero"):
        derived_stack(volume_of(stored_values((12, 3, 4), "uint16")), slab_mm)


def test_recipes_have_names_that_change_with_what_they_do() -> None:
    stack = derived_stack(volume_of(stored_values((12, 3, 4), "uint16")))
    thinner = derived_stack(volume_of(stored_values((12, 3, 4), "uint16")), slab_mm=2)
    assert recipe_sha(stack.recipe) == recipe_sha(RECIPE) == recipe_sha()
    assert len({recipe_sha(stack.recipe), recipe_sha(thinner.recipe), recipe_sha(NATIVE_RECIPE)}) == 3
    assert recipe_sha({"b": 1, "a": 2}) == recipe_sha({"a": 2, "b": 1})
