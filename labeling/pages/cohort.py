"""The cohort: its flowchart, drawn from the record, and beside it what is to be done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.cohort.flowchart import flow_of
from labeling.cohort.splitting import split_rows
from labeling.cohort.to_do import reading_left
from labeling.models import AuditEvent, Split
from labeling.pages.cohort_frame import cohort_page, has_page, may_look
from labeling.pages.numbers_frame import sheet_of
from labeling.reading.roles import may_plan_rounds
from labeling.statistics.flow import Flow, adds_up
from labeling.statistics.flow_drawing import png, svg

__all__ = ["SplitShown", "cases_url", "overview", "split_shown"]

TAB = "cohort"
_TYPES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}


@dataclass(frozen=True)
class ToDo:
    """A line of what is to be done: how many, of what, and where; `url` is '' where this person does not do it."""

    count: int
    words: str
    url: str


@dataclass(frozen=True)
class SplitShown:
    """A split as it stands."""

    title: str
    patients: int
    cases: int
    fractured: int

    @property
    def fractured_percent(self) -> str:
        return f"{100 * self.fractured / self.cases:.1f} %" if self.cases else "–"


def cases_url(key: str) -> str:
    """The address that lists the cases of a box."""
    return f"{reverse('cohort-cases')}?{urlencode({'box': key})}"


def split_shown() -> tuple[list[SplitShown], int]:
    """Each split that has a case, and how many cases there are in all."""
    rows = split_rows()
    shown = [
        SplitShown(
            "Not split yet" if row.split == Split.UNASSIGNED else str(Split(row.split).label).capitalize(),
            row.patients,
            row.cases,
            row.fractured,
        )
        for row in rows
        if row.cases or row.split != Split.UNASSIGNED
    ]
    return shown, sum(row.cases for row in rows)


@require_GET
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """The page, or with `format` = svg, png or csv the flowchart to take along."""
    user = may_look(request)
    wanted = request.GET.get("format", "")
    if wanted in _TYPES:
        return _taken(user, wanted)
    flow = flow_of(user, cases_url)
    splits, cases = split_shown()
    context = {
        "flow": flow,
        # Drawn by our own code, which escapes every word in it.
        "drawing": mark_safe(svg(flow)),
        "wrong": adds_up(flow),
        "version": hashlib.sha256(repr(_sheet(flow)).encode()).hexdigest(),
        "to_do": _to_do(user, flow),
        "splits": splits,
        "cases": cases,
        "empty": not flow.first.count,
        "reports_url": reverse("cohort-reports") if has_page("cohort-reports") else "",
    }
    return cohort_page(request, "cohort/overview.html", TAB, context)


def _taken(user: User, wanted: str) -> HttpResponse:
    """The flowchart as a file: without links, for whoever has the file has not the house. An export, so audited."""
    flow = flow_of(user)
    AuditEvent.objects.create(by=user, verb="export_numbers", detail={"what": "flowchart", "format": wanted})
    body: str | bytes = svg(flow) if wanted == "svg" else png(flow) if wanted == "png" else sheet_of(_sheet(flow))
    response = HttpResponse(body, content_type=_TYPES[wanted])
    response["Content-Disposition"] = f'attachment; filename="flowchart.{wanted}"'
    return response


def _sheet(flow: Flow) -> list[tuple[object, ...]]:
    """Each box, what left it, and why; `of` is where it comes from."""
    came_from = {arrow.target: arrow.source for arrow in flow.arrows}
    rows: list[tuple[object, ...]] = [("kind", "key", "words", "count", "of")]
    for box in flow.boxes:
        rows.append(("box", box.key, box.title, box.count, came_from.get(box.key, "")))
        for side in flow.leaving(box.key):
            rows.append(("left", side.key, side.title, side.count, box.key))
            rows += [("reason", "", reason.text, reason.count, side.key) for reason in side.reasons]
    return rows


def _to_do(user: User, flow: Flow) -> list[ToDo]:
    """In the order in which it is done; what nobody waits for is left out."""
    counts = {reason.href: reason.count for side in flow.sides for reason in side.reasons}
    boxes = {box.key: box.count for box in flow.boxes}
    left = reading_left(user)
    rounds = reverse("rounds") if may_plan_rounds(user) else ""
    lines = [
        _line(counts, "silent:unsearched", "report|reports", "not searched yet", _reports("waiting")),
        _line(counts, "open:report", "report|reports", "to confirm", _reports("to-confirm")),
        _line(counts, "open:case", "case|cases", "without a report to decide on", ""),
        _line(counts, "undecided:case", "confirmed case|confirmed cases", "to include or exclude", ""),
        _line(counts, "undecided:no-images", "confirmed report|confirmed reports", "without images", ""),
        ToDo(
            boxes.get("unsplit", 0), _words(boxes.get("unsplit", 0), "case|cases", "not split"), reverse("cohort-split")
        ),
        _line(counts, "impossible:not-yet", "case|cases", "not segmented", ""),
        ToDo(left.unread, _words(left.unread, "included case|included cases", "that nobody has read"), rounds),
        ToDo(
            left.without_reference,
            _words(left.without_reference, "included case|included cases", "without a reference"),
            rounds,
        ),
    ]
    return [line for line in lines if line.count]


def _line(counts: dict[str, int], key: str, noun: str, words: str, url: str) -> ToDo:
    own = cases_url(key)
    count = counts.get(own, 0)
    return ToDo(count, _words(count, noun, words), url or own)


def _words(count: int, noun: str, words: str) -> str:
    one, many = noun.split("|")
    return f"{one if count == 1 else many} {words}"


def _reports(tab: str) -> str:
    return f"{reverse('cohort-reports')}?{urlencode({'tab': tab})}" if has_page("cohort-reports") else ""
