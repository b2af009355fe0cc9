"""Segmentation against the anatomy that a person confirmed, counted as the paper counts it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labeling.analysis.gather import Gathered, final_vertebrae
from labeling.models import Anatomy, AnatomyVertebra, Read
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.segmentation import segmentation

__all__ = ["SegmentedRow", "segmentation_of", "segmented_rows"]

NO_ANATOMY: Final = (
    "Nobody has confirmed the anatomy that these references stand on, so there is nothing to hold the segmentation "
    "against. Confirm it on the anatomy page of a case."
)
IN_VIEW, CUT, UNCHECKED, BY_HAND, EMPTY = "in view", "cut", "unchecked", "by hand", "empty"
_ROW = ("anatomy", "vertebra", "level", "cut", "origin", "mask_ok")

#: level, cut, origin, mask_ok of a vertebra in one anatomy
_Known = tuple[str, bool, str, str | None]
_Rows = dict[int, _Known]


@dataclass(frozen=True)
class SegmentedRow:
    """A vertebra of a confirmed anatomy (state IN_VIEW or CUT), or a case that is not counted: vertebra None.

    case: its place in the `Gathered`. level: as it was confirmed. source: what segmented it, empty where not counted.
    """

    case: int
    vertebra: int | None
    state: str
    level: str = ""
    segmented: bool = False
    named_right: bool = False
    source: str = ""


def segmented_rows(gathered: Gathered, column: int) -> list[SegmentedRow]:
    """What `segmentation_of` counts, by case."""
    reads = {int(read): place for place, read in enumerate(gathered.read[column]) if read}
    pinned = dict(Read.objects.filter(pk__in=reads).values_list("pk", "anatomy"))
    cases = [int(gathered.cases[place]) for place in reads.values()]
    anatomies = {one.pk: one for one in Anatomy.objects.filter(case__in=cases).select_related("author")}
    first = {pk: _root(anatomies, pk) for pk in pinned.values() if pk is not None}
    rows = _rows({*first, *(one.pk for one in first.values())})
    found = []
    for read, place in reads.items():
        last = anatomies[pinned[read]]
        root = first[last.pk]
        before, after = rows.get(root.pk, {}), rows.get(last.pk, {})
        if last.confirmed_at is None or not any(origin == "segmented" for _, _, origin, _ in before.values()):
            found.append(SegmentedRow(place, None, UNCHECKED if last.confirmed_at is None else BY_HAND))
            continue
        source = str(root.author) if root.author else "Mask that came with the images"
        if not after:
            found.append(SegmentedRow(place, None, EMPTY, source=source))
        for vertebra, row in after.items():
            level, cut, _, _ = row
            judged = _judged(before.get(vertebra), row)
            found.append(SegmentedRow(place, vertebra, CUT if cut else IN_VIEW, level, *judged, source))
    return found


def segmentation_of(gathered: Gathered, column: int, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """What the first version of the anatomy, as it came of the segmentation, has of what the confirmed one shows.

    Parameters
    ----------
    column
        Row of the `Gathered` whose reads name the confirmed anatomies: the reference's.

    Returns
    -------
    numbers (`Segmentation.as_json`, None where nothing was confirmed), note (why, in that case), cases, cut (vertebrae
    set aside), unnamed (in view, of unknown level), unchecked and by_hand (cases left out: nobody confirmed them, or
    nothing was segmented), sources (label, cases), failed (case, name, missed, misnamed of each case not right).
    """
    rows = segmented_rows(gathered, column)
    said = [(row.segmented, row.named_right, row.case) for row in rows if row.state == IN_VIEW]
    states = Counter(row.state for row in rows)
    apart = {
        "cut": states[CUT],
        "unnamed": sum(not row.level for row in rows if row.state == IN_VIEW),
        "unchecked": states[UNCHECKED],
        "by_hand": states[BY_HAND],
    }
    sources = Counter({row.case: row.source for row in rows if row.source}.values())
    missed = Counter(place for found, _, place in said if not found)
    misnamed = Counter(place for found, named, place in said if found and not named)
    failed = [
        {
            "case": int(gathered.cases[place]),
            "name": gathered.case_names[place],
            "missed": missed[place],
            "misnamed": misnamed[place],
        }
        for place in {*missed, *misnamed}
    ]
    at = np.array([place for *_, place in said], np.int64)
    numbers = None
    if said:
        found, named = (np.array([one[which] for one in said], bool) for which in (0, 1))
        numbers = segmentation(found, named, at, gathered.patient_of_case[at], bootstrap).as_json()
    return {
        "numbers": numbers,
        "note": "" if said else NO_ANATOMY,
        "cases": sum(sources.values()),
        **apart,
        "sources": [{"label": label, "cases": n} for label, n in sources.most_common()],
        "failed": sorted(failed, key=lambda one: str(one["name"])),
    }


def _root(anatomies: dict[int, Anatomy], pk: int) -> Anatomy:
    """The first version that this one goes back to."""
    one = anatomies[pk]
    while one.parent_id is not None and one.parent_id in anatomies:
        one = anatomies[one.parent_id]
    return one


def _rows(anatomies: set[int]) -> dict[int, _Rows]:
    final = final_vertebrae()
    found: dict[int, _Rows] = {}
    for anatomy, vertebra, *row in AnatomyVertebra.objects.filter(anatomy__in=anatomies).values_list(*_ROW):
        level, cut, origin, mask_ok = row
        found.setdefault(anatomy, {})[final.get(vertebra, vertebra)] = (level, cut, origin, mask_ok)
    return found


def _judged(before: _Known | None, after: _Known) -> tuple[bool, bool]:
    """Whether a vertebra in view was segmented, and whether it was named right."""
    found = before is not None and before[2] == "segmented" and after[3] not in ("no", "missing")
    return found, bool(found and before is not None and after[0] and before[0] == after[0])
