"""What the clinical report of a case says, vertebra by vertebra, for a person to confirm. For those who oversee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.imaging.refusal import Refusal
from labeling.language import Proposal
from labeling.models import Acuity, AoBody, Case, Verdict
from labeling.pages.cases import show_case
from labeling.pages.person import person
from labeling.reading.elsewhere.report_reads import (
    LONGEST_REASON,
    ReportProposals,
    ReportRow,
    SaidByReport,
    confirm_report,
    report_proposals,
)
from labeling.reading.roles import may_see_all_cases
from labeling.reading.visibility import case_for

__all__ = ["case_report_reading"]

VERDICTS = (("", "nothing said"), *((one.value, one.value) for one in Verdict if one != Verdict.NOT_ASSESSABLE))
AO_TYPES = (("", "–"), *((one.value, one.value) for one in AoBody))
AGES = tuple((one.value, one.label) for one in Acuity)
_EXCLUSIONS = {
    "instrumented": "an implant, cement or an operation",
    "malignant": "a tumour or a metastasis",
    "spondylodiscitis": "spondylodiscitis",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the report; `mark` numbers the sentences that something is read out of, 0 is none."""

    text: str
    mark: int


@dataclass(frozen=True, slots=True)
class Row:
    """One vertebra of the form, and what of the report stands behind it."""

    row: ReportRow
    said: SaidByReport
    quotes: tuple[tuple[int, str], ...]
    note: str

    @property
    def name(self) -> str:
        return self.row.level or "Unnamed"


@require_http_methods(["GET", "POST"])
@never_cache
def case_report_reading(request: HttpRequest, case_id: int) -> HttpResponse:
    """Show what a report says of the vertebrae, or confirm it.

    POST for both, as for the report itself: looking at it is recorded.
    """
    user = person(request)
    try:
        case = case_for(user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent
    if request.method != "POST":
        return redirect("case", case_id=case.pk)
    if not may_see_all_cases(user):
        raise PermissionDenied
    shown = report_proposals(user, case)
    if shown is None:
        # Closed to this person, or there is nothing: the page says which, in the same words as ever.
        return redirect("case", case_id=case.pk)
    if request.POST.get("action") != "confirm":
        return show_case(request, case, says=_context(shown))
    said = _said(request.POST, shown)
    try:
        read = confirm_report(
            user,
            case,
            anatomy=_number(request.POST.get("anatomy")),
            digest=request.POST.get("report", ""),
            said=said,
            reason=request.POST.get("reason", ""),
        )
    except Refusal as refusal:
        context = {**_context(shown, said), "error": refusal.sentence, "reason": request.POST.get("reason", "")}
        return show_case(request, case, says=context, status=422)
    messages.success(request, f"Confirmed as the report's read, version {read.version}.")
    return redirect(reverse("case", args=[case.pk]) + "#report-says")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def _said(form: QueryDict, shown: ReportProposals) -> dict[int, SaidByReport]:
    """What the form says. AO type and age go with a fracture; beside another verdict they are left from before."""
    said = {}
    for row in shown.rows:
        verdict = form.get(f"verdict-{row.vertebra}", "")
        ao_body = form.get(f"ao-{row.vertebra}", "") if verdict == Verdict.FRACTURE else ""
        aged = verdict in (Verdict.FRACTURE, Verdict.INDETERMINATE)
        acuity = form.get(f"age-{row.vertebra}", "unknown") if aged else "unknown"
        process = form.get(f"process-{row.vertebra}") == "yes"
        said[row.vertebra] = SaidByReport(verdict or None, ao_body or None, acuity, process)
    return said


def _context(shown: ReportProposals, said: Mapping[int, SaidByReport] | None = None) -> dict[str, Any]:
    spans = _spans(shown)
    numbers = {span: number for number, span in enumerate(spans, start=1)}
    return {
        "shown": shown,
        "parts": _parts(shown.text, spans),
        "rows": [
            Row(row, (said or {}).get(row.vertebra, row.said), _quotes(row.proposal, shown, numbers), _note(row))
            for row in shown.rows
        ],
        "elsewhere": [(one, _in_words(one), _quotes(one, shown, numbers)) for one in shown.elsewhere],
        "unplaced": [(numbers[span], shown.text[slice(*span)]) for span in shown.reading.unplaced],
        "exclusions": [_EXCLUSIONS[name] for name in dict.fromkeys(name for name, *_ in shown.reading.exclusions)],
        "verdicts": VERDICTS,
        "ao_types": AO_TYPES,
        "ages": AGES,
        "longest_reason": LONGEST_REASON,
    }


def _spans(shown: ReportProposals) -> list[tuple[int, int]]:
    """The sentences that something is read out of, in the order of the text; sentences never overlap."""
    reading = shown.reading
    spans = {span for one in reading.proposals for span in one.spans}
    spans |= {(one.start, one.end) for one in reading.general} | set(reading.unplaced)
    return sorted(spans)


def _parts(text: str, spans: list[tuple[int, int]]) -> list[Part]:
    parts, at = [], 0
    for number, (start, end) in enumerate(spans, start=1):
        parts += [Part(text[at:start], 0), Part(text[start:end], number)]
        at = end
    return [part for part in [*parts, Part(text[at:], 0)] if part.text]


def _quotes(
    proposal: Proposal | None, shown: ReportProposals, numbers: Mapping[tuple[int, int], int]
) -> tuple[tuple[int, str], ...]:
    if proposal is None:
        return ()
    return tuple((numbers[span], shown.text[slice(*span)]) for span in proposal.spans)


def _note(row: ReportRow) -> str:
    one = row.proposal
    notes = []
    if row.cut:
        notes.append("Cut by the edge of the image: not assessable where nothing is said.")
    if one is not None and one.doubt:
        notes.append(one.doubt)
    if one is not None and one.fresh_only:
        notes.append("Fresh fractures alone are denied.")
    if one is not None and one.segment:
        notes.append(f"The report names {one.segment}, which is kept beside the read.")
    return " ".join(notes)


def _in_words(one: Proposal) -> str:
    age = {"acute": "acute ", "old": "old "}.get(one.acuity, "") if one.verdict != "negative" else ""
    process = ", fracture of a process" if one.process_fracture else ""
    return f"{age}{one.verdict}{f' {one.ao}' if one.ao else ''}{process}"
