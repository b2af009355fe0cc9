"""The curve of a supine spine: where each vertebra stands, from the sacrum up.

Tilts are in degrees, positive where the front of a vertebra is lower than its back. Supine curvature is flatter than
standing: T12 to S1 36.8 +- 13.2 degrees recumbent (PMC6680033), T1 to T12 43 +- 13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .body import Body
from .design import VertebraSize, disc_height
from .grid import Frame, Points

__all__ = ["Disc", "Posture", "Sacral", "Stacked", "draw_posture", "sacral_frames", "stack_up"]

Build = Callable[[str, Frame], Body]


@dataclass(frozen=True, slots=True)
class Posture:
    """Angles in degrees: slope of S1, lordosis T12-S1, kyphosis T1-T12, lordosis of the neck, scoliosis (Cobb)."""

    sacral_slope: float
    lordosis: float
    kyphosis: float
    neck: float
    scoliosis: float
    bend_at: float
    turn: float
    disc_scale: float


@dataclass(frozen=True, eq=False)
class Disc:
    """Between two vertebrae; `above` is the level over it. Frame at its middle; height in mm, angle in degrees."""

    above: str
    frame: Frame
    height: float
    angle: float
    width: float
    depth: float


@dataclass(frozen=True, eq=False)
class Sacral:
    """One of the five fused vertebrae of the sacrum; sizes of its body in mm."""

    frame: Frame
    height: float
    width: float
    depth: float


@dataclass(frozen=True, eq=False)
class Stacked:
    """Bodies by level, discs from the sacrum up, and the bodies of the sacrum from S1 down."""

    bodies: Mapping[str, Body]
    discs: Sequence[Disc]
    sacrum: Sequence[Sacral]


def draw_posture(scoliosis_deg: float, rng: np.random.Generator) -> Posture:
    """The curvature of one patient."""
    slope = float(np.clip(rng.normal(35, 4), 27, 44))
    return Posture(
        sacral_slope=slope,
        # Lying on a flat couch the junction leans back by about as much as brings T1 over the sacrum again.
        lordosis=slope + float(np.clip(rng.normal(13, 3), 7, 19)),
        kyphosis=float(np.clip(rng.normal(41, 6), 28, 54)),
        neck=float(np.clip(rng.normal(16, 6), 2, 28)),
        scoliosis=scoliosis_deg,
        bend_at=float(rng.uniform(0.35, 0.75)),
        turn=float(rng.normal(0, 2)),
        disc_scale=float(np.clip(rng.normal(1.0, 0.08), 0.8, 1.15)),
    )


def _tilts(posture: Posture, chain: Sequence[str]) -> dict[str, float]:
    """Tilt of the middle of every vertebra."""
    t12 = posture.sacral_slope - posture.lordosis
    t1 = t12 + posture.kyphosis
    lumbar = [one for one in chain if one[0] == "L"]
    thoracic = [one for one in chain if one[0] == "T"]
    cervical = [one for one in chain if one[0] == "C"]
    tilts = {}
    for place, level in enumerate(lumbar):
        share = (place + 1) / (len(lumbar) + 0.7)
        tilts[level] = t12 + posture.lordosis * (0.12 * share + 0.83 * share**2.4)
    for place, level in enumerate(thoracic):
        share = 1 - place / (len(thoracic) - 1)
        # Steepest about T3 to T9, level at both ends.
        tilts[level] = t12 + posture.kyphosis * (0.35 * share + 0.65 * (3 * share**2 - 2 * share**3))
    for place, level in enumerate(cervical):
        share = (len(cervical) - place) / len(cervical)
        tilts[level] = t1 - (t1 - 4) * 0.3 * share - posture.neck * share**1.3
    return tilts


def _axes(tilt_deg: float, lean_deg: float, turn_deg: float) -> Points:
    """Columns left, anterior, superior for a vertebra tilted forward, leaning to the left, turned about its axis."""
    tilt, lean, turn = np.deg2rad([tilt_deg, lean_deg, turn_deg])
    axes = np.array([[1.0, 0, 0], [0, -np.cos(tilt), -np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    cosine, sine = np.cos(lean), np.sin(lean)
    leaning = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    cosine, sine = np.cos(turn), np.sin(turn)
    turning = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    result: Points = leaning @ axes @ turning
    return result


def sacral_frames(posture: Posture, scale: float) -> list[Sacral]:
    """S1 to S5, the middle of S1's endplate at the origin; the sacrum hollows to the front."""
    heights = [29.0, 24.0, 20.5, 18.0, 15.5]
    widths, depths = [50.0, 40.0, 33.0, 28.0, 22.0], [31.0, 21.0, 15.0, 11.5, 8.5]
    turns = [0.0, 8.0, 22.0, 40.0, 58.0]
    point = np.zeros(3)
    parts = []
    for height, width, depth, turn in zip(heights, widths, depths, turns, strict=True):
        axes = _axes(posture.sacral_slope - turn, 0.0, 0.0)
        # Fronts are in line: a thinner one stands further forward.
        ahead = (depths[0] - depth) * 0.22 * scale
        centre = point - axes[:, 2] * height * scale / 2 + axes[:, 1] * ahead
        parts.append(Sacral(Frame(centre, axes), height * scale, width * scale, depth * scale))
        point = point - axes[:, 2] * height * scale
    return parts


def stack_up(
    chain: Sequence[str],
    sizes: Mapping[str, VertebraSize],
    posture: Posture,
    build: Build,
    rng: np.random.Generator,
) -> Stacked:
    """Set one vertebra upon the other, each on the endplate that fracture has left of the lower one.

    Parameters
    ----------
    chain
        Levels from head to feet.
    build
        Makes the (broken) body of a level in a frame.
    """
    tilts = _tilts(posture, chain)
    scale = sizes[chain[-1]].depth / 35.0
    sacrum = sacral_frames(posture, scale)
    bodies: dict[str, Body] = {}
    discs: list[Disc] = []
    lower_point, lower_tilt, lower_depth = np.zeros(3), posture.sacral_slope, sacrum[0].depth
    bent, lower_width = 0.0, sacrum[0].width
    lean = 0.0
    for place, level in enumerate(reversed(chain)):
        size = sizes[level]
        height = disc_height(level) * posture.disc_scale * float(np.clip(rng.normal(1, 0.12), 0.5, 1.2))
        if rng.random() < 0.08:
            height *= 0.6
        share = place / (len(chain) - 1)
        lean = posture.scoliosis * float(np.sin(2 * np.pi * (share - posture.bend_at)))
        turn = posture.turn + 0.5 * posture.scoliosis * float(np.cos(2 * np.pi * (share - posture.bend_at)))
        body = build(level, Frame(np.zeros(3), np.eye(3)))
        foot, foot_slope = body.endplate_line(superior=False)
        head, head_slope = body.endplate_line(superior=True)
        foot_tilt = -float(np.rad2deg(np.arctan(foot_slope)))  # of the inferior endplate within the vertebra
        angle = lower_tilt - (tilts[level] + bent + foot_tilt)
        least, most = (1.0, 14.0) if level[0] == "L" else (-2.0, 7.0) if level[0] == "T" else (-1.0, 7.0)
        if place == 0:
            least, most = 5.0, 18.0
        kept = float(np.clip(angle, least, most))
        tilt = lower_tilt - kept - foot_tilt
        # What a crushed body takes away bends what stands on it, less with each level.
        bent = 0.4 * (tilt - tilts[level])
        between = lower_tilt - kept / 2
        middle = _axes(between, lean, turn)
        axes = _axes(tilt, lean, turn)
        shift = 0.5 * (size.depth - lower_depth)  # posterior walls are in line
        mid_foot = lower_point + middle[:, 2] * height + axes[:, 1] * shift
        centre = mid_foot - axes[:, 2] * foot
        body.frame = Frame(centre, axes)
        discs.append(
            Disc(
                level,
                Frame(lower_point + middle[:, 2] * height / 2 + axes[:, 1] * shift / 2, middle),
                height,
                kept,
                0.5 * (body.width + lower_width),
                0.5 * (body.depth + lower_depth),
            )
        )
        bodies[level] = body
        lower_point = centre + axes[:, 2] * head
        lower_tilt = tilt - float(np.rad2deg(np.arctan(head_slope)))
        lower_depth, lower_width = size.depth, size.width
    return Stacked({level: bodies[level] for level in chain}, discs, sacrum)
