"""A simulated cohort whose readers' skills are known: the truth lies within the intervals that are printed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from labeling.analysis import accuracy, agreement
from labeling.analysis.answers import Question
from labeling.analysis.scope import scope_of
from labeling.models import Case
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import LEVELS, make_study, says, sets_truth

pytestmark = pytest.mark.django_db

CASES, PREVALENCE, SEED = 70, 0.3, 2026
TYPES = ("A1", "A2", "A3", "A4")


@dataclass(frozen=True)
class Skill:
    """What a reader finds of fractures, and calls none of what is none."""

    sensitivity: float
    specificity: float


PEOPLE = (Skill(0.92, 0.97), Skill(0.82, 0.93))
MODEL = Skill(0.88, 0.90)


def true_kappa(first: Skill, second: Skill) -> float:
    """Cohen's kappa of two readers who err independently, at this prevalence; the truth itself is Skill(1, 1)."""
    broken, whole = PREVALENCE, 1 - PREVALENCE
    both = broken * first.sensitivity * second.sensitivity + whole * (1 - first.specificity) * (1 - second.specificity)
    calls = [broken * one.sensitivity + whole * (1 - one.specificity) for one in (first, second)]
    observed = both + 1 - calls[0] - calls[1] + both
    expected = calls[0] * calls[1] + (1 - calls[0]) * (1 - calls[1])
    return (observed - expected) / (1 - expected)


def seen_by(skill: Skill, truth: str, random: np.random.Generator) -> str:
    """What a reader of this skill says of the vertebrae of a case."""
    return " ".join(
        (word if random.random() < skill.sensitivity else "N")
        if word != "N"
        else ("N" if random.random() < skill.specificity else "A1")
        for word in truth.split()
    )


@pytest.fixture
def cohort(db: None) -> dict[str, Any]:
    """Two people and a model on CASES cases of as many test patients, each with a reference."""
    random = np.random.default_rng(SEED)
    truth = [
        " ".join(str(random.choice(TYPES)) if random.random() < PREVALENCE else "N" for _ in LEVELS)
        for _ in range(CASES)
    ]
    study = make_study(*(tuple(seen_by(skill, one, random) for one in truth) for skill in PEOPLE), split="test")
    model = factories.make_model_reader()
    for case, one in zip(study.cases, truth, strict=True):
        says(case, model, seen_by(MODEL, one, random), None, 0.5)
        sets_truth(case, one)
    keys = [study.key(0), study.key(1), f"m{model.pk}"]
    return {"user": factories.make_user(Role.LEAD), "skills": dict(zip(keys, (*PEOPLE, MODEL), strict=True))}


def within(value: float, estimate: dict[str, Any]) -> bool:
    return bool(estimate["low"] <= value <= estimate["high"])


def test_the_true_skills_and_kappas_lie_within_the_printed_intervals(cohort: dict[str, Any]) -> None:
    user, skills = cohort["user"], cohort["skills"]
    scope = scope_of(user, "test")
    assert Case.objects.count() == len(scope.cases) == CASES

    told = accuracy.answer(user, scope, accuracy.question_of(scope.key, next(iter(skills)), "reference", "vertebra"))
    summary = {one["key"]: one["rates"] for one in told["summary"]}
    for key, skill in skills.items():
        assert within(skill.sensitivity, summary[key]["sensitivity"]), key
        assert within(skill.specificity, summary[key]["specificity"]), key

    skills = {"reference": Skill(1, 1), **skills}
    pairs = {
        frozenset((one["a"], one["b"])): one["agreement"]
        for one in agreement.answer(user, scope, Question("agreement", scope.key))["pairs"]
    }
    for a, b in combinations(skills, 2):
        kappa = pairs[frozenset((a, b))]["fracture"]["kappa"]
        assert within(true_kappa(skills[a], skills[b]), kappa), (a, b, kappa)
