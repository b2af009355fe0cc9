"""Wash-out: from when on a case may be read again or settled, counted from the locks that came before.

`Assignment.not_before` holds it, and is reckoned anew in the transaction of every lock and reopening that it hangs on.
It stays empty while one of those locks is missing. What time it is, says `labeling.reading.clock`, nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from labeling.models import Assignment, Case, NoticeKind, Read, ReaderKind, Round, RoundKind, RoundState
from labeling.reading import clock
from labeling.reading.notices import tell
from labeling.reading.roles import Role
from labeling.reading.rules import Rules

__all__ = ["Opening", "day_words", "opening", "reads_settled_by", "refresh", "required_of"]


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
    rounds = [*Round.objects.filter(follows=round_).exclude(state=RoundState.CLOSED).select_related("follows")]
    if round_.follows is not None:
        rounds.append(round_)
    with transaction.atomic():
        for each in rounds:
            _refresh(each, case)


def _refresh(round_: Round, case: Case) -> None:
    days = timedelta(days=Rules.parse(round_.rules).washout_days)
    given = Assignment.objects.filter(round=round_, case=case, reader__isnull=False).order_by("pk")
    # Held before the locks are looked at: of two that are locked at once, the second waits here and then sees both.
    assignments = list(given.select_for_update(of=("self",), no_key=True))
    ready = []
    for assignment in assignments:
        locked = _last_lock(round_, case, assignment)
        due = None if locked is None else locked + days
        if due == assignment.not_before:
            continue
        before, assignment.not_before = assignment.not_before, due
        assignment.save(update_fields=["not_before"])
        if before is None and due is not None and due <= clock.now():
            ready.append(assignment)
    if ready and _settles(round_) and round_.state == RoundState.OPEN:
        tell_open(ready, round_, case)


def tell_open(assignments: Iterable[Assignment], round_: Round, case: Case) -> None:
    """Tells the members of a panel that a case can be settled now."""
    readers = [assignment.reader for assignment in assignments if assignment.reader is not None]
    tell(readers, NoticeKind.CONSENSUS_OPEN, f"{case.name} can be settled now.", round_=round_, case=case)


def _settles(round_: Round) -> bool:
    return round_.kind == RoundKind.CONSENSUS


def _last_lock(round_: Round, case: Case, assignment: Assignment) -> datetime | None:
    """The lock from which the days are counted; None where it is missing."""
    if round_.follows is None:
        return None
    if _settles(round_):
        reads = reads_settled_by(round_, case)
        if len(reads) < required_of(round_.follows, case) or any(_is_open_again(read) for read in reads):
            return None
        return max((read.locked_at for read in reads if read.locked_at is not None), default=None)
    own = Read.objects.filter(round=round_.follows, case=case, reader=assignment.reader_id).order_by("-version").first()
    return None if own is None else own.locked_at


def required_of(round_: Round, case: Case | None = None) -> int:
    """How many reads of a case a consensus on this round settles: one or two. A labelled case that was drawn for a
    second reader, or given to two, has two to settle."""
    if Rules.parse(round_.rules).required_reads > 1:
        return 2
    if case is None or round_.kind != RoundKind.LABELLING:
        return 1
    given = Assignment.objects.filter(round=round_, case=case)
    return 2 if given.filter(read_twice=True).exists() or given.count() > 1 else 1


def reads_settled_by(round_: Round, case: Case) -> list[Read]:
    """The reads that a consensus round settles of a case, as far as they are locked: the newest version of each, in the
    order of their first locks, as many as are required.

    What the round follows decides: the reads of persons; where it follows a consensus, what the panel of that has said.
    Where seniors enough were to read a case blind, the truth is made of theirs, whoever else has read it too.
    """
    if round_.follows is None:
        return []
    kind = ReaderKind.PANEL if _settles(round_.follows) else ReaderKind.PERSON
    locked = Read.objects.filter(round=round_.follows, case=case, reader__kind=kind, state="locked")
    needed = required_of(round_.follows, case)
    seniors = _seniors_asked(round_.follows, case)
    if len(seniors) >= needed:
        locked = locked.filter(reader__in=seniors)
    newest: dict[int, Read] = {}
    # By their first locks: who opens a read again and corrects a word does not lose the place.
    for read in locked.select_related("round", "reader").order_by("version", "locked_at", "pk"):
        newest[read.reader_id] = read
    return list(newest.values())[:needed]


def _seniors_asked(round_: Round, case: Case) -> set[int]:
    """The senior readers who were given a case of a blind round; nobody's of another round."""
    if round_.kind != RoundKind.INDEPENDENT:
        return set()
    given = Assignment.objects.filter(round=round_, case=case, reader__user__groups__name=Role.SENIOR.value)
    return set(given.values_list("reader", flat=True))


def _is_open_again(read: Read) -> bool:
    return Read.objects.filter(supersedes=read, state="draft").exists()
