"""Instances first: which vertebrae a mask holds and where each lies, whatever they are called.

In: what a model predicts, as a map of whole vertebrae or of bodies alone, with one number for all or with VerSe
numbers. Out: one instance per vertebra, from head to feet. Crumbs are dropped, bodies that the mask has fused are
parted, fragments are put back to their body, posterior elements are told from the body.

Two laws: a body that is completely in view is never dropped, and what the border of the image cuts is flagged, by
contact and not by size. Nothing depends on the order in which a file stores its voxels, and nothing on chance.
Names come second, see `labeling.anatomy.naming`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.bodies import Coverage, border_contact
from labeling.anatomy.boxes import Box
from labeling.anatomy.fragments import LeftOut, Parted, part, without_specks
from labeling.anatomy.instances_bodies import instance_maps
from labeling.anatomy.instances_curve import STEP_MM, Curve, Grid, spine_curve, working_grid
from labeling.anatomy.instances_line import beyond_a_leap
from labeling.anatomy.instances_split import Segment, expected_height, profile_along, segments_of
from labeling.anatomy.levels import SACRUM, level_of, verse_of
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import LabelMap, canonical_labels

__all__ = ["MOST_INSTANCES", "Instance", "Instances", "find_instances"]

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint8]

MOST_INSTANCES = 99
"""More than any spine holds: a mask with more is no mask of a spine."""

DISC_SHARE = 0.25
"""Height of a disc as a share of that of a body."""

HIGH_MM = 60.0
"""No body is this high."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One vertebra of a mask, without a name.

    value
        Its number in the maps of `Instances`: 1, 2 ... from head to feet.
    first_k, last_k
        Slices that cross the body, inclusive.
    box
        Of the body in mm, LPS: (x0, x1, y0, y1, z0, z1), outer borders of its voxels.
    centre
        Of the body in mm, LPS.
    height_mm, width_mm
        Of the body along the line of the spine, and the circle that fits into it across; rough, for plausibility.
    body_voxels
        Voxels of the body.
    cut, cut_where
        Whether the body touches the border of what the scan covered, and where: one of
        `labeling.anatomy.boxes.EDGES` (the first that applies), else ''.
    votes
        (label, share) of what the model calls its body, the largest share first; empty where it gives no numbers.
    missing_below
        How many vertebrae fit into the gap to the next instance: 0 in a chain without a gap.
    note
        Sentences on what was done to it, else ''.
    """

    value: int
    first_k: int
    last_k: int
    box: Box
    centre: tuple[float, float, float]
    height_mm: float
    width_mm: float
    body_voxels: int
    cut: bool
    cut_where: str
    votes: tuple[tuple[int, float], ...]
    missing_below: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class Instances:
    """The vertebrae of a mask, with axes right to left, head to feet, front to back.

    geometry
        Of the maps.
    vertebrae, bodies
        (k, r, c) uint8: the value of the instance, for whole vertebrae and for their bodies alone.
    sacrum
        (k, r, c) bool, or None where the mask has no sacrum.
    items
        From head to feet.
    left_out
        Larger pieces that belong to none of them.
    note
        Sentences on the mask as a whole; where there are no items, why.
    """

    geometry: Geometry
    vertebrae: Labels
    bodies: Labels
    sacrum: Mask | None
    items: tuple[Instance, ...]
    left_out: tuple[LeftOut, ...]
    note: str


def find_instances(
    labels: LabelMap, *, numbered: bool = True, bodies_only: bool = False, covered: Coverage | None = None
) -> Instances:
    """The vertebrae of a mask.

    Parameters
    ----------
    labels
        Any orientation; 0 = nothing. A sacrum (26) is no vertebra and comes back by itself.
    numbered
        Whether the numbers are VerSe numbers; else everything but 0 and 26 is vertebra and no more is said.
    bodies_only
        The map is known to hold bodies without posterior elements, so none are looked for.
    covered
        What the scan covered of the map's grid, in canonical order, see `labeling.anatomy.bodies.coverage`; None for
        all of it.

    Raises
    ------
    ValueError
        where `numbered` and a number is no VerSe number; masks are checked at the door by
        `labeling.imaging.resample.check_verse_numbers`.
    """
    ordered = canonical_labels(labels)
    array, geometry = ordered.array, ordered.geometry
    sacrum = array == SACRUM
    has_sacrum = bool(sacrum.any())
    if has_sacrum:
        array = np.where(sacrum, 0, array)
    grid = working_grid(array, geometry.spacing)
    nothing = np.zeros(geometry.shape, dtype=np.uint8)
    empty = Instances(geometry, nothing, nothing, sacrum if has_sacrum else None, (), (), "")
    if grid is None:
        return replace(
            empty,
            note="The mask is empty: no vertebra was found. Check that the scan shows the spine, "
            "or place the vertebrae by hand.",
        )
    if numbered:
        for value in np.unique(grid.values[grid.mask]).tolist():
            level_of(value)
    grid, specks = without_specks(grid, numbered=numbered)
    if not grid.mask.any():
        return replace(
            empty,
            note=f"The mask holds nothing but crumbs, {specks:.0f} mm3 in all. Place the vertebrae by hand.",
        )
    bounds = covered or (0, array.shape[0] - 1, 0, array.shape[1] - 1, 0, array.shape[2] - 1)
    curve, parted = _parted(grid, bounds, numbered)
    if len(parted.segments) > MOST_INSTANCES:
        return replace(
            empty,
            note=f"The mask falls into {len(parted.segments)} pieces along the spine. No spine has so many vertebrae.",
        )
    whole, bodies = instance_maps(array, grid, curve, parted, bodies_only, numbered)
    items = _items(whole, bodies, geometry, grid, curve, parted, bounds, numbered)
    return Instances(
        geometry, whole, bodies, sacrum if has_sacrum else None, items, tuple(parted.left_out), _note(parted, numbered)
    )


def _parted(grid: Grid, bounds: Coverage, numbered: bool) -> tuple[Curve, Parted]:
    rings = grid.values == verse_of("C1") if numbered else np.zeros(grid.values.shape, dtype=bool)
    spine = grid.values.copy()
    if rings.any() and not rings[grid.mask].all():
        # C1 is a ring about the dens: it has no body, and is a vertebra nevertheless.
        spine[rings] = 0
    else:
        rings = np.zeros_like(rings)
    bodies = Grid(spine, grid.spacing, grid.region, grid.step)
    curve = spine_curve(bodies.mask, grid.spacing)
    rows = grid.region[1]
    borders = (rows.start <= bounds[2], rows.stop > bounds[3])
    segments = segments_of(profile_along(bodies, curve), curve, borders, numbered=numbered)
    beyond = None if numbered else beyond_a_leap(segments, curve, grid)
    if beyond is not None:
        values = np.where(beyond, 0, grid.values).astype(np.uint16)
        curve, parted = _parted(replace(grid, values=values), bounds, numbered)
        mm3 = float(np.count_nonzero(beyond) * np.prod(grid.spacing))
        parted.left_out.append(LeftOut(mm3, 0, ""))
        parted.left_out.sort(key=lambda piece: -piece.mm3)
        return curve, parted
    parted = part(bodies, curve, segments, borders, numbered=numbered)
    if rings.any():
        parted.owners[parted.owners > 0] += 1
        parted.owners[rings] = 1
        sample = curve.nearest(np.argwhere(rings) * grid.spacing)
        ring = Segment(int(sample.min()), int(sample.max()), verse_of("C1"))
        parted.segments.insert(0, ring)
        parted.joined = {place + 1 for place in parted.joined}
    return curve, parted


def _items(
    whole: Labels,
    bodies: Labels,
    geometry: Geometry,
    grid: Grid,
    curve: Curve,
    parted: Parted,
    bounds: Coverage,
    numbered: bool,
) -> tuple[Instance, ...]:
    items = []
    inside = bodies[grid.region]
    start = np.array([side.start for side in grid.region])
    regions = ndimage.find_objects(inside, max_label=len(parted.segments))
    for place, segment in enumerate(parted.segments):
        region = regions[place]
        if region is None:
            continue
        mask = inside[region] == place + 1
        low = start + [side.start for side in region]
        high = start + [side.stop - 1 for side in region]
        cut_where = border_contact(np.argwhere(mask) + low, bounds)
        middle = slice(segment.first, segment.last + 1)
        items.append(
            Instance(
                value=place + 1,
                first_k=int(low[0]),
                last_k=int(high[0]),
                box=_box(low, high, geometry),
                centre=_centre(mask, low, geometry),
                height_mm=segment.height,
                width_mm=2 * float(curve.circle[middle].max()),
                body_voxels=int(np.count_nonzero(mask)),
                cut=bool(cut_where),
                cut_where=cut_where,
                votes=_votes(grid, parted, place + 1) if numbered else (),
                missing_below=_missing(parted.segments, place, curve),
                note=_item_note(parted, place, numbered, int(high[0] - low[0]) + 1, whole.shape[0]),
            )
        )
    return tuple(items)


def _box(low: NDArray[np.intp], high: NDArray[np.intp], geometry: Geometry) -> Box:
    corners = np.array(np.meshgrid(*[(a - 0.5, b + 0.5) for a, b in zip(low, high, strict=True)])).reshape(3, -1).T
    points = geometry.to_patient(corners)
    (x0, y0, z0), (x1, y1, z1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return (x0, x1, y0, y1, z0, z1)


def _centre(mask: Mask, low: NDArray[np.intp], geometry: Geometry) -> tuple[float, float, float]:
    total = np.count_nonzero(mask)
    index = []
    for axis in range(3):
        counts = mask.sum(axis=tuple(other for other in range(3) if other != axis))
        index.append(float(counts @ np.arange(len(counts))) / total + float(low[axis]))
    x, y, z = geometry.to_patient(index).tolist()
    return (x, y, z)


def _votes(grid: Grid, parted: Parted, value: int) -> tuple[tuple[int, float], ...]:
    counts = np.bincount(grid.values[parted.owners == value])
    total = int(counts[1:].sum())
    order = sorted(np.flatnonzero(counts[1:]) + 1, key=lambda label: (-int(counts[label]), int(label)))
    return tuple((int(label), float(counts[label]) / total) for label in order)


def _missing(segments: list[Segment], place: int, curve: Curve) -> int:
    """How many bodies with their discs fit between this one and the next."""
    if place + 1 >= len(segments):
        return 0
    one, other = segments[place], segments[place + 1]
    gap = (other.first - one.last - 1) * STEP_MM
    usual = 0.5 * (expected_height(one, curve) + expected_height(other, curve))
    usual = min(usual, HIGH_MM)
    return max(0, round((gap - DISC_SHARE * usual) / ((1 + DISC_SHARE) * usual)))


def _is_fused(parted: Parted, place: int, numbered: bool) -> bool:
    """Whether the mask made one vertebra of this one and the next."""
    if place + 1 >= len(parted.segments):
        return False
    one, other = parted.segments[place], parted.segments[place + 1]
    return one.label == other.label if numbered else one.fused


def _item_note(parted: Parted, place: int, numbered: bool, slices: int, stack: int) -> str:
    sentences = []
    if _is_fused(parted, place, numbered):
        sentences.append("It was fused with the vertebra below in the mask and has been split from it.")
    if place and _is_fused(parted, place - 1, numbered):
        sentences.append("It was fused with the vertebra above in the mask and has been split from it.")
    if place in parted.joined:
        sentences.append("A detached fragment was joined to it.")
    if numbered and parted.segments[place].label == verse_of("C1"):
        sentences.append("C1 has no body; the whole ring is given.")
    elif slices == 1 and stack > 1:
        sentences.append("One slice only crosses it in the mask, so it cannot be judged beyond that slice.")
    return " ".join(sentences)


def _note(parted: Parted, numbered: bool) -> str:
    fused = sum(_is_fused(parted, place, numbered) for place in range(len(parted.segments)))
    sentences = []
    if fused == 1:
        sentences.append("Two vertebrae were fused in the mask and have been split.")
    elif fused > 1:
        sentences.append(f"Vertebrae were fused in the mask at {fused} discs and have been split.")
    aside = [piece.mm3 for piece in parted.left_out if not piece.at_border]
    sentences += [
        f"{_pieces([piece.mm3])} at the {piece.at_border} of the image has no body in view and was left out."
        for piece in parted.left_out
        if piece.at_border
    ]
    if len(aside) == 1:
        sentences.append(f"{_pieces(aside)} away from the bodies belongs to none of them and was left out.")
    elif aside:
        sentences.append(f"{_pieces(aside)} away from the bodies belong to none of them and were left out.")
    return " ".join(sentences)


def _pieces(mm3: list[float]) -> str:
    if len(mm3) == 1:
        return f"A piece of {mm3[0] / 1000:.1f} ml"
    return f"{len(mm3)} pieces, {sum(mm3) / 1000:.0f} ml in all,"
