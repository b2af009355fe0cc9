"""Blind by case, forward and backward: person × relation to the case, as tables, and the exposures that are written."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction

from labeling.api.room import room
from labeling.models import Assignment, Case, Exposure, Finding, ModelShowing, Read, Round, SliceLabel
from labeling.reading.jobs import visible_jobs
from labeling.reading.reopening import reopen
from labeling.reading.roles import Role, reader_of
from labeling.reading.visibility import (
    case_for,
    export_counts,
    exportable_reads,
    model_case_counts,
    pooled_assignments,
    read_for,
    report_for,
    visible_cases,
    visible_reads,
)
from tests.factories import (
    lock_plainly,
    make_assignment,
    make_case,
    make_job,
    make_model_reader,
    make_patient,
    make_read,
    make_reader,
    make_round,
    make_user,
    sops_of,
    vertebra_of,
)

pytestmark = pytest.mark.django_db


def exposures(user: User) -> set[tuple[int, str]]:
    return set(Exposure.objects.filter(reader__user=user).values_list("case", "what"))


# --- cases --------------------------------------------------------------------------------------------------------

RELATIONS: dict[str, Any] = {
    "nothing": lambda case, user: None,
    "assigned": lambda case, user: make_assignment(case, reader=reader_of(user)),
    "assigned in a round not begun": lambda case, user: make_assignment(
        case, round=make_round(state="planned"), reader=reader_of(user)
    ),
    "assigned in a closed round": lambda case, user: make_assignment(
        case, round=make_round(state="closed"), reader=reader_of(user)
    ),
    "assigned to another": lambda case, user: make_assignment(case, reader=make_reader()),
    "pooled for labelling": lambda case, user: make_assignment(case),
    "pooled for a paused round": lambda case, user: make_assignment(case, round=make_round(state="paused")),
    "pooled for consensus": lambda case, user: make_assignment(case, round=make_round("consensus")),
}
SEEN_BY_READERS = {
    "nothing": set(),
    "assigned": {"resident", "senior"},
    "assigned in a round not begun": set(),
    "assigned in a closed round": {"resident", "senior"},
    "assigned to another": set(),
    "pooled for labelling": {"resident", "senior"},
    "pooled for a paused round": set(),
    "pooled for consensus": set(),
}


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("role", Role)
def test_who_sees_a_case(role: Role, relation: str) -> None:
    case, user = make_case(slices=1), make_user(role)
    RELATIONS[relation](case, user)
    overseer = role in (Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR)
    expected = overseer or role.value in SEEN_BY_READERS[relation]
    assert visible_cases(user).filter(pk=case.pk).exists() == expected
    if expected:
        assert case_for(user, case.pk) == case
    else:
        with pytest.raises(Case.DoesNotExist):
            case_for(user, case.pk)


def test_who_is_not_logged_in_or_has_no_role_sees_nothing() -> None:
    read = lock_plainly(make_read())
    make_assignment(read.case)
    for user in (AnonymousUser(), make_user()):
        assert not visible_cases(user).exists()
        assert not visible_reads(user).exists()
        assert not pooled_assignments(user).exists()


def test_a_case_in_two_pools_and_assigned_is_listed_once() -> None:
    case, reader = make_case(slices=1), make_reader()
    for _ in range(2):
        make_assignment(case)
        make_assignment(case, reader=reader)
    assert reader.user is not None
    assert visible_cases(reader.user).count() == 1


def test_a_blind_pool_hides_a_case_from_whoever_was_shown_something_of_it() -> None:
    case, user = make_case(slices=1), make_user(Role.SENIOR)
    make_assignment(case, round=make_round("independent"))
    assert pooled_assignments(user).count() == 1
    Exposure.objects.create(case=case, reader=reader_of(user), what="read")
    assert not pooled_assignments(user).exists()
    assert not visible_cases(user).exists()


# --- reads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", ["draft", "locked"])
@pytest.mark.parametrize("whose", ["own", "another's"])
def test_who_sees_a_read(role: Role, state: str, whose: str) -> None:
    user = make_user(role)
    read = make_read(reader=reader_of(user) if whose == "own" else None)
    if state == "locked":
        lock_plainly(read)
    overseer = role in (Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR)
    expected = whose == "own" or (overseer and state == "locked")
    assert visible_reads(user).filter(pk=read.pk).exists() == expected
    if not expected:
        with pytest.raises(Read.DoesNotExist):
            read_for(user, read.pk)
        assert exposures(user) == set()
    else:
        assert read_for(user, read.pk) == read
        assert exposures(user) == (set() if whose == "own" else {(read.case_id, "read")})


OWED: list[tuple[str, str, bool]] = [
    # kind of the round that asks the person for the case, its state, is another's read hidden from them
    ("independent", "open", True),
    ("independent", "planned", True),
    ("independent", "paused", True),
    ("independent", "closed", False),
    ("repeat", "open", True),
    ("labelling", "open", True),
    ("practice", "open", True),
    ("consensus", "open", False),
]


@pytest.mark.parametrize(("kind", "state", "hidden"), OWED)
@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR])
def test_who_owes_a_read_of_a_case_sees_no_other_read_of_it_whatever_their_role(
    role: Role, kind: str, state: str, hidden: bool
) -> None:
    user = make_user(role, Role.SENIOR)
    others = lock_plainly(make_read())
    round_ = make_round(kind, state=state)
    make_assignment(others.case, round=round_, reader=reader_of(user))
    assert visible_reads(user).filter(pk=others.pk).exists() == (not hidden)
    assert exportable_reads(user).filter(pk=others.pk).exists() == (not hidden and role != Role.ADMINISTRATOR)
    if hidden:
        with pytest.raises(Read.DoesNotExist):
            read_for(user, others.pk)
        assert exposures(user) == set()
        assert export_counts(user) == []


def test_the_own_lock_opens_the_others_reads_and_the_look_is_written_down() -> None:
    user = make_user(Role.LEAD, Role.SENIOR)
    others = lock_plainly(make_read(round=make_round("independent")))
    own = make_read(others.case, reader=reader_of(user), round=others.round)
    assert not visible_reads(user).filter(pk=others.pk).exists()
    lock_plainly(own)
    assert read_for(user, others.pk) == others
    assert exposures(user) == {(others.case_id, "read")}


def test_the_lock_of_one_round_does_not_open_what_another_round_still_hides() -> None:
    user = make_user(Role.LEAD, Role.SENIOR)
    others = lock_plainly(make_read())
    lock_plainly(make_read(others.case, reader=reader_of(user), round=others.round))
    make_assignment(others.case, round=make_round("repeat"), reader=reader_of(user))
    assert not visible_reads(user).filter(pk=others.pk).exists()


def test_who_was_shown_a_read_cannot_be_assigned_a_blind_one() -> None:
    user = make_user(Role.LEAD, Role.SENIOR)
    read = lock_plainly(make_read())
    read_for(user, read.pk)
    blind = make_round("independent")
    with pytest.raises(IntegrityError, match="blind_round_refuses_the_exposed"), transaction.atomic():
        make_assignment(read.case, round=blind, reader=reader_of(user))
    make_assignment(read.case, round=blind, reader=reader_of(user), exposure_override="the only senior on duty")


@pytest.mark.parametrize(("rule", "closed"), [("never", True), ("shown", False)])
def test_who_is_to_settle_a_case_sees_the_readers_but_not_the_models_of_it(rule: str, closed: bool) -> None:
    user = make_user(Role.LEAD, Role.SENIOR)
    persons = lock_plainly(make_read())
    models = make_read(persons.case, reader=make_model_reader())
    models.round = None
    models.save()
    job = make_job(kind="classify", case=persons.case)
    panel = make_round("consensus", rules={"model": rule})
    make_assignment(persons.case, round=panel, reader=reader_of(user))
    lock_plainly(models)
    for reads in (visible_reads(user), exportable_reads(user)):
        assert set(reads) == ({persons} if closed else {persons, models})
    assert visible_jobs(user).filter(pk=job.pk).exists() != closed
    assert list(model_case_counts(user).values()) == ([] if closed else [1])
    Round.objects.filter(pk=panel.pk).update(state="closed")
    assert set(visible_reads(user)) == {persons, models}


def accepting_read(**fields: Any) -> Read:
    """A locked read of a round that shows the models, with one slice accepted from one of them."""
    read = make_read(make_case(), round=make_round(rules={"model": "shown"}), **fields)
    finding = Finding.objects.create(read=read, vertebra_id=vertebra_of(read, "L2"), verdict="fracture")
    SliceLabel.objects.create(finding=finding, slice_id=sops_of(read)[2], value="fracture", source="accepted")
    opinion = make_read(read.case, reader=make_model_reader(), anatomy=read.anatomy)
    opinion.round = None
    opinion.save()
    lock_plainly(opinion)
    ModelShowing.objects.create(read=read, model_read=opinion, first=True)
    lock_plainly(read)
    return read


def source_in_room(user: User, read: Read) -> set[str]:
    findings = room(user, read_for(user, read.pk))["state"]["findings"].values()
    return {mark["source"] for finding in findings for mark in finding["slices"].values()}


def test_who_is_shown_a_read_that_was_made_beside_a_model_knows_of_the_model() -> None:
    user, read = make_user(Role.LEAD), accepting_read()
    assert source_in_room(user, read) == {"accepted"}
    assert exposures(user) == {(read.case_id, "read"), (read.case_id, "model")}
    exporting = make_user(Role.LEAD)
    assert read in exportable_reads(exporting)
    assert exposures(exporting) >= {(read.case_id, "read"), (read.case_id, "model")}


@pytest.mark.parametrize(
    ("rule", "drawn", "hidden"), [("never", False, True), ("shown", True, True), ("shown", False, False)]
)
def test_who_is_to_settle_a_case_without_the_models_reads_nowhere_what_was_accepted_from_them(
    rule: str, drawn: bool, hidden: bool
) -> None:
    user, read = make_user(Role.LEAD, Role.SENIOR), accepting_read()
    blind = make_read(read.case, round=make_round(rules={"model": "never"}))
    later = make_read(
        read.case, reader=read.reader, round=read.round, version=2, supersedes=read, reopen_reason="After the model"
    )
    lock_plainly(blind)
    panel = make_round("consensus", rules={"model": rule})
    make_assignment(read.case, round=panel, reader=reader_of(user), model_hidden=drawn)
    assert source_in_room(user, read) == ({"range"} if hidden else {"accepted"})
    lock_plainly(later)
    reasons = {one["reason"] for one in room(user, read_for(user, read.pk))["versions"]}
    assert reasons == ({""} if hidden else {"", "After the model"})
    assert ((read.case_id, "model") in exposures(user)) != hidden
    persons = set(exportable_reads(user).filter(reader__kind="person"))
    assert persons == ({blind} if hidden else {blind, later})
    assert ((read.case_id, "model") in exposures(user)) != hidden
    assert model_case_counts(user) == {} if hidden else model_case_counts(user) != {}


def test_a_models_read_is_an_exposure_to_the_model_and_seeing_twice_is_written_once() -> None:
    user = make_user(Role.LEAD)
    read = lock_plainly(make_read(reader=make_model_reader()))
    for _ in range(2):
        read_for(user, read.pk)
    assert exposures(user) == {(read.case_id, "model")}


# --- reports ------------------------------------------------------------------------------------------------------

REPORT = "Fracture of L1."
REPORTS = [
    # kind of round, state of the own read, is the report shown
    ("practice", "draft", False),
    ("practice", "locked", True),
    ("labelling", "draft", True),
    ("labelling", "locked", True),
    ("independent", "draft", False),
    ("independent", "locked", False),
    ("repeat", "draft", False),
    ("consensus", "draft", False),
]


def with_report() -> Case:
    case = make_case(slices=12)
    Case.objects.filter(pk=case.pk).update(report_text=REPORT)
    return Case.objects.get(pk=case.pk)


@pytest.mark.parametrize(("kind", "state", "shown"), REPORTS)
def test_the_report_is_shown_by_the_rule_of_the_round(kind: str, state: str, shown: bool) -> None:
    user = make_user(Role.SENIOR)
    read = make_read(with_report(), reader=reader_of(user), round=make_round(kind))
    if state == "locked":
        lock_plainly(read)
    assert report_for(user, read) == (REPORT if shown else None)
    assert exposures(user) == ({(read.case_id, "report")} if shown else set())


@pytest.mark.parametrize("kind", ["independent", "repeat"])
def test_a_report_that_one_round_shows_stays_hidden_from_who_owes_a_blind_read(kind: str) -> None:
    user = make_user(Role.RESIDENT, Role.ADMINISTRATOR)
    read = make_read(with_report(), reader=reader_of(user))
    make_assignment(read.case, round=make_round(kind, state="planned"), reader=reader_of(user))
    assert report_for(user, read) is None
    assert exposures(user) == set()


@pytest.mark.parametrize("kind", ["independent", "repeat", "practice"])
def test_a_report_that_comes_after_the_lock_is_hidden_again_while_the_read_is_reopened(kind: str) -> None:
    user = make_user(Role.SENIOR)
    round_ = make_round(kind, rules={"report": "after_lock"})
    first = lock_plainly(make_read(with_report(), reader=reader_of(user), round=round_))
    draft = reopen(read_id=first.pk, reader=first.reader, reason="L4 again")
    assert (report_for(user, first), report_for(user, draft)) == (None, None)
    assert exposures(user) == set()
    lock_plainly(draft)
    assert (report_for(user, first), report_for(user, draft)) == (REPORT, REPORT)


def test_a_case_without_a_report_exposes_nobody() -> None:
    user = make_user(Role.RESIDENT)
    assert report_for(user, make_read(reader=reader_of(user))) == ""
    assert exposures(user) == set()


def test_the_report_of_anothers_read_follows_who_may_see_the_read() -> None:
    read = make_read(with_report())
    lead, stranger = make_user(Role.LEAD), make_user(Role.RESIDENT)
    assert report_for(lead, read) is None
    lock_plainly(read)
    assert report_for(stranger, read) is None
    assert report_for(lead, read) == REPORT
    assert exposures(lead) == {(read.case_id, "report")}


# --- exports ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_only_lead_and_engineer_export_and_their_exposures_are_written(role: Role) -> None:
    user = make_user(role)
    read = lock_plainly(make_read())
    make_read()  # a draft
    may = role in (Role.LEAD, Role.ENGINEER)
    assert list(exportable_reads(user)) == ([read] if may else [])
    assert exposures(user) == ({(read.case_id, "read")} if may else set())
    assert len(export_counts(user)) == (1 if may else 0)


def test_an_export_of_one_round_exposes_to_that_round_alone() -> None:
    user = make_user(Role.LEAD)
    one, other = lock_plainly(make_read()), lock_plainly(make_read())
    assert isinstance(one.round, Round)
    assert list(exportable_reads(user, round_name=one.round.name)) == [one]
    assert exposures(user) == {(one.case_id, "read")}
    assert other not in exportable_reads(user, round_name="no such round")


def test_own_reads_are_exported_without_an_exposure() -> None:
    user = make_user(Role.LEAD, Role.RESIDENT)
    read = lock_plainly(make_read(reader=reader_of(user)))
    assert list(exportable_reads(user)) == [read]
    assert exposures(user) == set()


def test_of_a_reopened_read_the_newest_locked_version_is_exported() -> None:
    user = make_user(Role.LEAD)
    first = lock_plainly(make_read())
    second = make_read(
        first.case, reader=first.reader, round=first.round, version=2, supersedes=first, reopen_reason="slipped"
    )
    assert list(exportable_reads(user)) == [first]
    lock_plainly(second)
    assert list(exportable_reads(user)) == [second]


def test_what_is_locked_after_the_export_began_does_not_come_with_it() -> None:
    reads = exportable_reads(make_user(Role.LEAD))
    lock_plainly(make_read())
    assert not reads.exists()


def test_counts_of_an_export_are_what_it_holds() -> None:
    read = make_read(make_case(patient=make_patient()))
    lock_plainly(read)
    assert isinstance(read.round, Round)
    assert export_counts(make_user(Role.ENGINEER)) == [
        {"name": read.round.name, "reads": 1, "findings": 0, "slice_labels": 0}
    ]
    assert not Exposure.objects.exists()
    assert Assignment.objects.count() == 1
