"""The body of one vertebra, cut out of the mask of the whole vertebra.

The arch is taken off by anatomy and not by erosion, so that it works on slices 1.5 to 4 mm apart: in the middle of the
vertebra the canal separates body and arch, there the posterior wall is seen; its plane, tilted and turned like the
vertebra, is carried to the sides and cuts the pedicles; what is left beside the body (transverse processes, heads of
ribs) is lower than a body and ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Pieces", "largest_pieces", "vertebral_body"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

SPECK_MM3 = 50.0
"""A disconnected piece below this volume is a crumb of the segmentation."""

NEAR_MM = 6.0
"""A disconnected piece this near to the largest belongs to it: a corner of a crushed body, an arch after a break."""

LARGE_PIECE = 0.2
"""A distant piece of at least this share of the largest one is worth a word."""

MEDIAL_MM = 4.0
"""Half width of the slab about the midline in which the canal separates body and arch at every level."""

OPEN_CANAL = 1.35
"""A medial piece that is so much larger than the smallest has run into a pedicle: the canal is narrow, or turned."""

NEAR_ARCH_MM = 6.0
"""The nearest part of the arch, by which the direction to the back is judged: the lamina, not the spinous process."""

TILT_WINDOW = 26.0
"""Degrees about that direction within which the tilt of the body is looked for."""

SEED_SHARE = 0.75
"""Share of the greatest inscribed radius above which a voxel is in the core of a massive part."""

ARCH_SHARE = 0.06
"""Share of a label behind its posterior wall from which it is said to have an arch. Body-only masks have under 0.02."""

WALL_MARGIN_MM = 1.0
"""What may stand behind the plane of the posterior wall and still be body: the wall is not quite flat."""

GREATEST_TURN = np.deg2rad(20.0)
"""Axial turn of a vertebra beyond which the estimate is not believed."""

SIDE_HEIGHT = 0.62
"""A lateral slice is body if it stands at least this share of the height at the midline (pedicles reach 0.55) ..."""

SIDE_AREA = 0.35
"""... or has at least this share of the area at the midline."""

CRACK_MM = 5.0
"""A gap up to this wide in a mask is a fracture line, and the body goes on behind it; no canal is so narrow."""

GRAZE_MM = 3.0
"""What ends within this of the last such slice grazes the side of the body and is kept; a process reaches further."""


@dataclass(frozen=True)
class Pieces:
    """The voxels of a label that are kept, and the volume in mm3 of a large distant piece that is not (else 0)."""

    mask: Mask
    left_out_mm3: float
    distance_mm: float


def largest_pieces(mask: Mask, spacing: Floats) -> Pieces:
    """The largest connected piece of a label with the pieces that belong to it; crumbs and distant pieces left out.

    `mask` is (k, r, c), `spacing` in mm along the same axes. Connection is by corner (26 neighbours): thin pedicles on
    thick slices hold together by no more.
    """
    components, count = _components(mask, 26)
    if count <= 1:
        return Pieces(mask, 0.0, 0.0)
    voxel = float(np.prod(spacing))
    sizes = np.bincount(components.ravel())[1:] * voxel
    main = int(np.argmax(sizes)) + 1
    away = ndimage.distance_transform_edt(components != main, sampling=tuple(spacing))
    kept = components == main
    left_out, distance = 0.0, 0.0
    for label, size in enumerate(sizes, start=1):
        if label == main or size < SPECK_MM3:
            continue
        piece = components == label
        gap = float(away[piece].min())
        if gap <= NEAR_MM:
            kept |= piece
        elif size >= LARGE_PIECE * sizes[main - 1] and size > left_out:
            left_out, distance = float(size), gap
    return Pieces(kept, left_out, distance)


@dataclass(frozen=True)
class _Wall:
    """The plane of the posterior wall in mm of the grid, (k, r, c): points with ``normal @ p > offset`` lie behind."""

    normal: Floats
    offset: float
    up: Floats


def vertebral_body(mask: Mask, spacing: Floats) -> Mask:
    """The voxels of the vertebral body within the mask of one vertebra.

    Parameters
    ----------
    mask
        (k, r, c), axes right to left, head to feet, front to back; one connected vertebra, see `largest_pieces`.
    spacing
        Millimetres along the three axes.

    Returns
    -------
    A new array of the same shape. A mask that holds no arch comes back as it is.
    """
    whole = _healed(mask, spacing)
    core, centre = _core(whole, spacing)
    wall = _posterior_wall(whole, spacing, core, centre)
    behind = _behind(whole, spacing, wall)
    if behind.sum() < ARCH_SHARE * whole.sum():
        return mask.copy()
    wall = _turned(wall, whole, behind, spacing, centre)
    front = _piece_with(whole & ~_behind(whole, spacing, wall), core)
    return _without_sides(front, spacing, centre, wall.up) & mask


def _healed(mask: Mask, spacing: Floats) -> Mask:
    """The mask with cracks closed, so that a split body is one again."""
    reach = 0.5 * CRACK_MM
    room = np.ceil(reach / spacing).astype(int) + 1
    padded = np.pad(mask, [(n, n) for n in room])
    grown = ndimage.distance_transform_edt(~padded, sampling=tuple(spacing)) <= reach
    closed = ndimage.distance_transform_edt(grown, sampling=tuple(spacing)) > reach
    inner = tuple(slice(n, n + size) for n, size in zip(room, mask.shape, strict=True))
    result: Mask = closed[inner] | mask
    return result


def _core(mask: Mask, spacing: Floats) -> tuple[Mask, Floats]:
    """The most massive part of the label, and its centre in mm of the grid: the largest ball sits in the body."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=tuple(spacing))[1:-1, 1:-1, 1:-1]
    components, _ = _components(depth >= SEED_SHARE * depth.max(), 26)
    # Where arch or sacral pedicles are nearly as thick as a crushed body, the body is still the larger plate.
    weights = np.bincount(components.ravel(), weights=depth.ravel())
    weights[0] = 0.0
    core = components == int(np.argmax(weights))
    return core, np.argwhere(core).mean(axis=0) * spacing


def _posterior_wall(mask: Mask, spacing: Floats, core: Mask, centre: Floats) -> _Wall:
    """The wall between body and canal, seen in the medial slab where the canal lies behind the body."""
    silhouette, arch = _medial_silhouettes(mask, spacing, core, centre)
    points = np.argwhere(silhouette) * spacing[1:] - centre[1:]
    back, up = _axes(_tilt(points, np.argwhere(arch) * spacing[1:] - centre[1:]))
    along, height = points @ back, points @ up
    low, high = np.percentile(height, (20, 80))
    # The rims stand out and the wall is hollow: the mid-heights give the wall, a margin the rims.
    middle = along[(height >= low) & (height <= high)]
    if not middle.size:  # a crumb of two or three pixels has no mid-heights
        middle = along
    reach = float(np.percentile(middle, 98)) + 0.5 * float(spacing[1:].max()) + WALL_MARGIN_MM
    normal = np.array([0.0, *back])
    return _Wall(normal, float(normal @ centre) + reach, np.array([0.0, *up]))


def _medial_silhouettes(mask: Mask, spacing: Floats, core: Mask, centre: Floats) -> tuple[Mask, Mask]:
    """(r, c), (r, c): over the medial slices the piece that holds the core, and what the canal keeps apart from it.

    The latter only where most slices show it: with a narrow or turned canal a sliver of a pedicle stands in the
    outermost of them.
    """
    middle = round(float(centre[0] / spacing[0]))
    reach = max(1, int(MEDIAL_MM // spacing[0]))
    span = range(max(0, middle - reach), min(mask.shape[0], middle + reach + 1))
    pieces = {k: _piece_with(mask[k], core[k]) for k in span if core[k].any()}
    smallest = min(int(piece.sum()) for piece in pieces.values())
    clear = {k: piece for k, piece in pieces.items() if piece.sum() <= OPEN_CANAL * smallest}
    body: Mask = np.any(list(clear.values()), axis=0)
    rest = np.sum([mask[k] & ~piece for k, piece in clear.items()], axis=0)
    return body, (2 * rest > len(clear)) & ~body


def _tilt(body: Floats, arch: Floats) -> float:
    """Angle in radians by which a vertebra is turned in the sagittal plane; points (n, 2: r, c) in mm from its centre.

    The smallest rectangle about the body gives it to a quarter turn; the front of the arch, just behind the canal, says
    which quarter (it lies within 13 degrees of the long way back in 36 measured vertebrae).
    """
    ahead, window = 0.0, 45.0
    if len(arch):
        distance = np.hypot(arch[:, 0], arch[:, 1])
        near = arch[distance < distance.min() + NEAR_ARCH_MM].mean(axis=0)
        ahead, window = float(np.rad2deg(np.arctan2(near[0], near[1]))), TILT_WINDOW
    angles = np.deg2rad(ahead + np.arange(-window, window + 1e-6, 2.0))
    areas = []
    for angle in angles:
        # Percentiles and not extremes: a beak in front must not turn the rectangle.
        sides = [np.subtract(*np.percentile(body @ axis, (98, 2))) for axis in _axes(float(angle))]
        areas.append(float(sides[0] * sides[1]))
    return float(angles[int(np.argmin(areas))])


def _axes(tilt: float) -> tuple[Floats, Floats]:
    """Unit vectors (r, c) to the back and to the head of a vertebra tilted by `tilt` radians."""
    return np.array([np.sin(tilt), np.cos(tilt)]), np.array([-np.cos(tilt), np.sin(tilt)])


def _turned(wall: _Wall, mask: Mask, behind: Mask, spacing: Floats, centre: Floats) -> _Wall:
    """The wall turned about the axis of the vertebra toward the centre of the arch (rotation, scoliosis)."""
    arch = np.argwhere(behind).mean(axis=0) * spacing - centre
    angle = float(np.arctan2(arch[0], max(float(arch @ wall.normal), 1.0)))
    if abs(angle) > GREATEST_TURN:
        return wall
    reach = wall.offset - float(wall.normal @ centre)
    normal = np.cos(angle) * wall.normal + np.sin(angle) * np.array([1.0, 0.0, 0.0])
    return _Wall(normal, float(normal @ centre) + reach, wall.up)


def _behind(mask: Mask, spacing: Floats, wall: _Wall) -> Mask:
    k, r, c = np.ogrid[: mask.shape[0], : mask.shape[1], : mask.shape[2]]
    scaled = wall.normal * spacing
    result: Mask = mask & (k * scaled[0] + r * scaled[1] + c * scaled[2] > wall.offset)
    return result


def _without_sides(front: Mask, spacing: Floats, centre: Floats, up: Floats) -> Mask:
    """The run of slices about the midline that are high or large enough to be body."""
    areas = front.sum(axis=(1, 2)).astype(float)
    heights = np.array([_height(front[k], spacing, up) for k in range(front.shape[0])])
    middle = round(float(centre[0] / spacing[0]))
    reach = max(1, int(MEDIAL_MM // spacing[0]))
    medial = slice(max(0, middle - reach), middle + reach + 1)
    area, height = float(np.median(areas[medial])), float(np.median(heights[medial]))
    is_body = (heights >= SIDE_HEIGHT * height) | (areas >= SIDE_AREA * area)
    graze = max(1, round(GRAZE_MM / float(spacing[0])))
    last = _side(middle, is_body, areas > 0, graze)
    end = front.shape[0] - 1
    first = end - _side(end - middle, is_body[::-1], areas[::-1] > 0, graze)
    body = np.zeros_like(front)
    body[first : last + 1] = front[first : last + 1]
    return body


def _side(middle: int, is_body: Mask, is_label: Mask, graze: int) -> int:
    """The last slice of the body, going up from `middle`, with what grazes its side if the label ends there."""
    last = middle
    while last + 1 < len(is_body) and is_body[last + 1]:
        last += 1
    end = last
    while end + 1 < len(is_label) and is_label[end + 1]:
        end += 1
    return end if end - last <= graze else last


def _height(piece: Mask, spacing: Floats, up: Floats) -> float:
    """Extent in mm along the axis of the vertebra of a slice (r, c); both rims count where the waist is passed."""
    points = np.argwhere(piece) * spacing[1:]
    return float(np.ptp(points @ up[1:])) if len(points) else 0.0


def _piece_with(mask: Mask, core: Mask) -> Mask:
    """The connected piece of a 2-D or 3-D mask that holds most of the core."""
    components, count = _components(mask, 4 if mask.ndim == 2 else 6)
    if count == 0:
        return mask.copy()
    votes = np.bincount(components[core], minlength=count + 1)
    votes[0] = 0
    result: Mask = components == int(np.argmax(votes))
    return result


def _components(mask: Mask, connectivity: Literal[4, 6, 26]) -> tuple[NDArray[Any], int]:
    components, count = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=connectivity, return_N=True)
    return components, int(count)
