"""Pools: the next case for everybody who asks at once, claims that run out, and cases that are read twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from django.utils import timezone

from labeling.models import (
    ActiveTime,
    Assignment,
    AuditEvent,
    Case,
    Exposure,
    LabelOperation,
    ModelShowing,
    Read,
    Round,
    Seen,
)
from labeling.reading.labels import mark_seen
from labeling.reading.planning.claims import CLAIM, return_lapsed
from labeling.reading.planning.draws import draw_read_twice, is_drawn
from labeling.reading.planning.pool import claim_next, open_next
from labeling.reading.refusals import NotReadable, OperationRefused
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import enter_open_round, open_read, put_into_pool
from labeling.reading.skipping import skip
from labeling.reading.worklist import next_case, worklist
from labeling.reading.writable import locked_row
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_bare_case,
    make_case,
    make_model_reader,
    make_read,
    make_round,
    make_user,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


def readable(**fields: Any) -> Case:
    case = make_case(slices=9, **fields)
    make_anatomy(case)
    return case


def filled(count: int, **fields: Any) -> Round:
    """An open labelling round with so many cases in its pool."""
    round_ = make_round(**fields)
    for position in range(count):
        make_assignment(readable(), round=round_, position=position + 1)
    return round_


def lapse(read: Read) -> None:
    """The claim of a read ran out a minute ago."""
    claims = Assignment.objects.filter(round=read.round, case=read.case, reader=read.reader)
    assert claims.update(lease_until=timezone.now() - timedelta(minutes=1)) == 1


# --- the next case --------------------------------------------------------------------------------------------------


def test_own_drafts_come_first_then_own_cases_then_the_pool() -> None:
    user, round_ = make_user(Role.RESIDENT), filled(1)
    pooled = Assignment.objects.get(round=round_)
    own = make_assignment(readable(), round=round_, reader=reader_of(user))
    draft = make_read(readable(), round=round_, reader=reader_of(user))
    order = []
    for _ in range(3):
        read = open_next(user)
        assert read is not None
        order.append(read.case_id)
        lock_plainly(read)
    assert order == [draft.case_id, own.case_id, pooled.case_id]
    assert open_next(user) is None


def test_what_is_opened_next_is_what_was_announced_and_never_what_is_done_with() -> None:
    user, _ = make_user(Role.RESIDENT), filled(2)
    announced = next_case(user)
    read = open_next(user)
    assert read is not None
    assert read.case_id == announced
    second = open_next(user, without=read.case_id)
    assert second is not None
    assert second.case_id != read.case_id


def test_a_claim_is_a_draft_with_a_place_and_a_lease() -> None:
    user, _ = make_user(Role.RESIDENT), filled(2)
    for place in (1, 2):
        read = claim_next(user)
        assert read is not None
        assignment = Assignment.objects.get(round=read.round, case=read.case)
        assert (assignment.reader, assignment.position, read.state, read.seq) == (reader_of(user), place, "draft", 0)
        assert assignment.lease_until is not None
        assert timedelta(0) <= timezone.now() + CLAIM - assignment.lease_until < timedelta(minutes=1)
    assert claim_next(user) is None


def test_what_cannot_be_read_is_passed_over_and_who_does_not_read_claims_nothing() -> None:
    round_ = make_round()
    make_assignment(make_bare_case(), round=round_, position=1)
    make_assignment(make_case(slices=1), round=round_, position=2)
    for state in ("planned", "paused", "closed"):
        make_assignment(readable(), round=make_round(state=state))
    user = make_user(Role.RESIDENT)
    assert claim_next(user) is None
    fine = make_assignment(readable(), round=round_, position=3)
    for role in (Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR):
        assert claim_next(make_user(role)) is None
        with pytest.raises(NotReadable, match="does not read"):
            open_next(make_user(role))
    read = claim_next(user)
    assert read is not None
    assert read.case_id == fine.case_id


def test_a_blind_pool_gives_nobody_what_they_were_shown() -> None:
    user, round_ = make_user(Role.SENIOR), make_round("independent")
    shown, other = readable(), readable()
    for position, case in enumerate((shown, other)):
        make_assignment(case, round=round_, position=position)
    Exposure.objects.create(reader=reader_of(user), case=shown, what="model")
    read = claim_next(user)
    assert read is not None
    assert read.case == other
    assert claim_next(user) is None


# --- claims that run out --------------------------------------------------------------------------------------------


def test_a_claim_that_ran_out_with_nothing_said_goes_to_whoever_asks_next() -> None:
    first, second = make_user(Role.RESIDENT), make_user(Role.RESIDENT)
    filled(1)
    read = open_next(first)
    assert read is not None
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
    assert claim_next(second) is None
    lapse(read)
    taken = claim_next(second)
    assert taken is not None
    assert (taken.case_id, taken.reader) == (read.case_id, reader_of(second))
    assert not Read.objects.filter(pk=read.pk).exists()
    assert not Seen.objects.exists()
    assert not ActiveTime.objects.exists()
    (event,) = AuditEvent.objects.filter(verb="claim_lapsed")
    assert (event.by, event.case, event.detail["reader"]) == (None, read.case, read.reader_id)
    with pytest.raises(Case.DoesNotExist):
        open_read(user=first, case_id=read.case_id)


def test_a_claim_with_one_operation_never_runs_out() -> None:
    first, second = make_user(Role.RESIDENT), make_user(Role.RESIDENT)
    filled(1)
    read = open_next(first)
    assert read is not None
    send(read, "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True})
    lapse(read)
    assert (return_lapsed(), claim_next(second)) == (0, None)
    assert open_next(first) == read
    assert LabelOperation.objects.count() == 1


def test_looking_renews_a_claim_but_not_with_every_slice() -> None:
    user, _ = make_user(Role.RESIDENT), filled(1)
    read = open_next(user)
    assert read is not None
    claims = Assignment.objects.filter(reader=reader_of(user))
    just = claims.get().lease_until
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[])
    assert claims.get().lease_until == just, "renewed a moment ago"
    claims.update(lease_until=timezone.now() + timedelta(minutes=30))
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[])
    renewed = claims.get().lease_until
    assert renewed is not None
    assert renewed > timezone.now() + CLAIM - timedelta(minutes=1)


def test_what_was_assigned_or_skipped_or_is_of_a_paused_round_does_not_run_out() -> None:
    assigned = make_read(readable())
    user = make_user(Role.RESIDENT)
    round_ = filled(2)
    skipped, paused = open_next(user), claim_next(user)
    assert skipped is not None
    assert paused is not None
    for read in (skipped, paused):
        lapse(read)
    skip(user=user, case_id=skipped.case_id, reason="later")
    Round.objects.filter(pk=round_.pk).update(state="paused")
    assert return_lapsed() == 0
    assert Read.objects.filter(pk__in=[assigned.pk, skipped.pk, paused.pk]).count() == 3


def test_an_empty_worklist_looks_for_claims_that_ran_out() -> None:
    first, second = make_user(Role.RESIDENT), make_user(Role.RESIDENT)
    filled(1)
    read = open_next(first)
    assert read is not None
    assert worklist(second).total == 0
    lapse(read)
    assert (worklist(second).counts["to_read"], worklist(first).counts["draft"]) == (1, 0)


def test_a_draft_beside_which_a_model_was_shown_is_kept_and_gone_on_with_by_its_reader() -> None:
    user, other = make_user(Role.RESIDENT), make_user(Role.RESIDENT)
    filled(1)
    read = open_next(user)
    assert read is not None
    model = lock_plainly(make_read(read.case, reader=make_model_reader()))
    ModelShowing.objects.create(read=read, model_read=model, first=True)
    lapse(read)
    assert return_lapsed() == 1
    assert Read.objects.filter(pk=read.pk).exists()
    with pytest.raises(OperationRefused, match="not yours to read any more"):
        mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[])
    assert next_case(other) == read.case_id
    assert claim_next(user) == read, "it came back to them"


# --- read twice -----------------------------------------------------------------------------------------------------


def test_one_of_ten_is_drawn_to_be_read_twice_by_the_seed_alone() -> None:
    rounds = [make_round(seed=5), make_round(seed=5), make_round(seed=6)]
    drawn = []
    for round_ in rounds:
        for _ in range(20):
            with transaction.atomic():
                put_into_pool(round_, make_bare_case())
        drawn.append(list(Assignment.objects.filter(round=round_).order_by("pk").values_list("read_twice", flat=True)))
    assert drawn[0] == drawn[1] == [is_drawn(5, place, 0.1, "read twice") for place in range(20)]
    assert [sum(one[:10]) for one in drawn] == [sum(one[10:]) for one in drawn] == [1, 1, 1]
    with transaction.atomic():
        assert not draw_read_twice(make_round("independent"), make_bare_case())


def test_what_is_drawn_for_one_purpose_tells_nothing_of_the_other() -> None:
    same = sum(
        [place for place in range(10) if is_drawn(seed, place, 0.1)]
        == [place for place in range(10) if is_drawn(seed, place, 0.1, "read twice")]
        for seed in range(300)
    )
    assert 10 < same < 60


def test_a_drawn_case_lies_in_the_pool_once_more_for_anybody_but_its_first_reader() -> None:
    round_ = make_round(rules={"second_reader_share": 1.0}, name="All twice")
    case = readable()
    assert enter_open_round(case) is not None
    users = [make_user(Role.RESIDENT) for _ in range(3)]
    first = claim_next(users[0])
    assert first is not None
    assert claim_next(users[0]) is None, "never to the same reader"
    assert (worklist(users[0]).counts["to_read"], worklist(users[1]).counts["to_read"]) == (0, 1)
    lock_plainly(first)
    assert (next_case(users[0]), open_next(users[0])) == (None, None)
    second = claim_next(users[1])
    assert second is not None
    assert (second.case, second.round, second.seq) == (case, round_, 0)
    assert claim_next(users[2]) is None, "twice, not three times"
    assert Assignment.objects.filter(round=round_, case=case, read_twice=True).count() == 2


def test_a_worklist_does_not_say_that_a_case_is_a_second_read() -> None:
    twice, once = make_round(rules={"second_reader_share": 1.0}), make_round(rules={"second_reader_share": 0.0})
    with transaction.atomic():
        put_into_pool(twice, readable())
    assert claim_next(make_user(Role.RESIDENT)) is not None
    with transaction.atomic():
        put_into_pool(once, readable())
    second, plain = worklist(make_user(Role.RESIDENT)).rows
    told = [
        {name: value for name, value in vars(row).items() if name not in ("case", "name", "round", "assignment")}
        for row in (second, plain)
    ]
    for one in told:
        one["vertebrae"] = [(cell.level, cell.state) for cell in one["vertebrae"]]
        del one["position"]
    assert told[0] == told[1]


def test_a_second_read_whose_first_was_given_back_lies_in_the_pool_only_once() -> None:
    round_ = make_round(rules={"second_reader_share": 1.0})
    with transaction.atomic():
        put_into_pool(round_, readable())
    users = [make_user(Role.RESIDENT) for _ in range(2)]
    read = claim_next(users[0])
    assert read is not None
    lapse(read)
    assert return_lapsed() == 1
    assert Assignment.objects.filter(round=round_).count() == 1
    assert claim_next(users[1]) is not None
    assert claim_next(users[0]) is not None
    assert Assignment.objects.filter(round=round_).count() == 2


def test_who_knows_the_patient_counts_as_no_reader_of_a_case_that_is_read_twice() -> None:
    round_ = make_round(rules={"second_reader_share": 1.0})
    with transaction.atomic():
        put_into_pool(round_, readable())
    users = [make_user(Role.RESIDENT) for _ in range(3)]
    read = claim_next(users[0])
    assert read is not None
    skip(user=users[0], case_id=read.case_id, reason="known")
    assert claim_next(users[1]) is not None
    assert claim_next(users[2]) is not None


# --- at once --------------------------------------------------------------------------------------------------------


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
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "readers wait for each other"
    return results


@pytest.fixture
def _no_connection_left_open() -> Iterator[None]:
    yield
    connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_connection_left_open")
def test_eight_readers_who_press_at_once_get_eight_different_cases() -> None:
    users = [make_user(Role.RESIDENT) for _ in range(8)]
    for user in users:
        reader_of(user)
    round_ = filled(24)
    for turn in range(3):
        results = at_once(*(lambda user=user: open_next(User.objects.get(pk=user.pk), without=None) for user in users))
        assert [type(result).__name__ for result in results] == ["Read"] * 8, results
        assert len({result.case_id for result in results}) == 8
        assert {result.reader.user_id for result in results} == {user.pk for user in users}
        assert Assignment.objects.filter(round=round_, reader__isnull=False).count() == 8 * (turn + 1)
        for result in results:
            lock_plainly(result)
    assert [open_next(user) for user in users] == [None] * 8
    assert set(Counter(Read.objects.values_list("case", flat=True)).values()) == {1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_connection_left_open")
def test_of_eight_readers_who_press_for_five_cases_five_have_one_and_none_is_refused() -> None:
    users = [make_user(Role.RESIDENT) for _ in range(8)]
    filled(5)
    results = at_once(*(lambda user=user: claim_next(User.objects.get(pk=user.pk)) for user in users))
    claimed = [result for result in results if isinstance(result, Read)]
    assert (len(claimed), results.count(None)) == (5, 3), results
    assert len({read.case_id for read in claimed}) == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_connection_left_open")
def test_cases_that_are_read_twice_go_to_two_different_readers_however_many_press() -> None:
    users = [make_user(Role.RESIDENT) for _ in range(6)]
    round_ = make_round(rules={"second_reader_share": 1.0})
    with transaction.atomic():
        for _ in range(3):
            put_into_pool(round_, readable())
    for _ in range(4):
        results = at_once(*(lambda user=user: claim_next(User.objects.get(pk=user.pk)) for user in users))
        assert not any(isinstance(result, Exception) for result in results), results
    pairs = Counter(Read.objects.values_list("case", flat=True))
    assert set(pairs.values()) == {2}
    assert Read.objects.values("case", "reader").distinct().count() == 6
    assert not Assignment.objects.filter(reader__isnull=True).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_connection_left_open")
def test_a_claim_that_ran_out_while_its_reader_is_at_work_is_theirs() -> None:
    user, other = make_user(Role.RESIDENT), make_user(Role.RESIDENT)
    filled(1)
    read = open_next(user)
    assert read is not None
    lapse(read)
    holds, done = threading.Event(), threading.Event()

    def working() -> None:
        with transaction.atomic():
            locked_row(read.pk, read.reader)
            holds.set()
            done.wait(timeout=10)

    def reaching() -> Any:
        holds.wait(timeout=10)
        try:
            return claim_next(User.objects.get(pk=other.pk))
        finally:
            done.set()

    _, reached = at_once(working, reaching)
    assert reached is None
    assert Read.objects.filter(pk=read.pk).exists()


def test_a_reader_without_any_case_is_told_so_through_the_api_and_one_with_a_case_enters_its_room(client: Any) -> None:
    user = make_user(Role.RESIDENT)
    client.force_login(user)
    answer = client.post("/api/worklist/next", {}, content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"read": None, "room": None})
    filled(2)
    first = client.post("/api/worklist/next", {}, content_type="application/json").json()
    second = client.post("/api/worklist/next", {"after": first["room"]["case"]["id"]}, content_type="application/json")
    assert first["read"] != second.json()["read"]
    client.force_login(make_user(Role.LEAD))
    refused = client.post("/api/worklist/next", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_readable")
