"""The cases behind a box of the flowchart, and the forms by which one comes in, goes out, or is opened again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from labeling.cohort.decisions import exclude, include, reopen
from labeling.cohort.flowchart import CasesIn, cases_in, flow_of
from labeling.cohort.one_case import CaseShown, case_shown, is_closed
from labeling.imaging.refusal import Refusal
from labeling.models import Case, CohortState, ExclusionReason, SegmentationCause
from labeling.pages.cohort_frame import cohort_page, has_page, may_change, may_look
from labeling.statistics.flow import Flow

PAGE_SIZE = 50
TEMPLATE, TAB, FIRST = "cohort/cases.html", "cohort", "found"
#: Where people come to decide: the first case is open without a click.
_TO_DECIDE = ("open", "undecided")
#: The longest primary key that PostgreSQL holds has this many digits.
_DIGITS = 18
_REASONS = [(value, label) for value, label in ExclusionReason.choices if value]
_CAUSES = [(value, label) for value, label in SegmentationCause.choices if value]


@require_GET
@never_cache
def cases_page(request: HttpRequest) -> HttpResponse:
    """`box` is the key of a box, a side box or "side:reason"; `case` is the one that is open beside the list."""
    user = may_look(request)
    note, key = "", request.GET.get("box", FIRST)
    try:
        found = cases_in(user, key)
    except Refusal as refusal:
        note, found = refusal.sentence, cases_in(user, FIRST)
    return _shown(request, user, found, request.GET.get("case", ""), note=note)


@require_POST
def decide_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """Include, exclude or reopen, then on to the next case of the box."""
    user = may_change(request)
    case = Case.objects.select_related("patient").filter(pk=case_id).first()
    if case is None:
        raise Http404
    key = request.POST.get("box", FIRST)
    try:
        found = cases_in(user, key)
    except Refusal:
        found = cases_in(user, FIRST)
    try:
        said = _decide(request, user, case)
    except Refusal as refusal:
        if refusal.code == "decided-meanwhile":
            messages.error(request, refusal.sentence)
            return redirect(_address(found.key, case.pk))
        # With what was typed: nobody gives a reason twice.
        return _shown(request, user, found, str(case.pk), refused=refusal.sentence, status=422)
    again = format_html('{} <a href="{}">Open {} again</a>', said, _address(found.key, case.pk), case.name)
    messages.success(request, again)
    following = _next(found, case)
    return redirect(_address(found.key, following))


def _decide(request: HttpRequest, user: User, case: Case) -> str:
    """Does what is asked for and says what was done."""
    if is_closed(user, case):
        raise Refusal(
            "report-blind", "You are asked to read this case without its report. Let somebody else decide on it."
        )
    action, note = request.POST.get("action", ""), request.POST.get("note", "")
    seen = request.POST.get("seen", "")
    if seen not in CohortState.values:
        raise Refusal("no-decision", "The form does not say what it showed. Load the page again.")
    if action == "include":
        include(user, case, request.POST.get("inclusion", ""), note, seen=seen)
        return f"{case.name} is included: {case.get_inclusion_reason_display()}."
    if action == "exclude":
        reason = request.POST.get("reason", "")
        # The field of the cause stays in the form when another criterion is chosen.
        cause = request.POST.get("cause", "") if reason == ExclusionReason.SEGMENTATION else ""
        exclude(user, case, reason, cause, note, seen=seen)
        return f"{case.name} is excluded: {case.get_exclusion_reason_display()}."
    if action == "reopen":
        reopen(user, case, note, seen=seen)
        return f"{case.name} is a candidate again."
    raise Refusal("no-decision", "Say whether the case is included, excluded or opened again.")


def _shown(
    request: HttpRequest,
    user: User,
    found: CasesIn,
    chosen: str,
    *,
    note: str = "",
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    keys = [case.pk for case in found.cases]
    one = _chosen(user, found, keys, chosen)
    paginator = Paginator(found.cases, PAGE_SIZE)
    asked = request.GET.get("page")
    if asked is None and one is not None and one.case.pk in keys:
        asked = str(keys.index(one.case.pk) // PAGE_SIZE + 1)
    places = _places(flow_of(user, lambda key: key), found)
    context: dict[str, Any] = {
        "found": found,
        "heading": next(words for key, words, _ in places if key == found.key),
        "page": paginator.get_page(asked),
        "one": one,
        "in_box": one is not None and one.case.pk in keys,
        "places": places,
        "has_reports": has_page("cohort-report"),
        "reasons": _REASONS,
        "causes": _CAUSES,
        "note": note,
        "refused": refused,
        "typed": request.POST if request.method == "POST" else {},
        "following": _next(found, one.case) if one is not None else None,
    }
    return cohort_page(request, TEMPLATE, TAB, context, status)


def _chosen(user: User, found: CasesIn, keys: list[int], chosen: str) -> CaseShown | None:
    if chosen.isascii() and chosen.isdigit() and len(chosen) <= _DIGITS:
        return case_shown(user, int(chosen))
    if found.key.partition(":")[0] in _TO_DECIDE and keys:
        return case_shown(user, keys[0])
    return None


def _places(flow: Flow, found: CasesIn) -> list[tuple[str, str, int]]:
    """(key, words, how many) of all that can be listed, in the order of the flowchart; what is listed now is in it."""
    places: list[tuple[str, str, int]] = []
    for box in flow.boxes:
        places.append((box.key, box.title.capitalize(), box.count))
        for side in flow.leaving(box.key):
            places.append((side.key, side.title.capitalize(), side.count))
            places += [
                (reason.href, f"{side.title.capitalize()}: {reason.text}", reason.count)
                for reason in side.reasons
                if reason.count
            ]
    if found.key not in [key for key, *_ in places]:
        places.append((found.key, found.title, found.total))
    return places


def _next(found: CasesIn, case: Case) -> int | None:
    """The case after this one in the box, or the first other one."""
    keys = [one.pk for one in found.cases]
    place = keys.index(case.pk) if case.pk in keys else -1
    others = keys[place + 1 :] + keys[: max(place, 0)]
    return others[0] if others else None


def _address(key: str, case_id: int | None) -> str:
    asked = {"box": key} if case_id is None else {"box": key, "case": case_id}
    return f"{reverse('cohort-cases')}?{urlencode(asked)}"
