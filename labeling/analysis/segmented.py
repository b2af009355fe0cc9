"""Segmentation against the anatomy that a person confirmed, counted as the paper counts it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from labeling.analysis.gather import Gathered, final_vertebrae
from labeling.models import Anatomy, AnatomyVertebra, Read
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.segmentation import segmentation

__all__ = ["segmentation_of"]

NO_ANATOMY: Final = (
    "Nobody has confirmed the anatomy that these references stand on, so there is nothing to hold the segmentation "
    "against. Confirm it on the anatomy page of a case."
)
_ROW = ("anatomy", "vertebra", "level", "cut", "origin", "mask_ok")

#: level, cut, origin, mask_ok of a vertebra in one anatomy
_Known = tuple[str, bool, str, str | None]
_Rows = dict[int, _Known]


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
    reads = {int(read): place for place, read in enumerate(gathered.read[column]) if read}
    pinned = dict(Read.objects.filter(pk__in=reads).values_list("pk", "anatomy"))
    cases = [int(gathered.cases[place]) for place in reads.values()]
    anatomies = {one.pk: one for one in Anatomy.objects.filter(case__in=cases).select_related("author")}
    first = {pk: _root(anatomies, pk) for pk in pinned.values() if pk is not None}
    rows = _rows({*first, *(one.pk for one in first.values())})
    said: list[tuple[bool, bool, int]] = []
    apart: Counter[str] = Counter(cut=0, unnamed=0, unchecked=0, by_hand=0)
    sources: Counter[str] = Counter()
    failed = []
    for read, place in reads.items():
        last = anatomies[pinned[read]]
        root = first[last.pk]
        before, after = rows.get(root.pk, {}), rows.get(last.pk, {})
        if last.confirmed_at is None or not any(origin == "segmented" for _, _, origin, _ in before.values()):
            apart["unchecked" if last.confirmed_at is None else "by_hand"] += 1
            continue
        sources[str(root.author) if root.author else "Mask that came with the images"] += 1
        own = [_judged(before.get(vertebra), row) for vertebra, row in after.items() if not row[1]]
        apart["cut"] += sum(cut for _, cut, _, _ in after.values())
        apart["unnamed"] += sum(not level and not cut for level, cut, _, _ in after.values())
        said += [(found, named, place) for found, named in own]
        missed = sum(not found for found, _ in own)
        misnamed = sum(found and not named for found, named in own)
        if missed or misnamed:
            name = gathered.case_names[place]
            failed.append({"case": int(gathered.cases[place]), "name": name, "missed": missed, "misnamed": misnamed})
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
