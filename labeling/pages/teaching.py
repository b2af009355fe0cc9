"""The teaching list: vertebrae that panels marked to be learnt from, with the reason and what shows it."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.pages.feedback import said
from labeling.pages.person import person
from labeling.pages.places import room_at
from labeling.reading.feedback.teaching import may_be_taught, teaching_list


@require_GET
@never_cache
def teaching_page(request: HttpRequest) -> HttpResponse:
    """Looking at this page is being told the truth of its cases; `reading.teaching` writes it down."""
    user = person(request)
    if not may_be_taught(user):
        raise PermissionDenied
    page = request.GET.get("page", "1")
    found = teaching_list(
        user,
        reason=request.GET.get("reason", "").replace("\x00", ""),
        page=int(page) if page.isdecimal() and len(page) < 7 else 1,
    )
    rows = [
        {
            "lesson": lesson,
            "truth": said(lesson.truth),
            "look": "" if lesson.read is None else room_at(lesson.read, lesson.vertebra, lesson.k),
        }
        for lesson in found.lessons
    ]
    return render(
        request, "pages/teaching.html", {"found": found, "rows": rows, "all": sum(n for *_, n in found.reasons)}
    )
