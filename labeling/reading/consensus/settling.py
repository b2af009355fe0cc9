"""Settling: what a panel says of one difference, and what a shift does to what it has said.

Each writes an operation of the panel's read and the row beside it in one transaction. The reads that are settled are
never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from labeling.models import (
    AuditEvent,
    LabelOperation,
    LabelSource,
    Read,
    ReaderKind,
    ReasonCode,
    RoundKind,
    Seen,
    Settlement,
    Settles,
    ShiftMoves,
)
from labeling.reading.consensus.differences import below, carried
from labeling.reading.consensus.presence import take_a_seat
from labeling.reading.consensus.rows import Side, Table, table_of
from labeling.reading.consensus.shifts import says_at_the_end
from labeling.reading.gaps import Gap, gaps_of
from labeling.reading.labels import Conflict, Operation, Written, write_operation
from labeling.reading.owing import owed_assignments, seats
from labeling.reading.projection import load_state
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import reader_of
from labeling.reading.state import (
    BLANK,
    FindingState,
    Injury,
    ReadContext,
    ReadState,
    SliceMark,
    finding_from_json,
    injury_from_json,
)
from labeling.reading.writable import locked_row, refuse_unless_writable

__all__ = [
    "Choice",
    "fill_in",
    "gaps_of_consensus",
    "held_draft",
    "panel_read",
    "set_shift",
    "settle",
    "settle_at_table",
    "settlements_of",
    "unsettle",
    "unsettle_at_table",
]


@dataclass(frozen=True)
class Choice:
    """How a panel settles one vertebra: what `a` or `b` says, or, with `neither`, the finding that is given.

    `reason` is the code of why the readers differed; `acuity` is the panel's. `finding` and `injury` are JSON as the
    API has them.
    """

    vertebra: int
    took: str
    reason: str
    acuity: str
    finding: Mapping[str, Any] | None = None
    injury: Mapping[str, Any] | None = None
    teach: bool = False
    explanation: str = ""


def panel_read(user: User, consensus_id: int) -> Read:
    """The consensus, for a member of its panel who owes no read of the case.

    Raises
    ------
    Read.DoesNotExist
        where there is no such consensus or it is not theirs to see; the two look alike.
    """
    whole = _of_panels(user).select_related("round__follows", "case__patient", "reader", "stack", "anatomy")
    return whole.get(pk=consensus_id)


def _of_panels(user: User) -> QuerySet[Read]:
    """The consensus reads of the panels that this person sits in, but for those of cases they owe a read of."""
    return Read.objects.filter(
        Exists(seats(user).filter(round=OuterRef("round"), case=OuterRef("case"))),
        ~Exists(owed_assignments(user).filter(case=OuterRef("case"))),
        reader__kind=ReaderKind.PANEL,
        round__kind=RoundKind.CONSENSUS,
    )


def held_draft(user: User, consensus_id: int) -> Read:
    """The same with its row held, once it may be written to.

    Raises
    ------
    Read.DoesNotExist
        as `panel_read`.
    ReadLocked, OperationRefused
        where it is locked, or its round is not open.
    """
    reader = _of_panels(user).select_related("reader").only("reader").get(pk=consensus_id).reader
    refuse_unless_writable(locked_row(consensus_id, reader))
    # Whoever waited for the row is told of the read, and judged, as both are now.
    return _of_panels(user).select_related("round__follows", "case", "reader").get(pk=consensus_id)


def settle(user: User, consensus_id: int, *, uuid: UUID, base_seq: int, choice: Choice) -> Read:
    """As `settle_at_table`; the consensus as it is then."""
    return settle_at_table(user, consensus_id, uuid=uuid, base_seq=base_seq, choice=choice).consensus


def settle_at_table(user: User, consensus_id: int, *, uuid: UUID, base_seq: int, choice: Choice) -> Table:
    """Settles one vertebra, or settles it anew; the table as it is then. Sending the same again changes nothing.

    Raises
    ------
    Read.DoesNotExist, ReadLocked
        as `held_draft`.
    Conflict
        where another screen of the panel wrote meanwhile.
    OperationRefused
        where the vertebra is not asked, the finding breaks a law or lacks what the rules want, or the reason is none.
    """
    with transaction.atomic():
        consensus = held_draft(user, consensus_id)
        if _is_sent_again(consensus, uuid, choice.vertebra):
            return table_of(consensus)
        _refuse_stale(consensus, base_seq)
        table = table_of(consensus)
        asked = table.asked_of(choice.vertebra)
        if asked is None:
            name = table.context.vertebra(choice.vertebra).name
            raise OperationRefused("not_asked", f"{name} is agreed. Nothing is to be settled there.")
        finding, injury = _chosen(table, choice)
        reason = ReasonCode.objects.filter(code=choice.reason).order_by("-version").first()
        if reason is None:
            raise OperationRefused("unknown_reason", "Say why the readers differ: choose one of the reasons.")
        if table.context.unit == "slice":
            # Whoever settles a vertebra has its images on the same screen.
            sops = [sop for sop in table.context.vertebrae[choice.vertebra].sops if sop not in table.context.seen]
            Seen.objects.bulk_create([Seen(read=consensus, slice_id=sop) for sop in sops], ignore_conflicts=True)
            table = replace(table, context=replace(table.context, seen=table.context.seen | {*sops}))
        written = fill_in(consensus, choice.vertebra, finding, injury, uuid=uuid, base_seq=base_seq)
        said = {
            "difference": asked.difference,
            "took": choice.took,
            "reason": reason,
            "teach": choice.teach,
            "explanation": choice.explanation,
            "by": take_a_seat(user, consensus),
        }
        Settlement.objects.bulk_create(
            [Settlement(consensus=consensus, vertebra_id=choice.vertebra, **said)],
            update_conflicts=True,
            unique_fields=["consensus", "vertebra"],
            update_fields=[*said],
        )
        return _as_written(table, choice.vertebra, written)


def unsettle(user: User, consensus_id: int, *, uuid: UUID, base_seq: int, vertebra: int) -> Read:
    """As `unsettle_at_table`; the consensus as it is then."""
    return unsettle_at_table(user, consensus_id, uuid=uuid, base_seq=base_seq, vertebra=vertebra).consensus


def unsettle_at_table(user: User, consensus_id: int, *, uuid: UUID, base_seq: int, vertebra: int) -> Table:
    """Takes back how a vertebra was settled: it is open again; the table as it is then.

    Raises
    ------
    Read.DoesNotExist, ReadLocked, Conflict
        as `settle_at_table`.
    OperationRefused
        where it is not settled.
    """
    with transaction.atomic():
        consensus = held_draft(user, consensus_id)
        if _is_sent_again(consensus, uuid, vertebra):
            return table_of(consensus)
        _refuse_stale(consensus, base_seq)
        settlement = Settlement.objects.filter(consensus=consensus, vertebra=vertebra).first()
        if settlement is None:
            raise OperationRefused("not_settled", "This vertebra is not settled, so there is nothing to take back.")
        table = table_of(consensus)
        written = fill_in(consensus, vertebra, None, None, uuid=uuid, base_seq=base_seq)
        settlement.delete()
        take_a_seat(user, consensus)
        return _as_written(table, vertebra, written)


def _as_written(table: Table, vertebra: int, written: Written) -> Table:
    """The table once an operation of the panel on this vertebra was written: its reads, and so what is asked and agreed
    of them, are what they were."""
    table.consensus.seq = written.seq
    state = table.state.with_finding(vertebra, written.findings[vertebra])
    if vertebra in written.injuries:
        state = state.with_injury(vertebra, written.injuries[vertebra])
    return replace(table, state=state)


def _is_sent_again(consensus: Read, uuid: UUID, vertebra: int) -> bool:
    """
    Raises
    ------
    OperationRefused
        where the uuid is that of another operation.
    """
    known = LabelOperation.objects.filter(pk=uuid).first()
    if known is None:
        return False
    if known.read_id != consensus.pk or known.payload.get("vertebra") != vertebra:
        raise OperationRefused("uuid_used", "Another operation bears this number. Send it under a new one.")
    return True


def _refuse_stale(consensus: Read, base_seq: int) -> None:
    """What another screen wrote comes before everything that could be said of a settlement made without it."""
    if base_seq != consensus.seq:
        raise Conflict(consensus, load_state(consensus)[0])


def fill_in(
    consensus: Read,
    vertebra: int,
    finding: FindingState | None,
    injury: Injury | None,
    *,
    uuid: UUID | None = None,
    base_seq: int | None = None,
) -> Written:
    """Writes what the panel's read says of a vertebra, as one operation of the panel; the caller holds its row."""
    seq = Read.objects.values_list("seq", flat=True).get(pk=consensus.pk) if base_seq is None else base_seq
    said = None if finding is None else finding.as_json()
    torn = None if injury is None else injury.as_json()
    operation = Operation(
        uuid=uuid or uuid4(),
        base_seq=seq,
        verb="restore",
        payload={"vertebra": vertebra, "finding": said, "injury": torn},
        shown={},
        client_at=timezone.now(),
    )
    return write_operation(read_id=consensus.pk, reader=consensus.reader, operation=operation)


# --- what is chosen -------------------------------------------------------------------------------------------------


def _chosen(table: Table, choice: Choice) -> tuple[FindingState, Injury | None]:
    if choice.took == "neither":
        finding, injury = _given(choice)
    else:
        side = _side(table, choice.took)
        finding = carried(side.state.finding(choice.vertebra))
        injury = side.state.injuries.get(choice.vertebra)
    if injury is not None and injury.lower is not None:
        injury = replace(injury, lower=below(choice.vertebra, table.context))
    finding = replace(finding, acuity=choice.acuity)
    _refuse_incomplete(finding, choice.vertebra, table.context)
    return finding, injury


def _side(table: Table, took: str) -> Side:
    side = table.sides.get(took.upper())
    if side is None:
        raise OperationRefused("no_such_read", f"There is no read {took.upper()} here. Take another one, or neither.")
    return side


def _given(choice: Choice) -> tuple[FindingState, Injury | None]:
    if choice.finding is None:
        raise OperationRefused("no_finding", "Where neither read is taken, say what the panel finds instead.")
    finding = finding_from_json(choice.finding)
    mine = {sop: _by_hand(mark) for sop, mark in finding.slices.items()}
    injury = None if choice.injury is None else injury_from_json(choice.injury)
    return replace(finding, slices=mine, unclear=False), injury


def _by_hand(mark: SliceMark) -> SliceMark:
    return mark if mark.source == LabelSource.KEY else replace(mark, source=LabelSource.RANGE.value)


def _refuse_incomplete(finding: FindingState, vertebra: int, context: ReadContext) -> None:
    """
    Raises
    ------
    OperationRefused
        where the lock would lack something on this vertebra.
    """
    body = context.vertebra(vertebra)
    one = replace(context, vertebrae={vertebra: replace(body, cut=False)}, seen=frozenset(body.every_sop))
    for gap in gaps_of(ReadState({vertebra: finding}), one):
        raise OperationRefused(gap.kind, gap.sentence)


# --- shifting -------------------------------------------------------------------------------------------------------


def set_shift(user: User, consensus_id: int, *, letter: str, by: int, moves: str) -> Read:
    """Compares a read as moved by one vertebra from now on, or (0) as it was locked; the consensus as it is then.

    What is asked and agreed follows anew. What was settled stays where it still is asked and was not taken from the
    read that moved.

    Raises
    ------
    Read.DoesNotExist, ReadLocked
        as `settle`.
    OperationRefused
        where there is no such read, no second one to compare it with, or the other one is moved already.
    """
    if (by, moves) != (0, "") and (by not in (1, -1) or moves not in (ShiftMoves.NAMES, ShiftMoves.FINDINGS)):
        raise OperationRefused("bad_payload", "A read is shifted by 1 or -1 with its names or its findings, or by 0.")
    with transaction.atomic():
        consensus = held_draft(user, consensus_id)
        before = table_of(consensus)
        side = before.sides.get(letter)
        if side is None or len(before.sides) != 2:
            raise OperationRefused("no_such_read", "There are no two reads here whose levels could be compared.")
        if by and any(other.settles.shift for other in before.sides.values() if other.letter != letter):
            raise OperationRefused("shifted", "The other read is shifted already. Undo that first.")
        if (side.settles.shift, side.settles.shift_moves) == (by, moves):
            return consensus
        if moves == ShiftMoves.FINDINGS and (lost := says_at_the_end(side.own, before.context, by)):
            sentence = f"{letter} says more than negative of {lost}, which would fall off the end. Nothing was shifted."
            raise OperationRefused("falls_off", sentence)
        moved_by = reader_of(user) if by else None
        Settles.objects.filter(pk=side.settles.pk).update(shift=by, shift_moves=moves, shift_by=moved_by)
        _follow(consensus, before, letter)
        detail = {"round": consensus.round_id, "consensus": consensus.pk, "letter": letter, "by": by, "moves": moves}
        AuditEvent.objects.create(by=user, verb="shift_set", case=consensus.case, detail=detail)
        take_a_seat(user, consensus)
        return panel_read(user, consensus_id)


def _follow(consensus: Read, before: Table, letter: str) -> None:
    """Makes the panel's read and its settlements say what follows from the reads as they are compared now."""
    after = table_of(consensus)
    settled = {one.vertebra_id: one for one in Settlement.objects.filter(consensus=consensus)}
    for vertebra in after.context.vertebrae:
        asked, settlement = after.asked_of(vertebra), settled.get(vertebra)
        if asked is not None and settlement is not None and settlement.took != letter.lower():
            Settlement.objects.filter(pk=settlement.pk).update(difference=asked.difference)
            continue
        if settlement is not None:
            settlement.delete()
        finding, injury = (BLANK, None) if asked is not None else after.agreed[vertebra]
        if (before.state.finding(vertebra), before.state.injuries.get(vertebra)) != (finding, injury):
            fill_in(consensus, vertebra, finding if finding != BLANK else None, injury)


# --- what is open ---------------------------------------------------------------------------------------------------


def settlements_of(consensus: Read) -> tuple[Settlement, ...]:
    """How the vertebrae of a consensus were settled, with the reasons, in the order in which that was done first."""
    return tuple(Settlement.objects.filter(consensus=consensus).select_related("reason").order_by("pk"))


def gaps_of_consensus(table: Table, settlements: Collection[Settlement]) -> tuple[Gap, ...]:
    """What is open before a consensus can be locked: what is asked and not settled, then what any read would lack."""
    settled = {one.vertebra_id for one in settlements}
    context = table.context
    waiting = [one for one in table.asked if one.vertebra not in settled]
    named = {one.vertebra: context.vertebrae[one.vertebra] for one in waiting}
    open_ = [
        Gap(one.vertebra, named[one.vertebra].level, "not_settled", f"{named[one.vertebra].name} is not settled yet.")
        for one in waiting
    ]
    lacking = [gap for gap in gaps_of(table.state, context) if gap.vertebra not in named]
    return (*open_, *lacking)
