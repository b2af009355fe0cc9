"""The search for candidates: by rules that are published, and never over a person's head."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.management import call_command

from labeling.cohort import crawl
from labeling.cohort.crawl import (
    ask_crawl,
    crawl_job,
    crawl_now,
    current_rules,
    publish_rules,
    published,
    search_new,
    uncrawled,
)
from labeling.cohort.decisions import decide_report
from labeling.imaging.refusal import Refusal
from labeling.jobs.queue import LeaseLost, cancel, claim
from labeling.jobs.running import run_job
from labeling.models import CrawlRules, Job, JobState, StudyReport
from labeling.reading.roles import Role
from tests import factories
from tests.cohort.studies import EXCLUDED, FRACTURE, NEGATED, NOTHING, OLD, make_report

pytestmark = pytest.mark.django_db


def test_the_built_in_rules_hold_where_none_were_published():
    assert current_rules() == current_rules()
    assert CrawlRules.objects.count() == 1
    assert current_rules().by is None


def test_only_a_lead_publishes_rules():
    with pytest.raises(PermissionDenied):
        publish_rules(factories.make_user(Role.ENGINEER), {})


def test_rules_that_cannot_be_read_are_refused_with_what_is_wrong():
    with pytest.raises(Refusal, match="languages"):
        publish_rules(factories.make_user(Role.LEAD), {"languages": []})
    assert CrawlRules.objects.count() == 0


def test_rules_of_an_earlier_version_may_hold_again():
    lead = factories.make_user(Role.LEAD)
    first = current_rules()
    second = publish_rules(lead, {"count_old": False})
    assert current_rules() == second != first
    assert publish_rules(lead, {}) == first == current_rules()
    assert published() == [first, second]


def test_a_job_searches_every_report_and_says_what_it_found(monkeypatch):
    monkeypatch.setattr(crawl, "BATCH", 100)
    lead = factories.make_user(Role.LEAD)
    texts = [FRACTURE, NEGATED, OLD, EXCLUDED, NOTHING] * 60
    StudyReport.objects.bulk_create(
        StudyReport(key=factories.digest("report"), text=text, source="a file") for text in texts
    )
    assert uncrawled() == 300
    job = ask_crawl(lead)
    assert ask_crawl(lead) == job
    assert run_job(job.pk, crawl_job)
    assert Job.objects.get(pk=job.pk).state == JobState.DONE
    assert uncrawled() == 0
    assert ask_crawl(lead) is None
    proposed = StudyReport.objects.filter(found__counts=True)
    assert set(proposed.values_list("text", flat=True)) == {FRACTURE, OLD, EXCLUDED}
    negated = StudyReport.objects.filter(text=NEGATED).first()
    assert (negated.verdict, negated.language, negated.found["counts"]) == ("negated", "de", False)
    assert StudyReport.objects.filter(text=EXCLUDED).first().found["exclusions"][0][:2] == ["instrumented", "i"]


def test_a_search_that_was_stopped_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(crawl, "BATCH", 5)
    for _ in range(12):
        make_report(searched=False)
    job = ask_crawl(None)
    lease = claim(job.key)
    kept = crawl._batch

    def stopped_after_one(*rules):
        found = kept(*rules)
        monkeypatch.setattr(crawl, "_batch", kept)
        cancel(job.key)
        return found

    monkeypatch.setattr(crawl, "_batch", stopped_after_one)
    with pytest.raises(LeaseLost):
        crawl_job(lease)
    assert uncrawled() == 7
    assert crawl_now() == 7


def test_new_rules_search_again_and_leave_what_people_decided():
    lead = factories.make_user(Role.LEAD)
    report = make_report(OLD)
    decide_report(lead, report.pk, "not_candidate", "Old.")
    publish_rules(lead, {"count_old": False})
    assert crawl_now() == 1
    report.refresh_from_db()
    assert (report.verdict, report.found["counts"], report.decision) == ("history", False, "not_candidate")
    publish_rules(lead, {})
    assert crawl_now() == 1
    report.refresh_from_db()
    assert (report.found["counts"], report.decision) == (True, "not_candidate")


def test_reports_that_came_later_are_another_job():
    make_report(searched=False)
    first = ask_crawl(None)
    run_job(first.pk, crawl_job)
    make_report(searched=False)
    assert ask_crawl(None) != first


def test_who_reads_only_does_not_search():
    make_report(searched=False)
    with pytest.raises(PermissionDenied):
        ask_crawl(factories.make_user(Role.SENIOR))


def test_the_command_searches_here_and_now(capsys):
    make_report(searched=False)
    make_report(NEGATED, searched=False)
    call_command("crawl_reports")
    assert capsys.readouterr().out == "2 searched; 1 reports are proposed as candidates.\n"


def test_reports_that_came_with_their_cases_are_searched_by_the_clock_and_old_searches_are_not_made_again():
    case = factories.make_case()
    case.report_text = FRACTURE
    case.save(update_fields=["report_text"])
    job = search_new()
    assert job is not None
    assert search_new() == job
    assert run_job(job.pk, crawl_job)
    assert search_new() is None
    publish_rules(factories.make_user(Role.LEAD), {"count_old": False})
    assert uncrawled() == 1
    assert search_new() is None
    assert settings.CELERY_BEAT_SCHEDULE["search"] == {"task": "labeling.cohort.search", "schedule": 60.0}
