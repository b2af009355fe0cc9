"""Every rate of a 2x2 table, over any number of tables at once.

`counts` has the shape (..., 4): true positives, false positives, false negatives, true negatives. Each function gives
(...), float64, NaN where its denominator is 0; nothing warns. Counts may be weighted (real numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.estimates import quotient

__all__ = [
    "FN",
    "FP",
    "FRACTIONS",
    "LABELS",
    "RATES",
    "TN",
    "TP",
    "Fraction",
    "rate_of",
]

Floats = NDArray[np.float64]

TP: Final = 0
FP: Final = 1
FN: Final = 2
TN: Final = 3


@dataclass(frozen=True, slots=True)
class Fraction:
    """A rate that is k of n: which cells make k, and which n; `empty` is the sentence where n is 0."""

    numerator: tuple[int, ...]
    denominator: tuple[int, ...]
    empty: str


_NO_POSITIVES: Final = "The reference holds no fracture among what was judged."
_NO_NEGATIVES: Final = "The reference holds no negative among what was judged."
_NO_CALLS: Final = "The reader called no fracture."
_NO_CLEARED: Final = "The reader called nothing negative."
_EMPTY: Final = "Nothing was judged by both the reader and the reference."

FRACTIONS: Final[Mapping[str, Fraction]] = {
    "sensitivity": Fraction((TP,), (TP, FN), _NO_POSITIVES),
    "specificity": Fraction((TN,), (FP, TN), _NO_NEGATIVES),
    "accuracy": Fraction((TP, TN), (TP, FP, FN, TN), _EMPTY),
    "ppv": Fraction((TP,), (TP, FP), _NO_CALLS),
    "npv": Fraction((TN,), (FN, TN), _NO_CLEARED),
    "false_discovery": Fraction((FP,), (TP, FP), _NO_CALLS),
    "false_omission": Fraction((FN,), (FN, TN), _NO_CLEARED),
    "prevalence": Fraction((TP, FN), (TP, FP, FN, TN), _EMPTY),
}

LABELS: Final[Mapping[str, str]] = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "false_discovery": "False discovery rate",
    "false_omission": "False omission rate",
    "f_score": "F score",
    "prevalence": "Prevalence",
    "lr_positive": "Positive likelihood ratio",
    "lr_negative": "Negative likelihood ratio",
    "balanced_accuracy": "Balanced accuracy",
    "matthews": "Matthews correlation",
}
"""All rates in the order in which the table prints them."""


def _table(counts: ArrayLike) -> Floats:
    table = np.asarray(counts, np.float64)
    if table.ndim == 0 or table.shape[-1] != 4:
        raise ValueError(f"A 2x2 table has four counts (TP, FP, FN, TN) along its last axis, not {table.shape}.")
    return table


def _fraction(name: str) -> Callable[[ArrayLike], Floats]:
    one = FRACTIONS[name]

    def value(counts: ArrayLike) -> Floats:
        table = _table(counts)
        return quotient(table[..., one.numerator].sum(axis=-1), table[..., one.denominator].sum(axis=-1))

    return value


def _f_score(counts: ArrayLike) -> Floats:
    table = _table(counts)
    found = 2 * table[..., TP]
    return quotient(found, found + table[..., FP] + table[..., FN])


def _lr_positive(counts: ArrayLike) -> Floats:
    """Infinite without false alarms; that is undefined here, so that no interval is made of it."""
    table = _table(counts)
    return quotient(rate_of("sensitivity", table), quotient(table[..., FP], table[..., FP] + table[..., TN]))


def _lr_negative(counts: ArrayLike) -> Floats:
    table = _table(counts)
    return quotient(quotient(table[..., FN], table[..., TP] + table[..., FN]), rate_of("specificity", table))


def _balanced_accuracy(counts: ArrayLike) -> Floats:
    return (rate_of("sensitivity", counts) + rate_of("specificity", counts)) / 2


def _matthews(counts: ArrayLike) -> Floats:
    """Undefined where a row or column of the table is empty (scikit-learn says 0 there)."""
    table = _table(counts)
    tp, fp, fn, tn = (table[..., cell] for cell in (TP, FP, FN, TN))
    margins = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return quotient(tp * tn - fp * fn, margins)


RATES: Final[Mapping[str, Callable[[ArrayLike], Floats]]] = {
    "sensitivity": _fraction("sensitivity"),
    "specificity": _fraction("specificity"),
    "accuracy": _fraction("accuracy"),
    "ppv": _fraction("ppv"),
    "npv": _fraction("npv"),
    "false_discovery": _fraction("false_discovery"),
    "false_omission": _fraction("false_omission"),
    "f_score": _f_score,
    "prevalence": _fraction("prevalence"),
    "lr_positive": _lr_positive,
    "lr_negative": _lr_negative,
    "balanced_accuracy": _balanced_accuracy,
    "matthews": _matthews,
}


def rate_of(name: str, counts: ArrayLike) -> Floats:
    """One rate by its name in `RATES`: counts (..., 4) to (...)."""
    return RATES[name](counts)
