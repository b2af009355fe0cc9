"""The Celery tasks of the cohort: the search of a job, and by the clock the one that nobody asks for."""

from __future__ import annotations

from labeling.cohort.crawl import crawl_job, search_new
from labeling.jobs.running import run_job, task

__all__ = ["crawl", "search"]


@task("labeling.cohort.crawl", limit_seconds=3600)
def crawl(job: int) -> None:
    """Search the reports of this job, unless somebody else does or did."""
    run_job(job, crawl_job)


@task("labeling.cohort.search", limit_seconds=300)
def search() -> None:
    """Have the reports searched that came in with their cases."""
    search_new()
