"""The page that compares two readers."""

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

from labeling.models import TestConsultation
from labeling.pages.compare import points
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.scored_study import make_scored_study
from tests.analysis.small_study import make_study, sets_truth

pytestmark = pytest.mark.django_db


def client_of(user: Any = None) -> Client:
    client = Client()
    client.force_login(user or factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, **query: str) -> str:
    answer = client.get(reverse("numbers-compare"), {"on": "training", **query})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def test_two_models_are_compared_and_every_count_opens_as_many_units() -> None:
    study = make_scored_study()
    client = client_of()
    html = page(client, a=study.key(0), b=study.key(1))
    first, second = (str(model) for model in study.models)
    assert f"{second} minus {first}" in html
    assert "16 vertebrae of 4 patients that both decide" in html
    assert "−8.3 points" in html
    assert "not shown" in html
    assert " style=" not in html
    followed = 0
    query = {"on": "training", "a": study.key(0), "b": study.person, "unit": "vertebra"}
    parts = client.get(reverse("numbers-compare"), query).context["parts"]
    counted = [four[who] for four in parts["tables"] for who in ("both", "first", "second")]
    counted += [line[side] for line in [*parts["lines"][:3], parts["types"][0]] for side in ("gained", "lost")]
    for one in counted:
        if one.url:
            assert client.get(one.url).context["found"].count == one.n, one.url
            followed += 1
    assert followed == 12


def test_another_of_its_kind_is_compared_unless_the_address_says_whom() -> None:
    study = make_scored_study()
    answer = client_of().get(reverse("numbers-compare"), {"on": "training", "reader": study.key(1)})
    assert answer.context["chosen"] == (study.key(0), study.key(1))
    swapped = client_of().get(reverse("numbers-compare") + answer.context["swap_url"])
    assert swapped.context["chosen"] == (study.key(1), study.key(0))


def test_numbers_and_the_figure_can_be_taken_along() -> None:
    make_scored_study(split="test")
    client = client_of()
    figure = client.get(reverse("numbers-compare"), {"on": "test", "format": "svg", "figure": "differences"})
    ElementTree.fromstring(figure.content.decode())
    png = client.get(reverse("numbers-compare"), {"on": "test", "format": "png", "figure": "differences"})
    assert png.content.startswith(b"\x89PNG")
    sheet = client.get(reverse("numbers-compare"), {"on": "test", "format": "csv"}).content.decode()
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert {"sensitivity", "specificity", "ppv", "auc", "A1"} <= {row["name"] for row in rows}
    found = client.get(reverse("numbers-compare"), {"on": "test", "format": "json"}).json()
    assert found["answer"]["patients"] == 4
    assert TestConsultation.objects.count() == 4


@pytest.mark.parametrize("query", [{}, {"a": "x", "b": "<b>"}, {"margin": "0"}, {"unit": "no"}, {"format": "csv"}])
def test_without_two_readers_and_a_reference_it_says_so(query: dict[str, str]) -> None:
    client = client_of()
    assert "has a reference yet" in page(client, **query)
    study = make_study(("A1 N N N",))
    sets_truth(study.cases[0], "A1 N N N")
    assert "needs two readers" in page(client, **query)


def test_a_difference_is_printed_in_points_with_its_sign() -> None:
    found = {
        "value": 0.021,
        "low": -0.01,
        "high": 0.052,
        "numerator": None,
        "denominator": 9,
        "method": "m",
        "note": "",
    }
    printed = points(found)
    assert (printed.value, printed.interval) == ("+2.1 points", "−1.0 to 5.2")
    assert points({**found, "value": -0.0004}).value == "0.0 points"
    assert points({**found, "value": None, "note": "Nothing."}).value == "–"
