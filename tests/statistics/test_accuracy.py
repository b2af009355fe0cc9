"""A reader against the reference."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.statistics.accuracy import judge
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.codes import (
    A1,
    A2,
    ABSENT,
    FRACTURE,
    INDETERMINATE,
    NEGATIVE,
    NO_TYPE,
    NONE,
    NOT_ASSESSABLE,
    C,
)
from labeling.statistics.segmentation import segmentation

P, N, I, X, O = FRACTURE, NEGATIVE, INDETERMINATE, NOT_ASSESSABLE, ABSENT  # noqa: E741


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def ask(reader, reference, ao=None, level=None, patient=None, unit="vertebra", replicates=200, **more):
    size = len(reader)
    patient = np.arange(size) if patient is None else np.asarray(patient)
    ao = [A1 if verdict == P else NONE for verdict in reference] if ao is None else ao
    bootstrap = PatientBootstrap(int(patient.max()) + 1 if size else 0, replicates)
    return judge(reader, reference, ao, [""] * size if level is None else level, patient, bootstrap, unit, **more)


def numbers(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, float):
        yield value


def paper(seed=0):
    reader = np.array([1] * 80 + [1] * 12 + [0] * 11 + [0] * 227)
    reference = np.array([1] * 80 + [0] * 12 + [1] * 11 + [0] * 227)
    patient = np.concatenate([np.arange(47), np.random.default_rng(seed).integers(0, 47, 283)])
    return reader, reference, patient


def test_the_papers_table_two_is_printed_from_its_counts():
    reader, reference, patient = paper()
    found = ask(reader, reference, patient=patient, case=patient)
    assert found.table.counts == (80, 12, 11, 227)
    shown = {name: one.value for name, one in found.table.rates.items()}
    assert f"{shown['sensitivity']:.1%} {shown['specificity']:.1%} {shown['accuracy']:.1%}" == "87.9% 95.0% 93.0%"
    assert f"{shown['ppv']:.1%} {shown['npv']:.1%} {shown['f_score']:.2f}" == "87.0% 95.4% 0.87"
    assert f"{shown['prevalence']:.1%}" == "27.6%"
    assert found.false_alarms.per_examination.value == pytest.approx(12 / 47)
    for one in found.table.rates.values():
        assert one.low < one.value < one.high
        assert one.method == "percentile bootstrap over patients, 200 replicates"


def test_two_fractures_in_lost_vertebrae_stay_in_the_denominator_of_the_second_line():
    reader, reference, patient = paper()
    reader = np.append(reader, [O] * 9)
    reference = np.append(reference, [P] * 2 + [N] * 7)
    patient = np.append(patient, np.arange(9))
    found = ask(reader, reference, patient=patient)
    assert (found.table.rates["sensitivity"].numerator, found.table.rates["sensitivity"].denominator) == (80, 91)
    assert (found.intention.numerator, found.intention.denominator) == (80, 93)
    assert f"{found.intention.value:.1%}" == "86.0%"
    assert (found.apart.absent_positives, found.apart.absent_negatives) == (2, 7)


def test_indeterminate_and_not_assessable_are_counted_apart_with_both_worst_cases():
    reader = [P, N, N, P, I, I, X, X, O]
    reference = [P, P, N, N, P, N, P, N, P]
    found = ask(reader, reference)
    assert found.table.counts == (1, 1, 1, 1)
    apart = found.apart
    assert (apart.indeterminate_positives, apart.indeterminate_negatives) == (1, 1)
    assert (apart.not_assessable_positives, apart.not_assessable_negatives, apart.absent_positives) == (1, 1, 1)
    assert found.worst["against"].counts == (1, 3, 3, 1)
    assert found.worst["for"].counts == (3, 1, 1, 3)
    assert (found.intention.numerator, found.intention.denominator) == (1, 4)


def test_what_the_reference_does_not_decide_is_in_no_table():
    found = ask([P, P, P, N], [I, X, O, N])
    assert found.table.counts == (0, 0, 0, 1)
    assert (found.apart.reference_undecided, found.apart.reference_absent) == (2, 1)


def test_the_headline_gives_k_of_n_for_each_type():
    found = ask([P, N, P, X, O, I, P], [P] * 7, ao=[A1, A1, A2, A1, A1, A1, C])
    line = found.by_type["A1"]
    assert (line.sensitivity.numerator, line.sensitivity.denominator) == (1, 2)
    assert (line.kept.numerator, line.kept.denominator) == (1, 4)
    assert (line.indeterminate, line.not_assessable, line.absent) == (1, 1, 1)
    assert (found.by_type["C"].sensitivity.value, found.by_type["C"].sensitivity.denominator) == (1.0, 1)
    assert found.by_type["A3"].sensitivity.note == "No fracture of the type A3 stands in the reference."
    assert list(found.by_type) == ["A1", "A2", "A3", "A4", "B", "C"]


def test_a_fracture_without_a_type_has_a_line_of_its_own():
    found = ask([P, N, P], [P, P, P], ao=[A1, NO_TYPE, NONE])
    assert (found.by_type["no type"].sensitivity.numerator, found.by_type["no type"].sensitivity.denominator) == (1, 2)


def test_levels_stand_from_head_to_feet_and_unknown_ones_are_left_out():
    found = ask([P, N, P, N, P], [P, P, N, N, P], level=["L1", "T12", "C7", "", "T9"])
    assert list(found.by_level) == ["C7", "T9", "T12", "L1"]
    assert found.levels_unknown == 1
    assert found.by_level["C7"].rates["sensitivity"].value is None


def test_by_case_any_fracture_makes_a_case_positive_and_the_interval_is_wilsons():
    reader = [N, P, N, N, N, P, N, I, P, N]
    reference = [P, N, N, N, N, N, P, N, P, P]
    case = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    found = ask(reader, reference, patient=case, case=case, unit="case")
    assert found.units == 5
    assert found.table.counts == (2, 1, 0, 1)
    assert found.apart.indeterminate_positives == 1
    assert found.table.rates["sensitivity"].method == "Wilson"
    assert found.false_alarms.per_examination.value == pytest.approx(2 / 5)
    assert found.by_level == {}


def test_a_case_that_was_not_assessed_throughout_is_not_negative():
    case = [0, 0, 1, 1, 2, 2]
    found = ask([N, X, N, O, O, O], [N] * 6, patient=case, case=case, unit="case")
    assert found.table.counts == (0, 0, 0, 0)
    assert (found.apart.not_assessable_negatives, found.apart.absent_negatives) == (2, 1)
    beside = ask([N, O], [N, O], patient=[0, 0], case=[0, 0], unit="case")
    assert beside.table.counts == (0, 0, 0, 1)


def test_two_cases_of_one_patient_are_not_taken_for_independent():
    found = ask([P, N, P, N, N], [P, P, P, P, N], patient=[0, 0, 1, 2, 2], case=[0, 1, 2, 3, 4], unit="case")
    assert found.table.rates["sensitivity"].method.startswith("percentile bootstrap")


def test_the_type_of_a_case_is_the_highest_of_its_fractures():
    found = ask([P, N], [P, P], ao=[A1, A2], patient=[0, 0], case=[0, 0], unit="case")
    assert found.by_type["A2"].sensitivity.numerator == 1
    assert found.by_type["A1"].sensitivity.denominator == 0


def test_one_case_of_two_patients_and_cases_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="two patients"):
        ask([P, P], [P, P], patient=[0, 1], case=[0, 0], unit="case")
    with pytest.raises(ValueError, match="needs the case"):
        ask([P, P], [P, P], unit="case")
    with pytest.raises(ValueError, match="differ in length"):
        ask([P, P], [P])
    with pytest.raises(ValueError, match="Verdicts run"):
        ask([7], [P])
    with pytest.raises(ValueError, match="AO types run"):
        ask([P], [P], ao=[9])


def test_all_right_has_a_bound_by_wilson_over_patients():
    found = ask([P, N] * 10, [P, N] * 10, patient=np.repeat(np.arange(10), 2))
    one = found.table.rates["sensitivity"]
    assert (one.value, one.high, one.method) == (1.0, 1.0, "Wilson over patients")
    assert one.low == pytest.approx(0.7225, abs=1e-4)


def test_nothing_at_all_gives_sentences():
    found = ask([], [], case=np.zeros(0, int))
    assert found.table.counts == (0, 0, 0, 0)
    for one in found.table.rates.values():
        assert one.value is None
        assert one.note.endswith(".")
    assert json.dumps(found.as_json(), allow_nan=False)


rows = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.integers(-1, 6), st.integers(0, 5)), min_size=0, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(rows, st.sampled_from(["vertebra", "case", "slice"]))
def test_everything_is_counted_once_and_no_number_is_nan(units, unit):
    columns = np.array(units, np.int64).reshape(-1, 4)
    reader, reference, ao, patient = columns.T
    bootstrap = PatientBootstrap(6, 50)
    levels = [("", "T12", "L1")[place % 3] for place in range(len(columns))]
    found = judge(reader, reference, ao, levels, patient, bootstrap, unit, case=patient)
    apart = found.apart.as_json()
    assert sum(found.table.counts) + sum(apart.values()) == found.units
    assert all(math.isfinite(one) for one in numbers(found.as_json()))
    assert json.dumps(found.as_json(), allow_nan=False)
    against, kindly = found.worst["against"].rates, found.worst["for"].rates
    for name, one in against.items():
        if one.value is not None:
            assert one.value <= kindly[name].value
    lines = found.by_type.values()
    positives = sum(
        (one.sensitivity.denominator or 0) + one.indeterminate + one.not_assessable + one.absent for one in lines
    )
    in_table = found.table.tp + found.table.fn
    assert positives == in_table + sum(count for name, count in apart.items() if name.endswith("_positives"))


def test_intervals_hold_the_true_sensitivity_of_a_simulated_reader():
    """Fifty cohorts of 120 patients whose readers are right more often in some patients than in others."""
    rng = np.random.default_rng(3)
    held = 0
    for seed in range(50):
        patient = np.repeat(np.arange(120), 6)
        skill = rng.beta(0.85 * 6, 0.15 * 6, 120)[patient]
        reference = (rng.random(patient.size) < 0.4).astype(int)
        reader = np.where(rng.random(patient.size) < skill, reference, 1 - reference)
        bootstrap = PatientBootstrap(120, 400, seed)
        one = judge(reader, reference, reference, [""] * patient.size, patient, bootstrap).table.rates["sensitivity"]
        held += one.low <= 0.85 <= one.high
    assert held >= 43


def test_segmentation_is_counted_as_in_the_paper():
    """339 vertebrae in 47 cases; nine cases lose their top vertebra, and four of those are shifted by one name."""
    case = np.sort(np.arange(339) % 47)
    first = np.searchsorted(case, np.arange(47))
    segmented = np.ones(339, bool)
    segmented[first[:9]] = False
    named = ~np.isin(case, np.arange(4))
    found = segmentation(segmented, named, case, case, PatientBootstrap(47, 200))
    assert (found.segmented.numerator, found.segmented.denominator) == (330, 339)
    assert (found.cases_right.numerator, found.cases_right.denominator) == (38, 47)
    assert f"{found.cases_right.value:.2%}" == "80.85%"
    assert found.cases_right.method == "Wilson"
    assert found.named_right.denominator == 330


def test_segmentation_of_nothing_gives_sentences_and_columns_must_match():
    empty = np.zeros(0, int)
    found = segmentation(empty, empty, empty, empty, PatientBootstrap(0))
    assert found.segmented.note == "No vertebra is in view."
    with pytest.raises(ValueError, match="differ in length"):
        segmentation([True], [True, False], [0], [0], PatientBootstrap(1))
    twice = segmentation([True, False], [True, True], [0, 1], [0, 0], PatientBootstrap(1, 50))
    assert twice.cases_right.numerator == 1
