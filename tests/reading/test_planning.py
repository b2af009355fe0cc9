"""Planning a round: who reads what in which order, what it costs, who is barred, and what becomes of it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import (
    ActiveTime,
    Anatomy,
    Assignment,
    AuditEvent,
    Case,
    Exposure,
    Finding,
    Patient,
    Read,
    Reader,
    Reference,
    Round,
    RoundKind,
    Split,
    Stack,
)
from labeling.reading.owing import owed_assignments
from labeling.reading.planning.calling import call
from labeling.reading.planning.dates import openings
from labeling.reading.planning.draws import is_drawn
from labeling.reading.planning.making import (
    CaseChoice,
    Override,
    Plan,
    change_round,
    defaults_for,
    discard_round,
    make_round,
    plan_of,
    preview,
)
from labeling.reading.planning.order import balanced_orders, drawn_order
from labeling.reading.planning.states import close, start
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import Role, reader_of
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_bare_case,
    make_case,
    make_patient,
    make_read,
    make_reader,
    make_schema,
    make_user,
    number,
    uid,
)
from tests.factories import make_round as make_open_round

SEEDS = st.integers(0, 2**63 - 1)
CASES = st.lists(st.integers(1, 10_000), min_size=1, max_size=60, unique=True)
READERS = st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True)


# --- the law ------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, readers=READERS, cases=CASES)
def test_every_reader_reads_every_case_once(seed: int, readers: list[int], cases: list[int]) -> None:
    orders = balanced_orders(seed, readers, cases)
    assert set(orders) == set(readers)
    assert all(sorted(order) == sorted(cases) for order in orders.values())


@given(seed=SEEDS, readers=READERS, cases=CASES, shuffled=st.randoms(use_true_random=False))
def test_the_seed_alone_decides(seed: int, readers: list[int], cases: list[int], shuffled: Any) -> None:
    other_way, others = list(cases), list(readers)
    shuffled.shuffle(other_way)
    shuffled.shuffle(others)
    assert balanced_orders(seed, readers, cases) == balanced_orders(seed, others, other_way)


@given(seed=SEEDS, readers=READERS, cases=CASES)
def test_positions_are_balanced_between_readers(seed: int, readers: list[int], cases: list[int]) -> None:
    orders = balanced_orders(seed, readers, cases)
    n, m = len(cases), len(readers)
    places = {case: sorted(order.index(case) for order in orders.values()) for case in cases}
    for at in places.values():
        gaps = [(after - before) % n for before, after in zip(at, [*at[1:], at[0]], strict=True)]
        assert m == 1 or all(n // m <= gap or n < m for gap in gaps), "on the ring, evenly spaced"
    if m <= n:
        assert all(len({order[place] for order in orders.values()}) == m for place in range(n))


def test_another_seed_is_another_order_and_every_case_comes_first_about_as_often() -> None:
    first = [drawn_order(seed, range(5))[0] for seed in range(1000)]
    assert min(first.count(case) for case in range(5)) > 150


# --- a plan -------------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def a_case(**fields: Any) -> Case:
    case = make_case(slices=1, patient=make_patient(split=fields.pop("split", "test")), **fields)
    make_anatomy(case, first_k=0, last_k=0)
    return case


def plan(*readers: Reader, kind: str = "independent", cases: CaseChoice | None = None, **fields: Any) -> Plan:
    kind_ = RoundKind(kind)
    follows = fields.get("follows")
    rules = defaults_for(kind_, None if follows is None else Round.objects.get(pk=follows))
    rules = replace(rules, **fields.pop("rules", {}))
    chosen = cases or CaseChoice(split="" if follows else "test")
    asked = {"name": "Test reads", "seed": 7, **fields}
    return Plan(kind=kind_, rules=rules, cases=chosen, readers=tuple(reader.pk for reader in readers), **asked)


def seniors(number: int = 2) -> list[Reader]:
    return [make_reader(Role.SENIOR) for _ in range(number)]


def codes(asked: Plan) -> list[str]:
    return [code for code, _ in preview(asked).refusals]


def test_a_round_is_made_as_it_was_previewed() -> None:
    lead, readers = make_user(Role.LEAD), seniors()
    cases = [a_case() for _ in range(5)]
    asked = plan(*readers)
    seen = preview(asked, lead)
    assert not seen.refusals
    assert not Round.objects.exists()
    round_ = make_round(lead, asked)
    assert (round_.state, round_.by, round_.seed, round_.panel) == ("planned", lead, 7, None)
    for one in seen.readers:
        rows = Assignment.objects.filter(round=round_, reader=one.reader).order_by("position")
        assert [(row.case, row.position) for row in rows] == [(p.case, p.position) for p in one.cases]
        assert {row.case for row in rows} == set(cases)
    event = AuditEvent.objects.get(verb="round_planned")
    assert (event.by, event.detail["round"], event.detail["cases"]) == (lead, round_.pk, 5)
    assert make_round(lead, replace(asked, name="Once more", seed=None)).seed != 7


def test_only_a_lead_plans() -> None:
    a_case()
    for role in (Role.SENIOR, Role.ENGINEER, Role.ADMINISTRATOR):
        with pytest.raises(OperationRefused) as refused:
            make_round(make_user(role), plan(*seniors()))
        assert refused.value.code == "not_lead"
    assert not Round.objects.exists()


def test_fewer_readers_than_reads_and_other_nonsense_is_refused_with_a_sentence() -> None:
    senior, resident = make_reader(Role.SENIOR), make_reader(Role.RESIDENT)
    other = make_open_round("practice")
    assert codes(plan(senior)) == ["too_few_readers", "no_cases"]
    a_case()
    assert codes(plan(senior)) == ["too_few_readers"]
    assert "needs 2 reads" in preview(plan(senior)).refusals[0][1]
    assert codes(plan()) == ["no_readers"]
    assert codes(plan(*seniors(), name=" ")) == ["no_name"]
    assert codes(plan(*seniors(), name=other.name)) == ["name_taken"]
    assert "cannot_read" in codes(plan(senior, make_reader(Role.LEAD)))
    assert codes(plan(senior, kind="repeat")) == ["no_follows"]
    assert codes(plan(senior, kind="consensus", follows=other.pk)) == ["wrong_follows"]
    assert "wrong_follows" in codes(plan(*seniors(), follows=other.pk))
    assert codes(plan(*seniors(), cases=CaseChoice(names=("P0",)))) == ["unknown_case"]
    assert codes(plan(*seniors(), cases=CaseChoice(names=()))) == ["no_cases"]
    assert "no_pool" in codes(plan(kind="consensus", follows=make_open_round("independent").pk, pooled=True))
    assert "cannot_read" in codes(plan(resident, kind="consensus", follows=make_open_round("independent").pk))


def test_cases_that_cannot_enter_are_named_with_why() -> None:
    anna = make_reader(Role.SENIOR)
    cases = {
        "no stack": make_bare_case(patient=make_patient(split="training")),
        "test split": a_case(),
        "excluded: vertebral metastases": a_case(
            split="training", cohort_state="excluded", exclusion_reason="malignant"
        ),
    }
    fine = a_case(split="training")
    names = CaseChoice(names=tuple(case.name for case in [*cases.values(), fine]))
    seen = preview(plan(anna, kind="labelling", cases=names))
    assert [case.name for case in seen.entry] == [fine.name]
    for words, case in cases.items():
        assert words in next(one.why for one in seen.left_out if one.case == case)
    bare = make_case(slices=1, patient=make_patient(split="test"))
    blind = preview(plan(*seniors(), cases=CaseChoice(names=(bare.name, cases["test split"].name))))
    assert [one.case for one in blind.left_out] == [bare]
    assert any("nobody has confirmed" in sentence for sentence in blind.warnings)
    pooled = preview(plan(pooled=True, cases=CaseChoice(names=(bare.name,))))
    assert not pooled.left_out, "in a pool a case can wait for its vertebrae"
    practice = preview(plan(anna, kind="practice", cases=CaseChoice(names=(fine.name,))))
    assert "no reference" in practice.left_out[0].why


def test_cases_are_chosen_by_what_is_known_of_them() -> None:
    known, unknown = a_case(), a_case(origin="simulated")
    nameless = make_case(slices=1, patient=make_patient(split="validation"))
    make_anatomy(nameless, ("", "L1"), first_k=0, last_k=0)
    read = lock_plainly(make_read(known, round=make_open_round("independent")))
    Reference.objects.create(case=known, read=read)
    anatomy = known.anatomies.get()
    anatomy.confirmed_by, anatomy.confirmed_at = read.reader, read.locked_at
    anatomy.save()

    def found(**choice: Any) -> set[Case]:
        return set(preview(plan(*seniors(), cases=CaseChoice(**choice))).entry)

    assert found() == {known, unknown, nameless}
    assert found(split=Split.TEST) == {known, unknown}
    assert found(origin="simulated") == {unknown}
    assert found(reference="with") == {known}
    assert found(reference="without") == {unknown, nameless}
    assert found(anatomy="confirmed") == {known}
    assert found(levels="unknown") == {nameless}
    assert found(levels="named") == {known, unknown}
    assert found(round=read.round_id) == {known}
    assert found(split="test", without=(known.name,)) == {unknown}


def test_who_was_shown_something_does_not_read_it_unless_the_lead_says_why() -> None:
    lead, (anna, otto, vera) = make_user(Role.LEAD), seniors(3)
    cases = [a_case() for _ in range(3)]
    Exposure.objects.create(reader=anna, case=cases[0], what="report")
    Exposure.objects.create(reader=anna, case=cases[0], what="model")
    seen = preview(plan(anna, otto, vera))
    assert not seen.refusals, "two others read it"
    (bar,) = seen.bars
    assert (bar.reader, bar.case, [what for what, _ in bar.shown]) == (anna, cases[0], ["report", "model"])
    assert [len(one.cases) for one in seen.readers] == [2, 3, 3]
    assert [p.position for p in seen.readers[0].cases] == [1, 2]
    refused = preview(plan(anna, otto)).refusals
    assert refused[0][0] == "exposed"
    assert "cannot read it blind" in refused[0][1]
    reason = "Saw the report in a conference, three years ago"
    asked = plan(anna, otto, overrides=(Override(anna.pk, reason, cases[0].pk),))
    round_ = make_round(lead, asked)
    row = Assignment.objects.exclude(exposure_override="").get()
    assert (row.reader, row.case, row.exposure_override) == (anna, cases[0], reason)
    event = AuditEvent.objects.get(verb="exposure_override")
    assert (event.by, event.case, event.detail["reader"], event.detail["reason"]) == (lead, cases[0], anna.pk, reason)
    assert event.detail["round"] == round_.pk
    for_all = replace(asked, name="All", overrides=(Override(anna.pk, "all of them"),))
    make_round(lead, for_all)
    given = Assignment.objects.filter(round__name="All").exclude(exposure_override="")
    assert [(one.reader, one.case) for one in given] == [(anna, cases[0])], "only where there is something to override"


def test_hours_come_from_the_own_pace_else_from_that_of_all() -> None:
    anna, otto = seniors()
    new = [a_case() for _ in range(3)]
    choice = CaseChoice(names=tuple(case.name for case in new))
    assert [one.ms for one in preview(plan(anna, otto, cases=choice)).readers] == [None, None]
    assert preview(plan(anna, otto, cases=choice)).ms is None
    earlier = make_open_round("independent")
    for ms in (60_000, 100_000, 500_000):
        read = lock_plainly(make_read(reader=anna, round=earlier))
        for part in (ms - 1000, 1000):
            ActiveTime.objects.create(read=read, tab=uuid.uuid4(), ms=part)
    lock_plainly(make_read(reader=otto, round=earlier))
    labelling = lock_plainly(make_read(reader=otto, round=make_open_round("labelling")))
    ActiveTime.objects.create(read=labelling, tab=uuid.uuid4(), ms=1)
    seen = preview(plan(anna, otto, cases=choice))
    assert [(one.pace.of, one.ms) for one in seen.readers] == [("own", 300_000), ("all", 300_000)]
    assert seen.ms == 600_000


def test_a_repeat_takes_each_readers_own_cases_and_counts_from_their_own_lock() -> None:
    lead, (anna, otto) = make_user(Role.LEAD), seniors()
    first = make_open_round("independent", rules={"unit": "slice"})
    a, b = a_case(), a_case()
    locked = lock_plainly(make_read(a, reader=anna, round=first))
    make_assignment(b, round=first, reader=anna)
    make_assignment(b, round=first, reader=otto)
    a_case()
    asked = plan(anna, otto, kind="repeat", follows=first.pk, name="Repeat")
    seen = preview(asked)
    assert not seen.refusals
    assert seen.rules.unit == "slice"
    assert {str(p.case) for p in seen.readers[0].cases} == {a.name, b.name}
    assert [p.case for p in seen.readers[1].cases] == [b]
    assert seen.readers[0].waiting == 1
    round_ = make_round(lead, asked)
    rows = {(row.reader, row.case): row for row in Assignment.objects.filter(round=round_)}
    assert rows[anna, a].not_before == locked.locked_at + timedelta(days=28)  # type: ignore[operator]
    assert rows[anna, b].not_before is None
    assert owed_assignments(anna.user).filter(case=a).exists(), "planned is owed"  # type: ignore[arg-type]
    nobody = preview(plan(make_reader(Role.SENIOR), kind="repeat", follows=first.pk))
    assert [code for code, _ in nobody.refusals] == ["nobody_again"]


def test_a_consensus_gets_a_panel_and_one_assignment_for_each_member_and_case() -> None:
    lead, (anna, otto) = make_user(Role.LEAD), seniors()
    first = make_open_round("independent")
    case, once = a_case(), a_case()
    reads = [lock_plainly(make_read(case, reader=reader, round=first)) for reader in (anna, otto)]
    make_assignment(once, round=first, reader=anna)
    asked = plan(anna, otto, kind="consensus", follows=first.pk, name="Settle")
    seen = preview(asked)
    assert "Fewer than 2" in seen.left_out[0].why
    round_ = make_round(lead, asked)
    assert round_.panel is not None
    assert (round_.panel.kind, round_.panel.label) == ("panel", "Panel of Settle")
    rows = Assignment.objects.filter(round=round_)
    assert {(row.reader, row.case) for row in rows} == {(anna, case), (otto, case)}
    opens = reads[1].locked_at + timedelta(days=28)  # type: ignore[operator]
    assert {row.not_before for row in rows} == {opens}
    assert "settled in Settle already" in preview(replace(asked, name="Again")).left_out[0].why
    residents = plan(make_reader(Role.RESIDENT), kind="consensus", follows=first.pk, name="R")
    assert "cannot_read" in codes(residents)


def test_a_consensus_on_a_consensus_counts_from_the_lock_of_the_panel() -> None:
    panel = Reader.objects.create(kind="panel", label="Panel of Settle")
    settled, case, waiting = make_open_round("consensus", panel=panel), a_case(), a_case()
    locked = lock_plainly(make_read(case, reader=panel, round=settled))
    lock_plainly(make_read(waiting, reader=make_reader(Role.SENIOR), round=settled))
    rules = defaults_for(RoundKind.CONSENSUS, settled)
    on = openings(RoundKind.CONSENSUS, rules, settled, [case.pk, waiting.pk])
    assert locked.locked_at is not None
    assert on == {(None, case.pk): locked.locked_at + timedelta(days=28)}


def test_of_a_labelling_round_what_is_unclear_or_read_twice_is_settled_and_nothing_is_told_to_who_owes_a_read() -> None:
    lead = make_user(Role.LEAD, Role.SENIOR)
    anna, senior = make_reader(Role.RESIDENT), make_reader(Role.SENIOR)
    first = make_open_round("labelling")
    plain, unclear, twice = (a_case(split="training") for _ in range(3))
    lock_plainly(make_read(plain, reader=anna, round=first))
    read = make_read(unclear, reader=anna, round=first)
    vertebra = read.anatomy.vertebrae.first()
    assert vertebra is not None
    Finding.objects.create(read=read, vertebra=vertebra.vertebra, verdict="negative", unclear=True)
    lock_plainly(read)
    make_assignment(twice, round=first, reader=anna, read_twice=True)
    asked = plan(anna, senior, kind="consensus", follows=first.pk, name="Unclear ones")
    assert asked.rules.washout_days == 0
    assert set(preview(asked, lead).entry) == {unclear, twice}
    assert codes(replace(asked, readers=(anna.pk,))) == ["no_senior"]
    for case in (plain, unclear):
        make_assignment(case, round=make_open_round("repeat", state="planned"), reader=reader_of(lead))
    blind = preview(asked, lead)
    assert set(blind.entry) == {twice}
    assert len({one.why for one in blind.left_out}) == 1, "both look alike to who owes a read of them"


def test_a_pool_takes_the_cases_and_gives_each_to_as_many_as_are_needed() -> None:
    lead = make_user(Role.LEAD)
    cases = [a_case() for _ in range(3)]
    round_ = make_round(lead, plan(pooled=True))
    rows = Assignment.objects.filter(round=round_)
    assert {row.case for row in rows} == set(cases)
    assert all(row.reader is None and row.read_twice for row in rows)
    assert codes(plan(pooled=True, name="More", rules={"required_reads": 3})) == ["no_pool"]


def test_a_planned_round_is_changed_or_discarded_and_a_started_one_is_not() -> None:
    lead, (anna, otto, vera) = make_user(Role.LEAD), seniors(3)
    cases = [a_case() for _ in range(3)]
    Exposure.objects.create(reader=anna, case=cases[0], what="read")
    round_ = make_round(lead, plan(anna, otto, overrides=(Override(anna.pk, "known", cases[0].pk),)))
    again = plan_of(round_)
    assert (again.readers, again.pooled, again.overrides) == (
        (anna.pk, otto.pk), False, (Override(anna.pk, "known", cases[0].pk),),
    )  # fmt: skip
    assert set(again.cases.names or ()) == {case.name for case in cases}
    changed = change_round(lead, round_.pk, replace(again, name="Changed", readers=(otto.pk, vera.pk), seed=99))
    assert (changed.pk, changed.name, changed.seed) == (round_.pk, "Changed", 7), "nobody shops for a seed"
    assert set(Assignment.objects.values_list("reader", flat=True)) == {otto.pk, vera.pk}
    start(lead, round_.pk)
    for act in (lambda: change_round(lead, round_.pk, again), lambda: discard_round(lead, round_.pk)):
        with pytest.raises(OperationRefused) as refused:
            act()
        assert refused.value.code == "started"
    follower = make_round(lead, plan(otto, kind="repeat", follows=round_.pk, name="Repeat"))
    settling = make_round(lead, plan(otto, kind="consensus", follows=round_.pk, name="Settle"))
    discard_round(lead, follower.pk)
    discard_round(lead, settling.pk)
    assert not Reader.objects.filter(kind="panel").exists()
    assert list(Round.objects.all()) == [changed]
    assert AuditEvent.objects.filter(verb="round_discarded").count() == 2


# --- what a plan keeps, and what it says ahead ---------------------------------------------------------------------


def test_an_order_that_was_named_is_kept_when_the_plan_is_changed() -> None:
    lead, (anna, otto) = make_user(Role.LEAD), seniors()
    names = tuple(a_case().name for _ in range(5))[::-1]
    round_ = make_round(lead, plan(anna, otto, cases=CaseChoice(names=names), in_order=True))
    again = plan_of(round_)
    assert (again.in_order, again.cases.names) == (True, names)
    changed = replace(again, readers=(anna.pk,), rules=replace(again.rules, required_reads=1))
    round_ = change_round(lead, round_.pk, changed)
    own = Assignment.objects.filter(reader=anna).select_related("case__patient").order_by("position")
    assert tuple(row.case.name for row in own) == names
    assert plan_of(round_).in_order
    change_round(lead, round_.pk, replace(plan_of(round_), in_order=False))
    assert not plan_of(round_).in_order, "the newest plan counts"
    assert not plan_of(make_round(lead, plan(anna, otto, name="Drawn"))).in_order


def test_the_preview_of_a_drawn_case_waits_for_its_second_read() -> None:
    first, (anna, otto) = make_open_round("labelling"), seniors()
    drawn, both, once = (a_case(split="training") for _ in range(3))
    reads = [make_read(case, reader=anna, round=first) for case in (drawn, both, once)]
    Assignment.objects.filter(case=drawn).update(read_twice=True)
    make_assignment(both, round=first, reader=otto)
    Finding.objects.create(read=reads[2], vertebra=reads[2].anatomy.vertebrae.get(level="L2").vertebra, unclear=True)
    for read in reads:
        lock_plainly(read)
    asked = plan(anna, otto, kind="consensus", follows=first.pk, name="Settle", rules={"washout_days": 5})
    seen = preview(asked).readers[0]
    assert {one.case: (one.opens, one.waits) for one in seen.cases} == {
        drawn: (None, True),
        both: (None, True),
        once: (reads[2].locked_at + timedelta(days=5), False),  # type: ignore[operator]
    }
    assert_the_plan_keeps_its_word(asked)


def test_the_preview_of_a_blind_case_counts_the_seniors_reads_whoever_else_has_locked_before() -> None:
    first, (anna, otto) = make_open_round("independent"), seniors()
    residents = [make_reader(Role.RESIDENT) for _ in range(2)]
    case, waiting = a_case(), a_case()
    for reader in residents:
        for one in (case, waiting):
            lock_plainly(make_read(one, reader=reader, round=first))
    for reader in (anna, otto):
        make_assignment(waiting, round=first, reader=reader)
    last = [lock_plainly(make_read(case, reader=reader, round=first)).locked_at for reader in (anna, otto)][-1]
    assert last is not None
    asked = plan(anna, otto, kind="consensus", follows=first.pk, name="Settle")
    on = openings(RoundKind.CONSENSUS, asked.rules, first, [case.pk, waiting.pk])
    assert on == {(None, case.pk): last + timedelta(days=28)}
    assert_the_plan_keeps_its_word(asked)


def assert_the_plan_keeps_its_word(asked: Plan) -> None:
    """The dates that a preview says are those that the round gets."""
    said = {(one.reader, case.case): case.opens for one in preview(asked).readers for case in one.cases}
    round_ = make_round(None, asked)
    rows = Assignment.objects.filter(round=round_).select_related("reader", "case")
    assert {(row.reader, row.case): row.not_before for row in rows} == said


@pytest.mark.parametrize("kind", RoundKind)
def test_models_come_first_where_labels_are_made_and_nowhere_else(kind: RoundKind) -> None:
    a_case(split="training")
    asked = plan(make_reader(Role.SENIOR), kind=kind.value, cases=CaseChoice(split="training"))
    asked = replace(asked, rules=replace(asked.rules, model="shown", model_hidden_share=0.5, required_reads=1))
    assert ("model_first" in codes(asked)) == (kind != RoundKind.LABELLING)
    assert "model_first" not in codes(replace(asked, rules=replace(asked.rules, model="after_lock")))


def test_a_second_reader_is_drawn_for_a_pool_and_for_no_assigned_reader() -> None:
    reader, cases = make_reader(), [a_case(split="training") for _ in range(6)]
    asked = plan(reader, kind="labelling", cases=CaseChoice(split="training"), rules={"second_reader_share": 0.5})
    given = make_round(None, asked)
    assert given.rules["second_reader_share"] == preview(asked, besides=given.pk).rules.second_reader_share == 0
    pool = make_round(None, replace(asked, name="Pool", readers=(), pooled=True))
    assert pool.rules["second_reader_share"] == 0.5
    drawn = [one.read_twice for one in Assignment.objects.filter(round=pool).order_by("position")]
    assert drawn == [is_drawn(7, place, 0.5, "read twice") for place in range(len(cases))]


# --- how much is asked of the database ------------------------------------------------------------------------------


def a_blind_round_read_by(readers: list[Reader], cases: int) -> Round:
    """A round whose cases are all locked by these readers; light cases without images, each with one vertebra."""
    round_ = make_open_round("independent")
    patients = Patient.objects.bulk_create(
        Patient(pseudonym=f"S{number():06d}", split="test", sex="F") for _ in range(cases)
    )
    made = Case.objects.bulk_create(
        Case(patient=one, number=1, study_uid=uid(), age=61, origin="simulated") for one in patients
    )
    pattern = a_case(split="unassigned")
    for case in made:
        stack = Stack.objects.get(pk=pattern.reading_stack_id)
        stack.pk, stack._state.adding, stack.case, stack.series_uid = None, True, case, uid()
        stack.source_digest = stack.series_uid
        stack.save()
        case.reading_stack = stack
        make_anatomy(case, ("L1",), first_k=0, last_k=0)
    Case.objects.bulk_update(made, ["reading_stack"])
    rows = [(case, reader) for case in made for reader in readers]
    Assignment.objects.bulk_create(
        Assignment(round=round_, case=case, reader=reader, position=at) for at, (case, reader) in enumerate(rows)
    )
    anatomy = {one.case_id: one for one in Anatomy.objects.filter(case__in=made)}
    Read.objects.bulk_create(
        Read(
            round=round_, case=case, reader=reader, stack=case.reading_stack, anatomy=anatomy[case.pk],
            state="locked", locked_at=timezone.now(), content_sha="0" * 64,
        )
        for case, reader in rows
    )  # fmt: skip
    return round_


def queries_of(readers: list[Reader], cases: int) -> tuple[int, int, int, int]:
    """How many queries a preview, a plan, a start and the calls of the day take, and that nothing is left out."""
    first = a_blind_round_read_by(readers, cases)
    asked = plan(*readers, kind="consensus", follows=first.pk, name=f"Settle {number()}", rules={"washout_days": 0})
    asked = replace(asked, cases=CaseChoice())
    counts = []
    with CaptureQueriesContext(connection) as asking:
        assert len(preview(asked).entry) == cases
    counts.append(len(asking))
    with CaptureQueriesContext(connection) as asking:
        round_ = make_round(None, asked)
    counts.append(len(asking))
    with CaptureQueriesContext(connection) as asking:
        start(None, round_.pk)
    counts.append(len(asking))
    with CaptureQueriesContext(connection) as asking:
        assert call() == len(readers)
    counts.append(len(asking))
    rows = Assignment.objects.filter(round=round_)
    assert rows.count() == cases * len(readers)
    assert not rows.filter(not_before__isnull=True).exists()
    close(None, round_.pk)
    return counts[0], counts[1], counts[2], counts[3]


def test_a_consensus_of_many_cases_takes_as_many_queries_as_one_of_few() -> None:
    readers = seniors()
    assert queries_of(readers, 3) == queries_of(readers, 30)


def test_a_pool_of_many_cases_takes_as_many_queries_as_one_of_few() -> None:
    make_schema()
    counts = []
    for cases in (2, 12):
        names = tuple(a_case(split="training").name for _ in range(cases))
        asked = plan(kind="labelling", cases=CaseChoice(names=names), pooled=True, name=f"Pool of {cases}")
        with CaptureQueriesContext(connection) as asking:
            make_round(None, replace(asked, rules=replace(asked.rules, second_reader_share=0.5)))
        counts.append(len(asking))
    assert counts[0] == counts[1]
