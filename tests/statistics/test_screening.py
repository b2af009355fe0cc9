"""A reader at another place."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.rates import FN, FP, TN, TP, rate_of
from labeling.statistics.screening import any_false_alarm, at_your_place, npv_at, ppv_at

PAPER = (80, 12, 11, 227)


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def paper():
    """The paper's test set, spread over 47 patients; 35 of the fractures are A1, of which 28 were found."""
    reader = np.array([1] * 80 + [1] * 12 + [0] * 11 + [0] * 227)
    reference = np.array([1] * 80 + [0] * 12 + [1] * 11 + [0] * 227)
    kind = np.where(reference == 1, 3, 0)
    kind[:28] = 1
    kind[92:99] = 1
    patient = np.concatenate([np.arange(47), np.random.default_rng(0).integers(0, 47, 283)])
    return reader, reference, kind, patient


def test_the_papers_reader_at_the_prevalence_of_another_place():
    arrays = (*paper(), PatientBootstrap(47))
    here = at_your_place(*arrays, prevalence=91 / 330)
    there = at_your_place(*arrays, prevalence=0.054)
    assert f"{here.ppv.value:.0%} {there.ppv.value:.0%} {there.any_false_alarm.value:.0%}" == "87% 50% 58%"
    for one in (there.ppv, there.npv, there.false_alarms, there.any_false_alarm, there.missed_a1):
        assert one.low < one.value < one.high
    assert there.false_alarms.value == pytest.approx(1700 * 0.946 * 12 / 239)
    assert there.missed_a1.value == pytest.approx(1700 * 0.054 * (35 / 91) * (7 / 35))
    half = at_your_place(*arrays, prevalence=0.054, a1_share=35 / 182)
    assert half.missed_a1.value == pytest.approx(there.missed_a1.value / 2)


@given(st.tuples(*[st.integers(1, 50)] * 4))
def test_at_the_tables_own_prevalence_bayes_gives_its_predictive_values(table):
    se, sp, here = (float(rate_of(name, table)) for name in ("sensitivity", "specificity", "prevalence"))
    assert float(ppv_at(se, sp, here)) == pytest.approx(table[TP] / (table[TP] + table[FP]))
    assert float(npv_at(se, sp, here)) == pytest.approx(table[TN] / (table[TN] + table[FN]))


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.98))
def test_more_fractures_make_a_call_surer_and_more_vertebrae_a_false_alarm(se, sp, prevalence):
    assert ppv_at(se, sp, prevalence) <= ppv_at(se, sp, prevalence + 0.01)
    assert npv_at(se, sp, prevalence) >= npv_at(se, sp, prevalence + 0.01)
    assert any_false_alarm(sp, 5) <= any_false_alarm(sp, 6) <= 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.integers(-1, 6), st.integers(0, 5)), max_size=40),
    st.sampled_from([0.0, 0.054, 0.5, 1.0]),
)
def test_any_table_gives_numbers_or_sentences(units, prevalence):
    reader, reference, kind, patient = np.array(units, np.int64).reshape(-1, 4).T
    found = at_your_place(reader, reference, kind, patient, PatientBootstrap(6, 50), prevalence=prevalence)
    assert json.dumps(found.as_json(), allow_nan=False)
    for one in (found.ppv, found.npv, found.false_alarms, found.any_false_alarm, found.missed_a1):
        if one.value is None or one.low is None:
            assert one.note
        else:
            assert one.low - 1e-9 <= one.high
            assert math.isfinite(one.value)


def test_without_a_false_alarm_the_bounds_still_leave_room_for_some():
    _, reference, kind, patient = paper()
    found = at_your_place(reference, reference, kind, patient, PatientBootstrap(47, 200), prevalence=0.054)
    assert found.ppv.value == 1.0
    assert found.ppv.low < 0.6
    assert found.any_false_alarm.value == 0.0
    assert found.any_false_alarm.high > 0.5
    assert found.ppv.method == "Wilson over patients"


def test_a_prevalence_in_per_cent_and_no_vertebra_in_view_are_refused():
    arrays = (*paper(), PatientBootstrap(47, 50))
    with pytest.raises(ValueError, match="between 0 and 1"):
        at_your_place(*arrays, prevalence=5.4)
    with pytest.raises(ValueError, match="between 0 and 1"):
        at_your_place(*arrays, prevalence=0.054, a1_share=40)
    with pytest.raises(ValueError, match="vertebrae in view"):
        at_your_place(*arrays, prevalence=0.054, vertebrae=0)
    with pytest.raises(ValueError, match="differ in length"):
        at_your_place([1], [1, 0], [1], [0], PatientBootstrap(1, 5), prevalence=0.1)
