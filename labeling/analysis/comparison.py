"""Two readers, or two versions of a model, on the same vertebrae: how much better the second is, paired by patient."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, Column, columns_of
from labeling.analysis.gather import Gathered, gather, gather_slices
from labeling.analysis.scope import Scope
from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.cases import by_case
from labeling.statistics.codes import ABSENT, AO_NAMES, FRACTURE, NEGATIVE, TYPES
from labeling.statistics.comparing import compare, non_inferior
from labeling.statistics.curves import roc_auc
from labeling.statistics.estimates import coefficient, plain
from labeling.statistics.rates import FN, FP, RATES, TN, TP
from labeling.statistics.two_by_two import UNDEFINED

__all__ = ["MARGINS", "MORE", "answer"]

Ints = NDArray[np.int64]

#: Losses, in points, that a second reader is held against.
MARGINS: Final = ("2", "5", "10")
#: Rates whose denominator depends on the reader, so that units gained and lost do not give their difference.
MORE: Final = ("ppv", "npv", "f_score", "balanced_accuracy")

NO_REFERENCE: Final = "None of these cases has a reference yet. Settle them in a consensus first."
ONE_READER: Final = "A comparison needs two readers. Choose a second one that has read these cases."
SAME_READER: Final = "Both are the same reader. Choose another one to compare with."
IS_REFERENCE: Final = "The reference is what both are held against. Choose two other readers."
NOTHING_SHARED: Final = "The two have decided no vertebra in common that the reference decides too."
NO_SLICES: Final = "No slice of these cases is labelled in the reference. Choose vertebrae or cases."
UNDEFINED_HERE: Final = "One of the two has no number here: nothing was called, or nothing was there to be called."

#: The eight cells of (fractured, first calls, second calls) as bits 4, 2 and 1: what both say of it.
_CELLS: Final = {
    "fracture": {"both": 7, "first": 6, "second": 5, "neither": 4},
    "negative": {"both": 0, "first": 1, "second": 2, "neither": 3},
}
_FIRST: Final = {TP: (6, 7), FP: (2, 3), FN: (4, 5), TN: (0, 1)}
_SECOND: Final = {TP: (5, 7), FP: (1, 3), FN: (4, 6), TN: (0, 2)}


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """The question's second reader against its first.

    Returns
    -------
    first, second (key, label, kind, incorporated), unit, margin (share), rates and strict (`Comparison.as_json` with
    undecided units left out, and counted as wrong), more (rate -> first, second, difference), tables (*fracture* and
    *negative*, each with *both*, *first*, *second*, *neither*: who of them is right), by_type ([name,
    `Difference.as_json`]), areas (first, second, units; None without two scores), decision (`Decision.as_json`),
    by_case (exact McNemar of cases; None where a patient has several), patients, note (a sentence, and nothing else,
    where there is nothing to compare).
    """
    unit = question.option("unit", "vertebra")
    margin = question.option("margin", "5")
    margin = margin if margin in MARGINS else "5"
    columns = {column.key: column for column in columns_of(user, scope.cases)}
    keys = [key for key in question.readers if key in columns][:2]
    said = [_named(columns[key]) for key in keys]
    first, second = (*said, None, None)[:2]
    empty: dict[str, Any] = {"unit": unit, "margin": float(margin) / 100, "first": first, "second": second}
    note = _refused(columns, keys)
    if note:
        return {**empty, "note": note}
    gathered = gather(user, scope.cases, [*keys, REFERENCE])
    one, two, truth, types, whose, scores = _units(gathered, unit)
    if not truth.size:
        return {**empty, "note": NO_SLICES if unit == "slice" else NOTHING_SHARED}
    bootstrap = PatientBootstrap(gathered.patients)
    scored = [scores[0], scores[1]] if np.isfinite(scores).any(axis=1).all() else [None, None]
    found = compare(one, two, truth, whose, bootstrap, first_score=scored[0], second_score=scored[1])
    if not found.units:
        return {**empty, "note": NOTHING_SHARED}
    strict = compare(one, two, truth, whose, bootstrap, undecided="wrong")
    counts = _paired(one, two, truth, whose, bootstrap.patients)
    return {
        **empty,
        "note": "",
        "rates": found.as_json(),
        "strict": strict.as_json(),
        "more": _more(counts, bootstrap),
        "tables": {
            name: {who: int(counts[:, cell].sum()) for who, cell in cells.items()} for name, cells in _CELLS.items()
        },
        "by_type": _by_type(one, two, truth, types, whose, bootstrap),
        "areas": _areas(scores, truth) if found.auc else None,
        "decision": non_inferior(strict, float(margin) / 100).as_json(),
        "by_case": _by_case(gathered, bootstrap),
        "patients": int((counts.sum(axis=1) > 0).sum()),
    }


def _refused(columns: dict[str, Column], keys: list[str]) -> str:
    if REFERENCE not in columns:
        return NO_REFERENCE
    if REFERENCE in keys:
        return IS_REFERENCE
    if len(keys) < 2:
        return ONE_READER
    return SAME_READER if keys[0] == keys[1] else ""


def _named(column: Column) -> dict[str, Any]:
    return {
        "key": column.key,
        "label": column.label,
        "kind": column.kind,
        "incorporated": column.incorporated,
    }


def _units(gathered: Gathered, unit: str) -> tuple[Ints, Ints, Ints, Ints, Ints, NDArray[np.float64]]:
    """Verdicts of first, second and reference, its AO types, patients, each (M,), and scores of the two (2, M)."""
    types = gathered.ao[2].astype(np.int64)
    if unit == "slice":
        slices = gather_slices(gathered, REFERENCE)
        one, two, truth = slices.verdict.astype(np.int64)
        at = slices.vertebra_place
        return one, two, truth, types[at] if at.size else types[:0], slices.patient, slices.score[:2]
    verdict = gathered.verdict.astype(np.int64)
    if unit != "case":
        return verdict[0], verdict[1], verdict[2], types, gathered.patient, gathered.score[:2]
    cases = [by_case(row, verdict[2], types, gathered.case, gathered.patient) for row in verdict]
    scores = np.full((2, len(cases[0][0])), -np.inf)
    for place in (0, 1):
        np.maximum.at(scores[place], gathered.case, np.nan_to_num(gathered.score[place], nan=-np.inf))
    scores[~np.isfinite(scores)] = np.nan
    return cases[0][0], cases[1][0], cases[0][1], cases[0][2], cases[0][3], scores


def _paired(one: Ints, two: Ints, truth: Ints, whose: Ints, patients: int) -> Ints:
    """(patients, 8) units that all three decide, by cells as `_CELLS` numbers them."""
    decided = [np.isin(said, (NEGATIVE, FRACTURE)) for said in (one, two, truth)]
    cells = 4 * (truth == FRACTURE) + 2 * (one == FRACTURE) + (two == FRACTURE)
    return per_patient(np.where(np.logical_and.reduce(decided), cells, -1), whose, patients, 8)


def _more(counts: Ints, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """Differences of rates that are no sum over units: both from the same replicates."""
    total, drawn = counts.sum(axis=0), bootstrap.totals(counts)
    found = {}
    for name in MORE:
        value, replicates = [], []
        for cells in (_FIRST, _SECOND):
            order = [cells[cell] for cell in (TP, FP, FN, TN)]
            value.append(float(RATES[name](np.array([total[list(places)].sum() for places in order]))))
            replicates.append(RATES[name](np.stack([drawn[:, places].sum(axis=1) for places in order], axis=1)))
        difference = coefficient(
            value[1] - value[0],
            replicates[1] - replicates[0],
            denominator=int(total.sum()),
            undefined=UNDEFINED.get(name, UNDEFINED_HERE),
        )
        first, second = (plain(one).value for one in value)
        found[name] = {"first": first, "second": second, "difference": difference.as_json()}
    return found


def _by_type(
    one: Ints, two: Ints, truth: Ints, types: Ints, whose: Ints, bootstrap: PatientBootstrap
) -> list[list[Any]]:
    """The difference of sensitivity among fractures of each AO type that stands in the reference."""
    found = []
    for kind in TYPES:
        of_kind = np.where((truth == FRACTURE) & (types == kind), truth, ABSENT)
        rate = compare(one, two, of_kind, whose, bootstrap).rates["sensitivity"]
        if rate.units:
            found.append([AO_NAMES[kind], rate.as_json()])
    return found


def _areas(scores: NDArray[np.float64], truth: Ints) -> dict[str, Any]:
    """Areas under the ROC curves of units that both score."""
    both = np.isfinite(scores).all(axis=0) & np.isin(truth, (NEGATIVE, FRACTURE))
    first, second = (plain(roc_auc(score[both], truth[both])).value for score in scores)
    return {"first": first, "second": second, "units": int(both.sum())}


def _by_case(gathered: Gathered, bootstrap: PatientBootstrap) -> dict[str, float] | None:
    """McNemar needs independent units: cases, where no patient has two."""
    one, two, truth, _, whose, _ = _units(gathered, "case")
    p_values = compare(one, two, truth, whose, bootstrap).mcnemar
    return dict(p_values) if p_values is not None else None
