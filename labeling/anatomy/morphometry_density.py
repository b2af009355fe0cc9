"""Mean density of the trabecular core of a vertebral body."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.heights import BodyHeights

__all__ = ["core_mean"]

HIGH = (0.25, 0.75)
"""The middle half of the height: within 4 mm of the endplates bone is 30 to 50 % denser."""

DEEP = (0.25, 0.80)
"""Shares of the depth from the back, off both walls."""

WIDE = 0.30
"""Share of the width to each side of the midline."""

VEIN_DEEP, VEIN_HIGH, VEIN_WIDE = 0.40, (0.375, 0.625), 0.15
"""The basivertebral vein: behind this share of the depth, about mid-height, in the midline. It is left out."""

FEWEST_VOXELS = 30


def core_mean(
    values: NDArray[Any],
    body: NDArray[np.bool_],
    spacing: NDArray[np.float64],
    heights: BodyHeights,
) -> float | None:
    """Mean value of the core of a body; None where fewer than 30 voxels lie in it or a value is no number.

    Parameters
    ----------
    values, body
        (k, r, c) of one grid.
    spacing
        mm along its axes.
    heights
        What was measured of the body; its frame lies in mm of that grid.
    """
    voxels = np.argwhere(body)
    frame = heights.frame
    away = voxels * spacing - frame.centre
    high = (away @ frame.up) / heights.middle + 0.5
    deep = (away @ frame.front) / heights.depth + 0.5
    wide = np.abs(away @ frame.left) / max(heights.width, 1e-6)
    core = (high >= HIGH[0]) & (high <= HIGH[1]) & (deep >= DEEP[0]) & (deep <= DEEP[1]) & (wide <= WIDE)
    vein = (deep <= VEIN_DEEP) & (high >= VEIN_HIGH[0]) & (high <= VEIN_HIGH[1]) & (wide <= VEIN_WIDE)
    inside = values[tuple(voxels[core & ~vein].T)].astype(np.float64)
    if len(inside) < FEWEST_VOXELS or not np.isfinite(inside).all():
        return None
    return float(inside.mean())
