"""The units behind a number as rows to look at, with the read that opens at each; who is shown them is written down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User

from labeling.analysis.behind import Behind
from labeling.analysis.columns import REFERENCE, locked_reads
from labeling.analysis.gather import final_vertebrae
from labeling.models import AnatomyVertebra, ReaderKind, Slice
from labeling.reading.exposures import note_exposures
from labeling.reading.roles import reader_of
from labeling.statistics.codes import AO_NAMES, FRACTURE, VERDICT_NAMES

__all__ = ["Row", "Spot", "Word", "rows_behind", "spots_to_open"]

#: A read that opens, the vertebra as its anatomy calls it, and the middle slice of that.
Spot = tuple[int, int, int]


@dataclass(frozen=True)
class Word:
    """What somebody says: 'fracture', 'negative', … 'absent', and A1 … C where a type was given."""

    verdict: str
    ao: str
    score: float | None = None


@dataclass(frozen=True)
class Row:
    """One unit. `read`, `vertebra` and `k` are where it can be looked at, read None where only the case page shows it.

    level is '' where unknown, and for cases; slice is the number of the slice from 1, None unless the unit is one.
    truth is None where there is no reference, or it is one of the two.
    """

    case: int
    case_name: str
    level: str
    slice: int | None
    reader: Word
    against: Word
    truth: Word | None
    read: int | None
    vertebra: int | None
    k: int | None


def rows_behind(user: User, found: Behind, start: int = 0, stop: int | None = None) -> list[Row]:
    """Rows start to stop - 1, with the exposures that they make, in the caller's transaction."""
    places = found.places[start:stop]
    gathered, units = found.gathered, found.units
    cases = sorted({int(gathered.cases[units.case[place]]) for place in places})
    note_exposures(reader_of(user), _told(user, found, places))
    compared = {int(pk) for pk in gathered.read.ravel() if pk}
    opened = _reads_to_open(user, cases, compared)
    spots = _spots(opened, found, places)
    slices = _slices([units.slice[place] for place in places if units.slice[place]])
    return [_row(found, int(place), opened, spots, slices) for place in places]


def _row(
    found: Behind,
    place: int,
    opened: dict[int, tuple[int, int]],
    spots: dict[tuple[int, int], tuple[int, int]],
    slices: dict[str, int],
) -> Row:
    gathered, units = found.gathered, found.units
    at = int(units.vertebra[place])
    case_place = int(units.case[place])
    case = int(gathered.cases[case_place])
    truth = units.truth if REFERENCE not in (found.asking.reader, found.asking.against) else None
    spot = spots.get((case, at))
    shown = slices.get(units.slice[place])
    return Row(
        case=case,
        case_name=gathered.case_names[case_place],
        level="" if at < 0 else str(gathered.level[at]),
        slice=None if shown is None else shown + 1,
        reader=_word(units.reader, place),
        against=_word(units.against, place),
        truth=None if truth is None else _say(int(truth[0][place]), int(truth[1][place])),
        read=opened[case][0] if case in opened and (spot or at < 0) else None,
        vertebra=spot[0] if spot else None,
        k=shown if shown is not None else spot[1] if spot else None,
    )


def _word(said: tuple[np.ndarray, np.ndarray, np.ndarray], place: int) -> Word:
    score = float(said[2][place])
    return _say(int(said[0][place]), int(said[1][place]), score if np.isfinite(score) else None)


def _say(verdict: int, ao: int, score: float | None = None) -> Word:
    typed = verdict == FRACTURE and ao > 0
    return Word(VERDICT_NAMES[verdict], AO_NAMES[ao] if typed else "", score)


def _told(user: User, found: Behind, places: Iterable[int]) -> list[tuple[int, str]]:
    """(case, what) of all that these rows say to this person, but for their own reads."""
    what = {"reference": "truth", "person": "read", "model": "model", "report": "report"}
    gathered, own = found.gathered, reader_of(user).pk
    told = set()
    for case in {int(found.units.case[place]) for place in places}:
        pk = int(gathered.cases[case])
        told.add((pk, "numbers"))
        for row, column in enumerate(gathered.columns):
            if gathered.read[row, case] and column.key.partition("-")[0] != f"p{own}":
                told.add((pk, what[column.kind]))
    return sorted(told)


def spots_to_open(user: User, vertebrae: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Spot]:
    """(case, vertebra) -> where it can be looked at, for those that a read which this person may open shows."""
    opened = _reads_to_open(user, sorted({case for case, _ in vertebrae}), frozenset())
    known = _middles(opened)
    return {key: (opened[key[0]][0], *known[key]) for key in vertebrae if key in known}


def _reads_to_open(user: User, cases: Sequence[int], compared: Set[int]) -> dict[int, tuple[int, int]]:
    """Case -> (read, its anatomy): a person's read that this person may open; their own, else one of those compared."""
    rows = locked_reads(user, cases).filter(reader__kind=ReaderKind.PERSON, round__isnull=False)
    best: dict[int, tuple[tuple[bool, bool, int], int, int]] = {}
    for pk, case, reader, anatomy in rows.values_list("pk", "case", "reader__user", "anatomy"):
        rank = (reader != user.pk, pk not in compared, pk)
        if case not in best or rank < best[case][0]:
            best[case] = (rank, pk, anatomy)
    return {case: (read, anatomy) for case, (_, read, anatomy) in best.items()}


def _spots(
    opened: dict[int, tuple[int, int]], found: Behind, places: Iterable[int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """(case, place of the vertebra) -> (vertebra as the opened read's anatomy calls it, its middle slice)."""
    gathered, units = found.gathered, found.units
    known = _middles(opened)
    spots = {}
    for place in places:
        at = int(units.vertebra[place])
        key = int(gathered.cases[units.case[place]])
        if at >= 0 and (key, int(gathered.vertebra[at])) in known:
            spots[key, at] = known[key, int(gathered.vertebra[at])]
    return spots


def _middles(opened: dict[int, tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """(case, vertebra) -> (vertebra as the opened read's anatomy calls it, its middle slice)."""
    final = final_vertebrae()
    case_of = {anatomy: case for case, (_, anatomy) in opened.items()}
    known = {}
    rows = AnatomyVertebra.objects.filter(anatomy__in=case_of)
    for anatomy, vertebra, first, last in rows.values_list("anatomy", "vertebra", "first_k", "last_k"):
        known[case_of[anatomy], final.get(vertebra, vertebra)] = (vertebra, (first + last) // 2)
    return known


def _slices(sop_uids: Sequence[str]) -> dict[str, int]:
    return dict(Slice.objects.filter(sop_uid__in=sop_uids).values_list("sop_uid", "k"))
