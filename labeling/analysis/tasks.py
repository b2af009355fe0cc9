"""The Celery task of the numbers."""

from __future__ import annotations

from labeling.analysis.answers import compute_job
from labeling.jobs.running import run_job, task

__all__ = ["compute"]


@task("labeling.analysis.compute", limit_seconds=3600)
def compute(job: int) -> None:
    """Answer the question of this job, unless somebody else does or did."""
    run_job(job, compute_job)
