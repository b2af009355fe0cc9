"""Start Sagittal on this machine: `python3.11 -m config.local run`, which is what `make run` does.

It makes what is missing (packages, frontend, database), starts the embedded servers unless `DATABASE_URL` and
`BROKER_URL` name others, then the web server, the worker and the clock, and keeps them alive until told to stop.

Standard library only: this runs before the virtual environment exists, and everything it starts runs inside it.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.folders import REPOSITORY, state_folder
from config.inference_set import InferenceSet
from config.install import (
    NODE_TO_TEST,
    PYTHON,
    Steps,
    begin_frontend,
    ensure_environment,
    ensure_static,
    files_under,
    fingerprint,
    only_one_installs,
    suitable_node,
)
from config.keys import new_keys, read_or_make_keys
from config.postgres import Postgres
from config.processes import PRIVATE, LauncherError, Service, stop_process, stop_services
from config.running import join_running, read_running, sole_instance, write_running
from config.services import await_web, celery_services, inference_services, open_port, web_service
from config.valkey import Valkey

SERVER_LOOK_EVERY = 0.5  # seconds between two looks at the embedded servers


class Stop(Exception):
    """Raised in the main thread by SIGINT, SIGTERM and SIGHUP."""


def _on_signal(number: int, frame: object) -> None:
    # A second Ctrl-C must not interrupt the stopping itself.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Stop


def note(text: str) -> None:
    """Tell the person at the terminal, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


# The embedded servers


class Servers:
    """The embedded PostgreSQL and Valkey, or those that the environment names."""

    def __init__(self, state: Path) -> None:
        self.postgres = None if os.environ.get("DATABASE_URL") else Postgres(state)
        self.valkey = None if os.environ.get("BROKER_URL") else Valkey(state)
        self.next_look = 0.0
        self.coming_back: set[Postgres | Valkey] = set()

    @property
    def embedded(self) -> list[Postgres | Valkey]:
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def start(self) -> None:
        """Launch both, then wait for both."""
        for server in self.embedded:
            server.begin()
        for server in self.embedded:
            server.finish()

    def stop(self) -> None:
        for server in self.embedded:
            server.stop()

    def check(self, now: float) -> None:
        """Start a server again that has died, without waiting for it; what it had written is still there."""
        if now < self.next_look:
            return
        self.next_look = now + SERVER_LOOK_EVERY
        for server in self.embedded:
            name = type(server).__name__
            if server not in self.coming_back and server.pid is None and not server.is_ready():
                note(f"{name} ended; starting it again. Its log: {server.log}")
                self.coming_back.add(server)
            if server in self.coming_back:
                server.begin()
                if server.is_ready():
                    note(f"{name} is back; nothing that was saved is lost.")
                    self.coming_back.discard(server)

    def environment(self) -> dict[str, str]:
        """Where the servers are, as settings read it."""
        return {
            "DATABASE_URL": self.postgres.url if self.postgres else os.environ["DATABASE_URL"],
            "BROKER_URL": self.valkey.url if self.valkey else os.environ["BROKER_URL"],
        }


def child_environment(state: Path, servers: Servers) -> dict[str, str]:
    """The environment of everything that runs inside the virtual environment."""
    has_data = servers.postgres is not None and (servers.postgres.data / "PG_VERSION").exists()
    return {
        **os.environ,
        **servers.environment(),
        **read_or_make_keys(state, has_data),
        "SAGITTAL_STATE": str(state),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": str(PYTHON.parent.parent),
        "PATH": f"{PYTHON.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
    }


# The database


def ensure_database(steps: Steps, servers: Servers, environment: Mapping[str, str]) -> str:
    """Migrate and seed where that is needed; returns what seeding printed (the accounts, the first time)."""
    sources = [*(REPOSITORY / "labeling" / "migrations").glob("*.py"), *REPOSITORY.glob("requirements*.txt")]
    sources += files_under(REPOSITORY / "labeling" / "management", "*seed*.py")
    sources += files_under(REPOSITORY / "inference" / "segmentation" / "starter_model", "*.json")
    wanted = fingerprint(sources)
    # Kept beside the data it speaks of: a database that is deleted takes it along. Another server's is always asked.
    stamp = servers.postgres.folder / "prepared" if servers.postgres else None
    if stamp is not None and stamp.exists() and stamp.read_text() == wanted:
        return ""
    with steps.step("Preparing the database"):
        manage(["migrate", "--noinput", "-v", "0"], environment)
    with steps.step("Preparing accounts and the demonstration case"):
        said = manage(["seed"], environment)
    if stamp is not None:
        stamp.write_text(wanted)
    return said


def manage(arguments: list[str], environment: Mapping[str, str]) -> str:
    """Run a management command and return what it printed; `LauncherError` with its words if it does not succeed."""
    command = [str(PYTHON), "manage.py", *arguments]
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=PRIVATE,
    )
    try:
        said = process.communicate()[0].decode(errors="replace")
    except BaseException:
        stop_process(process)
        raise
    if process.returncode:
        raise LauncherError(f"`manage.py {arguments[0]}` ended with exit status {process.returncode}:\n{said[-4000:]}")
    return said


# The commands


@contextmanager
def _wakeable() -> Iterator[Callable[[float], None]]:
    """A `sleep(seconds)` that ends early when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def sleep(seconds: float) -> None:
        if select.select([reader], [], [], seconds)[0]:
            os.read(reader, 4096)

    try:
        yield sleep
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


def run() -> None:
    """Bring everything up, keep it up, and take it down when asked."""
    begun = time.monotonic()
    state = state_folder()
    (state / "log").mkdir(mode=0o700, exist_ok=True)
    steps = Steps()
    services: list[Service] = []
    with sole_instance(state):
        inference = InferenceSet(state, note)
        servers: Servers | None = None
        frontend = None
        accounts = ""
        try:
            with only_one_installs():
                ensure_environment(steps)
                frontend = begin_frontend(steps)
                servers = Servers(state)
                environment = child_environment(state, servers)
                servers.start()
                accounts = ensure_database(steps, servers, environment)
                if frontend is not None:
                    frontend.finish()
                ensure_static(steps, environment)
            with open_port(note) as listener:
                port = listener.getsockname()[1]
                url = f"http://127.0.0.1:{port}/"
                write_running(state, url, environment)
                web = web_service(state, listener, environment, note)
                web.start()
                services.append(web)
                await_web(web, port)
                print(f"\n{accounts}" if accounts else "", flush=True)
                accounts = ""
                note(f"Sagittal is ready after {time.monotonic() - begun:.1f} s: {url}  (Ctrl-C stops it)")
                for service in celery_services(state, environment, note):
                    service.start()
                    services.append(service)
                inference.begin()
                _show(url)
                waiting = inference_services(state, environment, note)
                _keep_alive(services, waiting, servers, inference)
        except Stop:
            note("Stopping.")
        finally:
            if accounts:  # made, but the start ended before they could be shown: they are shown only once
                print(f"\n{accounts}", flush=True)
            if frontend is not None:
                frontend.stop()
            inference.stop()
            stop_services(services)
            if servers is not None:
                servers.stop()
        note("Stopped.")


def _keep_alive(services: list[Service], waiting: list[Service], servers: Servers, inference: InferenceSet) -> None:
    """Watch over everything for ever; what is `waiting` joins the `services` when the inference packages are there."""
    with _wakeable() as sleep:
        while True:
            now = time.monotonic()
            servers.check(now)
            for service in services:
                service.check()
            inference.check(now)
            while inference.ready and waiting:
                services.append(waiting.pop(0))
                services[-1].start()
            pauses = [s.start_again_at - now for s in services if s.start_again_at is not None]
            sleep(max(0.0, min([SERVER_LOOK_EVERY, *pauses])))


def _show(url: str) -> None:
    """Open the first page, where there is a screen to open it on."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def prepare(requirements: str) -> None:
    """Make what the tests need: packages, frontend, static files."""
    steps = Steps()
    with only_one_installs():
        ensure_environment(steps, requirements)
        suitable_node(steps, NODE_TO_TEST)
        frontend = begin_frontend(steps, NODE_TO_TEST)
        try:
            if frontend is not None:
                frontend.finish()
        except Stop:
            if frontend is not None:
                frontend.stop()
            raise
        # Collecting reads the settings, which want values; no server is asked.
        nowhere = {"DATABASE_URL": "postgresql:///none", "BROKER_URL": "unix:///none", **new_keys()}
        ensure_static(steps, {**os.environ, **nowhere})


def manage_by_hand(arguments: list[str]) -> int:
    """Run a management command against the Sagittal that runs, or with the servers started just for it."""
    state = state_folder()
    command = [str(PYTHON), "manage.py", *arguments]
    if read_running(state) is not None:
        join_running()
        return subprocess.run(command, cwd=REPOSITORY, check=False, umask=PRIVATE).returncode
    with sole_instance(state):
        with only_one_installs():
            ensure_environment(Steps())
        servers = Servers(state)
        environment = child_environment(state, servers)
        try:
            servers.start()
            write_running(state, "", environment)
            return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False, umask=PRIVATE).returncode
        finally:
            servers.stop()


def remove_state() -> None:
    """Delete the database, the images and the keys of this state folder."""
    state = state_folder()
    with sole_instance(state):
        Servers(state).stop()
        pointer = state / "postgres.path"
        if pointer.exists():
            shutil.rmtree(pointer.read_text().strip())
    shutil.rmtree(state)
    print(f"{state} is gone; the next start begins anew.")


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3.11 -m config.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="bring everything up and keep it up")
    commands.add_parser("prepare", help="install what the tests need").add_argument("requirements")
    by_hand = commands.add_parser("manage", help="run a management command")
    by_hand.add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("remove-state", help="delete the database, the images and the keys")
    chosen = parser.parse_args()
    if sys.platform != "linux" or sys.version_info[:2] != (3, 11):
        print("Sagittal runs on Linux with Python 3.11; elsewhere use docker-compose.yml.", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    try:
        if chosen.command == "run":
            run()
        elif chosen.command == "prepare":
            prepare(chosen.requirements)
        elif chosen.command == "manage":
            return manage_by_hand(chosen.arguments)
        else:
            remove_state()
    except LauncherError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except PermissionError as error:
        print(f"\n{error.filename} cannot be written: {error.strerror}.", file=sys.stderr, flush=True)
        return 1
    except Stop:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
