"""A reader at another place: what its calls would mean at another prevalence, and how many of them there would be.

Sensitivity and specificity are carried over as they are, which is an assumption: they change with the mix of fractures
and with who is examined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.bootstrap import PatientBootstrap, interval, per_patient
from labeling.statistics.codes import A1, FRACTURE, NEGATIVE
from labeling.statistics.estimates import TOO_FEW, WILSON_OVER_PATIENTS, Estimate, bootstrap_method, missing, quotient
from labeling.statistics.estimates import rate as rate_of_counts
from labeling.statistics.rates import FN, FP, TN, TP
from labeling.statistics.two_by_two import cell_of

__all__ = ["Screening", "any_false_alarm", "at_your_place", "npv_at", "ppv_at"]

Floats = NDArray[np.float64]

ASSUMED: Final = (
    "Sensitivity and specificity are taken over from the reads here. False alarms are taken to fall on vertebrae "
    "independently; where they cluster in some patients, fewer examinations have one and those have more."
)
NO_A1: Final = "No A1 fracture stands in the reference: how many would be missed is not known."
NEITHER: Final = "This needs both fractures and negatives that the reader judged."


@dataclass(frozen=True)
class Screening:
    """prevalence: of fractured vertebrae at the place; vertebrae: in view of an examination.

    ppv, npv: by Bayes. false_alarms: per 100 examinations, on their negative vertebrae. any_false_alarm: probability in
    an examination without a fracture. missed_a1: per 100 examinations.
    """

    prevalence: float
    vertebrae: float
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    false_alarms: Estimate
    any_false_alarm: Estimate
    missed_a1: Estimate
    assumed: str = ASSUMED

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ppv_at(sensitivity: ArrayLike, specificity: ArrayLike, prevalence: float) -> Floats:
    """Share of calls that are fractures at a prevalence (Bayes); NaN where nothing would be called."""
    found = np.asarray(sensitivity, np.float64) * prevalence
    return quotient(found, found + (1 - np.asarray(specificity, np.float64)) * (1 - prevalence))


def npv_at(sensitivity: ArrayLike, specificity: ArrayLike, prevalence: float) -> Floats:
    """Share of vertebrae called negative that are, at a prevalence (Bayes); NaN where nothing would be."""
    cleared = np.asarray(specificity, np.float64) * (1 - prevalence)
    return quotient(cleared, cleared + (1 - np.asarray(sensitivity, np.float64)) * prevalence)


def any_false_alarm(specificity: ArrayLike, vertebrae: float) -> Floats:
    """Probability of one false alarm or more among so many negative vertebrae, taken as independent."""
    return np.asarray(1 - np.asarray(specificity, np.float64) ** vertebrae)


def at_your_place(
    reader_verdict: ArrayLike,
    reference_verdict: ArrayLike,
    reference_ao: ArrayLike,
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
    *,
    prevalence: float,
    vertebrae: float = 17,
    a1_share: float | None = None,
) -> Screening:
    """What a reader would do at a place.

    Parameters
    ----------
    reader_verdict, reference_verdict, reference_ao, patient
        (N,) as in `accuracy.judge`, by vertebra.
    prevalence
        Share of vertebrae that are fractured there, 0 to 1.
    vertebrae
        In view of an examination, on average.
    a1_share
        Share of A1 among the fractures there; that of the reference where None.

    Raises
    ------
    ValueError
        where a prevalence or share lies outside 0 to 1, or no vertebra is in view.
    """
    for share in (prevalence, a1_share):
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"A prevalence or share lies between 0 and 1 (0.054 for 5.4 %), not at {share}.")
    if not vertebrae > 0:
        raise ValueError(f"An examination has vertebrae in view; their number is above 0, not {vertebrae}.")
    reader, truth = np.asarray(reader_verdict, np.int64).ravel(), np.asarray(reference_verdict, np.int64).ravel()
    kind, whose = np.asarray(reference_ao, np.int64).ravel(), np.asarray(patient, np.int64).ravel()
    if len({reader.size, truth.size, kind.size, whose.size}) > 1:
        raise ValueError(
            f"Columns differ in length: {reader.size} and {truth.size} verdicts, {kind.size} types, "
            f"{whose.size} patients."
        )
    decided = np.isin(reader, (NEGATIVE, FRACTURE)) & np.isin(truth, (NEGATIVE, FRACTURE))
    cells = cell_of(reader == FRACTURE, truth == FRACTURE)
    a1 = kind == A1
    # Four cells of the table, then A1 found and A1 missed.
    counts = per_patient(np.where(decided, cells, -1), whose, bootstrap.patients, 4)
    only = per_patient(np.where(decided & a1 & (truth == FRACTURE), cells, -1), whose, bootstrap.patients, 4)
    # The reference's A1 count for their share whether or not the reader decided.
    fractured, of_a1 = int((truth == FRACTURE).sum()), int(((truth == FRACTURE) & a1).sum())
    share = a1_share if a1_share is not None else float(quotient(of_a1, fractured))

    sensitivity, sensitivities = _carried(counts, TP, FN, bootstrap)
    specificity, specificities = _carried(counts, TN, FP, bootstrap)
    found_a1, founds_a1 = _carried(only, TP, FN, bootstrap)

    def at(value: Callable[[Floats, Floats], Floats]) -> Estimate:
        return _through(value, sensitivity, sensitivities, specificity, specificities)

    def missed(found: Floats, _: Floats) -> Floats:
        return np.asarray(100 * vertebrae * prevalence * share * (1 - found))

    missed_a1 = _through(missed, found_a1, founds_a1, found_a1, founds_a1)
    return Screening(
        prevalence=float(prevalence),
        vertebrae=float(vertebrae),
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=at(lambda se, sp: ppv_at(se, sp, prevalence)),
        npv=at(lambda se, sp: npv_at(se, sp, prevalence)),
        false_alarms=_through(
            lambda _, sp: np.asarray(100 * vertebrae * (1 - prevalence) * (1 - sp)),
            specificity,
            specificities,
            specificity,
            specificities,
        ),
        any_false_alarm=_through(
            lambda _, sp: any_false_alarm(sp, vertebrae), specificity, specificities, specificity, specificities
        ),
        missed_a1=missed_a1 if found_a1.value is not None else missing(NO_A1),
    )


def _carried(counts: NDArray[np.int64], right: int, wrong: int, bootstrap: PatientBootstrap) -> tuple[Estimate, Floats]:
    """A rate and its replicates."""
    both = counts[:, (right, wrong)]
    drawn = bootstrap.totals(both)
    replicates = quotient(drawn[:, 0], drawn.sum(axis=1))
    k, n = int(both[:, 0].sum()), int(both.sum())
    empty = NEITHER
    return rate_of_counts(k, n, replicates, patients=int((both.sum(axis=1) > 0).sum()), empty=empty), replicates


def _through(
    value: Callable[[Floats, Floats], Floats],
    sensitivity: Estimate,
    sensitivities: Floats,
    specificity: Estimate,
    specificities: Floats,
) -> Estimate:
    """A function of both rates with its interval.

    Where a rate is exactly 0 or 1 its replicates are alike; the function then runs over the corners of both intervals,
    which is at least as wide as it should be.
    """
    if sensitivity.value is None or specificity.value is None:
        return missing(NEITHER)
    here = float(value(np.asarray(sensitivity.value), np.asarray(specificity.value)))
    if not np.isfinite(here):
        return missing("At these rates nothing would be called, so this share is not defined.")
    if WILSON_OVER_PATIENTS in (sensitivity.method, specificity.method):
        ends = [
            (one, other)
            for one in (sensitivity.low, sensitivity.high)
            for other in (specificity.low, specificity.high)
            if one is not None and other is not None
        ]
        at_corners = np.array([float(value(np.asarray(one), np.asarray(other))) for one, other in ends])
        at_corners = np.append(at_corners[np.isfinite(at_corners)], here)
        if not ends:
            return Estimate(here, note=TOO_FEW)
        return Estimate(here, float(at_corners.min()), float(at_corners.max()), method=WILSON_OVER_PATIENTS)
    bounds = interval(value(sensitivities, specificities))
    if bounds is None:
        return Estimate(here, note=TOO_FEW)
    return Estimate(here, bounds[0], bounds[1], method=bootstrap_method(sensitivities.size))
