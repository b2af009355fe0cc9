"""The clinical report of a case, coming in. Who may see it afterwards is decided by `labeling.reading.visibility`."""

from __future__ import annotations

import datetime
import unicodedata
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Length

from labeling.imaging.refusal import Refusal
from labeling.intake.identities import identity_in
from labeling.models import AuditEvent, Case
from labeling.reading.roles import AnyUser, may_see_all_cases
from labeling.reading.visibility import case_report_is_open, note_exposure

__all__ = ["LONGEST_REPORT", "ReportState", "may_enter_reports", "report_state", "set_report", "tidy"]

#: Characters. The longest reports of whole-body CTs have a third of it.
LONGEST_REPORT = 20_000

_VERB = "set_report"


def may_enter_reports(user: AnyUser) -> bool:
    """Whether reports are this person's business at all: lead, engineer, administrator."""
    return may_see_all_cases(user)


@dataclass(frozen=True, slots=True)
class ReportState:
    """What is known of a report without looking at it: its length (0: none), who entered it last, and when."""

    characters: int
    by: str
    at: datetime.datetime | None


def report_state(case: Case) -> ReportState:
    """How long the report of a case is and who entered it. Shows nobody anything, so it exposes nobody."""
    characters = Case.objects.values_list(Length("report_text"), flat=True).get(pk=case.pk)
    entered = AuditEvent.objects.filter(case=case, verb=_VERB).select_related("by").order_by("-pk").first()
    if not characters or entered is None:
        return ReportState(characters, "", None)
    return ReportState(characters, _name(entered.by), entered.at)


def _name(user: User | None) -> str:
    return "the command line" if user is None else user.get_full_name() or user.get_username()


def set_report(user: User | None, case: Case, text: str) -> bool:
    """Store the report of a case in place of what was there; '' takes it away. False where it was the same already.

    The act is written to the audit without the text, and whoever enters a report has seen it: an exposure.

    Parameters
    ----------
    user
        None for the command line of the server.

    Raises
    ------
    PermissionDenied
        for who may not enter reports.
    Refusal
        ``report-blind`` for who is asked to read this case without it, ``report-too-long``, ``report-names-patient``
        where the text holds the name, the date of birth or a number of the patient, ``seal-unreadable``.
    """
    if user is not None and not may_enter_reports(user):
        raise PermissionDenied("Reports are entered by leads, engineers and administrators.")
    if user is not None and not case_report_is_open(user, case):
        raise Refusal(
            "report-blind",
            "You are asked to read this case without its report. Let somebody else enter it.",
        )
    text = tidy(text)
    if len(text) > LONGEST_REPORT:
        raise Refusal(
            "report-too-long",
            f"The report has {len(text):,} characters, {LONGEST_REPORT:,} are taken. Shorten it to what is about the "
            "spine. Nothing was saved.",
        )
    _refuse_identity(user, case, text)
    with transaction.atomic():
        before = Case.objects.select_for_update().values_list("report_text", flat=True).get(pk=case.pk)
        if before == text:
            return False
        Case.objects.filter(pk=case.pk).update(report_text=text)
        AuditEvent.objects.create(
            by=user, verb=_VERB, case=case, detail={"case": case.pk, "characters": len(text), "before": len(before)}
        )
        # Who takes a report away unseen has been shown nothing.
        if user is not None and text:
            note_exposure(user, case.pk, "report")
    return True


def tidy(text: str) -> str:
    """Lines end as one character, nothing hangs over at the ends, and nothing is left that PostgreSQL cannot store or
    that nobody sees: a soft hyphen inside a name would hide it from the search for names."""
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    lines = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def _refuse_identity(user: User | None, case: Case, text: str) -> None:
    found = identity_in(text, case) if text else []
    if not found:
        return
    # Written down, for a row of attempts would be a way to guess at an identity.
    AuditEvent.objects.create(by=user, verb="report_refused", case=case, detail={"case": case.pk, "found": found})
    what = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    raise Refusal("report-names-patient", f"The text holds {what}. Take that out and save again. Nothing was saved.")
