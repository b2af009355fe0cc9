"""One assignment: who has the case, and the forms by which it changes hands or is read before its wash-out is over."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from labeling.models import Assignment, RoundState
from labeling.pages.person import person
from labeling.reading.planning.handing import (
    assignment_for,
    candidates,
    hand_over,
    hindrance,
    override_washout,
    reassign,
    take_back,
)
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import may_plan_rounds
from labeling.reading.rounds import waits

#: The longest primary key that PostgreSQL holds has this many digits.
_DIGITS = 18


@require_GET
def assignment_page(request: HttpRequest, assignment_id: int) -> HttpResponse:
    user = person(request)
    assignment = _found(request, assignment_id)
    why_not = hindrance(assignment)
    lead = may_plan_rounds(user)
    others = [] if why_not else candidates(assignment)
    return render(
        request,
        "pages/assignment.html",
        {
            "assignment": assignment,
            "case": assignment.case,
            "round": assignment.round,
            "mine": assignment.reader is not None and assignment.reader.user_id == user.pk,
            "lead": lead,
            "why_not": why_not,
            "waits": "" if assignment.round.state == RoundState.CLOSED else waits(assignment),
            "others": others if lead else [one for one in others if not one.exposed],
            "some_exposed": lead and any(one.exposed for one in others),
        },
    )


@require_POST
def hand_over_page(request: HttpRequest, assignment_id: int) -> HttpResponse:
    def act() -> str:
        moved = hand_over(person(request), assignment_id, _chosen(request))
        return f"{moved.case.name} is handed over to {moved.reader}."

    return _done(request, assignment_id, act, back="worklist")


@require_POST
def reassign_page(request: HttpRequest, assignment_id: int) -> HttpResponse:
    def act() -> str:
        override = request.POST.get("override_exposure", "")
        moved = reassign(
            person(request), assignment_id, _chosen(request), _reason(request), override_exposure=_clean(override)
        )
        return f"{moved.case.name} is read by {moved.reader} now."

    return _lead_only(request, assignment_id, act)


@require_POST
def take_back_page(request: HttpRequest, assignment_id: int) -> HttpResponse:
    def act() -> str:
        take_back(person(request), assignment_id, _reason(request))
        return "The case was taken back."

    return _lead_only(request, assignment_id, act)


@require_POST
def override_page(request: HttpRequest, assignment_id: int) -> HttpResponse:
    def act() -> str:
        freed = override_washout(person(request), assignment_id, _reason(request))
        return f"{freed.case.name} can be read now. The reason stands in the protocol record."

    return _lead_only(request, assignment_id, act)


def _found(request: HttpRequest, assignment_id: int) -> Assignment:
    try:
        return assignment_for(person(request), assignment_id)
    except Assignment.DoesNotExist as absent:
        raise Http404 from absent


def _lead_only(request: HttpRequest, assignment_id: int, act: Callable[[], str]) -> HttpResponse:
    _found(request, assignment_id)
    if not may_plan_rounds(person(request)):
        raise PermissionDenied
    return _done(request, assignment_id, act, back="assignment")


def _done(request: HttpRequest, assignment_id: int, act: Callable[[], str], *, back: str) -> HttpResponse:
    """Acts and goes back to where the form stood, with the sentence of what was done or why not."""
    assignment = _found(request, assignment_id)
    mine = assignment.reader is not None and assignment.reader.user_id == person(request).pk
    try:
        messages.success(request, act())
    except OperationRefused as refusal:
        messages.error(request, refusal.sentence)
        return _back(request) or redirect("assignment", assignment_id=assignment_id)
    except Assignment.DoesNotExist as absent:
        raise Http404 from absent
    gone = not Assignment.objects.filter(pk=assignment_id).exists()
    if mine and back == "worklist":
        return redirect("worklist")
    return _back(request) or (redirect("home") if gone else redirect("assignment", assignment_id=assignment_id))


def _back(request: HttpRequest) -> HttpResponse | None:
    """The page of this house that a form names in `next`."""
    following = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return redirect(following) if following and here else None


def _chosen(request: HttpRequest) -> int:
    text = request.POST.get("to_reader", "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise OperationRefused("no_reader", "Choose who is to read the case.")
    return int(text)


def _reason(request: HttpRequest) -> str:
    return _clean(request.POST.get("reason", ""))


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()
