"""Deliveries over HTTP: streamed to the disk, whole or not at all, and nobody else's."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.api.batches import WholeBody, relative_path
from labeling.api.errors import ApiError
from labeling.imaging.refusal import Refusal
from labeling.intake import quarantine
from labeling.models import IntakeBatch, Job
from tests import factories
from tests.api.conftest import logged_in, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(resident: User) -> Client:
    return logged_in(resident)


@pytest.fixture
def batch(client: Client) -> IntakeBatch:
    answer = post(client, "/api/intake/batches", {"name": "torso.zip"})
    assert answer.status_code == 201, answer.content
    return IntakeBatch.objects.get(uuid=answer.json()["uuid"])


def put(client: Client, batch: IntakeBatch, path: str | None, body: bytes = b"DICM", **headers: str) -> Any:
    sent = {**({} if path is None else {"X-File-Path": path}), **headers}
    url = f"/api/intake/batches/{batch.uuid}/files"
    return client.put(url, body, content_type="application/octet-stream", headers=sent)


def test_files_are_put_and_the_delivery_is_closed(client: Client, batch: IntakeBatch, resident: User) -> None:
    assert put(client, batch, "torso/IM%201", b"one").json() == {"bytes": 3}
    assert put(client, batch, "torso/R%C3%B6ntgen/IM2", b"second").status_code == 201
    assert put(client, batch, "torso/IM%201", b"again").status_code == 201
    sources, _ = quarantine.received(batch.uuid)
    assert {source.name: source.path.read_bytes() for source in sources} == {
        "torso/IM 1": b"again",
        "torso/Röntgen/IM2": b"second",
    }
    closed = post(client, f"/api/intake/batches/{batch.uuid}/finish", {})
    assert (closed.status_code, closed.json()["state"]) == (200, "queued")
    assert (closed.json()["files_total"], closed.json()["bytes_total"]) == (2, 11)
    assert Job.objects.count() == 1
    late = put(client, batch, "torso/IM3")
    assert (late.status_code, late.json()["code"]) == (409, "not_receiving")


def test_a_delivery_can_be_stopped(client: Client, batch: IntakeBatch) -> None:
    assert post(client, f"/api/intake/batches/{batch.uuid}/stop", {}).json()["state"] == "failed"
    refused = post(client, f"/api/intake/batches/{batch.uuid}/finish", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_receiving")


def test_the_list_shows_what_became_of_each_series(client: Client, batch: IntakeBatch, resident: User) -> None:
    case = factories.make_case()
    factories.make_series(case, batch=batch, spacing=[0.5, 0.5, 3.0])
    factories.make_series(None, batch=batch, outcome="refused", code="missing-slices", why="Slices are missing.")
    (said,) = client.get("/api/intake/batches").json()["batches"]
    assert said["mine"]
    assert [one["outcome"] for one in said["series"]] == ["reading", "refused"]
    assert said["series"][0]["case"] == {"id": case.pk, "name": case.name}
    assert said["series"][1]["why"] == "Slices are missing."
    assert client.get(f"/api/intake/batches/{batch.uuid}").json() == said


def test_the_queries_of_the_list_do_not_grow(
    client: Client, resident: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        batch = IntakeBatch.objects.create(name="more", source="upload", by=resident)
        for _ in range(4):
            factories.make_series(factories.make_bare_case(), batch=batch, outcome="kept")
    # Session, account, roles, deliveries, their series with cases and patients.
    with django_assert_max_num_queries(6):
        assert len(client.get("/api/intake/batches").json()["batches"]) == 5


@pytest.mark.parametrize("role", ["resident", "lead", "engineer", "administrator"])
def test_the_delivery_of_another_takes_no_file_and_is_not_closed(batch: IntakeBatch, role: str) -> None:
    other = logged_in(factories.make_user(role))
    assert put(other, batch, "a").status_code == 404
    assert post(other, f"/api/intake/batches/{batch.uuid}/finish", {}).status_code == 404
    assert post(other, f"/api/intake/batches/{batch.uuid}/stop", {}).status_code == 404
    looked = other.get(f"/api/intake/batches/{batch.uuid}").status_code
    assert looked == (404 if role == "resident" else 200)


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "%20",
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/%2e%2e/up",
        "..%5C..%5Cup",
        "C%3A%5CWindows",
        "a//b",
        "a/./b",
        "a/",
        "a%00b",
        "a%0Ab",
        "%FF%FE",
        "x" * 1001,
    ],
)
def test_a_path_that_is_not_plainly_relative_is_refused(client: Client, batch: IntakeBatch, path: str | None) -> None:
    answer = put(client, batch, path)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_path")
    assert quarantine.received(batch.uuid) == ([], [])


@pytest.mark.parametrize(
    ("header", "path"), [("a", "a"), ("a%20b/c.dcm", "a b/c.dcm"), ("a%5Cb", "a/b"), ("...", "..."), ("%C3%A9", "é")]
)
def test_a_relative_path_is_what_it_says(header: str, path: str) -> None:
    assert relative_path(header) == path


def test_a_drive_letter_is_no_relative_path() -> None:
    with pytest.raises(ApiError):
        relative_path("c:file")


def test_a_delivery_over_the_limit_is_a_413_before_a_byte_is_read(
    client: Client, batch: IntakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.api.batches.BatchFilesView.largest_body", 10)
    assert put(client, batch, "a", b"12345678").status_code == 201
    answer = put(client, batch, "b", b"123")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert put(client, batch, "c", b"x" * 11).status_code == 413


def test_a_file_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    body = WholeBody(io.BytesIO(b"half"), 8)
    assert body.read(4) == b"half"
    with pytest.raises(Refusal, match="broke off"):
        body.read(4)


def test_a_body_is_read_in_the_pieces_asked_for_and_never_past_its_end() -> None:
    body = WholeBody(io.BytesIO(b"12345678rest"), 8)
    assert [body.read(3), body.read(3), body.read(3), body.read(3)] == [b"123", b"456", b"78", b""]


def test_a_mask_can_be_sent_to_a_case_that_one_may_see_only(client: Client, resident: User) -> None:
    hidden, pooled = factories.make_case(), factories.make_case()
    factories.make_assignment(pooled)
    assert post(client, "/api/intake/batches", {"name": "mask", "case": hidden.pk}).status_code == 404
    answer = post(client, "/api/intake/batches", {"name": "mask", "case": pooled.pk})
    assert answer.status_code == 201
    assert IntakeBatch.objects.get(uuid=answer.json()["uuid"]).options["case"] == pooled.pk


def test_a_patients_name_is_never_shown_again(client: Client) -> None:
    answer = post(client, "/api/intake/batches", {"name": "ct", "patient": "Erika Mustermann"})
    assert answer.status_code == 201
    assert b"Mustermann" not in client.get("/api/intake/batches").content
