"""Locking a read: complete or refused with what it lacks; from then on it never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from labeling.models import Assignment, AssignmentState, Finding, Read, Reader, SkipReason
from labeling.reading import washout
from labeling.reading.gaps import Gap, gaps_of
from labeling.reading.labels import Conflict, locked_row, refuse_unless_writable
from labeling.reading.lease import refuse_while_elsewhere
from labeling.reading.projection import take_snapshot, write_difference
from labeling.reading.sealing import content_sha, sealed

__all__ = ["NotComplete", "lock_read", "pins_of"]


class NotComplete(Exception):
    """The read lacks something; `gaps` says what, vertebra by vertebra."""

    def __init__(self, gaps: Sequence[Gap]) -> None:
        super().__init__(" ".join(gap.sentence for gap in gaps))
        self.gaps = tuple(gaps)


def lock_read(*, read_id: int, reader: Reader, base_seq: int, tab: UUID | None = None) -> Read:
    """Locks a person's read and gives it back as stored; `tab` is who asks, as for `labels.write_operation`.

    In one transaction: what it lacks, the negatives that follow from having looked, *not assessable (cut)* for cut
    vertebrae without a verdict, a row for each vertebra, the hash, the lock.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader.
    ReadLocked
        where it is locked already.
    Elsewhere
        where another tab holds the write lease.
    OperationRefused
        where its round is not open.
    Conflict
        where the client has not seen all operations.
    NotComplete
        where the rules of the round want more; nothing is written then.
    """
    with transaction.atomic():
        read = locked_row(read_id, reader)
        refuse_unless_writable(read)
        refuse_while_elsewhere(read, tab)
        before = take_snapshot(read)
        if base_seq != read.seq:
            raise Conflict(read, before.state)
        if gaps := gaps_of(before.state, before.context):
            raise NotComplete(gaps)
        after = sealed(before.state, before.context)
        write_difference(read, before, after)
        _fill_rows(read, list(before.context.vertebrae))
        read.state, read.locked_at = "locked", timezone.now()
        read.content_sha = content_sha(after, pins_of(read))
        read.writer = read.writer_until = None
        read.save(update_fields=["state", "locked_at", "content_sha", "writer", "writer_until"])
        _passed_by_no_more(read)
        washout.refresh(read.round, read.case)
        return read


def _passed_by_no_more(read: Read) -> None:
    """A case that was skipped in another window and read to its end in this one has been read."""
    Assignment.objects.filter(
        round=read.round_id, case=read.case_id, reader=read.reader_id, state=AssignmentState.SKIPPED
    ).update(state=AssignmentState.OPEN, skip_reason=SkipReason.NONE, skip_note="")


def pins_of(read: Read) -> dict[str, Any]:
    """What the findings of a read are about, for its hash."""
    return {"case": read.case_id, "stack": read.stack_id, "anatomy": read.anatomy_id, "version": read.version}


def _fill_rows(read: Read, vertebrae: list[int]) -> None:
    """Each vertebra has a row, so that a denominator is a count of rows."""
    Finding.objects.bulk_create(
        [Finding(read=read, vertebra_id=vertebra) for vertebra in vertebrae], ignore_conflicts=True
    )
