"""A reader against the reference: what was found, what was missed, and what neither says.

The unit is the vertebra unless told otherwise; units of one patient are alike, so intervals come from the bootstrap
over patients, and from Wilson where each patient gives one case. What the reader called indeterminate or not assessable
is in no 2x2 table: it is counted, and both worst cases stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.cases import by_case
from labeling.statistics.codes import (
    ABSENT,
    AO_NAMES,
    FRACTURE,
    INDETERMINATE,
    NEGATIVE,
    NO_TYPE,
    NONE,
    NOT_ASSESSABLE,
    TYPES,
)
from labeling.statistics.estimates import Estimate, coefficient, missing, quotient, rate, wilson_rate
from labeling.statistics.rates import FN, FP, FRACTIONS, TN, TP
from labeling.statistics.two_by_two import TwoByTwo, cell_of, two_by_two

__all__ = ["Accuracy", "Apart", "FalseAlarms", "TypeLine", "Unit", "judge"]

Ints = NDArray[np.int64]
Unit = Literal["vertebra", "case", "slice"]

MAIN: Final = ("sensitivity", "specificity", "accuracy")

#: Eight answers beside each other: negative, fracture, indeterminate, not assessable, absent; first of what the
#: reference calls negative, then of what it calls a fracture.
ANSWERS: Final = (NEGATIVE, FRACTURE, INDETERMINATE, NOT_ASSESSABLE, ABSENT)


@dataclass(frozen=True)
class Apart:
    """Units outside the 2x2 table: what the reader said where the reference decides, and where it does not."""

    indeterminate_positives: int
    indeterminate_negatives: int
    not_assessable_positives: int
    not_assessable_negatives: int
    absent_positives: int
    absent_negatives: int
    reference_undecided: int
    reference_absent: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class TypeLine:
    """The fractures of one AO type: found of those decided, those apart, and found of all that were to be found.

    kept
        Not assessable and absent ones stay in the denominator as not found.
    """

    sensitivity: Estimate
    kept: Estimate
    indeterminate: int
    not_assessable: int
    absent: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class FalseAlarms:
    """False alarms by examination: their mean number, and the share of examinations with one or more."""

    per_examination: Estimate
    examinations: Estimate

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Accuracy:
    """A reader's accuracy.

    table
        The 2x2 table of what both decided, with every rate.
    by_type
        The headline: AO name (A1 to C, and `no type` where there is one) to its line.
    by_level
        Level to its table (sensitivity, specificity, accuracy), from head to feet; unknown levels are left out and
        counted in `levels_unknown`.
    worst
        `against`: everything indeterminate or not assessable counts as wrong; `for`: as right.
    intention
        Sensitivity with positives that were not assessed, or of which nothing is said, left in the denominator.
    false_alarms
        None where the units were not told by examination.
    incorporated
        The reader helped to make the reference, or is a model that was trained on these cases.
    """

    unit: Unit
    units: int
    patients: int
    table: TwoByTwo
    apart: Apart
    by_type: Mapping[str, TypeLine]
    by_level: Mapping[str, TwoByTwo]
    levels_unknown: int
    worst: Mapping[str, TwoByTwo]
    intention: Estimate
    false_alarms: FalseAlarms | None
    incorporated: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "units": self.units,
            "patients": self.patients,
            "table": self.table.as_json(),
            "apart": self.apart.as_json(),
            "by_type": {name: line.as_json() for name, line in self.by_type.items()},
            "by_level": {name: table.as_json() for name, table in self.by_level.items()},
            "levels_unknown": self.levels_unknown,
            "worst": {name: table.as_json() for name, table in self.worst.items()},
            "intention": self.intention.as_json(),
            "false_alarms": self.false_alarms.as_json() if self.false_alarms else None,
            "incorporated": self.incorporated,
        }


def judge(
    reader_verdict: ArrayLike,
    reference_verdict: ArrayLike,
    reference_ao: ArrayLike,
    level: Sequence[str],
    patient: ArrayLike,
    bootstrap: PatientBootstrap,
    unit: Unit = "vertebra",
    *,
    case: ArrayLike | None = None,
    incorporated: bool = False,
) -> Accuracy:
    """A reader against the reference.

    Parameters
    ----------
    reader_verdict, reference_verdict
        (N,) codes of verdicts, of the same units in the same order.
    reference_ao
        (N,) codes of AO types; read where the reference says fracture.
    level
        (N,) names of levels, '' where unknown.
    patient
        (N,) 0 to `bootstrap.patients` - 1.
    unit
        `vertebra` and `slice`: each row is one. `case`: rows are vertebrae, and a case with any fracture is positive
        (see `cases.by_case`); its type is the highest of its fractures, its level none.
    case
        (N,) the examination of each row, whole numbers. Needed for the unit `case` and for false alarms by examination.

    Raises
    ------
    ValueError
        where the columns differ in length, a code is unknown, or `case` is needed and missing.
    """
    reader, reference, ao, whose, levels = _columns(reader_verdict, reference_verdict, reference_ao, patient, level)
    exam = None if case is None else np.unique(np.asarray(case, np.int64), return_inverse=True)[1]
    if exam is not None and exam.shape != reader.shape:
        raise ValueError(f"There are {reader.size} verdicts but {exam.size} cases; each vertebra needs one.")
    alarms = None if exam is None else _false_alarms(reader, reference, exam, whose, bootstrap)
    if unit == "case":
        if exam is None:
            raise ValueError("Accuracy by case needs the case of each vertebra.")
        reader, reference, ao, whose = by_case(reader, reference, ao, exam, whose)
        levels = np.full(reader.shape, "")
    own = np.bincount(whose, minlength=1)
    independent = unit == "case" and bool(own.max() <= 1)

    answers = _answers(reader, reference, whose, bootstrap.patients)
    total = answers.sum(axis=0)
    cells = _judged(answers)
    decided = np.isin(reference, (NEGATIVE, FRACTURE))
    return Accuracy(
        unit=unit,
        units=int(reader.size),
        patients=int((own > 0).sum()),
        table=two_by_two(cells, bootstrap, independent=independent),
        apart=Apart(
            indeterminate_positives=int(total[1, 2]),
            indeterminate_negatives=int(total[0, 2]),
            not_assessable_positives=int(total[1, 3]),
            not_assessable_negatives=int(total[0, 3]),
            absent_positives=int(total[1, 4]),
            absent_negatives=int(total[0, 4]),
            reference_undecided=int(np.isin(reference, (INDETERMINATE, NOT_ASSESSABLE)).sum()),
            reference_absent=int((reference == ABSENT).sum()),
        ),
        by_type=_by_type(reader, reference, ao, whose, bootstrap, independent),
        by_level=_by_level(reader, reference, levels, whose, bootstrap),
        levels_unknown=int((decided & (levels == "")).sum()),
        worst={
            side: two_by_two(cells + _extreme(answers, side), bootstrap, independent=independent, names=MAIN)
            for side in ("against", "for")
        },
        intention=_found(answers[:, 1, 1], answers[:, 1, (0, 1, 3, 4)].sum(axis=1), bootstrap, independent),
        false_alarms=alarms,
        incorporated=incorporated,
    )


def _columns(
    reader: ArrayLike, reference: ArrayLike, ao: ArrayLike, patient: ArrayLike, level: Sequence[str]
) -> tuple[Ints, Ints, Ints, Ints, NDArray[np.str_]]:
    first, second, types, whose = (np.asarray(one, np.int64).ravel() for one in (reader, reference, ao, patient))
    levels = np.asarray(level, np.str_).ravel()
    sizes = {first.size, second.size, types.size, whose.size, levels.size}
    if len(sizes) > 1:
        raise ValueError(
            f"Columns differ in length: {first.size} and {second.size} verdicts, {types.size} types, {levels.size} "
            f"levels, {whose.size} patients."
        )
    for verdicts in (first, second):
        if verdicts.size and (verdicts.min() < ABSENT or verdicts.max() > NOT_ASSESSABLE):
            found = f"{verdicts.min()} to {verdicts.max()}"
            raise ValueError(f"Verdicts run from {ABSENT} to {NOT_ASSESSABLE}, not {found}.")
    if types.size and (types.min() < NO_TYPE or types.max() > max(TYPES)):
        raise ValueError(f"AO types run from {NO_TYPE} to {max(TYPES)}, not {types.min()} to {types.max()}.")
    return first, second, types, whose, levels


def _answers(reader: Ints, reference: Ints, patient: Ints, patients: int) -> Ints:
    """(patients, 2, 5): what the reference decides (negative, fracture) by what the reader answers (`ANSWERS`)."""
    answer = np.where(reader == ABSENT, 4, reader)
    codes = np.where(np.isin(reference, (NEGATIVE, FRACTURE)), reference * 5 + answer, -1)
    return per_patient(codes, patient, patients, 10).reshape(patients, 2, 5)


def _judged(answers: Ints) -> Ints:
    """(patients, 4) TP, FP, FN, TN of what both decided."""
    cells = np.empty((len(answers), 4), np.int64)
    cells[:, TP], cells[:, FN] = answers[:, 1, 1], answers[:, 1, 0]
    cells[:, FP], cells[:, TN] = answers[:, 0, 1], answers[:, 0, 0]
    return cells


def _extreme(answers: Ints, side: str) -> Ints:
    """(patients, 4) what is indeterminate or not assessable, as if all were wrong (`against`) or right (`for`)."""
    open_ones = answers[:, :, 2] + answers[:, :, 3]
    cells = np.zeros((len(answers), 4), np.int64)
    cells[:, FN if side == "against" else TP] = open_ones[:, 1]
    cells[:, FP if side == "against" else TN] = open_ones[:, 0]
    return cells


def _found(found: Ints, of: Ints, bootstrap: PatientBootstrap, independent: bool) -> Estimate:
    """A rate from each patient's numerator and denominator."""
    k, n = int(found.sum()), int(of.sum())
    empty = FRACTIONS["sensitivity"].empty
    if independent:
        return wilson_rate(k, n, empty=empty)
    drawn = bootstrap.totals(np.stack([found, of], axis=1))
    return rate(k, n, quotient(drawn[:, 0], drawn[:, 1]), patients=int((of > 0).sum()), empty=empty)


def _by_type(
    reader: Ints, reference: Ints, ao: Ints, patient: Ints, bootstrap: PatientBootstrap, independent: bool
) -> dict[str, TypeLine]:
    # A fracture whose type reads "not a fracture" is one without a type.
    kind = np.where(ao == NONE, NO_TYPE, ao)
    shown = (*TYPES, NO_TYPE) if ((reference == FRACTURE) & (kind == NO_TYPE)).any() else TYPES
    lines = {}
    for one in shown:
        answers = _answers(reader, np.where(kind == one, reference, ABSENT), patient, bootstrap.patients)[:, 1]
        found, decided = answers[:, 1], answers[:, 0] + answers[:, 1]
        indeterminate, not_assessable, absent = (int(answers[:, answer].sum()) for answer in (2, 3, 4))
        nothing = f"No fracture of the type {AO_NAMES[one]} stands in the reference."
        if not answers.sum():
            lines[AO_NAMES[one]] = TypeLine(
                missing(nothing, numerator=0, denominator=0), missing(nothing, numerator=0, denominator=0), 0, 0, 0
            )
            continue
        lines[AO_NAMES[one]] = TypeLine(
            _found(found, decided, bootstrap, independent),
            _found(found, decided + answers[:, 3] + answers[:, 4], bootstrap, independent),
            indeterminate,
            not_assessable,
            absent,
        )
    return lines


def _by_level(
    reader: Ints, reference: Ints, level: NDArray[np.str_], patient: Ints, bootstrap: PatientBootstrap
) -> dict[str, TwoByTwo]:
    tables = {}
    for one in sorted(set(level.tolist()) - {""}, key=_from_head_to_feet):
        answers = _answers(reader, np.where(level == one, reference, ABSENT), patient, bootstrap.patients)
        if answers.any():
            tables[one] = two_by_two(_judged(answers), bootstrap, names=MAIN)
    return tables


def _from_head_to_feet(level: str) -> tuple[int, int, str]:
    number = level[1:]
    return ("CTLS".find(level[0].upper()) % 5, int(number) if number.isdecimal() else 99, level)


def _false_alarms(reader: Ints, reference: Ints, exam: Ints, patient: Ints, bootstrap: PatientBootstrap) -> FalseAlarms:
    """Over the examinations in which reader and reference both decided one unit or more."""
    both = np.isin(reader, (NEGATIVE, FRACTURE)) & np.isin(reference, (NEGATIVE, FRACTURE))
    wrong = both & (cell_of(reader == FRACTURE, reference == FRACTURE) == FP)
    exams = int(exam.max()) + 1 if exam.size else 0
    seen = np.bincount(exam[both], minlength=exams) > 0
    alarms = np.bincount(exam[wrong], minlength=exams)
    owner = np.zeros(exams, np.int64)
    owner[exam] = patient
    counts = np.zeros((bootstrap.patients, 3), np.int64)
    for column, number in enumerate((alarms, (alarms > 0).astype(np.int64), seen.astype(np.int64))):
        np.add.at(counts[:, column], owner, number)
    total, drawn = counts.sum(axis=0), bootstrap.totals(counts)
    empty = "No examination was judged by both the reader and the reference."
    return FalseAlarms(
        coefficient(
            float(quotient(total[0], total[2])),
            quotient(drawn[:, 0], drawn[:, 2]),
            denominator=int(total[2]),
            undefined=empty,
        ),
        rate(
            int(total[1]),
            int(total[2]),
            quotient(drawn[:, 1], drawn[:, 2]),
            patients=int((counts[:, 2] > 0).sum()),
            empty=empty,
        ),
    )
