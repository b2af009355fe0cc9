"""The vertebrae of a case: segment it with a model, and watch. The result opens in the anatomy check."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from labeling.imaging.refusal import Refusal
from labeling.intake.segmentations import segment
from labeling.models import Anatomy, Case, Job, JobState, ModelState, ModelVersion
from labeling.pages.anatomy_rows import anatomies_context, span_words
from labeling.pages.case_models import models_context
from labeling.pages.job_rows import OPEN, JobRow
from labeling.pages.model_rows import is_simulated
from labeling.pages.person import person
from labeling.reading.jobs import visible_jobs
from labeling.reading.roles import AnyUser, may_see_all_cases
from labeling.reading.visibility import case_for, visible_cases

__all__ = [
    "case_vertebrae",
    "segment_all",
    "segment_case",
    "segmenting_models",
    "vertebrae_context",
    "without_vertebrae",
]


def segmenting_models() -> list[ModelVersion]:
    """The models that may find vertebrae: the active one first, then candidates, the newest first."""
    found = ModelVersion.objects.filter(kind="segmentation").exclude(folder="").exclude(state=ModelState.RETIRED)
    found = found.select_related("dataset").order_by("-pk")
    return sorted(found, key=lambda model: model.state != ModelState.ACTIVE)


def without_vertebrae(user: AnyUser) -> QuerySet[Case]:
    """Cases with a stack to segment, no anatomy of it, and no segmentation on its way."""
    known = Anatomy.objects.filter(case=OuterRef("pk"), stack=OuterRef("reading_stack"))
    on_its_way = Job.objects.filter(case=OuterRef("pk"), kind="segment", state__in=OPEN)
    cases = visible_cases(user).filter(reading_stack__isnull=False)
    return cases.exclude(Exists(known)).exclude(Exists(on_its_way))


def vertebrae_context(user: User, case: Case) -> dict[str, Any]:
    """What the block shows: the newest anatomy, the segmentation that runs or ran last, and with what to segment."""
    listed = anatomies_context(user, case)
    newest: Anatomy | None = listed["newest"]
    jobs = list(visible_jobs(user).filter(case=case, kind="segment").defer("curves", "log_tail"))
    # What runs or waits comes before all that has ended; of those the last to end.
    jobs.sort(key=lambda job: (job.state in OPEN, job.finished_at or job.created_at), reverse=True)
    row = JobRow.of(jobs[0], user) if jobs else None
    model = row.job.model_version if row is not None else None
    may_segment = may_see_all_cases(user)
    models = segmenting_models() if may_segment else []
    author = newest.author.model_version if newest is not None and newest.author is not None else None
    return {
        **listed,
        "case_url": reverse("case", args=[case.pk]),
        "span": span_words(newest) if newest is not None else "",
        "found_by": author,
        "found_by_simulated": author is not None and is_simulated(author),
        "row": row,
        "model_simulated": model is not None and is_simulated(model),
        "active": row is not None and row.is_open,
        "may_segment": may_segment,
        "models": [(each, is_simulated(each)) for each in models],
        "preferred": row.job.model_version_id if row is not None and row.job.state == "failed" else None,
    }


def _visible(request: HttpRequest, case_id: int) -> Case:
    try:
        return case_for(request.user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent


@require_GET
@never_cache
def case_vertebrae(request: HttpRequest, case_id: int) -> HttpResponse:
    """All of a case that changes while models are at work on it: vertebrae, versions of them, who has read them."""
    user, case = person(request), _visible(request, case_id)
    context = {**vertebrae_context(user, case), **models_context(user, case)}
    return render(request, "pages/_case_live.html", context)


def _chosen(request: HttpRequest) -> ModelVersion | None:
    """The model that was chosen, or the first one where none was."""
    models = segmenting_models()
    chosen = request.POST.get("model", "")
    return next((model for model in models if str(model.pk) == chosen), models[0] if models and not chosen else None)


@require_POST
def segment_case(request: HttpRequest, case_id: int) -> HttpResponse:
    case = _visible(request, case_id)
    if not may_see_all_cases(request.user):
        raise PermissionDenied
    model = _chosen(request)
    if model is None:
        messages.error(request, "This model is not there any more. Choose another one.")
        return redirect("case", case_id=case.pk)
    try:
        job = segment(case, model=model, by=person(request))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        if job.state == JobState.DONE:
            messages.info(request, f"{model.name} has segmented this case already. It would find the same again.")
    return redirect("case", case_id=case.pk)


@require_POST
def segment_all(request: HttpRequest) -> HttpResponse:
    """Ask for every case without vertebrae; a case that is refused is named and keeps nobody else waiting."""
    if not may_see_all_cases(request.user):
        raise PermissionDenied
    model = _chosen(request)
    if model is None:
        messages.error(request, "No model can find vertebrae yet. Import or train one on the models page.")
        return redirect("cases")
    asked, refused = 0, []
    for case in without_vertebrae(request.user).select_related("patient", "reading_stack").order_by("pk"):
        try:
            segment(case, model=model, by=person(request))
            asked += 1
        except Refusal as refusal:
            refused.append(f"{case.name}: {refusal.sentence}")
    if asked:
        messages.success(request, f"{asked} case{'' if asked == 1 else 's'} will be segmented with {model.name}.")
    for sentence in refused[:5]:
        messages.error(request, sentence)
    if len(refused) > 5:
        messages.error(request, f"{len(refused) - 5} more cases were refused.")
    if not asked and not refused:
        messages.info(request, "Every case has its vertebrae already, or a segmentation on its way.")
    return redirect("jobs" if asked else "cases")
