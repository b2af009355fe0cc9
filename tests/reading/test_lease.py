"""One tab writes; the others look on, know it, and may take over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from labeling.models import LabelOperation, Read, Seen
from labeling.reading.labels import mark_seen, write_operation
from labeling.reading.lease import LEASE, let_go, take_lease
from labeling.reading.locking import lock_read
from labeling.reading.refusals import Elsewhere, OperationRefused, ReadLocked
from tests.factories import lock_plainly, make_reader, make_round, sops_of, vertebra_of
from tests.reading.conftest import operation

pytestmark = pytest.mark.django_db

HERE, THERE = uuid4(), uuid4()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets time go by."""
    now = [timezone.now()]
    monkeypatch.setattr(timezone, "now", lambda: now[0])

    def pass_by(span: timedelta) -> None:
        now[0] += span

    return pass_by


def take(read: Read, tab: Any = HERE, **fields: Any) -> Any:
    return take_lease(read_id=read.pk, reader=read.reader, tab=tab, **fields)


def unclear(read: Read, tab: Any = None) -> Any:
    seq = Read.objects.values_list("seq", flat=True).get(pk=read.pk)
    sent = operation("set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": seq % 2 == 0}, base_seq=seq)
    return write_operation(read_id=read.pk, reader=read.reader, operation=sent, tab=tab)


def holder(read: Read) -> tuple[Any, datetime | None]:
    return Read.objects.values_list("writer", "writer_until").get(pk=read.pk)


def test_the_first_tab_has_the_lease_for_a_minute_and_the_second_is_told_until_when(
    read: Read, clock: Callable[[timedelta], None]
) -> None:
    first = take(read)
    assert first.mine
    assert first.until == timezone.now() + LEASE
    clock(timedelta(seconds=15))
    second = take(read, THERE)
    assert (second.mine, second.until, second.since) == (False, first.until, first.until - LEASE)
    assert holder(read)[0] == HERE


def test_the_lease_goes_on_with_each_renewal_each_label_and_each_claim_of_coverage(
    read: Read, clock: Callable[[timedelta], None]
) -> None:
    take(read)
    for go_on in (
        lambda: take(read),
        lambda: unclear(read, HERE),
        lambda: mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[], tab=HERE),
    ):
        clock(timedelta(seconds=50))
        go_on()
        assert holder(read) == (HERE, timezone.now() + LEASE)


def test_a_lease_that_ran_out_is_the_next_ones(read: Read, clock: Callable[[timedelta], None]) -> None:
    take(read)
    clock(LEASE)
    assert take(read, THERE).mine
    assert not take(read).mine


def test_who_takes_over_has_it_at_once_and_the_one_before_is_told(read: Read) -> None:
    take(read)
    assert take(read, THERE, take=True).mine
    assert not take(read).mine
    with pytest.raises(Elsewhere, match="another window or on another device"):
        unclear(read, HERE)
    unclear(read, THERE)


@pytest.mark.parametrize("tab", [THERE, None])
def test_while_another_tab_writes_nothing_is_written_from_here(read: Read, tab: Any) -> None:
    take(read)
    sops = sops_of(read)
    with pytest.raises(Elsewhere):
        unclear(read, tab)
    with pytest.raises(Elsewhere):
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops, viewed={"k": 3}, tab=tab)
    with pytest.raises(Elsewhere):
        lock_read(read_id=read.pk, reader=read.reader, base_seq=0, tab=tab)
    read.refresh_from_db()
    assert (read.seq, read.state, read.viewed, read.writer) == (0, "draft", {}, HERE)
    assert not LabelOperation.objects.exists()
    assert not Seen.objects.exists()


def test_a_script_without_a_tab_writes_where_nobody_else_does_and_takes_no_lease(
    read: Read, clock: Callable[[timedelta], None]
) -> None:
    unclear(read)
    assert holder(read) == (None, None)
    take(read)
    clock(LEASE)
    unclear(read)
    assert holder(read)[0] == HERE


def test_the_first_label_of_a_tab_takes_the_lease(read: Read) -> None:
    unclear(read, HERE)
    with pytest.raises(Elsewhere):
        unclear(read, THERE)


def test_what_was_written_before_the_take_over_is_still_answered_after_it(read: Read) -> None:
    sent = operation("set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True}, base_seq=0)
    write_operation(read_id=read.pk, reader=read.reader, operation=sent, tab=HERE)
    take(read, THERE, take=True)
    again = write_operation(read_id=read.pk, reader=read.reader, operation=sent, tab=HERE)
    assert (again.seq, again.replayed) == (1, True)
    assert holder(read)[0] == THERE


def test_a_tab_lets_go_of_its_own_lease_and_of_no_other(read: Read) -> None:
    take(read)
    let_go(read_id=read.pk, reader=read.reader, tab=THERE)
    assert holder(read)[0] == HERE
    let_go(read_id=read.pk, reader=read.reader, tab=HERE)
    assert holder(read) == (None, None)
    assert take(read, THERE).mine


def test_the_lock_ends_the_lease(read: Read) -> None:
    for level in ("L2", "L3", "L4"):
        sent = operation(
            "set_verdict", {"vertebra": vertebra_of(read, level), "verdict": "indeterminate"}, base_seq=read.seq
        )
        write_operation(read_id=read.pk, reader=read.reader, operation=sent, tab=HERE)
        read.refresh_from_db()
    locked = lock_read(read_id=read.pk, reader=read.reader, base_seq=3, tab=HERE)
    assert (locked.state, holder(read)) == ("locked", (None, None))
    let_go(read_id=read.pk, reader=read.reader, tab=HERE)


def test_what_takes_no_label_has_no_lease(read: Read) -> None:
    read.round = make_round(state="paused")
    read.save()
    with pytest.raises(OperationRefused, match="paused"):
        take(read)
    lock_plainly(read)
    with pytest.raises(ReadLocked):
        take(read, take=True)


def test_the_lease_of_anothers_read_is_not_there(read: Read) -> None:
    take(read)
    other = make_reader("lead", "resident")
    for act in (
        lambda: take_lease(read_id=read.pk, reader=other, tab=THERE, take=True),
        lambda: let_go(read_id=read.pk, reader=other, tab=HERE),
        lambda: let_go(read_id=10**9, reader=other, tab=HERE),
    ):
        with pytest.raises(Read.DoesNotExist):
            act()
    assert holder(read)[0] == HERE
