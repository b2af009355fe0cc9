"""The API described: without a warning, as committed for the frontend, as a page, and true."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft4Validator

from labeling.api.schema import described
from tests import factories
from tests.api.conftest import Room, logged_in, post
from tests.api.test_reads import operation

ROOT = Path(__file__).resolve().parents[2]


def generated(tmp_path: Path) -> str:
    """The schema as the command writes it."""
    file = tmp_path / "openapi.json"
    call_command("spectacular", file=str(file), format="openapi-json", validate=True, fail_on_warn=True)
    return file.read_text()


def test_the_schema_is_valid_and_made_without_a_warning(tmp_path: Path) -> None:
    GENERATOR_STATS.reset()
    validate_schema(json.loads(generated(tmp_path)))
    assert not GENERATOR_STATS


def test_the_schema_of_the_frontend_is_the_current_one(tmp_path: Path) -> None:
    committed = (ROOT / "frontend" / "openapi.json").read_text()
    again = "python manage.py spectacular --format openapi-json --file frontend/openapi.json"
    assert committed == generated(tmp_path), f"The API has changed. Write its schema again: {again}"


@pytest.mark.django_db
def test_the_schema_is_served_to_programs(resident: User) -> None:
    answer = logged_in(resident).get("/api/schema/?format=json")
    assert answer.status_code == 200
    assert set(answer.json()["paths"]) == set(described()["paths"])


@pytest.mark.django_db
def test_the_docs_name_every_address_and_run_no_script_of_their_own(resident: User) -> None:
    answer = logged_in(resident).get("/api/docs")
    page = answer.content.decode()
    for path in described()["paths"]:
        assert path in page
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert "<style" not in page
    assert "style=" not in page
    for tag in page.split("<script")[1:]:
        assert "src=" in tag.split(">")[0]


def check(schema: dict[str, Any], name: str, said: object) -> None:
    """Hold an answer against a shape of the schema (OpenAPI 3.0: nullable is its own word)."""
    shape = translated({**schema["components"]["schemas"][name], "components": schema["components"]})
    errors = [
        f"{list(error.absolute_path)}: {error.message[:200]}" for error in Draft4Validator(shape).iter_errors(said)
    ]
    assert errors == []


def translated(part: Any) -> Any:
    """OpenAPI 3.0 as JSON schema, with no field that is not described."""
    if isinstance(part, list):
        return [translated(one) for one in part]
    if not isinstance(part, dict):
        return part
    inner = {key: translated(value) for key, value in part.items() if key != "nullable"}
    if "properties" in part:
        inner.setdefault("additionalProperties", False)
    return {"anyOf": [inner, {"type": "null"}]} if part.get("nullable") is True else inner


@pytest.mark.django_db
def test_answers_are_what_the_schema_says(room: Room) -> None:
    schema = json.loads(json.dumps(described(), default=str))
    client, l3 = room.client, factories.vertebra_of(room.read, "L3")
    check(schema, "MeOut", client.get("/api/me").json())
    check(schema, "WorklistOut", client.get("/api/worklist?tab=mine").json())
    injury = operation("set_injury", 0, upper=l3, lower=factories.vertebra_of(room.read, "L4"), type="B2")
    check(schema, "WrittenOut", post(client, room.url("operations"), injury).json())
    conflict = post(client, room.url("operations"), operation("set_ao", 0, vertebra=l3, ao_body="A1"))
    assert conflict.status_code == 409
    check(schema, "ConflictOut", conflict.json())
    sent = operation("set_ao", 1, vertebra=l3, ao_body="A1")
    check(schema, "WrittenOut", post(client, room.url("operations"), sent).json())
    check(schema, "SeenOut", post(client, room.url("seen"), {"sop_uids": factories.sops_of(room.read)[:2]}).json())
    check(schema, "GapsOut", client.get(room.url("gaps")).json())
    check(schema, "RoomOut", client.get(room.url("room")).json())
    check(schema, "NotCompleteOut", post(client, room.url("lock"), {"base_seq": 2}).json())
    tab = str(uuid.uuid4())
    mine = client.put(room.url("writer"), {"tab": tab}, content_type="application/json")
    check(schema, "WriterOut", mine.json())
    elsewhere = post(client, room.url("lock"), {"base_seq": 2})
    assert elsewhere.json()["code"] == "elsewhere"
    check(schema, "ConflictOut", elsewhere.json())
    check(schema, "WriterOut", post(client, room.url("writer/release"), {"tab": tab}).json())
    check(schema, "AheadOut", client.get("/api/worklist/next").json())
    check(schema, "AheadOut", client.get(f"/api/worklist/next?after={room.case.pk}").json())
    check(schema, "PreferencesOut", client.get("/api/me/preferences").json())
    factories.lock_plainly(room.read)
    draft = post(client, room.url("reopen"), {"reason": "a slice forgotten"}).json()
    check(schema, "ReopenedOut", draft)
    check(schema, "RoomOut", client.get(f"/api/reads/{draft['read']}/room").json())
    check(schema, "OpenedOut", post(client, f"/api/cases/{room.case.pk}/open", {}).json())
    check(schema, "ErrorOut", client.get("/api/worklist?tab=none").json())
    check(schema, "ErrorOut", client.get("/api/nowhere").json())
    delivery = post(client, "/api/intake/batches", {"name": "a"}).json()
    check(schema, "NewBatchOut", delivery)
    check(schema, "BatchesOut", client.get("/api/intake/batches").json())
    check(schema, "BatchOut", post(client, f"/api/intake/batches/{delivery['uuid']}/stop", {}).json())
