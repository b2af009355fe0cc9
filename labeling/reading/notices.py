"""Telling people: one row per person, in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from labeling.models import Case, Notice, NoticeKind, Question, Reader, Round
from labeling.reading.roles import AnyUser

__all__ = ["mark_all_seen", "notices_of", "tell", "unseen_count"]


def tell(
    readers: Iterable[Reader],
    kind: NoticeKind,
    text: str,
    *,
    round_: Round | None = None,
    case: Case | None = None,
    question: Question | None = None,
) -> None:
    """Tells each of these people once; readers that are no people hear nothing.

    `text` is one sentence that says where to look, never what another reader has said.
    """
    people = {reader.pk for reader in readers if reader.user_id is not None}
    Notice.objects.bulk_create(
        [
            Notice(reader_id=pk, kind=kind, text=text, round=round_, case=case, question=question)
            for pk in sorted(people)
        ]
    )


def notices_of(user: AnyUser) -> QuerySet[Notice]:
    """This person's notices, newest first."""
    return Notice.objects.filter(reader__user=user.pk).select_related("round", "case__patient", "question")


def unseen_count(user: AnyUser) -> int:
    return Notice.objects.filter(reader__user=user.pk, seen_at__isnull=True).count()


def mark_all_seen(user: AnyUser) -> int:
    """All notices of this person count as seen now; how many that were."""
    return Notice.objects.filter(reader__user=user.pk, seen_at__isnull=True).update(seen_at=timezone.now())
