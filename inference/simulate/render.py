"""Bones onto the image: occupancy, cortex and marrow from signed distances, averaged over each slice.

An edge under a Gaussian point spread is the normal distribution of the distance over its sigma, and a thin cortex keeps
its excess integral (HU x mm) whatever the blur; so both are drawn at once, without a finer grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from labeling.anatomy.levels import SACRUM as SACRUM_LABEL

from .body import Body, Map
from .curve import Disc
from .grid import Box, Floats, Frame, Grid, Points
from .solids import Solid, draw_union, ellipsoid
from .texture import Kernel, tiled

__all__ = ["Canvas", "Marrow"]

#: Excess of the cortex, HU x mm, measured on real CT: independent of the point spread.
SUPERIOR, INFERIOR, FRONT, BEHIND, LATERAL = 400.0, 490.0, 430.0, 280.0, 350.0
ARCH = 950.0
RIB = 650.0
SACRUM = 420.0
INSET = 0.3
LINE_HU = 40.0


@dataclass(frozen=True, slots=True)
class Marrow:
    """Mean HU of the spongy bone of one vertebra, and of its cortex relative to the usual."""

    hounsfield: float
    cortex: float = 1.0


class Canvas:
    """The image in the making: HU, labels of whole vertebrae, labels of bodies; all (k, r, c)."""

    def __init__(self, grid: Grid, kernel: Kernel, image: Floats, tile: Floats) -> None:
        self.grid, self.kernel, self.image, self.tile = grid, kernel, image, tile
        self.labels = np.zeros(grid.shape, dtype=np.uint8)
        self.bodies = np.zeros(grid.shape, dtype=np.uint8)
        self.sigma = np.float32(kernel.fwhm / 2.3548)

    def disc(self, disc: Disc, hounsfield: float, vacuum: bool, rng: np.random.Generator) -> None:
        """A disc, drawn before the bodies so that it fills whatever they leave between them."""
        half_w, half_d = 0.49 * disc.width, 0.5 * disc.depth
        centre = (0.0, -0.02 * disc.depth, 0.0)
        solids = [
            ellipsoid(centre, (half_w, half_d, disc.height / 2 + 2.5), power=3),
            ellipsoid(centre, (0.82 * half_w, 0.82 * half_d, disc.height / 2 + 9.0), power=3),
        ]
        box = self.grid.box_around(
            disc.frame, np.array([-half_w, -half_d, -20.0]) - 2, np.array([half_w, half_d, 20.0]) + 2
        )
        if box is None:
            return
        distance = draw_union(self.grid, box, [(disc.frame, solids)])
        inside = ndtr(-distance / self.sigma)
        value = np.full_like(inside, hounsfield)
        if vacuum:
            x, a, v = self.grid.local(box, disc.frame)
            a0 = float(rng.uniform(-0.15, 0.15)) * disc.depth
            gas = (x / 9.0) ** 2 + ((a - a0) / 7.0) ** 2 + (v / 1.3) ** 2
            value -= np.float32(550.0) * np.exp(-gas)
        self._compose(box, inside, inside * value)

    def solids(
        self,
        parts: Sequence[tuple[Frame, Sequence[Solid]]],
        label: int,
        marrow: Marrow,
        excess: float,
        blend: float = 1.2,
    ) -> None:
        """A bone of simple solids in one or several frames (rib, sacrum, atlas); `label` 0 leaves no mark."""
        corners = np.concatenate([_corners(frame, solids) for frame, solids in parts])
        box = self.grid.box(corners.min(axis=0) - 3.0, corners.max(axis=0) + 3.0)
        if box is None:
            return
        distance = draw_union(self.grid, box, parts, blend)
        core = marrow.hounsfield * (1.1 if label == SACRUM_LABEL else 1.5)
        alpha, value = self._bone(box, distance, marrow, excess, label, core)
        self._compose(box, alpha, value)
        self._mark(self.labels, box, alpha, label)

    def vertebra(
        self, body: Body, arch: Sequence[Solid], label: int, marrow: Marrow, shift: tuple[int, int, int]
    ) -> None:
        """Body and arch of one vertebra, its fragment and its fracture lines."""
        body_low, body_high = body.reach()
        low = np.minimum(np.min([one.low for one in arch], axis=0), body_low) - 3.0
        high = np.maximum(np.max([one.high for one in arch], axis=0), body_high) + 3.0
        box = self.grid.box_around(body.frame, low, high)
        if box is None:
            return
        distance = draw_union(self.grid, box, [(body.frame, arch)], blend=2.0)
        alpha, value = self._bone(box, distance, marrow, ARCH, label, 1.5 * marrow.hounsfield + 130)
        labelled = alpha
        inner = self.grid.box_around(body.frame, body_low - 2.5, body_high + 2.5)
        if inner is not None:
            part = self._part(inner, box)
            own, own_value, filled = self._body(inner, body, distance[part], marrow, shift)
            labelled = alpha.copy()
            labelled[part] = np.maximum(labelled[part], filled)
            alpha[part] += own * (1 - alpha[part])
            value[part] = own_value + (1 - own) * value[part]
            self._mark(self.bodies, inner, filled, label)
        self._compose(box, alpha, value)
        self._mark(self.labels, box, labelled, label)

    def _part(self, inner: Box, outer: Box) -> Box:
        step = self.grid.samples
        k = slice((inner[0].start - outer[0].start) * step, (inner[0].stop - outer[0].start) * step)
        rows = slice(inner[1].start - outer[1].start, inner[1].stop - outer[1].start)
        return k, rows, slice(inner[2].start - outer[2].start, inner[2].stop - outer[2].start)

    def _bone(
        self, box: Box, distance: Floats, marrow: Marrow, excess: float, label: int, hounsfield: float
    ) -> tuple[Floats, Floats]:
        """Occupancy and HU x occupancy of a bone with one kind of cortex; only where it is near."""
        alpha, value = np.zeros_like(distance), np.zeros_like(distance)
        near = np.flatnonzero(distance < 2.5)
        away = distance.ravel()[near]
        inside = ndtr(-away / self.sigma)
        width = np.float32(np.hypot(self.sigma, 0.45))
        cortex = np.exp(-0.5 * ((away + 0.6) / width) ** 2) * np.float32(
            excess * marrow.cortex / (np.sqrt(2 * np.pi) * width)
        )
        _, z, y = self.grid.lines(box)
        waves = 1 + 0.2 * np.sin(0.55 * z)[:, None] + 0.2 * np.sin(0.45 * y + 0.2 * label)[None, :]
        cortex *= waves.ravel()[near % waves.size]
        texture = tiled(self.tile, self.grid, box, (label * 7, label * 13, label * 5)).ravel()[near]
        core = np.float32(hounsfield) + np.float32(1.2) * texture
        alpha.ravel()[near] = inside
        value.ravel()[near] = inside * core + cortex
        return alpha, value

    def _body(
        self, box: Box, body: Body, arch: Floats, marrow: Marrow, shift: tuple[int, int, int]
    ) -> tuple[Floats, Floats, Floats]:
        """Occupancy, HU x occupancy, and occupancy as a mask has it."""
        x, a, v = self.grid.local(box, body.frame)
        found = body.sample(x, a, v)
        distance, filled, cell = found.distance, found.filled, found.cell
        piece = body.fragment_distance(x, a, v)
        if piece is not None:
            distance, filled = np.minimum(distance, piece), np.minimum(filled, piece)
        inside = ndtr(-distance / self.sigma)
        texture = tiled(self.tile, self.grid, box, shift)
        core = self._marrow(body, found.below_top, found.above_bottom, cell, marrow, texture)
        core = self._vein(body, x, a, v, core)
        core = self._lines(body, x, a, v, core)
        side = np.take(body.aside.astype(np.float32).ravel(), cell)
        is_top = -found.below_top > np.maximum(-found.above_bottom, distance - 0.8)
        is_bottom = -found.above_bottom > np.maximum(-found.below_top, distance - 0.8)
        wall = np.where(a > 0, np.float32(FRONT), np.float32(BEHIND))
        wall = wall * (1 - side) + np.float32(LATERAL) * side
        excess = np.where(is_top, SUPERIOR * _map(body.shell_top, cell), wall)
        excess = np.where(is_bottom, INFERIOR * _map(body.shell_bottom, cell), excess)
        excess *= np.clip((arch + 2.0) / 1.5, 0, 1)  # pedicles open into the body without a wall between
        step = self.grid.spacing[0] / self.grid.samples
        smear = np.where(is_top | is_bottom, np.float32(0.15), side) * np.float32(step / 3.46)
        width = np.sqrt(np.float32(self.sigma**2 + 0.15**2) + smear * smear)
        shell = np.exp(-0.5 * ((distance + np.float32(INSET)) / width) ** 2) / width
        shell *= excess * np.float32(marrow.cortex / np.sqrt(2 * np.pi))
        return inside, inside * core + shell, ndtr(-filled / self.sigma)

    def _marrow(
        self,
        body: Body,
        below: Floats,
        above: Floats,
        cell: NDArray[np.int32],
        marrow: Marrow,
        texture: Floats,
    ) -> Floats:
        """Spongy bone: denser towards the endplates, condensed where they were driven in."""
        depth = np.maximum(np.minimum(below, above), 0)
        core = np.float32(marrow.hounsfield) * (np.float32(0.94) + np.float32(0.42) * np.exp(-depth / 2.6))
        core += texture * np.float32(np.sqrt(max(marrow.hounsfield, 15.0) / 80))
        most = min(200.0, 1.3 * marrow.hounsfield + 60)
        for density, from_edge in ((body.density_top, below), (body.density_bottom, above)):
            if density.any():
                reach = np.exp(-((np.maximum(from_edge, 0) / np.float32(body.band)) ** 2))
                core += np.float32(most) * np.minimum(_map(density, cell), 1) * reach
        return core

    @staticmethod
    def _vein(body: Body, x: Floats, a: Floats, v: Floats, core: Floats) -> Floats:
        """The basivertebral funnel: fat-like, midline, mid-height, open to the back."""
        inward = a + np.float32(body.depth / 2)
        funnel = np.exp(-((x / 3.5) ** 2) - ((v + 0.5) / (1.2 + 0.12 * np.maximum(inward, 0))) ** 2)
        reach = np.clip(1 - inward / 9.0, 0, 1)
        result: Floats = core + (30 - core) * funnel * reach * np.float32(0.8)
        return result

    @staticmethod
    def _lines(body: Body, x: Floats, a: Floats, v: Floats, core: Floats) -> Floats:
        """Fresh fracture lines: dark, under a millimetre wide."""
        for gap in body.gaps:
            if not gap.lucency:
                continue
            away = Body.gap_distance(gap, x, a, v)
            weight = np.exp(-0.5 * (away / np.float32(0.55)) ** 2) * np.float32(gap.lucency)
            if gap.above < 1:
                weight = weight * (v > body.size.height * (0.5 - gap.above))
            core = core + (LINE_HU - core) * weight
        return core

    def _compose(self, box: Box, alpha: Floats, value: Floats) -> None:
        view = self.image[box]
        view *= 1 - self.grid.mean(alpha)
        view += self.grid.mean(value)

    def _mark(self, labels: NDArray[np.uint8], box: Box, alpha: Floats, label: int) -> None:
        if label:
            view = labels[box]
            view[(self.grid.mean(alpha) > 0.5) & (view == 0)] = label


def _corners(frame: Frame, solids: Sequence[Solid]) -> Points:
    """Scene corners (n, 3) of the boxes of solids."""
    boxes = [np.array(np.meshgrid(*zip(one.low, one.high, strict=True))).reshape(3, -1).T for one in solids]
    return frame.to_scene(np.concatenate(boxes))


def _map(values: Map, cell: NDArray[np.int32]) -> Floats:
    result: Floats = np.take(values.astype(np.float32).ravel(), cell)
    return result
