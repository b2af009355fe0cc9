"""Taking the next case from a pool: those who reach for it at the same moment each get another one, and none waits."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from labeling.models import Assignment, Case, Read, Reader
from labeling.reading.planning.claims import CLAIM, return_lapsed
from labeling.reading.planning.handing import hand_over, override_washout, reassign, take_back
from labeling.reading.refusals import NotReadable
from labeling.reading.roles import may_read, reader_of
from labeling.reading.rounds import begin, free_assignments, has_vertebrae, open_read, ready, take_from_pool
from labeling.reading.worklist import own_next

__all__ = ["CLAIM", "claim_next", "hand_over", "open_next", "override_washout", "reassign", "take_back"]

#: How often a person's own next case may turn out not to be readable (taken back at this moment, say) before the pool
#: is asked.
_OWN_TRIES = 3


def open_next(user: User, *, without: int | None = None) -> Read | None:
    """The read to go on with: the own draft last written to, else the first own case that can be read now, else the
    next of a pool, claimed; None where nothing is left. `without` is the case that is done with.

    Raises
    ------
    NotReadable
        where this person does not read.
    """
    if not may_read(user):
        raise NotReadable("Your account looks after cases but does not read them.")
    for _ in range(_OWN_TRIES):
        own = own_next(user, without=without)
        if own is None:
            break
        try:
            return open_read(user=user, case_id=own.case_id)
        except (NotReadable, Case.DoesNotExist):
            continue
    return claim_next(user, without=without)


def claim_next(user: User, *, without: int | None = None) -> Read | None:
    """The draft of the next free case of the pools, claimed and begun in one transaction; None where none is free.

    Rows that somebody else is taking at this moment are passed over, so that nobody waits and nobody is refused.
    """
    if not may_read(user):
        return None
    reader = reader_of(user)
    return_lapsed()
    refused: list[int] = []
    while True:
        try:
            with transaction.atomic():
                # One claim per reader at a time, so that positions count up without doubles.
                Reader.objects.select_for_update(no_key=True).get(pk=reader.pk)
                assignment = _first_free(user, without, refused)
                if assignment is None:
                    return None
                tried = assignment.pk
                take_from_pool(assignment, reader)
                return begin(assignment, reader)
        except IntegrityError as error:
            # Shown another opinion of it between the question and the row: the database has the last word.
            if "blind_round_refuses_the_exposed" not in str(error):
                raise
            refused.append(tried)


def _first_free(user: User, without: int | None, refused: list[int]) -> Assignment | None:
    free = free_assignments(user).filter(ready(), has_vertebrae()).exclude(case=without).exclude(pk__in=refused)
    return free.select_for_update(skip_locked=True, of=("self",)).order_by("round", "position", "pk").first()
