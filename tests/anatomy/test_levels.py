"""Names, numbers and the order of vertebrae."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.anatomy.levels import LEVELS, SACRUM, level_of, next_level, previous_level, rank, verse_of
from labeling.imaging.resample import VERSE_NUMBERS

levels = st.sampled_from(LEVELS)


@given(levels)
def test_a_level_comes_back_from_its_number(level: str) -> None:
    assert level_of(verse_of(level)) == level


@given(levels, levels)
def test_the_rank_is_the_order_from_head_to_feet(one: str, other: str) -> None:
    regions = "CTL"
    place = [(regions.index(level[0]), int(level[1:])) for level in (one, other)]
    assert (rank(one) < rank(other)) == (place[0] < place[1])


@given(st.integers(-1000, 1000))
def test_a_number_either_names_one_level_or_is_refused(number: int) -> None:
    if number in VERSE_NUMBERS - {SACRUM}:
        assert verse_of(level_of(number)) == number
    else:
        with pytest.raises(ValueError, match=str(number)):
            level_of(number)


@pytest.mark.parametrize(
    ("number", "level"), [(1, "C1"), (7, "C7"), (8, "T1"), (19, "T12"), (28, "T13"), (20, "L1"), (24, "L5"), (25, "L6")]
)
def test_the_numbers_are_those_of_verse(number: int, level: str) -> None:
    assert level_of(number) == level
    assert verse_of(level) == number


def test_t13_stands_between_t12_and_l1_though_its_number_is_the_last() -> None:
    assert sorted(["L1", "T13", "C7", "T12"], key=rank) == ["C7", "T12", "T13", "L1"]


@pytest.mark.parametrize("word", ["", "T14", "l1", "S1", "C0", "sacrum"])
def test_a_word_that_is_no_level_is_refused(word: str) -> None:
    for function in (verse_of, rank, next_level, previous_level):
        with pytest.raises(ValueError, match="not a level"):
            function(word)


def test_the_chain_steps_on_t13_and_l6_only_where_they_are() -> None:
    assert next_level("T12") == "L1"
    assert next_level("T12", present={"T13"}) == "T13"
    assert next_level("T13") == "L1"
    assert previous_level("L1") == "T12"
    assert previous_level("L1", present={"T13"}) == "T13"
    assert next_level("L5") is None
    assert next_level("L5", present={"L6"}) == "L6"
    assert next_level("L6") is None
    assert previous_level("C1") is None


@given(levels, st.sets(st.sampled_from(["T13", "L6"])))
def test_down_and_up_again_is_the_same_level(level: str, present: set[str]) -> None:
    below = next_level(level, present)
    if below is not None and (level in present or level not in {"T13", "L6"}):
        assert previous_level(below, present) == level
