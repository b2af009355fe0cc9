"""What is said of a case: negative only where everything complete was assessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.anatomy.case_verdict import Assessed, case_verdict

VERDICTS = ["fracture", "negative", "indeterminate", "not_assessable", None]


def said(*verdicts: str | None, cut: tuple[int, ...] = ()) -> list[Assessed]:
    return [Assessed(f"L{n}", verdict, n in cut) for n, verdict in enumerate(verdicts, 1)]


@pytest.mark.parametrize(
    ("vertebrae", "kind", "text"),
    [
        (said("negative", "negative"), "negative", "negative"),
        (said("fracture", "negative"), "fracture", "fracture at L1"),
        (said("fracture", "fracture", "fracture"), "fracture", "fracture at L1, L2 and L3"),
        (said("fracture", "not_assessable"), "fracture", "fracture at L1; 1 of 2 assessed"),
        (said("negative", "not_assessable", "negative"), "incomplete", "2 of 3 assessed"),
        (said("negative", None), "incomplete", "1 of 2 assessed"),
        (said("negative", "indeterminate"), "incomplete", "1 of 2 assessed, indeterminate: L2"),
        (said("not_assessable", "negative", "not_assessable", cut=(1, 3)), "negative", "negative"),
        (said("not_assessable", "not_assessable", cut=(1, 2)), "incomplete", "no complete vertebra in view"),
        (said("fracture", "negative", cut=(1,)), "fracture", "fracture at L1"),
        (said(), "incomplete", "no complete vertebra in view"),
    ],
)
def test_the_words_for_a_case(vertebrae, kind, text) -> None:
    verdict = case_verdict(vertebrae)
    assert (verdict.kind, verdict.text) == (kind, text)


@given(st.lists(st.tuples(st.sampled_from(VERDICTS), st.booleans()), max_size=12))
def test_a_case_is_never_negative_when_a_complete_vertebra_was_not_assessed(given_) -> None:
    vertebrae = [Assessed(f"v{n}", verdict, cut) for n, (verdict, cut) in enumerate(given_)]
    verdict = case_verdict(vertebrae)
    whole = [one for one in vertebrae if not one.cut]
    assert verdict.complete == len(whole)
    assert (verdict.kind == "fracture") == any(one.verdict == "fracture" for one in vertebrae)
    if verdict.kind == "negative":
        assert whole
        assert all(one.verdict == "negative" for one in whole)
        assert not verdict.missing
    if verdict.kind == "incomplete":
        assert "negative" not in verdict.text
    assert set(verdict.missing) == {one.name for one in whole if one.verdict in (None, "not_assessable")}


def test_a_word_that_is_no_verdict_is_refused() -> None:
    with pytest.raises(ValueError, match="no verdict on L1"):
        case_verdict([Assessed("L1", "positive")])
