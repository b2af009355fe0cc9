"""A 2x2 table with all its rates and their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.estimates import Estimate, coefficient, rate, wilson_rate
from labeling.statistics.rates import FN, FP, FRACTIONS, RATES, TN, TP

__all__ = ["TwoByTwo", "cell_of", "two_by_two"]

Ints = NDArray[np.int64]

UNDEFINED: Final[Mapping[str, str]] = {
    "f_score": "There is no fracture, neither called nor in the reference.",
    "lr_positive": "Without a fracture, a negative or a false alarm this ratio is not defined.",
    "lr_negative": "Without a fracture, a negative or one called negative this ratio is not defined.",
    "balanced_accuracy": "This needs both fractures and negatives in the reference.",
    "matthews": "This needs fractures and negatives both in the reference and called by the reader.",
}


@dataclass(frozen=True)
class TwoByTwo:
    """Counts and rates; `rates` holds every name of `rates.RATES` (or those asked for), in that order."""

    tp: int
    fp: int
    fn: int
    tn: int
    rates: Mapping[str, Estimate]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.tp, self.fp, self.fn, self.tn

    def as_json(self) -> dict[str, Any]:
        return {
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "tn": self.tn,
            "rates": {name: one.as_json() for name, one in self.rates.items()},
        }


def cell_of(called: NDArray[np.bool_], fractured: NDArray[np.bool_]) -> Ints:
    """(N,) the cell of each unit: TP, FP, FN or TN as `rates` numbers them."""
    return np.where(fractured, np.where(called, TP, FN), np.where(called, FP, TN)).astype(np.int64)


def two_by_two(
    counts: Ints,
    bootstrap: PatientBootstrap,
    *,
    independent: bool = False,
    names: tuple[str, ...] = tuple(RATES),
) -> TwoByTwo:
    """The table of counts (patients, 4) and its rates.

    independent
        Each patient contributes one unit at most (cases): rates then carry Wilson's interval. What is no k of n (F
        score, likelihood ratios, Matthews) goes by the bootstrap in either case.
    """
    total = counts.sum(axis=0)
    drawn = bootstrap.totals(counts)
    rates: dict[str, Estimate] = {}
    for name in names:
        if name not in FRACTIONS:
            value = float(RATES[name](total))
            of = int(total.sum())
            rates[name] = coefficient(value, RATES[name](drawn), denominator=of, undefined=UNDEFINED[name])
            continue
        one = FRACTIONS[name]
        k, n = int(total[list(one.numerator)].sum()), int(total[list(one.denominator)].sum())
        if independent:
            rates[name] = wilson_rate(k, n, empty=one.empty)
            continue
        bearing = int((counts[:, one.denominator].sum(axis=1) > 0).sum())
        rates[name] = rate(k, n, RATES[name](drawn), patients=bearing, empty=one.empty)
    tp, fp, fn, tn = (int(number) for number in total)
    return TwoByTwo(tp, fp, fn, tn, rates)
