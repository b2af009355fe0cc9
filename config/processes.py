"""Child processes that cannot outlive, or be mistaken for, one another.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
RESTART_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
PRIVATE = 0o077  # file mode mask: what a process writes is for its own account only
SETTLED_AFTER = 30.0  # seconds of life after which the next death is treated as the first


class LauncherError(Exception):
    """Something the person who starts Sagittal has to know; its text is a sentence for them."""


@dataclass(frozen=True)
class Account:
    """An operating-system account that a server runs as."""

    name: str
    uid: int
    gid: int


def read_start_time(pid: int) -> str | None:
    """The kernel's start time of a process, which tells it from a later one of the same number; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A zombie has ended; where the first process of a container reaps late it stays listed for seconds.
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def alive(pid: int, start_time: str | None = None) -> bool:
    """Whether process `pid` runs, is not a zombie and, where `start_time` is given, is still the same one."""
    now = read_start_time(pid)
    return now is not None and start_time in (None, now)


def command_line(pid: int) -> list[str]:
    """The arguments a process was started with; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Wait until `condition()` holds; False when `seconds` went by without it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def last_lines(path: Path, count: int = 8) -> str:
    """The end of a log file, for an error message."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join("    " + line for line in lines[-count:])


def follow_parent(parent: int, death_signal: int) -> Callable[[], None] | None:
    """What a new process calls so that the kernel sends it `death_signal` when `parent` dies; None where none can."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the request was in place
            os._exit(1)

    return prepare


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    account: Account | None = None,
    death_signal: int | None = signal.SIGTERM,
    keep_open: Sequence[int] = (),
    mask: int = -1,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, with its output appended to `log`.

    `death_signal` is what the kernel sends it when this process dies, however that happens; None lets it live on.
    `mask` is its file mode mask, as we have it by default.
    The kernel counts the death of the *thread* that started it, so this may only be called from the main thread then.
    """
    if death_signal is not None and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("A process that follows its parent must be started from the main thread.")
    log.parent.mkdir(parents=True, exist_ok=True)
    follow = None if death_signal is None else follow_parent(os.getpid(), death_signal)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            start_new_session=True,
            preexec_fn=follow,
            pass_fds=tuple(keep_open),
            umask=mask,
            **account_arguments(account),
        )


def account_arguments(account: Account | None) -> dict[str, Any]:
    """Arguments of `subprocess` that give up root for `account` and none of its groups."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process's whole session group; nothing happens if it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Give up a process of ours and everything it started."""
    signal_group(process.pid, signal.SIGTERM)
    if not wait_until(lambda: process.poll() is not None, 1.0):
        signal_group(process.pid, signal.SIGKILL)
        process.wait()


def reap(process: subprocess.Popen[bytes] | None) -> None:
    """Collect a child that has ended; its last threads may still be ending when it already counts as dead."""
    if process is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)


@dataclass
class Service:
    """One kept-alive child: started again, after a growing pause, whenever it ends by itself."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    keep_open: Sequence[int] = ()
    note: Callable[[str], None] = print
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started_at: float = 0.0
    start_again_at: float | None = field(default=None)

    def start(self) -> None:
        """Start the process now."""
        self.process = spawn(
            self.command,
            log=self.log,
            environment=self.environment,
            folder=self.folder,
            keep_open=self.keep_open,
            mask=PRIVATE,
        )
        self.started_at = time.monotonic()
        self.start_again_at = None

    def check(self) -> None:
        """Notice a death, clear away what it left behind, and start again when the pause is over."""
        now = time.monotonic()
        if self.start_again_at is not None:
            if now >= self.start_again_at:
                self.start()
            return
        if self.process is None or self.process.poll() is None:
            return
        signal_group(self.process.pid, signal.SIGKILL)
        self.deaths = 1 if now - self.started_at > SETTLED_AFTER else self.deaths + 1
        pause = RESTART_PAUSES[min(self.deaths, len(RESTART_PAUSES)) - 1]
        self.start_again_at = now + pause
        self.note(f"{self.name} ended ({ending(self.process.returncode)}); starting it again. Its log: {self.log}")
        if self.deaths in (3, 6):
            self.note(f"{self.name} has ended {self.deaths} times in a row. The end of its log:")
            self.note(last_lines(self.log))


def ending(returncode: int) -> str:
    """How a process ended, in words."""
    return f"signal {-returncode}" if returncode < 0 else f"exit status {returncode}"


def stop_services(services: Sequence[Service], patience: float = 2.0) -> None:
    """End all services at once: ask, then insist after `patience` seconds, then force.

    Forcing is safe by design: what a worker had begun is a row with a lease, and is taken up again.
    """
    running = [s.process for s in services if s.process is not None]
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGQUIT, 0.5), (signal.SIGKILL, 1.0)):
        still = [p for p in running if p.poll() is None]
        for process in still:
            if number == signal.SIGKILL:
                signal_group(process.pid, number)
            else:
                process.send_signal(number)
        if still:
            wait_until(lambda: all(p.poll() is not None for p in running), seconds)
    for process in running:
        signal_group(process.pid, signal.SIGKILL)
    for service in services:
        service.process, service.start_again_at = None, None
