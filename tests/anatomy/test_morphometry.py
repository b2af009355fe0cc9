"""Morphometry on bodies given by formulas: right in every pose, on every grid, and silent where it cannot know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.anatomy.heights import measure_body
from labeling.anatomy.heights_design import design_heights
from labeling.anatomy.levels import LEVELS, verse_of
from labeling.anatomy.morphometry import BodyMeasure, grade_of, measure_spine
from labeling.anatomy.morphometry_levels import compared_levels
from labeling.anatomy.morphometry_recipe import recipe, recipe_sha256
from labeling.imaging.geometry import Geometry
from tests.anatomy.body_phantom import BodyPhantom, Notch, SpinePhantom, lost, row, usual

UP = np.array([0.0, -1.0, 0.0])


def heights(one: BodyMeasure) -> tuple[float, float, float]:
    return one.anterior_mm, one.middle_mm, one.posterior_mm


def measured(spine: SpinePhantom, **options: object) -> dict[str, BodyMeasure]:
    labels = spine.drawn()
    labels.setflags(write=False)
    return {one.level: one for one in measure_spine(labels, spine.geometry, spine.levels, **options)}


def worst(spine: SpinePhantom, found: dict[str, BodyMeasure]) -> float:
    """The largest error of a height in mm."""
    return max(
        abs(got - true)
        for body in spine.bodies
        for got, true in zip(heights(found[body.level]), body.heights, strict=True)
    )


angle = st.floats(-14.0, 14.0)


@given(tilt=st.floats(-25.0, 25.0), turn=angle, lean=angle, moved=st.tuples(*[st.floats(-1.5, 1.5)] * 3))
@settings(max_examples=8, deadline=None)
def test_a_spine_measures_the_same_in_every_pose(
    tilt: float, turn: float, lean: float, moved: tuple[float, float, float]
) -> None:
    spine = replace(row(("L1", "L2", "L3")), turned=(tilt, turn, lean), moved=moved, size=(100.0, 170.0, 170.0))
    found = measured(spine)
    assert worst(spine, found) <= 0.9
    assert [one.grade for one in found.values()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("spacing", "error"),
    [
        ((3.0, 0.4, 0.4), 0.2),
        ((3.0, 0.75, 0.75), 0.35),
        ((3.0, 1.0, 1.0), 0.45),
        ((2.0, 0.5, 0.5), 0.25),
        ((1.0, 1.0, 1.0), 0.45),
        ((3.0, 3.0, 3.0), 1.2),
    ],
)
def test_heights_are_within_the_errors_of_the_voxels(spacing: tuple[float, float, float], error: float) -> None:
    """Root mean square over bodies and places on the grid, in mm."""
    errors = []
    for tilt, moved in ((8.0, (0.4, 0.3, 0.2)), (-5.0, (0.1, 0.7, 0.9))):
        spine = replace(row(("L1", "L2", "L3")), spacing=spacing, turned=(tilt, 3.0, 0.0), moved=moved)
        found = measured(spine)
        for body in spine.bodies:
            errors += np.subtract(heights(found[body.level]), body.heights).tolist()
    assert np.sqrt(np.mean(np.square(errors))) <= error


def test_right_and_left_are_alike() -> None:
    spine = lost(replace(row(), turned=(5.0, 6.0, 4.0)), "L2", (0.3, 0.2, 0.05))
    labels, geometry = spine.drawn(), spine.geometry
    for one, other in zip(
        measure_spine(labels, geometry, spine.levels),
        measure_spine(np.ascontiguousarray(labels[::-1]), geometry, spine.levels),
        strict=True,
    ):
        assert heights(one) == pytest.approx(heights(other), abs=0.25)
        assert (one.grade, one.shape) == (other.grade, other.shape)


@given(scale=st.floats(0.85, 1.2))
@settings(max_examples=5, deadline=None)
def test_a_larger_person_has_larger_heights_and_the_same_losses(scale: float) -> None:
    levels = ("T12", "L1", "L2", "L3")
    spine = lost(row(levels, scale), "L1", (0.35, 0.2, 0.05))
    found = measured(spine)
    assert worst(spine, found) <= spine.spacing[1] + 0.1
    one = found["L1"]
    assert (one.loss_anterior, one.loss_middle, one.loss_posterior) == pytest.approx((0.35, 0.2, 0.05), abs=0.04)
    assert one.scale == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize(
    ("losses", "grade", "shape"),
    [
        ((0.10, 0.05, 0.0), 0, ""),
        ((0.22, 0.10, 0.0), 1, "wedge"),
        ((0.35, 0.15, 0.0), 2, "wedge"),
        ((0.55, 0.30, 0.05), 3, "wedge"),
        ((0.05, 0.32, 0.05), 2, "biconcave"),
        ((0.45, 0.50, 0.42), 3, "crush"),
    ],
)
def test_each_shape_of_a_loss_is_named_and_graded(losses: tuple[float, float, float], grade: int, shape: str) -> None:
    found = measured(lost(row(), "L2", losses))
    assert (found["L2"].grade, found["L2"].shape) == (grade, shape)
    assert found["L2"].is_suspicious == bool(grade)
    assert [level for level, one in found.items() if one.grade] == (["L2"] if grade else [])
    assert bool(found["L2"].note) == bool(grade)


def test_a_deep_narrow_hole_is_a_notch_and_not_suspicious() -> None:
    spine = row()
    bodies = [replace(body, notch=Notch()) if body.level == "L2" else body for body in spine.bodies]
    found = measured(replace(spine, bodies=tuple(bodies)))
    assert found["L2"].shape == "notch"
    assert found["L2"].grade >= 1
    assert not found["L2"].is_suspicious
    assert found["L2"].evidence.endplate == "superior"
    assert found["L2"].evidence.deepest_mm == pytest.approx(9.5, abs=1.5)
    assert "between rims that stand" in found["L2"].note


def test_a_hole_that_goes_from_side_to_side_is_no_notch() -> None:
    spine = row()
    wide = Notch(deep=9.0, aside=30.0, ahead=8.0)
    bodies = [replace(body, notch=wide) if body.level == "L2" else body for body in spine.bodies]
    found = measured(replace(spine, bodies=tuple(bodies)))
    assert found["L2"].shape == "biconcave"
    assert found["L2"].is_suspicious


def test_broken_neighbours_in_a_row_do_not_call_each_other_usual() -> None:
    spine = row(("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4"))
    for level in ("T12", "L1", "L2"):
        spine = lost(spine, level, (0.5, 0.45, 0.4))
    found = measured(spine)
    assert [level for level, one in found.items() if one.is_suspicious] == ["T12", "L1", "L2"]
    assert found["L1"].loss == pytest.approx(0.5, abs=0.05)


def test_too_few_neighbours_are_said() -> None:
    found = measured(lost(row(("L1", "L2")), "L1", (0.3, 0.1, 0.0)))
    assert found["L1"].grade == 2
    assert "Too few complete neighbours" in found["L1"].note
    assert found["L1"].loss_posterior is None


def test_levels_that_nobody_has_named_are_compared_as_if_counted_on() -> None:
    spine = lost(row(("T11", "T12", "L1", "L2")), "L1", (0.3, 0.1, 0.0))
    labels = spine.drawn()
    for named in ({}, {verse_of("L1"): "L1"}):
        levels = dict.fromkeys(spine.levels, "") | named
        found = measure_spine(labels, spine.geometry, levels)
        assert [one.grade for one in found] == [0, 0, 2, 0]
        assert [one.level for one in found] == [levels[one.value] for one in found]


def test_counting_on_passes_by_what_few_spines_have() -> None:
    assert compared_levels(["T12", "", ""], {}) == ["T12", "L1", "L2"]
    assert compared_levels(["", "L1"], {}) == ["T12", "L1"]
    assert compared_levels(["", "T13", ""], {}) == ["T12", "T13", "L1"]
    assert compared_levels(["", "", "L6"], {}) == ["L4", "L5", "L6"]
    assert compared_levels(["", ""], {}) == ["L4", "L5"]
    assert compared_levels(["C2", "", ""], {}) == ["C2", "C3", "C4"]


# -- silent where it cannot know --------------------------------------------------------------------------------------


def test_a_body_that_the_border_cuts_is_not_judged() -> None:
    spine = row()
    found = measured(spine, cut={verse_of("T12")})
    assert found["T12"].why == "cut"
    assert found["T12"].reason == "The border of the image cuts T12, so it was not measured."
    assert found["T12"].grade is None
    assert found["T12"].anterior_mm is None


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_a_body_with_too_few_slices_is_not_judged(slices: int) -> None:
    spine = row()
    labels = spine.drawn()
    value = verse_of("L1")
    shown = np.flatnonzero((labels == value).any(axis=(1, 2)))
    for k in shown[slices:]:
        labels[k][labels[k] == value] = 0
    found = {one.level: one for one in measure_spine(labels, spine.geometry, spine.levels)}
    assert found["L1"].why == "no_slice"
    assert ("Only 1 slice crosses L1" if slices == 1 else f"Only {slices} slices cross L1") in found["L1"].reason
    assert found["L3"].grade == 0


@pytest.mark.parametrize(("spacing", "way"), [((1.0, 5.0, 1.0), "along"), ((1.0, 1.0, 5.0), "from front to back of")])
def test_a_scan_that_is_too_coarse_is_said(spacing: tuple[float, float, float], way: str) -> None:
    found = measured(replace(row(("L1", "L2", "L3")), spacing=spacing))
    assert {one.why for one in found.values()} == {"coarse"}
    assert f"5.0 mm from voxel to voxel {way} L2" in found["L2"].reason


def test_a_fine_map_of_a_coarse_scan_is_too_coarse() -> None:
    found = measured(row(("L1", "L2", "L3")), resolution_mm=(0.8, 5.0, 0.8))
    assert {one.why for one in found.values()} == {"coarse"}


def test_an_empty_map_gives_a_reason_for_each() -> None:
    spine = row()
    found = measure_spine(np.zeros(spine.geometry.shape, dtype=np.uint8), spine.geometry, spine.levels)
    assert [one.why for one in found] == ["mask_missing"] * 5
    assert found[1].reason == "The mask holds nothing of L1."


def test_c1_and_c2_have_nothing_to_be_compared_with() -> None:
    labels = row(("L1", "L2", "L3")).drawn()
    levels = {verse_of("L1"): "C1", verse_of("L2"): "C2", verse_of("L3"): "C3"}
    found = measure_spine(labels, row(("L1", "L2", "L3")).geometry, levels)
    assert [one.why for one in found] == ["other", "other", ""]
    assert "C2 has no usual heights" in found[1].reason


def test_other_shapes_and_unknown_levels_are_refused() -> None:
    spine = row(("L1",))
    labels = spine.drawn()
    with pytest.raises(ValueError, match="They must agree"):
        measure_spine(labels[1:], spine.geometry, spine.levels)
    with pytest.raises(ValueError, match="They must agree"):
        measure_spine(labels, spine.geometry, spine.levels, stored=np.zeros((2, 2, 2), dtype=np.int16))
    with pytest.raises(ValueError, match="L9"):
        measure_spine(labels, spine.geometry, {20: "L9"})


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_mask_however_odd_stops_it(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 24), st.integers(1, 24)))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    labels = np.zeros(shape, dtype=np.uint8)
    for value in range(1, data.draw(st.integers(1, 4)) + 1):
        low = rng.integers(0, shape)
        high = np.minimum(low + rng.integers(1, 16, 3), shape)
        box = labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        box[rng.random(box.shape) < data.draw(st.sampled_from([0.05, 0.5, 1.0]))] = value
    affine = np.diag([3.0, 1.0, 1.0, 1.0])[:, [0, 2, 1, 3]]
    affine[2] *= -1
    levels = {value: data.draw(st.sampled_from(["", "L1", "T5", "C1"])) for value in range(1, 6)}
    found = measure_spine(labels, Geometry(shape, affine), levels, stored=rng.normal(100, 900, shape))
    assert {one.value for one in found} == set(levels)
    assert all(bool(one.why) == bool(one.reason) == (one.grade is None) for one in found)


def test_a_body_that_is_a_sheet_has_no_heights() -> None:
    mask = np.zeros((10, 40, 40), dtype=bool)
    mask[:, 20, 18:21] = True
    assert measure_body(mask, np.array([3.0, 1.0, 1.0]), UP) is None


# -- density ----------------------------------------------------------------------------------------------------------


def _ct(spine: SpinePhantom) -> np.ndarray:
    """100 HU within, 400 HU around: endplates, walls and all else."""
    stored = np.full(spine.geometry.shape, 1424, dtype=np.uint16)
    inner = [
        replace(body, heights=tuple(0.7 * h for h in body.heights), depth=0.8 * body.depth) for body in spine.bodies
    ]
    stored[replace(spine, bodies=tuple(inner)).drawn() > 0] = 1124
    return stored


def test_the_core_is_measured_without_endplates_and_walls_by_slope_and_intercept() -> None:
    spine = replace(row(("L1", "L2", "L3")), turned=(10.0, 5.0, 0.0), size=(100.0, 170.0, 130.0))
    found = measured(spine, stored=_ct(spine), rescale=(1.0, -1024.0))
    assert [one.core_hu for one in found.values()] == pytest.approx([100.0] * 3, abs=2.0)
    doubled = measured(spine, stored=_ct(spine), rescale=(2.0, -1024.0))
    assert doubled["L2"].core_hu == pytest.approx(2 * 1124 - 1024, abs=4.0)


def test_the_basivertebral_vein_is_left_out() -> None:
    spine = row(("L1", "L2", "L3"))
    stored = _ct(spine).astype(np.float32)
    labels = spine.drawn()
    at = np.argwhere(labels == verse_of("L2"))
    k, r, _ = (int(value) for value in at.mean(axis=0))
    back = int(at[:, 2].max())
    stored[k - 1 : k + 2, r - 2 : r + 3, back - 16 : back + 1] = 1024 - 200
    found = measured(spine, stored=stored, rescale=(1.0, -1024.0))
    assert found["L2"].core_hu == pytest.approx(found["L1"].core_hu, abs=3.0)


def test_voxels_without_a_number_leave_the_density_out_and_say_so() -> None:
    spine = row(("L1", "L2", "L3"))
    stored = np.full(spine.geometry.shape, np.nan, dtype=np.float32)
    found = measured(spine, stored=stored)
    assert [one.core_hu for one in found.values()] == [None] * 3
    assert all("Its density was not measured" in one.note for one in found.values())
    assert [one.grade for one in found.values()] == [0, 0, 0]


# -- constants --------------------------------------------------------------------------------------------------------


def test_usual_heights_know_every_level_but_the_first_two() -> None:
    assert [level for level in LEVELS if design_heights(level) is None] == ["C1", "C2"]
    assert design_heights("T13") == design_heights("T12")
    with pytest.raises(ValueError, match="S1"):
        design_heights("S1")


def test_grades_are_those_of_genant() -> None:
    assert [grade_of(loss) for loss in (-0.3, 0.199, 0.2, 0.25, 0.399, 0.4, 0.9)] == [0, 0, 1, 2, 2, 3, 3]


def test_the_recipe_holds_the_constants_and_a_changed_one_is_another_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe_sha256()
    assert recipe()["constants"]["morphometry"]["GRADES"] == [0.2, 0.25, 0.4]
    assert before == recipe_sha256()
    monkeypatch.setattr("labeling.anatomy.morphometry_shape.NOTCH_AREA", 0.3)
    assert recipe_sha256() != before


def test_usual_bodies_are_usual() -> None:
    assert isinstance(usual("L1"), BodyPhantom)
    found = measured(row(("T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")))
    assert all(one.scale == pytest.approx(1.0, abs=0.03) for one in found.values())
    assert not any(one.grade for one in found.values())
