"""The worklist: what is mine, what is next, how far I am."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from labeling.models import Case, Sex
from labeling.pages.person import person
from labeling.reading.refusals import NotReadable
from labeling.reading.roles import may_import, may_read, may_see_all_cases
from labeling.reading.rounds import open_read
from labeling.reading.worklist import TABS, VertebraCell, WorklistRow, next_case, worklist

_TITLES = {
    "to_read": "To read",
    "draft": "In draft",
    "locked": "Locked",
    "mine": "Mine",
    "skipped": "Skipped",
    "unclear": "Unclear",
}
#: state -> (class of the mark, sign in it, words for those who cannot see it)
_MARKS = {
    "open": ("st-unseen", "·", "not labelled"),
    "cut": ("st-na", "×", "cut by the edge of the image"),
    "negative": ("st-neg", "−", "negative"),
    "indeterminate": ("st-indet", "?", "indeterminate"),
    "not_assessable": ("st-na", "×", "not assessable"),
    "fracture": ("st-a1", "F", "fracture, type open"),
}


@dataclass(frozen=True)
class Mark:
    """One vertebra of a row, as shape, letter and words."""

    level: str
    css: str
    sign: str
    words: str


def mark(cell: VertebraCell) -> Mark:
    css, sign, words = _MARKS[cell.state]
    if cell.ao_body:
        css, sign, words = f"st-{cell.ao_body.lower()}", cell.ao_body[1:], f"fracture {cell.ao_body}"
    return Mark(cell.level or "?", css, sign, f"{cell.level or 'unnamed'}: {words}")


def _drawn(row: WorklistRow) -> dict[str, Any]:
    open_count = sum(cell.state == "open" for cell in row.vertebrae)
    state = row.state_word
    if row.state == "draft" and row.readable:
        state = f"in draft, {open_count} open" if open_count else "in draft, ready to lock"
    return {
        "row": row,
        "marks": [mark(cell) for cell in row.vertebrae],
        "sex": Sex(row.sex).label,
        "state": state[:1].upper() + state[1:],
        "url": reverse("room", args=[row.read]) if row.read else "",
    }


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Readers begin at their worklist, overseers at the cases."""
    return redirect("worklist" if may_read(person(request)) or not may_see_all_cases(person(request)) else "cases")


@require_GET
def worklist_page(request: HttpRequest) -> HttpResponse:
    tab = request.GET.get("tab", "to_read")
    tab = tab if tab in TABS else "to_read"
    page_text = request.GET.get("page", "1")
    found = worklist(
        person(request),
        tab=tab,
        search=request.GET.get("search", "").replace("\x00", ""),
        page=int(page_text) if page_text.isdecimal() and len(page_text) < 7 else 1,
    )
    resume_row = _drawn(found.resume.row) if found.resume is not None else None
    return render(
        request,
        "pages/worklist.html",
        {
            "list": found,
            "rows": [_drawn(row) for row in found.rows],
            "tabs": [(name, _TITLES[name], found.counts[name]) for name in _TITLES],
            "resume": resume_row,
            "next": next_case(person(request)) if resume_row is None else None,
            "may_read": may_read(person(request)),
            "may_import": may_import(person(request)),
            "done": found.counts["locked"],
            "all": found.counts["locked"] + found.counts["to_read"] + found.counts["draft"],
        },
    )


@require_POST
def open_case(request: HttpRequest, case_id: int) -> HttpResponse:
    """Claims the case where it lies in a pool and goes on to the reading room."""
    try:
        read = open_read(user=person(request), case_id=case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent
    except NotReadable as refusal:
        messages.error(request, str(refusal))
        return redirect("worklist")
    return redirect("room", read_id=read.pk)
