"""Names counted on, shifted by one, and how sure they are afterwards."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labeling.anatomy.levels import LEVELS, rank
from labeling.anatomy.numbering import (
    MOST_VERTEBRAE,
    certainty_after,
    count_down,
    count_up,
    order_problem,
    ranks_of,
    shift,
    thoracic_count,
)
from labeling.imaging.refusal import Refusal

counts = st.tuples(st.sampled_from([11, 12, 13]), st.sampled_from([4, 5, 6]))


def names_of(thoracic: int, lumbar: int) -> list[str]:
    return count_down("C1", 7 + thoracic + lumbar, thoracic=thoracic, lumbar=lumbar)


@st.composite
def spines(draw: st.DrawFn) -> tuple[list[str], int, int]:
    """Some vertebrae of a spine, with gaps and unknown ones, and how many it has."""
    thoracic, lumbar = draw(counts)
    names = names_of(thoracic, lumbar)
    first = draw(st.integers(0, len(names) - 1))
    row = names[first : draw(st.integers(first + 1, len(names)))]
    left_out = draw(st.sets(st.sampled_from(row), max_size=3))
    unknown = draw(st.sets(st.sampled_from(row), max_size=2))
    return ["" if name in unknown else name for name in row if name not in left_out], thoracic, lumbar


@given(spines(), st.sampled_from([1, -1]))
def test_a_shift_and_the_shift_back_give_the_names_there_were(spine: tuple[list[str], int, int], by: int) -> None:
    levels, thoracic, lumbar = spine
    assume(any(levels))
    if ("C1" if by < 0 else f"L{lumbar}") in levels:
        with pytest.raises(Refusal, match="already"):
            shift(levels, by, thoracic=thoracic, lumbar=lumbar)
        return
    moved = shift(levels, by, thoracic=thoracic, lumbar=lumbar)
    assert shift(moved, -by, thoracic=thoracic, lumbar=lumbar) == levels
    assert [bool(level) for level in moved] == [bool(level) for level in levels]
    ranks = [rank(level) for level in moved if level]
    assert ranks == sorted(set(ranks))
    assert all((rank(new) - rank(old)) * by > 0 for new, old in zip(moved, levels, strict=True) if old)


@given(spines())
def test_ranks_rise_from_head_to_feet_whatever_is_known(spine: tuple[list[str], int, int]) -> None:
    ranks = ranks_of(spine[0])
    assert all(above < below for above, below in pairwise(ranks))
    if all(spine[0]):
        assert ranks == [rank(level) for level in spine[0]]


@given(st.sampled_from(LEVELS), st.integers(1, 26), counts)
def test_counting_down_and_counting_up_give_the_same_names(first: str, count: int, spine: tuple[int, int]) -> None:
    thoracic, lumbar = spine
    below = names_of(thoracic, lumbar)
    below = below[below.index(first) :] if first in below else []
    if count > len(below):
        with pytest.raises(Refusal, match=r"beyond|not among"):
            count_down(first, count, thoracic=thoracic, lumbar=lumbar)
        return
    levels = count_down(first, count, thoracic=thoracic, lumbar=lumbar)
    assert len(levels) == count
    assert levels[0] == first
    assert order_problem(levels) == ""
    assert count_up(levels[-1], count, thoracic=thoracic, lumbar=lumbar) == levels


def test_a_whole_spine_has_24_names_and_at_most_26() -> None:
    assert len(names_of(12, 5)) == 24
    assert names_of(13, 6) == list(LEVELS)
    assert MOST_VERTEBRAE == 26


@pytest.mark.parametrize(
    ("levels", "by", "moved"),
    [
        (["T11", "T12", "L1", "L2"], 1, ["T12", "L1", "L2", "L3"]),
        (["T12", "L1", "L5"], -1, ["T11", "T12", "L4"]),
        (["L4", "L5"], 1, ["L5", "L6"]),
        (["C7", "T1"], -1, ["C6", "C7"]),
        # 13 ribs: the names themselves say so.
        (["T12", "T13", "L1"], 1, ["T13", "L1", "L2"]),
        # 11 ribs: no T12 turns up between them.
        (["T10", "T11", "L1"], 1, ["T11", "L1", "L2"]),
        (["T12", "", "L2"], 1, ["L1", "", "L3"]),
    ],
)
def test_a_shift_steps_over_what_this_spine_has_not(levels: list[str], by: int, moved: list[str]) -> None:
    assert shift(levels, by) == moved


@pytest.mark.parametrize(
    ("levels", "by", "sentence"),
    [
        (["C1", "C2"], -1, "The uppermost vertebra is C1 already. The names cannot move up by one."),
        (["L5", "L6"], 1, "The lowest vertebra is L6 already. The names cannot move down by one."),
        (["", ""], 1, "No vertebra has a name to shift. Name one first."),
    ],
)
def test_a_shift_past_the_end_is_refused_with_a_sentence(levels: list[str], by: int, sentence: str) -> None:
    with pytest.raises(Refusal) as refused:
        shift(levels, by)
    assert refused.value.sentence == sentence


def test_a_spine_with_four_lumbar_vertebrae_ends_at_l4() -> None:
    assert count_up("L4", 6, lumbar=4) == ["T11", "T12", "L1", "L2", "L3", "L4"]
    with pytest.raises(Refusal, match="The lowest vertebra is L4 already"):
        shift(["L3", "L4"], 1, lumbar=4)
    with pytest.raises(Refusal, match="6 vertebrae from T12 on reach beyond L4"):
        count_down("T12", 6, lumbar=4)
    with pytest.raises(Refusal, match="L5 is not among 12 thoracic and 4 lumbar vertebrae"):
        count_up("L5", 2, lumbar=4)


def test_t13_and_l6_are_counted_where_they_are_said_to_be() -> None:
    assert count_down("T12", 4, thoracic=13) == ["T12", "T13", "L1", "L2"]
    assert count_down("T11", 3, thoracic=11) == ["T11", "L1", "L2"]
    assert count_down("L4", 3, lumbar=6) == ["L4", "L5", "L6"]
    assert [thoracic_count(row) for row in (["T13", "L1"], ["T11", "L1"], ["T11", "", "L1"], [])] == [13, 11, 12, 12]


@pytest.mark.parametrize(("thoracic", "lumbar"), [(10, 5), (14, 5), (12, 3), (12, 7)])
def test_no_spine_has_so_many(thoracic: int, lumbar: int) -> None:
    with pytest.raises(ValueError, match="11 to 13 thoracic and 4 to 6 lumbar"):
        count_down("T1", 2, thoracic=thoracic, lumbar=lumbar)


def test_a_numbering_is_shifted_by_one_at_a_time() -> None:
    with pytest.raises(ValueError, match="one at a time"):
        shift(["L1"], 2)


@pytest.mark.parametrize(
    ("before", "level", "certainty", "said", "after"),
    [
        ("L1", "L2", "certain", None, "assumed"),
        ("L1", "L2", "certain", "certain", "certain"),
        ("L1", "L1", "certain", None, "certain"),
        ("L1", "L1", "assumed", None, "assumed"),
        ("", "L1", "unknown", None, "assumed"),
        ("L1", "", "certain", "certain", "unknown"),
    ],
)
def test_a_name_moved_by_hand_is_assumed_unless_the_person_says_certain(
    before: str, level: str, certainty: str, said: str | None, after: str
) -> None:
    assert certainty_after(before, level, certainty, said=said) == after


@pytest.mark.parametrize(
    ("levels", "problem"),
    [
        (["T12", "L1", "", "L3"], ""),
        (["L1", "L1"], "Two vertebrae are called L1. Give one of them another name."),
        (["L2", "L1"], "L1 stands below L2. Names run from head to feet: change one of them."),
        (["T13", "T12"], "T12 stands below T13. Names run from head to feet: change one of them."),
    ],
)
def test_names_run_from_head_to_feet_and_stand_once(levels: list[str], problem: str) -> None:
    assert order_problem(levels) == problem
