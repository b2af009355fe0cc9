"""Formulas of the reviewer's script: estimates, the bootstrap by patient, 2 x 2 tables, agreement of readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

Tree = dict[str, Any]
Array = Any

#: Verdicts and AO types as numbers. Of a vertebra, ABSENT: nothing is said.
ABSENT, NEGATIVE, FRACTURE, INDETERMINATE, NOT_ASSESSABLE = -1, 0, 1, 2, 3
VERDICTS = {"absent": -1, "negative": 0, "fracture": 1, "indeterminate": 2, "not assessable": 3}
TYPES = {"A1": 1, "A2": 2, "A3": 3, "A4": 4, "B": 5, "C": 6}
AO = {"no type": -1, "none": 0, **TYPES}
Z = NormalDist().inv_cdf(0.975)


class Draws:
    """The bootstrap: row r of `integers(0, patients, (replicates, patients))` lists the patients of replicate r."""

    def __init__(self, patients: int, replicates: int, seed: int) -> None:
        self.patients, self.replicates = patients, replicates
        self.weights = np.zeros((replicates, patients))
        if patients:
            drawn = np.random.default_rng(seed).integers(0, patients, (replicates, patients))
            for row, those in enumerate(drawn):
                self.weights[row] = np.bincount(those, minlength=patients)

    def totals(self, counts: Array) -> Array:
        """Counts (patients, ...) summed over the patients of each replicate: (replicates, ...)."""
        counts = np.asarray(counts, float)
        flat = counts.reshape(self.patients, int(np.prod(counts.shape[1:], dtype=int)))
        return (self.weights @ flat).reshape(self.replicates, *counts.shape[1:])


def over(above: Array, below: Array) -> Array:
    """above / below; NaN where below is 0."""
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)


def estimate(
    value: float | None, low: float | None = None, high: float | None = None, k: int | None = None, n: int | None = None
) -> Tree:
    return {"value": value, "low": low, "high": high, "numerator": k, "denominator": n}


def wilson(k: float, n: float) -> tuple[float, float]:
    """Wilson's score interval (1927)."""
    p, spread = k / n, 1 + Z * Z / n
    centre, half = (p + Z * Z / (2 * n)) / spread, Z / spread * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return (0.0 if k == 0 else max(0.0, centre - half)), (1.0 if k == n else min(1.0, centre + half))


def percentiles(drawn: Array) -> tuple[float, float] | None:
    """2.5 and 97.5 per cent of the replicates; none where more than 5 % of them are undefined."""
    known = np.asarray(drawn, float)[np.isfinite(drawn)]
    if not known.size or np.size(drawn) - known.size > 0.05 * np.size(drawn):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def interval(drawn: Array) -> tuple[float, float] | tuple[None, None]:
    """As `percentiles`, and none where all replicates are alike."""
    found = percentiles(drawn)
    if found is None or np.nanmax(drawn[np.isfinite(drawn)]) - np.nanmin(drawn[np.isfinite(drawn)]) <= 1e-12:
        return None, None
    return found


def rate(k: float, n: float, drawn: Array, bearing: int) -> Tree:
    """k of n. At 0 and n all replicates are alike: Wilson's bound over the `bearing` patients stands instead."""
    k, n = int(k), int(n)
    if n == 0:
        return estimate(None, k=k, n=0)
    if k in (0, n):
        low, high = wilson(bearing if k else 0, bearing)
        return estimate(k / n, low, high, k, n)
    return {**estimate(k / n, *interval(drawn)), "numerator": k, "denominator": n}


def wilson_rate(k: float, n: float) -> Tree:
    """k of n independent units (cases)."""
    k, n = int(k), int(n)
    return estimate(k / n, *wilson(k, n), k, n) if n else estimate(None, k=k, n=0)


def coefficient(
    value: float, drawn: Array, n: int | None = None, chance: float | None = None, bearing: int = 0
) -> Tree:
    """A number that is no rate. Where nothing disagrees: Wilson's bound for the agreement, chance left as it is."""
    value = float(value)
    if not math.isfinite(value):
        return estimate(None, n=n)
    if value == 1 and chance is not None and bearing and chance < 1:
        return estimate(1.0, (wilson(bearing, bearing)[0] - float(chance)) / (1 - float(chance)), 1.0, None, n)
    return {**estimate(value, *interval(drawn)), "denominator": n}


def plain(value: float, n: int | None = None) -> Tree:
    return estimate(float(value) if math.isfinite(value) else None, n=n)


def per_patient(cell: Array, patient: Array, patients: int, cells: int) -> Array:
    """(patients, cells) how many units of each patient fall into each cell; -1 is left out."""
    kept = cell >= 0
    return np.bincount(patient[kept] * cells + cell[kept], minlength=patients * cells).reshape(patients, cells)


def share(event: Array, among: Array, patient: Array, draws: Draws) -> Tree:
    """The share of `event` among `among`, by patient."""
    counts = per_patient(np.where(among, (event & among).astype(int), -1), patient, draws.patients, 2)
    drawn = draws.totals(counts)
    return rate(counts[:, 1].sum(), counts.sum(), over(drawn[:, 1], drawn.sum(1)), int((counts.sum(1) > 0).sum()))


# -- the 2 x 2 table ---------------------------------------------------------------------------------------------------

TP, FP, FN, TN = 0, 1, 2, 3
#: Rates that are k of n: the cells of k, and those of n.
FRACTIONS = {
    "sensitivity": ((TP,), (TP, FN)),
    "specificity": ((TN,), (FP, TN)),
    "accuracy": ((TP, TN), (TP, FP, FN, TN)),
    "ppv": ((TP,), (TP, FP)),
    "npv": ((TN,), (FN, TN)),
    "false_discovery": ((FP,), (TP, FP)),
    "false_omission": ((FN,), (FN, TN)),
    "prevalence": ((TP, FN), (TP, FP, FN, TN)),
}
MAIN = ("sensitivity", "specificity", "accuracy")
ALL = (*FRACTIONS, "f_score", "lr_positive", "lr_negative", "balanced_accuracy", "matthews")


def rate_of(name: str, counts: Array) -> Array:
    """A rate of tables (..., 4)."""
    counts = np.asarray(counts, float)
    tp, fp, fn, tn = (counts[..., cell] for cell in range(4))
    if name in FRACTIONS:
        k, n = FRACTIONS[name]
        return over(counts[..., k].sum(-1), counts[..., n].sum(-1))
    if name == "f_score":
        return over(2 * tp, 2 * tp + fp + fn)
    found, spared = over(tp, tp + fn), over(tn, fp + tn)
    if name == "lr_positive":
        return over(found, over(fp, fp + tn))
    if name == "lr_negative":
        return over(over(fn, tp + fn), spared)
    if name == "balanced_accuracy":
        return (found + spared) / 2
    return over(tp * tn - fp * fn, np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn))


def two_by_two(counts: Array, draws: Draws, names: Sequence[str] = ALL, independent: bool = False) -> Tree:
    """Counts (patients, 4) and rates; `independent`: each patient gives one case, so that Wilson's interval holds."""
    total, drawn, rates = counts.sum(0), draws.totals(counts), {}
    for name in names:
        if name not in FRACTIONS:
            rates[name] = coefficient(rate_of(name, total), rate_of(name, drawn), int(total.sum()))
            continue
        k, n = (int(total[list(cells)].sum()) for cells in FRACTIONS[name])
        bearing = int((counts[:, list(FRACTIONS[name][1])].sum(1) > 0).sum())
        rates[name] = wilson_rate(k, n) if independent else rate(k, n, rate_of(name, drawn), bearing)
    return {**dict(zip(("tp", "fp", "fn", "tn"), map(int, total), strict=True)), "rates": rates}


def cell_of(called: Array, fractured: Array) -> Array:
    return np.where(fractured, np.where(called, TP, FN), np.where(called, FP, TN))


def decides(verdict: Array) -> Array:
    return (verdict == NEGATIVE) | (verdict == FRACTURE)


# -- agreement of two --------------------------------------------------------------------------------------------------

#: Weights of agreement of none, A1, A2, A3, A4: no credit between fracture and none, the rest by harm.
AO_WEIGHTS = np.array(
    [[1, 0, 0, 0, 0], [0, 1, 0.5, 0.5, 0.25], [0, 0.5, 1, 0.5, 0.5], [0, 0.5, 0.5, 1, 0.75], [0, 0.25, 0.5, 0.75, 1]]
)


def chance_corrected(agreed: Array, chance: Array, whole: Array) -> Array:
    """(agreed - chance) / (whole - chance); NaN where chance is the whole."""
    left = np.asarray(whole - chance, float)
    return over(agreed - chance, np.where(left > 1e-12 * np.asarray(whole, float), left, 0))


def coefficients(table: Array, w: Array) -> dict[str, Array]:
    """Of tables (..., K, K), rows A and columns B, with weights w: all coefficients of two readers."""
    table = np.asarray(table, float)
    n, a, b = table.sum((-2, -1)), table.sum(-1), table.sum(-2)
    share_of = over((a + b) / 2, n[..., None])
    k = len(w)
    by_chance = (a * (b @ w.T)).sum(-1)
    gwet = w.sum() / max(1, k * (k - 1)) * (share_of * (1 - share_of)).sum(-1)
    observed = over((table * w).sum((-2, -1)), n)
    return {
        "observed": observed,
        "chance": over(by_chance, n * n),
        # Cohen: chance from both margins, in counts, so that whole numbers stay exact.
        "kappa": chance_corrected(n * (table * w).sum((-2, -1)), by_chance, n * n),
        "kappa_max": chance_corrected(n * np.minimum(a, b).sum(-1), by_chance, n * n),
        # Gwet's AC1 (AC2 with weights): chance from the mean of the margins.
        "gwet": chance_corrected(observed, gwet, np.ones_like(gwet)),
        "gwet_chance": gwet,
    }


def binary(by_patient: Array, draws: Draws) -> Tree:
    """Of (patients, 2, 2) counts of no and yes: agreement on yes or no."""
    one, two = np.eye(2), by_patient.sum(0)
    drawn = draws.totals(by_patient)
    here, there = coefficients(two, one), coefficients(drawn, one)
    (neither, b_alone), (a_alone, both) = two.tolist()
    n, apart = int(two.sum()), a_alone + b_alone
    bearing = int(by_patient.any((1, 2)).sum())
    off = by_patient[:, 0, 1] + by_patient[:, 1, 0]

    def specific(cell: int) -> Tree:
        # Positive (negative) agreement: 2 both / (yes of A + yes of B).
        k = 2 * two[cell, cell]
        those = over(2 * drawn[:, cell, cell], 2 * drawn[:, cell, cell] + drawn[:, 0, 1] + drawn[:, 1, 0])
        return rate(k, k + apart, those, int(((by_patient[:, cell, cell] + off) > 0).sum()))

    def index(yes: tuple[int, int], no: tuple[int, int]) -> Tree:
        value, those = (over(t[..., *yes] - t[..., *no], t.sum((-2, -1))) for t in (two, drawn))
        return coefficient(value, those, n)

    return {
        "table": [[neither, b_alone], [a_alone, both]],
        "compared": n,
        "patients": bearing,
        "observed": rate(neither + both, n, there["observed"], bearing),
        "kappa": coefficient(here["kappa"], there["kappa"], n, here["chance"], bearing),
        "kappa_max": plain(float(here["kappa_max"]), n),
        "ac1": coefficient(here["gwet"], there["gwet"], n, here["gwet_chance"], bearing),
        # PABAK: 2 p - 1.
        "pabak": coefficient(2 * here["observed"] - 1, 2 * there["observed"] - 1, n, 0.5, bearing),
        "prevalence_index": index((1, 1), (0, 0)),
        "bias_index": index((1, 0), (0, 1)),
        "positive": specific(1),
        "negative": specific(0),
    }


def typed(by_patient: Array, draws: Draws, weights: Array) -> Tree:
    """Of (patients, K, K) counts of AO types."""
    table, drawn, same = by_patient.sum(0), draws.totals(by_patient), np.eye(by_patient.shape[1])
    n, bearing = int(table.sum()), int(by_patient.any((1, 2)).sum())
    plain_, plain_drawn = coefficients(table, same), coefficients(drawn, same)
    here, there = coefficients(table, weights), coefficients(drawn, weights)

    def of(name: str, chance: str, value: Tree, those: Tree) -> Tree:
        return coefficient(value[name], those[name], n, value[chance] if chance else 0.0, bearing)

    return {
        "weights": weights.tolist(),
        "table": table.tolist(),
        "compared": n,
        "patients": bearing,
        "observed": rate(int(np.trace(table)), n, plain_drawn["observed"], bearing),
        "weighted_observed": of("observed", "", here, there),
        "kappa": of("kappa", "chance", plain_, plain_drawn),
        "weighted_kappa": of("kappa", "chance", here, there),
        "ac1": of("gwet", "gwet_chance", plain_, plain_drawn),
        "ac2": of("gwet", "gwet_chance", here, there),
    }


def mcnemar(first_alone: int, second_alone: int) -> float:
    """Exact two-sided p of the discordant pairs."""
    n = first_alone + second_alone
    below = sum(math.comb(n, k) for k in range(min(first_alone, second_alone) + 1))
    return min(1.0, 2 * below / 2**n) if n else 1.0


def answers(verdict: Array, ao: Array) -> Array:
    """0 negative, 1 to 6 the AO type, 7 a fracture without type, -1 neither yes nor no."""
    return np.where(verdict == FRACTURE, np.where(ao > 0, ao, 7), np.where(verdict == NEGATIVE, 0, -1))


# -- agreement of more than two ----------------------------------------------------------------------------------------


def reliability(said: Array, patient: Array, draws: Draws) -> Tree:
    """said (R, N) as `answers`. Fracture yes or no; AO types by name; with AO weights; and along harm (ordinal)."""
    counts = np.stack([(said == answer).sum(0) for answer in range(8)], -1)
    fracture = np.stack([counts[:, 0], counts[:, 1:].sum(1)], -1)
    return {
        "readers": len(said),
        "fracture": _together(fracture, patient, draws, np.eye(2)),
        "ao_nominal": _together(counts[:, :7], patient, draws, np.eye(7)),
        "ao_weighted": _together(counts[:, :5], patient, draws, AO_WEIGHTS),
        "ao_ordinal": _together(counts[:, [0, 1, 3, 4]], patient, draws, None),
    }


def _together(ratings: Array, patient: Array, draws: Draws, weights: Array | None) -> Tree:
    """ratings (N, K): how many readers gave each vertebra each category; weights None: ordinal differences."""
    k, size = ratings.shape[1], ratings.sum(1)
    paired, same = size >= 2, np.eye(ratings.shape[1])
    bearing, n = len(set(patient[paired].tolist())), int(paired.sum())
    # Krippendorff's coincidences: pairs of answers of a vertebra, each pair weighing 1 / (answers - 1).
    pairs = ratings[:, :, None] * ratings[:, None, :] - ratings[:, :, None] * same
    pairs = pairs * np.where(paired, 1 / np.maximum(size - 1, 1), 0)[:, None, None]

    def summed(values: Array) -> Array:
        result = np.zeros((draws.patients, *values.shape[1:]))
        np.add.at(result, patient, values)
        return result

    def sums(w: Array) -> Array:
        # Agreement of a vertebra, whether it has two answers, whether any, and the shares of its answers.
        alike = (ratings * (ratings @ w - 1)).sum(1)
        agreed = np.where(paired, alike / np.maximum(size * (size - 1), 1), 0)
        return summed(np.column_stack([agreed, paired, size > 0, ratings / np.maximum(size, 1)[:, None]]))

    def differences(cells: Array) -> Array:
        if weights is not None:
            return 1 - weights
        margins = cells.sum(-1)
        middle = np.cumsum(margins, -1) - margins / 2
        return (middle[..., :, None] - middle[..., None, :]) ** 2

    def alpha(cells: Array) -> tuple[Array, Array]:
        """1 - observed / expected disagreement, and agreement by chance."""
        apart, margins = differences(cells), cells.sum(-1)
        total = margins.sum(-1)
        expected = (margins[..., :, None] * margins[..., None, :] * apart).sum((-2, -1))
        largest = apart.max((-2, -1), initial=0)
        expected = np.where(expected > 1e-12 * total * total * largest, expected, 0)
        value = 1 - over((total - 1) * (cells * apart).sum((-2, -1)), expected)
        return value, 1 - over(expected, total * (total - 1) * largest)

    def fleiss(s: Array) -> tuple[Array, Array]:
        chance = (over(s[..., 3:], s[..., 2:3]) ** 2).sum(-1)
        left = np.where(1 - chance > 1e-12, 1 - chance, 0)
        return over(over(s[..., 0], s[..., 1]) - chance, left), chance

    def gwet(w: Array) -> Callable[[Array], tuple[Array, Array]]:
        def value(s: Array) -> tuple[Array, Array]:
            shares = over(s[..., 3:], s[..., 2:3])
            chance = w.sum() / max(1, k * (k - 1)) * (shares * (1 - shares)).sum(-1)
            return over(over(s[..., 0], s[..., 1]) - chance, 1 - chance), chance

        return value

    def of(formula: Callable[[Array], tuple[Array, Array]], by_patient: Array) -> Tree:
        value, chance = formula(by_patient.sum(0))
        drawn = formula(draws.totals(by_patient))[0]
        return coefficient(1.0 if abs(float(value) - 1) < 1e-12 else value, drawn, n, chance, bearing)

    same_sums = sums(same)
    return {
        "compared": n,
        "answers": int(size[paired].sum()),
        "patients": bearing,
        "alpha": of(alpha, summed(pairs)),
        "fleiss_kappa": of(fleiss, same_sums),
        "ac1": of(gwet(same), same_sums),
        "ac2": of(gwet(AO_WEIGHTS), sums(AO_WEIGHTS)) if weights is AO_WEIGHTS else None,
    }
