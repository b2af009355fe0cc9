"""Agreement of more than two readers: published examples, statsmodels, and plain definitions."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from statsmodels.stats.inter_rater import fleiss_kappa as their_fleiss

from labeling.statistics.agreement import AO_WEIGHTS, gwet_ac1, gwet_ac2
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.reliability import (
    coincidences,
    fleiss_kappa,
    krippendorff_alpha,
    many_ac2,
    rating_sums,
    reliability,
)

pytestmark = pytest.mark.filterwarnings("error")

NAN = np.nan

# Krippendorff, "Computing Krippendorff's alpha-reliability", 2011: four observers, twelve units, five categories
FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)

# The worked example of Fleiss' kappa that is most widely printed: ten subjects, fourteen raters, five categories
TEN_SUBJECTS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)


def counted(data: np.ndarray, categories) -> np.ndarray:
    return np.stack([(data == category).sum(axis=0) for category in categories], axis=-1)


def test_krippendorffs_own_example_comes_out_to_the_printed_digit():
    matrix = coincidences(counted(FOUR_OBSERVERS, range(1, 6))).sum(axis=0)
    steps = np.subtract.outer(np.arange(5), np.arange(5)) ** 2
    assert round(float(krippendorff_alpha(matrix)), 3) == 0.743
    assert round(float(krippendorff_alpha(matrix, "ordinal")), 3) == 0.815
    assert round(float(krippendorff_alpha(matrix, steps)), 3) == 0.849
    assert matrix.sum() == 40, "his matrix of coincidences sums to 40 values"


def test_gwets_ac1_and_fleiss_kappa_of_the_same_example():
    sums = rating_sums(counted(FOUR_OBSERVERS, range(1, 6)), np.eye(5)).sum(axis=0)
    assert round(float(many_ac2(sums, np.eye(5))), 3) == 0.775
    assert round(float(fleiss_kappa(sums)), 3) == 0.761


def test_the_example_of_fleiss_kappa_comes_out_to_the_printed_digit():
    assert round(float(fleiss_kappa(rating_sums(TEN_SUBJECTS, np.eye(5)).sum(axis=0))), 3) == 0.210


@st.composite
def complete_ratings(draw):
    readers, categories = draw(st.integers(2, 6)), draw(st.integers(2, 5))
    said = draw(arrays.arrays(np.int64, (readers, draw(st.integers(1, 20))), elements=st.integers(0, categories - 1)))
    return counted(said, range(categories))


@given(complete_ratings().filter(lambda ratings: (ratings.sum(axis=0) > 0).sum() > 1))
def test_fleiss_kappa_equals_statsmodels(ratings):
    ours = fleiss_kappa(rating_sums(ratings, np.eye(ratings.shape[1])).sum(axis=0))
    assert ours == pytest.approx(their_fleiss(ratings), abs=1e-9)


@given(complete_ratings().filter(lambda ratings: (ratings.sum(axis=0) > 0).sum() > 1))
def test_nominal_alpha_follows_from_fleiss_kappa_where_no_answer_is_missing(ratings):
    """Both rest on one agreement; alpha corrects for the finite number n of answers: 1 - alpha = (1 - kappa)(n-1)/n."""
    alpha = krippendorff_alpha(coincidences(ratings).sum(axis=0))
    answers = ratings.sum()
    assert 1 - alpha == pytest.approx((1 - their_fleiss(ratings)) * (answers - 1) / answers, abs=1e-9)


@given(
    arrays.arrays(np.int64, (3, 12), elements=st.integers(-1, 3)),
    st.sampled_from(["nominal", "ordinal"]),
)
def test_alpha_follows_its_definition_pair_by_pair(said, metric):
    units = [[value for value in column if value >= 0] for column in said.T]
    values = [value for unit in units if len(unit) > 1 for value in unit]
    margins = np.bincount(np.array(values, int), minlength=4)

    def apart(a: int, b: int) -> float:
        if metric == "nominal":
            return float(a != b)
        low, high = min(a, b), max(a, b)
        return (margins[low : high + 1].sum() - (margins[low] + margins[high]) / 2) ** 2

    observed = sum(
        apart(unit[i], unit[j]) / (len(unit) - 1)
        for unit in units
        for i in range(len(unit))
        for j in range(len(unit))
        if i != j
    )
    expected = sum(apart(a, b) for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    ours = krippendorff_alpha(coincidences(counted(said, range(4))).sum(axis=0), metric)
    if expected == 0:
        assert np.isnan(ours)
    else:
        total = len(values)
        assert ours == pytest.approx(1 - (observed / total) / (expected / (total * (total - 1))), abs=1e-9)


@given(arrays.arrays(np.int64, (2, 15), elements=st.integers(0, 4)))
def test_gwets_coefficients_of_two_readers_are_those_of_their_table(said):
    table = np.zeros((5, 5), int)
    np.add.at(table, (said[0], said[1]), 1)
    ratings = counted(said, range(5))
    plain, weights = np.eye(5), np.array(AO_WEIGHTS)
    assert many_ac2(rating_sums(ratings, plain).sum(axis=0), plain) == pytest.approx(gwet_ac1(table), abs=1e-9)
    ours = many_ac2(rating_sums(ratings, weights).sum(axis=0), weights)
    assert ours == pytest.approx(gwet_ac2(table, weights), abs=1e-9)


def test_metrics_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="no metric named"):
        krippendorff_alpha(np.eye(3), "cosine")
    with pytest.raises(ValueError, match="do not fit 3 categories"):
        krippendorff_alpha(np.eye(3), np.eye(2))


def test_the_whole_answer_of_many_readers_rests_on_their_yes_and_no():
    rng = np.random.default_rng(8)
    patient = rng.integers(0, 50, 350)
    fractured = rng.random(350) < 0.3
    verdicts = np.where(fractured, rng.random((5, 350)) < 0.9, rng.random((5, 350)) < 0.05).astype(np.int8)
    verdicts[rng.random((5, 350)) < 0.2] = -1
    verdicts[rng.random((5, 350)) < 0.05] = 2
    types = rng.choice([-1, 1, 2, 3, 4, 5], (5, 350)).astype(np.int8)
    found = reliability(verdicts, types, patient, PatientBootstrap(50, 400))
    ratings = counted(np.where(np.isin(verdicts, (0, 1)), verdicts, -1), (0, 1))
    alpha = krippendorff_alpha(coincidences(ratings).sum(axis=0))
    assert found.readers == 5
    assert found.fracture.alpha.value == pytest.approx(float(alpha), abs=1e-9)
    assert found.fracture.alpha.low < found.fracture.alpha.value < found.fracture.alpha.high
    assert found.fracture.compared == (ratings.sum(axis=1) > 1).sum()
    assert found.fracture.answers == ratings[ratings.sum(axis=1) > 1].sum()
    assert found.ao_weighted.weights_name == "ao"
    assert found.ao_weighted.ac2 is not None
    assert found.ao_ordinal.categories == ("none", "A1", "A3", "A4")
    assert found.ao_ordinal.ac2 is found.fracture.ac2 is None
    assert len(found.ao_nominal.categories) == 7


@given(
    verdicts=arrays.arrays(np.int8, (3, 12), elements=st.integers(-1, 3)),
    aos=arrays.arrays(np.int8, (3, 12), elements=st.integers(-1, 6)),
)
def test_any_readers_get_numbers_or_sentences_and_never_nan(verdicts, aos):
    found = reliability(verdicts, aos, np.arange(12) // 3, PatientBootstrap(4, 40)).as_json()
    json.dumps(found, allow_nan=False)
    for name in ("fracture", "ao_nominal", "ao_weighted", "ao_ordinal"):
        for coefficient in ("alpha", "fleiss_kappa", "ac1"):
            estimate = found[name][coefficient]
            assert estimate["value"] is not None or estimate["note"].endswith(".")
            assert estimate["value"] is None or estimate["value"] <= 1


def test_readers_who_all_say_the_same_get_one_or_a_sentence():
    patient = np.arange(40) // 2
    none = np.zeros((3, 40))
    bootstrap = PatientBootstrap(20, 100)
    negative = reliability(none, none, patient, bootstrap)
    assert negative.fracture.alpha.value is None
    assert "same answer throughout" in negative.fracture.alpha.note
    assert negative.fracture.ac1.value == 1
    mixed = np.tile(np.arange(40) % 2, (3, 1))
    agreed = reliability(mixed, mixed, patient, bootstrap).fracture
    assert (agreed.alpha.value, agreed.alpha.high) == (1.0, 1.0)
    assert 0 < agreed.alpha.low < 1
    assert agreed.fleiss_kappa.value == agreed.ac1.value == 1.0


def test_one_reader_or_nobody_gets_a_sentence():
    one = reliability(np.ones((1, 4)), np.ones((1, 4)), [0, 0, 1, 1], PatientBootstrap(2, 10))
    assert "nothing to compare" in one.fracture.alpha.note
    empty = reliability(np.zeros((3, 0)), np.zeros((3, 0)), [], PatientBootstrap(0, 10))
    assert "nothing to compare" in empty.ao_weighted.alpha.note
    with pytest.raises(ValueError, match="several readers"):
        reliability(np.zeros(4), np.zeros(4), [0, 0, 1, 1], PatientBootstrap(2, 10))
    with pytest.raises(ValueError, match="Patients have the shape"):
        reliability(np.zeros((2, 4)), np.zeros((2, 4)), [0, 0, 1], PatientBootstrap(2, 10))
