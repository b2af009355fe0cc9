"""Agreement of two readers: coefficients against second opinions and published tables, and the whole answer."""

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa

from labeling.statistics.agreement import (
    AO_CATEGORIES,
    AO_WEIGHTS,
    bias_index,
    chance_agreement,
    cohen_kappa,
    gwet_ac1,
    gwet_ac2,
    kappa_max,
    mcnemar_exact,
    negative_agreement,
    observed_agreement,
    pabak,
    positive_agreement,
    prevalence_index,
    weighted_agreement,
    weighted_kappa,
    weights_of,
)
from labeling.statistics.bootstrap import PatientBootstrap
from labeling.statistics.estimates import Estimate
from labeling.statistics.pairs import agree, agree_many
from labeling.statistics.shared_tables import answers, fracture_table, in_spine_order, shared_cells, type_table

pytestmark = pytest.mark.filterwarnings("error")


def tables(smallest: int = 2, largest: int = 6, least: int = 0):
    return st.integers(smallest, largest).flatmap(
        lambda k: arrays.arrays(np.int64, (k, k), elements=st.integers(least, 60))
    )


def two_answers_at_least(table: np.ndarray) -> bool:
    return bool(table.sum() and (table.sum(axis=0) + table.sum(axis=1) > 0).sum() > 1)


def ratings_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


def theirs(table: np.ndarray, weights: np.ndarray | None = None):
    """Statsmodels' answer; its standard errors, which are not asked for, warn on sparse tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return cohens_kappa(table, weights=weights)


# Rows are A, columns B; index 0 negative, 1 positive.
PUBLISHED = {
    # Feinstein & Cicchetti, J Clin Epidemiol 1990;43:543: the same observed agreement, two kappas
    "balanced": ([[45, 6], [9, 40]], {observed_agreement: 0.85, cohen_kappa: 0.70}),
    "skewed": (
        [[5, 5], [10, 80]],
        {observed_agreement: 0.85, cohen_kappa: 0.32, positive_agreement: 0.91, negative_agreement: 0.40},
    ),
    # Byrt, Bishop & Carlin, J Clin Epidemiol 1993;46:423, of the skewed one
    "adjusted": ([[5, 5], [10, 80]], {pabak: 0.70, prevalence_index: 0.75, bias_index: 0.05}),
    # Gwet, Stat Methods Inter-Rater Reliab Assess 2002;1: "Kappa statistic is not satisfactory"
    "gwet": ([[0, 2], [5, 118]], {cohen_kappa: -0.0234, gwet_ac1: 0.9408}),
    # Fleiss, Statistical Methods for Rates and Proportions, 1981, Table 13.1
    "fleiss": ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], {cohen_kappa: 0.68}),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_examples_come_out_to_the_printed_digit(name: str):
    table, printed = PUBLISHED[name]
    for coefficient, expected in printed.items():
        digits = len(str(expected).split(".")[1])
        assert round(float(coefficient(table)), max(2, digits)) == expected, coefficient.__name__


@pytest.mark.parametrize(
    ("both", "a_alone", "b_alone", "printed"), [(82, 5, 13, 0.86), (82, 0, 10, 0.92), (81, 1, 11, 0.91)]
)
def test_the_papers_kappas_come_from_the_discordances_they_need(both, a_alone, b_alone, printed):
    table = [[339 - both - a_alone - b_alone, b_alone], [a_alone, both]]
    assert round(float(cohen_kappa(table)), 2) == printed


@given(tables().filter(two_answers_at_least))
def test_kappas_equal_statsmodels(table):
    size = len(table)
    ours = cohen_kappa(table)
    assert ours == pytest.approx(theirs(table).kappa, abs=1e-9)
    assert kappa_max(table) == pytest.approx(theirs(table).kappa_max, abs=1e-9)
    for name, power in (("linear", 1), ("quadratic", 2)):
        apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) ** power
        assert weighted_kappa(table, name) == pytest.approx(theirs(table, apart).kappa, abs=1e-9)


@given(arrays.arrays(np.int64, (5, 5), elements=st.integers(0, 60)).filter(two_answers_at_least))
def test_kappa_with_our_weights_equals_statsmodels(table):
    expected = theirs(table, 1 - np.array(AO_WEIGHTS)).kappa
    assert weighted_kappa(table, "ao") == pytest.approx(expected, abs=1e-9)


@given(tables().filter(two_answers_at_least))
def test_kappas_equal_scikit_learn(table):
    a, b = ratings_of(table)
    labels = list(range(len(table)))
    assert cohen_kappa(table) == pytest.approx(cohen_kappa_score(a, b, labels=labels), abs=1e-9)
    for name in ("linear", "quadratic"):
        expected = cohen_kappa_score(a, b, labels=labels, weights=name)
        assert weighted_kappa(table, name) == pytest.approx(expected, abs=1e-9)


@given(arrays.arrays(np.int64, (2, 2), elements=st.integers(0, 60)))
def test_mcnemars_p_equals_statsmodels(table):
    expected = mcnemar(table, exact=True).pvalue if table[0, 1] + table[1, 0] else 1.0
    assert mcnemar_exact(table) == pytest.approx(expected, abs=1e-9)


@given(tables(least=0).filter(lambda table: table.sum() > 0))
def test_gwets_coefficients_follow_their_definition(table):
    size, total = len(table), table.sum()
    share = (table.sum(axis=0) + table.sum(axis=1)) / (2 * total)
    for name in ("unweighted", "linear", "quadratic"):
        weights = weights_of(name, size)
        chance = weights.sum() / (size * (size - 1)) * (share * (1 - share)).sum()
        expected = ((weights * table).sum() / total - chance) / (1 - chance)
        assert gwet_ac2(table, name) == pytest.approx(expected, abs=1e-9)
    assert gwet_ac1(table) == gwet_ac2(table, "unweighted")


@given(arrays.arrays(np.int64, (2, 2), elements=st.integers(0, 60)).filter(lambda table: table.sum() > 0))
def test_kappa_follows_from_pabak_and_the_indices(table):
    """Byrt's identity: kappa = (PABAK - PI² + BI²) / (1 - PI² + BI²)."""
    pi, bi = prevalence_index(table), bias_index(table)
    below = 1 - pi**2 + bi**2
    kappa = cohen_kappa(table)
    if math.isnan(kappa):
        assert below == pytest.approx(0, abs=1e-12)
    else:
        assert kappa == pytest.approx((pabak(table) - pi**2 + bi**2) / below, abs=1e-9)


@given(tables(), st.sampled_from(["unweighted", "linear", "quadratic"]))
def test_exchanging_the_readers_changes_no_coefficient(table, name):
    for coefficient in (weighted_kappa, gwet_ac2, chance_agreement, weighted_agreement):
        np.testing.assert_allclose(coefficient(table, name), coefficient(table.T, name), rtol=0, atol=1e-12)
    if len(table) == 2:
        np.testing.assert_array_equal(bias_index(table), -bias_index(table.T))
        np.testing.assert_array_equal(positive_agreement(table), negative_agreement(table[::-1, ::-1]))


@given(arrays.arrays(np.int64, (3, 4, 2, 2), elements=st.integers(0, 9)))
def test_leading_axes_are_computed_as_single_tables(stack):
    for coefficient in (observed_agreement, cohen_kappa, gwet_ac1, pabak, kappa_max, mcnemar_exact, positive_agreement):
        result = coefficient(stack)
        assert result.shape == (3, 4)
        for place in np.ndindex(3, 4):
            np.testing.assert_array_equal(result[place], coefficient(stack[place]))


def test_our_weights_say_what_their_sentence_says():
    weights = np.array(AO_WEIGHTS)
    assert AO_CATEGORIES == ("none", "A1", "A2", "A3", "A4")
    assert np.array_equal(weights, weights.T)
    assert (weights.diagonal() == 1).all()
    assert not weights[0, 1:].any(), "no credit across fracture or not"
    _, a1, a2, a3, a4 = range(5)
    assert weights[a1, a4] < weights[a1, a3] < weights[a3, a4], "A1 < A3 < A4 in harm"
    assert len({weights[a2, other] for other in (a1, a3, a4)}) == 1, "A2 is nearer to none of them"
    apart = 1 - weights
    assert all(apart[i, k] <= apart[i, j] + apart[j, k] for i in range(5) for j in range(5) for k in range(5))
    assert np.array_equal(weights_of("ao", 4), weights[1:, 1:])


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="not for 3 categories"):
        weights_of("ao", 3)
    with pytest.raises(ValueError, match="no weights named 'cubic'"):
        weights_of("cubic", 3)
    with pytest.raises(ValueError, match="do not fit"):
        weighted_kappa(np.eye(3), np.eye(2))
    with pytest.raises(ValueError, match="as many rows as columns"):
        cohen_kappa(np.ones((2, 3)))
    with pytest.raises(ValueError, match="fracture yes or no"):
        bias_index(np.eye(3))


def test_undefined_coefficients_are_nan_here_and_warn_of_nothing():
    empty, constant = np.zeros((2, 2)), np.array([[7, 0], [0, 0]])
    for coefficient in (observed_agreement, cohen_kappa, gwet_ac1, pabak, kappa_max, prevalence_index, bias_index):
        assert math.isnan(coefficient(empty))
    assert math.isnan(cohen_kappa(constant))
    assert math.isnan(positive_agreement(constant))
    assert gwet_ac1(constant) == 1
    assert mcnemar_exact(empty) == 1


# The whole answer of a pair

READS = st.lists(
    st.tuples(
        st.integers(-1, 3),
        st.integers(-1, 3),
        st.integers(-1, 6),
        st.integers(-1, 6),
        st.sampled_from(["", "T12", "L1", "L2"]),
        st.integers(0, 4),
    ),
    max_size=40,
)


def columns(rows):
    named = list(zip(*rows, strict=True)) or [[]] * 6
    return [np.array(column, np.int8) for column in named[:4]] + [np.array(named[4], str), np.array(named[5], int)]


def estimates(value):
    if isinstance(value, dict):
        if "value" in value and "note" in value:
            yield value
        else:
            for part in value.values():
                yield from estimates(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from estimates(part)


BOOTSTRAP = PatientBootstrap(5, 60, seed=2)


@given(READS)
def test_any_two_readers_get_numbers_or_sentences_and_never_nan(rows):
    found = agree(*columns(rows), BOOTSTRAP).as_json()
    json.dumps(found, allow_nan=False)
    for estimate in estimates(found):
        if estimate["value"] is None:
            assert estimate["note"].endswith(".")
            assert estimate["low"] is estimate["high"] is None
        elif estimate["low"] is not None:
            assert estimate["low"] <= estimate["high"]
            assert estimate["method"]


@given(READS)
def test_every_vertebra_is_counted_in_one_place(rows):
    found = agree(*columns(rows), BOOTSTRAP)
    counts = found.counts
    apart = counts.indeterminate + counts.not_assessable + counts.only_a + counts.only_b
    assert counts.spoken == counts.compared + apart
    assert counts.compared == counts.both_fracture + counts.both_negative + counts.discordant
    assert counts.compared == found.ao.compared + counts.fractures_without_type + counts.outside_order
    assert counts.compared == found.fracture.compared == sum(map(sum, found.fracture.table))
    assert found.ao_all.compared == counts.compared - counts.fractures_without_type
    assert sum(level.compared for _, level in found.levels) <= counts.compared
    assert all(level for level, _ in found.levels)


@given(READS)
def test_tables_are_those_of_a_plain_loop(rows):
    table = np.zeros((2, 2), int)
    cases: dict[int, list[bool]] = {}
    ordered = np.zeros((5, 5), int)
    for a, b, a_ao, b_ao, _, patient in rows:
        if a in (0, 1) and b in (0, 1):
            table[a, b] += 1
            flags = cases.setdefault(patient, [False, False])
            flags[0] |= a == 1
            flags[1] |= b == 1
            kinds = [0 if said == 0 else kind for said, kind in ((a, a_ao), (b, b_ao))]
            typed = all(said == 0 or 1 <= kind <= 4 for said, kind in zip((a, b), kinds, strict=True))
            if typed:
                ordered[kinds[0], kinds[1]] += 1
    found = agree(*columns(rows), BOOTSTRAP)
    assert np.array_equal(found.fracture.table, table)
    assert np.array_equal(found.ao.table, ordered)
    assert np.array_equal(found.ao_both_fracture.table, ordered[1:, 1:])
    assert sum(map(sum, found.cases.table)) == found.counts.cases == len(cases)
    assert found.cases.table[1][0] == sum(flags == [True, False] for flags in cases.values())


def simulated(readers: int, patients: int = 60, size: int = 420, seed: int = 4):
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, patients, size)
    level = np.array(["", "T11", "T12", "L1", "L2", "L3"])[rng.integers(0, 6, size)]
    fractured = rng.random(size) < 0.3
    verdicts = np.where(fractured, rng.random((readers, size)) < 0.85, rng.random((readers, size)) < 0.06)
    verdicts = verdicts.astype(np.int8)
    verdicts[rng.random((readers, size)) < 0.05] = 2
    verdicts[rng.random((readers, size)) < 0.03] = 3
    verdicts[rng.random((readers, size)) < 0.03] = -1
    kind = rng.choice([1, 2, 3, 4, 5, 6], size, p=[0.4, 0.1, 0.25, 0.15, 0.06, 0.04])
    types = np.where(rng.random((readers, size)) < 0.8, kind, rng.integers(-1, 5, (readers, size))).astype(np.int8)
    return verdicts, types, level, patient


def test_many_readers_give_what_each_pair_gives_alone():
    verdicts, types, level, patient = simulated(4)
    bootstrap = PatientBootstrap(60, 300, seed=9)
    together = agree_many(verdicts, types, level, patient, bootstrap)
    assert list(together) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    for (a, b), found in together.items():
        alone = agree(verdicts[a], verdicts[b], types[a], types[b], level, patient, bootstrap)
        assert found.counts == alone.counts
        for ours, theirs in zip(estimates(found.as_json()), estimates(alone.as_json()), strict=True):
            numbers = ("value", "low", "high", "denominator")
            assert [ours[key] for key in numbers] == pytest.approx([theirs[key] for key in numbers], abs=1e-12)
    some = agree_many(verdicts, types, level, patient, bootstrap, pairs=[(3, 1)])
    assert some[3, 1].counts.a_only_fracture == together[1, 3].counts.b_only_fracture


def test_the_whole_answer_of_a_simulated_pair_holds_together():
    verdicts, types, level, patient = simulated(2)
    found = agree(*verdicts, *types, level, patient, PatientBootstrap(60, 400))
    both = np.isin(verdicts, (0, 1)).all(axis=0)
    a, b = verdicts[:, both]
    assert found.fracture.kappa.value == pytest.approx(cohen_kappa_score(a, b), abs=1e-9)
    assert found.fracture.observed.value == pytest.approx((a == b).mean(), abs=1e-12)
    assert found.fracture.kappa.low < found.fracture.kappa.value < found.fracture.kappa.high
    assert [name for name, _ in found.levels] == ["T11", "T12", "L1", "L2", "L3"]
    for name, at_level in found.levels:
        here = both & (level == name)
        expected = cohen_kappa_score(*verdicts[:, here])
        assert at_level.kappa.value == pytest.approx(expected, abs=1e-9)
    assert [name for name, _ in found.types] == ["A1", "A2", "A3", "A4", "B", "C"]
    fractured = both & (verdicts == 1).all(axis=0) & ((types >= 1) & (types <= 4)).all(axis=0)
    conditional = cohen_kappa_score(*types[:, fractured])
    assert found.ao_both_fracture.kappa.value == pytest.approx(conditional, abs=1e-9)
    assert found.ao.weights_name == "ao"
    assert found.ao.weights == AO_WEIGHTS
    known = both & ((verdicts == 0) | (types >= 1)).all(axis=0)
    a1 = [(verdicts[reader] == 1) & (types[reader] == 1) for reader in (0, 1)]
    type_kappa = dict(found.types)["A1"].kappa.value
    assert type_kappa == pytest.approx(cohen_kappa_score(a1[0][known], a1[1][known]), abs=1e-9)
    assert found.mcnemar.value == pytest.approx(mcnemar(found.cases.table, exact=True).pvalue, abs=1e-9)


def test_a_case_is_not_a_patient_where_cases_are_named():
    patient = np.array([0, 0, 1, 1])
    verdict, nothing = np.array([1, 0, 0, 0]), np.zeros(4)
    level = np.full(4, "")
    bootstrap = PatientBootstrap(2, 20)
    named = agree(verdict, verdict, nothing, nothing, level, patient, bootstrap, case=np.array([10, 11, 12, 12]))
    assert named.cases.table == ((2, 0), (0, 1))
    assert agree(verdict, verdict, nothing, nothing, level, patient, bootstrap).cases.table == ((1, 0), (0, 1))
    with pytest.raises(ValueError, match="A case belongs to one patient"):
        agree(verdict, verdict, nothing, nothing, level, patient, bootstrap, case=np.array([1, 1, 1, 1]))


def pair_of(a, b, patients: int = 30):
    """Verdicts of two readers, one vertebra a patient; fractures without a type."""
    a, b = np.array(a, np.int8), np.array(b, np.int8)
    none = np.full(len(a), -1)
    patient = np.arange(len(a)) % patients
    return agree(a, b, none, none, np.full(len(a), "L1"), patient, PatientBootstrap(patients, 100))


def test_readers_who_never_meet_get_a_sentence():
    found = pair_of([1, 0, 1], [-1, -1, -1])
    assert (found.counts.spoken, found.counts.only_a, found.counts.compared) == (3, 3, 0)
    assert found.fracture.kappa.value is None
    assert "nothing to compare" in found.fracture.kappa.note
    assert found.mcnemar.note == "No case was given yes or no by both readers."


def test_nothing_at_all_gets_a_sentence():
    found = agree([], [], [], [], [], [], PatientBootstrap(0, 10))
    assert found.counts.spoken == 0
    assert found.levels == ()
    assert "nothing to compare" in found.fracture.observed.note


def test_where_nobody_calls_a_fracture_kappa_is_undefined_and_ac1_is_not():
    found = pair_of([0] * 60, [0] * 60)
    assert found.fracture.kappa == Estimate(
        None,
        denominator=60,
        note="Both readers give one and the same answer throughout, and so would chance: kappa is undefined.",
    )
    assert found.fracture.positive.note == "Neither reader says yes, so there is no positive agreement."
    assert (found.fracture.ac1.value, found.fracture.ac1.high) == (1.0, 1.0)
    assert found.fracture.ac1.low < 1
    assert found.ao_both_fracture.compared == 0


def test_where_all_agree_kappa_is_one_with_a_bound_over_patients():
    found = pair_of([0, 1] * 30, [0, 1] * 30)
    kappa = found.fracture.kappa
    assert (kappa.value, kappa.high) == (1.0, 1.0)
    assert 0.7 < kappa.low < 0.9
    assert "Wilson over patients" in kappa.method
    assert found.mcnemar.note == "No case is discordant, so there is nothing to test."


def test_where_one_reader_is_constant_kappa_is_zero():
    found = pair_of([0] * 40, [0, 1] * 20)
    assert found.fracture.kappa.value == 0
    assert found.fracture.positive.value == 0
    assert found.fracture.bias_index.value == -0.5


def test_indeterminate_and_not_assessable_never_enter_the_table():
    found = pair_of([1, 2, 2, 3, 0, 3, -1, 2], [1, 1, 3, 0, 3, 3, 3, -1])
    counts = found.counts
    assert (counts.spoken, counts.compared) == (8, 1)
    assert (counts.indeterminate, counts.not_assessable, counts.only_a, counts.only_b) == (2, 3, 1, 1)
    assert (counts.a_indeterminate, counts.b_indeterminate) == (3, 0)
    assert (counts.a_not_assessable, counts.b_not_assessable) == (2, 4)


def test_inputs_that_do_not_fit_are_refused():
    bootstrap = PatientBootstrap(2, 10)
    two = np.zeros((2, 3), np.int8)
    with pytest.raises(ValueError, match="each verdict needs one type"):
        agree_many(two, two[:, :2], ["", "", ""], [0, 0, 1], bootstrap)
    with pytest.raises(ValueError, match="Levels have the shape"):
        agree_many(two, two, ["", ""], [0, 0, 1], bootstrap)
    with pytest.raises(ValueError, match="Patients are numbered from 0 to 1"):
        agree_many(two, two, ["", "", ""], [0, 0, 2], bootstrap)
    with pytest.raises(ValueError, match="Verdicts run from -1 to 3"):
        answers([256], [0])
    with pytest.raises(ValueError, match="AO types run from -1 to 6"):
        answers([0], [7])
    with pytest.raises(ValueError, match="several readers"):
        agree_many(two[0], two[0], ["", "", ""], [0, 0, 1], bootstrap)


def test_a_negative_has_no_type_and_a_fracture_of_type_none_is_untyped():
    assert answers([0, 1, 1, 1, 2, 3, -1], [3, 0, -1, 6, 1, 1, 1]).tolist() == [0, 7, 7, 6, -1, -1, -1]


def test_one_table_of_answers_holds_the_others():
    a, b = np.array([0, 1, 2, 7, -1, 5], np.int8), np.array([0, 2, 2, 1, 1, 0], np.int8)
    table = np.bincount(shared_cells(a, b)[[0, 1, 2, 3, 5]], minlength=64).reshape(8, 8)
    assert fracture_table(table).tolist() == [[1, 0], [1, 3]]
    assert type_table(table, 2).tolist() == [[2, 1], [0, 1]]


def test_levels_stand_from_the_head_down():
    assert in_spine_order(["L1", "T12", "S1", "T9", "C7", "sacrum", "T13"]) == [
        "C7", "T9", "T12", "T13", "L1", "S1", "sacrum",
    ]  # fmt: skip
