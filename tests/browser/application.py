"""A real Sagittal for browser tests: its own database, broker, state folder, web server and worker."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

from config.folders import REPOSITORY
from config.install import STATIC, bundle_is_there, files_under
from config.processes import Service, signal_group, stop_services
from config.services import await_web, celery_services, inference_services, web_service
from config.valkey import Valkey

BUILD_FIRST = "The frontend is not built. Run make test, which builds the frontend."
IMPORT_PATIENCE = 60.0  # seconds until a small delivery has to be done
_ACCOUNT = re.compile(r"^  (\w+)\s+(\S+)$", re.MULTILINE)


class Application:
    """One running installation. `accounts` are the names and passwords that seeding printed."""

    def __init__(self, state: Path) -> None:
        self.state = state
        for folder in (state / "log", state / "media", state / "quarantine"):
            folder.mkdir(parents=True)
        self.server_url = os.environ["DATABASE_URL"]
        self.database = f"browser_{os.getpid()}"
        self.valkey = Valkey(state, disposable=True)
        self.environment = {
            **os.environ,
            "DATABASE_URL": urllib.parse.urlsplit(self.server_url)._replace(path=f"/{self.database}").geturl(),
            "BROKER_URL": self.valkey.url,
            "SAGITTAL_STATE": str(state),
            # Not there, the clock of the wash-outs is not moved.
            "SAGITTAL_CLOCK_FILE": str(state / "clock"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
        }
        self.listener = _listener(0)
        self.port = int(self.listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.accounts: dict[str, str] = {}
        self.web = self._web()
        worker, _ = celery_services(state, self.environment, _quiet)
        worker.command = [sys.executable, *worker.command[1:]]
        self.worker = worker
        models_worker, _ = inference_services(state, self.environment, _quiet)
        models_worker.command = [sys.executable, *models_worker.command[1:]]
        self.models_worker = models_worker
        self._token = ""

    # ------------------------------------------------------------------ from nothing to a login page, and back

    def start(self) -> None:
        """Make the database, its accounts and the demonstration case; start everything; wait until it answers."""
        if not bundle_is_there():
            raise RuntimeError(BUILD_FIRST)
        self._create_database()
        self.valkey.start()
        self._collect_static()
        self.manage("migrate", "--noinput", "-v", "0")
        self.worker.start()
        self.accounts = dict(_ACCOUNT.findall(self.manage("seed")))
        self._token = self.manage("create_token", "engineer").split()[-1]
        self.web.start()
        await_web(self.web, self.port)

    def stop(self) -> None:
        """End every process and take the database away."""
        stop_services([self.web, self.worker, self.models_worker])
        self.listener.close()
        self.valkey.stop()
        with psycopg.connect(self.server_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def _create_database(self) -> None:
        with psycopg.connect(self.server_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{self.database}"')

    def _collect_static(self) -> None:
        sources = files_under(REPOSITORY / "labeling" / "static")
        manifest = STATIC / "staticfiles.json"
        if not manifest.exists() or manifest.stat().st_mtime < max(path.stat().st_mtime for path in sources):
            self.manage("collectstatic", "--noinput", "-v", "0")

    def _web(self) -> Service:
        service = web_service(self.state, self.listener, self.environment, _quiet)
        service.command = [sys.executable, *service.command[1:]]
        return service

    # ------------------------------------------------------------------ accidents

    def kill_web(self) -> None:
        """The machine loses its web server: connections are refused from now on."""
        self._kill(self.web)
        self.listener.close()

    def start_web(self) -> None:
        """The web server comes back at the same address."""
        self.listener = _listener(self.port)
        self.web = self._web()
        self.web.start()
        await_web(self.web, self.port)

    def restart_web(self) -> None:
        """SIGKILL and a new start as `make run` does it: the socket stays open, connections wait meanwhile."""
        self._kill(self.web)
        self.web.start()
        await_web(self.web, self.port)

    def kill_worker(self) -> None:
        """SIGKILL for the worker and its children."""
        self._kill(self.worker)

    def start_worker(self) -> None:
        """A new worker; it takes up what waits."""
        self.worker.start()

    def start_models_worker(self) -> None:
        """The worker that runs models; few tests need one, so it starts with the first of them."""
        if self.models_worker.process is None or self.models_worker.process.poll() is not None:
            self.models_worker.start()

    def stop_models_worker(self) -> None:
        """End it as `make run` does; what it was at waits for the next one."""
        stop_services([self.models_worker])

    @staticmethod
    def _kill(service: Service) -> None:
        if service.process is not None:
            signal_group(service.process.pid, 9)
            service.process.wait()

    def end_session(self, key: str) -> None:
        """The server forgets one login, in the database and in the cache."""
        self.sql("DELETE FROM django_session WHERE session_key = %s", key)
        with redis.Redis(unix_socket_path=str(self.valkey.socket)) as cache:
            for name in cache.scan_iter(f"*{key}*"):
                cache.delete(name)

    # ------------------------------------------------------------------ commands and questions

    def manage(self, *arguments: str) -> str:
        """Run a management command; what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def sql(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database itself. Django's ORM would refuse here: the browser's event loop runs in this thread."""
        with psycopg.connect(self.environment["DATABASE_URL"], row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *values: Any) -> dict[str, Any]:
        """The only row of an answer."""
        (row,) = self.sql(query, *values)
        return row

    def bring_in(self, files: Iterable[Path]) -> dict[str, Any]:
        """Deliver files over the API as a script does, and wait: the case that came of them (id and name)."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file in files:
                archive.write(file, file.name)
        begun = self.api("POST", "/api/intake/batches", {"name": "phantom"})
        place = f"/api/intake/batches/{begun['uuid']}"
        self.api("PUT", f"{place}/files", packed.getvalue(), {"X-File-Path": "phantom.zip"})
        self.api("POST", f"{place}/finish", {})
        deadline = time.monotonic() + IMPORT_PATIENCE
        while self.api("GET", place)["state"] not in ("done", "failed"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The delivery did not come in. See {self.worker.log}.")
            time.sleep(0.1)
        return self.one(
            "SELECT DISTINCT c.id, p.pseudonym || CASE WHEN c.number = 1 THEN '' ELSE '-' || c.number END AS name"
            " FROM labeling_case c JOIN labeling_patient p ON p.id = c.patient_id"
            " JOIN labeling_series s ON s.case_id = c.id JOIN labeling_intakebatch b ON b.id = s.batch_id"
            " WHERE b.uuid = %s",
            begun["uuid"],
        )

    def api(
        self, method: str, path: str, body: dict[str, Any] | bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Ask the API as the engineer's script would, with a token."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, **(headers or {})}
        request = urllib.request.Request(self.url + path, data=content, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            raise RuntimeError(f"{method} {path} was answered {refused.code}: {refused.read()[:500]!r}") from refused


def _listener(port: int) -> socket.socket:
    """A listening socket on this machine; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


def _quiet(text: str) -> None:
    """The launcher's notes go nowhere; the logs say more."""
