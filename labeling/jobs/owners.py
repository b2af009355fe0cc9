"""Who has a job: a process, named so that others on the same machine can tell whether it still lives."""

from __future__ import annotations

import os
import socket
import uuid

from labeling.jobs.processes import start_time

__all__ = ["is_gone", "new_owner"]


def new_owner() -> str:
    """A name for this process at one job: machine, numbering of processes, process, its start, a random part."""
    return f"{_here()}@{os.getpid()}:{start_time(os.getpid())}:{uuid.uuid4().hex[:8]}"


def is_gone(owner: str) -> bool:
    """Whether the process of that name has certainly ended; False of one elsewhere, whose lease alone says so."""
    place, _, last = owner.rpartition(":")[0].partition("@")
    pid, _, started = last.partition(":")
    if place != _here() or not pid.isdigit():
        return False
    return start_time(int(pid)) != started


def _here() -> str:
    """This machine and its numbering of processes: each container counts anew."""
    try:
        numbering = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        numbering = uuid.uuid4().int % 10**9  # nobody else's, so that nobody is taken for dead
    return f"{socket.gethostname()[:24].replace('@', '-')}:{numbering}"
