"""What is true of a simulated vertebra, from its geometry and never from pixels.

A slice is *positive* where a fracture moved something by as much as a reader can see in it, *negative* where it moved
next to nothing, *borderline* between. Mimics give the same numbers and are always negative.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.anatomy.levels import verse_of

from .body import STEP, Body, Heights, Map
from .fractures import Injury
from .grid import Grid, Points
from .scene import Scene, body_extent

__all__ = ["SliceTruth", "VertebraTruth", "truths_of"]

_BORDER_ROWS = 1.5
_STEP_MM, _STEP_PIXELS, _LOSS, _WALL_MM, _LINE_MM = 1.0, 1.5, 0.08, 1.0, 4.0


@dataclass(frozen=True, slots=True)
class SliceTruth:
    """One slice of one body: how far an endplate moved (mm), the largest loss of height of the three thirds (share),
    how far a wall moved (mm; `wall_back` the posterior one alone), length of the lines in the plane (mm), the class."""

    k: int
    step: float
    loss: float
    wall: float
    wall_back: float
    line: float
    value: str


@dataclass(frozen=True, slots=True)
class VertebraTruth:
    """One vertebra that shows in the image.

    in_view
        'complete', 'cut' (its body leaves the image) or 'arch' (only its arch is in it).
    heights, heights_before
        In mm, with and without what was done to it; None where the body is not complete.
    first_k, last_k
        Slices of the body mask; -1 where there is none.
    slices
        Of fractures and mimics; empty for the rest, whose slices are all negative.
    """

    level: str
    label: int
    in_view: str
    fractured: bool
    ao_type: str
    endplate: str
    old: bool
    mimic: str
    heights: Heights | None
    heights_before: Heights | None
    retropulsion: float
    first_k: int
    last_k: int
    centre: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...]
    slices: tuple[SliceTruth, ...]

    @property
    def complete(self) -> bool:
        return self.in_view == "complete"

    @property
    def positive_slices(self) -> tuple[int, ...]:
        """The slices that show the fracture."""
        return tuple(one.k for one in self.slices if one.value == "positive")

    @property
    def loss(self) -> float:
        """The largest loss of the three heights, as a share; 0 where heights are not known."""
        if self.heights is None or self.heights_before is None:
            return 0.0
        return max(
            1 - now / before
            for now, before in (
                (self.heights.anterior, self.heights_before.anterior),
                (self.heights.middle, self.heights_before.middle),
                (self.heights.posterior, self.heights_before.posterior),
            )
        )

    def as_json(self) -> dict[str, Any]:
        """For truth.json."""
        return {**asdict(self), "positive_slices": list(self.positive_slices), "loss": round(self.loss, 4)}


def truths_of(scene: Scene, labels: NDArray[np.uint8], bodies: NDArray[np.uint8]) -> tuple[VertebraTruth, ...]:
    """The vertebrae that show in an image, from head to feet; in the frame of the scene."""
    fractures = {one.level: one for one in scene.spec.fractures}
    mimics = {one.level: one.kind for one in scene.spec.mimics}
    present = set(np.unique(labels).tolist())
    found = []
    for level in scene.spec.chain:
        label = verse_of(level)
        if label not in present:
            continue
        body = scene.stacked.bodies[level]
        whole = scene.whole.get(level, body)
        slices = np.flatnonzero((bodies == label).any(axis=(1, 2)))
        in_view = "arch" if not slices.size else "complete" if _is_complete(body, scene.grid) else "cut"
        fracture = fractures.get(level)
        injury = scene.injuries.get(level)
        x, y, z = (round(float(value), 3) for value in body.frame.centre)
        first, last = (int(slices[0]), int(slices[-1])) if slices.size else (-1, -1)
        shown: tuple[SliceTruth, ...] = ()
        if injury is not None and slices.size:
            shown = _slices(body, whole, injury, scene.grid, first, last, fracture is not None)
        found.append(
            VertebraTruth(
                level=level,
                label=label,
                in_view=in_view,
                fractured=fracture is not None,
                ao_type=fracture.ao_type if fracture else "",
                endplate=fracture.endplate if fracture and fracture.ao_type in ("A1", "A3") else "",
                old=bool(fracture and fracture.old),
                mimic=mimics.get(level, ""),
                heights=body.heights() if in_view == "complete" else None,
                heights_before=whole.heights() if in_view == "complete" else None,
                retropulsion=round(body.fragment.back, 2) if body.fragment else 0.0,
                first_k=first,
                last_k=last,
                centre=(x, y, z),
                axes=tuple((float(row[0]), float(row[1]), float(row[2])) for row in body.frame.axes),
                slices=shown,
            )
        )
    return tuple(found)


def _is_complete(body: Body, grid: Grid) -> bool:
    """Whether the body stays clear of the border: by more than a row at top and bottom, of contact at the sides."""
    low, high = body_extent(body)
    x0, y0, z0 = grid.origin
    dk, dr, dc = grid.spacing
    k, r, c = grid.shape
    return bool(
        z0 - high[2] > (_BORDER_ROWS - 0.5) * dr
        and low[2] - (z0 - (r - 1) * dr) > (_BORDER_ROWS - 0.5) * dr
        and low[0] > x0
        and high[0] < x0 + (k - 1) * dk
        and low[1] > y0
        and high[1] < y0 + (c - 1) * dc
    )


def _slices(
    body: Body, whole: Body, injury: Injury, grid: Grid, first: int, last: int, is_fracture: bool
) -> tuple[SliceTruth, ...]:
    dk = grid.spacing[0]
    pixel = max(grid.spacing[1:])
    found = []
    for k in range(first, last + 1):
        x = grid.origin[0] + dk * (k + np.linspace(-0.4, 0.4, 5))
        step = max(_step(body, injury.moved_top, x, +1.0), _step(body, injury.moved_bottom, x, -1.0))
        loss = _loss(body, whole, x)
        at = np.clip(_local_x(body, x, 0.0, 0.0), body.x[0], body.x[-1])
        back = float(np.interp(at, body.x, injury.wall_back).mean())
        front = float(np.interp(at, body.x, injury.wall_front).mean())
        middle = float(at.mean())
        line = sum(
            length
            for normal, length, low, high in injury.lines
            if abs(normal[0]) < 0.5 and low <= middle <= high and body.fresh
        )
        wall = max(front, back)
        value = _value(step, loss, wall, line, pixel) if is_fracture else "negative"
        step, loss, wall, back, line = (round(float(number), 3) for number in (step, loss, wall, back, line))
        found.append(SliceTruth(k, step, loss, wall, back, line, value))
    return tuple(found)


def _value(step: float, loss: float, wall: float, line: float, pixel: float) -> str:
    if step >= max(_STEP_MM, _STEP_PIXELS * pixel) or loss >= _LOSS or wall >= _WALL_MM or line >= _LINE_MM:
        return "positive"
    if step < _STEP_MM / 2 and loss < _LOSS / 2 and wall < _WALL_MM / 2 and line < _LINE_MM / 2:
        return "negative"
    return "borderline"


def _local_x(body: Body, x: Points, a: float | Map, v: float) -> Points:
    """Local x of the points of a slice at scene `x`, at local a and v."""
    left, front, up = body.frame.axes[0]
    result: Points = (x - body.frame.centre[0] - front * np.asarray(a) - up * v) / left
    return result


def _rows(body: Body, x: Points, v: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cells (n, a) of the maps that a slice passes at height v."""
    at = _local_x(body, x[:, None], body.a[None, :], v)
    rows = np.clip(np.rint((at - body.x[0]) / STEP), 0, len(body.x) - 1).astype(np.intp)
    columns = np.broadcast_to(np.arange(len(body.a)), rows.shape).astype(np.intp)
    return rows, columns


def _step(body: Body, moved: Map, x: Points, side: float) -> float:
    rows, columns = _rows(body, x, side * body.size.height / 2)
    inside = body.radius[rows, columns] < 0.97
    counts = inside.sum(axis=0)
    mean = (moved[rows, columns] * inside).sum(axis=0) / np.maximum(counts, 1)
    return float(mean[counts > 0].max()) if counts.any() else 0.0


def _loss(body: Body, whole: Body, x: Points) -> float:
    """Largest loss over the anterior, middle and posterior third; only where the body has all three."""
    rows, columns = _rows(body, x, 0.0)
    inside = body.radius[rows, columns] < 0.97
    now, before = (body.top + body.bottom)[rows, columns], (body.top0 + body.bottom0)[rows, columns]
    losses = [0.0]
    for low, high in ((0.80, 0.93), (0.40, 0.60), (0.07, 0.20)):
        third = (body.u >= low) & (body.u <= high)
        within = inside[:, third]
        if within.any():
            losses.append(1 - float(now[:, third][within].mean() / before[:, third][within].mean()))
    return max(losses)
