"""What no worker finishes: handed out again, given up after too many attempts, announced where a message was lost.

Nothing else watches over workers: one is alive as long as it renews the lease of its job. Of a process on the same
machine its end is seen at once.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from labeling.jobs.faults import log_without_values
from labeling.jobs.kinds import KINDS, kind_of
from labeling.jobs.owners import is_gone
from labeling.jobs.queue import KICK_AGAIN, kick
from labeling.jobs.waiting import begins_later
from labeling.models import Job, JobState

__all__ = ["reap"]


def reap() -> int:
    """Bring back what lost its worker, announce what waits too long; how many jobs had lost their worker."""
    touched = 0
    for job in [job.pk for job in _running().only("owner", "lease_until") if _is_lost(job)]:
        try:
            touched += _bring_back(job)
        except Exception as error:
            # The edge of each job's fate: one that cannot be brought back must not keep the others.
            log_without_values(f"Job {job} could not be brought back", error)
    _announce()
    return touched


def _running() -> QuerySet[Job]:
    return Job.objects.filter(kind__in=KINDS, state=JobState.RUNNING)


def _is_lost(job: Job) -> bool:
    return job.lease_until is None or job.lease_until < timezone.now() or is_gone(job.owner)


def _bring_back(job_id: int) -> bool:
    with transaction.atomic():
        # Whoever holds the row is committing results, or is another reaper.
        job = _running().select_for_update(skip_locked=True).filter(pk=job_id).first()
        if job is None or not _is_lost(job):
            return False
        kind = kind_of(job.kind)
        job.owner, job.lease_until = "", None
        if job.attempts >= kind.most_attempts:
            job.state, job.finished_at = JobState.FAILED, timezone.now()
            job.message = kind.given_up.format(attempts=job.attempts)
            job.save()
            kind.its_hooks().given_up(job)
        else:
            job.state, job.stage = JobState.QUEUED, "The worker died. Waiting for another one"
            job.save()
            kind.its_hooks().handed_out(job)
            transaction.on_commit(lambda: kick(job))
    return True


def _announce() -> None:
    late = timezone.now() - KICK_AGAIN
    waiting = Job.objects.filter(kind__in=KINDS, state=JobState.QUEUED).filter(
        Q(heartbeat_at__lt=late) | Q(heartbeat_at__isnull=True, created_at__lt=late)
    )
    for job in waiting.order_by("created_at"):
        # Its message lies in the queue until then; one more every few minutes would only pile up.
        if not begins_later(job):
            kick(job)
