"""Shaving: which slices of a vertebral body a dataset keeps.

The outer slices of a body run along its cortex and its pedicles, where a label of fracture or negative says little. A
dataset leaves out a share of the body's width on each side; the reading room shows beforehand which slices those are.
"""

from __future__ import annotations

__all__ = ["LEAST_KEPT", "SHAVED_SHARE", "kept"]

#: Of the body's width, on each side.
SHAVED_SHARE = 0.2

#: Slices that stay in any case; a body with fewer is not used at all.
LEAST_KEPT = 3


def kept(first: int, last: int, share: float = SHAVED_SHARE, least: int = LEAST_KEPT) -> tuple[int, int] | None:
    """The slices of a body that stay, as first and last index, both inclusive.

    Parameters
    ----------
    first, last
        Slice indices of the body extent, inclusive.
    share
        Part of the width that goes on each side, from 0 to below 0.5; rounded down to whole slices.
    least
        Slices that stay at least, 1 or more: where shaving would leave fewer, less is shaved, the same on both sides.

    Returns
    -------
    tuple of int, or None
        None where the body has fewer than `least` slices.

    Raises
    ------
    ValueError
        where the extent is turned round, or share or least are out of range.
    """
    if last < first:
        raise ValueError(f"The extent runs from slice {first} to {last}. Its first slice comes first.")
    if not 0 <= share < 0.5 or least < 1:
        raise ValueError(f"A share of {share} and {least} slices at least cannot be shaved. Shares lie from 0 to 0.5.")
    width = last - first + 1
    if width < least:
        return None
    # Rounded before it is cut off: 0.29 of 100 is 28.999… in binary.
    shaved = min(int(round(width * share, 9)), (width - least) // 2)
    return first + shaved, last - shaved
