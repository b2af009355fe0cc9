"""The page of the written report: numbers lead to their pages, the PDF is an export, and waiting is said."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from labeling.analysis import answers
from labeling.models import AuditEvent, Job, TestConsultation
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import FIRST, SECOND, Study, make_study, sets_truth

pytestmark = pytest.mark.django_db

URL = "/numbers/written"


@pytest.fixture
def client() -> Client:
    found = Client()
    found.force_login(factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return found


@pytest.fixture
def study() -> Study:
    study = make_study(FIRST, SECOND, split="test")
    for case, words in zip(study.cases, ("A1 N N A3", "A3 A3 N N", "N N N N"), strict=True):
        sets_truth(case, words)
    return study


def test_numbers_of_the_report_lead_to_their_pages(client: Client, study: Study) -> None:
    html = client.get(URL, {"on": "test"}).content.decode()
    assert reverse("numbers-written") == URL
    assert 'aria-current="page">Write it up</a>' in html
    for name in ("numbers-cases", "numbers-agreement", "cohort-table", "cohort"):
        assert f'href="{reverse(name)}' in html
    assert f'href="{reverse("round-protocol", args=[study.round.pk])}"' in html
    table = html.split('aria-label="Table 2:')[1].split("</table>")[0]
    numbers = re.findall(r"<td[^>]*>(.*?)</td>", table, re.DOTALL)
    assert len(numbers) > 40
    assert all("<a href=" in cell or cell.startswith("–") for cell in numbers if cell)


def test_the_pdf_is_audited_and_in_the_ledger(client: Client, study: Study) -> None:
    answer = client.get(URL, {"on": "test", "format": "pdf"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert re.search(r'filename="report-test-[0-9a-f]{8}\.pdf"', answer["Content-Disposition"])
    event = AuditEvent.objects.get(verb="export_numbers")
    assert event.detail["what"].startswith("report-test-")
    assert event.detail["cases"] == 3
    assert TestConsultation.objects.filter(what__startswith="Export report-test-").count() == 1


def test_a_look_at_the_page_is_one_consultation(client: Client, study: Study) -> None:
    client.get(URL, {"on": "test"})
    assert TestConsultation.objects.count() == 1
    client.get(URL, {"on": "training"})
    assert TestConsultation.objects.count() == 1


def test_what_is_computed_by_a_worker_is_waited_for(
    client: Client, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "AT_ONCE", 0)
    html = client.get(URL, {"on": "test"}).content.decode()
    assert "The numbers are being computed" in html
    assert "Report as PDF" not in html
    assert Job.objects.filter(kind="numbers").count() > 5
    assert not TestConsultation.objects.exists()
    early = client.get(URL, {"on": "test", "format": "pdf"})
    assert "still being computed" in early.content.decode()
    assert not AuditEvent.objects.filter(verb="export_numbers").exists()


def test_markup_in_a_name_is_text_on_the_page(client: Client, study: Study) -> None:
    user = study.readers[0].user
    assert user is not None
    user.first_name = "<script>alert(1)</script>"
    user.save()
    html = client.get(URL, {"on": "test"}).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("query", [{}, {"on": "nonsense"}, {"on": "all", "reader": "p999"}, {"format": "pdf"}])
def test_without_reads_every_form_is_an_answer(client: Client, query: dict[str, str]) -> None:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    assert b"Traceback" not in answer.content
