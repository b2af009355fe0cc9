"""A study with two models that score: four patients of one split, and three validation patients.

Of the asked cases, model 1 ranks the 16 vertebrae with one pair out of order; model 2 is a coin in two of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from labeling.models import Case, Reader, Round
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import LEVELS, says, sets_truth

__all__ = ["ScoredStudy", "make_scored_study"]

#: What is true, from head to feet, and what model 1 scores.
TRUTH = ("A1 N N N", "A3 A3 N N", "N N N N", "A4 N N N")
FIRST = ((0.9, 0.1, 0.2, 0.1), (0.8, 0.4, 0.5, 0.2), (0.1, 0.1, 0.2, 0.3), (0.95, 0.3, 0.2, 0.1))
#: The other model sees the A1 not at all.
SECOND = ((0.1, 0.1, 0.2, 0.1), (0.8, 0.9, 0.7, 0.2), (0.1, 0.6, 0.2, 0.3), (0.95, 0.3, 0.2, 0.1))
VALIDATION_TRUTH = ("A1 N N N", "N A2 N N", "N N N N")
VALIDATION = ((0.7, 0.1, 0.2, 0.1), (0.2, 0.6, 0.3, 0.1), (0.1, 0.35, 0.2, 0.1))


@dataclass
class ScoredStudy:
    cases: list[Case]
    validation: list[Case]
    models: list[Reader]
    senior: Reader
    round: Round

    def key(self, model: int) -> str:
        return f"m{self.models[model].pk}"

    @property
    def person(self) -> str:
        return f"p{self.senior.pk}"


def called(scores: tuple[float, ...], threshold: float = 0.5) -> str:
    """What a model with this threshold says."""
    return " ".join("F" if score >= threshold else "N" for score in scores)


def make_scored_study(split: str = "training", *, validation: bool = True) -> ScoredStudy:
    models = [factories.make_model_reader(), factories.make_model_reader()]
    senior = factories.make_reader(Role.SENIOR, first_name="Anna", last_name="Weber")
    round_ = factories.make_round("independent", state="open")
    cases = [_case(split) for _ in TRUTH]
    for place, case in enumerate(cases):
        sets_truth(case, TRUTH[place], slices="FFNN" if place == 0 else "")
        says(case, models[0], called(FIRST[place]), None, FIRST[place], slices="FFNN" if place == 0 else "")
        says(case, models[1], called(SECOND[place]), None, SECOND[place])
        says(case, senior, ("A1 N N N", "A3 N N N", "N N ? N", "A4 N N A1")[place], round_)
    held = [_case("validation") for _ in VALIDATION] if validation else []
    for place, case in enumerate(held):
        sets_truth(case, VALIDATION_TRUTH[place])
        says(case, models[0], called(VALIDATION[place]), None, VALIDATION[place])
    return ScoredStudy(cases, held, models, senior, round_)


def _case(split: str) -> Case:
    case = factories.make_case(slices=4, patient=factories.make_patient(split=split))
    factories.make_anatomy(case, LEVELS, first_k=0, last_k=3)
    return case
