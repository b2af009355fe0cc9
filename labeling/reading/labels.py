"""The one writer of labels: each click is an operation, logged and applied to the tables in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from labeling.models import LabelOperation, LabelSource, Read, Reader, RoundState, Seen, Slice
from labeling.reading.gaps import Gap, gaps_of
from labeling.reading.projection import load_state, take_snapshot, write_difference
from labeling.reading.refusals import OperationRefused, ReadLocked
from labeling.reading.sealing import sealed
from labeling.reading.state import FindingState, Injury, ReadContext, ReadState, apply
from labeling.reading.verbs import touched_vertebra

__all__ = [
    "Conflict",
    "Operation",
    "ReadLocked",
    "Written",
    "load_state",
    "locked_row",
    "mark_seen",
    "refuse_unless_writable",
    "replay",
    "storable",
    "write_operation",
]

#: What a client may say of its screen with one operation, as JSON.
_SHOWN_MAX = 4096


@dataclass(frozen=True)
class Operation:
    """One click as the client sent it: `base_seq` is the number of operations it had seen, `shown` its screen."""

    uuid: UUID
    base_seq: int
    verb: str
    payload: dict[str, Any]
    shown: dict[str, Any]
    client_at: datetime


@dataclass(frozen=True)
class Written:
    """The answer to an operation: the touched finding (blank where nothing is left of it), the touched injury (None
    where it was taken away), and what the read lacks now. `replayed` where the operation had come before."""

    seq: int
    findings: Mapping[int, FindingState]
    injuries: Mapping[int, Injury | None]
    gaps: tuple[Gap, ...]
    replayed: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "findings": {str(key): finding.as_json() for key, finding in self.findings.items()},
            "injuries": {str(key): injury and injury.as_json() for key, injury in self.injuries.items()},
            "gaps": [gap.as_json() for gap in self.gaps],
        }


class Conflict(Exception):
    """Somebody (another tab of the same reader) wrote first. Carries what the read says now."""

    sentence = "This read was changed in another window. What it says now is shown."

    def __init__(self, seq: int, state: ReadState) -> None:
        super().__init__(self.sentence)
        self.seq = seq
        self.state = state


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


def write_operation(*, read_id: int, reader: Reader, operation: Operation) -> Written:
    """Logs one operation and applies it, or answers again what it answered the first time.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader.
    ReadLocked
        where the read is locked.
    Conflict
        where the client has not seen all operations before this one.
    OperationRefused
        where the operation is nonsense, breaks a law, labels another slice than the one on screen, or bears the uuid of
        another one.
    """
    try:
        with transaction.atomic():
            return _write(locked_row(read_id, reader), operation)
    except IntegrityError as error:
        # Only the row lock of *this* read is held: the same uuid may arrive for another read at the same moment.
        if LabelOperation.objects.filter(pk=operation.uuid).exists():
            raise _uuid_used() from error
        raise


def _write(read: Read, operation: Operation) -> Written:
    known = LabelOperation.objects.filter(pk=operation.uuid).first()
    if known is not None:
        return _answer_again(read, known, operation)
    refuse_unless_writable(read)
    before = take_snapshot(read)
    if operation.base_seq != read.seq:
        raise Conflict(read.seq, before.state)
    after = apply(before.state, before.context, operation.verb, operation.payload)
    context = _with_shown_slice(read, operation, before.context)
    read.seq += 1
    LabelOperation.objects.create(
        uuid=operation.uuid,
        read=read,
        seq=read.seq,
        verb=operation.verb,
        payload=operation.payload,
        shown=operation.shown,
        client_at=operation.client_at,
    )
    write_difference(read, before, after)
    Read.objects.filter(pk=read.pk).update(seq=read.seq)
    return _written(read.seq, operation.payload, before.state, after, gaps_of(after, context), replayed=False)


def _with_shown_slice(read: Read, operation: Operation, context: ReadContext) -> ReadContext:
    """The context once the screen is checked; a slice labelled by key was on it, so it counts as seen.

    Raises
    ------
    OperationRefused
        where a label by key is for another slice than the one that was on screen, or the screen cannot be stored.
    """
    if not storable(operation.shown, _SHOWN_MAX):
        raise OperationRefused("bad_payload", "shown must be a small JSON object.")
    if operation.verb != "label_slices" or operation.payload["source"] != LabelSource.KEY:
        return context
    (sop,) = operation.payload["sop_uids"]
    if operation.shown.get("sop_uid") != sop:
        raise OperationRefused("another_slice", "The slice on screen was another one.")
    if sop in context.seen:
        return context
    Seen.objects.bulk_create([Seen(read=read, slice_id=sop)], ignore_conflicts=True)
    return ReadContext(context.unit, context.ao_required, context.vertebrae, context.seen | {sop})


def storable(data: object, longest: int) -> bool:
    """Whether this is a JSON object that PostgreSQL's jsonb takes, at most `longest` bytes as UTF-8."""
    if not isinstance(data, dict):
        return False
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return False
    # jsonb holds no NUL; half a surrogate pair was refused by the encoding above.
    return len(text) <= longest and b"\\u0000" not in text


def _answer_again(read: Read, known: LabelOperation, operation: Operation) -> Written:
    """The answer this operation had: what the read said just after it, even where more was said since."""
    same = (known.read_id, known.verb, known.payload) == (read.pk, operation.verb, operation.payload)
    if not same:
        raise _uuid_used()
    _, context = load_state(read)
    before = _fold(read, context, until=known.seq - 1)
    after = apply(before, context, known.verb, known.payload)
    return _written(known.seq, known.payload, before, after, gaps_of(after, context), replayed=True)


def _uuid_used() -> OperationRefused:
    return OperationRefused("uuid_used", "Another operation bears this number. Send it under a new one.")


def _written(
    seq: int, payload: dict[str, Any], before: ReadState, after: ReadState, gaps: tuple[Gap, ...], *, replayed: bool
) -> Written:
    touched = touched_vertebra(payload)
    keys = () if touched is None else (touched,)
    return Written(
        seq=seq,
        findings={key: after.finding(key) for key in keys},
        injuries={key: after.injuries.get(key) for key in keys if key in before.injuries or key in after.injuries},
        gaps=gaps,
        replayed=replayed,
    )


def replay(read: Read) -> ReadState:
    """What the log alone says of a read; the tables hold the same, or something has gone past the one writer."""
    _, context = load_state(read)
    state = _fold(read, context, until=read.seq)
    return sealed(state, context) if read.state == "locked" else state


def _fold(read: Read, context: ReadContext, *, until: int) -> ReadState:
    state = ReadState()
    operations = LabelOperation.objects.filter(read=read, seq__lte=until).order_by("seq")
    for verb, payload in operations.values_list("verb", "payload"):
        state = apply(state, context, verb, payload)
    return state


def mark_seen(*, read_id: int, reader: Reader, sop_uids: Iterable[str], viewed: dict[str, Any] | None = None) -> int:
    """Records that these slices were on screen, and where the reader is; the number of slices seen so far.

    Raises
    ------
    Read.DoesNotExist, ReadLocked
        as `write_operation`.
    OperationRefused
        where a slice is not of the read's stack, or `viewed` is no small JSON object.
    """
    sops = sorted(set(sop_uids))
    if viewed is not None and not storable(viewed, _SHOWN_MAX):
        raise OperationRefused("bad_payload", "viewed must be a small JSON object.")
    with transaction.atomic():
        read = locked_row(read_id, reader)
        refuse_unless_writable(read)
        if sops and Slice.objects.filter(stack=read.stack_id, pk__in=sops).count() != len(sops):
            raise OperationRefused("outside", "A slice is not of the stack that is read.")
        Seen.objects.bulk_create([Seen(read=read, slice_id=sop) for sop in sops], ignore_conflicts=True)
        if viewed is not None:
            Read.objects.filter(pk=read.pk).update(viewed=viewed)
        return Seen.objects.filter(read=read).count()
