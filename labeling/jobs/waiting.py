"""What a job waits for, where it is more than the next free worker."""

from __future__ import annotations

import json

from django.conf import settings

from labeling.jobs.kinds import INFERENCE_QUEUES
from labeling.models import Job, JobState

__all__ = ["begins_later", "waiting_for"]


def waiting_for(job: Job) -> str:
    """A sentence on what keeps a waiting job from beginning; an empty text where nothing does, or it does not wait."""
    if job.state != JobState.QUEUED or job.queue not in INFERENCE_QUEUES:
        return ""
    return _missing_packages() or (_ANOTHER_FIRST if _another_runs(job) else "")


def begins_later(job: Job) -> bool:
    """Whether no worker could take the job now, however often it is told."""
    return bool(waiting_for(job))


_ANOTHER_FIRST = "It begins when the job before it has ended."


def _another_runs(job: Job) -> bool:
    return Job.objects.filter(queue=job.queue, state=JobState.RUNNING).exclude(pk=job.pk).exists()


def _missing_packages() -> str:
    """What the launcher says of the inference packages; nothing where it says nothing (a container has them or not)."""
    try:
        status = json.loads(settings.INFERENCE_STATUS_FILE.read_text())
        state, detail = str(status["state"]), str(status.get("detail", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return {
        "waiting": "It waits for the inference packages.",
        "installing": "It waits for the inference packages, which are being installed.",
        "failed": f"It waits for the inference packages, which could not be installed. {detail}".strip(),
        "skipped": "It waits for the inference packages, which were left out of this start.",
    }.get(state, "")
