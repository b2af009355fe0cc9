"""Two readers, or two versions of a model, on the same vertebrae: paired, by the bootstrap over patients.

Differences are second minus first. A version that loses nothing in the cases at hand may still lose something in
others, and where hardly anything differs the replicates hardly do either. The bounds are therefore never closer than
those of a difference to which half a lost and half a gained unit, and half of each that both have alike, were added
(after Agresti and Min 2005). Simulated at the size of the paper's test set, a true loss as large as the margin then
passes in about 4 % of tests, and with the plain bootstrap variance in 5 to 8 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from labeling.statistics.bootstrap import PatientBootstrap, interval, per_patient
from labeling.statistics.codes import FRACTURE, NEGATIVE
from labeling.statistics.curves import ONE_CLASS, rank_scores, replicated, roc_auc
from labeling.statistics.estimates import TOO_FEW, Estimate, bootstrap_method, coefficient, missing, quotient
from labeling.statistics.proportions import mcnemar_exact
from labeling.statistics.rates import FRACTIONS

__all__ = ["Comparison", "Decision", "Difference", "Margin", "compare", "non_inferior"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Undecided = Literal["left out", "wrong"]

#: Below this many patients replicates hardly vary whatever the readers do; nothing is shown from so few.
FEWEST_PATIENTS: Final = 10

SMOOTHED: Final = "percentile bootstrap over patients, widened by half a unit lost and half a unit gained"

#: Which of the eight cells of a patient (fractured, first calls, second calls, as bits 4, 2 and 1) are asked, and in
#: which of them the first and the second are right.
_ASKED: Final[Mapping[str, tuple[int, ...]]] = {
    "sensitivity": (4, 5, 6, 7),
    "specificity": (0, 1, 2, 3),
    "accuracy": (0, 1, 2, 3, 4, 5, 6, 7),
}
_GAINED: Final = (2, 5)
_LOST: Final = (1, 6)


@dataclass(frozen=True)
class Difference:
    """A rate of the first and of the second, and second minus first.

    gained, lost: units that only the second, or only the first, has right. units, patients: what is asked.
    variance: of the difference, between replicates; `smoothed` with half a unit gained and half a unit lost.
    """

    first: float | None
    second: float | None
    difference: Estimate
    gained: int
    lost: int
    units: int
    patients: int
    variance: float | None
    smoothed: float | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """auc: None where no scores were given. mcnemar: p by rate, None unless each patient gives one unit (cases).

    left_out: units that one of both did not decide. undecided: how these were taken.
    """

    rates: Mapping[str, Difference]
    auc: Estimate | None
    mcnemar: Mapping[str, float] | None
    units: int
    left_out: int
    undecided: Undecided

    def as_json(self) -> dict[str, Any]:
        return {
            "rates": {name: one.as_json() for name, one in self.rates.items()},
            "auc": self.auc.as_json() if self.auc else None,
            "mcnemar": dict(self.mcnemar) if self.mcnemar is not None else None,
            "units": self.units,
            "left_out": self.left_out,
            "undecided": self.undecided,
        }


@dataclass(frozen=True)
class Margin:
    """One rate held against the margin. patients_needed and units_needed: what would decide, None where unknown."""

    rate: str
    shown: bool
    lower: float | None
    patients_needed: int | None
    units_needed: int | None
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    """Whether the second was shown to be no worse than the first by more than the margin, in every rate asked."""

    shown: bool
    margin: float
    rates: tuple[Margin, ...]

    @property
    def word(self) -> str:
        return "shown" if self.shown else "not shown"

    def as_json(self) -> dict[str, Any]:
        return {
            "shown": self.shown,
            "word": self.word,
            "margin": self.margin,
            "rates": [one.as_json() for one in self.rates],
        }


def compare(
    first: ArrayLike,
    second: ArrayLike,
    reference: ArrayLike,
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
    *,
    first_score: ArrayLike | None = None,
    second_score: ArrayLike | None = None,
    undecided: Undecided = "left out",
) -> Comparison:
    """Sensitivity, specificity, accuracy (and the area under the ROC curve) of the second minus those of the first.

    Parameters
    ----------
    first, second, reference
        (N,) codes of verdicts; units where the reference is neither fracture nor negative are not asked.
    patient
        (N,) 0 to `bootstrap.patients` - 1.
    first_score, second_score
        (N,) or both None; the area is compared on units where both have a score.
    undecided
        What a reader did not decide (indeterminate, not assessable, absent): `left out` leaves the unit out for both;
        `wrong` counts it against that reader, so that a version cannot gain by not answering. A gate uses `wrong`.

    Raises
    ------
    ValueError
        where the columns differ in length or only one score is given.
    """
    one, two, truth, whose = (np.asarray(x, np.int64).ravel() for x in (first, second, reference, patient))
    if len({one.size, two.size, truth.size, whose.size}) > 1:
        raise ValueError(
            f"Columns differ in length: {one.size}, {two.size} and {truth.size} verdicts, {whose.size} patients."
        )
    if (first_score is None) != (second_score is None):
        raise ValueError("Scores of both are compared, or of neither; here one is missing.")
    asked = (truth == FRACTURE) | (truth == NEGATIVE)
    decided = asked & _yes_or_no(one) & _yes_or_no(two)
    kept = asked if undecided == "wrong" else decided
    cells = np.where(kept, 4 * (truth == FRACTURE) + 2 * _call(one, truth) + _call(two, truth), -1)
    counts = per_patient(cells, whose, bootstrap.patients, 8)
    single = bool(counts.sum(axis=1).max(initial=0) <= 1)
    rates = {name: _difference(name, counts, bootstrap) for name in _ASKED}
    return Comparison(
        rates=rates,
        auc=None
        if first_score is None or second_score is None
        else _area(first_score, second_score, truth, whose, bootstrap),
        mcnemar={name: mcnemar_exact(rate.lost, rate.gained) for name, rate in rates.items()} if single else None,
        units=int(kept.sum()),
        left_out=int((asked & ~kept).sum()),
        undecided=undecided,
    )


def non_inferior(
    comparison: Comparison,
    margin: float,
    rates: tuple[str, ...] = ("sensitivity", "specificity"),
    power: float = 0.8,
) -> Decision:
    """Shown where the lower bound of every difference lies above -margin; else "not shown", with what would decide.

    The number of patients is that at which a second reader who is in truth as good as the first would be shown to be so
    with `power`: n (z0.975 + z_power)^2 var / margin^2, with the variance of the difference at the n patients at hand.

    Raises
    ------
    ValueError
        where the margin does not lie between 0 and 1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"A margin lies between 0 and 1 (0.05 for five points), not at {margin}.")
    lines = tuple(_margin(name, comparison.rates[name], margin, power) for name in rates)
    return Decision(all(line.shown for line in lines), margin, lines)


def _yes_or_no(verdict: Ints) -> NDArray[np.bool_]:
    return (verdict == FRACTURE) | (verdict == NEGATIVE)


def _call(verdict: Ints, truth: Ints) -> Ints:
    """1 where a fracture is called; what is undecided is turned against the reader."""
    return np.where(_yes_or_no(verdict), verdict == FRACTURE, truth != FRACTURE).astype(np.int64)


def _difference(name: str, counts: Ints, bootstrap: PatientBootstrap) -> Difference:
    asked = counts[:, _ASKED[name]].sum(axis=1)
    gained = counts[:, [cell for cell in _GAINED if cell in _ASKED[name]]].sum(axis=1)
    lost = counts[:, [cell for cell in _LOST if cell in _ASKED[name]]].sum(axis=1)
    # The first is right where it calls a fracture in one (6, 7) and none in a negative (0, 1).
    right = counts[:, [cell for cell in (0, 1, 6, 7) if cell in _ASKED[name]]].sum(axis=1)
    units, patients = int(asked.sum()), int((asked > 0).sum())
    if not units:
        nothing = missing(FRACTIONS[name].empty, denominator=0)
        return Difference(None, None, nothing, 0, 0, 0, 0, None, None)
    drawn = bootstrap.totals(np.stack([gained - lost, asked], axis=1))
    replicates = quotient(drawn[:, 0], drawn[:, 1])
    value = float((gained - lost).sum()) / units
    drawn_at_all = replicates[np.isfinite(replicates)]
    variance = float(drawn_at_all.var()) if drawn_at_all.size else None
    smoothed = None if variance is None else variance + 1 / (units + 2) ** 2
    return Difference(
        first=float(right.sum()) / units,
        second=float(right.sum() + (gained - lost).sum()) / units,
        difference=_bounded(value, replicates, smoothed, units),
        gained=int(gained.sum()),
        lost=int(lost.sum()),
        units=units,
        patients=patients,
        variance=variance,
        smoothed=smoothed,
    )


def _bounded(value: float, replicates: Floats, smoothed: float | None, units: int) -> Estimate:
    bounds = interval(replicates)
    if bounds is None or smoothed is None:
        return Estimate(value, denominator=units, note=TOO_FEW)
    centre = value * units / (units + 2)
    half = float(ndtri(0.975)) * math.sqrt(smoothed)
    low, high = min(bounds[0], centre - half), max(bounds[1], centre + half)
    method = bootstrap_method(replicates.size) if (low, high) == bounds else SMOOTHED
    return Estimate(value, max(-1.0, low), min(1.0, high), None, units, method)


def _margin(name: str, rate: Difference, margin: float, power: float) -> Margin:
    lower = rate.difference.low
    if lower is None or rate.smoothed is None:
        return Margin(name, False, None, None, None, f"Not shown for {name}: {rate.difference.note}")
    if rate.patients < FEWEST_PATIENTS:
        sentence = f"Not shown for {name}: {rate.patients} patients carry it, and {FEWEST_PATIENTS} are the fewest."
        return Margin(name, False, lower, None, None, sentence)
    reach = float(ndtri(0.975)) + float(ndtri(power))
    patients = math.ceil(rate.patients * reach**2 * rate.smoothed / margin**2)
    units = math.ceil(patients * rate.units / rate.patients)
    points = f"{100 * margin:g} points"
    if lower > -margin:
        sentence = f"Shown for {name}: a loss of {points} or more is outside the interval ({_points(lower)} points)."
        return Margin(name, True, lower, patients, units, sentence)
    what = {"sensitivity": "fractures", "specificity": "negatives"}.get(name, "vertebrae")
    sentence = (
        f"Not shown for {name}: the interval reaches down to {_points(lower)} points, and the margin is {points}. "
        f"About {patients:,} patients with {units:,} {what} would decide; here are {rate.patients:,} with "
        f"{rate.units:,}."
    )
    return Margin(name, False, lower, patients, units, sentence)


def _points(share: float) -> str:
    """A difference of shares in points, with the sign that people print."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _area(
    first_score: ArrayLike, second_score: ArrayLike, truth: Ints, patient: Ints, bootstrap: PatientBootstrap
) -> Estimate:
    one, two = (np.asarray(score, np.float64).ravel() for score in (first_score, second_score))
    if not one.size == two.size == truth.size:
        raise ValueError(f"Columns differ in length: {one.size} and {two.size} scores, {truth.size} verdicts.")
    both = np.isfinite(one) & np.isfinite(two) & _yes_or_no(truth)
    areas = [
        (
            roc_auc(score[both], truth[both]),
            replicated(rank_scores(score[both], truth[both], patient[both]), bootstrap).auc,
        )
        for score in (one, two)
    ]
    return coefficient(
        areas[1][0] - areas[0][0], areas[1][1] - areas[0][1], denominator=int(both.sum()), undefined=ONE_CLASS
    )
