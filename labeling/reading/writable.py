"""The own read with its row held, and whether anything may be written to it now."""

from __future__ import annotations

from labeling.models import Assignment, Read, Reader, Round, RoundKind, RoundState
from labeling.reading.owing import is_put_away
from labeling.reading.refusals import OperationRefused, ReadLocked

__all__ = ["locked_row", "may_be_written_in", "refuse_unless_writable"]


def locked_row(read_id: int, reader: Reader) -> Read:
    """The reader's own read, with its row locked until the transaction ends.

    Nothing else of the read may be fetched by this query: it may have waited for another writer, and what PostgreSQL
    joined or nested would be from before that writer's commit.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader, or one that is closed until they have read the case once more.
    """
    read = (
        Read.objects.select_for_update(of=("self",), no_key=True).select_related("round").get(pk=read_id, reader=reader)
    )
    if read.state == "locked" and is_put_away(read):
        raise Read.DoesNotExist
    return read


def may_be_written_in(round_: Round, *, version: int) -> bool:
    """Whether reads of this version are written in a round now: while it is open, and corrections of a consensus also
    once it is closed, for a truth that proves wrong is never kept."""
    if round_.state == RoundState.OPEN:
        return True
    return round_.kind == RoundKind.CONSENSUS and round_.state == RoundState.CLOSED and version > 1


def refuse_unless_writable(read: Read) -> None:
    """
    Raises
    ------
    ReadLocked
        where the read is locked.
    OperationRefused
        where its round is not open: what is counted when a round is closed must stand still; or where its case was
        handed over: the draft is kept, for its reader to go on with should the case come back to them.
    """
    if read.state == "locked":
        raise ReadLocked
    if read.round is not None and not may_be_written_in(read.round, version=read.version):
        sentence = f"The round {read.round.name} is {read.round.state}. Nothing is written while it is not open."
        raise OperationRefused("round_not_open", sentence)
    if read.round is not None and read.round.kind != RoundKind.CONSENSUS and not _is_held(read):
        sentence = "This case is not yours to read any more. What you said of it is kept, and nothing is added to it."
        raise OperationRefused("handed_over", sentence)


def _is_held(read: Read) -> bool:
    return Assignment.objects.filter(round=read.round_id, case=read.case_id, reader=read.reader_id).exists()
