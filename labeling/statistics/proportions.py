"""Rates of independent units, which here are cases or patients and never vertebrae: two of them, or one table of pairs.

Wilson's interval of one rate stands in `estimates`. What is said of vertebrae or slices goes by the bootstrap over
patients instead.
"""

from __future__ import annotations

import math

from scipy.special import bdtr

from labeling.statistics.estimates import wilson

__all__ = ["mcnemar_exact", "newcombe"]


def newcombe(k_first: int, n_first: int, k_second: int, n_second: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of second minus first rate of two independent groups (Newcombe 1998, method 10: from Wilson's bounds).

    Raises
    ------
    ValueError
        where a group is empty or a count lies outside it.
    """
    first, second = k_first / max(n_first, 1), k_second / max(n_second, 1)
    low_first, high_first = wilson(k_first, n_first, level)
    low_second, high_second = wilson(k_second, n_second, level)
    difference = second - first
    below = math.hypot(second - low_second, high_first - first)
    above = math.hypot(high_second - second, first - low_first)
    return difference - below, difference + above


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's exact test from the two discordant counts; 1 where nothing is discordant.

    For cases alone: vertebrae of one patient are no independent pairs.

    Raises
    ------
    ValueError
        for a negative count.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"Counts are 0 or more, not {only_first} and {only_second}.")
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(only_first, only_second), discordant, 0.5)))
