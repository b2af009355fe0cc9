"""What may be fetched ahead: the images of the next case, and nothing that asking would give away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Assignment, Exposure, Read, Reader
from labeling.reading.ahead import next_ahead, outwards
from labeling.reading.labels import mark_seen
from labeling.reading.roles import reader_of
from labeling.reading.rounds import open_read
from labeling.reading.worklist import next_case
from tests.factories import lock_plainly, make_anatomy, make_assignment, make_case, make_read, make_round, make_user

pytestmark = pytest.mark.django_db


def test_it_is_the_case_that_comes_after_this_one_and_asking_changes_nothing() -> None:
    user, round_ = make_user("resident"), make_round()
    reading = make_read(reader=reader_of(user), round=round_)
    case = make_case(report_text="Fracture of L3.")
    anatomy = make_anatomy(case, outlines="outlines/a.gz")
    make_assignment(case, round=round_)
    before = (Read.objects.count(), Assignment.objects.filter(reader__isnull=True).count(), Exposure.objects.count())
    ahead = next_ahead(user, after=reading.case_id)
    assert ahead is not None
    assert (ahead.case, ahead.stack, ahead.anatomy) == (case, case.reading_stack, anatomy)
    after = (Read.objects.count(), Assignment.objects.filter(reader__isnull=True).count(), Exposure.objects.count())
    assert after == before
    lock_plainly(reading)
    assert next_case(user) == case.pk, "what was fetched ahead is what comes"


def test_asking_makes_no_reader_of_a_person() -> None:
    user = make_user("resident")
    case = make_case()
    make_anatomy(case)
    make_assignment(case)
    assert next_ahead(user) is not None
    assert not Reader.objects.filter(user=user).exists()


def test_the_first_slice_is_the_one_that_the_room_will_show_first() -> None:
    user = make_user("resident")
    case = make_case(slices=12)
    make_anatomy(case, ("L2", "L3"), first_k=3, last_k=8, cut=("L2",))
    make_assignment(case)
    sops = list(case.reading_stack.slices.order_by("k").values_list("sop_uid", flat=True))
    ahead = next_ahead(user)
    assert ahead is not None
    assert ahead.sops[:4] == (sops[5], sops[4], sops[6], sops[3])
    assert sorted(ahead.sops) == sorted(sops)
    read = open_read(user=user, case_id=case.pk)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[], viewed={"k": 11})
    ahead = next_ahead(user)
    assert ahead is not None
    assert ahead.sops[:2] == (sops[11], sops[10])


def test_it_is_on_the_anatomy_that_the_read_will_stand_on() -> None:
    user = make_user("senior")
    case = make_case()
    confirmed = make_anatomy(case)
    reader = reader_of(user)
    type(confirmed).objects.filter(pk=confirmed.pk).update(confirmed_by=reader, confirmed_at=confirmed.created_at)
    make_anatomy(case)
    make_assignment(case, round=make_round("independent"), reader=reader)
    ahead = next_ahead(user)
    assert ahead is not None
    assert ahead.anatomy == confirmed == open_read(user=user, case_id=case.pk).anatomy


def test_nothing_comes_where_nothing_can_be_read_or_the_person_does_not_read() -> None:
    make_assignment(make_case())
    assert next_ahead(make_user("resident")) is None
    assert next_ahead(make_user("lead")) is None
    user = make_user("resident")
    only = make_read(reader=reader_of(user))
    assert next_ahead(user, after=only.case_id) is None


@given(st.integers(1, 60).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count - 1))))
def test_every_slice_comes_once_and_never_a_nearer_one_after_a_farther(pair: tuple[int, int]) -> None:
    count, start = pair
    names = [str(k) for k in range(count)]
    order = outwards(names, start)
    assert sorted(order) == sorted(names)
    distances = [abs(int(name) - start) for name in order]
    assert distances == sorted(distances)
    assert order[0] == str(start)
