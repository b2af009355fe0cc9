"""A read to write to, and a shorthand for writing to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from labeling.models import Read
from labeling.reading.labels import Operation, Written, write_operation
from tests.factories import make_read

Write = Callable[..., Written]


@pytest.fixture
def read(db: None) -> Read:
    """A resident's draft on L2 to L4, whose bodies lie on slices 3 to 8 of 12."""
    return make_read()


def operation(verb: str, payload: dict[str, Any], *, base_seq: int, **fields: Any) -> Operation:
    """An operation as the browser sends it; a label by key says which slice was on screen."""
    on_screen = (payload.get("sop_uids") or [""])[0]
    pressed = timezone.now()
    drawn = pressed - timedelta(milliseconds=300)
    shown = {"sop_uid": on_screen, "window": [1800, 400], "rendered_at": drawn.isoformat()}
    return Operation(
        **{
            "uuid": uuid4(),
            "base_seq": base_seq,
            "verb": verb,
            "payload": payload,
            "shown": shown,
            "client_at": pressed,
            **fields,
        }
    )


def send(read: Read, verb: str, payload: dict[str, Any], **fields: Any) -> Written:
    """Writes one operation on top of all that was written before."""
    base_seq = fields.pop("base_seq", None)
    if base_seq is None:
        base_seq = Read.objects.values_list("seq", flat=True).get(pk=read.pk)
    return write_operation(
        read_id=read.pk, reader=read.reader, operation=operation(verb, payload, base_seq=base_seq, **fields)
    )
