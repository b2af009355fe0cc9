"""How a case comes to a reader."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from labeling.models import Anatomy, Assignment, Case, Read, Round, Seen
from labeling.reading.ahead import next_ahead
from labeling.reading.labels import mark_seen
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import (
    NotReadable,
    claim,
    enter_open_round,
    open_read,
    reading_anatomy,
    seed_open_labelling_round,
)
from labeling.reading.worklist import next_case, worklist
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_bare_case,
    make_case,
    make_model_reader,
    make_patient,
    make_read,
    make_reader,
    make_round,
    make_stack,
    make_user,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


def readable() -> Case:
    case = make_case()
    make_anatomy(case)
    return case


def test_the_open_labelling_round_is_made_once() -> None:
    assert seed_open_labelling_round() == seed_open_labelling_round()
    round_ = Round.objects.get()
    assert (round_.kind, round_.state, round_.rules["unit"]) == ("labelling", "open", "slice")


def test_a_case_enters_the_pool_once_in_the_order_it_came() -> None:
    seed_open_labelling_round()
    cases = [make_case(slices=1), make_case(slices=1)]
    entered = [enter_open_round(case) for case in cases]
    assert [assignment.position for assignment in entered if assignment] == [1, 2]
    assert enter_open_round(cases[0]) == entered[0]
    claim(reader=make_reader(), case=cases[0])
    assert enter_open_round(cases[0]) == entered[0]
    assert Assignment.objects.count() == 2


def test_what_cannot_be_labelled_enters_no_pool() -> None:
    assert enter_open_round(make_case(slices=1)) is None, "there is no round"
    seed_open_labelling_round()
    assert enter_open_round(make_bare_case()) is None, "there is no stack"
    assert enter_open_round(make_case(slices=1, patient=make_patient(split="test"))) is None, "a test patient"
    Round.objects.update(state="paused")
    assert enter_open_round(make_case(slices=1)) is None, "the round is paused"
    assert not Assignment.objects.exists()


def test_opening_a_pooled_case_claims_it_and_begins_a_draft() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    make_assignment(case)
    read = open_read(user=user, case_id=case.pk)
    assert (read.state, read.seq, read.stack, read.reader) == ("draft", 0, case.reading_stack, reader_of(user))
    assert read.anatomy == case.anatomies.get()
    assert Assignment.objects.get().reader == reader_of(user)
    assert open_read(user=user, case_id=case.pk) == read


def test_a_case_that_another_reader_took_is_not_theirs_any_more() -> None:
    case = readable()
    make_assignment(case)
    first, second = make_user(Role.RESIDENT), make_user(Role.RESIDENT)
    open_read(user=first, case_id=case.pk)
    with pytest.raises(Case.DoesNotExist):
        open_read(user=second, case_id=case.pk)
    with pytest.raises(NotReadable, match=r"^Another reader has taken this case\."):
        claim(reader=reader_of(second), case=case)


def test_a_case_without_stack_or_vertebrae_says_so() -> None:
    user = make_user(Role.RESIDENT)
    bare, unnamed, empty = make_bare_case(), make_case(slices=1), make_case(slices=1)
    make_anatomy(empty, ())
    for case in (bare, unnamed, empty):
        make_assignment(case)
    with pytest.raises(NotReadable, match="no stack"):
        open_read(user=user, case_id=bare.pk)
    for case in (unnamed, empty):
        with pytest.raises(NotReadable, match="vertebrae of this case are not known"):
            open_read(user=user, case_id=case.pk)
    assert not Assignment.objects.filter(reader__isnull=False).exists(), "nothing was claimed"


@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR])
def test_who_looks_after_cases_does_not_read_them(role: Role) -> None:
    case = readable()
    make_assignment(case)
    with pytest.raises(NotReadable, match="does not read"):
        open_read(user=make_user(role), case_id=case.pk)


def test_a_draft_without_a_label_follows_a_newer_anatomy_and_one_with_a_label_does_not() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    make_assignment(case)
    read = open_read(user=user, case_id=case.pk)
    second = make_anatomy(case)
    assert open_read(user=user, case_id=case.pk).anatomy == second
    read.refresh_from_db()
    send(read, "set_unclear", {"vertebra": vertebra_of(read, "L2"), "value": True})
    make_anatomy(case)
    assert open_read(user=user, case_id=case.pk).anatomy == second


def test_a_draft_that_follows_to_another_stack_forgets_what_was_seen_of_the_old_one() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    make_assignment(case)
    read = open_read(user=user, case_id=case.pk)
    mark_seen(read_id=read.pk, reader=read.reader, sop_uids=sops_of(read))
    case.reading_stack = make_stack(case, source_digest="another")
    case.save()
    make_anatomy(case)
    assert open_read(user=user, case_id=case.pk).stack == case.reading_stack
    assert not Seen.objects.exists()


def test_a_pinned_round_reads_the_anatomy_that_a_person_confirmed() -> None:
    case, user = readable(), make_user(Role.SENIOR)
    confirmed = case.anatomies.get()
    confirmed.confirmed_by, confirmed.confirmed_at = make_reader(), timezone.now()
    confirmed.save()
    make_anatomy(case)
    make_assignment(case, round=make_round("independent"), reader=reader_of(user))
    assert open_read(user=user, case_id=case.pk).anatomy == confirmed


def test_a_pinned_round_gives_all_readers_of_a_case_the_anatomy_of_the_first() -> None:
    case, first, second = readable(), make_user(Role.SENIOR), make_user(Role.SENIOR)
    round_ = make_round("independent")
    for user in (first, second):
        make_assignment(case, round=round_, reader=reader_of(user))
    anatomy = open_read(user=first, case_id=case.pk).anatomy
    make_anatomy(case, author=make_model_reader())
    assert open_read(user=first, case_id=case.pk).anatomy == anatomy
    assert open_read(user=second, case_id=case.pk).anatomy == anatomy


def test_a_readers_own_correction_is_not_taken_from_their_draft() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    Anatomy.objects.filter(case=case).update(confirmed_by=make_reader(), confirmed_at=timezone.now())
    make_assignment(case)
    draft = open_read(user=user, case_id=case.pk)
    own = make_anatomy(case, author=reader_of(user))
    Read.objects.filter(pk=draft.pk).update(anatomy=own)
    assert open_read(user=user, case_id=case.pk).anatomy == own


def test_what_a_model_finds_later_never_takes_the_place_of_what_a_person_confirmed() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    confirmed = case.anatomies.get()
    confirmed.confirmed_by, confirmed.confirmed_at = make_reader(), timezone.now()
    confirmed.save()
    found = make_anatomy(case, ("T12", "L1"), author=make_model_reader())
    make_assignment(case)
    assert reading_anatomy(case) == confirmed
    assert worklist(user).rows[0].levels == "L2–L4"
    ahead = next_ahead(user)
    assert ahead is not None
    assert ahead.anatomy == confirmed
    draft = open_read(user=user, case_id=case.pk)
    assert draft.anatomy == confirmed
    # A draft that says nothing yet stays there too, until a person has confirmed the newer one.
    assert open_read(user=user, case_id=case.pk).anatomy == confirmed
    Anatomy.objects.filter(pk=found.pk).update(confirmed_by=make_reader(), confirmed_at=timezone.now())
    assert open_read(user=user, case_id=case.pk).anatomy == found


def test_after_the_lock_opening_shows_the_locked_read_until_another_round_asks() -> None:
    case, user = readable(), make_user(Role.SENIOR)
    make_assignment(case)
    locked = lock_plainly(open_read(user=user, case_id=case.pk))
    assert open_read(user=user, case_id=case.pk) == locked
    repeat = make_round("repeat")
    make_assignment(case, round=repeat, reader=reader_of(user), not_before=locked.locked_at)
    assert open_read(user=user, case_id=case.pk).round == repeat


def test_a_repeat_waits_for_its_date() -> None:
    case, user = readable(), make_user(Role.SENIOR)
    tomorrow = timezone.now() + timedelta(days=1)
    make_assignment(case, round=make_round("repeat"), reader=reader_of(user), not_before=tomorrow)
    on = timezone.localtime(tomorrow)
    with pytest.raises(NotReadable, match=rf"^Available on {on.day} {on:%B %Y}\.$"):
        open_read(user=user, case_id=case.pk)
    assert not Read.objects.exists()


def test_a_moved_clock_opens_a_repeat_and_stores_no_moved_time(settings: Any, tmp_path: Path) -> None:
    case, user = readable(), make_user(Role.SENIOR)
    first = lock_plainly(make_read(case, reader=reader_of(user), round=make_round("independent")))
    repeat = make_round("repeat", follows=first.round)
    make_assignment(
        case, round=repeat, reader=reader_of(user), not_before=timezone.now() + timedelta(days=28, minutes=-1)
    )
    settings.CLOCK_FILE = tmp_path / "days"
    for days in ("0", "27"):
        settings.CLOCK_FILE.write_text(days)
        with pytest.raises(NotReadable, match=r"^Available on"):
            open_read(user=user, case_id=case.pk)
        assert next_case(user) is None
    settings.CLOCK_FILE.write_text("28")
    assert next_case(user) == case.pk
    draft = open_read(user=user, case_id=case.pk)
    assert (draft.round, draft.seq) == (repeat, 0)
    assert draft.created_at < timezone.now() + timedelta(minutes=1)


def test_a_repeat_waits_for_the_first_read_and_a_reason_lifts_only_a_date() -> None:
    case, user = readable(), make_user(Role.SENIOR)
    repeat = make_round("repeat")
    assignment = make_assignment(case, round=repeat, reader=reader_of(user), washout_override="the reader leaves")
    with pytest.raises(NotReadable, match=r"^Available once you have locked your first read of this case\.$"):
        open_read(user=user, case_id=case.pk)
    assert next_case(user) is None
    Assignment.objects.filter(pk=assignment.pk).update(not_before=timezone.now() + timedelta(days=20))
    assert next_case(user) == case.pk
    assert open_read(user=user, case_id=case.pk).round == repeat


@pytest.mark.parametrize("state", ["planned", "paused", "open"])
def test_who_is_to_read_once_more_does_not_get_their_earlier_read(state: str) -> None:
    case, user = readable(), make_user(Role.SENIOR)
    first = lock_plainly(make_read(case, reader=reader_of(user), round=make_round("independent")))
    later = timezone.now() + timedelta(days=5)
    make_assignment(case, round=make_round("repeat", state=state), reader=reader_of(user), not_before=later)
    with pytest.raises(NotReadable, match=r"Available on|once more"):
        open_read(user=user, case_id=case.pk)
    if state != "planned":
        Round.objects.filter(kind="repeat").update(state="closed")
    else:
        Assignment.objects.filter(round__kind="repeat").delete()
    assert open_read(user=user, case_id=case.pk) == first


def test_a_repeat_stands_on_the_anatomy_of_the_round_that_it_follows() -> None:
    case, user = readable(), make_user(Role.SENIOR)
    first = lock_plainly(make_read(case, reader=reader_of(user), round=make_round("independent")))
    newer = make_anatomy(case)
    Anatomy.objects.filter(pk=newer.pk).update(confirmed_by=make_reader(), confirmed_at=timezone.now())
    make_assignment(
        case, round=make_round("repeat", follows=first.round), reader=reader_of(user), not_before=first.locked_at
    )
    ahead = next_ahead(user)
    assert ahead is not None
    assert ahead.anatomy == first.anatomy == open_read(user=user, case_id=case.pk).anatomy


def test_a_seat_in_a_consensus_is_no_case_to_read() -> None:
    case, user = readable(), make_user(Role.SENIOR)
    make_assignment(case, round=make_round("consensus"), reader=reader_of(user))
    with pytest.raises(NotReadable):
        open_read(user=user, case_id=case.pk)
    assert set(worklist(user).counts.values()) == {0}
    assert (next_case(user), next_ahead(user)) == (None, None)
    make_assignment(case, round=make_round("consensus"))
    assert (next_case(user), worklist(user).total) == (None, 0)
    with pytest.raises(NotReadable):
        claim(reader=reader_of(user), case=case)


def test_a_paused_round_gives_out_nothing_new() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    make_assignment(case, round=make_round(state="paused"), reader=reader_of(user))
    with pytest.raises(NotReadable):
        open_read(user=user, case_id=case.pk)


def test_opening_a_skipped_case_takes_it_back() -> None:
    case, user = readable(), make_user(Role.RESIDENT)
    make_assignment(case, reader=reader_of(user), state="skipped", skip_reason="image")
    open_read(user=user, case_id=case.pk)
    assert (Assignment.objects.get().state, Assignment.objects.get().skip_reason) == ("open", "")


def test_a_model_claims_nothing() -> None:
    case = readable()
    make_assignment(case)
    with pytest.raises(NotReadable, match="person"):
        claim(reader=make_model_reader(), case=case)
