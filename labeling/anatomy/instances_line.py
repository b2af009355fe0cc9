"""What a model took for bodies and is no part of the spine: pelvis, hip or table, far aside beyond a gap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.instances_curve import STEP_MM, Curve, Grid
from labeling.anatomy.instances_split import Segment, expected_height

__all__ = ["beyond_a_leap"]

ASIDE_MM = 40.0
"""A neighbour beyond a gap that lies further than this to one side ..."""

ASIDE_SHARE = 0.6
"""... and further than this share of the way along the spine is none: no spine leans by more than 30 degrees so far."""

FEW = 1 / 3
"""Share of the bodies up to which the lesser side of such a leap is left out; where both sides are alike both stay."""


def beyond_a_leap(segments: Sequence[Segment], curve: Curve, grid: Grid) -> NDArray[np.bool_] | None:
    """The voxels (k, r, c) of the grid that lie beyond a leap aside of the line, on its lesser side; None without one.

    The bodies of a spine stand above one another. Where a model finds no sacrum the line through its mask may go on to
    something beside the spine: then a gap of a body's height and more is followed by a leap to one side.
    """
    for place, (one, other) in enumerate(itertools.pairwise(segments)):
        gap = (other.first - one.last - 1) * STEP_MM
        way = curve.points[int(other.middle)] - curve.points[int(one.middle)]
        aside, along = abs(float(way[0])), abs(float(way[1]))
        if gap < expected_height(one, curve) or aside < max(ASIDE_MM, ASIDE_SHARE * along):
            continue
        heights = [segment.height for segment in segments]
        above, below = sum(heights[: place + 1]), sum(heights[place + 1 :])
        if min(above, below) > FEW * (above + below):
            continue
        border = (one.last + other.first) // 2
        sample = curve.nearest(np.argwhere(grid.mask) * grid.spacing)
        beyond = np.zeros(grid.values.shape, dtype=bool)
        beyond[grid.mask] = sample > border if below < above else sample < border
        return beyond
    return None
