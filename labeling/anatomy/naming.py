"""Names second: what the vertebrae of a mask are called, and how sure that is.

All spines that there can be (11 to 13 thoracic and 4 to 6 lumbar vertebrae) are laid beside the row of instances at
every place, and weighed: by landmarks (`labeling.anatomy.anchors`), by the votes of the model, by how frequent such a
spine is, and last by the protocol, which says that the lowest vertebra is L5.

*certain* asks for two landmarks that agree, a chain without a gap that holds both, and a name that is the same in every
spine that fits them:

- The last rib and the sacrum with five vertebrae between: these are L1 to L5. What carries the last rib is T12 in most
  spines and T13 or T11 in some, so thoracic names ask for a model, besides, that calls every vertebra in view so.
- With four or six between them both counts have their reading. With C7 and T1 or C2 in view as well, names are certain
  where the model, too, calls every vertebra so.
- C7 and T1 are landmarks by the model's own word, so they are none against a model that is off by one: they ask for
  the last rib, and for a model that agrees with it throughout. C2 has a dens and stands by itself.

*assumed* is what rests on one landmark, on the model or on the protocol. *unknown* is what rests on nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.anchors import TRUST, Anchors, Ribs, anchors_of
from labeling.anatomy.instances import Instance, Instances
from labeling.anatomy.levels import level_of, verse_of
from labeling.anatomy.numbering import LUMBAR, THORACIC, count_down

__all__ = ["UNNAMED", "Name", "Naming", "name_instances", "name_row", "named_map"]

UNNAMED = 100
"""In a map of named vertebrae the first without a name is 101, the next 102, from head to feet."""

RARE = {12: 0.0, 11: 2.5, 13: 4.0}
"""What a number of thoracic vertebrae costs: 12 in 9 of 10 spines, 11 in 8 % at most, 13 in 0.4 %."""

RARE_LUMBAR = {5: 0.0, 4: 3.0, 6: 3.0}

ANCHOR, VOTES, PROTOCOL = 10.0, 12.0, 1.0
"""What a landmark, the model if it is of one mind, and the protocol weigh."""

ONE_MIND = 3
"""Power of the share of names that the model agrees with: half a model says little, or a rare spine would be made of a
slip in half of the names."""

FEWEST_THORACIC = 2
"""Thoracic vertebrae that the model must have named for its word on them to count: one alone may be a slip."""

LEAST_L5_MM = 26.0
"""No L5 of an adult is less deep (33, SD 2.6 in women), so the protocol does not speak of such a vertebra."""

CONTRARY = 0.6
"""A name that landmarks make certain is only assumed where the model says otherwise; all of them are where it agrees
with less than this share."""


@dataclass(frozen=True, slots=True)
class Name:
    """What an instance is called.

    level
        C1 ... L6, or '' where nothing speaks.
    certainty
        ``certain``, ``assumed`` or ``unknown``.
    """

    level: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of all instances.

    names
        From head to feet.
    note
        Sentences on what they rest on, and what else they may be.
    other
        The next best reading where landmarks, or landmarks and model, disagree; else empty.
    """

    names: tuple[Name, ...]
    note: str
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    thoracic: int
    lumbar: int
    levels: tuple[str, ...]
    score: float


def name_instances(found: Instances, *, ribs: Ribs | None = None, whole: bool = True, lowest: str = "L5") -> Naming:
    """Names for the instances of a mask.

    Parameters
    ----------
    ribs
        Which instances carry ribs, see `labeling.anatomy.anchors.ribs_of_mask`; None where nobody looked.
    whole
        Whether the mask holds posterior elements, so that their span may tell T12 from L1.
    lowest
        What the protocol says the lowest vertebra of a scan is; '' where it says nothing.
    """
    return name_row(found.items, anchors_of(found, ribs, whole=whole), lowest=lowest)


def name_row(items: Sequence[Instance], anchors: Anchors, *, lowest: str = "L5") -> Naming:
    """Names for a row of instances with these landmarks in view; as `name_instances`."""
    if not items:
        return Naming((), "There is no vertebra to name.")
    places = _places(items)
    protocol = lowest if items[-1].width_mm >= LEAST_L5_MM else ""
    readings = _readings(items, places, anchors, protocol)
    speaks = _kinds(anchors) > 0 or any(item.votes for item in items) or bool(protocol)
    if not readings or not speaks:
        unknown = Name("", "unknown")
        why = (
            "More vertebrae than a spine has."
            if not readings
            else "No landmark is in view and the mask has no numbers."
        )
        return Naming((unknown,) * len(items), f"{why} Name one of them by hand.")
    best = readings[0]
    sure = [name == best.levels[n] for n, name in enumerate(_sure(items, places, anchors, readings))]
    against = [ok and _called_otherwise(item, level) for item, level, ok in zip(items, best.levels, sure, strict=True)]
    contrary = any(against)
    if sum(against) > (1 - CONTRARY) * sum(sure):
        sure = [False] * len(items)
    sure = [ok and not doubt for ok, doubt in zip(sure, against, strict=True)]
    names = tuple(Name(level, "certain" if ok else "assumed") for level, ok in zip(best.levels, sure, strict=True))
    other = () if all(sure) else _other(items, anchors, readings, contrary)
    return Naming(names, _note(items, anchors, names, best, other), other)


def named_map(found: Instances, naming: Naming, *, bodies: bool = False) -> NDArray[np.uint8]:
    """The instances as VerSe numbers, (k, r, c) on their grid; those without a name from 101 on."""
    values = np.zeros(256, dtype=np.uint8)
    nameless = UNNAMED
    for item, name in zip(found.items, naming.names, strict=True):
        nameless += not name.level
        values[item.value] = verse_of(name.level) if name.level else nameless
    result: NDArray[np.uint8] = values[found.bodies if bodies else found.vertebrae]
    return result


def _places(items: Sequence[Instance]) -> list[int]:
    """The place of each instance in the spine, counted from the uppermost; gaps count as the bodies that fit in."""
    places = [0]
    for item in items[:-1]:
        places.append(places[-1] + 1 + item.missing_below)
    return places


def _readings(items: Sequence[Instance], places: Sequence[int], anchors: Anchors, protocol: str) -> list[_Reading]:
    """Every spine at every place where it fits, the most likely first."""
    readings = []
    for thoracic, lumbar in product(THORACIC, LUMBAR):
        column = count_down("C1", 7 + thoracic + lumbar, thoracic=thoracic, lumbar=lumbar)
        for start in range(len(column) - places[-1]):
            levels = tuple(column[start + place] for place in places)
            kept, broken = _kept(anchors, levels, thoracic, lumbar)
            score = ANCHOR * (kept - broken) - RARE[thoracic] - RARE_LUMBAR[lumbar]
            score += VOTES * _agreement(items, levels) ** ONE_MIND + PROTOCOL * (levels[-1] == protocol)
            readings.append(_Reading(thoracic, lumbar, levels, score))
    # Of equal ones the usual spine, then the one that lies lower.
    readings.sort(key=lambda one: (-one.score, abs(one.thoracic - 12) + abs(one.lumbar - 5), -_rank(one.levels[-1])))
    return readings


def _rank(level: str) -> int:
    return {"C": 0, "T": 20, "L": 40}[level[0]] + int(level[1:])


def _kept(anchors: Anchors, levels: Sequence[str], thoracic: int, lumbar: int) -> tuple[int, int]:
    """How many landmarks a reading keeps to, and how many it breaks."""
    asked = [
        (anchors.last_lumbar, f"L{lumbar}"),
        (anchors.last_thoracic, f"T{thoracic}"),
        (anchors.first_thoracic, "T1"),
        (anchors.axis, "C2"),
    ]
    seen = [levels[place] == level for place, level in asked if place is not None]
    return sum(seen), len(seen) - sum(seen)


def _agreement(items: Sequence[Instance], levels: Sequence[str]) -> float:
    """Mean share of the bodies that the model calls so, over those that it calls anything; 0 where there are none."""
    shares = [
        next((share for label, share in item.votes if label == verse_of(level)), 0.0)
        for item, level in zip(items, levels, strict=True)
        if item.votes
    ]
    return sum(shares) / len(shares) if shares else 0.0


def _kinds(anchors: Anchors) -> int:
    top = anchors.first_thoracic is not None or anchors.axis is not None
    return sum((top, anchors.last_thoracic is not None, anchors.last_lumbar is not None))


def _sure(
    items: Sequence[Instance], places: Sequence[int], anchors: Anchors, readings: Sequence[_Reading]
) -> list[str]:
    """Of each instance the name that follows from two landmarks, else ''."""
    nothing = [""] * len(items)
    seen = [
        p for p in (anchors.last_lumbar, anchors.last_thoracic, anchors.first_thoracic, anchors.axis) if p is not None
    ]
    if _kinds(anchors) < 2 or anchors.short_rib:
        return nothing
    # Every landmark must lie in one chain without a gap, and what is named with it.
    chain = [places[n] - n for n in range(len(items))]
    if len({chain[place] for place in seen}) != 1:
        return nothing
    fitting = [one for one in readings if not _kept(anchors, one.levels, one.thoracic, one.lumbar)[1]]
    left = _left(items, fitting, anchors)
    result = []
    for n in range(len(items)):
        levels = {one.levels[n] for one in left}
        result.append(min(levels) if len(levels) == 1 and chain[n] == chain[seen[0]] else "")
    return result


def _left(items: Sequence[Instance], fitting: list[_Reading], anchors: Anchors) -> list[_Reading]:
    """Of the readings that fit the landmarks those that cannot be ruled out; none where nothing can be certain."""
    top = anchors.axis is not None or anchors.first_by_ribs
    rib, sacrum = anchors.last_thoracic is not None, anchors.last_lumbar is not None
    called = [one for one in fitting if _is_called(items, one.levels)]
    first = anchors.first_thoracic is not None
    if rib and called and (top or first or (sacrum and called[0].lumbar == 5 and not _is_denied(items, called[0]))):
        return called[:1]
    if rib and sacrum:
        five = [one for one in fitting if one.lumbar == 5]
        return [one for one in five if one.thoracic == 12] if top else five
    if top and rib:
        # The step of the processes may lie one level off: only where it gives the usual count is it believed.
        return fitting if anchors.by_ribs else [one for one in fitting if one.thoracic == 12]
    if top and sacrum:
        usual = [one for one in fitting if (one.thoracic, one.lumbar) == (12, 5)]
        return usual or [one for one in fitting if (one.thoracic == 12) != (one.lumbar == 5)]
    return []


def _is_called(items: Sequence[Instance], levels: Sequence[str]) -> bool:
    """Whether the model calls every vertebra in full view so, and thoracic ones among them."""
    for item, level in zip(items, levels, strict=True):
        if not item.votes or (not item.cut and item.votes[0][1] < TRUST) or _called_otherwise(item, level):
            return False
    return sum(level[0] == "T" for level in levels) >= FEWEST_THORACIC


def _is_denied(items: Sequence[Instance], one: _Reading) -> bool:
    """Whether C7 and T1 are said to be in full view: then they do not look it, or they would be a landmark."""
    whole = {level for item, level in zip(items, one.levels, strict=True) if not item.cut}
    return {"C7", "T1"} <= whole


def _called_otherwise(item: Instance, level: str) -> bool:
    """Whether the model calls an instance something else beyond doubt."""
    return bool(item.votes) and item.votes[0][1] >= TRUST and level_of(item.votes[0][0]) != level


def _other(
    items: Sequence[Instance], anchors: Anchors, readings: Sequence[_Reading], contrary: bool
) -> tuple[str, ...]:
    """The next best names where something speaks for them; a rarer spine or the protocol alone does not."""
    best = readings[0]
    _, broken = _kept(anchors, best.levels, best.thoracic, best.lumbar)
    ambiguous = best.lumbar != 5 or best.thoracic != 12
    votes = any(item.votes for item in items)
    split = contrary or (votes and _agreement(items, best.levels) < CONTRARY)
    if not (broken or ambiguous or split or anchors.short_rib):
        return ()
    rest = [one for one in readings if one.levels != best.levels]
    if split and not broken:
        rest.sort(key=lambda one: -_agreement(items, one.levels))
    return rest[0].levels if rest else ()


def _note(
    items: Sequence[Instance], anchors: Anchors, names: Sequence[Name], best: _Reading, other: tuple[str, ...]
) -> str:
    sentences = [_rests_on(items, anchors, names)]
    if best.thoracic != 12 and {"T13", "T11"} & set(best.levels):
        sentences.append(f"There are {best.thoracic} thoracic vertebrae.")
    if best.lumbar != 5 and anchors.last_lumbar is not None:
        sentences.append(f"There are {best.lumbar} lumbar vertebrae.")
    if anchors.short_rib:
        sentences.append("The last rib is short: the vertebra that carries it may be lumbar.")
    for place, item in enumerate(items):
        if item.missing_below:
            count = "One vertebra is" if item.missing_below == 1 else f"{item.missing_below} vertebrae are"
            sentences.append(f"{count} missing in the mask between {best.levels[place]} and {best.levels[place + 1]}.")
    if other:
        sentences.append(f"The other reading is {_span(other)} instead of {_span(best.levels)}.")
    return " ".join(sentences)


def _span(levels: Sequence[str]) -> str:
    return levels[0] if len(levels) == 1 else f"{levels[0]} to {levels[-1]}"


def _rests_on(items: Sequence[Instance], anchors: Anchors, names: Sequence[Name]) -> str:
    landmarks = []
    if anchors.axis is not None:
        landmarks.append("C2")
    if anchors.first_thoracic is not None:
        landmarks.append("C7 and T1")
    if anchors.last_thoracic is not None:
        landmarks.append("the last rib" if anchors.by_ribs else "the transverse processes of T12 and L1")
    if anchors.last_lumbar is not None:
        landmarks.append("the sacrum")
    if landmarks:
        listed = landmarks[0] if len(landmarks) == 1 else f"{', '.join(landmarks[:-1])} and {landmarks[-1]}"
        sure = sum(name.certainty == "certain" for name in names)
        if sure == len(names):
            return f"The names are certain: counted from {listed}."
        if sure:
            return f"{sure} of {len(names)} names are certain: counted from {listed}."
        return f"The names are assumed: counted from {listed}."
    if any(item.votes for item in items):
        return "The names are assumed: they are the model's, and no landmark is in view."
    return f"The names are assumed: no landmark is in view, so the lowest vertebra is taken for {names[-1].level}."
