"""Passing a case by, with a reason. A skip is a state of the assignment; it says nothing of any vertebra."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from labeling.models import (
    Assignment,
    AssignmentState,
    Case,
    Read,
    Reader,
    Round,
    RoundKind,
    SkipReason,
    Split,
)
from labeling.reading.refusals import NotReadable
from labeling.reading.roles import may_read, reader_of
from labeling.reading.rounds import claim, owed_or_none, put_into_pool
from labeling.reading.visibility import case_for

__all__ = ["skip"]


def skip(*, user: User, case_id: int, reason: str, note: str = "") -> Assignment:
    """The person's assignment of this case, skipped; from the pool it is claimed first, so that it stays theirs.

    A draft stays as it is. Who knows the patient leaves the case to the others: it lies in the pool again, but not for
    them.

    Raises
    ------
    Case.DoesNotExist
        where the case is not theirs to see.
    NotReadable
        where there is nothing of theirs to skip: no role, locked by themselves, taken by somebody else.
    """
    case = case_for(user, case_id)
    if not may_read(user):
        raise NotReadable("Your account looks after cases but does not read them.")
    reader = reader_of(user)
    with transaction.atomic():
        # Held before anything is asked: a lock in another window is over, or waits and then finds the skip.
        drafts = Read.objects.filter(reader=reader, case=case, state="draft", round__isnull=False)
        list(drafts.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        if owed_or_none(reader, case) is None and _locked(reader, case):
            raise NotReadable("You have locked this case. There is nothing left to skip.")
        assignment = claim(reader=reader, case=case)
        sent_again = assignment.skip_reason == SkipReason.KNOWN
        assignment.state, assignment.skip_reason, assignment.skip_note = AssignmentState.SKIPPED, reason, note
        assignment.save(update_fields=["state", "skip_reason", "skip_note"])
        drafts.filter(round=assignment.round_id).update(writer=None, writer_until=None)
        if reason == SkipReason.KNOWN and not sent_again:
            _back_into_the_pool(assignment, case)
        return assignment


def _locked(reader: Reader, case: Case) -> bool:
    return Read.objects.filter(reader=reader, case=case, state="locked", round__isnull=False).exists()


def _back_into_the_pool(assignment: Assignment, case: Case) -> None:
    round_ = Round.objects.select_for_update(no_key=True).get(pk=assignment.round_id)
    if round_.kind in (RoundKind.LABELLING, RoundKind.PRACTICE) and case.patient.split == Split.TEST:
        return
    put_into_pool(round_, case)
