"""Scores of models against the reference: curves and areas, readers as points beside them, calibration, a threshold.

The threshold is chosen on validation patients alone and judged on all others of the cases asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, Column, columns_of
from labeling.analysis.gather import Gathered, gather, gather_slices
from labeling.analysis.scope import Scope, scope_of
from labeling.analysis.versions import data_version
from labeling.imaging.refusal import Refusal
from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.calibration import calibrate
from labeling.statistics.cases import by_case
from labeling.statistics.codes import FRACTURE, NEGATIVE
from labeling.statistics.curves import ONE_CLASS, curve
from labeling.statistics.thresholds import Threshold, operating_point, threshold_of
from labeling.statistics.two_by_two import cell_of, two_by_two

__all__ = ["MOST_CURVES", "RULES", "answer", "question_of"]

#: Lines in one figure, and points beside them: more are not told apart.
MOST_CURVES: Final = 4
MOST_POINTS: Final = 12

#: How a threshold is chosen: key -> its words, and the least sensitivity where that is the rule.
RULES: Final[dict[str, tuple[str, float | None]]] = {
    "youden": ("largest sensitivity + specificity", None),
    "sensitivity-95": ("sensitivity of 95 % or more", 0.95),
    "sensitivity-90": ("sensitivity of 90 % or more", 0.90),
}
UNITS: Final = {"vertebra": "vertebrae", "case": "cases", "slice": "slices"}
_RATES: Final = ("sensitivity", "specificity", "ppv", "npv", "accuracy")

NO_SCORES: Final = (
    "No model has given a score to these cases. Choose a model that scores vertebrae and have it read them, or choose "
    "other cases."
)
NO_REFERENCE: Final = "None of these cases has a reference yet. Settle them in a consensus first."
NO_SLICES: Final = "No slice of these cases is labelled in the reference. Choose vertebrae or cases."
ONLY_VALIDATION: Final = (
    "All of these are the validation patients on whom the threshold was chosen: what it does here is too good to be "
    "quoted. Choose other cases to judge it."
)


@dataclass(frozen=True, eq=False)
class _Units:
    """M units: what is true (codes), what each of R readers says and scores, and whose they are."""

    truth: NDArray[np.int64]
    verdict: NDArray[np.int64]
    score: NDArray[np.float64]
    patient: NDArray[np.int64]
    case: NDArray[np.int64]


def question_of(user: User, scope: Scope, reader: str, against: str, unit: str, rule: str) -> Question:
    """The question about these cases as it is asked now: the threshold comes of validation cases, so their version is a
    part of it."""
    validation = scope_of(user, "validation")
    options = {
        "rule": rule if rule in RULES else "youden",
        "unit": unit if unit in UNITS else "vertebra",
        "validation": data_version(user, validation.cases)[:16],
    }
    return Question("curves", scope.key, (reader, against), tuple(sorted(options.items())))


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """Curves of the models that score, the asked one first.

    Returns
    -------
    unit, reader, against (with key, label, kind, incorporated), curves (`Curve.as_json` by key, with the *share* that
    is fractured), points (`TwoByTwo.as_json` of every reader), calibration of the first curve (None, and a sentence
    calibration_note, where it has none), threshold (see `_threshold`), left_out (labels of models without room), note
    (a sentence, and nothing else, where there is no curve).
    """
    unit, rule = question.option("unit", "vertebra"), question.option("rule", "youden")
    columns = {column.key: column for column in columns_of(user, scope.cases)}
    reader, against = (*question.readers, "", "")[:2]
    against = against or REFERENCE
    empty: dict[str, Any] = {"unit": unit, "reader": None, "against": None, "curves": [], "points": [], "left_out": []}
    empty |= {"calibration": None, "calibration_note": "", "threshold": None}
    if against not in columns:
        return {**empty, "note": NO_REFERENCE}
    keys = _keys(columns, reader, against)
    gathered = gather(user, scope.cases, keys)
    units = _units(gathered, against, unit)
    if unit == "slice" and not units.truth.size:
        return {**empty, "note": NO_SLICES}
    scored = [key for key in keys if key != against and np.isfinite(units.score[gathered.place(key)]).any()]
    # The asked one first, the others as they stand in every list.
    scored.sort(key=lambda key: key != reader)
    if not scored:
        return {**empty, "against": _named(columns[against]), "note": NO_SCORES}
    bootstrap = PatientBootstrap(gathered.patients)
    first = scored[0]
    calibration, calibration_note = _calibration(units, gathered.place(first), bootstrap)
    return {
        "unit": unit,
        "reader": _named(columns[first]),
        "against": _named(columns[against]),
        "curves": [
            {**_named(columns[key]), "curve": _curve(units, gathered.place(key), bootstrap)}
            for key in scored[:MOST_CURVES]
        ],
        "points": [
            {**_named(columns[key]), "table": _point(units, gathered.place(key), bootstrap)}
            for key in keys
            if key != against
        ],
        "calibration": calibration,
        "calibration_note": calibration_note,
        "threshold": _threshold(user, units, gathered, columns[first], against, unit, rule),
        "left_out": [columns[key].label for key in scored[MOST_CURVES:]],
        "note": "",
    }


def _keys(columns: dict[str, Column], reader: str, against: str) -> list[str]:
    """Everybody's own column, with the asked one wherever it stands; columns of single rounds say the same again."""
    models = [key for key, column in columns.items() if column.kind == "model"]
    others = [key for key, column in columns.items() if column.kind != "model" and "-" not in key]
    wanted = [key for key in (reader, *others[: MOST_POINTS + 1], *models) if key in columns and key != against]
    return list(dict.fromkeys([against, *wanted]))


def _named(column: Column) -> dict[str, Any]:
    return {
        "key": column.key,
        "label": column.label,
        "kind": column.kind,
        "incorporated": column.incorporated,
    }


def _units(gathered: Gathered, against: str, unit: str) -> _Units:
    base = gathered.place(against)
    if unit == "slice":
        slices = gather_slices(gathered, against)
        return _Units(
            slices.verdict[base].astype(np.int64),
            slices.verdict.astype(np.int64),
            slices.score,
            slices.patient,
            gathered.case[slices.vertebra_place],
        )
    verdict = gathered.verdict.astype(np.int64)
    if unit != "case":
        return _Units(verdict[base], verdict, gathered.score, gathered.patient, gathered.case)
    types = gathered.ao[base].astype(np.int64)
    cases = int(gathered.case.max()) + 1 if gathered.case.size else 0
    found = [by_case(row, verdict[base], types, gathered.case, gathered.patient) for row in verdict]
    score = np.full((len(verdict), cases), -np.inf)
    for place, row in enumerate(gathered.score):
        # The highest score of its vertebrae is that of a case: one fracture makes it one.
        np.maximum.at(score[place], gathered.case, np.nan_to_num(row, nan=-np.inf))
    score[~np.isfinite(score)] = np.nan
    said = np.array([one[0] for one in found])
    return _Units(found[base][1], said, score, found[base][3], np.arange(cases))


def _curve(units: _Units, place: int, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """`Curve.as_json`, with the share of fractures among what has a score."""
    found = curve(units.score[place], units.truth, units.patient, bootstrap)
    of = found.positives + found.negatives
    return {**found.as_json(), "share": found.positives / of if of else None}


def _point(units: _Units, place: int, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """What a reader calls, as the 2x2 table of units that both decide."""
    said, told = units.verdict[place], units.truth
    both = np.isin(said, (NEGATIVE, FRACTURE)) & np.isin(told, (NEGATIVE, FRACTURE))
    cells = np.where(both, cell_of(said == FRACTURE, told == FRACTURE), -1)
    counts = per_patient(cells, units.patient, bootstrap.patients, 4)
    return two_by_two(counts, bootstrap, names=_RATES).as_json()


def _calibration(units: _Units, place: int, bootstrap: PatientBootstrap) -> tuple[dict[str, Any] | None, str]:
    found = calibrate(units.score[place], units.truth, units.patient, bootstrap)
    if found.brier.value is None:
        return None, ONE_CLASS
    return found.as_json(), ""


def _threshold(
    user: User, units: _Units, gathered: Gathered, column: Column, against: str, unit: str, rule: str
) -> dict[str, Any]:
    """Where this model calls a fracture, chosen on validation patients.

    Returns
    -------
    `Threshold.as_json`, with *origin* (title, cases, patients, data_version, incorporated: the validation set it was
    chosen on, None where it was not) and *here* (`OperatingPoint.as_json`, cases, patients; None with a sentence
    *here_note*).
    """
    words, least = RULES.get(rule, RULES["youden"])
    validation = scope_of(user, "validation")
    none = {"rule": words, "value": None, "origin": None, "here": None, "here_note": ""}
    try:
        known = gather(user, validation.cases, [against, column.key])
    except Refusal:
        label = "a reference" if against == REFERENCE else "what it is held against"
        note = (
            f"{column.label} and {label} have no validation case in common, so there is no threshold to choose. Have "
            "validation cases read and settled."
        )
        return {**Threshold(None, words, None, None, 0, 0, note).as_json(), **none}
    own = _units(known, against, unit)
    place = known.place(column.key)
    chosen = threshold_of(own.score[place], own.truth, "youden" if least is None else "sensitivity", least)
    counted = np.isfinite(own.score[place]) & np.isin(own.truth, (NEGATIVE, FRACTURE))
    same = next((one for one in columns_of(user, validation.cases) if one.key == column.key), column)
    origin = {
        "title": validation.title,
        "cases": len(set(own.case[counted].tolist())),
        "patients": len(set(own.patient[counted].tolist())),
        "data_version": data_version(user, validation.cases),
        "incorporated": same.incorporated,
    }
    found = {**chosen.as_json(), "rule": words, "origin": origin, "here": None, "here_note": ""}
    if chosen.value is None:
        return {**found, "note": f"On the validation set: {chosen.note}"}
    outside = ~np.isin(gathered.cases, validation.cases)[units.case]
    if not outside.any():
        return {**found, "here_note": ONLY_VALIDATION}
    bootstrap = PatientBootstrap(gathered.patients)
    row = gathered.place(column.key)
    judged = np.where(outside, units.truth, -1)
    here = operating_point(units.score[row], judged, chosen.value, units.patient, bootstrap)
    left = int((~outside).sum())
    return {
        **found,
        "here": {**here.as_json(), "patients": len(set(units.patient[outside].tolist()))},
        "here_note": f"{left:,} {UNITS[unit]} of validation patients are not in this table." if left else "",
    }
