"""The pages of agreement, of the vertebrae behind a number, and of the ledger."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import AuditEvent, Exposure, TestConsultation
from labeling.pages.agreement_rows import SHOWN
from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import FIRST, SECOND, Study, make_study, says, sets_truth

pytestmark = pytest.mark.django_db

ALL = {"on": "all"}


@pytest.fixture
def study() -> Study:
    return make_study()


def client_of(user: Any = None) -> Client:
    client = Client()
    client.force_login(user or factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, name: str = "numbers-agreement", **query: str) -> str:
    answer = client.get(reverse(name), {**ALL, **query})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def test_the_page_prints_what_was_reckoned_by_hand(study: Study) -> None:
    html = page(client_of())
    for digits in ("0.35", "0.45", "57.1 %", "76.9 %", "−0.30", "−0.10", "70.0 %", "7 of 10", "30.0 %", "3 of 10"):
        assert digits in html, digits
    assert "Reader 1 and Reader 2 differ on 3 of 10 vertebrae" in html
    assert "Same reader twice" in html
    assert study.repeat is not None
    assert study.repeat.name in html
    # The weights stand beside what they weigh.
    assert "× 0.75" in html
    assert "A2 stands in no order to them" in html


@pytest.mark.parametrize(
    ("show", "words"), [("kappa", "0.35"), ("weighted", "0.39"), ("ac1", "0.45"), ("positive", "0.57")]
)
def test_what_stands_below_the_diagonal_is_chosen(study: Study, show: str, words: str) -> None:
    html = page(client_of(), show=show)
    assert f"{SHOWN[show][1]} {words}" in html


def test_every_count_of_the_page_opens_as_many_rows(study: Study) -> None:
    sets_truth(study.cases[0], "A1 N F A3")
    sets_truth(study.cases[1], "A3 A3 N ·")
    model = factories.make_model_reader()
    for place, words in enumerate(("A2 N N N", "A4 F ? N", "x N A1 N")):
        says(study.cases[place], model, words, None, 0.6)
    client = client_of()
    keys = [study.key(0), study.key(1), f"m{model.pk}", "reference"]
    followed = 0
    for a, b in [(keys[0], keys[1]), (keys[3], keys[2]), (keys[0], keys[2])]:
        parts = client.get(reverse("numbers-agreement"), {**ALL, "a": a, "b": b}).context["parts"]
        pair = parts["pair"]
        counted = [*pair.apart]
        for small in (pair.whole, *pair.levels, *pair.types, *pair.case_lines):
            counted += [*small.counts, small.compared]
        for table in (pair.ao, pair.ao_both):
            counted += [one for _, cells in table.rows for one, _ in cells]
        for own in parts["repeats"]:
            counted += [own["compared"], own["differ"]]
        seen: dict[str, int] = {}
        for one in counted:
            assert seen.setdefault(one.url, one.n) == one.n
        for url, n in seen.items():
            found = client.get(url).context["found"]
            assert found.count == n, url
            followed += 1
    assert followed > 150


@pytest.mark.parametrize("show", SHOWN)
def test_every_cell_of_the_matrix_opens_as_many_rows(study: Study, show: str) -> None:
    says(study.cases[0], factories.make_model_reader(), "A2 N N A4", None, 0.6)
    client = client_of()
    matrix = client.get(reverse("numbers-agreement"), {**ALL, "show": show}).context["parts"]["matrix"]
    for row in matrix.rows:
        k, _ = row.called.of.split(" of ")
        assert client.get(row.called_url).context["found"].count == int(k)
        for cell in row.cells:
            if cell.kind == "count":
                assert client.get(cell.url).context["found"].count == int(cell.text), cell.said
            if cell.kind == "value":
                assert client.get(cell.url).status_code == 200


def test_readers_can_be_chosen_and_a_round_be_a_reader(study: Study) -> None:
    assert study.repeat is not None
    again = f"{study.key(0)}-{study.repeat.pk}"
    answer = client_of().get(reverse("numbers-agreement"), {**ALL, "readers": [study.key(0), again]})
    assert [reader["key"] for reader in answer.context["answer"]["readers"]] == [study.key(0), again]


def test_a_question_with_all_readers_ticked_is_the_same_question(study: Study) -> None:
    client = client_of()
    first = client.get(reverse("numbers-agreement"), ALL).context["answered"]
    query = {**ALL, "readers": [study.key(1), study.key(0)]}
    ticked = client.get(reverse("numbers-agreement"), query)
    assert ticked.context["answered"].computation == first.computation


@pytest.mark.parametrize(
    "query",
    [
        {"show": "nonsense", "a": "p1", "b": "<b>"},
        {"on": "nowhere"},
        {"readers": "p999999"},
        {"a": "p1", "b": "p1"},
        {"part": "1"},
    ],
)
def test_an_address_with_nonsense_still_is_a_page(study: Study, query: dict[str, str]) -> None:
    page(client_of(), **query)


def test_without_reads_and_with_one_reader_it_says_what_to_do() -> None:
    client = client_of()
    assert "have a round read first" in page(client)
    assert "Nothing to list" in page(client, "numbers-cases")
    study = make_study(("A1 N N N",))
    html = page(client)
    assert "Reader 1 alone has read these cases." in html
    assert "heat" not in re.sub(r"<link[^>]*>", "", html)
    assert client.get(reverse("numbers-cases"), {**ALL, "reader": study.key(0), "cell": "called"}).status_code == 200


def test_csv_has_a_row_for_each_pair_and_number(study: Study) -> None:
    answer = client_of().get(reverse("numbers-agreement"), {**ALL, "format": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    wanted = {"a": "Reader 1", "b": "Reader 2", "part": "fracture", "name": "kappa"}
    (kappa,) = [row for row in rows if wanted.items() <= row.items()]
    assert float(kappa["value"]) == pytest.approx(0.16 / 0.46)
    assert "nan" not in answer.content.decode().lower()
    assert any(row["part"] == "weights" and row["name"] == "A1 and A4" and row["value"] == "0.25" for row in rows)
    assert AuditEvent.objects.filter(verb="export_numbers").count() == 1


def test_json_carries_the_question_and_the_stamp(study: Study) -> None:
    found = client_of().get(reverse("numbers-agreement"), {**ALL, "format": "json"}).json()
    assert found["question"]["kind"] == "agreement"
    assert len(found["data_version"]) == 64
    assert len(found["answer"]["pairs"]) == 1


def test_who_owes_a_case_sees_none_of_it_on_any_page(study: Study) -> None:
    both = factories.make_reader(Role.LEAD, Role.SENIOR)
    factories.make_assignment(study.cases[1], reader=both, round=factories.make_round("independent"))
    client = client_of(both.user)
    assert "differ on 2 of 6 vertebrae" in page(client)
    for query in ({"cell": "all"}, {"cell": "fp"}, {"cell": "all", "format": "csv"}):
        listed = page(client, "numbers-cases", reader=study.key(0), against=study.key(1), **query)
        assert study.cases[1].name not in listed
        assert f"/cases/{study.cases[1].pk}" not in listed
    assert not Exposure.objects.filter(reader=both, case=study.cases[1]).exists()


def test_the_list_names_the_case_the_words_and_the_way_there(study: Study) -> None:
    client = client_of()
    html = page(client, "numbers-cases", reader=study.key(0), against=study.key(1), cell="fp")
    read = study.reads[0, 1]
    assert "Reader 1: fracture, Reader 2: negative" in html
    assert study.cases[1].name in html
    assert "Fracture A3" in html
    look = f"/read/{read.pk}?vertebra={factories.vertebra_of(read, 'L2')}&slice=2"
    assert look in html
    assert client.get(look).status_code == 200


def test_a_long_list_comes_in_pages_of_a_hundred() -> None:
    study = make_study(*[tuple("N N N N" for _ in range(30))] * 2)
    client = client_of()
    query = {"reader": study.key(0), "against": study.key(1), "cell": "tn"}
    first = page(client, "numbers-cases", **query)
    assert "1 to 100 of 120" in first
    assert first.count('<span class="says">') == 200
    assert Exposure.objects.filter(what="numbers").count() == 25
    last = page(client, "numbers-cases", **query, page="2")
    assert "101 to 120 of 120" in last
    answer = client.get(reverse("numbers-cases"), {**ALL, **query, "format": "csv"})
    assert len(list(csv.DictReader(io.StringIO(answer.content.decode())))) == 120


def test_the_list_refuses_what_there_is_not_with_a_sentence(study: Study) -> None:
    html = page(client_of(), "numbers-cases", reader=study.key(0), against=study.key(1), cell="nonsense")
    assert "There is no such number. Choose one from the list." in html


# --- the ledger -------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_says_so() -> None:
    assert "The test set was never consulted" in page(client_of(), "numbers-ledger")


def test_each_look_at_a_test_set_is_a_line_and_looking_at_the_ledger_is_none() -> None:
    study = make_study(FIRST, SECOND, split="test")
    lead = factories.make_user(Role.LEAD, first_name="Sofia", last_name="Brunner")
    client = client_of(lead)
    page(client, on="test")
    page(client, "numbers-cases", on="test", reader=study.key(0), against=study.key(1), cell="differ")
    client.get(reverse("numbers-agreement"), {"on": "test", "format": "csv"})
    html = page(client, "numbers-ledger")
    assert "test set consulted 3 times" in html
    for words in ("Sofia Brunner", "Agreement of 2 readers, page", "Vertebrae behind a number", "Export agreement"):
        assert words in html
    page(client, "numbers-ledger")
    assert TestConsultation.objects.count() == 3
    page(client, on="training")
    assert TestConsultation.objects.count() == 3
