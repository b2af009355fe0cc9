"""Charts with two axes, as SVG: curves with bands, points with intervals that open their cases, a second axis.

`plot` draws a `Plot`; `roc`, `precision_recall`, `reliability` and `two_axes` make one from numbers. Estimates in rows
are drawn by `labeling.statistics.forest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from labeling.statistics.drawing import (
    INKS,
    LABEL,
    SMALL,
    TONES,
    linked,
    marker,
    open_svg,
    path_of,
    pixels,
    straight,
    text,
    text_width,
)

__all__ = [
    "Axis",
    "Dot",
    "Line",
    "Plot",
    "Strip",
    "corner_of",
    "plot",
    "precision_recall",
    "reliability",
    "roc",
    "two_axes",
]

Points = tuple[tuple[float, float], ...]

TOP, BOTTOM, RIGHT, LEFT = 30, 50, 20, 50
#: Room for the numbers and the title of a second axis; of a row of the legend; of a strip of numbers below.
SECOND, ROW, STRIP = 52, 21, 20


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`; ticks are where they fall evenly unless given."""

    title: str
    low: float = 0.0
    high: float = 1.0
    ticks: tuple[float, ...] = ()

    def places(self) -> tuple[float, ...]:
        return self.ticks or even_ticks(self.low, self.high)


@dataclass(frozen=True)
class Line:
    """A line through points (x, y) in the axes' units; `band` are (x, low, high); `right` goes by the second axis."""

    name: str
    points: Points
    tone: str = "accent"
    band: tuple[tuple[float, float, float], ...] = ()
    right: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Dot:
    """A point with a short `label` beside it, and `words` for who rests on it or hears it. `x_bounds` and `y_bounds`
    are the ends of its intervals; `href` opens what is behind it; `kind` names its shape in the legend."""

    x: float
    y: float
    label: str = ""
    words: str = ""
    href: str = ""
    shape: str = "disc"
    tone: str = "ink"
    kind: str = ""
    x_bounds: tuple[float, float] | None = None
    y_bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Strip:
    """A row of short texts below the axis, each at its x, with the name of the row."""

    name: str
    cells: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Plot:
    """A chart. `key` is its name in a file and among others on a page; `foot` a short note below the axis.

    diagonal
        A thin line from corner to corner: chance, or what a perfect score would show.
    level
        A thin line at this height.
    """

    key: str
    title: str
    words: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    right: Axis | None = None
    strip: Strip | None = None
    diagonal: bool = False
    level: float | None = None
    foot: str = ""


@dataclass(frozen=True)
class _Area:
    """The drawing area in pixels, and how the axes' units fall into it."""

    left: float
    top: float
    right: float
    bottom: float
    plot: Plot

    def x(self, value: float) -> float:
        axis = self.plot.x
        return self.left + (value - axis.low) / (axis.high - axis.low) * (self.right - self.left)

    def y(self, value: float, second: bool = False) -> float:
        axis = self.plot.right if second and self.plot.right else self.plot.y
        return self.bottom - (value - axis.low) / (axis.high - axis.low) * (self.bottom - self.top)

    def holds(self, x: float, y: float) -> bool:
        return self.left - 0.5 <= x <= self.right + 0.5 and self.top - 0.5 <= y <= self.bottom + 0.5


# --- what is plotted --------------------------------------------------------------------------------------------------


def roc(
    key: str,
    title: str,
    words: str,
    lines: Iterable[Line],
    dots: Iterable[Dot] = (),
    corner: tuple[float, float] | None = None,
) -> Plot:
    """Sensitivity over 1 - specificity. corner: (highest x, lowest y) to cut the axes at, see `corner_of`."""
    right, low = corner or (1.0, 0.0)
    foot = f"axes cut at {right:.2f} and {low:.2f}" if corner else ""
    x, y = Axis("1 − specificity", 0, right), Axis("Sensitivity", low, 1)
    return Plot(key, title, words, x, y, tuple(lines), tuple(dots), diagonal=corner is None, foot=foot)


def precision_recall(
    key: str, title: str, words: str, lines: Iterable[Line], dots: Iterable[Dot] = (), prevalence: float | None = None
) -> Plot:
    """Positive predictive value over sensitivity; a thin line at the prevalence, where a score without skill lies."""
    x, y = Axis("Sensitivity (recall)"), Axis("Positive predictive value (precision)")
    foot = "" if prevalence is None else f"thin line: share of fractures, {prevalence:.2f}"
    return Plot(key, title, words, x, y, tuple(lines), tuple(dots), level=prevalence, foot=foot)


def reliability(key: str, title: str, words: str, dots: Iterable[Dot], strip: Strip | None = None) -> Plot:
    """The share that is fractured over the mean score of each bin; the diagonal is a score that means what it says."""
    x, y = Axis("Mean score"), Axis("Share fractured in the reference")
    return Plot(key, title, words, x, y, dots=tuple(dots), strip=strip, diagonal=True)


def two_axes(key: str, title: str, words: str, x: Axis, left: Axis, right: Axis, lines: Iterable[Line]) -> Plot:
    """Two quantities over a third: lines with `right` go by the axis on the right."""
    return Plot(key, title, words, x, left, tuple(lines), right=right)


def corner_of(points: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    """Where the axes of a ROC may be cut so that all points (1 - specificity, sensitivity) are well inside; None where
    cutting gains little."""
    known = list(points)
    if not known:
        return None
    # In twentieths, with one to spare; a point on the edge of a twentieth stays inside.
    right = min(20, int(max(x for x, _ in known) * 20 + 1e-9) + 2)
    low = max(0, int(min(y for _, y in known) * 20 + 1e-9) - 2)
    return None if right > 12 or low < 6 else (max(4, right) / 20, low / 20)


def even_ticks(low: float, high: float) -> tuple[float, ...]:
    """Four to eight round numbers from `low` to `high`."""
    span = high - low
    step = 10.0 ** _magnitude(span)
    for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5):
        if span / (step * part) <= 6:
            step *= part
            break
    first = -(-low // step)
    return tuple(round((first + place) * step, 10) for place in range(int((high + 1e-9) / step - first) + 1))


def _magnitude(span: float) -> int:
    return len(f"{span:.0f}") - 1 if span >= 1 else -len(f"{span:.10f}".split(".")[1].rstrip("0")) if span < 0.1 else -1


# --- drawing ----------------------------------------------------------------------------------------------------------


def plot(chart: Plot, width: float = 560, height: float = 440) -> str:
    """The chart as SVG that stands alone."""
    legend = _legend(chart, width)
    strip = STRIP if chart.strip else 0
    foot = ROW if chart.foot else 0
    area = _Area(LEFT, TOP, width - (SECOND if chart.right else RIGHT), height - BOTTOM, chart)
    whole = height + strip + foot + (legend[1] if legend[0] else 0)
    parts = open_svg(chart.key, width, whole, chart.title, chart.words)
    parts += _frame(area)
    parts.append(
        f'<clipPath id="{chart.key}-clip"><rect x="{pixels(area.left)}" y="{pixels(area.top)}" '
        f'width="{pixels(area.right - area.left)}" height="{pixels(area.bottom - area.top)}"/></clipPath>'
    )
    inside = [*_thin(area), *(_band(area, line) for line in chart.lines), *(_line(area, line) for line in chart.lines)]
    parts.append(f'<g clip-path="url(#{chart.key}-clip)">{"".join(inside)}</g>')
    parts += _dots(area)
    if chart.strip:
        parts += _strip(area, chart.strip, height)
    if chart.foot:
        parts.append(text(LEFT, height + strip + 8, chart.foot, ink="quiet"))
    if legend[0]:
        parts.append(f'<g transform="translate(0 {pixels(height + strip + foot)})">{legend[0]}</g>')
    return "\n".join([*parts, "</svg>"])


def _frame(area: _Area) -> list[str]:
    """Grid, numbers and titles of the axes."""
    chart, parts = area.plot, []
    for tick in chart.x.places():
        x = area.x(tick)
        parts.append(straight(x, area.top, x, area.bottom, "grid"))
        parts.append(text(x, area.bottom + 18, written(tick, chart.x), ink="quiet", anchor="middle"))
    for tick in chart.y.places():
        y = area.y(tick)
        parts.append(straight(area.left, y, area.right, y, "grid"))
        parts.append(text(area.left - 8, y + 4, written(tick, chart.y), ink="quiet", anchor="end"))
    for tick in chart.right.places() if chart.right else ():
        y = area.y(tick, second=True)
        parts.append(straight(area.right, y, area.right + 4, y, "axis"))
        parts.append(text(area.right + 8, y + 4, written(tick, chart.right), ink="quiet"))
    parts.append(straight(area.left, area.bottom, area.right, area.bottom, "axis"))
    parts.append(straight(area.left, area.top, area.left, area.bottom, "axis"))
    parts.append(text(10, 17, chart.y.title, ink="quiet"))
    parts.append(text(area.right, area.bottom + 38, chart.x.title, ink="quiet", anchor="end"))
    if chart.right:
        parts.append(straight(area.right, area.top, area.right, area.bottom, "axis"))
        parts.append(text(area.right + SECOND - 8, 17, chart.right.title, ink="quiet", anchor="end"))
    return parts


def written(tick: float, axis: Axis | None) -> str:
    """A number at an axis, with as many decimals as its ticks need, and a true minus."""
    ticks = axis.places() if axis else (tick,)
    digits = max(len(f"{one:.4f}".rstrip("0").split(".")[1]) for one in ticks)
    shown = f"{tick:,.{digits}f}"
    return shown.replace("-", "\N{MINUS SIGN}") if float(f"{tick:.{digits}f}") else shown.lstrip("-")


def _thin(area: _Area) -> list[str]:
    chart, parts = area.plot, []
    if chart.diagonal:
        ends = (area.x(0), area.y(0), area.x(1), area.y(1))
        parts.append(straight(*ends, "axis", 1, "3 4"))
    if chart.level is not None:
        y = area.y(chart.level)
        parts.append(straight(area.left, y, area.right, y, "axis", 1, "3 4"))
    return parts


def _band(area: _Area, line: Line) -> str:
    if not line.band:
        return ""
    there = [(area.x(x), area.y(high, line.right)) for x, _, high in line.band]
    back = [(area.x(x), area.y(low, line.right)) for x, low, _ in reversed(line.band)]
    colour = TONES[line.tone][0]
    return f'<path class="chart-{line.tone}-band" d="{path_of(there + back)}Z" fill="{colour}" fill-opacity="0.13"/>'


def _line(area: _Area, line: Line) -> str:
    if not line.points:
        return ""
    colour, dash = TONES[line.tone]
    points = [(area.x(x), area.y(y, line.right)) for x, y in line.points]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    marks = "".join(marker(x, y, "disc", line.tone, 3.5) for x, y in points) if line.marked else ""
    return (
        f'<path class="chart-{line.tone}-line" d="{path_of(points)}" fill="none" stroke="{colour}" '
        f'stroke-width="2" stroke-linejoin="round"{dashed}/>{marks}'
    )


def _dots(area: _Area) -> list[str]:
    """Intervals first, then marks, then labels where they cover nothing; a point outside cut axes is not drawn."""
    inside = [dot for dot in area.plot.dots if area.holds(area.x(dot.x), area.y(dot.y))]
    parts = [_bounds(area, dot) for dot in inside]
    taken = [(area.x(dot.x) - 8, area.y(dot.y) - 8, area.x(dot.x) + 8, area.y(dot.y) + 8) for dot in inside]
    crosses = [box for dot in inside for box in _crosses(area, dot)]
    for dot in inside:
        x, y = area.x(dot.x), area.y(dot.y)
        drawn = marker(x, y, dot.shape, dot.tone)
        width = text_width(dot.label)
        # Rather over the arm of a cross than not at all.
        place = (_free(area, x, y, width, taken + crosses) or _free(area, x, y, width, taken)) if dot.label else None
        if place:
            taken.append(place)
            # Paper behind the letters, so that they are read where a line runs through them.
            drawn += _backed(place[0], place[3] - 4, dot.label, dot.tone)
        # A mark is small: the finger is given more of it.
        drawn += f'<circle cx="{pixels(x)}" cy="{pixels(y)}" r="12" fill="transparent"/>' if dot.href else ""
        parts.append(linked(dot.href, drawn, dot.words or dot.label))
    return parts


def _bounds(area: _Area, dot: Dot) -> str:
    parts = []
    if dot.x_bounds:
        low, high = (min(max(area.x(value), area.left), area.right) for value in dot.x_bounds)
        parts.append(straight(low, area.y(dot.y), high, area.y(dot.y), dot.tone, 1.25))
    if dot.y_bounds:
        low, high = (min(max(area.y(value), area.top), area.bottom) for value in dot.y_bounds)
        parts.append(straight(area.x(dot.x), low, area.x(dot.x), high, dot.tone, 1.25))
    return "".join(parts)


_Box = tuple[float, float, float, float]


def _crosses(area: _Area, dot: Dot) -> list[_Box]:
    found: list[_Box] = []
    if dot.x_bounds:
        found.append((area.x(dot.x_bounds[0]), area.y(dot.y) - 1, area.x(dot.x_bounds[1]), area.y(dot.y) + 1))
    if dot.y_bounds:
        found.append((area.x(dot.x) - 1, area.y(dot.y_bounds[1]), area.x(dot.x) + 1, area.y(dot.y_bounds[0])))
    return found


def _free(area: _Area, x: float, y: float, width: float, taken: Sequence[_Box]) -> _Box | None:
    """Where a label of this width covers no mark and no other label; None where there is no such place."""
    height = SMALL + 5
    # Below and to the right first: there a ROC curve leaves most room.
    for right, down in ((11, 2), (11, -height / 2), (-11, 2), (-11, -height / 2), (0, 11), (11, -height - 4), (0, -28)):
        left = x + right if right > 0 else x - 11 - width if right < 0 else x - width / 2
        box = (left, y + down, left + width, y + down + height)
        fits = box[0] > area.left and box[2] < area.right + RIGHT and box[1] > area.top - 12 and box[3] < area.bottom
        if fits and not any(_meet(box, other) for other in taken):
            return box
    return None


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _backed(x: float, y: float, words: str, tone: str) -> str:
    return (
        f'<text class="chart-{tone} chart-backed" x="{pixels(x)}" y="{pixels(y)}" font-size="{SMALL:g}" '
        f'fill="{TONES[tone][0]}" stroke="{INKS["paper"]}" stroke-width="3.5" stroke-linejoin="round" '
        f'paint-order="stroke">{escape(words)}</text>'
    )


def _strip(area: _Area, strip: Strip, y: float) -> list[str]:
    words = [text(area.x(x), y + 8, cell, ink="quiet", anchor="middle") for x, cell in strip.cells]
    return [text(10, y + 8, strip.name, ink="quiet"), *words]


def _legend(chart: Plot, width: float) -> tuple[str, float]:
    """Lines by name, shapes by kind, in rows; and how high it is."""
    entries: list[tuple[str, str, str]] = [(line.name, "line", line.tone) for line in chart.lines if line.name]
    for dot in chart.dots:
        # The same kind in two tones is told by the lines of these tones.
        if dot.kind and dot.kind not in (name for name, *_ in entries):
            entries.append((dot.kind, dot.shape, dot.tone))
    x, y, parts = 10.0, 12.0, []
    for name, shape, tone in entries:
        needed = 38 + text_width(name, LABEL)
        if x > 10 and x + needed > width - 10:
            x, y = 10.0, y + ROW
        if shape == "line":
            parts.append(straight(x, y, x + 24, y, tone, 2, TONES[tone][1]))
        else:
            parts.append(marker(x + 12, y, shape, tone))
        parts.append(text(x + 30, y + 4.5, name, size=LABEL))
        x += needed + 14
    return "".join(parts), y + 14
