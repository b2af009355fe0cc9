"""The body of one vertebra as an implicit shape: signed distance in mm, negative inside.

Own frame: x to the left from the midline, a to the front from the middle of the body, v to the head. The outline is a
super-ellipse with a flat posterior wall and a waist; the endplates are height maps over (x, a). All that breaks a body
changes these maps, or opens gaps in it, or pushes a fragment back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .design import VertebraSize
from .grid import Floats, Frame, Points

__all__ = ["Body", "Fragment", "Gap", "Heights", "Sampled", "smooth_max", "smooth_noise"]

STEP = 0.25
"""Millimetres between the cells of the maps."""

FILLED = 3.0
"""Millimetres up to which people and models label a fracture gap as part of the vertebra."""

ROUNDING = 1.6
"""Millimetres over which edges are rounded."""

Map = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gap:
    """A fracture plane through the body: where `normal` . (x, a, v) = `offset`; the parts stand `width` mm apart.

    wobble
        Millimetres by which the plane waves, and the phases of that.
    above
        Only this much of the body, from the top down (share of its height): 1 is all of it.
    lucency
        0 to 1: what of the marrow's attenuation is lost in a gap too narrow to be seen as one.
    """

    normal: tuple[float, float, float]
    offset: float
    width: float
    wobble: float = 1.0
    phases: tuple[float, float] = (0.0, 0.0)
    above: float = 1.0
    lucency: float = 1.0


@dataclass(frozen=True, slots=True)
class Fragment:
    """The posterior superior corner, pushed back by `back` mm: |x| < `half_width`, a < `front`, v > `floor`."""

    half_width: float
    front: float
    floor: float
    back: float
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Heights:
    """Anterior, middle and posterior height in mm along the axis of the unbroken body, in the medial 8 mm."""

    anterior: float
    middle: float
    posterior: float


@dataclass(eq=False)
class Sampled:
    """A body at the samples of a box, all (samples, rows, columns): signed distance, the same with narrow gaps filled
    as masks have them, distances below the superior and above the inferior endplate, and the cell of the maps."""

    distance: Floats
    filled: Floats
    below_top: Floats
    above_bottom: Floats
    cell: NDArray[np.int32]
    outline: Floats


def smooth_max(one: Floats, other: Floats, rounding: float) -> Floats:
    """The larger of two distances, with the edge between them rounded."""
    overlap = np.maximum(np.float32(rounding) - np.abs(one - other), 0)
    result: Floats = np.maximum(one, other) + overlap * overlap * np.float32(1 / (4 * rounding))
    return result


@dataclass(eq=False)
class Body:
    """One vertebral body; made whole by `whole`, then broken by `fractures`."""

    size: VertebraSize
    frame: Frame
    x: Map
    a: Map
    top0: Map
    bottom0: Map
    top: Map
    bottom: Map
    radius: Map
    slope: Map
    aside: Map
    waist: float = 0.90
    beak_top: float = 0.0
    beak_bottom: float = 0.0
    buckle: float = 0.0
    buckle_at: float = 0.0
    buckle_window: Map = field(default_factory=lambda: np.zeros(0))
    gaps: list[Gap] = field(default_factory=list)
    fragment: Fragment | None = None
    density_top: Map = field(default_factory=lambda: np.zeros(0))
    density_bottom: Map = field(default_factory=lambda: np.zeros(0))
    shell_top: Map = field(default_factory=lambda: np.zeros(0))
    shell_bottom: Map = field(default_factory=lambda: np.zeros(0))
    band: float = 3.5
    fresh: bool = False
    spread: float = 0.0

    @classmethod
    def whole(cls, size: VertebraSize, frame: Frame, rng: np.random.Generator, spread: float = 0.0) -> Body:
        """An unbroken body. `spread` widens the outline (0.1 is a tenth), as a burst does."""
        width, depth = size.width * (1 + spread), size.depth * (1 + 0.8 * spread)
        x = np.arange(-0.75 * width, 0.75 * width + STEP, STEP)
        a = np.arange(-0.85 * depth, 0.85 * depth + STEP, STEP)
        radius, slope, aside = _outline(x, a, width, depth)
        u = (a + size.depth / 2) / size.depth
        line = size.posterior + (size.anterior - size.posterior) * (np.clip(u, -0.3, 1.3) - 0.135) / 0.73
        top = 0.5 * line[None, :] - _dish(x, u, width, 0.52) * size.dish / 2
        bottom = 0.5 * line[None, :] - _dish(x, u, width, 0.41) * size.dish / 2
        rough = [smooth_noise(top.shape, 3.0, rng) * 0.12 for _ in range(2)]
        shell = [1 + 0.22 * smooth_noise(top.shape, 2.5, rng) for _ in range(2)]
        rim = np.where((radius > 0.86) & (radius < 1.1), 1.3, 1.0)
        body = cls(size, frame, x, a, top + rough[0], bottom + rough[1], top, bottom, radius, slope, aside)
        body.top, body.bottom = body.top0.copy(), body.bottom0.copy()
        body.density_top, body.density_bottom = np.zeros_like(top), np.zeros_like(top)
        body.shell_top, body.shell_bottom = shell[0] * rim, shell[1] * rim
        body.spread = spread
        return body

    @property
    def width(self) -> float:
        return self.size.width * (1 + self.spread)

    @property
    def depth(self) -> float:
        return self.size.depth * (1 + 0.8 * self.spread)

    @property
    def u(self) -> Map:
        """0 at the posterior wall of the unbroken body, 1 at its anterior wall, for each column of the maps."""
        return (self.a + self.depth / 2) / self.depth

    def sample(self, x: Floats, a: Floats, v: Floats) -> Sampled:
        """The unbroken or broken body at local coordinates, without its fragment."""
        x, a, opening = self._opened(x, a, v)
        columns = np.clip(np.rint((a - float(self.a[0])) / STEP), 0, len(self.a) - 1).astype(np.int32)
        rows = np.clip(np.rint((x - float(self.x[0])) / STEP), 0, len(self.x) - 1).astype(np.int32)
        cell = rows * np.int32(len(self.a)) + columns
        top, bottom = _taken(self.top, cell), _taken(self.bottom, cell)
        below, above = top - v, v + bottom
        height = np.abs((above - below) / np.maximum(below + above, np.float32(4)))
        flare: Floats = np.minimum(height, np.float32(1.1)) ** 2
        outline = _taken(self.radius, cell)
        aside: Floats = (outline - (self.waist + (1 - self.waist) * flare)) * _taken(self.slope, cell)
        aside -= self._bulge(cell, below, above, flare)
        distance = smooth_max(smooth_max(-below, -above, ROUNDING), aside, ROUNDING)
        filled = distance
        if opening is not None:
            filled = np.maximum(distance, opening - np.float32(FILLED / 2))
            distance = np.maximum(distance, opening)
        return Sampled(distance, filled, below, above, cell, outline)

    def fragment_distance(self, x: Floats, a: Floats, v: Floats) -> Floats | None:
        """Signed distance of the fragment that was pushed back, or None."""
        piece = self.fragment
        if piece is None:
            return None
        turn = np.float32(np.deg2rad(piece.turn))
        moved = a + np.float32(piece.back)
        about_a, about_v = moved - np.float32(piece.front), v - np.float32(piece.floor)
        turned_a = piece.front + np.cos(turn) * about_a - np.sin(turn) * about_v
        turned_v = piece.floor + np.sin(turn) * about_a + np.cos(turn) * about_v
        whole = self.sample(x, turned_a.astype(np.float32), turned_v.astype(np.float32)).distance
        # Its front stays under what lies before it, so that no hole opens where it came from.
        sides = np.maximum(np.abs(x) - piece.half_width, np.maximum(turned_a - piece.front, piece.floor - turned_v))
        return smooth_max(whole, sides.astype(np.float32), ROUNDING)

    def _opened(self, x: Floats, a: Floats, v: Floats) -> tuple[Floats, Floats, Floats | None]:
        """Coordinates in the unbroken body of samples of the parted one, and the distance from the gaps (or None)."""
        opening: Floats | None = None
        for gap in self.gaps:
            if gap.width <= 0.3:
                continue
            away = self.gap_distance(gap, x, a, v)
            half = np.float32(gap.width / 2)
            from_gap = half - np.abs(away)
            shift = np.sign(away) * np.minimum(np.abs(away), half)
            if gap.above < 1:
                over_floor = v - np.float32(self.size.height * (0.5 - gap.above))
                from_gap = np.minimum(from_gap, over_floor)
                shift *= np.clip(over_floor / 3, 0, 1)
            x = (x - np.float32(gap.normal[0]) * shift).astype(np.float32)
            a = (a - np.float32(gap.normal[1]) * shift).astype(np.float32)
            opening = from_gap if opening is None else np.maximum(opening, from_gap)
        return x, a, opening

    @staticmethod
    def gap_distance(gap: Gap, x: Floats, a: Floats, v: Floats) -> Floats:
        """Signed distance (mm) from the middle of a fracture plane."""
        n = [np.float32(value) for value in gap.normal]
        first, second = gap.phases
        wave = gap.wobble * (np.sin(0.33 * v + 0.2 * x + first) + 0.5 * np.sin(0.41 * x + 0.35 * a + second))
        result: Floats = (n[0] * x + n[1] * a + n[2] * v - gap.offset + wave).astype(np.float32)
        return result

    def _bulge(self, cell: NDArray[np.int32], below: Floats, above: Floats, flare: Floats) -> Floats | float:
        """How far the wall stands out (mm): beaks at the rims, the buckle of an anterior wall."""
        bulge: Floats | float = 0.0
        front = None
        if self.beak_top or self.beak_bottom or self.buckle:
            front = _taken(self._front(), cell)
        if front is not None and (self.beak_top or self.beak_bottom):
            rim_top = np.exp(-((below - 1.0) ** 2) / 9.0) * np.float32(self.beak_top)
            rim_bottom = np.exp(-((above - 1.0) ** 2) / 9.0) * np.float32(self.beak_bottom)
            bulge = front * (rim_top + rim_bottom)
        if front is not None and self.buckle:
            window = _taken(self.buckle_window, cell)
            wave = np.exp(-(((below - self.buckle_at) / 3.2) ** 2)) * np.float32(self.buckle)
            bulge = bulge + front * window * wave
        return bulge

    def _front(self) -> Map:
        """1 at the anterior wall, 0 at the sides and behind."""
        return np.broadcast_to(np.clip((self.u - 0.55) / 0.25, 0, 1)[None, :], self.top.shape).copy()

    # -- measures ------------------------------------------------------------------------------------------------------

    def profile(self, half_width: float = 4.0) -> tuple[Map, Map, Map]:
        """a, and the mean heights of both endplates over it in the medial slab, between the walls at mid-height."""
        medial = np.abs(self.x) <= half_width
        inside = self.radius[medial].mean(axis=0) < self.waist
        return self.a[inside], self.top[medial][:, inside].mean(axis=0), self.bottom[medial][:, inside].mean(axis=0)

    def heights(self) -> Heights:
        """Along the axis of the unbroken body, which is square to the mean of its two endplates.

        Measured on the shape itself, gaps filled and fragments left where they were; front to back at mid-height.
        """
        step = 0.2
        low, high = self.reach()
        x = np.linspace(-4, 4, 5, dtype=np.float32)
        a = np.arange(low[1] - 1, high[1] + 1, step, dtype=np.float32)
        v = np.arange(low[2] - 1, high[2] + 1, step, dtype=np.float32)
        inside = self.sample(*np.meshgrid(x, a, v, indexing="ij")).filled < 0
        at_middle = np.flatnonzero(inside[:, :, np.abs(v) < 3].any(axis=(0, 2)))
        u = (np.arange(len(a)) - at_middle[0]) / (at_middle[-1] - at_middle[0])
        height = inside.sum(axis=2).mean(axis=0) * step

        def over(first: float, last: float) -> float:
            return float(np.median(height[(u >= first) & (u <= last)]))

        return Heights(over(0.80, 0.93), over(0.40, 0.60), over(0.07, 0.20))

    def endplate_line(self, superior: bool) -> tuple[float, float]:
        """Height at mid-body and slope (rise per mm to the front) of the line through an endplate."""
        a, top, bottom = self.profile(0.25 * self.width)
        edge = top if superior else -bottom
        u = (a - a[0]) / (a[-1] - a[0])
        outer = (u < 0.3) | (u > 0.7)  # discs rest on the rims
        slope, height = np.polyfit(a[outer], edge[outer], 1)
        return float(height), float(slope)

    def reach(self) -> tuple[Points, Points]:
        """Corners of the local box that holds the body and its fragment."""
        back = self.fragment.back if self.fragment else 0.0
        wide = sum(abs(gap.normal[0]) * gap.width for gap in self.gaps)
        long = sum(abs(gap.normal[1]) * gap.width for gap in self.gaps)
        inside = self.radius < 1.02
        low = [-self.width / 2 - wide, -self.depth / 2 - back - long, -float(self.bottom[inside].max())]
        high = [self.width / 2 + wide, self.depth / 2 + long + self.buckle + max(self.beak_top, self.beak_bottom)]
        return np.array(low), np.array([*high, float(self.top[inside].max())])


def _taken(values: Map, cell: NDArray[np.int32]) -> Floats:
    result: Floats = np.take(values.astype(np.float32).ravel(), cell)
    return result


def _outline(x: Map, a: Map, width: float, depth: float) -> tuple[Map, Map, Map]:
    """Radius (1 on the rim), mm per unit of radius, and how much the wall faces sideways (0 to 1), over (x, a)."""
    middle = -0.12 * depth
    across = np.abs(x)[:, None] / (width / 2) + 1e-6
    # The posterior wall is flat, even a little hollow in the midline: an ellipse of high power, drawn in there.
    hollow = 1.2 * np.exp(-((x / (0.22 * width)) ** 2))[:, None]
    ahead = np.where(a >= middle, (a - middle) / (depth / 2 - middle), 0)[None, :]
    behind = np.where(a < middle, (middle - a), 0)[None, :] / (depth / 2 + middle - hollow)
    along = ahead + behind + 1e-6
    power = np.where(a >= middle, 2.7, 4.2)[None, :]
    scale = np.where(a[None, :] >= middle, depth / 2 - middle, depth / 2 + middle - hollow)
    radius = (across**power + along**power) ** (1 / power)
    d_across = (across / radius) ** (power - 1) / (width / 2)
    d_along = (along / radius) ** (power - 1) / scale
    gradient = np.hypot(d_across, d_along)
    return radius, 1 / gradient, d_across / gradient


def _dish(x: Map, u: Map, width: float, deepest: float) -> Map:
    """1 in the deepest point of an endplate, 0 on its rim; the middle is flatter than the edge."""
    along = np.abs(u - deepest)[None, :] / np.where(u < deepest, deepest, 1 - deepest)[None, :]
    across = np.abs(x)[:, None] / (0.46 * width)
    result: Map = np.clip(1 - across**2.2 - (along / 0.86) ** 2.4, 0, 1) ** 0.9
    return result


def smooth_noise(shape: tuple[int, ...], width_mm: float, rng: np.random.Generator) -> Map:
    """Gaussian noise of SD 1 whose waves are about `width_mm` long."""
    coarse = [int(n * STEP / (1.5 * width_mm)) + 4 for n in shape]
    noise = ndimage.zoom(rng.standard_normal(coarse), [n / c for n, c in zip(shape, coarse, strict=True)], order=3)
    result: Map = noise / noise.std()
    return result
