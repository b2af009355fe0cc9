"""Curves of a training as tables: one for each figure; a script draws the figures from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["MOST_ROWS", "Chart", "charts"]

#: A longer training is shown by every second, third, … epoch: a figure has no room for more.
MOST_ROWS = 400

#: What a curve is called whose values lie between 0 and 1.
_SHARES = ("dice", "precision", "auc")
#: How the curves begin that a classifier's training draws of whole vertebrae.
_OF_VERTEBRAE = "vertebra "


@dataclass(frozen=True)
class Chart:
    """One figure. `rows` are (epoch, value or None of each line), in the order of the epochs."""

    title: str
    #: 'share' for values between 0 and 1, whose axis always shows both ends; else ''.
    scale: str
    names: tuple[str, ...]
    rows: tuple[tuple[float, tuple[float | None, ...]], ...]
    every: int

    @property
    def slug(self) -> str:
        return self.title.lower().replace(" ", "-")


def charts(curves: Mapping[str, Any]) -> list[Chart]:
    """The figures of a job's curves: all losses in one, what is said of vertebrae in one, each further curve by itself.

    Parameters
    ----------
    curves
        `Job.curves`: name to [[epoch, value], ...]. What has not that form is left out.
    """
    lines = {name: _points(points) for name, points in curves.items()}
    lines = {name: points for name, points in lines.items() if points}
    losses = sorted(
        (name for name in lines if "loss" in name.lower()), key=lambda name: ("valid" in name.lower(), name)
    )
    found = [_chart("Loss", "", losses, lines)] if losses else []
    vertebrae = sorted(name for name in lines if name.startswith(_OF_VERTEBRAE))
    if vertebrae:
        named = {name.removeprefix(_OF_VERTEBRAE): lines[name] for name in vertebrae}
        # Precision is the last line, which is drawn as the one that decides.
        found.append(_chart("Vertebrae of validation", "share", list(named), named))
    for name in sorted(set(lines) - {*losses, *vertebrae}, key=lambda name: ("dice" not in name.lower(), name)):
        scale = "share" if any(word in name.lower() for word in _SHARES) else ""
        found.append(_chart(name[:1].upper() + name[1:], scale, [name], lines))
    return found


def _points(points: Any) -> dict[float, float]:
    if not isinstance(points, Sequence) or isinstance(points, str):
        return {}
    return {
        float(point[0]): float(point[1])
        for point in points
        if isinstance(point, Sequence) and len(point) == 2 and all(isinstance(value, int | float) for value in point)
    }


def _chart(title: str, scale: str, names: Sequence[str], lines: Mapping[str, Mapping[float, float]]) -> Chart:
    epochs = sorted({epoch for name in names for epoch in lines[name]})
    every = -(-len(epochs) // MOST_ROWS)
    # The last one always: it is what the training has come to.
    kept = sorted({*epochs[::every], epochs[-1]})
    rows = tuple((epoch, tuple(lines[name].get(epoch) for name in names)) for epoch in kept)
    return Chart(title, scale, tuple(names), rows, every)
