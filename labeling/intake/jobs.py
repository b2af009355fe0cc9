"""Work that survives its worker: a row with a lease, renewed by a heartbeat; the queue's message is only the kick.

A worker claims a job by one conditional UPDATE, so a message delivered twice does nothing. While it works a thread
renews the lease; a worker that dies stops renewing, and `reap` hands the job out again, three times at most. Whoever
writes results holds the row for that transaction (`Lease.hold`), so a worker that lost its lease can commit nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any

from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import OperationalError as QueueDown

from labeling.models import Job, JobState

__all__ = ["MOST_ATTEMPTS", "Lease", "LeaseLost", "cancel", "claim", "enqueue", "kick", "reap"]

LEASE = timedelta(seconds=60)
HEARTBEAT_SECONDS = 5.0
MOST_ATTEMPTS = 3
#: A message can be lost with its queue; a job that waits longer than this is announced again.
KICK_AGAIN = timedelta(minutes=5)
#: Which Celery task does which kind of job; its keyword arguments are `Job.params`.
TASKS = {"import": "labeling.intake.import_batch"}

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The job is no longer ours: cancelled, or handed to another worker."""


def enqueue(key: str, kind: str, params: dict[str, Any], queue: str = "io", announce: bool = True) -> Job:
    """The job of this key, made if there is none, announced once the transaction is committed.

    Whoever does the work on the spot does not `announce` it; if that process dies, the reaper does.
    """
    job, _created = Job.objects.get_or_create(key=key, defaults={"kind": kind, "params": params, "queue": queue})
    if announce:
        transaction.on_commit(lambda: kick(job))
    return job


def kick(job: Job) -> None:
    """Tell the workers. A queue that is down loses nothing: the reaper tells them again."""
    Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(heartbeat_at=timezone.now())
    try:
        current_app.send_task(TASKS[job.kind], kwargs=job.params, queue=job.queue, ignore_result=True)
    except QueueDown:
        log.warning("The queue cannot be reached. Job %s waits for the reaper.", job.pk)


def claim(key: str) -> Lease | None:
    """Take a waiting job, or None where somebody else has it or nothing is waiting."""
    owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    now = timezone.now()
    taken = Job.objects.filter(key=key, state=JobState.QUEUED).update(
        state=JobState.RUNNING, owner=owner, lease_until=now + LEASE, heartbeat_at=now, attempts=F("attempts") + 1
    )
    return Lease(Job.objects.get(key=key), owner) if taken else None


def cancel(key: str) -> bool:
    """Stop a job that waits or runs; what it has committed stays. False where there was nothing to stop."""
    return bool(
        Job.objects.filter(key=key, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
            state=JobState.CANCELLED, owner="", lease_until=None, finished_at=timezone.now()
        )
    )


class Lease:
    """A claimed job. As a context manager it keeps the lease alive from a thread of its own."""

    def __init__(self, job: Job, owner: str) -> None:
        self.job, self.owner = job, owner
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raises `LeaseLost` as soon as the heartbeat has found the job taken away."""
        if self._lost.is_set():
            raise LeaseLost

    def hold(self) -> None:
        """Lock the row until the transaction ends, so that nobody can take the job over while results are written."""
        if not list(self._mine().select_for_update().values_list("pk")):
            raise LeaseLost

    def progress(self, share: float) -> None:
        self._mine().update(progress=min(1.0, max(0.0, share)))

    def finish(self, state: JobState, message: str = "") -> bool:
        """End the job as done or failed; False where it is no longer ours to end."""
        self._ended.set()
        return bool(
            self._mine().update(
                state=state, message=message, owner="", lease_until=None, finished_at=timezone.now(), progress=1.0
            )
        )

    def release(self) -> bool:
        """Give the job back for another attempt."""
        self._ended.set()
        return bool(self._mine().update(state=JobState.QUEUED, owner="", lease_until=None))

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, owner=self.owner, state=JobState.RUNNING)

    def _beat(self) -> None:
        try:
            while not self._ended.wait(HEARTBEAT_SECONDS):
                now = timezone.now()
                try:
                    kept = self._mine().update(heartbeat_at=now, lease_until=now + LEASE)
                except DatabaseError:
                    # The lease runs on its own; the work itself will meet the same database.
                    connection.close()
                    continue
                if not kept and not self._ended.is_set():
                    self._lost.set()
                    return
        finally:
            connection.close()  # this thread's own


def reap(kind: str, given_up: Callable[[Job], None], handed_out: Callable[[Job], None]) -> int:
    """Hand out again what lost its worker, give up what lost it too often, announce what waits too long.

    Parameters
    ----------
    given_up, handed_out
        Called in the transaction that fails a job after its last attempt, or lets another worker have it.

    Returns
    -------
    How many jobs were handed out again or given up.
    """
    now = timezone.now()
    touched = 0
    with transaction.atomic():
        dead = Job.objects.select_for_update(skip_locked=True).filter(
            kind=kind, state=JobState.RUNNING, lease_until__lt=now
        )
        for job in dead:
            touched += 1
            job.owner, job.lease_until = "", None
            if job.attempts >= MOST_ATTEMPTS:
                job.state, job.finished_at = JobState.FAILED, now
                job.message = (
                    f"The worker died {job.attempts} times at this delivery. Cases that were already stored stay. "
                    "Send it again, or ask the administrator."
                )
                job.save()
                given_up(job)
            else:
                job.state = JobState.QUEUED
                job.save()
                handed_out(job)
                transaction.on_commit(lambda job=job: kick(job))  # type: ignore[misc]
    waiting = Job.objects.filter(kind=kind, state=JobState.QUEUED).filter(
        Q(heartbeat_at__lt=now - KICK_AGAIN) | Q(heartbeat_at__isnull=True, created_at__lt=now - KICK_AGAIN)
    )
    for job in waiting:
        kick(job)
    return touched
