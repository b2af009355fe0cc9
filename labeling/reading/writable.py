"""The own read with its row held, and whether anything may be written to it now."""

from __future__ import annotations

from labeling.models import Read, Reader, RoundState
from labeling.reading.refusals import OperationRefused, ReadLocked

__all__ = ["locked_row", "refuse_unless_writable"]


def locked_row(read_id: int, reader: Reader) -> Read:
    """The reader's own read, with its row locked until the transaction ends.

    Nothing else of the read may be fetched by this query: it may have waited for another writer, and what PostgreSQL
    joined or nested would be from before that writer's commit.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader.
    """
    return (
        Read.objects.select_for_update(of=("self",), no_key=True).select_related("round").get(pk=read_id, reader=reader)
    )


def refuse_unless_writable(read: Read) -> None:
    """
    Raises
    ------
    ReadLocked
        where the read is locked.
    OperationRefused
        where its round is not open: what is counted when a round is closed must stand still.
    """
    if read.state == "locked":
        raise ReadLocked
    if read.round is not None and read.round.state != RoundState.OPEN:
        sentence = f"The round {read.round.name} is {read.round.state}. Nothing is written while it is not open."
        raise OperationRefused("round_not_open", sentence)
