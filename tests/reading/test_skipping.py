"""Passing a case by: a state with a reason, never a verdict; and the way back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling.models import Assignment, Case, Finding, Patient, Read, SkipReason
from labeling.reading.lease import take_lease
from labeling.reading.locking import lock_read
from labeling.reading.refusals import NotReadable
from labeling.reading.reopening import reopen
from labeling.reading.roles import reader_of
from labeling.reading.rounds import open_read
from labeling.reading.skipping import skip
from labeling.reading.worklist import next_case, worklist
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_bare_case,
    make_case,
    make_read,
    make_round,
    make_user,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


def readable(**fields: Any) -> Case:
    case = make_case(**fields)
    make_anatomy(case)
    return case


@pytest.fixture
def user(db: None) -> User:
    return make_user("resident")


def states(user: User) -> dict[str, list[int]]:
    return {
        tab: [row.case for row in worklist(user, tab=tab).rows] for tab in ("to_read", "draft", "locked", "skipped")
    }


def test_an_assigned_case_is_skipped_with_its_reason_and_is_not_the_next(user: User) -> None:
    round_ = make_round()
    first, second = (make_assignment(readable(), round=round_, reader=reader_of(user)) for _ in range(2))
    assert next_case(user) == first.case_id
    skip(user=user, case_id=first.case_id, reason="image", note="Metal everywhere")
    first.refresh_from_db()
    assert (first.state, first.skip_reason, first.skip_note) == ("skipped", "image", "Metal everywhere")
    assert next_case(user) == second.case_id
    assert states(user) == {"to_read": [second.case_id], "draft": [], "locked": [], "skipped": [first.case_id]}
    (row,) = worklist(user, tab="skipped").rows
    assert (row.state, row.state_word, row.skip_reason) == ("skipped", "skipped: the image cannot be read", "image")
    assert not Finding.objects.exists()


def test_a_case_from_the_pool_is_claimed_first_so_that_it_does_not_come_again(user: User) -> None:
    pooled = make_assignment(readable())
    skip(user=user, case_id=pooled.case_id, reason="later")
    pooled.refresh_from_db()
    assert (pooled.reader, pooled.state) == (reader_of(user), "skipped")
    assert next_case(user) is None
    assert worklist(make_user("resident")).total == 0


def test_a_case_without_vertebrae_can_be_passed_by_too(user: User) -> None:
    bare = make_assignment(make_bare_case())
    skip(user=user, case_id=bare.case_id, reason="wrong_study")
    assert states(user)["skipped"] == [bare.case_id]


def test_a_draft_stays_as_it_is_and_opening_the_case_takes_it_up_again(user: User) -> None:
    draft = make_read(readable(), reader=reader_of(user))
    send(draft, "set_unclear", {"vertebra": vertebra_of(draft, "L2"), "value": True})
    take_lease(read_id=draft.pk, reader=draft.reader, tab=uuid4())
    skip(user=user, case_id=draft.case_id, reason="anatomy")
    draft.refresh_from_db()
    assert (draft.state, draft.seq, draft.writer) == ("draft", 1, None)
    assert states(user) == {"to_read": [], "draft": [], "locked": [], "skipped": [draft.case_id]}
    assert (next_case(user), worklist(user).resume) == (None, None)
    assert open_read(user=user, case_id=draft.case_id).pk == draft.pk
    assert states(user) == {"to_read": [], "draft": [draft.case_id], "locked": [], "skipped": []}
    assignment = Assignment.objects.get(case=draft.case_id)
    assert (assignment.state, assignment.skip_reason, assignment.skip_note) == ("open", "", "")


def test_a_skipped_case_without_a_draft_is_read_by_opening_it(user: User) -> None:
    pooled = make_assignment(readable())
    skip(user=user, case_id=pooled.case_id, reason="later")
    read = open_read(user=user, case_id=pooled.case_id)
    assert (read.state, Assignment.objects.get(case=pooled.case_id).state) == ("draft", "open")


def test_a_known_patient_is_left_to_the_others_and_not_offered_to_oneself_again(user: User) -> None:
    own = make_assignment(readable(), reader=reader_of(user))
    skip(user=user, case_id=own.case_id, reason="known")
    skip(user=user, case_id=own.case_id, reason="known")
    pooled = Assignment.objects.get(case=own.case_id, reader__isnull=True)
    assert (pooled.round_id, pooled.state, pooled.skip_reason) == (own.round_id, "open", "")
    assert next_case(user) is None
    assert states(user) == {"to_read": [], "draft": [], "locked": [], "skipped": [own.case_id]}
    other = make_user("resident")
    assert next_case(other) == own.case_id
    assert open_read(user=other, case_id=own.case_id).reader == reader_of(other)


def test_who_takes_a_known_case_up_again_reads_their_own_assignment(user: User) -> None:
    own = make_assignment(readable(), reader=reader_of(user))
    skip(user=user, case_id=own.case_id, reason="known")
    open_read(user=user, case_id=own.case_id)
    assert Assignment.objects.filter(case=own.case_id, reader__isnull=True).count() == 1
    assert Assignment.objects.get(case=own.case_id, reader=reader_of(user)).state == "open"


def test_a_patient_who_became_a_test_patient_does_not_go_back_into_a_labelling_pool(user: User) -> None:
    own = make_assignment(readable(), reader=reader_of(user))
    Patient.objects.filter(pk=own.case.patient_id).update(split="test")
    skip(user=user, case_id=own.case_id, reason="known")
    assert Assignment.objects.get(case=own.case_id).state == "skipped"


def test_a_locked_case_is_not_skipped_any_more(user: User) -> None:
    read = lock_plainly(make_read(readable(), reader=reader_of(user)))
    make_assignment(read.case, round=read.round)
    with pytest.raises(NotReadable, match="You have locked this case"):
        skip(user=user, case_id=read.case_id, reason="image")
    assert Assignment.objects.filter(case=read.case_id, reader__isnull=True).exists()


def test_nobody_skips_for_another_nor_what_they_may_not_see(user: User) -> None:
    others = make_read(readable())
    with pytest.raises(Case.DoesNotExist):
        skip(user=user, case_id=others.case_id, reason="image")
    with pytest.raises(NotReadable, match="looks after cases"):
        skip(user=make_user("lead"), case_id=others.case_id, reason="image")
    assert Assignment.objects.get(case=others.case_id).state == "open"
    assert Read.objects.count() == 1


def test_a_case_that_may_be_read_only_later_can_be_skipped_now(user: User) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    own = make_assignment(readable(), reader=reader_of(user), not_before=tomorrow)
    skip(user=user, case_id=own.case_id, reason="known")
    assert states(user)["skipped"] == [own.case_id]


@pytest.mark.parametrize("reason", [reason for reason in SkipReason.values if reason])
def test_every_reason_is_stored_and_said_in_words(user: User, reason: str) -> None:
    own = make_assignment(readable(), reader=reader_of(user))
    skip(user=user, case_id=own.case_id, reason=reason)
    (row,) = worklist(user, tab="skipped").rows
    assert row.state_word == f"skipped: {SkipReason(reason).label}"


def test_a_skip_of_a_known_patient_that_is_sent_again_does_not_fill_the_pool_again(user: User) -> None:
    own = make_assignment(readable(), reader=reader_of(user))
    skip(user=user, case_id=own.case_id, reason="known")
    open_read(user=make_user("resident"), case_id=own.case_id)
    skip(user=user, case_id=own.case_id, reason="known")
    assert not Assignment.objects.filter(case=own.case_id, reader__isnull=True).exists()


def test_who_locks_what_another_window_had_skipped_has_read_it(user: User) -> None:
    draft = make_read(readable(), reader=reader_of(user))
    for seq, level in enumerate(("L2", "L3", "L4")):
        payload = {"vertebra": vertebra_of(draft, level), "verdict": "indeterminate"}
        send(draft, "set_verdict", payload, base_seq=seq)
    skip(user=user, case_id=draft.case_id, reason="later", note="after lunch")
    lock_read(read_id=draft.pk, reader=draft.reader, base_seq=3)
    assignment = Assignment.objects.get(case=draft.case_id)
    assert (assignment.state, assignment.skip_reason, assignment.skip_note) == ("open", "", "")
    assert states(user)["locked"] == [draft.case_id]
    again = reopen(read_id=draft.pk, reader=draft.reader, reason="L4 again")
    assert (states(user)["draft"], next_case(user)) == ([draft.case_id], again.case_id)
