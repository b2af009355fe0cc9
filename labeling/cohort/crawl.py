"""The search for candidates: which rules hold, and the job that searches every report that they have not searched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet

from labeling.cohort.reports import reports_of_cases, take_from_cases
from labeling.jobs.queue import Lease, enqueue
from labeling.language.crawl_rules import DEFAULT_RULES, parse
from labeling.language.crawl_rules import CrawlRules as Rules
from labeling.language.crawling import Crawled
from labeling.language.crawling import crawl as crawl_text
from labeling.models import AuditEvent, CrawlRules, Job, StudyReport
from labeling.reading.elsewhere.reports import may_enter_reports
from labeling.reading.roles import may_plan_rounds

__all__ = [
    "ask_crawl",
    "crawl_job",
    "crawl_now",
    "current_rules",
    "publish_rules",
    "published",
    "rules_of",
    "search_new",
    "uncrawled",
]

#: Reports of one transaction: the row of the job is held for as long as they take.
BATCH = 100

_PUBLISHED = "publish_crawl_rules"


def rules_of(row: CrawlRules) -> Rules:
    """The rules that a published version holds."""
    return parse(row.rules)


def current_rules() -> CrawlRules:
    """The version that was published last; the built-in rules are published where none was.

    Where the built-in words have changed since with the software, the same rules are a version of their own: what was
    found by the older words is searched again.
    """
    row = _newest()
    if row is not None and rules_of(row).sha256 == row.sha256:
        return row
    with transaction.atomic():
        _one_at_a_time()
        row = _newest()
        if row is not None and rules_of(row).sha256 == row.sha256:
            return row
        return _publish(None, DEFAULT_RULES if row is None else rules_of(row))


def publish_rules(user: User, rules: Mapping[str, Any]) -> CrawlRules:
    """Let these rules hold from now on; what an earlier version held may be published again.

    Raises
    ------
    PermissionDenied
        for everybody but leads.
    Refusal
        ``crawl-rules``, with what is wrong and where.
    """
    if not may_plan_rounds(user):
        raise PermissionDenied("The rules of the search are the lead's.")
    parsed = parse(rules)
    with transaction.atomic():
        _one_at_a_time()
        newest = _newest()
        if newest is not None and newest.sha256 == parsed.sha256:
            return newest
        return _publish(user, parsed)


def published() -> list[CrawlRules]:
    """All versions, that which holds first, then the newest."""
    held = current_rules()
    return [held, *CrawlRules.objects.exclude(pk=held.pk).select_related("by").order_by("-pk")]


def uncrawled() -> int:
    """How many reports the current rules have not searched."""
    return _stale(current_rules()).count() + reports_of_cases().count()


def ask_crawl(user: User | None) -> Job | None:
    """The job that searches what the current rules have not searched; None where that is nothing.

    Parameters
    ----------
    user
        None for the command line of the server.

    Raises
    ------
    PermissionDenied
        for who may not enter reports.
    """
    if user is not None and not may_enter_reports(user):
        raise PermissionDenied("Reports are searched for leads, engineers and administrators.")
    take_from_cases()
    rules = current_rules()
    stale = _stale(rules)
    count, newest = stale.count(), stale.aggregate(newest=Max("pk"))["newest"]
    if not count:
        return None
    return enqueue(
        f"crawl:{rules.pk}:{newest}:{count}",
        "crawl",
        {"rules": rules.pk},
        title=f"Search of {count:,} report{'' if count == 1 else 's'}",
        by=user,
    )


def search_new() -> Job | None:
    """The job that searches reports which no rules have searched yet, as those that come in with their cases.

    What older rules have searched waits for a person: new rules may be a try.
    """
    take_from_cases()
    return ask_crawl(None) if StudyReport.objects.filter(rules__isnull=True).exists() else None


def crawl_job(lease: Lease) -> None:
    """The work of a job of kind *crawl*: what an earlier attempt has searched stays searched."""
    take_from_cases()
    rules = current_rules()
    parsed = rules_of(rules)
    done, total = 0, _stale(rules).count()
    lease.say(f"Searching {total:,} reports")
    while True:
        with transaction.atomic():
            lease.hold()
            found = _batch(rules, parsed)
            done += found
            lease.progress(done / total if total else 1.0)
        if not found:
            return
        lease.say(f"Searched {done:,} of {max(done, total):,} reports")


def crawl_now() -> int:
    """Search here and now, without a job; how many reports that were."""
    take_from_cases()
    rules = current_rules()
    parsed, done = rules_of(rules), 0
    while True:
        with transaction.atomic():
            found = _batch(rules, parsed)
        if not found:
            return done
        done += found


def as_json(found: Crawled) -> dict[str, Any]:
    """What is kept of a search, in `StudyReport.found`. Places are characters of the text, the end excluded."""
    return {
        "counts": found.counts,
        "reason": found.reason,
        "levels": list(found.levels),
        "passages": [
            [one.kind, one.start, one.end, [[mark.kind, mark.start, mark.end] for mark in one.marks]]
            for one in found.passages
        ],
        "exclusions": [[one.reason, one.criterion, one.start, one.end] for one in found.exclusions],
    }


def _newest() -> CrawlRules | None:
    event = AuditEvent.objects.filter(verb=_PUBLISHED).order_by("-pk").first()
    return None if event is None else CrawlRules.objects.get(pk=event.detail["rules"])


def _publish(user: User | None, rules: Rules) -> CrawlRules:
    """Content that was published before is its row of then: which version holds is told by the audit."""
    row, _ = CrawlRules.objects.get_or_create(sha256=rules.sha256, defaults={"rules": rules.as_json, "by": user})
    AuditEvent.objects.create(by=user, verb=_PUBLISHED, detail={"rules": row.pk, "sha256": row.sha256})
    return row


def _stale(rules: CrawlRules) -> QuerySet[StudyReport]:
    return StudyReport.objects.filter(Q(rules__isnull=True) | ~Q(rules=rules))


def _batch(rules: CrawlRules, parsed: Rules) -> int:
    """Search some reports. Only what the search found is written: a person's decision is not its to change."""
    reports = list(_stale(rules).select_for_update().order_by("pk")[:BATCH])
    for report in reports:
        found = crawl_text(report.text, parsed)
        report.rules, report.verdict, report.language = rules, found.verdict, found.language
        report.found = as_json(found)
    StudyReport.objects.bulk_update(reports, ["rules", "verdict", "language", "found"])
    return len(reports)


def _one_at_a_time() -> None:
    key = int.from_bytes(hashlib.sha256(b"sagittal crawl rules").digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
