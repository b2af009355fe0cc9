"""Frames per second beside Debian's Orthanc: runs `tests/bench/wado.py`, which has servers of its own, and takes its
figures over into the table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from config.folders import REPOSITORY
from config.keys import new_keys
from tests.bench.installation import Site
from tests.bench.report import Row
from tests.bench.scale import Scale

#: Issue's goal: this many times the rate of Orthanc.
TIMES = 5.0
PATIENCE = 240.0  # seconds
_RATE = re.compile(
    r"^(?P<what>.+): (?P<who>Sagittal|Orthanc)\s+(?P<rate>\d+) frames/s,\s+(?P<cost>\d+) µs", re.MULTILINE
)


def run(site: Site, scale: Scale) -> list[Row]:
    """A row for each transfer syntax and way of asking."""
    # The run's own servers, not ours: nothing of our environment may reach it.
    ours = {"DATABASE_URL", "BROKER_URL", "SAGITTAL_STATE", "DJANGO_SETTINGS_MODULE", *new_keys()}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-m", "pytest", str(Path(__file__).with_name("wado.py")), "-q", "-s"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    found = {(match["what"], match["who"]): match for match in _RATE.finditer(done.stdout)}
    if done.returncode or not found:
        raise RuntimeError(f"wado.py ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return [_row(what, found) for what in dict.fromkeys(what for what, _ in found)]


def _row(what: str, found: dict[tuple[str, str], re.Match[str]]) -> Row:
    ours, theirs = found[what, "Sagittal"], found.get((what, "Orthanc"))
    said = f"{ours['rate']} frames/s, {ours['cost']} µs of processor a frame"
    if theirs is None:
        return Row(f"WADO-RS {what}", said, "Orthanc is not installed")
    times = float(ours["rate"]) / max(1.0, float(theirs["rate"]))
    reference = f"Orthanc {theirs['rate']} frames/s, {theirs['cost']} µs; {TIMES:.0f} times its rate"
    return Row(f"WADO-RS {what}", said, reference, times, times >= TIMES)
