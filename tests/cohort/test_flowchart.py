"""The flowchart of inclusion: it adds up, whatever was done before."""

from __future__ import annotations

import random

import pytest

from labeling.cohort.decisions import decide_report, exclude, include, reopen
from labeling.cohort.flowchart import cases_in, flow_of
from labeling.cohort.splitting import Wanted, draw_split
from labeling.imaging.refusal import Refusal
from labeling.models import Case, Exposure, RoundKind, StudyReport
from labeling.reading.roles import Role
from labeling.statistics.flow import Flow, adds_up
from labeling.statistics.flow_drawing import svg
from tests import factories
from tests.cohort.studies import EXCLUDED, FRACTURE, NEGATED, NOTHING, OLD, make_report

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    return factories.make_user(Role.LEAD)


def counts(flow: Flow) -> dict[str, int]:
    boxes = {box.key: box.count for box in flow.boxes}
    sides = {f"{side.key}: {reason.text}": reason.count for side in flow.sides for reason in side.reasons}
    return {key: count for key, count in (boxes | sides).items() if count}


def test_an_empty_study_has_a_flowchart(lead):
    flow = flow_of(lead)
    assert adds_up(flow) == []
    assert flow.first.count == 0
    assert svg(flow).startswith("<svg")


def test_every_station_is_counted_once(lead):
    make_report(NEGATED)
    make_report(NOTHING)
    make_report(FRACTURE, searched=False)
    make_report(FRACTURE)
    decide_report(lead, make_report(OLD).pk, "not_candidate")
    decide_report(lead, make_report(FRACTURE).pk, "confirmed")
    exclude(lead, (out := factories.make_bare_case()), "instrumented")
    make_report(EXCLUDED, case=out)
    include(lead, (control := factories.make_bare_case()), "control")
    make_report(NEGATED, case=control)
    factories.make_bare_case()
    train = factories.make_case(slices=2, patient=factories.make_patient(split="training"))
    factories.make_anatomy(train, first_k=0, last_k=1)
    make_report(FRACTURE, case=train)
    include(lead, train, "fracture")
    broken = factories.make_bare_case(patient=factories.make_patient(split="training"))
    exclude(lead, broken, "segmentation", "too_large")
    include(lead, factories.make_bare_case(patient=factories.make_patient(split="test")), "fracture")
    flow = flow_of(lead)
    assert adds_up(flow) == []
    assert counts(flow) == {
        "found": 12,
        "silent: negated": 1,
        "silent: no mention": 1,
        "silent: not searched yet": 1,
        "candidates": 9,
        "dismissed: history only": 1,
        "open: report to be confirmed": 1,
        "open: came in without a report": 1,
        "confirmed": 6,
        "undecided: images are not here": 1,
        "excluded: i spinal fusion, augmentation or extensive surgery": 1,
        "included": 4,
        "unsplit": 1,
        "test": 1,
        "development": 2,
        "impossible: data too large": 1,
        "segmented": 1,
        "training": 1,
    }
    assert "1 is a control" in flow.box("included").lines
    assert "3 without a report" in flow.first.lines


def test_each_box_and_reason_opens_its_cases_and_says_how_many(lead):
    for text in (FRACTURE, NEGATED, OLD, NOTHING):
        make_report(text, case=factories.make_bare_case())
    make_report(FRACTURE)
    exclude(lead, Case.objects.first(), "malignant")
    flow = flow_of(lead, href=lambda key: f"?box={key}")
    asked = [(box.href, box.count) for box in flow.boxes]
    asked += [(side.href, side.count) for side in flow.sides]
    asked += [(reason.href, reason.count) for side in flow.sides for reason in side.reasons]
    for href, count in asked:
        found = cases_in(lead, href.removeprefix("?box="))
        assert (found.total, len(found.cases) + found.without_images + found.closed) == (count, count)
    with pytest.raises(Refusal, match="no box 'nowhere'"):
        cases_in(lead, "nowhere")


def test_two_reports_of_one_examination_are_one_examination(lead):
    case = factories.make_bare_case()
    first, second = make_report(FRACTURE, case=case), make_report(OLD, case=case)
    assert flow_of(lead).first.count == 1
    decide_report(lead, first.pk, "not_candidate")
    assert counts(flow_of(lead))["open: report to be confirmed"] == 1
    decide_report(lead, second.pk, "confirmed")
    assert counts(flow_of(lead))["undecided: not decided yet"] == 1


def test_a_box_that_tells_of_a_report_is_closed_for_who_reads_without_it_and_exposes_who_looks():
    reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    mine, other = (factories.make_case(slices=2) for _ in range(2))
    for case in (mine, other):
        make_report(NEGATED, case=case)
    factories.make_assignment(mine, reader=reader, round=factories.make_round(RoundKind.INDEPENDENT))
    found = cases_in(reader.user, "silent:negated")
    assert (found.cases, found.closed, found.total) == ((other,), 1, 2)
    assert list(Exposure.objects.values_list("case", "what")) == [(other.pk, "report")]
    assert len(cases_in(reader.user, "found").cases) == 2
    assert Exposure.objects.count() == 1


def test_who_may_see_no_numbers_sees_no_flowchart():
    for role in (Role.SENIOR, Role.RESIDENT):
        with pytest.raises(Refusal, match="Numbers are for"):
            flow_of(factories.make_user(role))
        with pytest.raises(Refusal, match="Numbers are for"):
            cases_in(factories.make_user(role), "included")


@pytest.mark.parametrize("seed", range(8))
def test_the_flowchart_adds_up_after_every_step_of_a_random_walk(lead, seed):
    chance = random.Random(seed)
    texts = (FRACTURE, NEGATED, OLD, EXCLUDED, NOTHING)

    def case():
        return chance.choice(list(Case.objects.all()) or [factories.make_bare_case()])

    def segment():
        one = factories.make_case(slices=1)
        factories.make_anatomy(one, first_k=0, last_k=0)

    def decide():
        report = chance.choice(list(StudyReport.objects.all()) or [make_report()])
        decide_report(lead, report.pk, chance.choice(["", "confirmed", "not_candidate"]))

    def leave_out():
        reason = chance.choice(
            ["instrumented", "spondylodiscitis", "malignant", "osteolysis", "myelography", "segmentation"]
        )
        cause = chance.choice(["degeneration", "variant", "corrupt", "too_large", "other"])
        exclude(lead, case(), reason, cause if reason == "segmentation" else "")

    steps = (
        lambda: make_report(chance.choice(texts), searched=chance.random() < 0.9),
        lambda: make_report(chance.choice(texts), case=case(), searched=chance.random() < 0.9),
        lambda: factories.make_bare_case(),
        lambda: factories.make_bare_case(patient=case().patient),
        segment,
        decide,
        decide,
        lambda: include(lead, case(), chance.choice(["fracture", "control"])),
        lambda: include(lead, case(), chance.choice(["fracture", "control"])),
        leave_out,
        lambda: reopen(lead, case()),
        lambda: draw_split(lead, Wanted(0.3, 0.3, chance.random() < 0.5)),
    )
    for _ in range(60):
        try:
            chance.choice(steps)()
        except Refusal:
            continue
        flow = flow_of(None)
        assert adds_up(flow) == []
        ends = sum(side.count for side in flow.sides)
        ends += sum(
            box.count - sum(side.count for side in flow.leaving(box.key))
            for box in flow.boxes
            if not flow.targets(box.key)
        )
        assert ends == flow.first.count
