"""Consensus and truth."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from labeling.models import (
    Notice,
    Participant,
    Question,
    Read,
    Reader,
    ReasonCode,
    Reference,
    Settlement,
    Settles,
    Sitting,
)
from tests.factories import (
    lock_plainly,
    make_bare_case,
    make_case,
    make_read,
    make_reader,
    make_round,
    number,
    vertebra_of,
)
from tests.labeling.refused import Try, refused_by, rows
from tests.labeling.refused.reads import another_version


def _consensus() -> tuple[Read, Read]:
    """A consensus and a read that it may settle."""
    read = lock_plainly(make_read())
    panel = Reader.objects.create(kind="panel", label="panel")
    return another_version(read, round=make_round("consensus"), reader=panel), read


@refused_by("reason_code_version_is_unique")
def one_version_of_a_reason_twice() -> Try:
    ReasonCode.objects.create(code="schmorl", text="Schmorl node")
    return lambda: ReasonCode.objects.create(code="schmorl", text="Schmorl's node")


@refused_by("consensus_settles_a_read_once")
def one_read_settled_twice() -> Try:
    consensus, read = _consensus()
    Settles.objects.create(consensus=consensus, read=read, letter="A")
    return lambda: Settles.objects.create(consensus=consensus, read=read, letter="B")


@refused_by("consensus_uses_a_letter_once")
def two_reads_called_A() -> Try:  # noqa: N802 - the letter
    consensus, read = _consensus()
    other = lock_plainly(make_read(read.case, round=read.round))
    Settles.objects.create(consensus=consensus, read=read, letter="A")
    return lambda: Settles.objects.create(consensus=consensus, read=other, letter="A")


@refused_by("consensus_does_not_settle_itself")
def a_consensus_that_settles_itself() -> Try:
    consensus, _ = _consensus()
    return lambda: Settles.objects.create(consensus=consensus, read=consensus, letter="A")


@refused_by("participant_sits_once")
def one_participant_on_two_chairs() -> Try:
    consensus, read = _consensus()
    Participant.objects.create(consensus=consensus, reader=read.reader)
    return lambda: Participant.objects.create(consensus=consensus, reader=read.reader)


def _settlement(**wrong: Any) -> Try:
    consensus, read = _consensus()
    fields = {
        "consensus": consensus,
        "vertebra_id": vertebra_of(read, "L2"),
        "difference": "verdict",
        "took": "a",
        "reason": ReasonCode.objects.create(code="limbus", version=number(), text="limbus vertebra"),
    }
    return lambda: Settlement.objects.create(**{**fields, **wrong})


@refused_by("vertebra_is_settled_once")
def one_vertebra_settled_twice() -> Try:
    act = _settlement()
    act()
    return act


@refused_by("settlement_difference_is_known_word")
def an_unknown_difference() -> Try:
    return _settlement(difference="x")


@refused_by("settlement_took_is_known_word")
def a_third_opinion_taken() -> Try:
    return _settlement(took="c")


@refused_by("one_current_truth_per_case")
def two_truths() -> Try:
    read = lock_plainly(make_read())
    Reference.objects.create(case=read.case, read=read)
    return lambda: Reference.objects.create(case=read.case, read=read)


@refused_by("truth_is_a_locked_read_of_the_case")
def a_draft_as_truth() -> Try:
    read = make_read()
    return lambda: Reference.objects.create(case=read.case, read=read)


@refused_by("truth_is_a_locked_read_of_the_case")
def the_truth_of_another_case() -> Try:
    read, other = lock_plainly(make_read()), make_bare_case()
    return lambda: Reference.objects.create(case=other, read=read)


@refused_by("truth_only_ever_gives_way")
def a_truth_that_comes_back() -> Try:
    read = lock_plainly(make_read())
    Reference.objects.create(case=read.case, read=read, current=False)
    return lambda: Reference.objects.update(current=True)


@refused_by("truth_only_ever_gives_way")
def a_truth_that_becomes_another_read() -> Try:
    read = lock_plainly(make_read())
    other = lock_plainly(make_read(read.case, round=read.round))
    Reference.objects.create(case=read.case, read=read)
    return lambda: Reference.objects.update(read=other)


@refused_by("truth_only_ever_gives_way")
def a_truth_of_something_else() -> Try:
    read = lock_plainly(make_read())
    Reference.objects.create(case=read.case, read=read)
    return lambda: Reference.objects.update(target="second look")


@refused_by("truth_is_never_deleted")
def a_truth_forgotten() -> Try:
    read = lock_plainly(make_read())
    Reference.objects.create(case=read.case, read=read)
    return lambda: Reference.objects.all().delete()


# --- the table of a panel -------------------------------------------------------------------------------------------


@refused_by("settled_read_is_locked_and_of_the_same_case")
def a_draft_settled() -> Try:
    consensus, read = _consensus()
    draft = make_read(read.case, round=read.round)
    return lambda: Settles.objects.create(consensus=consensus, read=draft, letter="A")


@refused_by("settled_read_is_locked_and_of_the_same_case")
def the_read_of_another_case_settled() -> Try:
    consensus, _ = _consensus()
    other = lock_plainly(make_read(make_case()))
    return lambda: Settles.objects.create(consensus=consensus, read=other, letter="A")


def _settles(**wrong: Any) -> Try:
    consensus, read = _consensus()
    return lambda: Settles.objects.create(**{"consensus": consensus, "read": read, "letter": "A", **wrong})


@refused_by("settled_read_is_a_or_b")
def a_third_letter() -> Try:
    return _settles(letter="C")


@refused_by("shift_is_by_one_and_says_what_moves")
def a_shift_by_two() -> Try:
    return _settles(shift=2, shift_moves="names")


@refused_by("shift_is_by_one_and_says_what_moves")
def a_shift_of_nothing() -> Try:
    return _settles(shift=1)


@refused_by("shift_is_by_one_and_says_what_moves")
def findings_moved_by_nothing() -> Try:
    return _settles(shift=0, shift_moves="findings")


@refused_by("report_is_shown_by_somebody_at_a_time")
def a_report_shown_by_nobody() -> Try:
    consensus, _ = _consensus()
    return lambda: Sitting.objects.create(consensus=consensus, report_shown_at=timezone.now())


@refused_by("report_is_shown_by_somebody_at_a_time")
def a_report_shown_at_no_time() -> Try:
    consensus, _ = _consensus()
    lead = make_reader().user
    return lambda: Sitting.objects.create(consensus=consensus, report_shown_by=lead)


# --- nothing of it changes once it is locked ------------------------------------------------------------------------


def _locked_table() -> tuple[Read, Read]:
    """A locked consensus with one row of each kind beside it."""
    consensus, read = _consensus()
    Sitting.objects.create(consensus=consensus)
    Settles.objects.create(consensus=consensus, read=read, letter="A")
    Participant.objects.create(consensus=consensus, reader=read.reader)
    Settlement.objects.create(
        consensus=consensus,
        vertebra_id=vertebra_of(read, "L2"),
        difference="verdict",
        took="a",
        reason=ReasonCode.objects.create(code="limbus", version=number(), text="limbus vertebra"),
    )
    return lock_plainly(consensus), read


@refused_by("sitting_stays_once_consensus_is_locked")
def a_report_shown_after_the_lock() -> Try:
    consensus, read = _locked_table()
    shown = {"report_shown_by": read.reader.user, "report_shown_at": timezone.now()}
    return lambda: Sitting.objects.filter(consensus=consensus).update(**shown)


@refused_by("settled_reads_stay_once_consensus_is_locked")
def a_shift_after_the_lock() -> Try:
    consensus, _ = _locked_table()
    return lambda: Settles.objects.filter(consensus=consensus).update(shift=1, shift_moves="names")


@refused_by("settled_reads_stay_once_consensus_is_locked")
def a_second_read_after_the_lock() -> Try:
    consensus, read = _locked_table()
    other = lock_plainly(make_read(read.case, round=read.round))
    return lambda: Settles.objects.create(consensus=consensus, read=other, letter="B")


@refused_by("participants_stay_once_consensus_is_locked")
def a_member_who_was_there_after_all() -> Try:
    consensus, _ = _locked_table()
    return lambda: Participant.objects.create(consensus=consensus, reader=make_reader())


@refused_by("participants_stay_once_consensus_is_locked")
def a_member_who_was_not_there_after_all() -> Try:
    consensus, _ = _locked_table()
    return lambda: Participant.objects.filter(consensus=consensus).delete()


@refused_by("settlement_stays_once_consensus_is_locked")
def a_settlement_changed_after_the_lock() -> Try:
    consensus, _ = _locked_table()
    return lambda: Settlement.objects.filter(consensus=consensus).update(took="b")


@refused_by("settlement_stays_once_consensus_is_locked")
def a_settlement_taken_back_after_the_lock() -> Try:
    consensus, _ = _locked_table()
    return lambda: Settlement.objects.filter(consensus=consensus).delete()


# --- questions and notices ------------------------------------------------------------------------------------------


def _question(**wrong: Any) -> Try:
    consensus, read = _consensus()
    fields = {
        "consensus": consensus,
        "read": read,
        "vertebra_id": vertebra_of(read, "L2"),
        "text": "Which endplate?",
        "by": make_reader(),
    }
    return lambda: Question.objects.create(**{**fields, **wrong})


@refused_by("question_asks_something")
def an_empty_question() -> Try:
    return _question(text="")


@refused_by("answer_has_a_time")
def an_answer_at_no_time() -> Try:
    return _question(answer="The upper one.")


@refused_by("answer_has_a_time")
def a_time_without_an_answer() -> Try:
    return _question(answered_at=timezone.now())


@refused_by("answered_question_never_changes")
def an_answer_taken_back() -> Try:
    _question(answer="The upper one.", answered_at=timezone.now())()
    return lambda: Question.objects.update(answer="The lower one.")


@refused_by("answered_question_never_changes")
def a_question_forgotten_once_answered() -> Try:
    _question(answer="The upper one.", answered_at=timezone.now())()
    return lambda: Question.objects.all().delete()


def _notice(**wrong: Any) -> Notice:
    return Notice.objects.create(**{"reader": make_reader(), "kind": "assigned", "text": "3 cases to read.", **wrong})


rows("notice_kind_is_known_word", "an_unknown_notice", _notice, kind="x")
rows("notice_says_something", "an_empty_notice", _notice, text="")
