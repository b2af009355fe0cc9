"""Stored values, Hounsfield units, and reordering without touching a value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import LabelMap, Volume, canonical, canonical_labels
from tests.imaging.test_geometry import geometries

EYE = np.eye(4)


def small(geometry: Geometry) -> Geometry:
    return Geometry((2, 3, 4), geometry.affine)


@given(geometries())
def test_every_voxel_keeps_its_value_at_its_place(geometry: Geometry) -> None:
    array = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    volume = canonical(Volume(small(geometry), array, 1.0, -1024.0))
    indices = np.argwhere(volume.array >= 0)
    before = np.rint(small(geometry).to_index(volume.geometry.to_patient(indices))).astype(int)
    np.testing.assert_array_equal(volume.array[tuple(indices.T)], array[tuple(before.T)])
    labels = canonical_labels(LabelMap(small(geometry), array))
    np.testing.assert_array_equal(labels.array, volume.array)
    assert labels.geometry.is_close(volume.geometry)


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
@given(st.integers(-2000, 0), st.data())
def test_hounsfield_units_are_whole_numbers_where_they_fit(dtype: str, intercept: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, 30000))
    hu = Volume(Geometry((1, 1, 1), EYE), np.full((1, 1, 1), value, dtype), 1.0, intercept).hu()
    assert hu.dtype == np.int16
    assert hu.item() == value + intercept


def test_hounsfield_units_are_float_where_they_do_not_fit() -> None:
    array = np.array([[[0, 65535]]], dtype=np.uint16)
    hu = Volume(Geometry((1, 1, 2), EYE), array, 1.0, 0.0).hu()
    assert hu.dtype == np.float32
    np.testing.assert_array_equal(hu, [[[0, 65535]]])
    half = Volume(Geometry((1, 1, 2), EYE), array, 0.5, -1024.0).hu()
    np.testing.assert_array_equal(half, [[[-1024, 31743.5]]])


@pytest.mark.parametrize(
    ("array", "slope", "words"),
    [
        (np.zeros((1, 1, 2), np.uint16), 1.0, "must agree"),
        (np.zeros((1, 1, 1), np.float32), 1.0, "whole numbers"),
        (np.zeros((1, 1, 1), np.uint16), 0.0, "slope"),
        (np.zeros((1, 1, 1), np.uint16), float("nan"), "slope"),
    ],
)
def test_a_volume_that_contradicts_itself_is_refused(array: np.ndarray, slope: float, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        Volume(Geometry((1, 1, 1), EYE), array, slope, 0.0)


def test_a_label_map_of_another_shape_or_of_fractions_is_refused() -> None:
    with pytest.raises(Refusal, match="must agree"):
        LabelMap(Geometry((1, 1, 1), EYE), np.zeros((1, 1, 2), np.uint8))
    with pytest.raises(Refusal, match="whole numbers"):
        LabelMap(Geometry((1, 1, 1), EYE), np.zeros((1, 1, 1), np.float32))
