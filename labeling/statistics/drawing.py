"""The pieces of which figures are drawn: SVG text with presentation attributes alone.

A figure stands on a page, whose policy allows neither style attributes nor scripts, and as a file that is printed. All
colours are therefore attributes that hold on white paper; each piece also bears a class (`chart-...`) by which a page
may give it the colours of its theme.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

__all__ = [
    "ADVANCE",
    "FAMILY",
    "INKS",
    "LABEL",
    "SMALL",
    "TONES",
    "linked",
    "marker",
    "open_svg",
    "path_of",
    "pixels",
    "straight",
    "text",
    "text_width",
]

FAMILY: Final = "Inter, system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"
#: Mean advance of Inter's letters in em, on the wide side: text is wrapped before it runs out of its box.
ADVANCE: Final = 0.53

#: Sizes of type in pixels: a figure may be shown a little smaller than it is drawn, and 11 is the least.
LABEL: Final = 13
SMALL: Final = 12.5

#: What is said: the class is `chart-<name>`.
INKS: Final = {"ink": "#14181b", "quiet": "#4a545c", "grid": "#e4e8eb", "axis": "#87919a", "paper": "#ffffff"}

#: What is compared, in the order of use. Each has its own dash too, so that it can be told in black and white.
TONES: Final = {
    "accent": ("#1d5a99", ""),
    "second": ("#a8480f", "7 4"),
    "third": ("#007167", "2 3"),
    "fourth": ("#6d4bc0", "9 3 2 3"),
    "ink": ("#14181b", ""),
    "quiet": ("#626d76", "4 4"),
}


def pixels(value: float) -> str:
    """A coordinate with a tenth of a pixel; the shortest way to write it."""
    rounded = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if rounded in ("", "-0") else rounded


def open_svg(key: str, width: float, height: float, title: str, words: str) -> list[str]:
    """The head of a figure: its title and what it shows in words, for those who hear it. `key` tells it from others."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {pixels(width)} {pixels(height)}" '
        f'width="{pixels(width)}" height="{pixels(height)}" role="group" '
        f'aria-labelledby="{key}-title {key}-words" font-family="{FAMILY}">',
        f'<title id="{key}-title">{escape(title)}</title>',
        f'<desc id="{key}-words">{escape(words)}</desc>',
        f'<rect class="chart-paper" width="{pixels(width)}" height="{pixels(height)}" fill="{INKS["paper"]}"/>',
    ]


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = SMALL,
    ink: str = "ink",
    anchor: str = "start",
    strong: bool = False,
    turned: bool = False,
) -> str:
    """One line of type; `turned` reads from below. ink: of `INKS` or `TONES`."""
    colour = INKS[ink] if ink in INKS else TONES[ink][0]
    turn = f' transform="rotate(-90 {pixels(x)} {pixels(y)})"' if turned else ""
    weight = ' font-weight="600"' if strong else ""
    return (
        f'<text class="chart-{ink}" x="{pixels(x)}" y="{pixels(y)}" font-size="{size:g}"{weight} fill="{colour}" '
        f'text-anchor="{anchor}"{turn}>{escape(words)}</text>'
    )


def text_width(words: str, size: float = SMALL) -> float:
    """About how wide it is, on the wide side."""
    return len(words) * size * ADVANCE * 1.06


def straight(x1: float, y1: float, x2: float, y2: float, ink: str, width: float = 1, dash: str = "") -> str:
    colour = INKS[ink] if ink in INKS else TONES[ink][0]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path class="chart-{ink}-line" d="M{pixels(x1)} {pixels(y1)}L{pixels(x2)} {pixels(y2)}" fill="none" '
        f'stroke="{colour}" stroke-width="{width:g}"{dashed}/>'
    )


def path_of(points: list[tuple[float, float]]) -> str:
    """The `d` of a line through these points; those nearer than a quarter of a pixel to the last are left out."""
    kept: list[tuple[float, float]] = []
    for place, (x, y) in enumerate(points):
        near = kept and abs(x - kept[-1][0]) < 0.25 and abs(y - kept[-1][1]) < 0.25
        if not near or place == len(points) - 1:
            kept.append((x, y))
    return "M" + "L".join(f"{pixels(x)} {pixels(y)}" for x, y in kept)


def marker(x: float, y: float, shape: str, tone: str, size: float = 5) -> str:
    """A point: `disc`, `diamond` or `bar`; or hollow `circle`, `square`, `triangle` or `ring` (a diamond)."""
    colour = TONES[tone][0]
    hollow = shape in ("circle", "square", "triangle", "ring")
    # The edge of paper keeps a full mark apart from the line it stands on.
    css = f"chart-{tone}-{'hollow' if hollow else 'mark'}"
    paint = f'fill="{INKS["paper"] if hollow else colour}" stroke="{colour if hollow else INKS["paper"]}"'
    if shape in ("disc", "circle"):
        return f'<circle class="{css}" cx="{pixels(x)}" cy="{pixels(y)}" r="{size:g}" {paint} stroke-width="1.5"/>'
    shapes: dict[str, list[tuple[float, float]]] = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "triangle": [(0, -1.15), (1.1, 0.95), (-1.1, 0.95)],
        "bar": [(-0.35, -1.5), (0.35, -1.5), (0.35, 1.5), (-0.35, 1.5)],
    }
    corners = shapes.get(shape, [(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)])
    outline = path_of([(x + size * right, y + size * down) for right, down in corners])
    return f'<path class="{css}" d="{outline}Z" {paint} stroke-width="1.5"/>'


def linked(href: str, inside: str, words: str = "") -> str:
    """Only addresses of this site and of the web become links: a stored `javascript:` must never run.

    words: said of it, and shown while the pointer rests on it.
    """
    titled = f"<title>{escape(words)}</title>{inside}" if words else inside
    if not re.match(r"(https?://|/(?!/)|\?|#)", href):
        return f"<g>{titled}</g>" if words else titled
    named = f' aria-label="{escape(words, quote=True)}"' if words else ""
    return f'<a href="{escape(href, quote=True)}"{named}>{titled}</a>'
