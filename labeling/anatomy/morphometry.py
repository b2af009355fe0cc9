"""A reader without a model: how high every body is, how much of its height is lost, and in what shape.

The loss is judged against the patient: neighbours give a scale, usual heights of each level (`heights_design`) times
that scale are what the body should measure. A straight line through the neighbours' heights would fail at the ends of a
series and beside a fracture. The loss alone is no fracture: where it lies (all across, or in the midline between full
rims) tells a crushed body from one with a Schmorl node, and both are said.

Grades are those of Genant: 1 from 20 %, 2 from 25 %, 3 from 40 % loss of the largest of the three heights.
Bodies that are cut, crossed by few slices, seen too coarsely or not in the mask are not judged, with a sentence that
says why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.boxes import spine_axes
from labeling.anatomy.heights import BodyHeights, body_centre, measure_body
from labeling.anatomy.heights_design import design_heights
from labeling.anatomy.levels import rank
from labeling.anatomy.morphometry_density import core_mean
from labeling.anatomy.morphometry_levels import compared_levels
from labeling.anatomy.morphometry_shape import Shape, shape_of
from labeling.imaging.geometry import Geometry

__all__ = ["COARSEST_MM", "FEWEST_SLICES", "BodyMeasure", "grade_of", "measure_spine"]

Floats = NDArray[np.float64]

COARSEST_MM = 3.5
"""Voxels along the axis of a body beyond which heights say nothing: with 5 mm axial slices a fifth of the height lies
within two standard deviations of the error."""

FEWEST_SLICES = 4
"""A body that fewer slices cross has no medial third."""

NEIGHBOURS, WITHIN = 4, 5
"""How many neighbours give the scale, and within how many levels. Those that have lost height themselves give none."""

SCALE_ROUNDS = 4
"""How often the neighbours that have lost height are looked for anew, each time against those that have not."""

FEWEST_NEIGHBOURS = 2

GRADES = (0.20, 0.25, 0.40)

CUT, COARSE, NO_SLICE, MASK_MISSING, OTHER = "cut", "coarse", "no_slice", "mask_missing", "other"
"""Why a body was not judged, in the words of a finding."""

ARCH_MM = (60.0, 60.0, 90.0)
"""How far an arch is looked for around its body along the three axes; so far do processes reach."""


@dataclass(frozen=True, slots=True)
class BodyMeasure:
    """What was measured of one vertebra. Lengths in mm, losses as shares (0.25 is a quarter; below 0 it is higher).

    value, level
        Its number in the map, and its name or ''.
    anterior_mm, middle_mm, posterior_mm, width_mm, depth_mm
        Heights in the medial slices, width and depth at mid-height; None where not judged.
    loss_anterior, loss_middle, loss_posterior
        Against the neighbours; None where there are too few of them.
    scale
        Of this patient against the usual heights, by the neighbours.
    grade
        0 to 3, None where not judged.
    shape
        ``wedge``, ``biconcave``, ``crush``, ``notch``, or '' with grade 0.
    evidence
        What stands beside the grade, see `labeling.anatomy.morphometry_shape`.
    core_hu
        Mean of the trabecular core, None without a CT or where not judged.
    why, reason
        Why it was not judged: ``cut``, ``coarse``, ``no_slice``, ``mask_missing`` or ``other``, and a sentence; else
        two empty texts.
    note
        What was found, or how far it is to be believed, in sentences; else ''.
    """

    value: int
    level: str
    anterior_mm: float | None = None
    middle_mm: float | None = None
    posterior_mm: float | None = None
    width_mm: float | None = None
    depth_mm: float | None = None
    loss_anterior: float | None = None
    loss_middle: float | None = None
    loss_posterior: float | None = None
    scale: float | None = None
    grade: int | None = None
    shape: str = ""
    evidence: Shape | None = None
    core_hu: float | None = None
    why: str = ""
    reason: str = ""
    note: str = ""

    @property
    def loss(self) -> float | None:
        """The largest of the three losses that are known."""
        known = [one for one in (self.loss_anterior, self.loss_middle, self.loss_posterior) if one is not None]
        return max(known) if known else None

    @property
    def is_suspicious(self) -> bool:
        """Whether the loss is that of a fracture: of grade 1 and more, and no notch between full rims."""
        return bool(self.grade) and self.shape != "notch"


@dataclass(frozen=True, eq=False)
class _Seen:
    place: int
    value: int
    level: str
    heights: BodyHeights


def grade_of(loss: float) -> int:
    """The grade of Genant for a share of height lost."""
    return sum(loss >= limit for limit in GRADES)


def measure_spine(
    bodies: NDArray[np.uint8],
    geometry: Geometry,
    levels: Mapping[int, str],
    *,
    cut: Collection[int] = (),
    vertebrae: NDArray[np.uint8] | None = None,
    stored: NDArray[Any] | None = None,
    rescale: tuple[float, float] = (1.0, 0.0),
    resolution_mm: Sequence[float] | None = None,
) -> list[BodyMeasure]:
    """All bodies of a map, from head to feet; those that it does not hold come last.

    Parameters
    ----------
    bodies
        (k, r, c) uint8, axes right to left, head to feet, front to back: a value for each body, without arches.
    geometry
        Of the map.
    levels
        Value -> level or ''; values that are not named here are left out. Where a level is unknown one is taken for
        the usual heights alone, see `compared_levels`.
    cut
        Values of the bodies that the border of the image cuts.
    vertebrae
        The same with arches, by which a turned vertebra is seen best; the bodies where there is none.
    stored, rescale
        Stored values (k, r, c) of the CT on the same grid, and its slope and intercept: HU = slope * stored +
        intercept.
    resolution_mm
        Of the scan along the three axes of the map, where the map is finer than the scan it comes from.

    Raises
    ------
    ValueError
        where shapes differ or a level is none.
    """
    for name, array in (("map", bodies), ("vertebrae", vertebrae), ("CT", stored)):
        if array is not None and array.shape != geometry.shape:
            raise ValueError(f"The {name} is {array.shape}, the geometry says {geometry.shape}. They must agree.")
    for level in levels.values():
        if level:
            rank(level)
    spacing = geometry.spacing
    coarse = spacing if resolution_mm is None else np.maximum(spacing, np.asarray(resolution_mm, dtype=np.float64))
    crops = _crops(bodies, vertebrae, levels, spacing)
    axes = _axes(crops, cut, spacing)
    measures: dict[int, BodyMeasure] = {}
    found: dict[int, BodyHeights] = {}
    for place, (value, crop) in enumerate(crops.items()):
        why, reason = _reason(levels[value], value in cut, crop, axes[value], coarse)
        heights = None if why else crop.heights(spacing, axes[value])
        if heights is None:
            unseen = f"The endplates of {_name(levels[value])} cannot be seen in the mask, so it was not measured."
            measures[value] = BodyMeasure(value, levels[value], why=why or OTHER, reason=reason or unseen)
        else:
            found[place] = heights
    compared = compared_levels([levels[value] for value in crops], {place: one.heights for place, one in found.items()})
    order = list(crops)
    seen = [_Seen(place, order[place], compared[place], heights) for place, heights in found.items()]
    standing = _standing(seen)
    for one in seen:
        measure = _judged(one, levels[one.value], standing)
        if stored is not None:
            measure = _with_density(measure, stored, rescale, crops[one.value], spacing, one.heights)
        measures[one.value] = measure
    return [measures[value] for value in crops] + [
        BodyMeasure(value, level, why=MASK_MISSING, reason=f"The mask holds nothing of {_name(level)}.")
        for value, level in levels.items()
        if value not in crops
    ]


Region = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class _Crop:
    """One body of the map: cut out tightly, and with room for its arch. Nothing is held but where it lies."""

    bodies: NDArray[np.uint8]
    vertebrae: NDArray[np.uint8] | None
    value: int
    tight: Region
    wide: Region

    @property
    def body(self) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = self.bodies[self.tight] == self.value
        return result

    def centre(self, spacing: Floats) -> Floats:
        """In mm of the map."""
        return body_centre(self.body, spacing) + np.array([side.start for side in self.tight]) * spacing

    def heights(self, spacing: Floats, axis: Floats) -> BodyHeights | None:
        """With a frame in mm of the tight part."""
        body = self.bodies[self.wide] == self.value
        whole = None if self.vertebrae is None else body | (self.vertebrae[self.wide] == self.value)
        found = measure_body(body, spacing, axis, whole)
        if found is None:
            return None
        further = np.array([w.start - t.start for w, t in zip(self.wide, self.tight, strict=True)]) * spacing
        return replace(found, frame=replace(found.frame, centre=found.frame.centre + further))


def _crops(
    bodies: NDArray[np.uint8], vertebrae: NDArray[np.uint8] | None, values: Collection[int], spacing: Floats
) -> dict[int, _Crop]:
    """The bodies with these values that the map holds, from head to feet."""
    # The arch reaches further than the body.
    reach = [0 if vertebrae is None else int(length // step) for length, step in zip(ARCH_MM, spacing, strict=True)]
    found = []
    for value, tight in enumerate(ndimage.find_objects(bodies), start=1):
        if tight is None or value not in values:
            continue
        wide = tuple(slice(max(0, side.start - n), side.stop + n) for side, n in zip(tight, reach, strict=True))
        found.append((tight[1].start + tight[1].stop, value, _Crop(bodies, vertebrae, value, tight, wide)))
    return {value: crop for _, value, crop in sorted(found, key=lambda one: one[:2])}


def _axes(crops: Mapping[int, _Crop], cut: Collection[int], spacing: Floats) -> dict[int, Floats]:
    """The direction to the head at each body, by the neighbours that are whole: the middle of a part is elsewhere."""
    whole = [value for value in crops if value not in cut]
    centres = [crops[value].centre(spacing) for value in whole]
    # spine_axes thinks in LPS, where the head is up; the grid's rows run down.
    axes = spine_axes([(k, c, -r) for k, r, c in centres])
    straight = np.array([0.0, -1.0, 0.0])
    return dict.fromkeys(crops, straight) | {
        value: np.array([x, -z, y]) for value, (x, y, z) in zip(whole, axes, strict=True)
    }


def _name(level: str) -> str:
    return level or "this vertebra"


def _reason(level: str, is_cut: bool, crop: _Crop, axis: Floats, coarse: Floats) -> tuple[str, str]:
    """Why a body is not judged, as a word and a sentence, or two empty ones."""
    name = _name(level)
    if is_cut:
        return CUT, f"The border of the image cuts {name}, so it was not measured."
    if level and design_heights(level) is None:
        return OTHER, f"{level} has no usual heights to compare with, so it was not measured."
    slices = int(np.count_nonzero(crop.body.any(axis=(1, 2))))
    if slices < FEWEST_SLICES:
        count = "Only 1 slice crosses" if slices == 1 else f"Only {slices} slices cross"
        return NO_SLICE, f"{count} {name}, so it was not measured. {FEWEST_SLICES} are needed."
    ahead = np.array([0.0, axis[2], -axis[1]])
    for step, way in ((axis * coarse, "along"), (ahead * coarse, "from front to back of")):
        if (length := float(np.linalg.norm(step))) > COARSEST_MM:
            return COARSE, (
                f"The scan has {length:.1f} mm from voxel to voxel {way} {name}. Heights need {COARSEST_MM} mm or "
                "less. Read the finer series, if there is one."
            )
    return "", ""


def _with_density(
    measure: BodyMeasure,
    stored: NDArray[Any],
    rescale: tuple[float, float],
    crop: _Crop,
    spacing: Floats,
    heights: BodyHeights,
) -> BodyMeasure:
    density = core_mean(stored[crop.tight], crop.body, spacing, heights)
    if density is not None:
        return replace(measure, core_hu=round(rescale[0] * density + rescale[1], 1))
    sentence = "Its density was not measured: its core holds too few voxels, or some without a number."
    return replace(measure, note=" ".join(part for part in (measure.note, sentence) if part))


def _standing(seen: Sequence[_Seen]) -> list[_Seen]:
    """The bodies that give a scale to the others: with usual heights to compare with, and not crushed themselves.

    Several broken bodies in a row would call each other usual and the whole one between them too high. So those that
    lost height are taken out and the rest is asked again, until nothing changes.
    """
    comparable = [one for one in seen if design_heights(one.level) is not None]
    standing = comparable
    for _ in range(SCALE_ROUNDS):
        again = [one for one in comparable if not _has_lost(one, standing)]
        if again == standing or len(again) < FEWEST_NEIGHBOURS:
            break
        standing = again
    return standing


def _has_lost(one: _Seen, standing: Sequence[_Seen]) -> bool:
    around = _neighbours(one, standing)
    if len(around) < FEWEST_NEIGHBOURS:
        return False
    usual = _scale(around) * np.array(design_heights(one.level))
    return bool((np.array(one.heights.heights) < (1 - GRADES[0]) * usual).any())


def _scale(around: Sequence[_Seen]) -> float:
    """Of this patient against the usual heights. One vote for each neighbour."""
    return float(np.median([_ratio(other) for other in around]))


def _judged(one: _Seen, level: str, standing: Sequence[_Seen]) -> BodyMeasure:
    heights = one.heights
    measure = BodyMeasure(
        one.value,
        level,
        anterior_mm=round(heights.anterior, 2),
        middle_mm=round(heights.middle, 2),
        posterior_mm=round(heights.posterior, 2),
        width_mm=round(heights.width, 1),
        depth_mm=round(heights.depth, 1),
    )
    design = design_heights(one.level)
    if design is None:
        reason = f"{_name(level)} lies where no usual heights are known to compare with."
        return replace(measure, why=OTHER, reason=reason)
    around = _neighbours(one, standing)
    if len(around) < FEWEST_NEIGHBOURS:
        return _by_itself(measure, one, design)
    scale = _scale(around)
    expected = scale * np.array(design)
    losses = [float(value) for value in 1 - np.array(heights.heights) / expected]
    shape = shape_of(heights, expected, [other.heights for other in around])
    grade = grade_of(max(losses))
    return replace(
        measure,
        loss_anterior=round(losses[0], 3),
        loss_middle=round(losses[1], 3),
        loss_posterior=round(losses[2], 3),
        scale=round(scale, 3),
        grade=grade,
        shape=shape.kind if grade else "",
        evidence=shape,
        note=shape.sentence if grade else "",
    )


def _neighbours(one: _Seen, standing: Sequence[_Seen]) -> list[_Seen]:
    """The nearest bodies that give the scale."""
    others = [other for other in standing if other.value != one.value and abs(other.place - one.place) <= WITHIN]
    others.sort(key=lambda other: (abs(other.place - one.place), other.place))
    return others[:NEIGHBOURS]


def _ratio(one: _Seen) -> float:
    """Mean of the measured heights to the usual ones."""
    design = design_heights(one.level) or one.heights.heights
    return float(np.mean([height / usual for height, usual in zip(one.heights.heights, design, strict=True)]))


def _by_itself(measure: BodyMeasure, one: _Seen, design: Sequence[float]) -> BodyMeasure:
    """Against its own posterior wall, where there are too few neighbours; a loss of all heights alike goes unseen."""
    scale = one.heights.posterior / design[2]
    anterior, middle = (1 - one.heights.heights[place] / (scale * design[place]) for place in (0, 1))
    grade = grade_of(max(anterior, middle))
    kind = "" if not grade else ("wedge" if anterior >= middle else "biconcave")
    return replace(
        measure,
        loss_anterior=round(anterior, 3),
        loss_middle=round(middle, 3),
        grade=grade,
        shape=kind,
        note="Too few complete neighbours: it was compared with its own posterior wall, so an even loss goes unseen.",
    )
