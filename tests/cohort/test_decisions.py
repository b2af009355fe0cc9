"""Who is in the cohort: a lead's word, which can be taken back and is never lost."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from labeling.cohort.decisions import decide_report, exclude, history, include, reopen, report_history
from labeling.imaging.refusal import Refusal
from labeling.models import Assignment, CohortDecision, ReportDecided, RoundKind
from labeling.reading.roles import Role
from tests import factories
from tests.cohort.studies import NEGATED, make_report

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    return factories.make_user(Role.LEAD, first_name="Sofia", last_name="Brunner")


def test_a_case_comes_in_for_its_fracture_and_its_report_is_confirmed_with_it(lead):
    case = factories.make_bare_case()
    proposed, denied = make_report(case=case), make_report(NEGATED, case=case)
    include(lead, case, "fracture")
    assert (case.cohort_state, case.inclusion_reason) == ("included", "fracture")
    proposed.refresh_from_db()
    denied.refresh_from_db()
    assert (proposed.decision, denied.decision) == ("confirmed", "")
    assert [(step.by, step.words) for step in history(case)] == [
        ("Sofia Brunner", "included: vertebral body fracture in the report")
    ]


def test_a_control_comes_in_as_one_and_may_prove_to_have_a_fracture(lead):
    case = factories.make_bare_case()
    include(lead, case, "control")
    include(lead, case, "fracture", "Seen on the images.")
    assert case.inclusion_reason == "fracture"
    assert [step.note for step in history(case)] == ["Seen on the images.", ""]


def test_a_case_goes_out_by_a_criterion_and_comes_back(lead):
    case = factories.make_bare_case()
    exclude(lead, case, "malignant", note="Breast cancer.")
    assert (case.cohort_state, case.exclusion_reason) == ("excluded", "malignant")
    with pytest.raises(Refusal, match="Reopen it first"):
        include(lead, case, "fracture")
    reopen(lead, case)
    include(lead, case, "fracture")
    assert [step.words for step in history(case)] == [
        "included: vertebral body fracture in the report",
        "opened again",
        "excluded: vertebral metastases or malignant lesions",
    ]
    assert list(CohortDecision.objects.values_list("before", "after").order_by("pk")) == [
        ("candidate", "excluded"),
        ("excluded", "candidate"),
        ("candidate", "included"),
    ]


def test_a_segmentation_is_impossible_for_a_cause(lead):
    case = factories.make_bare_case()
    with pytest.raises(Refusal, match="what made the segmentation impossible"):
        exclude(lead, case, "segmentation")
    with pytest.raises(Refusal, match="has a cause"):
        exclude(lead, case, "malignant", "corrupt")
    exclude(lead, case, "segmentation", "corrupt")
    assert case.segmentation_cause == "corrupt"
    assert history(case)[0].words == "excluded: segmentation impossible (corrupt data)"
    reopen(lead, case)
    assert (case.segmentation_cause, case.exclusion_reason) == ("", "")


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.ADMINISTRATOR, Role.SENIOR, Role.RESIDENT])
def test_nobody_but_a_lead_decides(role):
    user, case, report = factories.make_user(role), factories.make_bare_case(), make_report()
    for act in (
        lambda: include(user, case, "fracture"),
        lambda: exclude(user, case, "malignant"),
        lambda: reopen(user, case),
        lambda: decide_report(user, report.pk, "confirmed"),
    ):
        with pytest.raises(PermissionDenied):
            act()


@pytest.mark.parametrize(
    "act", [lambda u, c: include(u, c, "x"), lambda u, c: exclude(u, c, ""), lambda u, c: exclude(u, c, "x")]
)
def test_an_unknown_reason_is_refused(lead, act):
    with pytest.raises(Refusal, match="Say "):
        act(lead, factories.make_bare_case())


def test_a_case_that_is_being_read_is_not_excluded_under_the_hands_of_its_reader(lead):
    case = factories.make_case(slices=2)
    assignment = factories.make_assignment(
        case, reader=factories.make_reader(), round=factories.make_round(name="First")
    )
    with pytest.raises(Refusal, match="1 read is still open in First"):
        exclude(lead, case, "malignant")
    factories.lock_plainly(factories.make_read(case, reader=assignment.reader, round=assignment.round))
    with pytest.raises(Refusal, match=r"was read already\. Say in a few words"):
        exclude(lead, case, "malignant")
    exclude(lead, case, "malignant", note="Metastasis of L3.")
    assert case.cohort_state == "excluded"


def test_a_case_in_a_pool_leaves_it_and_lies_there_again_once_it_is_back(lead):
    case = factories.make_case(slices=2)
    round_ = factories.make_round(RoundKind.LABELLING)
    factories.make_assignment(case, round=round_)
    exclude(lead, case, "myelography")
    assert not Assignment.objects.filter(case=case).exists()
    reopen(lead, case)
    assert Assignment.objects.filter(case=case, round=round_, reader__isnull=True).count() == 1


def test_who_passed_a_case_by_as_none_for_the_study_does_not_keep_it_in(lead):
    case = factories.make_case(slices=2)
    factories.make_assignment(case, reader=factories.make_reader(), state="skipped", skip_reason="exclude")
    exclude(lead, case, "instrumented")
    assert case.cohort_state == "excluded"


def test_a_page_that_showed_another_state_decides_nothing(lead):
    other = factories.make_user(Role.LEAD, username="other.lead")
    case, report = factories.make_bare_case(), make_report()
    include(other, case, "control")
    with pytest.raises(Refusal, match=f"{case.name} was included: control without a fracture by other.lead"):
        exclude(lead, case, "malignant", seen="candidate")
    decide_report(other, report.pk, "not_candidate")
    with pytest.raises(Refusal, match=r"was set to no candidate by other\.lead\. Nothing was changed"):
        decide_report(lead, report.pk, "confirmed", seen="")
    assert (CohortDecision.objects.count(), ReportDecided.objects.count()) == (1, 1)


def test_a_report_is_confirmed_taken_back_and_dismissed(lead):
    report = make_report()
    decide_report(lead, report.pk, "confirmed", seen="")
    decide_report(lead, report.pk, "", "By mistake.", seen="confirmed")
    decide_report(lead, report.pk, "not_candidate", seen="")
    assert [(step.words, step.note) for step in report_history(report.pk)] == [
        ("no candidate", ""),
        ("opened again", "By mistake."),
        ("candidate", ""),
    ]


def test_the_report_of_an_included_case_stays_confirmed(lead):
    case = factories.make_bare_case()
    report = make_report(case=case)
    include(lead, case, "fracture")
    with pytest.raises(Refusal, match="Reopen the case first"):
        decide_report(lead, report.pk, "not_candidate")


def test_who_is_to_read_a_case_without_its_report_decides_nothing_on_that():
    reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    case = factories.make_case(slices=2)
    report = make_report(case=case)
    factories.make_assignment(case, reader=reader, round=factories.make_round(RoundKind.INDEPENDENT))
    with pytest.raises(Refusal, match="without its report"):
        decide_report(reader.user, report.pk, "confirmed")


def test_a_note_has_an_end(lead):
    with pytest.raises(Refusal, match="2,001 characters"):
        include(lead, factories.make_bare_case(), "fracture", "x" * 2_001)


@pytest.mark.django_db(transaction=True)
def test_of_two_leads_at_once_one_decides_and_the_other_is_told():
    leads = [factories.make_user(Role.LEAD) for _ in range(2)]
    case, report = factories.make_bare_case(), make_report()
    said: list[str] = []
    at_once = threading.Barrier(2)

    def decide(user, reason):
        try:
            for act in (
                lambda: exclude(user, case, reason, seen="candidate"),
                lambda: decide_report(user, report.pk, "confirmed", seen=""),
            ):
                at_once.wait(10)
                try:
                    act()
                except Refusal as refusal:
                    said.append(refusal.code)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=decide, args=(user, reason))
        for user, reason in zip(leads, ("malignant", "osteolysis"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["decided-meanwhile", "decided-meanwhile"]
    assert (CohortDecision.objects.count(), ReportDecided.objects.count()) == (1, 1)
