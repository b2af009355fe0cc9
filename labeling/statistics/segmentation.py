"""Segmentation counted as the paper counts it: vertebrae segmented, named right, and cases right throughout."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.estimates import Estimate, quotient, rate, wilson_rate

__all__ = ["Segmentation", "segmentation"]


@dataclass(frozen=True)
class Segmentation:
    """Vertebrae segmented; of those, named right; cases segmented throughout, and cases also named right throughout."""

    segmented: Estimate
    named_right: Estimate
    cases_segmented: Estimate
    cases_right: Estimate

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def segmentation(
    segmented: ArrayLike, named_right: ArrayLike, case: ArrayLike, patient: ArrayLike, bootstrap: PatientBootstrap
) -> Segmentation:
    """Counts vertebrae in view.

    Parameters
    ----------
    segmented, named_right
        (N,) bool, one a vertebra that is in view. A name counts only where the vertebra was segmented.
    case, patient
        (N,) whole numbers; patients from 0 to `bootstrap.patients` - 1.

    Raises
    ------
    ValueError
        where the columns differ in length.
    """
    found, named = np.asarray(segmented, bool).ravel(), np.asarray(named_right, bool).ravel()
    whose = np.asarray(patient, np.int64).ravel()
    exam = np.unique(np.asarray(case, np.int64).ravel(), return_inverse=True)[1]
    if len({found.size, named.size, whose.size, exam.size}) > 1:
        raise ValueError(
            f"Columns differ in length: {found.size} segmented, {named.size} named, {exam.size} cases, "
            f"{whose.size} patients."
        )
    right = found & named
    exams = int(exam.max()) + 1 if exam.size else 0
    owner = np.zeros(exams, np.int64)
    owner[exam] = whose
    whole = np.bincount(exam[~found], minlength=exams) == 0
    all_right = np.bincount(exam[~right], minlength=exams) == 0
    empty = "No vertebra is in view."
    everything = np.ones(found.size, bool)
    return Segmentation(
        _rate(found, everything, whose, bootstrap, empty),
        _rate(right, found, whose, bootstrap, "No vertebra was segmented."),
        _cases(whole, owner, bootstrap, empty),
        _cases(all_right, owner, bootstrap, empty),
    )


def _cases(chosen: np.ndarray, owner: np.ndarray, bootstrap: PatientBootstrap, empty: str) -> Estimate:
    if not owner.size or np.bincount(owner).max() == 1:
        return wilson_rate(int(chosen.sum()), int(chosen.size), empty=empty)
    return _rate(chosen, np.ones(chosen.size, bool), owner, bootstrap, empty)


def _rate(
    chosen: np.ndarray, among: np.ndarray, patient: np.ndarray, bootstrap: PatientBootstrap, empty: str
) -> Estimate:
    of = np.bincount(patient[among], minlength=bootstrap.patients)
    counts = np.stack([np.bincount(patient[chosen & among], minlength=bootstrap.patients), of], axis=1)
    drawn = bootstrap.totals(counts)
    k, n = (int(number) for number in counts.sum(axis=0))
    return rate(k, n, quotient(drawn[:, 0], drawn[:, 1]), patients=int((of > 0).sum()), empty=empty)
