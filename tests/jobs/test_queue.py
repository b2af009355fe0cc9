"""The row of a job: asked for once, claimed once, ended once, whatever happens in whatever order."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.imaging.refusal import Refusal
from labeling.jobs import queue, reaper, running
from labeling.jobs.kinds import KINDS, Hooks, Kind, kind_of
from labeling.jobs.owners import is_gone, new_owner
from labeling.jobs.queue import Lease, LeaseLost, again, cancel, claim, claim_job, enqueue
from labeling.jobs.waiting import waiting_for
from labeling.models import Job, JobState
from tests import factories
from tests.jobs.conftest import REPOSITORY, Ask, database_away, environment, expire, state


class _Messages(list[tuple[str, dict[str, Any], str]]):
    """What was sent to the queue instead of a real one: the real one is tested in test_workers."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> _Messages:
    messages = _Messages()

    def note(name: str, *, kwargs: dict[str, Any], queue: str, **_: Any) -> None:
        messages.append((name, kwargs, queue))

    monkeypatch.setattr(current_app, "send_task", note)
    return messages


STEPS = ("claim", "finish", "fail", "release", "stop", "cancel", "again", "expire", "reap")


@pytest.mark.django_db
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_whatever_happens_in_whatever_order_one_worker_has_it_and_it_ends_once(steps: list[str]):
    job = enqueue(f"test:{factories.number()}", "test", {}, title="x", announce=False)
    most = kind_of("test").most_attempts
    said, begun = "queued", 0
    lease: Lease | None = None
    old: list[Lease] = []
    for step in steps:
        if step == "claim":
            got = claim_job(job.pk)
            assert (got is not None) == (said == "queued")
            if got is not None:
                old += [lease] if lease is not None else []
                lease, said, begun = got, "running", begun + 1
        elif step in ("finish", "fail", "release", "stop") and lease is not None:
            ours = {
                "finish": lambda one: one.finish(JobState.DONE),
                "fail": lambda one: one.finish(JobState.FAILED, "A sentence."),
                "release": lambda one: one.release(),
                "stop": lambda one: one.release(counts=False),
            }[step](lease)
            assert ours == (said == "running")
            if ours:
                said = {"finish": "done", "fail": "failed"}.get(step, "queued")
                begun -= step == "stop"
        elif step == "cancel":
            assert cancel(job.key) == (said in ("queued", "running"))
            said = "cancelled" if said in ("queued", "running") else said
        elif step == "again":
            assert again(job, announce=False) == (said in ("failed", "cancelled"))
            if said in ("failed", "cancelled"):
                said, begun = "queued", 0
        elif step == "expire" and said == "running":
            expire(job)
            assert reaper.reap() == 1
            said = "failed" if begun >= most else "queued"
        elif step == "reap":
            assert reaper.reap() == 0
        now = Job.objects.get(pk=job.pk)
        assert (now.state, now.attempts) == (said, begun)
        assert (now.owner != "") == (said == "running")
        assert (now.finished_at is not None) == (said in ("done", "failed", "cancelled"))
        assert bool(now.message) == (said in ("failed", "cancelled"))
        for one in [*old, *([lease] if lease is not None and said != "running" else [])]:
            assert not one.finish(JobState.DONE)
            assert not one.release()
            with transaction.atomic(), pytest.raises(LeaseLost):
                one.hold()


@pytest.mark.django_db
def test_the_same_work_asked_for_twice_is_one_row_with_one_message_each(
    sent: _Messages, django_capture_on_commit_callbacks
):
    case, user = factories.make_bare_case(), factories.make_user("engineer")
    with django_capture_on_commit_callbacks(execute=True):
        first = enqueue("segment:1:abc", "segment", {"case": 1}, title="Segment" * 50, case=case, by=user)
        assert sent == []
    with django_capture_on_commit_callbacks(execute=True):
        assert enqueue("segment:1:abc", "segment", {"case": 1}, title="Segment").pk == first.pk
    assert sent == [("inference.segment", {"job": first.pk}, "infer")] * 2
    assert (first.queue, first.case, first.by, len(first.title)) == ("infer", case, user, 120)


@pytest.mark.django_db
def test_what_is_done_is_not_done_again_by_asking(sent: _Messages, django_capture_on_commit_callbacks):
    job = enqueue("segment:1", "segment", {}, title="x", announce=False)
    lease = claim("segment:1")
    assert lease is not None
    lease.finish(JobState.DONE)
    with django_capture_on_commit_callbacks(execute=True):
        enqueue("segment:1", "segment", {}, title="x")
    assert (sent, state(job)) == ([], "done")


@pytest.mark.django_db
def test_an_import_is_not_started_again_by_its_job():
    job = enqueue("import:1", "import", {"batch": "8d0b6f6e-6f0c-4a5e-9d5e-2f1f4b6f0c11"}, title="x", announce=False)
    cancel(job.key)
    with pytest.raises(Refusal) as refused:
        again(job)
    assert refused.value.code == "not-again"
    enqueue("import:1", "import", {}, title="x", announce=False)
    assert state(job) == "cancelled"


@pytest.mark.django_db
def test_a_kind_that_nobody_knows_is_refused_at_once():
    with pytest.raises(LookupError, match="no kind of job called 'nothing'"):
        enqueue("x", "nothing", {}, title="x")
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_one_gets_the_job(ask: Ask):
    job = ask(announce=False)
    got: list[Lease | None] = []

    def take() -> None:
        got.append(claim_job(job.pk))
        connection.close()

    workers = [threading.Thread(target=take) for _ in range(6)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sum(one is not None for one in got) == 1


@pytest.mark.django_db
def test_the_reaper_announces_what_waits_too_long_and_nothing_that_cannot_begin(
    sent: _Messages, settings: Any, tmp_path: Path
):
    settings.INFERENCE_STATUS_FILE = tmp_path / "inference.json"
    io = enqueue("measure:1", "measure", {}, title="x", announce=False)
    infer = enqueue("segment:1", "segment", {}, title="x", announce=False)
    reaper.reap()
    assert sent == []
    late = timezone.now() - timedelta(minutes=6)
    Job.objects.update(created_at=late)
    settings.INFERENCE_STATUS_FILE.write_text(json.dumps({"state": "installing"}))
    reaper.reap()
    assert sent == [("inference.measure", {"job": io.pk}, "io")]
    reaper.reap()
    assert len(sent) == 1, "announced a moment ago"
    settings.INFERENCE_STATUS_FILE.write_text(json.dumps({"state": "ready"}))
    reaper.reap()
    assert sent[1:] == [("inference.segment", {"job": infer.pk}, "infer")]
    Job.objects.update(heartbeat_at=late)
    other = enqueue("segment:2", "segment", {}, title="x", announce=False)
    assert claim_job(other.pk) is not None
    reaper.reap()
    assert sent[2:] == [("inference.measure", {"job": io.pk}, "io")], "its message lies behind the job that runs"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ('{"state": "installing", "detail": "Getting torch."}', "which are being installed"),
        ('{"state": "failed", "detail": "There is no room."}', "could not be installed. There is no room."),
        ('{"state": "skipped"}', "left out"),
        ('{"state": "ready"}', ""),
        ("{half a fi", ""),
        ("[]", ""),
    ],
)
def test_a_job_says_what_it_waits_for(said: str, sentence: str, settings: Any, tmp_path: Path):
    settings.INFERENCE_STATUS_FILE = tmp_path / "inference.json"
    job = enqueue("segment:1", "segment", {}, title="x", announce=False)
    measure = enqueue("measure:1", "measure", {}, title="x", announce=False)
    assert waiting_for(job) == ""
    settings.INFERENCE_STATUS_FILE.write_text(said)
    assert sentence in waiting_for(job)
    assert bool(waiting_for(job)) == bool(sentence)
    assert waiting_for(measure) == ""


@pytest.mark.django_db
def test_a_training_that_resumes_may_lose_many_workers_before_it_is_given_up(ask: Ask):
    job = enqueue("train:1", "train-segmentation", {}, title="x", announce=False)
    most = kind_of("train-segmentation").most_attempts
    assert most > kind_of("segment").most_attempts
    for _ in range(most):
        assert state(job) == "queued"
        assert claim_job(job.pk) is not None
        expire(job)
        reaper.reap()
    job.refresh_from_db()
    assert (job.state, job.message[:22]) == ("failed", f"The worker died {most} times"[:22])


@pytest.mark.django_db
def test_one_job_whose_hook_breaks_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setitem(KINDS, "broken", Kind("broken", "none", hooks=f"{__name__}.BROKEN"))
    broken = enqueue("broken:1", "broken", {}, title="x", announce=False)
    whole = enqueue("test:1", "test", {}, title="x", announce=False)
    for job in (broken, whole):
        assert claim_job(job.pk) is not None
        expire(job)
    assert reaper.reap() == 1
    assert (state(broken), state(whole)) == ("running", "queued")
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def _break(job: Job) -> None:
    raise RuntimeError("secret")


BROKEN = Hooks(handed_out=_break)


@pytest.mark.django_db
def test_work_that_stops_unexpectedly_is_tried_three_times_and_its_text_is_not_logged(ask: Ask, caplog):
    job = ask(announce=False)

    def fault(lease: Lease) -> None:
        raise RuntimeError("Muster^Eva")

    for attempt in (1, 2, 3):
        assert state(job) == "queued"
        assert running.run_job(job.pk, fault)
        assert Job.objects.get(pk=job.pk).attempts == attempt
    job.refresh_from_db()
    assert job.state == "failed"
    assert "3 times" in job.message
    assert "Muster" not in caplog.text + job.message
    assert not running.run_job(job.pk, fault)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "x"), "disk"), (MemoryError(), "memory"), (Refusal("a", "No mask here."), "No mask")],
)
def test_what_another_attempt_would_only_meet_again_fails_at_once(ask: Ask, error: Exception, code: str):
    job = ask(announce=False)

    def work(lease: Lease) -> None:
        raise error

    assert running.run_job(job.pk, work)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("failed", 1)
    assert code in job.message


@pytest.mark.django_db
def test_a_fault_that_passes_is_tried_again_after_a_pause(ask: Ask, sent: _Messages):
    job = ask(announce=False)

    def away(lease: Lease) -> None:
        raise DatabaseError

    assert running.run_job(job.pk, away)
    reaper.reap()
    assert (sent, state(job)) == ([], "queued")
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - queue.KICK_AGAIN - timedelta(seconds=1))
    reaper.reap()
    assert len(sent) == 1


@pytest.mark.django_db
def test_a_new_attempt_begins_with_a_clean_slate_and_the_old_log(ask: Ask):
    job = ask(announce=False)
    lease = claim_job(job.pk)
    assert lease is not None
    lease.say("Training", 0.8)
    lease.log("epoch 80")
    lease.curve("loss", 80, 0.1)
    lease.release()
    job.refresh_from_db()
    assert (job.progress, job.stage, job.log_tail) == (0.8, "Waiting for another attempt", "epoch 80")
    lease = claim_job(job.pk)
    assert lease is not None
    lease.log("resumed")
    lease.finish(JobState.DONE)
    job.refresh_from_db()
    assert (job.progress, job.stage, job.log_tail) == (1.0, "", "epoch 80\nresumed")
    assert job.curves == {"loss": [[80, 0.1]]}
    assert job.attempts == 2


@pytest.mark.django_db
def test_writes_are_few_however_much_is_said(ask: Ask, django_assert_max_num_queries):
    lease = claim_job(ask(announce=False).pk)
    assert lease is not None
    with django_assert_max_num_queries(4):
        for number in range(500):
            lease.say(f"Slice {number}", number / 500)
            lease.log(f"slice {number}")
    lease.finish(JobState.FAILED, "Enough.")
    job = Job.objects.get(pk=lease.job.pk)
    assert (job.stage, job.progress, job.log_tail.splitlines()[-1]) == ("Slice 499", 499 / 500, "slice 499")


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_process_died_on_this_machine_is_handed_out_without_waiting_for_its_lease(ask: Ask, tmp_path: Path):
    job = ask(announce=False)
    claims = (
        "import sys, django; django.setup(); from labeling.jobs.queue import claim_job; claim_job(int(sys.argv[1]))"
    )
    command = [sys.executable, "-c", claims + "; print(1, flush=True); sys.stdin.read()", str(job.pk)]
    with subprocess.Popen(
        command, env=environment(tmp_path), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"1\n"
        assert reaper.reap() == 0, "it lives, only nobody renews its lease"
        worker.kill()
    assert reaper.reap() == 1
    assert state(job) == "queued"


def test_of_a_process_elsewhere_nobody_knows_whether_it_lives():
    mine = new_owner()
    place, _, process = mine.partition("@")
    pid, start, _ = process.split(":")
    assert not is_gone(mine)
    assert is_gone(f"{place}@{pid}:1:abcdef12"), "an earlier process of this number"
    assert is_gone(f"{place}@{2**22 + 1}:{start}:abcdef12")
    assert not is_gone(f"another-host:1@{pid}:1:abcdef12")
    for odd in ("", "worker", "another worker", ":::", "@", f"{place}@x:1:abcdef12"):
        assert not is_gone(odd)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_when_the_work_ends_costs_an_attempt_and_nothing_else(ask: Ask):
    job = ask(announce=False)
    with ExitStack() as away:

        def work(lease: Lease) -> None:
            away.enter_context(database_away())

        assert running.run_job(job.pk, work)
    connection.close()
    assert state(job) == "running"
    expire(job)
    assert reaper.reap() == 1
    assert running.run_job(job.pk, lambda lease: None)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("done", 2)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_away_for_a_moment_leaves_the_job_to_another_attempt(ask: Ask):
    job = ask(announce=False)

    def work(lease: Lease) -> None:
        with database_away():
            pass
        Job.objects.get(pk=lease.job.pk)

    assert running.run_job(job.pk, work)
    assert state(job) == "queued"
