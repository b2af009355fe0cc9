"""Outlines: polygons that give the mask back, in the pixels that the browser draws in."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon2mask

from labeling.imaging.outlines import TOLERANCE_PIXELS, Ring, decode, encode, outlines


def filled(shape: tuple[int, int], rings: list[Ring]) -> NDArray[np.bool_]:
    """Pixels whose centre lies within the rings, by the even-odd rule."""
    inside = np.zeros(shape, dtype=bool)
    for ring in rings:
        inside ^= polygon2mask(shape, [(row, column) for column, row in ring])
    return inside


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@st.composite
def blobs(draw: st.DrawFn) -> NDArray[np.bool_]:
    """Smooth shapes of some hundred pixels, in one or more pieces, with and without holes, some on the border."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    smooth = ndimage.gaussian_filter(rng.normal(size=(60, 70)), draw(st.floats(4.0, 9.0)), mode="nearest")
    return smooth > np.quantile(smooth, draw(st.floats(0.4, 0.9)))


@settings(max_examples=100, deadline=None)
@given(blobs())
def test_the_polygons_give_the_mask_back(mask: NDArray[np.bool_]) -> None:
    rings = outlines(mask[None].astype(np.uint8) * 20)[0][20]
    assert overlap(filled(mask.shape, rings), mask) > 0.95


@settings(max_examples=50, deadline=None)
@given(blobs())
def test_no_corner_lies_further_from_the_border_than_the_tolerance(mask: NDArray[np.bool_]) -> None:
    distance = np.minimum(ndimage.distance_transform_edt(np.pad(mask, 2)), 9)
    distance += np.minimum(ndimage.distance_transform_edt(~np.pad(mask, 2)), 9)
    for ring in outlines(mask[None].astype(np.uint8))[0][1]:
        for column, row in ring:
            near = distance[round(row) + 1 : round(row) + 4, round(column) + 1 : round(column) + 4]
            assert near.min() <= 1 + TOLERANCE_PIXELS


def test_a_square_lies_half_a_pixel_about_the_centres_of_its_pixels() -> None:
    labels = np.zeros((1, 10, 12), dtype=np.uint8)
    labels[0, 3:7, 5:9] = 22
    (ring,) = outlines(labels)[0][22]
    columns, rows = zip(*ring, strict=True)
    assert (min(columns), max(columns), min(rows), max(rows)) == (4.5, 8.5, 2.5, 6.5)


def test_what_touches_the_border_of_the_slice_is_closed() -> None:
    labels = np.ones((1, 8, 9), dtype=np.uint8)
    (ring,) = outlines(labels)[0][1]
    columns, rows = zip(*ring, strict=True)
    assert (min(columns), max(columns), min(rows), max(rows)) == (-0.5, 8.5, -0.5, 7.5)
    assert ring[0] != ring[-1]


def test_a_hole_and_an_island_are_rings_of_their_own() -> None:
    labels = np.zeros((1, 40, 40), dtype=np.uint8)
    labels[0, 5:30, 5:30] = 24
    labels[0, 12:20, 12:20] = 0
    labels[0, 33:38, 33:38] = 24
    rings = outlines(labels)[0][24]
    assert len(rings) == 3
    assert overlap(filled((40, 40), rings), labels[0] == 24) == 1.0


def test_a_single_pixel_keeps_its_outline() -> None:
    labels = np.zeros((1, 5, 5), dtype=np.uint8)
    labels[0, 2, 3] = 28
    (ring,) = outlines(labels)[0][28]
    assert set(ring) == {(2.5, 2.0), (3.5, 2.0), (3.0, 1.5), (3.0, 2.5)}


def test_neighbours_keep_their_own_outlines_and_empty_slices_have_none() -> None:
    labels = np.zeros((4, 20, 20), dtype=np.uint8)
    labels[1, 2:9, 4:12] = 20
    labels[1, 9:16, 4:12] = 21
    labels[3, 5:10, 5:10] = 21
    found = outlines(labels)
    assert {k: sorted(of_slice) for k, of_slice in found.items()} == {1: [20, 21], 3: [21]}
    for value in (20, 21):
        assert overlap(filled((20, 20), found[1][value]), labels[1] == value) == 1.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_the_served_form_is_json_of_slices_labels_and_rings(dtype: Any) -> None:
    labels = np.zeros((3, 20, 20), dtype=dtype)
    labels[2, 4:9, 4:12] = 20
    found = outlines(labels)
    data = encode(found)
    shaped = json.loads(gzip.decompress(data))
    assert list(shaped) == ["2"]
    assert list(shaped["2"]) == ["20"]
    assert all(len(point) == 2 for ring in shaped["2"]["20"] for point in ring)
    assert decode(data) == found
    assert encode(decode(data)) == data


def test_a_slice_through_a_whole_spine_is_kilobytes() -> None:
    rows, columns = np.mgrid[:900, :500]
    labels = np.zeros((1, 900, 500), dtype=np.uint8)
    for n in range(24):
        body = ((rows - 30 - 36 * n) / 16) ** 2 + ((columns - 250 - 40 * np.sin(n / 4)) / 30) ** 2 < 1
        labels[0][body] = n + 1
    assert len(encode(outlines(labels))) < 16_000
