"""One level off: a read laid beside another as if its names, or its findings, were moved by one vertebra. Pure.

A read is never edited: a shift says how it is to be compared. It is offered where one read's fractures repeat the
other's, each one vertebra further up or down, or where the levels that a reader said are off by one throughout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from labeling.anatomy.levels import next_level, previous_level
from labeling.models import ShiftMoves, Verdict
from labeling.reading.consensus.differences import below, differences, effective_level, fitted
from labeling.reading.state import BLANK, FindingState, ReadContext, ReadState

__all__ = ["Offer", "Preview", "compared", "moved", "offer", "says_at_the_end"]

NAMES, FINDINGS = ShiftMoves.NAMES.value, ShiftMoves.FINDINGS.value

_BY = (1, -1)
_WHERE = {1: "down", -1: "up"}
_LOOKS = {1: "higher", -1: "lower"}


@dataclass(frozen=True)
class Preview:
    """One vertebra as the other read, this read, and this read once moved say it; None where nothing is said."""

    vertebra: int
    level: str
    other: FindingState
    now: FindingState
    after: FindingState


@dataclass(frozen=True)
class Offer:
    """A shift that leaves fewer differences: read `letter` moved by one vertebra toward the feet (1) or the head."""

    letter: str
    by: int
    moves: str
    differ_now: int
    differ_after: int
    sentence: str
    preview: tuple[Preview, ...]


def moved(state: ReadState, context: ReadContext, by: int, moves: str) -> ReadState:
    """The read with its names or its findings moved by one vertebra, toward the feet where `by` is 1.

    What would leave the image goes; at the other end nothing is said. Slices stay where they cross the body that the
    finding comes to.

    Raises
    ------
    ValueError
        where it is moved by more than one, or nothing that can be moved is named.
    """
    if by == 0 and not moves:
        return state
    if by not in _BY or moves not in (NAMES, FINDINGS):
        raise ValueError(f"A read is moved by one vertebra, names or findings; not by {by}, {moves or 'nothing'}.")
    return _with_names_moved(state, context, by) if moves == NAMES else _with_findings_moved(state, context, by)


def _with_names_moved(state: ReadState, context: ReadContext, by: int) -> ReadState:
    named = {key: effective_level(state.finding(key), one) for key, one in context.vertebrae.items()}
    present = {*named.values(), *(one.level for one in context.vertebrae.values())}
    step = next_level if by == 1 else previous_level
    for key, one in context.vertebrae.items():
        name = (step(named[key], present) or "") if named[key] else ""
        finding = state.finding(key)
        if finding != BLANK:
            # Where no name is left to move to, the read has none of its own any more.
            state = state.with_finding(key, replace(finding, level_said="" if name == one.level else name))
    return state


def _with_findings_moved(state: ReadState, context: ReadContext, by: int) -> ReadState:
    order = list(context.vertebrae)
    after = ReadState()
    for place, target in enumerate(order):
        source = place - by
        if not 0 <= source < len(order):
            continue
        # The name goes with the place, not with the finding: what was said of T11 was meant of T12.
        finding = replace(state.finding(order[source]), level_said="")
        if finding != BLANK:
            after = after.with_finding(target, fitted(finding, context.vertebrae[target], context))
        injury = state.injuries.get(order[source])
        if injury is not None:
            lower = None if injury.lower is None else below(target, context)
            after = after.with_injury(target, replace(injury, lower=lower))
    return after


def says_at_the_end(state: ReadState, context: ReadContext, by: int) -> str:
    """The name of the vertebra whose finding no shift of findings may drop, because it says more than negative or
    that nothing can be said; '' where the end that falls off says nothing more."""
    end = list(context.vertebrae)[-1 if by == 1 else 0]
    harmless = (None, Verdict.NEGATIVE, Verdict.NOT_ASSESSABLE)
    if state.finding(end).verdict in harmless and not state.finding(end).process_fracture and end not in state.injuries:
        return ""
    return context.vertebrae[end].name


def compared(moved_read: ReadState, other: ReadState, context: ReadContext, by: int, moves: str) -> ReadState:
    """A moved read as it is compared: at the end that it left, where it says nothing, the other's word stands, unless
    that is a fracture."""
    if moves != FINDINGS:
        return moved_read
    order = list(context.vertebrae)
    left = order[0] if by == 1 else order[-1]
    there = other.finding(left)
    if there.verdict == Verdict.FRACTURE or left in other.injuries:
        return moved_read
    return moved_read.with_finding(left, there)


# --- offering -------------------------------------------------------------------------------------------------------


def offer(reads: Mapping[str, ReadState], context: ReadContext, unit: str, *, foreign: str = "") -> Offer | None:
    """The one shift that makes two reads fit, or None.

    Parameters
    ----------
    reads
        A and B on the same anatomy, neither moved.
    foreign
        The letter of the read that is more likely to be off: it was not made on these vertebrae.

    It leaves strictly fewer differences, and no other shift leaves as few by moving the same. Findings are only moved
    where all fractures of the one then lie where those of the other do, none leaves the image, and there is one.
    """
    if sorted(reads) != ["A", "B"]:
        return None
    differ_now = len(differences(reads["A"], reads["B"], context, unit))
    for moves in (NAMES, FINDINGS):
        letter = _letter_to_move(reads, context, moves, foreign)
        fitting = _fitting(reads, context, unit, letter, moves, differ_now)
        if fitting is not None:
            by, differ_after = fitting
            return _offer(reads, context, letter, by, moves, differ_now, differ_after)
    return None


def _letter_to_move(reads: Mapping[str, ReadState], context: ReadContext, moves: str, foreign: str) -> str:
    """The read whose names are further from those of the anatomy; of two equal ones the foreign one, else B."""
    if moves == NAMES:
        off = {
            letter: sum(
                effective_level(state.finding(key), one) != one.level
                for key, one in context.vertebrae.items()
                if one.level
            )
            for letter, state in reads.items()
        }
        if off["A"] != off["B"]:
            return max(off, key=off.__getitem__)
    return foreign or "B"


def _fitting(
    reads: Mapping[str, ReadState], context: ReadContext, unit: str, letter: str, moves: str, differ_now: int
) -> tuple[int, int] | None:
    """(by, how many differences it leaves) of the shift that fits; None where none does, or two do as well."""
    other = reads["B" if letter == "A" else "A"]
    left: dict[int, int] = {}
    for by in _BY:
        after = moved(reads[letter], context, by, moves)
        falls_off = moves == FINDINGS and says_at_the_end(reads[letter], context, by)
        if falls_off or (moves == FINDINGS and not _repeats(reads[letter], after, other)):
            continue
        count = len(differences(compared(after, other, context, by, moves), other, context, unit))
        if count < differ_now:
            left[by] = count
    if not left or (len(left) == 2 and left[1] == left[-1]):
        return None
    best = min(left, key=left.__getitem__)
    return best, left[best]


def _repeats(before: ReadState, after: ReadState, other: ReadState) -> bool:
    """Whether a read, once moved, calls those vertebrae fractured that the other does, and has lost none."""
    moved_to, there = _fractured(after), _fractured(other)
    return bool(there) and moved_to == there and len(moved_to) == len(_fractured(before))


def _fractured(state: ReadState) -> set[int]:
    return {key for key, finding in state.findings.items() if finding.verdict == Verdict.FRACTURE}


def _offer(
    reads: Mapping[str, ReadState],
    context: ReadContext,
    letter: str,
    by: int,
    moves: str,
    differ_now: int,
    differ_after: int,
) -> Offer:
    other = "B" if letter == "A" else "A"
    after = moved(reads[letter], context, by, moves)
    repeats = (
        f"{letter}'s fractures repeat {other}'s, each one vertebra {'up' if by == 1 else 'down'}."
        if moves == FINDINGS
        else f"{letter} names the vertebrae one level {_LOOKS[by]} than {other}."
    )
    what = letter if moves == FINDINGS else f"the names of {letter}"
    leaves = f"{differ_after} difference{'' if differ_after == 1 else 's'} instead of {differ_now}"
    return Offer(
        letter=letter,
        by=by,
        moves=moves,
        differ_now=differ_now,
        differ_after=differ_after,
        sentence=f"{repeats} Shifting {what} {_WHERE[by]} by one leaves {leaves}.",
        preview=tuple(
            Preview(key, one.level, reads[other].finding(key), reads[letter].finding(key), after.finding(key))
            for key, one in context.vertebrae.items()
        ),
    )
