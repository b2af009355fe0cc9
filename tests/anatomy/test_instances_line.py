"""A leap aside beyond a gap leads away from the spine; a lean or a missing vertebra does not."""

import numpy as np
import pytest

from labeling.anatomy.instances import Instances, find_instances
from labeling.imaging.geometry import Geometry
from labeling.imaging.volume import LabelMap

SPACING = 2.0  # mm, all ways
#: (k, r, c) in voxels: half the size of a body, and the way from one to the next.
HALF, PITCH = (11, 6, 9), 15


def column(rows: list[int], asides: list[int]) -> Instances:
    """Bodies, binary, at these rows and so many voxels to the left of the middle slice."""
    array = np.zeros((140, 180, 60), dtype=np.uint8)
    for row, aside in zip(rows, asides, strict=True):
        middle = (50 + aside, row, 30)
        array[tuple(slice(at - half, at + half) for at, half in zip(middle, HALF, strict=True))] = 1
    affine = np.array([[SPACING, 0, 0, 0], [0, 0, SPACING, 0], [0, -SPACING, 0, 0], [0, 0, 0, 1]])
    return find_instances(LabelMap(Geometry(array.shape, affine), array), numbered=False, bodies_only=True)


FIVE = [20 + PITCH * n for n in range(5)]


def test_what_lies_far_aside_beyond_a_gap_is_left_out_and_it_says_so():
    found = column([*FIVE, 130], [0, 0, 0, 0, 0, 55])
    assert len(found.items) == 5
    assert found.vertebrae[105, 130, 30] == 0
    assert "away from the bodies" in found.note


@pytest.mark.parametrize(
    ("rows", "asides"),
    [
        ([*FIVE, 110], [0] * 6),  # a vertebra that the mask lacks
        ([*FIVE, FIVE[-1] + PITCH], [0, 2, 4, 6, 8, 10]),  # a curve to one side
        ([*FIVE, 125], [0, 5, 10, 15, 20, 38]),  # both
    ],
)
def test_a_lean_and_a_missing_vertebra_take_nothing_away(rows: list[int], asides: list[int]):
    assert len(column(rows, asides).items) == len(rows)


def test_where_both_sides_of_a_leap_are_alike_both_stay():
    assert len(column([20, 35, 50, 110, 125, 140], [0, 0, 0, 60, 60, 60]).items) == 6
