"""Agreement of a study that is small enough to reckon by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.analysis.agreement import MOST_READERS
from labeling.analysis.answers import Question, ask
from labeling.imaging.refusal import Refusal
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db


def answer(on: str = "all", *readers: str, user: Any = None) -> dict[str, Any]:
    answered = ask(user or factories.make_user(Role.LEAD), Question("agreement", on, readers))
    assert answered.answer is not None
    json.dumps(answered.answer, allow_nan=False)
    return answered.answer


@pytest.fixture
def study() -> Study:
    return make_study()


def test_a_pair_is_what_was_reckoned_by_hand(study: Study) -> None:
    (pair,) = answer()["pairs"]
    assert (pair["a"], pair["b"]) == (study.key(0), study.key(1))
    found = pair["agreement"]
    counts = found["counts"]
    assert (counts["compared"], counts["discordant"]) == (10, 3)
    assert (counts["indeterminate"], counts["not_assessable"]) == (1, 1)
    two = found["fracture"]
    assert [list(row) for row in two["table"]] == [[5, 2], [1, 2]]
    # Observed 7 of 10; by chance 0.3 × 0.4 + 0.7 × 0.6 = 0.54.
    assert two["kappa"]["value"] == pytest.approx(0.16 / 0.46)
    # Gwet's chance is 2 × 0.35 × 0.65 = 0.455.
    assert two["ac1"]["value"] == pytest.approx(0.245 / 0.545)
    assert two["prevalence_index"]["value"] == pytest.approx(-0.3)
    assert two["bias_index"]["value"] == pytest.approx(-0.1)
    assert two["positive"]["value"] == pytest.approx(4 / 7)
    assert two["negative"]["value"] == pytest.approx(10 / 13)
    # None, A1, A3 of the first are 7, 1, 2; none, A1, A3, A4 of the second 6, 1, 2, 1: 0.5075 by chance.
    assert found["ao"]["weighted_kappa"]["value"] == pytest.approx((0.7 - 0.5075) / (1 - 0.5075))


def test_each_reader_says_how_often_they_call_a_fracture(study: Study) -> None:
    first, second = answer()["readers"]
    assert (first["called"]["numerator"], first["called"]["denominator"]) == (3, 10)
    assert (second["called"]["numerator"], second["called"]["denominator"]) == (4, 12)
    assert (first["indeterminate"], first["not_assessable"]) == (1, 1)


def test_a_reader_is_compared_with_their_own_repeat_and_stands_in_the_matrix_once(study: Study) -> None:
    found = answer()
    assert study.repeat is not None
    assert [reader["key"] for reader in found["readers"]] == [study.key(0), study.key(1)]
    (own,) = found["repeats"]
    assert (own["reader"], own["again"]) == (study.key(0), f"{study.key(0)}-{study.repeat.pk}")
    assert own["round"] == study.repeat.name
    assert (own["agreement"]["counts"]["compared"], own["agreement"]["counts"]["discordant"]) == (4, 1)
    assert own["agreement"]["fracture"]["kappa"]["value"] == pytest.approx(0.5)


def test_levels_are_those_of_the_pairs_that_were_compared(study: Study) -> None:
    (pair,) = answer()["pairs"]
    by_level = dict(pair["agreement"]["levels"])
    assert list(by_level) == ["L1", "L2", "L3", "L4"]
    assert [table["compared"] for table in by_level.values()] == [2, 3, 3, 2]


def test_readers_together_leave_out_the_reference_and_count_each_reader_once(study: Study) -> None:
    sets_truth(study.cases[0], "A1 N N N")
    model = factories.make_model_reader()
    says(study.cases[0], model, "A1 N N N", None, 0.7)
    groups = answer()["together"]
    assert [group["title"] for group in groups] == ["People", "People, models and report"]
    assert [len(group["readers"]) for group in groups] == [2, 3]
    assert groups[0]["reliability"]["fracture"]["compared"] == 10
    first = answer("all", study.key(0), f"{study.key(0)}-{study.repeat.pk}" if study.repeat else "")
    assert first["together"] == []


def test_the_matrix_has_room_for_a_dozen_and_names_who_is_left_out() -> None:
    make_study(*[("A1 N N N",)] * (MOST_READERS + 1))
    found = answer()
    assert len(found["readers"]) == MOST_READERS
    assert len(found["left_out"]) == 1


def test_without_a_read_it_says_what_to_do() -> None:
    found = answer()
    assert found["pairs"] == found["readers"] == found["together"] == []
    assert "have a round read first" in found["note"]


def test_one_reader_is_no_agreement() -> None:
    make_study(("A1 N N N",))
    found = answer()
    assert found["pairs"] == []
    assert found["note"].startswith("Reader 1 alone has read these cases.")


def test_two_who_share_no_case_get_sentences_instead_of_numbers() -> None:
    study = make_study(("A1 N N N",))
    other = make_study(("N N N N",))
    (pair,) = answer()["pairs"]
    assert {pair["a"], pair["b"]} == {study.key(0), other.key(0)}
    kappa = pair["agreement"]["fracture"]["kappa"]
    assert kappa["value"] is None
    assert kappa["note"]


def test_an_unknown_reader_is_no_column(study: Study) -> None:
    with pytest.raises(Refusal, match="no locked read"):
        answer("all", study.key(0), "p999999")


def test_who_owes_a_case_has_none_of_it_in_any_number(study: Study) -> None:
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    assert both.user is not None
    factories.make_assignment(study.cases[0], reader=both, round=factories.make_round("independent"))
    found = answer(user=both.user)
    (pair,) = found["pairs"]
    # Without the first case: 4 vertebrae of the second, 2 of the third.
    assert pair["agreement"]["counts"]["compared"] == 6
    assert pair["agreement"]["counts"]["spoken"] == 8
    assert found["repeats"] == []
    assert found["patients"] == 2


def test_the_same_answer_is_kept_until_a_read_is_locked(study: Study) -> None:
    lead = factories.make_user(Role.LEAD)
    first = ask(lead, Question("agreement", "all"))
    assert ask(lead, Question("agreement", "all")).computation == first.computation
    third = factories.make_reader(Role.SENIOR)
    says(study.cases[0], third, "N N N N", study.round)
    again = ask(lead, Question("agreement", "all"))
    assert again.computation != first.computation
    assert again.answer is not None
    assert len(again.answer["pairs"]) == 3
