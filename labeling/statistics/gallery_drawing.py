"""Pictures of vertebrae as one figure, with a letter, words and a length each (Figures 1 and 5)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from labeling.statistics.drawing import LABEL, SMALL, open_svg, path_of, straight, text

__all__ = ["Outlined", "Panel", "gallery_figure", "letter", "outlined_figure"]

SIDE, GAP, HEAD, LINE = 240.0, 24.0, 26.0, 18.0
#: The length that is drawn into every picture, in millimetres.
SCALE_MM = 10
#: Neighbours differ; each holds on bone and on black.
HUES = ("#5aa9e6", "#f2bc43", "#4cc38a", "#e6735a")


@dataclass(frozen=True)
class Panel:
    """One picture: PNG bytes, None where there is none, and the lines of words below it."""

    picture: bytes | None
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Outlined:
    """One panel over a picture: its title, and what is outlined, by name as rings of (column, row)."""

    title: str
    shapes: Sequence[tuple[str, Sequence[Sequence[tuple[float, float]]]]]


def letter(place: int) -> str:
    """a … z, aa …: what a panel is called in the text."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("a") + rest) + name
    return name


def gallery_figure(key: str, title: str, words: str, panels: Sequence[Panel], side_mm: float, across: int = 4) -> str:
    """The panels, `across` in a row, as SVG that stands alone: type and lengths are vectors, pictures are embedded.

    Parameters
    ----------
    side_mm
        Millimetres that a picture is wide.
    """
    across = max(1, min(across, len(panels) or 1))
    most = max([len(panel.lines) for panel in panels] + [0])
    step_y = HEAD + SIDE + LINE * (most + 1) + GAP
    width = across * (SIDE + GAP) + GAP
    height = ceil(len(panels) / across) * step_y + GAP
    parts = open_svg(key, width, height, title, words)
    for place, panel in enumerate(panels):
        x = GAP + (place % across) * (SIDE + GAP)
        y = GAP + (place // across) * step_y
        parts += _panel(panel, letter(place), x, y, SCALE_MM * SIDE / side_mm)
    return "".join([*parts, "</svg>"])


def outlined_figure(
    key: str,
    title: str,
    words: str,
    picture: bytes,
    pixels: tuple[int, int],
    size_mm: tuple[float, float],
    panels: Sequence[Outlined],
) -> str:
    """The same picture once for each panel, with outlines and their names, as SVG that stands alone.

    Parameters
    ----------
    picture, pixels, size_mm
        PNG bytes of a slice, its columns and rows, and its width and height in millimetres.
    """
    high = 480.0
    wide = high * size_mm[0] / size_mm[1]
    step = (wide / pixels[0], high / pixels[1])
    width, height = len(panels) * (wide + GAP) + GAP, HEAD + high + 2 * GAP
    parts = open_svg(key, width, height, title, words)
    data = base64.b64encode(picture).decode()
    for place, panel in enumerate(panels):
        x, top = GAP + place * (wide + GAP), GAP + HEAD
        parts += [
            text(x, GAP + 14, letter(place), size=LABEL + 1, strong=True),
            text(x + 22, GAP + 14, panel.title, size=LABEL),
            f'<image x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{data}"/>',
        ]
        for number, (name, rings) in enumerate(panel.shapes):
            parts += _outline(name, rings, HUES[number % len(HUES)], (x, top), step)
    return "".join([*parts, "</svg>"])


def _outline(
    name: str,
    rings: Sequence[Sequence[tuple[float, float]]],
    colour: str,
    corner: tuple[float, float],
    step: tuple[float, float],
) -> list[str]:
    placed = [
        [(corner[0] + (column + 0.5) * step[0], corner[1] + (row + 0.5) * step[1]) for column, row in ring]
        for ring in rings
        if len(ring) > 2
    ]
    if not placed:
        return []
    outline = "".join(f"{path_of(ring)}Z" for ring in placed)
    points = [point for ring in placed for point in ring]
    x = sum(point[0] for point in points) / len(points)
    y = sum(point[1] for point in points) / len(points)
    return [
        f'<path d="{outline}" fill="{colour}" fill-opacity="0.18" fill-rule="evenodd" stroke="{colour}" '
        'stroke-width="1.5"/>',
        text(x, y + 4, name or "?", size=SMALL, ink="paper", anchor="middle", strong=True),
    ]


def _panel(panel: Panel, name: str, x: float, y: float, scale: float) -> list[str]:
    top = y + HEAD
    parts = [
        text(x, y + 16, name, size=LABEL + 1, strong=True),
        text(x + 22, y + 16, panel.name, size=LABEL),
        f'<rect x="{x:g}" y="{top:g}" width="{SIDE:g}" height="{SIDE:g}" fill="#000000"/>',
    ]
    if panel.picture is not None:
        data = base64.b64encode(panel.picture).decode()
        parts.append(
            f'<image x="{x:g}" y="{top:g}" width="{SIDE:g}" height="{SIDE:g}" href="data:image/png;base64,{data}"/>'
        )
        foot = top + SIDE - 12
        parts += [
            straight(x + 12, foot, x + 12 + scale, foot, "paper", 2),
            text(x + 12, foot - 6, f"{SCALE_MM} mm", size=SMALL, ink="paper"),
        ]
    parts += [
        text(x, top + SIDE + LINE * (line + 1), words, size=SMALL, ink="quiet" if line else "ink")
        for line, words in enumerate(panel.lines)
    ]
    return parts
