"""Usual heights of vertebral bodies, level by level, against which those of a patient are laid.

Adult means of men and women on supine CT, in mm: posterior height and its ratio to the anterior one by the level
pattern of the cadaver series of Panjabi (Spine 1991, 1992), lifted to CT by Cook (Int J Spine Surg 2021;15:1072, 196
CT) and Palm (Sci Rep 2025, 3,117 vertebrae). The middle is the mean of both less the dish of the endplates. Between
persons heights scatter by 6.5 % (SD) and move together, so a person has one scale; about it single levels scatter by
4 %. T13 is taken as T12, L6 as L5.
"""

from __future__ import annotations

from labeling.anatomy.levels import LEVELS, rank

__all__ = ["Heights", "design_heights"]

Heights = tuple[float, float, float]
"""Anterior, middle and posterior height in mm."""

#: Level -> posterior height of men and women, anterior to posterior of men and women.
_BODIES: dict[str, tuple[float, float, float, float]] = {
    "C3": (14.5, 13.0, 0.97, 0.97),
    "C4": (14.2, 12.8, 0.96, 0.96),
    "C5": (13.8, 12.4, 0.95, 0.95),
    "C6": (13.8, 12.5, 0.96, 0.96),
    "C7": (15.2, 13.8, 0.98, 0.98),
    "T1": (17.3, 15.8, 0.98, 0.98),
    "T2": (18.4, 16.8, 0.97, 0.97),
    "T3": (18.8, 17.2, 0.96, 0.96),
    "T4": (19.2, 17.6, 0.95, 0.95),
    "T5": (19.6, 17.9, 0.94, 0.94),
    "T6": (20.3, 18.6, 0.92, 0.93),
    "T7": (20.9, 19.4, 0.91, 0.92),
    "T8": (21.6, 20.1, 0.92, 0.93),
    "T9": (22.3, 20.7, 0.92, 0.94),
    "T10": (23.7, 22.0, 0.93, 0.94),
    "T11": (25.2, 23.4, 0.91, 0.92),
    "T12": (26.9, 25.0, 0.90, 0.93),
    "L1": (28.3, 26.7, 0.92, 0.94),
    "L2": (28.8, 27.2, 0.95, 0.98),
    "L3": (28.6, 27.0, 0.98, 1.02),
    "L4": (28.0, 26.5, 1.02, 1.06),
    "L5": (26.8, 25.5, 1.14, 1.17),
}
_BODIES["T13"], _BODIES["L6"] = _BODIES["T12"], _BODIES["L5"]

#: How deep both endplates are dished together, in mm.
_DISH = {"C": 1.2, "T": 1.5, "L": 2.2}


def design_heights(level: str) -> Heights | None:
    """Usual anterior, middle and posterior height in mm of a body of this level; None for C1 and C2, which have none
    that compare.

    Raises
    ------
    ValueError
        where `level` is no level.
    """
    row = _BODIES.get(LEVELS[rank(level)])
    if row is None:
        return None
    men, women, ratio_men, ratio_women = row
    anterior, posterior = 0.5 * (men * ratio_men + women * ratio_women), 0.5 * (men + women)
    return anterior, 0.5 * (anterior + posterior) - _DISH[level[0]], posterior
