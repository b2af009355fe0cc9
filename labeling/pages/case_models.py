"""The models of a case: which have read it, what is under way, and on request what they say. For those who oversee.

Whoever reads and does not oversee finds no trace of this block, and whoever oversees and owes a blind read of the case
finds the same words whether or not a model has read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from labeling.imaging.refusal import Refusal
from labeling.models import Anatomy, Case, JobState, ModelVersion
from labeling.pages.job_rows import OPEN, JobRow
from labeling.pages.model_rows import is_simulated
from labeling.pages.person import person
from labeling.reading.jobs import visible_jobs
from labeling.reading.opinions.model_opinions import (
    CaseOpinion,
    VertebraOpinion,
    model_readings,
    opinions_are_open,
    vertebra_rows,
)
from labeling.reading.opinions.prelabels import KIND, ask
from labeling.reading.roles import may_choose_models, may_see_all_cases
from labeling.reading.rounds import reading_anatomy
from labeling.reading.visibility import case_for
from labeling.registry.versions import active

__all__ = ["models_context", "prelabel_case"]

#: verdict -> (sign of the mark, word)
_SIGNS = {
    "fracture": ("F", "fracture"),
    "negative": ("−", "negative"),
    "indeterminate": ("?", "indeterminate"),
    "not_assessable": ("×", "not assessed"),
}


@dataclass(frozen=True)
class Said:
    """What one model says of one vertebra, in words."""

    sign: str
    word: str
    score: str
    slices: str
    losses: str
    shape: str
    reason: str

    @classmethod
    def of(cls, said: VertebraOpinion | None) -> Said | None:
        if said is None or said.said.verdict not in _SIGNS:
            return None
        sign, word = _SIGNS[said.said.verdict]
        score, slices = said.said.score, len(said.said.slices)
        return cls(
            sign=sign,
            word=word,
            score="" if score is None else f"{score:.2f}",
            slices=f"{said.fractured} of {slices}" if slices else "",
            losses=" · ".join(f"{100 * share:.0f}".replace("-", "−") for _, share in said.losses),
            shape=said.shape,
            reason=said.reason,
        )


def models_context(user: User, case: Case, opinions: Sequence[CaseOpinion] = ()) -> dict[str, Any]:
    """What the block shows; `oversees` False, and nothing else, for whoever finds no such block."""
    if not may_see_all_cases(user):
        return {"oversees": False}
    shared = {"oversees": True, "case_url": reverse("case", args=[case.pk])}
    known = model_readings(user, case)
    if known is None:
        return {**shared, "models_closed": True}
    anatomy, classifier = known.anatomy, active(KIND)
    has_read = any(one.version == classifier for one in known.readings)
    row = _job_row(user, case, anatomy) if anatomy is not None and not has_read else None
    return {
        **shared,
        "models_closed": False,
        "read_anatomy": anatomy,
        "readings": [(one, is_simulated(one.version)) for one in known.readings],
        "classifier": classifier,
        "classifier_simulated": classifier is not None and is_simulated(classifier),
        "classify_row": row,
        "classify_active": row is not None and row.is_open,
        "may_prelabel": may_choose_models(user) and classifier is not None and anatomy is not None and not has_read,
        "opinions": opinions,
        "opinion_rows": _rows(case, opinions),
    }


def _job_row(user: User, case: Case, anatomy: Anatomy) -> JobRow | None:
    """The newest job that classifies this anatomy, where it is under way or ended badly."""
    jobs = visible_jobs(user).filter(case=case, kind="classify", key__startswith=f"classify:{anatomy.pk}:")
    found = list(jobs.exclude(state=JobState.DONE).defer("curves", "log_tail"))
    found.sort(key=lambda job: (job.state in OPEN, job.finished_at or job.created_at), reverse=True)
    return JobRow.of(found[0], user) if found else None


def _rows(case: Case, opinions: Sequence[CaseOpinion]) -> list[dict[str, Any]]:
    rows = vertebra_rows(case, opinions) if opinions else []
    return [
        {
            "name": row.name,
            "cut": row.cut,
            "said": [(each.opinion.kind, Said.of(said)) for each, said in zip(opinions, row.said, strict=True)],
        }
        for row in rows
    ]


@require_POST
def prelabel_case(request: HttpRequest, case_id: int) -> HttpResponse:
    """Ask the active classifier for this case; the answer says what becomes of it."""
    user = person(request)
    try:
        case = case_for(user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent
    if not may_choose_models(user):
        raise PermissionDenied
    if opinions_are_open(user, case):
        _ask(request, user, case)
    return redirect("case", case_id=case.pk)


def _ask(request: HttpRequest, user: User, case: Case) -> None:
    classifier, anatomy = active(KIND), reading_anatomy(case)
    if classifier is None:
        messages.error(request, "No classifier is active, so nothing can be pre-labelled. Activate one first.")
    elif anatomy is None:
        messages.error(request, f"{case.name} has no vertebrae yet. Segment it or place them, then pre-label it.")
    else:
        _enqueue(request, user, anatomy, classifier)


def _enqueue(request: HttpRequest, user: User, anatomy: Anatomy, classifier: ModelVersion) -> None:
    try:
        job = ask(anatomy, by=user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return
    if job is None or job.state == JobState.DONE:
        messages.info(request, f"{classifier.name} has read these vertebrae already. It would say the same again.")
