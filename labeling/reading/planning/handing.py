"""Cases change hands: handed over by their reader, given to another or taken back by the lead, never once locked.

A draft stays with who wrote it: it is kept unlocked beside the round, takes no more labels, and can be gone on with
only where the case comes back to its reader. Whoever has the case now begins with an empty draft, so that nobody reads
on top of what another has said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from labeling.models import (
    Assignment,
    AssignmentState,
    AuditEvent,
    Exposure,
    NoticeKind,
    Read,
    Reader,
    ReaderKind,
    RoundKind,
    RoundState,
    SkipReason,
)
from labeling.reading import washout
from labeling.reading.consensus.presence import leave_with_the_seat
from labeling.reading.notices import tell
from labeling.reading.owing import BLIND_KINDS
from labeling.reading.planning.claims import into_pool, last_position
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import AnyUser, may_plan_rounds, may_read, may_read_in
from labeling.reading.rounds import waits

__all__ = [
    "Candidate",
    "assignment_for",
    "candidates",
    "hand_over",
    "hindrance",
    "override_washout",
    "reassign",
    "take_back",
]

_WITH_POOL = (RoundKind.LABELLING, RoundKind.PRACTICE)


@dataclass(frozen=True)
class Candidate:
    """Somebody who may be given a case. `exposed` says what of it they were shown, where its round is blind: then only
    the lead gives it to them, with a reason."""

    reader: Reader
    name: str
    exposed: tuple[str, ...]


def assignment_for(user: AnyUser, assignment_id: int) -> Assignment:
    """The assignment, for the lead and for the reader whose it is (not before its round has begun).

    Raises
    ------
    Assignment.DoesNotExist
        where there is none or it is not theirs to see; the two look alike.
    """
    found = Assignment.objects.select_related("round", "case__patient", "reader__user")
    if not may_plan_rounds(user):
        found = found.filter(reader__user=user.pk).exclude(round__state=RoundState.PLANNED)
        found = found.exclude(round__kind=RoundKind.CONSENSUS)
    return found.get(pk=assignment_id)


def hindrance(assignment: Assignment) -> str:
    """Why this case cannot change hands, as a sentence; '' where it can."""
    round_ = assignment.round
    if round_.state == RoundState.CLOSED:
        return f"The round {round_.name} is closed. What was read in it stays as it is."
    if assignment.reader_id is None:
        return "This case lies in the pool. It is nobody's yet."
    if _locked(assignment).exists():
        return "A read of this case is locked. The case stays with who has read it."
    return ""


def _locked(assignment: Assignment) -> Any:
    """The locked reads of an assignment: its reader's, or the panel's for a member of one."""
    of = Q(reader=assignment.reader_id)
    if assignment.round.kind == RoundKind.CONSENSUS:
        of = Q(reader=assignment.round.panel_id)
    return Read.objects.filter(of, round=assignment.round_id, case=assignment.case_id, state="locked")


def candidates(assignment: Assignment) -> list[Candidate]:
    """Who may be given this case, by name: people who read in such a round and do not have the case in it already."""
    round_, case = assignment.round, assignment.case
    others = Reader.objects.filter(kind=ReaderKind.PERSON, user__is_active=True).select_related("user")
    others = others.exclude(assignments__in=Assignment.objects.filter(round=round_, case=case))
    shown: dict[int, list[str]] = {}
    if round_.kind in BLIND_KINDS:
        for reader, what in Exposure.objects.filter(case=case).order_by("what").values_list("reader", "what"):
            shown.setdefault(reader, []).append(what)
    found = [
        Candidate(reader, str(reader), tuple(shown.get(reader.pk, ())))
        for reader in others
        if _may_take(reader, round_)
    ]
    if round_.kind == RoundKind.REPEAT:
        first = Read.objects.filter(round=round_.follows_id, case=case, state="locked")
        have_read = set(first.values_list("reader", flat=True))
        found = [one for one in found if one.reader.pk in have_read]
    return sorted(found, key=lambda one: (one.name.casefold(), one.reader.pk))


def _may_take(reader: Reader, round_: Any) -> bool:
    if reader.user is None:
        return False
    if round_.kind == RoundKind.CONSENSUS and round_.follows is not None and round_.follows.kind == RoundKind.LABELLING:
        return may_read(reader.user)
    return may_read_in(reader.user, round_.kind)


def hand_over(user: User, assignment_id: int, to_reader: int) -> Assignment:
    """The reader of a case, or the lead, gives it to another reader (a primary key), who is told.

    Raises
    ------
    Assignment.DoesNotExist
        where it is not theirs to see.
    OperationRefused
        where it cannot change hands, or not into these; the sentence says why.
    """
    with transaction.atomic():
        assignment = _held(user, assignment_id)
        before = assignment.reader
        _move(assignment, to_reader, "")
        leave_with_the_seat(user, assignment, before)
        _note(user, "handed_over", assignment, former=before)
        _tell_both(user, assignment, before)
        return assignment


def reassign(user: User, assignment_id: int, to_reader: int, reason: str, *, override_exposure: str = "") -> Assignment:
    """The lead gives a case to another reader. `override_exposure` is why somebody who was shown another opinion of it
    reads it in a blind round all the same; it is printed.

    Raises
    ------
    Assignment.DoesNotExist, OperationRefused
        as `hand_over`; also for everybody but the lead, and without a reason.
    """
    reason, override = _reason(user, reason), override_exposure.strip()
    with transaction.atomic():
        assignment = _held(user, assignment_id)
        before = assignment.reader
        _move(assignment, to_reader, override)
        leave_with_the_seat(user, assignment, before)
        _note(user, "reassigned", assignment, former=before, reason=reason)
        if assignment.exposure_override:
            _note(user, "exposure_override", assignment, reason=override)
        _tell_both(user, assignment, before)
        return assignment


def take_back(user: User, assignment_id: int, reason: str) -> None:
    """The lead takes a case from its reader: in a round with a pool it lies there again, elsewhere it is read less.

    Raises
    ------
    Assignment.DoesNotExist, OperationRefused
        as `reassign`.
    """
    reason = _reason(user, reason)
    with transaction.atomic():
        assignment = _held(user, assignment_id)
        before = assignment.reader
        leave_with_the_seat(user, assignment, before)
        _note(user, "taken_back", assignment, former=before, reason=reason)
        if before is not None and assignment.round.state != RoundState.PLANNED:
            text = f"{assignment.case.name} of {assignment.round.name} was taken back. You need not read it."
            tell([before], NoticeKind.TAKEN_BACK, text, round_=assignment.round, case=assignment.case)
        if _has_pool(assignment):
            into_pool(assignment)
        else:
            assignment.delete()


def override_washout(user: User, assignment_id: int, reason: str) -> Assignment:
    """The lead lets a case be read before its wash-out is over; in a consensus, for all its members.

    Raises
    ------
    Assignment.DoesNotExist, OperationRefused
        as `reassign`; also where no wash-out runs, and in a round that is planned: its plan may change yet.
    """
    reason = _reason(user, reason)
    with transaction.atomic():
        assignment = _held(user, assignment_id)
        if assignment.round.state == RoundState.PLANNED:
            raise OperationRefused("not_started", "Start the round first, then lift the wash-out.")
        if not waits(assignment):
            raise OperationRefused("no_washout", "No wash-out holds this case back.")
        if assignment.not_before is None:
            raise OperationRefused("no_washout", f"There is no wash-out to override yet. {waits(assignment)}")
        sitting = Assignment.objects.filter(pk=assignment.pk)
        if assignment.round.kind == RoundKind.CONSENSUS:
            sitting = Assignment.objects.filter(round=assignment.round, case=assignment.case)
        sitting.update(washout_override=reason)
        assignment.washout_override = reason
        _note(user, "washout_override", assignment, reason=reason)
        readers = [one.reader for one in sitting.select_related("reader") if one.reader is not None]
        kind, done = NoticeKind.AVAILABLE, "read"
        if assignment.round.kind == RoundKind.CONSENSUS:
            kind, done = NoticeKind.CONSENSUS_OPEN, "settled"
        text = f"{assignment.case.name} of {assignment.round.name} can be {done} now: its wash-out was lifted."
        tell(readers, kind, text, round_=assignment.round, case=assignment.case)
        return assignment


def _reason(user: User, reason: str) -> str:
    if not may_plan_rounds(user):
        raise OperationRefused("not_lead", "Only the study lead does this.")
    if len(reason.strip()) < 3:
        raise OperationRefused("no_reason", "Say why: the reason is printed in the protocol record.")
    return reason.strip()[:500]


def _held(user: User, assignment_id: int) -> Assignment:
    """The assignment with its row held, once it is known that it can change hands.

    The draft's row is held first, as everybody who writes does: a lock in another window is over, or waits.
    """
    seen = assignment_for(user, assignment_id)
    of = Q(reader=seen.reader_id)
    if seen.round.kind == RoundKind.CONSENSUS:
        of |= Q(reader=seen.round.panel_id)
    drafts = Read.objects.filter(of, round=seen.round_id, case=seen.case_id, state="draft")
    list(drafts.select_for_update(no_key=True).values_list("pk"))
    held = Assignment.objects.select_for_update(of=("self",)).select_related("round", "case__patient", "reader__user")
    assignment = held.get(pk=assignment_id)
    if assignment.reader_id != seen.reader_id:
        raise OperationRefused("moved", "This case has just changed hands. Look again.")
    if sentence := hindrance(assignment):
        raise OperationRefused("not_to_move", sentence)
    drafts.update(writer=None, writer_until=None)
    return assignment


def _move(assignment: Assignment, to_reader: int, override: str) -> None:
    chosen = next((one for one in candidates(assignment) if one.reader.pk == to_reader), None)
    if chosen is None:
        sentence = "This case cannot go to that reader: they do not read in such a round, or have the case already."
        raise OperationRefused("not_a_reader", sentence)
    if chosen.exposed and not override:
        raise OperationRefused("exposed", _exposed(chosen))
    # One change of hands per reader at a time, so that positions count up without doubles.
    Reader.objects.select_for_update(no_key=True).get(pk=chosen.reader.pk)
    assignment.position = last_position(assignment.round_id, chosen.reader) + 1
    assignment.reader, assignment.lease_until = chosen.reader, None
    assignment.state, assignment.skip_reason, assignment.skip_note = AssignmentState.OPEN, SkipReason.NONE, ""
    # What was overridden was said of the former reader; the wash-out of a consensus, of the case for the whole panel.
    assignment.exposure_override = override if chosen.exposed else ""
    if assignment.round.kind != RoundKind.CONSENSUS:
        assignment.washout_override = ""
    if assignment.round.kind == RoundKind.REPEAT:
        assignment.not_before = None  # reckoned anew below, from their own lock
    try:
        with transaction.atomic():
            assignment.save()
            washout.refresh(assignment.round, assignment.case)
            assignment.refresh_from_db(fields=["not_before"])
    except IntegrityError as error:
        # Shown, or given the case, between the question and the row: the database has the last word.
        if "blind_round_refuses_the_exposed" in str(error):
            raise OperationRefused("exposed", _exposed(chosen)) from error
        if "case_is_assigned_once_per_reader" in str(error):
            raise OperationRefused("has_it", f"{chosen.name} has this case already.") from error
        raise


def _exposed(chosen: Candidate) -> str:
    return (
        f"{chosen.name} was shown another opinion of this case and cannot read it blind. Choose another reader, or let "
        "the lead override it with a reason."
    )


def _has_pool(assignment: Assignment) -> bool:
    if assignment.round.kind in (RoundKind.REPEAT, RoundKind.CONSENSUS):
        return False
    if assignment.round.kind in _WITH_POOL or assignment.lease_until is not None:
        return True
    return Assignment.objects.filter(round=assignment.round_id, reader__isnull=True).exists()


def _note(user: User, verb: str, assignment: Assignment, **more: Any) -> None:
    """An event with the reader who has the case now, or had it (`former`)."""
    former: Reader | None = more.pop("former", None)
    people = {"reader": assignment.reader_id} if former is None else {"from": former.pk, "to": assignment.reader_id}
    if verb == "taken_back" and former is not None:
        people = {"from": former.pk}
    detail = {"round": assignment.round_id, "assignment": assignment.pk, **people, **more}
    AuditEvent.objects.create(by=user, verb=verb, case=assignment.case, detail=detail)


def _tell_both(user: User, assignment: Assignment, before: Reader | None) -> None:
    case, round_, name = assignment.case, assignment.round, str(before)
    by_themselves = before is not None and before.user_id == user.pk
    if assignment.reader is not None and round_.state != RoundState.PLANNED:
        whose = f"{name} has handed {case.name} of {round_.name} over to you."
        text = whose if by_themselves else f"{case.name} of {round_.name} is yours to read now."
        tell([assignment.reader], NoticeKind.HANDED_OVER, text, round_=round_, case=case)
    if before is not None and not by_themselves and round_.state != RoundState.PLANNED:
        text = f"{case.name} of {round_.name} is read by somebody else now. You need not read it."
        tell([before], NoticeKind.TAKEN_BACK, text, round_=round_, case=case)
