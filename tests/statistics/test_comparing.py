"""Two readers on the same vertebrae, and the gate that a candidate must pass."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtri
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.codes import ABSENT, FRACTURE, INDETERMINATE, NEGATIVE
from labeling.statistics.comparing import compare, non_inferior

P, N = FRACTURE, NEGATIVE

PATIENTS, FRACTURES = 47, 91


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def simulated(rng, loss):
    """47 cases with 91 fractures and 5 negatives each; both readers see much the same, the second loses `loss`."""
    patient = np.concatenate([rng.integers(0, PATIENTS, FRACTURES), np.repeat(np.arange(PATIENTS), 5)])
    truth = np.concatenate([np.ones(FRACTURES, int), np.zeros(5 * PATIENTS, int)])
    shared = 0.4 * rng.normal(size=PATIENTS)[patient] + 0.85 * rng.normal(size=patient.size)

    def reader(sensitivity):
        noise = rng.normal(size=patient.size)
        seen = shared + 0.2 * noise
        share = np.where(truth == 1, sensitivity, 0.95)
        right = seen < ndtri(share) * np.sqrt(0.16 + 0.7225 + 0.04)
        return np.where(right, truth, 1 - truth)

    return reader(0.88), reader(0.88 - loss), truth, patient


def share_passed(loss, runs, seed, bootstrap):
    rng = np.random.default_rng(seed)
    passed = 0
    for _ in range(runs):
        first, second, truth, patient = simulated(rng, loss)
        passed += non_inferior(compare(first, second, truth, patient, bootstrap), 0.05, ("sensitivity",)).shown
    return passed / runs


def test_differences_are_second_minus_first_and_flips_are_counted():
    first = [P, P, N, N, P, N, N, N]
    second = [P, N, P, N, P, P, N, N]
    truth = [P, P, P, P, N, N, N, N]
    found = compare(first, second, truth, np.arange(8), PatientBootstrap(8, 400))
    sensitivity, specificity = found.rates["sensitivity"], found.rates["specificity"]
    assert (sensitivity.first, sensitivity.second, sensitivity.gained, sensitivity.lost) == (0.5, 0.5, 1, 1)
    assert (specificity.first, specificity.second, specificity.gained, specificity.lost) == (0.75, 0.5, 0, 1)
    assert specificity.difference.value == pytest.approx(-0.25)
    assert found.rates["accuracy"].difference.value == pytest.approx(-0.125)
    assert found.mcnemar["accuracy"] == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-1, 3)] * 3, st.integers(0, 9)), max_size=50), st.booleans())
def test_rates_follow_from_the_units_and_turn_with_the_readers(units, strict):
    first, second, truth, patient = np.array(units, np.int64).reshape(-1, 4).T
    bootstrap = PatientBootstrap(10, 60)
    how = "wrong" if strict else "left out"
    found = compare(first, second, truth, patient, bootstrap, undecided=how)
    turned = compare(second, first, truth, patient, bootstrap, undecided=how)
    assert json.dumps(found.as_json(), allow_nan=False)
    assert json.dumps(non_inferior(found, 0.05).as_json(), allow_nan=False)
    asked = np.isin(truth, (P, N))
    if not strict:
        asked &= np.isin(first, (P, N)) & np.isin(second, (P, N))
    assert found.units == asked.sum()
    for name, among in (("sensitivity", truth == P), ("specificity", truth == N)):
        one, back = found.rates[name], turned.rates[name]
        units_asked = asked & among
        if not units_asked.any():
            assert one.difference.value is None
            assert one.difference.note
            continue
        assert one.first == pytest.approx((first == truth)[units_asked].mean())
        assert one.second == pytest.approx((second == truth)[units_asked].mean())
        assert one.difference.value == pytest.approx(-back.difference.value)
        if one.difference.low is not None:
            assert one.difference.low == pytest.approx(-back.difference.high)
            assert one.difference.low <= one.difference.value <= one.difference.high


def test_a_version_cannot_gain_by_not_answering_where_undecided_is_wrong():
    first, truth = [P] * 20, [P] * 20
    second = [P] * 10 + [INDETERMINATE] * 5 + [ABSENT] * 5
    bootstrap = PatientBootstrap(20, 200)
    lenient = compare(first, second, truth, np.arange(20), bootstrap)
    assert (lenient.rates["sensitivity"].second, lenient.left_out) == (1.0, 10)
    strict = compare(first, second, truth, np.arange(20), bootstrap, undecided="wrong")
    assert (strict.rates["sensitivity"].second, strict.left_out) == (0.5, 0)


def test_mcnemar_is_for_cases_and_equals_statsmodels():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 80)
    first, second = (np.where(rng.random(80) < right, truth, 1 - truth) for right in (0.8, 0.6))
    found = compare(first, second, truth, np.arange(80), PatientBootstrap(80, 50))
    one = found.rates["accuracy"]
    table = [[0, one.lost], [one.gained, 0]]
    assert found.mcnemar["accuracy"] == pytest.approx(mcnemar(table, exact=True).pvalue, abs=1e-9)
    clustered = compare(first, second, truth, np.arange(80) // 2, PatientBootstrap(40, 50))
    assert clustered.mcnemar is None


def test_the_difference_of_areas_is_paired():
    rng = np.random.default_rng(6)
    truth = (rng.random(400) < 0.3).astype(int)
    patient = rng.integers(0, 60, 400)
    shared = 1.5 * truth + rng.normal(size=400)
    one, two = expit(shared), expit(shared + 0.1 * rng.normal(size=400))
    bootstrap = PatientBootstrap(60, 400)
    call = (one > 0.6).astype(int)
    found = compare(call, call, truth, patient, bootstrap, first_score=one, second_score=np.append(two[:-1], np.nan))
    theirs = metrics.roc_auc_score(truth[:-1], two[:-1]) - metrics.roc_auc_score(truth[:-1], one[:-1])
    assert found.auc.value == pytest.approx(theirs, abs=1e-9)
    assert found.auc.denominator == 399
    assert found.auc.high - found.auc.low < 0.03
    with pytest.raises(ValueError, match="one is missing"):
        compare(call, call, truth, patient, bootstrap, first_score=one)


def test_readers_that_never_differ_are_shown_only_with_enough_fractures():
    for fractures, shown in ((20, False), (91, True)):
        truth = np.ones(fractures, int)
        patient = np.arange(fractures) % 40
        found = compare(truth, truth, truth, patient, PatientBootstrap(40, 200))
        low = found.rates["sensitivity"].difference.low
        assert low < 0
        assert non_inferior(found, 0.05, ("sensitivity",)).shown is shown


def test_one_loss_never_looks_better_than_none():
    truth = np.ones(91, int)
    patient = np.arange(91) % 40
    lows = []
    for lost in range(8):
        second = truth.copy()
        second[:lost] = 0
        found = compare(truth, second, truth, patient, PatientBootstrap(40, 400))
        lows.append(found.rates["sensitivity"].difference.low)
    assert lows == sorted(lows, reverse=True)


def test_a_gate_that_cannot_decide_says_how_many_would():
    rng = np.random.default_rng(8)
    first, second, truth, patient = simulated(rng, 0.03)
    decision = non_inferior(compare(first, second, truth, patient, PatientBootstrap(PATIENTS, 400)), 0.02)
    line = decision.rates[0]
    assert (decision.word, line.shown) == ("not shown", False)
    assert line.patients_needed > PATIENTS
    assert "would decide; here are" in line.sentence
    assert f"{line.units_needed:,} fractures" in line.sentence
    assert json.dumps(decision.as_json(), allow_nan=False)


def test_too_few_patients_and_no_fracture_show_nothing():
    few = compare([P] * 90, [P] * 90, [P] * 90, np.arange(90) % 3, PatientBootstrap(3, 100))
    assert "3 patients carry it" in non_inferior(few, 0.05, ("sensitivity",)).rates[0].sentence
    empty = np.zeros(0, int)
    none = non_inferior(compare(empty, empty, empty, empty, PatientBootstrap(0)), 0.05)
    assert not none.shown
    assert "no fracture" in none.rates[0].sentence
    with pytest.raises(ValueError, match="margin"):
        non_inferior(few, 5)
    with pytest.raises(ValueError, match="differ in length"):
        compare([P], [P, N], [P], [0], PatientBootstrap(1))


def test_a_candidate_that_is_truly_worse_hardly_ever_passes_and_an_equal_one_often_does():
    bootstrap = PatientBootstrap(PATIENTS, 500, seed=1)
    assert share_passed(0.08, 200, 11, bootstrap) < 0.05
    assert share_passed(0.05, 200, 12, bootstrap) < 0.10
    assert share_passed(0.0, 200, 13, bootstrap) > 0.35


def test_the_patients_it_asks_for_do_decide():
    """As many patients as the formula says show an equal candidate in about four of five tests."""
    rng = np.random.default_rng(21)
    needed = [
        non_inferior(compare(*simulated(rng, 0.0), PatientBootstrap(PATIENTS, 300)), 0.05, ("sensitivity",))
        .rates[0]
        .patients_needed
        for _ in range(20)
    ]
    times = round(float(np.mean(needed)) / PATIENTS)
    bootstrap = PatientBootstrap(PATIENTS * times, 300)
    passed = 0
    for _ in range(60):
        parts = [simulated(rng, 0.0) for _ in range(times)]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        columns[3] = columns[3] + np.repeat(np.arange(times) * PATIENTS, len(parts[0][0]))
        passed += non_inferior(compare(*columns, bootstrap), 0.05, ("sensitivity",)).shown
    assert passed / 60 > 0.6
