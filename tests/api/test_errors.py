"""One shape for every error, and no body that breaks the server."""

import json
from typing import Any

import pytest

from labeling.api import me
from tests.api.conftest import Room

pytestmark = pytest.mark.django_db


def send(room: Room, body: bytes | str, what: str = "seen", kind: str = "application/json") -> Any:
    return room.client.generic("POST", room.url(what), body, content_type=kind)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"sop_uids": [NaN]}',
        b'{"sop_uids": ["a\\u0000b"]}',
        b'{"sop_uids": ["\\ud800"]}',
        b'{"viewed": {"k": 1e999}, "sop_uids": []}',
        b'{"sop_uids": ' + b"9" * 5000 + b"}",
        b"[]",
        b"null",
        b'"text"',
        b'{"sop_uids": null}',
        b'{"sop_uids": {"a": 1}}',
        b'{"sop_uids": [[]]}',
    ],
)
def test_a_body_that_is_not_what_it_should_be_is_a_400(room: Room, body: bytes) -> None:
    answer = send(room, body)
    assert answer.status_code == 400, answer.content
    said = answer.json()
    assert said["ok"] is False
    assert said["code"] in {"malformed", "bad_input"}
    assert said["sentence"]


def test_a_body_over_the_limit_is_a_413(room: Room) -> None:
    answer = send(room, json.dumps({"sop_uids": ["1" * 64] * 20_000}))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_another_kind_of_body_is_a_415(room: Room) -> None:
    answer = send(room, "sop_uids=1", kind="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")


def test_another_method_is_a_405(room: Room) -> None:
    answer = room.client.delete(room.url("room"))
    assert (answer.status_code, answer.json()["code"]) == (405, "method")


@pytest.mark.parametrize("url", ["/api/nowhere", "/api/reads/x/room", "/dicomweb/nowhere", "/dicomweb/studies/../x"])
def test_an_address_that_leads_nowhere_is_a_404_in_the_shape_of_the_api(room: Room, url: str) -> None:
    answer = room.client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("number", ["0", "999999999", "9" * 40])
def test_a_number_nobody_has_is_a_404(room: Room, number: str) -> None:
    for url in (f"/api/reads/{number}/room", f"/api/anatomies/{number}/outlines"):
        assert room.client.get(url).status_code == 404


def test_a_surprise_is_a_500_without_any_detail(room: Room, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def surprise(_: object) -> None:
        raise RuntimeError("Grandmother's name is in here.")

    monkeypatch.setattr(me, "roles_of", surprise)
    answer = room.client.get("/api/me")
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert "Grandmother" not in answer.content.decode()
    assert "Unexpected error in MeView" in caplog.text
