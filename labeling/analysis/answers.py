"""Answers, kept: the same question over the same data is computed once, small ones at once, large ones by a worker.

A page asks with `ask`. Where the data have changed, it gets the older answer, called so, until the new one is there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string

from labeling.analysis.scope import Scope, may_see_numbers, scope_of
from labeling.analysis.versions import data_version
from labeling.imaging.refusal import Refusal
from labeling.jobs.queue import Lease, enqueue
from labeling.models import Computation, Finding, Job, JobState

__all__ = ["QUESTIONS", "Answered", "Question", "ask", "compute", "compute_job", "is_waiting"]

#: Kind of question -> the function that answers it: (user, scope, question) -> JSON of numbers, text and lists.
QUESTIONS: dict[str, str] = {
    "agreement": "labeling.analysis.agreement.answer",
    "accuracy": "labeling.analysis.accuracy.answer",
    "curves": "labeling.analysis.curves.answer",
    "comparison": "labeling.analysis.comparison.answer",
    "report": "labeling.analysis.report_against.answer",
    "place": "labeling.analysis.place.answer",
    "reading": "labeling.analysis.reading_habits.answer",
    "table-one": "labeling.cohort.table_one.answer",
}

#: Findings in the scope up to which a page waits for the answer; beyond, a worker computes it.
AT_ONCE = 6_000

_Answer = Callable[[User, Scope, "Question"], dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """What is asked, apart from the data.

    `options` are sorted (name, value) pairs of text: readers, unit, target and what else a kind knows.
    """

    kind: str
    scope: str
    readers: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "scope": self.scope,
            "readers": list(self.readers),
            "options": dict(self.options),
        }

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Question:
        """Of `as_json`."""
        options = tuple(sorted((str(name), str(value)) for name, value in data.get("options", {}).items()))
        return cls(str(data["kind"]), str(data["scope"]), tuple(map(str, data.get("readers", ()))), options)

    @property
    def sha(self) -> str:
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def option(self, name: str, default: str = "") -> str:
        return dict(self.options).get(name, default)


@dataclass(frozen=True)
class Answered:
    """What there is to show now.

    Attributes
    ----------
    computation
        The answer of these data, or an older one where `job` computes; None where there is none yet.
    current
        Whether it is of the data as they are now.
    job
        Computes it, or could not: its state and message say so.
    """

    scope: Scope
    question: Question
    data_version: str
    computation: Computation | None
    current: bool
    job: Job | None = None

    @property
    def answer(self) -> dict[str, Any] | None:
        return None if self.computation is None else self.computation.answer


def ask(user: User, question: Question, *, wait: bool = False) -> Answered:
    """The answer where it is known or quick; else what was known before, and a job that computes it.

    Parameters
    ----------
    wait
        Compute it here and now, however long it takes: for commands and exports.

    Raises
    ------
    Refusal
        ``no-numbers`` for who may see none, ``no-scope``, ``no-column`` and what else a kind refuses.
    """
    if not may_see_numbers(user):
        raise Refusal("no-numbers", "Numbers are for leads, engineers and administrators.")
    scope = scope_of(user, question.scope)
    version = data_version(user, scope.cases)
    known = Computation.objects.filter(question_sha=question.sha, data_version=version).first()
    if known is not None:
        return Answered(scope, question, version, known, current=True)
    if wait or Finding.objects.filter(read__case__in=scope.cases).count() <= AT_ONCE:
        return Answered(scope, question, version, compute(user, question), current=True)
    # An older answer may hold cases that were not closed to this person then: it is shown to who asked for it alone.
    older = Computation.objects.filter(question_sha=question.sha, job__by=user).order_by("-at").first()
    job = enqueue(
        f"numbers:{question.sha[:40]}:{version[:40]}:{user.pk}",
        "numbers",
        {"question": question.as_json(), "user": user.pk},
        title=f"Numbers: {question.kind}, {scope.title}",
        by=user,
    )
    return Answered(scope, question, version, older, current=False, job=job)


def compute(user: User, question: Question, job: Job | None = None) -> Computation:
    """Answer the question from the data as they are, and keep the answer.

    The stamp is taken before and after: what changed meanwhile is computed again.

    Raises
    ------
    Refusal
        ``no-question`` where nobody knows how to answer it.
    """
    if question.kind not in QUESTIONS:
        raise Refusal("no-question", f"There are no numbers called {question.kind[:40]!r}.")
    started = time.monotonic()
    scope = scope_of(user, question.scope)
    before = data_version(user, scope.cases)
    work: _Answer = import_string(QUESTIONS[question.kind])
    answer = work(user, scope, question)
    # A read that was locked meanwhile may be in the numbers or not: they are computed again from what is there now.
    if data_version(user, scope.cases) != before:
        return compute(user, question, job)
    try:
        with transaction.atomic():
            kept = Computation.objects.create(
                kind=question.kind,
                question=question.as_json(),
                question_sha=question.sha,
                data_version=before,
                answer=answer,
                seconds=time.monotonic() - started,
                job=job,
            )
            # As the database keeps it, in its order of keys: the first look and the second are the same.
            kept.refresh_from_db(fields=["answer"])
            return kept
    except IntegrityError:
        # Somebody else asked the same at the same time.
        return Computation.objects.get(question_sha=question.sha, data_version=before)


def compute_job(lease: Lease) -> None:
    """The work of a job of kind *numbers*, for `labeling.jobs.running.run_job`."""
    params = lease.job.params
    user = User.objects.filter(pk=params["user"], is_active=True).first()
    if user is None or not may_see_numbers(user):
        raise Refusal("no-numbers", "Who asked for these numbers may not see them any more.")
    lease.say("Counting")
    compute(user, Question.parse(params["question"]), Job.objects.get(pk=lease.job.pk))


def is_waiting(job: Job | None) -> bool:
    """Whether a page should look again in a moment."""
    return job is not None and job.state in (JobState.QUEUED, JobState.RUNNING)
