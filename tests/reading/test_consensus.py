"""A consensus: what opens it, what it asks, what it takes, and what its lock makes true."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling.models import (
    Assignment,
    AuditEvent,
    Exposure,
    Finding,
    LabelOperation,
    Notice,
    NoticeKind,
    Participant,
    Question,
    Read,
    Reference,
    Round,
    RoundKind,
    RoundState,
    Settlement,
    Settles,
)
from labeling.reading.consensus.opening import (
    Choice,
    answer,
    ask,
    consensus_list,
    correct,
    lock_consensus,
    next_to_settle,
    open_consensus,
    set_member,
    settle,
    show_report,
    unsettle,
)
from labeling.reading.consensus.rows import table_of
from labeling.reading.labels import Conflict, replay
from labeling.reading.locking import NotComplete, lock_read
from labeling.reading.planning.handing import reassign, take_back
from labeling.reading.projection import load_state
from labeling.reading.refusals import OperationRefused, ReadLocked
from labeling.reading.reopening import reopen
from labeling.reading.roles import Role, reader_of
from labeling.reading.state import FindingState, SliceMark
from tests.factories import (
    make_anatomy,
    make_assignment,
    make_case,
    make_patient,
    make_read,
    make_reader,
    make_round,
    make_user,
    sops_of,
)
from tests.reading.sittings import LEVELS, Sitting, a_sitting, settle_all, write

pytestmark = pytest.mark.django_db

#: The two reads differ on T12 (fracture or negative) and L1 (A1 or A3).
FIRST = {"T12": "A1", "L1": "A1"}
SECOND = {"L1": "A3"}


@pytest.fixture
def sitting() -> Sitting:
    return a_sitting(FIRST, SECOND)


def choice(sitting: Sitting, level: str, took: str = "a", **fields: Any) -> Choice:
    return Choice(**{"vertebra": sitting.vertebra(level), "took": took, "reason": "limbus", "acuity": "old", **fields})


def seq_of(consensus: Read) -> int:
    return Read.objects.values_list("seq", flat=True).get(pk=consensus.pk)


def settled(sitting: Sitting, consensus: Read, level: str, took: str = "a", **fields: Any) -> Read:
    user = fields.pop("user", sitting.senior)
    uuid, base_seq = fields.pop("uuid", uuid4()), fields.pop("base_seq", seq_of(consensus))
    return settle(user, consensus.pk, uuid=uuid, base_seq=base_seq, choice=choice(sitting, level, took, **fields))


def code_of(act: Any) -> str:
    with pytest.raises(OperationRefused) as refused:
        act()
    assert refused.value.sentence.endswith(".")
    return refused.value.code


# --- opening --------------------------------------------------------------------------------------------------------


def test_opening_fills_in_what_is_agreed_and_asks_exactly_what_differs_harm_first(sitting: Sitting) -> None:
    consensus = sitting.open()
    table = table_of(consensus)
    assert [(one.vertebra, one.difference) for one in table.asked] == [
        (sitting.vertebra("T12"), "verdict"),
        (sitting.vertebra("L1"), "ao"),
    ]
    state, _ = load_state(consensus)
    assert {state.finding(sitting.vertebra(level)).verdict for level in ("T10", "T11", "L2", "L3")} == {"negative"}
    assert state.finding(sitting.vertebra("T12")).verdict is None
    assert replay(consensus) == state


def test_the_letters_are_drawn_for_the_case_and_stay(sitting: Sitting) -> None:
    consensus = sitting.open()
    letters = dict(Settles.objects.filter(consensus=consensus).values_list("letter", "read"))
    assert set(letters.values()) == {read.pk for read in sitting.reads}
    assert sorted(letters) == ["A", "B"]
    assert sitting.open() == consensus
    drawn = set()
    for _ in range(12):
        other = a_sitting(FIRST, SECOND)
        first = Settles.objects.get(consensus=other.open(), letter="A").read_id
        drawn.add(first == other.reads[0].pk)
    assert drawn == {True, False}


def test_two_members_who_open_it_get_the_same_one_and_are_both_present(sitting: Sitting) -> None:
    first, second = (sitting.open(user) for user in sitting.seniors)
    assert first == second
    assert Participant.objects.filter(consensus=first).count() == 2


def test_whoever_is_no_member_does_not_open_it(sitting: Sitting) -> None:
    for role in Role:
        assert code_of(lambda role=role: sitting.open(make_user(role))) == "not_a_member"


def test_a_resident_does_not_settle_an_independent_round_even_where_assigned(sitting: Sitting) -> None:
    resident = make_reader(Role.RESIDENT)
    make_assignment(sitting.case, round=sitting.round, reader=resident)
    assert code_of(lambda: sitting.open(resident.user)) == "not_a_member"


@pytest.mark.parametrize("state", ["planned", "paused", "closed"])
def test_nothing_is_opened_while_the_round_is_not_open(sitting: Sitting, state: str) -> None:
    started = None if state == "planned" else timezone.now()
    other = make_round("consensus", follows=sitting.follows, state=state, started_at=started)
    make_assignment(sitting.case, round=other, reader=reader_of(sitting.senior))
    assert code_of(lambda: open_consensus(sitting.senior, other.pk, sitting.case.pk)) == "round_not_open"


def test_it_waits_for_the_reads_without_saying_whose() -> None:
    sitting = a_sitting(FIRST, SECOND, lock=False)
    assert code_of(sitting.open) == "reads_missing"
    row = consensus_list(sitting.senior)[0]
    assert (row.state, row.words) == ("later", "Waits for reads")


def test_it_waits_for_a_read_that_was_opened_again(sitting: Sitting) -> None:
    read = sitting.reads[0]
    reopen(read_id=read.pk, reader=read.reader, reason="a slice forgotten")
    assert code_of(sitting.open) == "later_version_open"


def test_a_member_who_owes_a_blind_read_of_the_case_is_refused(sitting: Sitting) -> None:
    repeat = make_round(RoundKind.REPEAT, state="planned", started_at=None)
    make_assignment(sitting.case, round=repeat, reader=reader_of(sitting.senior))
    assert code_of(sitting.open) == "owes_read"
    row = consensus_list(sitting.senior)[0]
    assert (row.state, row.words, row.read) == ("later", "You still owe a read of this case", None)


def test_the_washout_is_told_with_its_date_and_moves_with_the_clock(settings: Any, tmp_path: Path) -> None:
    sitting = a_sitting(FIRST, SECOND, days=28)
    due = timezone.localtime(sitting.seats()[0].not_before)
    words = f"{due.day} {due:%B %Y}"
    with pytest.raises(OperationRefused, match=f"Available on {words}") as refused:
        sitting.open()
    assert refused.value.code == "wash_out"
    assert consensus_list(sitting.senior)[0].words == f"Available on {words}"
    settings.CLOCK_FILE = tmp_path / "days"
    settings.CLOCK_FILE.write_text("29")
    assert sitting.open().state == "draft"


def test_a_washout_that_the_lead_lifts_is_over() -> None:
    sitting = a_sitting(FIRST, SECOND, days=28)
    Assignment.objects.filter(round=sitting.round).update(washout_override="The study ends.")
    assert sitting.open().state == "draft"


def test_a_read_cannot_be_opened_again_once_its_consensus_has_begun(sitting: Sitting) -> None:
    sitting.open()
    read = sitting.reads[0]
    assert code_of(lambda: reopen(read_id=read.pk, reader=read.reader, reason="too late")) == "consensus_begun"


def test_reads_on_anatomies_with_different_vertebrae_need_one_that_knows_them_all() -> None:
    case = make_case()
    make_anatomy(case, ("T12", "L1"))
    sitting = a_sitting({"L1": "A1"}, {"L1": "A1"}, case=case, lock=False)
    other = make_anatomy(case, ("L2", "L3"))
    Finding.objects.filter(read=sitting.reads[1]).delete()
    Read.objects.filter(pk=sitting.reads[1].pk).update(anatomy=other)
    for read in sitting.reads:
        write(Read.objects.select_related("round").get(pk=read.pk), {})
        lock_read(read_id=read.pk, reader=read.reader, base_seq=0)
    assert code_of(sitting.open) == "anatomies_differ"


# --- labelling: one read, and what is unclear -----------------------------------------------------------------------


def test_a_labelling_round_asks_for_what_is_unclear_and_a_resident_may_sit_there() -> None:
    unclear = FindingState(verdict="negative", unclear=True, comment="Schmorl?")
    sitting = a_sitting({"T12": unclear, "L1": "A2"}, kind=RoundKind.LABELLING)
    resident = make_reader(Role.RESIDENT)
    make_assignment(sitting.case, round=sitting.round, reader=resident, not_before=timezone.now())
    assert resident.user is not None
    consensus = sitting.open(resident.user)
    table = table_of(consensus)
    assert [(one.vertebra, one.difference) for one in table.asked] == [(sitting.vertebra("T12"), "unclear")]
    assert list(table.sides) == ["A"]
    settled(sitting, consensus, "T12", user=resident.user)
    finding = load_state(consensus)[0].finding(sitting.vertebra("T12"))
    assert (finding.verdict, finding.unclear, finding.comment) == ("negative", False, "")
    # A resident alone does not make the truth.
    act = lambda: lock_consensus(resident.user, consensus.pk, base_seq=seq_of(consensus))  # noqa: E731
    assert code_of(act) == "no_senior"
    senior = reader_of(sitting.senior)
    # Nor do they say that a senior was there: seniors say so.
    seat = lambda: set_member(resident.user, consensus.pk, reader_id=senior.pk, present=True)  # noqa: E731
    assert code_of(seat) == "seats_a_senior"
    set_member(sitting.senior, consensus.pk, reader_id=senior.pk, present=True)
    assert act().reference.current
    assert AuditEvent.objects.filter(verb="panel_presence", detail__present=True).count() == 1


def test_of_a_labelled_case_that_was_drawn_for_a_second_reader_both_reads_are_settled() -> None:
    sitting = a_sitting({"L1": "A1"}, {}, kind=RoundKind.LABELLING, rules={"required_reads": 1})
    consensus = sitting.open()
    assert list(table_of(consensus).sides) == ["A", "B"]
    assert [one.vertebra for one in table_of(consensus).asked] == [sitting.vertebra("L1")]


def test_where_seniors_and_residents_read_a_case_blind_the_truth_is_made_of_the_seniors_reads() -> None:
    case = make_case()
    make_anatomy(case, LEVELS)
    follows = make_round(RoundKind.INDEPENDENT)
    for says in ({"L1": "A1"}, {"L2": "A1"}):
        read = write(make_read(case, round=follows, reader=make_reader(Role.RESIDENT)), says)
        lock_read(read_id=read.pk, reader=read.reader, base_seq=0)
    sitting = a_sitting({"T12": "A1"}, {"T12": "A3"}, case=case, follows=follows)
    assert {side.read.pk for side in table_of(sitting.open()).sides.values()} == {read.pk for read in sitting.reads}


def test_a_truth_does_not_give_way_to_another_round() -> None:
    first = a_sitting({}, {})
    locked = lock_consensus(first.senior, first.open().pk, base_seq=seq_of(first.open()))
    second = a_sitting({"L1": "A1"}, {"L1": "A1"}, case=first.case)
    assert code_of(second.open) == "has_truth"
    assert Reference.objects.get(case=first.case, current=True) == locked.reference


def test_a_truth_is_corrected_after_its_round_is_closed() -> None:
    sitting = a_sitting({"L1": "A1"}, {})
    consensus = settle_all(sitting, sitting.open())
    first = lock_consensus(sitting.senior, consensus.pk, base_seq=consensus.seq)
    Round.objects.filter(pk=sitting.round.pk).update(state=RoundState.CLOSED)
    later = settle_all(sitting, correct(sitting.senior, first.consensus.pk, "Seen on MRI."), took="b")
    second = lock_consensus(sitting.senior, later.pk, base_seq=later.seq)
    assert Reference.objects.get(case=sitting.case, current=True) == second.reference
    assert second.reference.reason == "Seen on MRI."


def test_slices_go_in_as_a_range_and_are_united_where_the_unit_is_the_slice() -> None:
    case = make_case()
    make_anatomy(case, ("T12", "L1"))
    sops = [f"{case.reading_stack.series_uid}.{k + 1}" for k in range(3, 9)]
    marks = [
        FindingState(
            verdict="fracture",
            ao_body="A1",
            slices={sop: SliceMark("fracture" if sop in some else "negative", "key") for sop in sops},
        )
        for some in (sops[:4], sops[1:5])
    ]
    sitting = a_sitting({"L1": marks[0]}, {"L1": marks[1]}, case=case, rules={"unit": "slice"})
    consensus = sitting.open()
    finding = load_state(consensus)[0].finding(sitting.vertebra("L1"))
    assert table_of(consensus).asked == ()
    assert set(finding.fractured_sops) == set(sops[:5])
    assert {mark.source for mark in finding.slices.values()} == {"range"}
    assert sops_of(consensus) == sops


# --- settling -------------------------------------------------------------------------------------------------------


def test_taking_a_read_copies_its_finding_with_the_acuity_of_the_panel(sitting: Sitting) -> None:
    consensus = sitting.open()
    side = table_of(consensus).sides["B"]
    consensus = settled(sitting, consensus, "L1", took="b", teach=True, explanation="The wall is broken.")
    finding = load_state(consensus)[0].finding(sitting.vertebra("L1"))
    assert finding.ao_body == side.own.finding(sitting.vertebra("L1")).ao_body
    assert finding.acuity == "old"
    row = Settlement.objects.get(consensus=consensus)
    assert (row.took, row.difference, row.teach, row.by) == ("b", "ao", True, reader_of(sitting.senior))
    assert row.reason.code == "limbus"


def test_neither_takes_the_finding_that_the_panel_gives(sitting: Sitting) -> None:
    consensus = sitting.open()
    given = FindingState(verdict="fracture", ao_body="A4").as_json()
    below = sitting.vertebra("L2")
    settled(sitting, consensus, "L1", took="neither", finding=given, injury={"lower": below, "type": "B2"})
    state, _ = load_state(consensus)
    assert state.finding(sitting.vertebra("L1")).ao_body == "A4"
    assert state.injuries[sitting.vertebra("L1")].type == "B2"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"took": "neither"}, "no_finding"),
        ({"took": "neither", "finding": FindingState(verdict="fracture").as_json()}, "no_ao_type"),
        ({"took": "neither", "finding": FindingState().as_json()}, "no_verdict"),
        ({"reason": "because"}, "unknown_reason"),
    ],
)
def test_what_cannot_be_locked_is_not_settled(sitting: Sitting, fields: dict[str, Any], code: str) -> None:
    consensus = sitting.open()
    before = seq_of(consensus)
    assert code_of(lambda: settled(sitting, consensus, "L1", **fields)) == code
    assert seq_of(consensus) == before
    assert not Settlement.objects.exists()


def test_what_is_agreed_is_not_settled(sitting: Sitting) -> None:
    consensus = sitting.open()
    assert code_of(lambda: settled(sitting, consensus, "T10")) == "not_asked"


def test_settling_twice_under_one_number_changes_nothing_and_another_screen_is_told(sitting: Sitting) -> None:
    consensus = sitting.open()
    uuid, base = uuid4(), seq_of(consensus)
    for _ in range(2):
        settled(sitting, consensus, "L1", uuid=uuid, base_seq=base)
    assert LabelOperation.objects.filter(read=consensus).count() == base + 1
    with pytest.raises(Conflict):
        settled(sitting, consensus, "T12", base_seq=base, user=sitting.seniors[1])
    assert Settlement.objects.filter(consensus=consensus).count() == 1
    assert code_of(lambda: settled(sitting, consensus, "T12", uuid=uuid)) == "uuid_used"


def test_taking_back_opens_the_vertebra_again(sitting: Sitting) -> None:
    consensus = settled(sitting, sitting.open(), "L1")
    unsettle(sitting.senior, consensus.pk, uuid=uuid4(), base_seq=seq_of(consensus), vertebra=sitting.vertebra("L1"))
    assert not Settlement.objects.exists()
    assert load_state(consensus)[0].finding(sitting.vertebra("L1")).verdict is None


def test_nobody_but_a_member_writes(sitting: Sitting) -> None:
    consensus = sitting.open()
    for user in (make_user(Role.SENIOR), make_user(Role.LEAD), make_user(Role.ADMINISTRATOR)):
        with pytest.raises(Read.DoesNotExist):
            settled(sitting, consensus, "L1", user=user)


def test_the_reads_stay_as_they_were_locked(sitting: Sitting) -> None:
    before = {read.pk: (read.content_sha, load_state(read)[0]) for read in sitting.reads}
    consensus = settle_all(sitting, sitting.open(), took="b")
    lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))
    for read in Read.objects.filter(pk__in=before):
        assert (read.content_sha, load_state(read)[0]) == before[read.pk]


# --- the panel ------------------------------------------------------------------------------------------------------


def test_who_is_present_knows_the_reads_from_then_on(sitting: Sitting) -> None:
    consensus = sitting.open()
    other = reader_of(sitting.seniors[1])
    set_member(sitting.senior, consensus.pk, reader_id=other.pk, present=True)
    assert Exposure.objects.filter(reader=other, case=sitting.case, what="read").exists()
    set_member(sitting.senior, consensus.pk, reader_id=other.pk, present=False)
    assert not Participant.objects.filter(consensus=consensus, reader=other).exists()


def test_who_owes_a_read_of_the_case_does_not_sit_down(sitting: Sitting) -> None:
    consensus = sitting.open()
    other = reader_of(sitting.seniors[1])
    make_assignment(sitting.case, round=make_round(RoundKind.REPEAT), reader=other)
    act = lambda: set_member(sitting.senior, consensus.pk, reader_id=other.pk, present=True)  # noqa: E731
    assert code_of(act) == "owes_read"
    assert not Exposure.objects.filter(reader=other).exists()


def test_a_stranger_does_not_sit_down(sitting: Sitting) -> None:
    consensus = sitting.open()
    stranger = make_reader(Role.SENIOR)
    act = lambda: set_member(sitting.senior, consensus.pk, reader_id=stranger.pk, present=True)  # noqa: E731
    assert code_of(act) == "not_a_member"


def test_who_loses_their_seat_leaves_the_table_of_the_open_draft(sitting: Sitting) -> None:
    consensus = sitting.open()
    staying, leaving = (reader_of(user) for user in sitting.seniors)
    sitting.open(sitting.seniors[1])
    lead = make_user(Role.LEAD)
    seat = Assignment.objects.get(round=sitting.round, reader=leaving)
    take_back(lead, seat.pk, "On leave")
    assert [one.reader for one in Participant.objects.filter(consensus=consensus)] == [staying]
    (event,) = AuditEvent.objects.filter(verb="panel_presence")
    assert (event.by, event.detail["member"], event.detail["present"]) == (lead, leaving.pk, False)
    settle_all(sitting, consensus)
    lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))
    assert not Exposure.objects.filter(reader=leaving, what="truth").exists()


def test_a_seat_that_is_given_to_another_is_left_by_who_had_it(sitting: Sitting) -> None:
    consensus = sitting.open()
    other = make_reader(Role.SENIOR)
    seat = Assignment.objects.get(round=sitting.round, reader__user=sitting.senior)
    reassign(make_user(Role.LEAD), seat.pk, other.pk, "On leave")
    assert not Participant.objects.filter(consensus=consensus).exists()
    assert other.user is not None
    sitting.open(other.user)
    assert [one.reader for one in Participant.objects.filter(consensus=consensus)] == [other]


def test_who_has_settled_something_stays_on_record_as_present_when_the_seat_is_lost(sitting: Sitting) -> None:
    consensus = sitting.open()
    settled(sitting, consensus, "L1")
    take_back(make_user(Role.LEAD), sitting.seats()[0].pk, "On leave")
    assert Participant.objects.filter(consensus=consensus, reader__user=sitting.senior).exists()
    with pytest.raises(Read.DoesNotExist):
        settled(sitting, consensus, "T12")


def test_only_the_lead_shows_the_report_and_it_is_recorded(sitting: Sitting) -> None:
    consensus = sitting.open()
    assert code_of(lambda: show_report(sitting.senior, consensus.pk)) == "not_the_lead"
    lead = make_user(Role.LEAD)
    show_report(lead, consensus.pk)
    show_report(lead, consensus.pk)
    assert AuditEvent.objects.filter(verb="report_shown_to_panel", by=lead, case=sitting.case).count() == 1
    with pytest.raises(Read.DoesNotExist):
        show_report(make_user(Role.ENGINEER), consensus.pk)


def test_a_question_goes_to_the_reader_and_the_answer_to_the_panel(sitting: Sitting) -> None:
    consensus = sitting.open()
    read = Settles.objects.get(consensus=consensus, letter="A").read
    question = ask(sitting.senior, consensus.pk, letter="A", vertebra=sitting.vertebra("T12"), text="Which endplate?")
    told = Notice.objects.get(reader=read.reader, kind=NoticeKind.QUESTION)
    assert told.question == question
    assert not any(word in told.text for word in ("A1", "fracture", "negative", "endplate"))
    with pytest.raises(Question.DoesNotExist):
        answer(sitting.senior, question.pk, "Mine.")
    assert read.reader.user is not None
    answer(read.reader.user, question.pk, "The upper one.")
    assert Notice.objects.filter(reader=reader_of(sitting.senior), kind=NoticeKind.ANSWER).exists()
    assert code_of(lambda: answer(read.reader.user, question.pk, "The lower one.")) == "answered"


# --- locking and correcting -----------------------------------------------------------------------------------------


def test_the_lock_says_truth_and_the_members_know_it(sitting: Sitting) -> None:
    consensus = sitting.open()
    with pytest.raises(NotComplete) as missing:
        lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))
    assert [gap.kind for gap in missing.value.gaps] == ["not_settled", "not_settled"]
    consensus = settle_all(sitting, consensus)
    locked = lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))
    assert locked.consensus.state == "locked"
    assert Reference.objects.get(case=sitting.case, current=True).read == locked.consensus
    assert Finding.objects.filter(read=consensus).count() == len(LEVELS)
    assert Exposure.objects.filter(reader=reader_of(sitting.senior), what="truth").exists()
    assert AuditEvent.objects.get(verb="reference_set").case == sitting.case
    assert next_to_settle(sitting.senior) is None
    with pytest.raises(ReadLocked):
        settled(sitting, consensus, "L1")


def test_the_lock_is_refused_where_another_screen_wrote(sitting: Sitting) -> None:
    consensus = settle_all(sitting, sitting.open())
    with pytest.raises(Conflict):
        lock_consensus(sitting.senior, consensus.pk, base_seq=0)
    assert not Reference.objects.exists()


def test_who_was_made_to_owe_a_read_meanwhile_stops_the_lock(sitting: Sitting) -> None:
    consensus = settle_all(sitting, sitting.open())
    other = reader_of(sitting.seniors[1])
    set_member(sitting.senior, consensus.pk, reader_id=other.pk, present=True)
    repeat = make_round(RoundKind.REPEAT, state="planned", started_at=None)
    make_assignment(sitting.case, round=repeat, reader=other, exposure_override="So small a clinic.")
    assert code_of(lambda: lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))) == "owes_read"


def test_a_correction_is_a_new_version_and_the_old_truth_stands_until_its_lock(sitting: Sitting) -> None:
    consensus = settle_all(sitting, sitting.open())
    first = lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))
    later = correct(sitting.senior, consensus.pk, "L1 looked at again")
    assert (later.version, later.state) == (2, "draft")
    assert correct(sitting.senior, consensus.pk, "twice") == later
    assert Reference.objects.get(case=sitting.case, current=True) == first.reference
    assert Settlement.objects.filter(consensus=later).count() == 2
    settled(sitting, later, "L1", took="b")
    second = lock_consensus(sitting.senior, later.pk, base_seq=seq_of(later))
    assert second.reference.reason == "L1 looked at again"
    first.reference.refresh_from_db()
    assert (first.reference.current, second.reference.current) == (False, True)
    assert consensus_list(sitting.senior)[0].words == "Settled, version 2"


def test_feedback_is_told_for_training_patients_alone() -> None:
    for split, told in (("training", 1), ("test", 0)):
        case = make_case(patient=make_patient(split=split))
        make_anatomy(case, LEVELS)
        rules = {"feedback": "after_consensus"}
        sitting = a_sitting(FIRST, SECOND, case=case, rules=rules)
        consensus = settle_all(sitting, sitting.open())
        lock_consensus(sitting.senior, consensus.pk, base_seq=seq_of(consensus))
        assert Notice.objects.filter(case=case, kind=NoticeKind.FEEDBACK).count() == 2 * told


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_puts_what_can_be_settled_first_and_counts_no_reader(django_assert_max_num_queries: Any) -> None:
    user = make_reader(Role.SENIOR)
    sittings = [
        a_sitting(FIRST, SECOND, lock=False),
        a_sitting(FIRST, SECOND, days=28),
        a_sitting(FIRST, SECOND),
        a_sitting(FIRST, SECOND),
    ]
    for one in sittings:
        seat = one.seats()[0]
        make_assignment(one.case, round=one.round, reader=user, not_before=seat.not_before)
    assert isinstance(user.user, User)
    sittings[3].open(user.user)
    fresh = User.objects.get(pk=user.user.pk)
    with django_assert_max_num_queries(6):
        rows = consensus_list(fresh)
    assert [row.words.split(" on ")[0] for row in rows] == [
        "Being settled",
        "Can be settled",
        "Available",
        "Waits for reads",
    ]
    following = next_to_settle(user.user, besides=Read.objects.get(round=sittings[3].round, state="draft"))
    assert following is not None
    assert following.case == sittings[2].case.pk


def test_a_round_that_is_planned_is_in_nobodys_list(sitting: Sitting) -> None:
    other = make_round("consensus", follows=sitting.follows, state="planned", started_at=None)
    make_assignment(sitting.case, round=other, reader=reader_of(sitting.senior))
    assert {row.round_id for row in consensus_list(sitting.senior)} == {sitting.round.pk}
