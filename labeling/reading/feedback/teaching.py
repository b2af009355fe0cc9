"""The teaching list: what panels marked to be learnt from, for whoever it gives nothing away to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.models import (
    Assignment,
    Read,
    Reference,
    RoundKind,
    RoundState,
    Settlement,
    Split,
)
from labeling.reading.exposures import note_exposures
from labeling.reading.roles import AnyUser, may_plan_rounds, may_read, may_read_in, reader_of
from labeling.reading.told import Told, told_by
from labeling.reading.truths import TARGET
from labeling.reading.visibility import feedback_cases, owed_assignments, visible_reads

__all__ = ["PAGE_SIZE", "Lesson", "TeachingPage", "may_be_taught", "teaching_list"]

PAGE_SIZE = 50


@dataclass(frozen=True)
class Lesson:
    """One vertebra and what there is to learn. `read` is the panel's, where this person may open it, at slice `k`."""

    case: str
    level: str
    truth: Told | None
    difference: str
    reason: str
    explanation: str
    at: datetime
    vertebra: int
    read: int | None
    k: int


@dataclass(frozen=True)
class TeachingPage:
    """One page of the list; `reasons` are code, words and number of all that this person may see."""

    lessons: tuple[Lesson, ...]
    reason: str
    reasons: tuple[tuple[str, str, int], ...]
    page: int
    pages: int
    total: int


def may_be_taught(user: AnyUser) -> bool:
    """Residents, seniors and leads."""
    return may_read(user) or may_plan_rounds(user)


def teaching_list(user: User, *, reason: str = "", page: int = 1) -> TeachingPage:
    """One page of what this person may learn from; its cases are shown with their truth, and that is written down.

    A page beyond the last is the last; a reason that nobody gave is none.
    """
    if not may_be_taught(user):
        return TeachingPage((), "", (), 1, 1, 0)
    every = _open_to(user)
    counted = Counter(every.values_list("reason__code", "reason__text"))
    reasons = tuple(
        (code, text, n) for (code, text), n in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    )
    reason = reason if reason in {code for code, *_ in reasons} else ""
    found = every.filter(reason__code=reason) if reason else every
    total = sum(n for code, _, n in reasons if reason in ("", code))
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(1, page), pages)
    start = (page - 1) * PAGE_SIZE
    rows = list(
        found.select_related("consensus__case__patient", "reason").order_by("-at", "-pk")[start : start + PAGE_SIZE]
    )
    return TeachingPage(_lessons(user, rows), reason, reasons, page, pages, total)


def _lessons(user: User, rows: list[Settlement]) -> tuple[Lesson, ...]:
    if not rows:
        return ()
    with transaction.atomic():
        note_exposures(reader_of(user), sorted({(row.consensus.case_id, "truth") for row in rows}))
    told = told_by({row.consensus_id: row.consensus for row in rows}.values())
    may_open = set(visible_reads(user).filter(pk__in=told).values_list("pk", flat=True))
    return tuple(
        _lesson(row, told[row.consensus_id].get(row.vertebra_id), row.consensus_id in may_open) for row in rows
    )


def _lesson(row: Settlement, truth: Told | None, may_open: bool) -> Lesson:
    ks = truth.ks if truth is not None else ()
    return Lesson(
        case=row.consensus.case.name,
        level=truth.level if truth is not None else "",
        truth=truth,
        difference=row.get_difference_display(),
        reason=row.reason.text,
        explanation=row.explanation,
        at=row.at,
        vertebra=row.vertebra_id,
        read=row.consensus_id if may_open and truth is not None else None,
        k=ks[len(ks) // 2] if ks else truth.middle if truth is not None else 0,
    )


def _open_to(user: AnyUser) -> QuerySet[Settlement]:
    """The lessons that are truth now and that spoil nothing: not of a case that this person owes a read of or may still
    take from a pool, nor of one that they have read and have no feedback of yet."""
    truth = Reference.objects.filter(read=OuterRef("consensus"), target=TARGET, current=True)
    case = OuterRef("consensus__case")
    read = Read.objects.filter(case=case, reader__user=user.pk, round__isnull=False)
    told = feedback_cases(user).filter(pk=case)
    return Settlement.objects.filter(
        Exists(truth),
        ~Exists(read) | Exists(told),
        ~Exists(_to_come(user).filter(case=case)),
        ~Q(consensus__case__in=owed_assignments(user).values("case")),
        teach=True,
        consensus__state="locked",
        consensus__case__patient__split=Split.TRAINING,
    )


def _to_come(user: AnyUser) -> QuerySet[Assignment]:
    """What lies in a pool that this person may take from, now or once its round is open."""
    kinds = [kind.value for kind in RoundKind if kind != RoundKind.CONSENSUS and may_read_in(user, kind)]
    return Assignment.objects.filter(reader__isnull=True, round__kind__in=kinds).exclude(round__state=RoundState.CLOSED)
