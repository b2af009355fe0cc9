"""The arch behind a body, the ribs beside it and the sacrum under it, as unions of simple solids.

In the frame of a vertebra b = -(a + depth / 2) is the distance behind the posterior wall.
"""

from __future__ import annotations

import numpy as np

from .curve import Sacral
from .design import VertebraSize
from .solids import Solid, block, capsule, ellipsoid, frustum, plate

__all__ = ["arch_of", "atlas", "dens", "rib_of", "sacral_solids"]


def arch_of(size: VertebraSize, disc_above: float, wide: float = 0.0) -> list[Solid]:
    """Pedicles, articular processes, laminae, transverse and spinous processes of one vertebra.

    Parameters
    ----------
    disc_above
        Height of the disc over it, mm: the joint facets meet across it.
    wide
        By which share the pedicles stand apart more than usual (bursts).
    """
    wall = -size.depth / 2
    front_back, across = size.canal
    across *= 1 + wide
    pedicle_w, pedicle_h = size.pedicle
    cervical, lumbar = size.level[0] == "C", size.level[0] == "L"
    high = 0.5 if cervical else 3.0 if lumbar else 4.0
    pedicle_x = min(across / 2 + pedicle_w / 2, 0.46 * size.width + 2)
    joint_x = across / 2 + (2.0 if not lumbar else 3.0)
    height = size.height
    solids: list[Solid] = []
    for side in (-1.0, 1.0):
        x = side * pedicle_x
        solids.append(
            ellipsoid(
                (x, wall - 0.40 * front_back, high),
                (pedicle_w / 2, 0.40 * front_back + 7.0, pedicle_h / 2),
                power=3,
            )
        )
        j = side * joint_x
        thick = 3.8 if cervical else 5.3 if lumbar else 3.6
        top = height / 2 + disc_above + (0.5 if lumbar else 1.0)
        # Superior process in front, inferior behind it: the joint lies between this one's and its neighbour's.
        ahead = wall - 0.62 * front_back
        behind = wall - front_back - (4.0 if lumbar else 3.2)
        solids.append(capsule((j + side * 1.5, ahead, high), (j + side * 3.0, ahead - 1.0, top - thick), thick, thick))
        solids.append(capsule((j, ahead - 1.0, high - 1), (j - side * 0.5, behind, -0.22 * height), thick, thick))
        low = -height / 2 - (3.5 if lumbar else 1.5)
        solids.append(
            capsule((j - side * 0.5, behind, -0.2 * height), (j - side * 1.0, behind - 1, low), thick, 0.85 * thick)
        )
        solids.append(_lamina(side, joint_x, wall, front_back, height, lumbar))
        solids.append(_transverse(size, side, j, wall, front_back, high))
    solids.append(_spinous(size, wall, front_back, height, lumbar))
    return solids


def _lamina(side: float, joint_x: float, wall: float, front_back: float, height: float, lumbar: bool) -> Solid:
    """From the joint to the midline, like one half of a roof, its lower edge standing back."""
    half = 0.36 * height if lumbar else 0.46 * height
    thick = 3.5 if lumbar else 2.9
    middle = -0.14 * height
    start, end = np.array([side * (joint_x - 1), wall - front_back - 1.0]), np.array([0.0, wall - front_back - 6.5])
    along = end - start
    length = float(np.hypot(*along))
    unit = along / length
    centre = (start + end) / 2
    upright = block((0.0, 0.0, middle), (length / 2 + 1.0, thick, half), lean=0.28, rounding=1.5)

    def distance(x, a, v):  # type: ignore[no-untyped-def]
        px, pa = x - np.float32(centre[0]), a - np.float32(centre[1])
        return upright.distance(
            px * np.float32(unit[0]) + pa * np.float32(unit[1]),
            pa * np.float32(abs(unit[0])) - px * np.float32(unit[1] * np.sign(unit[0])),
            v,
        )

    low_x, high_x = sorted((0.0, side * (joint_x + 2)))
    return Solid(
        distance,
        (low_x - 2, float(end[1]) - thick - 0.3 * half - 2, middle - half),
        (high_x + 2, float(start[1]) + thick + 0.3 * half + 2, middle + half),
    )


def _transverse(size: VertebraSize, side: float, j: float, wall: float, front_back: float, high: float) -> Solid:
    cervical, lumbar = size.level[0] == "C", size.level[0] == "L"
    root = (j + side * 1.0, wall - 0.75 * front_back, high - 1.0)
    tip_b = 0.2 * front_back if cervical else 0.95 * front_back if lumbar else front_back + 11.0
    tip = (side * size.span / 2, wall - tip_b, high + (1.0 if lumbar else 2.0))
    return capsule(root, tip, 4.8 if not cervical else 3.2, 3.8 if lumbar else 4.4 if not cervical else 2.8)


def _spinous(size: VertebraSize, wall: float, front_back: float, height: float, lumbar: bool) -> Solid:
    root, tip = wall - front_back - 3.5, wall - size.tip
    if size.level == "C1":
        return capsule((0.0, root + 1, 0.0), (0.0, root - 3, 0.0), 3.5, 3.0)
    upper_root = 0.16 * height if not lumbar else 0.20 * height
    lower_root = -0.46 * height if not lumbar else -0.42 * height
    middle = -size.drop
    upper, lower = middle + 0.45 * size.process, middle - 0.5 * size.process
    return plate(
        (2.8 if not lumbar else 3.0, 3.2 if not lumbar else 4.0),
        ((root, upper_root), (tip, min(upper, upper_root - 2))),
        ((root, lower_root), (tip, lower)),
        rounding=2.6 if not lumbar else 2.9,
        waist=0.8 if not lumbar else 1.8,
    )


def rib_of(size: VertebraSize, joint: str, disc_above: float) -> list[Solid]:
    """Both ribs of a vertebra: head, neck, tubercle and the arc to the side of the chest."""
    wall = -size.depth / 2
    up = size.height / 2 + disc_above / 2 if joint == "disc" else 0.25 * size.height
    free = joint == "body" and size.level != "T1"
    solids: list[Solid] = []
    for side in (-1.0, 1.0):
        head = (side * (0.45 * size.width + 4.0), wall + 2.0, up)
        neck_x = max(0.5 * size.width + 9, 0.32 * size.span)
        neck = (side * neck_x, wall - 8.0, 0.4 * up)
        tubercle = (side * (0.5 * size.span + 1.0), wall - size.canal[0] - (5.0 if not free else 2.0), 2.0)
        angle = (side * (0.5 * size.span + 24), wall - size.canal[0] - 10.0, -14.0)
        flank = (side * (0.5 * size.span + 52), wall + 18.0, -38.0)
        points = [head, neck, tubercle, angle, flank]
        radii = [4.6, 3.4, 4.2, 4.3, 4.3]
        for n in range(4):
            solids.append(capsule(points[n], points[n + 1], radii[n], radii[n + 1]))
    return solids


def dens(size: VertebraSize) -> list[Solid]:
    """The peg of C2."""
    top = size.height / 2
    return [capsule((0.0, 1.0, top - 4), (0.0, 0.5, top + 13.0), 5.6, 4.8)]


def atlas(size: VertebraSize) -> list[Solid]:
    """C1: a ring without a body."""
    wall = -size.depth / 2
    front, back = size.depth / 2 + 3.0, wall - size.canal[0] - 2.0
    solids = [capsule((-8.0, front - 2, 0.0), (8.0, front - 2, 0.0), 3.2, 3.2)]
    for side in (-1.0, 1.0):
        solids.append(ellipsoid((side * 19.0, -1.0, 0.0), (6.5, 8.5, 7.5), power=3))
        solids.append(capsule((side * 8.0, front - 2, 0.0), (side * 19.0, 2.0, 0.0), 3.2, 4.0))
        solids.append(capsule((side * 19.0, -4.0, 0.0), (side * 13.0, back + 5, 0.0), 3.0, 3.2))
        solids.append(capsule((side * 13.0, back + 5, 0.0), (0.0, back - 1, 0.0), 3.2, 3.5))
        solids.append(capsule((side * 19.0, -1.0, 0.0), (side * size.span / 2, -2.0, 0.0), 4.0, 3.2))
    return solids


def sacral_solids(part: Sacral, number: int) -> list[Solid]:
    """Body, wing and posterior wall of one of the five vertebrae of the sacrum (`number` 0 is S1)."""
    half = part.height / 2
    below = (40.0, 33.0, 28.0, 22.0, 14.0)[number] / (50.0, 40.0, 33.0, 28.0, 22.0)[number]
    thinner = (21.0, 15.0, 11.5, 8.5, 5.0)[number] / (31.0, 21.0, 15.0, 11.5, 8.5)[number]
    deep = part.depth / 2
    shift = deep * (1 - thinner) * 0.35
    solids = [
        frustum(
            (part.width / 2, 1.08 * below * part.width / 2),
            (deep, deep * thinner + shift),
            (-deep, -deep * thinner + shift),
            half - (0.6 if number < 3 else 0.0),
        )
    ]
    wing = [56.0, 51.0, 44.0, 36.0, 0.0][number] * part.width / (50.0, 40.0, 33.0, 28.0, 22.0)[number]
    canal = [16.0, 12.0, 9.0, 7.0, 0.0][number]
    wall = -part.depth / 2
    for side in (-1.0, 1.0):
        if wing:
            deep = [0.60, 0.62, 0.58, 0.55, 0.0][number] * part.depth
            solids.append(
                ellipsoid(
                    (side * (part.width / 2 + wing) / 2, wall - 2.0 - 0.1 * part.depth, -1.0),
                    ((wing - part.width / 2) / 2 + 5.0, deep, half + (4.0 if number else 1.0)),
                    power=3,
                )
            )
        if canal:
            lateral = 13.0 - 2.0 * number
            solids.append(
                capsule((side * lateral, wall - 3.0, 0.0), (side * lateral * 0.8, wall - canal - 1.5, 0.0), 4.0, 3.5)
            )
            solids.append(
                capsule((side * lateral * 0.8, wall - canal - 1.5, 0.0), (0.0, wall - canal - 3.5, -2.0), 3.5, 3.5)
            )
    if canal:
        solids.append(
            plate(
                (2.6, 3.2),
                ((wall - canal - 2.0, half - 3.0), (wall - canal - 9.0 + number * 1.5, half - 7.0)),
                ((wall - canal - 2.0, -half - 1.0), (wall - canal - 9.0 + number * 1.5, -half + 2.0)),
            )
        )
    if number == 0:  # the joint facets that carry the lowest lumbar vertebra
        for side in (-1.0, 1.0):
            solids.append(
                capsule((side * 19.0, wall - 9.0, half - 6.0), (side * 20.0, wall - 10.0, half + 5.0), 4.5, 4.5)
            )
    return solids
