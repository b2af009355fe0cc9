"""Every piece of a mask given to the vertebra it belongs to, or left out with a word.

A piece that lies in one body along the spine is of that vertebra. One that lies in several is parted between them: from
the bodies outward, through the thick parts first, so that the borders come to lie where the bone is narrow (facets,
bridges of bone, the disc). One that lies in none is a fragment of its neighbour, a vertebra cut by the border of the
image, the arch of a vertebra out of view, or a crumb.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.segmentation import watershed

from labeling.anatomy.corpus import NEAR_MM, SPECK_MM3
from labeling.anatomy.instances_curve import STEP_MM, Curve, Grid
from labeling.anatomy.instances_split import SLIVER_GAP_MM, TUBE, Segment

__all__ = ["FRAGMENT_REACH", "LeftOut", "Parted", "part", "without_specks"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Owners = NDArray[np.uint8]

CORNERS = np.ones((3, 3, 3), dtype=bool)
"""Connection by corner: thin pedicles on thick slices hold together by no more."""

LIES_IN = 0.1
"""Share of a body's inner tube that a piece must hold to be said to lie in it."""

BODY_SIDE, BODY_FRONT, BODY_BACK = 1.4, 1.2, 0.75
"""How far from the line, in radii of the bodies' circle, a voxel is body beyond doubt: pedicles begin further back."""

ARCH_MM3 = 1000.0
"""A piece of at least this volume is no slip of the model: it is an arch, or something else that has a reason."""

WORTH_A_WORD = 0.2
"""A piece of at least this share of a usual vertebra in the mask is not left out silently."""

NEW_BODY = 0.25
"""A piece on the line of the spine of at least this share of a usual vertebra is one."""

CENTRAL = 0.7
"""Share of the height of a body in its middle that is its own beyond doubt: discs stand aslant to the line."""

FRAGMENT_REACH = 1.6
"""Radii from the line within which a fragment is one of a body, and belongs to the body beside which it lies."""

ON_LINE, ON_LINE_REACH = 0.5, 1.5
"""Share of a piece within this many radii of the line from which it lies on it."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A piece that belongs to no vertebra in view: its volume, the label it had, and where it lies."""

    mm3: float
    label: int
    at_border: str


@dataclass(eq=False)
class Parted:
    """A mask parted between vertebrae.

    owners
        (k, r, c) uint8 on the grid: 1 ... n from head to feet, 0 = nobody's.
    segments
        The n bodies along the line.
    left_out
        Pieces that are nobody's, the largest first; crumbs are not listed.
    joined
        Places (0 ... n - 1) to which a fragment was joined.
    """

    owners: Owners
    segments: list[Segment]
    left_out: list[LeftOut] = field(default_factory=list)
    joined: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Piece:
    number: int
    label: int
    voxels: int
    region: tuple[slice, slice, slice]


def without_specks(grid: Grid, *, numbered: bool) -> tuple[Grid, float]:
    """The grid without connected pieces under 50 mm3, and their volume together in mm3.

    Where the labels mean nothing each piece gets a number of its own instead.
    """
    components, count = ndimage.label(grid.values > 0, CORNERS)
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    voxel = float(np.prod(grid.spacing))
    small = sizes * voxel < SPECK_MM3
    small[0] = False
    if numbered and not small.any():
        return grid, 0.0
    values = (grid.values if numbered else components).astype(np.uint16)
    values[small[components]] = 0
    return Grid(values, grid.spacing, grid.region, grid.step), float(sizes[small].sum()) * voxel


def part(
    grid: Grid, curve: Curve, segments: Sequence[Segment], borders: tuple[bool, bool], *, numbered: bool
) -> Parted:
    """The pieces of a grid, each with the body it belongs to.

    Parameters
    ----------
    segments
        The bodies along the line, from head to feet.
    borders
        Whether the first and the last row of the grid are those of the image, so that what touches them is cut.
    numbered
        Whether labels tell vertebrae apart.
    """
    numbers, pieces = _pieces(grid.values, numbered)
    hits = _hits(numbers, grid, curve, segments, len(pieces))
    owners = np.zeros(grid.values.shape, dtype=np.uint8)
    homeless = []
    for piece in pieces:
        within = np.flatnonzero(hits[:, piece.number])
        inside = numbers[piece.region] == piece.number
        if len(within) == 0:
            homeless.append(piece)
        elif len(within) == 1:
            owners[piece.region][inside] = within[0] + 1
        else:
            owners[piece.region][inside] = _divided(piece, inside, grid, curve, segments, within)[inside]
    result = Parted(owners, list(segments))
    if homeless:
        _place(homeless, numbers, grid, curve, result, borders, numbered)
    return result


def _pieces(values: NDArray[np.uint16], numbered: bool) -> tuple[NDArray[np.int32], list[_Piece]]:
    """Connected pieces, numbered from 1; where labels mean something a piece has one label."""
    numbers = np.zeros(values.shape, dtype=np.int32)
    pieces: list[_Piece] = []
    layers: Iterable[tuple[int, tuple[slice, slice, slice]]]
    if numbered:
        found = ndimage.find_objects(values.astype(np.int32))
        layers = [(label, region) for label, region in enumerate(found, start=1) if region is not None]
    else:
        layers = [(0, (slice(None), slice(None), slice(None)))]
    for label, region in layers:
        mask = values[region] == label if label else values[region] > 0
        components, count = ndimage.label(mask, CORNERS)
        start = len(pieces)
        numbers[region][mask] = components[mask] + start
        sizes = np.bincount(components.ravel(), minlength=count + 1)
        for number, inner in enumerate(ndimage.find_objects(components), start=1):
            moved = tuple(
                slice((o.start or 0) + i.start, (o.start or 0) + i.stop) for o, i in zip(region, inner, strict=True)
            )
            pieces.append(_Piece(start + number, label, int(sizes[number]), (moved[0], moved[1], moved[2])))
    return numbers, pieces


def _hits(
    numbers: NDArray[np.int32], grid: Grid, curve: Curve, segments: Sequence[Segment], count: int
) -> NDArray[np.bool_]:
    """(segments, pieces + 1): whether a piece lies in the inner tube of a segment."""
    hits = np.zeros((len(segments), count + 1), dtype=bool)
    narrow, wide = (curve.across(grid.spacing, reach) for reach in (TUBE, 1.0))
    for place, segment in enumerate(segments):
        at = slice(segment.first, segment.last + 1)
        for discs in (narrow, wide):
            found = _counted(discs[at], numbers, count)
            if found.any():
                # What the border has left of a body may lie beside the inner tube.
                break
        hits[place] = found > LIES_IN * max(1, int(found.sum()))
    return hits


def _counted(discs: Floats, numbers: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    index = np.rint(discs).astype(np.intp).reshape(-1, 3)
    index[:, 0] = np.clip(index[:, 0], 0, numbers.shape[0] - 1)
    index = index[((index >= 0) & (index < numbers.shape)).all(axis=1)]
    found: NDArray[np.intp] = np.bincount(numbers[tuple(index.T)], minlength=count + 1)
    found[0] = 0
    return found


def _divided(
    piece: _Piece, inside: Mask, grid: Grid, curve: Curve, segments: Sequence[Segment], within: NDArray[np.intp]
) -> Owners:
    """The owners within the region of a piece that lies in several bodies."""
    start = np.array([side.start for side in piece.region])
    voxels = np.argwhere(inside)
    positions = (voxels + start) * grid.spacing
    sample = curve.nearest(positions)
    offset = (positions - curve.points[sample]) / curve.radius[sample][:, None]
    aside, back = (offset * curve.left[sample]).sum(axis=1), (offset * curve.back[sample]).sum(axis=1)
    core = (np.abs(aside) <= BODY_SIDE) & (back >= -BODY_FRONT) & (back <= BODY_BACK)
    markers = np.zeros(inside.shape, dtype=np.int32)
    for place in within:
        segment = segments[place]
        chosen = core & (np.abs(sample - segment.middle) <= 0.5 * CENTRAL * (segment.last - segment.first + 1))
        markers[tuple(voxels[chosen].T)] = place + 1
    # Where the piece ends at the border of the image it is no thinner for that.
    pads = [(int(side.start > 0), int(side.stop < n)) for side, n in zip(piece.region, grid.values.shape, strict=True)]
    depth = ndimage.distance_transform_edt(np.pad(inside, pads), sampling=tuple(grid.spacing))
    depth = depth[tuple(slice(low, low + n) for (low, _), n in zip(pads, inside.shape, strict=True))]
    # Steps of half a millimetre: finer ones would only follow the corners of the voxels.
    owners = watershed(-np.rint(2 * depth).astype(np.int32), markers, connectivity=CORNERS, mask=inside)
    if (owners[inside] == 0).any():
        nearest = ndimage.distance_transform_edt(
            owners == 0, sampling=tuple(grid.spacing), return_distances=False, return_indices=True
        )
        owners = owners[tuple(nearest)]
    return owners.astype(np.uint8)


def _place(
    homeless: Sequence[_Piece],
    numbers: NDArray[np.int32],
    grid: Grid,
    curve: Curve,
    result: Parted,
    borders: tuple[bool, bool],
    numbered: bool,
) -> None:
    """Pieces that lie in no body: joined to a neighbour, made a vertebra of their own, or left out."""
    voxel = float(np.prod(grid.spacing))
    usual = float(np.median(np.bincount(result.owners.ravel())[1:])) * voxel if result.owners.any() else 0.0
    labels = {segment.label for segment in result.segments}
    new: list[tuple[_Piece, Segment]] = []
    rest: list[_Piece] = []
    for piece in homeless:
        segment = _own_segment(piece, numbers, grid, curve, result.segments, borders, usual / voxel, labels, numbered)
        if segment is None:
            rest.append(piece)
        else:
            new.append((piece, segment))
    _add(new, numbers, result)
    if not rest or not result.segments:
        return
    near = _Near(result.owners, grid)
    labels = {segment.label for segment in result.segments}
    for piece in rest:
        owner = _owner(piece, numbers, near, grid, curve, result.segments, borders, labels, numbered)
        if owner:
            result.owners[piece.region][numbers[piece.region] == piece.number] = owner
            if piece.voxels * voxel >= SPECK_MM3:
                result.joined.add(owner - 1)
        elif piece.voxels * voxel >= max(SPECK_MM3, WORTH_A_WORD * usual):
            result.left_out.append(LeftOut(piece.voxels * voxel, piece.label, _border(piece, numbers.shape, borders)))
    result.left_out.sort(key=lambda one: (-one.mm3, one.label, one.at_border))


class _Near:
    """What lies nearest to each voxel, of what was owned before fragments are joined: their order must not matter."""

    def __init__(self, owners: Owners, grid: Grid) -> None:
        self._owners = owners.copy()
        self._spacing = tuple(grid.spacing)
        self._step = float(grid.spacing.max())
        self._away, self._index = ndimage.distance_transform_edt(
            owners == 0, sampling=self._spacing, return_indices=True
        )

    def owner(self, piece: _Piece, inside: Mask) -> tuple[int, float]:
        """The owner nearest to a piece, and its distance in mm."""
        distances = self._away[piece.region][inside]
        at = self._index[(slice(None), *piece.region)][:, inside][:, distances <= distances.min() + self._step]
        return int(np.bincount(self._owners[tuple(at)]).argmax()), float(distances.min())

    def distance(self, piece: _Piece, inside: Mask, owner: int) -> float:
        """Distance in mm of a piece from one owner."""
        own = np.argwhere(self._owners == owner) * self._spacing
        start = [side.start for side in piece.region]
        return float(cKDTree(own).query((np.argwhere(inside) + start) * self._spacing)[0].min())


def _owner(
    piece: _Piece,
    numbers: NDArray[np.int32],
    near: _Near,
    grid: Grid,
    curve: Curve,
    segments: Sequence[Segment],
    borders: tuple[bool, bool],
    labels: set[int],
    numbered: bool,
) -> int:
    """Whose fragment a piece is: 1 ... n, or 0 for nobody's."""
    inside = numbers[piece.region] == piece.number
    volume = piece.voxels * float(np.prod(grid.spacing))
    touch = float(np.linalg.norm(grid.spacing)) + 1e-6
    own = [place for place, segment in enumerate(segments, start=1) if segment.label == piece.label]
    if numbered and own:
        gaps = [(near.distance(piece, inside, place), place) for place in own]
        gap, place = min(gaps)
        # The border of the image can part a vertebra in two; nothing else keeps its pieces far apart.
        if gap <= NEAR_MM or (_border(piece, numbers.shape, borders) and volume >= SPECK_MM3):
            return place
    owner, gap = near.owner(piece, inside)
    if numbered:
        # Called otherwise: a slip of the model, unless it is the arch of a vertebra whose body is out of view.
        return owner if gap <= touch and (volume < ARCH_MM3 or own) else 0
    if gap > NEAR_MM or (gap > touch and volume < SPECK_MM3):
        return 0
    sample, offset = _about(piece, inside, grid, curve)
    radius = curve.radius[sample]
    if (np.linalg.norm(offset, axis=1) <= FRAGMENT_REACH * radius).mean() < 0.5:
        if volume < ARCH_MM3:
            return owner
        if np.median((offset * curve.back[sample]).sum(axis=1) / radius) > BODY_BACK:
            return 0
    middle = float(np.median(sample))
    beside = [max(segment.first - middle, middle - segment.last, 0.0) for segment in segments]
    nearest = int(np.argmin(beside))
    # At the border of the image a piece beyond the last body is what is left of the next one.
    beyond = beside[nearest] * STEP_MM >= SLIVER_GAP_MM and bool(_border(piece, numbers.shape, borders))
    return 0 if beyond else nearest + 1


def _about(piece: _Piece, inside: Mask, grid: Grid, curve: Curve) -> tuple[NDArray[np.intp], Floats]:
    """Of each voxel of a piece the sample of the line next to it, and where it lies from that in mm (n, 3)."""
    start = np.array([side.start for side in piece.region])
    positions = (np.argwhere(inside) + start) * grid.spacing
    sample = curve.nearest(positions)
    return sample, positions - curve.points[sample]


def _border(piece: _Piece, shape: tuple[int, ...], borders: tuple[bool, bool]) -> str:
    rows = piece.region[1]
    if borders[0] and rows.start <= 1:
        return "top"
    return "bottom" if borders[1] and rows.stop >= shape[1] - 1 else ""


def _own_segment(
    piece: _Piece,
    numbers: NDArray[np.int32],
    grid: Grid,
    curve: Curve,
    segments: Sequence[Segment],
    borders: tuple[bool, bool],
    usual: float,
    labels: set[int],
    numbered: bool,
) -> Segment | None:
    """The stretch of the line that a piece is the body of, None where it is none."""
    inside = numbers[piece.region] == piece.number
    if piece.voxels * float(np.prod(grid.spacing)) < SPECK_MM3:
        return None
    cut = bool(_border(piece, numbers.shape, borders)) and (not numbered or piece.label not in labels)
    if not cut and piece.voxels < NEW_BODY * usual:
        return None
    sample, offset = _about(piece, inside, grid, curve)
    if (np.linalg.norm(offset, axis=1) <= ON_LINE_REACH * curve.radius[sample]).mean() < ON_LINE:
        return None
    first, last = int(np.percentile(sample, 10)), int(np.percentile(sample, 90))
    middle = (first + last) / 2
    if any(segment.first <= middle <= segment.last for segment in segments):
        return None
    return Segment(first, last, piece.label)


def _add(new: Sequence[tuple[_Piece, Segment]], numbers: NDArray[np.int32], result: Parted) -> None:
    """Pieces become vertebrae of their own; neighbours among them with one label become one."""
    if not new:
        return
    groups: list[list[tuple[_Piece, Segment]]] = []
    for piece, segment in sorted(new, key=lambda one: (one[1].middle, one[0].number)):
        same = groups and groups[-1][-1][1].label == segment.label
        between = same and any(groups[-1][-1][1].middle < old.middle < segment.middle for old in result.segments)
        if same and not between:
            groups[-1].append((piece, segment))
        else:
            groups.append([(piece, segment)])
    added = [
        Segment(min(one.first for _, one in group), max(one.last for _, one in group), group[0][1].label)
        for group in groups
    ]
    order = sorted([*result.segments, *added], key=lambda one: one.middle)
    moved = np.zeros(len(result.segments) + 1, dtype=np.uint8)
    for place, segment in enumerate(result.segments):
        moved[place + 1] = order.index(segment) + 1
    owners = moved[result.owners]
    for group, segment in zip(groups, added, strict=True):
        for piece, _ in group:
            owners[piece.region][numbers[piece.region] == piece.number] = order.index(segment) + 1
    result.owners = owners
    result.segments = order
