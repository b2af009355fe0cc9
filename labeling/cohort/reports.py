"""Reports coming in: each is of one examination, known by a keyed hash, and finds its case now or when that comes in.

An accession number is needed to find the case and is never kept. A text that names the patient is not taken, as far as
that can be told: where the case is known, by its sealed identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import F, QuerySet

from labeling.imaging.identity_traces import traces_of
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.imaging.sealing import Seal
from labeling.intake.identities import identity_in
from labeling.intake.report_files import FileReport, read_reports
from labeling.models import AuditEvent, Case, Identity, StudyReport
from labeling.reading.elsewhere.reports import LONGEST_REPORT, may_enter_reports, set_report, tidy
from labeling.reading.visibility import case_report_is_open, note_exposure

__all__ = ["WITHHELD", "Received", "keys_of", "match_waiting", "receive", "reports_of_cases", "take_from_cases"]

#: Stands in place of a text that was found to name the patient once its case had come in.
WITHHELD = "The text named the patient and was not kept. Bring the report in again without the name."

#: The source of a report that was entered for its case and in no delivery.
_WITH_CASE = "with the case"
_RECEIVED, _MATCHED = "receive_reports", "match_reports"
#: Reports of one transaction.
_BATCH = 200


@dataclass(slots=True)
class Received:
    """What became of a delivery.

    Attributes
    ----------
    new
        Reports that were not here.
    known
        Reports that were here with the same text.
    matched
        Of the new ones, those whose case is here.
    problems
        A sentence for each report that was not taken, and why; without text, names or numbers of a patient.
    """

    new: int = 0
    known: int = 0
    matched: int = 0
    problems: list[str] = field(default_factory=list)


def receive(user: User | None, files: Sequence[tuple[str, bytes]]) -> Received:
    """Bring in reports: CSV, TSV, JSON, plain text, DICOM SR, and zip archives of those, as (name, content).

    One that names a case, a study or an accession number that is known finds its case; its text becomes the report of
    the case where that has none. The others wait for theirs. What came in before is left as it was.

    Parameters
    ----------
    user
        None for the command line of the server. Whoever brings in the report of a case has been shown it: an exposure.

    Raises
    ------
    PermissionDenied
        for who may not enter reports.
    Refusal
        ``seal-unreadable`` where the keys at hand do not open identities: unchecked, nothing may come in.
    """
    if user is not None and not may_enter_reports(user):
        raise PermissionDenied("Reports are entered by leads, engineers and administrators.")
    received = Received()
    rows: list[FileReport] = []
    for name, data in files:
        try:
            found = read_reports(data, name)
        except Refusal as refusal:
            received.problems.append(f"{name}: {refusal.sentence}")
            continue
        rows += found.reports
        received.problems += [f"{name}: {sentence}" for sentence in found.problems]
    delivery = _Delivery(user, received)
    for start in range(0, len(rows), _BATCH):
        delivery.take(rows[start : start + _BATCH])
    return received


def match_waiting(cases: Iterable[int] | None = None) -> int:
    """Give waiting reports to the cases that have come in since; to all cases, or to these. How many found theirs.

    A text that proves to name the patient is taken out then: `WITHHELD` stands in its place.

    Raises
    ------
    Refusal
        ``seal-unreadable``
    """
    waiting = StudyReport.objects.filter(case__isnull=True)
    if not waiting.exists():
        return 0
    chosen = Case.objects.order_by("pk") if cases is None else Case.objects.filter(pk__in=list(cases)).order_by("pk")
    # Of a few cases it is quicker to ask for each than to fetch the keys of all that waits.
    known = dict(waiting.values_list("key", "pk")) if cases is None else None
    found: list[tuple[int, Case]] = []
    for case in chosen.select_related("patient"):
        keys = keys_of(case)
        if known is None:
            found += [(pk, case) for pk in waiting.filter(key__in=keys).values_list("pk", flat=True)]
        else:
            found += [(known[key], case) for key in keys if key in known]
    return sum(_match(pk, case) for pk, case in found)


def reports_of_cases() -> QuerySet[Case]:
    """Cases that came with a report, or were given one since, which is not among the reports that are searched."""
    return Case.objects.exclude(report_text="").filter(study_reports__isnull=True)


def take_from_cases() -> int:
    """Let the reports that came with their cases be searched as the others are, and as they read now; how many that
    changed. What people decided on them stays."""
    with transaction.atomic():
        _one_delivery_at_a_time()
        fresh = [
            StudyReport(
                key=_study_key(case.study_uid),
                case=case,
                text=case.report_text,
                source=_WITH_CASE,
            )
            for case in reports_of_cases().order_by("pk")
        ]
        StudyReport.objects.bulk_create(fresh, batch_size=500)
        old = StudyReport.objects.filter(source=_WITH_CASE).exclude(case__report_text="")
        old = old.exclude(text=F("case__report_text")).select_related("case").select_for_update(of=("self",))
        changed = list(old)
        for report in changed:
            report.text = report.case.report_text if report.case is not None else report.text
            report.rules, report.verdict, report.language, report.found = None, "", "", {}
        StudyReport.objects.bulk_update(changed, ["text", "rules", "verdict", "language", "found"])
        return len(fresh) + len(changed)


def keys_of(case: Case) -> tuple[str, ...]:
    """The keys under which a report of this case may wait: of its study, and of its accession number where known."""
    keys = (_study_key(case.study_uid),)
    identity = Identity.objects.filter(case=case).first()
    if identity is None:
        return keys
    study = Seal(settings.IDENTITY_KEYS).open(bytes(identity.sealed)).get("study")
    accession = str(study.get("accession_number") or "") if isinstance(study, dict) else ""
    return (*keys, _accession_key(accession)) if accession.strip() else keys


def _match(report_pk: int, case: Case) -> bool:
    with transaction.atomic():
        report = StudyReport.objects.select_for_update(of=("self",)).filter(pk=report_pk, case__isnull=True).first()
        if report is None:
            return False
        report.case = case
        named = identity_in(report.text, case)
        if named:
            report.text, report.rules, report.verdict, report.language, report.found = WITHHELD, None, "", "", {}
        report.save(update_fields=["case", "text", "rules", "verdict", "language", "found"])
        AuditEvent.objects.create(
            by=None, verb=_MATCHED, case=case, detail={"case": case.pk, "report": report.pk, "found": named}
        )
        if not named:
            _give_to(case, report.text)
        for user in _who_brought(report):
            note_exposure(user, case.pk, "report")
    return True


def _who_brought(report: StudyReport) -> QuerySet[User]:
    """Who has held the text in their hands. Reports of one delivery are numbered without a gap."""
    events = AuditEvent.objects.filter(
        verb=_RECEIVED, by__isnull=False, detail__first__lte=report.pk, detail__last__gte=report.pk
    )
    return User.objects.filter(pk__in=events.values("by"))


def _give_to(case: Case, text: str) -> None:
    """The text becomes the report of a case that has none."""
    if not Case.objects.values_list("report_text", flat=True).get(pk=case.pk):
        set_report(None, case, text)


@dataclass(frozen=True, slots=True)
class _Named:
    """A report and the examination that it is of."""

    row: FileReport
    text: str
    case: Case | None
    key: str


class _Delivery:
    """One delivery by one person: what it names is looked up once, or once for some rows."""

    def __init__(self, user: User | None, received: Received) -> None:
        self.user, self.received = user, received
        self._by_accession: dict[str, Case] | None = None
        self._by_name: dict[str, Case] | None = None

    def take(self, rows: Sequence[FileReport]) -> None:
        """Some reports in one transaction."""
        with transaction.atomic():
            _one_delivery_at_a_time()
            named = [one for row in rows if (one := self._read(row)) is not None]
            known = {one.key: one for one in StudyReport.objects.filter(key__in={one.key for one in named})}
            waiting: list[StudyReport] = []
            matched: list[int] = []
            for one in named:
                report = self._take_one(one, known)
                if report is None:
                    continue
                self.received.new += 1
                known[one.key] = report
                if one.case is None:
                    waiting.append(report)
                else:
                    matched.append(one.case.pk)
            self.received.matched += len(matched)
            self._write_down(StudyReport.objects.bulk_create(waiting), matched)

    def _write_down(self, waiting: Sequence[StudyReport], matched: Sequence[int]) -> None:
        if not waiting and not matched:
            return
        detail: dict[str, object] = {"reports": len(waiting) + len(matched), "cases": list(matched)}
        if waiting:
            keys = [report.pk for report in waiting]
            detail |= {"first": min(keys), "last": max(keys)}
        AuditEvent.objects.create(by=self.user, verb=_RECEIVED, detail=detail)

    def _read(self, row: FileReport) -> _Named | None:
        text = tidy(row.text)
        try:
            _refuse_text(text, row)
            return _Named(row, text, *self._whose(row))
        except Refusal as refusal:
            self._say(refusal, row, None)
            return None

    def _take_one(self, one: _Named, known: Mapping[str, StudyReport]) -> StudyReport | None:
        """The new report, not stored yet where it waits for its case; None where it is here or cannot be taken."""
        before = known.get(one.key)
        if before is None and one.case is not None:
            before = StudyReport.objects.filter(case=one.case, text=one.text).first()
        if before is not None and before.text == one.text:
            self.received.known += 1
            return None
        try:
            if before is not None and before.text != WITHHELD:
                raise Refusal(
                    "other-report",
                    "Another report of this examination came in before. It stays, and this one was not taken.",
                )
            if one.case is None:
                return StudyReport(key=one.key, year=one.row.year, text=one.text, source=one.row.source[:120])
            with transaction.atomic():
                return self._store(one, one.case, before)
        except Refusal as refusal:
            self._say(refusal, one.row, one.case)
            return None

    def _store(self, one: _Named, case: Case, before: StudyReport | None) -> StudyReport:
        self._refuse_for(case, one.text)
        report = before or StudyReport(key=one.key, case=case, year=one.row.year, source=one.row.source[:120])
        report.text = one.text
        report.save()
        _give_to(case, one.text)
        if self.user is not None:
            note_exposure(self.user, case.pk, "report")
        return report

    def _say(self, refusal: Refusal, row: FileReport, case: Case | None) -> None:
        if refusal.code == "seal-unreadable":
            raise refusal
        if refusal.code == "report-names-patient":
            # Written down, for a row of attempts would be a way to guess at an identity.
            AuditEvent.objects.create(by=self.user, verb="report_refused", case=case)
        self.received.problems.append(f"{row.source}: {refusal.sentence}")

    def _whose(self, row: FileReport) -> tuple[Case | None, str]:
        """The case where it is here, and the key of the examination.

        Raises
        ------
        Refusal
            ``no-such-case`` where a case is named that is not here: a name that was given here names nothing else.
        """
        if row.case:
            case = self._named(row.case)
            if case is None:
                raise Refusal("no-such-case", f"There is no case called {row.case[:40]!r}.")
            return case, _study_key(case.study_uid)
        if row.study_uid:
            # Either as the scanner wrote it, or as it is called here since.
            uid = _pseudonymizer().uid(row.study_uid)
            case = Case.objects.filter(study_uid__in=[uid, row.study_uid.strip()]).select_related("patient").first()
            if case is not None or not row.accession:
                return case, _study_key(uid if case is None else case.study_uid)
        # A file of text is called by either.
        case = self._named(row.accession)
        if case is not None:
            return case, _study_key(case.study_uid)
        key = _accession_key(row.accession)
        return self._accessions().get(key), key

    def _named(self, name: str) -> Case | None:
        if self._by_name is None:
            self._by_name = {case.name.upper(): case for case in Case.objects.select_related("patient")}
        return self._by_name.get(name.strip().upper())

    def _accessions(self) -> dict[str, Case]:
        """Key of the accession number -> case. Identities are sealed each for itself, so all are opened, once."""
        if self._by_accession is None:
            found = {}
            for case in Case.objects.filter(identity__isnull=False).select_related("patient").order_by("-pk"):
                for key in keys_of(case)[1:]:
                    found[key] = case
            self._by_accession = found
        return self._by_accession

    def _refuse_for(self, case: Case, text: str) -> None:
        if self.user is not None and not case_report_is_open(self.user, case):
            raise Refusal(
                "report-blind", "You are asked to read its case without the report. Let somebody else bring it in."
            )
        found = identity_in(text, case)
        if found:
            raise Refusal("report-names-patient", f"The text holds {_joined(found)}. Take that out and send it again.")


def _refuse_text(text: str, row: FileReport) -> None:
    if not text:
        raise Refusal("report-empty", "The report holds no text.")
    if len(text) > LONGEST_REPORT:
        raise Refusal("report-too-long", f"The report has {len(text):,} characters, {LONGEST_REPORT:,} are taken.")
    if not (row.case or row.study_uid or row.accession):
        raise Refusal("report-of-nobody", "It names no case, no study and no accession number.")
    # Without its case the patient's name is not known here, but what the file itself says of them is.
    found = traces_of(text, {"study": {"accession_number": row.accession}, **row.identity})
    if found:
        raise Refusal("report-names-patient", f"The text holds {_joined(found)}. Take that out and send it again.")


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _pseudonymizer() -> Pseudonymizer:
    return Pseudonymizer(settings.PSEUDONYM_KEY)


def _study_key(study_uid: str) -> str:
    """Of a study as it is called here."""
    return _pseudonymizer().report_key("study", study_uid)


def _accession_key(accession: str) -> str:
    return _pseudonymizer().report_key("accession", accession)


def _one_delivery_at_a_time() -> None:
    """Until the end of the transaction, so that its rows are numbered without those of another between them."""
    key = int.from_bytes(hashlib.sha256(b"sagittal study reports").digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
