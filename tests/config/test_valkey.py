"""The embedded Valkey, with the real server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from config.folders import own_folder
from config.processes import LauncherError, alive
from config.valkey import APPEND_ONLY, Valkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(own_folder(tmp_path / "state"))
    valkey.start()
    yield valkey
    valkey.stop()


def client(server: Valkey) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.socket))


def test_queued_messages_survive_kill_9_of_the_server(server: Valkey) -> None:
    app = Celery(broker=server.url, set_as_current=False)
    for number in range(200):
        app.send_task("somebody.elses", args=[number], queue="io")
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server.start()
    assert server.pid not in (None, pid)
    assert client(server).llen("io") == 200


def test_a_second_launcher_finds_the_running_server(server: Valkey) -> None:
    other = Valkey(server.state)
    other.start()
    assert other.pid == server.pid
    assert other.process is None


def test_stopping_keeps_what_was_queued_and_leaves_no_process(server: Valkey) -> None:
    client(server).rpush("io", "one")
    pid = server.pid
    assert pid is not None
    server.stop()
    assert not alive(pid)
    server.start()
    assert client(server).lrange("io", 0, -1) == [b"one"]


def test_a_damaged_file_is_set_aside_and_the_server_starts_empty(server: Valkey) -> None:
    for number in range(50):
        client(server).rpush("io", f"message {number}")
    server.stop()
    (log,) = (server.folder / APPEND_ONLY).glob("*.incr.aof")
    content = log.read_bytes()
    log.write_bytes(content[:200] + b"\0nonsense\r\n" * 20 + content[400:])
    server.start()
    assert server.is_ready()
    assert list(server.folder.glob(f"{APPEND_ONLY}.damaged-*")), "the damaged file is kept for inspection"


def test_a_server_that_cannot_start_is_refused_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\necho no memory today\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("VALKEY_SERVER", str(program))
    valkey = Valkey(own_folder(tmp_path / "state"))
    valkey.begin()
    with pytest.raises(LauncherError, match="no memory today"):
        valkey.finish(patience=0.5)
    valkey.stop()
