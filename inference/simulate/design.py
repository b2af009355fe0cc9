"""The sizes of vertebrae by level and sex, and how they scatter from patient to patient.

Adult means on supine CT, millimetres. The level pattern is that of cadaver series (Panjabi, Spine 1991, 1992), lifted
to CT sizes of L5 (Cook, Int J Spine Surg 15:1072) and to the rise from T9 to L1 (Palm, Sci Rep 2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from labeling.anatomy.levels import LEVELS

__all__ = ["VARIANTS", "VertebraSize", "chain_of", "disc_height", "draw_sizes", "marrow_factor", "rib_joint"]

_CERVICAL = tuple(f"C{n}" for n in range(1, 8))
_THORACIC = tuple(f"T{n}" for n in range(1, 13))
_LUMBAR = tuple(f"L{n}" for n in range(1, 6))

VARIANTS: dict[str, tuple[str, ...]] = {
    "normal": (*_CERVICAL, *_THORACIC, *_LUMBAR),
    "T13": (*_CERVICAL, *_THORACIC, "T13", *_LUMBAR),
    "L6": (*_CERVICAL, *_THORACIC, *_LUMBAR, "L6"),
    "four-lumbar": (*_CERVICAL, *_THORACIC, *_LUMBAR[:4]),
}
"""The presacral vertebrae from head to feet of every kind of spine that is simulated."""

# Hp, Ha:Hp, width, depth of the endplates, each of men and women; canal AP, width; pedicle width, height
_BODY: dict[str, tuple[float, ...]] = {
    "C1": (12.0, 11.0, 1.0, 1.0, 20.0, 18.0, 9.0, 8.0, 17.0, 28.0, 6.0, 8.0),
    "C2": (19.0, 17.5, 1.0, 1.0, 19.0, 17.5, 16.0, 14.5, 15.5, 23.0, 7.0, 8.0),
    "C3": (14.5, 13.0, 0.97, 0.97, 19.0, 17.5, 16.0, 14.5, 13.5, 22.0, 5.0, 7.0),
    "C4": (14.2, 12.8, 0.96, 0.96, 20.0, 18.0, 16.0, 14.5, 13.0, 22.0, 5.0, 7.0),
    "C5": (13.8, 12.4, 0.95, 0.95, 21.0, 19.0, 16.5, 15.0, 13.0, 23.0, 5.0, 7.0),
    "C6": (13.8, 12.5, 0.96, 0.96, 23.0, 21.0, 17.0, 15.5, 13.5, 24.0, 5.5, 7.0),
    "C7": (15.2, 13.8, 0.98, 0.98, 27.0, 24.5, 17.5, 16.0, 14.0, 23.0, 6.5, 8.0),
    "T1": (17.3, 15.8, 0.98, 0.98, 30.0, 26.5, 19.5, 17.5, 15.0, 21.0, 8.5, 10.0),
    "T2": (18.4, 16.8, 0.97, 0.97, 29.0, 26.0, 20.5, 18.5, 15.0, 17.5, 7.0, 11.5),
    "T3": (18.8, 17.2, 0.96, 0.96, 28.0, 25.0, 23.0, 21.0, 15.0, 16.5, 5.5, 12.0),
    "T4": (19.2, 17.6, 0.95, 0.95, 28.5, 25.5, 24.5, 22.0, 15.0, 16.0, 4.8, 12.0),
    "T5": (19.6, 17.9, 0.94, 0.94, 29.5, 26.0, 26.0, 23.5, 15.0, 16.0, 4.8, 12.0),
    "T6": (20.3, 18.6, 0.92, 0.93, 31.0, 27.5, 28.0, 25.0, 15.0, 16.0, 5.2, 12.0),
    "T7": (20.9, 19.4, 0.91, 0.92, 32.5, 29.0, 29.5, 26.5, 15.0, 16.0, 5.5, 12.5),
    "T8": (21.6, 20.1, 0.92, 0.93, 34.0, 30.5, 30.5, 27.5, 15.0, 16.0, 6.0, 13.0),
    "T9": (22.3, 20.7, 0.92, 0.94, 36.0, 32.0, 31.5, 28.5, 15.0, 16.0, 6.5, 14.0),
    "T10": (23.7, 22.0, 0.93, 0.94, 38.5, 34.5, 32.0, 29.0, 15.0, 16.5, 7.0, 15.0),
    "T11": (25.2, 23.4, 0.91, 0.92, 41.5, 37.0, 33.0, 29.5, 16.0, 18.0, 7.8, 16.5),
    "T12": (26.9, 25.0, 0.90, 0.93, 45.0, 40.0, 34.0, 30.5, 17.0, 21.0, 8.0, 16.5),
    "L1": (28.3, 26.7, 0.92, 0.94, 47.0, 42.0, 35.0, 31.5, 17.0, 22.5, 8.0, 15.5),
    "L2": (28.8, 27.2, 0.95, 0.98, 49.0, 43.5, 36.0, 32.5, 16.0, 23.0, 8.5, 15.0),
    "L3": (28.6, 27.0, 0.98, 1.02, 51.0, 45.5, 37.0, 33.5, 16.0, 24.0, 10.5, 15.0),
    "L4": (28.0, 26.5, 1.02, 1.06, 53.0, 47.0, 37.5, 33.5, 16.0, 25.0, 13.0, 14.5),
    "L5": (26.8, 25.5, 1.14, 1.17, 55.0, 49.0, 37.0, 33.0, 16.0, 28.0, 16.0, 13.0),
}

# Span of the transverse processes; the spinous process: tip behind the posterior wall, tip below mid-body, height.
_PROCESSES: dict[str, tuple[float, float, float, float]] = {
    "C1": (74.0, 26.0, 0.0, 8.0),
    "C2": (54.0, 34.0, 10.0, 13.0),
    "C3": (52.0, 31.0, 8.0, 8.0),
    "C4": (53.0, 32.0, 8.0, 8.0),
    "C5": (55.0, 34.0, 9.0, 8.0),
    "C6": (57.0, 40.0, 10.0, 9.0),
    "C7": (68.0, 48.0, 13.0, 10.0),
    "T1": (76.0, 48.0, 14.0, 11.0),
    "T2": (72.0, 47.0, 17.0, 11.0),
    "T3": (70.0, 46.0, 20.0, 10.0),
    "T4": (69.0, 45.0, 24.0, 10.0),
    "T5": (68.0, 44.0, 27.0, 9.5),
    "T6": (67.0, 43.0, 29.0, 9.5),
    "T7": (66.0, 43.0, 30.0, 10.0),
    "T8": (66.0, 43.0, 29.0, 10.0),
    "T9": (65.0, 43.0, 26.0, 11.0),
    "T10": (60.0, 43.0, 21.0, 13.0),
    "T11": (54.0, 43.0, 16.0, 16.0),
    "T12": (50.0, 44.0, 13.0, 18.5),
    "L1": (76.0, 47.0, 12.0, 21.5),
    "L2": (86.0, 49.0, 12.0, 22.0),
    "L3": (92.0, 51.0, 12.0, 22.0),
    "L4": (90.0, 47.0, 12.0, 20.0),
    "L5": (92.0, 38.0, 13.0, 15.0),
}

_DISC: dict[str, float] = {  # middle height of the disc below
    **dict.fromkeys(_CERVICAL, 5.2),
    **{"C1": 3.0, "C2": 5.0, "T1": 4.2, "T2": 3.8, "T3": 3.7, "T4": 3.8, "T5": 4.0, "T6": 4.2, "T7": 4.4, "T8": 4.7},
    **{"T9": 5.2, "T10": 5.8, "T11": 6.4, "T12": 7.0, "T13": 7.4, "L1": 8.2, "L2": 9.2, "L3": 10.3, "L4": 11.0},
    **{"L5": 10.0, "L6": 9.5},
}

_MARROW = {"C3": 1.7, "C6": 1.65, "C7": 1.35, "T1": 1.3, "T4": 1.2, "T8": 1.1, "T12": 1.03, "L1": 1.0, "L2": 0.98}
_MARROW_LOW = {"L3": 0.96, "L4": 0.96, "L5": 1.0}


@dataclass(frozen=True, slots=True)
class VertebraSize:
    """One vertebra, in mm.

    anterior, posterior
        Heights at the walls; ``dish`` is by how much the middle is lower than their mean.
    width, depth
        Of the endplates; the waist is narrower.
    canal, pedicle
        (front to back, across) and (width, height).
    span, tip, drop, process
        Of the transverse processes; how far the spinous process reaches behind the posterior wall and below mid-body;
        its own height.
    """

    level: str
    anterior: float
    posterior: float
    dish: float
    width: float
    depth: float
    canal: tuple[float, float]
    pedicle: tuple[float, float]
    span: float
    tip: float
    drop: float
    process: float

    @property
    def height(self) -> float:
        return 0.5 * (self.anterior + self.posterior)


def chain_of(variant: str) -> tuple[str, ...]:
    """The presacral levels of a kind of spine, from head to feet.

    Raises
    ------
    ValueError
        where `variant` is none of `VARIANTS`.
    """
    if variant not in VARIANTS:
        raise ValueError(f"{variant!r} is no kind of spine. There are {', '.join(VARIANTS)}.")
    return VARIANTS[variant]


def disc_height(level: str) -> float:
    """Usual height in mm of the middle of the disc below a level."""
    return _DISC[level]


def marrow_factor(level: str) -> float:
    """Attenuation of the spongy bone of a level over that of L1."""
    known = {**_MARROW, **_MARROW_LOW}
    places = [LEVELS.index(name) for name in known]
    return float(np.interp(LEVELS.index(level), places, list(known.values())))


def rib_joint(level: str, chain: Sequence[str]) -> str | None:
    """Where the rib of a level meets the spine: 'body' of its own, 'disc' above it, or None where it has no rib."""
    if not level.startswith("T"):
        return None
    thoracic = [one for one in chain if one.startswith("T")]
    return "body" if level == "T1" or level in thoracic[-2:] else "disc"


def _mixed(first: str, second: str, female: bool) -> VertebraSize:
    """Half way between two levels: a supernumerary or a transitional vertebra."""
    one, other = _usual(first, female), _usual(second, female)
    mean = {
        name: 0.5 * (getattr(one, name) + getattr(other, name))
        for name in ("anterior", "posterior", "dish", "width", "depth", "span", "tip", "drop", "process")
    }
    canal = (0.5 * (one.canal[0] + other.canal[0]), 0.5 * (one.canal[1] + other.canal[1]))
    pedicle = (0.5 * (one.pedicle[0] + other.pedicle[0]), 0.5 * (one.pedicle[1] + other.pedicle[1]))
    return replace(one, **mean, canal=canal, pedicle=pedicle)


def _usual(level: str, female: bool) -> VertebraSize:
    sex = int(female)
    row = _BODY[level]
    posterior = row[sex]
    cervical, lumbar = level[0] == "C", level[0] == "L"
    return VertebraSize(
        level,
        posterior * row[2 + sex],
        posterior,
        0.8 if cervical else 2.2 if lumbar else 1.5,
        row[4 + sex],
        row[6 + sex],
        (row[8], row[9]),
        (row[10], row[11]),
        *_PROCESSES[level],
    )


def _mean_size(level: str, chain: Sequence[str], female: bool) -> VertebraSize:
    last = chain[-1]
    if level == "T13":
        size = _mixed("T12", "L1", female)
        return replace(size, span=_PROCESSES["T12"][0])
    if level == last:
        return _usual("L5", female)  # the lowest one is shaped by the sacrum under it, whatever its number
    if last == "L6" and level == "L5":
        return _mixed("L4", "L5", female)
    return _usual(level, female)


def draw_sizes(chain: Sequence[str], female: bool, rng: np.random.Generator) -> dict[str, VertebraSize]:
    """The vertebrae of one patient: one scale for all of it (SD 5 %), 3 % per level and 2 % per measure.

    Parameters
    ----------
    chain
        Levels from head to feet, see `chain_of`.
    """
    scale = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.13))
    wedge = float(np.clip(rng.normal(0.0, 0.025), -0.05, 0.05))
    sizes = {}
    for level in chain:
        mean = _mean_size(level, chain, female)
        per_level = scale * float(np.clip(rng.normal(1.0, 0.03), 0.93, 1.07))
        several = np.clip(rng.normal(1.0, 0.02, 10), 0.95, 1.05)
        posterior = mean.posterior * per_level * several[0]
        ratio = mean.anterior / mean.posterior + wedge + float(np.clip(rng.normal(0, 0.012), -0.025, 0.025))
        dish_sd = 0.2 if level[0] == "C" else 0.6 if level[0] == "T" else 0.8
        sizes[level] = replace(
            mean,
            anterior=float(posterior * max(ratio, 0.86)),
            posterior=float(posterior),
            dish=float(np.clip(rng.normal(mean.dish, dish_sd), 0.3, mean.dish + 1.2)),
            width=float(mean.width * per_level * several[1]),
            depth=float(mean.depth * per_level * several[2]),
            canal=(float(mean.canal[0] * rng.normal(1, 0.06)), float(mean.canal[1] * scale * several[3])),
            pedicle=(float(mean.pedicle[0] * per_level * rng.normal(1, 0.08)), float(mean.pedicle[1] * per_level)),
            span=float(mean.span * per_level * several[4]),
            tip=float(mean.tip * per_level * several[5]),
            drop=float(mean.drop * per_level * several[6]),
            process=float(mean.process * per_level * several[7]),
        )
    return sizes
