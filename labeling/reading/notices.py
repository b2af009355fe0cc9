"""Telling people: one row per person, in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from labeling.models import Case, Notice, NoticeKind, Question, Reader, Round
from labeling.reading.roles import AnyUser
from labeling.reading.visibility import owed_assignments

__all__ = ["mark_all_seen", "mark_seen", "notices_of", "tell", "unseen_count"]

#: What these tell of happens once reads were laid beside each other.
_AFTER_THE_READS = (NoticeKind.CONSENSUS_OPEN, NoticeKind.QUESTION, NoticeKind.ANSWER, NoticeKind.FEEDBACK)


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
    """This person's notices, newest first, but for those that tell of a case which is blind to them now."""
    return _open_to(user).select_related("round", "case__patient", "question")


def unseen_count(user: AnyUser) -> int:
    """How many of them are new. One query."""
    return _open_to(user).filter(seen_at__isnull=True).count()


def mark_seen(user: AnyUser, shown: Iterable[Notice]) -> int:
    """These notices of this person count as seen now; how many of them were new."""
    new = Notice.objects.filter(reader__user=user.pk, seen_at__isnull=True, pk__in=[notice.pk for notice in shown])
    return new.update(seen_at=timezone.now())


def mark_all_seen(user: AnyUser) -> int:
    """All notices of this person count as seen now; how many that were."""
    return _open_to(user).filter(seen_at__isnull=True).update(seen_at=timezone.now())


def _open_to(user: AnyUser) -> QuerySet[Notice]:
    """That a panel met over a case, asked about it or settled it, is no news for who owes a read of it: what they were
    told before waits until they have locked."""
    blind = Q(kind__in=_AFTER_THE_READS, case__in=owed_assignments(user).values("case"))
    return Notice.objects.filter(reader__user=user.pk).exclude(blind)
