"""The page of Table 1."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Case, TestConsultation
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import FIRST, make_study, sets_truth

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    user = factories.make_user(Role.LEAD)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, **query: str) -> str:
    answer = client.get(reverse("cohort-table"), query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def make_cohort() -> None:
    """Three training cases and one test case with a reference, and a validation case without."""
    study = make_study(FIRST)
    for case, words in zip(study.cases, ("A1 N N N", "A3 A3 N F", "N N N x"), strict=True):
        sets_truth(case, words)
        case.kv = 120.0
        case.age = 70
        case.save()
    test = make_study(("A4 N N N",), split="test").cases[0]
    sets_truth(test, "A4 N N N")
    factories.make_bare_case(patient=factories.make_patient(split="validation"), kv=100.0)


def test_without_cases_it_says_so(client: Client) -> None:
    assert "There is no case here that you may see numbers of." in page(client)


def test_the_test_set_is_in_it_only_where_it_was_asked_for(client: Client) -> None:
    make_cohort()
    html = page(client)
    assert "The test set is not in it." in html
    assert TestConsultation.objects.count() == 0
    html = page(client, on="all")
    assert "The test set is not in it." not in html
    assert "Test" in [head.title for head in client.get(reverse("cohort-table"), {"on": "all"}).context["heads"]]
    assert TestConsultation.objects.first().what == "Table 1, page"  # type: ignore[union-attr]


def test_numbers_stand_as_mean_and_as_median_with_what_is_missing(client: Client) -> None:
    make_cohort()
    html = page(client)
    assert "120 ± 0" in html
    assert "1 missing" in html
    assert "Mann-Whitney" in html
    html = page(client, show="median")
    assert "120 [120 to 120]" in html
    assert page(client, show="<b>")


def test_a_dose_that_comes_in_later_is_in_the_numbers(client: Client) -> None:
    make_cohort()
    assert "DLP in 4 cases" in page(client)
    case = Case.objects.filter(patient__split="training").first()
    assert case is not None
    Case.objects.filter(pk=case.pk).update(dlp=400.0, dlp_source="reported")
    assert "DLP in 3 cases" in page(client)


@pytest.mark.parametrize("decided", ["nothing", "training", "one"])
def test_every_count_of_vertebrae_opens_as_many(client: Client, decided: str) -> None:
    make_cohort()
    training = Case.objects.filter(patient__split="training").order_by("pk")
    chosen = {"nothing": training.none(), "training": training, "one": training[:1]}[decided]
    Case.objects.filter(pk__in=[case.pk for case in chosen]).update(cohort_state="included")
    followed = 0
    for scope in ("all", "development", "training", "test"):
        for _, rows in client.get(reverse("cohort-table"), {"on": scope}).context["sections"]:
            for row in rows:
                for cell in row.cells:
                    if cell.url:
                        assert client.get(cell.url).context["found"].count == int(cell.text.split()[0]), cell
                        followed += 1
    assert followed >= {"nothing": 10, "training": 5, "one": 2}[decided]


def test_candidates_are_left_out_where_others_are_included_and_can_be_taken_in(client: Client) -> None:
    make_cohort()
    case = Case.objects.filter(patient__split="training").first()
    assert case is not None
    Case.objects.filter(pk=case.pk).update(cohort_state="included", inclusion_reason="fracture")
    html = page(client)
    assert "Included cases alone: 3 candidates that nobody has decided on are left out." in html
    (head,) = client.get(reverse("cohort-table")).context["heads"]
    assert (head.title, head.cases) == ("Training", 1)
    html = page(client, who="all")
    assert "3 candidates that nobody has decided on are in it." in html
    assert sum(head.cases for head in client.get(reverse("cohort-table"), {"who": "all"}).context["heads"]) == 4
    Case.objects.update(cohort_state="candidate", inclusion_reason="")
    assert "nobody has decided on" not in page(client)


def test_the_files_have_both_forms_and_no_nan(client: Client) -> None:
    make_cohort()
    answer = client.get(reverse("cohort-table"), {"on": "all", "format": "csv"})
    rows = {row["row"]: row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    assert rows["Voltage, kV"]["Training, mean"] == "120 ± 0"
    assert rows["Voltage, kV"]["Training, median"] == "120 [120 to 120]"
    assert rows["Voltage, kV"]["Test, missing"] == "1"
    assert rows["cases"]["Training, mean"] == "3"
    assert "nan" not in answer.content.decode().lower()
    found = client.get(reverse("cohort-table"), {"on": "all", "format": "json"}).json()
    assert found["question"]["kind"] == "table-one"
    assert found["answer"]["table"]["splits"] == ["training", "validation", "test"]


def test_an_address_with_nonsense_still_is_a_page(client: Client) -> None:
    assert "There is no set of cases called" in page(client, on="nowhere")
    assert page(client, part="1")
