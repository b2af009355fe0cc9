"""A real worker for every queue, and cases and models for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from config.environment import ROOT
from inference.simulate import SimulatedCase, simulate_case
from inference.simulate.files import CT_FOLDER, MASK_FILE, write_case
from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.jobs import reaper
from labeling.models import Case, CaseOrigin, Job, ModelVersion
from labeling.registry import activate, register
from tests.inference import tiny
from tests.jobs.conftest import environment


class Worker:
    """A Celery worker on this test's database, queue and folders; `kill` ends it as a power cut would."""

    def __init__(self, state: Path, queues: str = "io,infer,train") -> None:
        self.environment = environment(state)
        self.queues = queues
        self.log = state / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", self.queues, "-c", "1"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-l", "warning", "--without-gossip", "--without-mingle"],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def small_case(top: str = "L2", bottom: str = "L4", seed: int = 910, **fields: Any) -> SimulatedCase:
    """A small simulated CT of the kind that the tiny model knows; its lowest vertebra is the one that is cut."""
    spec, _ = tiny.specs()[0]
    return simulate_case(replace(spec, top=top, bottom=bottom, **fields), seed)


def brought_in(folder: Path, case: SimulatedCase, name: str, *, mask: bool = False) -> Case:
    """The case that a simulated CT becomes, with its mask if asked."""
    place = write_case(case, folder, name)
    batch = batches.new_batch(None, name, "command", origin=CaseOrigin.SIMULATED)
    batches.add_path(batch, place / CT_FOLDER)
    if mask:
        batches.add_path(batch, place / MASK_FILE)
    batches.finish_batch(batch, announce=False)
    import_batch(batch.uuid)
    found = Case.objects.filter(series__batch=batch).distinct().get()
    assert found.reading_stack is not None
    return found


def registered(folder: Path) -> ModelVersion:
    """The tiny model in the registry of this test, active."""
    return activate(register(folder, kind="segmentation", name="Tiny", by=None), None)


def wait_for(job: Job, holds: Callable[[Job], bool], seconds: float = 150.0) -> Job:
    """The job as soon as `holds` says so; fails with what the job says of itself."""
    deadline = time.monotonic() + seconds
    while not holds(job):
        assert time.monotonic() < deadline, f"{job.state} {job.stage}: {job.message}\n{job.log_tail}"
        time.sleep(0.1)
        job.refresh_from_db()
    return job


def ended(job: Job) -> bool:
    return job.state in ("done", "failed", "cancelled")


def worker_died(job: Job) -> None:
    """What a minute and the clock do: the lease runs out, and the reaper hands the job to another worker."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    reaper.reap()


def processes_below(folder: Path) -> list[int]:
    """The processes that were started with a path below this folder: the children of its jobs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if f"{folder}/jobs/".encode() in command and b"\0inference." in command:
                    found.append(int(entry.name))
    return found
