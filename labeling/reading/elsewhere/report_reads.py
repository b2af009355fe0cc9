"""The clinical report as a reader: what its text says is proposed, a person confirms it, and it is a locked read.

The report read the case for the clinic, once, outside every round and under none of a reader's duties. Its read is
never truth and nothing is learnt from it: it says what the patient was told. Confirming again is a later version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from labeling.imaging.refusal import Refusal
from labeling.language import Proposal, ReportReading, read_report
from labeling.models import (
    Acuity,
    Anatomy,
    AnatomyVertebra,
    AoBody,
    AuditEvent,
    Case,
    Finding,
    Read,
    Reader,
    ReaderKind,
    RoundKind,
    Verdict,
    Why,
)
from labeling.reading.locking import pins_of
from labeling.reading.projection import take_snapshot
from labeling.reading.roles import may_see_all_cases
from labeling.reading.rounds import reading_anatomy
from labeling.reading.sealing import content_sha
from labeling.reading.visibility import case_report_for

__all__ = [
    "LONGEST_REASON",
    "ReportProposals",
    "ReportRow",
    "SaidByReport",
    "confirm_report",
    "report_proposals",
    "report_reader",
]

LABEL = "Clinical report"

#: Characters of the reason for a later version.
LONGEST_REASON = 500

_VERB = "report_confirmed"

#: A number that nothing else in this database takes a lock under: the word "report" as bytes.
_ONE_READER = int.from_bytes(b"report", "big")

_OTHER_VERTEBRAE = "The vertebrae of this case have changed meanwhile. Look at them, then confirm."

_VERDICTS = (Verdict.FRACTURE, Verdict.NEGATIVE, Verdict.INDETERMINATE)


@dataclass(frozen=True, slots=True)
class SaidByReport:
    """What the report says of one vertebra; a verdict of None is nothing."""

    verdict: str | None = None
    ao_body: str | None = None
    acuity: str = "unknown"
    process_fracture: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One vertebra in view: what the text proposes of it (None: nothing) and what was confirmed of it (None: never)."""

    vertebra: int
    level: str
    cut: bool
    proposal: Proposal | None
    confirmed: SaidByReport | None

    @property
    def said(self) -> SaidByReport:
        """What stands in the form: what was confirmed, else what the text proposes."""
        if self.confirmed is not None:
            return self.confirmed
        one = self.proposal
        if one is None:
            return SaidByReport()
        broken = one.verdict == Verdict.FRACTURE
        acuity = one.acuity if one.verdict != Verdict.NEGATIVE else "unknown"
        return SaidByReport(one.verdict, (one.ao or None) if broken else None, acuity, one.process_fracture)


@dataclass(frozen=True, slots=True)
class ReportProposals:
    """A report beside the vertebrae of its case.

    Attributes
    ----------
    text, digest
        The report, and its SHA-256: what is confirmed is confirmed of this text.
    anatomy
        The primary key of the anatomy whose vertebrae the rows are.
    elsewhere
        What the report says of levels that are not in view.
    version, confirmed_at, confirmed_by, is_of_this_text
        Of the newest read of the report; version 0 where there is none.
    """

    text: str
    digest: str
    anatomy: int
    rows: tuple[ReportRow, ...]
    elsewhere: tuple[Proposal, ...]
    reading: ReportReading
    version: int = 0
    confirmed_at: datetime | None = None
    confirmed_by: str = ""
    is_of_this_text: bool = True


def report_reader() -> Reader:
    """The reader that all clinical reports are, made on demand."""
    with transaction.atomic():
        found = Reader.objects.filter(kind=ReaderKind.REPORT, label=LABEL).order_by("pk").first()
        if found is not None:
            return found
        # No constraint says that there is one: who comes second waits here and finds it.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_READER])
        found = Reader.objects.filter(kind=ReaderKind.REPORT, label=LABEL).order_by("pk").first()
        return found or Reader.objects.create(kind=ReaderKind.REPORT, label=LABEL)


def report_proposals(user: User, case: Case) -> ReportProposals | None:
    """What the report of a case says of its vertebrae, with the exposure that seeing it is.

    None where the report is closed to this person, where there is none, or where no vertebra of the case is known.
    """
    text = case_report_for(user, case)
    anatomy = reading_anatomy(case)
    return _proposals(case, text, anatomy) if text and anatomy is not None else None


def _proposals(case: Case, text: str, anatomy: Anatomy) -> ReportProposals:
    reading, digest = read_report(text), _digest(text)
    before = _newest(case)
    confirmed = _confirmed(before) if before is not None else {}
    rows = tuple(
        ReportRow(
            body.vertebra_id,
            body.level,
            body.cut,
            reading.of(body.level) if body.level else None,
            confirmed.get(body.vertebra_id),
        )
        for body in AnatomyVertebra.objects.filter(anatomy=anatomy)
    )
    in_view = {row.level for row in rows}
    elsewhere = tuple(one for one in reading.proposals if one.level not in in_view)
    if before is None:
        return ReportProposals(text, digest, anatomy.pk, rows, elsewhere, reading)
    event = AuditEvent.objects.filter(verb=_VERB, case=case, detail__read=before.pk).select_related("by").first()
    by = event.by if event is not None else None
    return ReportProposals(
        text,
        digest,
        anatomy.pk,
        rows,
        elsewhere,
        reading,
        before.version,
        before.locked_at,
        (by.get_full_name() or by.get_username()) if by is not None else "",
        event is not None and event.detail.get("report") == digest,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _newest(case: Case) -> Read | None:
    reads = Read.objects.filter(case=case, round__isnull=True, reader__kind=ReaderKind.REPORT, reader__label=LABEL)
    return reads.order_by("-version").first()


def _confirmed(read: Read) -> dict[int, SaidByReport]:
    return {
        row.vertebra_id: SaidByReport(
            row.verdict if row.verdict in _VERDICTS else None, row.ao_body, row.acuity, row.process_fracture
        )
        for row in Finding.objects.filter(read=read)
    }


def confirm_report(
    user: User, case: Case, *, anatomy: int, digest: str, said: Mapping[int, SaidByReport], reason: str = ""
) -> Read:
    """Write and lock what the report says, as this person confirms it, in one transaction.

    Parameters
    ----------
    anatomy, digest
        As they were on the screen: what was confirmed of another text or other vertebrae is not stored.
    said
        Of each vertebra in view, by the key of the `Vertebra`.
    reason
        Why it is confirmed again; needed from the second version on.

    Raises
    ------
    PermissionDenied
        for who may not see reports outside a read.
    Refusal
        ``report-blind`` for who is asked to read this case without it, ``report-changed``, ``vertebrae-changed``,
        ``reason-missing``, ``consensus-begun``, ``nothing-changed``, and ``unlawful`` for a finding that is none.
    """
    if not may_see_all_cases(user):
        raise PermissionDenied("What reports say is confirmed by leads, engineers and administrators.")
    with transaction.atomic():
        # One at a time writes the reads of a report; what was decided by its versions stays so until the end.
        Case.objects.select_for_update(of=("self",), no_key=True).get(pk=case.pk)
        text = case_report_for(user, case)
        if text is None:
            raise Refusal(
                "report-blind", "You are asked to read this case without its report. Let somebody else do it."
            )
        standing = reading_anatomy(case)
        before = _newest(case)
        if standing is None:
            raise Refusal("vertebrae-changed", _OTHER_VERTEBRAE)
        _refuse_another(text, digest, standing, anatomy, said)
        shown = _proposals(case, text, standing)
        _refuse_again(case, before, standing, shown, said, reason)
        return _write(user, case, standing, shown, said, before, reason.strip())


def _refuse_another(text: str, digest: str, standing: Anatomy, anatomy: int, said: Mapping[int, SaidByReport]) -> None:
    if not text or _digest(text) != digest:
        raise Refusal("report-changed", "The report has changed meanwhile. Look at what it says now, then confirm.")
    known = {row.vertebra_id: row.level or "This vertebra" for row in AnatomyVertebra.objects.filter(anatomy=standing)}
    if standing.pk != anatomy or set(said) != set(known):
        raise Refusal("vertebrae-changed", _OTHER_VERTEBRAE)
    for vertebra, one in said.items():
        if one.verdict is not None and one.verdict not in _VERDICTS:
            raise Refusal("unlawful", f"{known[vertebra]} is called {one.verdict}, which a report does not say.")
        if one.acuity not in Acuity.values:
            raise Refusal("unlawful", f"The age of {known[vertebra]} is {one.acuity}, which is no word of a finding.")
        if one.ao_body is not None and (one.verdict != Verdict.FRACTURE or one.ao_body not in AoBody.values):
            raise Refusal("unlawful", f"{known[vertebra]} has the AO type {one.ao_body} but is not called a fracture.")


def _refuse_again(
    case: Case,
    before: Read | None,
    standing: Anatomy,
    shown: ReportProposals,
    said: Mapping[int, SaidByReport],
    reason: str,
) -> None:
    """A later version needs a reason, something new to say, and a case on which no consensus has begun."""
    if before is None:
        return
    if before.anatomy_id == standing.pk and shown.is_of_this_text and _confirmed(before) == dict(said):
        raise Refusal("nothing-changed", f"This is what version {before.version} says already. Nothing was saved.")
    if Read.objects.filter(case=case, round__kind=RoundKind.CONSENSUS).exists():
        raise Refusal(
            "consensus-begun", "A consensus on this case has begun. What the report says stays as it was confirmed."
        )
    if not reason.strip():
        raise Refusal("reason-missing", f"Version {before.version} is confirmed. Say why it is confirmed again.")
    if len(reason.strip()) > LONGEST_REASON:
        raise Refusal("reason-too-long", f"The reason has more than {LONGEST_REASON} characters. Shorten it.")


def _write(
    user: User,
    case: Case,
    anatomy: Anatomy,
    shown: ReportProposals,
    said: Mapping[int, SaidByReport],
    before: Read | None,
    reason: str,
) -> Read:
    read = Read.objects.create(
        case=case,
        reader=report_reader(),
        stack_id=anatomy.stack_id,
        anatomy=anatomy,
        version=1 if before is None else before.version + 1,
        supersedes=before,
        reopen_reason="" if before is None else reason,
    )
    Finding.objects.bulk_create(_finding(read, row, said[row.vertebra]) for row in shown.rows)
    read.state, read.locked_at, read.content_sha = "locked", timezone.now(), _content_sha(read, shown.digest)
    read.save(update_fields=["state", "locked_at", "content_sha"])
    changed = sum(1 for row in shown.rows if _is_changed(row, said[row.vertebra]))
    detail = {"case": case.pk, "read": read.pk, "version": read.version, "report": shown.digest, "changed": changed}
    AuditEvent.objects.create(by=user, verb=_VERB, case=case, detail=detail)
    return read


def _is_changed(row: ReportRow, said: SaidByReport) -> bool:
    """Whether the person says something else of a vertebra than the text was understood to."""
    return ReportRow(row.vertebra, row.level, row.cut, row.proposal, None).said != said


def _finding(read: Read, row: ReportRow, said: SaidByReport) -> Finding:
    one = row.proposal
    evidence: dict[str, Any] = {}
    if one is not None:
        # Where it is written and what the program took it for; the words stay in the report.
        evidence = {"proposed": one.verdict, "spans": [list(span) for span in one.spans]}
        evidence |= {"segment": one.segment} if one.segment else {}
    finding = Finding(read=read, vertebra_id=row.vertebra, acuity=said.acuity, evidence=evidence)
    finding.process_fracture = said.process_fracture
    finding.verdict, finding.ao_body = said.verdict, said.ao_body
    if said.verdict is None and row.cut:
        finding.verdict, finding.why = Verdict.NOT_ASSESSABLE, Why.CUT
    return finding


def _content_sha(read: Read, digest: str) -> str:
    """As of a person's read, over what is stored, and beside it which text it was confirmed of."""
    evidence = {str(row.vertebra_id): row.evidence for row in Finding.objects.filter(read=read).order_by("vertebra")}
    return content_sha(take_snapshot(read).state, {**pins_of(read), "report": {"text": digest, "evidence": evidence}})
