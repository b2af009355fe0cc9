"""Automation bias: what changes after the model is revealed, in which direction, right or wrong."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.codes import ABSENT, FRACTURE, INDETERMINATE, NEGATIVE
from labeling.statistics.reveals import reveals

F, N, I, O = FRACTURE, NEGATIVE, INDETERMINATE, ABSENT  # noqa: E741

#          before, after, model, truth, hidden
ROWS = [
    (N, F, F, F, False),  # toward, right
    (N, F, F, N, False),  # toward, wrong: followed a wrong model
    (F, N, F, F, False),  # away, wrong
    (N, I, F, O, False),  # elsewhere, no reference
    (N, N, F, N, False),  # stood by it against a wrong model
    (F, F, F, F, False),
    (N, N, N, N, False),
    (O, F, F, F, False),  # shown from the start
    (O, N, F, F, True),
    (O, N, N, N, True),
    (O, O, N, N, False),  # not read
    (N, N, O, N, False),  # the model said nothing
]


def told(rows=ROWS, patients=None):
    before, after, model, reference, hidden = (list(column) for column in zip(*rows, strict=True))
    patient = list(range(len(rows))) if patients is None else patients
    return reveals(before, after, model, reference, hidden, patient, PatientBootstrap(len(rows), 400))


def fraction(estimate):
    return estimate.numerator, estimate.denominator


def test_changes_are_counted_with_their_direction():
    found = told()
    assert fraction(found.changed) == (4, 7)
    assert fraction(found.toward) == (2, 4)
    assert fraction(found.away) == (1, 4)
    assert fraction(found.elsewhere) == (1, 4)
    assert fraction(found.followed) == (2, 4)
    assert fraction(found.abandoned) == (1, 3)


def test_right_and_wrong_are_counted_only_where_a_reference_exists():
    found = told()
    assert fraction(found.made_right) == (1, 3)
    assert fraction(found.made_wrong) == (2, 3)
    assert fraction(found.right_before) == (5, 6)
    assert fraction(found.right_after) == (4, 6)
    assert found.gain.value == pytest.approx(-1 / 6)
    assert fraction(found.followed_wrong) == (1, 2)


def test_reads_with_the_model_shown_stand_beside_the_hidden_share():
    found = told()
    assert fraction(found.agreement_with_model.hidden) == (1, 2)
    assert fraction(found.agreement_with_model.shown) == (5, 8)
    assert fraction(found.sensitivity.hidden) == (0, 1)
    assert fraction(found.sensitivity.shown) == (3, 4)
    assert fraction(found.specificity.shown) == (2, 3)
    assert found.sensitivity.difference.value == pytest.approx(0.75)


def test_without_a_reference_right_or_wrong_is_a_sentence():
    found = told([(b, a, m, O, h) for b, a, m, _, h in ROWS])
    assert found.made_right.value is None
    assert "right or wrong cannot be said" in found.made_right.note
    assert "right or wrong cannot be said" in found.gain.note
    assert fraction(found.changed) == (4, 7)


def test_nothing_revealed_nothing_hidden_and_nothing_at_all_are_sentences():
    empty = reveals([], [], [], [], [], [], PatientBootstrap(0))
    assert empty.changed.note == "No vertebra was read before and after a reveal."
    assert empty.toward.note == "No verdict was changed after the reveal."
    shown = told([row for row in ROWS if not row[4]])
    assert shown.sensitivity.difference.note == "In no case did the model stay hidden."
    json.dumps(empty.as_json(), allow_nan=False)


verdicts = st.integers(-1, 3)


@given(st.lists(st.tuples(verdicts, verdicts, verdicts, verdicts, st.booleans()), min_size=1, max_size=30))
def test_no_rows_give_nan_and_directions_sum_to_the_changes(rows):
    found = told(rows, [n % 3 for n in range(len(rows))])
    json.dumps(found.as_json(), allow_nan=False)
    directions = found.toward.numerator + found.away.numerator + found.elsewhere.numerator
    assert directions == found.changed.numerator


def test_a_reader_who_follows_the_model_half_the_time_is_found_within_the_interval():
    random = np.random.default_rng(4)
    size, patients = 6000, 300
    patient = np.repeat(np.arange(patients), size // patients)
    reference = random.binomial(1, 0.25, size)
    model = np.where(random.random(size) < 0.1, 1 - reference, reference)
    own = np.where(random.random(size) < 0.15, 1 - reference, reference)
    hidden = np.isin(patient, np.arange(0, patients, 5))
    follows = (random.random(size) < 0.5) & ~hidden
    after = np.where(follows, model, own)
    found = reveals(np.where(hidden, O, own), after, model, reference, hidden, patient, PatientBootstrap(patients))
    assert found.followed.low < 0.5 < found.followed.high
    assert found.abandoned.value == 0
    assert found.gain.low > 0
    # Hidden: 0.85 * 0.9 + 0.15 * 0.1 = 0.78; shown: half of the remaining 0.22 follows.
    difference = found.agreement_with_model.difference
    assert difference.low < 0.11 < difference.high


def test_unknown_codes_and_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="`after` holds another code"):
        reveals([0], [9], [0], [0], [False], [0], PatientBootstrap(1))
    with pytest.raises(ValueError, match="differ in length: before 2, after 1"):
        reveals([0, 0], [0], [0], [0], [False], [0], PatientBootstrap(1))
    with pytest.raises(ValueError, match="numbered from 0 to 0"):
        reveals([0], [0], [0], [0], [False], [1], PatientBootstrap(1))
