"""Which usual heights a body is laid against where nobody has named it; a name it does not get by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labeling.anatomy.heights_design import Heights, design_heights
from labeling.anatomy.levels import LEVELS, rank

__all__ = ["compared_levels"]

LOWEST = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
"""What the lowest of a row may be in which none has a name. Usual heights go by one person's scale, so a wrong guess
costs little but at L5, which is much higher in front than all others."""


def compared_levels(levels: Sequence[str], heights: Mapping[int, Heights]) -> list[str]:
    """A level for each vertebra of a row from head to feet, those without one counted on from the nearest that has.

    Parameters
    ----------
    levels
        Names, '' where unknown.
    heights
        What was measured, in mm, by place in the row: where no vertebra has a name the row is laid where its bodies
        have the most usual shapes.
    """
    known = {place: rank(level) for place, level in enumerate(levels) if level}
    if known:
        return _counted(len(levels), known)
    rows = [_counted(len(levels), {len(levels) - 1: rank(lowest)}) for lowest in reversed(LOWEST)]
    return min(rows, key=lambda row: _strangeness(row, heights)) if heights else rows[0]


def _counted(count: int, known: Mapping[int, int]) -> list[str]:
    result = []
    for place in range(count):
        at = min(known, key=lambda one: (abs(one - place), one))
        # T13 and L6 are in few spines: who counts past T12 or L5 comes to L1 or the sacrum.
        chain = [level for level in LEVELS if level not in ("T13", "L6") or level == LEVELS[known[at]]]
        result.append(chain[min(max(chain.index(LEVELS[known[at]]) + place - at, 0), len(chain) - 1)])
    return result


def _strangeness(row: Sequence[str], heights: Mapping[int, Heights]) -> float:
    """How far heights are from usual ones of these levels, up to one scale: the median, as some may be broken."""
    ratios = []
    for place, measured in heights.items():
        usual = design_heights(row[place])
        if usual is None:
            return np.inf
        ratios += np.log(np.array(measured) / np.array(usual)).tolist()
    return round(float(np.median(np.abs(np.array(ratios) - np.median(ratios)))), 4)
