"""How far two readers agree: all tables, coefficients and intervals of one pair, and of all pairs of many readers.

A reader is whoever says something of vertebrae: a person, a model, the report, the consensus; for intra-reader
agreement the two are one reader's first read and the repeat. Only vertebrae that both call fracture or negative are
compared. Indeterminate, not assessable and what only one reader speaks of are counted beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.agreement import mcnemar_exact
from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.codes import A1, A4, ABSENT, AO_NAMES, INDETERMINATE, NONE, NOT_ASSESSABLE, TYPES, B, C
from labeling.statistics.estimates import Estimate, missing
from labeling.statistics.findings import BinaryAgreement, TypeAgreement, binary_agreement, type_agreement
from labeling.statistics.shared_tables import (
    ANSWERS,
    UNTYPED,
    answers,
    fracture_table,
    in_spine_order,
    pick,
    shared_cells,
    type_table,
)

__all__ = ["Counts", "PairAgreement", "agree", "agree_many"]

#: Tables of as many pairs as fit here are drawn at a time: 256 MiB.
_CELLS_AT_A_TIME: Final = 1 << 25


@dataclass(frozen=True)
class Counts:
    """What became of each vertebra of which at least one of the two says anything.

    spoken = compared + indeterminate + not_assessable + only_a + only_b. A vertebra that one calls indeterminate and
    the other not assessable counts as indeterminate. The four counts of one reader count wherever that reader says so,
    whether or not the other speaks. fractures_without_type and outside_order are compared vertebrae that the weighted
    AO table leaves out: where a type is lacking, and where one of the types is B or C.
    """

    spoken: int
    compared: int
    indeterminate: int
    not_assessable: int
    only_a: int
    only_b: int
    a_indeterminate: int
    b_indeterminate: int
    a_not_assessable: int
    b_not_assessable: int
    both_fracture: int
    a_only_fracture: int
    b_only_fracture: int
    both_negative: int
    discordant: int
    fractures_without_type: int
    outside_order: int
    patients: int
    cases: int


@dataclass(frozen=True)
class PairAgreement:
    """The whole answer for two readers.

    fracture: yes or no by vertebra; its kappa is *the* kappa. ao: none, A1 to A4 with the weights that are printed with
    it. ao_both_fracture: A1 to A4 where both call a fracture. ao_all: none, A1 to A4, B and C without weights, for B
    and C are no degrees of A. levels: fracture yes or no by level, unknown levels left out. types: each AO type against
    all else. cases: does the case carry a fracture, over its compared vertebrae; mcnemar is of that table, for cases
    alone are independent.
    """

    counts: Counts
    fracture: BinaryAgreement
    ao: TypeAgreement
    ao_both_fracture: TypeAgreement
    ao_all: TypeAgreement
    levels: tuple[tuple[str, BinaryAgreement], ...]
    types: tuple[tuple[str, BinaryAgreement], ...]
    cases: BinaryAgreement
    mcnemar: Estimate

    def as_json(self) -> dict[str, Any]:
        """All of it by name: dictionaries, lists, numbers, text and None."""
        return asdict(self)


@dataclass(frozen=True)
class _Units:
    """What all pairs share: of each vertebra its patient, level and case, numbered from 0; of each case its patient."""

    patient: NDArray[np.int64]
    patients: int
    level: NDArray[np.int64]
    level_names: tuple[str, ...]
    case: NDArray[np.int64]
    case_patient: NDArray[np.int64]

    @property
    def cells(self) -> int:
        """Columns of one pair: the 8 × 8 table, 2 × 2 of each level, 2 × 2 of cases."""
        return ANSWERS * ANSWERS + 4 * len(self.level_names) + 4


def agree(
    a_verdict: ArrayLike,
    b_verdict: ArrayLike,
    a_ao: ArrayLike,
    b_ao: ArrayLike,
    level: ArrayLike,
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
    *,
    case: ArrayLike | None = None,
    weights: str = "ao",
) -> PairAgreement:
    """Agreement of readers A and B over N vertebrae.

    Parameters
    ----------
    a_verdict, b_verdict, a_ao, b_ao
        (N,) codes of `codes`.
    level
        (N,) text; '' where the level is unknown.
    patient
        (N,) 0 to bootstrap.patients - 1.
    case
        (N,) any numbers; without it a patient is one case.
    weights
        of the AO tables, by name (see `agreement.weights_of`).

    Raises
    ------
    ValueError
        where shapes differ or a code is unknown.
    """
    verdicts = np.stack([np.asarray(a_verdict), np.asarray(b_verdict)])
    aos = np.stack([np.asarray(a_ao), np.asarray(b_ao)])
    return agree_many(verdicts, aos, level, patient, bootstrap, case=case, weights=weights)[0, 1]


def agree_many(
    verdicts: ArrayLike,
    aos: ArrayLike,
    level: ArrayLike,
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
    *,
    case: ArrayLike | None = None,
    weights: str = "ao",
    pairs: Sequence[tuple[int, int]] | None = None,
) -> dict[tuple[int, int], PairAgreement]:
    """Agreement of all pairs (i, j), i < j, of R readers, or of those in `pairs`; all from one bootstrap, so paired.

    verdicts and aos have the shape (R, N); all else as in `agree`.
    """
    given = np.asarray(verdicts)
    if given.ndim != 2:
        raise ValueError(f"Verdicts of several readers have the shape (readers, vertebrae), not {given.shape}.")
    answered = answers(given, aos)
    said = given.astype(np.int8)
    units = _units(level, patient, case, bootstrap.patients, said.shape[1])
    wanted = list(combinations(range(len(said)), 2)) if pairs is None else list(pairs)
    found: dict[tuple[int, int], PairAgreement] = {}
    for some in _portions(wanted, _CELLS_AT_A_TIME // max(1, units.cells * (units.patients + bootstrap.replicates))):
        counted = [_counted(answered[a], answered[b], units) for a, b in some]
        drawn = bootstrap.totals(np.stack(counted, axis=1))
        for place, (a, b) in enumerate(some):
            counts = _counts(said[a], said[b], counted[place], units)
            found[a, b] = _pair(counts, counted[place], drawn[:, place], units, weights)
    return found


def _portions(pairs: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    step = max(1, size)
    for start in range(0, len(pairs), step):
        yield pairs[start : start + step]


def _units(level: ArrayLike, patient: ArrayLike, case: ArrayLike | None, patients: int, size: int) -> _Units:
    whose = np.asarray(patient, np.int64)
    named = np.asarray(level, np.str_)
    grouped = whose if case is None else np.asarray(case)
    for what, array in (("Levels", named), ("Patients", whose), ("Cases", grouped)):
        if array.shape != (size,):
            raise ValueError(f"{what} have the shape {array.shape}, but there are {size} vertebrae.")
    names, number = np.unique(named, return_inverse=True)
    order = in_spine_order([str(name) for name in names if name])
    place = np.array([order.index(str(name)) if name else -1 for name in names], np.int64)
    _, first, member = np.unique(grouped, return_index=True, return_inverse=True)
    if (whose[first][member] != whose).any():
        raise ValueError("A case belongs to one patient, but vertebrae of one case are given to two patients.")
    return _Units(
        patient=whose,
        patients=patients,
        level=place[number] if size else np.zeros(0, np.int64),
        level_names=tuple(order),
        case=member.astype(np.int64),
        case_patient=whose[first],
    )


def _counted(a: NDArray[np.int8], b: NDArray[np.int8], units: _Units) -> NDArray[np.int64]:
    """(patients, cells): the tables of one pair, patient by patient."""
    cell = shared_cells(a, b)
    both = cell >= 0
    yes_no = (a > 0).astype(np.int64) * 2 + (b > 0)
    by_level = np.where(both & (units.level >= 0), units.level * 4 + yes_no, -1)
    cases = len(units.case_patient)
    in_case = [np.zeros(cases, bool) for _ in range(3)]
    for flags, where in zip(in_case, (both, both & (a > 0), both & (b > 0)), strict=True):
        flags[units.case[where]] = True
    compared, a_has, b_has = in_case
    by_case = np.where(compared, a_has.astype(np.int64) * 2 + b_has, -1)
    return np.concatenate(
        [
            per_patient(cell, units.patient, units.patients, ANSWERS * ANSWERS),
            per_patient(by_level, units.patient, units.patients, 4 * len(units.level_names)),
            per_patient(by_case, units.case_patient, units.patients, 4),
        ],
        axis=1,
    )


def _counts(a: NDArray[np.int8], b: NDArray[np.int8], counted: NDArray[np.int64], units: _Units) -> Counts:
    answered = ANSWERS * ANSWERS
    table = counted[:, :answered].sum(axis=0).reshape(ANSWERS, ANSWERS)
    two = fracture_table(table)
    both = (a != ABSENT) & (b != ABSENT)
    unsure = both & ((a == INDETERMINATE) | (b == INDETERMINATE))
    barred = both & ~unsure & ((a == NOT_ASSESSABLE) | (b == NOT_ASSESSABLE))
    untyped = table.sum() - table[:UNTYPED, :UNTYPED].sum()
    ordered = table[: A4 + 1, : A4 + 1].sum()
    return Counts(
        spoken=int(((a != ABSENT) | (b != ABSENT)).sum()),
        compared=int(table.sum()),
        indeterminate=int(unsure.sum()),
        not_assessable=int(barred.sum()),
        only_a=int(((a != ABSENT) & (b == ABSENT)).sum()),
        only_b=int(((a == ABSENT) & (b != ABSENT)).sum()),
        a_indeterminate=int((a == INDETERMINATE).sum()),
        b_indeterminate=int((b == INDETERMINATE).sum()),
        a_not_assessable=int((a == NOT_ASSESSABLE).sum()),
        b_not_assessable=int((b == NOT_ASSESSABLE).sum()),
        both_fracture=int(two[1, 1]),
        a_only_fracture=int(two[1, 0]),
        b_only_fracture=int(two[0, 1]),
        both_negative=int(two[0, 0]),
        discordant=int(two[0, 1] + two[1, 0]),
        fractures_without_type=int(untyped),
        outside_order=int(table.sum() - untyped - ordered),
        patients=int(counted[:, :answered].any(axis=1).sum()),
        cases=int(counted[:, -4:].sum()),
    )


def _pair(
    counts: Counts, counted: NDArray[np.int64], drawn: NDArray[np.float64], units: _Units, weights: str
) -> PairAgreement:
    by_patient, by_draw = (_Tables.of(columns, len(units.level_names)) for columns in (counted, drawn))
    kinds = [fracture_table(by_patient.answers), *(type_table(by_patient.answers, kind) for kind in TYPES)]
    kinds_drawn = [fracture_table(by_draw.answers), *(type_table(by_draw.answers, kind) for kind in TYPES)]
    tables = binary_agreement(
        np.concatenate([by_patient.twos, np.stack(kinds, axis=1)], axis=1),
        np.concatenate([by_draw.twos, np.stack(kinds_drawn, axis=1)], axis=1),
    )
    levels = len(units.level_names)
    *by_level, cases, fracture = tables[: levels + 2]
    ordered, fractured, all_types = (NONE, *range(A1, A4 + 1)), range(A1, A4 + 1), (NONE, *range(A1, A4 + 1), B, C)

    def typed(kept: Sequence[int], scheme: str) -> TypeAgreement:
        names = tuple(AO_NAMES[kind] for kind in kept)
        return type_agreement(pick(by_patient.answers, kept), pick(by_draw.answers, kept), names, scheme)

    return PairAgreement(
        counts=counts,
        fracture=fracture,
        ao=typed(ordered, weights),
        ao_both_fracture=typed(fractured, weights),
        ao_all=typed(all_types, "unweighted"),
        levels=tuple(zip(units.level_names, by_level, strict=True)),
        types=tuple(zip((AO_NAMES[kind] for kind in TYPES), tables[levels + 2 :], strict=True)),
        cases=cases,
        mcnemar=_mcnemar(cases),
    )


@dataclass(frozen=True)
class _Tables:
    """The columns of one pair as tables: (rows, 8, 8) of answers, (rows, levels + 1, 2, 2) of levels, then of cases."""

    answers: NDArray
    twos: NDArray

    @classmethod
    def of(cls, columns: NDArray, levels: int) -> _Tables:
        rows, square = len(columns), ANSWERS * ANSWERS
        return cls(
            columns[:, :square].reshape(rows, ANSWERS, ANSWERS), columns[:, square:].reshape(rows, levels + 1, 2, 2)
        )


def _mcnemar(cases: BinaryAgreement) -> Estimate:
    discordant = cases.table[0][1] + cases.table[1][0]
    if not cases.compared:
        return missing("No case was given yes or no by both readers.", denominator=0)
    if not discordant:
        return missing("No case is discordant, so there is nothing to test.", denominator=0)
    p = float(mcnemar_exact(cases.table))
    return Estimate(value=p, denominator=discordant, method="McNemar, exact, over cases")
