"""Consensus and truth."""

from __future__ import annotations

from typing import Any

from labeling.models import (
    Participant,
    Read,
    Reader,
    ReasonCode,
    Reference,
    Settlement,
    Settles,
)
from tests.factories import (
    lock_plainly,
    make_bare_case,
    make_read,
    make_round,
    number,
    vertebra_of,
)
from tests.labeling.refused import Try, refused_by
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
    other = make_read(read.case, round=read.round)
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
