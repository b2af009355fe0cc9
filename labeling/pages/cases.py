"""All cases at a glance, and one case: what came in, what is read, which anatomies it has, its report coming in, and
which models have read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from labeling.imaging.refusal import Refusal
from labeling.models import Anatomy, Case
from labeling.pages.anatomy_rows import levels_in_view
from labeling.pages.case_models import models_context
from labeling.pages.intake import SeriesRow
from labeling.pages.person import person
from labeling.pages.vertebrae import segmenting_models, vertebrae_context, without_vertebrae
from labeling.reading.anatomies import unchecked_cases
from labeling.reading.elsewhere.reports import LONGEST_REPORT, may_enter_reports, report_state, set_report
from labeling.reading.facts import facts_of
from labeling.reading.opinions.model_opinions import CaseOpinion, opinions_for
from labeling.reading.roles import may_open_identity, may_read, may_see_all_cases
from labeling.reading.visibility import case_for, case_report_for, case_report_is_open, visible_cases

CASES_PER_PAGE = 50


@require_GET
def cases_page(request: HttpRequest) -> HttpResponse:
    if not may_see_all_cases(request.user):
        raise PermissionDenied
    search = request.GET.get("search", "").replace("\x00", "").strip()
    cases = visible_cases(request.user).select_related("patient", "reading_stack").order_by("-pk")
    if search:
        cases = cases.filter(Q(patient__pseudonym__icontains=search))
    page = Paginator(cases, CASES_PER_PAGE).get_page(request.GET.get("page"))
    newest = {
        anatomy.case_id: anatomy
        for anatomy in Anatomy.objects.filter(case__in=[case.pk for case in page])
        .order_by("n")
        .prefetch_related("vertebrae")
    }
    rows = [(case, newest.get(case.pk), levels_in_view(newest.get(case.pk))) for case in page]
    context = {
        "rows": rows,
        "page": page,
        "search": search,
        "unchecked": unchecked_cases(request.user).count(),
        "unsegmented": without_vertebrae(request.user).count(),
        "model": next(iter(segmenting_models()), None),
    }
    return render(request, "pages/cases.html", context)


def _visible_case(request: HttpRequest, case_id: int) -> Case:
    try:
        return case_for(request.user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent


@require_GET
def case_page(request: HttpRequest, case_id: int) -> HttpResponse:
    return show_case(request, _visible_case(request, case_id))


@require_http_methods(["GET", "POST"])
@never_cache
def case_report(request: HttpRequest, case_id: int) -> HttpResponse:
    """Save the report of a case, or show it to who may enter it.

    POST for both: looking at a report is recorded, so no prefetch, reload or history may do it by accident.
    """
    case = _visible_case(request, case_id)
    if request.method != "POST":
        return redirect("case", case_id=case.pk)
    user = person(request)
    if not may_enter_reports(user):
        raise PermissionDenied
    if request.POST.get("action") == "show":
        shown = case_report_for(user, case)
        if shown is None:
            return redirect("case", case_id=case.pk)
        return show_case(request, case, report=shown)
    text = request.POST.get("text", "")
    try:
        changed = set_report(user, case, text)
    except Refusal as refusal:
        # With what was typed: nobody types a report twice.
        return show_case(request, case, report=text, report_error=refusal.sentence, status=422)
    messages.success(request, "The report is saved." if changed else "Nothing has changed.")
    return redirect("case", case_id=case.pk)


@require_http_methods(["GET", "POST"])
@never_cache
def case_opinions(request: HttpRequest, case_id: int) -> HttpResponse:
    """The case with what models say of it. POST, as for the report: being shown it is recorded."""
    case = _visible_case(request, case_id)
    if request.method != "POST":
        return redirect("case", case_id=case.pk)
    user = person(request)
    if not may_see_all_cases(user):
        raise PermissionDenied
    opinions = opinions_for(user, case)
    if not opinions:
        # Closed to this person, or nothing there: the page says which, in the same words as ever.
        return redirect("case", case_id=case.pk)
    return show_case(request, case, opinions=opinions)


def show_case(
    request: HttpRequest,
    case: Case,
    *,
    report: str | None = None,
    report_error: str = "",
    opinions: Sequence[CaseOpinion] = (),
    says: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a case; `report` is the text in the form, None where it is not on the screen, and `says` what it was
    understood to say (`labeling.pages.report_reading`)."""
    enters = may_enter_reports(request.user)
    return render(
        request,
        "pages/case.html",
        {
            **vertebrae_context(person(request), case),
            **models_context(person(request), case, opinions),
            "facts": facts_of(case, case.reading_stack) if case.reading_stack else [],
            "series": [SeriesRow.of(row) for row in case.series.order_by("pk")],
            "may_read": may_read(request.user),
            "may_open_identity": may_open_identity(request.user),
            "may_enter_reports": enters,
            "report_is_open": enters and case_report_is_open(request.user, case),
            "report_state": report_state(case) if enters else None,
            "report": report,
            "report_error": report_error,
            "says": says,
            "longest_report": LONGEST_REPORT,
        },
        status=status,
    )
