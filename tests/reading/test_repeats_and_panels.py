"""What a repeat closes, what a panel opens, and who is told the truth: each as a table or as one story."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labeling.models import (
    ActiveTime,
    Case,
    Exposure,
    Finding,
    Participant,
    Read,
    Reader,
    Reference,
    Round,
    Settles,
    Sitting,
)
from labeling.reading import washout
from labeling.reading.consensus.opening import open_consensus
from labeling.reading.jobs import visible_jobs
from labeling.reading.labels import write_operation
from labeling.reading.refusals import NotReadable, OperationRefused
from labeling.reading.reopening import reopen
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import open_read
from labeling.reading.visibility import (
    case_report_for,
    exportable_reads,
    feedback_cases,
    hears_of_no_model,
    is_member,
    model_case_counts,
    owed_assignments,
    pooled_assignments,
    prior_cases,
    protocol_is_open,
    read_for,
    reads_to_settle,
    repeats_owed,
    report_for,
    truth_for,
    visible_cases,
    visible_reads,
)
from labeling.reading.worklist import worklist
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
    number,
    vertebra_of,
)
from tests.reading.conftest import operation

pytestmark = pytest.mark.django_db


def exposures(user: User) -> set[tuple[int, str]]:
    return set(Exposure.objects.filter(reader__user=user).values_list("case", "what"))


def person(read: Read) -> User:
    assert read.reader.user is not None
    return read.reader.user


def panel_round(follows: Round, **fields: Any) -> Round:
    panel = Reader.objects.create(kind="panel", label=f"Panel {number()}")
    return make_round("consensus", follows=follows, panel=panel, **fields)


def settle(round_: Round, reads: list[Read], *, present: tuple[Reader, ...] = (), **fields: Any) -> Read:
    """A consensus on these reads, in draft, as its panel has opened it."""
    first = reads[0]
    consensus = Read.objects.create(
        round=round_, case=first.case, reader=round_.panel, stack=first.stack, anatomy=first.anatomy, **fields
    )
    Sitting.objects.create(consensus=consensus)
    for letter, read in zip("AB", reads, strict=False):
        Settles.objects.create(consensus=consensus, read=read, letter=letter)
    for reader in present:
        Participant.objects.create(consensus=consensus, reader=reader)
    return consensus


def set_reference(consensus: Read) -> Reference:
    Reference.objects.filter(case=consensus.case, current=True).update(current=False)
    return Reference.objects.create(case=consensus.case, read=lock_plainly(consensus))


# --- repeats --------------------------------------------------------------------------------------------------------


@pytest.fixture
def first() -> Read:
    """A read of a senior who is a lead as well, locked, with a finding, and time spent on it."""
    read = make_read(round=make_round("independent"), reader=make_reader(Role.SENIOR, Role.LEAD))
    Finding.objects.create(read=read, vertebra_id=vertebra_of(read, "L2"), verdict="fracture", unclear=True)
    ActiveTime.objects.create(read=read, tab="8f1c1d3e-0000-4000-8000-000000000001", ms=90_000)
    return lock_plainly(read)


@pytest.mark.parametrize(("state", "closed"), [("planned", True), ("open", True), ("paused", True), ("closed", False)])
def test_while_a_repeat_is_owed_the_own_earlier_read_is_closed_everywhere(
    first: Read, state: str, closed: bool
) -> None:
    user = person(first)
    repeat = make_round("repeat", follows=first.round, state=state)
    make_assignment(first.case, round=repeat, reader=first.reader)
    assert repeats_owed(user).filter(case=first.case).exists() == closed
    assert protocol_is_open(user, first.case_id) != closed
    assert visible_reads(user).filter(pk=first.pk).exists() != closed
    assert exportable_reads(user).filter(pk=first.pk).exists() != closed
    rows = [row for row in worklist(user, tab="locked").rows if row.round == first.round.name]
    marks = [cell.state for row in rows for cell in row.vertebrae]
    assert ("fracture" in marks, rows[0].read, rows[0].version, rows[0].active_ms) == (
        (False, None, None, 0) if closed else (True, first.pk, 1, 90_000)
    )
    assert worklist(user, tab="unclear").total == (0 if closed else 1)
    earlier = make_case(patient=first.case.patient, study_date="2019-01-01")
    Case.objects.filter(pk=first.case_id).update(study_date="2020-01-01")
    assert prior_cases(user, Read.objects.get(pk=first.pk)).filter(pk=earlier.pk).exists() != closed
    if closed:
        with pytest.raises(Read.DoesNotExist):
            read_for(user, first.pk)
        with pytest.raises(Read.DoesNotExist):
            reopen(read_id=first.pk, reader=first.reader, reason="I remember it otherwise")
        with pytest.raises(Read.DoesNotExist):
            write_operation(read_id=first.pk, reader=first.reader, operation=operation("set_unclear", {}, base_seq=0))


def test_a_read_that_is_still_to_be_locked_stays_open_though_its_repeat_is_planned() -> None:
    draft = make_read(round=make_round("independent"), reader=make_reader(Role.SENIOR))
    make_assignment(draft.case, round=make_round("repeat", follows=draft.round, state="planned"), reader=draft.reader)
    assert read_for(person(draft), draft.pk) == draft
    locked = lock_plainly(draft)
    with pytest.raises(Read.DoesNotExist):
        read_for(person(draft), locked.pk)


def test_a_case_that_is_to_be_read_again_does_not_open_its_earlier_read(first: Read) -> None:
    make_assignment(first.case, round=make_round("repeat", follows=first.round, state="planned"), reader=first.reader)
    with pytest.raises(NotReadable):
        open_read(user=person(first), case_id=first.case_id)


def test_the_lock_of_the_repeat_opens_the_earlier_read_again(first: Read) -> None:
    repeat = make_round("repeat", follows=first.round)
    again = make_read(first.case, round=repeat, reader=first.reader)
    assert set(visible_reads(person(first))) == {again}
    lock_plainly(again)
    assert set(visible_reads(person(first))) == {first, again}


def test_a_repeat_of_one_reader_closes_nothing_for_another(first: Read) -> None:
    other = lock_plainly(make_read(first.case, round=first.round, reader=make_reader(Role.SENIOR)))
    make_assignment(first.case, round=make_round("repeat", follows=first.round), reader=first.reader)
    assert read_for(person(other), other.pk) == other


# --- models after a blind read --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "rule", "closed"),
    [("independent", "never", True), ("repeat", "never", True), ("independent", "after_lock", False),
     ("labelling", "after_lock", False)],
)  # fmt: skip
def test_who_has_read_blind_is_told_no_models_work_before_the_case_has_a_reference(
    kind: str, rule: str, closed: bool
) -> None:
    user = make_user(Role.LEAD, Role.SENIOR)
    own = lock_plainly(make_read(round=make_round(kind, rules={"model": rule}), reader=reader_of(user)))
    opinion = lock_plainly(
        Read.objects.create(case=own.case, reader=make_model_reader(), stack=own.stack, anatomy=own.anatomy)
    )
    job = make_job(kind="classify", case=own.case)
    other = lock_plainly(make_read(own.case))
    assert visible_reads(user).filter(pk=opinion.pk).exists() != closed
    assert exportable_reads(user).filter(pk=opinion.pk).exists() != closed
    assert visible_jobs(user).filter(pk=job.pk).exists() != closed
    assert bool(model_case_counts(user)) != closed
    assert hears_of_no_model(user, other) == closed
    assert visible_reads(make_user(Role.LEAD)).filter(pk=opinion.pk).exists(), "who has not read it oversees"
    Reference.objects.create(case=own.case, read=own)
    assert visible_reads(user).filter(pk=opinion.pk).exists()
    assert visible_jobs(user).filter(pk=job.pk).exists()


# --- panels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("follows", "role", "member"),
    [
        ("independent", Role.SENIOR, True),
        ("independent", Role.RESIDENT, False),
        ("independent", Role.LEAD, False),
        ("labelling", Role.SENIOR, True),
        ("labelling", Role.RESIDENT, True),
        ("labelling", Role.ENGINEER, False),
    ],
)
def test_who_sits_in_a_panel(follows: str, role: Role, member: bool) -> None:
    user, read = make_user(role), lock_plainly(make_read(round=make_round(follows)))
    round_ = panel_round(read.round)
    consensus = settle(round_, [read])
    assert not is_member(user, round_.pk, read.case_id)
    make_assignment(read.case, round=round_, reader=reader_of(user))
    assert is_member(user, round_.pk, read.case_id) == member
    assert not is_member(user, panel_round(read.round).pk, read.case_id)
    if member:
        assert visible_cases(user).filter(pk=read.case_id).exists()
        assert reads_to_settle(user, consensus) == [read]
        assert read_for(user, consensus.pk) == consensus
        assert exposures(user) == {(read.case_id, "read"), (read.case_id, "truth")}
    else:
        for act in (lambda: reads_to_settle(user, consensus), lambda: read_for(user, consensus.pk)):
            with pytest.raises(Read.DoesNotExist):
                act()
        assert exposures(user) == set()


def test_all_who_are_present_know_the_reads_of_the_others_and_nobody_learns_their_own() -> None:
    round_ = make_round("labelling")
    a, b = (lock_plainly(make_read(case, round=round_)) for case in [make_case()] * 2)
    seat = panel_round(round_)
    sitting = make_reader(Role.SENIOR)
    for reader in (sitting, a.reader, b.reader):
        make_assignment(a.case, round=seat, reader=reader)
    consensus = settle(seat, [a, b], present=(a.reader,))
    assert sitting.user is not None
    assert reads_to_settle(sitting.user, consensus) == [a, b]
    assert exposures(sitting.user) == exposures(person(a)) == {(a.case_id, "read")}
    assert exposures(person(b)) == set(), "not present"
    alone = panel_round(round_)
    make_assignment(b.case, round=alone, reader=b.reader)
    assert reads_to_settle(person(b), settle(alone, [b])) == [b]
    assert exposures(person(b)) == set(), "their own"


def test_a_member_who_owes_a_read_of_the_case_sees_nothing_of_its_consensus() -> None:
    read = lock_plainly(make_read(round=make_round("independent"), reader=make_reader(Role.SENIOR, Role.LEAD)))
    round_ = panel_round(read.round)
    make_assignment(read.case, round=round_, reader=read.reader)
    consensus, user = settle(round_, [read]), person(read)
    assert visible_reads(user).filter(pk=consensus.pk).exists()
    make_assignment(read.case, round=make_round("repeat", follows=read.round, state="planned"), reader=read.reader)
    for after in (False, True):
        with pytest.raises(Read.DoesNotExist):
            reads_to_settle(user, consensus)
        with pytest.raises(Read.DoesNotExist):
            read_for(user, consensus.pk)
        assert truth_for(user, read.case) is None
        if not after:
            set_reference(consensus)
    assert exposures(user) == set()


@pytest.mark.parametrize("role", Role)
def test_the_draft_of_a_panel_is_for_its_members_and_what_it_locked_for_those_who_oversee(role: Role) -> None:
    user, read = make_user(role), lock_plainly(make_read(round=make_round("independent")))
    consensus = settle(panel_round(read.round), [read])
    oversees = role in (Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR)
    assert not visible_reads(user).filter(pk=consensus.pk).exists()
    assert truth_for(user, read.case) is None
    set_reference(consensus)
    assert visible_reads(user).filter(pk=consensus.pk).exists() == oversees
    assert truth_for(user, read.case) == (consensus if oversees else None)
    assert exposures(user) == ({(read.case_id, "truth")} if oversees else set())


def test_the_duty_of_a_member_is_over_with_the_lock_of_the_panel_and_begins_again_with_a_correction() -> None:
    read = lock_plainly(make_read(round=make_round("independent")))
    user, round_ = make_user(Role.SENIOR, Role.LEAD), panel_round(read.round)
    make_assignment(read.case, round=round_, reader=reader_of(user))
    opinion = lock_plainly(
        Read.objects.create(case=read.case, reader=make_model_reader(), stack=read.stack, anatomy=read.anatomy)
    )

    def models() -> bool:
        return visible_reads(user).filter(pk=opinion.pk).exists()

    assert not models(), "not begun"
    consensus = settle(round_, [read])
    assert not models()
    set_reference(consensus)
    assert models()
    settle(round_, [read], version=2, supersedes=consensus, reopen_reason="L3 was forgotten")
    assert not models()
    assert not owed_assignments(user).exists(), "a consensus is no blind read"


def test_a_consensus_lies_in_no_pool() -> None:
    make_assignment(make_case(slices=1), round=panel_round(make_round("labelling")))
    assert not pooled_assignments(make_user(Role.SENIOR, Role.RESIDENT)).exists()


def test_the_report_opens_to_a_panel_once_the_lead_has_shown_it_and_to_all_who_are_present() -> None:
    read = lock_plainly(make_read(round=make_round("independent"), reader=make_reader(Role.SENIOR)))
    Case.objects.filter(pk=read.case_id).update(report_text="Fracture of L1.")
    lead, present, round_ = make_user(Role.LEAD, Role.SENIOR), make_reader(Role.SENIOR), panel_round(read.round)
    for reader in (reader_of(lead), present):
        make_assignment(read.case, round=round_, reader=reader)
    consensus = settle(round_, [read], present=(present,))
    case = Case.objects.get(pk=read.case_id)
    assert (report_for(lead, consensus), case_report_for(lead, case)) == (None, None)
    reported = lock_plainly(
        Read.objects.create(
            case=case,
            reader=Reader.objects.create(kind="report", label="Clinical report"),
            stack=read.stack,
            anatomy=read.anatomy,
        )
    )
    assert not visible_reads(lead).filter(pk=reported.pk).exists()
    assert exposures(lead) == set()
    Sitting.objects.filter(consensus=consensus).update(report_shown_by=lead, report_shown_at=timezone.now())
    assert present.user is not None
    assert report_for(lead, consensus) == "Fracture of L1."
    assert exposures(lead) == exposures(present.user) == {(case.pk, "report")}
    assert visible_reads(lead).filter(pk=reported.pk).exists()


def test_members_who_do_not_oversee_hear_no_report_that_their_panel_was_not_shown() -> None:
    read = lock_plainly(make_read(round=make_round("independent")))
    Case.objects.filter(pk=read.case_id).update(report_text="Fracture of L1.")
    user, round_ = make_user(Role.SENIOR), panel_round(read.round)
    make_assignment(read.case, round=round_, reader=reader_of(user))
    consensus = settle(round_, [read])
    assert report_for(user, consensus) is None
    set_reference(consensus)
    assert report_for(user, consensus) is None


# --- feedback -------------------------------------------------------------------------------------------------------

FEEDBACK: list[tuple[str, dict[str, Any], bool]] = [
    # rule of the round, what is different, is feedback due
    ("at_once", {}, True),
    ("after_consensus", {}, True),
    ("when_closed", {}, False),
    ("when_closed", {"state": "closed"}, True),
    ("when_closed", {"state": "closed", "repeat": "planned"}, False),
    ("when_closed", {"state": "closed", "repeat": "open"}, False),
    ("when_closed", {"state": "closed", "repeat": "closed"}, True),
    ("none", {"state": "closed"}, False),
    ("after_consensus", {"split": "test"}, False),
    ("after_consensus", {"split": "validation"}, False),
    ("after_consensus", {"reference": False}, False),
    ("after_consensus", {"owed": "labelling"}, False),
    ("after_consensus", {"owed": "independent"}, False),
    ("at_once", {"draft": True}, False),
    ("at_once", {"later": "independent"}, False),
]


@pytest.mark.parametrize(("rule", "different", "due"), FEEDBACK)
def test_who_is_told_the_truth_and_when(rule: str, different: dict[str, Any], due: bool) -> None:
    case = make_case(patient=make_patient(split="training"))
    round_ = make_round(rules={"feedback": rule})
    own = make_read(case, round=round_)
    if "draft" not in different:
        lock_plainly(own)
    user = person(own)
    if "owed" in different:
        make_assignment(case, round=make_round(different["owed"]), reader=own.reader)
    if "later" in different:
        lock_plainly(make_read(case, round=make_round(different["later"]), reader=own.reader))
    if "repeat" in different:
        other = make_case(slices=1)
        make_assignment(other, round=make_round("repeat", follows=round_, state=different["repeat"]), reader=own.reader)
    Round.objects.filter(pk=round_.pk).update(state=different.get("state", "open"))
    settled = lock_plainly(make_read(case, round=round_))
    consensus = settle(panel_round(round_), [settled])
    if different.get("reference", True):
        set_reference(consensus)
    type(case.patient).objects.filter(pk=case.patient_id).update(split=different.get("split", "training"))
    assert set(feedback_cases(user)) == ({case} if due else set())
    assert truth_for(user, case) == (consensus if due else None)
    assert exposures(user) == ({(case.pk, "truth")} if due else set())
    assert visible_reads(user).filter(pk=consensus.pk).exists() == due


def test_nobody_is_told_that_their_own_read_is_the_truth_before_feedback_is_due() -> None:
    own = lock_plainly(make_read(make_case(patient=make_patient(split="training")), round=make_round("independent")))
    Reference.objects.create(case=own.case, read=own)
    assert truth_for(person(own), own.case) is None
    Round.objects.filter(pk=own.round_id).update(state="closed")
    assert truth_for(person(own), own.case) == own
    assert exposures(person(own)) == {(own.case_id, "truth")}


def test_a_corrected_truth_takes_the_place_of_the_one_before() -> None:
    read = lock_plainly(make_read(make_case(patient=make_patient(split="training"))))
    round_ = panel_round(read.round)
    first = settle(round_, [read])
    set_reference(first)
    user = person(read)
    assert truth_for(user, read.case) == first
    later = settle(round_, [read], version=2, supersedes=first, reopen_reason="L3")
    set_reference(later)
    assert truth_for(user, read.case) == later
    assert set(visible_reads(user)) == {read, later}


def test_a_consensus_that_began_closes_the_way_back_for_its_readers(first: Read) -> None:
    settle(panel_round(first.round), [first])
    with pytest.raises(OperationRefused, match="consensus on this case has begun"):
        reopen(read_id=first.pk, reader=first.reader, reason="once more")


def test_reopening_a_read_closes_a_consensus_that_could_have_been_opened() -> None:
    followed = make_round("independent")
    a, b = (lock_plainly(make_read(case, round=followed)) for case in [make_case()] * 2)
    round_ = panel_round(followed, rules={"washout_days": 0})
    sits = make_reader(Role.SENIOR)
    seat = make_assignment(a.case, round=round_, reader=sits)
    washout.refresh(followed, a.case)
    seat.refresh_from_db()
    assert washout.opening(seat).ready
    draft = reopen(read_id=b.pk, reader=b.reader, reason="L3 again")
    seat.refresh_from_db()
    assert seat.not_before is None
    assert not washout.opening(seat).ready
    assert sits.user is not None
    with pytest.raises(OperationRefused):
        open_consensus(sits.user, round_.pk, a.case_id)
    lock_plainly(draft)
    washout.refresh(followed, a.case)
    assert open_consensus(sits.user, round_.pk, a.case_id).state == "draft"
