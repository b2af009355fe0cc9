"""Anterior, middle and posterior height of one vertebral body along its own axis.

The axis follows the endplates and not the scanner: a first one from the neighbours, turned about itself by the mirror
symmetry of the vertebra, then tilted by the slopes of both endplates in the medial slab. Front and back of the body are
taken at mid-height, so that a spur in front does not stretch it. Heights are read from the mask at its half crossing,
between the voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["BodyFrame", "BodyHeights", "body_centre", "measure_body"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

CORE_SHARE = 0.85
"""Share of the greatest inscribed radius above which a voxel is in the core of the body."""

SLAB_MM = 4.0
"""Half width of the medial slab. Wider ones bring in the pedicles."""

BAND_MM = 3.0
"""Half height of the band about mid-height in which front and back are seen."""

STEP_MM = 0.5
REACH_MM = 40.0
"""No body reaches further from its centre."""

ANTERIOR, MIDDLE, POSTERIOR = (0.80, 0.93), (0.40, 0.60), (0.07, 0.20)
"""Shares of the depth, from the back, at which the three heights are read."""

ENDPLATE = (0.15, 0.85)
"""Shares of the depth over which lines are laid to the endplates: the rims stand out beyond."""

ROUNDS, STILL_DEG = 10, 0.3
"""How often the axis is laid anew across the endplates, at most, and the change from which on it stands."""

READABLE = 0.8
"""Share of the half width beyond which slices of a body say nothing of its height."""

STATION_MM = 2.0

CRACK_MM = 5.0
"""A gap up to this wide from front to back is a fracture line, and the body goes on behind it."""

TURNS = np.deg2rad(np.arange(-16.0, 16.1, 2.0))
SIDE_MM = 1.5
SHIFTS = range(-16, 17)
"""In halves of the step from side to side, so that a mirror image falls on the samples. A crushed body's most massive
part may lie 10 mm off its midline."""
LEAST_GAIN = 0.01
"""A turn is believed if the two halves are this much more alike than without."""


@dataclass(frozen=True, eq=False)
class BodyFrame:
    """Centre and axes of a body in mm of the grid (k, r, c); unit vectors to the left, to the head, to the front."""

    centre: Floats
    left: Floats
    up: Floats
    front: Floats


@dataclass(frozen=True, eq=False)
class BodyHeights:
    """What was measured of a body, in mm.

    frame
        Its centre lies in the middle of the medial slab.
    anterior, middle, posterior
        In the medial slab.
    width, depth
        At mid-height.
    stations
        (n,) places across the body, from its right to its left, from the midline; the outermost fifth is left out.
    across
        (n, 3) anterior, middle and posterior height there.
    depths
        (m,) shares of the depth from the back to the front.
    map
        (n, m) height at each station and share of the depth; nan where there is none.
    upper, lower
        (n, m) distance of the endplates from the middle of the body along its axis.
    """

    frame: BodyFrame
    anterior: float
    middle: float
    posterior: float
    width: float
    depth: float
    stations: Floats
    across: Floats
    depths: Floats
    map: Floats
    upper: Floats
    lower: Floats

    @property
    def heights(self) -> tuple[float, float, float]:
        """Anterior, middle and posterior."""
        return self.anterior, self.middle, self.posterior


class _Body:
    """A mask that is sampled at points in mm of its grid."""

    def __init__(self, mask: Mask, spacing: Floats) -> None:
        self._values = np.pad(mask, 1).astype(np.float32)
        self._spacing = spacing

    def at(self, points: Floats) -> NDArray[np.float32]:
        """Values between 0 and 1 at points (..., 3)."""
        index = np.moveaxis(points / self._spacing + 1.0, -1, 0)
        result: NDArray[np.float32] = ndimage.map_coordinates(self._values, index, order=1, mode="constant")
        return result


def body_centre(mask: Mask, spacing: Floats) -> Floats:
    """The middle of the most massive part of a body (k, r, c) that is not empty, in mm of its grid."""
    region = ndimage.find_objects(mask.astype(np.uint8))[0]
    depth = ndimage.distance_transform_edt(np.pad(mask[region], 1), sampling=tuple(spacing))[1:-1, 1:-1, 1:-1]
    start = np.array([side.start for side in region])
    centre: Floats = (np.argwhere(depth >= CORE_SHARE * depth.max()).mean(axis=0) + start) * spacing
    return centre


def measure_body(mask: Mask, spacing: Floats, up: Floats, whole: Mask | None = None) -> BodyHeights | None:
    """Heights of one body.

    Parameters
    ----------
    mask
        (k, r, c) of the body alone, axes right to left, head to feet, front to back.
    spacing
        mm along the axes.
    up
        First guess of its axis, toward the head, in mm of the grid: from the centres of the neighbours.
    whole
        The vertebra with its arch on the same grid, by which it is turned about its axis; the body where there is none.

    Returns
    -------
    None where too little is there to see both endplates.
    """
    body = _Body(mask, spacing)
    frame = _upright(body_centre(mask, spacing), up)
    frame = _turned(frame, _Body(mask if whole is None else whole, spacing))
    for _ in range(ROUNDS):
        tilted = _tilted(frame, body)
        if tilted is None:
            return None
        before, frame = frame, tilted
        if before.up @ frame.up > np.cos(np.deg2rad(STILL_DEG)):
            break
    return _measured(frame, body)


def _upright(centre: Floats, up: Floats) -> BodyFrame:
    """Axes along `up` that keep left to the left."""
    up = up / np.linalg.norm(up)
    across = np.array([1.0, 0.0, 0.0])
    left = across - (across @ up) * up
    left /= np.linalg.norm(left)
    # Left, head and front are right-handed as k, r, c are: front is -c, head is -r.
    return BodyFrame(centre, left, up, np.cross(left, up))


def _turned(frame: BodyFrame, vertebra: _Body) -> BodyFrame:
    """The frame turned about its axis, and moved aside, to where the vertebra is most like its mirror image."""
    side = np.arange(-45.0, 45.1, SIDE_MM)
    front = np.arange(-60.0, 30.1, 3.0)
    high = np.arange(-18.0, 18.1, 3.0)
    best, straight, found = -1.0, 0.0, (0.0, 0.0)
    for turn in TURNS:
        turned = _rotated(frame, frame.up, float(turn))
        grid = (
            frame.centre
            + side[:, None, None, None] * turned.left
            + front[None, :, None, None] * turned.front
            + high[None, None, :, None] * turned.up
        )
        shadow = (vertebra.at(grid) >= 0.5).sum(axis=2).astype(np.float64)
        for shift in SHIFTS:
            alike = _likeness(shadow, shift)
            if turn == 0 and shift == 0:
                straight = alike
            # Of equal ones the one that turns least.
            if alike > best + 1e-9 or (alike > best - 1e-9 and abs(turn) < abs(found[0])):
                best, found = alike, (float(turn), 0.5 * SIDE_MM * shift)
    if best < straight + LEAST_GAIN:
        return frame
    turned = _rotated(frame, frame.up, found[0])
    return replace(turned, centre=frame.centre + found[1] * turned.left)


def _likeness(shadow: Floats, shift: int) -> float:
    """Dice overlap of a shadow (side, front) with its mirror image about a midline moved by `shift` half steps."""
    mirrored = np.zeros_like(shadow)
    end = len(shadow)
    mirrored[max(shift, 0) : end + min(shift, 0)] = shadow[::-1][max(-shift, 0) : end - max(shift, 0)]
    return float(2 * np.minimum(shadow, mirrored).sum() / max(shadow.sum() + mirrored.sum(), 1e-9))


def _rotated(frame: BodyFrame, axis: Floats, angle: float) -> BodyFrame:
    """The frame turned about a unit vector by an angle in radians."""
    turned = []
    for vector in (frame.left, frame.up, frame.front):
        along = (axis @ vector) * axis
        turned.append(along + np.cos(angle) * (vector - along) + np.sin(angle) * np.cross(axis, vector))
    return BodyFrame(frame.centre, turned[0], turned[1], turned[2])


@dataclass(frozen=True, eq=False)
class _Section:
    """Sagittal sections at several places across: where the endplates lie over the depth, in mm of the frame.

    back, front
        (n,) extent at mid-height of each section.
    upper, lower
        (n, depth) along the axis from the centre; nan where a column does not meet the body.
    """

    along: Floats
    back: Floats
    front: Floats
    upper: Floats
    lower: Floats


def _section(frame: BodyFrame, body: _Body, places: Floats) -> _Section:
    axis = np.arange(-REACH_MM, REACH_MM + STEP_MM, STEP_MM)
    points = (
        frame.centre
        + places[:, None, None, None] * frame.left
        + axis[None, :, None, None] * frame.front
        + axis[None, None, :, None] * frame.up
    )
    values = body.at(points)  # (place, depth, height)
    lower, upper = _runs(values.reshape(-1, len(axis)), axis)
    lower, upper = (ends.reshape(values.shape[:2]) for ends in (lower, upper))
    band = np.abs(axis) <= BAND_MM
    rows = np.swapaxes(values[:, :, band], 1, 2)
    back, front = _runs(_bridged(rows.reshape(-1, len(axis))), axis)
    shape = rows.shape[:2]
    return _Section(axis, _median(back.reshape(shape)), _median(front.reshape(shape)), upper, lower)


def _bridged(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (n, axis) with cracks filled."""
    held = rows >= 0.5
    reach = int(CRACK_MM / STEP_MM)
    closed = ndimage.binary_closing(np.pad(held, ((0, 0), (reach, reach))), np.ones((1, reach + 1)))
    return np.where(closed[:, reach:-reach] & ~held, np.float32(1.0), rows)


def _median(values: Floats) -> Floats:
    """Median over the last axis of what is no nan; nan where all is."""
    result = np.full(values.shape[0], np.nan)
    some = ~np.isnan(values).all(axis=1)
    result[some] = np.nanmedian(values[some], axis=1)
    return result


def _runs(values: NDArray[np.float32], axis: Floats) -> tuple[Floats, Floats]:
    """Lower and upper end along `axis` of the stretch of each row (n, axis) that is set about its middle.

    Where the middle is not set (a deep notch) it is the longest stretch.
    """
    held = values >= 0.5
    centre = len(axis) // 2
    middle = np.where(held[:, centre], centre, -1)
    for row in np.flatnonzero((middle < 0) & held.any(axis=1)):
        runs, count = ndimage.label(held[row])
        sizes = np.bincount(runs, minlength=count + 1)[1:]
        middle[row] = int(np.median(np.flatnonzero(runs == int(sizes.argmax()) + 1)))
    ends = [np.full(len(values), np.nan), np.full(len(values), np.nan)]
    some = np.flatnonzero(middle >= 0)
    index = np.arange(len(axis))
    for side, end in ((-1, 0), (1, 1)):
        beyond = (index[None, :] - middle[some, None]) * side > 0
        free = beyond & ~held[some]
        # The first free sample on that side; every row has one, as the axis is longer than any body.
        first = np.where(free, np.abs(index[None, :] - middle[some, None]), len(axis)).argmin(axis=1)
        last = first - side
        inside, outside = values[some, last].astype(float), values[some, first].astype(float)
        ends[end][some] = axis[last] + side * STEP_MM * (inside - 0.5) / np.maximum(inside - outside, 1e-6)
    return ends[0], ends[1]


def _slab() -> Floats:
    return np.linspace(-SLAB_MM, SLAB_MM, 5)


def _tilted(frame: BodyFrame, body: _Body) -> BodyFrame | None:
    """The frame moved to the middle of the medial slab and tilted to stand across both endplates."""
    section = _section(frame, body, _slab())
    back, front = float(np.nanmedian(section.back)), float(np.nanmedian(section.front))
    if not np.isfinite(back + front) or front - back < 5.0:
        return None
    share = (section.along - back) / (front - back)
    inside = (share >= ENDPLATE[0]) & (share <= ENDPLATE[1])
    slopes = []
    for ends in (section.upper, section.lower):
        line = np.array([np.nan if np.isnan(column).all() else np.nanmedian(column) for column in ends[:, inside].T])
        known = ~np.isnan(line)
        if known.sum() < 4:
            return None
        slopes.append(float(np.polyfit(section.along[inside][known], line[known], 1)[0]))
    upper, lower = (float(np.nanmedian(ends[:, inside])) for ends in (section.upper, section.lower))
    centre = frame.centre + 0.5 * (back + front) * frame.front + 0.5 * (upper + lower) * frame.up
    # About left from front to head: a positive slope means that the front must come up.
    angle = float(np.arctan(0.5 * (slopes[0] + slopes[1])))
    sign = 1.0 if np.cross(frame.left, frame.front) @ frame.up > 0 else -1.0
    return replace(_rotated(frame, frame.left, sign * angle), centre=centre)


def _measured(frame: BodyFrame, body: _Body) -> BodyHeights | None:
    medial = _section(frame, body, _slab())
    heights = _thirds(medial)
    if np.isnan(heights).all(axis=0).any():
        return None
    anterior, middle, posterior = (float(value) for value in np.nanmedian(heights, axis=0))
    half_right, half_left = _half_widths(frame, body)
    width, depth = half_right + half_left, float(np.nanmedian(medial.front - medial.back))
    first, last = -READABLE * half_right, READABLE * half_left
    stations = np.arange(np.ceil(first / STATION_MM), np.floor(last / STATION_MM) + 1) * STATION_MM
    section = _section(frame, body, stations)
    depths = np.linspace(0.05, 0.95, 19)
    upper, lower = _over_depth(section, section.upper, depths), _over_depth(section, section.lower, depths)
    return BodyHeights(
        frame,
        anterior,
        middle,
        posterior,
        width,
        depth,
        stations,
        _thirds(section),
        depths,
        upper - lower,
        upper,
        lower,
    )


def _thirds(section: _Section) -> Floats:
    """(n, 3) anterior, middle and posterior height of each section; nan where it shows none."""
    height = section.upper - section.lower
    share = (section.along[None, :] - section.back[:, None]) / (section.front - section.back)[:, None]
    result = np.full((len(height), 3), np.nan)
    for place, (low, high) in enumerate((ANTERIOR, MIDDLE, POSTERIOR)):
        chosen = np.where((share >= low) & (share <= high), height, np.nan)
        result[:, place] = _median(chosen)
    return result


def _over_depth(section: _Section, ends: Floats, depths: Floats) -> Floats:
    """(n, m) the ends at shares of the depth of each section."""
    result = np.full((len(ends), len(depths)), np.nan)
    for place, (back, front) in enumerate(zip(section.back, section.front, strict=True)):
        if np.isfinite(back + front) and front > back:
            result[place] = np.interp(back + depths * (front - back), section.along, ends[place])
    return result


def _half_widths(frame: BodyFrame, body: _Body) -> tuple[float, float]:
    """How far the body reaches to its right and to its left of the midline at mid-height, in mm."""
    axis = np.arange(-REACH_MM, REACH_MM + STEP_MM, STEP_MM)
    aside = np.linspace(-6.0, 6.0, 5)
    high = np.linspace(-BAND_MM, BAND_MM, 3)
    points = (
        frame.centre
        + aside[:, None, None, None] * frame.front
        + high[None, :, None, None] * frame.up
        + axis[None, None, :, None] * frame.left
    )
    right, left = _runs(body.at(points).reshape(-1, len(axis)), axis)
    if np.isnan(right).all():
        return 0.0, 0.0
    return -float(np.nanmedian(right)), float(np.nanmedian(left))
