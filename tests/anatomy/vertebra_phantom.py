"""A vertebra made of simple solids, drawn on any grid: body, pedicles, lamina, spinous and transverse processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from labeling.imaging.geometry import Geometry

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Phantom:
    """Sizes in mm; `centre` is the middle of the body in mm of the grid (right to left, head to feet, front to back).

    tilt, turn and lean
        Degrees about the transverse, the long and the sagittal axis.
    """

    centre: tuple[float, float, float] = (60.0, 60.0, 40.0)
    width: float = 46.0
    height: float = 27.0
    depth: float = 34.0
    pedicle: tuple[float, float] = (9.0, 15.0)
    canal: float = 16.0
    span: float = 80.0
    tilt: float = 0.0
    turn: float = 0.0
    lean: float = 0.0

    def _local(self, geometry: Geometry) -> NDArray[np.float64]:
        """Millimetres in the frame of the vertebra: x to the left, y to the feet, z to the back; shape (3, k, r, c)."""
        grid = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij")).reshape(3, -1)
        points = grid * geometry.spacing[:, None] - np.array(self.centre)[:, None]
        rotation = Rotation.from_euler("xyz", [self.tilt, self.turn, self.lean], degrees=True)
        return (rotation.as_matrix().T @ points).reshape(3, *geometry.shape)

    def body(self, geometry: Geometry) -> Mask:
        x, y, z = self._local(geometry)
        waist = 0.92 + 0.08 * (2 * y / self.height) ** 2  # the rims stand out
        outline = np.abs(2 * x / (self.width * waist)) ** 3 + np.abs(2 * z / (self.depth * waist)) ** 3
        result: Mask = (outline <= 1) & (np.abs(y) <= self.height / 2)
        return result

    def arch(self, geometry: Geometry) -> Mask:
        x, y, z = self._local(geometry)
        wall = self.depth / 2
        wide, high = self.pedicle
        lateral = np.abs(x)
        upper = y + self.height * 0.15
        middle = min(10 + wide / 2, self.width / 2 - wide / 2)  # a pedicle springs from the body, not from beside it
        pedicles = ((lateral - middle) / (wide / 2)) ** 2 + (upper / (high / 2)) ** 2 <= 1
        pedicles &= (z > 0) & (z < wall + self.canal)
        lamina = (lateral < middle + wide / 2) & (np.abs(upper - 6) < 11) & (np.abs(z - wall - self.canal - 3) < 3.5)
        spine = (lateral < 3.5) & (np.abs(upper - 8) < 9) & (z > wall + self.canal) & (z < wall + self.canal + 32)
        process = (lateral < self.span / 2) & (lateral > middle) & (np.abs(upper) < 5.5)
        process &= np.abs(z - wall - 6 - 0.1 * lateral) < 4
        result: Mask = (pedicles | lamina | spine | process) & ~self.body(geometry)
        return result

    def whole(self, geometry: Geometry) -> Mask:
        return self.body(geometry) | self.arch(geometry)


def sagittal(spacing: tuple[float, float, float], size: tuple[float, float, float] = (120, 120, 120)) -> Geometry:
    """A canonical stack of that spacing and size in mm, with its first voxel centre at the origin of the patient."""
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = spacing[0], -spacing[1], spacing[2], 1
    shape = tuple(max(1, round(length / step)) for length, step in zip(size, spacing, strict=True))
    return Geometry((shape[0], shape[1], shape[2]), affine)


def column(levels: list[int], pitch: float = 36.0, top: float = 30.0) -> tuple[NDArray[np.uint8], Geometry]:
    """Vertebrae with these VerSe numbers, one below the other on a 3 mm stack with room above and below."""
    geometry = sagittal((3.0, 1.5, 1.5), (120, top * 2 + pitch * (len(levels) - 1), 130))
    labels = np.zeros(geometry.shape, dtype=np.uint8)
    for place, value in enumerate(levels):
        middle = top + pitch * place
        first = max(0, int((middle - 60) / 1.5))
        window = labels[:, first : int((middle + 60) / 1.5)]
        around = Geometry((window.shape[0], window.shape[1], window.shape[2]), geometry.affine)
        window[Phantom(centre=(60.0, middle - first * 1.5, 40.0)).whole(around)] = value
    return labels, geometry
