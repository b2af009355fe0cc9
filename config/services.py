"""What runs inside the virtual environment: the web server, the workers and the clock.

Standard library only: this describes them, the supervisor of `config.local` runs them.
"""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from config.folders import REPOSITORY
from config.install import PYTHON
from config.processes import LauncherError, Service, last_lines

FIRST_PORT = 8000
PORTS_TRIED = 100
CELERY = (str(PYTHON), "-m", "celery", "-A", "config")
HEALTH_PATIENCE = 60.0  # seconds until the web server has to answer


def open_port(note: Callable[[str], None]) -> socket.socket:
    """The socket the web server will listen on: the wanted port, or the next free one.

    We hold it, so that connections wait instead of being refused while a killed web server is started again.
    """
    wanted = int(os.environ.get("SAGITTAL_PORT") or FIRST_PORT)
    for port in range(wanted, wanted + PORTS_TRIED):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(512)
        except OSError:
            listener.close()
            continue
        if port != wanted:
            note(f"Port {wanted} is taken; using {port}.")
        return listener
    last = wanted + PORTS_TRIED - 1
    raise LauncherError(f"The ports {wanted} to {last} are all taken. Set SAGITTAL_PORT to a free one.")


def web_service(
    state: Path, listener: socket.socket, environment: Mapping[str, str], note: Callable[[str], None]
) -> Service:
    """Gunicorn on the socket we hold. The code is loaded once and shared by its processes."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(state)
    options = {
        "--bind": f"fd://{listener.fileno()}",
        "--worker-class": "gthread",
        "--workers": "2",
        "--threads": "8",
        "--timeout": "120",
        "--graceful-timeout": "2",
        "--keep-alive": "30",
        "--worker-tmp-dir": memory,
        "--log-level": "warning",
    }
    command = [str(PYTHON), "-m", "gunicorn", "config.wsgi:application", "--preload", "--no-control-socket"]
    for name, value in options.items():
        command += [name, value]
    log = state / "log" / "web.log"
    return Service("The web server", command, environment, log, REPOSITORY, (listener.fileno(),), note)


def celery_services(state: Path, environment: Mapping[str, str], note: Callable[[str], None]) -> list[Service]:
    """The worker for imports and exports, and the clock that sends what is due."""
    clock = [*CELERY, "beat", "--schedule", str(state / "beat-schedule"), "--pidfile", "", "--loglevel", "WARNING"]
    return [
        Service("The worker", _worker("io", 2), environment, state / "log" / "worker.log", REPOSITORY, note=note),
        Service("The clock", clock, environment, state / "log" / "beat.log", REPOSITORY, note=note),
    ]


def inference_services(state: Path, environment: Mapping[str, str], note: Callable[[str], None]) -> list[Service]:
    """The workers that run models and train them; of use once the inference packages are installed.

    One job at a time each, so that a prediction never waits for a training that takes days.
    """
    log = state / "log"
    return [
        Service("The models' worker", _worker("infer", 1), environment, log / "infer.log", REPOSITORY, note=note),
        Service("The training worker", _worker("train", 1), environment, log / "train.log", REPOSITORY, note=note),
    ]


def _worker(queue: str, concurrency: int) -> list[str]:
    """A worker process for one queue. It loads no model: that is done by its children."""
    worker = [*CELERY, "worker", "-Q", queue, "-n", f"{queue}@%h", "--concurrency", str(concurrency)]
    return [*worker, "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]


def answers(port: int) -> bool:
    """Whether the web server says that it is well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def await_web(web: Service, port: int) -> None:
    """Wait until the web server answers. `LauncherError` with the end of its log if it does not."""
    deadline = time.monotonic() + HEALTH_PATIENCE
    while not answers(port):
        ended = web.process is not None and web.process.poll() is not None
        if ended or time.monotonic() > deadline:
            raise LauncherError(f"The web server does not answer. The end of {web.log}:\n{last_lines(web.log, 15)}")
        time.sleep(0.05)
