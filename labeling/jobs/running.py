"""The frame around every piece of work: claim, heartbeat, the work itself, and an end with a sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery import shared_task
from django.db import DatabaseError, connection

from labeling.imaging.refusal import Refusal
from labeling.jobs.faults import log_without_values, refusal_of
from labeling.jobs.kinds import kind_of
from labeling.jobs.queue import Lease, LeaseLost, claim_job
from labeling.models import JobState

__all__ = ["run_job", "task"]

log = logging.getLogger(__name__)


def task(name: str, *, limit_seconds: int) -> Callable[[Callable[..., Any]], Any]:
    """The project's way of making a task: a full name, a hard limit, no result; the queue is named by who sends it."""
    decorate: Callable[[Callable[..., Any]], Any] = shared_task(
        name=name, ignore_result=True, time_limit=limit_seconds, acks_late=False
    )
    return decorate


def run_job(job_id: int, work: Callable[[Lease], None]) -> bool:
    """Do the work of a job, unless somebody else does or did; False then.

    The job ends as done when `work` returns, and as failed with the sentence of a `Refusal`. Any other error gives it
    back for another attempt; the last one fails it. `work` writes its results in transactions that begin with
    `Lease.hold`, and so that the same work again finds them and adds nothing.
    """
    lease = claim_job(job_id)
    if lease is None:
        return False
    with lease:
        try:
            _work(lease, work)
        except DatabaseError as error:
            # Not even its end could be written. Nobody renews the lease any more, so it comes to another worker.
            log_without_values(f"Job {job_id} could not be ended", error)
            connection.close()
        except BaseException:
            lease.hand_back()  # the worker is told to stop
            raise
    return True


def _work(lease: Lease, work: Callable[[Lease], None]) -> None:
    try:
        work(lease)
        lease.finish(JobState.DONE)
    except LeaseLost:
        log.info("Job %s was taken over or cancelled.", lease.job.pk)
    except Refusal as refusal:
        lease.finish(JobState.FAILED, refusal.sentence)
    except Exception as error:
        # The edge of the task. A fault that passes (a database that restarts) deserves another attempt.
        log_without_values(f"Job {lease.job.pk} stopped", error)
        _end_badly(lease, error)


def _end_badly(lease: Lease, error: Exception) -> None:
    if isinstance(error, DatabaseError) and not connection.in_atomic_block:
        connection.close()  # it may be broken for good, and the next query opens another
    refusal = refusal_of(error)
    if refusal is not None:
        lease.finish(JobState.FAILED, refusal.sentence)
    elif lease.job.attempts >= kind_of(lease.job.kind).most_attempts:
        lease.finish(
            JobState.FAILED,
            f"Something unexpected stopped this job {lease.job.attempts} times. "
            "Tell the administrator; the server's log says where.",
        )
    else:
        lease.release()
