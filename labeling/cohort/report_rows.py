"""Reports as people confirm them: the sentences that were found, with what is to be marked in them.

A report of a case that somebody still reads without it is not here for them; whoever is shown one of a case is exposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet

from labeling.imaging.refusal import Refusal
from labeling.models import CohortState, ReportDecision, StudyReport
from labeling.reading.elsewhere.reports import may_enter_reports
from labeling.reading.exposures import note_exposures
from labeling.reading.owing import cases_before_report
from labeling.reading.roles import reader_of

__all__ = ["PAGE", "TABS", "Piece", "ReportPage", "ReportRow", "pieces_of", "report_row", "report_rows"]

#: Rows of a page.
PAGE = 50

#: key -> what the tab is called.
TABS = {
    "to-confirm": "To confirm",
    "others": "Not proposed",
    "confirmed": "Confirmed",
    "not-candidates": "No candidates",
    "waiting": "Not searched yet",
}
CRITERIA_ORDER = ("i", "ii", "iii", "iv", "v")
LANGUAGES = {"de": "German", "en": "English", "fr": "French"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of a report: `kind` is '' where nothing is marked, else the kind of a mark of the crawler."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report as somebody may see it now.

    Attributes
    ----------
    name, case_id, case_state
        Of the case; '', None and '' where the images are not here.
    language
        "German", or '' where the text does not tell.
    verdict, chip
        The crawler's word, and a few words for people: "new, but criterion i".
    proposed
        By the rules it is a candidate.
    passages
        The sentences in which something was found.
    exclusions
        Reasons to exclude that the text may hold, as `ExclusionReason` values, in the order of the protocol's criteria.
    text_pieces
        The whole text.
    """

    pk: int
    name: str
    case_id: int | None
    case_state: str
    year: int | None
    language: str
    verdict: str
    chip: str
    proposed: bool
    decision: str
    source: str
    levels: tuple[str, ...]
    passages: tuple[tuple[Piece, ...], ...]
    exclusions: tuple[str, ...]
    text_pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of a tab. `counts` is tab -> how many reports this person may see in it; `closed` is how many are left
    out everywhere, because this person is asked to read their cases without the report."""

    tab: str
    rows: tuple[ReportRow, ...]
    page: int
    pages: int
    counts: dict[str, int]
    closed: int


def report_rows(user: User, tab: str, page: int = 1) -> ReportPage:
    """A page of reports in the order in which they came in; a page beyond the last is the last.

    Raises
    ------
    PermissionDenied
        for who may not see reports.
    Refusal
        ``no-tab``
    """
    if tab not in TABS:
        raise Refusal("no-tab", f"There is no list of reports called {tab[:40]!r}.")
    with transaction.atomic():
        open_to = _open_to(user)
        found = open_to.filter(_IN_TAB[tab])
        counts = {one: open_to.filter(which).count() for one, which in _IN_TAB.items()}
        pages = max(1, -(-counts[tab] // PAGE))
        page = min(max(1, page), pages)
        reports = list(found.select_related("case__patient").order_by("pk")[(page - 1) * PAGE : page * PAGE])
        _note(user, reports)
        closed = StudyReport.objects.count() - open_to.count()
    return ReportPage(tab, tuple(_row(report) for report in reports), page, pages, counts, closed)


def report_row(user: User, report_pk: int) -> ReportRow:
    """One report.

    Raises
    ------
    PermissionDenied
        for who may not see reports.
    StudyReport.DoesNotExist
        where there is none, or it is closed to this person; the two look alike.
    """
    with transaction.atomic():
        report = _open_to(user).select_related("case__patient").get(pk=report_pk)
        _note(user, [report])
    return _row(report)


# A report whose case was decided upon waits for nobody any more, whatever was said of the report.
_UNDECIDED = Q(decision=ReportDecision.OPEN) & (Q(case__isnull=True) | Q(case__cohort_state=CohortState.CANDIDATE))
_IN_TAB = {
    "to-confirm": _UNDECIDED & Q(found__counts=True),
    "others": _UNDECIDED & ~Q(verdict="") & Q(found__counts=False),
    "confirmed": Q(decision=ReportDecision.CONFIRMED),
    "not-candidates": Q(decision=ReportDecision.NOT_CANDIDATE),
    "waiting": _UNDECIDED & Q(verdict=""),
}


def _open_to(user: User) -> QuerySet[StudyReport]:
    if not may_enter_reports(user):
        raise PermissionDenied("Reports are for leads, engineers and administrators.")
    # `~Q(case__in=…)` alone would leave out the reports without a case, for in SQL nobody knows what NULL is in.
    return StudyReport.objects.filter(Q(case__isnull=True) | ~Q(case__in=cases_before_report(user).values("pk")))


def _note(user: User, reports: Iterable[StudyReport]) -> None:
    shown = sorted({report.case_id for report in reports if report.case_id is not None})
    if shown:
        note_exposures(reader_of(user), [(case, "report") for case in shown])


def _row(report: StudyReport) -> ReportRow:
    found: dict[str, Any] = report.found or {}
    passages = found.get("passages", [])
    marks = [mark for *_, its in passages for mark in its]
    exclusions = {reason: criterion for reason, criterion, *_ in found.get("exclusions", [])}
    case = report.case
    return ReportRow(
        pk=report.pk,
        name="" if case is None else case.name,
        case_id=report.case_id,
        case_state="" if case is None else case.cohort_state,
        year=report.year,
        language=LANGUAGES.get(report.language, ""),
        verdict=report.verdict,
        chip=found.get("reason", "") or "not searched yet",
        proposed=bool(found.get("counts")),
        decision=report.decision,
        source=report.source,
        levels=tuple(found.get("levels", ())),
        passages=tuple(pieces_of(report.text, start, end, its) for _, start, end, its in passages),
        exclusions=tuple(sorted(exclusions, key=lambda reason: CRITERIA_ORDER.index(exclusions[reason]))),
        text_pieces=pieces_of(report.text, 0, len(report.text), marks),
    )


def pieces_of(text: str, start: int, end: int, marks: Sequence[Sequence[Any]]) -> tuple[Piece, ...]:
    """The text from `start` to `end`, cut where a mark begins or ends."""
    pieces, at = [], start
    for kind, first, last in sorted(marks, key=lambda mark: (mark[1], mark[2])):
        first, last = max(first, at), min(last, end)
        if first >= last:
            continue
        pieces += [Piece(text[at:first]), Piece(text[first:last], kind)]
        at = last
    pieces.append(Piece(text[at:end]))
    return tuple(piece for piece in pieces if piece.text)
