"""The flowchart: it adds up, or says where not; and it draws."""

import io
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeling.statistics.flow import Arrow, Box, Flow, Reason, Side, adds_up, chain
from labeling.statistics.flow_drawing import layout, png, svg, wrap
from labeling.statistics.raster import raster

SVG = "{http://www.w3.org/2000/svg}"


def inclusion() -> Flow:
    return Flow(
        "Inclusion of cases",
        (
            Box("reports", "reports", 18_462, ("CT of the spine, 2015 to 2020",), "/reports/"),
            Box("confirmed", "confirmed", 611, href="/cases/?state=candidate&by=person"),
            Box("included", "included", 482, ("466 patients",)),
            Box("training", "cases", 434, ("training and validation",)),
            Box("test", "cases", 48, ("test, fixed",)),
            Box("segmented", "segmented", 407),
        ),
        (
            Side("not", "reports", "not confirmed", 17_851),
            Side(
                "excluded",
                "confirmed",
                "excluded",
                129,
                (
                    Reason("i fusion, augmentation or extensive spinal surgery", 71, "/why/1"),
                    Reason("v <myelography>", 58),
                ),
            ),
            Side("impossible", "training", "not segmentable", 27, (Reason("degeneration", 27),)),
        ),
        (
            Arrow("reports", "confirmed"),
            Arrow("confirmed", "included"),
            Arrow("included", "training", "9 : 1 by patient"),
            Arrow("included", "test"),
            Arrow("training", "segmented"),
        ),
    )


def test_a_flowchart_that_adds_up_says_nothing():
    assert adds_up(inclusion()) == []


def test_each_box_that_does_not_add_up_is_named_with_what_is_missing():
    flow = inclusion()
    boxes = tuple(replace(box, count=481) if box.key == "included" else box for box in flow.boxes)
    assert adds_up(replace(flow, boxes=boxes)) == [
        "“included” (481) is not what flows in: “confirmed” holds 611 minus 129 who left, which is 482; 1 is missing.",
        "“cases” (434) and “cases” (48), together 482, are not what flows in: “included” holds 481; 1 is too many.",
    ]


def test_reasons_that_do_not_sum_and_more_leaving_than_there_were_are_named():
    flow = chain("x", (Box("a", "cases", 3), Box("b", "rest", 0)), (Side("s", "a", "lost", 5, (Reason("late", 4),)),))
    assert adds_up(flow) == ["“lost” says 5, but its reasons sum to 4.", "“cases” holds 3, but 5 leave it."]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(0, 100), st.integers(0, 6), st.integers(1, 9))
def test_one_count_changed_anywhere_is_always_found(leaving, rest, which, by):
    counts = [rest + sum(leaving[n:]) for n in range(len(leaving) + 1)]
    boxes = tuple(Box(f"b{n}", f"box {n}", count) for n, count in enumerate(counts))
    sides = tuple(Side(f"s{n}", f"b{n}", "left", count) for n, count in enumerate(leaving))
    assert adds_up(chain("flow", boxes, sides)) == []
    which %= len(boxes)
    changed = tuple(replace(box, count=box.count + by) if n == which else box for n, box in enumerate(boxes))
    assert adds_up(chain("flow", changed, sides))


@pytest.mark.parametrize(
    ("boxes", "arrows", "sentence"),
    [
        (("a", "a"), (), "two boxes with the key a"),
        (("a", "b"), (("a", "c"),), "no box c"),
        (("a", "b"), (), "no tree"),
        (("a", "b", "c"), (("a", "b"), ("c", "b")), "no tree"),
        (("a", "b", "c"), (("b", "c"), ("c", "b")), "no tree"),
        ((), (), "no tree"),
    ],
)
def test_what_is_no_tree_is_refused(boxes, arrows, sentence):
    with pytest.raises(ValueError, match=sentence):
        Flow("x", tuple(Box(key, key, 1) for key in boxes), (), tuple(Arrow(*arrow) for arrow in arrows))


def test_no_two_boxes_overlap_and_all_lie_on_the_sheet():
    plan = layout(inclusion())
    placed = [*plan.boxes, *plan.sides]
    for n, one in enumerate(placed):
        assert 0 <= one.x < one.x + one.width <= plan.width
        assert 0 <= one.y < one.bottom <= plan.height
        for other in placed[n + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.bottom <= other.y or other.bottom <= one.y, (one.key, other.key)


def test_the_drawing_is_well_formed_readable_linked_and_holds_no_script():
    text = svg(inclusion())
    root = ElementTree.fromstring(text)
    assert root.find(f"{SVG}title").text == "Inclusion of cases"
    assert "Left here: 129 excluded (i fusion" in root.find(f"{SVG}desc").text
    assert min(int(node.get("font-size")) for node in root.iter(f"{SVG}text")) >= 13
    assert [node.get("href") for node in root.iter(f"{SVG}a")] == [
        "/reports/",
        "/cases/?state=candidate&by=person",
        "/why/1",
    ]
    assert "script" not in text
    assert "v &lt;myelography&gt;" in text
    assert re.search(r"18,462 reports", text)


def test_an_address_that_would_run_something_is_no_link():
    for href in ("javascript:alert(1)", "//elsewhere.example/x", "data:text/html,x"):
        assert "<a " not in svg(Flow("x", (Box("a", "cases", 1, href=href),)))


def test_the_picture_has_ink_and_the_size_of_the_drawing():
    flow = inclusion()
    plan = layout(flow)
    with Image.open(io.BytesIO(png(flow, ppi=96))) as picture:
        assert picture.size == pytest.approx((plan.width, plan.height), abs=2)
        grey = np.asarray(picture.convert("L"))
    first = plan.boxes[0]
    inside = grey[int(first.y) + 3 : int(first.bottom) - 3, int(first.x) + 3 : int(first.x + first.width) - 3]
    assert inside.min() < 80, "the text of the first box is drawn"
    assert (inside > 250).mean() > 0.6


def test_what_is_no_drawing_is_refused():
    with pytest.raises(ValueError, match="is no SVG"):
        raster("<svg")
    with pytest.raises(ValueError, match="no viewBox"):
        raster('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(ValueError, match="resolution is 0"):
        raster(svg(inclusion()), ppi=0)


@given(st.text(max_size=80), st.integers(20, 300))
def test_wrapping_loses_no_letter(text, width):
    assert "".join("".join(wrap(text, width, 13)).split()) == "".join(text.split())
