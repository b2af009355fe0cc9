"""Axial, coronal and sagittal planes: a point of the patient lies on the pixel that the header says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labeling.imaging.geometry import Geometry, canonical_order
from labeling.imaging.planes import AIR, Plane, axial_plane, coronal_plane, hounsfield, sagittal_plane
from labeling.imaging.volume import reordered
from tests.imaging.test_resample import AXCODES, affine_of, grids

PLANES = {"axial": (axial_plane, 2), "coronal": (coronal_plane, 1)}


def numbered(shape: tuple[int, int, int]) -> NDArray[np.int16]:
    """Every voxel another value."""
    return (np.arange(np.prod(shape)) - 900).astype(np.int16).reshape(shape)


def point_of(plane: Plane, column: float, row: float) -> NDArray[np.float64]:
    """The place in the patient of a pixel, from the header alone."""
    return plane.origin + column * plane.spacing[1] * plane.right + row * plane.spacing[0] * plane.down


@pytest.mark.parametrize("name", PLANES)
@given(geometry=grids(turned=False), data=st.data())
def test_every_voxel_lies_on_the_pixel_that_the_header_says(name: str, geometry: Geometry, data: st.DataObject) -> None:
    make, axis = PLANES[name]
    array = numbered(geometry.shape)
    index = data.draw(st.tuples(*[st.integers(0, n - 1) for n in geometry.shape]))
    point = geometry.to_patient(index)
    plane = make(array, geometry, float(point[axis]))
    assert plane.position == pytest.approx(point[axis], abs=1e-6)
    column, row = plane.pixel_of(point)
    assert (column, row) == (pytest.approx(round(column), abs=1e-6), pytest.approx(round(row), abs=1e-6))
    assert plane.values[round(row), round(column)] == array[index]
    np.testing.assert_allclose(point_of(plane, column, row), point, atol=1e-6)


@pytest.mark.parametrize("codes", AXCODES)
def test_all_orientations_of_one_volume_give_one_and_the_same_plane(codes: str) -> None:
    wanted = Geometry((7, 6, 5), affine_of("IPL", (2.0, 0.7, 0.5), (-20.0, -30.0, 400.0)))
    array = numbered(wanted.shape)
    order, flips = canonical_order(Geometry((4, 4, 4), affine_of(codes, (1, 1, 1), (0, 0, 0))))
    # To the orientation `codes` and there measured again: the planes must not know the difference.
    back = [order.index(axis) for axis in range(3)]
    own_order, own_flips = canonical_order(wanted)
    turned_order = tuple(own_order[back[axis]] for axis in range(3))
    turned_flips = tuple(own_flips[back[axis]] ^ flips[back[axis]] for axis in range(3))
    turned = wanted.permuted(turned_order, turned_flips)
    other = reordered(array, turned_order, turned_flips)
    for make, at in ((axial_plane, 393.0), (coronal_plane, -28.5)):
        one, two = make(array, wanted, at), make(other, turned, at)
        np.testing.assert_array_equal(one.values, two.values)
        np.testing.assert_allclose(one.origin, two.origin, atol=1e-9)
        assert (one.spacing, one.index, one.count) == (pytest.approx(two.spacing), two.index, two.count)


def test_an_axial_plane_hangs_with_the_patients_right_on_the_left_and_the_front_above() -> None:
    geometry = Geometry((3, 4, 5), affine_of("SPL", (2.0, 0.5, 0.4), (10.0, 20.0, 30.0)))
    array = np.zeros(geometry.shape, dtype=np.int16)
    array[1, 0, 4] = 700  # far left of the patient, in front, 32 mm
    plane = axial_plane(array, geometry, 32.4)
    assert plane.values.shape == (4, 5)
    assert plane.values[0, 4] == 700
    assert (plane.spacing, plane.position, plane.step) == (pytest.approx((0.5, 0.4)), pytest.approx(32.0), 2.0)
    # Counted from the head: slices run up here, so the middle one is the middle one, the first one the last.
    assert (plane.index, plane.count) == (1, 3)
    assert axial_plane(array, geometry, 30.0).index == 2
    np.testing.assert_allclose((plane.right, plane.down), ((1, 0, 0), (0, 1, 0)))


def test_a_coronal_plane_hangs_head_up_with_the_patients_right_on_the_left() -> None:
    geometry = Geometry((3, 4, 5), affine_of("SPL", (2.0, 0.5, 0.4), (10.0, 20.0, 30.0)))
    array = np.zeros(geometry.shape, dtype=np.int16)
    array[2, 3, 0] = 700  # uppermost, at the back, right
    plane = coronal_plane(array, geometry, 21.5)
    assert plane.values.shape == (3, 5)
    assert plane.values[0, 0] == 700
    assert (plane.index, plane.count, plane.position) == (3, 4, pytest.approx(21.5))
    np.testing.assert_allclose((plane.right, plane.down), ((1, 0, 0), (0, 0, -1)))


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("at", [-1e6, 1e6])
def test_a_place_beyond_the_volume_gives_its_outermost_plane(name: str, at: float) -> None:
    make, axis = PLANES[name]
    geometry = Geometry((3, 4, 5), affine_of("SPL", (2.0, 0.5, 0.4), (0, 0, 0)))
    plane = make(numbered(geometry.shape), geometry, at)
    ends = (geometry.origin[axis], geometry.to_patient((2, 3, 4))[axis])
    assert plane.position == pytest.approx(max(ends) if at > 0 else min(ends))


def test_samples_are_taken_exactly_where_the_axes_are_straight_and_a_copy_is_given() -> None:
    geometry = Geometry((3, 4, 5), affine_of("IPL", (2.0, 0.5, 0.4), (0, 0, 0)))
    array = numbered(geometry.shape)
    before = array.copy()
    plane = axial_plane(array, geometry, -2.0)
    np.testing.assert_array_equal(plane.values, array[1])
    np.testing.assert_array_equal(array, before)


def linear(geometry: Geometry, slopes: tuple[float, float, float]) -> NDArray[np.int16]:
    """HU that grow linearly in space, as interpolation must give them back."""
    points = geometry.to_patient(np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), axis=-1))
    return np.rint(points @ np.array(slopes)).astype(np.int16)


def assert_linear(plane: Plane, slopes: tuple[float, float, float], geometry: Geometry) -> int:
    """Every pixel inside the volume has the value of its place; returns how many were inside."""
    inside = 0
    for row in range(plane.values.shape[0]):
        for column in range(plane.values.shape[1]):
            point = point_of(plane, column, row)
            place = geometry.to_index(point)
            if (place >= 0).all() and (place <= np.array(geometry.shape) - 1).all():
                inside += 1
                # Half a unit of rounding at the voxels, half at the pixel.
                assert plane.values[row, column] == pytest.approx(float(point @ np.array(slopes)), abs=1.01)
            elif (place < -0.01).any() or (place > np.array(geometry.shape) - 0.99).any():
                assert plane.values[row, column] == AIR
    return inside


@pytest.mark.parametrize("name", PLANES)
@settings(max_examples=40, deadline=None)
@given(geometry=grids(turned=True), share=st.floats(0, 1))
def test_an_oblique_volume_is_interpolated_at_the_places_that_the_header_says(
    name: str, geometry: Geometry, share: float
) -> None:
    make, axis = PLANES[name]
    drift = np.sort(np.abs(geometry.affine[:3, :3]), axis=0)[:2] * (np.array(geometry.shape) - 1)
    assume(drift.max() > 0.1)  # less is held to be straight: samples are taken as they are
    corners = geometry.to_patient(np.array(np.meshgrid(*[(0, n - 1) for n in geometry.shape])).reshape(3, -1).T)
    low, high = corners[:, axis].min(), corners[:, axis].max()
    plane = make(linear(geometry, (11.0, -7.0, 5.0)), geometry, float(low + share * (high - low)))
    assert abs(plane.position - (low + share * (high - low))) <= plane.step / 2 + 1e-6 or plane.index in (
        0,
        plane.count - 1,
    )
    assert_linear(plane, (11.0, -7.0, 5.0), geometry)


@pytest.mark.parametrize("name", PLANES)
def test_a_tilted_gantry_gives_straight_planes(name: str) -> None:
    """Slices that are each shifted back: the axes are at no right angle, and no sample lies on the plane's grid."""
    affine = affine_of("IPL", (2.0, 0.8, 0.8), (-10.0, -12.0, 300.0))
    affine[1, 0] = 2.0 * np.tan(np.radians(20))
    geometry = Geometry((20, 24, 26), affine)
    make, axis = PLANES[name]
    middle = geometry.to_patient((10, 12, 13))
    plane = make(linear(geometry, (3.0, 20.0, -9.0)), geometry, float(middle[axis]))
    assert plane.spacing == (pytest.approx(0.8), pytest.approx(0.8))
    np.testing.assert_allclose(plane.right, (1, 0, 0))
    assert assert_linear(plane, (3.0, 20.0, -9.0), geometry) > 300


def test_planes_of_an_oblique_volume_lie_upon_each_other() -> None:
    affine = affine_of("IPL", (2.0, 0.8, 0.8), (-10.0, -12.0, 300.0))
    affine[1, 0] = 0.7
    geometry = Geometry((20, 24, 26), affine)
    array = numbered(geometry.shape)
    planes = [axial_plane(array, geometry, z) for z in (300.0, 281.0, 262.0)]
    assert [plane.index for plane in planes] == [0, 10, 19]
    assert {plane.values.shape for plane in planes} == {planes[0].values.shape}
    assert {tuple(plane.origin[:2]) for plane in planes} == {tuple(planes[0].origin[:2])}


def test_a_huge_oblique_plane_gets_larger_pixels_instead_of_more() -> None:
    affine = affine_of("IPL", (900.0, 0.3, 900.0), (0.0, 0.0, 0.0))
    affine[1, 0] = 5.0
    geometry = Geometry((3, 4, 3), affine)
    plane = coronal_plane(np.zeros(geometry.shape, dtype=np.int16), geometry, 1.0)
    assert max(plane.values.shape) <= 2048
    assert plane.spacing[0] == plane.spacing[1] == pytest.approx(1800 / 2047)


@given(geometry=grids(turned=True), data=st.data())
def test_a_sagittal_slice_lies_where_its_stack_says(geometry: Geometry, data: st.DataObject) -> None:
    stack = geometry.permuted(*canonical_order(geometry))
    k, row, column = data.draw(st.tuples(*[st.integers(0, n - 1) for n in stack.shape]))
    plane = sagittal_plane(numbered(stack.shape)[k], stack, k)
    np.testing.assert_allclose(point_of(plane, column, row), stack.to_patient((k, row, column)), atol=1e-6)
    assert (plane.index, plane.count) == (k, stack.shape[0])


def test_a_slice_that_is_none_of_the_stack_is_an_error() -> None:
    geometry = Geometry((3, 4, 5), np.diag([3.0, -1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="none of a stack"):
        sagittal_plane(np.zeros((4, 5), np.int16), geometry, 3)
    with pytest.raises(ValueError, match="none of a stack"):
        sagittal_plane(np.zeros((5, 4), np.int16), geometry, 0)


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "hu"),
    [
        (np.array([0, 1024, 4095], np.uint16), 1.0, -1024.0, [-1024, 0, 3071]),
        (np.array([-5, 40], np.int16), 1.0, 0.0, [-5, 40]),
        (np.array([0, 65535], np.uint16), 1.0, -1024.0, [-1024, 32767]),
        (np.array([-32768], np.int16), 2.0, 0.0, [-32768]),
        (np.array([3, 5], np.int16), 0.5, 0.0, [2, 2]),
        (np.array([10], np.uint16), 1.5, 0.25, [15]),
    ],
)
def test_hounsfield_units_are_whole_and_held_at_the_ends(
    stored: NDArray[np.int16], slope: float, intercept: float, hu: list[int]
) -> None:
    found = hounsfield(stored, slope, intercept)
    assert found.dtype == np.int16
    assert found.tolist() == hu
