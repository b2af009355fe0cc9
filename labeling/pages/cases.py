"""All cases at a glance, and one case: what came in, what is read, which anatomies it has."""

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from labeling.models import Anatomy, Case
from labeling.pages.intake import SeriesRow
from labeling.reading.facts import facts_of
from labeling.reading.roles import may_import, may_open_identity, may_read, may_see_all_cases
from labeling.reading.visibility import case_for, visible_cases

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
    return render(request, "pages/cases.html", {"rows": rows, "page": page, "search": search})


def levels_in_view(anatomy: Anatomy | None) -> str:
    """'T12–L4', or '' without an anatomy."""
    if anatomy is None:
        return ""
    levels = [row.level or "?" for row in anatomy.vertebrae.all()]
    return "" if not levels else levels[0] if len(levels) == 1 else f"{levels[0]}–{levels[-1]}"


def cut_levels(anatomy: Anatomy) -> str:
    """'T11, T12', or '' where nothing is cut."""
    return ", ".join(row.level or "?" for row in anatomy.vertebrae.all() if row.cut)


@require_GET
def case_page(request: HttpRequest, case_id: int) -> HttpResponse:
    try:
        case = case_for(request.user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent
    anatomies = (
        Anatomy.objects.filter(case=case, stack=case.reading_stack)
        .order_by("-n")
        .prefetch_related("vertebrae")
        .select_related("author")
    )
    return render(
        request,
        "pages/case.html",
        {
            "case": case,
            "facts": facts_of(case, case.reading_stack) if case.reading_stack else [],
            "series": [SeriesRow.of(row) for row in case.series.order_by("pk")],
            "anatomies": [(anatomy, levels_in_view(anatomy), cut_levels(anatomy)) for anatomy in anatomies],
            "may_import": may_import(request.user),
            "may_read": may_read(request.user),
            "may_open_identity": may_open_identity(request.user),
        },
    )
