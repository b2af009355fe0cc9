"""One case as those who decide on it see it: where it stands, why, what its reports were found to say, its history."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from labeling.analysis.scope import may_see_numbers
from labeling.cohort.decisions import Step, history
from labeling.imaging.refusal import Refusal
from labeling.models import Case, CohortState, StudyReport
from labeling.reading.exposures import note_exposures
from labeling.reading.owing import cases_before_report
from labeling.reading.roles import reader_of

__all__ = ["CaseShown", "case_shown", "is_closed"]

_VERDICTS = {
    "": "not searched yet",
    "candidate": "mentions a fracture",
    "uncertain": "uncertain",
    "history": "history only",
    "negated": "negated",
    "other_bone": "other bone",
    "nothing": "no mention of a fracture",
}


@dataclass(frozen=True, slots=True)
class CaseShown:
    """A case with what may be said of it.

    Attributes
    ----------
    closed
        This person is asked to read it without its report: then `why`, `reports` and `steps`, which tell of the report,
        are empty.
    why
        "vertebral body fracture in the report", "segmentation impossible (corrupt data)"; '' for a candidate.
    reports
        Of each report its primary key, what was found in it and what a person said of it.
    steps
        The history, newest first.
    """

    case: Case
    closed: bool
    why: str
    reports: tuple[tuple[int, str], ...]
    steps: tuple[Step, ...]


def case_shown(user: User, case_id: int) -> CaseShown | None:
    """A case for whoever looks at the cohort; None where there is none.

    What tells of its report exposes this person to the report.

    Raises
    ------
    Refusal
        ``no-numbers`` for who may see none.
    """
    if not may_see_numbers(user):
        raise Refusal("no-numbers", "Numbers are for leads, engineers and administrators.")
    with transaction.atomic():
        case = Case.objects.select_related("patient").filter(pk=case_id).first()
        if case is None:
            return None
        if is_closed(user, case):
            return CaseShown(case, True, "", (), ())
        steps = tuple(history(case))
        reports = tuple(
            (report.pk, _report_words(report)) for report in StudyReport.objects.filter(case=case).order_by("pk")
        )
        if steps or reports or case.inclusion_reason:
            note_exposures(reader_of(user), [(case.pk, "report")])
        return CaseShown(case, False, _why(case), reports, steps)


def is_closed(user: User, case: Case) -> bool:
    """Whether this person is asked to read the case without its report."""
    return cases_before_report(user).filter(pk=case.pk).exists()


def _why(case: Case) -> str:
    if case.cohort_state == CohortState.INCLUDED:
        return case.get_inclusion_reason_display() if case.inclusion_reason else ""
    if case.cohort_state == CohortState.EXCLUDED:
        cause = f" ({case.get_segmentation_cause_display()})" if case.segmentation_cause else ""
        return f"{case.get_exclusion_reason_display()}{cause}"
    return ""


def _report_words(report: StudyReport) -> str:
    said = _VERDICTS.get(report.verdict, report.verdict)
    return f"{said}, {report.get_decision_display()}"
