"""Lengths, heights and losses: worked out by hand, by laws, and as part of a finding."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.reading.measures import (
    MOST_MEASURES,
    Heights,
    Losses,
    Measure,
    heights_mm,
    heights_of,
    length_mm,
    lengths_of,
    loss_against,
    loss_within,
    measures_from_json,
)
from labeling.reading.sealing import content_sha, sealed
from labeling.reading.state import BLANK, FindingState, OperationRefused, ReadState, SliceMark, apply
from tests.reading.strategies import coordinates, measures_on
from tests.reading.test_state import BODY, L2, L3, mark, room, said, verdict

LENGTH = {"kind": "length", "sop_uid": "s4", "points": [[10.0, 20.0], [13.0, 24.0]]}
HEIGHTS = {
    "kind": "heights",
    "sop_uid": "s4",
    # Anterior 40 rows, middle 30, posterior 50.
    "points": [[10.0, 10.0], [10.0, 50.0], [30.0, 15.0], [30.0, 45.0], [50.0, 5.0], [50.0, 55.0]],
}

points = st.lists(coordinates(), min_size=2, max_size=2).map(tuple)
spacings = st.floats(0.1, 5, allow_nan=False)
heights = st.builds(Heights, *[st.floats(1, 60)] * 3)


def set_measures(*measures: dict[str, Any], vertebra: int = L2) -> tuple[str, dict[str, Any]]:
    return "set_measures", {"vertebra": vertebra, "measures": list(measures)}


# --- millimetres --------------------------------------------------------------------------------------------------


def test_a_length_is_worked_out_with_the_spacing_of_each_direction() -> None:
    # 3 columns of 0.5 mm are 1.5 mm, 4 rows of 1.5 mm are 6 mm: the root of 38.25.
    assert length_mm([(10.0, 20.0), (13.0, 24.0)], 1.5, 0.5) == math.sqrt(38.25)
    assert length_mm([(0.0, 0.0), (3.0, 4.0)], 1.0, 1.0) == 5.0
    assert length_mm([(7.0, 2.0), (7.0, 12.0)], 0.4, 0.9) == 4.0
    assert length_mm([(2.0, 7.0), (12.0, 7.0)], 0.4, 0.9) == 9.0


def test_three_heights_come_from_six_points_front_to_back() -> None:
    (measure,) = measures_from_json([HEIGHTS])
    assert heights_mm(measure, 0.5, 0.5) == Heights(anterior=20.0, middle=15.0, posterior=25.0)


@given(points, points, spacings, spacings)
def test_a_length_is_the_same_both_ways_and_never_negative(a: Any, b: Any, row: float, column: float) -> None:
    assert length_mm([a, b], row, column) == length_mm([b, a], row, column) >= 0
    assert length_mm([a, a], row, column) == 0


@given(points, points, points, spacings, spacings)
def test_no_way_round_is_shorter_than_the_straight_line(a: Any, b: Any, c: Any, row: float, column: float) -> None:
    direct = length_mm([a, c], row, column)
    assert direct <= (length_mm([a, b], row, column) + length_mm([b, c], row, column)) * (1 + 1e-12)


@given(points, points, spacings, spacings)
def test_twice_the_spacing_is_twice_the_length(a: Any, b: Any, row: float, column: float) -> None:
    assert length_mm([a, b], 2 * row, 2 * column) == 2 * length_mm([a, b], row, column)


# --- losses -------------------------------------------------------------------------------------------------------


def test_the_loss_is_against_the_mean_of_the_neighbours() -> None:
    fractured = Heights(anterior=15.0, middle=18.0, posterior=24.0)
    above, below = Heights(24.0, 23.0, 24.0), Heights(26.0, 25.0, 26.0)
    # Anterior 15 of a mean of 25: 40 % lost. Middle 18 of 24: a quarter. Posterior 24 of 25: 4 %.
    assert loss_against(fractured, [above, below]) == Losses(1 - 15 / 25, 0.25, 1 - 24 / 25)
    assert loss_against(fractured, [above, None]) == Losses(1 - 15 / 24, 1 - 18 / 23, 0.0)
    assert loss_against(fractured, [None, below]) == Losses(1 - 15 / 26, 1 - 18 / 25, 1 - 24 / 26)
    assert loss_against(fractured, [None, None]) == Losses(None, None, None)
    assert loss_against(fractured, []) == Losses(None, None, None)


def test_the_loss_within_is_against_the_own_posterior_height() -> None:
    assert loss_within(Heights(anterior=15.0, middle=18.0, posterior=24.0)) == Losses(0.375, 0.25, None)
    assert loss_within(Heights(15.0, 18.0, 0.0)) == Losses(None, None, None)


@given(heights, heights)
def test_a_vertebra_as_tall_as_its_neighbours_has_lost_nothing(body: Heights, other: Heights) -> None:
    assert loss_against(body, [body, body]) == Losses(0.0, 0.0, 0.0)
    assert loss_against(body, [body, None]) == Losses(0.0, 0.0, 0.0)
    assert loss_against(body, [body, other]) == loss_against(body, [other, body])


@given(heights, heights, heights)
def test_the_loss_does_not_depend_on_the_unit(body: Heights, above: Heights, below: Heights) -> None:
    def doubled(one: Heights) -> Heights:
        return Heights(2 * one.anterior, 2 * one.middle, 2 * one.posterior)

    assert loss_against(body, [above, below]) == loss_against(doubled(body), [doubled(above), doubled(below)])


def test_heights_and_lengths_are_found_among_other_measures() -> None:
    measures = measures_from_json([LENGTH, HEIGHTS, {**LENGTH, "points": [[0, 0], [0, 8]]}])
    assert heights_of(measures, 0.5, 0.5) == Heights(20.0, 15.0, 25.0)
    assert lengths_of(measures, 0.5, 0.5) == [2.5, 4.0]
    assert heights_of(measures[:1], 0.5, 0.5) is None
    assert lengths_of((), 0.5, 0.5) == []


# --- measures of a finding ----------------------------------------------------------------------------------------


def test_measures_stand_with_the_finding_and_survive_every_verdict() -> None:
    measures = measures_from_json([LENGTH, HEIGHTS])
    state = said(room(), set_measures(LENGTH, HEIGHTS))
    assert state.finding(L2) == FindingState(measures=measures)
    steps = (
        verdict("negative"),
        verdict("indeterminate"),
        verdict("not_assessable", why="metal"),
        verdict("fracture"),
        mark("fracture", "s4"),
        mark(None, "s4"),
        verdict(None),
    )
    for step in steps:
        state = said(room(), step, state=state)
        assert state.finding(L2).measures == measures
    assert state.finding(L2) == FindingState(measures=measures)
    assert said(room(), set_measures(), state=state) == ReadState()


def test_a_cut_vertebra_keeps_its_measures_at_the_lock() -> None:
    cut = room(cut=True)
    finding = sealed(said(cut, set_measures(LENGTH)), cut).finding(L2)
    assert (finding.why, len(finding.measures)) == ("cut", 1)


def test_restoring_a_blank_finding_takes_the_measures_away_and_restoring_a_full_one_brings_them() -> None:
    state = said(room(), mark("fracture", "s4"), set_measures(HEIGHTS))
    was = json.loads(json.dumps(state.finding(L2).as_json()))
    gone = said(room(), ("restore", {"vertebra": L2, "finding": None}), state=state)
    assert gone == ReadState()
    assert said(room(), ("restore", {"vertebra": L2, "finding": was}), state=gone) == state


def test_a_restore_from_before_there_were_measures_still_means_what_it_meant() -> None:
    old = BLANK.as_json() | {"verdict": "fracture"}
    del old["measures"]
    assert said(room(), ("restore", {"vertebra": L2, "finding": old})).finding(L2) == FindingState("fracture")


def test_a_slice_beside_the_body_can_be_measured_but_not_one_of_another_stack() -> None:
    beside = {**LENGTH, "sop_uid": "s11"}
    assert said(room(), set_measures(beside)).finding(L2).measures[0].sop_uid == "s11"
    with pytest.raises(OperationRefused, match="not of this stack"):
        said(room(), set_measures({**LENGTH, "sop_uid": "2.25.9"}))
    restored = {**BLANK.as_json(), "measures": [{**LENGTH, "sop_uid": "2.25.9"}]}
    with pytest.raises(OperationRefused, match="not of this stack"):
        said(room(), ("restore", {"vertebra": L2, "finding": restored}))


@given(measures_on(list(BODY), most=MOST_MEASURES))
def test_measures_survive_their_json_and_equal_ones_have_equal_text(measures: list[dict[str, Any]]) -> None:
    kept = measures_from_json(measures)
    text = json.dumps([measure.as_json() for measure in kept])
    assert measures_from_json(json.loads(text)) == kept
    # A browser writes 3 where Python writes 3.0, and never -0.0.
    as_browser = [
        {**one, "points": [[int(x) if x == int(x) else x for x in point] for point in one["points"]]}
        for one in measures
    ]
    assert json.dumps([measure.as_json() for measure in measures_from_json(as_browser)]) == text


def test_minus_nought_is_nought() -> None:
    (measure,) = measures_from_json([{**LENGTH, "points": [[-0.0, 1], [0, 2]]}])
    assert json.dumps(measure.as_json()["points"]) == "[[0.0, 1.0], [0.0, 2.0]]"


@pytest.mark.parametrize(
    ("measures", "word"),
    [
        pytest.param(None, "list", id="none"),
        pytest.param({}, "list", id="object"),
        pytest.param([1], "JSON object", id="a-number"),
        pytest.param([{**LENGTH, "kind": "angle"}], "one of length, heights", id="unknown-kind"),
        pytest.param([{**LENGTH, "mm": 4.2}], "no field called mm", id="millimetres-are-not-taken"),
        pytest.param([{"kind": "length", "sop_uid": "s4"}], "points", id="no-points"),
        pytest.param([{**LENGTH, "sop_uid": 4}], "text", id="slice-by-number"),
        pytest.param([{**LENGTH, "points": [[1, 2]]}], "list of 2", id="one-point"),
        pytest.param([{**HEIGHTS, "points": HEIGHTS["points"][:5]}], "list of 6", id="five-points"),
        pytest.param([{**LENGTH, "points": [[1, 2], [1, 2, 3]]}], "column, row", id="three-dimensions"),
        pytest.param([{**LENGTH, "points": [[1, 2], "12"]}], "column, row", id="text-point"),
        pytest.param([{**LENGTH, "points": [[1, 2], [1, True]]}], "outside", id="flag"),
        pytest.param([{**LENGTH, "points": [[1, 2], [1, "3"]]}], "outside", id="text-number"),
        pytest.param([{**LENGTH, "points": [[1, 2], [1, math.nan]]}], "outside", id="not-a-number"),
        pytest.param([{**LENGTH, "points": [[1, 2], [1, math.inf]]}], "outside", id="infinite"),
        pytest.param([{**LENGTH, "points": [[1, 2], [-0.51, 3]]}], "outside", id="left-of-the-image"),
        pytest.param([{**LENGTH, "points": [[1, 2], [65535.51, 3]]}], "outside", id="right-of-every-image"),
        pytest.param([{**LENGTH, "points": [[1, 2], [0.125, 3]]}], "two decimals", id="too-fine"),
        pytest.param([HEIGHTS, HEIGHTS], "one set of heights", id="heights-twice"),
        pytest.param([LENGTH] * (MOST_MEASURES + 1), "at most 20 measures", id="too-many"),
    ],
)
def test_measures_that_are_not_exactly_right_are_refused_with_a_sentence(measures: Any, word: str) -> None:
    with pytest.raises(OperationRefused, match=word) as refusal:
        apply(ReadState(), room(), "set_measures", {"vertebra": L2, "measures": measures})
    assert refusal.value.sentence.endswith(".")


def test_twenty_measures_are_taken() -> None:
    assert len(said(room(), set_measures(*[LENGTH] * 19, HEIGHTS)).finding(L2).measures) == 20


# --- the hash -----------------------------------------------------------------------------------------------------


def test_a_read_without_measures_keeps_the_hash_it_had_before_there_were_measures() -> None:
    state = ReadState({
        L2: FindingState("fracture", ao_body="A1", slices={"s4": SliceMark("fracture", "key")}),
        L3: FindingState("negative"),
    })  # fmt: skip
    # As it was worked out, and locked, by the version before measures.
    before = "c0d993003ee74db7c9c3c40791399f10c0100f6dc7617d9dd021a89adf32119d"
    assert content_sha(state, {"case": 1, "stack": 2, "anatomy": 3, "version": 1}) == before


def test_measures_are_part_of_what_is_hashed() -> None:
    length = Measure("length", "s4", ((1.0, 2.0), (3.0, 4.0)))
    moved = Measure("length", "s4", ((1.0, 2.0), (3.0, 4.01)))
    hashes = {content_sha(ReadState({L2: FindingState(measures=each)}), {}) for each in ((), (length,), (moved,))}
    assert len(hashes) == 3
