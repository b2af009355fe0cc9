"""Which fractures of the reference no report names, reckoned by hand."""

from __future__ import annotations

import pytest

from labeling.analysis.answers import Question
from labeling.analysis.report_against import NO_REFERENCE, NO_REPORT, answer
from labeling.analysis.scope import scope_of
from labeling.models import Reader, ReaderKind
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import make_study, says, sets_truth

pytestmark = pytest.mark.django_db


def test_fractures_in_no_report_are_counted_by_vertebra_case_type_and_level() -> None:
    user = factories.make_user(Role.LEAD)
    study = make_study(("N N N N",) * 4)

    def found() -> dict:  # type: ignore[type-arg]
        return answer(user, scope_of(user, "all"), Question("report", "all"))

    assert found()["note"] == NO_REFERENCE
    for case, words in zip(study.cases, ("A1 N N A3", "N A1 N N", "N N N N", "A4 N N N"), strict=True):
        sets_truth(case, words)
    assert found()["note"] == NO_REPORT
    assert len(found()["unread"]) == 4
    report = Reader.objects.create(kind=ReaderKind.REPORT, label="Clinical report")
    # A type that differs is named all the same; an indeterminate and silence are not.
    for case, words in zip(study.cases, ("A2 N N ·", "F ? N N", "N N N N"), strict=False):
        says(case, report, words, None)
    now = found()
    assert (now["vertebra"]["numerator"], now["vertebra"]["denominator"]) == (2, 3)
    # The second case has a fracture in its report, though another one.
    assert (now["case"]["numerator"], now["case"]["denominator"]) == (0, 2)
    assert now["how"] == {"absent": 1, "negative": 0, "fracture": 0, "indeterminate": 1, "not assessable": 0}
    assert now["extra"] == 1
    assert {one["name"]: (one["rate"]["numerator"], one["rate"]["denominator"]) for one in now["types"]} == {
        "A1": (1, 2),
        "A3": (1, 1),
    }
    assert [one["name"] for one in now["levels"]] == ["L1", "L2", "L4"]
    assert [(row["name"], row["level"], row["ao"], row["said"]) for row in now["worklist"]] == [
        (study.cases[0].name, "L4", "A3", "absent"),
        (study.cases[1].name, "L2", "A1", "indeterminate"),
    ]
    assert [one["case"] for one in now["unread"]] == [study.cases[3].pk]
