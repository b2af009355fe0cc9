"""Whether a score means what it says: of all that scored 0.7, seven in ten should be fractured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.estimates import Estimate, coefficient, missing, quotient, rate, wilson_rate

__all__ = ["Bin", "Calibration", "brier_score", "calibrate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A probability of exactly 0 or 1 has no logit; it is taken for one in a million.
NEAREST: Final = 1e-6

SANDWICH: Final = "cluster-robust (sandwich over patients)"
ONE_CLASS: Final = "Calibration needs both fractures and negatives with a score."
SEPARATED: Final = "The scores separate fractures from negatives without overlap: no finite slope fits them."
ALL_ALIKE: Final = "All scores are alike: they have no slope."


@dataclass(frozen=True)
class Bin:
    """Scores from `low` up to `high` (the last bin holds 1 as well): their mean, and the share that is fractured."""

    low: float
    high: float
    mean_score: float | None
    fractured: Estimate

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Calibration:
    """expected_error: mean distance between score and share over the bins, weighted by their size.

    intercept: 0 where scores are right on average (slope held at 1). slope: 1 where they are neither too bold (below 1)
    nor too timid.
    """

    bins: tuple[Bin, ...]
    brier: Estimate
    expected_error: Estimate
    intercept: Estimate
    slope: Estimate
    left_out: int

    def as_json(self) -> dict[str, Any]:
        return {
            "bins": [one.as_json() for one in self.bins],
            "brier": self.brier.as_json(),
            "expected_error": self.expected_error.as_json(),
            "intercept": self.intercept.as_json(),
            "slope": self.slope.as_json(),
            "left_out": self.left_out,
        }


def brier_score(scores: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean squared distance of scores (0 to 1) from the truth (0 or 1); NaN where there is nothing."""
    distance = (np.asarray(scores, np.float64) - np.asarray(truth, np.float64)) ** 2
    counted = np.ones(distance.shape) if weights is None else np.asarray(weights, np.float64)
    return float(quotient((distance * counted).sum(), counted.sum()))


def calibrate(
    scores: ArrayLike, truth: ArrayLike, patient: ArrayLike, bootstrap: PatientBootstrap | None, bins: int = 10
) -> Calibration:
    """Calibration of scores that are meant as probabilities.

    Parameters
    ----------
    scores
        (N,) 0 to 1; what is no number is left out.
    truth
        (N,) codes of the reference's verdicts; only fracture and negative count.
    patient
        (N,) whole numbers, 0 to `bootstrap.patients` - 1.
    bootstrap
        None where each patient gives one unit (cases): the bins then carry Wilson's interval, and the Brier score none.

    Raises
    ------
    ValueError
        where the columns differ in length, a score lies outside 0 to 1, or there is no bin.
    """
    score, told = np.asarray(scores, np.float64).ravel(), np.asarray(truth, np.int64).ravel()
    whose = np.asarray(patient, np.int64).ravel()
    if not score.size == told.size == whose.size:
        raise ValueError(f"Columns differ in length: {score.size} scores, {told.size} truths, {whose.size} patients.")
    if bins < 1:
        raise ValueError(f"Calibration needs one bin or more, not {bins}.")
    kept = np.isfinite(score) & ((told == 0) | (told == 1))
    left_out = int(score.size - kept.sum())
    score, told, whose = score[kept], told[kept], whose[kept]
    if score.size and (score.min() < 0 or score.max() > 1):
        raise ValueError(f"Probabilities lie between 0 and 1; these run from {score.min():g} to {score.max():g}.")
    place = np.minimum((score * bins).astype(np.int64), bins - 1)
    # Of each bin: how many, how many fractured, the sum of scores; and of all: the squared distance.
    sums = np.stack([np.ones(score.size), told.astype(np.float64), score, (score - told) ** 2], axis=1)
    patients = bootstrap.patients if bootstrap else int(whose.max()) + 1 if whose.size else 0
    table = np.zeros((patients, bins, 4))
    np.add.at(table, (whose, place), sums)
    total, drawn = table.sum(axis=0), bootstrap.totals(table) if bootstrap else np.zeros((0, bins, 4))
    intercept, slope = _line(score, told, whose)
    return Calibration(
        tuple(_bin(number, bins, table[:, number], drawn[:, number], bootstrap) for number in range(bins)),
        _overall(_brier(total), _brier(drawn), score.size, bootstrap),
        _overall(_distance(total), _distance(drawn), score.size, bootstrap),
        intercept,
        slope,
        left_out,
    )


def _bin(number: int, bins: int, table: Floats, drawn: Floats, bootstrap: PatientBootstrap | None) -> Bin:
    count, fractured, score = (float(one) for one in table[:, :3].sum(axis=0))
    empty = "No score lies in this bin."
    share = (
        rate(
            int(fractured),
            int(count),
            quotient(drawn[:, 1], drawn[:, 0]),
            patients=int((table[:, 0] > 0).sum()),
            empty=empty,
        )
        if bootstrap
        else wilson_rate(int(fractured), int(count), empty=empty)
    )
    return Bin(number / bins, (number + 1) / bins, score / count if count else None, share)


def _brier(table: Floats) -> Floats:
    return quotient(table[..., 3].sum(axis=-1), table[..., 0].sum(axis=-1))


def _distance(table: Floats) -> Floats:
    return quotient(np.abs(table[..., 2] - table[..., 1]).sum(axis=-1), table[..., 0].sum(axis=-1))


def _overall(value: Floats, drawn: Floats, units: int, bootstrap: PatientBootstrap | None) -> Estimate:
    undefined = "Nothing has both a score and a reference."
    if bootstrap or not np.isfinite(value):
        return coefficient(float(value), drawn, denominator=units, undefined=undefined)
    note = "Without a bootstrap over patients there is no interval."
    return Estimate(float(value), denominator=units, note=note)


def _line(score: Floats, truth: Ints, patient: Ints) -> tuple[Estimate, Estimate]:
    """Intercept with the slope held at 1, and slope with a free intercept, of truth on the logit of the score."""
    units = int(score.size)
    if not units or truth.min() == truth.max():
        return missing(ONE_CLASS, denominator=units), missing(ONE_CLASS, denominator=units)
    x = logit(np.clip(score, NEAREST, 1 - NEAREST))
    ones = np.ones((units, 1))
    intercept = _fitted(ones, x, truth, patient)
    if np.ptp(x) == 0:
        return intercept, missing(ALL_ALIKE, denominator=units)
    fractured, negative = x[truth == 1], x[truth == 0]
    if fractured.min() >= negative.max() or negative.min() >= fractured.max():
        return intercept, missing(SEPARATED, denominator=units)
    return intercept, _fitted(np.column_stack([ones, x]), np.zeros(units), truth, patient)


def _fitted(design: Floats, offset: Floats, truth: Ints, patient: Ints) -> Estimate:
    """The last coefficient of a logistic regression by Newton's method.

    Its variance is the sandwich over patients with the factor G / (G - 1) of G patients (Liang and Zeger 1986).
    """
    centre = design.mean(axis=0) if design.shape[1] > 1 else np.zeros(1)
    spread = design.std(axis=0) if design.shape[1] > 1 else np.ones(1)
    centre[0], spread[0] = 0.0, 1.0
    scaled = (design - centre) / spread
    found = np.zeros(design.shape[1])
    height = _likelihood(scaled @ found + offset, truth)
    for _ in range(100):
        expected = expit(scaled @ found + offset)
        curvature = (scaled * (expected * (1 - expected))[:, np.newaxis]).T @ scaled
        step = np.linalg.lstsq(curvature, scaled.T @ (truth - expected), rcond=None)[0]
        # Far from its top the curve is flat and a whole step overshoots; half of it, and half again, does not.
        for _ in range(40):
            reached = _likelihood(scaled @ (found + step) + offset, truth)
            if reached >= height - 1e-12 * abs(height):
                break
            step = step / 2
        found, height = found + step, reached
        if float(np.abs(step).max()) < 1e-12:
            break
    expected = expit(scaled @ found + offset)
    bread = np.linalg.pinv((scaled * (expected * (1 - expected))[:, np.newaxis]).T @ scaled)
    groups, own = np.unique(patient, return_inverse=True)
    value = float(found[-1] / spread[-1])
    if groups.size < 2:
        note = "A single patient carries this number: it has no interval."
        return Estimate(value, denominator=int(truth.size), note=note)
    pulls = np.zeros((groups.size, design.shape[1]))
    np.add.at(pulls, own, scaled * (truth - expected)[:, np.newaxis])
    variance = bread @ (pulls.T @ pulls) @ bread * groups.size / (groups.size - 1)
    half = float(ndtri(0.975)) * float(np.sqrt(max(0.0, variance[-1, -1]))) / float(spread[-1])
    return Estimate(value, value - half, value + half, None, int(truth.size), SANDWICH)


def _likelihood(linear: Floats, truth: Ints) -> float:
    return float((truth * linear - np.logaddexp(0.0, linear)).sum())
