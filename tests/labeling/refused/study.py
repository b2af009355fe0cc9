"""Reports that are searched, who is in the cohort, the split, and numbers that are kept."""

from __future__ import annotations

from typing import Any

from labeling.models import (
    CohortDecision,
    Computation,
    CrawlRules,
    ReportDecided,
    SplitDraw,
    StudyReport,
)
from tests.factories import digest, make_bare_case
from tests.labeling.refused import Try, refused_by, rows

rows("case_inclusion_reason_is_known_word", "an_unknown_inclusion_reason", make_bare_case, inclusion_reason="x")
rows(
    "case_inclusion_reason_is_known_word",
    "an_excluded_case_that_came_in_as_a_control",
    make_bare_case,
    cohort_state="excluded",
    exclusion_reason="malignant",
    inclusion_reason="control",
)
rows(
    "case_segmentation_cause_goes_with_its_exclusion",
    "a_cause_without_an_exclusion",
    make_bare_case,
    segmentation_cause="corrupt",
)
rows(
    "case_segmentation_cause_goes_with_its_exclusion",
    "an_unknown_cause",
    make_bare_case,
    cohort_state="excluded",
    exclusion_reason="segmentation",
    segmentation_cause="x",
)


def _rules() -> CrawlRules:
    return CrawlRules.objects.create(rules={}, sha256=digest("rules"))


@refused_by("crawl_rules_never_change")
def published_rules_changed() -> Try:
    rules = _rules()
    return lambda: CrawlRules.objects.filter(pk=rules.pk).update(rules={"languages": ["de"]})


@refused_by("crawl_rules_never_change")
def published_rules_taken_away() -> Try:
    rules = _rules()
    return lambda: CrawlRules.objects.filter(pk=rules.pk).delete()


def _report(**fields: Any) -> StudyReport:
    return StudyReport.objects.create(**{"key": digest("report"), "text": "No fracture.", "source": "a file", **fields})


rows("report_text_says_something", "a_report_without_text", _report, text="")
rows("report_decision_is_known_word", "an_unknown_decision", _report, decision="x")
rows("crawled_report_names_its_rules", "a_verdict_without_rules", _report, verdict="negated")


@refused_by("crawled_report_names_its_rules")
def rules_without_a_verdict() -> Try:
    rules = _rules()
    return lambda: _report(rules=rules)


@refused_by("crawl_verdict_is_known_word")
def an_unknown_verdict() -> Try:
    rules = _rules()
    return lambda: _report(rules=rules, verdict="x")


@refused_by("report_history_is_insert_only")
def a_decision_on_a_report_rewritten() -> Try:
    row = ReportDecided.objects.create(report=_report(), before="", after="confirmed")
    return lambda: ReportDecided.objects.filter(pk=row.pk).update(after="not_candidate")


@refused_by("report_history_is_insert_only")
def a_decision_on_a_report_taken_away() -> Try:
    row = ReportDecided.objects.create(report=_report(), before="", after="confirmed")
    return lambda: ReportDecided.objects.filter(pk=row.pk).delete()


def _decision(**fields: Any) -> CohortDecision:
    case = make_bare_case()
    return CohortDecision.objects.create(**{"case": case, "before": "candidate", "after": "included", **fields})


rows("cohort_decision_has_its_reason", "an_exclusion_without_a_reason", _decision, after="excluded")
rows("cohort_decision_has_its_reason", "an_inclusion_with_one", _decision, exclusion="malignant")


@refused_by("cohort_history_is_insert_only")
def a_decision_on_a_case_rewritten() -> Try:
    row = _decision()
    return lambda: CohortDecision.objects.filter(pk=row.pk).update(note="another")


@refused_by("cohort_history_is_insert_only")
def a_decision_on_a_case_taken_away() -> Try:
    row = _decision()
    return lambda: CohortDecision.objects.filter(pk=row.pk).delete()


def _draw(**fields: Any) -> SplitDraw:
    return SplitDraw.objects.create(**{"test_share": 0.1, "validation_share": 0.1, "counts": {}, **fields})


rows("split_shares_are_shares", "everybody_in_the_test_set", _draw, test_share=1.0)
rows("split_shares_are_shares", "a_negative_share", _draw, validation_share=-0.1)


@refused_by("split_draw_is_insert_only")
def a_draw_rewritten() -> Try:
    row = _draw()
    return lambda: SplitDraw.objects.filter(pk=row.pk).update(stratified=True)


@refused_by("split_draw_is_insert_only")
def a_draw_taken_away() -> Try:
    row = _draw()
    return lambda: SplitDraw.objects.filter(pk=row.pk).delete()


def _answer(**fields: Any) -> Computation:
    return Computation.objects.create(
        **{
            "kind": "agreement",
            "question": {},
            "question_sha": digest("question"),
            "data_version": digest("data"),
            "answer": {},
            "seconds": 0.1,
            **fields,
        }
    )


@refused_by("answer_is_computed_once")
def one_question_answered_twice_from_the_same_data() -> Try:
    row = _answer()
    return lambda: _answer(question_sha=row.question_sha, data_version=row.data_version)


@refused_by("answer_never_changes")
def an_answer_rewritten() -> Try:
    row = _answer()
    return lambda: Computation.objects.filter(pk=row.pk).update(answer={"kappa": 1.0})
