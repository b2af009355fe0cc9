"""The page of accuracy: Table 2, and every count of it opens as many rows."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEvent, TestConsultation
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import LEVELS, Study, make_study, says, sets_truth
from tests.analysis.test_accuracy import READER, TRUTH, sets_truth_with

pytestmark = pytest.mark.django_db

ALL = {"on": "all"}


@pytest.fixture
def study() -> Study:
    """The study of the analysis, with a fourth case that the reader has not read, and a model that labels slices."""
    study = make_study(READER)
    for case, words in zip(study.cases, TRUTH, strict=True):
        sets_truth(case, words)
    fourth = factories.make_case(slices=4, patient=factories.make_patient(split="training"))
    factories.make_anatomy(fourth, (*LEVELS[:3], ""), first_k=0, last_k=3)
    study.cases.append(fourth)
    sets_truth(fourth, "A1 F N N", "FFNN")
    model = factories.make_model_reader()
    study.readers.append(model)
    says(fourth, model, "A1 N N ?", None, 0.6, slices="FNFN")
    says(study.cases[0], model, "A2 F N N", None, 0.8)
    return study


def client_of(user: Any = None) -> Client:
    client = Client()
    client.force_login(user or factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, **query: str) -> str:
    answer = client.get(reverse("numbers"), {**ALL, **query})
    assert answer.status_code == 200
    html = re.sub(r"\s+", " ", unescape(answer.content.decode()))
    assert "nan" not in re.sub(r"<[^>]*>", " ", html).lower().split()
    return html


def test_the_page_prints_table_two_as_it_was_reckoned_by_hand() -> None:
    study = make_study(READER)
    for case, words in zip(study.cases, TRUTH, strict=True):
        sets_truth(case, words)
    html = page(client_of(), reader=study.key(0))
    for words in ("66.7 %", "2 of 3", "83.3 %", "5 of 6", "77.8 %", "7 of 9", "33.3 %", "3 of 9"):
        assert words in html, words
    assert "50.0 % 2 of 4" in re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    assert "Nobody has confirmed the anatomy" in html


@pytest.mark.parametrize(("unit", "least"), [("vertebra", 45), ("case", 25), ("slice", 15)])
def test_every_count_of_the_page_opens_as_many_rows(study: Study, unit: str, least: int) -> None:
    client = client_of()
    seen: dict[str, int] = {}
    for reader in (study.key(0), f"m{study.readers[1].pk}"):
        answer = client.get(reverse("numbers"), {**ALL, "reader": reader, "unit": unit})
        full, summary = answer.context["full"], answer.context["summary"]
        counted = [full.judged, *full.margins.values(), *full.cells.values(), *full.outside]
        counted += [one for _, positives, negatives in full.apart for one in (positives, negatives)]
        for row in full.types:
            counted += [row.found, row.missed, *row.apart]
        for level in full.levels:
            counted += [level.found, level.missed, level.false, level.negative]
        for line in summary:
            counted += [line.judged, *line.apart]
        for one in counted:
            assert seen.setdefault(one.url, one.n) == one.n, one.url
    # What is none is drawn without a link; a few of those are followed all the same.
    follow = [url for url, n in seen.items() if n] + [url for url, n in seen.items() if not n][:10]
    for url in follow:
        assert client.get(url).context["found"].count == seen[url], url
    assert len(seen) >= least


def test_unread_cases_and_their_fractures_are_named(study: Study) -> None:
    html = page(client_of(), reader=study.key(0))
    assert "Reader 1 has not read 1 of 4 cases; their 2 fractures stay in the second line." in html


def test_who_is_held_against_themselves_gives_way_to_another(study: Study) -> None:
    html = page(client_of(), reader="reference", against="reference")
    assert "A reader against themselves is always right. Reader 1 is shown." in html
    html = page(client_of(), reader=f"m{study.readers[1].pk}", against=study.key(0))
    assert "Reader 1 stands in its place here" in html
    assert "Reader 1: fracture" in html


def test_an_incorporated_reader_is_marked() -> None:
    study = make_study(READER)
    sets_truth_with(study, 0)
    html = page(client_of(), reader=study.key(0))
    assert "<b>Incorporated.</b> Took part in the reference of 1 of these cases." in html
    assert '">incorporated</span>' in html


@pytest.mark.parametrize(
    "query", [{"unit": "bone"}, {"on": "nowhere"}, {"reader": "p999999"}, {"against": "<b>"}, {"part": "1"}]
)
def test_an_address_with_nonsense_still_is_a_page(study: Study, query: dict[str, str]) -> None:
    page(client_of(), **query)


def test_without_reads_reference_or_slices_it_says_what_to_do() -> None:
    client = client_of()
    assert "have a round read first" in page(client)
    study = make_study(READER)
    html = page(client, reader=study.key(0))
    assert "None of these cases has a reference yet. Settle them in a consensus" in html
    for case in study.cases:
        sets_truth(case, "N N N N")
    assert "Choose vertebrae or cases." in page(client, unit="slice")
    for unit in ("vertebra", "case"):
        assert "The reference holds no fracture among what was judged." in page(client, unit=unit)


def test_csv_and_json_carry_the_same_numbers(study: Study) -> None:
    client = client_of()
    query = {**ALL, "reader": study.key(0)}
    answer = client.get(reverse("numbers"), {**query, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    wanted = {"reader": "Reader 1", "part": "table", "name": "sensitivity"}
    (row,) = [row for row in rows if wanted.items() <= row.items()]
    found = client.get(reverse("numbers"), {**query, "format": "json"}).json()
    rate = found["answer"]["accuracy"]["table"]["rates"]["sensitivity"]
    assert float(row["value"]) == rate["value"] == pytest.approx(2 / 3)
    assert len(found["data_version"]) == 64
    assert "nan" not in answer.content.decode().lower()
    assert AuditEvent.objects.filter(verb="export_numbers").count() == 2


def test_a_look_at_the_test_set_is_in_the_ledger_and_the_paper_is_one_click_away() -> None:
    study = make_study(READER, split="test")
    for case, words in zip(study.cases, TRUTH, strict=True):
        sets_truth(case, words)
    html = page(client_of(), on="test", reader=study.key(0))
    assert TestConsultation.objects.get().what == "Accuracy of Reader 1, page"
    assert f"{reverse('numbers-paper')}?tp=2&fp=1&fn=1&tn=5&a1=1&a2=0&a3=2&a4=0" in html
