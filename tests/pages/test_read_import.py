"""The page on which a lead brings in old reads."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.models import Case, Read, Round
from labeling.reading.roles import Role
from tests import factories
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db

URL = reverse("read-import")


@pytest.fixture
def case(db: None) -> Case:
    case = factories.make_case()
    factories.make_anatomy(case, ("L1", "L2"))
    return case


def send(client: Client, data: bytes, name: str = "pilot.csv", **fields: str) -> Any:
    return client.post(URL, {"action": "check", "file": SimpleUploadedFile(name, data), **fields})


def sheet(case: Case, *rows: str) -> bytes:
    return "\n".join(["case,level,verdict,reader", f"{case.name},L1,1,Anna <b>", *rows]).encode()


def test_a_sheet_is_checked_first_then_brought_in(case: Case) -> None:
    client = client_of(Role.LEAD)
    assert "XLSX, CSV or TSV" in text_of(client, URL)
    answer = send(client, sheet(case, f"{case.name},T3,1,Anna <b>"), unlisted="negative")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "1 of 1 case, out of 2 rows" in text
    assert "Anna &lt;b&gt;" in text
    assert "new, nobody can log in" in text
    assert f"{case.name}, T3" in text
    assert not Round.objects.exists()
    form = {**answer.context["form"], "action": "import", "letters": answer.context["letters"]}
    done = client.post(URL, form, follow=True)
    assert "The reads are in, as the round pilot." in done.content.decode()
    assert set(Read.objects.get().findings.values_list("verdict", flat=True)) == {"fracture", "negative"}


def test_wrong_rows_are_named_by_number_and_nothing_can_be_brought_in(case: Case) -> None:
    answer = send(client_of(Role.LEAD), sheet(case, "Nobody,L1,1,A", f"{case.name},nowhere,1,A"))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "2 rows cannot be taken." in text
    assert "Row 3:</span> There is no case called Nobody." in text
    assert "Row 4:</span> nowhere names no single" in text
    assert "Bring in " not in text.replace("Bring in old reads", "")


@pytest.mark.parametrize(
    ("data", "about"), [(b" ", "No column for"), (b"a,b\n1,2", "No column for"), (b"\xd0\xcf\x11\xe0", "Excel 97")]
)
def test_what_is_no_sheet_is_refused_with_a_sentence(data: bytes, about: str) -> None:
    answer = send(client_of(Role.LEAD), data)
    assert answer.status_code == 422
    assert about in answer.content.decode()


def test_no_file_a_damaged_one_and_one_that_is_too_large_are_refused() -> None:
    client = client_of(Role.LEAD)
    assert "No file is chosen." in client.post(URL, {"action": "check"}).content.decode()
    for letters in ("%%%", "ä", "abc"):
        answer = client.post(URL, {"action": "import", "letters": letters})
        assert answer.status_code == 422
        assert "did not come back whole" in answer.content.decode()
    assert send(client, b"x" * (2 * 1024**2 + 1)).status_code == 422
    assert send(client, b"x" * (4 * 1024**2)).status_code == 413


def test_a_form_from_elsewhere_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.make_user(Role.LEAD))
    assert client.post(URL, {"action": "check"}).status_code == 403
    assert send(client, b"x").status_code == 403


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR, Role.ENGINEER, Role.ADMINISTRATOR])
def test_only_leads_find_the_page(role: Role) -> None:
    client = client_of(role)
    assert client.get(URL).status_code == 403
    assert send(client, b"x").status_code == 403
