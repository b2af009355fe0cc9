"""What a person may say of the vertebrae of a case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labeling.anatomy.boxes import box_at, extent_of
from labeling.anatomy.numbering import count_down
from labeling.anatomy.placing import Placed, checked
from labeling.imaging.geometry import Geometry
from labeling.imaging.refusal import Refusal

#: 40 slices of 3 mm about the midline, 400 mm high, 200 mm deep.
STACK = Geometry(
    (40, 800, 400),
    np.array([[3.0, 0, 0, -58.5], [0, 0, 0.5, -100.0], [0, -0.5, 0, 200.0], [0, 0, 0, 1.0]]),
)


def placed(level: str, z: float, **fields: Any) -> Placed:
    box = box_at((0.0, 0.0, z), level)
    first, last = extent_of(box, STACK)
    return replace(
        Placed(None, level, "assumed" if level else "unknown", first, last, box, False, "", None, "by_hand"), **fields
    )


def spine(*levels: str) -> list[Placed]:
    return [placed(level, 150.0 - 32 * place) for place, level in enumerate(levels)]


def refusal(row: list[Placed]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        checked(row, STACK)
    return refused.value


def test_a_spine_placed_click_by_click_is_taken_as_it_is() -> None:
    row = spine("T12", "L1", "", "L3")
    assert checked(row, STACK) == tuple(row)


def test_t13_l6_and_four_lumbar_vertebrae_are_taken() -> None:
    for row in (spine("T12", "T13", "L1"), spine("L5", "L6"), spine("T12", "L1", "L2", "L3", "L4")):
        assert checked(row, STACK) == tuple(row)


def test_a_cut_body_without_a_word_gets_the_border_it_is_nearest_to() -> None:
    row = [placed("T11", 190.0, cut=True), placed("T12", 150.0)]
    assert [one.cut_where for one in checked(row, STACK)] == ["top", ""]


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ([], "no-vertebra", "Place one first"),
        (spine("L1", "L1"), "level-order", "Two vertebrae are called L1"),
        (spine("L2", "L1"), "level-order", "L1 stands below L2"),
        ([placed("L2", 0, vertebra=4), placed("L3", -32, vertebra=4)], "vertebra-twice", "stands twice"),
        ([placed("L2", 0, certainty="unknown")], "certainty", "L2 has a name, so it is certain or assumed."),
        ([placed("", 0, certainty="assumed")], "certainty", "Vertebra 1 from the top has no name"),
        ([placed("L2", 0, box=None)], "no-box", "L2 was placed by hand and needs a box"),
        ([placed("L2", 0, box=(0, float("inf"), 0, 9, 0, 9))], "box", "not a number"),
        ([placed("L2", 0, box=(9, 0, 0, 9, 0, 9))], "box", "thin"),
        ([placed("L2", 0, box=(-20, 20, 0, 2, 0, 9))], "box", "2.0 mm thin"),
        ([placed("L2", 0, box=(-20, 20, 0, 9, -150, 150))], "box", "300 mm long"),
        ([placed("L2", 0, box=box_at((0, 0, 260), "L2"))], "box", "outside of the image"),
        ([placed("L2", 0, first_k=30, last_k=10)], "extent", "first slice of L2 comes after its last"),
        ([placed("L2", 0, last_k=40)], "extent", "reach slice 41, but there are 40"),
        ([placed("L2", 0, first_k=1, last_k=3)], "extent", "is said to cross slices 2 to 4"),
        ([placed("L2", 0, cut_where="top")], "cut", "L2 is complete"),
        ([placed("L2", 0, cut=True, cut_where="head")], "cut", "one of top, bottom"),
        ([placed("L2", 0, mask_ok="yes")], "mask-ok", "placed by hand"),
        ([placed("L2", 0), placed("L3", 40)], "order", "L3 lies above L2"),
    ],
)
def test_what_cannot_be_is_refused_with_the_vertebra_named(row: list[Placed], code: str, words: str) -> None:
    found = refusal(row)
    assert found.code == code
    assert words in found.sentence


def test_more_vertebrae_than_a_spine_has_are_refused() -> None:
    many = [placed(level, 150.0 - place) for place, level in enumerate([*count_down("C1", 24), "", "", ""])]
    assert "27 vertebrae are more than a spine has" in refusal(many).sentence


def test_a_sliver_that_a_mask_holds_may_be_thin_and_its_mask_wrong() -> None:
    row = [placed("T11", 150, origin="segmented", box=(-20, 20, 0, 20, 150, 150.5), cut=True, mask_ok="no")]
    assert checked(row, STACK)[0].mask_ok == "no"
