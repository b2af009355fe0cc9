"""The clinical report against the reference: which fractures no report names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from labeling.analysis.answers import Question
from labeling.analysis.columns import REFERENCE, REPORT, reads_of
from labeling.analysis.gather import Gathered, gather
from labeling.analysis.scope import Scope
from labeling.models import Case
from labeling.reading.exposures import note_exposures
from labeling.reading.roles import reader_of
from labeling.statistics import codes
from labeling.statistics.bootstrap import PatientBootstrap, per_patient
from labeling.statistics.estimates import Estimate, quotient, rate, wilson_rate

__all__ = ["answer", "note_shown"]

Mask = NDArray[np.bool_]

#: What a line of the worklist tells of its case.
_TOLD = ("numbers", "truth", "report")
NO_REFERENCE = "None of these cases has a reference yet. Settle them in a consensus first."
NO_REPORT = (
    "No report of these cases was read and confirmed yet. Open the cases below, and confirm what each report says."
)
NO_FRACTURE = "The reference holds no fracture here."


def answer(user: User, scope: Scope, question: Question) -> dict[str, Any]:
    """How many fractures of the reference the confirmed reports leave out.

    A vertebra of which the report says nothing counts as left out: who reads the report does not learn of it.

    Returns
    -------
    note, cases (with both), unread ({case, name} of cases with a reference and without a confirmed report), vertebra
    and case (`Estimate.as_json`), how (what the report says instead), types and levels ({name, rate}), extra
    (fractures of the report alone), worklist ({case, name, vertebra, level, ao, said}).
    """
    reads = reads_of(user, scope.cases)
    truths, reports = reads.get(REFERENCE, {}), reads.get(REPORT, {})
    names = {one.pk: one.name for one in Case.objects.filter(pk__in=truths).select_related("patient")}
    unread = [{"case": pk, "name": names[pk]} for pk in scope.cases if pk in truths and pk not in reports]
    both = [pk for pk in scope.cases if pk in truths and pk in reports]
    if not both:
        return {"note": NO_REPORT if truths else NO_REFERENCE, "cases": 0, "unread": unread, "worklist": []}
    return {"note": "", "cases": len(both), "unread": unread, **_counted(gather(user, both, [REFERENCE, REPORT]))}


def note_shown(user: User, scope: Scope, answer: Mapping[str, Any]) -> None:
    """Write down what the worklist of an answer tells this person of single cases, in the transaction that shows it."""
    cases = {row["case"] for row in answer.get("worklist", ())} & set(scope.cases)
    if cases:
        note_exposures(reader_of(user), [(case, what) for case in sorted(cases) for what in _TOLD])


def _counted(gathered: Gathered) -> dict[str, Any]:
    truth, said = gathered.verdict
    ao = gathered.ao[0]
    bootstrap = PatientBootstrap(gathered.patients)
    fractured = truth == codes.FRACTURE
    left_out = fractured & (said != codes.FRACTURE)

    def share(among: Mask) -> dict[str, Any]:
        return _share(left_out, fractured & among, gathered, bootstrap).as_json()

    everywhere = np.ones(len(truth), bool)
    types = [*codes.TYPES, codes.NO_TYPE]
    levels = list(dict.fromkeys(level for level in gathered.level[fractured].tolist() if level))
    cases = len(gathered.cases)
    broken = np.bincount(gathered.case[fractured], minlength=cases) > 0
    named = np.bincount(gathered.case[said == codes.FRACTURE], minlength=cases) > 0
    return {
        "vertebra": share(everywhere),
        "case": wilson_rate(int((broken & ~named).sum()), int(broken.sum()), empty=NO_FRACTURE).as_json(),
        "how": {name: int((left_out & (said == code)).sum()) for code, name in codes.VERDICT_NAMES.items()},
        "types": [
            {"name": codes.AO_NAMES[kind], "rate": share(ao == kind)}
            for kind in types
            if (fractured & (ao == kind)).any()
        ],
        "levels": [{"name": level, "rate": share(gathered.level == level)} for level in _from_head(levels)],
        "extra": int(((truth == codes.NEGATIVE) & (said == codes.FRACTURE)).sum()),
        "worklist": [_row(gathered, int(place)) for place in np.flatnonzero(left_out)],
    }


def _share(event: Mask, among: Mask, gathered: Gathered, bootstrap: PatientBootstrap) -> Estimate:
    cells = np.where(among, (event & among).astype(np.int64), -1)
    counts = per_patient(cells, gathered.patient, bootstrap.patients, 2)
    drawn = bootstrap.totals(counts)
    patients = int((counts.sum(axis=1) > 0).sum())
    replicates = quotient(drawn[:, 1], drawn.sum(axis=1))
    return rate(int(counts[:, 1].sum()), int(counts.sum()), replicates, patients=patients, empty=NO_FRACTURE)


def _from_head(levels: list[str]) -> list[str]:
    return sorted(levels, key=lambda level: ("CTLS".find(level[:1]), int(level[1:]) if level[1:].isdigit() else 0))


def _row(gathered: Gathered, place: int) -> dict[str, Any]:
    case = int(gathered.case[place])
    return {
        "case": int(gathered.cases[case]),
        "name": gathered.case_names[case],
        "vertebra": int(gathered.vertebra[place]),
        "level": str(gathered.level[place]),
        "ao": codes.AO_NAMES[int(gathered.ao[0, place])],
        "said": codes.VERDICT_NAMES[int(gathered.verdict[1, place])],
    }
