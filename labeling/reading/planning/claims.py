"""Claims: a case taken from a pool is held by a lease, and goes back once the lease has run out with nothing said.

A claim never costs anybody's work: a draft that holds a single operation is not given away, however old its claim.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from labeling.models import (
    ActiveTime,
    Assignment,
    AssignmentState,
    AuditEvent,
    ModelShowing,
    Read,
    Reader,
    Round,
    RoundState,
    Seen,
    SkipReason,
)

__all__ = ["CLAIM", "into_pool", "keep_claim", "last_position", "return_lapsed", "take"]

#: How long a case that was taken from a pool is kept for a reader who says nothing of it.
CLAIM = timedelta(hours=2)

#: A claim is renewed at most this often, so that a reader who turns slices does not write a row with each of them.
_RENEWED_EVERY = timedelta(minutes=5)


def take(assignment: Assignment, reader: Reader) -> None:
    """Makes a pooled assignment this reader's, at the end of their own. The caller holds its row and the reader's."""
    assignment.position = last_position(assignment.round_id, reader) + 1
    assignment.reader, assignment.lease_until = reader, timezone.now() + CLAIM
    assignment.save(update_fields=["reader", "position", "lease_until"])


def last_position(round_id: int, reader: Reader) -> int:
    """The last place in the order of this reader in a round; 0 before the first."""
    own = Assignment.objects.filter(round=round_id, reader=reader)
    last: int | None = own.aggregate(last=Max("position"))["last"]
    return last or 0


def keep_claim(read: Read) -> None:
    """Renews the claim that a draft stands on, where it is one; the caller holds the read's row.

    Looking is what keeps a claim. An operation need not: from the first on, the claim never runs out.
    """
    now = timezone.now()
    soon = now + CLAIM - _RENEWED_EVERY
    claims = Assignment.objects.filter(round=read.round_id, case=read.case_id, reader=read.reader_id)
    claims.filter(lease_until__lt=soon).update(lease_until=now + CLAIM)


def return_lapsed() -> int:
    """Puts claims that ran out without an operation back into their pools; how many that were.

    Whoever is at work on one of them at this moment holds its row, and keeps it.
    """
    now = timezone.now()
    with transaction.atomic():
        lapsed = _lapsed(now).filter(round=OuterRef("round"), case=OuterRef("case"), reader=OuterRef("reader"))
        idle = Read.objects.filter(Exists(lapsed), state="draft", seq=0, version=1, round__state=RoundState.OPEN)
        drafts = list(idle.select_for_update(skip_locked=True, of=("self",)).order_by("pk"))
        return sum(_given_back(draft, now) for draft in drafts)


def _lapsed(now: datetime) -> QuerySet[Assignment]:
    return Assignment.objects.filter(state=AssignmentState.OPEN, lease_until__lt=now)


def _given_back(draft: Read, now: datetime) -> bool:
    # Asked again under the lock: the lease may have been renewed between the question and the row.
    held = (
        _lapsed(now)
        .filter(round=draft.round_id, case=draft.case_id, reader=draft.reader_id)
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    if held is None:
        return False
    AuditEvent.objects.create(
        by=None,
        verb="claim_lapsed",
        case_id=draft.case_id,
        detail={"round": draft.round_id, "reader": draft.reader_id, "claimed": draft.created_at.isoformat()},
    )
    # Beside a draft that a model was shown beside stands the record of it, which is never deleted.
    if not ModelShowing.objects.filter(read=draft).exists():
        Seen.objects.filter(read=draft).delete()
        ActiveTime.objects.filter(read=draft).delete()
        draft.delete()
    into_pool(held)
    return True


def into_pool(assignment: Assignment) -> None:
    """The assignment belongs to nobody and lies at the end of the pool; where its case lies there already, it goes.

    The caller's transaction holds its row.
    """
    Round.objects.select_for_update(no_key=True).get(pk=assignment.round_id)
    pool = Assignment.objects.filter(round=assignment.round_id, reader__isnull=True)
    if pool.filter(case=assignment.case_id).exists():
        assignment.delete()
        return
    last = Assignment.objects.filter(round=assignment.round_id).aggregate(last=Max("position"))["last"]
    assignment.reader, assignment.position, assignment.lease_until = None, last + 1, None
    assignment.state, assignment.skip_reason, assignment.skip_note = AssignmentState.OPEN, SkipReason.NONE, ""
    assignment.exposure_override = assignment.washout_override = ""
    assignment.save()
