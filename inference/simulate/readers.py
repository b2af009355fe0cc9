"""Simulated readers: what somebody of a given skill would have said of a simulated case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from labeling.anatomy.levels import rank

from .case import SimulatedCase
from .spec import AO_TYPES
from .truth import VertebraTruth

__all__ = ["SimulatedFinding", "SimulatedRead", "simulate_read"]

ALIKE = 0.5
"""How much of what makes a vertebra hard is the same for every reader: misses of two readers coincide."""

MIMIC_SHIFT = 0.9
"""By how many SD a mimic looks more like a fracture than a plain vertebra does."""

# What is said for a type that was not recognised, in this order of shares; published kappa of A4 is .19.
_TAKEN_FOR = {
    "A1": (("A3", 0.8), ("A2", 0.2)),
    "A2": (("A1", 0.6), ("A4", 0.4)),
    "A3": (("A1", 0.5), ("A4", 0.5)),
    "A4": (("A3", 0.9), ("A2", 0.1)),
}


@dataclass(frozen=True, slots=True)
class SimulatedFinding:
    """What was said of one vertebra: 'fracture' or 'negative', the AO type or '', a score from 0 to 1, and the slices
    that were marked."""

    level: str
    verdict: str
    ao_type: str
    score: float
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SimulatedRead:
    """A read of the complete vertebrae of a case, from head to feet."""

    case_seed: int
    reader_seed: int
    findings: tuple[SimulatedFinding, ...]


def simulate_read(
    case: SimulatedCase,
    sensitivity: float | Mapping[str, float],
    specificity: float,
    seed: int,
    type_accuracy: float = 0.75,
) -> SimulatedRead:
    """Read a case as somebody of that skill would. The same case, skill and seed give the same read.

    Parameters
    ----------
    sensitivity
        Share of fractured vertebrae that are found, for all AO types or by type.
    specificity
        Share of plain vertebrae that are called negative; mimics are taken for fractures more often.
    type_accuracy
        Share of found fractures that are given the right type.

    Raises
    ------
    ValueError
        where a share lies outside 0 to 1 or a type is missing.
    """
    by_type = {one: sensitivity for one in AO_TYPES} if isinstance(sensitivity, int | float) else dict(sensitivity)
    missing = [one for one in AO_TYPES if one not in by_type]
    if missing:
        raise ValueError(f"The sensitivity for {missing[0]} is missing. Give one for each of {', '.join(AO_TYPES)}.")
    if not all(0 <= share <= 1 for share in (*by_type.values(), specificity, type_accuracy)):
        raise ValueError("Sensitivity, specificity and accuracy of the type are shares from 0 to 1.")
    findings = []
    for one in case.vertebrae:
        if one.complete:
            rng = np.random.default_rng([seed, case.seed, rank(one.level)])
            shared = np.random.default_rng([case.seed, 77, rank(one.level)]).normal()
            findings.append(_finding(one, by_type, specificity, type_accuracy, float(shared), rng))
    return SimulatedRead(case.seed, seed, tuple(findings))


def _finding(
    truth: VertebraTruth,
    sensitivity: Mapping[str, float],
    specificity: float,
    type_accuracy: float,
    shared: float,
    rng: np.random.Generator,
) -> SimulatedFinding:
    """A signal with equal variance, cut where it gives the wanted shares."""
    seen = float(np.sqrt(ALIKE)) * shared + float(np.sqrt(1 - ALIKE)) * float(rng.normal())
    if truth.fractured:
        signal = seen + float(ndtri(np.clip(sensitivity[truth.ao_type], 1e-9, 1 - 1e-9)))
    else:
        signal = seen + float(ndtri(np.clip(1 - specificity, 1e-9, 1 - 1e-9)))
        signal += MIMIC_SHIFT if truth.mimic and specificity < 1 else 0.0
    score = round(float(1 / (1 + np.exp(-1.7 * signal))), 4)
    if signal <= 0:
        return SimulatedFinding(truth.level, "negative", "", score, ())
    return SimulatedFinding(
        truth.level, "fracture", _type_said(truth, type_accuracy, rng), score, _slices_said(truth, rng)
    )


def _type_said(truth: VertebraTruth, accuracy: float, rng: np.random.Generator) -> str:
    if not truth.fractured:
        return "A1"
    if rng.random() < accuracy:
        return truth.ao_type
    others = _TAKEN_FOR[truth.ao_type]
    return str(rng.choice([name for name, _ in others], p=[share for _, share in others]))


def _slices_said(truth: VertebraTruth, rng: np.random.Generator) -> tuple[int, ...]:
    """The true slices with ends that move by one or so; for a false alarm a few in the middle."""
    positive = truth.positive_slices
    if not positive:
        middle = (truth.first_k + truth.last_k) // 2
        positive = (middle, middle + 1)
    first, last = positive[0] + int(rng.integers(-1, 2)), positive[-1] + int(rng.integers(-1, 2))
    first, last = max(first, truth.first_k), min(last, truth.last_k)
    return tuple(range(min(first, last), max(first, last) + 1))
