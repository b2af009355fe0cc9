"""In what shape the height of a body is lost: as a fracture loses it, or as a Schmorl node does.

A crushed body has lost height at nearly every station across it. A Schmorl node is a hole in an endplate: deep, narrow,
in the medial slices, and around it the rims, the lateral slices and the walls stand at full height. So the medial
heights alone cannot tell them apart (a deep notch grades as 2), the map of the whole body can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.heights import BodyHeights

__all__ = ["Shape", "shape_of"]

Floats = NDArray[np.float64]

LOST = 0.20
"""Loss from which a place counts as lost; grade 1 begins there."""

LATERAL_MM = 10.0
"""Beyond this distance from the midline a notch has ended, or 0.45 of the half width in small bodies."""

LATERAL_SHARE = 0.45

CORE = 0.75
"""Share of the greatest loss from which a place belongs to the core of the loss."""

NOTCH_AREA, NOTCH_LATERAL = 0.175, 0.35
"""The core of a notch takes up no more of the plan and of the lateral slices than this; a crush takes up most."""

NOTCH_DEEP_MM = 2.5
"""A notch is deeper than the dish of a usual endplate."""

NOTCH_OTHER = 0.5
"""The other endplate is no more than a usual dish, or this share of the notch: a split goes through both."""

EVEN = 0.10
"""Losses that differ by less than this are alike."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the map of a body's heights shows.

    kind
        ``wedge``, ``biconcave``, ``crush`` or ``notch``: what the loss looks like, whether it is enough for a grade
        or not.
    share_lost
        Share of the readable slices in which one of the three heights has lost a fifth.
    core_area, core_lateral
        Share of the body's plan, and of the slices far from the midline, that holds the core of the loss.
    rest
        Median loss beside that core.
    posterior_rim
        Median loss along the posterior rim.
    deepest_mm
        The deepest place of either endplate below the plane through its rims.
    opposite_mm
        The same of the other endplate.
    endplate
        ``superior`` or ``inferior``: the one that is deeper.
    wider, deeper
        Width and depth against the mean of the neighbours, as shares (0.1 is a tenth more): a crush spreads.
    """

    kind: str
    share_lost: float
    core_area: float
    core_lateral: float
    rest: float
    posterior_rim: float
    deepest_mm: float
    opposite_mm: float
    endplate: str
    wider: float
    deeper: float

    @property
    def sentence(self) -> str:
        """What was found, for a reader."""
        if self.kind == "notch":
            return (
                f"A notch of the {self.endplate} endplate, {self.deepest_mm:.0f} mm deep, on "
                f"{self.core_area * 100:.0f} % of the body between rims that stand. "
                "More like a Schmorl node than a fracture."
            )
        words = {"wedge": "in front", "biconcave": "in the middle", "crush": "in front, in the middle and at the back"}
        more = ""
        if self.wider >= EVEN or self.deeper >= EVEN:
            more = " The body is broader than its neighbours."
        share = f"{self.share_lost * 100:.0f} %"
        return f"Height is lost {words[self.kind]}, in {share} of the slices that can be judged.{more}"


def shape_of(heights: BodyHeights, expected: Floats, neighbours: Sequence[BodyHeights]) -> Shape:
    """The shape of a loss.

    Parameters
    ----------
    expected
        (3,) anterior, middle and posterior height in mm that the body should have.
    neighbours
        Bodies that its width and depth are laid against.
    """
    losses = 1 - np.array(heights.heights) / expected
    across = 1 - heights.across / expected
    half = 0.5 * heights.width
    lateral = np.abs(heights.stations) >= min(LATERAL_MM, LATERAL_SHARE * half)
    worst = np.where(np.isnan(across).all(axis=1), np.nan, np.nanmax(np.nan_to_num(across, nan=-1.0), axis=1))
    plan = (1 - heights.map / _over(expected, heights.depths))[:, (heights.depths > 0.08) & (heights.depths < 0.92)]
    core = CORE * float(np.nanpercentile(plan, 98))
    in_core = np.where(np.isnan(plan), np.nan, plan >= max(core, LOST))
    rest = plan[in_core == 0]
    (opposite, _), (deepest, endplate) = sorted(_dents(heights, half))
    found = Shape(
        "",
        share_lost=round(_share(worst, LOST), 3),
        core_area=round(float(np.nanmean(in_core)), 3),
        core_lateral=round(_share(across[lateral, 1], max(core, LOST)), 3),
        rest=round(float(np.median(rest)), 3) if len(rest) else 1.0,
        posterior_rim=round(float(np.nanmedian(across[:, 2])), 3),
        deepest_mm=round(deepest, 1),
        opposite_mm=round(opposite, 1),
        endplate=endplate,
        wider=round(_against(heights.width, [one.width for one in neighbours]), 3),
        deeper=round(_against(heights.depth, [one.depth for one in neighbours]), 3),
    )
    return replace(found, kind=_kind(losses, found))


def _over(expected: Floats, depths: Floats) -> Floats:
    """Expected height over the depth, from the back to the front: the three heights joined by straight lines."""
    anterior, middle, posterior = expected
    return np.interp(depths, [0.135, 0.5, 0.865], [posterior, middle, anterior])


def _share(losses: Floats, limit: float) -> float:
    known = losses[~np.isnan(losses)]
    return float((known >= limit).mean()) if len(known) else 0.0


def _against(size: float, others: Sequence[float]) -> float:
    return size / float(np.mean(others)) - 1 if others else 0.0


def _kind(losses: Floats, found: Shape) -> str:
    anterior, middle, posterior = (float(loss) for loss in losses)
    is_local = found.core_area <= NOTCH_AREA and found.core_lateral <= NOTCH_LATERAL
    stands = found.rest < LOST and found.posterior_rim < LOST and found.deepest_mm >= NOTCH_DEEP_MM
    is_one_sided = found.opposite_mm <= max(NOTCH_DEEP_MM, NOTCH_OTHER * found.deepest_mm)
    if is_local and stands and is_one_sided and middle >= max(anterior, posterior):
        return "notch"
    if min(anterior, middle, posterior) >= LOST:
        return "crush"
    if middle >= anterior + EVEN and middle >= posterior + EVEN:
        return "biconcave"
    return "crush" if posterior >= max(LOST, anterior - EVEN) else "wedge"


def _dents(heights: BodyHeights, half: float) -> list[tuple[float, str]]:
    """How deep each endplate lies below the plane through its front and its back.

    Off the sides, where spurs and the rounding of the body would be taken for a dish.
    """
    inner = np.abs(heights.stations) <= max(LATERAL_SHARE * half, LATERAL_MM)
    rim = (heights.depths <= 0.2) | (heights.depths >= 0.8)
    found = []
    for name, ends, sign in (("superior", heights.upper[inner], 1.0), ("inferior", heights.lower[inner], -1.0)):
        x, u = np.meshgrid(heights.stations[inner], heights.depths, indexing="ij")
        chosen = np.broadcast_to(rim, ends.shape) & ~np.isnan(ends)
        depth = 0.0
        if chosen.sum() >= 6:
            terms = np.stack([np.ones(int(chosen.sum())), x[chosen], u[chosen]], axis=1)
            plane, *_ = np.linalg.lstsq(terms, ends[chosen], rcond=None)
            below = (sign * (plane[0] + plane[1] * x + plane[2] * u - ends))[:, ~rim]
            # One ray may run past a spur; a few cannot.
            depth = float(np.nanpercentile(below, 98)) if not np.isnan(below).all() else 0.0
        found.append((depth, name))
    return found
