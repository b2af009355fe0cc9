"""The paper's printed figures against what its own counts give: right, truncated, or impossible and why.

`check` goes through the whole paper; `check_table_two` sets a 2x2 table beside the printed Table 2. Nothing here is a
stored verdict: every one is computed from the figures, and changes with them.
"""

from dataclasses import replace

from labeling.statistics import slips_of_the_paper
from labeling.statistics.checked_figures import TRUNCATED, WRONG, Checked, rate_checked
from labeling.statistics.printed_figures import PAPER, Paper


def check(paper: Paper = PAPER) -> tuple[Checked, ...]:
    """Every printed figure that can be computed from others, in the order of the slips; then Table 2 and the rates."""
    slips = (
        slips_of_the_paper.collective(paper),
        slips_of_the_paper.ratio(paper),
        slips_of_the_paper.women_of_the_test_set(paper),
        slips_of_the_paper.types(paper),
        slips_of_the_paper.discrepancies(paper),
        slips_of_the_paper.specificities_in_training(paper),
        _slip_seven(paper),
        slips_of_the_paper.inferior_specificity(paper),
        slips_of_the_paper.lost_vertebrae(paper),
        slips_of_the_paper.failing_cases(paper),
        slips_of_the_paper.slices(paper),
        slips_of_the_paper.fractures_per_case(paper),
        slips_of_the_paper.training(paper),
    )
    return tuple(checked for found in slips for checked in found)


def slips(paper: Paper = PAPER) -> tuple[Checked, ...]:
    """Only what is not right."""
    return tuple(checked for checked in check(paper) if not checked.is_right)


def check_table_two(tp: int, fp: int, fn: int, tn: int, paper: Paper = PAPER) -> tuple[Checked, ...]:
    """The printed Table 2 beside these counts; with other counts than the paper's its figures are `wrong`."""
    table = replace(paper, true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn)
    same = (tp, fp, fn, tn) == _counts(paper)
    total = tp + fp + fn + tn
    positive, total_printed, share = paper.prevalence
    prevalence = rate_checked("prevalence", 7, "Table 2", "Prevalence", share, tp + fn, total)
    if not prevalence.is_right and positive == tp != tp + fn:
        why = f"{positive}/{total_printed} counts the true positives; all fractures are {tp + fn}, {prevalence.given}."
        prevalence = replace(prevalence, verdict=WRONG, why=why)
    prevalence = replace(prevalence, printed=f"{positive}/{total_printed} = {share} %")
    rates = tuple(
        replace(checked, slip=7 if checked.verdict == TRUNCATED else None) if same else checked
        for checked in _rates_of(table)
    )
    return prevalence, *rates


def _rates_of(paper: Paper) -> tuple[Checked, ...]:
    tp, fp, fn, tn = _counts(paper)
    rows = (
        ("accuracy", "Accuracy", paper.accuracy, tp + tn, tp + fp + fn + tn),
        ("positive_predictive_value", "Positive predictive value", paper.positive_predictive_value, tp, tp + fp),
        ("false_discovery_rate", "False discovery rate", paper.false_discovery_rate, fp, tp + fp),
        ("false_omission_rate", "False omission rate", paper.false_omission_rate, fn, fn + tn),
        ("negative_predictive_value", "Negative predictive value", paper.negative_predictive_value, tn, fn + tn),
        ("sensitivity", "Sensitivity", paper.sensitivity, tp, tp + fn),
        ("specificity", "Specificity", paper.specificity, tn, tn + fp),
    )
    found = [rate_checked(key, None, "Table 2", what, printed, k, n) for key, what, printed, k, n in rows]
    found.append(
        rate_checked("f_score", None, "Table 2", "F-score", paper.f_score, 2 * tp, 2 * tp + fp + fn, percent=False)
    )
    return tuple(found)


def _counts(paper: Paper) -> tuple[int, int, int, int]:
    return paper.true_positive, paper.false_positive, paper.false_negative, paper.true_negative


def _slip_seven(paper: Paper) -> tuple[Checked, ...]:
    cases = paper.test_cases
    return (
        *check_table_two(*_counts(paper), paper=paper),
        rate_checked(
            "correct_cases",
            7,
            "Results",
            "Cases segmented and named right",
            paper.correct_cases_share,
            paper.correct_cases,
            cases,
        ),
        rate_checked(
            "right_cases",
            None,
            "Results",
            "Cases classified right",
            paper.rightly_classified_share,
            paper.rightly_classified_cases,
            cases,
        ),
        rate_checked(
            "segmented", None, "Results", "Vertebrae segmented", paper.segmented_share, paper.segmented, paper.vertebrae
        ),
    )
