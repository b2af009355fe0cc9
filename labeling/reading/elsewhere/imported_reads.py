"""Old reads out of a spreadsheet: looked at first, then brought in as a round of their own, whole or not at all.

Each file becomes one closed round with imported reads: one locked read for each reader and case, on the anatomy that
the case is read on now. Nothing is known of what those readers saw, so the round's rules shut nothing off. Whoever
brings a sheet in knows what stands in it: that is an exposure, and who owes a read of a case in it may not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import PurePath

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from labeling.imaging.refusal import Refusal
from labeling.intake.read_tables import ReadRow, ReadTable, RowError, read_table
from labeling.models import (
    AnatomyVertebra,
    AuditEvent,
    Case,
    Finding,
    LabelSchema,
    Read,
    Reader,
    Round,
    RoundKind,
    RoundState,
    SegmentInjury,
    Verdict,
    Why,
)
from labeling.reading.elsewhere.old_reads import OldRead, OldReader, cases_of, old_reads_of, readers_of
from labeling.reading.locking import pins_of
from labeling.reading.projection import take_snapshot
from labeling.reading.roles import may_plan_rounds, reader_of
from labeling.reading.rules import DEFAULTS, Rules
from labeling.reading.sealing import content_sha
from labeling.reading.visibility import note_exposure, owed_assignments

__all__ = ["UNLISTED", "Check", "OldRead", "OldReader", "check_reads", "import_reads"]

#: What is said of a vertebra in view that the sheet does not list.
UNLISTED = ("nothing", "negative")

_VERB = "reads_imported"
#: The word "sheet" as bytes: one import at a time, so that no file comes in twice.
_ONE_IMPORT = int.from_bytes(b"sheet", "big")
_LONGEST_NAME = 80
_READS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Check:
    """A sheet as it would come in. Nothing of it is stored.

    Attributes
    ----------
    errors
        By row; with one of them nothing is brought in.
    refusals
        Why the sheet as a whole is not brought in, as sentences.
    not_in_view
        Rows on levels that the anatomy of their case does not have: listed, and kept in the audit.
    """

    digest: str
    name: str
    unlisted: str
    table: ReadTable
    readers: tuple[OldReader, ...]
    old_reads: tuple[OldRead, ...]
    errors: tuple[RowError, ...]
    refusals: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        return not self.errors and not self.refusals and bool(self.old_reads)

    @property
    def cases(self) -> list[Case]:
        return list({read.case.pk: read.case for read in self.old_reads}.values())

    @property
    def not_in_view(self) -> list[ReadRow]:
        return sorted((row for read in self.old_reads for row in read.not_in_view), key=lambda row: row.number)


def check_reads(
    user: User | None,
    data: bytes,
    filename: str,
    *,
    name: str = "",
    unlisted: str = "nothing",
    mapping: Mapping[str, str] | None = None,
) -> Check:
    """What would come in out of a sheet, and what is wrong with it.

    Whoever is shown the check is shown the reads: for a person that is written down as an exposure to every case in it,
    but for those that they owe a read of, on account of which the sheet is refused to them.

    Parameters
    ----------
    user
        None for the command line of the server.
    name
        Of the round; else that of the file.
    unlisted
        One of `UNLISTED`.

    Raises
    ------
    PermissionDenied
        for who may not plan rounds.
    Refusal
        where the file is no such sheet, is too large, or lacks a column.
    """
    if user is not None and not may_plan_rounds(user):
        raise PermissionDenied("Old reads are brought in by leads.")
    if unlisted not in UNLISTED:
        raise Refusal("unlisted-unknown", f"Unlisted vertebrae are called {unlisted!r}. Say {' or '.join(UNLISTED)}.")
    table = read_table(data, mapping, today=timezone.localdate())
    cases, case_errors = cases_of(table.rows)
    readers, reader_errors = readers_of(table.rows)
    reads, errors = old_reads_of(table.rows, cases)
    digest = hashlib.sha256(data).hexdigest()
    name = (name or PurePath(filename).stem).strip()
    check = Check(
        digest,
        name,
        unlisted,
        table,
        readers,
        reads,
        tuple(sorted([*table.errors, *case_errors, *reader_errors, *errors], key=lambda one: one.number)),
    )
    check = replace(check, refusals=tuple(_refusals(user, check)))
    if user is not None:
        owed = set(_owed_of(user, check).values())
        with transaction.atomic():
            for case in check.cases:
                if case.name not in owed:
                    note_exposure(user, case.pk, "read")
    return check


def import_reads(
    user: User | None,
    data: bytes,
    filename: str,
    *,
    name: str = "",
    unlisted: str = "nothing",
    mapping: Mapping[str, str] | None = None,
) -> Round:
    """Bring a sheet in, in one transaction; parameters as in `check_reads`.

    Raises
    ------
    PermissionDenied, Refusal
        as `check_reads`, and ``reads-refused`` with the first sentence that the check holds against it.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_IMPORT])
        check = check_reads(user, data, filename, name=name, unlisted=unlisted, mapping=mapping)
        if not check.is_ready:
            raise Refusal("reads-refused", _first_sentence(check))
        round_ = _round(user, check)
        accounts = {one.name: _reader(one) for one in check.readers}
        for old in check.old_reads:
            _write(round_, accounts[old.reader], old, check.unlisted)
        AuditEvent.objects.create(by=user, verb=_VERB, detail=_detail(check, round_, filename))
        return round_


def _first_sentence(check: Check) -> str:
    if check.refusals:
        return check.refusals[0]
    if not check.errors:
        return "No row of the sheet can be brought in."
    first, more = check.errors[0], len(check.errors) - 1
    return f"Row {first.number}: {first.sentence}" + (f" {more} more rows are refused." if more else "")


def _owed_of(user: User, check: Check) -> dict[int, str]:
    owed = set(owed_assignments(user).filter(case__in=[case.pk for case in check.cases]).values_list("case", flat=True))
    return {case.pk: case.name for case in check.cases if case.pk in owed}


def _refusals(user: User | None, check: Check) -> Iterable[str]:
    """What stands against the sheet as a whole."""
    before = AuditEvent.objects.filter(verb=_VERB, detail__sha256=check.digest).first()
    if before is not None:
        yield f"This file was brought in on {before.at:%d %B %Y} as {before.detail['name']}. It comes in once."
    if not check.name:
        yield "The round has no name. Give it one."
    elif len(check.name) > _LONGEST_NAME:
        yield f"The name of the round has more than {_LONGEST_NAME} characters. Give it a shorter one."
    elif Round.objects.filter(name=check.name).exists():
        yield f"There is a round called {check.name}. Give this one another name."
    if user is not None and (owed := sorted(_owed_of(user, check).values())):
        shown = ", ".join(owed[:8]) + (f" and {len(owed) - 8} more" if len(owed) > 8 else "")
        yield f"You are asked to read {shown} yourself. Let somebody else bring this sheet in, or take these rows out."
    if len(check.old_reads) > _READS_AT_ONCE:
        yield f"The sheet holds more than {_READS_AT_ONCE:,} reads. Split it."


# --- storing --------------------------------------------------------------------------------------------------------


def _round(user: User | None, check: Check) -> Round:
    per_case: dict[int, int] = {}
    for read in check.old_reads:
        per_case[read.case.pk] = per_case.get(read.case.pk, 0) + 1
    rules: Rules = replace(
        DEFAULTS[RoundKind.INDEPENDENT],
        unit="vertebra",
        report="shown",
        model="never",
        ao_required=False,
        required_reads=min(2, max(per_case.values())),
        feedback="none",
    )
    schema = LabelSchema.objects.order_by("-version").first() or LabelSchema.objects.create(version=1)
    return Round.objects.create(
        name=check.name,
        kind=RoundKind.INDEPENDENT,
        rules=rules.as_json(),
        label_schema=schema,
        state=RoundState.CLOSED,
        started_at=timezone.now(),
        imported=True,
        by=user,
    )


def _reader(one: OldReader) -> Reader:
    """The reader of an account; a new one has no password and no role, so nobody can log in with it."""
    if one.user is not None:
        return reader_of(User.objects.get(pk=one.user))
    first, _, last = one.name.rpartition(" ")
    user = User(username=one.account, first_name=first[:150], last_name=last[:150])
    user.set_unusable_password()
    user.save()
    return reader_of(user)


def _write(round_: Round, reader: Reader, old: OldRead, unlisted: str) -> None:
    """One locked read. The lock bears the day of the sheet, at noon."""
    read = Read.objects.create(
        round=round_, case=old.case, reader=reader, stack_id=old.anatomy.stack_id, anatomy=old.anatomy
    )
    bodies = list(AnatomyVertebra.objects.filter(anatomy=old.anatomy))
    Finding.objects.bulk_create(_finding(read, body, old.said.get(body.vertebra_id), unlisted) for body in bodies)
    SegmentInjury.objects.bulk_create(_injuries(read, bodies, old.said))
    read.locked_at = timezone.now() if old.day is None else _noon(old.day)
    read.state, read.content_sha = "locked", content_sha(take_snapshot(read).state, pins_of(read))
    read.save(update_fields=["state", "locked_at", "content_sha"])


def _finding(read: Read, body: AnatomyVertebra, said: ReadRow | None, unlisted: str) -> Finding:
    finding = Finding(read=read, vertebra_id=body.vertebra_id)
    if said is not None:
        finding.verdict, finding.ao_body = said.verdict, said.ao or None
        finding.process_fracture = said.process_fracture
        finding.why = Why.OTHER if said.verdict == Verdict.NOT_ASSESSABLE else Why.NONE
    elif body.cut:
        finding.verdict, finding.why = Verdict.NOT_ASSESSABLE, Why.CUT
    elif unlisted == "negative":
        finding.verdict = Verdict.NEGATIVE
    return finding


def _injuries(read: Read, bodies: Sequence[AnatomyVertebra], said: Mapping[int, ReadRow]) -> Iterable[SegmentInjury]:
    """B and C lie between the vertebra of the row and the next one below."""
    for body, below in zip(bodies, [*bodies[1:], None], strict=True):
        row = said.get(body.vertebra_id)
        if row is not None and row.segment:
            lower = None if below is None else below.vertebra_id
            yield SegmentInjury(read=read, upper_id=body.vertebra_id, lower_id=lower, type=row.segment)


def _noon(day: date) -> datetime:
    """Noon of a day, but no time that has not come yet."""
    return min(timezone.make_aware(datetime.combine(day, time(12))), timezone.now())


def _detail(check: Check, round_: Round, filename: str) -> dict[str, object]:
    cases = {row.case: old.case.pk for old in check.old_reads for row in (*old.said.values(), *old.not_in_view)}
    return {
        "round": round_.pk,
        "name": round_.name,
        "file": PurePath(filename).name[:200],
        "sha256": check.digest,
        "rows": len(check.table.rows),
        "reads": len(check.old_reads),
        "cases": len(check.cases),
        "unlisted": check.unlisted,
        "accounts_made": [one.account for one in check.readers if one.is_new],
        "not_in_view": [
            {"row": row.number, "case": cases[row.case], "level": row.level, "verdict": row.verdict, "ao": row.ao}
            for row in check.not_in_view
        ],
    }
