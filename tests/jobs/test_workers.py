"""A real worker on a real queue: cancelling, messages delivered twice, a child without memory, and what it loads."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from config.processes import alive
from labeling.jobs import queue
from labeling.models import Job
from tests.jobs.conftest import Ask, Worker, attempts, folder_of, gone, results, state, wait_end, wait_for
from tests.jobs.gates import open_gate

pytestmark = pytest.mark.django_db(transaction=True)


def test_cancel_ends_the_work_of_a_real_worker_which_goes_on_with_the_next(standing_worker: Worker, ask: Ask):
    first, second = ask("first", held="in the child"), ask("second")
    wait_for(first, "in the child")
    begun = time.monotonic()
    assert queue.cancel(first.key)
    assert gone(int((folder_of(first) / "in-the-child.came").read_text()), 8)
    assert gone(int((folder_of(first) / "lasting").read_text()), 1)
    assert time.monotonic() - begun < 8
    assert wait_end(second).state == "done"
    assert (wait_end(first).state, results(first), results(second)) == ("cancelled", 0, 1)
    assert queue.again(first)
    open_gate(folder_of(first), "in the child")
    assert (wait_end(first).state, results(first)) == ("done", 1)


def test_messages_delivered_twice_and_of_jobs_that_are_no_more_do_nothing(standing_worker: Worker, ask: Ask):
    first = ask("first", held="before the child")
    for _ in range(3):
        queue.kick(first)
    wait_for(first, "before the child")
    cancelled = ask("cancelled")
    for _ in range(3):
        queue.kick(first)
        queue.kick(cancelled)
    queue.cancel(cancelled.key)
    open_gate(folder_of(first), "before the child")
    wait_end(first)
    last = ask("last")
    wait_end(last)
    assert (attempts(first), results(first)) == (1, 1)
    assert not (folder_of(cancelled) / "attempts").exists()
    assert state(cancelled) == "cancelled"


def test_a_child_killed_for_want_of_memory_fails_its_job_with_a_sentence_and_may_be_started_again(
    standing_worker: Worker, ask: Ask
):
    job = ask(child="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    ended = wait_end(job)
    assert (ended.state, attempts(job)) == ("failed", 1)
    assert "memory of this machine ran out" in ended.message
    Job.objects.filter(pk=job.pk).update(params={"folder": job.params["folder"]})
    assert queue.enqueue(job.key, "test", {}, title="A test").pk == job.pk
    ended = wait_end(job)
    assert (ended.state, ended.message, ended.attempts, results(job)) == ("done", "", 1, 1)


def test_a_worker_of_the_models_loads_no_model(standing_worker: Worker, ask: Ask):
    """Neither torch nor nnU-Net is mapped by the worker or by its processes, which know the product's own tasks."""
    job = ask()
    wait_end(job)
    assert standing_worker.process is not None
    for process in (standing_worker.process.pid, int((folder_of(job) / "worker").read_text())):
        assert alive(process)
        mapped = Path(f"/proc/{process}/maps").read_text()
        assert "numpy" in mapped
        assert not [line for line in mapped.splitlines() if "torch" in line or "nnunet" in line or "timm" in line]
    named = standing_worker.log.read_text()
    assert "labeling.jobs.reap" in named
    assert "labeling.intake.import_batch" in named
    assert "inference.segment" in named
