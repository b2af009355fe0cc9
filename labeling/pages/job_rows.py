"""A job as the pages draw it: words for its kind, its state, how long it has been at it, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from labeling.jobs.kinds import KINDS
from labeling.jobs.waiting import waiting_for
from labeling.models import Job, JobState
from labeling.reading.jobs import may_start_again

__all__ = ["ENDED", "KIND_WORDS", "OPEN", "JobRow", "elapsed_words", "kind_words", "rows_of"]

#: kind -> what it is called where jobs are listed.
KIND_WORDS = {
    "import": "Import",
    "segment": "Segmentation",
    "measure": "Morphometry",
    "numbers": "Numbers",
    "crawl": "Report search",
    "classify": "Classification",
    "train-segmentation": "Segmentation training",
    "train-classifier": "Classifier training",
}
OPEN = (JobState.QUEUED, JobState.RUNNING)
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

#: state -> (class of the chip, icon, word)
_CHIPS = {
    JobState.QUEUED: ("chip-line", "clock", "waiting"),
    JobState.RUNNING: ("chip-accent", "", "running"),
    JobState.DONE: ("", "check", "done"),
    JobState.FAILED: ("chip-bad", "x", "failed"),
    JobState.CANCELLED: ("", "minus", "cancelled"),
}


def kind_words(kind: str) -> str:
    return KIND_WORDS.get(kind, kind.replace("-", " ").capitalize())


def elapsed_words(span: timedelta) -> str:
    """12 s, 4 min 05 s, 3 h 12 min, 2 days 4 h: two units at most."""
    seconds = max(0, int(span.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min {seconds % 60:02} s"
    if hours < 24:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} day{'' if days == 1 else 's'} {hours % 24} h"


@dataclass(frozen=True)
class JobRow:
    """One job, drawn at one moment for one person."""

    job: Job
    user: User
    now: datetime
    #: A sentence on what it waits for; '' where it does not wait.
    waits: str

    @classmethod
    def of(cls, job: Job, user: User) -> JobRow:
        return cls(job, user, timezone.now(), _waits(job))

    @property
    def title(self) -> str:
        if self.job.title:
            return self.job.title
        return f"{self.kind} of {self.job.case.name}" if self.job.case is not None else self.kind

    @property
    def kind(self) -> str:
        return kind_words(self.job.kind)

    @property
    def chip(self) -> str:
        return _CHIPS[JobState(self.job.state)][0]

    @property
    def icon(self) -> str:
        return _CHIPS[JobState(self.job.state)][1]

    @property
    def word(self) -> str:
        return _CHIPS[JobState(self.job.state)][2]

    @property
    def is_open(self) -> bool:
        return self.job.state in OPEN

    @property
    def runs(self) -> bool:
        return self.job.state == JobState.RUNNING

    @property
    def percent(self) -> int:
        """Whole percent, rounded down; a job that runs is never at 100, for something is still to be done."""
        return min(int(100 * self.job.progress), 99 if self.is_open else 100)

    @property
    def stage(self) -> str:
        """What it does now, what it waits for, or how it ended."""
        if self.job.state == JobState.QUEUED:
            return self.waits
        if self.job.state == JobState.RUNNING:
            return self.job.stage or "Starting"
        return self.job.message

    @property
    def lead(self) -> str:
        """The first sentence of a failure stands out; the rest says what to do."""
        return self.job.message.split(". ", 1)[0].rstrip(".") + "." if self.job.message else ""

    @property
    def rest(self) -> str:
        return self.job.message.partition(". ")[2]

    @property
    def elapsed(self) -> str:
        """Of the present or last attempt; nothing before the first."""
        start = self.job.started_at
        if start is None:
            return ""
        if self.runs:
            return elapsed_words(self.now - start)
        return elapsed_words(self.job.finished_at - start) if self.job.finished_at else ""

    @property
    def waited(self) -> str:
        return elapsed_words(self.now - self.job.created_at)

    @property
    def heard(self) -> str:
        """How long ago its worker was last heard of; nothing unless it runs."""
        if not self.runs or self.job.heartbeat_at is None:
            return ""
        return elapsed_words(self.now - self.job.heartbeat_at)

    @property
    def by(self) -> str:
        user = self.job.by
        return "" if user is None else user.get_full_name() or user.get_username()

    @property
    def may_cancel(self) -> bool:
        return self.is_open

    @property
    def may_retry(self) -> bool:
        """Whether this person may start it again: a training that failed is an engineer's to begin anew."""
        kind = KINDS.get(self.job.kind)
        has_ended = self.job.state in (JobState.FAILED, JobState.CANCELLED)
        return has_ended and kind is not None and kind.may_start_again and may_start_again(self.user, self.job)

    @property
    def shows_log(self) -> bool:
        """Not where it could tell a verdict: reading it would be an exposure that nobody writes down."""
        kind = KINDS.get(self.job.kind)
        return kind is not None and not kind.tells_a_read

    @property
    def url(self) -> str:
        return reverse("job", args=[self.job.pk])


def rows_of(jobs: Iterable[Job], user: User) -> list[JobRow]:
    """Rows of a list for one person. All that wait in one queue wait for the same, so it is asked once for each."""
    waits: dict[str, str] = {}
    now = timezone.now()
    rows = []
    for job in jobs:
        if job.state == JobState.QUEUED and job.queue not in waits:
            waits[job.queue] = _waits(job)
        rows.append(JobRow(job, user, now, waits[job.queue] if job.state == JobState.QUEUED else ""))
    return rows


def _waits(job: Job) -> str:
    return waiting_for(job) or ("It waits for a worker." if job.state == JobState.QUEUED else "")
