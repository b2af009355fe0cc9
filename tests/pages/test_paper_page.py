"""The page of the paper's arithmetic: its Table 2 where it is right, and each slip named where it is not."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import TestConsultation
from labeling.reading.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

OTHER = {"tp": "84", "fp": "13", "fn": "8", "tn": "241", "a1": "41", "a2": "1", "a3": "31", "a4": "19"}


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(factories.make_user(Role.LEAD), backend="django.contrib.auth.backends.ModelBackend")
    return client


def words(client: Client, status: int = 200, **query: str) -> str:
    answer = client.get(reverse("numbers-paper"), query)
    assert answer.status_code == status
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())))


def found(client: Client, **query: str) -> Any:
    return client.get(reverse("numbers-paper"), query).context


def test_with_the_papers_counts_its_table_is_printed_where_it_is_right(client: Client) -> None:
    table = found(client)["table"]
    assert {key: one.printed for key, one in table.items() if one.verdict == "right"} == {
        "accuracy": "93.0 %",
        "false_discovery_rate": "13.0 %",
        "false_omission_rate": "4.6 %",
        "sensitivity": "87.9 %",
        "f_score": "0.87",
    }
    assert (table["prevalence"].given, table["prevalence"].verdict) == ("27.6 %", "wrong")
    assert table["specificity"].verdict == "cut off, not rounded"
    html = words(client)
    assert "80/330 counts the true positives; all fractures are 91, 91/330 = 27.6 %." in html
    assert "227/239 is 94.98 %: rounded, 95.0." in html


def test_each_of_the_thirteen_slips_is_named(client: Client) -> None:
    slips = found(client)["slips"]
    assert [slip["number"] for slip in slips] == list(range(1, 14))
    html = words(client)
    for sentence in (
        "308 women + 244 men = 552, not 452.",
        "405/47 is 8.6 : 1; 9 : 1 would be 45.",
        "kappa is 0.917; 0.86 needs 18",
        "A1 is 50 % of 438 against 38 % of 91",
        "two there, sensitivity is 86.0 %",
        "miss about 40 %",
        "The size of the validation set is given nowhere.",
    ):
        assert sentence in html, sentence
    assert "Printed –" not in html


def test_other_counts_give_their_own_table_and_judge_the_paper_by_none(client: Client) -> None:
    context = found(client, **OTHER)
    table = context["table"]
    assert table["sensitivity"].given == "91.3 %"
    assert table["specificity"].given == "94.9 %"
    assert table["prevalence"].given == "26.6 %"
    assert not any(one.verdict for one in table.values())
    assert [one.given for one in context["types"] if one.where == "Table 1, test"] == ["45 %", "1 %", "34 %", "21 %"]
    # The paper's own slips stay what they are.
    assert len(context["slips"]) == 13
    html = words(client, **OTHER)
    assert "not judged: they are of other counts" in html
    assert "paper: 93.0 %" in html


def test_types_that_do_not_sum_to_the_table_are_named(client: Client) -> None:
    assert "The types hold fewer fractures than the table: 91, not 92." in words(client, **{**OTHER, "a2": "0"})


@pytest.mark.parametrize("query", [{"tp": "0"}, dict.fromkeys(OTHER, "0"), {"tn": "5"}, {"a1": "3"}])
def test_degenerate_counts_give_a_page(client: Client, query: dict[str, str]) -> None:
    html = words(client, **query)
    assert "nan" not in html.lower().split()
    assert "no rate" in html or "%" in html


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "1000001", "9" * 40, "٣"])
def test_what_is_no_count_is_named_at_its_field(client: Client, value: str) -> None:
    html = words(client, 422, **{**OTHER, "tp": value})
    assert "A count is a whole number from 0 to 1,000,000." in html
    assert "A count could not be used." in html


def test_it_can_be_taken_along_and_is_no_look_at_a_test_set(client: Client) -> None:
    answer = client.get(reverse("numbers-paper"), {"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert {row["slip"] for row in rows if row["verdict"] != "right"} >= {str(number) for number in range(1, 14)}
    assert client.get(reverse("numbers-paper"), {"format": "json"}).json()["counts"]["tp"] == 80
    assert not TestConsultation.objects.exists()
