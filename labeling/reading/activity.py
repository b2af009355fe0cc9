"""Active time: how long a reader was at work, told by their tabs and shown to nobody else.

A reader's pace is the median of their last reads; where a read has no active time (it was made by a script, or before
there was any), the time from its first operation to its lock stands in, as far as that can have been work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from statistics import median
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery, Sum

from labeling.models import ActiveTime, LabelOperation, Read, Reader, Vertebra
from labeling.reading.refusals import OperationRefused

__all__ = ["PACE_OF_READS", "active_ms", "active_of_cases", "pace_ms", "record_active"]

#: A pace is the median of this many last reads.
PACE_OF_READS = 20

#: From first operation to lock, a read that took longer was left lying.
_LONGEST = timedelta(minutes=15)


def record_active(read: Read, tab: UUID, totals: Mapping[int | None, int]) -> None:
    """Notes the totals of one tab in ms, by vertebra (None: the case as a whole).

    A total never falls: messages may come twice or out of order. The caller holds the lock on the read's row.

    Raises
    ------
    OperationRefused
        where a vertebra is not of the read's case.
    """
    vertebrae = {key for key in totals if key is not None}
    if vertebrae and Vertebra.objects.filter(case=read.case_id, pk__in=vertebrae).count() != len(vertebrae):
        raise OperationRefused("unknown_vertebra", "Active time is of a vertebra that is not in this case.")
    known: dict[int | None, int] = dict(ActiveTime.objects.filter(read=read, tab=tab).values_list("vertebra", "ms"))
    more = [
        ActiveTime(read=read, tab=tab, vertebra_id=key, ms=ms) for key, ms in totals.items() if ms > known.get(key, 0)
    ]
    ActiveTime.objects.bulk_create(
        more, update_conflicts=True, unique_fields=["read", "tab", "vertebra"], update_fields=["ms"]
    )


def active_ms(read: Read) -> dict[str, int]:
    """Milliseconds by vertebra, and the whole (time on no vertebra included) under ''."""
    found = ActiveTime.objects.filter(read=read).values_list("vertebra").annotate(total=Sum("ms"))
    totals = dict(found)
    on_vertebrae = {str(key): total for key, total in totals.items() if key is not None}
    return {"": sum(totals.values()), **on_vertebrae}


def active_of_cases(user: User) -> Subquery:
    """For a query of assignments: ms of this person on each case in its round, all versions; NULL without any."""
    times = ActiveTime.objects.filter(
        read__round=OuterRef("round"), read__case=OuterRef("case"), read__reader__user=user.pk
    )
    # Grouped by a constant of the row outside: an aggregate over a correlated subquery in one number.
    return Subquery(times.order_by().values("read__case").annotate(total=Sum("ms")).values("total"))


def pace_ms(reader: Reader) -> int | None:
    """The median time of the reader's last locked reads; None before the first."""
    active = ActiveTime.objects.filter(read=OuterRef("pk")).order_by().values("read")
    first = LabelOperation.objects.filter(read=OuterRef("pk")).order_by("seq").values("at")[:1]
    last_reads = (
        Read.objects.filter(reader=reader, state="locked", round__isnull=False)
        .order_by("-locked_at", "-pk")
        .annotate(active=Subquery(active.annotate(total=Sum("ms")).values("total")), begun=Subquery(first))
        .values_list("active", "begun", "locked_at")[:PACE_OF_READS]
    )
    took = [
        active if active else min(locked_at - begun, _LONGEST) / timedelta(milliseconds=1)
        for active, begun, locked_at in last_reads
        if active or begun is not None
    ]
    return round(median(took)) if took else None
