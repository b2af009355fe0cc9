"""Table 1 from the record: patients, acquisition and vertebrae per split, of the cases that the asker may know of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, reads_of
from labeling.analysis.gather import Gathered, gather
from labeling.analysis.scope import Scope
from labeling.models import AnatomyVertebra, Case, Certainty, CohortState, Read, Split
from labeling.statistics import codes
from labeling.statistics.table_one import Rows, table_one

__all__ = ["answer"]

#: The column where nobody is in a split yet, and that of those who wait beside others who are in one.
WHOLE, WAITING = "all", "unassigned"
_TITLES = {
    "training": "Training",
    "validation": "Validation",
    "test": "Test",
    WAITING: "Not split yet",
    WHOLE: "All cases",
}
_SPLITS = (Split.TRAINING.value, Split.VALIDATION.value, Split.TEST.value)
_NO_REFERENCE = "None of these cases has a reference yet: the rows of the vertebrae are empty."

_UNTESTED = "Who is in no split yet is counted, but compared with nobody: the tests are of the splits."


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """Table 1 of a scope, for `labeling.analysis.answers`; with the option ``who`` = included, of its included cases.

    Returns
    -------
    dict
        ``table`` (`labeling.statistics.table_one.Table.as_json`), ``titles`` (split -> heading), ``notes`` (sentences
        beyond those of the table) and ``reference``: of how many cases the vertebrae are known.
    """
    found = Case.objects.filter(pk__in=scope.cases).select_related("patient").order_by("number", "pk")
    if question.option("who") == "included":
        found = found.filter(cohort_state=CohortState.INCLUDED)
    cases = list(found)
    kept = {case.pk for case in cases}
    scope = replace(scope, cases=tuple(case for case in scope.cases if case in kept))
    whose = {case.patient_id: case.patient.split for case in cases}
    splits = [split for split in _SPLITS if split in whose.values()]
    if not splits:
        names, splits = dict.fromkeys(whose, WHOLE), [WHOLE]
    else:
        names = {patient: split or WAITING for patient, split in whose.items()}
        splits += [WAITING] if WAITING in names.values() else []
    vertebrae, known = _vertebrae(user, scope, cases, names)
    table = table_one(_patients(cases, names), _acquisition(cases, names), vertebrae, splits, untested=[WAITING])
    return {
        "table": table.as_json(),
        "titles": {split: _TITLES[split] for split in splits},
        "notes": [*_notes(scope, known), *([_UNTESTED] if WAITING in splits else [])],
        "reference": known,
    }


def _notes(scope: Scope, known: int) -> list[str]:
    if not scope.cases:
        return ["There is no case here that you may see numbers of."]
    if not known:
        return [_NO_REFERENCE]
    missing = len(scope.cases) - known
    if not missing:
        return []
    return [f"{missing:,} of {len(scope.cases):,} cases {'has' if missing == 1 else 'have'} no reference yet."]


def _patients(cases: list[Case], names: dict[int, str]) -> Rows:
    """One row a patient, who is as old as at the first of these examinations."""
    first: dict[int, Case] = {}
    for case in cases:
        first.setdefault(case.patient_id, case)
    return Rows(
        patient=list(first),
        split=[names[patient] for patient in first],
        values={
            "sex": [case.patient.sex or None for case in first.values()],
            "age": [case.age for case in first.values()],
        },
    )


def _acquisition(cases: list[Case], names: dict[int, str]) -> Rows:
    fields = {
        "dlp": "dlp",
        "kv": "kv",
        "mas": "mas",
        "collimation": "collimation_mm",
        "slice_thickness": "slice_thickness",
        "rows": "source_rows",
        "columns": "source_columns",
    }
    return Rows(
        patient=[case.patient_id for case in cases],
        split=[names[case.patient_id] for case in cases],
        values={name: [getattr(case, column) for case in cases] for name, column in fields.items()},
    )


def _vertebrae(user: User, scope: Scope, cases: list[Case], names: dict[int, str]) -> tuple[Rows, int]:
    """The vertebrae of the reference that lie in view as a whole, and of how many cases they are.

    What the reference calls not assessable is no vertebra of the table; what it leaves indeterminate has no AO type and
    is counted as missing.
    """
    truths = reads_of(user, scope.cases).get(REFERENCE, {})
    if not truths:
        return Rows([], [], {"ao": [], "certain": []}), 0
    gathered = gather(user, scope.cases, [REFERENCE])
    patient_of = {case.pk: case.patient_id for case in cases}
    certain = _certainties(list(truths.values()))
    patients: list[int] = []
    types: list[int | None] = []
    sure: list[bool | None] = []
    for place in range(gathered.vertebra.size):
        verdict = int(gathered.verdict[0, place])
        if verdict in (codes.ABSENT, codes.NOT_ASSESSABLE):
            continue
        patients.append(patient_of[int(gathered.cases[gathered.case[place]])])
        types.append(_type(gathered, place) if verdict != codes.INDETERMINATE else None)
        sure.append(certain.get(int(gathered.vertebra[place])))
    return Rows(patients, [names[patient] for patient in patients], {"ao": types, "certain": sure}), len(truths)


def _type(gathered: Gathered, place: int) -> int:
    return int(gathered.ao[0, place])


def _certainties(reads: list[int]) -> dict[int, bool]:
    """Vertebra -> whether its level is certain, in the anatomies that the reference stands on."""
    anatomies = Read.objects.filter(pk__in=reads).values("anatomy")
    rows = AnatomyVertebra.objects.filter(anatomy__in=anatomies).values_list("vertebra", "certainty")
    return {vertebra: certainty == Certainty.CERTAIN for vertebra, certainty in rows}
