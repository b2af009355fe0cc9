"""Somebody who is logged in and talks plain HTTP over one kept connection."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any

from tests.bench.installation import Account, Site


@dataclass(frozen=True)
class Answer:
    """What came back, and the milliseconds from the first byte sent to the last byte received."""

    status: int
    body: bytes
    milliseconds: float

    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """One person's connection; logs in as a browser does, with the form."""

    def __init__(self, site: Site, account: Account) -> None:
        self.cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        self.get("/login")
        form = {
            "username": account.name,
            "password": account.password,
            "csrfmiddlewaretoken": self.cookies["csrftoken"],
        }
        content = urllib.parse.urlencode(form).encode()
        answer = self._ask("POST", "/login", content, {"Content-Type": "application/x-www-form-urlencoded"})
        if answer.status != 302:
            raise RuntimeError(f"The login was answered {answer.status}.")

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def post(self, path: str, data: object) -> Answer:
        headers = {"Content-Type": "application/json", "X-CSRFToken": self.cookies["csrftoken"]}
        return self._ask("POST", path, json.dumps(data).encode(), headers)

    def _ask(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> Answer:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers["Accept-Encoding"] = "gzip"
        begun = time.perf_counter()
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        body = response.read()
        taken = (time.perf_counter() - begun) * 1000
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
        return Answer(response.status, body, taken)
