"""The bootstrap by patient, and the estimates made from it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from statsmodels.stats.proportion import proportion_confint

from labeling.statistics.bootstrap import PatientBootstrap, interval, per_patient
from labeling.statistics.estimates import (
    ALIKE,
    CHANCE_HELD,
    TOO_FEW,
    WILSON_OVER_PATIENTS,
    Estimate,
    bootstrap_method,
    coefficient,
    missing,
    plain,
    quotient,
    rate,
    wilson,
    wilson_rate,
)
from labeling.statistics.pairs import agree

pytestmark = pytest.mark.filterwarnings("error")


@given(
    counts=arrays.arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.integers(0, 40)),
    seed=st.integers(0, 1000),
)
def test_a_replicate_is_the_sum_over_the_patients_drawn(counts, seed):
    drawn = np.random.default_rng(seed).integers(0, len(counts), (30, len(counts)))
    assert np.array_equal(PatientBootstrap(len(counts), 30, seed).totals(counts), counts[drawn].sum(axis=1))


def test_a_draw_made_in_many_blocks_is_the_same_draw():
    patients, replicates = 5000, 2000
    counts = np.random.default_rng(3).poisson(0.4, (patients, 2))
    totals = PatientBootstrap(patients, replicates, seed=7).totals(counts)
    drawn = np.random.default_rng(7).integers(0, patients, (replicates, patients))
    assert all(np.array_equal(totals[row], counts[drawn[row]].sum(axis=0)) for row in (0, 837, 838, 1999))


def test_real_numbers_and_large_counts_are_summed_in_double_precision():
    bootstrap = PatientBootstrap(4, 50, seed=1)
    drawn = np.random.default_rng(1).integers(0, 4, (50, 4))
    large = np.array([[16_777_217], [3], [0], [1]])
    assert np.array_equal(bootstrap.totals(large), large[drawn].sum(axis=1))
    shares = np.array([[0.1], [1 / 3], [0.0], [2.5]])
    np.testing.assert_allclose(bootstrap.totals(shares), shares[drawn].sum(axis=1), rtol=0, atol=1e-12)


def test_totals_keep_the_shape_of_tables_and_leave_their_input_alone():
    counts = np.arange(24).reshape(3, 2, 2, 2)
    before = counts.copy()
    assert PatientBootstrap(3, 10).totals(counts).shape == (10, 2, 2, 2)
    assert np.array_equal(counts, before)


def test_what_uses_one_instance_is_paired():
    bootstrap = PatientBootstrap(40, 100, seed=5)
    counts = np.random.default_rng(0).integers(0, 9, (40, 3))
    assert np.array_equal(bootstrap.totals(counts)[:, 1], bootstrap.totals(counts[:, 1:2])[:, 0])
    assert np.array_equal(bootstrap.totals(counts), PatientBootstrap(40, 100, seed=5).totals(counts))


def test_no_patients_and_empty_tables_give_zeros():
    assert np.array_equal(PatientBootstrap(0, 5).totals(np.zeros((0, 4), int)), np.zeros((5, 4)))
    assert np.array_equal(PatientBootstrap(3, 5).totals(np.zeros((3, 4), int)), np.zeros((5, 4)))
    assert PatientBootstrap(3, 5).totals(np.zeros((3, 0), int)).shape == (5, 0)


def test_counts_of_another_number_of_patients_are_refused():
    with pytest.raises(ValueError, match="Counts of 3 patients are needed"):
        PatientBootstrap(3, 5).totals(np.zeros((4, 2)))


@pytest.mark.parametrize(("patients", "replicates"), [(-1, 10), (4, 0)])
def test_an_impossible_bootstrap_is_refused(patients: int, replicates: int):
    with pytest.raises(ValueError, match="A bootstrap needs"):
        PatientBootstrap(patients, replicates)


@given(
    rows=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 4)), max_size=40),
)
def test_counts_per_patient_are_those_of_a_plain_loop(rows):
    expected = np.zeros((5, 4), int)
    for code, patient in rows:
        if code >= 0:
            expected[patient, code] += 1
    codes, patients = [row[0] for row in rows], [row[1] for row in rows]
    assert np.array_equal(per_patient(codes, patients, 5, 4), expected)


@pytest.mark.parametrize(
    ("codes", "patient", "sentence"),
    [
        ([0, 1], [0], "each vertebra needs one of both"),
        ([4], [0], "Cells are numbered from 0 to 3"),
        ([-2], [0], "Cells are numbered from 0 to 3"),
        ([0], [2], "Patients are numbered from 0 to 1"),
        ([0], [-1], "Patients are numbered from 0 to 1"),
    ],
)
def test_cells_and_patients_out_of_range_are_refused(codes, patient, sentence):
    with pytest.raises(ValueError, match=sentence):
        per_patient(codes, patient, 2, 4)


@given(
    values=arrays.arrays(np.float64, st.integers(1, 300), elements=st.floats(-5, 5)),
    level=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_an_interval_is_that_of_numpys_percentile(values, level):
    tail = 50 * (1 - level)
    np.testing.assert_allclose(interval(values, level), np.percentile(values, [tail, 100 - tail]), rtol=0, atol=1e-9)


def test_undefined_replicates_are_left_out_up_to_one_in_twenty():
    values = np.linspace(0, 1, 100)
    values[:5] = np.nan
    assert interval(values) == pytest.approx(tuple(np.percentile(values[5:], [2.5, 97.5])))
    values[5] = np.nan
    assert interval(values) is None
    assert interval([]) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval([1.0], 95)


# Newcombe, Stat Med 1998;17:857, Table I, method 3
@pytest.mark.parametrize(
    ("numerator", "denominator", "printed"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_wilsons_interval_prints_newcombes_examples(numerator, denominator, printed):
    assert tuple(round(bound, 4) for bound in wilson(numerator, denominator)) == printed


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_equals_statsmodels(fraction):
    expected = proportion_confint(*fraction, method="wilson")
    assert wilson(*fraction) == pytest.approx(expected, abs=1e-9)
    estimate = wilson_rate(*fraction)
    assert (estimate.low, estimate.high) == wilson(*fraction)
    assert estimate.low <= estimate.value <= estimate.high


def test_a_rate_at_its_edge_takes_wilsons_bound_over_patients():
    ones, zeros = np.ones(100), np.zeros(100)
    all_found = rate(60, 60, ones, patients=20)
    assert (all_found.value, all_found.low, all_found.high) == (1.0, wilson(20, 20)[0], 1.0)
    none_found = rate(0, 60, zeros, patients=20)
    assert (none_found.value, none_found.low, none_found.high) == (0.0, 0.0, wilson(0, 20)[1])
    assert all_found.method == none_found.method == WILSON_OVER_PATIENTS


def test_a_rate_within_says_how_its_interval_was_made():
    estimate = rate(3, 4, np.linspace(0.5, 1, 2000), patients=4)
    assert estimate.value == 0.75
    assert (estimate.numerator, estimate.denominator) == (3, 4)
    assert estimate.method == bootstrap_method(2000) == "percentile bootstrap over patients, 2,000 replicates"
    assert json.loads(json.dumps(estimate.as_json())) == estimate.as_json()


def test_what_is_undefined_has_a_sentence_instead_of_a_number():
    assert rate(0, 0, np.full(10, np.nan), patients=0, empty="No fracture.") == Estimate(
        None, numerator=0, denominator=0, note="No fracture."
    )
    assert coefficient(np.nan, np.full(10, np.nan), undefined="Constant.").note == "Constant."
    assert wilson_rate(0, 0, empty="No case.").note == "No case."
    assert plain(float("nan"), note="Why.") == missing("Why.")
    assert plain(0.5).value == 0.5


def test_a_value_without_a_usable_draw_keeps_its_value_and_says_why_it_has_no_interval():
    few = coefficient(0.4, np.r_[np.full(10, np.nan), np.linspace(0, 1, 90)])
    assert (few.value, few.low, few.high, few.note) == (0.4, None, None, TOO_FEW)
    alike = coefficient(0.4, np.full(50, 0.4))
    assert (alike.value, alike.low, alike.note) == (0.4, None, ALIKE)


def test_a_perfect_coefficient_is_bounded_by_wilson_with_chance_held():
    perfect = coefficient(1.0, np.ones(50), chance=0.5, patients=30)
    assert perfect.low == pytest.approx((wilson(30, 30)[0] - 0.5) / 0.5)
    assert (perfect.high, perfect.method) == (1.0, CHANCE_HELD)


def test_a_quotient_over_nothing_is_nan_without_a_warning():
    result = quotient([1, 0, 3], [2, 0, 0])
    assert result[0] == 0.5
    assert np.isnan(result[1:]).all()


def test_intervals_hold_the_truth_in_nineteen_of_twenty_simulated_studies():
    """Clustered twice over: fractures come in patients, and hard patients mislead both readers at once."""
    runs, patients, size = 400, 120, 7
    bounds = {"observed": 0, "kappa": 0, "ac1": 0, "positive": 0}
    # P(yes) of a reader by difficulty (even, hard) and truth (negative, fracture); fractures: beta(1, 3), mean 1/4
    yes = np.array([[0.03, 0.95], [0.15, 0.7]])
    share = np.array([0.75, 0.25])
    each = 0.5 * share[np.newaxis, :]
    joint = np.array(
        [
            [(each * (1 - yes) ** 2).sum(), (each * (1 - yes) * yes).sum()],
            [(each * (1 - yes) * yes).sum(), (each * yes**2).sum()],
        ]
    )
    margin = joint[1].sum()
    agreed, by_chance = np.trace(joint), margin**2 + (1 - margin) ** 2
    gwet = 2 * margin * (1 - margin)
    truth = {
        "observed": agreed,
        "kappa": (agreed - by_chance) / (1 - by_chance),
        "ac1": (agreed - gwet) / (1 - gwet),
        "positive": joint[1, 1] / margin,
    }
    patient = np.repeat(np.arange(patients), size)
    for run in range(runs):
        rng = np.random.default_rng([11, run])
        fractured = (rng.random((patients, size)) < rng.beta(1, 3, (patients, 1))).astype(int)
        hard = rng.integers(0, 2, (patients, 1))
        said = (rng.random((2, patients, size)) < yes[hard, fractured]).astype(np.int8).reshape(2, -1)
        level = np.full(said.shape[1], "")
        found = agree(*said, *said, level, patient, PatientBootstrap(patients, 600, seed=run)).fracture
        for name in bounds:
            estimate = getattr(found, name)
            bounds[name] += estimate.low <= truth[name] <= estimate.high
    coverage = {name: held / runs for name, held in bounds.items()}
    assert all(0.92 <= held <= 0.98 for held in coverage.values()), coverage
