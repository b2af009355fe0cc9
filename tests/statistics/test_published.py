"""The paper's printed figures: right where they are right, each slip named, and every verdict computed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from labeling.statistics.checked_figures import fitting, kappa_of
from labeling.statistics.printed_figures import PAPER, Paper, Readers
from labeling.statistics.published import check, check_table_two, slips


def found(paper: Paper = PAPER) -> dict:
    return {checked.key: checked for checked in check(paper)}


def test_table_two_is_printed_where_it_is_right_and_its_slips_are_named():
    rows = {row.key: row for row in check_table_two(80, 12, 11, 227)}
    assert {key for key, row in rows.items() if row.is_right} == {
        "accuracy", "false_discovery_rate", "false_omission_rate", "sensitivity", "f_score",
    }  # fmt: skip
    for key, given in (
        ("positive_predictive_value", "80/92 = 87.0 %"),
        ("negative_predictive_value", "227/238 = 95.4 %"),
        ("specificity", "227/239 = 95.0 %"),
    ):
        assert rows[key].verdict == "truncated, not rounded"
        assert rows[key].given == given
        assert rows[key].slip == 7
    assert rows["prevalence"].given == "91/330 = 27.6 %"
    assert rows["prevalence"].why == "80/330 counts the true positives; all fractures are 91, 91/330 = 27.6 %."


def test_all_thirteen_slips_are_found():
    assert {checked.slip for checked in slips()} == set(range(1, 14))


@pytest.mark.parametrize(
    ("key", "verdict", "words"),
    [
        ("collective", "impossible", "308 + 144 fits: 68 % women, mean age 76.8, SD 13.8, all as in Table 1."),
        ("ratio", "wrong", "405/47 is 8.6 : 1; 9 : 1 would be 45."),
        ("women_test", "impossible", "33 = 70.2 % and 34 = 72.3 %"),
        ("table_test_a1", "impossible", "35/91 is 38.5 %"),
        ("types_sum", "wrong", "sum to 101 %; from the counts they are A1 38.5 %, A3 37.4 %, A4 24.2 %"),
        ("types_comparable", "wrong", "χ² 4.18, p 0.04"),
        ("seniors_discrepant", "impossible", "8, 10, 12 …, never 11"),
        ("seniors_kappa", "wrong", "kappa is 0.917; 0.86 needs 18"),
        ("in_training_discrepant", "holds only if", "every fracture of C.G.G. would also be one of H.W."),
        ("in_training_kappa", "wrong", "kappa is 0.923; 0.91 needs 12"),
        ("unit", "wrong", "339 are the vertebrae; the test set has 47 cases"),
        ("specificity_cgg", "wrong", "97.1 % is 232/239"),
        ("specificity_hw", "wrong", "226/239 (94.56 %, truncated)"),
        ("correct_cases", "truncated, not rounded", "38/47 is 80.85 %"),
        ("inferior", "wrong", "94.98 % is higher than H.W.’s 94.5 %"),
        ("lost", "unargued", "with two there, sensitivity is 86.0 %"),
        ("failing", "holds only if", "9 fail only if 4 of the shifted lie inside the 9"),
        ("slices", "impossible", "15.1 positive slices a fracture, yet 10 slices a vertebra at 7.2 vertebrae a case"),
        ("slices", "impossible", "unless a case shows under 4.8 vertebrae"),
        ("per_case", "unargued", "1.17 against 1.94, ratio 0.60, z = -4.4"),
        ("per_case", "unargued", "miss about 40 %"),
        ("schedule", "wrong", "every 7 epochs, but training ends after 5"),
        ("in_plane", "wrong", "2.79 and 2.83 mm"),
        ("collective_size", "wrong", "405 − 30 = 375"),
    ],
)
def test_a_slip_is_named_with_its_figures(key, verdict, words):
    assert found()[key].verdict == verdict
    assert words in found()[key].why


@pytest.mark.parametrize(
    ("key", "repair"),
    [
        ("collective", lambda p: replace(p, men=144)),
        ("ratio", lambda p: replace(p, training_cases=407, test_cases=45)),
        ("women_test", lambda p: replace(p, table_one_women=("68", "70"))),
        ("types_sum", lambda p: replace(p, table_one_shares={"A1": "38", "A2": "0", "A3": "38", "A4": "24"})),
        ("table_test_a1", lambda p: replace(p, table_one_shares=p.table_one_shares | {"A1": "38"})),
        ("types_comparable", lambda p: replace(p, training_types=p.training_types | {"A1": 170})),
        ("seniors_discrepant", lambda p: replace(p, seniors=Readers(("D.H.", "S.M."), (87, 95), 18, "0.86"))),
        ("seniors_kappa", lambda p: replace(p, seniors=Readers(("D.H.", "S.M."), (87, 95), 18, "0.86"))),
        ("in_training_kappa", lambda p: replace(p, in_training=replace(p.in_training, discrepant=12))),
        ("specificity_cgg", lambda p: replace(p, in_training_specificity=("97.2", "94.8"))),
        ("specificity_hw", lambda p: replace(p, in_training_specificity=("97.2", "94.8"))),
        ("prevalence", lambda p: replace(p, prevalence=(91, 330, "27.6"))),
        ("specificity", lambda p: replace(p, specificity="95.0")),
        ("correct_cases", lambda p: replace(p, correct_cases_share="80.9")),
        ("inferior", lambda p: replace(p, in_training_specificity=("97.1", "96.0"))),
        ("lost", lambda p: replace(p, truth=93)),
        ("failing", lambda p: replace(p, correct_cases=34)),
        ("slices", lambda p: replace(p, positive_slices=4_000, negative_slices=23_019)),
        ("per_case", lambda p: replace(p, fractures=720)),
        ("schedule", lambda p: replace(p, epochs=20)),
        ("in_plane", lambda p: replace(p, in_plane_resolution=(0.3, 0.5))),
        ("collective_size", lambda p: replace(p, discussed_training=375)),
    ],
)
def test_no_verdict_is_written_down_a_repaired_figure_is_right(key: str, repair: Callable[[Paper], Paper]):
    assert not found()[key].is_right
    assert found(repair(PAPER))[key].is_right


def test_other_counts_than_the_papers_do_not_pass_for_its_table():
    rows = check_table_two(81, 12, 10, 227)
    assert {row.key for row in rows if not row.is_right} >= {"sensitivity", "prevalence"}
    assert check_table_two(0, 0, 0, 0)[1].why == "The counts hold none of these: no rate."


def test_kappa_from_margins_equals_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    one = [1] * 87 + [0] * 252
    other = [1] * 82 + [0] * 5 + [1] * 13 + [0] * 239
    assert kappa_of(87, 95, 18, 339) == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


def test_the_counts_that_fit_a_printed_share_are_all_of_them():
    assert fitting("71", 47) == ()
    assert fitting("97.1", 239) == (232,)
    assert fitting("50", 2) == (1,)
