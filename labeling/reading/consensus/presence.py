"""Who sits at the table of a consensus: present from the first word on, gone from it with the seat."""

from __future__ import annotations

from django.contrib.auth.models import User

from labeling.models import Assignment, AuditEvent, Participant, Read, Reader, ReaderKind, RoundKind, Settlement
from labeling.reading.roles import reader_of

__all__ = ["leave_with_the_seat", "note_presence", "take_a_seat"]


def take_a_seat(user: User, consensus: Read) -> Reader:
    """Who writes is present; the reader that they are."""
    # Asked at every settlement: who sits here already costs one query.
    sits = Participant.objects.select_related("reader").filter(consensus=consensus, reader__user=user.pk).first()
    if sits is not None:
        return sits.reader
    reader = reader_of(user)
    Participant.objects.get_or_create(consensus=consensus, reader=reader)
    return reader


def leave_with_the_seat(user: User, seat: Assignment, member: Reader | None) -> None:
    """Takes a member whose seat was taken off the table of the open draft, on record; `user` is who took the seat.

    Who has settled something there was present, and stays recorded as one who made this truth; locked versions stay as
    they are. In the caller's transaction, which holds the row of the draft.
    """
    if member is None or seat.round.kind != RoundKind.CONSENSUS:
        return
    drafts = Read.objects.filter(round=seat.round_id, case=seat.case_id, reader__kind=ReaderKind.PANEL, state="draft")
    for consensus in drafts.select_related("case"):
        if Settlement.objects.filter(consensus=consensus, by=member).exists():
            continue
        if Participant.objects.filter(consensus=consensus, reader=member).delete()[0]:
            note_presence(user, consensus, member, present=False)


def note_presence(user: User, consensus: Read, member: Reader, *, present: bool) -> None:
    """Who was said to sit at the table, and who to have left it, stays on record."""
    detail = {"round": consensus.round_id, "consensus": consensus.pk, "member": member.pk, "present": present}
    AuditEvent.objects.create(by=user, verb="panel_presence", case=consensus.case, detail=detail)
