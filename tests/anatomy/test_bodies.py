"""Where the bodies lie, whether they are cut, and how sure their names are, on vertebrae whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labeling.anatomy.bodies import MaskVertebra, bodies_only, body_extents, coverage
from labeling.anatomy.levels import rank
from labeling.imaging.geometry import Geometry
from tests.anatomy.vertebra_phantom import Phantom, column, sagittal

GRAZE_MM = 6.0
"""The outermost slices of a body hold a sliver of it; whether one counts is a matter of taste up to here."""


@st.composite
def phantoms(draw: st.DrawFn) -> Phantom:
    """From a small thoracic vertebra to a large lumbar one, turned in space as spines are."""
    size = draw(st.floats(0.0, 1.0))
    return Phantom(
        width=26 + 28 * size,
        height=17 + 12 * size,
        depth=22 + 15 * size,
        pedicle=(6 + 8 * size, 11 + 4 * size),
        canal=draw(st.floats(13, 18)),
        span=65 + 30 * size,
        tilt=draw(st.floats(-35, 35)),
        turn=draw(st.floats(-10, 10)),
        lean=draw(st.floats(-10, 10)),
    )


stacks = st.builds(
    lambda k, plane: sagittal((k, plane, plane)),
    st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]),
    st.sampled_from([1.5, 2.0]),
)


def marked(mask: NDArray[np.bool_], value: int = 22) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(value)


def extent(mask: NDArray[np.bool_]) -> tuple[int, int]:
    used = np.flatnonzero(mask.any(axis=(1, 2)))
    return int(used[0]), int(used[-1])


@settings(max_examples=30, deadline=None)
@given(phantoms(), stacks)
def test_the_extent_of_a_whole_vertebra_is_that_of_its_body(phantom: Phantom, geometry: Geometry) -> None:
    (found,) = body_extents(marked(phantom.whole(geometry)), geometry)
    first, last = extent(phantom.body(geometry))
    tolerance = int(np.ceil(GRAZE_MM / geometry.spacing[0]))
    assert abs(found.first_k - first) <= tolerance
    assert abs(found.last_k - last) <= tolerance
    whole = extent(phantom.whole(geometry))
    assert (whole[1] - whole[0]) > 1.3 * (found.last_k - found.first_k)


@settings(max_examples=30, deadline=None)
@given(phantoms(), stacks)
def test_the_body_that_is_cut_out_is_the_body_that_was_drawn(phantom: Phantom, geometry: Geometry) -> None:
    truth = phantom.body(geometry)
    body = bodies_only(marked(phantom.whole(geometry)), geometry) == 22
    assert 2 * (body & truth).sum() / (body.sum() + truth.sum()) > 0.9


@settings(max_examples=30, deadline=None)
@given(phantoms(), stacks)
def test_a_mask_of_the_body_alone_comes_out_unchanged(phantom: Phantom, geometry: Geometry) -> None:
    labels = marked(phantom.body(geometry))
    np.testing.assert_array_equal(bodies_only(labels, geometry), labels)
    (found,) = body_extents(labels, geometry)
    assert (found.first_k, found.last_k) == extent(labels > 0)
    assert found.body_voxels == (labels > 0).sum()


def test_a_crushed_body_is_still_found() -> None:
    geometry = sagittal((3.0, 1.0, 1.0))
    phantom = Phantom(width=52, height=11, depth=36, pedicle=(9, 12))
    (found,) = body_extents(marked(phantom.whole(geometry)), geometry)
    first, last = extent(phantom.body(geometry))
    assert abs(found.first_k - first) <= 1
    assert abs(found.last_k - last) <= 1


def test_the_box_is_the_body_in_millimetres_of_the_patient() -> None:
    geometry = sagittal((1.0, 1.0, 1.0))
    phantom = Phantom(width=46, height=26, depth=34)
    (found,) = body_extents(marked(phantom.body(geometry)), geometry)
    x0, x1, y0, y1, z0, z1 = found.box
    assert (x0, x1) == pytest.approx((37, 83), abs=1.0)
    assert (y0, y1) == pytest.approx((23, 57), abs=1.0)
    assert (z0, z1) == pytest.approx((-73, -47), abs=1.0)


def test_vertebrae_come_from_head_to_feet_and_the_sacrum_is_none() -> None:
    labels, geometry = column([19, 28, 20, 26])
    found = body_extents(labels, geometry)
    assert [one.level for one in found] == ["T12", "T13", "L1"]
    assert [one.label_value for one in found] == [19, 28, 20]
    assert sorted(found, key=lambda one: rank(one.level)) == found
    assert not (bodies_only(labels, geometry) == 26).any()


def test_what_comes_in_is_never_changed() -> None:
    labels, geometry = column([20, 21])
    before = labels.copy()
    labels.setflags(write=False)
    body_extents(labels, geometry)
    bodies_only(labels, geometry)
    np.testing.assert_array_equal(labels, before)


def test_an_empty_mask_has_no_vertebrae() -> None:
    geometry = sagittal((3.0, 2.0, 2.0))
    assert body_extents(np.zeros(geometry.shape, dtype=np.uint8), geometry) == []


def test_a_mask_of_another_shape_and_a_foreign_number_are_refused() -> None:
    geometry = sagittal((3.0, 2.0, 2.0))
    with pytest.raises(ValueError, match="must agree"):
        body_extents(np.zeros((1, 2, 3), dtype=np.uint8), geometry)
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    labels[10:20, 10:20, 10:20] = 27
    with pytest.raises(ValueError, match="27"):
        body_extents(labels, geometry)


# -- cut -----------------------------------------------------------------------------------------------------------


def by_level(found: list[MaskVertebra]) -> dict[str, MaskVertebra]:
    return {one.level: one for one in found}


def cropped(labels: NDArray[np.uint8], geometry: Geometry, start: int, stop: int) -> tuple[NDArray[np.uint8], Geometry]:
    """Rows start .. stop - 1 of a stack."""
    affine = geometry.affine.copy()
    affine[:3, 3] += affine[:3, 1] * start
    return labels[:, start:stop], Geometry((labels.shape[0], stop - start, labels.shape[2]), affine)


@pytest.mark.parametrize(("rows_off", "cut"), [(0, False), (10, False), (11, True), (14, True), (20, True)])
def test_a_body_is_cut_where_it_comes_within_a_row_of_the_top(rows_off: int, cut: bool) -> None:
    labels, geometry = column([20, 21, 22])
    top = int(np.flatnonzero((bodies_only(labels, geometry) == 20).any(axis=(0, 2)))[0])
    assert top == 12 or top == 11  # 30 mm to the centre, half a height of 13.5 mm, 1.5 mm rows
    found = (
        by_level(body_extents(*cropped(labels, geometry, rows_off - (12 - top), labels.shape[1])))
        if rows_off
        else (by_level(body_extents(labels, geometry)))
    )
    assert found["L1"].cut is cut
    assert found["L1"].cut_where == ("top" if cut else "")
    assert not found["L2"].cut
    assert not found["L3"].cut


def test_a_body_cut_at_the_bottom_says_so() -> None:
    labels, geometry = column([20, 21, 22])
    found = by_level(body_extents(*cropped(labels, geometry, 0, labels.shape[1] - 20)))
    assert (found["L3"].cut, found["L3"].cut_where) == (True, "bottom")
    assert not found["L1"].cut


def test_size_never_says_cut() -> None:
    geometry = sagittal((3.0, 1.5, 1.5))
    (small,) = body_extents(marked(Phantom(width=20, height=8, depth=16).body(geometry)), geometry)
    assert not small.cut


@pytest.mark.parametrize(("x", "where"), [(20.0, "right"), (100.0, "left")])
def test_a_body_cut_at_the_side_says_so(x: float, where: str) -> None:
    geometry = sagittal((3.0, 1.5, 1.5))
    (found,) = body_extents(marked(Phantom(centre=(x, 60.0, 40.0)).body(geometry)), geometry)
    assert (found.cut, found.cut_where) == (True, where)


def test_an_arch_that_leaves_the_scan_behind_a_complete_body_cuts_nothing() -> None:
    geometry = sagittal((3.0, 1.5, 1.5))
    phantom = Phantom(centre=(60.0, 98.0, 40.0), tilt=-10)
    labels = marked(phantom.whole(geometry), 19)
    assert labels[:, -1].any()
    (found,) = body_extents(labels, geometry)
    assert not found.cut
    assert found.note == "The arch of T12 leaves the scan at the bottom; its body is complete."


def test_an_arch_whose_body_is_out_of_view_is_cut_and_has_no_body() -> None:
    labels, geometry = column([20, 21])
    # Of T12 nothing but the tip of its spinous process hangs into the field.
    labels[18:22, 0:5, 60:80] = 19
    found = by_level(body_extents(labels, geometry))
    assert (found["T12"].cut, found["T12"].cut_where, found["T12"].body_voxels) == (True, "top", 0)
    assert found["T12"].note == "Only the arch of T12 is in view; its body lies beyond the top of the scan."
    assert not found["L1"].cut


def test_only_the_border_of_the_scan_cuts_and_not_that_of_the_grid() -> None:
    labels, geometry = column([20, 21])
    rows = np.flatnonzero((bodies_only(labels, geometry) == 20).any(axis=(0, 2)))
    inside = (0, labels.shape[0] - 1, int(rows[0]) - 1, labels.shape[1] - 1, 0, labels.shape[2] - 1)
    assert by_level(body_extents(labels, geometry, inside))["L1"].cut_where == "top"
    assert not by_level(body_extents(labels, geometry))["L1"].cut


@given(top=st.integers(0, 10), bottom=st.integers(0, 10), slab=st.integers(1, 5), left_over=st.integers(0, 4))
def test_the_coverage_is_the_part_of_the_stack_that_the_scan_filled(
    top: int, bottom: int, slab: int, left_over: int
) -> None:
    stack = sagittal((slab * 1.0, 2.0, 2.0), (slab * 10.0, 80.0, 60.0))
    samples = slab * 10 + left_over % slab
    affine = np.diag([1.0, 2.0, -2.0, 1.0])  # the samples of the scan: x, y, z, with `top` rows above it left empty
    affine[:3, 3] = (-(slab - 1) / 2, 0.0, -2.0 * top)
    source = Geometry((samples, 30, 40 - top - bottom), affine)
    assert coverage(stack, source) == (0, 9, top, 39 - bottom, 0, 29)


# -- pieces --------------------------------------------------------------------------------------------------------


def test_crumbs_are_dropped_without_a_word() -> None:
    labels, geometry = column([20, 21])
    clean = body_extents(labels, geometry)
    labels[1, 3, 3] = 20
    labels[38, 60:62, 5] = 21
    assert body_extents(labels, geometry) == clean


def test_of_two_large_pieces_the_larger_is_kept_and_it_is_said() -> None:
    labels, geometry = column([20, 21, 22])
    labels[labels == 22] = 20  # L1 marked twice, 72 mm apart
    labels[:, -14:] = 0  # the lower one loses a part of itself
    found = by_level(body_extents(labels, geometry))
    assert found["L1"].box[5] > found["L2"].box[5]
    assert found["L1"].note.startswith("L1 is in two pieces ")
    assert "The larger was kept" in found["L1"].note


def test_a_corner_that_broke_off_stays_with_its_body() -> None:
    geometry = sagittal((3.0, 1.0, 1.0))
    body = Phantom().body(geometry)
    rows, columns = np.mgrid[: geometry.shape[1], : geometry.shape[2]]
    body[:, (rows - columns > 30) & (rows - columns < 34)] = False  # a gap of 3 mm behind the lower front corner
    labels = marked(body)
    np.testing.assert_array_equal(bodies_only(labels, geometry), labels)


def test_the_ring_of_c1_is_given_whole() -> None:
    geometry = sagittal((3.0, 1.5, 1.5))
    phantom = Phantom(width=20, height=12, depth=10, canal=18, span=70)
    ring = phantom.arch(geometry)
    (found,) = body_extents(marked(ring, 1), geometry)
    assert (found.first_k, found.last_k) == extent(ring)
    assert "no body" in found.note


# -- certainty -----------------------------------------------------------------------------------------------------

FROM_C2 = [*range(2, 25)]


@pytest.fixture(scope="module")
def spine() -> tuple[NDArray[np.uint8], Geometry]:
    """C2 to L5 and sacrum."""
    return column([*FROM_C2, 26], pitch=32.0)


def certainties(labels: NDArray[np.uint8], geometry: Geometry) -> dict[str, str]:
    return {one.level: one.certainty for one in body_extents(labels, geometry)}


def test_between_two_anchors_every_level_is_certain(spine: tuple[NDArray[np.uint8], Geometry]) -> None:
    assert set(certainties(*spine).values()) == {"certain"}


def without(labels: NDArray[np.uint8], *values: int) -> NDArray[np.uint8]:
    return np.where(np.isin(labels, values), 0, labels).astype(np.uint8)


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        ([26], "no sacrum"),
        ([2, 3, 4, 5, 6, 7], "no anchor above"),
        ([2, 3, 4, 5, 6, 7, 8, 9, 26], "none"),
    ],
)
def test_with_one_anchor_or_none_every_level_is_assumed(
    spine: tuple[NDArray[np.uint8], Geometry], gone: list[int], why: str
) -> None:
    labels, geometry = spine
    assert set(certainties(without(labels, *gone), geometry).values()) == {"assumed"}


def test_c7_with_t1_is_an_anchor_and_c7_alone_is_none(spine: tuple[NDArray[np.uint8], Geometry]) -> None:
    labels, geometry = spine
    assert set(certainties(without(labels, 2, 3, 4, 5, 6), geometry).values()) == {"certain"}
    top = int(np.flatnonzero((labels == 7).any(axis=(0, 2)))[0]) + 12
    assert set(certainties(*cropped(without(labels, 2, 3, 4, 5, 6), geometry, top, labels.shape[1])).values()) == {
        "assumed"
    }


def test_a_gap_in_the_chain_breaks_certainty(spine: tuple[NDArray[np.uint8], Geometry]) -> None:
    labels, geometry = spine
    assert set(certainties(without(labels, 15), geometry).values()) == {"assumed"}


def test_a_sacrum_beside_a_missing_l5_is_no_anchor(spine: tuple[NDArray[np.uint8], Geometry]) -> None:
    labels, geometry = spine
    assert set(certainties(without(labels, 24), geometry).values()) == {"assumed"}


def test_t13_and_l6_are_links_of_the_chain(spine: tuple[NDArray[np.uint8], Geometry]) -> None:
    labels, geometry = column([*range(7, 20), 28, *range(20, 26), 26], pitch=32.0)
    assert set(certainties(labels, geometry).values()) == {"certain"}


def test_a_label_of_a_few_voxels_is_a_cut_vertebra_and_no_fault() -> None:
    labels = np.zeros((29, 40, 150), dtype=np.uint8)
    for k, r, c in ((12, 0, 118), (12, 0, 119), (13, 0, 117), (13, 0, 118), (13, 0, 119), (13, 1, 118), (13, 1, 119)):
        labels[k, r, c] = 15
    affine = np.array([[3.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    (found,) = body_extents(labels, Geometry(labels.shape, affine))
    assert (found.level, found.cut, found.cut_where) == ("T8", True, "top")
    assert 12 <= found.first_k <= found.last_k <= 13
