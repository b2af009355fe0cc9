"""The flowchart drawn: coordinates first, then SVG that stands alone, reads at any size and opens its cases."""

from dataclasses import dataclass
from html import escape

from labeling.statistics.drawing import ADVANCE, FAMILY, linked, pixels
from labeling.statistics.flow import Box, Flow, Side
from labeling.statistics.raster import raster

TITLE_SIZE, TEXT_SIZE = 17, 13
TITLE_STEP, TEXT_STEP = 23, 18
PADDING, GAP, MARGIN = 12, 40, 12
BOX_WIDTH, LEAST_WIDTH, SIDE_WIDTH = 240, 168, 288
#: As `ADVANCE`, of strong letters.
STRONG_ADVANCE = 0.58

INK, QUIET, LINE, SIDE_LINE, SIDE_FILL = "#1a1f23", "#4b555d", "#7d8790", "#d5dade", "#f3f5f7"


@dataclass(frozen=True)
class Placed:
    """One box on the sheet in pixels from the upper left: its corner, its size, and its lines of text as wrapped.

    `rows` of a side box are (lines of the reason, count); of a main box they are empty.
    """

    key: str
    x: float
    y: float
    width: float
    height: float
    title: tuple[str, ...]
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[tuple[str, ...], str], ...] = ()
    href: str = ""

    @property
    def centre(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True)
class Line:
    """A path of straight pieces that ends in an arrowhead, and the words that stand at it with their place."""

    points: tuple[tuple[float, float], ...]
    words: str = ""
    at: tuple[float, float] = (0.0, 0.0)
    bridges: bool = False


@dataclass(frozen=True)
class Layout:
    width: float
    height: float
    boxes: tuple[Placed, ...]
    sides: tuple[Placed, ...]
    lines: tuple[Line, ...]


def wrap(text: str, width: float, size: float, advance: float = ADVANCE) -> tuple[str, ...]:
    """Lines of whole words that fit `width` pixels; a word longer than a line is broken."""
    room = max(1, int(width / (size * advance)))
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines += [word[start : start + room] for start in range(0, len(word), room)]
    return tuple(lines)


def layout(flow: Flow) -> Layout:
    """Boxes in rows from top to bottom, those of a split side by side; who left stands in the column at the right."""
    depths = _depths(flow)
    leaves = sum(1 for box in flow.boxes if not flow.targets(box.key))
    slot = max(LEAST_WIDTH + GAP / 2, (BOX_WIDTH + GAP / 2) if leaves == 1 else 0)
    centres, widths = _columns(flow, slot)
    side_x = MARGIN + leaves * slot + GAP
    boxes: dict[str, Placed] = {}
    sides: list[Placed] = []
    y: float = MARGIN
    for depth in range(max(depths.values()) + 1):
        row = [box for box in flow.boxes if depths[box.key] == depth]
        for box in row:
            boxes[box.key] = _place(box, MARGIN + centres[box.key], y, widths[box.key])
        y = max(boxes[box.key].bottom for box in row)
        below = y + GAP / 2
        # The last row's sides stand highest: a line from the left then never runs through the box of its neighbour.
        for box in reversed(row):
            for side in flow.leaving(box.key):
                placed = _place_side(side, side_x, below)
                sides.append(placed)
                below = placed.bottom + GAP / 2
        spoken = any(arrow.words for box in row for arrow in flow.arrows if arrow.source == box.key)
        y = (below + GAP / 2 if below > y + GAP / 2 else y + GAP) + (TEXT_STEP if spoken else 0)
    lines = _arrows(flow, boxes) + _departures(flow, boxes, sides)
    ends = [*boxes.values(), *sides]
    width = max(placed.x + placed.width for placed in ends) + MARGIN
    height = max([placed.bottom for placed in ends] + [y for line in lines for _, y in line.points]) + MARGIN
    return Layout(width, height, tuple(boxes[box.key] for box in flow.boxes), tuple(sides), lines)


def _depths(flow: Flow) -> dict[str, int]:
    depths = {flow.first.key: 0}
    waiting = [flow.first]
    while waiting:
        box = waiting.pop()
        for target in flow.targets(box.key):
            depths[target.key] = depths[box.key] + 1
            waiting.append(target)
    return depths


def _columns(flow: Flow, slot: float) -> tuple[dict[str, float], dict[str, float]]:
    """Centre and width of each box: ends side by side in slots, a box above the middle of those it leads to."""
    centres: dict[str, float] = {}
    widths: dict[str, float] = {}
    used = 0

    def settle(box: Box) -> int:
        nonlocal used
        targets = flow.targets(box.key)
        if not targets:
            centres[box.key] = (used + 0.5) * slot - GAP / 4
            used += 1
        ends = sum(settle(target) for target in targets) or 1
        if targets:
            centres[box.key] = (centres[targets[0].key] + centres[targets[-1].key]) / 2
        widths[box.key] = min(BOX_WIDTH, ends * slot - GAP / 2)
        return ends

    settle(flow.first)
    return centres, widths


def _place(box: Box, centre: float, y: float, width: float) -> Placed:
    room = width - 2 * PADDING
    title = wrap(f"{box.count:,} {box.title}", room, TITLE_SIZE, STRONG_ADVANCE)
    lines = tuple(piece for line in box.lines for piece in wrap(line, room, TEXT_SIZE))
    height = 2 * PADDING + len(title) * TITLE_STEP + len(lines) * TEXT_STEP
    return Placed(box.key, centre - width / 2, y, width, height, title, lines, href=box.href)


def _place_side(side: Side, x: float, y: float) -> Placed:
    room = SIDE_WIDTH - 2 * PADDING
    title = wrap(f"{side.count:,} {side.title}", room, TEXT_SIZE, STRONG_ADVANCE)
    rows = tuple((wrap(reason.text, room - 56, TEXT_SIZE), f"{reason.count:,}") for reason in side.reasons)
    height = 2 * PADDING + TEXT_STEP * (len(title) + sum(max(1, len(words)) for words, _ in rows))
    return Placed(side.key, x, y, SIDE_WIDTH, height, title, rows=rows, href=side.href)


def _arrows(flow: Flow, boxes: dict[str, Placed]) -> tuple[Line, ...]:
    lines = []
    for box in flow.boxes:
        leaving = [arrow for arrow in flow.arrows if arrow.source == box.key]
        source = boxes[box.key]
        for arrow in leaving:
            target = boxes[arrow.target]
            if abs(source.centre - target.centre) < 1:
                points: tuple[tuple[float, float], ...] = ((source.centre, source.bottom), (target.centre, target.y))
            else:
                bend = target.y - GAP / 2
                points = (
                    (source.centre, source.bottom),
                    (source.centre, bend),
                    (target.centre, bend),
                    (target.centre, target.y),
                )
            lines.append(Line(points, arrow.words, (source.centre + 8, target.y - GAP / 2 - 7)))
    return tuple(lines)


def _departures(flow: Flow, boxes: dict[str, Placed], sides: list[Placed]) -> tuple[Line, ...]:
    lines = []
    placed = {side.key: side for side in sides}
    for side in flow.sides:
        source, end = boxes[side.leaves], placed[side.key]
        y = end.y + end.height / 2
        start = (source.centre, y)
        onward = flow.targets(side.leaves)
        points = (start, (end.x, y)) if onward else ((source.centre, source.bottom), start, (end.x, y))
        lines.append(Line(points, bridges=bool(onward)))
    return tuple(lines)


def svg(flow: Flow) -> str:
    """The flowchart as SVG without a script; each box is a link where it has an address (http, https or a path)."""
    plan = layout(flow)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {pixels(plan.width)} {pixels(plan.height)}" '
        f'width="{pixels(plan.width)}" height="{pixels(plan.height)}" role="group" '
        f'aria-labelledby="flow-title flow-words" font-family="{FAMILY}">',
        f'<title id="flow-title">{escape(flow.title)}</title>',
        f'<desc id="flow-words">{escape(in_words(flow))}</desc>',
        '<defs><marker id="flow-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>',
    ]
    parts += [_line(line) for line in plan.lines]
    parts += [linked(box.href, _box(box)) for box in plan.boxes]
    hrefs = {side.key: side for side in flow.sides}
    parts += [_side(placed, hrefs[placed.key]) for placed in plan.sides]
    return "\n".join([*parts, "</svg>"])


def png(flow: Flow, ppi: float = 192) -> bytes:
    """The same figure as PNG."""
    return raster(svg(flow), ppi)


def in_words(flow: Flow) -> str:
    """The whole figure in sentences, for those who hear it."""
    told = []
    for box in flow.boxes:
        words = f"{box.count:,} {box.title}" + "".join(f", {line}" for line in box.lines)
        targets = flow.targets(box.key)
        onward = " and ".join(f"{target.count:,} {target.title}" for target in targets)
        told.append(words + (f", then {onward}" if onward else ""))
        for side in flow.leaving(box.key):
            why = ", ".join(f"{reason.text} {reason.count:,}" for reason in side.reasons)
            told.append(f"Left here: {side.count:,} {side.title}" + (f" ({why})" if why else ""))
    return ". ".join(told) + "."


def _line(line: Line) -> str:
    path = "M" + "L".join(f"{pixels(x)} {pixels(y)}" for x, y in line.points)
    drawn = f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.25" marker-end="url(#flow-head)"/>'
    if line.bridges:
        # A white edge makes a bridge where it crosses another's line; it begins beside the line it departs from.
        (x, y), (end, _) = line.points[0], line.points[-1]
        drawn = (
            f'<path d="M{pixels(x + 6)} {pixels(y)}L{pixels(end)} {pixels(y)}" stroke="#fff" stroke-width="7"/>' + drawn
        )
    return drawn + (_text(line.at[0], line.at[1], line.words, TEXT_SIZE, QUIET) if line.words else "")


def _box(box: Placed) -> str:
    parts = [_frame(box, "#fff", LINE)]
    y = box.y + PADDING
    for line in box.title:
        parts.append(_text(box.x + PADDING, y + 17, line, TITLE_SIZE, INK, "600"))
        y += TITLE_STEP
    for line in box.lines:
        parts.append(_text(box.x + PADDING, y + 13, line, TEXT_SIZE, QUIET))
        y += TEXT_STEP
    return "".join(parts)


def _side(placed: Placed, side: Side) -> str:
    head = [_frame(placed, SIDE_FILL, SIDE_LINE)]
    y = placed.y + PADDING
    for line in placed.title:
        head.append(_text(placed.x + PADDING, y + 13, line, TEXT_SIZE, INK, "600"))
        y += TEXT_STEP
    parts = [linked(side.href, "".join(head))]
    for (words, count), reason in zip(placed.rows, side.reasons, strict=True):
        row = [_text(placed.x + placed.width - PADDING, y + 13, count, TEXT_SIZE, QUIET, anchor="end")]
        for line in words:
            row.append(_text(placed.x + PADDING, y + 13, line, TEXT_SIZE, QUIET))
            y += TEXT_STEP
        parts.append(linked(reason.href, "".join(row)))
    return "".join(parts)


def _frame(box: Placed, fill: str, stroke: str) -> str:
    return (
        f'<rect x="{pixels(box.x)}" y="{pixels(box.y)}" width="{pixels(box.width)}" '
        f'height="{pixels(box.height)}" rx="6" fill="{fill}" stroke="{stroke}"/>'
    )


def _text(x: float, y: float, words: str, size: int, ink: str, weight: str = "400", anchor: str = "start") -> str:
    return (
        f'<text x="{pixels(x)}" y="{pixels(y)}" font-size="{size}" font-weight="{weight}" fill="{ink}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )
