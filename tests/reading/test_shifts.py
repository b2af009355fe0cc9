"""One level off: when a shift is offered, when it is not, and what a set shift asks anew."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import AuditEvent, Read, RoundKind, Settlement, Settles
from labeling.reading.consensus.differences import differences
from labeling.reading.consensus.opening import Choice, lock_consensus, set_shift, settle
from labeling.reading.consensus.rows import offer_of, table_of
from labeling.reading.consensus.shifts import compared, moved, offer
from labeling.reading.labels import replay
from labeling.reading.projection import load_state
from labeling.reading.refusals import OperationRefused
from labeling.reading.state import FindingState, Injury, ReadContext, ReadState, SliceMark, VertebraContext
from tests.reading.sittings import LEVELS, a_sitting
from tests.reading.test_differences import states as states_of_four

SOPS = tuple(f"1.2.{k}" for k in range(10))
IN_VIEW = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
NEGATIVE = FindingState(verdict="negative")


def context(levels: tuple[str, ...] = IN_VIEW) -> ReadContext:
    vertebrae = {
        key: VertebraContext(key, level, SOPS[3:7], (*SOPS[1:3], *SOPS[7:9])) for key, level in enumerate(levels, 1)
    }
    return ReadContext("vertebra", True, vertebrae, frozenset(SOPS), frozenset(SOPS))


def read(**said: str) -> ReadState:
    """All negative but for these AO types by level."""
    return ReadState(
        {
            key: FindingState(verdict="fracture", ao_body=said[level]) if level in said else NEGATIVE
            for key, level in enumerate(IN_VIEW, 1)
        }
    )


def named(state: ReadState, step: int) -> ReadState:
    """The same with every level said one off."""
    around = ("T9", *IN_VIEW, "L6")
    return ReadState(
        {
            key: replace(finding, level_said=around[place + step])
            for place, (key, finding) in enumerate(sorted(state.findings.items()), 1)
        }
    )


def test_fractures_that_repeat_one_vertebra_up_are_offered_down() -> None:
    found = offer({"A": read(T12="A1", L3="A3"), "B": read(T11="A1", L2="A4")}, context(), "vertebra")
    assert found is not None
    assert (found.letter, found.by, found.moves, found.differ_now, found.differ_after) == ("B", 1, "findings", 4, 1)
    assert found.sentence == (
        "B's fractures repeat A's, each one vertebra up. Shifting B down by one leaves 1 difference instead of 4."
    )
    by_level = dict(zip(IN_VIEW, found.preview, strict=True))
    assert by_level["T10"].after.verdict is None
    assert (by_level["T12"].now.verdict, by_level["T12"].after.ao_body) == ("negative", "A1")


def test_names_that_are_off_throughout_are_offered_and_the_findings_stay() -> None:
    found = offer({"A": read(L1="A1"), "B": named(read(L1="A1"), -1)}, context(), "vertebra")
    assert found is not None
    assert (found.letter, found.by, found.moves, found.differ_after) == ("B", 1, "names", 0)
    other = offer({"A": named(read(L1="A1"), 1), "B": read(L1="A1")}, context(), "vertebra")
    assert other is not None
    assert (other.letter, other.by, other.moves) == ("A", -1, "names")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # One pattern does not repeat the other.
        (read(T12="A1", L3="A1"), read(T11="A1")),
        # Both lie where they should.
        (read(T12="A1"), read(T12="A3")),
        # No fracture to compare.
        (read(), read()),
        # Up and down would do as well.
        (read(T12="A1", L2="A1"), read(T11="A1", L1="A1", L3="A1")),
        # The lowest fracture would leave the image.
        (read(L1="A1"), read(T12="A1", L5="A1")),
    ],
)
def test_what_does_not_fit_is_not_offered(first: ReadState, second: ReadState) -> None:
    assert offer({"A": first, "B": second}, context(), "vertebra") is None


def test_the_read_that_was_made_elsewhere_is_the_one_that_moves() -> None:
    found = offer({"A": read(T11="A1"), "B": read(T12="A1")}, context(), "vertebra", foreign="A")
    assert found is not None
    assert (found.letter, found.by) == ("A", 1)


def test_one_name_alone_is_no_shift() -> None:
    one = read().with_finding(3, replace(NEGATIVE, level_said="L1"))
    assert offer({"A": read(), "B": one}, context(), "vertebra") is None


@given(states_of_four(), states_of_four(), st.sampled_from(["vertebra", "slice"]))
def test_whatever_is_offered_leaves_fewer_differences(a: ReadState, b: ReadState, unit: str) -> None:
    place = context(("T11", "T12", "L1", "L2"))
    found = offer({"A": a, "B": b}, place, unit)
    if found is None:
        return
    reads = {"A": a, "B": b}
    other = reads["A" if found.letter == "B" else "B"]
    after = moved(reads[found.letter], place, found.by, found.moves)
    left = differences(compared(after, other, place, found.by, found.moves), other, place, unit)
    assert len(left) == found.differ_after < found.differ_now
    if found.moves == "findings":
        assert any(after.finding(key).verdict == other.finding(key).verdict == "fracture" for key in place.vertebrae)


@given(states_of_four(), st.sampled_from([-1, 1]))
def test_findings_moved_there_and_back_are_the_same_but_for_the_ends(state: ReadState, by: int) -> None:
    place = context(("T11", "T12", "L1", "L2"))
    back = moved(moved(state, place, by, "findings"), place, -by, "findings")
    for key in (2, 3):
        assert replace(back.finding(key), level_said="") == replace(state.finding(key), level_said="")


def test_slices_move_along_where_they_cross_the_body_they_come_to() -> None:
    place = context(("T12", "L1"))
    narrow = replace(place.vertebrae[2], sops=SOPS[5:7], margin_sops=(*SOPS[3:5], *SOPS[7:9]))
    place = replace(place, vertebrae={1: place.vertebrae[1], 2: narrow})
    marks = {SOPS[k]: SliceMark("fracture", "key") for k in (1, 3, 5)}
    fractured = FindingState(verdict="fracture", ao_body="A1", slices=marks)
    after = moved(ReadState({1: fractured}, {1: Injury(2, "B1")}), place, 1, "findings")
    assert set(after.finding(2).slices) == {SOPS[3], SOPS[5]}
    assert after.injuries == {2: Injury(None, "B1")}


def test_a_read_is_never_moved_by_two() -> None:
    with pytest.raises(ValueError, match="moved by one vertebra"):
        moved(read(), context(), 2, "findings")


# --- set ------------------------------------------------------------------------------------------------------------

A_SAYS = {"T11": "A1", "L1": "A3"}
B_SAYS = {"T10": "A1", "T12": "A3"}

pytestmark = pytest.mark.django_db


def letter_of(consensus: Read, read_: Read) -> str:
    return Settles.objects.get(consensus=consensus, read=read_).letter


def test_a_shift_asks_anew_fills_in_what_fits_now_and_can_be_undone() -> None:
    sitting = a_sitting(A_SAYS, B_SAYS)
    consensus = sitting.open()
    before = (table_of(consensus).asked, load_state(consensus)[0])
    assert len(before[0]) == 4
    found = offer_of(table_of(consensus))
    assert found is not None
    assert (found.letter, found.differ_after) == ("B", 0)
    hashes = {one.pk: one.content_sha for one in sitting.reads}
    consensus = set_shift(sitting.senior, consensus.pk, letter="B", by=found.by, moves="findings")
    table = table_of(consensus)
    assert table.asked == ()
    assert offer_of(table) is None
    said = {level: table.state.finding(sitting.vertebra(level)).ao_body for level in LEVELS}
    shifted_to = A_SAYS if letter_of(consensus, sitting.reads[0]) == "A" else B_SAYS
    assert {level: ao for level, ao in said.items() if ao} == shifted_to
    assert replay(consensus) == table.state
    event = AuditEvent.objects.get(verb="shift_set")
    assert (event.by, event.detail["by"], event.detail["moves"]) == (sitting.senior, found.by, "findings")
    assert {one.pk: one.content_sha for one in Read.objects.filter(pk__in=hashes)} == hashes
    consensus = set_shift(sitting.senior, consensus.pk, letter="B", by=0, moves="")
    assert (table_of(consensus).asked, load_state(consensus)[0]) == before
    assert AuditEvent.objects.filter(verb="shift_set").count() == 2


def test_what_was_settled_goes_where_it_is_no_longer_asked_or_was_taken_from_the_read_that_moved() -> None:
    sitting = a_sitting({**A_SAYS, "L3": "A1"}, B_SAYS)
    consensus = sitting.open()
    off = letter_of(consensus, sitting.reads[1])
    right = "a" if off == "B" else "b"

    def settled(level: str, took: str) -> None:
        nonlocal consensus
        choice = Choice(sitting.vertebra(level), took, "level", "unknown")
        consensus = settle(sitting.senior, consensus.pk, uuid=uuid4(), base_seq=consensus.seq, choice=choice)

    settled("T11", right)
    settled("L3", right)
    consensus = set_shift(sitting.senior, consensus.pk, letter=off, by=1, moves="findings")
    kept = set(Settlement.objects.filter(consensus=consensus).values_list("vertebra", flat=True))
    asked = {one.vertebra for one in table_of(consensus).asked}
    assert sitting.vertebra("L3") in kept
    assert kept <= asked
    settled("L3", off.lower())
    consensus = set_shift(sitting.senior, consensus.pk, letter=off, by=0, moves="")
    assert replay(consensus) == load_state(consensus)[0]


def test_no_shift_lets_a_fracture_fall_off_the_end() -> None:
    sitting = a_sitting({}, {"L3": "A3"})
    consensus = sitting.open()
    off = letter_of(consensus, sitting.reads[1])
    with pytest.raises(OperationRefused, match="L3"):
        set_shift(sitting.senior, consensus.pk, letter=off, by=1, moves="findings")
    assert not Settles.objects.filter(consensus=consensus).exclude(shift=0).exists()


def test_the_name_that_was_taken_is_the_level_of_the_panel() -> None:
    around = ("T9", *LEVELS)
    low = {level: FindingState(verdict="negative", level_said=around[place]) for place, level in enumerate(LEVELS)}
    sitting = a_sitting({}, low)
    consensus = sitting.open()
    found = offer_of(table_of(consensus))
    assert found is not None
    assert (found.moves, found.by, found.differ_after) == ("names", 1, 0)
    assert found.letter == letter_of(consensus, sitting.reads[1])
    off = sitting.vertebra("L1")
    choice = Choice(off, found.letter.lower(), "level", "unknown")
    settle(sitting.senior, consensus.pk, uuid=uuid4(), base_seq=consensus.seq, choice=choice)
    assert load_state(consensus)[0].finding(off).level_said == "T12"
    consensus = set_shift(sitting.senior, consensus.pk, letter=found.letter, by=1, moves="names")
    assert load_state(consensus)[0].finding(off).level_said in ("", "L1")
    assert lock_consensus(sitting.senior, consensus.pk, base_seq=consensus.seq).reference.current


def test_a_shift_needs_two_reads_and_one_of_them_moves() -> None:
    alone = a_sitting({"T12": FindingState(verdict="negative", unclear=True)}, kind=RoundKind.LABELLING)
    with pytest.raises(OperationRefused) as refused:
        set_shift(alone.senior, alone.open().pk, letter="A", by=1, moves="findings")
    assert refused.value.code == "no_such_read"
    sitting = a_sitting(A_SAYS, B_SAYS)
    consensus = set_shift(sitting.senior, sitting.open().pk, letter="A", by=1, moves="findings")
    for letter, by, moves, code in (
        ("B", 1, "findings", "shifted"),
        ("A", 2, "names", "bad_payload"),
        ("A", 1, "", "bad_payload"),
    ):
        with pytest.raises(OperationRefused) as refused:
            set_shift(sitting.senior, consensus.pk, letter=letter, by=by, moves=moves)
        assert refused.value.code == code
