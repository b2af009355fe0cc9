"""Simple solids as signed distances (mm, negative inside), and their union on a box of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .grid import Box, Floats, Frame, Grid

__all__ = ["FAR", "Solid", "block", "capsule", "draw_union", "ellipsoid", "frustum", "plate"]

FAR = np.float32(9.0)
"""Millimetres of distance at which nothing is drawn any more."""

MARGIN = 3.5

Distance = Callable[[Floats, Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class Solid:
    """A solid in the frame of its vertebra: its distance function and the corners of its box, without margin."""

    distance: Distance
    low: tuple[float, float, float]
    high: tuple[float, float, float]


def capsule(start: tuple[float, float, float], end: tuple[float, float, float], r0: float, r1: float) -> Solid:
    """A rounded cone from `start` to `end` with radii `r0` and `r1` there."""
    axis = np.array(end) - np.array(start)
    length = float(axis @ axis)

    def distance(x: Floats, a: Floats, v: Floats) -> Floats:
        px, pa, pv = x - np.float32(start[0]), a - np.float32(start[1]), v - np.float32(start[2])
        along = px * np.float32(axis[0]) + pa * np.float32(axis[1]) + pv * np.float32(axis[2])
        t = np.clip(along * np.float32(1 / length), 0, 1)
        px, pa, pv = px - t * np.float32(axis[0]), pa - t * np.float32(axis[1]), pv - t * np.float32(axis[2])
        result: Floats = np.sqrt(px * px + pa * pa + pv * pv) - (np.float32(r0) + np.float32(r1 - r0) * t)
        return result

    r = max(r0, r1)
    low = np.minimum(start, end) - r
    high = np.maximum(start, end) + r
    return Solid(distance, (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def ellipsoid(
    centre: tuple[float, float, float], radii: tuple[float, float, float], power: int = 2, pitch: float = 0.0
) -> Solid:
    """A (super-)ellipsoid of power 2, 3 or 4, pitched by `pitch` degrees in the sagittal plane."""
    cosine, sine = np.float32(np.cos(np.deg2rad(pitch))), np.float32(np.sin(np.deg2rad(pitch)))

    def distance(x: Floats, a: Floats, v: Floats) -> Floats:
        da, dv = a - np.float32(centre[1]), v - np.float32(centre[2])
        qx = np.abs(x - np.float32(centre[0])) * np.float32(1 / radii[0])
        qa = np.abs(cosine * da + sine * dv) * np.float32(1 / radii[1])
        qv = np.abs(cosine * dv - sine * da) * np.float32(1 / radii[2])
        powers = [q ** (power - 1) for q in (qx, qa, qv)]
        total = powers[0] * qx + powers[1] * qa + powers[2] * qv + np.float32(1e-9)
        radius = np.cbrt(total) if power == 3 else np.sqrt(total) if power == 2 else np.sqrt(np.sqrt(total))
        # Distance along the gradient of the radius: near the surface it is the true one.
        slope = np.sqrt(sum((one * np.float32(1 / r)) ** 2 for one, r in zip(powers, radii, strict=True)))
        result: Floats = (radius - 1) * radius ** (power - 1) / np.maximum(slope, np.float32(1e-4))
        return result

    reach = max(radii[1], radii[2]) if pitch else 0.0
    out = (radii[0], max(radii[1], reach), max(radii[2], reach))
    return Solid(
        distance,
        (centre[0] - out[0], centre[1] - out[1], centre[2] - out[2]),
        (centre[0] + out[0], centre[1] + out[1], centre[2] + out[2]),
    )


def plate(
    thickness: tuple[float, float],
    top: tuple[tuple[float, float], tuple[float, float]],
    bottom: tuple[tuple[float, float], tuple[float, float]],
    rounding: float = 2.0,
    waist: float = 0.0,
) -> Solid:
    """A plate in the midline: half thickness at its front and back; upper and lower edge as (a, v) front and back.

    `waist` is by how many mm both edges are drawn in half way.
    """
    front, back = top[0][0], top[1][0]

    def distance(x: Floats, a: Floats, v: Floats) -> Floats:
        share = np.clip((a - np.float32(front)) * np.float32(1 / (back - front)), 0, 1)
        half = thickness[0] + (thickness[1] - thickness[0]) * share
        bow = np.float32(waist) * np.sin(np.float32(np.pi) * share)
        upper = top[0][1] + (top[1][1] - top[0][1]) * share - bow
        lower = bottom[0][1] + (bottom[1][1] - bottom[0][1]) * share + bow
        shift = np.float32(rounding)
        outside = [np.abs(x) - half + shift, v - upper + shift, lower - v + shift, a - front + shift, back - a + shift]
        positive = sum(np.maximum(one, 0) ** 2 for one in outside)
        inside = np.minimum(np.maximum.reduce(outside), 0)
        result: Floats = (np.sqrt(positive) + inside - shift).astype(np.float32)
        return result

    wide = max(thickness)
    heights = [top[0][1], top[1][1], bottom[0][1], bottom[1][1]]
    return Solid(distance, (-wide, min(front, back), min(heights)), (wide, max(front, back), max(heights)))


def block(
    centre: tuple[float, float, float], half: tuple[float, float, float], lean: float = 0.0, rounding: float = 1.5
) -> Solid:
    """A rounded block whose upper end leans forward by `lean` mm per mm."""

    def distance(x: Floats, a: Floats, v: Floats) -> Floats:
        dv = v - np.float32(centre[2])
        da = a - np.float32(centre[1]) - np.float32(lean) * dv
        shift = np.float32(rounding)
        outside = [
            np.abs(x - np.float32(centre[0])) - half[0] + shift,
            np.abs(da) - half[1] + shift,
            np.abs(dv) - half[2] + shift,
        ]
        positive = sum(np.maximum(one, 0) ** 2 for one in outside)
        result: Floats = (np.sqrt(positive) + np.minimum(np.maximum.reduce(outside), 0) - shift).astype(np.float32)
        return result

    deep = half[1] + abs(lean) * half[2]
    return Solid(
        distance,
        (centre[0] - half[0], centre[1] - deep, centre[2] - half[2]),
        (centre[0] + half[0], centre[1] + deep, centre[2] + half[2]),
    )


def frustum(
    half_widths: tuple[float, float],
    front: tuple[float, float],
    back: tuple[float, float],
    half_height: float,
    rounding: float = 2.0,
) -> Solid:
    """A body that tapers from its upper to its lower end: half width, front and back edge at each, flat at both."""

    def distance(x: Floats, a: Floats, v: Floats) -> Floats:
        share = np.clip((half_height - v) * np.float32(0.5 / half_height), 0, 1)
        wide = half_widths[0] + (half_widths[1] - half_widths[0]) * share
        ahead = front[0] + (front[1] - front[0]) * share
        behind = back[0] + (back[1] - back[0]) * share
        middle, deep = 0.5 * (ahead + behind), 0.5 * (ahead - behind)
        qx, qa = np.abs(x) / wide, np.abs(a - middle) / deep
        radius = np.cbrt(qx * qx * qx + qa * qa * qa + np.float32(1e-9))
        slope = np.hypot(qx * qx / wide, qa * qa / deep) / (radius * radius)
        side = (radius - 1) / np.maximum(slope, np.float32(1e-3))
        ends = np.abs(v) - np.float32(half_height)
        overlap = np.maximum(np.float32(rounding) - np.abs(side - ends), 0)
        result: Floats = np.maximum(side, ends) + overlap * overlap * np.float32(1 / (4 * rounding))
        return result

    wide = max(half_widths)
    return Solid(distance, (-wide, min(back), -half_height), (wide, max(front), half_height))


def draw_union(grid: Grid, box: Box, parts: Sequence[tuple[Frame, Sequence[Solid]]], blend: float = 1.2) -> Floats:
    """Distance of the union of solids at the samples of a box; `blend` mm over which they flow into each other."""
    samples = (box[0].stop - box[0].start) * grid.samples
    union = np.full((samples, box[1].stop - box[1].start, box[2].stop - box[2].start), FAR, dtype=np.float32)
    for frame, solid in ((frame, solid) for frame, solids in parts for solid in solids):
        part = grid.box_around(frame, np.array(solid.low) - MARGIN, np.array(solid.high) + MARGIN)
        part = None if part is None else _overlap(part, box)
        if part is None:
            continue
        distance = solid.distance(*grid.local(part, frame))
        first = (part[0].start - box[0].start) * grid.samples
        last = (part[0].stop - box[0].start) * grid.samples
        view = union[
            first:last,
            part[1].start - box[1].start : part[1].stop - box[1].start,
            part[2].start - box[2].start : part[2].stop - box[2].start,
        ]
        near = np.maximum(np.float32(blend) - np.abs(view - distance), 0)
        np.minimum(view, distance, out=view)
        view -= near * near * np.float32(1 / (4 * blend))
    return union


def _overlap(one: Box, other: Box) -> Box | None:
    parts = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)]
    if any(part.stop <= part.start for part in parts):
        return None
    return parts[0], parts[1], parts[2]
