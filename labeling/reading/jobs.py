"""Who may see which job, stop it and start it again, and what of it they are told.

Overseers see all. Residents and senior readers see that a case of theirs is being segmented, and nothing else: what
other jobs say may be another's read. For the same reason a job that tells a read stays hidden from whoever still owes a
read of its case, overseer or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from labeling.imaging.refusal import Refusal
from labeling.jobs import queue
from labeling.jobs.kinds import KINDS
from labeling.jobs.waiting import waiting_for
from labeling.models import Job, JobState
from labeling.reading.roles import AnyUser, may_manage_models, may_see_all_cases
from labeling.reading.visibility import cases_before_models, visible_cases

__all__ = ["cancel_job", "facts_of", "job_facts", "may_change", "may_start_again", "start_again", "visible_jobs"]

_OPEN = (JobState.QUEUED, JobState.RUNNING)
_ENDED_BADLY = (JobState.FAILED, JobState.CANCELLED)
#: What readers may see, on cases of theirs.
_SHOWN_TO_READERS = ("segment",)


def visible_jobs(user: AnyUser) -> QuerySet[Job]:
    """The jobs that this person may see, newest first."""
    jobs = Job.objects.select_related("case__patient", "model_version", "by").order_by("-created_at", "-pk")
    if may_see_all_cases(user):
        telling = [kind.name for kind in KINDS.values() if kind.tells_a_read]
        return jobs.exclude(kind__in=telling, case__in=cases_before_models(user))
    return jobs.filter(kind__in=_SHOWN_TO_READERS, case__in=visible_cases(user))


def may_change(user: User, job: Job) -> bool:
    """Whether this person may stop the job and start it again: overseers, and whoever asked for it."""
    return may_see_all_cases(user) or job.by_id == user.pk


def may_start_again(user: User, job: Job) -> bool:
    """Whether this person may start the job again: a training is an engineer's to begin, and to begin again."""
    return may_change(user, job) and (not job.kind.startswith("train-") or may_manage_models(user))


def facts_of(jobs: Iterable[Job], user: User) -> list[dict[str, Any]]:
    """Jobs of a list. All that wait in one queue wait for the same, so it is asked once for each."""
    waits: dict[str, str] = {}
    facts = []
    for job in jobs:
        if job.state == JobState.QUEUED and job.queue not in waits:
            waits[job.queue] = waiting_for(job)
        waiting = waits[job.queue] if job.state == JobState.QUEUED else ""
        facts.append(job_facts(job, user, waiting=waiting))
    return facts


def job_facts(job: Job, user: User, *, whole: bool = False, waiting: str | None = None) -> dict[str, Any]:
    """A job as the API shows it.

    Parameters
    ----------
    waiting
        What it waits for, where that is known.
    whole
        With the log's tail, for overseers. It is an empty text for others, and where the log may tell a read:
        being shown that would be an exposure, which nobody writes down here.
    """
    fields = ("id", "kind", "title", "queue", "state", "stage", "progress", "attempts", "message", "curves")
    facts = {name: getattr(job, name) for name in (*fields, "created_at", "started_at", "finished_at")}
    mine, kind = may_change(user, job), KINDS.get(job.kind)
    restarts = kind is not None and kind.may_start_again and may_start_again(user, job)
    facts |= {
        "case": {"id": job.case.pk, "name": job.case.name} if job.case is not None else None,
        "model_version": _named(job.model_version),
        "by": (job.by.get_full_name() or job.by.get_username()) if job.by is not None else "",
        "waiting_for": waiting_for(job) if waiting is None else waiting,
        "may_cancel": mine and job.state in _OPEN,
        "may_retry": restarts and job.state in _ENDED_BADLY,
    }
    if whole:
        told = may_see_all_cases(user) and kind is not None and not kind.tells_a_read
        facts["log_tail"] = job.log_tail if told else ""
    return facts


def cancel_job(user: User, job_id: int) -> Job:
    """Stop a job; what it has committed stays.

    Raises
    ------
    Job.DoesNotExist
        where there is none that this person sees.
    Refusal
        ``not-yours``, ``job-ended``.
    """
    job = _changeable(user, job_id)
    if not queue.cancel(job.key):
        raise Refusal("job-ended", "This job has already ended, so there is nothing to stop.")
    return visible_jobs(user).get(pk=job_id)


def start_again(user: User, job_id: int) -> Job:
    """Start a job again that failed or was stopped.

    Raises
    ------
    Job.DoesNotExist
        where there is none that this person sees.
    Refusal
        ``not-yours``, ``not-again``, ``job-goes-on``.
    """
    job = _changeable(user, job_id)
    if not may_start_again(user, job):
        raise Refusal("not-yours", "A training is started again by an engineer. Ask one of them.")
    if not queue.again(job):
        raise Refusal("job-goes-on", "This job waits, runs or is done, so there is nothing to start again.")
    return visible_jobs(user).get(pk=job_id)


def _changeable(user: User, job_id: int) -> Job:
    job = visible_jobs(user).get(pk=job_id)
    if not may_change(user, job):
        raise Refusal("not-yours", "Only whoever asked for this job, or an overseer, may stop it or start it again.")
    return job


def _named(version: Any) -> dict[str, Any] | None:
    return None if version is None else {"id": version.pk, "name": version.name}
