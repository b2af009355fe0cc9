"""The whole start, with the real application, servers, worker and clock; only the installing is left out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from config.folders import REPOSITORY, own_folder
from config.keys import new_keys
from config.processes import alive, wait_until
from config.running import Running, read_running

PATIENCE = 60.0  # seconds, for what is only waited for: another process of tests runs beside this one

# The packages this test runs with take the place of those the launcher would install.
PROGRAM = """
import sys
from pathlib import Path
import config.install, config.local, config.services
for module in (config.install, config.local, config.services):
    module.PYTHON = Path(sys.executable)
config.local.ensure_environment = lambda steps: None
config.local.begin_frontend = lambda steps: None
config.local.ensure_static = lambda steps, environment: None
sys.argv = ["config.local", "run"]
sys.exit(config.local.main())
"""


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sagittal-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o711)
        yield own_folder(Path(name) / "state")


@contextmanager
def started(state: Path) -> Iterator[tuple[subprocess.Popen[str], Running, list[str], float]]:
    """A start in a process of its own; yields it, what runs, what it said until it was ready, and the seconds."""
    ours = {"DATABASE_URL", "BROKER_URL", "SAGITTAL_TEST_RUN", "DJANGO_SETTINGS_MODULE", *new_keys()}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"SAGITTAL_STATE": str(state), "SAGITTAL_INFERENCE": "skip", "PYTHONPATH": str(REPOSITORY)}
    begun = time.monotonic()
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as launcher:
        try:
            said = []
            assert launcher.stdout is not None
            for line in launcher.stdout:
                said.append(line)
                if "is ready after" in line:
                    break
            seconds = time.monotonic() - begun
            running = read_running(state)
            assert running is not None, "".join(said)
            yield launcher, running, said, seconds
        finally:
            launcher.send_signal(signal.SIGTERM)
            try:
                launcher.wait(20)
            except subprocess.TimeoutExpired:
                launcher.kill()


def descendants(pid: int) -> list[int]:
    found = []
    for child in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split():
        found += [int(child), *descendants(int(child))]
    return found


def healthy(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{url}healthz", timeout=PATIENCE).status == 200)
    except OSError:
        return False


def test_a_start_serves_survives_kill_9_and_comes_back_in_a_moment_with_everything_kept(state: Path) -> None:
    with started(state) as (launcher, running, said, _):
        assert healthy(running.url)
        passwords = re.findall(r"^\s+(\w+)\s+(\S{12,})$", "".join(said), re.M)
        assert {"resident", "lead"} <= {name for name, _ in passwords}, "the accounts are printed at the first start"
        assert wait_until(lambda: (state / "inference.json").exists(), PATIENCE), "the chip follows the address"
        # The tests bring the models' packages along, so there may be nothing to leave out.
        assert json.loads((state / "inference.json").read_text())["state"] in ("skipped", "ready")
        assert wait_until(lambda: len(descendants(launcher.pid)) >= 8, PATIENCE)
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        children = descendants(launcher.pid)
        launcher.kill()
        launcher.wait()
        assert wait_until(lambda: not any(alive(pid) for pid in children), 10), "a child outlived the launcher"

    with started(state) as (launcher, running, said, seconds):
        assert healthy(running.url)
        assert seconds < 15, "2 s on a quiet machine"
        assert not re.search("password", "".join(said), re.I), "passwords are shown once"
        with psycopg.connect(running.database_url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
        children = descendants(launcher.pid)
        begun = time.monotonic()
        launcher.send_signal(signal.SIGINT)
        assert launcher.wait(10) == 0
        assert time.monotonic() - begun < 5
        assert not any(alive(pid) for pid in children)
    assert not (state / "running.json").exists()
