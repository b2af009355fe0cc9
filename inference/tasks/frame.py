"""The frame of every task of the models: the folder of a job, and its program as a child."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from labeling.jobs.children import Ended, supervise
from labeling.jobs.queue import Lease
from labeling.jobs.running import run_job
from labeling.models import Job, JobState

__all__ = ["child", "job_folder", "run_task"]

#: What may be started again or gone on with keeps its folder; a prediction begins anew in a moment.
RESUMED = ("train-segmentation", "train-classifier")


def job_folder(job: int) -> Path:
    """Where a job keeps what it needs while it runs."""
    return Path(settings.JOBS_ROOT) / str(job)


def run_task(job: int, work: Any) -> None:
    """Do the work of a job, unless somebody else does or did, and clear away what nobody needs any more."""
    run_job(job, work)
    ended = Job.objects.filter(pk=job).exclude(state__in=[JobState.QUEUED, JobState.RUNNING])
    keeps = ended.filter(kind__in=RESUMED).exclude(state=JobState.DONE)
    if ended.exists() and not keeps.exists():
        shutil.rmtree(job_folder(job), ignore_errors=True)


def child(
    lease: Lease,
    program: str,
    verb: str,
    job: dict[str, Any],
    memory_bytes: int | None = -1,
    shares: tuple[float, float] = (0.0, 1.0),
) -> Ended:
    """Run a program of the models (a module) on a job of its own kind; ``None`` for memory without a bound.

    `shares` of the whole are done when it begins and when it ends.
    """
    folder = job_folder(lease.job.pk)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{verb}.json"
    path.write_text(json.dumps(job))
    allowed = settings.INFERENCE_MEMORY_BYTES if memory_bytes == -1 else memory_bytes
    command = [sys.executable, "-m", program, verb, str(path)]
    return supervise(lease, command, folder=folder, memory_bytes=allowed, shares=shares)
