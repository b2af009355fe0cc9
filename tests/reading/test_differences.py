"""Where two reads differ: what counts as one, how harmful it is, and what they say together where they agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Acuity, AoBody, SegmentType, Verdict, Why
from labeling.reading.consensus.differences import agreed, agreed_injury, carried, differences, laid, marked_unclear
from labeling.reading.state import (
    BLANK,
    FindingState,
    Injury,
    ReadContext,
    ReadState,
    SliceMark,
    VertebraContext,
    check_finding,
)

LEVELS = ("T11", "T12", "L1", "L2")
SOPS = tuple(f"1.2.{k}" for k in range(10))


def context(unit: str = "vertebra", *, cut: tuple[int, ...] = ()) -> ReadContext:
    """Four vertebrae, 1 to 4, on slices 3 to 6 of ten."""
    vertebrae = {
        key: VertebraContext(key, level, SOPS[3:7], (*SOPS[1:3], *SOPS[7:9]), cut=key in cut)
        for key, level in enumerate(LEVELS, 1)
    }
    return ReadContext(unit, True, vertebrae, frozenset(SOPS), frozenset(SOPS))


NEGATIVE = FindingState(verdict="negative")


def state(*, rest: FindingState = NEGATIVE, injuries: dict[int, Injury] | None = None, **said: Any) -> ReadState:
    """All vertebrae negative but for these, by level."""
    return ReadState({key: said.get(level, rest) for key, level in enumerate(LEVELS, 1)}, injuries or {})


def fracture(ao: str | None = "A1", ks: tuple[int, ...] = (), **fields: Any) -> FindingState:
    return FindingState(
        verdict="fracture", ao_body=ao, slices={SOPS[k]: SliceMark("fracture", "key") for k in ks}, **fields
    )


@st.composite
def findings(draw: st.DrawFn) -> FindingState:
    """A finding as a locked read may hold it."""
    verdict = draw(st.sampled_from([*Verdict.values, None]))
    ao = draw(st.sampled_from([*AoBody.values, None])) if verdict == "fracture" else None
    values = {"fracture": ["fracture", "negative"], "negative": ["negative"]}.get(verdict or "", [])
    marks = draw(st.dictionaries(st.sampled_from(SOPS[3:7]), st.sampled_from(values), max_size=4)) if values else {}
    return FindingState(
        verdict=verdict,
        why=draw(st.sampled_from(Why.values[1:])) if verdict == "not_assessable" else "",
        ao_body=ao,
        process_fracture=draw(st.booleans()),
        acuity=draw(st.sampled_from(Acuity.values)),
        unclear=draw(st.booleans()),
        comment=draw(st.sampled_from(["", "Schmorl"])),
        level_said=draw(st.sampled_from(["", "", *LEVELS])),
        slices={sop: SliceMark(value, draw(st.sampled_from(["key", "implied"]))) for sop, value in marks.items()},
    )


@st.composite
def states(draw: st.DrawFn) -> ReadState:
    said = {key: draw(findings()) for key in range(1, 5)}
    torn = draw(st.dictionaries(st.integers(1, 3), st.sampled_from(SegmentType.values), max_size=2))
    return ReadState(said, {key: Injury(key + 1, kind) for key, kind in torn.items()})


UNITS = st.sampled_from(["slice", "vertebra"])


@given(states(), states(), UNITS)
def test_two_reads_differ_the_same_from_either_side(a: ReadState, b: ReadState, unit: str) -> None:
    assert differences(a, b, context(unit), unit) == differences(b, a, context(unit), unit)


@given(states(), UNITS)
def test_a_read_does_not_differ_from_itself(a: ReadState, unit: str) -> None:
    assert differences(a, a, context(unit), unit) == ()


@given(states(), states(), UNITS)
def test_harm_orders_whatever_is_asked_and_ties_go_cranial_first(a: ReadState, b: ReadState, unit: str) -> None:
    asked = differences(a, b, context(unit), unit)
    keys = [(-one.harm, one.vertebra) for one in asked]
    assert keys == sorted(set(keys))
    assert {one.vertebra for one in asked} <= {1, 2, 3, 4}


@given(states(), states(), UNITS)
def test_whoever_does_not_differ_has_one_verdict_type_and_level(a: ReadState, b: ReadState, unit: str) -> None:
    place = context(unit)
    asked = {one.vertebra for one in differences(a, b, place, unit)}
    for key, vertebra in place.vertebrae.items():
        one, other = a.finding(key), b.finding(key)
        same = (
            one.verdict == other.verdict
            and (one.ao_body, one.process_fracture) == (other.ao_body, other.process_fracture)
            and getattr(a.injuries.get(key), "type", None) == getattr(b.injuries.get(key), "type", None)
            and (one.level_said or vertebra.level) == (other.level_said or vertebra.level)
        )
        assert key in asked or same
        if key in asked and same:
            assert unit == "slice"


@given(findings())
def test_a_finding_agrees_with_itself_as_it_is_carried(finding: FindingState) -> None:
    said = agreed(finding, finding)
    assert said == carried(finding)
    assert replace(said, slices={}) == replace(finding, unclear=False, comment="", slices={})
    assert {mark.source for mark in said.slices.values()} <= {"range"}


@given(states(), states())
def test_what_is_agreed_is_the_same_from_either_side_and_keeps_the_laws(a: ReadState, b: ReadState) -> None:
    place = context()
    asked = {one.vertebra for one in differences(a, b, place, "vertebra")}
    for key in place.vertebrae.keys() - asked:
        said = agreed(a.finding(key), b.finding(key))
        assert said == agreed(b.finding(key), a.finding(key))
        assert check_finding(said, place.vertebrae[key], place) == said
        fractured = {*a.finding(key).fractured_sops} | {*b.finding(key).fractured_sops}
        assert set(said.fractured_sops) == fractured
        assert agreed_injury(a.injuries.get(key), b.injuries.get(key)) == a.injuries.get(key)


# --- one by one -----------------------------------------------------------------------------------------------------

INDETERMINATE = FindingState(verdict="indeterminate")
METAL = FindingState(verdict="not_assessable", why="metal")


@pytest.mark.parametrize(
    ("one", "other", "difference", "why"),
    [
        (fracture(), NEGATIVE, "verdict", "Fracture or negative"),
        (INDETERMINATE, NEGATIVE, "verdict", "Negative or indeterminate"),
        (METAL, fracture(), "verdict", "Fracture or not assessable"),
        (BLANK, NEGATIVE, "verdict", "Negative or not judged"),
        (fracture("A3"), fracture("A1"), "ao", "A1 or A3"),
        (fracture(None), fracture("A2"), "ao", "A2 or no type"),
        (fracture(process_fracture=True), fracture(), "ao", "Process fracture or none"),
        (replace(NEGATIVE, level_said="L1"), NEGATIVE, "level", "L1 or T12"),
    ],
)
def test_each_difference_says_what_it_is(one: FindingState, other: FindingState, difference: str, why: str) -> None:
    (asked,) = differences(state(T12=one), state(T12=other), context(), "vertebra")
    assert (asked.vertebra, asked.difference, asked.why) == (2, difference, why)


def test_an_injury_of_the_segment_below_is_part_of_the_type() -> None:
    torn = state(T12=fracture(), injuries={2: Injury(3, "B2")})
    (asked,) = differences(torn, state(T12=fracture()), context(), "vertebra")
    assert (asked.difference, asked.why) == ("ao", "B2 below or nothing below")


def test_a_level_that_is_said_as_it_is_makes_no_difference() -> None:
    said = replace(NEGATIVE, level_said="T12")
    assert differences(state(T12=said), state(), context(), "vertebra") == ()
    assert agreed(said, NEGATIVE).level_said == "T12"


def test_slices_differ_only_where_the_unit_is_the_slice_and_less_than_half_is_shared() -> None:
    apart, half = state(L1=fracture(ks=(3, 4))), state(L1=fracture(ks=(4, 5)))
    assert differences(apart, half, context(), "vertebra") == ()
    (asked,) = differences(apart, half, context("slice"), "slice")
    assert (asked.difference, asked.why, asked.sops) == ("slices", "Slices only", (SOPS[3], SOPS[5]))
    shared = state(L1=fracture(ks=(3, 4, 5)))
    assert differences(apart, shared, context("slice"), "slice") == ()
    exactly_half = state(L1=fracture(ks=(3, 4, 5, 6)))
    assert differences(apart, exactly_half, context("slice"), "slice") == ()


def test_the_order_is_by_harm_fracture_first_then_other_verdicts_types_levels_and_slices() -> None:
    a = state(T11=replace(NEGATIVE, level_said="T10"), T12=fracture("A1"), L1=INDETERMINATE, L2=NEGATIVE)
    b = state(T11=NEGATIVE, T12=fracture("A4"), L1=NEGATIVE, L2=fracture())
    asked = differences(a, b, context(), "vertebra")
    assert [one.vertebra for one in asked] == [4, 3, 2, 1]
    near = differences(state(T12=fracture("A1"), L1=fracture("A1")), state(T12=fracture("A2"), L1=fracture("A4")),
                       context(), "vertebra")  # fmt: skip
    assert [one.vertebra for one in near] == [3, 2]


def test_what_a_reader_marks_unclear_is_asked_though_both_say_the_same() -> None:
    unclear = state(L1=replace(NEGATIVE, unclear=True))
    assert differences(unclear, state(), context(), "vertebra") == ()
    (asked,) = marked_unclear(state(), unclear, context())
    assert (asked.vertebra, asked.difference) == (3, "unclear")


def test_a_vertebra_that_only_one_anatomy_knows_differs_by_verdict() -> None:
    knows_three = laid(state(), dict(enumerate(LEVELS[:3], 1)), context())
    (asked,) = differences(laid(state(), dict(enumerate(LEVELS, 1)), context()), knows_three, context(), "vertebra")
    assert (asked.vertebra, asked.why) == (4, "Negative or not judged")


def test_another_name_in_another_anatomy_is_a_level_said() -> None:
    renamed = dict(enumerate(("T11", "T12", "T13", "L1"), 1))
    on = laid(state(), renamed, context())
    assert [on.finding(key).level_said for key in (1, 2, 3, 4)] == ["", "", "T13", "L1"]
    assert [one.vertebra for one in differences(on, state(), context(), "vertebra")] == [3, 4]


def test_laid_on_a_thinner_body_the_marks_beside_it_go_and_a_negative_body_stays_negative() -> None:
    marks = {sop: SliceMark("negative", "key") for sop in SOPS[:3]}
    read = state(L1=replace(NEGATIVE, slices=marks))
    on = laid(read, dict(enumerate(LEVELS, 1)), context("slice")).finding(3)
    assert set(on.slices) == {*SOPS[1:3], *SOPS[3:7]}
    assert check_finding(on, context("slice").vertebrae[3], context("slice")) == on


def test_a_cut_vertebra_of_which_nothing_is_said_is_not_assessable() -> None:
    on = laid(state(L2=BLANK), dict(enumerate(LEVELS, 1)), context(cut=(4,)))
    assert (on.finding(4).verdict, on.finding(4).why) == ("not_assessable", "cut")
