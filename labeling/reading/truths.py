"""Which cases a reader is told the truth of, and from when on: only training patients, never while anything is owed."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.models import Assignment, Case, Read, Reference, RoundKind, RoundState, Split
from labeling.reading.owing import TARGET, owed_assignments
from labeling.reading.roles import AnyUser, may_read

__all__ = ["TARGET", "feedback_cases", "truth_of"]

_CLOSED = RoundState.CLOSED


def truth_of(case: Case) -> Reference | None:
    """The current reference of a case, whoever asks."""
    return Reference.objects.filter(case=case, target=TARGET, current=True).select_related("read").first()


def feedback_cases(user: AnyUser) -> QuerySet[Case]:
    """Cases of training patients whose truth this person, who has locked a read of them, may be told now.

    By the rule of the round of that read: at once and after the consensus once there is a reference; when the round is
    closed and no repeat of it is before this person. Nothing may be owed on the case, in whatever round, and a round
    that tells only when it is closed is not overtaken by another one that tells before.
    """
    if not may_read(user):
        return Case.objects.none()
    reference = Reference.objects.filter(case=OuterRef("pk"), target=TARGET, current=True)
    waiting = Assignment.objects.filter(
        ~Q(round__state=_CLOSED), round__rules__feedback="when_closed", reader__user=user.pk, case=OuterRef("pk")
    )
    return Case.objects.filter(
        Exists(reference),
        Exists(_reads_with_feedback(user).filter(case=OuterRef("pk"))),
        ~Exists(waiting),
        patient__split=Split.TRAINING,
    ).exclude(pk__in=owed_assignments(user).values("case"))


def _reads_with_feedback(user: AnyUser) -> QuerySet[Read]:
    again = Assignment.objects.filter(
        ~Q(round__state=_CLOSED), round__kind=RoundKind.REPEAT, round__follows=OuterRef("round"), reader__user=user.pk
    )
    soon = Q(round__rules__feedback__in=["at_once", "after_consensus"])
    late = Q(~Exists(again), round__rules__feedback="when_closed", round__state=_CLOSED)
    return Read.objects.filter(soon | late, reader__user=user.pk, state="locked")
