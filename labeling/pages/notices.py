"""What a person was told: the newest first, and where it leads. Opening the page is having seen it."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.models import Notice, NoticeKind
from labeling.pages.person import person
from labeling.reading.notices import mark_seen, notices_of
from labeling.reading.roles import may_plan_rounds

PAGE_SIZE = 50

_ICONS = {
    NoticeKind.ASSIGNED: "list",
    NoticeKind.HANDED_OVER: "swap",
    NoticeKind.TAKEN_BACK: "undo",
    NoticeKind.AVAILABLE: "calendar",
    NoticeKind.CONSENSUS_OPEN: "scales",
    NoticeKind.QUESTION: "info",
    NoticeKind.ANSWER: "info",
    NoticeKind.FEEDBACK: "check",
    NoticeKind.ROUND_STATE: "rounds",
}


@dataclass(frozen=True)
class Line:
    """One notice as it is drawn; `url` and `go` say where it leads."""

    notice: Notice
    is_new: bool
    icon: str
    url: str
    go: str


def where(notice: Notice, *, plans: bool) -> tuple[str, str]:
    """Address and words of the place that a notice leads to; `plans` for those who plan rounds."""
    kind = notice.kind
    if kind == NoticeKind.QUESTION and notice.question_id is not None:
        return reverse("question", args=[notice.question_id]), "Answer"
    if kind == NoticeKind.ANSWER and notice.question is not None:
        return reverse("consensus", args=[notice.question.consensus_id]), "To the consensus"
    if kind in (NoticeKind.CONSENSUS_OPEN, NoticeKind.ANSWER):
        return reverse("consensus-list"), "To the consensus"
    if kind == NoticeKind.FEEDBACK:
        case = notice.case_id
        return (reverse("feedback-case", args=[case]) if case else reverse("feedback")), "See it"
    if kind == NoticeKind.ROUND_STATE and plans:
        return reverse("rounds"), "To the rounds"
    name = "" if notice.case is None else f"?tab=mine&search={notice.case.name}"
    return f"{reverse('worklist')}{name}", "To the worklist"


@require_GET
@never_cache
def notices_page(request: HttpRequest) -> HttpResponse:
    user = person(request)
    page = Paginator(notices_of(user), PAGE_SIZE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    lines = []
    for notice in shown:
        url, go = where(notice, plans=may_plan_rounds(user))
        lines.append(Line(notice, notice.seen_at is None, _ICONS[NoticeKind(notice.kind)], url, go))
    mark_seen(user, shown)
    return render(request, "pages/notices.html", {"lines": lines, "page": page})
