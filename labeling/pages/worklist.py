"""The worklist: what is mine, what is next, how far I am, how long I need."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from labeling.models import Case, Sex
from labeling.pages.person import person
from labeling.reading.planning.pool import open_next
from labeling.reading.refusals import NotReadable
from labeling.reading.roles import may_import, may_read, may_see_all_cases
from labeling.reading.rounds import open_read
from labeling.reading.worklist import TABS, VertebraCell, WorklistPage, WorklistRow, next_case, worklist

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

#: tab -> (what is said where it is empty, and why)
_EMPTY = {
    "draft": ("No draft is open", "A case becomes a draft with its first slice on screen."),
    "locked": ("Nothing is locked yet", "What you lock stands here, and can be opened again with a reason."),
    "mine": ("Nothing is yours yet", "Cases become yours by an assignment, or when you begin one of the pool."),
    "skipped": (
        "No case is skipped",
        "A case that you pass by stands here with its reason, and can be read after all.",
    ),
    "unclear": ("No vertebra is marked unclear", "Unclear, in the reading room, asks for a second opinion."),
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


def clock_words(ms: int) -> str:
    """1:52, or 1:02:03 from an hour on."""
    seconds = ms // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def about_words(ms: int) -> str:
    """40 seconds, 43 min, 2 h 10 min: how long something will take, as exactly as anybody can know it."""
    seconds = round(ms / 1000)
    if seconds < 90:
        return f"{max(10, round(seconds, -1))} seconds"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes if minutes < 300 else round(minutes / 30) * 30, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _drawn(row: WorklistRow) -> dict[str, Any]:
    open_count = sum(cell.state == "open" for cell in row.vertebrae)
    state = row.state_word
    if row.state == "draft" and row.readable:
        state = f"in draft, {open_count} open" if open_count else "in draft, ready to lock"
    if row.version is not None and row.version > 1:
        state = f"{state}, version {row.version}"
    return {
        "row": row,
        "marks": [mark(cell) for cell in row.vertebrae],
        "sex": Sex(row.sex).label,
        "state": state[:1].upper() + state[1:],
        "time": clock_words(row.active_ms) if row.active_ms >= 1000 else "–",
        "url": reverse("room", args=[row.read]) if row.read else "",
    }


def _resumed(found: WorklistPage) -> dict[str, Any] | None:
    """Where the reader stopped: what is still open, and how long that takes at their pace."""
    if found.resume is None:
        return None
    row = found.resume.row
    still = [cell.level or "unnamed" for cell in row.vertebrae if cell.state == "open"]
    left = found.pace_ms * len(still) // len(row.vertebrae) if found.pace_ms and still else None
    return {
        **_drawn(row),
        "open": ", ".join(still[:6]) + (f" and {len(still) - 6} more" if len(still) > 6 else ""),
        "left": None if left is None else about_words(left),
    }


def _empty(found: WorklistPage, *, may_bring_in: bool) -> dict[str, str]:
    """Why a tab is empty, and the one button that leads on; no button where nothing can be done about it."""
    to_read = {"url": f"{reverse('worklist')}?tab=to_read", "button": "Cases to read"}
    if found.search:
        clear = {"url": f"{reverse('worklist')}?tab={found.tab}", "button": "Show all"}
        return {
            "title": f"No case here is called “{found.search}”",
            "why": "Cases are found by their pseudonym.",
            **clear,
        }
    if found.tab != "to_read":
        title, why = _EMPTY[found.tab]
        return {"title": title, "why": why, **(to_read if found.counts["to_read"] else {})}
    nothing = {"title": "Nothing left to read", "why": "New cases appear here as soon as they are brought in."}
    if found.resume is not None:
        return {**nothing, "url": reverse("room", args=[found.resume.read]), "button": "Go on with your draft"}
    if may_bring_in:
        return {**nothing, "url": reverse("intake"), "button": "Bring in cases"}
    return nothing


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
    user = person(request)
    resume = _resumed(found)
    following = next_case(user) if resume is None else None
    return render(
        request,
        "pages/worklist.html",
        {
            "list": found,
            "rows": [_drawn(row) for row in found.rows],
            "several_rounds": len({row.round for row in found.rows}) > 1,
            "tabs": [(name, _TITLES[name], found.counts[name]) for name in _TITLES],
            "resume": resume,
            "next": following,
            "next_row": next((_drawn(row) for row in found.rows if row.case == following), None),
            "empty": _empty(found, may_bring_in=may_import(user)),
            "may_read": may_read(user),
            "pace": clock_words(found.pace_ms) if found.pace_ms else "",
            "left": about_words(found.left_ms) if found.left_ms else "",
        },
    )


@require_POST
def next_case_page(request: HttpRequest) -> HttpResponse:
    """Opens what comes next, from a pool too: whoever else reaches for a case at this moment gets another one."""
    try:
        read = open_next(person(request))
    except NotReadable as refusal:
        messages.error(request, str(refusal))
        return redirect("worklist")
    if read is None:
        messages.info(request, "No other case waits for you.")
        return redirect("worklist")
    return redirect("room", read_id=read.pk)


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
