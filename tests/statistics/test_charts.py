"""Charts as SVG: what stands where, what may not stand in them, and that they can be read."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.statistics.charts import (
    Axis,
    Dot,
    Line,
    Strip,
    corner_of,
    even_ticks,
    plot,
    precision_recall,
    reliability,
    roc,
    two_axes,
    written,
)
from labeling.statistics.drawing import INKS, TONES
from labeling.statistics.forest import Row, forest
from labeling.statistics.raster import raster

SVG = "{http://www.w3.org/2000/svg}"
CURVE = ((0.0, 0.0), (0.0, 0.5), (0.1, 0.9), (1.0, 1.0))
BAND = ((0.0, 0.2, 0.6), (0.5, 0.8, 1.0), (1.0, 1.0, 1.0))

shares = st.floats(0, 1, allow_subnormal=False)


def whole() -> list[str]:
    """One chart of each kind."""
    lines = [Line("Model 1.3, area 0.97", CURVE, band=BAND), Line("Model 1.2", CURVE, "second")]
    dots = [
        Dot(0.05, 0.9, "Senior", "Senior: sensitivity 90 %", "/numbers/cases?on=all&cell=fn", kind="person"),
        Dot(0.06, 0.91, "Resident", shape="square", x_bounds=(0.0, 0.1), y_bounds=(0.8, 1.0)),
        Dot(0.07, 0.9, "threshold 0.50", shape="diamond", tone="accent", kind="threshold chosen on validation"),
    ]
    second = two_axes(
        "speed",
        "Speed",
        "w",
        Axis("Case of the session", 1, 40),
        Axis("Seconds", 0, 240),
        Axis("Accuracy", 0.5, 1),
        [Line("Seconds", ((1, 200), (40, 90))), Line("Accuracy", ((1, 0.9), (40, 0.8)), "second", right=True)],
    )
    rows = [Row("Sensitivity", 2.1, -1, 5.2, "+2.1 points", href="/x"), Row("No number", printed="–")]
    return [
        plot(roc("roc", "ROC of Model", "words", lines, dots)),
        plot(roc("roc", "ROC of Model", "words", lines, dots, corner_of([(dot.x, dot.y) for dot in dots]))),
        plot(precision_recall("precision", "PR", "words", lines, dots, 0.27)),
        plot(reliability("calibration", "C", "words", dots, Strip("in bin", ((0.05, "95"), (0.95, "1,200"))))),
        plot(second),
        forest("differences", "D", "words", rows, Axis("points", -10, 10), upright=0, sides=("first", "second")),
    ]


@pytest.mark.parametrize("svg", whole())
def test_a_chart_obeys_the_policy_of_pages_and_stands_alone(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    # Neither styles nor scripts, nor anything from elsewhere.
    assert not re.search(r"\sstyle=|<style|<script|\son\w+=|https?://(?!www\.w3\.org/2000/svg)", svg)
    assert {"viewBox", "width", "height"} <= set(root.attrib)
    # All colours are attributes, so that the file can be printed without the page.
    for shape in root.iter(f"{SVG}path"):
        assert shape.get("fill") or shape.get("stroke")
    assert root.find(f"{SVG}rect").get("fill") == INKS["paper"]  # type: ignore[union-attr]


@pytest.mark.parametrize("svg", whole())
def test_a_chart_is_named_and_described_and_its_type_is_readable(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert set((root.get("aria-labelledby") or "").split()) <= set(ids)
    assert all(float(text.get("font-size", "0")) >= 12.5 for text in root.iter(f"{SVG}text"))


@pytest.mark.parametrize("svg", whole())
def test_all_words_lie_on_the_sheet(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    groups = {text: root for text in root.iter(f"{SVG}text")}
    for text in groups:
        assert 0 <= float(text.get("x", "-1")) <= width
        assert 0 < float(text.get("y", "-1")) <= height


def test_points_open_what_is_behind_them_and_only_by_safe_addresses() -> None:
    dots = [Dot(0.1, 0.9, href="/numbers/cases?a=1&b=2"), Dot(0.2, 0.8, href="javascript:alert(1)")]
    root = ElementTree.fromstring(plot(roc("roc", "R", "w", [], dots)))
    assert [link.get("href") for link in root.iter(f"{SVG}a")] == ["/numbers/cases?a=1&b=2"]


def test_names_are_text() -> None:
    svg = plot(roc("roc", "<b>", "a & b", [Line('"<script>', CURVE)], [Dot(0.1, 0.9, "<i>", '">', "/x")]))
    assert "<script>" not in svg
    assert ElementTree.fromstring(svg).find(f"{SVG}title").text == "<b>"  # type: ignore[union-attr]


@given(shares, shares)
@settings(max_examples=25, deadline=None)
def test_a_point_lies_where_its_numbers_say(x: float, y: float) -> None:
    root = ElementTree.fromstring(plot(roc("roc", "R", "w", [], [Dot(x, y)])))
    (mark,) = [circle for circle in root.iter(f"{SVG}circle") if circle.get("class") == "chart-ink-mark"]
    area = root.find(f"{SVG}clipPath/{SVG}rect")
    assert area is not None
    left, top, width, height = (float(area.get(name, "")) for name in ("x", "y", "width", "height"))
    assert float(mark.get("cx", "")) == pytest.approx(left + x * width, abs=0.06)
    assert float(mark.get("cy", "")) == pytest.approx(top + (1 - y) * height, abs=0.06)


def test_a_second_axis_has_its_own_scale() -> None:
    lines = [Line("a", ((0, 50), (1, 50))), Line("b", ((0, 0.5), (1, 0.5)), "second", right=True)]
    svg = plot(two_axes("t", "T", "w", Axis("x"), Axis("left", 0, 100), Axis("right", 0, 1), lines))
    one, other = re.findall(r'class="chart-(?:accent|second)-line" d="(M[^"]+)"', svg)[:2]
    assert one == other


@given(st.lists(st.tuples(shares, shares), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_cut_axes_hold_every_point(points: list[tuple[float, float]]) -> None:
    corner = corner_of(points)
    if corner:
        assert all(x <= corner[0] and y >= corner[1] for x, y in points)


def test_axes_are_not_cut_where_that_gains_little() -> None:
    assert corner_of([]) is None
    assert corner_of([(0.7, 0.9)]) is None
    assert corner_of([(0.05, 0.2)]) is None
    assert corner_of([(0.05, 0.9), (0.12, 0.78)]) == (0.2, 0.65)


@given(st.floats(-1000, 1000), st.floats(0.05, 5000))
@settings(max_examples=30, deadline=None)
def test_ticks_are_few_even_and_inside(low: float, span: float) -> None:
    ticks = even_ticks(low, low + span)
    assert 2 <= len(ticks) <= 8
    assert low - 1e-6 <= ticks[0]
    assert ticks[-1] <= low + span + 1e-6
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    assert all(step == pytest.approx(steps[0]) for step in steps)


def test_numbers_at_an_axis_have_the_decimals_they_need_and_a_true_minus() -> None:
    axis = Axis("d", -0.1, 0.1)
    assert [written(tick, axis) for tick in axis.places()] == ["−0.10", "−0.05", "0.00", "0.05", "0.10"]
    assert written(1000, Axis("n", 0, 2000)) == "1,000"


def test_an_interval_beyond_the_axis_is_drawn_to_its_end() -> None:
    svg = forest("f", "F", "w", [Row("r", 0, -50, 50)], Axis("points", -10, 10))
    root = ElementTree.fromstring(svg)
    xs = [float(x) for path in root.iter(f"{SVG}path") for x in re.findall(r"[ML]([\d.]+) ", path.get("d", ""))]
    assert max(xs) <= float((root.get("viewBox") or "").split()[2])


def test_a_chart_without_a_number_is_an_empty_frame() -> None:
    root = ElementTree.fromstring(plot(roc("roc", "R", "w", [Line("nothing", ())])))
    assert not [
        path for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "2" and len(path.get("d", "")) < 4
    ]
    ElementTree.fromstring(forest("f", "F", "w", [], Axis("points", -1, 1)))


def test_a_chart_becomes_an_image() -> None:
    assert raster(whole()[0], 72).startswith(b"\x89PNG")


def test_every_tone_is_told_apart_in_black_and_white() -> None:
    compared = [TONES[name][1] for name in ("accent", "second", "third", "fourth")]
    assert len(set(compared)) == 4
