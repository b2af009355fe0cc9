"""Where the voxels of an array lie in the patient.

Source of the frame: DICOM PS3.3, C.7.6.2.1.1 (LPS: x to the patient's left, y to the back, z to the head).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .refusal import Refusal

__all__ = ["Geometry", "canonical_order"]

Floats = NDArray[np.float64]
Order = tuple[int, int, int]
Flips = tuple[bool, bool, bool]

# An affine whose unit columns span less than this share of a cube is singular for every purpose of ours.
_SMALLEST_UNIT_VOLUME = 1e-4

# Millimetres. Beyond, a header is damaged, and floats no longer hold a hundredth of a millimetre.
_LARGEST_SPACING, _FARTHEST = 1e4, 1e7


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Shape and position of a three-dimensional array.

    Parameters
    ----------
    shape
        Number of voxels along each array axis.
    affine
        4x4 float64; maps ``(i0, i1, i2, 1)``, zero-based voxel centres, to ``(x, y, z, 1)`` in millimetres, LPS.
        The array is copied and made read-only.

    Raises
    ------
    Refusal
        ``bad-geometry`` where the affine is not 4x4, not finite, singular or beyond any scanner, or the shape is not
        three positive numbers.
    """

    shape: tuple[int, int, int]
    affine: Floats

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or any(int(n) != n or n < 1 for n in self.shape):
            raise Refusal("bad-geometry", f"The image has the shape {tuple(self.shape)}. A volume needs three axes.")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4):
            raise Refusal("bad-geometry", f"The affine of the image is {affine.shape}, not 4 x 4. Export it again.")
        if not np.isfinite(affine).all():
            raise Refusal(
                "bad-geometry", "The affine of the image holds a value that is not a number. Export it again."
            )
        if not np.allclose(affine[3], (0, 0, 0, 1), rtol=0, atol=1e-6):
            raise Refusal("bad-geometry", "The last row of the affine is not 0, 0, 0, 1. Export the image again.")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if (spacing <= 1e-6).any() or abs(np.linalg.det(affine[:3, :3] / spacing)) < _SMALLEST_UNIT_VOLUME:
            raise Refusal(
                "bad-geometry", "The affine of the image is singular: its axes do not span a volume. Export it again."
            )
        if spacing.max() > _LARGEST_SPACING or np.abs(affine[:3, 3]).max() > _FARTHEST:
            raise Refusal(
                "bad-geometry",
                f"The image says that its voxels are up to {spacing.max():.3g} mm apart and lie up to "
                f"{np.abs(affine[:3, 3]).max():.3g} mm away, which no scanner does. Export it again.",
            )
        affine[3] = (0.0, 0.0, 0.0, 1.0)
        affine.setflags(write=False)
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1]), int(self.shape[2])))
        object.__setattr__(self, "affine", affine)

    @property
    def spacing(self) -> Floats:
        """Millimetres between neighbouring voxel centres along each array axis, shape (3,)."""
        spacing: Floats = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return spacing

    @property
    def directions(self) -> Floats:
        """3x3; column ``a`` is the unit vector in LPS along which array axis ``a`` grows."""
        directions: Floats = self.affine[:3, :3] / self.spacing
        return directions

    @property
    def origin(self) -> Floats:
        """Centre of voxel (0, 0, 0) in millimetres, LPS, shape (3,)."""
        return self.affine[:3, 3].copy()

    def to_patient(self, points: ArrayLike) -> Floats:
        """Voxel coordinates of shape (n, 3), or one of shape (3,), to millimetres in LPS of the same shape."""
        indices = np.asarray(points, dtype=np.float64)
        positions: Floats = indices @ self.affine[:3, :3].T + self.affine[:3, 3]
        return positions

    def to_index(self, points: ArrayLike) -> Floats:
        """Millimetres in LPS of shape (n, 3), or one of shape (3,), to (fractional) voxel coordinates."""
        positions = np.asarray(points, dtype=np.float64)
        indices: Floats = (np.linalg.inv(self.affine[:3, :3]) @ (positions - self.affine[:3, 3]).T).T
        return indices

    def permuted(self, order: Sequence[int], flips: Sequence[bool] = (False, False, False)) -> Geometry:
        """The same voxels under other axes.

        New axis ``a`` is the old axis ``order[a]``, run backwards where ``flips[a]``; this is the geometry of
        ``np.flip(array.transpose(order), [axes with flips])``.

        Raises
        ------
        ValueError
            where `order` is no permutation of 0, 1, 2 or `flips` has not three entries.
        """
        if sorted(order) != [0, 1, 2] or len(flips) != 3:
            raise ValueError(f"{order!r} with flips {flips!r} is no permutation of three axes.")
        affine = self.affine.copy()
        for new, (old, flipped) in enumerate(zip(order, flips, strict=True)):
            column = self.affine[:3, old]
            affine[:3, new] = -column if flipped else column
            if flipped:
                affine[:3, 3] += column * (self.shape[old] - 1)
        return Geometry((self.shape[order[0]], self.shape[order[1]], self.shape[order[2]]), affine)

    def is_sheared(self, tolerance: float = 1e-3) -> bool:
        """Whether two axes are not at right angles: their cosine is over `tolerance` (0.001 is 0.06 degrees)."""
        cosines = self.directions.T @ self.directions
        return bool(np.abs(cosines - np.diag(np.diag(cosines))).max() > tolerance)

    def is_close(self, other: Geometry, tolerance_mm: float = 0.01) -> bool:
        """Whether the shapes are equal and no voxel centre lies over `tolerance_mm` from its counterpart."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        distances = np.linalg.norm(self.to_patient(corners) - other.to_patient(corners), axis=1)
        return bool(distances.max() <= tolerance_mm)


def canonical_order(geometry: Geometry) -> tuple[Order, Flips]:
    """The permutation and flips that make the axes run right to left, head to feet, front to back.

    The assignment is the one with the largest sum of cosines between the axes and the three patient directions, so
    two array axes are never given to the same direction, however oblique the stack.

    Returns
    -------
    order, flips
        as `Geometry.permuted` takes them: new axis 0 grows to the patient's left, 1 to the feet, 2 to the back.
    """
    wanted = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    cosines = wanted @ geometry.directions  # (wanted axis, array axis)
    permutations: list[Order] = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    order = max(permutations, key=lambda p: sum(abs(float(cosines[a, p[a]])) for a in range(3)))
    flips = (bool(cosines[0, order[0]] < 0), bool(cosines[1, order[1]] < 0), bool(cosines[2, order[2]] < 0))
    return order, flips
