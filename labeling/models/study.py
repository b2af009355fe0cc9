"""The study: reports that were searched, who came in and who did not and why, how patients were split, and numbers that
were computed from it all."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.cohort import Case, CohortState, ExclusionReason, InclusionReason, SegmentationCause
from labeling.models.jobs import Job


class CrawlRules(models.Model):
    """What counts as a mention of a fracture in a report, as published versions; see labeling.language.crawl_rules."""

    rules = models.JSONField()
    sha256 = models.CharField(max_length=64, unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "crawl rules"
        triggers = [
            pgtrigger.Protect(name="crawl_rules_never_change", operation=pgtrigger.Update | pgtrigger.Delete),
        ]


class ReportDecision(models.TextChoices):
    """What a person said of a report that the crawler proposed."""

    OPEN = "", "not decided"
    CONFIRMED = "confirmed", "candidate"
    NOT_CANDIDATE = "not_candidate", "no candidate"


class StudyReport(models.Model):
    """A report that was searched for candidates: with its case where the images are here, without one where not.

    Of its accession number only a keyed hash is kept. The text is served by cohort.reports alone.
    """

    key = models.CharField(max_length=64, unique=True, help_text="Keyed hash of the accession number, or of the case.")
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.PROTECT, related_name="study_reports")
    year = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the examination; days are not kept.")
    text = models.TextField()
    source = models.CharField(max_length=120, help_text="The file and the row it came from.")
    rules = models.ForeignKey(CrawlRules, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12, blank=True, default="", help_text="Of the crawler; empty: not crawled.")
    language = models.CharField(max_length=2, blank=True, default="")
    found = models.JSONField(default=dict, blank=True, help_text="What matched: labeling.language.crawling.Crawled.")
    decision = models.CharField(max_length=13, choices=ReportDecision.choices, blank=True, default=ReportDecision.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="report_text_says_something", condition=~Q(text="")),
            models.CheckConstraint(
                name="crawl_verdict_is_known_word",
                condition=Q(verdict__in=["", "candidate", "negated", "history", "uncertain", "other_bone", "nothing"]),
            ),
            models.CheckConstraint(
                name="crawled_report_names_its_rules",
                condition=Q(verdict="", rules__isnull=True) | (~Q(verdict="") & Q(rules__isnull=False)),
            ),
            models.CheckConstraint(
                name="report_decision_is_known_word", condition=Q(decision__in=ReportDecision.values)
            ),
        ]
        indexes = [models.Index(name="reports_by_verdict", fields=["verdict", "decision"])]


class ReportDecided(models.Model):
    """A person's word on a report, and each time it changed."""

    report = models.ForeignKey(StudyReport, on_delete=models.PROTECT, related_name="decided")
    before = models.CharField(max_length=13, choices=ReportDecision.choices, blank=True)
    after = models.CharField(max_length=13, choices=ReportDecision.choices, blank=True)
    reason = models.CharField(max_length=200, blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "reports decided"
        ordering = ["at", "pk"]
        triggers = [
            pgtrigger.Protect(name="report_history_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]


class CohortDecision(models.Model):
    """A case came in, went out, or came back: what was decided, why, and by whom."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="cohort_decisions")
    before = models.CharField(max_length=12, choices=CohortState.choices)
    after = models.CharField(max_length=12, choices=CohortState.choices)
    inclusion = models.CharField(
        max_length=10, choices=InclusionReason.choices, blank=True, default=InclusionReason.NONE
    )
    exclusion = models.CharField(
        max_length=20, choices=ExclusionReason.choices, blank=True, default=ExclusionReason.NONE
    )
    cause = models.CharField(
        max_length=12, choices=SegmentationCause.choices, blank=True, default=SegmentationCause.NONE
    )
    note = models.TextField(blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="cohort_decision_has_its_reason",
                condition=(Q(after="excluded") & ~Q(exclusion="")) | (~Q(after="excluded") & Q(exclusion="")),
            )
        ]
        triggers = [
            pgtrigger.Protect(name="cohort_history_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]


class SplitDraw(models.Model):
    """One splitting of patients by keyed hash: its shares, and how many it put where."""

    test_share = models.FloatField()
    validation_share = models.FloatField(help_text="Of those that are not test.")
    stratified = models.BooleanField(default=False, help_text="By whether a case of the patient has a fracture.")
    counts = models.JSONField(help_text="Split -> patients that this draw put there.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="split_shares_are_shares",
                condition=Q(test_share__gte=0, test_share__lt=1, validation_share__gte=0, validation_share__lt=1),
            )
        ]
        triggers = [pgtrigger.Protect(name="split_draw_is_insert_only", operation=pgtrigger.Update | pgtrigger.Delete)]


class Computation(models.Model):
    """An answer to a question over the record, stamped with the data it was computed from.

    The same question over the same data is not computed twice; when the data change, it is another row.
    """

    kind = models.CharField(max_length=32)
    question = models.JSONField(help_text="Cases, readers, unit and whatever else was asked: labeling.analysis.")
    question_sha = models.CharField(max_length=64)
    data_version = models.CharField(max_length=64)
    answer = models.JSONField()
    seconds = models.FloatField()
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="answer_is_computed_once", fields=["question_sha", "data_version"])]
        indexes = [models.Index(name="answers_newest_first", fields=["question_sha", "-at"])]
        triggers = [pgtrigger.Protect(name="answer_never_changes", operation=pgtrigger.Update)]
