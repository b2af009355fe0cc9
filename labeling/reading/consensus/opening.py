"""A consensus: opened once the reads are locked and the wash-out is over, settled by a panel, locked as the truth.

It is itself a read, by the panel of its round: what the two reads agree on is filled in when it is opened, what they
differ in is settled (`labeling.reading.consensus.settling`), and its lock makes it the reference. It edits no read.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labeling.models import (
    Assignment,
    AuditEvent,
    Case,
    Participant,
    Read,
    Reader,
    ReaderKind,
    Reference,
    Round,
    RoundKind,
    RoundState,
    Seen,
    Settlement,
    Settles,
    Sitting,
)
from labeling.reading import washout
from labeling.reading.consensus.asking import answer, ask
from labeling.reading.consensus.listing import consensus_list, next_to_settle
from labeling.reading.consensus.presence import note_presence, take_a_seat
from labeling.reading.consensus.references import set_reference, tell_feedback
from labeling.reading.consensus.rows import anatomy_for, seen_by, table_of
from labeling.reading.consensus.second_look import SECOND_LOOK, is_second_look
from labeling.reading.consensus.settling import (
    Choice,
    fill_in,
    gaps_of_consensus,
    held_draft,
    panel_read,
    set_shift,
    settle,
    settle_at_table,
    settlements_of,
    unsettle,
    unsettle_at_table,
)
from labeling.reading.exposures import note_exposures
from labeling.reading.locking import NotComplete, lock_read
from labeling.reading.refusals import OperationRefused
from labeling.reading.reopening import reopen
from labeling.reading.roles import may_plan_rounds, may_read_in
from labeling.reading.truths import TARGET
from labeling.reading.visibility import is_member, protocol_is_open, reads_to_settle

__all__ = [
    "Choice",
    "Locked",
    "answer",
    "ask",
    "consensus_list",
    "correct",
    "lock_consensus",
    "members_of",
    "next_to_settle",
    "open_consensus",
    "panel_read",
    "set_member",
    "set_shift",
    "settle",
    "settle_at_table",
    "show_report",
    "unsettle",
    "unsettle_at_table",
]

_OWES = "You still owe a read of this case. Lock that first."


# --- opening --------------------------------------------------------------------------------------------------------


def open_consensus(user: User, round_id: int, case_id: int) -> Read:
    """The consensus of a case in a round: the one that there is, else a new draft with all that is agreed filled in.

    Two members who open it at once get the same one.

    Raises
    ------
    OperationRefused
        where this person does not sit in the panel or owes a read of the case, the round is not open, reads are missing
        or opened again, or the wash-out is not over; the sentence says which.
    """
    if not is_member(user, round_id, case_id):
        raise OperationRefused("not_a_member", "You do not sit in the panel that settles this case.")
    if not protocol_is_open(user, case_id):
        raise OperationRefused("owes_read", _OWES)
    with transaction.atomic():
        # One consensus per round and case: whoever opens it at this moment waits here, and then finds it.
        case = Case.objects.select_for_update(of=("self",), no_key=True).select_related("patient").get(pk=case_id)
        round_ = Round.objects.select_related("follows", "panel").get(pk=round_id)
        known = Read.objects.filter(round=round_, case=case, reader__kind=ReaderKind.PANEL).order_by("-version").first()
        if known is None:
            known = _begin(round_, case, _reads_to_settle(user, round_, case))
        if known.state == "draft" and round_.state == RoundState.OPEN:
            take_a_seat(user, known)
        return known


def _reads_to_settle(user: User, round_: Round, case: Case) -> list[Read]:
    """The reads that are settled, their rows held: nobody opens one of them again meanwhile."""
    if round_.state != RoundState.OPEN:
        sentence = f"The round {round_.name} is {round_.state}. Nothing is settled while it is not open."
        raise OperationRefused("round_not_open", sentence)
    if round_.follows is None:
        raise OperationRefused("nothing_to_settle", f"The round {round_.name} follows no round that it could settle.")
    held = Read.objects.filter(round=round_.follows, case=case, state="locked").order_by("pk")
    list(held.select_for_update(no_key=True).values_list("pk", flat=True))
    reads = washout.reads_settled_by(round_, case)
    _refuse_another_truth(round_, case)
    if len(reads) < washout.required_of(round_.follows, case):
        raise OperationRefused("reads_missing", "Not every read that is to be settled is locked yet.")
    if Read.objects.filter(supersedes__in=reads, state="draft").exists():
        sentence = "A read that is to be settled was opened again. Wait until it is locked."
        raise OperationRefused("later_version_open", sentence)
    washout.refresh(round_, case)
    seat = Assignment.objects.select_related("round__follows").get(round=round_, case=case, reader__user=user.pk)
    due = washout.opening(seat)
    if not due.ready:
        raise OperationRefused("wash_out", f"The wash-out of this case is not over. {due.sentence}")
    return reads


def _refuse_another_truth(round_: Round, case: Case) -> None:
    """A truth gives way to its own correction, which has a reason, never to another round in silence."""
    current = Reference.objects.filter(case=case, target=_target_of(round_), current=True).exclude(read__round=round_)
    other = current.select_related("read__round").first()
    if other is not None:
        whose = "another read" if other.read.round is None else other.read.round.name
        sentence = f"{case.name} has its truth from {whose}. Correct it there, with a reason."
        raise OperationRefused("has_truth", sentence)


def _target_of(round_: Round) -> str:
    return SECOND_LOOK if is_second_look(round_) else TARGET


def _begin(round_: Round, case: Case, reads: list[Read]) -> Read:
    if round_.panel is None:
        raise OperationRefused("no_panel", f"The round {round_.name} has no panel that could read in it.")
    anatomy = anatomy_for(case, reads)
    consensus = Read.objects.create(
        round=round_, case=case, reader=round_.panel, stack_id=anatomy.stack_id, anatomy=anatomy
    )
    Sitting.objects.create(consensus=consensus, target=_target_of(round_))
    for letter, read in zip("AB", _in_drawn_order(round_, case, reads), strict=False):
        Settles.objects.create(consensus=consensus, read=read, letter=letter)
    of_stack = set(anatomy.stack.slices.values_list("sop_uid", flat=True))
    Seen.objects.bulk_create([Seen(read=consensus, slice_id=sop) for sop in seen_by(reads) if sop in of_stack])
    for vertebra, (finding, injury) in table_of(consensus).agreed.items():
        if finding.verdict is not None:
            fill_in(consensus, vertebra, finding, injury)
    # What was filled in has counted up its operations.
    return Read.objects.get(pk=consensus.pk)


def _in_drawn_order(round_: Round, case: Case, reads: list[Read]) -> list[Read]:
    """A before B: drawn for the case from the seed of the round, whoever locked first."""
    digest = hmac.new(str(round_.seed).encode(), f"letters of case {case.pk}".encode(), hashlib.sha256).digest()
    in_order = sorted(reads, key=lambda read: read.reader_id)
    return in_order[::-1] if digest[0] & 1 else in_order


# --- the panel ------------------------------------------------------------------------------------------------------


def members_of(consensus: Read) -> list[Reader]:
    """Who may settle this case, in the order of their names."""
    given = Assignment.objects.filter(round=consensus.round_id, case=consensus.case_id, reader__user__isnull=False)
    readers = [seat.reader for seat in given.select_related("reader__user") if seat.reader is not None]
    return sorted(
        (one for one in readers if one.user and is_member(one.user, consensus.round_id or 0, consensus.case_id)),
        key=lambda one: (str(one), one.pk),
    )


def set_member(user: User, consensus_id: int, *, reader_id: int, present: bool) -> Read:
    """Records that a member is at the table, or is not. Who is, sees what is on the screen: that is written down.

    Raises
    ------
    Read.DoesNotExist, ReadLocked
        as `labeling.reading.consensus.settling.held_draft`.
    OperationRefused
        where this is no member of the panel, or one who still owes a read of the case.
    """
    with transaction.atomic():
        consensus = held_draft(user, consensus_id)
        member = next((one for one in members_of(consensus) if one.pk == reader_id), None)
        if member is None or member.user is None:
            raise OperationRefused("not_a_member", "Only members of the panel sit at this table.")
        senior = may_read_in(member.user, RoundKind.CONSENSUS)
        if present and senior and not may_read_in(user, RoundKind.CONSENSUS):
            raise OperationRefused("seats_a_senior", f"{member} is a senior reader, whom seniors alone seat.")
        if not present:
            if Settlement.objects.filter(consensus=consensus, by=member).exists():
                raise OperationRefused("has_settled", f"{member} has settled something here, so they were present.")
            if Participant.objects.filter(consensus=consensus, reader=member).delete()[0]:
                note_presence(user, consensus, member, present=False)
            return consensus
        if not protocol_is_open(member.user, consensus.case_id):
            raise OperationRefused("owes_read", f"{member} cannot sit here: a read of this case is still owed.")
        if Participant.objects.get_or_create(consensus=consensus, reader=member)[1]:
            note_presence(user, consensus, member, present=True)
        reads_to_settle(user, consensus)
        return consensus


def show_report(user: User, consensus_id: int) -> Read:
    """The lead shows a panel the clinical report, which is recorded.

    Raises
    ------
    Read.DoesNotExist
        where there is no such consensus, or the lead owes a read of the case.
    OperationRefused
        where this person is not the study lead, or the consensus is locked.
    """
    found = Read.objects.select_related("round", "case", "reader")
    consensus = found.get(pk=consensus_id, reader__kind=ReaderKind.PANEL, round__kind=RoundKind.CONSENSUS)
    seated = is_member(user, consensus.round_id or 0, consensus.case_id)
    if not (seated or may_plan_rounds(user)) or not protocol_is_open(user, consensus.case_id):
        raise Read.DoesNotExist
    if not may_plan_rounds(user):
        raise OperationRefused("not_the_lead", "Only the study lead shows a panel the report.")
    with transaction.atomic():
        # Held against the lock of the consensus, after which nothing of how it came about changes.
        held = Read.objects.select_for_update(no_key=True).get(pk=consensus_id)
        if held.state == "locked":
            raise OperationRefused("consensus_locked", "This consensus is locked. How it came about stays as it was.")
        shown = Sitting.objects.filter(consensus=consensus, report_shown_at__isnull=True)
        if shown.update(report_shown_by=user, report_shown_at=timezone.now()):
            detail = {"round": consensus.round_id, "consensus": consensus.pk}
            AuditEvent.objects.create(by=user, verb="report_shown_to_panel", case=consensus.case, detail=detail)
        return consensus


# --- locking and correcting -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Locked:
    """A consensus that was locked, and the reference that it became."""

    consensus: Read
    reference: Reference


def lock_consensus(user: User, consensus_id: int, *, base_seq: int) -> Locked:
    """Locks the consensus: in one transaction it becomes the truth of its case, and the one before gives way.

    Raises
    ------
    Read.DoesNotExist, ReadLocked
        as `labeling.reading.consensus.settling.held_draft`.
    Conflict
        where another screen of the panel wrote meanwhile.
    NotComplete
        where something is not settled, or a finding lacks what the rules want.
    OperationRefused
        where no senior reader is recorded as present, or somebody is who owes a read of the case.
    """
    with transaction.atomic():
        consensus = held_draft(user, consensus_id)
        table = table_of(consensus)
        if base_seq == consensus.seq and (gaps := gaps_of_consensus(table, settlements_of(consensus))):
            raise NotComplete(gaps)
        _refuse_panel(consensus)
        sitting = Sitting.objects.get(consensus=consensus)
        locked = lock_read(read_id=consensus.pk, reader=consensus.reader, base_seq=base_seq)
        reference = set_reference(user, locked, sitting.target)
        for each in Participant.objects.filter(consensus=locked).select_related("reader"):
            note_exposures(each.reader, [(locked.case_id, "truth")])
        tell_feedback(consensus.case, [side.read for side in table.sides.values()])
        return Locked(locked, reference)


def _refuse_panel(consensus: Read) -> None:
    present = set(Participant.objects.filter(consensus=consensus).values_list("reader", flat=True))
    # Whoever has lost their seat since counts no more.
    people = [one.user for one in members_of(consensus) if one.pk in present and one.user is not None]
    if not any(may_read_in(one, RoundKind.CONSENSUS) for one in people):
        raise OperationRefused("no_senior", "No senior reader is recorded as present. Add who sits at the table.")
    if any(not protocol_is_open(one, consensus.case_id) for one in people):
        sentence = "Somebody who is recorded as present still owes a read of this case. Take them off the table."
        raise OperationRefused("owes_read", sentence)


def correct(user: User, consensus_id: int, reason: str) -> Read:
    """A later version of a locked consensus, which begins where that ended. The truth stays what it is until its lock.

    Raises
    ------
    Read.DoesNotExist
        as `labeling.reading.consensus.settling.panel_read`.
    OperationRefused
        where it is a draft, not the newest version, or its round is not open.
    """
    with transaction.atomic():
        before = panel_read(user, consensus_id)
        later = reopen(read_id=before.pk, reader=before.reader, reason=reason)
        if not Sitting.objects.filter(consensus=later).exists():
            _same_table(before, later)
        take_a_seat(user, later)
        return later


def _same_table(before: Read, later: Read) -> None:
    """The later version settles the same reads, as they were compared, and begins with all that was settled."""
    sitting = Sitting.objects.get(consensus=before)
    Sitting.objects.create(
        consensus=later,
        target=sitting.target,
        report_shown_by=sitting.report_shown_by,
        report_shown_at=sitting.report_shown_at,
    )
    for settles in Settles.objects.filter(consensus=before).order_by("letter"):
        settles.pk, settles.consensus = None, later
        settles.save(force_insert=True)
    for settlement in Settlement.objects.filter(consensus=before).order_by("pk"):
        settlement.pk, settlement.consensus = None, later
        settlement.save(force_insert=True)
