"""Dot plots with intervals, a row each: rates of readers beside each other, or differences around nought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.statistics.charts import Axis, written
from labeling.statistics.drawing import LABEL, linked, marker, open_svg, straight, text, text_width

__all__ = ["Row", "forest"]

LINE, HEAD, FOOT = 30.0, 34.0, 44.0


@dataclass(frozen=True)
class Row:
    """One estimate: `printed` stands at the right. Where there is no value, `printed` says so and nothing is drawn.

    head: the row is a title of those below it.
    """

    name: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    printed: str = ""
    words: str = ""
    href: str = ""
    tone: str = "accent"
    shape: str = "disc"
    head: bool = False


def forest(
    key: str,
    title: str,
    words: str,
    rows: Sequence[Row],
    axis: Axis,
    *,
    upright: float | None = None,
    sides: tuple[str, str] = ("", ""),
    width: float = 860,
) -> str:
    """Rows from above to below as SVG that stands alone.

    Parameters
    ----------
    upright
        Where a line stands upright: nought of a difference, or a target.
    sides
        What lies to its left and to its right ("A better", "B better").
    """
    names = max([text_width(row.name, LABEL) for row in rows] + [80.0])
    numbers = max([text_width(row.printed) for row in rows] + [60.0])
    left, right = min(names + 24, width * 0.4), width - numbers - 22
    bottom = HEAD + LINE * len(rows)
    parts = open_svg(key, width, bottom + FOOT, title, words)

    def across(value: float) -> float:
        return left + (min(max(value, axis.low), axis.high) - axis.low) / (axis.high - axis.low) * (right - left)

    for tick in axis.places():
        parts.append(straight(across(tick), HEAD - 6, across(tick), bottom, "grid"))
        parts.append(text(across(tick), bottom + 18, written(tick, axis), ink="quiet", anchor="middle"))
    parts.append(straight(left, bottom, right, bottom, "axis"))
    parts.append(text(right, bottom + 37, axis.title, ink="quiet", anchor="end"))
    if upright is not None:
        at = across(upright)
        parts.append(straight(at, HEAD - 6, at, bottom, "axis", 1.5))
        parts.append(text(at - 8, 17, f"← {sides[0]}", ink="quiet", anchor="end") if sides[0] else "")
        parts.append(text(at + 8, 17, f"{sides[1]} →", ink="quiet") if sides[1] else "")
    for place, row in enumerate(rows):
        y = HEAD + LINE * (place + 0.5)
        drawn = text(10, y + 4.5, _fitting(row.name, left - 24), size=LABEL, strong=row.head)
        drawn += text(width - 10, y + 4.5, row.printed, anchor="end")
        if row.low is not None and row.high is not None:
            drawn += straight(across(row.low), y, across(row.high), y, row.tone, 2)
            for end in (row.low, row.high):
                drawn += straight(across(end), y - 4, across(end), y + 4, row.tone, 2)
        if row.value is not None:
            drawn += marker(across(row.value), y, row.shape, row.tone)
        parts.append(linked(row.href, drawn, row.words))
    return "\n".join([*(part for part in parts if part), "</svg>"])


def _fitting(name: str, room: float) -> str:
    """Shortened where it would run into the plot; the whole name stands in the words of the row."""
    if text_width(name, LABEL) <= room:
        return name
    kept = max(4, int(len(name) * room / text_width(name, LABEL)) - 1)
    return name[:kept].rstrip() + "…"
