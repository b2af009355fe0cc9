"""What a reader says of a case, out of what was said of its vertebrae."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labeling.statistics.codes import (
    ABSENT,
    FRACTURE,
    INDETERMINATE,
    NEGATIVE,
    NO_TYPE,
    NONE,
    NOT_ASSESSABLE,
)

__all__ = ["by_case", "case_verdicts"]

Ints = NDArray[np.int64]


def by_case(
    reader: Ints, reference: Ints, reference_ao: Ints, case: Ints, patient: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Reader's verdict, reference's verdict, reference's highest AO type and patient of each case.

    case: (N,) numbers from 0 without gaps. Vertebrae of which the reference says nothing are no part of the reference's
    case; the reader need not speak of them, but a fracture called there counts.

    Raises
    ------
    ValueError
        where one case belongs to two patients.
    """
    cases = int(case.max()) + 1 if case.size else 0
    owner = np.zeros(cases, np.int64)
    owner[case] = patient
    if (owner[case] != patient).any():
        raise ValueError("One case belongs to two patients. Number cases so that each belongs to one.")
    asked = reference != ABSENT
    types = np.full(cases, NONE, np.int64)
    fractured = reference == FRACTURE
    np.maximum.at(types, case[fractured], reference_ao[fractured])
    truth = case_verdicts(reference, case, asked, cases)
    types[(truth == FRACTURE) & (types == NONE)] = NO_TYPE
    return case_verdicts(reader, case, asked, cases), truth, types, owner


def case_verdicts(verdict: Ints, case: Ints, asked: NDArray[np.bool_], cases: int) -> Ints:
    """One verdict a case: any fracture makes it one, and only what was assessed throughout is negative.

    Without a fracture, an indeterminate vertebra makes the case indeterminate; one that is not assessable, or that was
    asked for and is absent, makes it not assessable. A case in which nothing is said is absent.
    """

    def any_in_case(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.bincount(case[chosen], minlength=cases) > 0

    result = np.full(cases, NEGATIVE, np.int64)
    result[any_in_case((verdict == NOT_ASSESSABLE) | ((verdict == ABSENT) & asked))] = NOT_ASSESSABLE
    result[any_in_case(verdict == INDETERMINATE)] = INDETERMINATE
    result[any_in_case(verdict == FRACTURE)] = FRACTURE
    result[~any_in_case(verdict != ABSENT)] = ABSENT
    return result
