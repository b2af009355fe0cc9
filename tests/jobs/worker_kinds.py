"""Kinds of work that only tests have; a real worker loads them by `-I tests.jobs.worker_kinds`.

Work of the kind "test" passes gates in the order of its phases. A gate writes who came, and holds whoever came first as
long as the gate is shut, so that a test can kill it there.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

from django.db import transaction

from labeling.jobs import queue, running
from labeling.jobs.children import supervise
from labeling.jobs.kinds import KINDS, Kind
from labeling.jobs.queue import Lease
from labeling.models import AuditEvent

PHASES = ("before the child", "in the child", "after the child", "in the commit", "after the commit")

KINDS["test"] = Kind("test", "tests.jobs.work", "infer")

if "celery" in sys.argv[0]:
    # A worker of these tests: what takes minutes in a department takes seconds here.
    queue.HEARTBEAT_SECONDS = 0.3
    queue.LEASE = timedelta(seconds=20)

#: Passes a gate, starts a process of its own that never ends, says what it does; then a result.
CHILD = """
import json, os, pathlib, subprocess, sys, time
from labeling.jobs.child import tie_to_parent
tie_to_parent()
from tests.jobs.gates import gate
lasting = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(json.dumps({"stage": "Computing", "share": 0.5}))
pathlib.Path("lasting").write_text(str(lasting.pid))
gate(pathlib.Path("."), "in the child")
pathlib.Path("result").write_text("42")
"""


@running.task("tests.jobs.work", limit_seconds=300)
def work(job: int) -> None:
    """A whole piece of work, as every task of the product has it: child, result on disk, commit."""
    running.run_job(job, _work)


def _work(lease: Lease) -> None:
    from tests.jobs.gates import gate

    folder = Path(lease.job.params["folder"])
    (folder / "worker").write_text(str(os.getpid()))
    with (folder / "attempts").open("a") as attempts:
        attempts.write("x")
    gate(folder, "before the child")
    if not (folder / "result").exists():
        supervise(lease, [sys.executable, "-c", lease.job.params.get("child", CHILD)], folder=folder)
    gate(folder, "after the child")
    with transaction.atomic():
        lease.hold()
        if not AuditEvent.objects.filter(verb="test", detail={"job": lease.job.pk}).exists():
            AuditEvent.objects.create(verb="test", detail={"job": lease.job.pk})
        gate(folder, "in the commit")
    gate(folder, "after the commit")
