"""The large inference packages, installed in the background while people already read.

What became of it stands in `inference.json` of the state folder, which the pages show as a chip.
Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from config.folders import REPOSITORY
from config.install import INFERENCE, PYTHON, VENV, fingerprint, read_stamp, write_stamp
from config.processes import ending, last_lines, spawn, stop_process

WEB = REPOSITORY / "requirements.txt"
ROOM_NEEDED = 16 * 1024**3  # bytes: 6.4 GB of packages, beside their downloads until they are unpacked
LOOK_EVERY = 2.0  # seconds between two looks at the installer's output


class InferenceSet:
    """The installation of the inference packages: `begin` once, `check` now and then, `stop` at the end."""

    def __init__(self, state: Path, note: Callable[[str], None]) -> None:
        self.status_file = state / "inference.json"
        self.log = state / "log" / "inference.log"
        self.note = note
        self.process: subprocess.Popen[bytes] | None = None
        self.next_look = 0.0
        self.said = ""
        self.said_state = ""

    @property
    def ready(self) -> bool:
        """Whether the packages are all there, so that the workers that need them may be started."""
        return self.said_state == "ready"

    def begin(self) -> None:
        """Start the installation unless it is done, left out, or there is no room."""
        if read_stamp(INFERENCE.name) == self._wanted():
            self.said_state = "ready"
            if self._state() != "ready":
                self._write("ready", "")
            return
        if os.environ.get("SAGITTAL_INFERENCE") == "skip":
            self._write("skipped", "Left out by SAGITTAL_INFERENCE=skip.")
            return
        free = shutil.disk_usage(VENV).free
        if free < ROOM_NEEDED:
            room = f"The inference packages need {_gigabytes(ROOM_NEEDED)}; {_gigabytes(free)} are free."
            self._write("failed", room)
            self.note(room)
            return
        self._write("installing", "Starting.")
        self.note("The inference packages (6 GB) are being installed in the background; reading does not wait.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        # Lowest priority, and pinned to the web set: nothing the running servers use may change under them.
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
        command = ["/usr/bin/env", "nice", "-n", "19", *pip, "-c", str(WEB), "-r", str(INFERENCE)]
        self.process = spawn(command, log=self.log, folder=REPOSITORY)

    def check(self, now: float) -> None:
        """Look how far the installation is. `now` is a monotonic clock."""
        if self.process is None or now < self.next_look:
            return
        self.next_look = now + LOOK_EVERY
        status = self.process.poll()
        if status is None:
            self._report(self._progress())
            return
        self.process = None
        if status == 0:
            write_stamp(INFERENCE.name, self._wanted())
            self._write("ready", "")
            self.note("The inference packages are installed.")
        else:
            self._write("failed", f"The installer ended with {ending(status)}. {self._last_error()}".strip())
            end = last_lines(self.log, 3)
            self.note(f"The inference packages could not be installed; the next start tries again. The log:\n{end}")

    def stop(self) -> None:
        """Give up for now; the next start goes on."""
        if self.process is not None:
            stop_process(self.process)
            self.process = None
            self._write("installing", "Interrupted; the next start goes on.")

    def _wanted(self) -> str:
        return fingerprint([INFERENCE, WEB])

    def _progress(self) -> str:
        """The last thing the installer said it does, in a few words."""
        for line in reversed(self.log.read_text(errors="replace").splitlines()):
            if "Installing collected packages" in line:
                return "Unpacking all packages."
            found = re.match(r"\s*(Downloading|Collecting|Using cached) (\S+)(?:.*\((.+ [kMG]B)\))?", line)
            if found:
                package = re.split(r"[-=<>!~\[;]", found[2].rsplit("/", 1)[-1])[0]
                return f"Getting {package}{f', {found[3]}' if found[3] else ''}."
        return "Starting."

    def _last_error(self) -> str:
        errors = [line for line in self.log.read_text(errors="replace").splitlines() if line.startswith("ERROR:")]
        return errors[-1].removeprefix("ERROR:").strip()[:200] if errors else ""

    def _report(self, detail: str) -> None:
        if detail != self.said:
            self._write("installing", detail)

    def _state(self) -> str | None:
        try:
            status: dict[str, str] = json.loads(self.status_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return status.get("state")

    def _write(self, state: str, detail: str) -> None:
        self.said, self.said_state = detail, state
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        text = json.dumps({"state": state, "detail": detail, "at": now})
        part = self.status_file.with_suffix(".part")
        part.write_text(text + "\n")
        part.rename(self.status_file)


def _gigabytes(count: int) -> str:
    return f"{count / 1024**3:.0f} GB"
