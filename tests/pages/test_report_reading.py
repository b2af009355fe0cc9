"""The block of a case's page in which a report is read vertebra by vertebra."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Case, Exposure, Finding, Read
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db

TEXT = "Frische Fraktur LWK 3 <A3>.\nAlte Sinterung BWK 8. Keine weiteren Frakturen."


@pytest.fixture
def case(db: None) -> Case:
    case = factories.make_case(report_text=TEXT)
    factories.make_anatomy(case)
    return case


def page(case: Case) -> str:
    return reverse("case", args=[case.pk])


def post(client: Client, case: Case, **fields: Any) -> Any:
    return client.post(reverse("case-report-reading", args=[case.pk]), fields)


def form_of(answer: Any) -> dict[str, Any]:
    """What a browser would send: the fields of the form as they stand."""
    says = answer.context["says"]
    form = {"action": "confirm", "anatomy": says["shown"].anatomy, "report": says["shown"].digest}
    for one in says["rows"]:
        form[f"verdict-{one.row.vertebra}"] = one.said.verdict or ""
        form[f"ao-{one.row.vertebra}"] = one.said.ao_body or ""
        form[f"age-{one.row.vertebra}"] = one.said.acuity
    return form


def test_the_page_alone_shows_nobody_what_the_report_says(case: Case) -> None:
    text = text_of(client_of(Role.LEAD), page(case))
    assert "Read it vertebra by vertebra" in text
    assert "Fraktur" not in text
    assert not Exposure.objects.exists()


def test_the_sentences_are_marked_and_each_vertebra_has_a_row(case: Case) -> None:
    answer = post(client_of(Role.LEAD), case)
    text = answer.content.decode()
    assert '<mark id="sentence-1">Frische Fraktur LWK 3 &lt;A3&gt;.<sup>1</sup></mark>' in text
    assert text.count("<mark") == 3
    assert [(one.name, one.said.verdict) for one in answer.context["says"]["rows"]] == [
        ("L2", "negative"), ("L3", "fracture"), ("L4", "negative"),
    ]  # fmt: skip
    assert "<b>T8</b> old fracture" in text
    assert "no-store" in answer["Cache-Control"]
    assert Exposure.objects.get().what == "report"


def test_a_click_confirms_and_the_page_says_who_and_when(case: Case) -> None:
    client = client_of(Role.LEAD)
    form = form_of(post(client, case))
    answer = post(client, case, **form)
    assert answer.status_code == 302
    assert answer["Location"].endswith("#report-says")
    read = Read.objects.get()
    assert (read.state, read.reader.kind) == ("locked", "report")
    assert "Version 1, confirmed by" in post(client, case).content.decode()


def test_what_is_left_beside_another_verdict_does_not_count(case: Case) -> None:
    client = client_of(Role.ENGINEER)
    form = form_of(post(client, case))
    third = post(client, case).context["says"]["rows"][1].row.vertebra
    form |= {f"verdict-{third}": "negative", f"ao-{third}": "A3", f"age-{third}": "acute"}
    assert post(client, case, **form).status_code == 302
    row = Finding.objects.get(vertebra=third)
    assert (row.verdict, row.ao_body, row.acuity) == ("negative", None, "unknown")


def test_a_refusal_keeps_what_was_chosen(case: Case) -> None:
    client = client_of(Role.LEAD)
    form = form_of(post(client, case))
    post(client, case, **form)
    first = post(client, case).context["says"]["rows"][0].row.vertebra
    answer = post(client, case, **(form | {f"verdict-{first}": "indeterminate"}))
    assert answer.status_code == 422
    assert "Say why it is confirmed again." in answer.content.decode()
    assert answer.context["says"]["rows"][0].said.verdict == "indeterminate"
    assert Read.objects.count() == 1


@pytest.mark.parametrize("field", ["anatomy", "report"])
def test_a_form_that_was_tampered_with_is_refused(case: Case, field: str) -> None:
    client = client_of(Role.LEAD)
    form = form_of(post(client, case))
    for value in ("", "-1", "9" * 30, "x\x00"):
        assert post(client, case, **(form | {field: value})).status_code == 422
    assert not Read.objects.exists()


def test_whoever_owes_the_case_without_its_report_finds_no_trace_of_it(case: Case) -> None:
    lead = client_of(Role.LEAD)
    post(lead, case, **form_of(post(lead, case)))
    user = factories.make_user(Role.LEAD, Role.SENIOR)
    factories.make_assignment(case, round=factories.make_round("independent"), reader=reader_of(user))
    client = Client()
    client.force_login(user)
    text = text_of(client, page(case))
    assert "What the report says" not in text
    answer = post(client, case)
    assert answer.status_code == 302
    assert not Exposure.objects.filter(reader__user=user).exists()


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_readers_find_no_such_block(case: Case, role: Role) -> None:
    user = factories.make_user(role)
    factories.make_assignment(case, reader=reader_of(user))
    client = Client()
    client.force_login(user)
    assert "What the report says" not in text_of(client, page(case))
    assert post(client, case).status_code == 403


def test_a_case_without_a_report_or_without_vertebrae_has_no_such_block() -> None:
    client = client_of(Role.LEAD)
    bare = factories.make_case(report_text=TEXT)
    assert "What the report says" not in text_of(client, page(bare))
    assert post(client, bare).status_code == 302
    silent = factories.make_case()
    factories.make_anatomy(silent)
    assert "What the report says" not in text_of(client, page(silent))
