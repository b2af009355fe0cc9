"""Boxes about a click, and the slices that they cross."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.anatomy.boxes import (
    EDGES,
    body_size,
    body_sizes,
    box_at,
    centre_of,
    extent_of,
    nearest_edge,
    overlap,
    spine_axes,
)
from labeling.anatomy.levels import LEVELS
from labeling.imaging.geometry import Geometry

millimetres = st.floats(-60, 60)


def stack(slices: int = 40, spacing: float = 3.0, first_x: float = -60.0, turn: float = 0.0) -> Geometry:
    """A sagittal stack, head up, face to the left; `turn` degrees about the patient's long axis."""
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    affine = [
        [spacing * c, 0, -0.5 * s, first_x],
        [spacing * s, 0, 0.5 * c, -100.0],
        [0, -0.5, 0, 150.0],
        [0, 0, 0, 1],
    ]
    return Geometry((slices, 600, 400), np.array(affine, dtype=float))


def test_sizes_grow_downwards_and_every_level_has_one() -> None:
    assert set(body_sizes()) == {"", *LEVELS}
    thoracic_and_lumbar = [body_size(level) for level in LEVELS if level[0] in "TL" and level not in ("T1", "T2")]
    widths = [width for width, _, _ in thoracic_and_lumbar]
    assert widths == sorted(widths)
    assert all(10 < height < 40 for _, _, height in body_sizes().values())
    assert body_size("") == body_size("T12")
    with pytest.raises(ValueError, match="not a level"):
        body_size("S1")


@given(millimetres, millimetres, millimetres, st.sampled_from(["", *LEVELS]), st.floats(0.5, 1.5))
def test_the_click_is_the_middle_of_its_box(x: float, y: float, z: float, level: str, scale: float) -> None:
    box = box_at((x, y, z), level, scale=scale)
    assert centre_of(box) == pytest.approx((x, y, z))
    assert (box[1] - box[0], box[3] - box[2], box[5] - box[4]) == pytest.approx(
        tuple(scale * side for side in body_size(level))
    )


@given(st.floats(-1.2, 1.2), st.floats(-0.6, 0.6))
def test_a_body_that_stands_aslant_fits_into_its_box(tilt: float, lean: float) -> None:
    axis = (np.sin(lean), np.sin(tilt), np.cos(tilt) * np.cos(lean))
    upright, aslant = np.array(box_at((0, 0, 0), "L4")), np.array(box_at((0, 0, 0), "L4", axis=axis))
    up = np.array(axis) / np.linalg.norm(axis)
    # The middles of both endplates are inside.
    assert (np.abs(up * body_size("L4")[2] / 2) <= aslant[1::2] + 1e-9).all()
    volume = np.prod(aslant[1::2] - aslant[::2])
    assert volume >= np.prod(upright[1::2] - upright[::2]) - 1e-6


def test_the_axis_of_a_spine_runs_along_its_neighbours() -> None:
    axes = spine_axes([(0, 0, 60), (0, 30, 20), (0, 30, 0)])
    assert axes[0] == pytest.approx((0, -0.6, 0.8))
    assert axes[1] == pytest.approx((0, -30 / np.hypot(30, 60), 60 / np.hypot(30, 60)))
    assert axes[2] == pytest.approx((0, 0, 1))
    assert spine_axes([(1, 2, 3)]) == [(0, 0, 1)]
    assert spine_axes([(1, 2, 3), (1, 2, 3)]) == [(0, 0, 1), (0, 0, 1)]
    assert spine_axes([]) == []


@given(st.integers(0, 39), st.integers(0, 39), st.floats(0.7, 5.0), st.booleans())
def test_the_box_of_slices_crosses_just_these_slices(a: int, b: int, spacing: float, mirrored: bool) -> None:
    geometry = stack(spacing=spacing)
    if mirrored:
        geometry = geometry.permuted((0, 1, 2), (True, False, False))
    first, last = min(a, b), max(a, b)
    # As a mask gives it: the outer borders of the voxels.
    ends = geometry.to_patient([(first - 0.5, 300, 200), (last + 0.5, 300, 200)])[:, 0]
    box = (float(ends.min()), float(ends.max()), 0.0, 30.0, -10.0, 10.0)
    assert extent_of(box, geometry) == (first, last)


@given(st.floats(-55, 55), st.sampled_from(["T5", "L1", "L5"]), st.floats(0.7, 5.0), st.floats(-20, 20))
def test_an_extent_is_as_wide_as_the_body_and_lies_about_the_click(
    x: float, level: str, spacing: float, turn: float
) -> None:
    geometry = stack(slices=int(240 / spacing), spacing=spacing, first_x=-120.0, turn=turn)
    point = (x, geometry.to_patient((0, 300, 200))[1], 0.0)
    first, last = extent_of(box_at(point, level), geometry)
    index = float(geometry.to_index(point)[0])
    assert first - 0.5 <= index <= last + 0.5
    across = body_size(level)[0] * np.cos(np.deg2rad(turn)) / spacing
    assert abs((last - first + 1) - across) <= 1.01


def test_a_thin_box_between_two_slices_has_the_nearest() -> None:
    assert extent_of((-58.9, -58.0, 0, 10, 0, 10), stack()) == (1, 1)


def test_what_reaches_beyond_the_stack_is_cut_off_and_what_lies_beside_it_is_refused() -> None:
    assert extent_of((-80, -50, 0, 10, 0, 10), stack()) == (0, 3)
    assert extent_of((50, 90, 0, 10, 0, 10), stack()) == (37, 39)
    assert extent_of((-61.4, -60.9, 0, 10, 0, 10), stack()) == (0, 0)
    with pytest.raises(ValueError, match="beside the slices"):
        extent_of((-90, -70, 0, 10, 0, 10), stack())


@pytest.mark.parametrize("box", [(1, 0, 0, 1, 0, 1), (0, 1, 0, 1, 0, float("nan")), (0, float("inf"), 0, 1, 0, 1)])
def test_what_is_no_box_has_no_extent(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="smaller to a larger"):
        extent_of(box, stack())  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"axis": (0, 0, 0)}, {"scale": 0.0}, {"point": (0, float("nan"), 0)}])
def test_a_body_without_place_or_direction_is_refused(wrong: dict[str, object]) -> None:
    arguments = {"point": (0.0, 0.0, 0.0), "level": "L1", **wrong}
    with pytest.raises(ValueError, match="body"):
        box_at(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("edge", "move"),
    [
        ("top", (0, 0, 150)),
        ("bottom", (0, 0, -150)),
        ("left", (60, 0, 0)),
        ("right", (-60, 0, 0)),
        ("front", (0, -100, 0)),
        ("back", (0, 100, 0)),
    ],
)
def test_a_cut_body_is_nearest_to_the_edge_it_leaves_by(edge: str, move: tuple[float, float, float]) -> None:
    assert edge in EDGES
    assert nearest_edge(box_at(move, "L1"), stack()) == edge


@given(st.floats(0, 60))
def test_boxes_share_less_the_further_they_lie_apart(away: float) -> None:
    one, other = box_at((0, 0, 0), "L3"), box_at((0, 0, away), "L3")
    height = body_size("L3")[2]
    shared = max(height - away, 0.0)
    assert overlap(one, other) == pytest.approx(shared / (2 * height - shared))
    assert overlap(other, one) == overlap(one, other)


def test_a_box_of_nothing_shares_nothing() -> None:
    assert overlap((0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)) == 0.0
    assert overlap((0, 1, 0, 1, 0, 1), (5, 6, 0, 1, 0, 1)) == 0.0
