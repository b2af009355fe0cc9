"""Agreement and accuracy of a study: all count statistics with their intervals, and the pages that show them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench.filling_study import StudyFilling
from tests.bench.installation import Site, make_account
from tests.bench.report import Row, limited
from tests.bench.scale import Scale
from tests.bench.visitor import Visitor

#: Seconds that all count statistics may take, of a study and of a large one.
STUDY, LARGE = 2.0, 30.0
SCOPE = "validation"
VERTEBRAE = 8  # 452 cases have 3,616

PAGES = (
    ("agreement page", f"/numbers/agreement?on={SCOPE}"),
    ("accuracy page", f"/numbers?on={SCOPE}"),
)


def run(site: Site, scale: Scale) -> list[Row]:
    """Fill a study, reckon; fill more, reckon again; then look at the pages of the large one."""
    lead = make_account("lead")
    fill = StudyFilling(lead, VERTEBRAE, scale.study_readers)
    rows: list[Row] = []
    for cases, goal in ((scale.study_cases, STUDY), (scale.large_study_cases, LARGE)):
        fill.add(cases - fill.made)
        rows += _reckoned(lead.name, cases, goal, scale)
    with Visitor(site, lead) as visitor:
        for what, path in PAGES:
            taken = []
            for _ in range(2 + scale.requests // 3):
                answer = visitor.get(path)
                if answer.status != 200:
                    raise RuntimeError(f"{path} was answered {answer.status}.")
                taken.append(answer.milliseconds)
            rows.append(limited(f"{what}, {scale.large_study_cases:,} cases, answer known", taken[2:]))
    from labeling.models import Job

    if Job.objects.filter(kind="numbers").exists():
        raise RuntimeError("A page asked for other numbers than those that were computed, so it showed none.")
    return rows


def _reckoned(name: str, cases: int, goal: float, scale: Scale) -> list[Row]:
    from django.contrib.auth.models import User

    from labeling.analysis.accuracy import question_of
    from labeling.analysis.answers import Question, compute
    from labeling.analysis.columns import REFERENCE, columns_of
    from labeling.analysis.gather import gather
    from labeling.analysis.scope import scope_of

    user = User.objects.get(username=name)
    scope = scope_of(user, SCOPE)
    readers = [column.key for column in columns_of(user, scope.cases) if "-" not in column.key]
    reading, gathered = _timed(lambda: gather(user, scope.cases, readers))
    counting, _ = _timed(lambda: _all_counts(gathered, gathered.place(REFERENCE), scale.replicates))
    plain = _plainly(gathered, scale) * scale.replicates
    size = f"{cases:,} cases, {gathered.vertebra.size:,} vertebrae, {scale.study_readers} readers"
    rows = [
        Row(
            f"all count statistics, {size}, {scale.replicates:,} replicates",
            f"{counting:.2f} s",
            f"≤ {goal:.0f} s",
            counting / goal,
            counting <= goal,
        ),
        Row(
            f"the same beside one kappa by scikit-learn in a loop over the replicates, {cases:,} cases",
            f"{counting:.2f} s",
            f"{plain:.1f} s",
            counting / plain,
        ),
        Row(f"reading {size} from the database", f"{reading:.2f} s"),
    ]
    first = next(key for key in readers if key != REFERENCE)
    for question in (Question("agreement", SCOPE), question_of(SCOPE, first, REFERENCE, "vertebra")):
        taken, _ = _timed(lambda question=question: compute(user, question))
        rows.append(Row(f"{question.kind} page of {cases:,} cases, computed anew", f"{taken:.1f} s"))
    return rows


def _all_counts(gathered: Any, truth: int, replicates: int) -> None:
    """Every pair of readers, all of them together, and each against the reference; one bootstrap for all."""
    from labeling.statistics.accuracy import judge
    from labeling.statistics.bootstrap import PatientBootstrap
    from labeling.statistics.pairs import agree_many
    from labeling.statistics.reliability import reliability

    bootstrap = PatientBootstrap(gathered.patients, replicates)
    people = [place for place in range(len(gathered.columns)) if place != truth]
    verdict, ao = gathered.verdict[people], gathered.ao[people]
    agree_many(verdict, ao, gathered.level, gathered.patient, bootstrap, case=gathered.case)
    reliability(verdict, ao, gathered.patient, bootstrap)
    for place in people:
        judge(
            gathered.verdict[place],
            gathered.verdict[truth],
            gathered.ao[truth],
            gathered.level.tolist(),
            gathered.patient,
            bootstrap,
            "vertebra",
            case=gathered.case,
        )


def _plainly(gathered: Any, scale: Scale) -> float:
    """Seconds of one replicate of one kappa: patients are drawn, their vertebrae looked up, scikit-learn is asked."""
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    both = (gathered.verdict[:2] >= 0).all(axis=0)
    of_patient = [np.flatnonzero((gathered.patient == patient) & both) for patient in range(gathered.patients)]
    first, second = gathered.verdict[0], gathered.verdict[1]

    def replicates() -> None:
        for _ in range(scale.plain_replicates):
            patients = rng.integers(0, gathered.patients, gathered.patients)
            drawn = np.concatenate([of_patient[patient] for patient in patients])
            cohen_kappa_score(first[drawn], second[drawn])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a draw without a fracture has no kappa
        taken, _ = _timed(replicates)
    return taken / scale.plain_replicates


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.monotonic()
    result = work()
    return time.monotonic() - begun, result
