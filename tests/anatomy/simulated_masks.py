"""Masks of simulated spines on coarse grids, whole and damaged, and what must be true of instances found in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inference.simulate import CaseSpec, SimulatedCase, simulate_case
from labeling.anatomy.instances import Instances, find_instances
from labeling.anatomy.levels import SACRUM, level_of, verse_of
from labeling.anatomy.naming import Naming
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import LabelMap

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

COARSE = CaseSpec(pixel_mm=1.5, slice_mm=3.0, width_mm=125.0, depth_mm=125.0)
LUMBAR = replace(COARSE, top="T11", bottom="L5")
LONG = replace(COARSE, top="C7", bottom="L5", cut_top=True)

FIELDS = {
    "four lumbar vertebrae": replace(COARSE, top="L2", bottom="L5"),
    "lumbar": LUMBAR,
    "lumbar, a narrow stack": replace(LUMBAR, width_mm=80.0, slice_mm=4.0),
    "lumbar without the sacrum": replace(LUMBAR, top="T10", bottom="L3", sacrum=False, cut_bottom=True),
    "thoracic without L5": replace(COARSE, top="T2", bottom="L1", sacrum=False, cut_bottom=True),
    "neck": replace(COARSE, top="C3", bottom="T3", sacrum=False, cut_bottom=True),
    "17 vertebrae": replace(COARSE, top="T1", bottom="L5"),
    "C7 to L5": LONG,
    "C7 to L5, axial": replace(LONG, plane="axial", slice_mm=1.5),
    "six lumbar, lumbar": replace(LUMBAR, bottom="L6", variant="L6"),
    "six lumbar, long": replace(LONG, bottom="L6", variant="L6"),
    "four lumbar, lumbar": replace(LUMBAR, bottom="L4", variant="four-lumbar"),
    "four lumbar, long": replace(LONG, bottom="L4", variant="four-lumbar"),
    "thirteen thoracic, lumbar": replace(LUMBAR, variant="T13"),
    "thirteen thoracic, long": replace(LONG, variant="T13"),
}

KINDS = ("numbered", "numbered bodies", "binary", "binary bodies")


@cache
def simulated(spec: CaseSpec, seed: int = 1) -> SimulatedCase:
    return simulate_case(spec, seed)


def mask_of(labels: Labels, geometry: Geometry, kind: str) -> LabelMap:
    """What a model would say: VerSe numbers, or one number for all; the sacrum is told in both."""
    values = labels if kind.startswith("numbered") else np.where(labels == SACRUM, SACRUM, labels > 0)
    return LabelMap(geometry, values.astype(np.uint8))


def labels_of(case: SimulatedCase, kind: str) -> Labels:
    if kind.endswith("bodies"):
        return np.where(case.labels == SACRUM, SACRUM, case.bodies).astype(np.uint8)
    return case.labels


def found_in(labels: Labels, geometry: Geometry, kind: str) -> Instances:
    numbered, alone = kind.startswith("numbered"), kind.endswith("bodies")
    return find_instances(mask_of(labels, geometry, kind), numbered=numbered, bodies_only=alone)


@cache
def undamaged(field: str, kind: str) -> Instances:
    """The instances of one of `FIELDS`."""
    case = simulated(FIELDS[field])
    return found_in(labels_of(case, kind), case.geometry, kind)


def renamed(found: Instances, names: Mapping[str, str]) -> Instances:
    """The same instances by a model that calls some vertebrae otherwise."""
    items = []
    for item in found.items:
        shares: Counter[int] = Counter()
        for label, share in item.votes:
            shares[verse_of(names.get(level_of(label), level_of(label)))] += share  # type: ignore[assignment]
        items.append(replace(item, votes=tuple(shares.most_common())))
    return replace(found, items=tuple(items))


def truth_of(found: Instances, bodies: Labels) -> list[str]:
    """The level of each instance by the truth: that of most of its body; '' where it holds no body."""
    names = []
    for item in found.items:
        inside = np.bincount(bodies[found.bodies == item.value], minlength=2)[1:]
        names.append(level_of(int(inside.argmax()) + 1) if inside.any() else "")
    return names


def faults(found: Instances, case: SimulatedCase, bodies: Labels, share: float = 0.85) -> list[str]:
    """What is wrong with instances: bodies lost, split or merged, cut ones not flagged, vertebrae that are none.

    Parameters
    ----------
    bodies
        What is left of the true bodies in the mask.
    share
        Of a body must lie in its instance, and of an instance in that body.
    """
    wrong = []
    levels = truth_of(found, bodies)
    for level, count in Counter(levels).items():
        if count > 1 or not level:
            wrong.append(f"{count} instances are {level or 'nothing'}")
    for truth in case.vertebrae:
        own = bodies == truth.label
        if truth.in_view == "arch" or (not truth.complete and truth.level not in levels):
            continue
        if truth.level not in levels:
            wrong.append(f"{truth.level} is lost")
            continue
        item = found.items[levels.index(truth.level)]
        if item.cut == truth.complete and (truth.complete or own.sum() > 50):
            wrong.append(f"{truth.level} is {truth.in_view} and called {item.cut_where or 'whole'}")
        if truth.complete:
            inside = found.bodies == item.value
            kept = (inside & own).sum() / own.sum()
            pure = (inside & own).sum() / max(1, (inside & (bodies > 0)).sum())
            if min(kept, pure) < share:
                wrong.append(f"{truth.level}: {kept:.2f} kept, {pure:.2f} pure")
    return wrong


def wrong_certain(found: Instances, naming: Naming, bodies: Labels) -> list[str]:
    """The names that are said to be certain and are not true."""
    pairs = zip(naming.names, truth_of(found, bodies), strict=True)
    return [f"{true} as {name.level}" for name, true in pairs if name.certainty == "certain" and name.level != true]


# -- damage: what models do to masks


def ball(shape: tuple[int, ...], centre: NDArray[np.float64], radius: float, spacing: NDArray[np.float64]) -> Mask:
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    squares = [((g - c) * mm) ** 2 for g, c, mm in zip(grid, centre, spacing, strict=True)]
    result: Mask = squares[0] + squares[1] + squares[2] <= radius**2
    return result


def with_holes(labels: Labels, bodies: Labels, geometry: Geometry, rng: np.random.Generator) -> Labels:
    """Round holes in bodies, 4 to 9 mm wide."""
    result = labels.copy()
    inside = np.argwhere(bodies > 0)
    for _ in range(10):
        centre = inside[rng.integers(len(inside))].astype(float)
        result[ball(labels.shape, centre, rng.uniform(2, 4.5), geometry.spacing)] = 0
    return result


def with_specks(labels: Labels, bodies: Labels, geometry: Geometry, rng: np.random.Generator) -> Labels:
    """Crumbs under 50 mm3 anywhere."""
    result = labels.copy()
    values = np.unique(labels[labels > 0])
    for _ in range(20):
        centre = rng.uniform(0, labels.shape)
        crumb = ball(labels.shape, centre, rng.uniform(0.5, 2.2), geometry.spacing) & (labels == 0)
        result[crumb] = rng.choice(values)
    return result


def complete_values(case: SimulatedCase) -> list[int]:
    return [one.label for one in case.vertebrae if one.complete]


def with_fracture_line(case: SimulatedCase, labels: Labels, rng: np.random.Generator) -> Labels:
    """One body split by a gap of 1 to 2.4 mm in any direction."""
    value = int(rng.choice(complete_values(case)))
    own = np.argwhere(case.bodies == value)
    middle = own.mean(axis=0) * case.geometry.spacing
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    away = np.abs((own * case.geometry.spacing - middle) @ normal)
    result = labels.copy()
    result[tuple(own[away < rng.uniform(0.5, 1.2)].T)] = 0
    return result


def with_bridge(case: SimulatedCase, labels: Labels, rng: np.random.Generator, radius: float) -> Labels:
    """Two neighbours joined by a column of bone through the disc between them."""
    above, below = list(pairwise(complete_values(case)))[int(rng.integers(len(complete_values(case)) - 1))]
    spacing = case.geometry.spacing
    start, end = (np.argwhere(case.bodies == value).mean(axis=0) * spacing for value in (above, below))
    along = (end - start) / np.linalg.norm(end - start)
    low, high = (round(float(point[1] / spacing[1])) for point in (start, end))
    near = np.argwhere(labels[:, low:high] == 0) + np.array([0, low, 0])
    offset = near * spacing - start
    beside = np.linalg.norm(offset - (offset @ along)[:, None] * along, axis=1) <= radius
    result = labels.copy()
    result[tuple(near[beside].T)] = above
    return result


def with_one_label_for_two(case: SimulatedCase, labels: Labels, rng: np.random.Generator) -> Labels:
    """The lower of two neighbours called as the upper one is."""
    above, below = list(pairwise(complete_values(case)))[int(rng.integers(len(complete_values(case)) - 1))]
    result = labels.copy()
    result[labels == below] = above
    return result
