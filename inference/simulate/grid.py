"""Where the voxels of a simulated CT lie, and the frames of things in it.

The scene has its own millimetres: x to the left, y to the back, z to the head, axes along the array (slice, row,
column) = (x, -z, y). Slices are thick: things are drawn at several samples within a slice and then averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.imaging.geometry import Geometry

__all__ = ["Box", "Floats", "Frame", "Grid", "Mask", "Points"]

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

Box = tuple[slice, slice, slice]
"""Whole slices, rows and columns of a grid."""


@dataclass(frozen=True, eq=False)
class Frame:
    """An orthonormal frame: columns of `axes` are the directions left, anterior and superior of a thing."""

    centre: Points
    axes: Points

    def to_scene(self, points: Points) -> Points:
        """(n, 3) local (x, a, v) to scene millimetres."""
        result: Points = points @ self.axes.T + self.centre
        return result

    def to_local(self, points: Points) -> Points:
        """(n, 3) scene millimetres to local (x, a, v)."""
        result: Points = (points - self.centre) @ self.axes
        return result


@dataclass(frozen=True, eq=False)
class Grid:
    """The voxels of the image that is made.

    shape, spacing
        (slices, rows, columns) and mm between their centres.
    origin
        Scene (x, y, z) of the centre of voxel (0, 0, 0).
    samples
        Per slice thickness, along x.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    samples: int

    def box(self, low: Points, high: Points) -> Box | None:
        """The voxels between two scene corners, or None where they lie outside."""
        x0, y0, z0 = self.origin
        dk, dr, dc = self.spacing
        first = np.floor([(low[0] - x0) / dk, (z0 - high[2]) / dr, (low[1] - y0) / dc]).astype(int)
        last = np.ceil([(high[0] - x0) / dk, (z0 - low[2]) / dr, (high[1] - y0) / dc]).astype(int) + 1
        first, last = np.maximum(first, 0), np.minimum(last, self.shape)
        if (last <= first).any():
            return None
        k, r, c = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        return k, r, c

    def box_around(self, frame: Frame, low: Points, high: Points) -> Box | None:
        """The voxels about a local box of a frame."""
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
        scene = frame.to_scene(corners)
        return self.box(scene.min(axis=0), scene.max(axis=0))

    def lines(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Scene x of the samples, z of the rows and y of the columns of a box."""
        k, r, c = box
        sub = (np.arange(k.start * self.samples, k.stop * self.samples) + 0.5) / self.samples - 0.5
        x = self.origin[0] + self.spacing[0] * sub
        z = self.origin[2] - self.spacing[1] * np.arange(r.start, r.stop)
        y = self.origin[1] + self.spacing[2] * np.arange(c.start, c.stop)
        return x.astype(np.float32), z.astype(np.float32), y.astype(np.float32)

    def local(self, box: Box, frame: Frame) -> tuple[Floats, Floats, Floats]:
        """Local (x, a, v) of the samples of a box, each (samples, rows, columns)."""
        x, z, y = self.lines(box)
        found = []
        for axis in range(3):
            left, back, up = frame.axes[:, axis]
            shift = float(frame.centre @ frame.axes[:, axis])
            along = np.float32(left) * x - np.float32(shift)
            plane = np.float32(up) * z[:, None] + np.float32(back) * y[None, :]
            found.append(along[:, None, None] + plane[None])
        return found[0], found[1], found[2]

    def mean(self, samples: Floats) -> Floats:
        """(samples, r, c) averaged over the samples of each slice: (slices, r, c)."""
        grouped = samples.reshape(-1, self.samples, *samples.shape[1:])
        result: Floats = grouped.mean(axis=1, dtype=np.float32)
        return result

    def geometry(self, rotation_deg: float) -> Geometry:
        """Where the voxels lie in the patient: the scene turned about its long axis."""
        turn = np.deg2rad(rotation_deg)
        rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
        dk, dr, dc = self.spacing
        affine = np.eye(4)
        affine[:3, :3] = rotation @ np.array([[dk, 0, 0], [0, 0, dc], [0, -dr, 0]])
        affine[:3, 3] = rotation @ np.array(self.origin)
        return Geometry(self.shape, affine)
