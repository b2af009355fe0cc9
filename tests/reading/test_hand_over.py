"""Cases change hands: by whom, into which, and what becomes of what was said of them so far."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import Assignment, AuditEvent, Exposure, Finding, Notice, Read, Round
from labeling.reading import washout
from labeling.reading.lease import take_lease
from labeling.reading.notices import unseen_count
from labeling.reading.planning.handing import candidates, hand_over, override_washout, reassign, take_back
from labeling.reading.planning.making import discard_round
from labeling.reading.planning.pool import claim_next
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import open_read
from labeling.reading.skipping import skip
from labeling.reading.visibility import case_for
from labeling.reading.worklist import next_case, worklist
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_case,
    make_read,
    make_round,
    make_user,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    return make_user(Role.SENIOR, username="anna", first_name="Anna", last_name="Vogt")


@pytest.fixture
def otto() -> User:
    return make_user(Role.SENIOR, username="otto", first_name="Otto", last_name="Lind")


@pytest.fixture
def lead() -> User:
    return make_user(Role.LEAD, username="lead")


def given(user: User, kind: str = "labelling", **fields: Any) -> Assignment:
    """A case that is this person's in an open round."""
    case = make_case(slices=9)
    make_anatomy(case)
    round_ = fields.pop("round", None) or make_round(kind)
    return make_assignment(case, round=round_, reader=reader_of(user), **fields)


def refusal(act: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(OperationRefused) as caught:
        act(*arguments, **more)
    return caught.value.sentence


def told(user: User) -> list[tuple[str, str]]:
    return list(Notice.objects.filter(reader=reader_of(user)).order_by("pk").values_list("kind", "text"))


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_reader_hands_a_case_over_and_the_other_is_told(anna: User, otto: User) -> None:
    assignment = given(anna)
    make_assignment(make_case(slices=1), round=assignment.round, reader=reader_of(otto), position=7)
    hand_over(anna, assignment.pk, reader_of(otto).pk)
    assignment.refresh_from_db()
    assert (assignment.reader, assignment.position, assignment.lease_until) == (reader_of(otto), 8, None)
    (event,) = AuditEvent.objects.filter(verb="handed_over")
    assert (event.by, event.case) == (anna, assignment.case)
    assert event.detail == {
        "round": assignment.round_id,
        "assignment": assignment.pk,
        "from": reader_of(anna).pk,
        "to": reader_of(otto).pk,
    }
    case, round_ = assignment.case.name, assignment.round.name
    assert told(otto) == [("handed_over", f"Anna Vogt has handed {case} of {round_} over to you.")]
    assert told(anna) == []
    assert (next_case(anna), next_case(otto)) == (None, assignment.case_id)


def test_the_lead_gives_a_case_to_another_with_a_reason_and_both_are_told(anna: User, otto: User, lead: User) -> None:
    assignment = given(anna)
    assert "Say why" in refusal(reassign, lead, assignment.pk, reader_of(otto).pk, "  ")
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave until March")
    (event,) = AuditEvent.objects.filter(verb="reassigned")
    assert (event.by, event.detail["reason"]) == (lead, "On leave until March")
    assert [kind for kind, _ in told(otto)] == ["handed_over"]
    assert [kind for kind, _ in told(anna)] == ["taken_back"]


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR, Role.ENGINEER, Role.ADMINISTRATOR])
def test_nobody_else_moves_a_case(anna: User, otto: User, role: Role) -> None:
    assignment, other = given(anna), make_user(role)
    for act in (hand_over,):
        with pytest.raises(Assignment.DoesNotExist):
            act(other, assignment.pk, reader_of(otto).pk)
    assert "Only the study lead" in refusal(reassign, other, assignment.pk, reader_of(otto).pk, "because")
    assert "Only the study lead" in refusal(take_back, other, assignment.pk, "because")
    assert "Only the study lead" in refusal(override_washout, other, assignment.pk, "because")
    assignment.refresh_from_db()
    assert assignment.reader == reader_of(anna)
    assert not AuditEvent.objects.exists()
    assert not Notice.objects.exists()


def test_the_reader_of_a_case_may_not_give_reasons_for_themselves(anna: User, otto: User) -> None:
    assignment = given(anna, "repeat", not_before=timezone.now() + timedelta(days=3))
    assert "Only the study lead" in refusal(override_washout, anna, assignment.pk, "I am in a hurry")
    assert "Only the study lead" in refusal(take_back, anna, assignment.pk, "I do not like it")


# --- once locked ------------------------------------------------------------------------------------------------------


def test_a_case_with_a_locked_read_stays_with_who_read_it_even_reopened(anna: User, otto: User, lead: User) -> None:
    read = lock_plainly(make_read(reader=reader_of(anna)))
    assignment = Assignment.objects.get(case=read.case)
    for reopened in (False, True):
        if reopened:
            Read.objects.create(
                **{name: getattr(read, name) for name in ("round", "case", "reader", "stack", "anatomy")},
                version=2,
                supersedes=read,
                reopen_reason="L4 again",
            )
        assert "is locked" in refusal(hand_over, anna, assignment.pk, reader_of(otto).pk)
        assert "is locked" in refusal(reassign, lead, assignment.pk, reader_of(otto).pk, "because")
        assert "is locked" in refusal(take_back, lead, assignment.pk, "because")
    assert Assignment.objects.get().reader == reader_of(anna)


def test_a_member_of_a_panel_stays_once_the_panel_has_locked(anna: User, otto: User, lead: User) -> None:
    from labeling.models import Reader

    panel = Reader.objects.create(kind="panel", label="Panel")
    assignment = given(anna, round=make_round("consensus", panel=panel))
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave")
    lock_plainly(make_read(assignment.case, reader=panel, round=assignment.round))
    Assignment.objects.filter(reader=panel).delete()
    assert "is locked" in refusal(reassign, lead, assignment.pk, reader_of(anna).pk, "Back again")


def test_nothing_moves_in_a_closed_round_and_everything_in_a_planned_or_paused_one(anna: User, otto: User) -> None:
    lead = make_user(Role.LEAD)
    for state in ("planned", "paused"):
        reassign(lead, given(anna, round=make_round(state=state)).pk, reader_of(otto).pk, "because")
    assert len(told(otto)) == 1, "a planned round is not told of"
    closed = given(anna, round=make_round(state="closed"))
    assert "is closed" in refusal(reassign, lead, closed.pk, reader_of(otto).pk, "because")
    with pytest.raises(Assignment.DoesNotExist):
        hand_over(anna, given(anna, round=make_round(state="planned")).pk, reader_of(otto).pk)


# --- into whose hands -------------------------------------------------------------------------------------------------


def test_a_blind_round_refuses_who_was_shown_another_opinion_unless_the_lead_says_why(
    anna: User, otto: User, lead: User
) -> None:
    assignment = given(anna, "independent")
    Exposure.objects.create(reader=reader_of(otto), case=assignment.case, what="report")
    assert "cannot read it blind" in refusal(hand_over, anna, assignment.pk, reader_of(otto).pk)
    assert "cannot read it blind" in refusal(reassign, lead, assignment.pk, reader_of(otto).pk, "On leave")
    assert Assignment.objects.get().reader == reader_of(anna)
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave", override_exposure="Nobody else reads spines")
    assert Assignment.objects.get().exposure_override == "Nobody else reads spines"
    (event,) = AuditEvent.objects.filter(verb="exposure_override")
    assert (event.detail["reader"], event.detail["reason"]) == (reader_of(otto).pk, "Nobody else reads spines")


def test_an_override_is_of_one_reader_and_does_not_go_on_to_the_next(anna: User, otto: User, lead: User) -> None:
    assignment = given(anna, "independent", exposure_override="Anna knows the report")
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave", override_exposure="was not needed")
    assert Assignment.objects.get().exposure_override == ""
    assert not AuditEvent.objects.filter(verb="exposure_override").exists()


def test_only_who_reads_in_such_a_round_and_does_not_have_the_case_can_take_it(anna: User, otto: User) -> None:
    resident, lead = make_user(Role.RESIDENT), make_user(Role.LEAD)
    gone = make_user(Role.SENIOR)
    gone.is_active = False
    gone.save()
    for user in (resident, lead, gone):
        reader_of(user)
    assignment = given(anna)
    make_assignment(assignment.case, round=assignment.round, reader=reader_of(otto))
    assert [one.reader for one in candidates(assignment)] == [reader_of(resident)]
    for user in (otto, lead, gone, anna):
        assert "cannot go to that reader" in refusal(hand_over, anna, assignment.pk, reader_of(user).pk)
    assert "cannot go to that reader" in refusal(hand_over, anna, assignment.pk, 0)


def test_a_repeat_goes_only_to_who_has_read_the_case_before(anna: User, otto: User, lead: User) -> None:
    first = make_round("independent")
    assignment = given(anna, round=make_round("repeat", follows=first), not_before=timezone.now())
    assert candidates(assignment) == []
    reader_of(otto)
    own = lock_plainly(make_read(assignment.case, round=first, reader=reader_of(otto)))
    assert own.locked_at is not None
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave")
    assignment.refresh_from_db()
    assert assignment.not_before == own.locked_at + timedelta(days=28), "their own wash-out, not the former reader's"


# --- what was said so far ---------------------------------------------------------------------------------------------


def test_a_draft_stays_with_its_writer_and_the_next_reader_begins_empty(anna: User, otto: User) -> None:
    assignment = given(anna)
    draft = open_read(user=anna, case_id=assignment.case_id)
    send(draft, "set_verdict", {"vertebra": vertebra_of(draft, "L3"), "verdict": "indeterminate"})
    take_lease(read_id=draft.pk, reader=draft.reader, tab=uuid4())
    hand_over(anna, assignment.pk, reader_of(otto).pk)
    draft.refresh_from_db()
    assert (draft.state, draft.seq, draft.writer, Finding.objects.filter(read=draft).count()) == ("draft", 1, None, 1)
    assert "not yours to read any more" in refusal(send, draft, "set_unclear", {"vertebra": 1, "value": True})
    assert (worklist(anna).counts["draft"], worklist(anna).resume, next_case(anna)) == (0, None, None)
    other = open_read(user=otto, case_id=assignment.case_id)
    assert (other.pk != draft.pk, other.seq, Finding.objects.filter(read=other).count()) == (True, 0, 0)


def test_a_draft_is_gone_on_with_once_the_case_comes_back(anna: User, otto: User) -> None:
    assignment = given(anna)
    draft = open_read(user=anna, case_id=assignment.case_id)
    send(draft, "set_verdict", {"vertebra": vertebra_of(draft, "L3"), "verdict": "indeterminate"})
    hand_over(anna, assignment.pk, reader_of(otto).pk)
    hand_over(otto, assignment.pk, reader_of(anna).pk)
    assert open_read(user=anna, case_id=assignment.case_id) == draft
    send(draft, "set_verdict", {"vertebra": vertebra_of(draft, "L4"), "verdict": "indeterminate"})
    assert Read.objects.get(pk=draft.pk).seq == 2


def test_a_skipped_case_is_handed_over_as_one_to_read(anna: User, otto: User) -> None:
    assignment = given(anna)
    skip(user=anna, case_id=assignment.case_id, reason="later")
    hand_over(anna, assignment.pk, reader_of(otto).pk)
    assignment.refresh_from_db()
    assert (assignment.state, assignment.skip_reason) == ("open", "")


def test_a_case_taken_back_lies_in_the_pool_of_a_labelling_round_and_its_reader_is_told(
    anna: User, otto: User, lead: User
) -> None:
    assignment = given(anna)
    draft = open_read(user=anna, case_id=assignment.case_id)
    send(draft, "set_verdict", {"vertebra": vertebra_of(draft, "L3"), "verdict": "indeterminate"})
    take_back(lead, assignment.pk, "On leave")
    assignment.refresh_from_db()
    assert (assignment.reader, assignment.state, assignment.lease_until) == (None, "open", None)
    assert Read.objects.filter(pk=draft.pk, seq=1).exists()
    (event,) = AuditEvent.objects.filter(verb="taken_back")
    assert (event.detail["from"], event.detail["reason"]) == (reader_of(anna).pk, "On leave")
    assert [kind for kind, _ in told(anna)] == ["taken_back"]
    taken = claim_next(otto)
    assert taken is not None
    assert (taken.case_id, taken.seq) == (assignment.case_id, 0)
    assert claim_next(anna) is None


def test_a_case_taken_back_from_a_blind_round_is_in_no_pool(anna: User, lead: User) -> None:
    assignment = given(anna, "independent")
    take_back(lead, assignment.pk, "Wrong list")
    assert not Assignment.objects.exists()
    assert AuditEvent.objects.filter(verb="taken_back", case=assignment.case).exists()


def test_a_case_that_was_handed_over_is_not_visible_to_its_former_reader(anna: User, otto: User) -> None:
    assignment = given(anna)
    hand_over(anna, assignment.pk, reader_of(otto).pk)
    with pytest.raises(type(assignment.case).DoesNotExist):
        case_for(anna, assignment.case_id)


# --- wash-out ---------------------------------------------------------------------------------------------------------


def test_the_lead_lifts_a_wash_out_with_a_reason_that_is_kept(anna: User, lead: User) -> None:
    assignment = given(anna, "repeat", not_before=timezone.now() + timedelta(days=20))
    assert next_case(anna) is None
    assert "Say why" in refusal(override_washout, lead, assignment.pk, "")
    override_washout(lead, assignment.pk, "Leaves the department")
    assert next_case(anna) == assignment.case_id
    assert Assignment.objects.get().washout_override == "Leaves the department"
    (event,) = AuditEvent.objects.filter(verb="washout_override")
    assert (event.by, event.detail["reason"]) == (lead, "Leaves the department")
    assert [kind for kind, _ in told(anna)] == ["available"]
    assert "No wash-out" in refusal(override_washout, lead, assignment.pk, "Once more")


def test_there_is_no_wash_out_to_lift_before_the_first_read(anna: User, lead: User) -> None:
    assignment = given(anna, "repeat")
    assert "There is no wash-out to override yet" in refusal(override_washout, lead, assignment.pk, "because")
    assert "No wash-out" in refusal(override_washout, lead, given(anna).pk, "because")


def test_a_consensus_is_freed_for_all_its_members(anna: User, otto: User, lead: User) -> None:
    later = timezone.now() + timedelta(days=20)
    assignment = given(anna, "consensus", not_before=later)
    make_assignment(assignment.case, round=assignment.round, reader=reader_of(otto), not_before=later)
    override_washout(lead, assignment.pk, "The board meets today")
    assert list(Assignment.objects.values_list("washout_override", flat=True)) == ["The board meets today"] * 2
    assert [kind for kind, _ in told(anna) + told(otto)] == ["consensus", "consensus"]
    make_assignment(assignment.case, round=make_round("independent"), reader=reader_of(otto))
    assert [unseen_count(anna), unseen_count(otto)] == [1, 0], "that a panel can meet is no news for who owes a read"


def test_no_wash_out_is_lifted_before_the_round_is_started(client: Client, anna: User, lead: User) -> None:
    later = timezone.now() + timedelta(days=20)
    assignment = given(anna, round=make_round("consensus", state="planned", by=lead), not_before=later)
    assert "Start the round first" in refusal(override_washout, lead, assignment.pk, "The board meets today")
    assert not Notice.objects.exists()
    client.force_login(lead)
    page = client.get(reverse("assignment", args=[assignment.pk])).content.decode()
    assert "Lift the wash-out" not in page
    discard_round(lead, assignment.round_id)
    assert not Round.objects.exists()


def test_a_seat_in_a_panel_changes_hands_and_its_wash_out_stays_lifted(anna: User, otto: User, lead: User) -> None:
    first = make_round("labelling")
    assignment = given(anna, round=make_round("consensus", follows=first, rules={"washout_days": 20}))
    lock_plainly(make_read(assignment.case, round=first))
    washout.refresh(first, assignment.case)
    override_washout(lead, assignment.pk, "The board meets today")
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave")
    seat = Assignment.objects.get(pk=assignment.pk)
    assert (seat.reader, seat.washout_override) == (reader_of(otto), "The board meets today")


def test_what_was_lifted_for_a_reader_of_a_repeat_is_not_lifted_for_the_next(
    anna: User, otto: User, lead: User
) -> None:
    first = make_round("independent")
    assignment = given(anna, round=make_round("repeat", follows=first), washout_override="Leaves the department")
    lock_plainly(make_read(assignment.case, round=first, reader=reader_of(otto)))
    reassign(lead, assignment.pk, reader_of(otto).pk, "On leave")
    assert Assignment.objects.get(pk=assignment.pk).washout_override == ""


# --- the page ---------------------------------------------------------------------------------------------------------


def posted(user: User, name: str, assignment: Assignment, **form: Any) -> Any:
    client = Client()
    client.force_login(user)
    return client.post(reverse(name, args=[assignment.pk]), form, follow=True)


def test_the_page_offers_what_a_person_may_do(client: Client, anna: User, otto: User, lead: User) -> None:
    assignment = given(anna, "independent", not_before=timezone.now() + timedelta(days=2))
    Exposure.objects.create(reader=reader_of(otto), case=assignment.case, what="report")
    url = reverse("assignment", args=[assignment.pk])
    client.force_login(anna)
    own = client.get(url).content.decode()
    assert "Hand over" in own
    assert "There is nobody who could take it" in own
    assert "Otto Lind" not in own
    client.force_login(lead)
    page = client.get(url).content.decode()
    assert "Otto Lind (has been shown: report)" in page
    assert "Lift the wash-out" in page
    assert "Take back" in page
    for role in (Role.SENIOR, Role.ENGINEER):
        client.force_login(make_user(role))
        assert client.get(url).status_code == 404


def test_the_forms_say_what_was_done_or_why_not(anna: User, otto: User, lead: User) -> None:
    assignment = given(anna)
    answer = posted(lead, "assignment-reassign", assignment, to_reader="", reason="because")
    assert "Choose who is to read the case." in answer.content.decode()
    answer = posted(lead, "assignment-reassign", assignment, to_reader=reader_of(otto).pk, reason="On leave")
    assert "is read by Otto Lind now" in answer.content.decode()
    answer = posted(otto, "assignment-hand-over", assignment, to_reader=reader_of(anna).pk)
    assert "is handed over to Anna Vogt" in answer.content.decode()
    assert posted(otto, "assignment-hand-over", assignment, to_reader=reader_of(otto).pk).status_code == 404
    assert posted(anna, "assignment-take-back", assignment, reason="because").status_code == 403
    answer = posted(lead, "assignment-take-back", assignment, reason="On leave", next=reverse("home"))
    assert "The case was taken back." in answer.content.decode()
    assert Assignment.objects.get().reader is None
    answer = posted(lead, "assignment-override", assignment, reason="because", next="https://elsewhere.example/")
    assert answer.redirect_chain[0][0].startswith("/rounds/")


def test_nothing_of_the_round_is_changed_by_a_round_that_is_not_there(lead: User) -> None:
    assert Round.objects.count() == 0
    with pytest.raises(Assignment.DoesNotExist):
        reassign(lead, 10**6, 1, "because")
