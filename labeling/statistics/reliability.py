"""Agreement of more than two readers, any of whom may be silent on any vertebra.

All coefficients rest on sums over vertebrae, so on sums over patients: counts are made once for each patient, and a
replicate is their total over the patients drawn. Coefficients take such totals with any leading axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.agreement import AO_CATEGORIES, weights_of
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.codes import A1, A2, A3, A4, AO_NAMES, NONE, TYPES
from labeling.statistics.estimates import Estimate, coefficient, quotient
from labeling.statistics.shared_tables import answers

__all__ = [
    "Reliability",
    "TypeReliability",
    "coincidences",
    "disagreement_expected",
    "fleiss_kappa",
    "krippendorff_alpha",
    "many_ac2",
    "many_chance",
    "rating_sums",
    "reliability",
]

Floats = NDArray[np.float64]

NO_PAIRS: Final = "No vertebra was given yes or no by two readers or more, so there is nothing to compare."
ONE_ANSWER: Final = "All readers give one and the same answer throughout; chance would do so too. It is undefined."

#: none, A1, A3, A4 rise in harm; A2, B and C have no place in that order and are left out of the ordinal alpha.
_RISING: Final = (NONE, A1, A3, A4)


@dataclass(frozen=True)
class TypeReliability:
    """Coefficients over one set of categories.

    compared: vertebrae with an answer from two readers or more; answers: how many answers they carry. weights: of
    agreement, by name; they enter alpha (as differences 1 - weight; for `ordinal`, Krippendorff's own difference by
    ranks) and AC2, while fleiss_kappa and ac1 know same and different only. ac2 is None where the scheme is ordinal.
    """

    categories: tuple[str, ...]
    weights_name: str
    compared: int
    answers: int
    patients: int
    alpha: Estimate
    fleiss_kappa: Estimate
    ac1: Estimate
    ac2: Estimate | None


@dataclass(frozen=True)
class Reliability:
    """Of all readers together: fracture yes or no, AO types as names, with AO weights, and along harm."""

    readers: int
    fracture: TypeReliability
    ao_nominal: TypeReliability
    ao_weighted: TypeReliability
    ao_ordinal: TypeReliability

    def as_json(self) -> dict[str, Any]:
        """All of it by name: dictionaries, lists, numbers, text and None."""
        return asdict(self)


def reliability(verdicts: ArrayLike, aos: ArrayLike, patient: ArrayLike, bootstrap: PatientBootstrap) -> Reliability:
    """Krippendorff's alpha, Fleiss' kappa and Gwet's AC1 and AC2 of R readers over N vertebrae.

    Parameters
    ----------
    verdicts, aos
        (R, N) codes of `codes`. Only yes and no count; all else is a missing value.
    patient
        (N,) 0 to bootstrap.patients - 1.

    Raises
    ------
    ValueError
        where shapes differ or a code is unknown.
    """
    said = answers(verdicts, aos)
    if said.ndim != 2:
        raise ValueError(f"Verdicts of several readers have the shape (readers, vertebrae), not {said.shape}.")
    whose = np.asarray(patient, np.int64)
    if whose.shape != said.shape[1:]:
        raise ValueError(f"Patients have the shape {whose.shape}, but there are {said.shape[1]} vertebrae.")
    of = _Answered(said, whose, bootstrap)
    return Reliability(
        readers=len(said),
        fracture=of.summary(((0,), tuple(range(1, 8))), ("negative", "fracture"), "unweighted"),
        ao_nominal=of.summary(_each((NONE, *TYPES)), [AO_NAMES[kind] for kind in (NONE, *TYPES)], "unweighted"),
        ao_weighted=of.summary(_each((NONE, A1, A2, A3, A4)), AO_CATEGORIES, "ao"),
        ao_ordinal=of.summary(_each(_RISING), [AO_NAMES[kind] for kind in _RISING], "ordinal"),
    )


def coincidences(ratings: ArrayLike) -> Floats:
    """Krippendorff's coincidences of each unit: pairs of answers, weighted by 1 / (answers - 1).

    Parameters
    ----------
    ratings
        (N, K) how many readers gave each unit each category. Units with fewer than two answers give nothing.

    Returns
    -------
    (N, K, K); summed over units it is the matrix of coincidences, whose sum is the number of answers compared.
    """
    counts = np.asarray(ratings, np.float64)
    size = counts.sum(axis=-1)
    pairs = counts[:, :, np.newaxis] * counts[:, np.newaxis, :]
    diagonal = np.arange(counts.shape[1])
    pairs[:, diagonal, diagonal] -= counts
    share = np.where(size >= 2, 1 / np.maximum(size - 1, 1), 0.0)
    return np.asarray(pairs * share[:, np.newaxis, np.newaxis])


def krippendorff_alpha(matrix: ArrayLike, metric: str | ArrayLike = "nominal") -> Floats:
    """Krippendorff's alpha (Content Analysis, 4th ed., ch. 12) of matrices of coincidences.

    Parameters
    ----------
    matrix
        (..., K, K), categories in rising order where the metric is ordinal.
    metric
        "nominal", "ordinal", or (K, K) differences (already squared), 0 on the diagonal.

    Returns
    -------
    (...); NaN where there are no pairs, or all answers are the same.
    """
    cells = np.asarray(matrix, np.float64)
    apart = _differences(cells, metric)
    observed = (cells * apart).sum(axis=(-2, -1))
    expected, total = _expected(cells, apart)
    return np.asarray(1 - quotient((total - 1) * observed, expected))


def disagreement_expected(matrix: ArrayLike, metric: str | ArrayLike = "nominal") -> Floats:
    """Disagreement by chance in alpha = 1 - observed / expected, as a share of the largest difference."""
    cells = np.asarray(matrix, np.float64)
    apart = _differences(cells, metric)
    expected, total = _expected(cells, apart)
    return quotient(expected, total * (total - 1) * apart.max(axis=(-2, -1), initial=0.0))


def rating_sums(ratings: ArrayLike, weights: ArrayLike) -> Floats:
    """What Fleiss' kappa, AC1 and AC2 need of each unit, ready to be summed over units.

    Parameters
    ----------
    ratings
        (N, K) how many readers gave each unit each category; units may have any number of answers.
    weights
        (K, K) of agreement, 1 on the diagonal.

    Returns
    -------
    (N, 3 + K): agreement of the unit (0 with fewer than two answers), whether it has two or more, whether it has any,
    and the share of its answers in each category.
    """
    counts = np.asarray(ratings, np.float64)
    size = counts.sum(axis=-1)
    alike = (counts * (counts @ np.asarray(weights, np.float64) - 1)).sum(axis=-1)
    paired = size >= 2
    agreed = np.where(paired, alike / np.maximum(size * (size - 1), 1), 0.0)
    shares = counts / np.maximum(size, 1)[:, np.newaxis]
    return np.concatenate([np.stack([agreed, paired, size > 0], axis=-1), shares], axis=-1)


def many_chance(sums: ArrayLike, weights: ArrayLike) -> Floats:
    """Gwet's agreement by chance of more than two readers, of sums (..., 3 + K)."""
    chosen = np.asarray(weights, np.float64)
    share = _shares(np.asarray(sums, np.float64))
    categories = len(chosen)
    return np.asarray(chosen.sum() / max(1, categories * (categories - 1)) * (share * (1 - share)).sum(axis=-1))


def many_ac2(sums: ArrayLike, weights: ArrayLike) -> Floats:
    """Gwet's AC2 of more than two readers; AC1 where the weights are the identity. sums: (..., 3 + K)."""
    added = np.asarray(sums, np.float64)
    chance = many_chance(added, weights)
    return quotient(quotient(added[..., 0], added[..., 1]) - chance, 1 - chance)


def fleiss_kappa(sums: ArrayLike) -> Floats:
    """Fleiss' kappa (Psychol Bull 1971;76:378), with units of unequal numbers of answers as Gwet has it.

    sums: (..., 3 + K), made with the identity for weights. NaN where all answers are the same.
    """
    added = np.asarray(sums, np.float64)
    chance = (_shares(added) ** 2).sum(axis=-1)
    left = np.where(1 - chance > 1e-12, 1 - chance, 0.0)
    return quotient(quotient(added[..., 0], added[..., 1]) - chance, left)


class _Answered:
    """All answers, (R, N) of 0 to 7 and -1, counted by vertebra; their patients, and the draw."""

    def __init__(self, said: NDArray[np.int8], patient: NDArray[np.int64], bootstrap: PatientBootstrap) -> None:
        self.counts = np.stack([(said == answer).sum(axis=0) for answer in range(8)], axis=-1)
        self.patient = patient
        self.bootstrap = bootstrap

    def summary(self, groups: Sequence[Sequence[int]], names: Sequence[str], scheme: str) -> TypeReliability:
        """Of the answers in `groups`, one group a category; other answers are missing values."""
        ratings = np.stack([self.counts[:, list(group)].sum(axis=-1) for group in groups], axis=-1)
        size = ratings.sum(axis=-1)
        paired = size >= 2
        categories = len(groups)
        same = np.eye(categories)
        weights = same if scheme == "ordinal" else weights_of(scheme, categories)
        metric: str | Floats = "ordinal" if scheme == "ordinal" else 1 - weights
        compared = int(paired.sum())
        patients = len(np.unique(self.patient[paired]))

        cells = self._by_patient(coincidences(ratings).reshape(len(ratings), categories**2))
        plain, weighted = (self._by_patient(rating_sums(ratings, chosen)) for chosen in (same, weights))
        drawn = self.bootstrap.totals(np.concatenate([cells, plain, weighted], axis=1))
        square, width = categories * categories, categories + 3
        cells_drawn = drawn[:, :square].reshape(-1, categories, categories)
        plain_drawn, weighted_drawn = drawn[:, square : square + width], drawn[:, square + width :]
        matrix, plain_sums, weighted_sums = (
            cells.sum(axis=0).reshape(categories, categories),
            plain.sum(axis=0),
            weighted.sum(axis=0),
        )
        why = ONE_ANSWER if compared else NO_PAIRS

        def estimate(value: Floats, replicates: Floats, chance: Floats | float, undefined: str) -> Estimate:
            # A unit with one disagreement is away from 1 by far more than rounding ever is.
            number = 1.0 if abs(float(value) - 1) < 1e-12 else float(value)
            return coefficient(
                number,
                replicates,
                denominator=compared,
                undefined=undefined,
                chance=float(chance),
                patients=patients,
            )

        chance_of_kappa = (_shares(plain_sums) ** 2).sum(axis=-1)
        ac2 = None
        if scheme not in ("ordinal", "unweighted"):
            ac2 = estimate(
                many_ac2(weighted_sums, weights),
                many_ac2(weighted_drawn, weights),
                many_chance(weighted_sums, weights),
                NO_PAIRS,
            )
        return TypeReliability(
            categories=tuple(names),
            weights_name=scheme,
            compared=compared,
            answers=int(size[paired].sum()),
            patients=patients,
            alpha=estimate(
                krippendorff_alpha(matrix, metric),
                krippendorff_alpha(cells_drawn, metric),
                1 - disagreement_expected(matrix, metric),
                why,
            ),
            fleiss_kappa=estimate(fleiss_kappa(plain_sums), fleiss_kappa(plain_drawn), chance_of_kappa, why),
            ac1=estimate(
                many_ac2(plain_sums, same), many_ac2(plain_drawn, same), many_chance(plain_sums, same), NO_PAIRS
            ),
            ac2=ac2,
        )

    def _by_patient(self, values: Floats) -> Floats:
        """(N, M) to (patients, M)."""
        result = np.zeros((self.bootstrap.patients, values.shape[1]))
        for column in range(values.shape[1]):
            result[:, column] = np.bincount(self.patient, values[:, column], minlength=self.bootstrap.patients)
        return result


def _each(kinds: Sequence[int]) -> list[tuple[int]]:
    return [(kind,) for kind in kinds]


def _shares(sums: Floats) -> Floats:
    """Mean share of each category over the units with any answer; NaN without one."""
    return quotient(sums[..., 3:], sums[..., 2:3])


def _differences(cells: Floats, metric: str | ArrayLike) -> Floats:
    """(..., K, K) squared differences of categories."""
    categories = cells.shape[-1]
    if not isinstance(metric, str):
        given = np.asarray(metric, np.float64)
        if given.shape != (categories, categories):
            raise ValueError(f"Differences of shape {given.shape} do not fit {categories} categories.")
        return given
    if metric == "nominal":
        return 1 - np.eye(categories)
    if metric != "ordinal":
        raise ValueError(f"There is no metric named {metric!r}. The names are nominal and ordinal.")
    # Between two categories lie all answers in between, and half of those in the two themselves.
    margins = cells.sum(axis=-1)
    middle = np.cumsum(margins, axis=-1) - margins / 2
    return np.asarray((middle[..., :, np.newaxis] - middle[..., np.newaxis, :]) ** 2)


def _expected(cells: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """Σ n n' × difference over pairs of categories, and the number of answers; 0 where rounding is all there is."""
    margins = cells.sum(axis=-1)
    total = margins.sum(axis=-1)
    expected = (margins[..., :, np.newaxis] * margins[..., np.newaxis, :] * apart).sum(axis=(-2, -1))
    scale = total * total * apart.max(axis=(-2, -1), initial=0.0)
    return np.where(expected > 1e-12 * scale, expected, 0.0), total
