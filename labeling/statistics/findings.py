"""Tables of two readers turned into estimates: every coefficient with its interval by patient and its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.agreement import (
    bias_index,
    chance_agreement,
    cohen_kappa,
    gwet_ac1,
    gwet_ac2,
    gwet_chance,
    kappa_max,
    negative_agreement,
    observed_agreement,
    positive_agreement,
    prevalence_index,
    weighted_agreement,
    weighted_kappa,
    weights_of,
)
from labeling.statistics.estimates import Estimate, coefficient, plain, rate

__all__ = ["BinaryAgreement", "TypeAgreement", "binary_agreement", "type_agreement"]

EMPTY: Final = "Nothing was given yes or no by both readers, so there is nothing to compare."
CONSTANT: Final = "Both readers give one and the same answer throughout, and so would chance: kappa is undefined."
NO_POSITIVE: Final = "Neither reader says yes, so there is no positive agreement."
NO_NEGATIVE: Final = "Neither reader says no, so there is no negative agreement."

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BinaryAgreement:
    """Agreement on yes or no (fracture, or one AO type).

    table: rows A, columns B, each no and yes. prevalence_index and bias_index are signed: positive where yes is the
    more frequent answer, and where A says it more often than B. kappa_max is the largest kappa these margins allow.
    """

    table: tuple[tuple[int, int], tuple[int, int]]
    compared: int
    patients: int
    observed: Estimate
    kappa: Estimate
    kappa_max: Estimate
    ac1: Estimate
    pabak: Estimate
    prevalence_index: Estimate
    bias_index: Estimate
    positive: Estimate
    negative: Estimate


@dataclass(frozen=True)
class TypeAgreement:
    """Agreement on AO types: categories in the order of rows and columns, and the weights of agreement by name."""

    categories: tuple[str, ...]
    weights_name: str
    weights: tuple[tuple[float, ...], ...]
    table: tuple[tuple[int, ...], ...]
    compared: int
    patients: int
    observed: Estimate
    weighted_observed: Estimate
    kappa: Estimate
    weighted_kappa: Estimate
    ac1: Estimate
    ac2: Estimate


def binary_agreement(by_patient: NDArray[np.int64], drawn: Floats) -> list[BinaryAgreement]:
    """Of T tables at once.

    Parameters
    ----------
    by_patient
        (patients, T, 2, 2) counts of each patient.
    drawn
        (replicates, T, 2, 2) their totals in each replicate.
    """
    tables = by_patient.sum(axis=0)
    across = np.swapaxes(drawn, 0, 1)
    agreed, kappas, ac1s = observed_agreement(across), cohen_kappa(across), gwet_ac1(across)
    prevalences, biases = prevalence_index(across), bias_index(across)
    positives, negatives = positive_agreement(across), negative_agreement(across)
    filled = by_patient > 0
    off = filled[..., 0, 1] | filled[..., 1, 0]
    with_yes = (filled[..., 1, 1] | off).sum(axis=0)
    with_no = (filled[..., 0, 0] | off).sum(axis=0)
    patients = (filled[..., 0, 0] | filled[..., 1, 1] | off).sum(axis=0)
    found = []
    for index, table in enumerate(tables):
        (neither, b_alone), (a_alone, both) = ((int(cell) for cell in row) for row in table)
        total, apart, whose = neither + b_alone + a_alone + both, b_alone + a_alone, int(patients[index])
        why = CONSTANT if total else EMPTY
        po, pe = observed_agreement(table), chance_agreement(table)
        found.append(
            BinaryAgreement(
                table=((neither, b_alone), (a_alone, both)),
                compared=total,
                patients=whose,
                observed=rate(neither + both, total, agreed[index], patients=whose, empty=EMPTY),
                kappa=_chance_corrected(cohen_kappa(table), kappas[index], total, whose, pe, why),
                kappa_max=plain(float(kappa_max(table)), denominator=total, note="" if pe < 1 else why),
                ac1=_chance_corrected(gwet_ac1(table), ac1s[index], total, whose, gwet_chance(table), EMPTY),
                pabak=_chance_corrected(2 * po - 1, 2 * agreed[index] - 1, total, whose, 0.5, EMPTY),
                prevalence_index=_index(prevalence_index(table), prevalences[index], total),
                bias_index=_index(bias_index(table), biases[index], total),
                positive=rate(
                    2 * both,
                    2 * both + apart,
                    positives[index],
                    patients=int(with_yes[index]),
                    empty=NO_POSITIVE if total else EMPTY,
                ),
                negative=rate(
                    2 * neither,
                    2 * neither + apart,
                    negatives[index],
                    patients=int(with_no[index]),
                    empty=NO_NEGATIVE if total else EMPTY,
                ),
            )
        )
    return found


def type_agreement(
    by_patient: NDArray[np.int64], drawn: Floats, categories: Sequence[str], weights: str
) -> TypeAgreement:
    """Of one table of K types: by_patient (patients, K, K), drawn (replicates, K, K); weights by name."""
    table = by_patient.sum(axis=0)
    total, whose = int(table.sum()), int(by_patient.any(axis=(1, 2)).sum())
    chosen = weights_of(weights, len(categories))
    why = CONSTANT if total else EMPTY
    return TypeAgreement(
        categories=tuple(categories),
        weights_name=weights,
        weights=tuple(tuple(float(weight) for weight in row) for row in chosen),
        table=tuple(tuple(int(cell) for cell in row) for row in table),
        compared=total,
        patients=whose,
        observed=rate(int(np.trace(table)), total, observed_agreement(drawn), patients=whose, empty=EMPTY),
        weighted_observed=_chance_corrected(
            weighted_agreement(table, chosen), weighted_agreement(drawn, chosen), total, whose, 0.0, EMPTY
        ),
        kappa=_chance_corrected(cohen_kappa(table), cohen_kappa(drawn), total, whose, chance_agreement(table), why),
        weighted_kappa=_chance_corrected(
            weighted_kappa(table, chosen),
            weighted_kappa(drawn, chosen),
            total,
            whose,
            chance_agreement(table, chosen),
            why,
        ),
        ac1=_chance_corrected(gwet_ac1(table), gwet_ac1(drawn), total, whose, gwet_chance(table), EMPTY),
        ac2=_chance_corrected(
            gwet_ac2(table, chosen), gwet_ac2(drawn, chosen), total, whose, gwet_chance(table, chosen), EMPTY
        ),
    )


def _chance_corrected(
    value: ArrayLike, replicates: Floats, compared: int, patients: int, chance: ArrayLike, undefined: str
) -> Estimate:
    return coefficient(
        float(np.asarray(value)),
        replicates,
        denominator=compared,
        undefined=undefined,
        chance=float(np.asarray(chance)),
        patients=patients,
    )


def _index(value: ArrayLike, replicates: Floats, compared: int) -> Estimate:
    return coefficient(float(np.asarray(value)), replicates, denominator=compared, undefined=EMPTY)
