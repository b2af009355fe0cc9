"""What the protocol record says of the cases of a round: rows of plain values, without any number of this database.

Reads are told by when they were opened and locked and by their hashes, never by what they say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import Sum

from labeling.models import (
    ActiveTime,
    Assignment,
    AuditEvent,
    Case,
    Exposure,
    ModelShowing,
    Read,
    Reader,
    Round,
    RoundKind,
)
from labeling.reading.rules import Rules

__all__ = ["CaseRows", "at", "case_rows", "event_rows", "name_of", "people"]

Row = dict[str, Any]


def at(moment: datetime | None) -> str | None:
    """A time as the record writes it: UTC, to the second."""
    return None if moment is None else moment.astimezone(UTC).replace(microsecond=0).isoformat()


def people() -> dict[int, str]:
    """Every reader's name in the record: the account of a person, the label or model of anybody else."""
    return {reader.pk: name_of(reader) for reader in Reader.objects.select_related("user", "model_version")}


def name_of(reader: Reader) -> str:
    return reader.user.get_username() if reader.user is not None else str(reader)


class CaseRows:
    """The assignments and reads of a round by case, fetched all at once and told case by case."""

    def __init__(self, round_: Round, names: dict[int, str]) -> None:
        self.round = round_
        self.names = names
        self.rules = Rules.parse(round_.rules)
        assigned = Assignment.objects.filter(round=round_).select_related("case__patient")
        self.assignments: dict[int, list[Assignment]] = _grouped(assigned.order_by("pk"), "case_id")
        reads = Read.objects.filter(round=round_).select_related("case__patient").order_by("version", "pk")
        self.reads: dict[int, list[Read]] = _grouped(reads, "case_id")
        cases = {row.case_id: row.case for rows in self.assignments.values() for row in rows}
        cases |= {row.case_id: row.case for rows in self.reads.values() for row in rows}
        self.cases = sorted(cases.values(), key=lambda case: (case.name, case.pk))
        self._active = dict(
            ActiveTime.objects.filter(read__round=round_).values_list("read").annotate(ms=Sum("ms")).order_by()
        )
        exposed = Exposure.objects.filter(case__in=list(cases)).order_by("at", "what")
        self._exposures: dict[int, list[Exposure]] = _grouped(exposed, "case_id")
        shown = ModelShowing.objects.filter(read__round=round_).select_related("model_read__reader__model_version")
        self._showings: dict[int, list[ModelShowing]] = _grouped(shown.order_by("at", "pk"), "read_id")

    def bare(self, case_id: int) -> list[Row]:
        """Who has the case, and when they opened and locked it; no more, for whoever is still to read it."""
        return [{name: row[name] for name in ("reader", "position", "opened", "locked")} for row in self.full(case_id)]

    def full(self, case_id: int) -> list[Row]:
        """Every assignment of the case with all that is known of how it was read, by reader."""
        rows = [self._assignment(one) for one in self.assignments.get(case_id, ())]
        return sorted(rows, key=lambda row: (row["reader"] is None, row["reader"] or "", row["position"]))

    def kept_drafts(self, case_id: int) -> list[Row]:
        """Drafts whose case went to somebody else: kept as they were, and never locked."""
        held = {one.reader_id for one in self.assignments.get(case_id, ())} | {self.round.panel_id}
        left = [read for read in self.reads.get(case_id, ()) if read.reader_id not in held and read.state == "draft"]
        return [
            {"reader": self.names[read.reader_id], "opened": at(read.created_at), "operations": read.seq}
            for read in left
        ]

    def tells(self, case_id: int) -> bool:
        """Whether the rows of this case may say something of what was read: reasons are free words."""
        return any(read.reopen_reason for read in self.reads.get(case_id, ()))

    def _assignment(self, assignment: Assignment) -> Row:
        reads = [one for one in self.reads.get(assignment.case_id, ()) if one.reader_id == assignment.reader_id]
        first_lock = next((read.locked_at for read in reads if read.locked_at is not None), None)
        return {
            "reader": None if assignment.reader_id is None else self.names[assignment.reader_id],
            "position": assignment.position,
            "opened": at(reads[0].created_at) if reads else None,
            "locked": at(first_lock),
            "not_before": at(assignment.not_before),
            "washout_override": assignment.washout_override,
            "exposure_override": assignment.exposure_override,
            "read_twice": assignment.read_twice,
            "skipped": assignment.get_skip_reason_display() if assignment.state == "skipped" else "",
            "visible_by_rule": self._visible(assignment),
            "shown": self._shown(assignment, first_lock),
            "models_shown": [row for read in reads for row in self._models(read)],
            "versions": [self._version(read) for read in reads],
        }

    def _visible(self, assignment: Assignment) -> Row | None:
        """What the rules let its reader see; None where the reads were brought in, and nobody knows."""
        if self.round.imported or self.round.kind == RoundKind.CONSENSUS:
            return None
        hidden = self.rules.model == "shown" and assignment.model_hidden
        return {
            "report": self.rules.report,
            "model": "after_lock" if hidden else self.rules.model,
            "model_drawn_hidden": hidden,
            "outlines": self.rules.outlines,
        }

    def _shown(self, assignment: Assignment, lock: datetime | None) -> list[Row]:
        exposures = [
            one for one in self._exposures.get(assignment.case_id, ()) if one.reader_id == assignment.reader_id
        ]
        return [{"what": one.what, "at": at(one.at), "before_lock": lock is None or one.at < lock} for one in exposures]

    def _models(self, read: Read) -> list[Row]:
        return [
            {
                "model": str(showing.model_read.reader),
                "sha256": getattr(showing.model_read.reader.model_version, "sha256", ""),
                "at": at(showing.at),
                "before_lock": showing.first,
                "version": read.version,
            }
            for showing in self._showings.get(read.pk, ())
        ]

    def _version(self, read: Read) -> Row:
        return {
            "version": read.version,
            "opened": at(read.created_at),
            "reopen_reason": read.reopen_reason,
            "locked": at(read.locked_at),
            "operations": read.seq,
            "active_ms": self._active.get(read.pk),
            "content_sha256": read.content_sha,
        }


def _grouped(rows: Iterable[Any], key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


#: What of an event's detail is told as it is. Everything else in it is numbers of this database.
_TOLD = ("reason", "shown", "pooled", "in_order", "letter", "moves", "level", "version", "claimed", "cases", "present")
_PERSONS = ("reader", "from", "to", "member")


def event_rows(round_: Round, names: dict[int, str], closed: Collection[int]) -> list[tuple[int | None, Row]]:
    """What was written down of the round, oldest first, each with the primary key of its case or None; without the
    reasons why a plan left out or barred one of the `closed` cases."""
    events = AuditEvent.objects.filter(detail__round=round_.pk).select_related("by", "case__patient")
    return [(event.case_id, _event(event, names, closed)) for event in events.order_by("at", "pk")]


def _event(event: AuditEvent, names: dict[int, str], closed: Collection[int]) -> Row:
    detail = event.detail
    row: Row = {
        "at": at(event.at),
        "what": event.verb,
        "by": None if event.by is None else event.by.get_username(),
        "case": None if event.case is None else event.case.name,
    }
    row |= {key: detail[key] for key in _TOLD if key in detail}
    row |= {key: names.get(detail[key], "") for key in _PERSONS if isinstance(detail.get(key), int)}
    if event.verb == "shift_set" and "by" in detail:
        row["levels"] = detail["by"]
    if event.verb == "round_planned":
        row |= _planned(detail, names, closed)
    return row


def _planned(detail: dict[str, Any], names: dict[int, str], closed: Collection[int]) -> Row:
    """Which cases a plan left out and why, and who was barred from which by what they had been shown."""
    left, barred = (
        [one for one in detail.get(what, []) if one["case"] not in closed] for what in ("left_out", "barred")
    )
    keys = {one["case"] for one in (*left, *barred)}
    cases = {case.pk: case.name for case in Case.objects.filter(pk__in=keys).select_related("patient")}
    return {
        "left_out": [{"case": cases.get(one["case"], ""), "why": one["why"]} for one in left],
        "barred": [{"case": cases.get(one["case"], ""), "reader": names.get(one["reader"], "")} for one in barred],
    }


def case_rows(rows: CaseRows, case_id: int, *, closed: bool, settled: Row | None, events: list[Row]) -> Row:
    """One case of the record. Of a `closed` one only who has it, and when it was opened and locked."""
    name = next(case.name for case in rows.cases if case.pk == case_id)
    if closed:
        return {"case": name, "closed": True, "assignments": rows.bare(case_id)}
    return {
        "case": name,
        "closed": False,
        "assignments": rows.full(case_id),
        "kept_drafts": rows.kept_drafts(case_id),
        "settled": settled,
        "events": events,
    }
