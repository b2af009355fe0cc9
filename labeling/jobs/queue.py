"""Work that survives its worker: a row with a lease, renewed by a heartbeat; the queue's message is only the kick.

A worker claims a job by one conditional UPDATE, so a message delivered twice does nothing. While it works a thread
renews the lease; a worker that dies stops renewing, and the reaper hands the job out again, a few times at most.
Whoever writes results holds the row for that transaction (`Lease.hold`), so a worker that lost its lease can commit
nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any

from celery import current_app
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as QueueDown

from labeling.imaging.refusal import Refusal
from labeling.jobs.journal import Journal
from labeling.jobs.kinds import kind_of
from labeling.jobs.owners import new_owner
from labeling.models import Case, Job, JobState, ModelVersion

__all__ = [
    "KICK_AGAIN",
    "MOST_ATTEMPTS",
    "Lease",
    "LeaseLost",
    "again",
    "cancel",
    "claim",
    "claim_job",
    "enqueue",
    "kick",
]

LEASE = timedelta(seconds=60)
HEARTBEAT_SECONDS = 5.0
#: Of work that begins anew each time; see `Kind.most_attempts`.
MOST_ATTEMPTS = 3
#: A message can be lost with its queue; a job that waits longer than this is announced again.
KICK_AGAIN = timedelta(minutes=5)
#: A fault that passes, such as a database that restarts, gets this long to pass before the next attempt.
PAUSE_AFTER_FAULT = timedelta(seconds=20)
WRITE_EVERY_SECONDS = 0.5

_ENDED_BADLY = (JobState.FAILED, JobState.CANCELLED)
_OPEN = (JobState.QUEUED, JobState.RUNNING)

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The job is no longer ours: cancelled, or handed to another worker."""


def enqueue(
    key: str,
    kind: str,
    params: dict[str, Any],
    *,
    title: str,
    case: Case | None = None,
    model_version: ModelVersion | None = None,
    by: User | None = None,
    announce: bool = True,
) -> Job:
    """The job of this key, made if there is none, started again if it failed or was cancelled.

    It is announced once the transaction is committed. Whoever does the work on the spot does not `announce` it; if that
    process dies, the reaper does.

    Parameters
    ----------
    key
        What makes this work the same work: asked for twice it is one row.
    title
        What it does, for people; nothing of a patient's identity.
    """
    what = kind_of(kind)
    job, created = Job.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "queue": what.queue,
            "params": params,
            "title": title[:120],
            "case": case,
            "model_version": model_version,
            "by": by,
        },
    )
    if not created and job.state in _ENDED_BADLY and what.may_start_again:
        again(job, by=by, announce=announce)
    elif announce and job.state == JobState.QUEUED:
        transaction.on_commit(lambda: kick(job))
    return job


def again(job: Job, *, by: User | None = None, announce: bool = True) -> bool:
    """Start a failed or cancelled job again; False where it was neither. What it left on the disk it may use.

    Raises
    ------
    Refusal
        ``not-again`` where work of this kind begins otherwise.
    """
    if not kind_of(job.kind).may_start_again:
        raise Refusal("not-again", "This job cannot be started again. Ask for the work anew where it was asked for.")
    values: dict[str, Any] = {"state": JobState.QUEUED, "attempts": 0, "message": "", "stage": "", "progress": 0.0}
    values |= {"heartbeat_at": timezone.now(), "finished_at": None}
    if by is not None:
        values["by"] = by
    if not Job.objects.filter(pk=job.pk, state__in=_ENDED_BADLY).update(**values):
        return False
    job.refresh_from_db()
    if announce:
        transaction.on_commit(lambda: kick(job))
    return True


def kick(job: Job) -> None:
    """Tell the workers. A queue that is down loses nothing: the reaper tells them again."""
    if not Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(heartbeat_at=timezone.now()):
        return
    kind = kind_of(job.kind)
    try:
        current_app.send_task(kind.task, kwargs=kind.arguments(job), queue=job.queue, ignore_result=True)
    except QueueDown:
        log.warning("The queue cannot be reached. Job %s waits for the reaper.", job.pk)


def claim(key: str) -> Lease | None:
    """Take the waiting job of this key, or None where somebody else has it or nothing is waiting."""
    return _claim(Job.objects.filter(key=key))


def claim_job(job_id: int) -> Lease | None:
    """As `claim`, by the row's number."""
    return _claim(Job.objects.filter(pk=job_id))


def _claim(which: QuerySet[Job]) -> Lease | None:
    owner = new_owner()
    now = timezone.now()
    taken = which.filter(state=JobState.QUEUED).update(
        state=JobState.RUNNING,
        owner=owner,
        lease_until=now + LEASE,
        heartbeat_at=now,
        started_at=now,
        finished_at=None,
        attempts=F("attempts") + 1,
        progress=0.0,
        stage="",
        message="",
    )
    # None where a person has stopped it in the meantime.
    job = Job.objects.filter(owner=owner).first() if taken else None
    return None if job is None else Lease(job, owner)


def cancel(key: str) -> bool:
    """Stop a job that waits or runs; what it has committed stays. False where there was nothing to stop."""
    with transaction.atomic():
        stopped = Job.objects.filter(key=key, state__in=_OPEN).update(
            state=JobState.CANCELLED,
            owner="",
            lease_until=None,
            finished_at=timezone.now(),
            stage="",
            message="Stopped by a person.",
        )
        if stopped:
            job = Job.objects.get(key=key)
            kind_of(job.kind).its_hooks().cancelled(job)
    return bool(stopped)


class Lease:
    """A claimed job. As a context manager it keeps the lease alive from a thread of its own."""

    def __init__(self, job: Job, owner: str) -> None:
        self.job, self.owner = job, owner
        self.journal = Journal(job.log_tail, job.curves)
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self._written_at = 0.0
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

    # -- what people see while it runs ------------------------------------------------------------------------------

    def say(self, stage: str, share: float | None = None) -> None:
        """What is being done, and how much of the whole is done (0 to 1). Raises `LeaseLost`."""
        self.journal.say(stage, share)
        self.flush()

    def log(self, line: str) -> None:
        """A line for the log's tail: the last 200 lines or 20 kB. Raises `LeaseLost`."""
        self.journal.log(line)
        self.flush()

    def curve(self, name: str, x: float, y: float | None) -> None:
        """A point of a curve, such as the loss of an epoch. Raises `LeaseLost`."""
        self.journal.curve(name, x, y)
        self.flush()

    def progress(self, share: float) -> None:
        """Write the share that is done at once, in the caller's transaction; unlike `say` it may go back."""
        self._mine().update(progress=min(1.0, max(0.0, share)))

    def flush(self) -> None:
        """Write what was said, at most every half second. Raises `LeaseLost` where the job is no longer ours.

        A database that is away is waited for: what was said is kept, and the heartbeat or the next call writes it.
        """
        self.check()
        # Never wait for the heartbeat: it may be waiting for the row that our own transaction holds.
        if time.monotonic() - self._written_at < WRITE_EVERY_SECONDS or not self._writing.acquire(blocking=False):
            return
        try:
            self._write({})
        except DatabaseError:
            if connection.in_atomic_block:
                raise
            connection.close()
        finally:
            self._writing.release()
        self.check()

    def look(self) -> bool:
        """Whether the job is still ours, asked of the database; True while the database is away."""
        try:
            if not self._mine().exists():
                self._lost.set()
        except DatabaseError:
            if connection.in_atomic_block:
                raise
            connection.close()
        return not self._lost.is_set()

    # -- how it ends ------------------------------------------------------------------------------------------------

    def finish(self, state: JobState, message: str = "") -> bool:
        """End the job as done or failed; False where it is no longer ours to end."""
        self._ended.set()
        values = self.journal.changes() | {
            "state": state,
            "message": message,
            "owner": "",
            "lease_until": None,
            "finished_at": timezone.now(),
        }
        if state == JobState.DONE:
            values |= {"progress": 1.0, "stage": ""}
        return bool(self._mine().update(**values))

    def release(self, *, counts: bool = True) -> bool:
        """Give the job back for another attempt.

        Parameters
        ----------
        counts
            False where the worker was told to stop, which says nothing against the job: another may have it at once.
        """
        self._ended.set()
        pause = PAUSE_AFTER_FAULT if counts else timedelta(0)
        values = self.journal.changes() | {
            "state": JobState.QUEUED,
            "owner": "",
            "lease_until": None,
            "heartbeat_at": timezone.now() - KICK_AGAIN + pause,
            "stage": "Waiting for another attempt",
        }
        if not counts:
            values["attempts"] = F("attempts") - 1
        return bool(self._mine().update(**values))

    def hand_back(self) -> None:
        """As `release`, for a worker that is told to stop, maybe in the middle of a query; it never raises."""
        connection.close()
        with suppress(DatabaseError):  # else the lease runs out by itself
            self.release(counts=False)

    # -- the row ----------------------------------------------------------------------------------------------------

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, owner=self.owner, state=JobState.RUNNING)

    def _write(self, values: dict[str, Any]) -> None:
        """Write `values` and what was said; notes it where the job is no longer ours. Needs the lock `_writing`."""
        changes = self.journal.changes()
        if not values and not changes:
            return
        try:
            kept = self._mine().update(**values, **changes)
        except DatabaseError:
            self.journal.not_written(changes)
            raise
        self._written_at = time.monotonic()
        if not kept and not self._ended.is_set():
            self._lost.set()

    def _beat(self) -> None:
        try:
            while not self._ended.wait(HEARTBEAT_SECONDS):
                now = timezone.now()
                try:
                    with self._writing:
                        self._write({"heartbeat_at": now, "lease_until": now + LEASE})
                except DatabaseError:
                    # The lease runs on its own; the work itself will meet the same database.
                    connection.close()
                if self._lost.is_set():
                    return
        finally:
            connection.close()  # this thread's own
