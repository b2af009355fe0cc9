"""Active time: totals that only rise, shown to the reader alone, and the pace that follows from them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.models import ActiveTime, LabelOperation, Read, Reader
from labeling.reading.activity import active_ms, pace_ms
from labeling.reading.labels import mark_seen
from labeling.reading.lease import take_lease
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import reader_of
from labeling.reading.worklist import worklist
from tests.factories import lock_plainly, make_assignment, make_case, make_read, make_round, make_user, vertebra_of

pytestmark = pytest.mark.django_db


def tell(read: Read, tab: UUID, active: dict[int | None, int]) -> None:
    take_lease(read_id=read.pk, reader=read.reader, tab=tab, take=True)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=[], tab=tab, active=active)


def locked_read(reader: Reader, minutes: float, *, active: bool = True, lay: timedelta = timedelta(0)) -> Read:
    """A locked read that took this many minutes, told by its tab or to be seen from its log."""
    read = make_read(reader=reader)
    sent = {"verb": "set_unclear", "payload": {}, "client_at": timezone.now()}
    logged = LabelOperation.objects.create(uuid=uuid4(), read=read, seq=1, **sent)
    if active:
        ActiveTime.objects.create(read=read, tab=uuid4(), ms=round(minutes * 60_000))
        return lock_plainly(read)
    # The log is insert only: what lies between click and lock is made by moving the lock.
    read.state, read.content_sha = "locked", "a"
    read.locked_at = logged.at + timedelta(minutes=minutes) + lay
    read.save()
    return read


def test_a_tab_tells_its_totals_and_the_read_sums_its_tabs(read: Read) -> None:
    l2, l3 = vertebra_of(read, "L2"), vertebra_of(read, "L3")
    first, second = uuid4(), uuid4()
    tell(read, first, {None: 500, l2: 1000})
    tell(read, first, {None: 700, l2: 4000, l3: 100})
    tell(read, second, {l2: 50})
    assert active_ms(read) == {"": 4850, str(l2): 4050, str(l3): 100}


def test_a_total_that_comes_late_or_twice_takes_nothing_away(read: Read) -> None:
    tab, l2 = uuid4(), vertebra_of(read, "L2")
    for ms in (1000, 4000, 4000, 2000):
        tell(read, tab, {l2: ms, None: ms})
    assert active_ms(read) == {"": 8000, str(l2): 4000}
    assert ActiveTime.objects.count() == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["", "L2", "L3"]), st.integers(0, 100_000)), min_size=1, max_size=8
    ),
    order=st.randoms(use_true_random=False),
)
def test_in_whatever_order_totals_come_the_largest_of_each_counts(
    db: None, told: list[tuple[int, str, int]], order: object
) -> None:
    read, tabs = make_read(), (uuid4(), uuid4())
    ids = {"": None, "L2": vertebra_of(read, "L2"), "L3": vertebra_of(read, "L3")}
    shuffled = list(told)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for tab, level, ms in shuffled:
        tell(read, tabs[tab], {ids[level]: ms})
    largest = {(tab, level): max(ms for t, name, ms in told if (t, name) == (tab, level)) for tab, level, _ in told}
    assert active_ms(read)[""] == sum(largest.values())


def test_time_on_a_vertebra_of_another_case_is_refused_and_nothing_is_noted(read: Read) -> None:
    foreign = vertebra_of(make_read(), "L2")
    with pytest.raises(OperationRefused, match="not in this case"):
        tell(read, uuid4(), {foreign: 100, None: 5})
    assert not ActiveTime.objects.exists()


def test_the_pace_is_the_median_of_the_last_twenty_locked_reads() -> None:
    reader = reader_of(make_user("resident"))
    assert pace_ms(reader) is None
    for _ in range(3):
        locked_read(reader, 14)
    for minutes in [2] * 11 + [4] * 9:
        locked_read(reader, minutes)
    make_read(reader=reader)
    locked_read(reader_of(make_user("resident")), 9)
    assert pace_ms(reader) == 2 * 60_000


def test_where_no_tab_told_the_time_from_first_click_to_lock_stands_in_up_to_a_quarter_of_an_hour() -> None:
    reader = reader_of(make_user("resident"))
    locked_read(reader, 3, active=False)
    assert pace_ms(reader) == pytest.approx(3 * 60_000, abs=5)
    left_lying = reader_of(make_user("resident"))
    locked_read(left_lying, 3, active=False, lay=timedelta(days=2))
    assert pace_ms(left_lying) == 15 * 60_000
    silent = reader_of(make_user("resident"))
    lock_plainly(make_read(reader=silent))
    assert pace_ms(silent) is None


def test_the_worklist_says_what_each_case_took_and_how_long_the_rest_takes() -> None:
    user, round_ = make_user("resident"), make_round()
    reader = reader_of(user)
    done = locked_read(reader, 4)
    draft = make_read(round=round_, reader=reader)
    tell(draft, uuid4(), {None: 1500, vertebra_of(draft, "L2"): 500})
    for _ in range(2):
        make_assignment(make_case(), round=round_, reader=reader)
    make_assignment(make_case(), round=round_, reader=reader, state="skipped", skip_reason="image")
    page = worklist(user, tab="mine")
    assert (page.pace_ms, page.left_ms, page.done, page.of) == (240_000, 3 * 240_000, 1, 4)
    times = {row.case: row.active_ms for row in page.rows}
    assert (times[done.case_id], times[draft.case_id]) == (240_000, 2000)
    assert sum(times.values()) == 242_000


def test_a_row_sums_all_versions_of_the_own_read_and_nothing_of_anothers() -> None:
    user = make_user("resident")
    first = locked_read(reader_of(user), 2)
    second = make_read(
        first.case, round=first.round, reader=first.reader, version=2, supersedes=first, reopen_reason="again"
    )
    tell(second, uuid4(), {None: 1000})
    tell(make_read(first.case, round=first.round), uuid4(), {None: 77_000})
    (row,) = worklist(user, tab="mine").rows
    assert (row.active_ms, row.version) == (121_000, 2)
    assert active_ms(second) == {"": 1000}


def test_who_has_read_nothing_has_no_pace() -> None:
    make_assignment(make_case())
    page = worklist(make_user("resident"))
    assert (page.pace_ms, page.left_ms, page.done, page.of) == (None, None, 0, 1)
