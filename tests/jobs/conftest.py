"""A real worker in a process of its own, and jobs for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from psycopg.sql import SQL, Identifier

from config.processes import alive, wait_until
from labeling.jobs import queue
from labeling.jobs.queue import Lease, claim_job, enqueue
from labeling.models import AuditEvent, Job
from tests.jobs import worker_kinds  # noqa: F401 - registers the kind "test" here as well
from tests.jobs.gates import came, shut

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; a worker alone starts in three


@pytest.fixture(autouse=True)
def quiet_heartbeat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction hides the job from the heartbeat's own connection, which would take it for lost."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)


class Worker:
    """A Celery worker for the queue infer, on this test run's database and queue."""

    def __init__(self, folder: Path) -> None:
        self.environment = environment(folder)
        self.log = folder / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, at_once: int = 1) -> None:
        command = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "infer", "-c", str(at_once)]
        command += ["-l", "info", "--without-gossip", "--without-mingle", "-I", "tests.jobs.worker_kinds"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """As the kernel does, the main process alone and without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def environment(state: Path) -> dict[str, str]:
    """The environment of another process on this test's database."""
    database = connection.settings_dict
    host = database["HOST"] or database.get("OPTIONS", {}).get("host", "")
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    return {
        **os.environ,
        "DATABASE_URL": f"postgres://{database['USER']}{password}@/{database['NAME']}?host={host}{port}",
        "SAGITTAL_STATE": str(state),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


@pytest.fixture
def worker(tmp_path: Path, transactional_db: None) -> Iterator[Worker]:
    """A worker of one test, which starts and kills it."""
    one = Worker(tmp_path)
    yield one
    one.end()


@pytest.fixture(scope="module")
def standing_worker(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Worker]:
    """A worker that runs through all tests of a module."""
    one = Worker(tmp_path_factory.mktemp("worker"))
    one.start()
    yield one
    one.end()


@contextmanager
def database_away() -> Iterator[None]:
    """The database of this test closes every connection and takes no other, as one that restarts."""
    database = connection.settings_dict
    name, user, password = database["NAME"], database["USER"], database["PASSWORD"] or None
    host = database["HOST"] or database.get("OPTIONS", {}).get("host", "")
    with psycopg.connect(
        dbname="postgres", user=user, password=password, host=host, port=database["PORT"] or None, autocommit=True
    ) as server:
        server.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(name)))
        try:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            server.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(name)))


Ask = Callable[..., Job]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """A job of the kind "test" with a folder of its own; `held` is the phase that it does not leave."""

    def make(name: str = "work", *, announce: bool = True, held: str = "", **params: Any) -> Job:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if held:
            shut(folder, held)
        said = {"folder": str(folder), **params}
        return enqueue(f"test:{name}:{tmp_path}", "test", said, title="A test", announce=announce)

    return make


@pytest.fixture
def claimed(ask: Ask) -> Lease:
    """A job that this process works on."""
    lease = claim_job(ask(announce=False).pk)
    assert lease is not None
    return lease


def expire(job: Job) -> None:
    """Let the time pass after which a lease that nobody renews has run out."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def folder_of(job: Job) -> Path:
    return Path(job.params["folder"])


def state(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job.pk)


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process has ended, or ends within a few seconds."""
    return wait_until(lambda: not alive(pid), seconds)


def results(job: Job) -> int:
    return AuditEvent.objects.filter(verb="test", detail={"job": job.pk}).count()


def attempts(job: Job) -> int:
    """How often a worker began the work, counted by the work itself."""
    return len((folder_of(job) / "attempts").read_text())


def wait_for(job: Job, phase: str) -> None:
    assert wait_until(lambda: came(folder_of(job), phase), PATIENCE), f"Nobody came to {phase}: {state(job)}"


def wait_end(job: Job) -> Job:
    assert wait_until(lambda: state(job) not in ("queued", "running"), PATIENCE, 0.1)
    job.refresh_from_db()
    return job
