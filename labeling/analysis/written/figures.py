"""The figures of a written report, as SVG: the flowchart, rates of all readers, the matrix of pairs, and the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from labeling.analysis.curve_figures import FIGURES, figure
from labeling.analysis.written.pieces import Address, Figure
from labeling.statistics.charts import Axis
from labeling.statistics.drawing import LABEL, open_svg, pixels, text, text_width
from labeling.statistics.estimate_words import coefficient, percent
from labeling.statistics.flow import Flow
from labeling.statistics.flow_drawing import in_words, layout, svg
from labeling.statistics.forest import Row, forest

__all__ = ["STEPS", "curves_of", "flow_figure", "heat_of", "matrix_figure", "rates_figure"]

Json = Mapping[str, Any]

#: Lower bounds of the steps of colour, as on the page of agreement; the first step has none.
STEPS: Final = (0.4, 0.6, 0.8, 0.9)
_FILLS: Final = ("#f3f5f7", "#e3edf7", "#cbdff2", "#a9cbe9", "#86b5df")
_CELL, _HIGH = 92.0, 46.0
#: Pixels that fill the width of a page, where type of 13 has 8 points.
_PAGE = 780.0
_ALL = "Of all examinations and reports in Sagittal, whichever cases this report is of."


def flow_figure(flow: Flow, to: Address) -> Figure:
    """The flowchart of inclusion."""
    share = min(1.0, layout(flow).width / _PAGE)
    return Figure("Flow of cases", svg(flow), in_words(flow), note=_ALL, share=share, to=to)


def rates_figure(rows: Sequence[tuple[str, Json, Json]], to: Address) -> Figure | None:
    """Sensitivity and specificity of each (label, sensitivity, specificity), with their intervals."""
    if not any(one["value"] is not None for _, *both in rows for one in both):
        return None
    drawn, told = [], []
    for place, (title, tone) in enumerate((("Sensitivity", "accent"), ("Specificity", "third"))):
        drawn.append(Row(title, head=True))
        for label, *both in rows:
            estimate = both[place]
            printed = percent(estimate)
            said = f"{printed.value} ({printed.interval})" if printed.interval else printed.value
            told.append(f"{label}: {title.lower()} {said}")
            drawn.append(Row(label, estimate["value"], estimate["low"], estimate["high"], said, tone=tone))
    low = min((one["low"] for _, *both in rows for one in both if one["low"] is not None), default=0.0)
    axis = Axis("95 % interval by patient", 0.5 if low >= 0.5 else 0.0, 1.0)
    words = ". ".join(told) + "."
    title = "Sensitivity and specificity of each reader against the reference"
    return Figure(title, forest("rates", title, words, drawn, axis), words, share=1.0, to=to)


def heat_of(estimate: Json) -> str:
    """The step of colour of a coefficient, '' where there is none."""
    value = estimate["value"]
    return "" if value is None else str(sum(value >= step for step in STEPS))


def matrix_figure(labels: Sequence[str], pairs: Mapping[tuple[int, int], Json], to: Address) -> Figure | None:
    """Cohen's kappa of every pair (places of the two readers -> estimate), below the diagonal."""
    if len(labels) < 2:
        return None
    left = min(max(text_width(label, LABEL) for label in labels) + 24, 220.0)
    # The last reader has no column of its own: its pairs stand in its row.
    width, top = left + _CELL * (len(labels) - 1) + 12, 12.0
    height = top + _HIGH * (len(labels) - 1) + 34
    told = []
    drawn: list[str] = []
    for row in range(1, len(labels)):
        y = top + _HIGH * (row - 1)
        drawn.append(text(left - 10, y + _HIGH / 2 + 4.5, _short(labels[row], left), size=LABEL, anchor="end"))
        for column in range(row):
            estimate = pairs[column, row]
            printed = coefficient(estimate)
            told.append(f"{labels[column]} and {labels[row]}: {printed.value}")
            x, step = left + _CELL * column, heat_of(estimate)
            fill = _FILLS[int(step)] if step else "#ffffff"
            drawn.append(
                f'<rect x="{pixels(x + 1)}" y="{pixels(y + 1)}" width="{pixels(_CELL - 2)}" '
                f'height="{pixels(_HIGH - 2)}" rx="3" fill="{fill}" stroke="#d5dade"/>'
            )
            middle = x + _CELL / 2
            # On its own pale ground in either theme, so in the ink of paper.
            drawn.append(_on_paper(middle, y + (19 if printed.interval else 27), printed.value, 14, "600"))
            drawn.append(_on_paper(middle, y + 36, printed.interval, 11.5, "400") if printed.interval else "")
    for column in range(len(labels) - 1):
        x = left + _CELL * (column + 0.5)
        drawn.append(text(x, height - 14, _short(labels[column], _CELL + 10), anchor="middle"))
    title = "Cohen's kappa of every pair of readers, fracture or negative"
    words = ". ".join(told) + "."
    parts = [*open_svg("matrix", width, height, title, words), *filter(None, drawn), "</svg>"]
    note = "Colour: below 0.40, from 0.40, from 0.60, from 0.80, from 0.90. Below each value its 95 % interval."
    return Figure(title, "\n".join(parts), words, note, min(1.0, width / _PAGE * 1.1), to)


def _on_paper(x: float, y: float, words: str, size: float, weight: str) -> str:
    return (
        f'<text x="{pixels(x)}" y="{pixels(y)}" font-size="{size:g}" font-weight="{weight}" fill="#14181b" '
        f'text-anchor="middle">{words}</text>'
    )


def _short(label: str, room: float) -> str:
    most = max(4, int((room - 14) / (LABEL * 0.56)))
    return label if len(label) <= most else f"{label[: most - 1].rstrip()}…"


def curves_of(answer: Json, to: Address) -> list[Figure]:
    """The figures of the answer about scores; none where it has nothing to draw."""
    notes = {
        "roc": "Band: 95 % interval of sensitivity at each specificity. Crosses: 95 % intervals of a reader.",
        "precision-recall": "Precision holds for the share of fractures among these vertebrae.",
        "calibration": "Share of fractures in each bin of the score, with its 95 % interval.",
    }
    found = []
    for name, title in FIGURES.items():
        drawn = figure(name, answer)
        if drawn:
            label = answer["reader"]["label"]
            whose = f"{title} of {label}" if name == "calibration" else title
            found.append(Figure(whose, drawn, f"{whose}. The numbers stand in the text.", notes[name], 0.64, to))
    return found
