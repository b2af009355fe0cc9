"""The write lease of a read: one tab of one device writes, every other one looks on and may take over.

The lease lies in the read's own row (`writer`, `writer_until`), so whoever holds that row's lock knows it for certain.
It runs out by itself: a tab that crashed keeps nobody waiting for longer than `LEASE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from labeling.models import Read, Reader
from labeling.reading.refusals import Elsewhere
from labeling.reading.writable import locked_row, refuse_unless_writable

__all__ = ["LEASE", "Lease", "let_go", "refuse_while_elsewhere", "renewed", "take_lease"]

#: A tab renews three times as often, so that one lost message does not cost it the lease.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Lease:
    """Who writes. `mine` until `until`, or another tab until then, which was last heard of at `since`."""

    mine: bool
    until: datetime | None
    since: datetime | None = None


def take_lease(*, read_id: int, reader: Reader, tab: UUID, take: bool = False) -> Lease:
    """Takes or renews the lease for a tab; another tab's running lease stays unless `take` says to end it.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader.
    ReadLocked, OperationRefused
        where nothing can be written any more, or not now.
    """
    with transaction.atomic():
        read = locked_row(read_id, reader)
        refuse_unless_writable(read)
        if not take and _runs_elsewhere(read, tab):
            return Lease(False, read.writer_until, _last_heard(read))
        lease = renewed(tab)
        Read.objects.filter(pk=read.pk).update(**lease)
        return Lease(True, lease["writer_until"])


def let_go(*, read_id: int, reader: Reader, tab: UUID) -> None:
    """Ends the lease of this tab; one that another tab holds by now stays.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader.
    """
    own = Read.objects.filter(pk=read_id, reader=reader)
    if not own.filter(state="draft", writer=tab).update(writer=None, writer_until=None) and not own.exists():
        raise Read.DoesNotExist


def refuse_while_elsewhere(read: Read, tab: UUID | None) -> None:
    """The caller holds the lock on the read's row.

    Raises
    ------
    Elsewhere
        where the lease of another tab runs; a script without a tab is another one too.
    """
    if _runs_elsewhere(read, tab):
        raise Elsewhere


def renewed(tab: UUID | None) -> dict[str, Any]:
    """The columns of a read that this tab has just written to; none for a script, which takes no lease."""
    return {} if tab is None else {"writer": tab, "writer_until": timezone.now() + LEASE}


def _runs_elsewhere(read: Read, tab: UUID | None) -> bool:
    if read.writer is None or read.writer_until is None or read.writer == tab:
        return False
    return read.writer_until > timezone.now()


def _last_heard(read: Read) -> datetime | None:
    return None if read.writer_until is None else read.writer_until - LEASE
