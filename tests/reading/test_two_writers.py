"""Two windows, two readers, the same moment: real connections, real locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from labeling.anatomy.placing import Placed
from labeling.models import Assignment, Case, Finding, LabelOperation, Read, SliceLabel
from labeling.reading.activity import active_ms
from labeling.reading.anatomies import Proposal, make_version
from labeling.reading.labels import Conflict, Written, load_state, mark_seen, replay, write_operation
from labeling.reading.lease import take_lease
from labeling.reading.locking import lock_read
from labeling.reading.refusals import Elsewhere, NotReadable, OperationRefused, ReadLocked
from labeling.reading.reopening import reopen
from labeling.reading.roles import reader_of
from labeling.reading.rounds import claim, open_read
from labeling.reading.skipping import skip
from labeling.reading.writable import locked_row
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_case,
    make_read,
    make_reader,
    make_round,
    make_user,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import operation, send

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each action gave or raised, all begun at the same moment, each on a connection of its own."""
    start = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(index: int, action: Callable[[], Any]) -> None:
        try:
            start.wait(timeout=10)
            results[index] = action()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads), "writers wait for each other"
    return results


def test_of_two_writers_who_saw_the_same_one_writes_and_the_other_is_told() -> None:
    read = make_read()
    for seq in range(10):
        values = ["A1", "A2"]
        sent = [
            operation("set_ao", {"vertebra": vertebra_of(read, "L2"), "ao_body": value}, base_seq=seq)
            for value in values
        ]
        results = at_once(
            *(lambda one=one: write_operation(read_id=read.pk, reader=read.reader, operation=one) for one in sent)
        )
        written = [result for result in results if isinstance(result, Written)]
        conflicts = [result for result in results if isinstance(result, Conflict)]
        assert (len(written), len(conflicts)) == (1, 1), results
        assert written[0].seq == conflicts[0].seq == seq + 1
        winner = values[results.index(written[0])]
        assert conflicts[0].state.finding(vertebra_of(read, "L2")).ao_body == winner
    read.refresh_from_db()
    assert read.seq == LabelOperation.objects.count() == 10
    assert load_state(read)[0] == replay(read)


def test_the_same_operation_arriving_twice_at_once_is_one_row() -> None:
    read = make_read()
    payload = {"vertebra": vertebra_of(read, "L2"), "sop_uids": sops_of(read)[:1], "value": "fracture", "source": "key"}
    for seq in range(5):
        sent = operation("label_slices", payload, base_seq=seq)
        results = at_once(*[lambda sent=sent: write_operation(read_id=read.pk, reader=read.reader, operation=sent)] * 4)
        assert sorted(result.replayed for result in results) == [False, True, True, True]
        assert {result.seq for result in results} == {seq + 1}
    assert LabelOperation.objects.count() == 5
    assert SliceLabel.objects.count() == 1


def test_one_number_for_two_reads_at_once_is_written_once_and_refused_once() -> None:
    reads = [make_read(), make_read()]
    for _ in range(5):
        uuid, base = uuid4(), [Read.objects.get(pk=read.pk).seq for read in reads]
        sent = [
            operation(
                "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True}, base_seq=base[index], uuid=uuid
            )
            for index, read in enumerate(reads)
        ]
        results = at_once(
            *(
                lambda read=read, one=one: write_operation(read_id=read.pk, reader=read.reader, operation=one)
                for read, one in zip(reads, sent, strict=True)
            )
        )
        assert sorted(type(result).__name__ for result in results) == ["OperationRefused", "Written"], results
        assert isinstance(next(r for r in results if not isinstance(r, Written)), OperationRefused)


def test_a_lock_and_a_label_at_once_never_leave_a_label_that_the_lock_did_not_see() -> None:
    for _ in range(5):
        read = make_read()
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
        for level in ("L2", "L3", "L4"):
            send(read, "rest_negative", {"vertebra": vertebra_of(read, level)})
        sent = operation("set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True}, base_seq=3)
        locked, labelled = at_once(
            lambda read=read: lock_read(read_id=read.pk, reader=read.reader, base_seq=3),
            lambda read=read, sent=sent: write_operation(read_id=read.pk, reader=read.reader, operation=sent),
        )
        stored = Read.objects.select_related("round").get(pk=read.pk)
        if isinstance(locked, Read):
            assert isinstance(labelled, ReadLocked)
            assert not Finding.objects.filter(read=read, unclear=True).exists()
        else:
            assert isinstance(locked, Conflict)
            assert isinstance(labelled, Written)
        assert load_state(stored)[0] == replay(stored)


def test_two_readers_who_reach_for_one_case_get_it_once() -> None:
    round_ = make_round()
    for _ in range(5):
        case = make_case()
        make_assignment(case, round=round_)
        readers = [make_reader(), make_reader(), make_reader()]
        results = at_once(*(lambda reader=reader, case=case: claim(reader=reader, case=case) for reader in readers))
        assert sorted(type(result).__name__ for result in results) == ["Assignment", "NotReadable", "NotReadable"]
        assert Assignment.objects.filter(case=case).count() == 1
        assert all("taken" in result.sentence for result in results if isinstance(result, NotReadable))


def test_one_reader_who_takes_many_cases_at_once_has_a_place_for_each() -> None:
    round_, reader = make_round(), make_reader()
    cases = [make_case() for _ in range(4)]
    for case in cases:
        make_assignment(case, round=round_)
    results = at_once(*(lambda case=case: claim(reader=reader, case=case) for case in cases))
    assert sorted(result.position for result in results) == [1, 2, 3, 4]


def test_one_case_opened_in_two_windows_at_once_is_one_draft() -> None:
    case = make_case()
    make_anatomy(case)
    make_assignment(case)
    user = make_reader().user
    assert user is not None
    results = at_once(*[lambda: open_read(user=User.objects.get(pk=user.pk), case_id=case.pk)] * 3)
    assert {result.pk for result in results} == {Read.objects.get().pk}


def test_of_two_tabs_that_open_a_read_at_once_one_has_the_lease_and_the_other_is_told() -> None:
    read = make_read()
    for _ in range(5):
        Read.objects.filter(pk=read.pk).update(writer=None, writer_until=None)
        tabs = [uuid4(), uuid4(), uuid4()]
        results = at_once(*(lambda tab=tab: take_lease(read_id=read.pk, reader=read.reader, tab=tab) for tab in tabs))
        assert sorted(result.mine for result in results) == [False, False, True], results
        assert len({result.until for result in results}) == 1


def test_a_click_and_a_take_over_at_once_leave_one_writer_and_no_lost_click() -> None:
    read = make_read()
    for _ in range(5):
        here, there = uuid4(), uuid4()
        take_lease(read_id=read.pk, reader=read.reader, tab=here, take=True)
        seq = Read.objects.get(pk=read.pk).seq
        sent = operation("set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": seq % 2 == 0}, base_seq=seq)
        written, lease = at_once(
            lambda sent=sent, here=here: write_operation(read_id=read.pk, reader=read.reader, operation=sent, tab=here),
            lambda there=there: take_lease(read_id=read.pk, reader=read.reader, tab=there, take=True),
        )
        assert lease.mine
        stored = Read.objects.select_related("round").get(pk=read.pk)
        assert stored.writer == there, "the click came first or was refused; it never takes the lease back"
        assert stored.seq == seq + isinstance(written, Written)
        assert isinstance(written, Written | Elsewhere)
        assert load_state(stored)[0] == replay(stored)


def test_a_read_reopened_in_two_windows_at_once_is_one_draft() -> None:
    for _ in range(5):
        read = lock_plainly(make_read())
        results = at_once(
            *(lambda read=read, why=why: reopen(read_id=read.pk, reader=read.reader, reason=why) for why in "abc")
        )
        assert {result.pk for result in results} == {Read.objects.get(supersedes=read).pk}, results


def test_one_pooled_case_skipped_by_one_and_opened_by_another_is_only_one_persons() -> None:
    for _ in range(5):
        case = make_case()
        make_anatomy(case)
        make_assignment(case)
        users = [make_reader().user, make_reader().user]
        skipped, opened = at_once(
            lambda user=users[0], case=case: skip(user=user, case_id=case.pk, reason="image"),
            lambda user=users[1], case=case: open_read(user=User.objects.get(pk=user.pk), case_id=case.pk),
        )
        assignment = Assignment.objects.get(case=case)
        winner = users[0] if isinstance(skipped, Assignment) else users[1]
        assert assignment.reader is not None
        assert assignment.reader.user == winner
        # Whoever came second was told that it is taken, or no longer saw it at all.
        late = opened if winner == users[0] else skipped
        assert isinstance(late, NotReadable | Case.DoesNotExist), (skipped, opened)


def test_totals_of_one_tab_that_arrive_at_once_leave_the_largest() -> None:
    read, tab = make_read(), uuid4()
    totals = [100, 900, 400]
    results = at_once(
        *(
            lambda ms=ms: mark_seen(
                read_id=read.pk,
                reader=read.reader,
                sop_uids=[],
                tab=tab,
                active={None: ms, vertebra_of(read, "L2"): ms},
            )
            for ms in totals
        )
    )
    assert results == [0, 0, 0]
    assert active_ms(read) == {"": 1800, str(vertebra_of(read, "L2")): 900}


def test_eight_readers_who_label_at_once_do_not_wait_for_each_other() -> None:
    """A guard, not the bench: it lets a busy machine be slow, but no reader stand in another's queue."""
    reads = [make_read() for _ in range(8)]
    took: list[float] = []

    def label_a_vertebra(read: Read) -> None:
        for seq, sop in enumerate(sops_of(read)):
            payload = {"vertebra": vertebra_of(read, "L3"), "sop_uids": [sop], "value": "fracture", "source": "key"}
            sent = operation("label_slices", payload, base_seq=seq)
            start = time.perf_counter()
            write_operation(read_id=read.pk, reader=read.reader, operation=sent)
            took.append(time.perf_counter() - start)
            time.sleep(0.3)

    assert at_once(*(lambda read=read: label_a_vertebra(read) for read in reads)) == [None] * 8
    assert SliceLabel.objects.count() == 48
    assert sorted(took)[len(took) // 2] < 0.5


@pytest.fixture(autouse=True)
def _no_connection_left_open() -> Iterator[None]:
    yield
    connections.close_all()


def while_held(read: Read, held: Callable[[], Any], beside: Callable[[], Any]) -> Any:
    """What `beside` gave or raised, begun while another connection held the read's row and then did `held` to it."""
    holds = threading.Event()

    def holding() -> None:
        with transaction.atomic():
            locked_row(read.pk, read.reader)
            holds.set()
            time.sleep(0.5)
            held()

    def waiting() -> Any:
        holds.wait(timeout=10)
        return beside()

    first, second = at_once(holding, waiting)
    assert first is None, first
    return second


def test_a_case_skipped_while_it_is_locked_in_another_window_stays_locked_and_is_no_skip() -> None:
    user = make_user("resident")
    read = make_read(reader=reader_of(user))
    refused = while_held(
        read, lambda: lock_plainly(read), lambda: skip(user=user, case_id=read.case_id, reason="known")
    )
    assert isinstance(refused, NotReadable), refused
    assert "You have locked this case" in refused.sentence
    assert [row.state for row in Assignment.objects.filter(case=read.case_id)] == ["open"]


@pytest.mark.parametrize("named", [False, True])
def test_a_read_locked_while_its_anatomy_is_changed_stays_on_its_own(named: bool) -> None:
    user = make_user("resident")
    read = make_read(reader=reader_of(user))
    placed = tuple(
        Placed(
            *(row.vertebra_id, row.level, row.certainty, row.first_k, row.last_k, tuple(row.box)),
            *(row.cut, row.cut_where, "no", row.origin),
        )
        for row in read.anatomy.vertebrae.all()
    )
    proposal = Proposal(read.anatomy_id, placed)
    made = while_held(
        read,
        lambda: lock_plainly(read),
        lambda: make_version(user=user, case=read.case, proposal=proposal, read=read.pk if named else None),
    )
    if named:
        assert isinstance(made, ReadLocked), made
    else:
        assert (made.n, made.carried) == (2, None)
    assert Read.objects.get(pk=read.pk).anatomy_id == read.anatomy_id
    assert read.case.anatomies.count() == (1 if named else 2)
