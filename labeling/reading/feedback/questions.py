"""What a panel asks one reader about one vertebra, as that reader sees it: the question, and their own finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from labeling.models import Question
from labeling.reading.exposures import note_exposures
from labeling.reading.roles import AnyUser, may_read
from labeling.reading.told import Told, told_by
from labeling.reading.visibility import owed_assignments

__all__ = ["Asked", "question_for"]


@dataclass(frozen=True)
class Asked:
    """A question to this reader; `read` is their own, and nothing here is of anybody else's."""

    id: int
    case: str
    round: str
    level: str
    text: str
    at: datetime
    answer: str
    answered_at: datetime | None
    read: int
    version: int
    vertebra: int
    own: Told | None

    @property
    def k(self) -> int | None:
        """The slice to begin with, from 0: the middle of the own marks, else of the body."""
        if self.own is None:
            return None
        return self.own.ks[len(self.own.ks) // 2] if self.own.ks else self.own.middle


def question_for(user: AnyUser, question_id: int) -> Asked:
    """The question, where it was put to this person and they owe no read of its case.

    Raises
    ------
    Question.DoesNotExist
        where there is no such question or it is not theirs to see now; the two look alike.
    """
    if not may_read(user):
        raise Question.DoesNotExist
    found = (
        Question.objects.filter(read__reader__user=user.pk)
        .exclude(read__case__in=owed_assignments(user).values("case"))
        .select_related("read__round", "read__case__patient")
        .get(pk=question_id)
    )
    read = found.read
    # What a panel asks tells something of what another reader has said.
    note_exposures(read.reader, [(read.case_id, "read")])
    own = told_by([read])[read.pk].get(found.vertebra_id)
    return Asked(
        id=found.pk,
        case=read.case.name,
        round=read.round.name if read.round is not None else "",
        level=own.level if own is not None else "",
        text=found.text,
        at=found.at,
        answer=found.answer,
        answered_at=found.answered_at,
        read=read.pk,
        version=read.version,
        vertebra=found.vertebra_id,
        own=own,
    )
