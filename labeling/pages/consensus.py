"""Consensus: the cases that a person settles with others, and the screen on which they do."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import resolve, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from labeling.models import Read, Sex
from labeling.pages.person import person
from labeling.reading.consensus.listing import ConsensusRow
from labeling.reading.consensus.opening import consensus_list, open_consensus, panel_read
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import initials_of

_TITLES = {"ready": "To settle", "later": "Later", "settled": "Settled"}

#: tab -> (what is said where it is empty, and why)
_EMPTY = {
    "ready": (
        "Nothing to settle now",
        "A case stands here once its reads are locked and the wash-out is over. You are told when one is ready.",
    ),
    "later": ("Nothing waits", "Cases whose reads are missing, or whose wash-out is not over, stand here with a date."),
    "settled": ("Nothing is settled yet", "What your panels have locked stands here, and can be corrected."),
}


@require_GET
@never_cache
def consensus_page(request: HttpRequest) -> HttpResponse:
    """The consensus cases of this person, by tab; those first that can be settled now."""
    rows = consensus_list(person(request))
    counts = {name: sum(row.state == name for row in rows) for name in _TITLES}
    tab = request.GET.get("tab", "ready")
    tab = tab if tab in _TITLES else "ready"
    shown = [row for row in rows if row.state == tab]
    title, why = _EMPTY[tab]
    return render(
        request,
        "pages/consensus_list.html",
        {
            "rows": [_drawn(row) for row in shown],
            "tab": tab,
            "tabs": [(name, words, counts[name]) for name, words in _TITLES.items()],
            "next": next((_drawn(row) for row in rows if row.state == "ready"), None),
            "ready": counts["ready"],
            "done": counts["settled"],
            "of": len(rows),
            "several_rounds": len({row.round_id for row in shown}) > 1,
            "empty": {"title": title, "why": why},
        },
    )


def _drawn(row: ConsensusRow) -> dict[str, Any]:
    return {"row": row, "sex": Sex(row.sex).label, "url": reverse("consensus", args=[row.read]) if row.read else ""}


@require_POST
def open_page(request: HttpRequest, round_id: int, case_id: int) -> HttpResponse:
    """Opens the consensus of a case and goes to its screen; where it cannot be opened, the list says why."""
    try:
        consensus = open_consensus(person(request), round_id, case_id)
    except OperationRefused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("consensus-list")
    return redirect("consensus", consensus.pk)


@require_GET
@never_cache
@ensure_csrf_cookie
def consensus_screen(request: HttpRequest, read_id: int) -> HttpResponse:
    """The screen of one consensus, with what the API says of it; 404 where this person does not sit in its panel."""
    user = person(request)
    try:
        consensus = panel_read(user, read_id)
    except Read.DoesNotExist:
        raise Http404 from None
    return render(
        request,
        "reading/consensus.html",
        {"read": consensus, "data": _answer_of_the_api(request, read_id), "initials": initials_of(user)},
    )


def _answer_of_the_api(request: HttpRequest, read_id: int) -> Any:
    """What a GET of the consensus answers: pages and API know nothing of each other but their addresses."""
    match = resolve(reverse("api-consensus", args=[read_id]))
    response = match.func(request, *match.args, **match.kwargs)
    if response.status_code != 200:
        raise Http404
    return response.data
