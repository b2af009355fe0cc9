"""Receiver operating and precision-recall curves of a score, with bands and areas from the bootstrap over patients.

Units are sorted by score once. A replicate only changes how often each unit counts, so all its points are cumulated
weights, read where a run of equal scores ends (ties share one threshold).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.bootstrap import PatientBootstrap, interval
from labeling.statistics.estimates import Estimate, coefficient, quotient

__all__ = ["Areas", "Curve", "Ranked", "areas", "average_precision", "curve", "rank_scores", "replicated", "roc_auc"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Weights of this many replicates and units at a time: half a MiB each, so that they stay near the processor.
_BLOCK: Final = 1 << 16

GRID: Final = 101

ONE_CLASS: Final = "A curve needs both fractures and negatives with a score."


@dataclass(frozen=True)
class Ranked:
    """Units from the highest score to the lowest.

    truth: (N,) 1 for a fracture, 0 for a negative. patient: (N,). last: (G,) where each run of equal scores ends.
    thresholds: (G,) those scores. left_out: units without a score or without a truth.
    """

    truth: Floats
    patient: Ints
    last: Ints
    thresholds: Floats
    left_out: int


@dataclass(frozen=True)
class Areas:
    """Area under the ROC curve and average precision of each replicate: (B,), NaN where a class is missing."""

    auc: Floats
    average_precision: Floats


@dataclass(frozen=True)
class Curve:
    """Both curves of one score.

    fpr, tpr, thresholds
        Corners of the ROC curve, from (0, 0) to (1, 1); a unit is called a fracture from its threshold up.
    grid, tpr_low, tpr_high
        The ROC band: pointwise bounds of the true positive rate over false positive rates.
    precision, precision_low, precision_high
        Precision at the highest threshold that reaches each recall of `recall` (the same grid, from 0 on).
    """

    positives: int
    negatives: int
    left_out: int
    auc: Estimate
    average_precision: Estimate
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    thresholds: tuple[float | None, ...]
    grid: tuple[float, ...]
    tpr_low: tuple[float, ...]
    tpr_high: tuple[float, ...]
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    precision_low: tuple[float, ...]
    precision_high: tuple[float, ...]
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        result = dict(self.__dict__)
        result["auc"], result["average_precision"] = self.auc.as_json(), self.average_precision.as_json()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in result.items()}


def rank_scores(scores: ArrayLike, truth: ArrayLike, patient: ArrayLike | None = None) -> Ranked:
    """Sorts once. truth: 1 fracture, 0 negative; anything else, and scores that are no number, are left out.

    Raises
    ------
    ValueError
        where the columns differ in length.
    """
    score, told = np.asarray(scores, np.float64).ravel(), np.asarray(truth, np.int64).ravel()
    whose = np.arange(score.size) if patient is None else np.asarray(patient, np.int64).ravel()
    if not score.size == told.size == whose.size:
        raise ValueError(f"Columns differ in length: {score.size} scores, {told.size} truths, {whose.size} patients.")
    kept = np.flatnonzero(np.isfinite(score) & ((told == 0) | (told == 1)))
    order = kept[np.argsort(-score[kept], kind="stable")]
    ranked = score[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1) if ranked.size else np.zeros(0, np.int64)
    return Ranked(told[order].astype(np.float64), whose[order], last, ranked[last], int(score.size - kept.size))


def areas(ranked: Ranked, weights: Floats) -> Areas:
    """Areas under weights (B, N), in the order of `ranked`."""
    called, found = _cumulated(ranked, weights)
    return _areas(called, found)


def roc_auc(scores: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Area under the ROC curve, ties counted half; NaN with one class alone. weights: (N,)."""
    return float(_weighted(scores, truth, weights).auc[0])


def average_precision(scores: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Sum over thresholds of the gain in recall times precision (not interpolated); NaN with one class alone."""
    return float(_weighted(scores, truth, weights).average_precision[0])


def replicated(ranked: Ranked, bootstrap: PatientBootstrap) -> Areas:
    """Areas in each replicate; those of two scores of the same patients are paired."""
    blocks = [areas(ranked, weights) for weights in _blocks(ranked, bootstrap)]
    return Areas(
        np.concatenate([block.auc for block in blocks]), np.concatenate([block.average_precision for block in blocks])
    )


def curve(
    scores: ArrayLike, truth: ArrayLike, patient: ArrayLike, bootstrap: PatientBootstrap, grid: int = GRID
) -> Curve:
    """Both curves with bands on `grid` evenly spaced places, and both areas with intervals.

    scores: (N,), higher means fracture. truth: (N,) codes of the reference's verdicts. patient: (N,).
    """
    ranked = rank_scores(scores, truth, patient)
    positives = int(ranked.truth.sum())
    negatives = ranked.truth.size - positives
    if not positives or not negatives:
        nothing = coefficient(float("nan"), np.zeros(0), denominator=ranked.truth.size, undefined=ONE_CLASS)
        none: tuple[float, ...] = ()
        return Curve(positives, negatives, ranked.left_out, nothing, nothing, *(none,) * 10, note=ONE_CLASS)
    places = np.linspace(0, 1, grid)
    aucs, precisions, sensitivities, predictive = [], [], [], []
    for weights in _blocks(ranked, bootstrap):
        called, found = _cumulated(ranked, weights)
        block = _areas(called, found)
        aucs.append(block.auc)
        precisions.append(block.average_precision)
        roc, recall = _on_grid(called, found, places)
        sensitivities.append(roc)
        predictive.append(recall)
    called, found = _cumulated(ranked, np.ones((1, ranked.truth.size)))
    both = _areas(called, found)
    fpr, tpr, thresholds = _corners(called[0], found[0], ranked.thresholds)
    _, precision = _on_grid(called, found, places)
    tpr_low, tpr_high = _band(np.concatenate(sensitivities))
    precision_low, precision_high = _band(np.concatenate(predictive))
    return Curve(
        positives,
        negatives,
        ranked.left_out,
        coefficient(float(both.auc[0]), np.concatenate(aucs), denominator=ranked.truth.size),
        coefficient(float(both.average_precision[0]), np.concatenate(precisions), denominator=ranked.truth.size),
        fpr,
        tpr,
        thresholds,
        _plain(places),
        tpr_low,
        tpr_high,
        _plain(places),
        _plain(precision[0]),
        precision_low,
        precision_high,
    )


def _weighted(scores: ArrayLike, truth: ArrayLike, weights: ArrayLike | None) -> Areas:
    # Each unit is its own patient here, so that `ranked.patient` says where a unit stood before it was sorted.
    ranked = rank_scores(scores, truth)
    given = np.ones(np.size(scores)) if weights is None else np.asarray(weights, np.float64).ravel()
    return areas(ranked, given[ranked.patient][np.newaxis])


def _blocks(ranked: Ranked, bootstrap: PatientBootstrap) -> Iterator[Floats]:
    """(b, N) how often each unit counts, some replicates at a time."""
    step = max(1, _BLOCK // max(1, ranked.truth.size))
    for start in range(0, bootstrap.replicates, step):
        drawn = bootstrap._weights[start : start + step]
        yield np.take(drawn, ranked.patient, axis=1).astype(np.float64)


def _cumulated(ranked: Ranked, weights: Floats) -> tuple[Floats, Floats]:
    """(B, G) what is called a fracture from each threshold up, and how much of that is one."""
    called, found = np.cumsum(weights, axis=1), np.cumsum(weights * ranked.truth, axis=1)
    if ranked.last.size == ranked.truth.size:
        return called, found
    return called[:, ranked.last], found[:, ranked.last]


def _areas(called: Floats, found: Floats) -> Areas:
    if not called.shape[1]:
        return Areas(np.full(len(called), np.nan), np.full(len(called), np.nan))
    positives, everything = found[:, -1], called[:, -1]
    alarms = called - found
    # Trapezoids: between two thresholds the false alarms grow, at the mean height of what is found at both.
    gain, rise = np.diff(alarms, axis=1, prepend=0.0), np.diff(found, axis=1, prepend=0.0)
    under = np.einsum("bg,bg->b", gain, found - rise / 2)
    auc = quotient(under, positives * (everything - positives))
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    average = quotient(np.einsum("bg,bg->b", rise, precision), positives)
    # With one class alone precision is 1 or 0 whatever the score: no number for a curve.
    return Areas(auc, np.where(everything > positives, average, np.nan))


def _on_grid(called: Floats, found: Floats, places: Floats) -> tuple[Floats, Floats]:
    """(B, grid) true positive rate at false positive rates, and precision at recalls; NaN rows without one class."""
    roc, precision = np.full((len(called), places.size), np.nan), np.full((len(called), places.size), np.nan)
    for row, (all_called, all_found) in enumerate(zip(called, found, strict=True)):
        positives, negatives = all_found[-1], all_called[-1] - all_found[-1]
        if not positives or not negatives:
            continue
        tpr, fpr = all_found / positives, (all_called - all_found) / negatives
        roc[row] = np.interp(places, np.append(0.0, fpr), np.append(0.0, tpr))
        # A recall of 0 is reached by the first unit that is called at all; and rounding is no reason to go one further.
        reached = np.searchsorted(tpr, np.maximum(places - 1e-12, 1e-12))
        precision[row] = all_found[reached] / all_called[reached]
    return roc, precision


def _band(rows: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    bounds = [interval(column) for column in rows.T]
    if any(one is None for one in bounds):
        return (), ()
    return tuple(one[0] for one in bounds if one), tuple(one[1] for one in bounds if one)


def _corners(
    called: Floats, found: Floats, thresholds: Floats
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float | None, ...]]:
    """ROC points without those on a straight line between their neighbours; the first has no threshold."""
    tp, fp = np.append(0.0, found), np.append(0.0, called - found)
    steps_tp, steps_fp = np.diff(tp), np.diff(fp)
    bends = steps_tp[:-1] * steps_fp[1:] != steps_tp[1:] * steps_fp[:-1]
    kept = np.concatenate([[0], np.flatnonzero(bends) + 1, [tp.size - 1]])
    limits = (None, *(float(one) for one in thresholds[kept[1:] - 1]))
    return _plain(fp[kept] / fp[-1]), _plain(tp[kept] / tp[-1]), limits


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(one) for one in values)
