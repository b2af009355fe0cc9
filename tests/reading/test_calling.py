"""People are told when a wash-out ends: once, by the clock of wash-outs, and of nothing that is blind to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as installation
from django.contrib.auth.models import User

from config.celery import app
from labeling.models import Assignment, AuditEvent, Case, Notice, NoticeKind, Reader, Round, RoundKind
from labeling.reading import washout
from labeling.reading.locking import lock_read
from labeling.reading.notices import notices_of
from labeling.reading.planning.calling import call
from labeling.reading.planning.handing import hand_over, override_washout
from labeling.reading.planning.states import pause, resume
from labeling.reading.protocol.record import protocol_of
from labeling.reading.reopening import reopen
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import open_read
from labeling.reading.skipping import skip
from tests.factories import make_anatomy, make_assignment, make_case, make_read, make_reader, make_round, make_user
from tests.reading.sittings import Sitting, a_sitting, write

pytestmark = pytest.mark.django_db

MoveClock = Callable[[int], None]


@pytest.fixture
def ahead(settings: Any, tmp_path: Path) -> MoveClock:
    """Moves the clock of wash-outs so many days ahead."""
    settings.CLOCK_FILE = tmp_path / "days"
    return lambda days: settings.CLOCK_FILE.write_text(str(days)) and None


def texts(user: User | None) -> list[str]:
    assert user is not None
    return [notice.text for notice in notices_of(user)]


def a_panel(cases: int, days: int = 28) -> list[Sitting]:
    """So many cases of one consensus round, whose two reads are locked and whose wash-out runs."""
    first = a_sitting({}, {"L1": "A1"}, days=days)
    for _ in range(cases - 1):
        case = make_case()
        make_anatomy(case, ("L1",))
        for read in first.reads:
            again = write(make_read(case, round=first.follows, reader=read.reader), {})
            lock_read(read_id=again.pk, reader=again.reader, base_seq=0)
        for senior in first.seniors:
            make_assignment(case, round=first.round, reader=reader_of(senior))
        washout.refresh(first.round, case)
    return [Sitting(case, first.follows, first.round, [], first.seniors) for case in cases_of(first.round)]


def cases_of(round_: Round) -> list[Case]:
    return list(Case.objects.filter(assignments__round=round_).distinct().order_by("pk"))


def a_repeat(cases: int = 1) -> tuple[Reader, Round, list[Case]]:
    """A reader whose first reads are locked and who is to read the cases again in 28 days."""
    reader, first = make_reader(Role.SENIOR), make_round(RoundKind.INDEPENDENT)
    repeat = make_round(RoundKind.REPEAT, follows=first)
    given = []
    for _ in range(cases):
        case = make_case()
        make_anatomy(case)
        make_assignment(case, round=repeat, reader=reader)
        read = write(make_read(case, round=first, reader=reader), {})
        lock_read(read_id=read.pk, reader=reader, base_seq=0)
        given.append(case)
    return reader, repeat, given


def test_the_panel_is_told_of_a_case_on_the_day_and_only_once(ahead: MoveClock) -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    ahead(27)
    assert call() == 0
    ahead(28)
    assert call() == 2
    told = Notice.objects.filter(kind=NoticeKind.CONSENSUS_OPEN, round=sitting.round, case=sitting.case)
    assert {notice.reader for notice in told} == {reader_of(user) for user in sitting.seniors}
    assert texts(sitting.senior) == [f"{sitting.case.name} of {sitting.round.name} can be settled now."]
    for days in (28, 29, 0, 400):
        ahead(days)
        assert call() == 0


def test_of_several_cases_at_once_one_notice_tells_with_their_number(ahead: MoveClock) -> None:
    sittings = a_panel(3)
    round_, senior = sittings[0].round, sittings[0].senior
    ahead(28)
    assert call() == 2
    assert texts(senior) == [f"3 cases of {round_.name} can be settled now."]
    notice = Notice.objects.filter(reader__user=senior).get()
    assert (notice.kind, notice.round, notice.case) == (NoticeKind.CONSENSUS_OPEN, round_, None)
    assert call() == 0
    ahead(0)
    late = a_sitting({}, {"L1": "A1"}, days=28, follows=sittings[0].follows)
    Assignment.objects.filter(round=late.round).delete()
    make_assignment(late.case, round=round_, reader=reader_of(senior))
    washout.refresh(round_, late.case)
    ahead(28)
    assert call() == 1
    assert texts(senior)[0] == f"{late.case.name} of {round_.name} can be settled now."


def test_who_reads_again_is_told_when_they_can(ahead: MoveClock) -> None:
    (anna, repeat, [case]), (otto, both, _) = a_repeat(), a_repeat(2)
    assert call() == 0
    ahead(28)
    assert call() == 2
    assert texts(anna.user) == [f"{case.name} of {repeat.name} can be read again now."]
    assert texts(otto.user) == [f"2 cases of {both.name} can be read again now."]
    assert set(Notice.objects.values_list("kind", flat=True)) == {NoticeKind.AVAILABLE}
    assert call() == 0


def test_who_owes_a_read_of_the_case_is_told_nothing_before_their_lock(ahead: MoveClock) -> None:
    sittings = a_panel(2)
    owing, free = sittings[0].seniors
    blind = make_round("independent")
    make_assignment(sittings[0].case, round=blind, reader=reader_of(owing))
    ahead(28)
    assert call() == 2
    assert texts(owing) == [f"{sittings[1].case.name} of {sittings[1].round.name} can be settled now."]
    assert texts(free) == [f"2 cases of {sittings[0].round.name} can be settled now."]
    assert call() == 0
    read = write(make_read(sittings[0].case, round=blind, reader=reader_of(owing)), {})
    lock_read(read_id=read.pk, reader=read.reader, base_seq=0)
    assert call() == 1
    assert texts(owing)[0] == f"{sittings[0].case.name} of {sittings[0].round.name} can be settled now."


def test_what_was_told_is_hidden_again_while_its_reader_owes_a_read(ahead: MoveClock) -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    ahead(28)
    call()
    make_assignment(sitting.case, round=make_round("repeat", state="planned"), reader=reader_of(sitting.senior))
    assert texts(sitting.senior) == []


def test_a_read_that_was_opened_again_and_locked_is_told_of_anew(ahead: MoveClock) -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    ahead(28)
    assert call() == 2
    read = sitting.reads[1]
    draft = reopen(read_id=read.pk, reader=read.reader, reason="a slice forgotten")
    assert call() == 0
    ahead(0)
    lock_read(read_id=draft.pk, reader=draft.reader, base_seq=draft.seq)
    assert call() == 0
    ahead(28)
    assert call() == 2


def test_who_was_told_otherwise_is_not_called(ahead: MoveClock) -> None:
    at_once = a_sitting({}, {"L1": "A1"}, lock=False)
    for read in at_once.reads:
        lock_read(read_id=read.pk, reader=read.reader, base_seq=0)
    lifted = a_sitting({}, {"L1": "A1"}, days=28)
    override_washout(make_user(Role.LEAD), lifted.seats()[0].pk, "The study ends.")
    told = Notice.objects.count()
    ahead(28)
    assert call() == 0
    assert Notice.objects.count() == told == 4


def test_a_round_that_does_not_run_calls_nobody_until_it_goes_on(ahead: MoveClock) -> None:
    lead, sitting = make_user(Role.LEAD), a_sitting({}, {"L1": "A1"}, days=28)
    pause(lead, sitting.round.pk)
    ahead(28)
    assert call() == 0
    resume(lead, sitting.round.pk)
    assert call() == 2


def test_what_was_begun_skipped_or_given_away_calls_nobody(ahead: MoveClock) -> None:
    anna, repeat, (begun, skipped, given) = a_repeat(3)
    otto, sitting = a_repeat()[0], a_sitting({}, {"L1": "A1"}, days=28)
    Assignment.objects.filter(reader=otto).delete()
    assert anna.user is not None
    ahead(28)
    sitting.open()
    open_read(user=anna.user, case_id=begun.pk)
    skip(user=anna.user, case_id=skipped.pk, reason="image")
    first = write(make_read(given, round=repeat.follows, reader=otto), {})
    lock_read(read_id=first.pk, reader=otto, base_seq=0)
    hand_over(anna.user, Assignment.objects.get(round=repeat, reader=anna, case=given).pk, otto.pk)
    assert call() == 1
    assert texts(otto.user)[0] == f"{given.name} of {repeat.name} can be read again now."
    assert not Notice.objects.filter(reader=anna, kind=NoticeKind.AVAILABLE).exists()


def test_who_left_the_house_or_lost_the_role_is_not_called(ahead: MoveClock) -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28, seniors=3)
    gone, other, _ = sitting.seniors
    User.objects.filter(pk=gone.pk).update(is_active=False)
    other.groups.clear()
    ahead(28)
    assert call() == 1


def test_being_called_is_no_event_of_the_protocol(ahead: MoveClock) -> None:
    sittings = a_panel(2)
    lead = make_user(Role.LEAD)
    before = protocol_of(lead, sittings[0].round)["events"]
    ahead(28)
    assert call() == 2
    assert AuditEvent.objects.filter(verb="called").count() == 2
    assert protocol_of(lead, sittings[0].round)["events"] == before


def test_the_queries_do_not_grow_with_the_cases(ahead: MoveClock, django_assert_max_num_queries: Any) -> None:
    a_panel(6)
    ahead(28)
    with django_assert_max_num_queries(25):
        assert call() == 2
    with django_assert_max_num_queries(7):
        assert call() == 0


def test_the_clock_sends_for_it_every_minute(ahead: MoveClock) -> None:
    due = installation.CELERY_BEAT_SCHEDULE["call"]
    assert timedelta(seconds=due["schedule"]) == timedelta(minutes=1)
    app.loader.import_default_modules()
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    ahead(28)
    app.tasks[due["task"]].apply()
    assert len(texts(sitting.senior)) == 1
