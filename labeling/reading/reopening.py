"""Reopening: a locked read stays as it is, and a later version of it begins where it ended."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from labeling.models import Exposure, Read, Reader, ReaderKind, RoundKind, Seen
from labeling.reading import washout
from labeling.reading.owing import BLIND_KINDS
from labeling.reading.projection import load_state, take_snapshot, write_difference
from labeling.reading.refusals import OperationRefused
from labeling.reading.replaying import without_implied
from labeling.reading.writable import locked_row, may_be_written_in

__all__ = ["hindrance", "reopen", "versions_of"]

_CONSENSUS = "A consensus on this case has begun. The read stays as it was locked."


def reopen(*, read_id: int, reader: Reader, reason: str) -> Read:
    """A new draft that begins with what the locked read says; where there is one already, that one.

    What the lock implied is left out and will be implied again; what was seen stays seen. A consensus on this read that
    could have been opened is closed again.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader, or one that is closed until they have read the case once more.
    OperationRefused
        where it is not locked, is not the newest version, or may not be opened any more; the sentence says why.
    """
    with transaction.atomic():
        # Whoever else reopens it at this moment waits here, and then finds the draft.
        read = locked_row(read_id, reader)
        later = Read.objects.filter(supersedes=read).first()
        if later is not None and later.state == "draft":
            return later
        refusal = hindrance(read)
        if refusal is not None:
            raise refusal
        try:
            with transaction.atomic():
                draft = _new_version(read, reason)
        except IntegrityError as error:
            # A consensus that began between the question and the row: the database has the last word.
            if "later_version_follows_a_lock_until_consensus" not in str(error):
                raise
            raise OperationRefused("consensus_begun", _CONSENSUS) from error
        write_difference(draft, take_snapshot(draft), without_implied(load_state(read)[0]))
        Seen.objects.bulk_create(
            [Seen(read=draft, slice_id=sop) for sop in Seen.objects.filter(read=read).values_list("slice", flat=True)]
        )
        # A wash-out that was counted from this lock waits for the next one.
        washout.refresh(read.round, read.case)
        return draft


def _new_version(read: Read, reason: str) -> Read:
    return Read.objects.create(
        round=read.round,
        case_id=read.case_id,
        reader_id=read.reader_id,
        stack_id=read.stack_id,
        anatomy_id=read.anatomy_id,
        version=read.version + 1,
        supersedes=read,
        reopen_reason=reason,
        viewed=read.viewed,
    )


def hindrance(read: Read) -> OperationRefused | None:
    """Why this read cannot be reopened; None where it can. Who asks is the caller's to know."""
    if read.state != "locked":
        return OperationRefused("not_locked", "This read is a draft. Write in it as it is.")
    if Read.objects.filter(supersedes=read).exists():
        return OperationRefused("later_version", f"Version {read.version + 1} follows this one. Open that one.")
    if read.round is None:
        return OperationRefused("not_reopenable", "Only a person's read of a round can be reopened.")
    if not may_be_written_in(read.round, version=read.version + 1):
        sentence = f"The round {read.round.name} is {read.round.state}. Nothing is reopened while it is not open."
        return OperationRefused("round_not_open", sentence)
    # A truth stays open to correction, whatever was settled beside it or after it.
    if read.reader.kind != ReaderKind.PANEL and _consensus_has_begun(read):
        return OperationRefused("consensus_begun", _CONSENSUS)
    if read.round.kind in BLIND_KINDS and _shown_since(read):
        sentence = "You were shown another opinion of this case. A blind read stays as it was locked."
        return OperationRefused("exposed", sentence)
    return None


def _consensus_has_begun(read: Read) -> bool:
    """As the trigger `later_version_follows_a_lock_until_consensus` sees it."""
    settled = Q(pk=read.pk, settled_by__isnull=False)
    elsewhere = Q(case=read.case_id, round__kind=RoundKind.CONSENSUS) & ~Q(round=read.round_id)
    return Read.objects.filter(settled | elsewhere).exists()


def _shown_since(read: Read) -> bool:
    # An exposure is written once: who knew a read or a truth before may have been shown another since without a row.
    since = Q(at__gt=read.locked_at) | Q(what__in=["read", "truth"])
    return Exposure.objects.filter(since, reader=read.reader_id, case=read.case_id).exists()


def versions_of(read: Read) -> QuerySet[Read]:
    """All versions of the same reader's read, oldest first."""
    return Read.objects.filter(round=read.round_id, case=read.case_id, reader=read.reader_id).order_by("version")
