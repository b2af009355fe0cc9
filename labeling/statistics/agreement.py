"""Coefficients of agreement as functions of tables of counts.

A table has the shape (..., K, K): rows are what reader A says, columns what reader B (or the reference) says, in the
same order of categories; leading axes are levels, replicates, pairs. Results have the shape (...), float64, and are NaN
where the coefficient is undefined. Nothing here warns.

In tables of two categories index 0 is *negative* and index 1 is *fracture*.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from labeling.statistics.estimates import quotient

__all__ = [
    "AO_CATEGORIES",
    "AO_WEIGHTS",
    "WEIGHTS",
    "bias_index",
    "chance_agreement",
    "cohen_kappa",
    "gwet_ac1",
    "gwet_ac2",
    "gwet_chance",
    "kappa_max",
    "mcnemar_exact",
    "negative_agreement",
    "observed_agreement",
    "pabak",
    "positive_agreement",
    "prevalence_index",
    "weighted_agreement",
    "weighted_kappa",
    "weights_of",
]

Floats = NDArray[np.float64]

#: The names `weights_of` knows.
WEIGHTS: Final = ("unweighted", "linear", "quadratic", "ao")

#: The categories of AO_WEIGHTS. B and C are injuries of the segment, not degrees of the body's: vertebrae of those
#: types stand outside these tables and are counted beside them.
AO_CATEGORIES: Final = ("none", "A1", "A2", "A3", "A4")

#: How much of an agreement it is when one reader says the row's type and the other the column's. A choice, and printed
#: with each number that rests on it:
#:
#: - Fracture or not decides what follows, so no credit is given across it, whatever the type.
#: - In harm, A1 < A3 < A4 (one endplate with the posterior wall whole; posterior wall broken with one endplate; with
#:   both). A3 and A4 are both bursts: three quarters. A1 and A3 differ in the posterior wall: half. A1 and A4: one
#:   quarter.
#: - A2 (split, pincer) has no place in that order, least of all between A1 and A3: half credit against each of them, so
#:   it is nearer to none of the three.
AO_WEIGHTS: Final[tuple[tuple[float, ...], ...]] = (
    (1.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.5, 0.5, 0.25),
    (0.0, 0.5, 1.0, 0.5, 0.5),
    (0.0, 0.5, 0.5, 1.0, 0.75),
    (0.0, 0.25, 0.5, 0.75, 1.0),
)

#: Below this share of its largest value a denominator is rounding.
_ROUNDING: Final = 1e-12


def weights_of(name: str, categories: int) -> Floats:
    """Weights of agreement by name, shape (categories, categories), 1 on the diagonal.

    linear: 1 - |i - j| / (K - 1); quadratic: 1 - (i - j)² / (K - 1)²; ao: AO_WEIGHTS, or for four categories those of
    A1 to A4 alone; unweighted: the identity.

    Raises
    ------
    ValueError
        for another name, or where `ao` is asked for a table that has neither 5 nor 4 categories.
    """
    place = np.arange(categories)
    apart = np.abs(place[:, np.newaxis] - place) / max(1, categories - 1)
    if name == "unweighted":
        return np.eye(categories)
    if name == "linear":
        return np.asarray(1 - apart)
    if name == "quadratic":
        return np.asarray(1 - apart**2)
    if name == "ao" and categories in (4, 5):
        return np.array(AO_WEIGHTS)[5 - categories :, 5 - categories :]
    if name == "ao":
        raise ValueError(f"AO weights are for none and A1 to A4, or A1 to A4 alone, not for {categories} categories.")
    raise ValueError(f"There are no weights named {name!r}. The names are {', '.join(WEIGHTS)}.")


def observed_agreement(table: ArrayLike) -> Floats:
    """Share of units on which both say the same."""
    cells = _cells(table)
    return quotient(np.einsum("ii...->...", cells), cells.sum(axis=(0, 1)))


def weighted_agreement(table: ArrayLike, weights: ArrayLike | str) -> Floats:
    """Mean weight over all units."""
    cells = _cells(table)
    return quotient(np.tensordot(_weights(weights, len(cells)), cells, 2), cells.sum(axis=(0, 1)))


def chance_agreement(table: ArrayLike, weights: ArrayLike | str = "unweighted") -> Floats:
    """Cohen's agreement by chance: what the two readers' margins alone would give."""
    cells = _cells(table)
    total = cells.sum(axis=(0, 1))
    return quotient(_by_chance(cells, _weights(weights, len(cells))), total * total)


def cohen_kappa(table: ArrayLike) -> Floats:
    """Cohen's kappa (Educ Psychol Meas 1960;20:37). Undefined where both give every unit the same one answer."""
    return weighted_kappa(table, "unweighted")


def weighted_kappa(table: ArrayLike, weights: ArrayLike | str) -> Floats:
    """Cohen's weighted kappa (Psychol Bull 1968;70:213) with weights of agreement, or their name."""
    cells = _cells(table)
    chosen = _weights(weights, len(cells))
    total = cells.sum(axis=(0, 1))
    chance = _by_chance(cells, chosen)
    return _over_chance(total * np.tensordot(chosen, cells, 2), chance, total * total)


def kappa_max(table: ArrayLike) -> Floats:
    """The largest kappa that the two readers' margins allow."""
    cells = _cells(table)
    total = cells.sum(axis=(0, 1))
    best = np.minimum(cells.sum(axis=1), cells.sum(axis=0)).sum(axis=0)
    return _over_chance(total * best, _by_chance(cells, np.eye(len(cells))), total * total)


def gwet_chance(table: ArrayLike, weights: ArrayLike | str = "unweighted") -> Floats:
    """Gwet's agreement by chance: T / (K (K - 1)) × Σ π (1 - π); T sums the weights, π is the mean of the margins."""
    cells = _cells(table)
    chosen = _weights(weights, len(cells))
    share = quotient((cells.sum(axis=1) + cells.sum(axis=0)) / 2, cells.sum(axis=(0, 1)))
    categories = len(cells)
    return np.asarray(chosen.sum() / max(1, categories * (categories - 1)) * (share * (1 - share)).sum(axis=0))


def gwet_ac1(table: ArrayLike) -> Floats:
    """Gwet's AC1 (Br J Math Stat Psychol 2008;61:29)."""
    return gwet_ac2(table, "unweighted")


def gwet_ac2(table: ArrayLike, weights: ArrayLike | str) -> Floats:
    """Gwet's AC2: AC1 with weights of agreement, or their name."""
    return _over_chance(weighted_agreement(table, weights), gwet_chance(table, weights), 1.0)


def pabak(table: ArrayLike) -> Floats:
    """Prevalence-adjusted bias-adjusted kappa (Byrt 1993): (K p - 1) / (K - 1); 2 p - 1 for two categories."""
    categories = np.shape(table)[-1]
    return np.asarray((categories * observed_agreement(table) - 1) / (categories - 1))


def prevalence_index(table: ArrayLike) -> Floats:
    """(both fracture - both negative) / all, from -1 to 1. Far from 0, kappa is low however well readers agree."""
    two = _two(table)
    return quotient(two[1, 1] - two[0, 0], two.sum(axis=(0, 1)))


def bias_index(table: ArrayLike) -> Floats:
    """(A alone fracture - B alone fracture) / all, from -1 to 1; positive where A calls more fractures than B."""
    two = _two(table)
    return quotient(two[1, 0] - two[0, 1], two.sum(axis=(0, 1)))


def positive_agreement(table: ArrayLike) -> Floats:
    """2 both fracture / (fractures of A + fractures of B): the Dice coefficient of the two sets of fractures."""
    two = _two(table)
    return quotient(2 * two[1, 1], 2 * two[1, 1] + two[0, 1] + two[1, 0])


def negative_agreement(table: ArrayLike) -> Floats:
    """2 both negative / (negatives of A + negatives of B)."""
    two = _two(table)
    return quotient(2 * two[0, 0], 2 * two[0, 0] + two[0, 1] + two[1, 0])


def mcnemar_exact(table: ArrayLike) -> Floats:
    """Two-sided exact p of McNemar's test: do the two readers call fracture equally often?

    Holds for independent units only, so for tables of cases; never for vertebrae or slices, which are alike within a
    patient. 1 where nothing is discordant.
    """
    two = _two(table)
    fewer = np.minimum(two[0, 1], two[1, 0])
    discordant = two[0, 1] + two[1, 0]
    # The binomial distribution's own function wants a trial; with none, p is 1 all the same.
    return np.asarray(np.minimum(1.0, 2 * bdtr(fewer, np.maximum(discordant, 1).astype(np.int64), 0.5)))


def _cells(table: ArrayLike) -> Floats:
    """The table with its categories in front, shape (K, K, ...): sums over them then run along memory."""
    counts = np.asarray(table, np.float64)
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2]:
        raise ValueError(f"A table of two readers has as many rows as columns; this one has the shape {counts.shape}.")
    return np.ascontiguousarray(np.moveaxis(counts, (-2, -1), (0, 1)))


def _two(table: ArrayLike) -> Floats:
    cells = _cells(table)
    if len(cells) != 2:
        raise ValueError(f"This coefficient is for fracture yes or no, not for {len(cells)} categories.")
    return cells


def _weights(weights: ArrayLike | str, categories: int) -> Floats:
    chosen = weights_of(weights, categories) if isinstance(weights, str) else np.asarray(weights, np.float64)
    if chosen.shape != (categories, categories):
        raise ValueError(f"Weights of shape {chosen.shape} do not fit a table of {categories} categories.")
    return chosen


def _by_chance(cells: Floats, weights: Floats) -> Floats:
    """Σ w × row margin × column margin: agreement by chance times the square of the total. Exact for whole weights."""
    weighted = np.tensordot(weights, cells.sum(axis=0), 1)
    return np.asarray((cells.sum(axis=1) * weighted).sum(axis=0))


def _over_chance(observed: ArrayLike, chance: ArrayLike, whole: ArrayLike) -> Floats:
    """(observed - chance) / (whole - chance); NaN where chance is the whole."""
    left = np.asarray(whole, np.float64) - np.asarray(chance, np.float64)
    left = np.where(left > _ROUNDING * np.asarray(whole, np.float64), left, 0.0)
    return quotient(np.asarray(observed, np.float64) - np.asarray(chance, np.float64), left)
