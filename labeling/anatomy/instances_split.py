"""Where along the spine one vertebral body ends and the next begins.

Along the line of the spine (`instances_curve`) a mask is full in a body and empty in a disc. Where bodies are fused in
the mask it is less empty, where they are fused outright nothing tells but their length: a body is 0.75 to 0.85 times
as high as it is deep at every level from C3 to L5, two in one are over 1.6 times.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.instances_curve import STEP_MM, Curve, Grid
from labeling.anatomy.levels import verse_of

__all__ = ["SLIVER_GAP_MM", "TUBE", "Profile", "Segment", "expected_height", "profile_along", "segments_of"]

Floats = NDArray[np.float64]

TUBE = 0.6
"""Radius of the tube about the line that is looked at, as a share of that of the bodies: within the rims."""

FULL = 0.4
"""Share of the tube's section from which it belongs to a body."""

HEIGHT_PER_RADIUS = 1.6
"""Usual height of a body per radius of the circle in it: 0.8 of its depth."""

DIP = 0.12
"""A narrowing of the section by this share of it may be a disc; the waist of a body is no narrowing of the tube."""

ONE_BODY = 1.4
"""Parts that are together no higher than this share of the usual height can be one body."""

TWO_BODIES = 1.6
"""What is higher than this share is two."""

SPLINTER = 0.4
"""A part lower than this share of the usual height is no body by itself, unless a disc parts it from the others."""

BROAD = 0.6
"""Share of the section that a splinter has in common with the body it belongs to."""

ORDINARY, NEIGHBOURS = 0.75, 1.1
"""A neighbour of at least this share of the usual height is not crushed, and no body is higher than this times it."""

DENS_CIRCLE = 0.75
"""The circle in a dens to that in the body of C2, with room."""

DISC_MM = 2.0
"""A gap of this height, empty over the whole tube, is a disc."""

EMPTY, NEARLY_EMPTY = 0.15, 0.3
"""Share of the section below which a gap is empty, or, if it is twice as high, a bridged disc."""

SLIGHT_CIRCLE = 0.5
"""A part whose circle is smaller than this share of its neighbours' is the end of an arch or a spur, and no body."""

SPLIT_FULL = 0.65
"""... unless it fills so much of the section: then it is a body that a fracture has split."""

SLIVER, SLIVER_GAP_MM = 0.08, 1.5
"""At the border of the image the first rows of a body fill little of the section; a gap parts them from the last."""

AT_BORDER_MM = 3.0
"""A part that begins this near to the end of what is in view is cut there, if the image ends."""

TOUCHING = 0.25
"""Two bodies between which the section keeps this share have been fused by the mask."""


@dataclass(frozen=True, eq=False)
class Profile:
    """What a mask holds along the line, per sample.

    full
        Share of the section of the tube that is set.
    wide
        The same of a section as broad as the bodies.
    label
        The label that most of the section carries, 0 where it is empty.
    """

    full: Floats
    wide: Floats
    label: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Segment:
    """One body along the line: samples ``first`` to ``last``, inclusive.

    label
        What most of it is called.
    fused
        Whether it was cut from the segment below it where the mask shows no disc.
    """

    first: int
    last: int
    label: int
    fused: bool = False

    @property
    def middle(self) -> float:
        """The sample in its middle."""
        return 0.5 * (self.first + self.last)

    @property
    def height(self) -> float:
        """Millimetres along the line."""
        return (self.last - self.first + 1) * STEP_MM


def profile_along(grid: Grid, curve: Curve) -> Profile:
    """The profile of the grid's labels along the line."""
    narrow = curve.across(grid.spacing, TUBE)
    # Rows and columns beyond the array hold nothing; slices beyond it are taken to go on, so that a stack of few
    # slices is as good as one of many.
    padded = np.pad(grid.values, ((0, 0), (1, 1), (1, 1)))
    held = (padded > 0).astype(np.float32)
    near = _sampled(padded, narrow, order=0)
    full, wide = (_sampled(held, index, order=1).mean(axis=1) for index in (narrow, curve.across(grid.spacing, 1.0)))
    return Profile(full.astype(np.float64), wide.astype(np.float64), _majority(near.astype(np.uint16)))


def _sampled(padded: NDArray[Any], index: Floats, order: int) -> NDArray[Any]:
    where = (index + np.array([0.0, 1.0, 1.0])).reshape(-1, 3).T
    where[0] = np.clip(where[0], 0, padded.shape[0] - 1)
    sampled = ndimage.map_coordinates(padded, where, order=order, mode="constant")
    result: NDArray[Any] = sampled.reshape(index.shape[:2])
    return result


def _majority(labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The most frequent label other than 0 of each row; of equally frequent ones the smallest."""
    values = [value for value in np.unique(labels).tolist() if value]
    if not values:
        return np.zeros(len(labels), dtype=np.uint16)
    counts = np.stack([(labels == value).sum(axis=1) for value in values], axis=1)
    best = np.array(values, dtype=np.uint16)[counts.argmax(axis=1)]
    return np.where(counts.max(axis=1) > 0, best, 0).astype(np.uint16)


def segments_of(profile: Profile, curve: Curve, borders: tuple[bool, bool], *, numbered: bool) -> list[Segment]:
    """The bodies along the line, from head to feet.

    Parameters
    ----------
    borders
        Whether the mask may go on beyond its first and its last row, so that what lies there is cut.
    numbered
        Whether the labels tell vertebrae apart; else they only tell one piece of the mask from another.
    """
    ends = _ends(profile, borders)
    parts = _joined(_parts(profile, numbered), profile, curve, ends, numbered)
    heights = [_usual_height(parts, place, curve) for place in range(len(parts))]
    whole: list[Segment] = []
    for place, (part, usual) in enumerate(zip(parts, heights, strict=True)):
        pieces = _cut(part, usual, profile)
        has_dens = part.label == verse_of("C2") if numbered else place == 0 and _has_dens(pieces, curve)
        whole += [part] if has_dens else pieces
    return _with_slivers(_bodies(whole, profile, curve), profile, borders, numbered)


def expected_height(part: Segment, curve: Curve) -> float:
    """Usual height in mm of a body where this part lies."""
    return HEIGHT_PER_RADIUS * float(np.median(curve.radius[part.first : part.last + 1]))


def _own_height(part: Segment, curve: Curve) -> float:
    """Usual height in mm of a body with the circle of this part: what its neighbours are like says nothing."""
    return max(STEP_MM, HEIGHT_PER_RADIUS * float(curve.circle[part.first : part.last + 1].max()))


def _parts(profile: Profile, numbered: bool) -> list[Segment]:
    """Everything between two gaps, dips or changes of label: more parts than bodies."""
    smooth = ndimage.gaussian_filter1d(profile.full, 1.0 / STEP_MM)
    runs, count = ndimage.label(profile.full >= FULL)
    parts = []
    for run in range(1, count + 1):
        inside = np.flatnonzero(runs == run)
        first, last = int(inside[0]), int(inside[-1])
        ends = {first, last + 1}
        ends |= set(_dips(smooth, first, last))
        if numbered:
            change = np.flatnonzero(np.diff(profile.label[first : last + 1].astype(np.int32))) + first + 1
            ends |= {int(at) for at in change}
        borders = sorted(ends)
        for start, end in itertools.pairwise(borders):
            parts.append(Segment(start, end - 1, _label(profile, start, end - 1)))
    return parts


def _dips(smooth: Floats, first: int, last: int) -> list[int]:
    """Samples at which the section is narrower than on both sides of it."""
    inside = smooth[first : last + 1]
    found = []
    for at in range(1, len(inside) - 1):
        if inside[at] <= inside[at - 1] and inside[at] < inside[at + 1]:
            rim = min(inside[:at].max(), inside[at + 1 :].max())
            if rim - inside[at] >= DIP * rim:
                found.append(first + at)
    return found


def _label(profile: Profile, first: int, last: int) -> int:
    labels = profile.label[first : last + 1]
    labels = labels[labels > 0]
    return int(np.bincount(labels).argmax()) if len(labels) else 0


def _ends(profile: Profile, borders: tuple[bool, bool]) -> tuple[int, int]:
    """The samples from which on, toward the head and the feet, a body is cut; beyond all samples where none is."""
    held = np.flatnonzero(profile.wide >= SLIVER)
    reach = int(AT_BORDER_MM / STEP_MM)
    top = int(held[0]) + reach if len(held) and borders[0] else -1
    bottom = int(held[-1]) - reach if len(held) and borders[1] else len(profile.wide)
    return top, bottom


def _joined(
    parts: Sequence[Segment], profile: Profile, curve: Curve, ends: tuple[int, int], numbered: bool
) -> list[Segment]:
    """Parts of one body put together, the lowest gap first."""
    rest = list(parts)
    homes = _homes(rest) if numbered else {}
    while True:
        options = [
            (_gap(one, other), -_bridge(one, other, profile), place)
            for place, (one, other) in enumerate(itertools.pairwise(rest))
            if _is_one(one, other, profile, curve, homes, ends)
        ]
        if not options:
            return rest
        _, _, place = min(options)
        one, other = rest[place], rest[place + 1]
        label = max((one, other), key=lambda part: part.height).label
        rest[place : place + 2] = [Segment(one.first, other.last, label)]


def _homes(parts: Sequence[Segment]) -> dict[int, Segment]:
    """Of each label the highest part that carries it: what else carries it is a mistake of the model."""
    homes: dict[int, Segment] = {}
    for part in parts:
        if part.label not in homes or part.height > homes[part.label].height:
            homes[part.label] = part
    return homes


def _gap(one: Segment, other: Segment) -> float:
    return (other.first - one.last - 1) * STEP_MM


def _bridge(one: Segment, other: Segment, profile: Profile) -> float:
    """The least share of the section between the middles of two parts."""
    return float(profile.full[int(one.middle) : int(other.middle) + 1].min())


def _is_one(
    one: Segment,
    other: Segment,
    profile: Profile,
    curve: Curve,
    homes: dict[int, Segment],
    ends: tuple[int, int],
) -> bool:
    together = Segment(one.first, other.last, 0)
    expected = expected_height(together, curve)
    gap, bridge = _gap(one, other), _bridge(one, other, profile)
    same = one.label == other.label
    is_disc = (gap >= DISC_MM and bridge < EMPTY) or (gap >= 2 * DISC_MM and bridge < NEARLY_EMPTY)
    if homes and same and one.label == verse_of("C2"):
        return True
    if homes and not same and homes.get(one.label) == one and homes.get(other.label) == other:
        # Each is what its label means. A sliver is not, however it is called.
        return (
            min(one.height, other.height) < 0.15 * expected and not is_disc and together.height <= ONE_BODY * expected
        )
    if is_disc:
        # A body broken across is one label on both sides of a narrow gap.
        return bool(homes) and same and gap < 2 * DISC_MM and together.height <= ONE_BODY * expected
    if not homes and not same and (one.first <= ends[0] or other.last >= ends[1]):
        # Two pieces, and one of them is what the border has left of the next body.
        return False
    beside = [part for part, at_end in ((other, one.first <= ends[0]), (one, other.last >= ends[1])) if at_end]
    if not homes and bridge < BROAD and any(part.height >= ORDINARY * expected for part in beside):
        # The same, bridged: what is left without it is a whole body.
        return False
    if together.height <= (TWO_BODIES if homes and same else ONE_BODY) * expected:
        return True
    # A splinter that hangs on broadly is none of its own; a flat body has a disc, and be it a bridged one.
    is_splinter = min(one.height, other.height) < SPLINTER * expected and bridge >= BROAD
    return is_splinter and together.height < TWO_BODIES * expected


def _usual_height(parts: Sequence[Segment], place: int, curve: Curve) -> float:
    """Usual height in mm of a body at a part: by its circle, or by its neighbours where a filled canal widens that."""
    expected = expected_height(parts[place], curve)
    around = [part for n, part in enumerate(parts) if n != place and abs(n - place) <= 3]
    whole = [part.height for part in around if ORDINARY <= part.height / _own_height(part, curve) <= ONE_BODY]
    return min(expected, NEIGHBOURS * float(np.median(whole))) if len(whole) >= 2 else expected


def _cut(part: Segment, expected: float, profile: Profile) -> list[Segment]:
    """A part that is too high for one body cut into as many as it holds, else the part alone."""
    # n bodies and the n - 1 discs between them, each a quarter of a body.
    count = max(1, round((part.height / expected + 0.25) / 1.25))
    if count == 1 or part.height <= TWO_BODIES * expected:
        return [part]
    smooth = ndimage.gaussian_filter1d(profile.full, 1.0 / STEP_MM)
    pitch = (part.last - part.first + 1) / count
    borders = [part.first]
    for place in range(1, count):
        ideal = part.first + place * pitch
        window = np.arange(int(ideal - 0.25 * pitch), int(ideal + 0.25 * pitch) + 1)
        # Narrow, and near to where equal bodies would part.
        cost = smooth[window] + 0.3 * (np.abs(window - ideal) / (0.25 * pitch)) ** 2
        borders.append(int(window[int(cost.argmin())]))
    borders.append(part.last + 1)
    pieces = [Segment(a, b - 1, _label(profile, a, b - 1), True) for a, b in itertools.pairwise(borders)]
    return [*pieces[:-1], replace(pieces[-1], fused=False)]


def _has_dens(pieces: Sequence[Segment], curve: Curve) -> bool:
    """Whether the uppermost of these is the dens of C2: much thinner than the body below it."""
    circles = [float(np.median(curve.circle[one.first : one.last + 1])) for one in pieces]
    return len(pieces) > 1 and circles[0] < DENS_CIRCLE * circles[-1]


def _bodies(parts: Sequence[Segment], profile: Profile, curve: Curve) -> list[Segment]:
    """The parts that are bodies; where two of them touch, the upper one says that they were fused."""
    circles = [float(curve.circle[part.first : part.last + 1].max()) for part in parts]
    kept = []
    for place, part in enumerate(parts):
        around = [circles[n] for n in range(max(0, place - 2), min(len(parts), place + 3)) if n != place]
        is_slight = bool(around) and circles[place] < SLIGHT_CIRCLE * float(np.median(around))
        if not is_slight or float(np.median(profile.full[part.first : part.last + 1])) >= SPLIT_FULL:
            kept.append(part)
    for place, (one, other) in enumerate(itertools.pairwise(kept)):
        if _bridge(one, other, profile) >= TOUCHING:
            kept[place] = replace(kept[place], fused=True)
    return kept


def _with_slivers(parts: list[Segment], profile: Profile, borders: tuple[bool, bool], numbered: bool) -> list[Segment]:
    """The bodies, and above and below them what the border of the image has left of the next one."""
    held = profile.wide >= SLIVER
    if not parts or not held.any():
        return parts
    runs, count = ndimage.label(held)
    result = list(parts)
    for place, run, is_border in ((0, 1, borders[0]), (len(parts), count, borders[1])):
        inside = np.flatnonzero(runs == run)
        first, last = int(inside[0]), int(inside[-1])
        beside = parts[0] if place == 0 else parts[-1]
        gap = (beside.first - last if place == 0 else first - beside.last) - 1
        sliver = Segment(first, last, _label(profile, first, last))
        # With numbers it is the arch of the vertebra beside it where it is called so.
        if is_border and gap >= SLIVER_GAP_MM / STEP_MM and not (numbered and sliver.label == beside.label):
            result = [sliver, *result] if place == 0 else [*result, sliver]
    return result
