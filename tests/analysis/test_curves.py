"""Curves of scores, with the readers beside them, and the threshold that validation gave."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from labeling.analysis.answers import ask
from labeling.analysis.behind import Asking, behind
from labeling.analysis.curves import question_of
from labeling.analysis.scope import scope_of
from labeling.imaging.refusal import Refusal
from labeling.models import Dataset, DatasetPatient
from labeling.reading.roles import Role
from tests import factories
from tests.analysis import scored_study
from tests.analysis.scored_study import ScoredStudy, make_scored_study
from tests.analysis.small_study import make_study, says, sets_truth

pytestmark = pytest.mark.django_db


def asked(reader: str, on: str = "training", unit: str = "vertebra", rule: str = "youden", user: Any = None) -> Any:
    user = user or factories.make_user(Role.LEAD)
    question = question_of(user, scope_of(user, on), reader, "reference", unit, rule)
    answer = ask(user, question).answer
    json.dumps(answer, allow_nan=False)
    return answer


@pytest.fixture
def study() -> ScoredStudy:
    return make_scored_study()


def test_areas_equal_those_of_scikit_learn(study: ScoredStudy) -> None:
    answer = asked(study.key(0))
    truth = [word != "N" for words in scored_study.TRUTH for word in words.split()]
    for one, rows in zip(answer["curves"], (scored_study.FIRST, scored_study.SECOND), strict=True):
        scores = [score for row in rows for score in row]
        assert one["curve"]["auc"]["value"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)
        found = one["curve"]["average_precision"]["value"]
        assert found == pytest.approx(average_precision_score(truth, scores), abs=1e-9)
        assert (one["curve"]["positives"], one["curve"]["negatives"]) == (4, 12)
        assert one["curve"]["share"] == 0.25
        assert one["curve"]["auc"]["low"] <= found <= 1


def test_the_model_asked_for_comes_first(study: ScoredStudy) -> None:
    answer = asked(study.key(1))
    assert [one["key"] for one in answer["curves"]] == [study.key(1), study.key(0)]
    assert answer["reader"]["key"] == study.key(1)


def test_readers_are_points_by_what_they_called(study: ScoredStudy) -> None:
    points = {one["key"]: one["table"] for one in asked(study.key(0))["points"]}
    person = points[study.person]
    # One of four fractures missed, one false alarm; the indeterminate vertebra is in no table.
    assert [person[cell] for cell in ("tp", "fp", "fn", "tn")] == [3, 1, 1, 10]
    model = points[study.key(0)]
    assert [model[cell] for cell in ("tp", "fp", "fn", "tn")] == [3, 1, 1, 11]


def test_the_threshold_comes_of_validation_patients_alone_and_is_judged_elsewhere(study: ScoredStudy) -> None:
    threshold = asked(study.key(0), "development")["threshold"]
    # Of 0.7, 0.6 and the negatives below, the lowest threshold that separates them.
    assert threshold["value"] == 0.6
    assert (threshold["positives"], threshold["negatives"]) == (2, 10)
    assert threshold["origin"]["title"] == "Validation set"
    assert (threshold["origin"]["cases"], threshold["origin"]["patients"]) == (3, 3)
    table = threshold["here"]["table"]
    assert [table[cell] for cell in ("tp", "fp", "fn", "tn")] == [3, 0, 1, 12]
    assert threshold["here"]["patients"] == 4
    assert "12 vertebrae of validation patients" in threshold["here_note"]


def test_counts_at_the_threshold_open_as_many_vertebrae(study: ScoredStudy) -> None:
    lead = factories.make_user(Role.LEAD)
    for unit in ("vertebra", "case"):
        threshold = asked(study.key(0), "development", unit, user=lead)["threshold"]
        for cell in ("tp", "fp", "fn", "tn"):
            more = {"threshold": repr(threshold["value"]), "without": "validation"}
            asking = Asking(study.key(0), "reference", cell, unit, **more)
            assert behind(lead, scope_of(lead, "development"), asking).count == threshold["here"]["table"][cell]


def test_a_threshold_that_is_no_number_is_refused(study: ScoredStudy) -> None:
    lead = factories.make_user(Role.LEAD)
    for narrowed in ({"threshold": "high"}, {"truth": "perhaps"}):
        with pytest.raises(Refusal) as refused:
            behind(lead, scope_of(lead, "training"), Asking(study.key(0), "reference", **narrowed))
        assert refused.value.code == "no-cell"


def test_another_rule_gives_another_threshold(study: ScoredStudy) -> None:
    case = scored_study._case("validation")
    sets_truth(case, "A1 N N N")
    says(case, study.models[0], "N N N N", None, (0.15, 0.1, 0.1, 0.1))
    youden, ninety = (asked(study.key(0), rule=rule)["threshold"] for rule in ("youden", "sensitivity-90"))
    assert (youden["value"], ninety["value"]) == (0.6, 0.15)
    assert ninety["rule"] == "sensitivity of 90 % or more"


def test_a_new_validation_read_is_a_new_question(study: ScoredStudy) -> None:
    lead = factories.make_user(Role.LEAD)
    scope = scope_of(lead, "training")
    before = question_of(lead, scope, study.key(0), "reference", "vertebra", "youden")
    assert question_of(lead, scope, study.key(0), "reference", "vertebra", "youden") == before
    case = scored_study._case("validation")
    says(case, study.models[0], "N N N N", None, 0.3)
    assert question_of(lead, scope, study.key(0), "reference", "vertebra", "youden") != before


def test_on_the_validation_set_itself_the_threshold_is_not_judged(study: ScoredStudy) -> None:
    threshold = asked(study.key(0), "validation")["threshold"]
    assert threshold["value"] == 0.6
    assert threshold["here"] is None
    assert "too good to be quoted" in threshold["here_note"]


def test_without_validation_cases_there_is_no_threshold_and_a_sentence() -> None:
    study = make_scored_study(validation=False)
    threshold = asked(study.key(0))["threshold"]
    assert threshold["value"] is None
    assert "no validation case in common" in threshold["note"]


def test_a_case_scores_as_its_highest_vertebra(study: ScoredStudy) -> None:
    answer = asked(study.key(0), unit="case")
    curve = answer["curves"][0]["curve"]
    assert (curve["positives"], curve["negatives"]) == (3, 1)
    assert curve["auc"]["value"] == 1
    assert {one["key"]: one["table"]["tp"] for one in answer["points"]}[study.person] == 3


def test_slices_are_scored_where_the_reference_labels_them(study: ScoredStudy) -> None:
    answer = asked(study.key(0), unit="slice")
    curve = answer["curves"][0]["curve"]
    assert (curve["positives"], curve["negatives"]) == (2, 2)
    assert curve["auc"]["value"] == 0.5


def test_calibration_is_of_the_model_asked_for(study: ScoredStudy) -> None:
    found = asked(study.key(0))["calibration"]
    truth = [word != "N" for words in scored_study.TRUTH for word in words.split()]
    scores = [score for row in scored_study.FIRST for score in row]
    brier = sum((score - true) ** 2 for score, true in zip(scores, truth, strict=True)) / 16
    assert found["brier"]["value"] == pytest.approx(brier, abs=1e-9)
    assert sum(one["fractured"]["denominator"] for one in found["bins"]) == 16


def test_one_class_alone_gives_a_sentence() -> None:
    case = scored_study._case("training")
    sets_truth(case, "N N N N")
    model = factories.make_model_reader()
    says(case, model, "N N N N", None, (0.1, 0.2, 0.3, 0.4))
    answer = asked(f"m{model.pk}")
    assert "needs both fractures and negatives" in answer["curves"][0]["curve"]["note"]
    assert answer["curves"][0]["curve"]["auc"]["value"] is None
    assert answer["calibration"]["slope"]["value"] is None


def test_without_scores_reference_or_slices_the_answer_is_a_sentence() -> None:
    study = make_study()
    assert "has a reference yet" in asked(study.key(0))["note"]
    sets_truth(study.cases[0], "A1 N N N")
    assert "No model has given a score" in asked(study.key(0))["note"]
    assert "No slice of these cases" in asked(study.key(0), unit="slice")["note"]
    assert "has a reference yet" in asked("", "test")["note"]


def test_a_model_is_marked_on_its_own_training_cases(study: ScoredStudy) -> None:
    dataset = Dataset.objects.create(name="own", purpose="train")
    version = study.models[0].model_version
    assert version is not None
    DatasetPatient.objects.create(dataset=dataset, patient=study.cases[0].patient, split="training")
    type(version).objects.filter(pk=version.pk).update(dataset=dataset)
    answer = asked(study.key(0))
    assert answer["reader"]["incorporated"] == "1 of the patients is in its training set."


def test_who_owes_a_validation_case_gets_a_threshold_without_it(study: ScoredStudy) -> None:
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    factories.make_assignment(study.validation[1], reader=both, round=factories.make_round("independent"))
    threshold = asked(study.key(0), user=both.user)["threshold"]
    assert threshold["value"] == 0.7
    assert threshold["origin"]["cases"] == 2
