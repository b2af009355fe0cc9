"""The embedded PostgreSQL, with the real server."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from config.folders import LONGEST_SOCKET_PATH, REPOSITORY, own_folder
from config.postgres import Postgres
from config.processes import LauncherError, alive, wait_until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may lend a server to another account")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A durable server, as an installation has it, shared because creating one takes half a second."""
    with open_folder() as folder:
        postgres = Postgres(own_folder(folder / "state"))
        yield postgres
        postgres.stop()


@pytest.fixture
def place() -> Iterator[Path]:
    """Like `tmp_path`, which pytest keeps closed to the account that runs the server under root."""
    with open_folder() as folder:
        yield folder


@contextmanager
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sagittal-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def rows(postgres: Postgres) -> list[int]:
    with psycopg.connect(postgres.url) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def write(postgres: Postgres, numbers: range) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        for number in numbers:
            connection.execute("INSERT INTO kept VALUES (%s)", [number])


def test_rows_survive_kill_9_of_the_server(server: Postgres) -> None:
    server.start()
    before = rows(server) if _has_table(server) else []
    first = len(before)
    write(server, range(first, first + 100))
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server.start()
    assert server.pid not in (None, pid)
    assert rows(server) == list(range(first + 100))


def _has_table(postgres: Postgres) -> bool:
    with psycopg.connect(postgres.url) as connection:
        return connection.execute("SELECT to_regclass('kept')").fetchone() != (None,)


def test_a_second_launcher_finds_the_running_server(server: Postgres) -> None:
    server.start()
    other = Postgres(server.state)
    other.start()
    assert other.pid == server.pid
    assert other.process is None


def test_stopping_leaves_no_process_and_no_pid_file(server: Postgres) -> None:
    server.start()
    pid = server.pid
    assert pid is not None
    server.stop()
    assert not alive(pid)
    assert not (server.data / "postmaster.pid").exists()
    server.stop()  # stopping what is stopped is no error


def test_a_pid_file_whose_number_now_belongs_to_a_stranger_does_not_keep_it_from_starting(server: Postgres) -> None:
    server.start()
    server.stop()
    record = server.data / "postmaster.pid"
    record.write_text(f"{os.getpid()}\n{server.data}\n")
    if server.account is not None:
        os.chown(record, server.account.uid, server.account.gid)
    server.start(patience=15)
    assert server.is_ready()


def test_nobody_else_can_enter_the_socket_folder_and_no_port_is_open(server: Postgres) -> None:
    server.start()
    for folder in (server.folder, server.data, server.sockets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)


def test_data_of_another_version_are_refused_with_both_versions_named(server: Postgres) -> None:
    server.start()
    server.stop()
    version = server.data / "PG_VERSION"
    written = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(LauncherError, match=r"written by PostgreSQL 9; the one here is \d+"):
            server.start()
    finally:
        version.write_text(written)


def test_a_long_path_with_spaces_gets_a_short_socket(place: Path) -> None:
    (place / ("a long folder, with a comma " * 4)).mkdir()
    state = own_folder(place / ("a long folder, with a comma " * 4) / "state")
    postgres = Postgres(state, disposable=True)
    socket = postgres.sockets / ".s.PGSQL.5432"
    assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH
    assert Postgres(state, disposable=True).sockets == postgres.sockets, "the next start must look in the same place"
    try:
        postgres.start()
        write(postgres, range(1))
        assert rows(postgres) == [0]
    finally:
        postgres.stop()
        postgres.sockets.rmdir()


def test_an_interrupted_creation_is_begun_again_and_the_server_ends_with_its_launcher(place: Path) -> None:
    state = own_folder(place / "state")
    postgres = Postgres(state, disposable=True)
    half_made = postgres.folder / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18")
    program = (
        "import sys, time; from pathlib import Path; from config.postgres import Postgres\n"
        "Postgres(Path(sys.argv[1]), disposable=True).start(); print('ready', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(state)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"ready\n"
        pid = postgres.pid
        assert pid is not None
        launcher.kill()
        launcher.wait()
        assert wait_until(lambda: not alive(pid), 5), "the server outlived the process that started it"
    assert not half_made.exists()


@AS_ROOT
def test_where_the_servers_account_cannot_get_to_the_state_folder_its_data_lie_elsewhere(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    state = own_folder(closed / "state")
    postgres = Postgres(state, disposable=True)
    assert not postgres.folder.is_relative_to(place)
    elsewhere = Path((state / "postgres.path").read_text().strip())
    try:
        assert postgres.folder.is_relative_to(elsewhere)
        assert Postgres(state, disposable=True).folder == postgres.folder
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "no folder above the state folder is opened"

        copied = own_folder(place / "copy")
        (copied / "postgres.path").write_text(f"{elsewhere}\n")
        with pytest.raises(LauncherError, match="is a copy"):
            Postgres(copied)

        moved = closed / "moved"
        state.rename(moved)
        assert Postgres(moved).folder == postgres.folder
    finally:
        shutil.rmtree(elsewhere)


@AS_ROOT
def test_the_programs_are_copied_where_the_servers_account_can_run_them(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config import postgres as module

    closed = place / "closed"
    closed.mkdir(mode=0o700)
    package = module.find_programs().parent.parent
    (closed / package.name).symlink_to(package)
    (closed / (package.name + ".libs")).symlink_to(package.with_name(package.name + ".libs"))
    monkeypatch.setenv("PG_BIN", str(closed / package.name / "pginstall" / "bin"))
    postgres = Postgres(own_folder(place / "state"), disposable=True)
    try:
        postgres.start()
        assert (postgres.folder / "programs" / "stamp").exists()
        write(postgres, range(1))
    finally:
        postgres.stop()
