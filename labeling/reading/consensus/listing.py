"""The consensus cases of one person: what can be settled now, what later, what is settled. Nothing of what was read.

The number of queries does not grow with the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from labeling.models import Assignment, Read, ReaderKind, RoundState
from labeling.reading.owing import owed_assignments, seats
from labeling.reading.roles import AnyUser, Role, roles_of
from labeling.reading.washout import opening

__all__ = ["ConsensusRow", "consensus_list", "has_consensus", "next_to_settle", "place_of"]

#: In this order they are listed.
READY, LATER, SETTLED = "ready", "later", "settled"


@dataclass(frozen=True)
class ConsensusRow:
    """One case that this person is to settle with others.

    `state` is ready, later or settled; `words` say it to people; `read` is the consensus where it was opened, `version`
    its version; `draft` where it was opened and is not locked; `on` from when on it can be settled, where that is known
    and ahead. Of a case that the person owes a read of, nothing is said but that.
    """

    round_id: int
    round: str
    case: int
    name: str
    sex: str
    age: str
    state: str
    words: str
    read: int | None
    version: int | None
    draft: bool
    on: datetime | None


def consensus_list(user: AnyUser) -> tuple[ConsensusRow, ...]:
    """All consensus cases of this person, those first that can be settled now, then by date, then what is settled."""
    given = list(_seats(user))
    keys = {(seat.round_id, seat.case_id) for seat in given}
    newest: dict[tuple[int | None, int], Read] = {}
    panels = Read.objects.filter(
        reader__kind=ReaderKind.PANEL, round__in={key[0] for key in keys}, case__in={key[1] for key in keys}
    )
    for read in panels.order_by("version"):
        newest[read.round_id, read.case_id] = read
    owed = set(owed_assignments(user).values_list("case", flat=True))
    rows = [_row(seat, newest.get((seat.round_id, seat.case_id)), blind=seat.case_id in owed) for seat in given]
    order = (READY, LATER, SETTLED)
    # What was begun comes before what was not; what has a date before what waits for somebody.
    return tuple(
        row
        for _, row in sorted(
            enumerate(rows),
            key=lambda item: (
                order.index(item[1].state),
                not item[1].draft,
                item[1].on is None,
                item[1].on.timestamp() if item[1].on is not None else 0.0,
                item[0],
            ),
        )
    )


def next_to_settle(user: AnyUser, *, besides: Read | None = None) -> ConsensusRow | None:
    """The case that this person can settle next; never the one they come from."""
    own = (besides.round_id, besides.case_id) if besides is not None else None
    ready = (row for row in consensus_list(user) if row.state == READY)
    return next((row for row in ready if (row.round_id, row.case) != own), None)


def place_of(user: AnyUser, consensus: Read) -> tuple[int, int]:
    """(place from 1, of how many) of a consensus among this person's cases of its round; 0 where it is none."""
    cases = list(_seats(user).filter(round=consensus.round_id).values_list("case", flat=True))
    return (cases.index(consensus.case_id) + 1 if consensus.case_id in cases else 0), len(cases)


def has_consensus(user: AnyUser) -> bool:
    """Whether the page of consensus cases is this person's: seniors', and whoever sits in a panel."""
    return Role.SENIOR in roles_of(user) or _seats(user).exists()


def _seats(user: AnyUser) -> QuerySet[Assignment, Any]:
    begun = seats(user).exclude(round__state=RoundState.PLANNED)
    return begun.select_related("round__follows", "case__patient").order_by("round", "position", "pk")


def _row(seat: Assignment, read: Read | None, *, blind: bool) -> ConsensusRow:
    state, words, on = _stand(seat, None if blind else read, blind=blind)
    shown = None if blind else read
    return ConsensusRow(
        round_id=seat.round_id,
        round=seat.round.name,
        case=seat.case_id,
        name=seat.case.name,
        sex=seat.case.patient.sex,
        age=seat.case.age_shown,
        state=state,
        words=words,
        read=None if shown is None else shown.pk,
        version=None if shown is None else shown.version,
        draft=shown is not None and shown.state == "draft",
        on=on,
    )


def _stand(seat: Assignment, read: Read | None, *, blind: bool) -> tuple[str, str, datetime | None]:
    """State, words, and from when on."""
    if blind:
        return LATER, "You still owe a read of this case", None
    if read is not None and read.state == "locked":
        return SETTLED, "Settled" if read.version == 1 else f"Settled, version {read.version}", None
    corrected = read is not None and read.version > 1
    if seat.round.state != RoundState.OPEN and not corrected:
        return LATER, f"The round is {seat.round.state}", None
    if read is not None:
        return READY, "Being settled" if read.version == 1 else "Being corrected", None
    due = opening(seat)
    if due.ready:
        return READY, "Can be settled", None
    if due.on is None:
        return LATER, "Waits for reads", None
    return LATER, due.sentence.rstrip("."), due.on
