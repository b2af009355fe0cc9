"""Columns summed up and compared: equal to scipy and statsmodels, and a sentence where nothing can be said."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.weightstats import ttest_ind as statsmodels_ttest

from labeling.statistics.summaries import (
    RULE,
    Share,
    compare_numbers,
    compare_words,
    compare_words_by_patient,
    fisher_freeman_halton,
    p_text,
    share,
    skewness,
    spread,
    welch_anova,
)

DRAWS = np.random.default_rng(7)
NORMAL = [DRAWS.normal(70 + 3 * n, 8 + n, 40 + 10 * n) for n in range(3)]
SKEWED = [DRAWS.lognormal(3 + n / 5, 1.0, 60) for n in range(3)]


def counted(**words: int) -> Share:
    return Share(words, sum(words.values()), 0)


def test_a_column_is_summed_up_with_its_missing_values_counted():
    found = spread([77, None, 60, float("nan"), 90, 81])
    assert (found.count, found.missing) == (4, 2)
    assert found.mean == pytest.approx(77.0, abs=1e-12)
    assert found.sd == pytest.approx(np.std([77, 60, 90, 81], ddof=1), abs=1e-12)
    assert found.mean_text(0) == "77 ± 13"
    assert found.median_text(0) == "79 [73 to 83]"


def test_an_empty_column_and_a_single_value_print_what_is_known():
    assert spread([None, None]).mean_text() == "–"
    assert spread([]).median_text() == "–"
    assert spread([5]).mean_text(0) == "5"
    assert spread([5]).median_text(0) == "5 [5 to 5]"


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=50))
def test_a_summary_is_ordered_and_loses_no_value(values):
    found = spread(values)
    assert found.count + found.missing == len(values)
    if found.count:
        places = [found.smallest, found.lower_quartile, found.median, found.upper_quartile, found.largest]
        assert places == sorted(places)


def test_two_large_groups_are_compared_as_scipy_and_statsmodels_do():
    found = compare_numbers(NORMAL[:2])
    assert found.test == "Welch's t-test"
    assert found.p == pytest.approx(stats.ttest_ind(*NORMAL[:2], equal_var=False).pvalue, abs=1e-12)
    assert found.p == pytest.approx(statsmodels_ttest(*NORMAL[:2], usevar="unequal")[1], abs=1e-9)


def test_three_large_groups_are_compared_as_statsmodels_does():
    found = compare_numbers(NORMAL)
    reference = anova_oneway(NORMAL, use_var="unequal", welch_correction=True)
    assert found.test == "Welch's analysis of variance"
    assert found.statistic == pytest.approx(reference.statistic, abs=1e-9)
    assert found.p == pytest.approx(reference.pvalue, abs=1e-9)


def test_welchs_analysis_of_two_groups_is_welchs_t_test():
    assert welch_anova(NORMAL[:2])[1] == pytest.approx(compare_numbers(NORMAL[:2]).p, abs=1e-12)


def test_skewed_or_small_groups_are_compared_by_ranks_and_the_reason_is_told():
    two, three = compare_numbers(SKEWED[:2]), compare_numbers(SKEWED)
    assert two.test == "Mann-Whitney U test"
    assert two.p == pytest.approx(stats.mannwhitneyu(*SKEWED[:2]).pvalue, abs=1e-12)
    assert "skewed" in two.why
    assert three.test == "Kruskal-Wallis test"
    assert three.p == pytest.approx(stats.kruskal(*SKEWED).pvalue, abs=1e-12)
    small = compare_numbers([NORMAL[0][:19], NORMAL[1]])
    assert small.test == "Mann-Whitney U test"
    assert small.why == "the smallest group holds 19 values, fewer than 20"


def test_skewness_equals_scipys():
    assert skewness(SKEWED[0]) == pytest.approx(stats.skew(SKEWED[0]), abs=1e-12)


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([], "Fewer than two groups hold a value"),
        ([[1, 2, 3], [None]], "Fewer than two groups hold a value"),
        ([[0.6] * 30, [0.6] * 40], "All values are 0.6"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_sentence(groups, sentence):
    found = compare_numbers(groups)
    assert found.p is None
    assert found.p_text == "–"
    assert sentence in found.note


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=40), max_size=4))
def test_no_columns_of_numbers_give_nan_or_a_warning(groups):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare_numbers(groups)
    assert (found.p is None) == bool(found.note)
    assert found.p is None or 0 <= found.p <= 1


def test_categories_are_compared_by_chi_square_as_scipy_does():
    found = compare_words([counted(women=249, men=117), counted(women=28, men=13), counted(women=34, men=14)])
    reference = stats.chi2_contingency([[249, 117], [28, 13], [34, 14]], correction=False)
    assert found.test == "chi-square test"
    assert found.statistic == pytest.approx(reference.statistic, abs=1e-9)
    assert found.p == pytest.approx(reference.pvalue, abs=1e-9)


def test_a_two_by_two_table_with_a_small_expected_count_goes_to_fisher():
    found = compare_words([counted(yes=3, no=1), counted(yes=1, no=3)])
    assert found.test == "Fisher's exact test"
    assert found.p == pytest.approx(34 / 70, abs=1e-12), "Fisher's tea"
    assert found.why == "the smallest expected count is 2.0"


def test_a_larger_sparse_table_goes_to_random_tables_and_meets_the_exact_p():
    table = np.array([[3, 0, 2], [1, 4, 1]])
    found = compare_words([counted(a=3, b=0, c=2), counted(a=1, b=4, c=1)])
    assert found.test == "Fisher-Freeman-Halton test, 9,999 random tables"
    exact = 0.0
    observed = stats.random_table([5, 6], [4, 4, 3]).pmf(table)
    for a in range(5):
        for b in range(5):
            c = 5 - a - b
            if 0 <= c <= 3:
                one = stats.random_table([5, 6], [4, 4, 3]).pmf(np.array([[a, b, c], [4 - a, 4 - b, 3 - c]]))
                exact += one if one <= observed * (1 + 1e-9) else 0
    assert found.p == pytest.approx(exact, abs=0.015)
    assert fisher_freeman_halton(table) == found.p, "the same seed gives the same p"


def test_words_nobody_said_and_empty_groups_are_left_out():
    assert "All values are the same" in compare_words([counted(women=3), counted(women=5, men=0)]).note
    assert "Fewer than two groups" in compare_words([counted(), counted(women=5, men=1)]).note
    found = share(["F", None, "", "F", "M"], ("F", "M", "O"))
    assert found.as_json() == {"counts": {"F": 2, "M": 1, "O": 0}, "count": 3, "missing": 2}
    assert found.text("F") == "2 (67 %)"
    assert found.text("O") == "0"


def clustered(random: np.random.Generator) -> tuple[list[str], list[str], list[int]]:
    """Patients whose fractures are all of one type, half of them in each group, without a difference."""
    types = random.choice(["A1", "A3"], 40)
    sizes = random.integers(1, 12, 40)
    words = [str(types[n]) for n in range(40) for _ in range(sizes[n])]
    group = ["training" if n < 20 else "test" for n in range(40) for _ in range(sizes[n])]
    return words, group, [n for n in range(40) for _ in range(sizes[n])]


def test_the_test_by_patient_keeps_its_level_where_the_plain_chi_square_does_not():
    random = np.random.default_rng(3)
    by_patient, plain = [], []
    for _ in range(200):
        words, group, patient = clustered(random)
        by_patient.append(compare_words_by_patient(words, group, patient, permutations=199).p)
        table = [[sum(w == t and g == s for w, g in zip(words, group, strict=True)) for t in ("A1", "A3")]
                 for s in ("training", "test")]  # fmt: skip
        plain.append(stats.chi2_contingency(table, correction=False).pvalue)
    assert np.mean(np.array(by_patient) <= 0.05) < 0.10
    assert np.mean(np.array(plain) <= 0.05) > 0.30


def test_with_one_vertebra_a_patient_the_test_by_patient_is_the_chi_square():
    random = np.random.default_rng(5)
    words = random.choice(["yes", "no"], 300, p=[0.4, 0.6]).tolist()
    group = ["training"] * 200 + ["test"] * 100
    found = compare_words_by_patient(words, group, range(300))
    table = np.array([[sum(w == t and g == s for w, g in zip(words, group, strict=True)) for t in ("yes", "no")]
                      for s in ("training", "test")])  # fmt: skip
    reference = stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(reference.statistic, abs=1e-9)
    assert found.p == pytest.approx(reference.pvalue, abs=0.06)
    assert found.test == "chi-square, 4,999 permutations of patients"


def test_a_patient_in_two_groups_is_refused():
    with pytest.raises(ValueError, match="Patient 7 stands in two groups"):
        compare_words_by_patient(["a", "b"], ["training", "test"], [7, 7])


@pytest.mark.parametrize(
    ("words", "group", "sentence"),
    [
        ("", "", "Fewer than two groups"),
        ("ab", "xx", "Fewer than two groups"),
        ("aaaa", "xxyy", "All values are the same"),
        ("abab", "xxxy", "single patient"),
    ],
)
def test_a_comparison_by_patient_that_cannot_be_made_is_told(words, group, sentence):
    found = compare_words_by_patient(list(words), list(group), range(len(words)))
    assert found.p is None
    assert sentence in found.note


def test_p_is_printed_without_pretence():
    assert [p_text(p) for p in (0.0004, 0.0494, 0.7, 0.995)] == ["< 0.001", "0.049", "0.70", "> 0.99"]


def test_the_rule_of_the_methods_text_names_every_test():
    for name in ("Welch's t-test", "analysis of variance", "Mann-Whitney", "Kruskal-Wallis", "chi-square", "Fisher"):
        assert name in RULE
