"""Rules of rounds, against the table of the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import RoundKind
from labeling.reading.rules import DEFAULTS, Rules, RulesRefused

TABLE = {
    # kind: unit, report, model, outlines, anatomy, required reads, wash-out
    "practice": ("slice", "after_lock", "after_lock", "shown", "pinned", 1, 0),
    "labelling": ("slice", "shown", "after_lock", "shown", "editable", 1, 0),
    "independent": ("vertebra", "hidden", "never", "hidden", "pinned", 2, 0),
    "repeat": ("vertebra", "hidden", "never", "hidden", "pinned", 1, 28),
    "consensus": ("vertebra", "hidden", "never", "shown", "pinned", 1, 28),
}


@pytest.mark.parametrize("kind", RoundKind)
def test_the_defaults_of_each_kind_are_those_of_the_protocol(kind: RoundKind) -> None:
    rules = DEFAULTS[kind]
    said = (rules.unit, rules.report, rules.model, rules.outlines, rules.anatomy, rules.required_reads)
    assert (*said, rules.washout_days) == TABLE[kind.value]
    assert Rules.parse(rules.as_json()) == rules


def test_labelling_draws_a_tenth_for_a_second_reader_and_hides_the_model_in_a_fifth() -> None:
    rules = DEFAULTS[RoundKind.LABELLING]
    assert (rules.second_reader_share, rules.model_hidden_share) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"colour": "red"}, "colour"),
        ({"unit": "pixel"}, "unit"),
        ({"report": "never"}, "report"),
        ({"model": "hidden"}, "model"),
        ({"outlines": True}, "outlines"),
        ({"anatomy": ""}, "anatomy"),
        ({"feedback": None}, "feedback"),
        ({"ao_required": 1}, "ao_required"),
        ({"required_reads": -1}, "required_reads"),
        ({"required_reads": True}, "required_reads"),
        ({"washout_days": 1.5}, "washout_days"),
        ({"second_reader_share": 1.1}, "second_reader_share"),
        ({"model_hidden_share": "0.2"}, "model_hidden_share"),
        ({"model": "shown", "model_hidden_share": 0.1}, "20%"),
    ],
)
def test_rules_that_are_not_exactly_right_are_refused_by_name(change: dict[str, Any], word: str) -> None:
    with pytest.raises(RulesRefused, match=word):
        Rules.parse({**DEFAULTS[RoundKind.LABELLING].as_json(), **change})


def test_a_rule_that_is_missing_is_named() -> None:
    rules = DEFAULTS[RoundKind.LABELLING].as_json()
    del rules["unit"]
    with pytest.raises(RulesRefused, match=r"^These rules are missing: unit\.$"):
        Rules.parse(rules)
