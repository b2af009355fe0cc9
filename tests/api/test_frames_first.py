"""The short way of a frame: as fast as it likes, but never without the long way's permission."""

import io
from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client

from labeling.api.dicomweb import access
from labeling.api.dicomweb.first import FramesFirst
from labeling.imaging.codec import read_frame
from labeling.models import Assignment, Case, Slice, Stack
from tests import factories
from tests.api.conftest import logged_in, with_token

pytestmark = pytest.mark.django_db

JPEG_LS = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80"


class Server:
    """The application as gunicorn calls it; `short` counts the answers that Django had no part in."""

    def __init__(self) -> None:
        self.short = 0
        django = get_wsgi_application()

        def long_way(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.short -= 1
            # As django.test.Client does: the test's transaction lives on this connection.
            request_started.disconnect(close_old_connections)
            try:
                answer: Iterable[bytes] = django(environ, start_response)
            finally:
                request_started.connect(close_old_connections)
            return answer

        self._application = FramesFirst(long_way)

    def get(
        self, path: str, client: Client | None = None, method: str = "GET", **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of one request."""
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()) if client else ""
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.input": io.BytesIO(),
            "wsgi.url_scheme": "http",
            "HTTP_HOST": "localhost",
            "HTTP_ACCEPT": JPEG_LS,
            "HTTP_COOKIE": cookies,
            **headers,
        }
        said: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            said.update(status=int(status.split()[0]), headers=dict(headers))

        self.short += 1
        body = b"".join(self._application(environ, start_response))
        return said["status"], body, said["headers"]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def case(db: None) -> Case:
    return factories.make_case()


@pytest.fixture
def stack(case: Case) -> Stack:
    assert case.reading_stack is not None
    return case.reading_stack


def frame(case: Case, stack: Stack, k: int) -> str:
    return f"/dicomweb/studies/{case.study_uid}/series/{stack.series_uid}/instances/{stack.series_uid}.{k + 1}/frames/1"


@pytest.fixture
def lead(db: None) -> User:
    return factories.make_user("lead")


def test_the_first_frame_goes_the_long_way_and_the_others_the_short_one(
    server: Server, lead: User, case: Case, stack: Stack, settings: Any
) -> None:
    client = logged_in(lead)
    answers = [server.get(frame(case, stack, k), client) for k in range(12)]
    assert server.short == 11
    for one in Slice.objects.filter(stack=stack):
        status, body, headers = answers[one.k]
        assert status == 200
        assert body == read_frame(settings.MEDIA_ROOT / stack.pack, one.offset, one.length)
        assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
    long_way, short_way = answers[0][2], answers[1][2]
    for name in ("Content-Type", "Cache-Control", "X-Content-Type-Options"):
        assert long_way[name] == short_way[name]


def test_both_ways_send_the_same_bytes_in_every_form(server: Server, lead: User, case: Case, stack: Stack) -> None:
    for accept in (JPEG_LS, "*/*", "image/jls", "application/octet-stream", 'multipart/related; type="image/jls"'):
        client = logged_in(lead)
        first = server.get(frame(case, stack, 2), client, HTTP_ACCEPT=accept)
        second = server.get(frame(case, stack, 2), client, HTTP_ACCEPT=accept)
        assert first[:2] == second[:2]
        assert first[2]["ETag"] == second[2]["ETag"]
        status, body, _ = server.get(
            frame(case, stack, 2), client, HTTP_ACCEPT=accept, HTTP_IF_NONE_MATCH=first[2]["ETag"]
        )
        assert (status, body) == (304, b"")
    assert server.short == 10


def test_nobody_gets_a_frame_by_the_short_way_without_a_grant_of_their_own(
    server: Server, lead: User, case: Case, stack: Stack
) -> None:
    assert server.get(frame(case, stack, 0), logged_in(lead))[0] == 200
    assert server.get(frame(case, stack, 0))[0] == 401
    assert server.get(frame(case, stack, 0), logged_in(factories.make_user("resident")))[0] == 404
    assert server.get(frame(case, stack, 0), HTTP_COOKIE="sessionid=invented")[0] == 401
    assert server.short == 0


def test_a_grant_is_for_one_stack_only(server: Server, case: Case, stack: Stack) -> None:
    resident = factories.make_user("resident")
    factories.make_assignment(case)
    hidden = factories.make_case()
    assert hidden.reading_stack is not None
    client = logged_in(resident)
    assert server.get(frame(case, stack, 0), client)[0] == 200
    assert server.get(frame(hidden, hidden.reading_stack, 0), client)[0] == 404
    mixed = frame(case, stack, 0).replace(f"{stack.series_uid}.1", f"{hidden.reading_stack.series_uid}.1")
    assert server.get(mixed, client)[0] == 404


def test_after_logging_out_no_frame_comes_any_more(server: Server, lead: User, case: Case, stack: Stack) -> None:
    client = logged_in(lead)
    assert [server.get(frame(case, stack, k), client)[0] for k in (0, 1)] == [200, 200]
    kept = logged_in(lead)
    kept.cookies = client.cookies.copy()
    client.post("/logout")
    assert server.get(frame(case, stack, 2), kept)[0] == 401
    assert server.get(frame(case, stack, 1), kept)[0] == 401


def test_a_grant_ends_by_itself_and_the_door_is_asked_again(
    server: Server, case: Case, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "GRANT_SECONDS", -1)
    resident = factories.make_user("resident")
    factories.make_assignment(case)
    client = logged_in(resident)
    assert server.get(frame(case, stack, 0), client)[0] == 200
    Assignment.objects.all().delete()
    assert server.get(frame(case, stack, 1), client)[0] == 404


def test_a_process_asks_the_shared_cache_again_within_a_second(
    server: Server, lead: User, case: Case, stack: Stack
) -> None:
    client = logged_in(lead)
    assert [server.get(frame(case, stack, k), client)[0] for k in (0, 1)] == [200, 200]
    assert access.MEMO_SECONDS <= 1
    # As if another process had taken the logout: its cache entry is gone, this process still has its memo.
    session_key = client.cookies["sessionid"].value
    access.cache.delete(access._key(session_key))
    for memo in access._memos:
        access._memos[memo] -= access.MEMO_SECONDS
    assert not access.is_granted(session_key, case.study_uid, stack.series_uid)


@pytest.mark.parametrize(
    "change",
    [
        {"HTTP_HOST": "elsewhere.example"},
        {"HTTP_HOST": ""},
        {"HTTP_AUTHORIZATION": "Bearer wrong"},
        {"HTTP_ACCEPT": "image/jp2"},
        {"method": "POST"},
        {"method": "HEAD"},
    ],
)
def test_whatever_is_not_plainly_a_granted_frame_goes_the_long_way(
    server: Server, lead: User, case: Case, stack: Stack, change: dict[str, str]
) -> None:
    client = logged_in(lead)
    assert server.get(frame(case, stack, 0), client)[0] == 200
    server.get(frame(case, stack, 0), client, **change)
    assert server.short == 0


def test_a_token_goes_the_long_way_and_is_checked_each_time(
    server: Server, lead: User, case: Case, stack: Stack
) -> None:
    headers = {"HTTP_AUTHORIZATION": with_token(lead)["Authorization"]}
    assert [server.get(frame(case, stack, k), **headers)[0] for k in (0, 1)] == [200, 200]
    assert server.short == 0
