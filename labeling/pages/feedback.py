"""Own reads beside the truth, for their reader alone; and the sums of a round, for those who plan rounds."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.models import Case, Round, Verdict
from labeling.pages.person import person
from labeling.pages.places import room_at
from labeling.reading.feedback.own import Compared, FeedbackRead, feedback, feedback_of
from labeling.reading.feedback.sums import sums_of
from labeling.reading.roles import may_plan_rounds, may_read
from labeling.reading.told import Told

PAGE_SIZE = 50

#: kind -> what it is called beside a vertebra
KINDS = {
    "missed": "missed",
    "extra": "extra",
    "other": "other verdict",
    "type": "other type",
    "level": "other level",
    "slices": "other slices",
    "unread": "not assessed",
    "same": "same",
}

_MARKS = {
    Verdict.NEGATIVE: ("st-neg", "−"),
    Verdict.INDETERMINATE: ("st-indet", "?"),
    Verdict.NOT_ASSESSABLE: ("st-na", "×"),
}


@dataclass(frozen=True)
class Said:
    """What somebody says of a vertebra: class and sign of the mark, and words."""

    css: str
    sign: str
    words: str


def said(told: Told | None) -> Said:
    if told is None:
        return Said("st-unseen", "·", "Not in your anatomy")
    if told.verdict is None:
        return Said("st-na", "×", "Cut by the edge") if told.cut else Said("st-unseen", "·", told.words)
    if told.verdict == Verdict.FRACTURE:
        css = f"st-{told.type.lower()}" if told.type else "st-a1"
        return Said(css, told.type or "F", told.words)
    css, sign = _MARKS[Verdict(told.verdict)]
    return Said(css, sign, told.words)


@dataclass(frozen=True)
class VertebraRow:
    """One vertebra as it is drawn; `look` is '' where the own read does not know it."""

    one: Compared
    own: Said
    truth: Said
    kind: str
    look: str


def _row(read: FeedbackRead, one: Compared) -> VertebraRow:
    look = "" if one.own is None else room_at(read.read, one.vertebra, one.k)
    return VertebraRow(one, said(one.own), said(one.truth), KINDS[one.kind], look)


@require_GET
@never_cache
def feedback_page(request: HttpRequest) -> HttpResponse:
    """Looking at this page is being told the truth of its cases; `reading.feedback` writes it down."""
    user = person(request)
    if not may_read(user):
        raise PermissionDenied
    found = feedback(user)
    page = Paginator(found.rows, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [
        {
            "read": read,
            "counts": [(KINDS[kind], n, kind) for kind, n in read.counts.items() if kind != "same"],
            "same": read.counts.get("same", 0),
            "worst": next((_row(read, one) for one in read.differing), None),
        }
        for read in page.object_list
    ]
    return render(request, "pages/feedback.html", {"found": found, "rows": rows, "page": page})


@require_GET
@never_cache
def feedback_case_page(request: HttpRequest, case_id: int) -> HttpResponse:
    user = person(request)
    if not may_read(user):
        raise PermissionDenied
    try:
        reads = feedback_of(user, case_id)
    except Case.DoesNotExist:
        raise Http404 from None
    shown = [
        {
            "read": read,
            "rows": [_row(read, one) for one in read.vertebrae],
            "worst": next((_row(read, one) for one in read.differing), None),
        }
        for read in reads
    ]
    return render(request, "pages/feedback_case.html", {"name": reads[0].name, "reads": shown})


@require_GET
@never_cache
def round_sums_page(request: HttpRequest, round_id: int) -> HttpResponse:
    """Sums over all readers of a round, never of one person."""
    user = person(request)
    if not may_plan_rounds(user):
        raise PermissionDenied
    try:
        found = sums_of(user, round_id)
    except Round.DoesNotExist:
        raise Http404 from None
    return render(request, "pages/round_sums.html", {"found": found, "round_id": round_id})
