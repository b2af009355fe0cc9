"""Rounds as their lead sees them: how far each reader is by counts of locks, never what any of them said.

A lead may be a reader of the round too. So a case that they owe a read of tells nothing here of how others are with it;
sums tell no case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case as If
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When

from labeling.models import (
    Assignment,
    AssignmentState,
    AuditEvent,
    Case,
    Exposure,
    Read,
    Reader,
    Round,
    RoundKind,
)
from labeling.reading import clock
from labeling.reading.owing import BLIND_KINDS, owed_assignments
from labeling.reading.planning.hours import Pace, paces

__all__ = [
    "AssignmentRow",
    "BarredRow",
    "OverrideRow",
    "ReaderProgress",
    "RoundRow",
    "assignment_rows",
    "barred_rows",
    "override_rows",
    "progress",
    "round_row",
    "round_rows",
]


@dataclass(frozen=True)
class RoundRow:
    """One round of the list. `locked` of `of`: assignments, of a consensus cases; `waiting` are held by a wash-out."""

    round: Round
    locked: int
    of: int
    cases: int
    pooled: int
    waiting: int
    readers: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.locked / self.of if self.of else 0.0


@dataclass(frozen=True)
class ReaderProgress:
    """One reader of a round: counts alone. `opens` is when the next of what waits can be read."""

    reader: Reader
    locked: int
    of: int
    skipped: int
    waiting: int
    opens: datetime | None
    pace: Pace

    @property
    def left_ms(self) -> int | None:
        """Active time that is left; None where no time was measured yet."""
        return None if self.pace.ms is None else self.pace.ms * (self.of - self.locked)


@dataclass(frozen=True)
class AssignmentRow:
    """One case of one reader. `state` is '' where this lead owes a read of the case, so that nothing is given away."""

    assignment: Assignment
    state: str
    opens: datetime | None
    waits: bool


@dataclass(frozen=True)
class BarredRow:
    """A case of the round that a reader of it does not read, and what they were shown of it since when."""

    reader: Reader
    case: Case
    shown: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True)
class OverrideRow:
    """What a lead has overridden, with the reason as it is printed; `what` is exposure or wash-out."""

    assignment: Assignment
    what: str
    reason: str
    by: str
    at: datetime | None


def _locked() -> Exists:
    """For a query of assignments: whether the reader, or the panel, has locked, with nothing open again."""
    return Exists(
        Read.objects.filter(
            Q(reader=OuterRef("reader")) | Q(reader=OuterRef("round__panel")),
            round=OuterRef("round"),
            case=OuterRef("case"),
            state="locked",
            successor__isnull=True,
        )
    )


def _waiting() -> Q:
    """Of assignments without a lock: those that a wash-out holds back now."""
    follows = Q(round__kind__in=[RoundKind.REPEAT, RoundKind.CONSENSUS])
    return Q(washout_override="") & (Q(not_before__gt=clock.now()) | (follows & Q(not_before__isnull=True)))


def round_rows() -> list[RoundRow]:
    """All rounds: what is open first, then planned, paused, closed; newest first among equals."""
    rank = {state: place for place, state in enumerate(("open", "paused", "planned", "closed"))}
    rounds = sorted(
        Round.objects.select_related("follows", "panel", "by").order_by("-created_at", "-pk"),
        key=lambda one: rank[one.state],
    )
    sums = {row["round"]: row for row in _sums(Assignment.objects.filter(round__in=[one.pk for one in rounds]))}
    names: defaultdict[int, list[str]] = defaultdict(list)
    readers = Reader.objects.filter(assignments__round__in=[one.pk for one in rounds]).select_related("user")
    for reader in readers.annotate(at=F("assignments__round")).order_by("pk").distinct():
        names[vars(reader)["at"]].append(str(reader))
    return [_round_row(one, sums.get(one.pk, {}), tuple(names[one.pk])) for one in rounds]


def _sums(assignments: QuerySet[Assignment]) -> Iterable[Mapping[str, Any]]:
    held = assignments.annotate(is_locked=_locked())
    return (
        held.order_by()
        .values("round")
        .annotate(
            n=Count("pk"),
            cases=Count("case", distinct=True),
            locked=Count("pk", filter=Q(is_locked=True)),
            locked_cases=Count("case", filter=Q(is_locked=True), distinct=True),
            pooled=Count("pk", filter=Q(reader__isnull=True)),
            waiting=Count("pk", filter=Q(is_locked=False) & _waiting()),
            waiting_cases=Count("case", filter=Q(is_locked=False) & _waiting(), distinct=True),
        )
    )


def _round_row(round_: Round, sums: Mapping[str, int], readers: tuple[str, ...]) -> RoundRow:
    # A panel settles a case once, however many sit in it.
    together = round_.kind == RoundKind.CONSENSUS
    return RoundRow(
        round=round_,
        locked=sums.get("locked_cases" if together else "locked", 0),
        of=sums.get("cases" if together else "n", 0),
        cases=sums.get("cases", 0),
        pooled=sums.get("pooled", 0),
        waiting=sums.get("waiting_cases" if together else "waiting", 0),
        readers=readers,
    )


def round_row(round_: Round) -> RoundRow:
    """The same of one round."""
    sums: Mapping[str, int] = next(iter(_sums(Assignment.objects.filter(round=round_))), {})
    readers = Reader.objects.filter(assignments__round=round_).select_related("user").distinct().order_by("pk")
    return _round_row(round_, sums, tuple(str(reader) for reader in readers))


def progress(round_: Round) -> list[ReaderProgress]:
    """Each reader of a round, in the order they were assigned: how many they have locked, and what is left."""
    held = Assignment.objects.filter(round=round_, reader__isnull=False).annotate(is_locked=_locked())
    counted: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    opens: dict[int, datetime] = {}
    waits = set(held.filter(_waiting(), is_locked=False).values_list("pk", flat=True))
    for pk, reader, locked, state, at in held.order_by("pk").values_list(
        "pk", "reader", "is_locked", "state", "not_before"
    ):
        sums = counted[reader]
        sums[0] += locked
        sums[1] += 1
        sums[2] += not locked and state == AssignmentState.SKIPPED
        sums[3] += pk in waits
        if pk in waits and at is not None:
            opens[reader] = min(at, opens.get(reader, at))
    people = Reader.objects.filter(pk__in=counted).select_related("user").in_bulk()
    speed = paces(round_.kind, list(counted))
    return [
        ReaderProgress(people[key], locked, of, skipped, waiting, opens.get(key), speed.of(key))
        for key, (locked, of, skipped, waiting) in counted.items()
    ]


def _told(user: User, assignments: QuerySet[Assignment]) -> QuerySet[Assignment]:
    """Assignments with the state of each as this person may know it."""
    reads = Read.objects.filter(
        Q(reader=OuterRef("reader")) | Q(reader=OuterRef("round__panel")),
        round=OuterRef("round"),
        case=OuterRef("case"),
    ).order_by("-version")
    blind = Q(case__in=owed_assignments(user).values("case"))
    told = If(
        When(blind & ~Q(reader__user=user.pk), then=Value("")),
        When(Q(state=AssignmentState.SKIPPED), then=Value("skipped")),
        When(Exists(reads), then=Subquery(reads.values("state")[:1])),
        default=Value("to read"),
        output_field=CharField(),
    )
    return assignments.select_related("case__patient", "reader__user", "round").annotate(told=told)


def assignment_rows(user: User, round_: Round, reader: int | None) -> list[AssignmentRow]:
    """The cases of one reader in their order; of the pool where `reader` is None."""
    found = _told(user, Assignment.objects.filter(round=round_, reader=reader)).order_by("position", "pk")
    return [_row(assignment) for assignment in found]


def _row(assignment: Assignment) -> AssignmentRow:
    at = assignment.not_before
    follows = assignment.round.kind in (RoundKind.REPEAT, RoundKind.CONSENSUS)
    lifted = bool(assignment.washout_override)
    return AssignmentRow(
        assignment=assignment,
        state=vars(assignment)["told"],
        opens=at if at is not None and at > clock.now() and not lifted else None,
        waits=follows and at is None and not lifted,
    )


def barred_rows(round_: Round) -> list[BarredRow]:
    """What the readers of a blind round do not read of its cases because they were shown something of them.

    Cases that lie in a pool are nobody's yet: there the pool itself keeps them from the exposed.
    """
    if round_.kind not in BLIND_KINDS:
        return []
    cases = Assignment.objects.filter(round=round_).values("case")
    readers = Assignment.objects.filter(round=round_, reader__isnull=False).values("reader")
    theirs = Assignment.objects.filter(round=round_, reader=OuterRef("reader"), case=OuterRef("case"))
    rows = Exposure.objects.filter(~Exists(theirs), case__in=cases, reader__in=readers)
    shown: defaultdict[tuple[int, int], list[Exposure]] = defaultdict(list)
    for row in rows.select_related("case__patient", "reader__user").order_by("reader", "case", "at"):
        shown[row.reader_id, row.case_id].append(row)
    return [
        BarredRow(found[0].reader, found[0].case, tuple((one.what, one.at) for one in found))
        for found in shown.values()
    ]


def override_rows(round_: Round) -> list[OverrideRow]:
    """Every reason that a lead has given in a round, with who gave it when."""
    rows = Assignment.objects.filter(round=round_).exclude(exposure_override="", washout_override="")
    events = AuditEvent.objects.filter(
        verb__in=["exposure_override", "washout_override"], detail__round=round_.pk
    ).select_related("by")
    # Newest first as they are ordered; the first for each is the one that holds.
    given: dict[tuple[str, int | None, str], AuditEvent] = {}
    for event in events:
        given.setdefault((event.verb, event.case_id, str(event.detail.get("reason"))), event)
    found = []
    for row in rows.select_related("case__patient", "reader__user").order_by("reader", "position"):
        for what, reason in (("exposure", row.exposure_override), ("washout", row.washout_override)):
            if reason:
                told = given.get((f"{what}_override", row.case_id, reason))
                by = "" if told is None or told.by is None else told.by.get_full_name() or told.by.get_username()
                found.append(OverrideRow(row, what, reason, by, None if told is None else told.at))
    return found
