"""What lies around the bones: muscles, fat, canal, vessels, lungs, bowel, skin, couch. Plain, drawn per slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .curve import Stacked
from .grid import Floats, Grid
from .texture import Kernel

__all__ = ["Around", "background", "surroundings"]

Line = NDArray[np.floating[Any]]

FAT, MUSCLE, BLOOD, SAC, AIR, LUNG = -100.0, 48.0, 41.0, 12.0, -995.0, -860.0


@dataclass(frozen=True, eq=False)
class Around:
    """The body around the spine, for each row of the image (mm): where the midline and the posterior wall run, how
    deep and wide the bodies are, the canal, the skin of the back; and the heights at which regions end."""

    middle: Line
    wall: Line
    depth: Line
    width: Line
    canal: Line
    tips: Line
    skin: Line
    couch: float
    diaphragm: float
    neck: float
    conus: float
    bifurcation: float
    spots: Sequence[tuple[float, float, float, float]]


def surroundings(stacked: Stacked, grid: Grid, rng: np.random.Generator) -> Around:
    """Where the soft tissues lie about a spine."""
    z = grid.origin[2] - grid.spacing[1] * np.arange(grid.shape[1])
    bodies = list(stacked.bodies.values())
    walls = [body.frame.to_scene(np.array([[0.0, -body.size.depth / 2, 0.0]]))[0] for body in bodies]
    walls += [part.frame.to_scene(np.array([[0.0, -part.depth / 2, 0.0]]))[0] for part in stacked.sacrum]
    sizes = [(b.size.depth, b.size.width, b.size.canal[0], b.size.tip) for b in bodies]
    sizes += [(part.depth, part.width, 14.0, 26.0) for part in stacked.sacrum]
    order = np.argsort([wall[2] for wall in walls])
    heights = np.array([walls[n][2] for n in order])

    def along(values: Sequence[float]) -> Line:
        ordered = np.array([values[n] for n in order])
        result: Line = ndimage.gaussian_filter1d(np.interp(z, heights, ordered), 6 / grid.spacing[1], mode="nearest")
        return result

    wall = along([float(one[1]) for one in walls])
    tips = along([one[3] for one in sizes])
    fat = float(rng.uniform(10, 30))
    back = ndimage.gaussian_filter1d(wall + tips + fat, 25 / grid.spacing[1], mode="nearest")
    couch = float(np.percentile(back, 80))
    by_level = stacked.bodies
    return Around(
        along([float(one[0]) for one in walls]),
        wall,
        along([one[0] for one in sizes]),
        along([one[1] for one in sizes]),
        along([one[2] for one in sizes]),
        tips,
        np.minimum(back, couch),
        couch,
        float(by_level["T11"].frame.centre[2] + rng.uniform(-8, 12)),
        float(by_level["T1"].frame.centre[2] + 14),
        float(by_level["L1"].frame.centre[2] + rng.uniform(-12, 12)),
        float(by_level["L4"].frame.centre[2] + rng.uniform(-8, 8)),
        _spots(stacked),
    )


def _spots(stacked: Stacked) -> list[tuple[float, float, float, float]]:
    """Nerve roots in their foramina: (x, y, z, radius)."""
    spots = []
    for body in stacked.bodies.values():
        size = body.size
        for side in (-1.0, 1.0):
            local = np.array([[side * (size.canal[1] / 2 + 4), -size.depth / 2 - 6.0, -0.12 * size.height]])
            x, y, z = body.frame.to_scene(local)[0]
            spots.append((float(x), float(y), float(z), 2.6 if size.level[0] != "L" else 3.3))
    return spots


def background(around: Around, grid: Grid, kernel: Kernel, rng: np.random.Generator) -> Floats:
    """HU of everything but bone and discs (k, r, c)."""
    image = np.empty(grid.shape, dtype=np.float32)
    x = grid.origin[0] + grid.spacing[0] * np.arange(grid.shape[0])
    z = grid.origin[2] - grid.spacing[1] * np.arange(grid.shape[1])
    y = grid.origin[1] + grid.spacing[2] * np.arange(grid.shape[2])
    organs, streaks = _Waves(grid, 13.0, rng), _Waves(grid, 4.5, rng)
    sigma = (kernel.fwhm_z / 2.3548 / grid.spacing[1], kernel.fwhm / 2.3548 / grid.spacing[2])
    for k in range(grid.shape[0]):
        plane = _slice(around, float(x[k]), z, y, organs.plane(k), streaks.plane(k))
        image[k] = ndimage.gaussian_filter(plane, sigma)
    return image


class _Waves:
    """A smooth Gaussian field of SD 1 on a coarse grid, interpolated slice by slice."""

    def __init__(self, grid: Grid, length_mm: float, rng: np.random.Generator) -> None:
        step = length_mm / 2.2
        self.grid = grid
        self.positions = np.arange(grid.shape[0]) * grid.spacing[0] / step
        shape = [int(n * s / step) + 3 for n, s in zip(grid.shape, grid.spacing, strict=True)]
        field = ndimage.gaussian_filter(rng.standard_normal(shape), 0.9)
        self.field = (field / field.std()).astype(np.float32)
        self.rows = np.arange(grid.shape[1]) * grid.spacing[1] / step
        self.columns = np.arange(grid.shape[2]) * grid.spacing[2] / step

    def plane(self, k: int) -> Floats:
        low = int(self.positions[k])
        share = np.float32(self.positions[k] - low)
        coarse = (1 - share) * self.field[low] + share * self.field[low + 1]
        rows, columns = self.rows.astype(int), self.columns.astype(int)
        down = (self.rows - rows).astype(np.float32)[:, None]
        along = (self.columns - columns).astype(np.float32)[None, :]
        upper = coarse[rows] * (1 - down) + coarse[rows + 1] * down
        result: Floats = upper[:, columns] * (1 - along) + upper[:, columns + 1] * along
        return result


def _slice(around: Around, x: float, z: Line, y: Line, organs: Floats, streaks: Floats) -> Floats:
    """One sagittal plane (r, c) in HU."""
    side = (x - around.middle).astype(np.float32)[:, None]  # to the left of the midline
    lateral = np.abs(side)
    behind = (y[None, :] - around.wall[:, None]).astype(np.float32)
    ahead = -(behind + around.depth.astype(np.float32)[:, None])
    height = z.astype(np.float32)[:, None]
    dome = around.diaphragm + 0.45 * np.clip(ahead, -30, 60) - 0.006 * np.clip(ahead - 45, 0, 90) ** 2
    abdomen, neck = height < dome + 4 * organs, height > around.neck + 7 * organs
    image = np.full(behind.shape, FAT, dtype=np.float32) + 6 * streaks
    _front(image, around, side, lateral, behind, ahead, height, abdomen, neck, organs, streaks)
    _back(image, around, lateral, behind, height, streaks)
    _canal(image, around, side, behind, height)
    for spot_x, spot_y, spot_z, radius in around.spots:
        if abs(x - spot_x) < radius + 4:
            near = (y[None, :] - spot_y) ** 2 + ((z[:, None] - spot_z) * 0.8) ** 2 < radius**2
            image[near] = 30.0
    _outside(image, around, lateral, ahead, height, y, neck)
    return image


def _back(image: Floats, around: Around, lateral: Floats, behind: Floats, height: Floats, streaks: Floats) -> None:
    """Muscles of the back, the ligaments between the spinous processes, the fascia."""
    fascia = (around.tips + 2.0).astype(np.float32)[:, None] - 0.10 * lateral
    muscle = (behind < fascia) & (behind > np.where(lateral < 23, 13, 13 - 0.8 * np.minimum(lateral - 23, 16)))
    low = np.clip((around.bifurcation - height) / 60, 0, 1)  # fattier towards the sacrum
    fatty = streaks > (1.5 - 1.0 * low)
    np.copyto(image, np.where(fatty, -55.0, MUSCLE) + 5 * streaks, where=muscle & (lateral > 3.5))
    np.copyto(image, 18 + 30 * np.clip(streaks, -1.6, 0.8), where=muscle & (lateral <= 3.5) & (behind > 19))
    np.copyto(image, np.float32(55.0), where=(np.abs(behind - fascia) < 1.2) & (lateral < 60))


def _canal(image: Floats, around: Around, side: Floats, behind: Floats, height: Floats) -> None:
    """Fat about the dural sac, the sac, and the cord in it down to the conus."""
    half = (around.canal / 2).astype(np.float32)[:, None]
    away = (behind - half) / half
    wide = (around.width * 0.23).astype(np.float32)[:, None]
    inside = (side / wide) ** 2 + away**2
    np.copyto(image, np.float32(-45.0), where=inside < 1)
    np.copyto(image, np.float32(SAC + 8), where=inside < 0.86)
    cord = (side / 5.2) ** 2 + ((behind - half) / 3.6) ** 2 < 1
    np.copyto(image, np.float32(38.0), where=cord & (height > around.conus))


def _front(
    image: Floats,
    around: Around,
    side: Floats,
    lateral: Floats,
    behind: Floats,
    ahead: Floats,
    height: Floats,
    abdomen: NDArray[np.bool_],
    neck: NDArray[np.bool_],
    organs: Floats,
    streaks: Floats,
) -> None:
    """Everything before and beside the bodies: abdomen, chest or neck."""
    half = (around.width / 2).astype(np.float32)[:, None]
    nearer = 0.5 * np.clip(lateral - 30, 0, 50)
    soft = abdomen & (ahead > 24 - nearer + 6 * organs) & (organs > -0.75)
    np.copyto(image, 42 + 7 * streaks, where=soft)
    gas = abdomen & (ahead > 50) & (organs < -1.35)
    np.copyto(image, np.float32(AIR), where=gas)
    liver = abdomen & (side < -6) & (ahead > 22 + 4 * organs) & (height > around.diaphragm - 70)
    np.copyto(image, 56 + 2 * streaks, where=liver)
    kidney = ((lateral - 58) / 24) ** 2 + ((behind + 16) / 21) ** 2 + ((height - around.conus + 25) / 50) ** 2 < 1
    np.copyto(image, 33 + 2 * streaks, where=kidney & abdomen)
    square = ((lateral - 47) / 17) ** 2 + ((behind - 4) / 8) ** 2 < 1
    np.copyto(image, 46 + 3 * streaks, where=square & (height < around.conus) & abdomen)
    chest = ~abdomen & ~neck
    gutter = (lateral > half + 3 + 1.5 * organs) & (behind < 5 + 0.25 * np.maximum(lateral - half, 0)) & (ahead < 3)
    beside_heart = (lateral > 11 + 0.42 * np.clip(ahead, 0, 60) + 3 * organs) & (ahead > -4)
    apex = np.float32(around.neck - 8) - 0.02 * (lateral - 32) ** 2
    vessels = chest & (ahead > 3) & (organs > -0.2)
    np.copyto(image, 41 + 3 * streaks, where=vessels)
    lung = chest & (gutter | beside_heart) & (height < apex)
    np.copyto(image, np.where(streaks > 1.75, -40.0, LUNG + 30 * streaks), where=lung)
    middle = np.float32(around.diaphragm + 48)
    heart = ((ahead - 66) / 46) ** 2 + ((height - middle) / 62) ** 2 + ((side - 8) / 52) ** 2 < 1 + 0.12 * organs
    np.copyto(image, BLOOD + 2 * streaks, where=chest & heart)
    psoas_at = half + 6 + np.clip((around.diaphragm - 60 - height) * 0.06, 0, 12)
    psoas_r = np.clip((around.diaphragm - 40 - height) * 0.16, 0, 21)
    psoas = ((lateral - psoas_at) / np.maximum(psoas_r, 1)) ** 2 + ((ahead + 15) / np.maximum(psoas_r * 1.1, 1)) ** 2
    np.copyto(image, 44 + 4 * streaks, where=(psoas < 1) & (psoas_r > 2))
    np.copyto(image, np.float32(38.0), where=(ahead > -1) & (ahead < 2.2) & (lateral < half * 0.8))
    _vessels(image, around, side, ahead, height, neck)
    throat = neck & (lateral < 34) & (ahead > 1)
    np.copyto(image, 50 + 8 * np.clip(streaks, -1, 1), where=throat)
    carina = np.float32(around.neck - 92)
    narrow = np.sqrt(np.clip((height - carina) / 14, 0.01, 1)) * 8.3
    apart = np.clip(carina + 18 - height, 0, 40) * 0.7
    forward = 12 + 0.10 * np.clip(around.neck + 30 - height, 0, 120)
    airway = (np.abs(lateral - apart) / narrow) ** 2 + ((ahead - forward - 6) / narrow) ** 2 < 1
    np.copyto(image, np.float32(AIR), where=airway & (height > carina))


def _vessels(
    image: Floats, around: Around, side: Floats, ahead: Floats, height: Floats, neck: NDArray[np.bool_]
) -> None:
    """Aorta and vena cava down to where they fork, and the oesophagus."""
    fork = np.clip((around.bifurcation - height) * 0.75, 0, 40)
    for at, front, radius, end in ((9.0, 13.0, 9.5, around.neck - 62), (-16.0, 12.5, 10.0, around.diaphragm + 22)):
        whole = radius * np.sqrt(np.clip((end - height) / 12, 0, 1)) - 0.08 * fork
        for way in (-1.0, 1.0):
            tube = np.hypot(side - at - way * fork, ahead - front + 0.2 * fork) < whole
            np.copyto(image, np.float32(BLOOD), where=tube & ~neck)
    flat = np.sqrt(np.clip((height - around.diaphragm) / 15, 0, 1)) + 1e-3
    tube = ((side - 2) / (8.0 * flat)) ** 2 + ((ahead - 7.0) / (4.5 * flat)) ** 2 < 1
    np.copyto(image, np.float32(36.0), where=tube & ~neck)


def _outside(
    image: Floats, around: Around, lateral: Floats, ahead: Floats, height: Floats, y: Line, neck: NDArray[np.bool_]
) -> None:
    """Skin, air and couch."""
    skin = (around.skin.astype(np.float32)[:, None] - 0.0022 * lateral**2).astype(np.float32)
    beyond = y[None, :].astype(np.float32) - skin
    np.copyto(image, np.float32(15.0), where=(beyond > -2.0) & (beyond <= 0))
    np.copyto(image, np.float32(AIR), where=beyond > 0)
    couch = y[None, :] - around.couch
    np.copyto(image, np.float32(-930.0), where=(couch > 6) & (couch < 30) & (beyond > 0))
    np.copyto(image, np.float32(-180.0), where=(couch > 30) & (couch < 32) & (beyond > 0))
    throat = 46 + 0.9 * np.maximum(around.neck + 30 - height, 0)
    front = ahead - throat
    np.copyto(image, np.float32(15.0), where=neck & (front > -2.0))
    np.copyto(image, np.float32(AIR), where=neck & (front > 0))
