"""Fractures AO A1 to A4 and what looks like them, as deformations of a body.

Fields: the superior endplate sinks by s(x, u), the inferior one rises by i(x, u); a lateral window gives a fracture its
width. u runs from 0 at the posterior to 1 at the anterior wall. AO types: Vaccaro, Spine 38:2028 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body, Fragment, Gap, Map, smooth_noise
from .spec import Fracture, Mimic

__all__ = ["Injury", "break_body", "imitate", "spread_of"]

GREATEST_LOSS = 0.66


@dataclass(eq=False)
class Injury:
    """What was done to a body, in mm over its maps: how far each endplate moved, and each wall over x.

    lines
        Fracture planes seen as lines: (normal, length in the slices in mm, first and last x).
    """

    moved_top: Map
    moved_bottom: Map
    wall_front: Map
    wall_back: Map
    lines: list[tuple[tuple[float, float, float], float, float, float]]


def spread_of(fracture: Fracture | None, rng: np.random.Generator) -> float:
    """By which share the outline of a body is widened by its fracture: bursts alone do it."""
    if fracture is None or fracture.ao_type not in ("A3", "A4"):
        return 0.0
    return float(rng.uniform(0.05, 0.18) if fracture.ao_type == "A4" else rng.uniform(0.0, 0.05))


def break_body(body: Body, fracture: Fracture, rng: np.random.Generator) -> Injury:
    """Break a body in place; says what was moved."""
    injury = Injury(np.zeros_like(body.top), np.zeros_like(body.top), np.zeros(len(body.x)), np.zeros(len(body.x)), [])
    severity = float(rng.random()) if fracture.severity is None else fracture.severity
    {"A1": _compress, "A2": _split, "A3": _burst_half, "A4": _burst}[fracture.ao_type](
        body, fracture, severity, rng, injury
    )
    _settle(body, injury, fracture, rng)
    return injury


def imitate(body: Body, mimic: Mimic, rng: np.random.Generator) -> Injury:
    """Shape a body so that it looks broken and is not; says what was moved."""
    injury = Injury(np.zeros_like(body.top), np.zeros_like(body.top), np.zeros(len(body.x)), np.zeros(len(body.x)), [])
    if mimic.kind == "schmorl":
        _schmorl(body, rng, injury)
    elif mimic.kind == "cupid":
        _cupid(body, rng, injury)
    else:
        wanted = float(rng.uniform(0.82, 0.87))
        now = body.size.anterior / body.size.posterior
        loss = max(0.0, now - wanted) * body.size.posterior
        field = np.broadcast_to((loss / 2 * np.clip(body.u, 0, 1.2))[None, :], body.top.shape)
        injury.moved_top += field
        injury.moved_bottom += field
    body.top -= injury.moved_top
    body.bottom -= injury.moved_bottom
    return injury


def _window(body: Body, half: float, middle: float) -> Map:
    """1 where the fracture is, falling off steeply at `half` mm to both sides of `middle`."""
    result: Map = 1 / (1 + ((body.x - middle) / half) ** 8)
    return result


def _settle(body: Body, injury: Injury, fracture: Fracture, rng: np.random.Generator) -> None:
    """Move the endplates, with the roughness and the condensed bone of a fresh break."""
    body.fresh = not fracture.old
    body.band = float(rng.uniform(2.0, 5.0))
    for moved in (injury.moved_top, injury.moved_bottom):
        if not fracture.old:
            moved += moved * np.clip(0.11 * smooth_noise(moved.shape, 3.0, rng), -0.25, 0.25)
    # However hard it is hit, something of a body is left between its endplates.
    most = GREATEST_LOSS * (body.top + body.bottom)
    total = injury.moved_top + injury.moved_bottom
    share = np.minimum(1.0, most / np.maximum(total, 1e-6))
    for moved, name in ((injury.moved_top, "top"), (injury.moved_bottom, "bottom")):
        moved *= share
        height = getattr(body, name)
        height -= moved
        density = np.clip(moved / body.band, 0, 1.6) * (0.5 if fracture.old else 1.0)
        setattr(body, f"density_{name}", density)
        if fracture.old:
            shell = getattr(body, f"shell_{name}")
            shell *= 1 + 0.4 * np.clip(moved / 3, 0, 1)
    if fracture.old:
        body.gaps = [Gap(one.normal, one.offset, 0.0, one.wobble, one.phases, one.above, 0.0) for one in body.gaps]
        body.beak_top = max(body.beak_top, float(rng.uniform(1.5, 4.0)))


def _wedge_field(body: Body, loss: float, rng: np.random.Generator, half: float) -> Map:
    """s of an anterior wedge: from u0 to the front, `loss` mm at the anterior height."""
    start, power = float(rng.uniform(0.22, 0.45)), float(rng.uniform(1.0, 1.5))
    ramp = np.clip((body.u - start) / (0.87 - start), 0, 1.12) ** power
    window = _window(body, half, float(rng.uniform(-0.12, 0.12)) * body.width)
    return loss * window[:, None] * ramp[None, :]


def _compress(body: Body, fracture: Fracture, severity: float, rng: np.random.Generator, injury: Injury) -> None:
    """A1: one endplate, the posterior wall stands. Mostly a wedge, else an impaction of the middle."""
    half = float(rng.uniform(0.7, 1.1)) * body.width / 2
    if rng.random() < 0.7:
        loss = (0.14 + 0.40 * severity**1.3) * body.size.anterior
        moved = _wedge_field(body, loss, rng, half)
        body.buckle, body.buckle_at = float(rng.uniform(0.8, 2.5)), float(rng.uniform(2.5, 5.0))
        body.buckle_window = np.broadcast_to(_window(body, half, 0.0)[:, None], body.top.shape).copy()
        injury.wall_front += body.buckle * _window(body, half, 0.0)
    else:
        loss = (0.14 + 0.26 * severity) * body.size.height
        middle, wide = float(rng.uniform(0.48, 0.62)), float(rng.uniform(0.23, 0.30))
        dent = np.exp(-(np.abs((body.u - middle) / wide) ** 4))
        moved = loss * _window(body, 0.85 * half, 0.0)[:, None] * dent[None, :]
    _moved(injury, fracture)[:] += moved
    sign = 1.0 if fracture.endplate == "superior" else -1.0
    depth = float(rng.uniform(5, 9))
    edge = body.top0 if sign > 0 else body.bottom0
    level = sign * (float(np.median(edge)) - loss * 0.6 - depth * 0.5)
    _line(body, injury, (0.0, 0.12 * sign, 0.99), level, 0.55 * body.depth, half, rng)


def _moved(injury: Injury, fracture: Fracture) -> Map:
    return injury.moved_top if fracture.endplate == "superior" else injury.moved_bottom


def _line(
    body: Body,
    injury: Injury,
    normal: tuple[float, float, float],
    offset: float,
    length: float,
    half: float,
    rng: np.random.Generator,
    width: float = 0.0,
    above: float = 1.0,
    lucency: float = 0.8,
) -> None:
    """A fracture plane: closed (`width` 0, seen as a dark line) or open."""
    unit = np.array(normal) / np.linalg.norm(normal)
    phases = (float(rng.uniform(0, 6)), float(rng.uniform(0, 6)))
    direction = (float(unit[0]), float(unit[1]), float(unit[2]))
    body.gaps.append(Gap(direction, offset, width, 1.2, phases, above, lucency))
    if abs(unit[0]) >= 0.5:  # seen in one or two slices only, where the plane runs along them
        injury.lines.append((direction, 0.0, offset / unit[0] - 1.5, offset / unit[0] + 1.5))
    else:
        injury.lines.append((direction, length, -half, half))


def _split(body: Body, fracture: Fracture, severity: float, rng: np.random.Generator, injury: Injury) -> None:
    """A2: a plane through both endplates, the posterior wall stands: coronal, or a pincer with both dented."""
    at = float(rng.uniform(0.42, 0.58))
    offset = (at - 0.5) * body.depth
    gap = 0.8 + 4.0 * severity
    tilt = float(np.tan(np.deg2rad(rng.uniform(-12, 12))))
    _line(body, injury, (0.0, 1.0, tilt), offset, 0.9 * body.size.height, body.width / 2, rng, width=gap)
    injury.wall_front += gap
    if rng.random() < 0.6:
        loss = (0.12 + 0.28 * severity) * body.size.height
        dent = np.exp(-(((body.u - at) / 0.13) ** 2)) * loss
        window = _window(body, 0.46 * body.width, 0.0)
        injury.moved_top += window[:, None] * dent[None, :]
        injury.moved_bottom += 0.8 * window[:, None] * dent[None, :]


def _push_back(body: Body, back: float, rng: np.random.Generator, injury: Injury, sunk: float) -> None:
    """The posterior superior corner goes back into the canal, as all of ten measured ones did."""
    half = float(rng.uniform(0.25, 0.34)) * body.width
    front = (float(rng.uniform(0.28, 0.36)) - 0.5) * body.depth
    floor = float(rng.uniform(-0.18, 0.0)) * body.size.height
    body.fragment = Fragment(half, front, floor, back, float(rng.uniform(4, 18)))
    injury.wall_back += back * _window(body, half, 0.0)
    _line(body, injury, (0.0, 0.96, 0.25), front - sunk * 0.1, 0.5 * body.size.height, half, rng, above=0.55)


def _burst_half(body: Body, fracture: Fracture, severity: float, rng: np.random.Generator, injury: Injury) -> None:
    """A3: one endplate and the posterior wall."""
    half = float(rng.uniform(0.95, 1.2)) * body.width / 2
    loss = (0.16 + 0.34 * severity) * body.size.anterior
    moved = _wedge_field(body, loss, rng, half)
    behind = float(rng.uniform(0.06, 0.12) + 0.12 * severity) * body.size.height
    moved += behind * _window(body, half, 0.0)[:, None] * (np.clip(1 - body.u, 0, 1.1) ** 1.5)[None, :]
    moved += 0.45 * loss * _window(body, half, 0.0)[:, None] * np.exp(-(((body.u - 0.5) / 0.25) ** 2))[None, :]
    _moved(injury, fracture)[:] += moved
    back = 1.8 + 6.0 * severity * float(rng.uniform(0.6, 1.0))
    _push_back(body, back, rng, injury, loss)
    body.buckle, body.buckle_at = float(rng.uniform(0.8, 2.5)), float(rng.uniform(2.5, 5.0))
    body.buckle_window = np.broadcast_to(_window(body, half, 0.0)[:, None], body.top.shape).copy()
    injury.wall_front += body.buckle * _window(body, half, 0.0)
    if rng.random() < 0.6:
        _line(body, injury, (1.0, 0.0, 0.1), float(rng.uniform(-3, 3)), 0.0, half, rng)


def _burst(body: Body, fracture: Fracture, severity: float, rng: np.random.Generator, injury: Injury) -> None:
    """A4: both endplates and the posterior wall; the body falls apart and spreads."""
    half = float(rng.uniform(1.2, 1.5)) * body.width / 2
    window = _window(body, half, 0.0)[:, None]
    for moved, share in ((injury.moved_top, 0.16 + 0.24 * severity), (injury.moved_bottom, 0.09 + 0.15 * severity)):
        front = np.clip((body.u - 0.1) / 0.77, 0, 1.1) ** 1.1
        middle = np.exp(-(((body.u - 0.5) / 0.28) ** 2))
        moved += share * body.size.height * window * (0.45 + 0.35 * front + 0.40 * middle)[None, :]
    width = 0.6 + 2.2 * severity
    at = (float(rng.uniform(0.42, 0.6)) - 0.5) * body.depth
    turned, leaning = float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-0.3, 0.3))
    _line(body, injury, (turned, 0.95, leaning), at, 0.8 * body.size.height, half, rng, width=width)
    aside = float(rng.uniform(-0.35, 0.35))
    _line(body, injury, (0.95, aside, 0.1), float(rng.uniform(-5, 5)), 0.0, half, rng, width=0.7 * width)
    _line(body, injury, (0.0, 0.3, 0.95), float(rng.uniform(-2, 2)), 0.5 * body.depth, half, rng)
    injury.wall_front += width / 2 + 0.4 * body.spread * body.size.depth
    _push_back(body, 2.5 + 7.5 * severity * float(rng.uniform(0.6, 1.0)), rng, injury, 0.0)


def _schmorl(body: Body, rng: np.random.Generator, injury: Injury) -> None:
    """A round dent with a dense rim; both corners and the sides keep their height."""
    deep, half_x = float(rng.uniform(3.5, 8.0)), float(rng.uniform(6.0, 9.5))
    half_a = float(rng.uniform(4.5, 7.0))
    x0, u0 = float(rng.uniform(-0.12, 0.12)) * body.width, float(rng.uniform(0.35, 0.6))
    a0 = (u0 - 0.5) * body.depth
    away = ((body.x[:, None] - x0) / half_x) ** 2 + ((body.a[None, :] - a0) / half_a) ** 2
    dent = deep * np.clip(1 - away**1.1, 0, 1) ** 0.8 * (1 + 0.15 * np.sin(body.a[None, :] + rng.uniform(0, 6)))
    superior = rng.random() < 0.55
    (injury.moved_top if superior else injury.moved_bottom)[:] += dent
    shell = body.shell_top if superior else body.shell_bottom
    shell[:] *= np.where(away < 1.25, 1.7, 1.0)
    density = body.density_top if superior else body.density_bottom
    density[:] += np.where(away < 1.6, 0.8, 0.0)
    body.band = 2.5


def _cupid(body: Body, rng: np.random.Generator, injury: Injury) -> None:
    """Two smooth dents beside the midline in the posterior third of the inferior endplate."""
    deep, aside = float(rng.uniform(2.5, 4.5)), float(rng.uniform(6, 10))
    a0 = -0.18 * body.depth
    for sign in (-1.0, 1.0):
        away = ((body.x[:, None] - sign * aside) / 7.0) ** 2 + ((body.a[None, :] - a0) / 8.0) ** 2
        injury.moved_bottom += deep * np.exp(-away)
