"""Two readers on the same vertebrae: differences paired by patient, and who of them is right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.analysis.answers import Question, ask
from labeling.analysis.behind import Asking, behind
from labeling.analysis.scope import scope_of
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.scored_study import ScoredStudy, make_scored_study
from tests.analysis.small_study import make_study, sets_truth

pytestmark = pytest.mark.django_db


def asked(first: str, second: str, unit: str = "vertebra", margin: str = "5", user: Any = None) -> Any:
    user = user or factories.make_user(Role.LEAD)
    options = (("margin", margin), ("unit", unit))
    answer = ask(user, Question("comparison", "training", (first, second), options)).answer
    json.dumps(answer, allow_nan=False)
    return answer


@pytest.fixture
def study() -> ScoredStudy:
    return make_scored_study()


def test_differences_and_discordant_counts_are_as_reckoned_by_hand(study: ScoredStudy) -> None:
    # Model 1: three of four fractures, one of twelve negatives called; model 2: three of four, and two called.
    answer = asked(study.key(0), study.key(1))
    rates = answer["rates"]["rates"]
    assert (rates["sensitivity"]["first"], rates["sensitivity"]["second"]) == (0.75, 0.75)
    assert (rates["sensitivity"]["gained"], rates["sensitivity"]["lost"]) == (1, 1)
    assert rates["specificity"]["difference"]["value"] == pytest.approx(10 / 12 - 11 / 12)
    assert answer["tables"]["fracture"] == {"both": 2, "first": 1, "second": 1, "neither": 0}
    assert answer["tables"]["negative"] == {"both": 10, "first": 1, "second": 0, "neither": 1}
    assert answer["more"]["ppv"]["difference"]["value"] == pytest.approx(3 / 5 - 3 / 4)
    assert answer["rates"]["units"] == 16
    assert answer["patients"] == 4


def test_turned_round_every_difference_changes_its_sign(study: ScoredStudy) -> None:
    there, back = asked(study.key(0), study.key(1)), asked(study.key(1), study.key(0))
    for name in ("sensitivity", "specificity", "accuracy"):
        one, other = (answer["rates"]["rates"][name] for answer in (there, back))
        assert one["difference"]["value"] == pytest.approx(-other["difference"]["value"])
        assert one["difference"]["low"] == pytest.approx(-other["difference"]["high"])
        assert (one["gained"], one["lost"]) == (other["lost"], other["gained"])
    for name, one in there["more"].items():
        assert one["difference"]["value"] == pytest.approx(-back["more"][name]["difference"]["value"])
    assert there["rates"]["auc"]["value"] == pytest.approx(-back["rates"]["auc"]["value"])


def test_areas_are_compared_where_both_score(study: ScoredStudy) -> None:
    answer = asked(study.key(0), study.key(1))
    areas = answer["areas"]
    assert areas["second"] - areas["first"] == pytest.approx(answer["rates"]["auc"]["value"])
    assert areas["units"] == 16
    assert asked(study.person, study.key(0))["areas"] is None


def test_what_one_leaves_undecided_is_left_out_and_counted_as_wrong(study: ScoredStudy) -> None:
    answer = asked(study.key(0), study.person)
    assert answer["rates"]["left_out"] == 1
    assert answer["rates"]["units"] == 15
    assert answer["strict"]["units"] == 16
    assert answer["strict"]["rates"]["specificity"]["lost"] == answer["rates"]["rates"]["specificity"]["lost"] + 1
    assert answer["decision"]["shown"] is False
    assert "fewest" in answer["decision"]["rates"][0]["sentence"]


def test_sensitivity_is_compared_by_type(study: ScoredStudy) -> None:
    by_type = dict(asked(study.key(0), study.key(1))["by_type"])
    assert set(by_type) == {"A1", "A3", "A4"}
    assert (by_type["A1"]["gained"], by_type["A1"]["lost"], by_type["A1"]["units"]) == (0, 1, 1)
    assert (by_type["A3"]["gained"], by_type["A3"]["lost"], by_type["A3"]["units"]) == (1, 0, 2)


@pytest.mark.parametrize("unit", ["vertebra", "case", "slice"])
def test_every_count_opens_as_many_units(study: ScoredStudy, unit: str) -> None:
    lead = factories.make_user(Role.LEAD)
    first, second = study.key(0), study.person if unit != "slice" else study.key(1)
    answer = asked(first, second, unit, user=lead)
    if unit == "slice":
        # The second model labels no slice, so nothing is compared.
        assert "decided no" in answer["note"]
        return
    cells = {"fracture": ("tp", "fp", "fn", "tn"), "negative": ("tn", "fn", "fp", "tp")}
    for truth, names in cells.items():
        for who, cell in zip(("both", "first", "second", "neither"), names, strict=True):
            found = behind(lead, scope_of(lead, "training"), Asking(first, second, cell, unit, truth=truth))
            assert found.count == answer["tables"][truth][who], (truth, who)
    for name, line in answer["by_type"]:
        for cell, side in (("fn", "gained"), ("fp", "lost")):
            found = behind(lead, scope_of(lead, "training"), Asking(first, second, cell, unit, truth=name))
            assert found.count == line[side]


def test_mcnemar_is_of_cases_and_only_where_each_patient_has_one(study: ScoredStudy) -> None:
    assert asked(study.key(0), study.key(1))["by_case"] == {"sensitivity": 1, "specificity": 1, "accuracy": 0.5}
    more = factories.make_case(slices=4, patient=study.cases[0].patient)
    factories.make_anatomy(more, ("L1", "L2", "L3", "L4"), first_k=0, last_k=3)
    sets_truth(more, "N N N N")
    assert asked(study.key(0), study.key(1))["by_case"] is not None


@pytest.mark.parametrize(
    ("pair", "words"),
    [((0, 0), "same reader"), ((0, "reference"), "what both are held against"), ((0, "p999999"), "needs two readers")],
)
def test_what_cannot_be_compared_is_a_sentence(study: ScoredStudy, pair: tuple[int, int | str], words: str) -> None:
    first, second = (study.key(one) if isinstance(one, int) else one for one in pair)
    assert words in asked(first, second)["note"]


def test_without_a_reference_it_says_what_to_do() -> None:
    study = make_study()
    assert "Settle them in a consensus first" in asked(study.key(0), study.key(1))["note"]
    sets_truth(study.cases[0], "? x N N")
    answer = asked(study.key(0), study.key(1))
    assert answer["rates"]["rates"]["sensitivity"]["difference"]["value"] is None
    assert "No slice" in asked(study.key(0), study.key(1), "slice")["note"]
