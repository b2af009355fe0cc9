"""A number as it is printed: its value, its interval, how that was made, and why something is missing.

Where a table is degenerate (empty, nobody fractured, both readers constant), the value is None and the note says why in
a plain sentence; NaN stays inside this package.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from labeling.statistics.bootstrap import interval

__all__ = [
    "ALIKE",
    "CHANCE_HELD",
    "TOO_FEW",
    "WILSON",
    "WILSON_OVER_PATIENTS",
    "Estimate",
    "bootstrap_method",
    "coefficient",
    "missing",
    "plain",
    "quotient",
    "rate",
    "wilson",
    "wilson_rate",
]

WILSON: Final = "Wilson"
WILSON_OVER_PATIENTS: Final = "Wilson over patients"
CHANCE_HELD: Final = "Wilson over patients for the observed agreement, agreement by chance held fixed"

NOTHING: Final = "There is nothing to count here."
TOO_FEW: Final = "More than 5 % of the replicates are undefined: too few patients carry this. No interval is given."
ALIKE: Final = "All replicates are alike, so resampling says nothing of the uncertainty. No interval is given."


@dataclass(frozen=True)
class Estimate:
    """One number with its interval.

    numerator and denominator are given for rates and None for others (a coefficient has a denominator: the number of
    units compared). method is '' where there is no interval; note is '' where nothing is missing.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    numerator: int | None = None
    denominator: int | None = None
    method: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields by name; all of them are numbers, text or None."""
        return asdict(self)


def bootstrap_method(replicates: int) -> str:
    """How a percentile interval is named beside the number."""
    return f"percentile bootstrap over patients, {replicates:,} replicates"


def quotient(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """numerator / denominator by element, broadcast; NaN where the denominator is 0. No warning."""
    above, below = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    result = np.full(above.shape, np.nan)
    np.divide(above, below, out=result, where=below != 0)
    return result


def wilson(numerator: float, denominator: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a rate (Wilson 1927), for independent units only: cases or patients.

    Raises
    ------
    ValueError
        where the denominator is not positive or the numerator lies outside 0 to denominator.
    """
    if denominator <= 0 or not 0 <= numerator <= denominator:
        raise ValueError(f"A rate needs a numerator from 0 to its denominator, not {numerator} of {denominator}.")
    z = float(ndtri(1 - (1 - level) / 2))
    share = numerator / denominator
    spread = 1 + z * z / denominator
    centre = (share + z * z / (2 * denominator)) / spread
    half = z / spread * math.sqrt(share * (1 - share) / denominator + z * z / (4 * denominator * denominator))
    low = 0.0 if numerator == 0 else max(0.0, centre - half)
    high = 1.0 if numerator == denominator else min(1.0, centre + half)
    return low, high


def missing(note: str, *, numerator: int | None = None, denominator: int | None = None) -> Estimate:
    """No value, and the sentence that says why."""
    return Estimate(value=None, numerator=numerator, denominator=denominator, note=note)


def plain(value: float, *, numerator: int | None = None, denominator: int | None = None, note: str = "") -> Estimate:
    """A value without interval; None where it is not finite (then `note` says why, or that there is nothing)."""
    if not math.isfinite(value):
        return missing(note or NOTHING, numerator=numerator, denominator=denominator)
    return Estimate(value=float(value), numerator=numerator, denominator=denominator, note=note)


def wilson_rate(numerator: int, denominator: int, *, empty: str = NOTHING, level: float = 0.95) -> Estimate:
    """A rate of independent units (cases) with Wilson's interval."""
    if denominator == 0:
        return missing(empty, numerator=numerator, denominator=denominator)
    low, high = wilson(numerator, denominator, level)
    return Estimate(numerator / denominator, low, high, int(numerator), int(denominator), WILSON)


def rate(
    numerator: int,
    denominator: int,
    replicates: ArrayLike,
    *,
    patients: int,
    empty: str = NOTHING,
    level: float = 0.95,
) -> Estimate:
    """A rate of clustered units (vertebrae, slices) with its interval from the bootstrap by patient.

    Parameters
    ----------
    replicates
        (B,) the rate in each replicate, NaN where its denominator is 0 (see `quotient`).
    patients
        how many patients contribute to the denominator. At a rate of exactly 0 or 1 all replicates are alike; the bound
        is then Wilson's with that many patients, none (or all) of whom show the event.
    empty
        the sentence where the denominator is 0.
    """
    if denominator == 0:
        return missing(empty, numerator=int(numerator), denominator=0)
    value = numerator / denominator
    if numerator in (0, denominator):
        low, high = wilson(patients if numerator else 0, patients, level) if patients else (0.0, 1.0)
        return Estimate(value, low, high, int(numerator), int(denominator), WILSON_OVER_PATIENTS)
    return _bootstrapped(value, replicates, int(numerator), int(denominator), level)


def coefficient(
    value: float,
    replicates: ArrayLike,
    *,
    denominator: int | None = None,
    undefined: str = NOTHING,
    chance: float | None = None,
    patients: int = 0,
    level: float = 0.95,
) -> Estimate:
    """A number that is no rate (kappa, a difference, an area) with its interval from the bootstrap by patient.

    Parameters
    ----------
    value, replicates
        the number, and the number in each replicate (B,); NaN where undefined.
    denominator
        the number of units compared.
    undefined
        the sentence where the value is NaN.
    chance, patients
        for coefficients (observed - chance) / (1 - chance): where nothing disagrees, all replicates are 1 and say
        nothing. The lower bound is then that of Wilson's for the observed agreement over the contributing patients,
        with agreement by chance left where it is.
    """
    if not math.isfinite(value):
        return missing(undefined, denominator=denominator)
    if value == 1 and chance is not None and patients and chance < 1:
        agreed, _ = wilson(patients, patients, level)
        return Estimate(1.0, (agreed - chance) / (1 - chance), 1.0, None, denominator, CHANCE_HELD)
    return _bootstrapped(float(value), replicates, None, denominator, level)


def _bootstrapped(
    value: float, replicates: ArrayLike, numerator: int | None, denominator: int | None, level: float
) -> Estimate:
    drawn = np.asarray(replicates, np.float64)
    bounds = interval(drawn, level)
    if bounds is None:
        return Estimate(value, None, None, numerator, denominator, note=TOO_FEW)
    finite = drawn[np.isfinite(drawn)]
    # Sums in another order differ in the last bit; that is no spread.
    if float(finite.max() - finite.min()) <= 1e-12:
        return Estimate(value, None, None, numerator, denominator, note=ALIKE)
    return Estimate(value, bounds[0], bounds[1], numerator, denominator, bootstrap_method(drawn.size))
