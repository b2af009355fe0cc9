"""Speed and accuracy by position in a session: do readers tire, and do they hurry?

Each row is one case that one reader read. Trends are taken within readers: whoever reads slowly and stops early would
otherwise look like everybody slowing down at the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.estimates import TOO_FEW, Estimate, coefficient, missing, quotient, rate

DEFAULT_BINS = (1, 6, 11, 21, 41)
FEWEST_FOR_TREND = 3

NOTHING_TIMED = "No case here carries a time."
NOTHING_ASSESSED = "No vertebra here can be judged against a reference."
NO_TREND = f"A trend needs {FEWEST_FOR_TREND} cases of one reader at different positions."

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Positions `first` to `last` (None: and later), counted from 1."""

    first: int
    last: int | None
    cases: int
    seconds: Estimate
    """Median seconds per case."""
    accuracy: Estimate

    @property
    def title(self) -> str:
        if self.last is None:
            return f"{self.first} and later"
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "first": self.first,
            "last": self.last,
            "cases": self.cases,
            "seconds": self.seconds.as_json(),
            "accuracy": self.accuracy.as_json(),
        }


@dataclass(frozen=True)
class Sessions:
    """speed_trend: relative change of seconds with each further case (-0.01 is 1 % faster), from the slope of log
    seconds. accuracy_trend: change of the share of vertebrae judged right with each further case.
    Both within readers."""

    bins: tuple[Bin, ...]
    speed_trend: Estimate
    accuracy_trend: Estimate

    def as_json(self) -> dict[str, Any]:
        return {
            "bins": [one.as_json() for one in self.bins],
            "speed_trend": self.speed_trend.as_json(),
            "accuracy_trend": self.accuracy_trend.as_json(),
        }


def by_position(
    seconds: ArrayLike,
    correct: ArrayLike,
    assessed: ArrayLike,
    position: ArrayLike,
    reader: ArrayLike,
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
    bins: Sequence[int] = DEFAULT_BINS,
) -> Sessions:
    """Median seconds and accuracy by bins of position, and both trends, with intervals by patient.

    Parameters
    ----------
    seconds
        (N,) time at the case; NaN or not positive where unknown.
    correct, assessed
        (N,) vertebrae judged right, of those that can be judged; 0 and 0 where there is no reference.
    position
        (N,) 1 for the first case of a session.
    reader, patient
        (N,) numbers from 0; `bootstrap` draws the patients.
    bins
        first positions of the bins, ascending, beginning at 1.

    Raises
    ------
    ValueError
        where columns differ in length, more are correct than assessed, a position is below 1, or bins do not ascend.
    """
    rows = _Rows.of(seconds, correct, assessed, position, reader, patient, bootstrap)
    starts = list(bins)
    if not starts or starts[0] != 1 or any(b <= a for a, b in pairwise(starts)):
        raise ValueError(f"Bins of positions begin at 1 and ascend; these are {starts}.")
    ends = [start - 1 for start in starts[1:]] + [None]
    return Sessions(
        tuple(rows.bin(start, end) for start, end in zip(starts, ends, strict=True)),
        rows.speed_trend(),
        rows.accuracy_trend(),
    )


@dataclass(frozen=True)
class _Rows:
    seconds: Floats
    correct: NDArray[np.int64]
    assessed: NDArray[np.int64]
    position: NDArray[np.int64]
    reader: NDArray[np.int64]
    patient: NDArray[np.int64]
    bootstrap: PatientBootstrap

    @classmethod
    def of(cls, *columns: Any) -> "_Rows":
        names = ("seconds", "correct", "assessed", "position", "reader", "patient")
        arrays = [np.asarray(column).ravel() for column in columns[:6]]
        if len({array.size for array in arrays}) > 1:
            told = ", ".join(f"{name} {array.size}" for name, array in zip(names, arrays, strict=True))
            raise ValueError(f"Columns of the sessions differ in length: {told}. Give one value a case in each.")
        seconds = arrays[0].astype(np.float64)
        correct, assessed, position, reader, patient = (array.astype(np.int64) for array in arrays[1:])
        timed = np.where(seconds > 0, seconds, np.nan)
        rows = cls(timed, correct, assessed, position, reader, patient, columns[6])
        if rows.position.size and rows.position.min() < 1:
            raise ValueError(f"Positions in a session count from 1; here is {rows.position.min()}.")
        if (rows.correct > rows.assessed).any() or (rows.correct < 0).any():
            raise ValueError("In one case more vertebrae are correct than assessed, or under 0. Count them again.")
        if rows.reader.size and rows.reader.min() < 0:
            raise ValueError("Readers are numbered from 0; here is a number under 0.")
        if rows.patient.size and (rows.patient.min() < 0 or rows.patient.max() >= rows.bootstrap.patients):
            raise ValueError(f"Patients are numbered from 0 to {rows.bootstrap.patients - 1}; here is another number.")
        return rows

    def bin(self, first: int, last: int | None) -> Bin:
        inside = (self.position >= first) & (True if last is None else self.position <= last)
        return Bin(first, last, int(inside.sum()), self._median(inside), self._accuracy(inside))

    def _accuracy(self, inside: NDArray[np.bool_]) -> Estimate:
        counts = self._sums(np.stack([self.correct, self.assessed], axis=1)[inside], self.patient[inside])
        totals = self.bootstrap.totals(counts)
        numerator, denominator = (int(total) for total in counts.sum(axis=0))
        contributing = int((counts[:, 1] > 0).sum())
        replicates = quotient(totals[:, 0], totals[:, 1])
        return rate(numerator, denominator, replicates, patients=contributing, empty=NOTHING_ASSESSED)

    def _median(self, inside: NDArray[np.bool_]) -> Estimate:
        timed = inside & np.isfinite(self.seconds)
        size = int(timed.sum())
        if not size:
            return missing(NOTHING_TIMED, denominator=0)
        order = np.argsort(self.seconds[timed], kind="stable")
        seconds, patient = self.seconds[timed][order], self.patient[timed][order]
        value = float(np.median(seconds))
        if np.unique(patient).size < 2:
            return Estimate(value, None, None, None, size, note=TOO_FEW)
        return coefficient(value, self._medians(seconds, patient), denominator=size)

    def _medians(self, seconds: Floats, patient: NDArray[np.int64]) -> Floats:
        """(replicates,) medians of the ascending seconds, each taken as often as its patient was drawn.

        The median only needs the cumulative count of draws at each place. Patients are drawn in slices of places, so
        memory stays at replicates x 512 however many cases a bin holds.
        """
        whose, row_of = np.unique(patient, return_inverse=True)
        drawn = self._drawn_per_patient(whose)
        total = drawn @ np.bincount(row_of, minlength=whose.size).astype(np.float64)
        lower, upper = np.floor((total - 1) / 2), np.floor(total / 2)
        low, high = np.full(total.size, np.nan), np.full(total.size, np.nan)
        passed = np.zeros(total.size)
        for start in range(0, seconds.size, 512):
            places = slice(start, start + 512)
            reached = passed[:, np.newaxis] + np.cumsum(drawn[:, row_of[places]], axis=1, dtype=np.float64)
            for wanted, found in ((lower, low), (upper, high)):
                here = np.isnan(found) & (reached[:, -1] > wanted) & (total > 0)
                found[here] = seconds[places][(reached[here] > wanted[here, np.newaxis]).argmax(axis=1)]
            passed = reached[:, -1]
        return (low + high) / 2

    def _drawn_per_patient(self, whose: NDArray[np.int64]) -> NDArray[np.float32]:
        """(replicates, patients of `whose`) how often each was drawn; small whole numbers."""
        # The draws themselves: the identity through `totals` would be a product of patients x patients.
        return self.bootstrap._weights[:, whose].astype(np.float32)

    def speed_trend(self) -> Estimate:
        timed = np.isfinite(self.seconds)
        logs = np.log(np.where(timed, self.seconds, 1.0))
        value, replicates, size = self._slope(logs, timed.astype(np.float64))
        if not np.isfinite(value):
            return missing(NO_TREND if timed.any() else NOTHING_TIMED, denominator=size)
        return coefficient(float(np.expm1(value)), np.expm1(replicates), denominator=size)

    def accuracy_trend(self) -> Estimate:
        share = quotient(self.correct, self.assessed)
        weights = self.assessed.astype(np.float64)
        value, replicates, size = self._slope(np.where(weights > 0, share, 0.0), weights)
        if not np.isfinite(value):
            return missing(NO_TREND if weights.any() else NOTHING_ASSESSED, denominator=size)
        return coefficient(value, replicates, denominator=size)

    def _slope(self, y: Floats, weights: Floats) -> tuple[float, Floats, int]:
        """Weighted slope of y on position with an intercept per reader, from sums alone: value, replicates, cases."""
        used = weights > 0
        size = int(used.sum())
        if not any(
            np.unique(self.position[used & (self.reader == one)]).size > 1
            and (used & (self.reader == one)).sum() >= FEWEST_FOR_TREND
            for one in np.unique(self.reader[used])
        ):
            return np.nan, np.full(self.bootstrap.replicates, np.nan), size
        names, reader = np.unique(self.reader[used], return_inverse=True)
        # Centred beforehand: sums of squares of large positions would lose digits.
        x = self.position[used] - self.position[used].mean()
        y, w = y[used] - y[used].mean(), weights[used]
        terms = np.stack([w, w * x, w * y, w * x * x, w * x * y], axis=1)
        spread_out = np.zeros((size, names.size, terms.shape[1]))
        spread_out[np.arange(size), reader] = terms
        counts = self._sums(spread_out.reshape(size, -1), self.patient[used])
        totals = self.bootstrap.totals(counts)
        shape = (-1, names.size, terms.shape[1])
        value = _within(counts.sum(axis=0).reshape(shape))[0]
        return float(value), _within(totals.reshape(shape)), size

    def _sums(self, terms: NDArray[Any], patient: NDArray[np.int64]) -> NDArray[Any]:
        """(patients, C) sums of the rows' terms."""
        sums = np.zeros((self.bootstrap.patients, terms.shape[1]), terms.dtype)
        np.add.at(sums, patient, terms)
        return sums


def _within(sums: Floats) -> Floats:
    """(B, readers, 5) sums of w, wx, wy, wxx, wxy -> (B,) slope with an intercept for each reader."""
    w, wx, wy, wxx, wxy = np.moveaxis(sums, -1, 0)
    across = wxy - np.where(w > 0, quotient(wx * wy, w), 0.0)
    along = wxx - np.where(w > 0, quotient(wx * wx, w), 0.0)
    below = along.sum(axis=1)
    # What is left of rounding where a draw holds one position only is no spread.
    return quotient(across.sum(axis=1), np.where(below > 1e-9 * np.maximum(1.0, np.abs(wxx).sum(axis=1)), below, 0.0))
