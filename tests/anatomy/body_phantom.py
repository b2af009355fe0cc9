"""Vertebral bodies given by formulas, with heights that are known, in any pose and on any grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from labeling.anatomy.heights_design import design_heights
from labeling.anatomy.levels import verse_of
from labeling.imaging.geometry import Geometry
from tests.anatomy.vertebra_phantom import sagittal

Floats = NDArray[np.float64]
Labels = NDArray[np.uint8]

PITCH = 35.0
SPACING = (3.0, 0.75, 0.75)


@dataclass(frozen=True)
class Notch:
    """A hole in the upper endplate: depth, and half widths from side to side and from front to back, in mm."""

    deep: float = 9.0
    aside: float = 7.0
    ahead: float = 5.0


@dataclass(frozen=True)
class BodyPhantom:
    """One body: anterior, middle and posterior height at 0.865, 0.5 and 0.135 of the depth, in mm."""

    level: str
    heights: tuple[float, float, float]
    width: float = 42.0
    depth: float = 32.0
    notch: Notch | None = None

    def holds(self, points: Floats) -> NDArray[np.bool_]:
        """Which points (..., 3) in mm from its centre, to its left, up and to the front, lie in it."""
        left, up, front = np.moveaxis(points, -1, 0)
        outline = np.abs(2 * left / self.width) ** 3 + np.abs(2 * front / self.depth) ** 6
        share = np.clip(front / self.depth + 0.5, 0, 1)
        anterior, middle, posterior = self.heights
        height = np.polyval(np.polyfit([0.865, 0.5, 0.135], [anterior, middle, posterior], 2), share)
        top = height / 2
        if self.notch is not None:
            hole = np.abs(left / self.notch.aside) ** 4 + np.abs(front / self.notch.ahead) ** 4
            top = top - self.notch.deep * np.exp(-hole)
        inside: NDArray[np.bool_] = (outline <= 1) & (up <= top) & (up >= -height / 2)
        return inside


@dataclass(frozen=True)
class SpinePhantom:
    """Bodies one below the other on a straight line.

    turned
        Degrees about the transverse, the long and the sagittal axis, of the spine as a whole.
    moved
        mm on the grid.
    """

    bodies: tuple[BodyPhantom, ...]
    turned: tuple[float, float, float] = (0.0, 0.0, 0.0)
    moved: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spacing: tuple[float, float, float] = SPACING
    size: tuple[float, float, float] = field(default=(90.0, 0.0, 110.0))

    @property
    def geometry(self) -> Geometry:
        length = self.size[1] or PITCH * len(self.bodies) + 40.0
        return sagittal(self.spacing, (self.size[0], length, self.size[2]))

    @property
    def levels(self) -> dict[int, str]:
        return {verse_of(body.level): body.level for body in self.bodies}

    def drawn(self) -> Labels:
        """The map (k, r, c) with VerSe numbers."""
        geometry = self.geometry
        labels = np.zeros(geometry.shape, dtype=np.uint8)
        rotation = Rotation.from_euler("xyz", self.turned, degrees=True).as_matrix()
        middle = np.array(geometry.shape) * geometry.spacing / 2 + np.array(self.moved)
        # Left, up and front of the spine in mm of the grid, whose rows run down and whose columns run back.
        axes = np.diag([1.0, -1.0, -1.0]) @ rotation
        for place, body in enumerate(self.bodies):
            centre = middle + axes @ np.array([0.0, (len(self.bodies) / 2 - place - 0.5) * PITCH, 0.0])
            low = np.maximum((centre - 36.0) // geometry.spacing, 0).astype(int)
            high = np.minimum((centre + 36.0) // geometry.spacing + 2, geometry.shape).astype(int)
            window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            grid = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1)
            inside = body.holds((grid * geometry.spacing - centre) @ axes)
            labels[window][inside] = verse_of(body.level)
        return labels


def usual(level: str, scale: float = 1.0) -> BodyPhantom:
    """A body as high as bodies of this level usually are, in a person of this size."""
    heights = design_heights(level)
    assert heights is not None
    anterior, middle, posterior = (scale * height for height in heights)
    return BodyPhantom(level, (anterior, middle, posterior))


def row(levels: Sequence[str] = ("T12", "L1", "L2", "L3", "L4"), scale: float = 1.0) -> SpinePhantom:
    return SpinePhantom(tuple(usual(level, scale) for level in levels))


def lost(spine: SpinePhantom, level: str, losses: tuple[float, float, float]) -> SpinePhantom:
    """The spine with these shares of the three heights of one body lost."""
    return SpinePhantom(
        tuple(
            replace(body, heights=tuple(h * (1 - loss) for h, loss in zip(body.heights, losses, strict=True)))
            if body.level == level
            else body
            for body in spine.bodies
        ),
        spine.turned,
        spine.moved,
        spine.spacing,
        spine.size,
    )
