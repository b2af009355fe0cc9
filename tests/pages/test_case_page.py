"""The page of one case: whether its anatomy was checked, and its report coming in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.imaging.sealing import Seal
from labeling.models import Anatomy, Case, Exposure, Identity
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db

TEXT = "Wedge fracture of L1.\n<b>No</b> other."


def page(case: Case) -> str:
    return reverse("case", args=[case.pk])


def post(client: Client, case: Case, **fields: str) -> Any:
    return client.post(reverse("case-report", args=[case.pk]), fields, follow=True)


def test_the_page_says_whether_the_anatomy_was_checked_and_leads_to_the_check() -> None:
    case = factories.make_case()
    client = client_of(Role.LEAD)
    text = text_of(client, page(case))
    assert "No vertebrae yet: place them by hand" in text
    assert f'href="/cases/{case.pk}/anatomy"' in text
    anatomy = factories.make_anatomy(case)
    assert "Not checked." in text_of(client, page(case))
    resident = factories.make_user(Role.RESIDENT, first_name="Ruth", last_name="Resident")
    Anatomy.objects.filter(pk=anatomy.pk).update(
        confirmed_by=reader_of(resident), confirmed_at=datetime(2026, 1, 5, 10, tzinfo=UTC)
    )
    assert "Checked by Ruth Resident on 5 Jan 2026." in text_of(client, page(case))
    factories.make_anatomy(case)
    assert "Not checked." in text_of(client, page(case)), "the newest version counts"


def test_a_case_without_images_offers_no_check() -> None:
    case = factories.make_bare_case()
    assert "/anatomy" not in text_of(client_of(Role.LEAD), page(case))


def test_a_report_is_typed_in_saved_and_shown_only_on_request() -> None:
    case = factories.make_case()
    client = client_of(Role.LEAD)
    text = text_of(client, page(case))
    assert "None yet" in text
    assert "<textarea" in text
    saved = post(client, case, action="save", text=TEXT)
    assert "The report is saved." in saved.content.decode()
    assert Case.objects.get(pk=case.pk).report_text == TEXT
    text = text_of(client, page(case))
    assert f"Saved, {len(TEXT)} characters" in text
    assert "Wedge" not in text
    assert "<textarea" not in text

    other = client_of(Role.ENGINEER)
    text_of(other, page(case))
    assert Exposure.objects.count() == 1, "the page alone shows nobody the report"
    shown = post(other, case, action="show")
    assert "Wedge fracture of L1.\n&lt;b&gt;No&lt;/b&gt; other." in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    assert Exposure.objects.count() == 2


def test_a_report_that_begins_with_an_empty_line_comes_back_as_it_was() -> None:
    case = factories.make_case()
    client = client_of(Role.LEAD)
    post(client, case, action="save", text=TEXT)
    shown = post(client, case, action="show").content.decode()
    start = shown.index(">", shown.index("<textarea")) + 1
    # The first line break after the tag is the browser's to swallow.
    assert shown[start:].startswith("\nWedge")


def test_saving_the_same_again_says_so() -> None:
    case = factories.make_case(report_text=TEXT)
    assert "Nothing has changed." in post(client_of(Role.LEAD), case, action="save", text=TEXT).content.decode()


def test_a_refused_report_stays_in_the_form_with_the_reason(settings: Any) -> None:
    case = factories.make_case()
    sealed = Seal(settings.IDENTITY_KEYS).seal({"patient": {"name": "Muster^Maria"}})
    Identity.objects.create(case=case, sealed=sealed)
    answer = post(client_of(Role.LEAD), case, action="save", text="Frau Muster fell from a ladder.")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "The text holds the patient&#x27;s name." in text
    assert "Frau Muster fell from a ladder.</textarea>" in text
    assert Case.objects.get(pk=case.pk).report_text == ""


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_readers_find_no_report_on_the_page_of_a_case(role: Role) -> None:
    case = factories.make_case(report_text=TEXT)
    user = factories.make_user(role)
    factories.make_assignment(case, reader=reader_of(user))
    client = Client()
    client.force_login(user)
    text = text_of(client, page(case))
    assert "Clinical report" not in text
    assert "Wedge" not in text
    assert client.post(reverse("case-report", args=[case.pk]), {"action": "show"}).status_code == 403


def test_a_lead_who_reads_the_case_blind_is_told_that_the_report_is_closed_to_them() -> None:
    case = factories.make_case(report_text=TEXT)
    lead = factories.make_user(Role.LEAD, Role.SENIOR)
    factories.make_assignment(case, round=factories.make_round("independent"), reader=reader_of(lead))
    client = Client()
    client.force_login(lead)
    assert "asked to read this case without its report" in text_of(client, page(case))
    for fields in ({"action": "show"}, {"action": "save", "text": "Mine."}):
        answer = post(client, case, **fields)
        assert "Wedge" not in answer.content.decode()
        assert "asked to read this case without its report" in answer.content.decode()
    assert Case.objects.get(pk=case.pk).report_text == TEXT
    assert not Exposure.objects.exists()


def test_the_address_of_the_form_leads_back_to_the_page_when_it_is_opened() -> None:
    case = factories.make_case(report_text=TEXT)
    client = client_of(Role.LEAD)
    assert client.get(reverse("case-report", args=[case.pk])).url == page(case)
    assert not Exposure.objects.exists()


def test_the_page_of_a_case_takes_a_constant_number_of_queries(django_assert_max_num_queries: Any) -> None:
    case = factories.make_case()
    for _ in range(8):
        factories.make_anatomy(case)
        factories.make_series(case)
    client = client_of(Role.LEAD)
    text_of(client, page(case))
    with django_assert_max_num_queries(18):
        text_of(client, page(case))
