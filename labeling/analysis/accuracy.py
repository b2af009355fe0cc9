"""Readers against the reference: all of them in a line each, the chosen one in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, Column, columns_of
from labeling.analysis.gather import Gathered, gather, gather_slices
from labeling.analysis.scope import Scope
from labeling.analysis.segmented import segmentation_of
from labeling.imaging.refusal import Refusal
from labeling.statistics.accuracy import Accuracy, Unit, judge
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.codes import ABSENT, FRACTURE

__all__ = ["NOBODY", "NO_REFERENCE", "NO_SLICES", "answer", "question_of"]

NO_REFERENCE: Final = (
    "None of these cases has a reference yet. Settle them in a consensus, or choose whose reads stand in its place."
)
NOBODY: Final = "Nobody else has locked a read of these cases. Have a round read first, or have a model read the cases."
NO_SLICES: Final = "No slice of these cases is labelled in the reference. Choose vertebrae or cases."
NO_READS: Final = (
    "Nobody has locked a read of these cases that you may see. Choose other cases, or have a round read first."
)

UNITS: Final[dict[str, Unit]] = {"vertebra": "vertebra", "case": "case", "slice": "slice"}


@dataclass(frozen=True, eq=False)
class _Units:
    """M units as R readers see them: rows of verdict and ao as in the `Gathered`; `case` is None for slices."""

    unit: Unit
    verdict: NDArray[np.int8]
    ao: NDArray[np.int8]
    level: NDArray[np.str_]
    patient: NDArray[np.int64]
    case: NDArray[np.int64] | None


def question_of(scope: str, reader: str, against: str, unit: str) -> Question:
    """The question about this reader against that one; an empty `against` is the reference."""
    return Question("accuracy", scope, (reader, against or REFERENCE), (("unit", unit),))


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """`question.readers` are the reader ('' for the first one) and whom they are held against.

    Returns
    -------
    unit, reader and against (key, label, kind, reads, incorporated; None where there is none), accuracy
    (`Accuracy.as_json` of the reader, None with a sentence `note`), summary (one line a reader, see `_line`), cases
    (asked, read and unread ones, and the fractures in those unread),
    segmentation (see `segmented.segmentation_of`), replicates, seed, patients, note.

    Raises
    ------
    Refusal
        ``no-column`` where one of the two has no read of these cases.
    """
    unit = UNITS.get(question.option("unit"), "vertebra")
    wanted, against = (*question.readers, "", "")[:2]
    against = against or REFERENCE
    columns = {column.key: column for column in columns_of(user, scope.cases)}
    empty: dict[str, Any] = {"unit": unit, "reader": None, "against": None, "accuracy": None, "summary": []}
    empty |= {"cases": None, "segmentation": None, "replicates": 0, "seed": 0, "patients": 0}
    if not columns:
        return {**empty, "note": NO_READS}
    if against not in columns:
        if against != REFERENCE:
            raise Refusal("no-column", f"The reader {against[:40]!r} has no locked read of these cases.")
        return {**empty, "note": NO_REFERENCE}
    if wanted and wanted not in columns:
        raise Refusal("no-column", f"The reader {wanted[:40]!r} has no locked read of these cases.")
    others = [column for column in columns.values() if column.key != against]
    empty["against"] = _named(columns[against])
    # Reads of one round say again what the reader's own column says, so they stand here only when they are asked for.
    own = [column for column in others if "-" not in column.key]
    if not own and wanted in ("", against):
        return {**empty, "note": NOBODY}
    reader = wanted if wanted and wanted != against else own[0].key
    shown = [column for column in others if column in own or column.key == reader]
    gathered = gather(user, scope.cases, [against, *(column.key for column in shown)])
    units = _units(gathered, unit, against)
    if unit == "slice" and not units.patient.size:
        return {**empty, "reader": _named(columns[reader]), "note": NO_SLICES}
    bootstrap = PatientBootstrap(gathered.patients)
    judged = {column.key: _judge(gathered, units, column, against, bootstrap) for column in shown}
    truth = gathered.place(REFERENCE) if against == REFERENCE else None
    return {
        "unit": unit,
        "reader": _named(columns[reader], against),
        "against": _named(columns[against]),
        "accuracy": judged[reader].as_json(),
        "summary": [_line(column, judged[column.key], against) for column in shown],
        "cases": _cases(gathered, gathered.place(reader), gathered.place(against)),
        "segmentation": None if truth is None else segmentation_of(gathered, truth, bootstrap),
        "replicates": bootstrap.replicates,
        "seed": bootstrap.seed,
        "patients": gathered.patients,
        "note": "",
    }


def _named(column: Column, against: str = REFERENCE) -> dict[str, Any]:
    # Who helped to make the reference is incorporated in it and in nothing else.
    incorporated = column.incorporated if against == REFERENCE else ""
    return {
        "key": column.key,
        "label": column.label,
        "kind": column.kind,
        "reads": column.reads,
        "incorporated": incorporated,
    }


def _units(gathered: Gathered, unit: Unit, against: str) -> _Units:
    if unit != "slice":
        return _Units(unit, gathered.verdict, gathered.ao, gathered.level, gathered.patient, gathered.case)
    slices = gather_slices(gathered, against)
    at = slices.vertebra_place
    return _Units(unit, slices.verdict, gathered.ao[:, at], gathered.level[at], slices.patient, None)


def _judge(gathered: Gathered, units: _Units, column: Column, against: str, bootstrap: PatientBootstrap) -> Accuracy:
    place, base = gathered.place(column.key), gathered.place(against)
    said, truth = units.verdict[place], units.verdict[base]
    # What only third readers speak of is nothing to these two.
    kept = (said != ABSENT) | (truth != ABSENT)
    return judge(
        said[kept],
        truth[kept],
        units.ao[base][kept],
        units.level[kept].tolist(),
        units.patient[kept],
        bootstrap,
        units.unit,
        case=None if units.case is None else units.case[kept],
        incorporated=against == REFERENCE and bool(column.incorporated),
    )


def _line(column: Column, accuracy: Accuracy, against: str) -> dict[str, Any]:
    """One reader in one line: counts, the rates people ask for first, and what is apart."""
    table, apart = accuracy.table, accuracy.apart
    names = ("sensitivity", "specificity", "ppv", "accuracy", "f_score")
    return {
        **_named(column, against),
        "tp": table.tp,
        "fp": table.fp,
        "fn": table.fn,
        "tn": table.tn,
        "rates": {name: table.rates[name].as_json() for name in names},
        "intention": accuracy.intention.as_json(),
        "apart": apart.as_json(),
    }


def _cases(gathered: Gathered, place: int, base: int) -> dict[str, int]:
    """Cases that are asked about, how many of them the reader has read or not, and the fractures in those unread."""
    asked, read = gathered.read[base] > 0, gathered.read[place] > 0
    unread = asked & ~read
    fractures = gathered.case[gathered.verdict[base] == FRACTURE]
    return {
        "asked": int(asked.sum()),
        "read": int((asked & read).sum()),
        "unread": int(unread.sum()),
        "unread_fractures": int(unread[fractures].sum()),
    }
