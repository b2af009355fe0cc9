"""Rates of a 2x2 table, and what is printed of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from labeling.statistics.estimates import wilson
from labeling.statistics.printed import check_printed, check_table
from labeling.statistics.proportions import mcnemar_exact, newcombe
from labeling.statistics.rates import FN, FP, FRACTIONS, LABELS, RATES, TN, TP, rate_of

PAPER = (80, 12, 11, 227)

counts = st.tuples(*[st.integers(0, 40)] * 4)


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def units(table):
    tp, fp, fn, tn = table
    truth = np.array([1] * tp + [0] * fp + [1] * fn + [0] * tn)
    called = np.array([1] * tp + [1] * fp + [0] * fn + [0] * tn)
    return truth, called


def test_the_papers_counts_give_the_digits_it_should_print():
    expected = {
        "sensitivity": 87.91, "specificity": 94.98, "accuracy": 93.03, "ppv": 86.96, "npv": 95.38,
        "false_discovery": 13.04, "false_omission": 4.62, "prevalence": 27.58,
    }  # fmt: skip
    for name, percent in expected.items():
        assert round(100 * float(rate_of(name, PAPER)), 2) == percent
    assert round(float(rate_of("f_score", PAPER)), 2) == 0.87
    assert round(float(rate_of("lr_positive", PAPER)), 2) == 17.51
    assert round(float(rate_of("lr_negative", PAPER)), 3) == 0.127
    assert list(RATES) == list(LABELS)


def test_what_the_paper_truncates_is_named_and_what_it_gets_wrong_too():
    checks = check_table(
        PAPER,
        {"sensitivity": "87.9", "specificity": "94.9", "accuracy": "93.0", "ppv": "86.9", "npv": "95.3",
         "f_score": "0.87", "prevalence": "24.2"},
    )  # fmt: skip
    assert {one.name: one.verdict for one in checks} == {
        "sensitivity": "right", "specificity": "truncated", "accuracy": "right", "ppv": "truncated",
        "npv": "truncated", "f_score": "right", "prevalence": "wrong",
    }  # fmt: skip
    by_name = {one.name: one for one in checks}
    assert by_name["specificity"].sentence == "Specificity: 94.9 is truncated; 94.98 rounds to 95.0."
    assert by_name["prevalence"].follows == "27.6"
    assert check_printed("cases right", "80.8", 38 / 47, percent=True).verdict == "truncated"
    assert check_printed("specificity of H.W.", "94.5", 226 / 239, percent=True).verdict == "truncated"


def test_a_printed_word_and_an_unknown_rate_are_refused_and_an_undefined_rate_is_named():
    with pytest.raises(ValueError, match="no number"):
        check_printed("ppv", "high", 0.5)
    with pytest.raises(ValueError, match="no such rate"):
        check_table(PAPER, {"skill": "1"})
    assert check_table((0, 0, 3, 4), {"ppv": "1"})[0].verdict == "undefined"


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="four counts"):
        rate_of("ppv", [1, 2, 3])


@settings(max_examples=150, deadline=None)
@given(counts)
def test_rates_equal_those_of_scikit_learn(table):
    truth, called = units(table)
    tp, fp, fn, tn = table
    pairs = {
        "sensitivity": (tp + fn, lambda: metrics.recall_score(truth, called)),
        "specificity": (fp + tn, lambda: metrics.recall_score(truth, called, pos_label=0)),
        "ppv": (tp + fp, lambda: metrics.precision_score(truth, called)),
        "npv": (fn + tn, lambda: metrics.precision_score(truth, called, pos_label=0)),
        "accuracy": (sum(table), lambda: metrics.accuracy_score(truth, called)),
        "f_score": (tp + fp + fn, lambda: metrics.f1_score(truth, called)),
        "matthews": (
            (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn),
            lambda: metrics.matthews_corrcoef(truth, called),
        ),
        "balanced_accuracy": (
            (tp + fn) * (tn + fp),
            lambda: metrics.balanced_accuracy_score(truth, called),
        ),
    }
    for name, (defined, theirs) in pairs.items():
        ours = float(rate_of(name, table))
        if defined:
            assert ours == pytest.approx(theirs(), abs=1e-9)
        else:
            assert np.isnan(ours)


def test_weighted_rates_and_likelihood_ratios_equal_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    truth, called = units(PAPER)
    weight = rng.random(truth.size)
    both = truth * 2 + called
    table = np.zeros(4)
    for cell, code in ((TP, 3), (FP, 1), (FN, 2), (TN, 0)):
        table[cell] = weight[both == code].sum()
    ours = {name: float(rate_of(name, table)) for name in RATES}
    assert ours["sensitivity"] == pytest.approx(metrics.recall_score(truth, called, sample_weight=weight), abs=1e-9)
    assert ours["ppv"] == pytest.approx(metrics.precision_score(truth, called, sample_weight=weight), abs=1e-9)
    assert ours["f_score"] == pytest.approx(metrics.f1_score(truth, called, sample_weight=weight), abs=1e-9)
    assert ours["matthews"] == pytest.approx(metrics.matthews_corrcoef(truth, called, sample_weight=weight), abs=1e-9)
    theirs = metrics.class_likelihood_ratios(truth, called, sample_weight=weight)
    assert (ours["lr_positive"], ours["lr_negative"]) == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(counts, min_size=1, max_size=6))
def test_many_tables_at_once_give_what_each_gives_alone(tables):
    for name in RATES:
        together = rate_of(name, np.array(tables).reshape(1, -1, 4))
        alone = [float(rate_of(name, table)) for table in tables]
        np.testing.assert_array_equal(together[0], alone)


@given(counts)
def test_complementary_rates_add_up_to_one(table):
    for one, other in (("ppv", "false_discovery"), ("npv", "false_omission")):
        total = float(rate_of(one, table) + rate_of(other, table))
        assert np.isnan(total) or total == pytest.approx(1)
    assert all(np.isnan(rate_of(name, (0, 0, 0, 0))) for name in RATES)
    assert set(FRACTIONS) < set(RATES)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilson_equals_statsmodels(n, data):
    k = data.draw(st.integers(0, n))
    assert wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.data())
def test_newcombe_equals_statsmodels(n_first, n_second, data):
    k_first, k_second = data.draw(st.integers(0, n_first)), data.draw(st.integers(0, n_second))
    theirs = confint_proportions_2indep(k_second, n_second, k_first, n_first, method="newcomb", compare="diff")
    assert newcombe(k_first, n_first, k_second, n_second) == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_statsmodels(only_first, only_second):
    ours = mcnemar_exact(only_first, only_second)
    if only_first + only_second:
        theirs = mcnemar([[5, only_first], [only_second, 7]], exact=True).pvalue
        assert ours == pytest.approx(theirs, abs=1e-9)
    else:
        assert ours == 1


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="0 or more"):
        mcnemar_exact(-1, 3)
