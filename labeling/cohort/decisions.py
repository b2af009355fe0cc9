"""A person's word on reports and cases: confirmed or not, in or out and why. Each can be taken back, and none is lost.

What a lead decides is decided on what their page showed: where somebody else was faster, they are told so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from labeling.imaging.refusal import Refusal
from labeling.models import (
    Assignment,
    AssignmentState,
    Case,
    CohortDecision,
    CohortState,
    ExclusionReason,
    InclusionReason,
    Read,
    Reader,
    ReaderKind,
    ReportDecided,
    ReportDecision,
    RoundKind,
    RoundState,
    SegmentationCause,
    SkipReason,
    StudyReport,
)
from labeling.reading.roles import may_plan_rounds
from labeling.reading.rounds import enter_open_round
from labeling.reading.visibility import case_report_is_open

__all__ = ["Step", "decide_report", "exclude", "history", "include", "reopen", "report_history"]

_LONGEST_REASON, _LONGEST_NOTE = 200, 2_000
#: Who passed a case by for one of these has said that it should not be read.
_NOT_TO_BE_READ = (SkipReason.EXCLUDE, SkipReason.WRONG_STUDY)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a history: when, by whom ('' for the command line), what, and why in their own words."""

    at: datetime
    by: str
    words: str
    note: str


# -- reports -----------------------------------------------------------------------------------------------------------


def decide_report(
    user: User, report: int, decision: str, reason: str = "", *, seen: str | None = None
) -> ReportDecided:
    """Say of a report that it makes a candidate, that it does not, or ('') that this is open again.

    Parameters
    ----------
    report
        Its primary key.
    decision
        A value of `ReportDecision`.
    seen
        The decision that the page showed; None where nothing was shown.

    Raises
    ------
    PermissionDenied
        for everybody but leads.
    StudyReport.DoesNotExist
    Refusal
        ``no-decision``, ``note-too-long``, ``report-blind`` where the case is to be read by this person without the
        report, ``decided-meanwhile`` where somebody else was faster or nothing would change, ``case-is-included``
        where the report stands for an included case.
    """
    _lead(user)
    if decision not in ReportDecision.values:
        raise Refusal("no-decision", f"A report is no {decision[:40]!r}.")
    reason = _own_words(reason, _LONGEST_REASON)
    with transaction.atomic():
        # The case first, as everybody who holds both rows.
        case = Case.objects.filter(study_reports=report).select_for_update(of=("self",)).first()
        held = StudyReport.objects.select_for_update(of=("self",)).get(pk=report)
        if case is not None and not case_report_is_open(user, case):
            raise Refusal(
                "report-blind", "You are asked to read this case without its report. Let somebody else decide on it."
            )
        if held.decision == decision or (seen is not None and held.decision != seen):
            raise Refusal("decided-meanwhile", _said_of_report(held))
        if (
            case is not None
            and decision != ReportDecision.CONFIRMED
            and case.cohort_state == CohortState.INCLUDED
            and case.inclusion_reason == InclusionReason.FRACTURE
        ):
            raise Refusal("case-is-included", f"{case.name} is included for this report. Reopen the case first.")
        return _decided(user, held, decision, reason)


def _decided(user: User, report: StudyReport, decision: str, reason: str) -> ReportDecided:
    row = ReportDecided.objects.create(report=report, before=report.decision, after=decision, reason=reason, by=user)
    report.decision = decision
    report.save(update_fields=["decision"])
    return row


def _said_of_report(report: StudyReport) -> str:
    last = report.decided.order_by("-at", "-pk").select_related("by").first()
    now = report.get_decision_display() if report.decision else "open"
    if last is None:
        return f"This report is {now} already. Nothing was changed."
    return f"This report was set to {now} by {_name(last.by)}. Nothing was changed."


# -- cases -------------------------------------------------------------------------------------------------------------


def include(user: User, case: Case, inclusion: str, note: str = "", *, seen: str | None = None) -> CohortDecision:
    """Take a case into the cohort, for a fracture or as a control; an included one may change from one to the other.

    For a fracture, the reports of the case that nobody has decided on are confirmed with it. A case that was in no pool
    is put into that of the open labelling round.

    Raises
    ------
    PermissionDenied
        for everybody but leads.
    Refusal
        ``no-reason``, ``note-too-long``, ``decided-meanwhile``, ``case-is-excluded``, ``note-missing`` where the case
        was read already.
    """
    _lead(user)
    if inclusion not in (InclusionReason.FRACTURE, InclusionReason.CONTROL):
        raise Refusal("no-reason", "Say whether the case comes in for its fracture or as a control.")
    note = _own_words(note, _LONGEST_NOTE)
    with transaction.atomic():
        held = _held(case, seen)
        if held.cohort_state == CohortState.EXCLUDED:
            raise Refusal(
                "case-is-excluded",
                f"{held.name} is excluded: {held.get_exclusion_reason_display()}. Reopen it first.",
            )
        if held.cohort_state == CohortState.INCLUDED and held.inclusion_reason == inclusion:
            raise Refusal("decided-meanwhile", _said_of_case(held))
        row = _decide(user, held, CohortState.INCLUDED, note, inclusion=inclusion)
        if inclusion == InclusionReason.FRACTURE:
            _confirm_reports(user, held)
        enter_open_round(held)
    case.refresh_from_db()
    return row


def exclude(
    user: User, case: Case, reason: str, cause: str = "", note: str = "", *, seen: str | None = None
) -> CohortDecision:
    """Leave a case out by one of the criteria, or because its segmentation is impossible, with the cause.

    A case that lies in the pool of a labelling or practice round leaves it. One that is being read, or that a blind
    round or a consensus has planned, is not excluded under its readers' hands.

    Raises
    ------
    PermissionDenied
        for everybody but leads.
    Refusal
        ``no-reason``, ``no-cause``, ``note-too-long``, ``decided-meanwhile``, ``is-being-read`` with the rounds,
        ``note-missing`` where the case was read already.
    """
    _lead(user)
    if reason not in ExclusionReason.values or not reason:
        raise Refusal("no-reason", "Say by which criterion the case is left out.")
    if reason == ExclusionReason.SEGMENTATION:
        if cause not in SegmentationCause.values or not cause:
            raise Refusal("no-cause", "Say what made the segmentation impossible.")
    elif cause:
        raise Refusal("no-cause", "Only a segmentation that is impossible has a cause.")
    note = _own_words(note, _LONGEST_NOTE)
    with transaction.atomic():
        held = _held(case, seen)
        if held.cohort_state == CohortState.EXCLUDED:
            if (held.exclusion_reason, held.segmentation_cause) == (reason, cause):
                raise Refusal("decided-meanwhile", _said_of_case(held))
            raise Refusal(
                "case-is-excluded",
                f"{held.name} is excluded already: {held.get_exclusion_reason_display()}. Reopen it first.",
            )
        _refuse_being_read(held)
        _pooled(held).delete()
        row = _decide(user, held, CohortState.EXCLUDED, note, exclusion=reason, cause=cause)
        _confirm_reports(user, held)
    case.refresh_from_db()
    return row


def reopen(user: User, case: Case, note: str = "", *, seen: str | None = None) -> CohortDecision:
    """Make an included or excluded case a candidate again, as if nothing had been decided; the split of its patient
    stays.

    Raises
    ------
    PermissionDenied
        for everybody but leads.
    Refusal
        ``note-too-long``, ``decided-meanwhile``, ``note-missing`` where the case was read already.
    """
    _lead(user)
    note = _own_words(note, _LONGEST_NOTE)
    with transaction.atomic():
        held = _held(case, seen)
        if held.cohort_state == CohortState.CANDIDATE:
            raise Refusal("decided-meanwhile", _said_of_case(held))
        was_out = held.cohort_state == CohortState.EXCLUDED
        row = _decide(user, held, CohortState.CANDIDATE, note)
        if was_out:
            enter_open_round(held)
    case.refresh_from_db()
    return row


def _held(case: Case, seen: str | None) -> Case:
    held = Case.objects.select_for_update(of=("self",)).select_related("patient").get(pk=case.pk)
    if seen is not None and held.cohort_state != seen:
        raise Refusal("decided-meanwhile", _said_of_case(held))
    return held


def _decide(
    user: User, case: Case, state: str, note: str, *, inclusion: str = "", exclusion: str = "", cause: str = ""
) -> CohortDecision:
    if not note and _read_by_people(case):
        raise Refusal("note-missing", f"{case.name} was read already. Say in a few words why this is changed now.")
    row = CohortDecision.objects.create(
        case=case,
        before=case.cohort_state,
        after=state,
        inclusion=inclusion,
        exclusion=exclusion,
        cause=cause,
        note=note,
        by=user,
    )
    case.cohort_state, case.inclusion_reason = state, inclusion
    case.exclusion_reason, case.segmentation_cause = exclusion, cause
    case.save(update_fields=["cohort_state", "inclusion_reason", "exclusion_reason", "segmentation_cause"])
    return row


def _read_by_people(case: Case) -> bool:
    """Whether a person or a panel has locked a read: who is in the numbers is not changed without a word then."""
    kinds = (ReaderKind.PERSON, ReaderKind.PANEL)
    return Read.objects.filter(case=case, state="locked", reader__kind__in=kinds).exists()


def _confirm_reports(user: User, case: Case) -> None:
    """What was decided on the case was decided on its report."""
    open_ones = StudyReport.objects.select_for_update(of=("self",)).filter(case=case, decision=ReportDecision.OPEN)
    for report in open_ones.order_by("pk"):
        if report.found.get("counts"):
            _decided(user, report, ReportDecision.CONFIRMED, "With its case.")


def _refuse_being_read(case: Case) -> None:
    names = list(_being_read(case).order_by("round").values_list("round__name", flat=True))
    if not names:
        return
    rounds = list(dict.fromkeys(names))
    reads = "1 read is" if len(names) == 1 else f"{len(names)} reads are"
    raise Refusal(
        "is-being-read",
        f"{reads} still open in {' and '.join(rounds)}. Take the case back there, or let it be locked, then exclude.",
    )


def _open_assignments(case: Case) -> QuerySet[Assignment]:
    return Assignment.objects.filter(case=case).exclude(round__state=RoundState.CLOSED)


def _pooled(case: Case) -> QuerySet[Assignment]:
    return _open_assignments(case).filter(
        reader__isnull=True, round__kind__in=(RoundKind.LABELLING, RoundKind.PRACTICE)
    )


def _being_read(case: Case) -> QuerySet[Assignment]:
    """What somebody has begun or is to read and has not locked; passed by as no case for the study does not count."""
    own = Read.objects.filter(round=OuterRef("round"), case=case, state="locked", successor__isnull=True)
    by_reader = own.filter(reader=OuterRef("reader"))
    by_panel = own.filter(reader__in=Reader.objects.filter(kind=ReaderKind.PANEL))
    waiting = _open_assignments(case).exclude(pk__in=_pooled(case).values("pk")).exclude(Exists(by_reader))
    waiting = waiting.exclude(Exists(by_panel), round__kind=RoundKind.CONSENSUS)
    return waiting.exclude(state=AssignmentState.SKIPPED, skip_reason__in=_NOT_TO_BE_READ)


def _said_of_case(case: Case) -> str:
    last = case.cohort_decisions.order_by("-at", "-pk").select_related("by").first()
    if last is None:
        return f"{case.name} is a candidate. Nothing was changed."
    return f"{case.name} was {_words(last)} by {_name(last.by)}. Nothing was changed."


# -- history -----------------------------------------------------------------------------------------------------------


def history(case: Case) -> list[Step]:
    """What was decided on a case, the newest first."""
    rows = case.cohort_decisions.select_related("by").order_by("-at", "-pk")
    return [Step(row.at, _name(row.by), _words(row), row.note) for row in rows]


def report_history(report: int) -> list[Step]:
    """What was decided on a report, the newest first."""
    rows = ReportDecided.objects.filter(report=report).select_related("by").order_by("-at", "-pk")
    return [
        Step(row.at, _name(row.by), row.get_after_display() if row.after else "opened again", row.reason)
        for row in rows
    ]


def _words(row: CohortDecision) -> str:
    if row.after == CohortState.INCLUDED:
        return f"included: {row.get_inclusion_display()}"
    if row.after == CohortState.EXCLUDED:
        cause = f" ({row.get_cause_display()})" if row.cause else ""
        return f"excluded: {row.get_exclusion_display()}{cause}"
    return "opened again"


def _lead(user: User) -> None:
    if not may_plan_rounds(user):
        raise PermissionDenied("Who is in the cohort is decided by leads.")


def _own_words(text: str, longest: int) -> str:
    text = text.replace("\x00", "").strip()
    if len(text) > longest:
        raise Refusal("note-too-long", f"The note has {len(text):,} characters, {longest:,} are taken.")
    return text


def _name(user: User | None) -> str:
    return "the command line" if user is None else user.get_full_name() or user.get_username()
