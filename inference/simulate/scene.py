"""One patient on the table: the whole spine of a case, and the field of view laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from labeling.anatomy.levels import rank

from .body import Body
from .curve import Stacked, draw_posture, stack_up
from .design import VertebraSize, draw_sizes
from .fractures import Injury, break_body, imitate, spread_of
from .grid import Frame, Grid, Points
from .spec import CaseSpec

__all__ = ["Scene", "body_extent", "lay_out", "stream"]

LEAST_MARROW = 30.0

_SAMPLE_MM = 0.8
"""Things are drawn at samples of about this thickness within a slice."""

_AHEAD = 0.44
"""Share of the field of view that lies before the middle of the bodies."""

_CLEAR_MM = 4.0
_CLEAR_ROWS = 3.5
"""Rows between a complete body and the border: nobody can take it for cut."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A spine with its broken bodies, what was done to them, and the grid of the image.

    injuries
        By level; what fractures and mimics moved.
    whole
        The same bodies before that.
    marrow
        HU of the spongy bone of L1.
    """

    spec: CaseSpec
    sizes: Mapping[str, VertebraSize]
    stacked: Stacked
    injuries: Mapping[str, Injury]
    whole: Mapping[str, Body]
    marrow: float
    grid: Grid


def stream(seed: int, purpose: int, part: int = 0) -> np.random.Generator:
    """Random numbers of one purpose: what one part of a case draws never moves another part."""
    return np.random.default_rng([seed, purpose, part])


def lay_out(spec: CaseSpec, seed: int) -> Scene:
    """The scene of a case; the same for the same spec and seed."""
    sizes = draw_sizes(spec.chain, spec.female, stream(seed, 1))
    posture = draw_posture(spec.scoliosis_deg, stream(seed, 2))
    fractures = {one.level: one for one in spec.fractures}
    mimics = {one.level: one for one in spec.mimics}
    injuries: dict[str, Injury] = {}
    whole: dict[str, Body] = {}

    def build(level: str, frame: Frame) -> Body:
        place = rank(level)
        fracture = fractures.get(level)
        spread = spread_of(fracture, stream(seed, 3, place))
        body = Body.whole(sizes[level], frame, stream(seed, 4, place), spread)
        if fracture is not None or level in mimics:
            whole[level] = Body.whole(sizes[level], frame, stream(seed, 4, place))
        _age(body, spec.age, stream(seed, 5, place))
        if fracture is not None:
            injuries[level] = break_body(body, fracture, stream(seed, 6, place))
        elif level in mimics:
            injuries[level] = imitate(body, mimics[level], stream(seed, 6, place))
        return body

    stacked = stack_up(spec.chain, sizes, posture, build, stream(seed, 7))
    marrow = 226 - 2.1 * (spec.age - 25) + 30 * float(np.clip(stream(seed, 8).normal(), -2, 2))
    marrow -= 25 if spec.fractures else 0
    return Scene(
        spec, sizes, stacked, injuries, whole, max(marrow, LEAST_MARROW), _field_of_view(spec, stacked, stream(seed, 9))
    )


def _age(body: Body, age: int, rng: np.random.Generator) -> None:
    """Beaks at the rims, more and longer with age."""
    share = float(np.clip((age - 40) / 50, 0, 1))
    for edge in ("top", "bottom"):
        if rng.random() < 0.5 * share:
            setattr(body, f"beak_{edge}", float(rng.uniform(0.8, 1.0 + 2.5 * share)))


def body_extent(body: Body) -> tuple[Points, Points]:
    """Lowest and highest scene (x, y, z) of a body, fragment included."""
    inside = body.radius < 1.0
    rows, columns = np.nonzero(inside)
    x, a = body.x[rows], body.a[columns]
    edges = [np.stack([x, a, body.top[inside]], axis=1), np.stack([x, a, -body.bottom[inside]], axis=1)]
    points = body.frame.to_scene(np.concatenate(edges))
    low, high = points.min(axis=0), points.max(axis=0)
    corners = body.reach()
    box = body.frame.to_scene(np.array(np.meshgrid(*zip(*corners, strict=True))).reshape(3, -1).T)
    # Sideways the outline; up and down the endplates themselves, for a tilted box would reach too far.
    return np.array([*box.min(axis=0)[:2], low[2]]), np.array([*box.max(axis=0)[:2], high[2]])


def _field_of_view(spec: CaseSpec, stacked: Stacked, rng: np.random.Generator) -> Grid:
    chain = spec.chain
    top, bottom = chain.index(spec.top), chain.index(spec.bottom)
    extents = {level: body_extent(stacked.bodies[level]) for level in chain[max(0, top - 1) : bottom + 2]}
    clear = _CLEAR_ROWS * (1.0 if spec.plane == "axial" else spec.pixel_mm)
    # One more row of vertebrae may lie higher with its front or back than the top one: it is cut, never whole.
    upper = max(extents[level][1][2] for level in spec.complete) + clear
    above = extents[chain[top - 1]]
    if spec.top == "C2":
        upper += 14.0  # the dens
    elif spec.cut_top:
        upper = max(upper, float(above[0][2] + rng.uniform(0.35, 0.65) * (above[1][2] - above[0][2])))
    upper = min(upper, float(above[1][2]) - 2.0) if spec.top != "C2" else upper
    upper = max(upper, max(extents[level][1][2] for level in spec.complete) + clear)
    lower = min(extents[level][0][2] for level in spec.complete) - clear
    if spec.sacrum:
        lower = float(stacked.sacrum[0].frame.centre[2] - rng.uniform(30, 95))
    elif spec.bottom != chain[-1]:
        below = extents[chain[bottom + 1]]
        if spec.cut_bottom:
            lower = min(lower, float(below[0][2] + rng.uniform(0.35, 0.65) * (below[1][2] - below[0][2])))
        lower = max(lower, float(below[0][2]) + 2.0)
        lower = min(lower, min(extents[level][0][2] for level in spec.complete) - clear)
    # Wide and deep enough for every body that is to be complete, however bent the spine is.
    low = np.min([extents[level][0] for level in spec.complete], axis=0)
    high = np.max([extents[level][1] for level in spec.complete], axis=0)
    middle = (low + high) / 2
    width = max(spec.width_mm, float(high[0] - low[0]) + 2 * (_CLEAR_MM + spec.slice_mm))
    depth = max(spec.depth_mm, (float(high[1] - low[1]) / 2 + _CLEAR_MM) / _AHEAD)
    return _grid(spec, (float(middle[0]), float(middle[1])), (width, depth), (float(upper), float(lower)))


def _grid(spec: CaseSpec, middle: tuple[float, float], size: tuple[float, float], height: tuple[float, float]) -> Grid:
    """The voxels about a middle (x, y) of a size (right to left, front to back) between two heights (z)."""
    axial = spec.plane == "axial"
    dk = spec.pixel_mm if axial else spec.slice_mm
    dr = spec.slice_mm if axial else spec.pixel_mm
    dc = spec.pixel_mm
    upper, lower = height
    shape = (
        max(3, round(size[0] / dk)),
        max(8, int(np.ceil((upper - lower) / dr))),
        max(8, round(size[1] / dc)),
    )
    origin = (middle[0] - dk * (shape[0] - 1) / 2, middle[1] - _AHEAD * dc * shape[2], upper - dr / 2)
    samples = 1 if axial else max(1, round(dk / _SAMPLE_MM))
    return Grid(shape, (dk, dr, dc), origin, samples)
