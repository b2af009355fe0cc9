"""Wash-out: from when on a case may be read again or settled, counted from the locks that came before.

`Assignment.not_before` holds it, and is reckoned anew in the transaction of every lock and reopening that it hangs on.
It stays empty while one of those locks is missing. What time it is, says `labeling.reading.clock`, nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from labeling.models import Assignment, Case, NoticeKind, Read, ReaderKind, Round, RoundKind, RoundState
from labeling.reading import clock
from labeling.reading.notices import tell
from labeling.reading.roles import Role
from labeling.reading.rules import Rules

__all__ = [
    "Opening",
    "day_words",
    "last_locks",
    "opening",
    "reads_settled_by",
    "refresh",
    "refresh_all",
    "required_of",
    "tell_open",
]


@dataclass(frozen=True)
class Opening:
    """Whether an assignment may be begun now; if not, from when on where that is known, and a sentence why not."""

    ready: bool
    on: datetime | None
    sentence: str


def opening(assignment: Assignment) -> Opening:
    """Whether the wash-out of this assignment is over, or lifted by the lead."""
    due = assignment.not_before
    if assignment.round.follows_id is None:
        return Opening(True, due, "")
    if due is None:
        first = "The reads that are settled here are" if _settles(assignment.round) else "Your first read is"
        return Opening(False, None, f"{first} not locked yet.")
    if due > clock.now() and not assignment.washout_override:
        return Opening(False, due, f"Available on {day_words(due)}.")
    return Opening(True, due, "")


def day_words(moment: datetime) -> str:
    """As 21 December 2026."""
    local = timezone.localtime(moment)
    return f"{local.day} {local:%B %Y}"


def refresh(round_: Round | None, case: Case) -> None:
    """Reckons anew when the assignments of a case may be begun: those of this round, where it follows another one, and
    those of every round that follows it. Called in the transaction of what changes it.

    Who is to settle the case is told where it has become ready by that.
    """
    if round_ is None:
        return
    with transaction.atomic():
        for each in _waiting_for(round_):
            ready = _refresh(each, [case.pk])
            if ready and _settles(each) and each.state == RoundState.OPEN:
                tell_open(ready, each, case)


def refresh_all(round_: Round, cases: Collection[int]) -> None:
    """The same for many cases (primary keys) at once, in a number of queries that does not grow with them.

    For plans: nobody is told of a single case, since a start tells of all of them.
    """
    with transaction.atomic():
        for each in _waiting_for(round_):
            _refresh(each, cases)


def _waiting_for(round_: Round) -> list[Round]:
    following = Round.objects.filter(follows=round_).exclude(state=RoundState.CLOSED).order_by("pk")
    rounds = list(following.select_related("follows"))
    return rounds if round_.follows is None else [*rounds, round_]


def _refresh(round_: Round, cases: Collection[int]) -> list[Assignment]:
    """Writes the dates of a round that follows another one; which of its assignments have become ready by that."""
    if round_.follows is None:
        return []
    days = timedelta(days=Rules.parse(round_.rules).washout_days)
    given = Assignment.objects.filter(round=round_, case__in=cases, reader__isnull=False).order_by("pk")
    # Held before the locks are looked at: of two that are locked at once, the second waits here and then sees both.
    assignments = list(given.select_for_update(of=("self",), no_key=True).select_related("reader"))
    locks = last_locks(round_.follows, cases, settles=_settles(round_))
    changed, ready, now = [], [], clock.now()
    for assignment in assignments:
        locked = locks.get((None if _settles(round_) else assignment.reader_id, assignment.case_id))
        due = None if locked is None else locked + days
        if due == assignment.not_before:
            continue
        before, assignment.not_before = assignment.not_before, due
        changed.append(assignment)
        if before is None and due is not None and due <= now:
            ready.append(assignment)
    if changed:
        Assignment.objects.bulk_update(changed, ["not_before"])
    return ready


def tell_open(assignments: Iterable[Assignment], round_: Round, case: Case) -> None:
    """Tells the members of a panel that a case can be settled now."""
    readers = [assignment.reader for assignment in assignments if assignment.reader is not None]
    tell(readers, NoticeKind.CONSENSUS_OPEN, f"{case.name} can be settled now.", round_=round_, case=case)


def _settles(round_: Round) -> bool:
    return round_.kind == RoundKind.CONSENSUS


def last_locks(follows: Round, cases: Collection[int], *, settles: bool) -> dict[tuple[int | None, int], datetime]:
    """(reader, case) -> the lock from which the days of a wash-out after this round are counted; the reader is None
    where it is the same for everybody (`settles`: a consensus). What is missing, or open again, is not in it.
    """
    if settles:
        needed, reads = _required(follows, cases), _settled(follows, cases)
        return {
            (None, case): max(read.locked_at for read in found if read.locked_at is not None)
            for case, found in reads.items()
            if len(found) >= needed[case] and not any(read.open_again for read in found)
        }
    own = Read.objects.filter(round=follows, case__in=cases).order_by("version")
    newest = {(reader, case): at for reader, case, at in own.values_list("reader", "case", "locked_at")}
    return {key: at for key, at in newest.items() if at is not None}


def required_of(round_: Round, case: Case) -> int:
    """How many reads of a case a consensus on this round settles: one or two. A labelled case that was drawn for a
    second reader, or given to two, has two to settle."""
    return _required(round_, [case.pk])[case.pk]


def _required(round_: Round, cases: Collection[int]) -> dict[int, int]:
    if Rules.parse(round_.rules).required_reads > 1:
        return dict.fromkeys(cases, 2)
    found = dict.fromkeys(cases, 1)
    if round_.kind != RoundKind.LABELLING:
        return found
    given = Assignment.objects.filter(round=round_, case__in=cases).order_by().values("case")
    counted = given.annotate(n=Count("pk"), drawn=Count("pk", filter=Q(read_twice=True)))
    return found | {case: 2 for case, n, drawn in counted.values_list("case", "n", "drawn") if n > 1 or drawn}


def reads_settled_by(round_: Round, case: Case) -> list[Read]:
    """The reads that a consensus round settles of a case, as far as they are locked: the newest version of each, in the
    order of their first locks, as many as are required.

    What the round follows decides: the reads of persons; where it follows a consensus, what the panel of that has said.
    Where seniors enough were to read a case blind, the truth is made of theirs, whoever else has read it too.
    """
    if round_.follows is None:
        return []
    return _settled(round_.follows, [case.pk]).get(case.pk, [])


def _settled(follows: Round, cases: Collection[int]) -> dict[int, list[Any]]:
    """Case -> reads as `reads_settled_by` has them, with `open_again`: whether a later version is being written. Cases
    without one are not in it."""
    kind = ReaderKind.PANEL if _settles(follows) else ReaderKind.PERSON
    locked = Read.objects.filter(round=follows, case__in=cases, reader__kind=kind, state="locked")
    locked = locked.annotate(open_again=Exists(Read.objects.filter(supersedes=OuterRef("pk"), state="draft")))
    needed, seniors = _required(follows, cases), _seniors_asked(follows, cases)
    newest: defaultdict[int, dict[int, Read]] = defaultdict(dict)
    # By their first locks: who opens a read again and corrects a word does not lose the place.
    for read in locked.select_related("round", "reader").order_by("version", "locked_at", "pk"):
        asked: Collection[int] = seniors.get(read.case_id, ())
        if len(asked) < needed[read.case_id] or read.reader_id in asked:
            newest[read.case_id][read.reader_id] = read
    return {case: list(found.values())[: needed[case]] for case, found in newest.items()}


def _seniors_asked(round_: Round, cases: Collection[int]) -> dict[int, set[int]]:
    """Case -> the senior readers who were given it in a blind round; nobody's of another round."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    if round_.kind != RoundKind.INDEPENDENT:
        return found
    given = Assignment.objects.filter(round=round_, case__in=cases, reader__user__groups__name=Role.SENIOR.value)
    for case, reader in given.values_list("case", "reader"):
        found[case].add(reader)
    return found
