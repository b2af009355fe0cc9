"""What fixes the names of vertebrae: landmarks of the spine seen in a mask, whatever the model calls anything.

sacrum
    The lowest vertebra above it is the last lumbar one.
last rib
    The lowest vertebra that carries a rib is the last thoracic one (the 19th from C1 in 92 %: Forseen, 244 whole-spine
    CT). Where no ribs are given, the step in the span of the transverse processes from T12 to L1 (46-58 to 75-82 mm in
    three spines) tells the same junction.
first rib
    The uppermost vertebra that carries a rib, below one in full view that carries none, is T1.
C2
    Called so by the model, and as high as a vertebra with a dens is.
C7 and T1
    Called so by the model, both complete, and the processes of T1 no narrower than those about it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.instances import Instance, Instances
from labeling.anatomy.levels import verse_of
from labeling.imaging.geometry import Geometry

__all__ = ["TRUST", "Anchors", "Ribs", "Span", "anchors_of", "ribs_of_mask", "transverse_spans"]

Floats = NDArray[np.float64]

SACRUM_ML, SACRUM_GAP_MM = 5.0, 30.0
"""A sacrum is larger than this, and its upper end lies this near to the lowest body."""

SPAN_RATIO, SPAN_RATIO_SEEN = 1.22, 1.1
"""By how much the processes of L1 are wider than those of T12 (1.33 to 1.8 in three spines, no other level over 1.1
below the neck); the latter where the border cuts those of L1, so that they are wider than what is seen of them."""

LEAST_T12_MM, LARGEST_TO_T12 = 25.0, 1.3
"""The deeper of T12 and L1 of an adult is no less deep than the first, and the deepest body in view is at most so much
deeper: there is a step of the processes from C6 to T1, too."""

WIDEST_T12_MM, WIDE_FOR_DEPTH, WIDE_FOR_DEPTH_SEEN = 66.0, 2.2, 2.05
"""Width of the processes, and its ratio to the depth of the body, that T12 does not reach (46 to 60; 1.6 to 1.9) and
L1 exceeds (72 to 82; 2.2 to 2.6); the latter where the border cuts those of the vertebra below, so that the step up to
them says less."""

LEAST_SECTION_MM2 = 15.0
"""Sagittal section from which a process counts."""

TRUST = 0.6
"""Share of a body that must carry a name for the model to be said to call it so."""

DENS_TO_BODY = 1.5
"""Height of C2 with its dens to that of C3 from which it is one."""

T2_TO_T1 = 1.03
"""The processes of T2 are no wider than those of T1 (0.87 to 0.95), with room for what a mask gets wrong."""

HEAD_MM = 14.0
"""A rib's head lies this near to a body; its nearest point is looked at."""

SHORT_RIB_MM = 60.0
"""The last rib, if shorter than this, may be one of a vertebra that another reader would call lumbar."""

FIELD_MM = 25.0
"""Beside a body so much must be in view on both sides for a missing rib to mean that there is none."""

RIB_SPECK_MM3 = 100.0


@dataclass(frozen=True, slots=True)
class Ribs:
    """The vertebrae that carry ribs.

    carriers
        Values of the instances, in order.
    short
        Whether the lowest rib in view is so short that it may be no rib.
    """

    carriers: tuple[int, ...]
    short: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """Width in mm of the transverse processes, 0 where not in view; whether the border leaves them alone on one side at
    least, else they are wider than that."""

    mm: float
    complete: bool


@dataclass(frozen=True, slots=True)
class Anchors:
    """Places of instances (0 = uppermost) that landmarks fix; None where a landmark is not in view.

    last_lumbar
        The sacrum lies below it.
    last_thoracic, by_ribs, short_rib
        The last rib, or the step of the transverse span; by which of the two; whether that rib may be none.
    first_thoracic, first_by_ribs
        The first rib, or the model with the shape of C7 and T1; by which of the two.
    axis
        C2, by the model with the shape of it: a dens.
    """

    last_lumbar: int | None = None
    last_thoracic: int | None = None
    by_ribs: bool = False
    short_rib: bool = False
    first_thoracic: int | None = None
    first_by_ribs: bool = False
    axis: int | None = None


def anchors_of(found: Instances, ribs: Ribs | None = None, *, whole: bool = True) -> Anchors:
    """The landmarks in view.

    Parameters
    ----------
    ribs
        From a mask of ribs (`ribs_of_mask`) or from whatever else sees them.
    whole
        Whether the mask holds posterior elements, so that the transverse span means something.
    """
    if not found.items:
        return Anchors()
    spans = transverse_spans(found) if whole else [Span(0.0, False)] * len(found.items)
    last_thoracic, by_ribs, short = None, False, False
    if ribs is not None:
        last_thoracic = _last_rib(found, ribs)
        by_ribs, short = last_thoracic is not None, ribs.short
    if last_thoracic is None:
        last_thoracic = _span_step(found.items, spans)
    first = _first_rib(found, ribs) if ribs is not None else None
    return Anchors(
        last_lumbar=_above_sacrum(found),
        last_thoracic=last_thoracic,
        by_ribs=by_ribs,
        short_rib=by_ribs and short,
        first_thoracic=_c7_t1(found.items, spans) if first is None else first,
        first_by_ribs=first is not None,
        axis=_axis(found.items),
    )


def _above_sacrum(found: Instances) -> int | None:
    """The place of the lowest instance where the sacrum lies right below it and it is complete."""
    if found.sacrum is None or found.items[-1].cut:
        return None
    region = ndimage.find_objects(found.sacrum.astype(np.uint8))[0]
    inside = found.sacrum[region]
    voxel = float(np.prod(found.geometry.spacing))
    if np.count_nonzero(inside) * voxel < SACRUM_ML * 1000:
        return None
    lowest = found.items[-1]
    start = np.array([side.start for side in region])
    points = found.geometry.to_patient(np.argwhere(inside)[:: max(1, np.count_nonzero(inside) // 20_000)] + start)
    centre = np.array(lowest.centre)
    gap = float(np.linalg.norm(points - centre, axis=1).min()) - 0.5 * lowest.height_mm
    below = float(points[:, 2].mean()) < centre[2]
    return len(found.items) - 1 if below and gap <= SACRUM_GAP_MM else None


def transverse_spans(found: Instances) -> list[Span]:
    """Of each vertebra the width of its processes."""
    return [_span(item, found, region) for item, region in zip(found.items, _regions(found), strict=True)]


def _regions(found: Instances) -> list[tuple[slice, slice, slice]]:
    regions = ndimage.find_objects(found.vertebrae)
    return [regions[item.value - 1] for item in found.items]


def _span(item: Instance, found: Instances, region: tuple[slice, slice, slice]) -> Span:
    if item.cut_where in ("top", "bottom"):
        return Span(0.0, False)
    step = float(found.geometry.spacing[0])
    # A voxel of a rib that hangs on must not widen it: rows and columns of the whole width count.
    mask = found.vertebrae[region] == item.value
    sections = mask.sum(axis=(1, 2)) * float(np.prod(found.geometry.spacing[1:]))
    wide = np.flatnonzero(sections >= LEAST_SECTION_MM2) + region[0].start
    if not len(wide):
        return Span(0.0, False)
    beside = np.r_[0 : max(0, item.first_k - region[0].start), item.last_k + 1 - region[0].start : len(mask)]
    rows = np.flatnonzero(mask[beside].any(axis=(0, 2))) + region[1].start
    inside = not len(rows) or bool(rows[0] > 1 and rows[-1] < found.geometry.shape[1] - 2)
    middle = 0.5 * (item.first_k + item.last_k)
    right, left = middle - float(wide[0]) + 0.5, float(wide[-1]) - middle + 0.5
    cut_right, cut_left = wide[0] <= 1, wide[-1] >= found.geometry.shape[0] - 2
    if cut_right != cut_left:
        # The side that is in view stands for the other.
        seen = left if cut_right else right
        return Span(max(right + left, 2 * seen) * step, inside)
    return Span((right + left) * step, inside and not cut_right)


def _span_step(items: Sequence[Instance], spans: Sequence[Span]) -> int | None:
    """The place of the last instance above the one step of the span, if there is exactly one."""
    deepest = max(item.width_mm for item in items)
    steps = []
    for place, (above, below) in enumerate(itertools.pairwise(spans)):
        depth = max(item.width_mm for item in items[place : place + 2])
        if items[place].missing_below or depth < max(LEAST_T12_MM, deepest / LARGEST_TO_T12):
            continue
        least, most = (SPAN_RATIO, WIDE_FOR_DEPTH) if below.complete else (SPAN_RATIO_SEEN, WIDE_FOR_DEPTH_SEEN)
        is_t12 = above.complete and 0 < above.mm <= min(WIDEST_T12_MM, most * depth)
        if is_t12 and below.mm >= least * above.mm:
            steps.append(place)
    return steps[0] if len(steps) == 1 else None


def _named(items: Sequence[Instance], level: str) -> int | None:
    """The place of the complete instance that the model calls so beyond doubt, if there is exactly one."""
    value = verse_of(level)
    places = [
        place
        for place, item in enumerate(items)
        if item.votes and item.votes[0][0] == value and item.votes[0][1] >= TRUST and not item.cut
    ]
    return places[0] if len(places) == 1 else None


def _axis(items: Sequence[Instance]) -> int | None:
    """The place of C2 where it is called so and stands as high as a vertebra with a dens does."""
    place = _named(items, "C2")
    if place is None or place + 1 >= len(items) or items[place].missing_below or items[place + 1].cut:
        return None
    heights = [one.box[5] - one.box[4] for one in items[place : place + 2]]
    return place if heights[0] >= DENS_TO_BODY * heights[1] else None


def _c7_t1(items: Sequence[Instance], spans: Sequence[Span]) -> int | None:
    """The place of T1 where C7 and T1 are called so, lie together, and T1 is the widest of C7, T1 and T2."""
    above, below = _named(items, "C7"), _named(items, "T1")
    if above is None or below is None or below != above + 1 or items[above].missing_below:
        return None
    widest = spans[below]
    if not widest.complete:
        return below
    if spans[above].mm > widest.mm:
        return None
    return None if below + 1 < len(items) and spans[below + 1].mm > T2_TO_T1 * widest.mm else below


def ribs_of_mask(found: Instances, ribs: NDArray[np.bool_], geometry: Geometry) -> Ribs | None:
    """Which instances carry the ribs of a mask.

    A rib's head lies at its own body at T1 and from T10 on, and between its own and the one above from T2 to T9.

    Parameters
    ----------
    ribs
        (k, r, c) on the grid of the instances.
    geometry
        Of that mask: the one of the instances.

    Returns
    -------
    None where no rib is in view.

    Raises
    ------
    ValueError
        where the grids differ.
    """
    if not geometry.is_close(found.geometry) or ribs.shape != found.geometry.shape:
        raise ValueError("The mask of the ribs lies on another grid than the vertebrae. Resample it first.")
    components, _count = ndimage.label(ribs, np.ones((3, 3, 3), dtype=bool))
    voxel = float(np.prod(geometry.spacing))
    heads: list[tuple[int, float]] = []
    centres = np.array([item.centre for item in found.items])
    halves = np.array([0.5 * item.height_mm for item in found.items])
    for number, region in enumerate(ndimage.find_objects(components), start=1):
        inside = components[region] == number
        if np.count_nonzero(inside) * voxel < RIB_SPECK_MM3:
            continue
        points = geometry.to_patient(np.argwhere(inside) + [side.start for side in region])
        carrier = _carrier(points, centres, halves, found.items)
        if carrier is not None:
            heads.append((carrier, float(np.linalg.norm(np.ptp(points, axis=0)))))
    if not heads:
        return None
    lowest = max(place for place, _ in heads)
    longest = max(length for place, length in heads if place == lowest)
    values = sorted({found.items[place].value for place, _ in heads})
    return Ribs(tuple(values), longest < SHORT_RIB_MM)


def _carrier(points: Floats, centres: Floats, halves: Floats, items: Sequence[Instance]) -> int | None:
    """The place of the instance at which a rib (n, 3 in mm) begins: its own, or the one below the disc it lies at."""
    width = np.array([0.5 * (item.box[1] - item.box[0]) for item in items])
    away = np.linalg.norm(points[:, None, :] - centres[None], axis=2)
    head = points[int((away - width).min(axis=1).argmin())]
    distance = np.linalg.norm(head - centres, axis=1) - width
    nearest = int(distance.argmin())
    if distance[nearest] > HEAD_MM:
        return None
    below = head[2] < centres[nearest, 2] - 0.8 * halves[nearest]
    return min(nearest + 1, len(items) - 1) if below and nearest + 1 < len(items) else nearest


def _last_rib(found: Instances, ribs: Ribs) -> int | None:
    """The place of the lowest carrier, where the one below it is in full view and carries none."""
    places = [place for place, item in enumerate(found.items) if item.value in ribs.carriers]
    if not places or places[-1] + 1 >= len(found.items):
        return None
    below = found.items[places[-1] + 1]
    joined = not found.items[places[-1]].missing_below
    return places[-1] if joined and not below.cut and _beside(below, found.geometry) else None


def _first_rib(found: Instances, ribs: Ribs) -> int | None:
    places = [place for place, item in enumerate(found.items) if item.value in ribs.carriers]
    if not places or places[0] == 0:
        return None
    above = found.items[places[0] - 1]
    joined = not above.missing_below
    return places[0] if joined and not above.cut and _beside(above, found.geometry) else None


def _beside(item: Instance, geometry: Geometry) -> bool:
    """Whether enough of the image lies on both sides of a body to see a rib there."""
    step = float(geometry.spacing[0])
    return item.first_k * step >= FIELD_MM and (geometry.shape[0] - 1 - item.last_k) * step >= FIELD_MM
