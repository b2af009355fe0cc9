"""Affines: positions there and back, permutations, and what is turned away."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.geometry import Geometry, canonical_order
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import reordered


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    a, b, c = angles
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


angle = st.floats(-np.pi, np.pi)
millimetres = st.floats(0.1, 8)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = rotation(draw(st.tuples(angle, angle, angle))) * draw(
        st.tuples(millimetres, millimetres, millimetres)
    )
    affine[:3, 3] = draw(st.tuples(*[st.floats(-1000, 1000)] * 3))
    return Geometry(draw(st.tuples(*[st.integers(1, 600)] * 3)), affine)


@given(geometries(), st.lists(st.tuples(*[st.floats(-10, 700)] * 3), min_size=1, max_size=5))
def test_a_point_comes_back_from_the_patient_to_its_voxel(geometry: Geometry, points: list) -> None:
    np.testing.assert_allclose(geometry.to_index(geometry.to_patient(points)), points, atol=1e-6)


@given(geometries(), st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.data())
def test_a_permuted_geometry_holds_the_same_points(
    geometry: Geometry, order: list, flips: tuple, data: st.DataObject
) -> None:
    new = geometry.permuted(order, flips)
    index = data.draw(st.tuples(*[st.integers(0, n - 1) for n in new.shape]))
    old = [0, 0, 0]
    for axis in range(3):
        old[order[axis]] = new.shape[axis] - 1 - index[axis] if flips[axis] else index[axis]
    np.testing.assert_allclose(new.to_patient(index), geometry.to_patient(old), atol=1e-6)


@given(geometries())
def test_the_canonical_axes_run_left_down_and_back(geometry: Geometry) -> None:
    order, flips = canonical_order(geometry)
    directions = geometry.permuted(order, flips).directions
    assert directions[0, 0] >= 0
    assert directions[2, 1] <= 0
    assert directions[1, 2] >= 0


def test_the_canonical_order_is_found_for_all_48_orientations() -> None:
    wanted = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # columns: left, feet, back
    array = np.arange(24).reshape(2, 3, 4)
    for order, flips in itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)):
        affine = np.eye(4)
        affine[:3, :3] = wanted
        turned = Geometry((2, 3, 4), affine).permuted(order, flips)
        values = reordered(array, order, flips)
        back_order, back_flips = canonical_order(turned)
        again = turned.permuted(back_order, back_flips)
        np.testing.assert_allclose(again.directions, wanted, atol=1e-12)
        np.testing.assert_array_equal(reordered(values, back_order, back_flips), array)
        assert again.is_close(Geometry((2, 3, 4), affine), 1e-9)


def test_spacing_and_directions_are_those_of_the_columns() -> None:
    geometry = Geometry((2, 2, 2), np.diag([3.0, -0.5, 0.6, 1.0]))
    np.testing.assert_allclose(geometry.spacing, [3.0, 0.5, 0.6])
    np.testing.assert_allclose(geometry.directions, np.diag([1.0, -1.0, 1.0]))


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.zeros((4, 4)) + np.diag([0, 0, 0, 1]), "singular"),
        (np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "singular"),
        (np.diag([1, np.nan, 1, 1.0]), "not a number"),
        (np.diag([1, np.inf, 1, 1.0]), "not a number"),
        (np.eye(3), "not 4 x 4"),
        (np.diag([1, 1, 1, 2.0]), "last row"),
    ],
)
def test_an_affine_that_spans_no_volume_is_refused(affine: np.ndarray, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        Geometry((2, 2, 2), affine)
    assert refused.value.code == "bad-geometry"


@pytest.mark.parametrize("shape", [(0, 1, 1), (2, 2), (2, 2, 2, 2)])
def test_a_shape_that_is_not_three_positive_numbers_is_refused(shape: tuple) -> None:
    with pytest.raises(Refusal, match="three axes"):
        Geometry(shape, np.eye(4))


def test_shear_is_noticed_and_a_rotation_is_not_shear() -> None:
    sheared = np.eye(4)
    sheared[1, 0] = np.tan(np.radians(1.0))
    assert Geometry((2, 2, 2), sheared).is_sheared()
    assert not Geometry((2, 2, 2), sheared).is_sheared(tolerance=0.02)
    turned = np.eye(4)
    turned[:3, :3] = rotation((0.3, 0.2, 0.1)) * (1, 2, 3)
    assert not Geometry((2, 2, 2), turned).is_sheared()


def test_the_affine_is_a_copy_and_cannot_be_written() -> None:
    affine = np.eye(4)
    geometry = Geometry((2, 2, 2), affine)
    affine[0, 0] = 5
    assert geometry.spacing[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        geometry.affine[0, 0] = 2


def test_closeness_is_measured_at_the_corners() -> None:
    geometry = Geometry((101, 2, 2), np.eye(4))
    stretched = np.diag([1.0002, 1, 1, 1])
    assert not geometry.is_close(Geometry((101, 2, 2), stretched))
    assert geometry.is_close(Geometry((101, 2, 2), stretched), tolerance_mm=0.03)
    assert not geometry.is_close(Geometry((100, 2, 2), np.eye(4)))


def test_an_order_that_is_no_permutation_is_an_error() -> None:
    with pytest.raises(ValueError, match="no permutation"):
        Geometry((2, 2, 2), np.eye(4)).permuted((0, 0, 1))


def test_a_refusal_speaks_its_sentence_and_survives_pickling() -> None:
    refusal = pickle.loads(pickle.dumps(Refusal("a-code", "A sentence.")))
    assert (refusal.code, refusal.sentence, str(refusal)) == ("a-code", "A sentence.", "A sentence.")


@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 3)])
def test_millimetres_that_no_scanner_has_are_refused(place: tuple[int, int]) -> None:
    affine = np.eye(4)
    affine[place] = 1e30
    with pytest.raises(Refusal, match="no scanner") as refused:
        Geometry((3, 3, 3), affine)
    assert refused.value.code == "bad-geometry"
