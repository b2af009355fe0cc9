"""The maps of the instances of a mask: every vertebra on the whole grid, and its body without the arch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from labeling.anatomy.corpus import WALL_MARGIN_MM, vertebral_body
from labeling.anatomy.fragments import FRAGMENT_REACH, Parted
from labeling.anatomy.instances_curve import STEP_MM, Curve, Grid
from labeling.anatomy.instances_split import Segment, expected_height
from labeling.anatomy.levels import verse_of

__all__ = ["instance_maps"]

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint8]

WHOLE, CRUSHED, FEWEST_ROWS = 0.6, 0.25, 5
"""At the border a vertebra of less than the first share of the usual height, elsewhere of less than the second, and
anywhere of so few rows is too little for its shape to tell body and arch apart."""

FAR_BACK = 1.4
"""Radii behind the line beyond which nothing is body, whatever the shape of the mask says."""

RIM_SHARE = 0.35
"""How far the rims of a body stand out beyond its middle along the line, as a share of its usual height, with room."""

CORE_REACH, CORE_SHARE = 0.9, 0.85
"""What lies within so many radii of the line is body beyond doubt; a body holds at least this share of it."""

GOOD_PART = 0.02
"""Of a body in pieces each that holds this share of the largest is kept."""

SIDE_REACH = 1.7
"""Half of the width of a body in radii of the circle that fits into it, with room: bodies are broader than deep."""


def instance_maps(
    array: NDArray[Any], grid: Grid, curve: Curve, parted: Parted, bodies_only: bool, numbered: bool
) -> tuple[Labels, Labels]:
    """The instances on the whole grid: vertebrae, and their bodies."""
    whole = np.zeros(array.shape, dtype=np.uint8)
    held = array[grid.region] > 0
    owners = parted.owners
    if max(grid.step) > 1:
        # What fills less than half of a pooled voxel goes with the voxel next to it.
        away, nearest = ndimage.distance_transform_edt(owners == 0, return_indices=True)
        near = (away < 1.8) & ~grid.mask
        owners = np.where(near, owners[tuple(nearest)], owners)
    whole[grid.region] = np.where(held, grid.spread(owners), 0)
    if bodies_only:
        return whole, whole
    coarse = np.zeros_like(parted.owners)
    for value, region in enumerate(ndimage.find_objects(owners), start=1):
        if region is None:
            continue
        mask = owners[region] == value
        if not (numbered and parted.segments[value - 1].label == verse_of("C1")):
            body = _body(mask, region, grid, curve, parted.segments[value - 1], numbered)
            # Whatever its shape, a vertebra is not lost over the question where its arch begins.
            mask = body if body.any() else mask
        coarse[region][mask] = value
    bodies = whole.copy()
    bodies[grid.region][grid.spread(coarse) != whole[grid.region]] = 0
    return whole, bodies


def _body(
    mask: Mask, region: tuple[slice, slice, slice], grid: Grid, curve: Curve, segment: Segment, numbered: bool
) -> Mask:
    """The body of one vertebra.

    By its own shape where enough of it is in view, else by the line of the spine: an arch may be more massive than what
    is left of its body.
    """
    start = np.array([side.start for side in region])
    voxels = np.argwhere(mask)
    positions = (voxels + start) * grid.spacing
    sample = curve.nearest(positions)
    offset = positions - curve.points[sample]
    usual, radius = expected_height(segment, curve), curve.radius[sample]
    back = (offset * curve.back[sample]).sum(axis=1)
    aside = np.abs((offset * curve.left[sample]).sum(axis=1))
    reach = int(RIM_SHARE * usual / STEP_MM)
    beside = (sample >= segment.first - reach) & (sample <= segment.last + reach)
    near = beside & (np.linalg.norm(offset, axis=1) <= FRAGMENT_REACH * radius)
    rows = region[1]
    at_border = rows.start <= 1 or rows.stop >= grid.values.shape[1] - 1
    least = (WHOLE if at_border and not numbered else CRUSHED) * usual
    inside = _set(mask, voxels[beside & (back <= radius + WALL_MARGIN_MM) & (aside <= SIDE_REACH * radius)])
    if segment.height >= least and rows.stop - rows.start >= FEWEST_ROWS:
        # Facets were parted by guess where there are no numbers: what hangs over from the neighbours would mislead.
        own = mask if numbered else _set(mask, voxels[beside])
        possible = _set(mask, voxels[beside & (back <= FAR_BACK * radius)])
        body = vertebral_body(_pieces_with(own, voxels[near]), grid.spacing) & possible
        core = voxels[near & (np.linalg.norm(offset, axis=1) <= CORE_REACH * radius)]
        if not len(core) or body[tuple(core.T)].mean() >= CORE_SHARE:
            return body
        # A body in pieces is not seen by its shape: the arch may be the largest of them.
    return _pieces_with(inside, np.argwhere(inside))


def _set(mask: Mask, voxels: NDArray[np.intp]) -> Mask:
    """Of the shape of a mask, with some voxels (n, 3) set."""
    result = np.zeros_like(mask)
    result[tuple(voxels.T)] = True
    return result


def _pieces_with(mask: Mask, voxels: NDArray[np.intp]) -> Mask:
    """The connected pieces of a mask that hold a good part of some of its voxels (n, 3)."""
    components, count = ndimage.label(mask, np.ones((3, 3, 3), dtype=bool))
    if count <= 1 or not len(voxels):
        return mask
    held = np.bincount(components[tuple(voxels.T)], minlength=count + 1)
    kept = held >= GOOD_PART * held.max()
    kept[0] = False
    result: Mask = kept[components]
    return result
