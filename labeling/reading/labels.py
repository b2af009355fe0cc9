"""The one writer of labels: each click is an operation, logged and applied to the tables in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from labeling.models import LabelOperation, LabelSource, Read, Reader, Seen, Slice
from labeling.reading.activity import record_active
from labeling.reading.gaps import Gap, gaps_of
from labeling.reading.lease import refuse_while_elsewhere, renewed
from labeling.reading.opinions.suggestions import checked_screen, refuse_what_nobody_suggested
from labeling.reading.planning.claims import keep_claim
from labeling.reading.projection import load_state, take_snapshot, write_difference
from labeling.reading.refusals import Elsewhere, OperationRefused, ReadLocked
from labeling.reading.replaying import folded, replayed
from labeling.reading.state import FindingState, Injury, ReadContext, ReadState, apply
from labeling.reading.verbs import touched_vertebra
from labeling.reading.writable import locked_row, refuse_unless_writable

__all__ = [
    "Conflict",
    "Elsewhere",
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
    """One click as the client sent it: `base_seq` is the number of operations it had seen, `shown` its screen, and
    `anatomy` the primary key of the one it was made on; None from a script that does not say."""

    uuid: UUID
    base_seq: int
    verb: str
    payload: dict[str, Any]
    shown: dict[str, Any]
    client_at: datetime
    anatomy: int | None = None


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

    def __init__(self, read: Read, state: ReadState) -> None:
        super().__init__(self.sentence)
        self.seq = read.seq
        self.state = state
        #: Another one than the client knows where its reader changed the anatomy meanwhile.
        self.anatomy = read.anatomy_id


def write_operation(*, read_id: int, reader: Reader, operation: Operation, tab: UUID | None = None) -> Written:
    """Logs one operation and applies it, or answers again what it answered the first time.

    `tab` is who writes; its write lease begins or goes on. A script that writes alone has none.

    Raises
    ------
    Read.DoesNotExist
        where this is no read of this reader.
    ReadLocked
        where the read is locked.
    Elsewhere
        where another tab holds the write lease.
    Conflict
        where the client has not seen all operations before this one.
    OperationRefused
        where the operation is nonsense, breaks a law, labels another slice than the one on screen, takes over what no
        model suggested to this reader, or bears the uuid of another one.
    """
    try:
        with transaction.atomic():
            return _write(locked_row(read_id, reader), operation, tab)
    except IntegrityError as error:
        # Only the row lock of *this* read is held: the same uuid may arrive for another read at the same moment.
        if LabelOperation.objects.filter(pk=operation.uuid).exists():
            raise _uuid_used() from error
        raise


def _write(read: Read, operation: Operation, tab: UUID | None) -> Written:
    known = LabelOperation.objects.filter(pk=operation.uuid).first()
    if known is not None:
        return _answer_again(read, known, operation)
    refuse_unless_writable(read)
    refuse_while_elsewhere(read, tab)
    before = take_snapshot(read)
    # A draft that said nothing yet moves to another anatomy without an entry, so its number does not tell.
    moved = operation.anatomy is not None and operation.anatomy != read.anatomy_id
    if moved or operation.base_seq != read.seq:
        raise Conflict(read, before.state)
    after = apply(before.state, before.context, operation.verb, operation.payload)
    if not storable(operation.shown, _SHOWN_MAX):
        raise OperationRefused("bad_payload", "shown must be a small JSON object.")
    refuse_what_nobody_suggested(read, operation.verb, operation.payload)
    shown = checked_screen(read, operation.verb, operation.payload, operation.shown)
    context = _with_shown_slice(read, operation, before.context)
    read.seq += 1
    LabelOperation.objects.create(
        uuid=operation.uuid,
        read=read,
        seq=read.seq,
        verb=operation.verb,
        payload=operation.payload,
        shown=shown,
        client_at=operation.client_at,
    )
    write_difference(read, before, after)
    Read.objects.filter(pk=read.pk).update(seq=read.seq, **renewed(tab))
    return _written(read.seq, operation.payload, before.state, after, gaps_of(after, context), replayed=False)


def _with_shown_slice(read: Read, operation: Operation, context: ReadContext) -> ReadContext:
    """The context once the screen is checked; a slice labelled by key was on it, so it counts as seen.

    Raises
    ------
    OperationRefused
        where a label by key is for another slice than the one that was on screen.
    """
    if operation.verb != "label_slices" or operation.payload["source"] != LabelSource.KEY:
        return context
    (sop,) = operation.payload["sop_uids"]
    if operation.shown.get("sop_uid") != sop:
        raise OperationRefused("another_slice", "The slice on screen was another one.")
    if not _drawn(operation):
        raise OperationRefused("not_drawn", "This slice was not drawn yet. Nothing was marked.")
    if sop in context.seen:
        return context
    Seen.objects.bulk_create([Seen(read=read, slice_id=sop)], ignore_conflicts=True)
    return replace(context, seen=context.seen | {sop})


def _drawn(operation: Operation) -> bool:
    """Whether the slice stood on screen at full resolution when the key was pressed; both times are the client's."""
    try:
        rendered = datetime.fromisoformat(operation.shown.get("rendered_at") or "")
    except (TypeError, ValueError):
        return False
    # Without a zone, or compared with one that has none, a time says nothing.
    return rendered.tzinfo is not None and rendered <= operation.client_at


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
    before, context = folded(read, until=known.seq - 1)
    after = apply(before, context.looking_back(), known.verb, known.payload)
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
    return replayed(read)


def mark_seen(
    *,
    read_id: int,
    reader: Reader,
    sop_uids: Iterable[str],
    viewed: dict[str, Any] | None = None,
    tab: UUID | None = None,
    active: Mapping[int | None, int] | None = None,
) -> int:
    """Records that these slices were on screen, where the reader is, and how long this tab was at work (`active`:
    milliseconds by vertebra, None for the case as a whole); the number of slices seen so far.

    Raises
    ------
    Read.DoesNotExist, ReadLocked, Elsewhere
        as `write_operation`.
    OperationRefused
        where a slice is not of the read's stack, a vertebra not of its case, or `viewed` is no small JSON object.
    """
    sops = sorted(set(sop_uids))
    if viewed is not None and not storable(viewed, _SHOWN_MAX):
        raise OperationRefused("bad_payload", "viewed must be a small JSON object.")
    with transaction.atomic():
        read = locked_row(read_id, reader)
        refuse_unless_writable(read)
        refuse_while_elsewhere(read, tab)
        keep_claim(read)
        if sops and Slice.objects.filter(stack=read.stack_id, pk__in=sops).count() != len(sops):
            raise OperationRefused("outside", "A slice is not of the stack that is read.")
        Seen.objects.bulk_create([Seen(read=read, slice_id=sop) for sop in sops], ignore_conflicts=True)
        if tab is not None and active:
            record_active(read, tab, active)
        changed = {**renewed(tab), **({} if viewed is None else {"viewed": viewed})}
        if changed:
            Read.objects.filter(pk=read.pk).update(**changed)
        return Seen.objects.filter(read=read).count()
