"""The laws of a read in memory, over random operations, and each verb by example."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.reading.gaps import gaps_of
from labeling.reading.sealing import content_sha, sealed
from labeling.reading.state import (
    BLANK,
    FindingState,
    Injury,
    OperationRefused,
    ReadContext,
    ReadState,
    SliceMark,
    VertebraContext,
    apply,
    check_finding,
    finding_from_json,
)
from tests.reading.strategies import contexts, operations

BODY = ("s3", "s4", "s5")
L2, L3 = 12, 13
STACK = frozenset(f"s{k}" for k in range(12))
EVERYTHING = frozenset({"s1", "s2", *BODY, "s6", "s7"})


def room(
    unit: str = "slice", *, seen: frozenset[str] = EVERYTHING, ao_required: bool = True, cut: bool = False
) -> ReadContext:
    margin = ("s1", "s2", "s6", "s7")
    return ReadContext(
        unit,
        ao_required,
        {L2: VertebraContext(L2, "L2", BODY, margin, cut), L3: VertebraContext(L3, "L3", BODY, margin)},
        seen,
        STACK,
    )


def said(context: ReadContext, *steps: tuple[str, dict[str, Any]], state: ReadState | None = None) -> ReadState:
    state = state or ReadState()
    for verb, payload in steps:
        state = apply(state, context, verb, payload)
    return state


def mark(value: str | None, *sops: str, source: str = "range", vertebra: int = L2) -> tuple[str, dict[str, Any]]:
    return "label_slices", {"vertebra": vertebra, "sop_uids": list(sops), "value": value, "source": source}


def verdict(word: str | None, **why: str) -> tuple[str, dict[str, Any]]:
    return "set_verdict", {"vertebra": L2, "verdict": word, **why}


def values(state: ReadState, vertebra: int = L2) -> dict[str, str]:
    return {sop: mark.value for sop, mark in state.finding(vertebra).slices.items()}


# --- laws ---------------------------------------------------------------------------------------------------------


def accepted_or_none(state: ReadState, context: ReadContext, operation: tuple[str, dict[str, Any]]) -> ReadState | None:
    try:
        return apply(state, context, *operation)
    except OperationRefused:
        return None


@st.composite
def stories(draw: st.DrawFn) -> tuple[ReadContext, list[ReadState], list[tuple[str, dict[str, Any]]]]:
    """A context, the states a read went through, and the operations that were accepted between them."""
    context = draw(contexts())
    states, accepted = [ReadState()], []
    for _ in range(draw(st.integers(0, 12))):
        operation = draw(operations(context, states[-1]))
        before = copy.deepcopy(states[-1])
        after = accepted_or_none(states[-1], context, operation)
        assert states[-1] == before, "apply changed the state it was given"
        if after is not None:
            states.append(after)
            accepted.append(operation)
    return context, states, accepted


@given(stories())
def test_every_state_keeps_every_law(story: Any) -> None:
    context, states, _ = story
    for state in states:
        for key, finding in state.findings.items():
            assert finding != BLANK
            assert finding.ao_body is None or finding.verdict == "fracture"
            assert not finding.slices or finding.verdict not in ("indeterminate", "not_assessable")
            assert (finding.verdict == "not_assessable") == bool(finding.why)
            assert not (finding.verdict == "negative" and finding.fractured_sops)
            if context.unit == "slice" and finding.fractured_sops:
                assert finding.verdict == "fracture"
            check_finding(finding, context.vertebrae[key], context)


@given(stories())
def test_the_same_operation_twice_says_the_same_as_once(story: Any) -> None:
    context, states, accepted = story
    for after, operation in zip(states[1:], accepted, strict=True):
        assert apply(after, context, *operation) == after


@given(stories())
def test_folding_the_log_gives_the_last_state(story: Any) -> None:
    context, states, accepted = story
    through_json = [(verb, json.loads(json.dumps(payload))) for verb, payload in accepted]
    assert said(context, *through_json) == states[-1]


@given(stories())
def test_restoring_what_was_there_before_undoes_any_operation(story: Any) -> None:
    context, states, accepted = story
    for before, after, (_, payload) in zip(states, states[1:], accepted, strict=False):
        vertebra = payload["vertebra"]
        injury = before.injuries.get(vertebra)
        undo = {
            "vertebra": vertebra,
            "finding": before.findings[vertebra].as_json() if vertebra in before.findings else None,
            "injury": injury.as_json() if injury else None,
        }
        assert apply(after, context, "restore", json.loads(json.dumps(undo))) == before


@given(stories())
def test_a_finding_survives_its_json(story: Any) -> None:
    _, states, _ = story
    for finding in states[-1].findings.values():
        assert finding_from_json(json.loads(json.dumps(finding.as_json()))) == finding


@given(stories())
def test_sealing_twice_is_sealing_once_and_complete_reads_have_a_verdict_for_all(story: Any) -> None:
    context, states, _ = story
    once = sealed(states[-1], context)
    assert sealed(once, context) == once
    assert content_sha(once, {}) == content_sha(sealed(once, context), {})
    if not gaps_of(states[-1], context):
        assert all(once.finding(key).verdict is not None for key in context.vertebrae)
        for key, vertebra in context.vertebrae.items():
            finding = once.finding(key)
            if context.unit == "slice" and not vertebra.cut and finding.verdict in ("fracture", "negative"):
                assert set(vertebra.sops) <= set(finding.slices)


# --- label_slices -------------------------------------------------------------------------------------------------


def test_a_fractured_slice_makes_the_vertebra_a_fracture() -> None:
    for before in (verdict("negative"), verdict("indeterminate"), verdict("not_assessable", why="metal")):
        state = said(room(), before, mark("fracture", "s4", source="key"))
        assert state.finding(L2).verdict == "fracture"
        assert state.finding(L2).why == ""


def test_when_the_last_fractured_slice_goes_verdict_and_ao_type_go_with_it() -> None:
    state = said(room(), mark("fracture", "s3", "s4"), ("set_ao", {"vertebra": L2, "ao_body": "A3"}), mark(None, "s3"))
    assert (state.finding(L2).verdict, state.finding(L2).ao_body) == ("fracture", "A3")
    assert said(room(), mark(None, "s4"), state=state).finding(L2) == BLANK


def test_where_the_unit_is_the_vertebra_its_verdict_outlives_its_slices() -> None:
    state = said(room("vertebra"), mark("fracture", "s4"), mark(None, "s4"))
    assert state.finding(L2).verdict == "fracture"


def test_a_vertebra_is_negative_once_every_slice_of_its_body_is() -> None:
    state = said(room(), mark("negative", "s3", "s4"))
    assert state.finding(L2).verdict is None
    assert said(room(), mark("negative", "s5"), state=state).finding(L2).verdict == "negative"


def test_a_negative_vertebra_that_loses_a_label_has_no_verdict() -> None:
    state = said(room(), verdict("negative"), mark(None, "s4"))
    assert state.finding(L2).verdict is None
    assert values(state) == {"s3": "negative", "s5": "negative"}


def test_a_called_fracture_without_a_marked_slice_stays_one_while_others_become_negative() -> None:
    state = said(room(), verdict("fracture"), mark("negative", *BODY))
    assert state.finding(L2).verdict == "fracture"


def test_the_margin_takes_labels_and_what_lies_beyond_does_not() -> None:
    assert values(said(room(), mark("fracture", "s1", "s7"))) == {"s1": "fracture", "s7": "fracture"}
    for value in ("fracture", "negative", None):
        with pytest.raises(OperationRefused, match=r"^This slice does not cross L2\.$"):
            said(room(), mark(value, "s8"))


def test_a_range_is_negative_only_when_each_of_its_slices_was_seen() -> None:
    half_seen = room(seen=frozenset({"s3"}))
    with pytest.raises(OperationRefused, match=r"^2 slices have not been seen on L2\.$"):
        said(half_seen, mark("negative", *BODY))
    with pytest.raises(OperationRefused, match=r"^1 slice has not been seen on L2\.$"):
        said(half_seen, mark("negative", "s3", "s2"))
    assert values(said(half_seen, mark("negative", "s3"))) == {"s3": "negative"}
    # The slice on screen is seen by being labelled; a fracture may be marked where it is known to reach.
    assert values(said(half_seen, mark("negative", "s4", source="key"))) == {"s4": "negative"}
    assert values(said(half_seen, mark("fracture", *BODY))) == dict.fromkeys(BODY, "fracture")


def test_a_log_from_before_a_rule_of_coverage_can_still_be_folded() -> None:
    unseen = room(seen=frozenset())
    log = [mark("negative", "s3", "s4"), ("rest_negative", {"vertebra": L3})]
    with pytest.raises(OperationRefused):
        said(unseen, *log)
    assert said(unseen.looking_back(), *log) == said(room(), *log)


def test_a_label_by_key_is_for_one_slice() -> None:
    with pytest.raises(OperationRefused, match="one slice"):
        said(room(), mark("negative", "s3", "s4", source="key"))


# --- verdicts -----------------------------------------------------------------------------------------------------


def test_the_rest_is_negative_only_when_all_was_seen() -> None:
    with pytest.raises(OperationRefused, match=r"^2 slices have not been seen on L2\.$"):
        said(room(seen=frozenset({"s3"})), ("rest_negative", {"vertebra": L2}))
    state = said(room(), mark("fracture", "s4"), ("rest_negative", {"vertebra": L2}))
    assert values(state) == {"s3": "negative", "s4": "fracture", "s5": "negative"}
    assert state.finding(L2).verdict == "fracture"
    assert said(room(), ("rest_negative", {"vertebra": L2})).finding(L2).verdict == "negative"


def test_the_rest_of_a_graded_fracture_without_a_fractured_slice_is_not_negative() -> None:
    graded = ("set_ao", {"vertebra": L2, "ao_body": "A1"})
    with pytest.raises(OperationRefused, match=r"^L2 is called a fracture, but none of its slices is\. Mark one first"):
        said(room(), graded, ("rest_negative", {"vertebra": L2}))


def test_negative_is_refused_while_a_slice_is_fractured() -> None:
    for unit in ("slice", "vertebra"):
        with pytest.raises(OperationRefused, match=r"^L2 has 3 fractured slices\. Clear them first\.$"):
            said(room(unit), mark("fracture", *BODY), verdict("negative"))
    with pytest.raises(OperationRefused, match=r"^L2 has 1 fractured slice\. Clear it first\.$"):
        said(room(), mark("fracture", "s4"), verdict("negative"))


def test_negative_labels_every_slice_where_the_unit_is_the_slice_and_none_where_it_is_the_vertebra() -> None:
    assert values(said(room(), verdict("negative"))) == dict.fromkeys(BODY, "negative")
    assert values(said(room("vertebra"), verdict("negative"))) == {}


def test_what_cannot_be_judged_carries_no_slices_and_no_ao_type() -> None:
    fracture = (mark("fracture", "s4"), ("set_ao", {"vertebra": L2, "ao_body": "A1"}))
    assert said(room(), *fracture, verdict("indeterminate")).finding(L2) == FindingState(verdict="indeterminate")
    blocked = said(room(), *fracture, verdict("not_assessable", why="metal")).finding(L2)
    assert blocked == FindingState(verdict="not_assessable", why="metal")


def test_not_assessable_says_why_and_nothing_else_does() -> None:
    with pytest.raises(OperationRefused, match=r"^Say why L2 is not assessable\.$"):
        said(room(), verdict("not_assessable"))
    with pytest.raises(OperationRefused, match="only when"):
        said(room(), verdict("negative", why="metal"))


def test_no_verdict_starts_the_vertebra_over_but_keeps_its_comment() -> None:
    state = said(room(), mark("fracture", "s4"), ("set_comment", {"vertebra": L2, "text": "old?"}), verdict(None))
    assert state.finding(L2) == FindingState(comment="old?")


def test_an_ao_type_makes_a_fracture_and_taking_it_away_leaves_one() -> None:
    state = said(room(), verdict("negative"), ("set_ao", {"vertebra": L2, "ao_body": "A2"}))
    assert (state.finding(L2).verdict, state.finding(L2).ao_body) == ("fracture", "A2")
    state = said(room(), ("set_ao", {"vertebra": L2, "ao_body": None}), state=state)
    assert (state.finding(L2).verdict, state.finding(L2).ao_body) == ("fracture", None)


def test_a_process_fracture_is_a_tick_beside_any_verdict() -> None:
    state = said(room(), verdict("negative"), ("set_process_fracture", {"vertebra": L2, "value": True}))
    assert (state.finding(L2).verdict, state.finding(L2).process_fracture) == ("negative", True)


# --- injuries, restore, payloads ----------------------------------------------------------------------------------


def test_an_injury_lies_between_neighbours_or_ends_with_the_image() -> None:
    state = said(room(), ("set_injury", {"upper": L2, "lower": L3, "type": "B2"}))
    assert state.injuries == {L2: Injury(L3, "B2")}
    assert said(room(), ("set_injury", {"upper": L3, "lower": None, "type": "C"})).injuries == {L3: Injury(None, "C")}
    assert said(room(), ("set_injury", {"upper": L2, "lower": None, "type": None}), state=state).injuries == {}
    for lower in (L2, 99):
        with pytest.raises(OperationRefused, match="ends elsewhere"):
            said(room(), ("set_injury", {"upper": L2, "lower": lower, "type": "B1"}))
    with pytest.raises(OperationRefused, match="ends elsewhere"):
        said(room(), ("set_injury", {"upper": L3, "lower": L2, "type": "B1"}))


@given(stories())
def test_looking_back_at_a_log_gives_the_state_it_had(story: Any) -> None:
    context, states, accepted = story
    assert said(context.looking_back(), *accepted) == states[-1]


def test_restore_leaves_an_injury_it_does_not_name() -> None:
    state = said(room(), ("set_injury", {"upper": L2, "lower": L3, "type": "B2"}), verdict("negative"))
    assert said(room(), ("restore", {"vertebra": L2, "finding": None}), state=state).injuries == {L2: Injury(L3, "B2")}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param({"verdict": "negative", "ao_body": "A3"}, "not called a fracture", id="AO-without-fracture"),
        pytest.param({"verdict": "not_assessable"}, "reason", id="no-reason"),
        pytest.param({"why": "metal"}, "reason", id="reason-without-verdict"),
        pytest.param(
            {"slices": {"s4": {"value": "fracture", "source": "key"}}}, "is a fracture", id="marked-no-verdict"
        ),
        pytest.param(
            {"verdict": "indeterminate", "slices": {"s4": {"value": "negative", "source": "key"}}},
            "carry no label",
            id="indeterminate-with-slices",
        ),
        pytest.param({"verdict": "negative"}, "each of its slices", id="negative-unlabelled"),
        pytest.param(
            {"verdict": "fracture", "slices": {"s9": {"value": "fracture", "source": "key"}}}, "cross L2", id="outside"
        ),
        pytest.param(
            {"verdict": "fracture", "slices": {"s4": {"value": "fracture", "source": "model"}}},
            "source",
            id="a-model's",
        ),
        pytest.param({"verdict": "maybe"}, "verdict", id="unknown-word"),
        pytest.param({"score": 0.5}, "no field called score", id="unknown-field"),
        pytest.param({"comment": "x" * 2001}, "2000 characters", id="too-long"),
    ],
)
def test_restore_refuses_a_finding_that_breaks_a_law(change: dict[str, Any], word: str) -> None:
    with pytest.raises(OperationRefused, match=word):
        said(room(), ("restore", {"vertebra": L2, "finding": {**BLANK.as_json(), **change}}))


@pytest.mark.parametrize(
    ("verb", "payload"),
    [
        ("label_slices", {"vertebra": L2, "sop_uids": [], "value": "fracture", "source": "range"}),
        ("label_slices", {"vertebra": L2, "sop_uids": ["s4", "s4"], "value": "fracture", "source": "range"}),
        ("label_slices", {"vertebra": L2, "sop_uids": "s4", "value": "fracture", "source": "range"}),
        ("label_slices", {"vertebra": L2, "sop_uids": ["s4"], "value": "fracture", "source": "model"}),
        ("label_slices", {"vertebra": L2, "sop_uids": ["s4"], "value": "fracture"}),
        ("label_slices", {"vertebra": str(L2), "sop_uids": ["s4"], "value": "fracture", "source": "key"}),
        ("label_slices", {"vertebra": True, "sop_uids": ["s4"], "value": "fracture", "source": "key"}),
        ("rest_negative", {"vertebra": 99}),
        ("rest_negative", {}),
        ("set_verdict", {"vertebra": L2, "verdict": "benign"}),
        ("set_ao", {"vertebra": L2, "ao_body": "A0"}),
        ("set_process_fracture", {"vertebra": L2, "value": 1}),
        ("set_acuity", {"vertebra": L2, "acuity": ""}),
        ("set_comment", {"vertebra": L2, "text": "a\x00b"}),
        ("set_comment", {"vertebra": L2, "text": "\ud800"}),
        ("set_comment", {"vertebra": L2, "text": "x" * 2001}),
        ("set_level_said", {"vertebra": L2, "level": "L7"}),
        ("set_injury", {"vertebra": L3, "upper": L2, "lower": None, "type": "C"}),
        ("set_unclear", {"vertebra": L2, "value": True, "because": "of the noise"}),
        ("delete_everything", {"vertebra": L2}),
        ("set_unclear", ["not", "an", "object"]),
    ],
)
def test_a_payload_that_is_not_exactly_right_is_refused_with_a_sentence(verb: str, payload: Any) -> None:
    with pytest.raises(OperationRefused) as refusal:
        apply(ReadState(), room(), verb, payload)
    assert refusal.value.sentence.endswith(".")


def test_a_refusal_names_a_vertebra_without_a_level_too() -> None:
    context = ReadContext("slice", True, {1: VertebraContext(1, "", BODY)}, frozenset())
    with pytest.raises(OperationRefused, match=r"^3 slices have not been seen on this vertebra\.$"):
        apply(ReadState(), context, "rest_negative", {"vertebra": 1})


def test_marks_hold_what_was_sent() -> None:
    assert said(room(), mark("fracture", "s4", source="key")).finding(L2).slices == {"s4": SliceMark("fracture", "key")}
