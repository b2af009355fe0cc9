"""The page of curves: figures, the threshold and where it comes from, and what can be taken along."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEvent, TestConsultation
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.scored_study import make_scored_study
from tests.analysis.small_study import make_study

pytestmark = pytest.mark.django_db


def client_of(user: Any = None) -> Client:
    client = Client()
    client.force_login(user or factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, **query: str) -> str:
    answer = client.get(reverse("numbers-curves"), {"on": "training", **query})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def test_the_page_draws_the_curves_and_names_the_threshold_with_its_origin() -> None:
    study = make_scored_study()
    client = client_of()
    html = page(client)
    label = str(study.models[0])
    assert f'<title id="roc-title">ROC of {label}' in html
    assert f"{label}, area 0.98" in html
    assert "Chosen on the <b>validation set</b> alone, by the rule: largest sensitivity + specificity" in html
    assert "3 cases of 3 patients, 2 fractures and 10 negatives" in html
    assert '<b class="lg num">0.600</b>' in html
    assert "What it does on these cases" in html
    assert " style=" not in html
    assert "nan" not in html.lower()
    assert "sensitivity of 90 % or more" in page(client, rule="sensitivity-90")
    assert "axes cut at" not in html
    assert "axes cut at" in page(client, view="corner")


def test_every_count_of_the_page_opens_as_many_units() -> None:
    study = make_scored_study()
    client = client_of()
    followed = 0
    for unit in ("vertebra", "case"):
        query = {"on": "development", "reader": study.key(0), "unit": unit}
        parts = client.get(reverse("numbers-curves"), query).context["parts"]
        counted = [*parts["threshold"]["cells"][1:3], *parts["points"][-1]["cells"][:3], parts["points"][0]["cells"][2]]
        for one in counted:
            assert client.get(one.url).context["found"].count == one.n, one.url
            followed += 1
    assert followed == 12


def test_figures_and_numbers_can_be_taken_along() -> None:
    make_scored_study(split="test")
    client = client_of()
    for name, words in (("roc", "Sensitivity"), ("precision-recall", "recall"), ("calibration", "Mean score")):
        answer = client.get(reverse("numbers-curves"), {"on": "test", "format": "svg", "figure": name})
        assert answer["Content-Type"] == "image/svg+xml"
        text = answer.content.decode()
        ElementTree.fromstring(text)
        assert words in text
        assert "<a " not in text
    answer = client.get(reverse("numbers-curves"), {"on": "test", "format": "png", "figure": "roc"})
    assert answer.content.startswith(b"\x89PNG")
    found = client.get(reverse("numbers-curves"), {"on": "test", "format": "json"}).json()
    assert found["question"]["kind"] == "curves"
    sheet = client.get(reverse("numbers-curves"), {"on": "test", "format": "csv"}).content.decode()
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert {row["part"] for row in rows} >= {"area", "reader", "calibration", "threshold", "at the threshold", "roc"}
    assert "nan" not in sheet.lower()
    assert AuditEvent.objects.filter(verb="export_numbers").count() == 6
    assert TestConsultation.objects.count() == 6


@pytest.mark.parametrize(
    "query",
    [
        {"reader": "p999999"},
        {"rule": "<b>", "view": "no"},
        {"format": "svg", "figure": "no"},
        {"part": "1"},
        {"on": "no"},
    ],
)
def test_an_address_with_nonsense_still_is_a_page(query: dict[str, str]) -> None:
    make_study()
    page(client_of(), **query)


def test_without_reads_scores_or_reference_it_says_what_to_do() -> None:
    client = client_of()
    assert "has a reference yet" in page(client)
    study = make_study()
    assert "No model has given a score" in page(client, reader=study.key(0))


def test_residents_and_seniors_are_refused() -> None:
    for role in (Role.RESIDENT, Role.SENIOR):
        client = client_of(factories.make_user(role))
        assert client.get(reverse("numbers-curves")).status_code == 403
        assert client.get(reverse("numbers-compare")).status_code == 403


def test_names_of_readers_are_text_in_figures() -> None:
    study = make_scored_study()
    user = study.senior.user
    assert user is not None
    user.last_name = '<script>"&'
    user.save()
    answer = client_of().get(reverse("numbers-curves"), {"on": "training"}).content.decode()
    assert '<script>"&' not in answer
    assert "&lt;script&gt;" in answer
