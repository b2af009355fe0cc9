"""Calling people once a wash-out is over: the readers of a repeat, and who sits in the panel of a consensus.

Nothing happens in the record as a date passes, so the clock of the installation sends for this every minute. A person
is called once for a case, and again only where a later lock has moved its date. What was told stands in the notice of
the case; where one notice tells of several, in an event beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from labeling.models import (
    Assignment,
    AssignmentState,
    AuditEvent,
    Notice,
    NoticeKind,
    Read,
    Reader,
    Round,
    RoundKind,
    RoundState,
)
from labeling.reading.notices import tell
from labeling.reading.owing import owed_assignments, seats
from labeling.reading.planning.previews import counted
from labeling.reading.rounds import ready
from labeling.reading.rules import Rules

__all__ = ["call"]

_VERB = "called"
#: (reader, case), as primary keys.
_Key = tuple[int, int]


def call() -> int:
    """Tells everybody of what they can read again or settle by now and were not told of; how many notices that were.

    Of a case that somebody owes a read of they are called to no panel before their lock.
    """
    following = Round.objects.filter(state=RoundState.OPEN, follows__isnull=False).order_by("pk")
    return sum(_call(round_id) for round_id in list(following.values_list("pk", flat=True)))


def _call(round_id: int) -> int:
    with transaction.atomic():
        # Whoever holds the round changes it, or is calling too; then the next minute is early enough.
        free = Round.objects.select_for_update(no_key=True, skip_locked=True)
        round_ = free.filter(pk=round_id, state=RoundState.OPEN).first()
        if round_ is None:
            return 0
        notices = 0
        for reader, mine in _by_reader(_not_called(round_)):
            if called := _open_to(reader, round_, mine):
                _tell(reader, round_, called)
                notices += 1
        return notices


def _not_called(round_: Round) -> list[int]:
    """Primary keys of the assignments that can be begun, are not, and whose reader was not told so."""
    begun = Read.objects.filter(
        Q(reader=OuterRef("reader")) | Q(reader=round_.panel_id), round=round_.pk, case=OuterRef("case")
    )
    waiting = Assignment.objects.filter(
        ready(), ~Exists(begun), round=round_, state=AssignmentState.OPEN, not_before__isnull=False
    )
    people = waiting.filter(reader__user__is_active=True)
    # A date is told of if something was said after the lock that it counts from. Both are true times.
    days = timedelta(days=Rules.parse(round_.rules).washout_days)
    since = {
        (reader, case): (pk, due - days)
        for pk, reader, case, due in people.values_list("pk", "reader", "case", "not_before")
        if reader is not None and due is not None
    }
    for told in (_told_alone, _told_together):
        if since:
            for key, at in told(round_):
                if key in since and at >= since[key][1]:
                    del since[key]
    return [pk for pk, _ in since.values()]


def _told_alone(round_: Round) -> Iterable[tuple[_Key, datetime]]:
    notices = Notice.objects.filter(round=round_, kind=_kind(round_), case__isnull=False).order_by()
    return [
        ((reader, case), at) for reader, case, at in notices.values_list("reader", "case", "at") if case is not None
    ]


def _told_together(round_: Round) -> Iterable[tuple[_Key, datetime]]:
    events = AuditEvent.objects.filter(verb=_VERB, detail__called_in=round_.pk).order_by()
    return [((event["reader"], case), at) for event, at in events.values_list("detail", "at") for case in event["of"]]


def _by_reader(assignments: Iterable[int]) -> list[tuple[Reader, list[Assignment]]]:
    found: defaultdict[Reader, list[Assignment]] = defaultdict(list)
    rows = Assignment.objects.filter(pk__in=assignments).select_related("case__patient", "reader__user")
    for row in rows.order_by("reader", "position", "pk"):
        if row.reader is not None:
            found[row.reader].append(row)
    return list(found.items())


def _open_to(reader: Reader, round_: Round, mine: Sequence[Assignment]) -> list[Assignment]:
    """Of a panel, where they have a seat and owe no read of the case: the same as on their page of consensus cases."""
    if reader.user is None or round_.kind != RoundKind.CONSENSUS:
        return list(mine)
    seated = set(seats(reader.user).filter(round=round_).values_list("pk", flat=True))
    blind = set(owed_assignments(reader.user).values_list("case", flat=True))
    return [one for one in mine if one.pk in seated and one.case_id not in blind]


def _tell(reader: Reader, round_: Round, called: Sequence[Assignment]) -> None:
    done = "settled" if round_.kind == RoundKind.CONSENSUS else "read again"
    if len(called) == 1:
        case = called[0].case
        text = f"{case.name} of {round_.name} can be {done} now."
        tell([reader], _kind(round_), text, round_=round_, case=case)
        return
    text = f"{counted(len(called), 'case')} of {round_.name} can be {done} now."
    tell([reader], _kind(round_), text, round_=round_)
    # Not under the key `round`: that somebody was called is no event of the protocol.
    detail = {"called_in": round_.pk, "reader": reader.pk, "of": [one.case_id for one in called]}
    AuditEvent.objects.create(by=None, verb=_VERB, detail=detail)


def _kind(round_: Round) -> NoticeKind:
    return NoticeKind.CONSENSUS_OPEN if round_.kind == RoundKind.CONSENSUS else NoticeKind.AVAILABLE
