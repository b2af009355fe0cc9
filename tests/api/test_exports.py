"""Labels and findings out over HTTP."""

import csv
import io
import json

import pytest

from labeling.models import AuditEvent, Exposure
from tests import factories
from tests.api.conftest import logged_in

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:  # type: ignore[no-untyped-def]
    return b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("what", ["labels", "findings"])
def test_csv_and_json_say_the_same(what: str) -> None:
    read = factories.make_read()
    factories.lock_plainly(read)
    client = logged_in(factories.make_user("lead"))
    table = client.get(f"/api/exports/{what}")
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in table["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(text_of(table))))
    objects = client.get(f"/api/exports/{what}?format=json")
    assert objects["Content-Type"] == "application/json"
    assert len(rows) == len(json.loads(text_of(objects)))


def test_an_export_is_audited_and_exposes_who_took_it() -> None:
    read = factories.lock_plainly(factories.make_read())
    lead = factories.make_user("lead")
    text_of(logged_in(lead).get(f"/api/exports/labels?round={read.round.name}"))
    assert AuditEvent.objects.get().by == lead
    assert Exposure.objects.get(reader__user=lead).case == read.case


@pytest.mark.parametrize("query", ["format=xml", "rounds=x", "format=csv&what=reads"])
def test_an_unknown_wish_is_refused(query: str) -> None:
    answer = logged_in(factories.make_user("engineer")).get(f"/api/exports/labels?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert not AuditEvent.objects.exists()
