"""The worklist: what is on each tab, what a row says, and that its cost does not grow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import Case, Finding
from labeling.reading.labels import mark_seen
from labeling.reading.roles import Role, reader_of
from labeling.reading.worklist import PAGE_SIZE, TABS, next_case, worklist
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_bare_case,
    make_case,
    make_patient,
    make_read,
    make_reader,
    make_round,
    make_user,
    sops_of,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


def readable(**fields: Any) -> Case:
    case = make_case(**fields)
    make_anatomy(case)
    return case


@pytest.fixture
def one_of_each() -> dict[str, Any]:
    """A resident with a case in each state, and the name of the case in each."""
    user = make_user(Role.RESIDENT)
    reader, round_ = reader_of(user), make_round()
    cases = {state: readable() for state in ("pooled", "mine", "draft", "locked", "skipped", "another's", "planned")}
    make_assignment(cases["pooled"], round=round_)
    make_assignment(cases["mine"], round=round_, reader=reader)
    draft = make_read(cases["draft"], round=round_, reader=reader)
    Finding.objects.create(
        read=draft, vertebra_id=vertebra_of(draft, "L3"), verdict="fracture", ao_body="A3", unclear=True
    )
    lock_plainly(make_read(cases["locked"], round=round_, reader=reader))
    make_assignment(cases["skipped"], round=round_, reader=reader, state="skipped", skip_reason="image")
    lock_plainly(make_read(cases["another's"], round=round_))
    make_assignment(cases["planned"], round=make_round(state="planned"), reader=reader)
    return {"user": user, "cases": cases, "draft": draft}


ON_TAB = {
    "mine": {"mine", "draft", "locked", "skipped"},
    "to_read": {"mine", "pooled"},
    "draft": {"draft"},
    "locked": {"locked"},
    "skipped": {"skipped"},
    "unclear": {"draft"},
}


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_holds_its_cases_and_every_page_counts_all_tabs(one_of_each: dict[str, Any], tab: str) -> None:
    page = worklist(one_of_each["user"], tab=tab)
    assert {row.case for row in page.rows} == {one_of_each["cases"][state].pk for state in ON_TAB[tab]}
    assert page.counts == {name: len(states) for name, states in ON_TAB.items()}
    assert page.total == len(ON_TAB[tab])


def test_a_row_says_who_and_how_far_each_vertebra_is(one_of_each: dict[str, Any]) -> None:
    (row,) = worklist(one_of_each["user"], tab="draft").rows
    case = one_of_each["cases"]["draft"]
    assert (row.name, row.sex, row.age, row.levels) == (case.name, "F", "61", "L2–L4")
    assert [(cell.level, cell.state, cell.ao_body, cell.unclear) for cell in row.vertebrae] == [
        ("L2", "open", None, False),
        ("L3", "fracture", "A3", True),
        ("L4", "open", None, False),
    ]
    assert (row.state, row.state_word, row.readable, row.pooled, row.read) == (
        "draft",
        "draft",
        True,
        False,
        one_of_each["draft"].pk,
    )


def test_nobody_elses_verdict_is_on_a_row() -> None:
    case, round_ = readable(), make_round("independent")
    other = make_read(case, round=round_)
    Finding.objects.create(read=other, vertebra_id=vertebra_of(other, "L2"), verdict="fracture")
    lock_plainly(other)
    user = make_user(Role.SENIOR, Role.LEAD)
    make_assignment(case, round=round_, reader=reader_of(user))
    (row,) = worklist(user, tab="to_read").rows
    assert {cell.state for cell in row.vertebrae} == {"open"}


def test_own_cases_come_in_their_drawn_order_and_before_the_pool() -> None:
    user, round_ = make_user(Role.RESIDENT), make_round()
    cases = [readable() for _ in range(4)]
    make_assignment(cases[0], round=round_, position=1)
    make_assignment(cases[1], round=round_, reader=reader_of(user), position=9)
    make_assignment(cases[2], round=round_, reader=reader_of(user), position=4)
    make_assignment(cases[3], round=round_, position=2)
    rows = worklist(user, tab="to_read").rows
    assert [row.case for row in rows] == [cases[2].pk, cases[1].pk, cases[0].pk, cases[3].pk]
    assert next_case(user) == cases[2].pk


def test_what_cannot_be_read_now_says_why() -> None:
    user, tomorrow = make_user(Role.SENIOR), timezone.now() + timedelta(days=1)
    bare = make_bare_case()
    make_assignment(bare)
    later = readable()
    make_assignment(later, round=make_round("repeat"), reader=reader_of(user), not_before=tomorrow)
    draft = make_read(readable(), reader=reader_of(user), round=make_round(state="paused"))
    on = timezone.localtime(tomorrow)
    words = {
        row.case: (row.state_word, row.readable) for tab in ("to_read", "draft") for row in worklist(user, tab=tab).rows
    }
    assert words == {
        bare.pk: ("no vertebrae yet", False),
        later.pk: (f"available on {on.day} {on:%B %Y}", False),
        draft.case_id: ("round paused", False),
    }
    assert next_case(user) is None


def test_a_cut_vertebra_and_a_vertebra_without_a_name_are_shown_as_such() -> None:
    user = make_user(Role.RESIDENT)
    cut, unnamed, lone = make_case(slices=9), make_case(slices=9), make_case(slices=9)
    make_anatomy(cut, ("L1", "L2"), cut=("L1",))
    make_anatomy(unnamed, ("", ""))
    make_anatomy(lone, ("T13",))
    for case in (cut, unnamed, lone):
        make_assignment(case)
    rows = {row.case: row for row in worklist(user).rows}
    assert [cell.state for cell in rows[cut.pk].vertebrae] == ["cut", "open"]
    assert [rows[case.pk].levels for case in (cut, unnamed, lone)] == ["L1–L2", "2 vertebrae", "T13"]


def test_search_finds_by_any_part_of_the_name_as_people_see_it() -> None:
    user, patient = make_user(Role.RESIDENT), make_patient(pseudonym="KESTREL")
    for case in (readable(patient=patient), readable(patient=patient), readable()):
        make_assignment(case)
    assert [row.name for row in worklist(user, search="estre").rows] == ["KESTREL", "KESTREL-2"]
    page = worklist(user, search=" kestrel-2 ")
    assert ([row.name for row in page.rows], page.total, page.counts["to_read"]) == (["KESTREL-2"], 1, 3)
    assert worklist(user, search="%").rows == ()


def test_resume_is_the_draft_last_written_to() -> None:
    user = make_user(Role.RESIDENT)
    first, second = (make_read(reader=reader_of(user)) for _ in range(2))
    assert worklist(user).resume is not None
    assert next_case(user) == second.case_id
    mark_seen(read_id=first.pk, reader=first.reader, sop_uids=sops_of(first))
    send(first, "rest_negative", {"vertebra": vertebra_of(first, "L2")})
    resume = worklist(user).resume
    assert resume is not None
    assert (resume.case, resume.read, resume.name) == (first.case_id, first.pk, first.case.name)


def test_pages_beyond_the_last_are_the_last_and_an_unknown_tab_is_refused() -> None:
    user, round_ = make_user(Role.RESIDENT), make_round()
    for _ in range(PAGE_SIZE + 1):
        make_assignment(make_bare_case(), round=round_)
    page = worklist(user, page=99)
    assert (page.page, page.pages, len(page.rows)) == (2, 2, 1)
    assert worklist(user, page=-1).page == 1
    with pytest.raises(ValueError, match="no tab called all"):
        worklist(user, tab="all")


@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR])
def test_who_reads_nothing_has_an_empty_worklist(role: Role) -> None:
    make_assignment(readable())
    page = worklist(make_user(role))
    assert (page.rows, page.total, set(page.counts.values()), page.resume) == ((), 0, {0}, None)
    assert next_case(make_user(role)) is None


def test_a_resident_who_never_read_sees_the_pool() -> None:
    make_assignment(readable())
    assert worklist(make_user(Role.RESIDENT)).total == 1


@pytest.mark.parametrize("tab", TABS)
def test_the_number_of_queries_does_not_grow_with_the_list(tab: str) -> None:
    user, round_ = make_user(Role.RESIDENT), make_round()

    def fill(count: int) -> None:
        for index in range(count):
            make_assignment(readable(slices=9), round=round_)
            make_assignment(readable(slices=9), round=round_, reader=reader_of(user))
            read = make_read(readable(slices=9), round=round_, reader=reader_of(user))
            Finding.objects.create(read=read, vertebra_id=vertebra_of(read, "L2"), unclear=True)
            if index % 2:
                lock_plainly(read)
            skip = {"state": "skipped", "skip_reason": "image"}
            make_assignment(readable(slices=9), round=round_, reader=reader_of(user), **skip)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            worklist(type(user).objects.get(pk=user.pk), tab=tab)
        return len(queries) - 1

    fill(2)
    few = cost()
    fill(4)
    assert cost() == few <= 13


def test_other_readers_work_is_not_counted() -> None:
    make_read(reader=make_reader())
    assert set(worklist(make_user(Role.RESIDENT)).counts.values()) == {0}
