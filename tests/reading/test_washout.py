"""Wash-out: counted from the locks before, reckoned anew with each of them, and compared with one clock alone."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from labeling.models import Notice, NoticeKind, Read, RoundKind
from labeling.reading import washout
from labeling.reading.locking import lock_read
from labeling.reading.roles import reader_of
from labeling.reading.washout import opening, refresh
from tests.factories import make_anatomy, make_assignment, make_case, make_read, make_round
from tests.reading.sittings import a_sitting, write

pytestmark = pytest.mark.django_db


def lock(read: Read) -> Read:
    return lock_read(read_id=read.pk, reader=read.reader, base_seq=read.seq)


def test_a_consensus_counts_from_the_last_required_lock() -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28, lock=False)
    assert [seat.not_before for seat in sitting.seats()] == [None, None]
    lock(sitting.reads[0])
    assert [seat.not_before for seat in sitting.seats()] == [None, None]
    last = lock(sitting.reads[1]).locked_at
    assert last is not None
    assert [seat.not_before for seat in sitting.seats()] == [last + timedelta(days=28)] * 2


def test_a_third_read_does_not_move_the_date() -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    before = [seat.not_before for seat in sitting.seats()]
    third = write(make_read(sitting.case, round=sitting.follows), {})
    lock(third)
    assert [seat.not_before for seat in sitting.seats()] == before


def test_a_read_that_is_opened_again_takes_the_date_away_until_its_next_lock() -> None:
    from labeling.reading.reopening import reopen

    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    read = sitting.reads[1]
    draft = reopen(read_id=read.pk, reader=read.reader, reason="a slice forgotten")
    refresh(sitting.follows, sitting.case)
    assert [seat.not_before for seat in sitting.seats()] == [None, None]
    last = lock(draft).locked_at
    assert last is not None
    assert {seat.not_before for seat in sitting.seats()} == {last + timedelta(days=28)}


def test_a_repeat_counts_from_ones_own_lock() -> None:
    case = make_case()
    make_anatomy(case)
    first = make_round(RoundKind.INDEPENDENT)
    repeat = make_round(RoundKind.REPEAT, follows=first)
    reads = [write(make_read(case, round=first), {}) for _ in range(2)]
    seats = [make_assignment(case, round=repeat, reader=read.reader) for read in reads]
    locked = lock(reads[0]).locked_at
    assert locked is not None
    for seat in seats:
        seat.refresh_from_db()
    assert [seat.not_before for seat in seats] == [locked + timedelta(days=28), None]
    assert opening(seats[1]).sentence == "Your first read is not locked yet."


def test_a_round_that_follows_none_never_waits() -> None:
    seat = make_assignment(make_case())
    assert opening(seat).ready


def test_an_opening_says_its_day_and_moves_with_the_clock(settings: Any, tmp_path: Path) -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    found = opening(sitting.seats()[0])
    assert not found.ready
    assert re.fullmatch(r"Available on \d{1,2} [A-Z][a-z]+ \d{4}\.", found.sentence)
    settings.CLOCK_FILE = tmp_path / "days"
    settings.CLOCK_FILE.write_text("27")
    assert not opening(sitting.seats()[0]).ready
    settings.CLOCK_FILE.write_text("28")
    assert opening(sitting.seats()[0]).ready


def test_a_reason_of_the_lead_lifts_the_days_but_not_the_missing_locks() -> None:
    for lock_, ready in ((True, True), (False, False)):
        sitting = a_sitting({}, {"L1": "A1"}, days=28, lock=lock_)
        seat = sitting.seats()[0]
        seat.washout_override = "The study ends."
        assert opening(seat).ready is ready


def test_members_are_told_once_where_a_lock_makes_a_case_ready() -> None:
    sitting = a_sitting({}, {"L1": "A1"}, lock=False)
    for read in sitting.reads:
        lock(read)
    told = Notice.objects.filter(kind=NoticeKind.CONSENSUS_OPEN, case=sitting.case)
    assert {notice.reader for notice in told} == {reader_of(user) for user in sitting.seniors}
    assert told.count() == 2
    refresh(sitting.follows, sitting.case)
    assert told.count() == 2
    later = a_sitting({}, {"L1": "A1"}, days=28)
    assert not Notice.objects.filter(case=later.case).exists()


def test_what_is_settled_is_the_first_locked_reads_of_persons_in_their_newest_version() -> None:
    sitting = a_sitting({}, {"L1": "A1"}, {"L1": "A3"}, rules={"required_reads": 2})
    assert washout.reads_settled_by(sitting.round, sitting.case) == sitting.reads[:2]
