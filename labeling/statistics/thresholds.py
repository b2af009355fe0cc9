"""Where a score is called a fracture: chosen on validation cases, judged elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.curves import ONE_CLASS, rank_scores
from labeling.statistics.two_by_two import TwoByTwo, cell_of, two_by_two

__all__ = ["OperatingPoint", "Rule", "Threshold", "operating_point", "threshold_of"]

Rule = Literal["youden", "sensitivity"]


@dataclass(frozen=True)
class Threshold:
    """A threshold, the rule that gave it, and what it did where it was chosen (too good to be quoted as accuracy)."""

    value: float | None
    rule: str
    sensitivity: float | None
    specificity: float | None
    positives: int
    negatives: int
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class OperatingPoint:
    """The 2x2 table of scores from `threshold` up; units without a score are `left_out`."""

    threshold: float
    table: TwoByTwo
    left_out: int

    def as_json(self) -> dict[str, Any]:
        return {"threshold": self.threshold, "table": self.table.as_json(), "left_out": self.left_out}


def threshold_of(
    scores: ArrayLike, truth: ArrayLike, rule: Rule = "youden", at_least: float | None = None
) -> Threshold:
    """A threshold by rule, from validation cases only.

    rule
        `youden`: the largest sensitivity + specificity; of equal ones the lowest threshold, which misses least.
        `sensitivity`: the highest threshold with a sensitivity of `at_least` or more (0 to 1).

    Raises
    ------
    ValueError
        where `at_least` is missing or outside 0 to 1, or given with `youden`.
    """
    if (rule == "sensitivity") != (at_least is not None):
        raise ValueError("The rule `sensitivity` needs the least sensitivity, and no other rule takes one.")
    if at_least is not None and not 0 < at_least <= 1:
        raise ValueError(f"A least sensitivity lies above 0 and up to 1, not at {at_least}.")
    said = "largest sensitivity + specificity" if at_least is None else f"sensitivity of {at_least:.1%} or more"
    ranked = rank_scores(scores, truth)
    positives = int(ranked.truth.sum())
    negatives = ranked.truth.size - positives
    if not positives or not negatives:
        return Threshold(None, said, None, None, positives, negatives, ONE_CLASS)
    found = np.cumsum(ranked.truth)[ranked.last].astype(np.int64)
    alarms = ranked.last + 1 - found
    if at_least is None:
        # In whole numbers, so that equal ones are equal.
        index = found * negatives - alarms * positives
        chosen = int(np.flatnonzero(index == index.max())[-1])
    else:
        chosen = int(np.searchsorted(found, at_least * positives - 1e-9))
    return Threshold(
        float(ranked.thresholds[chosen]),
        said,
        float(found[chosen] / positives),
        float(1 - alarms[chosen] / negatives),
        positives,
        negatives,
    )


def operating_point(
    scores: ArrayLike, truth: ArrayLike, threshold: float, patient: ArrayLike, bootstrap: PatientBootstrap
) -> OperatingPoint:
    """The table at a threshold. scores, truth (codes of the reference's verdicts), patient: (N,)."""
    score, told = np.asarray(scores, np.float64).ravel(), np.asarray(truth, np.int64).ravel()
    decided = (told == 0) | (told == 1)
    scored = np.isfinite(score)
    called = np.greater_equal(score, threshold, where=scored, out=np.zeros(score.shape, bool))
    cells = np.where(decided & scored, cell_of(called, told == 1), -1)
    counts = per_patient(cells, patient, bootstrap.patients, 4)
    return OperatingPoint(float(threshold), two_by_two(counts, bootstrap), int((~(decided & scored)).sum()))
