"""A pytest plugin: every test run has a PostgreSQL and a Valkey of its own, started before Django reads its settings.

Servers that the environment names (`DATABASE_URL`, `BROKER_URL`) are used instead. Runs at the same time get different
folders, so nobody's run disturbs another's; a folder is used again by the next run, which makes the second start quick.
The servers end with the run, also when it is killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from config.folders import REPOSITORY, own_folder
from config.keys import new_keys
from config.postgres import Postgres
from config.processes import LauncherError
from config.valkey import Valkey

MOST_RUNS = 64  # at the same time, in one repository

_stops: list[Callable[[], object]] = []


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Start the servers and set the environment, before pytest-django loads the settings in the same hook."""
    if os.environ.get("SAGITTAL_TEST_RUN"):
        return  # a worker of a parallel run, which has inherited everything
    try:
        _start()
    except LauncherError as error:
        _stop()
        raise pytest.UsageError(str(error)) from error


def pytest_unconfigure() -> None:
    """Stop the servers of this run."""
    _stop()


def _start() -> None:
    folder, lock = _free_folder()
    _stops.append(lock.close)
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    own_folder(state)
    found = {"SAGITTAL_TEST_RUN": folder.name, "SAGITTAL_STATE": str(state), **new_keys()}
    if not os.environ.get("DATABASE_URL"):
        postgres = Postgres(folder, disposable=True)
        _stops.append(postgres.stop)
        postgres.start()
        found["DATABASE_URL"] = postgres.url
    if not os.environ.get("BROKER_URL"):
        valkey = Valkey(folder, disposable=True)
        _stops.append(valkey.stop)
        valkey.start()
        found["BROKER_URL"] = valkey.url
    os.environ.update(found)


def _free_folder() -> tuple[Path, IO[str]]:
    """The first folder that no other run holds, and the lock that holds it; the kernel frees it when we end."""
    tests = own_folder(own_folder(REPOSITORY / "var") / "tests")
    for number in range(MOST_RUNS):
        folder = own_folder(tests / str(number))
        lock = (folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return folder, lock
    raise LauncherError(f"{MOST_RUNS} test runs are already under way in {tests}.")


def _stop() -> None:
    while _stops:
        _stops.pop()()
