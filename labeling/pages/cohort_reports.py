"""Reports that were found, sentence by sentence: a lead says which make candidates, and takes it back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from labeling.cohort.decisions import decide_report, exclude, include, reopen, report_history
from labeling.cohort.report_rows import TABS, ReportPage, ReportRow, report_row, report_rows
from labeling.imaging.refusal import Refusal
from labeling.models import Case, CohortState, ReportDecision, StudyReport
from labeling.pages.cohort_frame import cohort_page, may_change, may_look
from labeling.pages.cohort_search import search_shown
from labeling.pages.report_words import LEGEND, row_shown

__all__ = ["decide_page", "report_page", "reports_page"]

TAB, FIRST = "cohort-reports", "to-confirm"
#: Why a case was decided upon in the same step as its report.
_WITH_REPORT = "With its report."


@require_GET
@never_cache
def reports_page(request: HttpRequest) -> HttpResponse:
    """`tab` is one of `TABS`, `page` counts from one."""
    user = may_look(request)
    found = report_rows(user, _tab(request.GET.get("tab", "")), _number(request.GET.get("page", "")))
    context = {
        **_tabs(found),
        "found": found,
        "rows": [row_shown(user, row) for row in found.rows],
        "before": _address(found.tab, found.page - 1) if found.page > 1 else "",
        "after": _address(found.tab, found.page + 1) if found.page < found.pages else "",
        "here": _address(found.tab, found.page),
        "none_at_all": not any(found.counts.values()) and not found.closed,
        "legend": LEGEND.items(),
        "search": search_shown(user),
    }
    return cohort_page(request, "cohort/reports.html", TAB, context)


@require_GET
@never_cache
def report_page(request: HttpRequest, report_id: int) -> HttpResponse:
    """One report: its whole text and what was decided on it."""
    user = may_look(request)
    context = {
        "one": row_shown(user, _found(user, report_id), whole=True),
        "steps": report_history(report_id),
        "legend": LEGEND.items(),
        "here": reverse("cohort-report", args=[report_id]),
    }
    return cohort_page(request, "cohort/report.html", TAB, context)


@require_POST
def decide_page(request: HttpRequest, report_id: int) -> HttpResponse:
    """Decide, then back to the list; with `part` the answer is the row as it stands now and the counts of the tabs."""
    user = may_change(request)
    _found(user, report_id)
    refused, with_case = "", False
    action = request.POST.get("action", "")
    try:
        with_case = _decide(request, user, report_id, action)
    except Refusal as refusal:
        refused = refusal.sentence
    shown = row_shown(user, _found(user, report_id), undo_case=with_case, refused=refused)
    tab = _tab(request.POST.get("tab", ""))
    if request.POST.get("part") == "1":
        context = {**_tabs(report_rows(user, tab)), "one": shown, "tab_now": tab, "lead": True}
        return render(request, "cohort/_report_decided.html", context, status=409 if refused else 200)
    if refused:
        messages.error(request, f"{shown.title}: {refused}")
    else:
        address = reverse("cohort-report", args=[report_id])
        said = shown.decided or "open again"
        messages.success(request, format_html('{}: {}. <a href="{}">Look at it again</a>', shown.title, said, address))
    return redirect(f"{reverse('cohort-reports')}?{urlencode({'tab': tab})}")


def _decide(request: HttpRequest, user: User, report_id: int, action: str) -> bool:
    """Does what is asked for; whether the case was decided upon in the same step."""
    seen, seen_case = request.POST.get("seen", "-"), request.POST.get("seen_case", "-")
    if seen not in ReportDecision.values or seen_case not in ("", *CohortState.values):
        raise Refusal("no-decision", "The form does not say what it showed. Load the page again.")
    if action in ("confirm", "not", "undo"):
        decision = {
            "confirm": ReportDecision.CONFIRMED,
            "not": ReportDecision.NOT_CANDIDATE,
            "undo": ReportDecision.OPEN,
        }
        decide_report(user, report_id, decision[action], seen=seen)
        return False
    with transaction.atomic():
        # The case is held before its report, as everywhere.
        case = Case.objects.select_for_update(of=("self",)).filter(study_reports=report_id).first()
        if case is None:
            raise Refusal(
                "no-case", "The images of this report are not here yet. Confirm it, and decide when they are."
            )
        if action == "undo-case":
            reopen(user, case, _WITH_REPORT, seen=seen_case)
            decide_report(user, report_id, ReportDecision.OPEN, seen=seen)
            return False
        decide_report(user, report_id, ReportDecision.CONFIRMED, seen=seen)
        if action == "include":
            include(user, case, "fracture", seen=seen_case)
        elif action.startswith("exclude:"):
            exclude(user, case, action.removeprefix("exclude:"), seen=seen_case)
        else:
            raise Refusal("no-decision", "Say whether the report is confirmed, or is no candidate.")
    return True


def _found(user: User, report_id: int) -> ReportRow:
    try:
        return report_row(user, report_id)
    except StudyReport.DoesNotExist:
        # Closed to this person and not there at all look alike.
        raise Http404 from None


def _tabs(found: ReportPage) -> dict[str, Any]:
    return {
        "report_tabs": [(key, title, found.counts[key], _address(key)) for key, title in TABS.items()],
        "report_tab": found.tab,
    }


def _tab(asked: str) -> str:
    return asked if asked in TABS else FIRST


def _address(tab: str, page: int = 1) -> str:
    query = {"tab": tab} | ({"page": str(page)} if page > 1 else {})
    return f"{reverse('cohort-reports')}?{urlencode(query)}"


def _number(asked: str) -> int:
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
