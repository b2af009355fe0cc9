"""A pytest plugin: every test run has a PostgreSQL and a Valkey of its own, started before Django reads its settings.

Servers that the environment names (`DATABASE_URL`, `BROKER_URL`) are used instead. Runs at the same time get different
folders, so nobody's run disturbs another's; a folder is used again by the next run, which makes the second start quick.
Processes that share one run (`-n 2`) have one PostgreSQL, in which pytest-django gives each a database; queues know no
such names, so each has a Valkey of its own. The servers end with the run, also when it is killed.
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
    begun_by = os.environ.get("SAGITTAL_TEST_RUN")
    try:
        if begun_by:
            _share(begun_by, os.environ.get("PYTEST_XDIST_WORKER", "one"))
        else:
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
        found["BROKER_URL"] = found["SAGITTAL_TEST_BROKER"] = valkey.url
    os.environ.update(found)


def _share(run: str, name: str) -> None:
    """One process of several that share a run, and inherit its PostgreSQL and its keys."""
    state = REPOSITORY / "var" / "tests" / run / "state" / name
    os.environ["SAGITTAL_STATE"] = str(own_folder(state))
    if os.environ["BROKER_URL"] == os.environ.get("SAGITTAL_TEST_BROKER"):
        valkey = Valkey(state, disposable=True)
        _stops.append(valkey.stop)
        valkey.start()
        os.environ["BROKER_URL"] = valkey.url


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
