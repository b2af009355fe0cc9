"""Labels under another anatomy: every law kept, nothing changed that still lies inside, nothing lost in silence."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.reading.carrying import carried
from labeling.reading.refusals import OperationRefused
from labeling.reading.state import (
    BLANK,
    FindingState,
    Injury,
    ReadContext,
    ReadState,
    SliceMark,
    VertebraContext,
    apply,
    check_finding,
)
from tests.reading.strategies import contexts, operations

SOPS = [f"1.2.{k}" for k in range(10)]


def body(key: int, first: int, last: int, level: str = "") -> VertebraContext:
    margin = (*SOPS[max(first - 2, 0) : first], *SOPS[last + 1 : last + 3])
    return VertebraContext(key, level, tuple(SOPS[first : last + 1]), margin)


@st.composite
def states(draw: st.DrawFn) -> tuple[ReadState, ReadContext]:
    """What up to twelve operations make of a read."""
    context = replace(draw(contexts()), slices=frozenset(SOPS))
    state = ReadState()
    for _ in range(draw(st.integers(0, 12))):
        verb, payload = draw(operations(context, state))
        with suppress(OperationRefused):
            state = apply(state, context, verb, payload)
    return state, context


@st.composite
def other_anatomies(draw: st.DrawFn, context: ReadContext) -> ReadContext:
    """Vertebrae of another version: some gone, some new, extents and order as they come."""
    keys = draw(st.permutations([*context.vertebrae, 11, 12]))
    kept = keys[: draw(st.integers(1, len(keys)))]
    vertebrae = {}
    for key in kept:
        first = draw(st.integers(0, 9))
        vertebrae[key] = body(key, first, draw(st.integers(first, 9)), draw(st.sampled_from(["T13", "L6", ""])))
    return replace(context, vertebrae=vertebrae)


@given(st.data())
def test_what_is_carried_keeps_every_law_and_every_label_that_lies_inside(data: st.DataObject) -> None:
    state, old = data.draw(states())
    new = data.draw(other_anatomies(old))
    after, dropped = carried(state, old, new)
    assert carried(state, old, new) == (after, dropped)
    told = {one.vertebra for one in dropped}
    for key, before in state.findings.items():
        finding = after.finding(key)
        if key not in new.vertebrae:
            assert finding == BLANK
            assert key in told
            continue
        inside = {*new.vertebrae[key].every_sop}
        assert finding.slices == {sop: mark for sop, mark in before.slices.items() if sop in inside}
        assert finding.measures == before.measures
        if finding != before:
            assert key in told
            assert replace(finding, slices={}, verdict=None) == replace(before, slices={}, verdict=None)
            assert finding.verdict in (before.verdict, None)
    for key, finding in after.findings.items():
        check_finding(finding, new.vertebrae[key], new)
    order = list(new.vertebrae)
    for upper, injury in after.injuries.items():
        assert injury == state.injuries[upper]
        assert injury.lower is None or order[order.index(upper) + 1] == injury.lower
    assert set(state.injuries) - set(after.injuries) <= told
    assert set(after.findings) <= set(state.findings)


@given(states())
def test_the_same_anatomy_changes_nothing(made: tuple[ReadState, ReadContext]) -> None:
    state, context = made
    assert carried(state, context, context) == (state, [])


@given(st.data())
def test_a_state_carried_to_a_wider_body_and_back_has_lost_no_label(data: st.DataObject) -> None:
    state, old = data.draw(states())
    everywhere = replace(old, vertebrae={key: body(key, 0, 9, each.level) for key, each in old.vertebrae.items()})
    there, _ = carried(state, old, everywhere)
    back, _ = carried(there, everywhere, old)
    assert {key: finding.slices for key, finding in back.findings.items() if finding.slices} == {
        key: finding.slices for key, finding in state.findings.items() if finding.slices
    }


def marks(value: str, *ks: int) -> dict[str, SliceMark]:
    return {SOPS[k]: SliceMark(value, "range") for k in ks}


def carry(finding: FindingState, *, to: tuple[int, int], unit: str = "slice") -> tuple[FindingState, list[str]]:
    """One vertebra from slices 3 to 6 to other slices."""
    old = ReadContext(unit, True, {1: body(1, 3, 6, "L1")}, frozenset(SOPS), frozenset(SOPS))
    new = replace(old, vertebrae={1: body(1, *to, "L1")})
    after, dropped = carried(ReadState({1: finding}), old, new)
    return after.finding(1), [f"{one.level}: {one.what}" for one in dropped]


def test_a_negative_whose_body_grew_is_open_again_with_its_labels() -> None:
    negative = FindingState(verdict="negative", slices=marks("negative", 3, 4, 5, 6))
    after, lost = carry(negative, to=(2, 8))
    assert (after.verdict, after.slices) == (None, negative.slices)
    assert lost == ["L1: negative: 3 slices of its new extent not labelled"]


def test_a_negative_whose_body_shrank_stays_negative() -> None:
    negative = FindingState(verdict="negative", slices=marks("negative", 3, 4, 5, 6))
    assert carry(negative, to=(4, 5)) == (negative, [])


def test_where_the_vertebra_is_the_unit_a_negative_asks_for_no_slice() -> None:
    negative = FindingState(verdict="negative")
    assert carry(negative, to=(0, 9), unit="vertebra") == (negative, [])


def test_a_fracture_stays_one_when_its_slices_go_and_the_lock_will_ask_for_one() -> None:
    fracture = FindingState(verdict="fracture", ao_body="A1", slices=marks("fracture", 3, 6))
    after, lost = carry(fracture, to=(8, 9))
    assert (after.verdict, after.ao_body, after.slices) == ("fracture", "A1", marks("fracture", 6))
    assert lost == ["L1: 1 slice label outside of its new extent"]
    after, lost = carry(replace(fracture, slices=marks("fracture", 3, 4)), to=(8, 9))
    assert (after.verdict, after.slices) == ("fracture", {})
    assert lost == ["L1: 2 slice labels outside of its new extent"]


def test_what_was_said_of_a_vertebra_that_is_none_is_told_in_words() -> None:
    old = ReadContext("slice", True, {1: body(1, 3, 6, "L1"), 2: body(2, 3, 6, "L2")}, frozenset(SOPS))
    fracture = FindingState(verdict="fracture", ao_body="A3", slices=marks("fracture", 3), comment="see report")
    state = ReadState({1: fracture}, {1: Injury(2, "B2")})
    after, dropped = carried(state, old, replace(old, vertebrae={2: old.vertebrae[2]}))
    assert after == ReadState()
    assert [one.as_json() for one in dropped] == [
        {"vertebra": 1, "level": "L1", "what": "fracture, A3, 1 slice label, a comment"},
        {"vertebra": 1, "level": "L1", "what": "B2 injury of the segment below"},
    ]


@pytest.mark.parametrize(("lower", "stays"), [(2, False), (None, True)])
def test_an_injury_goes_when_a_vertebra_comes_between_its_two(lower: int | None, stays: bool) -> None:
    old = ReadContext("slice", True, {1: body(1, 3, 6, "L1"), 2: body(2, 3, 6, "L3")}, frozenset(SOPS))
    between = {1: old.vertebrae[1], 3: body(3, 3, 6, "L2"), 2: old.vertebrae[2]}
    state = ReadState({}, {1: Injury(lower, "C")})
    after, dropped = carried(state, old, replace(old, vertebrae=between))
    assert (after == state) is stays
    assert bool(dropped) is not stays
