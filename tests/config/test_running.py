"""One Sagittal per state folder, kept alive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from config.folders import REPOSITORY, own_folder, state_folder
from config.keys import read_or_make_keys
from config.processes import LauncherError, Service, alive, stop_services, wait_until
from config.running import join_running, read_running, sole_instance, write_running
from config.services import open_port, web_service

SERVERS = {"DATABASE_URL": "postgresql:///here", "BROKER_URL": "unix:///here"}


def nothing(text: str) -> None:
    """Nobody listens."""


def test_a_second_instance_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    with sole_instance(tmp_path):
        write_running(tmp_path, "http://127.0.0.1:8123/", SERVERS)
        with (
            pytest.raises(LauncherError, match=r"already runs at http://127\.0\.0\.1:8123/"),
            sole_instance(tmp_path),
        ):
            pass
    assert read_running(tmp_path) is None
    with sole_instance(tmp_path):
        pass


def test_a_killed_instance_leaves_the_folder_free(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from config.running import sole_instance\n"
        "with sole_instance(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LauncherError, match="already is at work"), sole_instance(tmp_path):
            pass
        other.kill()
    with sole_instance(tmp_path):
        pass


def test_a_command_called_by_hand_joins_the_running_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SERVERS, "SAGITTAL_SECRET_KEY", "SAGITTAL_PSEUDONYM_KEY", "SAGITTAL_IDENTITY_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SAGITTAL_STATE", str(tmp_path / "state"))
    state = state_folder()
    join_running()
    assert "DATABASE_URL" not in os.environ, "nothing runs yet"
    keys = read_or_make_keys(state)
    write_running(state, "http://127.0.0.1:8123/", SERVERS)
    monkeypatch.setenv("BROKER_URL", "unix:///chosen-by-hand")
    join_running()
    try:
        assert os.environ["DATABASE_URL"] == SERVERS["DATABASE_URL"]
        assert os.environ["BROKER_URL"] == "unix:///chosen-by-hand"
        assert os.environ["SAGITTAL_PSEUDONYM_KEY"] == keys["SAGITTAL_PSEUDONYM_KEY"]
    finally:
        for name in ("DATABASE_URL", *keys):
            os.environ.pop(name, None)


def test_a_state_folder_of_somebody_else_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = own_folder(tmp_path / "state")
    monkeypatch.setattr(os, "geteuid", lambda: state.stat().st_uid + 1)
    with pytest.raises(LauncherError, match="belongs to"):
        own_folder(state)


def service(tmp_path: Path, command: list[str], note: Callable[[str], None] = nothing) -> Service:
    return Service("The helper", command, dict(os.environ), tmp_path / "helper.log", tmp_path, note=note)


def keep(one: Service, until: Callable[[], bool], seconds: float = 10.0) -> bool:
    def look() -> bool:
        one.check()
        return until()

    return wait_until(look, seconds)


def test_a_killed_service_is_started_again_and_what_it_left_behind_is_gone(tmp_path: Path) -> None:
    said: list[str] = []
    one = service(tmp_path, ["/bin/sh", "-c", f"sleep 60 & echo $! > {tmp_path}/child; wait"], said.append)
    one.start()
    assert one.process is not None
    first = one.process.pid
    assert wait_until(lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text().strip()), 20)
    child = int((tmp_path / "child").read_text())
    os.kill(first, signal.SIGKILL)
    assert keep(one, lambda: one.process is not None and one.process.pid != first)
    assert not alive(child)
    assert any("signal 9" in text for text in said)
    stop_services([one])


def test_a_service_that_keeps_ending_is_started_again_ever_more_slowly_and_its_log_is_shown(tmp_path: Path) -> None:
    said: list[str] = []
    one = service(tmp_path, ["/bin/sh", "-c", "echo wrong password; exit 7"], said.append)
    one.start()
    began = time.monotonic()
    assert keep(one, lambda: one.deaths >= 3)
    assert time.monotonic() - began >= 0.6, "the pauses grow"
    assert any("exit status 7" in text for text in said)
    assert any("wrong password" in text for text in said)
    stop_services([one])


def test_services_that_do_not_want_to_end_are_ended_within_three_seconds(tmp_path: Path) -> None:
    stubborn = service(tmp_path, [sys.executable, "-c", STUBBORN])
    stubborn.start()
    assert stubborn.process is not None
    pid = stubborn.process.pid
    assert wait_until(lambda: "deaf" in (tmp_path / "helper.log").read_text(), 20)
    began = time.monotonic()
    stop_services([stubborn], patience=1.0)
    assert time.monotonic() - began < 3
    assert not alive(pid)


STUBBORN = """
import signal, time
for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def test_requests_wait_while_a_killed_web_server_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(
        "def application(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n"
    )
    (tmp_path / "log").mkdir()
    with open_port(nothing) as listener:
        web = web_service(tmp_path, listener, dict(os.environ), nothing)
        web.command = [sys.executable if "/.venv/" in word else word for word in web.command]
        web.command = [word.replace("config.wsgi:application", "page:application") for word in web.command]
        web.folder = tmp_path
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        web.start()
        try:
            assert urllib.request.urlopen(url, timeout=20).read() == b"hello"
            assert web.process is not None
            os.kill(web.process.pid, signal.SIGKILL)
            assert wait_until(lambda: web.process is None or web.process.poll() is not None, 20)
            web.check()
            with socket.create_connection(listener.getsockname(), timeout=20) as waiting:
                waiting.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                assert keep(web, lambda: web.start_again_at is None)
                assert b"hello" in b"".join(iter(lambda: waiting.recv(4096), b""))
        finally:
            stop_services([web])


def test_the_next_free_port_is_taken_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setenv("SAGITTAL_PORT", str(taken))
        with open_port(said.append) as listener:
            assert listener.getsockname()[1] > taken
    assert said == [f"Port {taken} is taken; using {listener_port(said)}."]


def listener_port(said: list[str]) -> int:
    return int(said[0].rsplit(" ", 1)[1].rstrip("."))
