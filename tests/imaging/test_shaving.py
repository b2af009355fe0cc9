"""Shaving keeps the middle of a body, by whole slices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.imaging.shaving import LEAST_KEPT, kept

extents = st.tuples(st.integers(0, 500), st.integers(0, 200)).map(lambda pair: (pair[0], pair[0] + pair[1]))
shares = st.floats(0, 0.49)
leasts = st.integers(1, 12)


@pytest.mark.parametrize(
    ("width", "stays"), [(1, 0), (2, 0), (3, 3), (4, 4), (5, 3), (9, 7), (10, 6), (14, 10), (15, 9), (20, 12), (35, 21)]
)
def test_a_fifth_of_the_width_goes_on_each_side_rounded_down(width: int, stays: int) -> None:
    found = kept(7, 6 + width)
    assert (0 if found is None else found[1] - found[0] + 1) == stays


@given(extents, shares, leasts)
def test_what_stays_lies_in_the_middle_of_the_body_and_is_never_too_little(
    extent: tuple[int, int], share: float, least: int
) -> None:
    first, last = extent
    width = last - first + 1
    found = kept(first, last, share, least)
    assert (found is None) == (width < least)
    if found is None:
        return
    assert first <= found[0] <= found[1] <= last
    assert found[0] - first == last - found[1]
    assert found[1] - found[0] + 1 >= least
    assert found[0] - first <= width * share + 1e-6


@given(extents, shares, leasts)
def test_one_slice_more_on_each_side_would_be_more_than_the_share_or_leave_too_few(
    extent: tuple[int, int], share: float, least: int
) -> None:
    first, last = extent
    found = kept(first, last, share, least)
    if found is None:
        return
    width, more = last - first + 1, found[0] - first + 1
    assert more > width * share - 1e-6 or width - 2 * more < least


@given(extents, st.integers(-50, 50), shares)
def test_where_the_body_lies_in_the_stack_makes_no_difference(
    extent: tuple[int, int], moved: int, share: float
) -> None:
    first, last = extent
    found, there = kept(first, last, share), kept(first + moved, last + moved, share)
    assert there == (found and (found[0] + moved, found[1] + moved))


@given(extents)
def test_without_a_share_everything_stays(extent: tuple[int, int]) -> None:
    first, last = extent
    assert kept(first, last, 0.0) == (extent if last - first + 1 >= LEAST_KEPT else None)


def test_a_share_is_taken_as_it_is_written_not_as_binary_has_it() -> None:
    # 0.29 times 100 is 28.999999999999996.
    assert kept(0, 99, 0.29) == (29, 70)


@pytest.mark.parametrize(
    ("extent", "share", "least"), [((5, 4), 0.2, 3), ((0, 9), 0.5, 3), ((0, 9), -0.1, 3), ((0, 9), 0.2, 0)]
)
def test_what_cannot_be_shaved_is_refused_with_a_sentence(extent: tuple[int, int], share: float, least: int) -> None:
    with pytest.raises(ValueError, match=r"slice|share"):
        kept(*extent, share, least)
