"""What is left to be read in the cohort. How many, never which: nothing here tells an opinion."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from labeling.models import Case, CohortState, Read, ReaderKind, Reference
from labeling.reading.owing import TARGET, owed_assignments

__all__ = ["ReadingLeft", "reading_left"]


@dataclass(frozen=True, slots=True)
class ReadingLeft:
    """Of the included cases: how many there are, how many nobody has read, how many have no reference."""

    included: int
    unread: int
    without_reference: int


def reading_left(user: User) -> ReadingLeft:
    """Of the included cases that this person does not owe a read of. Models do not count as readers."""
    people = (ReaderKind.PERSON, ReaderKind.PANEL)
    reads = Read.objects.filter(case=OuterRef("pk"), state="locked", reader__kind__in=people)
    truths = Reference.objects.filter(case=OuterRef("pk"), current=True, target=TARGET)
    included = Case.objects.filter(cohort_state=CohortState.INCLUDED)
    included = included.exclude(pk__in=owed_assignments(user).values("case"))
    return ReadingLeft(
        included=included.count(),
        unread=included.exclude(Exists(reads)).count(),
        without_reference=included.exclude(Exists(truths)).count(),
    )
