"""Sending a vertebra back: what a panel asks one reader about it, and the one answer of that reader."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.models import AuditEvent, NoticeKind, Participant, Question
from labeling.reading.consensus.presence import take_a_seat
from labeling.reading.consensus.rows import table_of
from labeling.reading.consensus.settling import held_draft
from labeling.reading.notices import tell
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import reader_of
from labeling.reading.visibility import protocol_is_open

__all__ = ["answer", "ask"]


def ask(user: User, consensus_id: int, *, letter: str, vertebra: int, text: str) -> Question:
    """Sends a vertebra back to one reader with a question. Who that is the panel does not learn; the read stays.

    Raises
    ------
    Read.DoesNotExist, ReadLocked
        as `labeling.reading.consensus.settling.held_draft`.
    OperationRefused
        where there is no such read or vertebra, or nothing is asked.
    """
    if not text.strip():
        raise OperationRefused("no_question", "Write what you want to know.")
    with transaction.atomic():
        consensus = held_draft(user, consensus_id)
        table = table_of(consensus)
        side = table.sides.get(letter)
        if side is None:
            raise OperationRefused("no_such_read", f"There is no read {letter} here.")
        name = table.context.vertebra(vertebra).level or "one vertebra"
        question = Question.objects.create(
            consensus=consensus, read=side.read, vertebra_id=vertebra, text=text.strip(), by=reader_of(user)
        )
        tell(
            [side.read.reader],
            NoticeKind.QUESTION,
            f"A panel asks you about {name} of {consensus.case.name}.",
            round_=consensus.round,
            case=consensus.case,
            question=question,
        )
        detail = {"round": consensus.round_id, "consensus": consensus.pk, "question": question.pk, "letter": letter}
        AuditEvent.objects.create(by=user, verb="question_asked", case=consensus.case, detail=detail)
        take_a_seat(user, consensus)
        return question


def answer(user: User, question_id: int, text: str) -> Question:
    """The answer of the reader whose read was asked about, once; the panel is told that there is one.

    Raises
    ------
    Question.DoesNotExist
        where there is no such question to this person, or they owe a read of the case; the two look alike.
    OperationRefused
        where it is answered already, or the answer is empty.
    """
    with transaction.atomic():
        asked = Question.objects.select_for_update(of=("self",), no_key=True).select_related(
            "consensus__round", "consensus__case__patient", "by"
        )
        question = asked.get(pk=question_id, read__reader__user=user.pk)
        consensus = question.consensus
        if not protocol_is_open(user, consensus.case_id):
            raise Question.DoesNotExist
        if question.answered_at is not None:
            raise OperationRefused("answered", "This question is answered. An answer never changes.")
        if not text.strip():
            raise OperationRefused("no_answer", "Write an answer first.")
        question.answer, question.answered_at = text.strip(), timezone.now()
        question.save(update_fields=["answer", "answered_at"])
        present = [one.reader for one in Participant.objects.filter(consensus=consensus).select_related("reader")]
        words = f"There is an answer to a question about {consensus.case.name}."
        tell(
            {question.by, *present},
            NoticeKind.ANSWER,
            words,
            round_=consensus.round,
            case=consensus.case,
            question=question,
        )
        return question
