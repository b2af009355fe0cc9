"""The rules *To lock*, one by one."""

from __future__ import annotations

from labeling.reading.gaps import gaps_of
from labeling.reading.sealing import sealed
from labeling.reading.state import ReadState
from tests.reading.test_state import BODY, L2, L3, mark, room, said, values, verdict


def kinds(state: ReadState, *context: object, **options: object) -> list[tuple[int, str]]:
    return [(gap.vertebra, gap.kind) for gap in gaps_of(state, room(*context, **options)) if gap.vertebra == L2]  # type: ignore[arg-type]


def test_every_vertebra_in_view_needs_a_verdict() -> None:
    gaps = gaps_of(ReadState(), room())
    assert [(gap.vertebra, gap.level, gap.kind, gap.sentence) for gap in gaps] == [
        (L2, "L2", "no_verdict", "L2 has no verdict yet."),
        (L3, "L3", "no_verdict", "L3 has no verdict yet."),
    ]


def test_a_vertebra_that_the_image_cuts_never_blocks() -> None:
    assert kinds(ReadState(), cut=True) == []
    assert kinds(said(room(), verdict("fracture")), cut=True) == []


def test_a_fracture_needs_a_fractured_slice_of_the_body_where_the_unit_is_the_slice() -> None:
    graded = said(room(), ("set_ao", {"vertebra": L2, "ao_body": "A1"}))
    assert kinds(graded) == [(L2, "no_fractured_slice")]
    assert kinds(said(room(), mark("fracture", "s2"), state=graded)) == [(L2, "no_fractured_slice")]
    assert kinds(said(room(), mark("fracture", "s3"), state=graded)) == []
    assert kinds(graded, "vertebra") == []


def test_the_ao_type_is_owed_where_the_round_asks_for_it() -> None:
    state = said(room(), mark("fracture", "s4"))
    assert kinds(state) == [(L2, "no_ao_type")]
    assert kinds(state, ao_required=False) == []


def test_unseen_slices_block_and_are_listed() -> None:
    state = said(room(), mark("fracture", "s4"), mark("negative", "s5"))
    seen = frozenset({"s1", "s3"})
    (gap,) = [gap for gap in gaps_of(state, room(seen=seen, ao_required=False)) if gap.vertebra == L2]
    assert gap.kind == "unseen_slices"
    assert gap.sop_uids == ("s5",)
    assert gap.sentence == "1 slice has not been seen on L2."
    assert kinds(state, "vertebra", seen=seen, ao_required=False) == []


def test_what_cannot_be_judged_needs_no_slice_seen() -> None:
    for step in (verdict("indeterminate"), verdict("not_assessable", why="motion")):
        assert kinds(said(room(), step), seen=frozenset()) == []


def test_the_lock_implies_negatives_for_seen_slices_of_fractures_and_negatives_only() -> None:
    fracture = sealed(said(room(), mark("fracture", "s4")), room())
    assert values(fracture) == {"s3": "negative", "s4": "fracture", "s5": "negative"}
    assert {mark.source for sop, mark in fracture.finding(L2).slices.items() if sop != "s4"} == {"implied"}
    assert values(sealed(said(room(), verdict("indeterminate")), room())) == {}
    assert values(sealed(said(room("vertebra"), verdict("negative")), room("vertebra"))) == {}
    assert values(sealed(said(room(), mark("fracture", "s4")), room(seen=frozenset({"s3"})))) == {
        "s3": "negative",
        "s4": "fracture",
    }


def test_the_lock_calls_a_cut_vertebra_not_assessable_unless_the_reader_judged_it() -> None:
    cut = room(cut=True)
    finding = sealed(said(cut, mark("negative", "s3")), cut).finding(L2)
    assert (finding.verdict, finding.why, finding.slices) == ("not_assessable", "cut", {})
    judged = sealed(said(cut, verdict("negative")), cut).finding(L2)
    assert (judged.verdict, set(judged.slices)) == ("negative", set(BODY))
