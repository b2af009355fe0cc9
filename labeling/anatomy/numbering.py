"""Names of a row of vertebrae: counted on from one of them, shifted as a whole, and how sure they are afterwards.

Instances first, names second: which vertebrae there are is one question, what they are called another. A spine has 7
cervical, 11 to 13 thoracic and 4 to 6 lumbar vertebrae; 24 in all in 9 of 10 people (last rib on the 19th vertebra in
92 %, lowest disc above the 25th in 88 %: Forseen, 244 whole-spine CT; 25 or 23 presacral vertebrae in 4 to 6 % and 3 to
12 %: Nakajima, PMC3948909, and 551 CT, Skeletal Radiol 2025, 10.1007/s00256-025-04952-z). So T13, L6, T11 above L1 and
L4 as the last one can all be said, and none is ever assumed.

Lists run from head to feet; '' stands for a vertebra whose level is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from labeling.anatomy.levels import LEVELS, rank
from labeling.imaging.refusal import Refusal

__all__ = [
    "MOST_VERTEBRAE",
    "certainty_after",
    "count_down",
    "count_up",
    "order_problem",
    "ranks_of",
    "shift",
    "thoracic_count",
]

MOST_VERTEBRAE = len(LEVELS)
"""C1 to L6 with T13."""

THORACIC, LUMBAR = (11, 12, 13), (4, 5, 6)
"""How many thoracic and lumbar vertebrae there can be."""


def _column(thoracic: int, lumbar: int) -> list[str]:
    """All levels of a spine with so many thoracic and lumbar vertebrae, from head to feet.

    Raises
    ------
    ValueError
        where no spine has so many.
    """
    if thoracic not in THORACIC or lumbar not in LUMBAR:
        raise ValueError(f"A spine has 11 to 13 thoracic and 4 to 6 lumbar vertebrae, not {thoracic} and {lumbar}.")
    last = {"C": 7, "T": thoracic, "L": lumbar}
    return [level for level in LEVELS if int(level[1:]) <= last[level[0]]]


def count_down(first_level: str, count: int, *, thoracic: int = 12, lumbar: int = 5) -> list[str]:
    """The levels of `count` vertebrae without a gap, counted from the uppermost toward the feet.

    Raises
    ------
    Refusal
        ``numbering-ends`` where the spine ends before the count does, or has no such level to begin with.
    ValueError
        where no spine has so many, or `first_level` is no level.
    """
    column = _column(thoracic, lumbar)
    place = _place(first_level, column, thoracic, lumbar)
    if place + count > len(column):
        raise Refusal(
            "numbering-ends",
            f"{count} vertebrae from {first_level} on reach beyond {column[-1]}. Begin further up, or take one out.",
        )
    return column[place : place + count]


def count_up(last_level: str, count: int, *, thoracic: int = 12, lumbar: int = 5) -> list[str]:
    """The levels of `count` vertebrae without a gap, counted from the lowest toward the head; listed head to feet.

    Raises
    ------
    Refusal, ValueError
        as `count_down`.
    """
    column = _column(thoracic, lumbar)
    place = _place(last_level, column, thoracic, lumbar)
    if place + 1 < count:
        raise Refusal(
            "numbering-ends",
            f"{count} vertebrae from {last_level} up reach beyond C1. Begin further down, or take one out.",
        )
    return column[place + 1 - count : place + 1]


def _place(level: str, column: Sequence[str], thoracic: int, lumbar: int) -> int:
    rank(level)
    if level not in column:
        raise Refusal(
            "numbering-ends",
            f"{level} is not among {thoracic} thoracic and {lumbar} lumbar vertebrae. Change the count or the name.",
        )
    return column.index(level)


def thoracic_count(levels: Sequence[str]) -> int:
    """How many thoracic vertebrae these names speak of: 13 where T13 is named, 11 where L1 follows on T11, else 12."""
    if "T13" in levels:
        return 13
    follows = any(above == "T11" and below == "L1" for above, below in pairwise(levels))
    return 11 if follows else 12


def shift(levels: Sequence[str], by: int, *, thoracic: int | None = None, lumbar: int = 6) -> list[str]:
    """The same vertebrae, each called by the name of its neighbour: the repair of a numbering that is off by one.

    Parameters
    ----------
    levels
        From head to feet; '' stays ''.
    by
        +1 toward the feet (L1 becomes L2), -1 toward the head (L1 becomes T12).
    thoracic
        How many thoracic vertebrae the spine has; what the names themselves say (`thoracic_count`) unless told.
    lumbar
        Where the lumbar spine may end; at L6 unless told.

    Returns
    -------
    A new list. Shifting back with the same counts gives the names there were.

    Raises
    ------
    Refusal
        ``numbering-ends`` where a name would pass C1 or the last lumbar one; ``nothing-named`` where all are unknown.
    ValueError
        where `by` is neither +1 nor -1, no spine has so many, or a level is none.
    """
    if by not in (1, -1):
        raise ValueError(f"A numbering is shifted by one at a time, not by {by}.")
    named = [level for level in levels if level]
    if not named:
        raise Refusal("nothing-named", "No vertebra has a name to shift. Name one first.")
    thoracic = thoracic_count(levels) if thoracic is None else thoracic
    column = _column(thoracic, lumbar)
    places = [_place(level, column, thoracic, lumbar) for level in named]
    if min(places) + by < 0:
        raise Refusal("numbering-ends", "The uppermost vertebra is C1 already. The names cannot move up by one.")
    if max(places) + by >= len(column):
        raise Refusal(
            "numbering-ends", f"The lowest vertebra is {column[-1]} already. The names cannot move down by one."
        )
    return [column[column.index(level) + by] if level else "" for level in levels]


def certainty_after(before: str, level: str, certainty: str, *, said: str | None = None) -> str:
    """How sure a level is after a person has named the vertebra.

    Parameters
    ----------
    before, certainty
        Its level until now, and how sure that was.
    level
        Its level from now on; '' is never more than ``unknown``.
    said
        ``certain`` or ``assumed`` where the person says which; else a new name is ``assumed``: a name that was moved by
        hand stands on no anchor that anybody has named.
    """
    if not level:
        return "unknown"
    if said in ("certain", "assumed"):
        return said
    return certainty if level == before and certainty != "unknown" else "assumed"


def ranks_of(levels: Sequence[str]) -> list[int]:
    """Numbers that keep the vertebrae in this order, strictly rising; anatomical ranks where every level is known."""
    if all(levels):
        return [rank(level) for level in levels]
    return list(range(len(levels)))


def order_problem(levels: Sequence[str]) -> str:
    """A sentence where a level stands twice or out of order from head to feet, else an empty string."""
    above = ""
    for level in (level for level in levels if level):
        if list(levels).count(level) > 1:
            return f"Two vertebrae are called {level}. Give one of them another name."
        if above and rank(level) < rank(above):
            return f"{level} stands below {above}. Names run from head to feet: change one of them."
        above = level
    return ""
