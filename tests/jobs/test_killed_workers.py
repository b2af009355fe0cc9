"""The worst that happens to a worker: every job ends, once, and nothing that it had started is left."""

from __future__ import annotations

import signal
import time

import pytest

from config.processes import wait_until
from labeling.jobs import reaper
from labeling.models import AuditEvent
from tests.jobs.conftest import Ask, Worker, attempts, expire, folder_of, gone, results, state, wait_end, wait_for
from tests.jobs.gates import came, open_gate
from tests.jobs.worker_kinds import PHASES

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_killed_in_any_phase_leaves_jobs_that_the_next_one_finishes_once(worker: Worker, ask: Ask):
    asked = {phase: ask(phase.replace(" ", "-"), held=phase) for phase in PHASES}
    worker.start(at_once=len(PHASES))
    for phase, job in asked.items():
        wait_for(job, phase)
    worker.kill()
    for phase, job in asked.items():
        folder = folder_of(job)
        assert gone(int((folder / "worker").read_text())), "the worker's process outlived the worker"
        if phase == "in the child":
            assert gone(int((folder / "in-the-child.came").read_text())), "the child outlived the worker"
        if came(folder, "in the child"):
            assert gone(int((folder / "lasting").read_text())), "what the child had started outlived the worker"
        assert results(job) == (1 if phase == "after the commit" else 0)
        open_gate(folder, phase)
        expire(job)
    brought_back = 0
    deadline = time.monotonic() + 10  # the server may not have noticed yet that a transaction lost its client
    while brought_back < len(PHASES) and time.monotonic() < deadline:
        brought_back += reaper.reap()
    assert brought_back == len(PHASES)
    worker.start()
    for phase, job in asked.items():
        ended = wait_end(job)
        assert (ended.state, ended.message, ended.progress, ended.attempts) == ("done", "", 1.0, 2), phase
        assert (attempts(job), results(job)) == (2, 1), phase
    assert AuditEvent.objects.filter(verb="test").count() == len(PHASES)


def test_a_worker_told_to_stop_gives_its_job_back_and_that_is_no_attempt(worker: Worker, ask: Ask):
    job = ask(held="in the child")
    worker.start()
    wait_for(job, "in the child")
    assert worker.process is not None
    # As the supervisor of `make run` does it: ask, and insist two seconds later.
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    worker.process.send_signal(signal.SIGQUIT)
    assert wait_until(lambda: state(job) == "queued", 5)
    worker.end()
    assert gone(int((folder_of(job) / "in-the-child.came").read_text()))
    job.refresh_from_db()
    assert (job.attempts, job.owner, job.lease_until) == (0, "", None)
    open_gate(folder_of(job), "in the child")
    worker.start()
    reaper.reap()
    ended = wait_end(job)
    assert (ended.state, ended.attempts, results(job)) == ("done", 1, 1)
