"""At your place: what a reader's calls would mean at another prevalence, and how many of them a year would bring."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from django.contrib.auth.models import User

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, reads_of
from labeling.analysis.gather import Gathered, gather
from labeling.analysis.scope import Scope
from labeling.statistics import codes
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.estimates import Estimate
from labeling.statistics.screening import Screening, at_your_place

__all__ = ["DEFAULTS", "LIMITS", "answer", "number_of"]

#: Per cent; examinations a year; vertebrae in view of one.
DEFAULTS = {"prevalence": 5.0, "examinations": 1000.0, "vertebrae": 17.0}
LIMITS = {"prevalence": (0.0, 100.0), "examinations": (1.0, 1_000_000.0), "vertebrae": (1.0, 30.0)}
#: Where the curve of the PPV is drawn, shares of vertebrae.
CURVE = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)

NOBODY = "Nobody has locked a read of these cases that you may see. Choose other cases, or have a round read first."
NO_REFERENCE = "None of these cases has a reference yet. Settle them in a consensus first."
NO_BURDEN = "The reference holds no fracture, so how many a fractured examination has is not known. Ask per vertebra."
TOO_MANY = (
    "So many examinations with a fracture would need more fractures than there are vertebrae. Lower the prevalence."
)


def number_of(name: str, text: str) -> float:
    """What was typed for this field, within its limits; the default where it is no number."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return DEFAULTS[name]
    low, high = LIMITS[name]
    return min(max(value, low), high) if math.isfinite(value) else DEFAULTS[name]


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """What the question's reader would do at a place of its options: prevalence (per cent), per ('vertebra' or
    'examination'), examinations, vertebrae.

    Returns
    -------
    note, or at (`Screening.as_json`), missed (per 100 examinations), per_year (false_alarms, missed, missed_a1: each an
    `Estimate.as_json`), curve ({prevalence, value, low, high}), per_fractured (fractures of a fractured examination).
    """
    reads = reads_of(user, scope.cases)
    reader = question.readers[0] if question.readers else ""
    if REFERENCE not in reads:
        return {"note": NO_REFERENCE}
    if reader not in reads or reader == REFERENCE:
        return {"note": NOBODY}
    gathered = gather(user, scope.cases, [reader, REFERENCE])
    asked = {name: number_of(name, question.option(name)) for name in DEFAULTS}
    per_fractured = _per_fractured(gathered)
    prevalence = asked["prevalence"] / 100
    if question.option("per") == "examination":
        if per_fractured is None:
            return {"note": NO_BURDEN}
        prevalence *= per_fractured / asked["vertebrae"]
    if prevalence > 1:
        return {"note": TOO_MANY}
    bootstrap = PatientBootstrap(gathered.patients)

    def at(share: float) -> Screening:
        said, truth = gathered.verdict
        return at_your_place(
            said, truth, gathered.ao[1], gathered.patient, bootstrap, prevalence=share, vertebrae=asked["vertebrae"]
        )

    here = at(prevalence)
    missed = _missed(here)
    yearly = asked["examinations"] / 100
    return {
        "note": "",
        "at": here.as_json(),
        "missed": missed.as_json(),
        "per_year": {
            "false_alarms": _times(here.false_alarms, yearly).as_json(),
            "missed": _times(missed, yearly).as_json(),
            "missed_a1": _times(here.missed_a1, yearly).as_json(),
        },
        "curve": [
            {"prevalence": share, "value": ppv.value, "low": ppv.low, "high": ppv.high}
            for share in CURVE
            for ppv in [at(share).ppv]
        ],
        "per_fractured": per_fractured,
        "prevalence_here": float(np.mean(gathered.verdict[1][_decided(gathered)]))
        if _decided(gathered).any()
        else None,
    }


def _decided(gathered: Gathered) -> Any:
    return np.isin(gathered.verdict[1], (codes.NEGATIVE, codes.FRACTURE))


def _per_fractured(gathered: Gathered) -> float | None:
    """Fractures of an examination that has one, in the reference."""
    counts = np.bincount(gathered.case[gathered.verdict[1] == codes.FRACTURE], minlength=len(gathered.cases))
    return float(counts[counts > 0].mean()) if counts.any() else None


def _missed(here: Screening) -> Estimate:
    """Fractures missed in 100 examinations; falls with the sensitivity, so its bounds change places."""
    found = here.sensitivity
    if found.value is None:
        return Estimate(None, note=found.note)
    fractures = 100 * here.vertebrae * here.prevalence
    low, high = (None if bound is None else fractures * (1 - bound) for bound in (found.high, found.low))
    return Estimate(fractures * (1 - found.value), low, high, method=found.method, note=found.note)


def _times(one: Estimate, factor: float) -> Estimate:
    value, low, high = (None if number is None else number * factor for number in (one.value, one.low, one.high))
    return Estimate(value, low, high, method=one.method, note=one.note)
