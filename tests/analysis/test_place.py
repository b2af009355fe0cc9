"""A reader at another place, reckoned by hand."""

from __future__ import annotations

import pytest

from labeling.analysis.answers import Question
from labeling.analysis.place import NO_REFERENCE, NOBODY, TOO_MANY, answer, number_of
from labeling.analysis.scope import scope_of
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import make_study, sets_truth

pytestmark = pytest.mark.django_db


def test_predictive_values_and_counts_follow_from_bayes() -> None:
    user = factories.make_user(Role.LEAD)
    study = make_study(("A1 N N N", "N A3 F N"))

    def found(reader: str = study.key(0), **options: str) -> dict:  # type: ignore[type-arg]
        question = Question("place", "all", (reader,), tuple(sorted(options.items())))
        return answer(user, scope_of(user, "all"), question)

    assert found()["note"] == NO_REFERENCE
    for case, words in zip(study.cases, ("A1 N N N", "A1 A3 N N"), strict=True):
        sets_truth(case, words)
    assert found("p0")["note"] == NOBODY
    # Found: 2 of 3 fractures, 1 of 2 A1; cleared: 4 of 5 negatives.
    here = found(prevalence="10", vertebrae="10", examinations="500")
    ppv = (2 / 3 * 0.1) / (2 / 3 * 0.1 + 0.2 * 0.9)
    assert here["at"]["ppv"]["value"] == pytest.approx(ppv)
    assert here["at"]["npv"]["value"] == pytest.approx(0.8 * 0.9 / (0.8 * 0.9 + 0.1 / 3))
    assert here["at"]["false_alarms"]["value"] == pytest.approx(100 * 10 * 0.9 * 0.2)
    assert here["missed"]["value"] == pytest.approx(100 * 10 * 0.1 / 3)
    assert here["at"]["missed_a1"]["value"] == pytest.approx(100 * 10 * 0.1 * 2 / 3 / 2)
    assert here["per_year"]["missed"]["value"] == pytest.approx(5 * here["missed"]["value"])
    assert here["per_fractured"] == 1.5
    # Two of five examinations, each with 1.5 fractures among 10 vertebrae.
    assert found(prevalence="40", per="examination", vertebrae="10")["at"]["prevalence"] == pytest.approx(0.06)
    assert found(prevalence="100", per="examination", vertebrae="1")["note"] == TOO_MANY
    values = [one["value"] for one in here["curve"]]
    assert values == sorted(values)


@pytest.mark.parametrize(("typed", "read"), [("5,5", 5.5), ("x", 5.0), ("nan", 5.0), ("-3", 0.0), ("1000", 100.0)])
def test_what_is_typed_is_a_number_within_its_limits(typed: str, read: float) -> None:
    assert number_of("prevalence", typed) == read
