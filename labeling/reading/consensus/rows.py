"""What lies on the table of a consensus: its reads as they are compared, what is asked, and what is agreed.

Nothing of it is stored: it follows from locked reads, which never change, and from the shift that a panel has set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from labeling.models import Anatomy, Case, Difference, Read, RoundKind, Seen, Settles
from labeling.reading.consensus.differences import (
    Asked,
    agreed,
    agreed_injury,
    differences,
    in_order_of_harm,
    laid,
    marked_unclear,
)
from labeling.reading.consensus.second_look import asked_again, is_second_look
from labeling.reading.consensus.shifts import Offer, compared, moved, offer
from labeling.reading.gaps import Gap, gaps_of
from labeling.reading.projection import load_states
from labeling.reading.refusals import OperationRefused
from labeling.reading.rounds import reading_anatomy
from labeling.reading.state import FindingState, Injury, ReadContext, ReadState

__all__ = ["Side", "Table", "anatomy_for", "offer_of", "seen_by", "table_of"]

#: How harmful it is that what two reads agree on is not complete: asked after all that differs in the same way.
_INCOMPLETE = {"no_verdict": (Difference.VERDICT, 89), "no_ao_type": (Difference.AO, 60)}
_UNSEEN = (Difference.SLICES, 29)


@dataclass(frozen=True)
class Side:
    """One of the reads that are settled: as it was locked (`own`), and as it is shown and taken, moved where a shift
    was set (`state`); both on the anatomy of the consensus."""

    letter: str
    settles: Settles
    own: ReadState
    state: ReadState

    @property
    def read(self) -> Read:
        return self.settles.read


@dataclass(frozen=True)
class Table:
    """A consensus before its panel. `agreed` maps each vertebra that is not asked to what is filled in of it."""

    consensus: Read
    state: ReadState
    context: ReadContext
    sides: Mapping[str, Side]
    asked: tuple[Asked, ...]
    agreed: Mapping[int, tuple[FindingState, Injury | None]]

    def asked_of(self, vertebra: int) -> Asked | None:
        return next((one for one in self.asked if one.vertebra == vertebra), None)


def table_of(consensus: Read) -> Table:
    """The table of a consensus, draft or locked. `consensus` has its round; shows nobody anything by itself."""
    seen: set[str] = set()
    sides: dict[str, Side] = {}
    found = Settles.objects.filter(consensus=consensus).select_related(
        "read__round", "read__reader__user", "shift_by__user"
    )
    settled = list(found.order_by("letter"))
    said_by = load_states([consensus, *(one.read for one in settled)])
    state, context = said_by[consensus.pk]
    for settles in settled:
        said, own = said_by[settles.read_id]
        on = laid(said, {key: one.level for key, one in own.vertebrae.items()}, context)
        sides[settles.letter] = Side(
            settles.letter, settles, on, moved(on, context, settles.shift, settles.shift_moves)
        )
        seen |= own.seen
    first, second = _to_compare(sides, context)
    asked = _asked_by(consensus, sides, first, second, context)
    filled = {
        key: (
            agreed(first.finding(key), second.finding(key)),
            agreed_injury(first.injuries.get(key), second.injuries.get(key)),
        )
        for key in context.vertebrae
        if key not in {one.vertebra for one in asked}
    }
    # What the panel has looked at meanwhile does not change what it is asked.
    missing = _incomplete(filled, replace(context, seen=frozenset(seen)))
    asked = in_order_of_harm([*asked, *missing], context)
    for one in missing:
        del filled[one.vertebra]
    return Table(consensus, state, context, sides, asked, filled)


def offer_of(table: Table) -> Offer | None:
    """The shift that makes the two reads fit; None where there is none, or one is set already."""
    if len(table.sides) != 2 or any(side.settles.shift for side in table.sides.values()):
        return None
    foreign = [side.letter for side in table.sides.values() if side.read.round is not None and side.read.round.imported]
    return offer(
        {letter: side.own for letter, side in table.sides.items()},
        table.context,
        table.context.unit,
        foreign=foreign[0] if len(foreign) == 1 else "",
    )


def _to_compare(sides: Mapping[str, Side], context: ReadContext) -> tuple[ReadState, ReadState]:
    """The two states that are laid beside each other; where one read is enough, it is its own second."""
    states = [side.state for side in sides.values()]
    if not states:
        return ReadState(), ReadState()
    if len(states) == 1:
        return states[0], states[0]
    one, other = sides.values()
    return (
        compared(one.state, other.state, context, one.settles.shift, one.settles.shift_moves),
        compared(other.state, one.state, context, other.settles.shift, other.settles.shift_moves),
    )


def _asked_by(
    consensus: Read, sides: Mapping[str, Side], first: ReadState, second: ReadState, context: ReadContext
) -> tuple[Asked, ...]:
    """What a consensus asks, by the kind of the round that it settles."""
    if is_second_look(consensus.round):
        return asked_again(sides["A"].read, context.vertebrae, _begun(consensus)) if sides else ()
    asked = differences(first, second, context, context.unit)
    follows = None if consensus.round is None else consensus.round.follows
    if follows is None or follows.kind not in (RoundKind.LABELLING, RoundKind.PRACTICE):
        return asked
    differing = {one.vertebra for one in asked}
    unclear = [one for one in marked_unclear(first, second, context) if one.vertebra not in differing]
    return in_order_of_harm([*asked, *unclear], context)


def _begun(consensus: Read) -> datetime:
    """When its first version was opened: a correction asks what was asked then."""
    versions = Read.objects.filter(round=consensus.round_id, case=consensus.case_id, reader=consensus.reader_id)
    begun: datetime = versions.order_by("version").values_list("created_at", flat=True)[0]
    return begun


def _incomplete(filled: Mapping[int, tuple[FindingState, Injury | None]], context: ReadContext) -> list[Asked]:
    """What two reads agree on, but cannot be locked as it is: old reads lack AO types, or nobody judged a vertebra."""
    said = ReadState({key: finding for key, (finding, _) in filled.items()})
    found: dict[int, Gap] = {}
    for gap in gaps_of(said, context):
        if gap.vertebra in filled:
            found.setdefault(gap.vertebra, gap)
    return [_asked_for(gap) for gap in found.values()]


def _asked_for(gap: Gap) -> Asked:
    difference, harm = _INCOMPLETE.get(gap.kind, _UNSEEN)
    words = {"no_verdict": "Not judged", "no_ao_type": "AO type missing", "unseen_slices": "Slices not seen"}
    return Asked(gap.vertebra, difference.value, harm, words.get(gap.kind, "Slices missing"), gap.sop_uids)


def anatomy_for(case: Case, reads: list[Read]) -> Anatomy:
    """The anatomy that a consensus on these reads stands on: theirs, where it is one; else the newest of theirs, or the
    one that is read now, that knows every vertebra they do.

    Raises
    ------
    OperationRefused
        ``anatomies_differ`` where none does.
    """
    own = {read.anatomy_id: read.anatomy for read in reads}
    if len(own) == 1:
        return reads[0].anatomy
    known = {pk: {*anatomy.vertebrae.values_list("vertebra", flat=True)} for pk, anatomy in own.items()}
    every = set().union(*known.values())
    now = reading_anatomy(case)
    for anatomy in [*sorted(own.values(), key=lambda one: -one.n), *([now] if now is not None else [])]:
        if every <= {*anatomy.vertebrae.values_list("vertebra", flat=True)}:
            return anatomy
    raise OperationRefused(
        "anatomies_differ",
        "The reads stand on anatomies with different vertebrae. Make one that knows them all in the anatomy check, "
        "then open the consensus again.",
    )


def seen_by(reads: list[Read]) -> list[str]:
    """The slices that the readers of these reads have seen."""
    return list(Seen.objects.filter(read__in=reads).values_list("slice", flat=True).distinct())
