"""The task of morphometry, which needs no weights and no program of its own."""

from __future__ import annotations

from inference.tasks.frame import run_task
from labeling.jobs.running import task
from labeling.reading.opinions.morphometry import measure_job

__all__ = ["measure"]


@task("inference.measure", limit_seconds=3600)
def measure(job: int) -> None:
    """Measure the heights of the vertebrae of this job's anatomy, unless somebody else does or did."""
    run_task(job, measure_job)
