"""A Sagittal to be measured: embedded PostgreSQL and Valkey, gunicorn with its real flags, a folder of its own.

Nothing is made disposable here: the database flushes to the disk as it does in use. All of it goes at the end.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.folders import REPOSITORY, own_folder
from config.install import bundle_is_there
from config.keys import new_keys
from config.postgres import Postgres
from config.processes import LauncherError, stop_services
from config.services import await_web, web_service
from config.valkey import Valkey


@dataclass(frozen=True)
class Site:
    """A running installation. This process has it as its Django, too."""

    port: int
    #: For files of the measurements; goes with everything else.
    scratch: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Account:
    """Somebody who can log in."""

    name: str
    password: str


@contextmanager
def installation() -> Iterator[Site]:
    """Start everything in a fresh folder, and take everything away again.

    Raises
    ------
    LauncherError
        where another bench runs, the frontend is not built, or a server does not start.
    """
    if not bundle_is_there():
        raise LauncherError("The frontend is not built. Run make bench, which builds it.")
    with ExitStack() as later:
        folder = later.enter_context(_only_bench())
        state = own_folder(folder / "state")
        later.callback(_remove, state)
        postgres, valkey = Postgres(state), Valkey(state)
        for server in (postgres, valkey):
            later.callback(server.stop)
            server.start()
        os.environ.update(
            {
                **new_keys(),
                "DATABASE_URL": postgres.url,
                "BROKER_URL": valkey.url,
                "SAGITTAL_STATE": str(state),
                "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
                "PYTHONUNBUFFERED": "1",
            }
        )
        _prepare_django()
        later.callback(_close_connections)
        yield Site(_start_web(later, state), own_folder(folder / "scratch"))


@contextmanager
def _only_bench() -> Iterator[Path]:
    """The folder of the bench, emptied of what a killed run left; two runs at once would measure each other."""
    folder = own_folder(own_folder(REPOSITORY / "var") / "bench")
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LauncherError("A bench is running already. Wait until it is done.") from None
        _remove(folder / "state")
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder / "scratch", ignore_errors=True)


def _remove(state: Path) -> None:
    pointer = state / "postgres.path"
    if pointer.exists():  # the server's account cannot reach the state folder, so its data lie elsewhere
        shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)


def _prepare_django() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    import config.celery  # noqa: F401 - sets the default app that sends tasks

    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("seed", without_accounts=True, without_case=True)


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()


def _start_web(later: ExitStack, state: Path) -> int:
    listener = later.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    port = int(listener.getsockname()[1])
    web = web_service(state, listener, os.environ, print)
    # The packages the bench runs with are those of the server.
    web.command = [sys.executable, *web.command[1:]]
    later.callback(stop_services, [web])
    web.start()
    await_web(web, port)
    return port


def make_account(role: str) -> Account:
    """A new account with this role, logged in nowhere yet."""
    from labeling.management.commands.create_account import create_account
    from labeling.reading.roles import Role

    name = f"{role}-{secrets.token_hex(4)}"
    password = create_account(name, [Role(role)])
    if password is None:
        raise RuntimeError(f"There is an account called {name} already.")
    return Account(name, password)
