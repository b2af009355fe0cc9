"""A draft goes over to another version of the anatomy: its labels are carried, and the log says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.utils import timezone

from labeling.models import Anatomy, Finding, LabelOperation, Read
from labeling.reading.carrying import Dropped, carried
from labeling.reading.projection import take_snapshot, write_difference
from labeling.reading.replaying import SET_ANATOMY, context_under
from labeling.reading.state import ReadState

__all__ = ["Carried", "repin"]


@dataclass(frozen=True)
class Carried:
    """What became of one draft: vertebrae of which it still says something, and what it lost."""

    read: int
    kept: int
    dropped: tuple[Dropped, ...]

    def as_json(self) -> dict[str, Any]:
        return {"read": self.read, "kept": self.kept, "dropped": [one.as_json() for one in self.dropped]}


def repin(read: Read, anatomy: Anatomy) -> Carried:
    """Puts a draft onto another anatomy of its stack, in one operation of its log; `read` itself is changed too.

    The caller holds the lock on the read's row and has asked whether it may be written to. A draft that says nothing
    yet moves without an entry. On the anatomy it has already, nothing happens.
    """
    before = take_snapshot(read)
    if read.anatomy_id == anatomy.pk:
        return Carried(read.pk, len(before.state.findings), ())
    new = context_under(anatomy.pk, before.context)
    after, dropped = carried(before.state, before.context, new)
    if read.seq or before.state != ReadState():
        read.seq += 1
        LabelOperation.objects.create(
            uuid=uuid4(),
            read=read,
            seq=read.seq,
            verb=SET_ANATOMY,
            payload={"from": read.anatomy_id, "to": anatomy.pk},
            client_at=timezone.now(),
        )
        write_difference(read, before, after)
        # A blank row of a vertebra that is no longer there would be counted as one that was not assessed.
        Finding.objects.filter(read=read).exclude(vertebra__in=[*new.vertebrae]).delete()
    if read.viewed.get("vertebra") not in new.vertebrae:
        read.viewed = {key: value for key, value in read.viewed.items() if key != "vertebra"}
    read.anatomy = anatomy
    read.save(update_fields=["anatomy", "seq", "viewed"])
    return Carried(read.pk, len(after.findings), tuple(dropped))
