"""One Sagittal per state folder, and how a command finds the one that runs.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from config.folders import state_folder
from config.keys import read_or_make_keys
from config.processes import LauncherError, alive, read_start_time

RECORD = "running.json"


@dataclass(frozen=True)
class Running:
    """A supervisor at work: its process, its address and its servers."""

    pid: int
    start_time: str
    url: str
    database_url: str
    broker_url: str


def read_running(state: Path) -> Running | None:
    """What runs for this state folder; None if nothing does."""
    try:
        running = Running(**json.loads((state / RECORD).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return running if alive(running.pid, running.start_time) else None


def write_running(state: Path, url: str, environment: Mapping[str, str]) -> None:
    """Record this process as the one that runs for `state`."""
    record = Running(
        os.getpid(), read_start_time(os.getpid()) or "", url, environment["DATABASE_URL"], environment["BROKER_URL"]
    )
    part = state / f"{RECORD}.part"
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(record), file)
    part.rename(state / RECORD)


@contextmanager
def sole_instance(state: Path) -> Iterator[None]:
    """Hold the state folder for this process; `LauncherError` if another has it. The kernel frees it when we die."""
    with (state / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            running = read_running(state)
            what = f"runs at {running.url} (process {running.pid})" if running and running.url else "is at work"
            raise LauncherError(
                f"Sagittal already {what} for {state}. Stop it with Ctrl-C where it was started, "
                f"or set SAGITTAL_STATE to another folder to run a second one."
            ) from taken
        try:
            yield
        finally:
            (state / RECORD).unlink(missing_ok=True)


def join_running() -> None:
    """Let this process use the servers and keys of the Sagittal that runs; variables already set stay as they are.

    For `manage.py` called by hand. Does nothing where none runs: what is missing is then said by the settings.
    """
    if all(os.environ.get(name) for name in ("DATABASE_URL", "BROKER_URL", "SAGITTAL_SECRET_KEY")):
        return
    state = state_folder()
    running = read_running(state)
    if running is None:
        return
    found = {"DATABASE_URL": running.database_url, "BROKER_URL": running.broker_url, "SAGITTAL_STATE": str(state)}
    for name, value in {**found, **read_or_make_keys(state, has_data=True)}.items():
        os.environ.setdefault(name, value)
