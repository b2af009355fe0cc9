"""Training, validation and test, drawn by a keyed hash."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from labeling.cohort.splitting import Wanted, draw_split, preview_split, split_rows
from labeling.imaging.refusal import Refusal
from labeling.models import Assignment, Case, Patient, RoundKind, Split, SplitChange, SplitDraw
from labeling.reading.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


def included(name: str = "", inclusion: str = "fracture", **fields) -> Case:
    names = {"pseudonym": name} if name else {}
    patient = fields.pop("patient", None) or factories.make_patient(**names)
    return factories.make_bare_case(patient=patient, cohort_state="included", inclusion_reason=inclusion, **fields)


def splits() -> dict[str, str]:
    return dict(Patient.objects.values_list("pseudonym", "split"))


def test_a_draw_puts_all_who_wait_somewhere_and_a_second_one_moves_nobody():
    lead = factories.make_user(Role.LEAD)
    for place in range(60):
        included(f"P{place:06d}")
    preview = preview_split(Wanted())
    drawn = draw_split(lead, Wanted())
    assert preview.waiting == 60
    assert preview.new == drawn.counts == drawn.draw.counts
    assert sum(drawn.counts.values()) == 60
    before = splits()
    assert draw_split(lead, Wanted(test=0.5)).draw is None
    assert splits() == before
    assert SplitDraw.objects.count() == 1
    assert SplitChange.objects.filter(by=lead, reason="drawn").count() == 60


def test_a_patient_with_two_examinations_is_in_one_split():
    first = included()
    included(patient=first.patient)
    drawn = draw_split(None, Wanted())
    assert sum(drawn.counts.values()) == 1
    assert sum(row.cases for row in split_rows()) == 2


def test_only_patients_of_included_cases_are_drawn():
    factories.make_bare_case()
    factories.make_bare_case(cohort_state="excluded", exclusion_reason="malignant")
    assert draw_split(None, Wanted()).draw is None
    assert set(splits().values()) == {Split.UNASSIGNED}


def test_a_patient_whom_readers_know_from_labelling_is_named_and_trains():
    case = included()
    factories.make_assignment(case, reader=factories.make_reader(), round=factories.make_round(RoundKind.LABELLING))
    for stratified in (False, True):
        wanted = Wanted(test=0.99, validation=0.0, stratified=stratified)
        assert preview_split(wanted).read_already == (case.patient.pseudonym,)
    drawn = draw_split(None, wanted)
    assert drawn.read_already == (case.patient.pseudonym,)
    assert drawn.counts == {"training": 1, "validation": 0, "test": 0}


def test_the_places_of_those_who_may_not_test_are_filled_within_the_strata():
    cases = [included(f"P{place:06d}") for place in range(20)]
    wanted = Wanted(test=0.2, stratified=True)
    draws_first = preview_split(wanted)
    assert draws_first.new["test"] == 4
    round_ = factories.make_round(RoundKind.LABELLING)
    for case in cases[:10]:
        factories.make_assignment(case, reader=factories.make_reader(), round=round_)
    drawn = draw_split(None, wanted)
    assert drawn.counts["test"] == 4
    assert not {case.patient.pseudonym for case in cases[:10]} & set(
        Patient.objects.filter(split="test").values_list("pseudonym", flat=True)
    )


def test_a_case_of_a_test_patient_leaves_the_pool():
    case = included()
    factories.make_assignment(case, round=factories.make_round(RoundKind.LABELLING))
    draw_split(None, Wanted(test=0.999, validation=0.0, stratified=True))
    case.patient.refresh_from_db()
    assert case.patient.split == Split.TEST
    assert not Assignment.objects.filter(case=case).exists()


def test_strata_meet_the_shares_in_each():
    for place in range(100):
        included(f"P{place:06d}", "fracture" if place % 5 == 0 else "control")
    draw_split(None, Wanted(stratified=True))
    rows = {row.split: row for row in split_rows()}
    assert (rows["test"].patients, rows["test"].fractured) == (10, 2)
    assert (rows["validation"].patients, rows["validation"].fractured) == (9, 2)


@pytest.mark.parametrize("wanted", [Wanted(test=1.0), Wanted(validation=-0.1), Wanted(test=float("nan"))])
def test_what_is_no_share_is_refused(wanted):
    with pytest.raises(Refusal, match="A share is 0 or more"):
        preview_split(wanted)


def test_only_a_lead_draws():
    with pytest.raises(PermissionDenied):
        draw_split(factories.make_user(Role.ENGINEER), Wanted())


def test_the_command_says_what_it_would_draw_and_draws_it(capsys):
    for place in range(10):
        included(f"P{place:06d}")
    call_command("draw_split", "--check")
    said = capsys.readouterr().out
    assert not SplitDraw.objects.exists()
    call_command("draw_split")
    assert capsys.readouterr().out == said
    call_command("draw_split")
    assert capsys.readouterr().out == "No included patient waits for a split.\n"


class OrderOfArrival(TestCase):
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.integers(0, 999_999), min_size=2, max_size=12, unique=True),
        st.integers(0, 12),
        st.randoms(use_true_random=False),
    )
    def test_who_came_first_and_what_was_drawn_between_makes_no_difference(self, numbers, cut, shuffle):
        names = [f"P{number:06d}" for number in numbers]
        for name in names:
            included(name)
        draw_split(None, Wanted(0.3, 0.3))
        at_once = splits()
        SplitChange.objects.all().delete()
        Case.objects.all().delete()
        Patient.objects.all().delete()
        shuffle.shuffle(names)
        for part in (names[:cut], names[cut:]):
            for name in part:
                included(name)
            draw_split(None, Wanted(0.3, 0.3))
        assert splits() == at_once
