"""How well scores tell fractured vertebrae from others; intervals by drawing patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Pooled", "area_under_curve", "average_precision", "interval", "pool", "sensitivity_specificity"]

Floats = NDArray[np.float64]
Measure = Callable[[NDArray[np.bool_], Floats], float]


def area_under_curve(labels: ArrayLike, scores: ArrayLike) -> float:
    """The chance that a positive scores over a negative, ties counted half; NaN for one class.

    Source: Hanley and McNeil, Radiology 1982;143:29.
    """
    positive, value = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64)
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    _, place, counts = np.unique(value, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[place][positive].sum() - many * (many + 1) / 2) / (many * few))


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean of the precision over the steps of recall, equal scores taken together; NaN without a positive."""
    positive, value = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64)
    if not positive.any():
        return float("nan")
    levels, place = np.unique(-value, return_inverse=True)
    hits = np.bincount(place, weights=positive, minlength=len(levels))
    called = np.bincount(place, minlength=len(levels))
    precision = np.cumsum(hits) / np.cumsum(called)
    return float((precision * hits).sum() / positive.sum())


def sensitivity_specificity(labels: ArrayLike, called: ArrayLike) -> tuple[float, float]:
    """Shares of the fractured that were called so and of the others that were not; NaN without any of a kind."""
    positive, said = np.asarray(labels, dtype=bool), np.asarray(called, dtype=bool)
    sensitivity = float(said[positive].mean()) if positive.any() else float("nan")
    specificity = float((~said[~positive]).mean()) if (~positive).any() else float("nan")
    return sensitivity, specificity


def interval(
    measure: Measure, labels: ArrayLike, scores: ArrayLike, patients: ArrayLike, *, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of a measure, by drawing patients with replacement.

    Draws in which the measure is not defined (one class alone) are left out; NaN where none is left, and of one patient
    alone, who is the same in every draw and says nothing of others.
    """
    positive, value = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64)
    _, person = np.unique(np.asarray(patients), return_inverse=True)
    order = np.argsort(person, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
    if len(groups) < 2:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        chosen = np.concatenate([groups[place] for place in random.integers(0, len(groups), len(groups))])
        found.append(measure(positive[chosen], value[chosen]))
    known = np.array(found)[np.isfinite(found)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Vertebrae out of slices, in the order of their numbers.

    vertebrae
        Their numbers.
    logits
        Pooled over slices.
    labels
        Whether any slice is fractured.
    patients
        Whose they are.
    """

    vertebrae: NDArray[np.int64]
    logits: Floats
    labels: NDArray[np.bool_]
    patients: NDArray[np.int64]


def pool(
    logits: ArrayLike,
    vertebrae: NDArray[np.int64],
    how: str,
    labels: NDArray[np.int64] | None = None,
    patients: NDArray[np.int64] | None = None,
) -> Pooled:
    """The logit of each vertebra: the greatest of its slices (``max``), or the mean of the three greatest (``top3``).

    Parameters
    ----------
    logits, vertebrae, labels, patients
        (n,) of the slices.
    """
    value = np.asarray(logits, dtype=np.float64)
    most = 1 if how == "max" else 3
    order = np.lexsort((-value, vertebrae))
    numbers, start, counts = np.unique(vertebrae[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, counts)
    chosen = rank < most
    place = np.repeat(np.arange(len(numbers)), counts)[chosen]
    sums: Floats = np.bincount(place, weights=value[order][chosen], minlength=len(numbers)).astype(np.float64)
    pooled = sums / np.maximum(np.bincount(place, minlength=len(numbers)), 1)
    truth = np.zeros(len(numbers), dtype=bool)
    if labels is not None and len(numbers):
        truth = np.maximum.reduceat(labels[order], start) > 0
    whose = np.zeros(len(numbers), dtype=np.int64) if patients is None else patients[order][start]
    return Pooled(numbers, pooled, truth, whose)
