"""The Celery task of the cohort."""

from __future__ import annotations

from labeling.cohort.crawl import crawl_job
from labeling.jobs.running import run_job, task

__all__ = ["crawl"]


@task("labeling.cohort.crawl", limit_seconds=3600)
def crawl(job: int) -> None:
    """Search the reports of this job, unless somebody else does or did."""
    run_job(job, crawl_job)
