"""Curves, thresholds and calibration of a score."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics

from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.calibration import brier_score, calibrate
from labeling.statistics.curves import average_precision, curve, rank_scores, replicated, roc_auc
from labeling.statistics.thresholds import operating_point, threshold_of

#: Few distinct scores, so that ties are the rule.
tied = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=60)


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def scored(size=600, patients=80, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    truth = (rng.random(size) < 0.3).astype(int)
    score = expit(1.6 * truth - 1.2 + rng.normal(size=size))
    return np.round(score, 2) if ties else score, truth, rng.integers(0, patients, size)


@settings(max_examples=150, deadline=None)
@given(tied)
def test_areas_equal_those_of_scikit_learn_with_ties_and_with_weights(units):
    score, truth, weight = np.array(units, float).T
    truth = truth.astype(int)
    assume(0 < truth.sum() < truth.size)
    assert roc_auc(score, truth) == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-9)
    assert average_precision(score, truth) == pytest.approx(metrics.average_precision_score(truth, score), abs=1e-9)
    if weight[truth == 1].sum() and weight[truth == 0].sum():
        theirs = metrics.roc_auc_score(truth, score, sample_weight=weight)
        assert roc_auc(score, truth, weight) == pytest.approx(theirs, abs=1e-9)
        theirs = metrics.average_precision_score(truth, score, sample_weight=weight)
        assert average_precision(score, truth, weight) == pytest.approx(theirs, abs=1e-9)
    else:
        assert np.isnan(roc_auc(score, truth, weight))


@settings(max_examples=60, deadline=None)
@given(tied)
def test_the_area_does_not_change_under_a_rising_function_and_turns_with_the_score(units):
    score, truth, _ = np.array(units, float).T
    assume(0 < truth.sum() < truth.size)
    area = roc_auc(score, truth)
    assert roc_auc(np.exp(score) - 3, truth) == pytest.approx(area, abs=1e-12)
    assert roc_auc(-score, truth) == pytest.approx(1 - area, abs=1e-12)


def test_each_replicate_is_the_area_of_the_patients_drawn():
    score, truth, patient = scored(200, 25)
    bootstrap = PatientBootstrap(25, 40, seed=7)
    drawn = np.random.default_rng(7).integers(0, 25, (40, 25))
    found = replicated(rank_scores(score, truth, patient), bootstrap)
    for row, patients in enumerate(drawn):
        units = np.concatenate([np.flatnonzero(patient == one) for one in patients])
        assert found.auc[row] == pytest.approx(metrics.roc_auc_score(truth[units], score[units]), abs=1e-9)
        theirs = metrics.average_precision_score(truth[units], score[units])
        assert found.average_precision[row] == pytest.approx(theirs, abs=1e-9)


def test_the_corners_of_the_curve_are_those_of_scikit_learn():
    score, truth, patient = scored()
    found = curve(score, truth, patient, PatientBootstrap(80, 200))
    fpr, tpr, thresholds = metrics.roc_curve(truth, score, drop_intermediate=False)
    theirs = {(round(x, 12), round(y, 12)): limit for x, y, limit in zip(fpr, tpr, thresholds, strict=True)}
    ours = list(zip(found.fpr, found.tpr, found.thresholds, strict=True))
    assert ours[0] == (0.0, 0.0, None)
    assert ours[-1][:2] == (1.0, 1.0)
    for x, y, limit in ours[1:]:
        assert theirs[(round(x, 12), round(y, 12))] == limit
    assert metrics.auc(found.fpr, found.tpr) == pytest.approx(found.auc.value, abs=1e-9)


def test_the_band_lies_around_the_curve_and_the_interval_around_the_area():
    score, truth, patient = scored()
    found = curve(score, truth, patient, PatientBootstrap(80, 500))
    tpr = np.interp(found.grid, found.fpr, found.tpr)
    assert (np.array(found.tpr_low) <= tpr + 1e-12).all()
    assert (tpr <= np.array(found.tpr_high) + 1e-12).all()
    assert found.auc.low < found.auc.value < found.auc.high
    precision, recall, _ = metrics.precision_recall_curve(truth, score)
    for place, ours in zip(found.recall[1:], found.precision[1:], strict=True):
        # scikit-learn's points run from the lowest threshold up; the last with this recall has the highest threshold.
        assert ours == pytest.approx(precision[np.flatnonzero(recall >= place - 1e-12)[-1]], abs=1e-9)
    assert json.dumps(found.as_json(), allow_nan=False)


def test_units_without_a_score_or_a_truth_are_left_out_and_counted():
    score, truth, patient = scored(50, 10)
    more = curve(
        np.append(score, [np.nan, 0.5, 0.5]), np.append(truth, [1, 2, -1]), np.append(patient, [0, 1, 2]),
        PatientBootstrap(10, 50),
    )  # fmt: skip
    assert more.left_out == 3
    assert more.auc.value == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-9)
    with pytest.raises(ValueError, match="differ in length"):
        rank_scores([0.5], [1, 0])


@pytest.mark.parametrize("truth", [[], [1, 1, 1], [0, 0]])
def test_a_curve_of_one_class_or_of_nothing_is_a_sentence(truth):
    score, patient = np.linspace(0, 1, len(truth)), np.zeros(len(truth), int)
    found = curve(score, truth, patient, PatientBootstrap(1, 50))
    assert (found.auc.value, found.auc.low, found.fpr) == (None, None, ())
    assert found.note == "A curve needs both fractures and negatives with a score."
    assert threshold_of(score, truth).note == found.note
    assert json.dumps(found.as_json(), allow_nan=False)


def test_perfect_scores_have_an_area_of_one_and_say_that_resampling_says_nothing():
    truth = np.tile([1, 0], 20)
    found = curve(truth.astype(float), truth, np.repeat(np.arange(20), 2), PatientBootstrap(20, 100))
    assert (found.auc.value, found.auc.low) == (1.0, None)
    assert "resampling says nothing" in found.auc.note
    constant = curve(np.full(40, 0.3), truth, np.repeat(np.arange(20), 2), PatientBootstrap(20, 100))
    assert constant.auc.value == 0.5


@settings(max_examples=100, deadline=None)
@given(tied)
def test_youdens_threshold_is_the_best_of_all(units):
    score, truth, _ = np.array(units, float).T
    assume(0 < truth.sum() < truth.size)
    found = threshold_of(score, truth)
    fpr, tpr, _ = metrics.roc_curve(truth, score)
    assert found.sensitivity + found.specificity - 1 == pytest.approx(max((tpr - fpr)[1:]), abs=1e-9)
    called = score >= found.value
    assert found.sensitivity == pytest.approx(called[truth == 1].mean())


def test_of_two_equally_good_thresholds_the_one_that_misses_less_is_taken():
    found = threshold_of([0.9, 0.6, 0.4, 0.1], [1, 0, 1, 0])
    assert (found.value, found.sensitivity, found.specificity) == (0.4, 1.0, 0.5)


@settings(max_examples=100, deadline=None)
@given(tied, st.floats(0.01, 1))
def test_a_threshold_for_a_sensitivity_reaches_it_and_the_next_higher_does_not(units, at_least):
    score, truth, _ = np.array(units, float).T
    assume(0 < truth.sum() < truth.size)
    found = threshold_of(score, truth, "sensitivity", at_least)
    assert found.sensitivity >= at_least - 1e-9
    higher = score[score > found.value]
    if higher.size:
        assert (score >= higher.min())[truth == 1].mean() < at_least


def test_a_rule_without_its_number_is_refused():
    for rule, at_least in (("sensitivity", None), ("youden", 0.9), ("sensitivity", 1.5)):
        with pytest.raises(ValueError, match="sensitivity"):
            threshold_of([0.1, 0.9], [0, 1], rule, at_least)


def test_an_operating_point_lies_on_the_curve():
    score, truth, patient = scored()
    bootstrap = PatientBootstrap(80, 200)
    found = curve(score, truth, patient, bootstrap)
    place = len(found.fpr) // 2
    point = operating_point(np.append(score, np.nan), np.append(truth, 1), found.thresholds[place],
                            np.append(patient, 0), bootstrap)  # fmt: skip
    assert point.table.rates["sensitivity"].value == pytest.approx(found.tpr[place])
    assert point.table.rates["specificity"].value == pytest.approx(1 - found.fpr[place])
    assert point.left_out == 1


def test_the_brier_score_equals_that_of_scikit_learn():
    score, truth, patient = scored()
    weight = np.random.default_rng(5).random(score.size)
    assert brier_score(score, truth) == pytest.approx(metrics.brier_score_loss(truth, score), abs=1e-9)
    theirs = metrics.brier_score_loss(truth, score, sample_weight=weight)
    assert brier_score(score, truth, weight) == pytest.approx(theirs, abs=1e-9)
    found = calibrate(score, truth, patient, PatientBootstrap(80, 200))
    assert found.brier.value == pytest.approx(brier_score(score, truth), abs=1e-12)
    assert found.brier.low < found.brier.value < found.brier.high


def test_bins_hold_all_scores_and_give_the_expected_error():
    score, truth, patient = scored(ties=False)
    score[:2] = 0.0, 1.0
    found = calibrate(score, truth, patient, PatientBootstrap(80, 200), bins=5)
    place = np.minimum((score * 5).astype(int), 4)
    error = sum(abs(score[place == b].sum() - truth[place == b].sum()) for b in range(5)) / score.size
    assert found.expected_error.value == pytest.approx(error, abs=1e-12)
    assert [one.fractured.denominator for one in found.bins] == np.bincount(place, minlength=5).tolist()
    by_case = calibrate(score, truth, np.arange(score.size), None, bins=5)
    assert {one.fractured.method for one in by_case.bins} == {"Wilson"}
    assert "no interval" in by_case.brier.note


def test_intercept_and_slope_equal_those_of_statsmodels_clustered_by_patient():
    score, truth, patient = scored(ties=False)
    found = calibrate(score, truth, patient, PatientBootstrap(80, 50))
    x = logit(score)
    options = {"cov_type": "cluster", "cov_kwds": {"groups": patient, "use_correction": True}}
    slope = sm.GLM(truth, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200, **options)
    assert found.slope.value == pytest.approx(slope.params[1], abs=1e-9)
    level = sm.GLM(truth, np.ones((x.size, 1)), family=sm.families.Binomial(), offset=x).fit(
        tol=1e-14, maxiter=200, **options
    )
    assert found.intercept.value == pytest.approx(level.params[0], abs=1e-9)
    # statsmodels' factor also carries (N - 1) / (N - K).
    factor = np.sqrt((x.size - 1) / (x.size - 2))
    half = (found.slope.high - found.slope.low) / 2
    assert half * factor == pytest.approx(1.959963984540054 * slope.bse[1], abs=1e-8)
    half = (found.intercept.high - found.intercept.low) / 2
    assert half == pytest.approx(1.959963984540054 * level.bse[0], abs=1e-8)


def test_well_calibrated_scores_have_a_slope_of_one_and_bold_ones_less():
    rng = np.random.default_rng(2)
    score = rng.random(20_000)
    truth = (rng.random(20_000) < score).astype(int)
    patient = rng.integers(0, 2_000, 20_000)
    right = calibrate(score, truth, patient, None)
    assert right.slope.low < 1 < right.slope.high
    assert right.intercept.low < 0 < right.intercept.high
    bold = calibrate(expit(2 * logit(score)), truth, patient, None)
    assert bold.slope.value == pytest.approx(right.slope.value / 2, abs=1e-3)


@pytest.mark.parametrize(
    ("score", "truth", "note"),
    [
        ([], [], "both fractures and negatives"),
        ([0.2, 0.4], [1, 1], "both fractures and negatives"),
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], "separate"),
        ([0.5, 0.5, 0.5, 0.5], [0, 1, 1, 1], "All scores are alike"),
    ],
)
def test_calibration_that_is_not_defined_is_a_sentence(score, truth, note):
    found = calibrate(score, truth, np.arange(len(score)), PatientBootstrap(len(score), 50))
    assert found.slope.value is None
    assert note in found.slope.note
    assert json.dumps(found.as_json(), allow_nan=False)


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate([1.2], [1], [0], None)
    with pytest.raises(ValueError, match="one bin"):
        calibrate([0.2], [1], [0], None, bins=0)
