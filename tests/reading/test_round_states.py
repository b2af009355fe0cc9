"""What a round goes through, and what each step tells whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from labeling.models import Assignment, AuditEvent, Exposure, Notice, Reader, Round
from labeling.reading.planning.making import CaseChoice, make_round
from labeling.reading.planning.overview import (
    assignment_rows,
    barred_rows,
    override_rows,
    progress,
    round_row,
    round_rows,
)
from labeling.reading.planning.states import close, pause, resume, start
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import Role
from tests.factories import (
    lock_plainly,
    make_assignment,
    make_read,
    make_reader,
    make_user,
)
from tests.factories import make_round as make_open_round
from tests.reading.test_planning import a_case, plan, seniors

pytestmark = pytest.mark.django_db


def test_a_round_is_started_paused_resumed_and_closed_and_its_readers_are_told() -> None:
    lead, (anna, otto) = make_user(Role.LEAD), seniors()
    for _ in range(2):
        a_case()
    round_ = make_round(lead, plan(anna, otto))
    assert not Notice.objects.exists(), "nobody is told of a plan"
    assert start(lead, round_.pk).started_at is not None
    told = Notice.objects.get(reader=anna)
    assert (told.kind, told.round, "2 cases to read" in told.text) == ("assigned", round_, True)
    assert pause(lead, round_.pk).state == "paused"
    assert resume(lead, round_.pk).state == "open"
    assert close(lead, round_.pk).state == "closed"
    verbs = AuditEvent.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["round_planned", "round_started", "round_paused", "round_resumed", "round_closed"]
    assert Notice.objects.filter(reader=otto).count() == 4


@pytest.mark.parametrize(
    ("state", "allowed"),
    [("planned", {"start"}), ("open", {"pause", "close"}), ("paused", {"resume", "close"}), ("closed", set())],
)
def test_each_step_has_its_state(state: str, allowed: set[str]) -> None:
    lead, acts = make_user(Role.LEAD), {"start": start, "pause": pause, "resume": resume, "close": close}
    for name, act in acts.items():
        round_ = make_open_round("labelling", state=state)
        make_assignment(a_case(split="training"), round=round_)
        if name in allowed:
            act(lead, round_.pk)
            continue
        with pytest.raises(OperationRefused) as refused:
            act(lead, round_.pk)
        assert refused.value.code == "wrong_state"
        assert round_.name in refused.value.sentence


@pytest.mark.parametrize("role", [Role.SENIOR, Role.ENGINEER, Role.ADMINISTRATOR])
def test_only_a_lead_may(role: Role) -> None:
    planned, opened = make_open_round(state="planned"), make_open_round()
    for act, round_ in ((start, planned), (pause, opened), (close, opened)):
        with pytest.raises(OperationRefused) as refused:
            act(make_user(role), round_.pk)
        assert refused.value.code == "not_lead"


def test_rules_of_a_started_round_never_change() -> None:
    lead = make_user(Role.LEAD)
    a_case()
    round_ = make_round(lead, plan(*seniors()))
    start(lead, round_.pk)
    changes: tuple[dict[str, Any], ...] = ({"rules": {}}, {"seed": 1}, {"kind": "labelling"})
    for change in changes:
        with pytest.raises(DatabaseError), transaction.atomic():
            Round.objects.filter(pk=round_.pk).update(**change)


def test_a_round_is_not_started_without_cases_before_what_it_follows_or_with_the_exposed() -> None:
    lead, (anna, otto) = make_user(Role.LEAD), seniors()

    def refused(round_: Round) -> str:
        with pytest.raises(OperationRefused) as error:
            start(lead, round_.pk)
        return error.value.code

    assert refused(make_open_round(state="planned")) == "no_cases"
    case = a_case()
    first = make_round(lead, plan(anna, otto))
    assert refused(make_round(lead, plan(anna, kind="repeat", follows=first.pk, name="Repeat"))) == "not_begun"
    Exposure.objects.create(reader=anna, case=case, what="report")
    assert refused(first) == "exposed"
    assert Round.objects.get(pk=first.pk).state == "planned"


def test_starting_writes_the_dates_that_followed_since_it_was_planned() -> None:
    lead, anna = make_user(Role.LEAD), make_reader(Role.SENIOR)
    first, case = make_open_round("independent"), a_case()
    read = make_read(case, reader=anna, round=first)
    round_ = make_round(lead, plan(anna, kind="repeat", follows=first.pk, name="Repeat"))
    assert Assignment.objects.get(round=round_).not_before is None
    locked = lock_plainly(read)
    start(lead, round_.pk)
    assert Assignment.objects.get(round=round_).not_before == locked.locked_at + timedelta(days=28)  # type: ignore[operator]


def test_the_overview_counts_locks_and_says_nothing_of_a_case_that_the_lead_owes() -> None:
    lead = make_user(Role.LEAD, Role.SENIOR)
    anna, own = make_reader(Role.SENIOR), Reader.objects.create(kind="person", user=lead)
    cases = [a_case() for _ in range(3)]
    names = CaseChoice(names=tuple(case.name for case in cases))
    Exposure.objects.create(reader=anna, case=cases[2], what="report")
    round_ = make_round(lead, plan(anna, own, make_reader(Role.SENIOR), cases=names))
    start(lead, round_.pk)
    lock_plainly(make_read(cases[0], reader=anna, round=round_))
    make_read(cases[1], reader=anna, round=round_)
    lock_plainly(make_read(cases[1], reader=own, round=round_))
    row = round_row(round_)
    assert (row.locked, row.of, row.cases, row.pooled) == (2, 8, 3, 0)
    counts = {one.reader: (one.locked, one.of) for one in progress(round_)}
    assert (counts[anna], counts[own], sorted(counts.values())) == ((1, 2), (1, 3), [(0, 3), (1, 2), (1, 3)])
    told = {one.assignment.case: one.state for one in assignment_rows(lead, round_, anna.pk)}
    assert told == {cases[0]: "", cases[1]: "draft"}, "of the first, the lead still owes a read"
    assert {one.assignment.case: one.state for one in assignment_rows(lead, round_, own.pk)}[cases[1]] == "locked"
    (barred,) = barred_rows(round_)
    assert (barred.reader, barred.case, barred.shown[0][0]) == (anna, cases[2], "report")
    assert override_rows(round_) == []
    assert [one.round for one in round_rows()] == [round_]


def test_a_consensus_counts_cases_not_members() -> None:
    lead, (anna, otto) = make_user(Role.LEAD), seniors()
    first, case = make_open_round("independent"), a_case()
    for reader in (anna, otto):
        lock_plainly(make_read(case, reader=reader, round=first))
    round_ = make_round(lead, plan(anna, otto, kind="consensus", follows=first.pk, name="Settle"))
    row = round_row(round_)
    assert (row.locked, row.of, row.waiting) == (0, 1, 1)
    assert round_.panel is not None
    start(lead, round_.pk)
    lock_plainly(make_read(case, reader=round_.panel, round=round_))
    Assignment.objects.filter(reader=round_.panel).delete()  # the factory's: a panel is assigned nothing
    assert (round_row(round_).locked, round_row(round_).of) == (1, 1)
