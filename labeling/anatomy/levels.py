"""The names of the vertebrae, their VerSe numbers in masks, and their order from head to feet.

VerSe numbers: 1-7 = C1-C7, 8-19 = T1-T12, 20-25 = L1-L6, 26 = sacrum, 28 = T13. The number of T13 came late and stands
last, so numbers must never be sorted as numbers: sort by `rank`.
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["LEVELS", "SACRUM", "level_of", "next_level", "previous_level", "rank", "verse_of"]

LEVELS: tuple[str, ...] = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 14)),
    *(f"L{n}" for n in range(1, 7)),
)
"""Every level from head to feet; T13 between T12 and L1."""

SACRUM = 26
"""The VerSe number of the sacrum: an anchor for the levels above it, and no level itself."""

_T13 = 28
_VERSE: dict[str, int] = {
    level: _T13 if level == "T13" else number
    for number, level in [
        *enumerate((level for level in LEVELS if level != "T13"), start=1),
        (_T13, "T13"),
    ]
}
_LEVEL: dict[int, str] = {number: level for level, number in _VERSE.items()}
_RANK: dict[str, int] = {level: place for place, level in enumerate(LEVELS)}

# Most spines have neither; a chain steps on them only where they are known to be there.
_OPTIONAL = frozenset({"T13", "L6"})


def level_of(verse: int) -> str:
    """The level of a VerSe number.

    Raises
    ------
    ValueError
        where the number names no vertebra (0, the sacrum 26, 27, and everything over 28).
    """
    try:
        return _LEVEL[int(verse)]
    except KeyError:
        raise ValueError(
            f"{verse} names no vertebra. VerSe numbers of vertebrae are 1 to 25, and 28 for T13."
        ) from None


def verse_of(level: str) -> int:
    """The VerSe number of a level.

    Raises
    ------
    ValueError
        where `level` is none of `LEVELS`.
    """
    _known(level)
    return _VERSE[level]


def rank(level: str) -> int:
    """The place of a level from head to feet: C1 is 0, T13 comes after T12, L6 is the last.

    Raises
    ------
    ValueError
        where `level` is none of `LEVELS`.
    """
    _known(level)
    return _RANK[level]


def next_level(level: str, present: Collection[str] = ()) -> str | None:
    """The level below, or None below the last one.

    T13 and L6 are stepped on only where `present` holds them: below T12 comes L1, below L5 the sacrum (None).
    """
    return _step(level, +1, present)


def previous_level(level: str, present: Collection[str] = ()) -> str | None:
    """The level above, or None above C1. T13 and L6 as in `next_level`."""
    return _step(level, -1, present)


def _step(level: str, step: int, present: Collection[str]) -> str | None:
    place = rank(level) + step
    while 0 <= place < len(LEVELS) and LEVELS[place] in _OPTIONAL and LEVELS[place] not in present:
        place += step
    return LEVELS[place] if 0 <= place < len(LEVELS) else None


def _known(level: str) -> None:
    if level not in _RANK:
        raise ValueError(f"{level!r} is not a level. Levels are C1 to C7, T1 to T13 and L1 to L6.")
