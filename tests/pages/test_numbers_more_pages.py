"""The pages of the report against the reference, of a reader at another place, and of how people read."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Exposure, Reader, ReaderKind
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import FIRST, SECOND, Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db

NAMES = ("numbers-report", "numbers-place", "numbers-reading")


@pytest.fixture
def client() -> Client:
    found = Client()
    found.force_login(factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return found


@pytest.fixture
def study() -> Study:
    """Truth of three cases; the report leaves out two of the four fractures of two of them, the third is unread."""
    study = make_study(FIRST, SECOND)
    for case, words in zip(study.cases, ("A1 N N A3", "A3 A3 N N", "N N N N"), strict=True):
        sets_truth(case, words)
    report = Reader.objects.create(kind=ReaderKind.REPORT, label="Clinical report")
    says(study.cases[0], report, "· N N F", None)
    says(study.cases[1], report, "F N N N", None)
    return study


def test_the_report_page_counts_what_no_report_names_and_opens_its_cases(client: Client, study: Study) -> None:
    html = client.get(reverse("numbers-report"), {"on": "all"}).content.decode()
    assert "50.0 %" in html
    assert "2 of 4" in html
    assert "1 nothing said, 1 called negative" in html
    assert html.count(f'href="{reverse("case", args=[study.cases[0].pk])}"') == 1
    assert reverse("case-report-reading", args=[study.cases[2].pk]) in html
    assert Exposure.objects.filter(case__in=study.cases[:2], what="report").count() == 2
    assert not Exposure.objects.filter(case=study.cases[2]).exists()


def test_every_linked_rate_of_the_report_opens_as_many_vertebrae_as_it_counts(client: Client, study: Study) -> None:
    html = client.get(reverse("numbers-report"), {"on": "all"}).content.decode()
    linked = re.findall(r'<a href="([^"]+cell=unreported[^"]*)">(\d+) of \d+</a>', html)
    assert len(linked) >= 4
    for url, count in linked:
        rows = client.get(unescape(url), {}).context["found"].count
        assert (url, rows) == (url, int(count))
    assert 'cell=fp">Open' not in html  # the report alone calls none


def test_a_line_of_the_worklist_opens_the_room_at_the_vertebra(client: Client, study: Study) -> None:
    html = client.get(reverse("numbers-report"), {"on": "all"}).content.decode()
    room = re.search(r'<a href="(/[^"]+vertebra=\d+&amp;slice=\d+)">L\d</a>', html)
    assert room is not None
    assert client.get(unescape(room[1])).status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_are_not_there_yet_are_told_on_the_page(
    client: Client, study: Study, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.analysis.answers.AT_ONCE", 0)
    answer = client.get(reverse(name), {"on": "all", "format": "json", "reader": study.key(0)})
    assert answer.status_code == 409
    assert "Open the page, and take them when they are there" in answer.content.decode()
    assert "Nothing to count" not in answer.content.decode()


def test_the_place_page_takes_a_prevalence_and_draws_the_curve(client: Client, study: Study) -> None:
    query = {"on": "all", "reader": study.key(0), "prevalence": "12.5", "examinations": "200"}
    html = client.get(reverse("numbers-place"), query).content.decode()
    assert "At 12.50 % of vertebrae" in html
    assert "A year, 200 examinations" in html
    assert "<svg" in html.split('class="chart-frame"')[1]


def test_the_reading_page_says_for_whom_it_is_and_what_to_do_without_reveals(client: Client, study: Study) -> None:
    html = client.get(reverse("numbers-reading"), {"on": "all"}).content.decode()
    assert "leads, engineers and administrators only" in html
    assert "No read stood beside this model yet" in html
    assert "By position in a session" in html


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("query", [{}, {"format": "json"}, {"format": "csv"}, {"prevalence": "nan", "per": "<b>"}])
def test_without_reads_every_form_is_an_answer(client: Client, name: str, query: dict[str, str]) -> None:
    answer = client.get(reverse(name), query)
    assert answer.status_code == 200
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize("name", NAMES)
def test_csv_has_lines_and_no_nan(client: Client, study: Study, name: str) -> None:
    sheet = client.get(reverse(name), {"on": "all", "format": "csv", "reader": study.key(0)}).content.decode()
    assert len(sheet.splitlines()) > 2
    assert "nan" not in sheet.lower()
