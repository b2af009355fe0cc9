"""The cohort: its flowchart, what is to be done, the cases behind each box, and the forms that decide on one."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.cohort.decisions import decide_report, exclude, include
from labeling.models import AuditEvent, Case, CohortDecision, CohortState, Exposure, Reader
from labeling.reading.roles import Role
from tests import factories
from tests.cohort.studies import FRACTURE, NEGATED, OLD, make_report

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Any:
    return factories.make_user(Role.LEAD, first_name="Sofia", last_name="Brunner")


@pytest.fixture
def client(lead: Any) -> Client:
    return client_of(lead)


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def plain(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def page(client: Client, name: str = "cohort", **query: Any) -> str:
    return plain(client.get(reverse(name), query))


def decide(client: Client, case: Case, action: str, **fields: str) -> Any:
    data = {"action": action, "box": "found", "seen": case.cohort_state, **fields}
    return client.post(reverse("cohort-decide", args=[case.pk]), data)


# --- the flowchart ----------------------------------------------------------------------------------------------------


def test_an_empty_cohort_says_what_to_bring_in(client: Client) -> None:
    html = page(client)
    assert "No report and no case yet" in html
    assert "No case is included yet." in html
    for wanted in ("svg", "png", "csv"):
        assert client.get(reverse("cohort"), {"format": wanted}).status_code == 200


def test_each_box_and_reason_of_the_drawing_opens_as_many_cases(lead: Any, client: Client) -> None:
    for text in (FRACTURE, NEGATED, OLD, FRACTURE):
        make_report(text, case=factories.make_bare_case())
    make_report(FRACTURE)
    exclude(lead, Case.objects.order_by("pk").first(), "malignant")
    include(lead, Case.objects.order_by("pk")[1], "control")
    flow = client.get(reverse("cohort")).context["flow"]
    html = page(client)
    assert "the flowchart adds up" in html
    links = [(box.href, box.count) for box in flow.boxes] + [(side.href, side.count) for side in flow.sides]
    links += [(reason.href, reason.count) for side in flow.sides for reason in side.reasons]
    assert len(links) > 10
    for href, count in links:
        assert f'<a href="{href}">' in html
        found = client.get(href).context["found"]
        assert (found.total, len(found.cases) + found.without_images) == (count, count), href


def test_what_is_to_be_done_is_counted_and_opens(lead: Any, client: Client) -> None:
    make_report(FRACTURE, case=factories.make_bare_case())
    make_report(FRACTURE, searched=False)
    factories.make_bare_case()
    decide_report(lead, make_report(FRACTURE).pk, "confirmed")
    include(lead, factories.make_bare_case(), "control")
    lines = {line.words: line for line in client.get(reverse("cohort")).context["to_do"]}
    assert {words: line.count for words, line in lines.items()} == {
        "report not searched yet": 1,
        "report to confirm": 1,
        "case without a report to decide on": 1,
        "confirmed report without images": 1,
        "case not split": 1,
        "included case that nobody has read": 1,
        "included case without a reference": 1,
    }
    for line in lines.values():
        assert client.get(line.url).status_code == 200, line
    engineer = client_of(factories.make_user(Role.ENGINEER))
    unread = [line for line in engineer.get(reverse("cohort")).context["to_do"] if "nobody has read" in line.words]
    assert [line.url for line in unread] == [""]


def test_the_flowchart_is_taken_along_as_a_figure_and_as_a_sheet(lead: Any, client: Client) -> None:
    exclude(lead, factories.make_bare_case(), "osteolysis")
    svg = client.get(reverse("cohort"), {"format": "svg"})
    assert svg["Content-Type"] == "image/svg+xml"
    assert svg.content.startswith(b"<svg")
    assert b"<a href" not in svg.content
    png = client.get(reverse("cohort"), {"format": "png"})
    assert png.content.startswith(b"\x89PNG")
    sheet = client.get(reverse("cohort"), {"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode())))
    assert {"kind": "box", "key": "found", "words": "examinations", "count": "1", "of": ""} in rows
    assert ("1", "excluded") in [(row["count"], row["of"]) for row in rows if "osteolysis" in row["words"]]
    assert AuditEvent.objects.filter(verb="export_numbers").count() == 3


# --- the cases of a box -----------------------------------------------------------------------------------------------


def test_a_box_that_is_not_there_is_said_and_all_are_listed(client: Client) -> None:
    case = factories.make_bare_case()
    html = page(client, "cohort-cases", box="<b>")
    assert "The flowchart has no box" in html
    assert case.name in html


def test_where_people_come_to_decide_the_first_case_is_open(client: Client) -> None:
    case = factories.make_bare_case()
    assert client.get(reverse("cohort-cases"), {"box": "open:case"}).context["one"].case == case
    assert client.get(reverse("cohort-cases"), {"box": "found"}).context["one"] is None


def test_a_long_box_opens_at_the_page_of_the_case(client: Client) -> None:
    cases = sorted((factories.make_bare_case() for _ in range(51)), key=lambda case: case.name)
    answer = client.get(reverse("cohort-cases"), {"box": "found", "case": cases[-1].pk})
    assert answer.context["page"].number == 2
    assert "51 to 51 of 51" in plain(answer)


@pytest.mark.parametrize("case", ["x", "0", "9" * 30, "-1"])
def test_a_case_that_is_not_there_is_none(client: Client, case: str) -> None:
    factories.make_bare_case()
    assert client.get(reverse("cohort-cases"), {"box": "found", "case": case}).context["one"] is None


def test_a_lead_includes_excludes_and_reopens_and_it_all_stands_in_the_history(client: Client) -> None:
    case, other = factories.make_bare_case(), factories.make_bare_case()
    answer = decide(client, case, "include", inclusion="control", note="Nothing there.")
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"case={other.pk}"), "the next case of the box follows"
    assert "is included: control without a fracture" in plain(client.get(answer["Location"]))
    case.refresh_from_db()
    decide(client, case, "exclude", reason="segmentation", cause="corrupt")
    case.refresh_from_db()
    assert (case.cohort_state, case.segmentation_cause) == ("excluded", "corrupt")
    decide(client, case, "reopen")
    case.refresh_from_db()
    assert case.cohort_state == "candidate"
    html = page(client, "cohort-cases", box="found", case=case.pk)
    for words in (
        "Opened again",
        "Excluded: segmentation impossible (corrupt data)",
        "Included: control without a fracture",
        "Nothing there.",
        "Sofia Brunner",
    ):
        assert words in html


def test_a_cause_is_dropped_with_another_criterion(client: Client) -> None:
    case = factories.make_bare_case()
    assert decide(client, case, "exclude", reason="malignant", cause="corrupt").status_code == 302
    case.refresh_from_db()
    assert (case.exclusion_reason, case.segmentation_cause) == ("malignant", "")


def test_what_is_missing_is_said_with_what_was_typed(client: Client) -> None:
    case = factories.make_bare_case()
    html = plain(decide(client, case, "exclude", reason="segmentation", note="motion"), 422)
    assert "Say what made the segmentation impossible." in html
    assert 'value="motion"' in html
    assert '<option value="segmentation" selected>' in html
    assert "Say by which criterion" in plain(decide(client, case, "exclude"), 422)
    assert "Say whether the case" in plain(decide(client, case, "nonsense"), 422)
    assert "does not say what it showed" in plain(decide(client, case, "include", seen=""), 422)
    assert not CohortDecision.objects.exists()


def test_of_two_leads_the_slower_is_told_who_was_faster(lead: Any, client: Client) -> None:
    case = factories.make_bare_case()
    exclude(lead, case, "myelography")
    other = client_of(factories.make_user(Role.LEAD))
    answer = decide(other, case, "include", inclusion="fracture", seen=CohortState.CANDIDATE)
    html = plain(other.get(answer["Location"]))
    assert f"{case.name} was excluded: myelography by Sofia Brunner. Nothing was changed." in html
    assert CohortDecision.objects.count() == 1


def test_a_case_that_is_to_be_read_without_its_report_tells_nothing_and_is_not_decided_on(lead: Any) -> None:
    both: Reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    case = factories.make_case(slices=2)
    make_report(FRACTURE, case=case)
    include(lead, case, "fracture", "Seen on the whiteboard.")
    factories.make_assignment(case, reader=both, round=factories.make_round("independent"))
    mine = client_of(both.user)
    html = page(mine, "cohort-cases", box="included", case=case.pk)
    assert "You are asked to read this case without its report." in html
    for words in ("ertebral body fracture in the report", "whiteboard", "entions a fracture", "Reopen"):
        assert words not in html
    assert "Let somebody else decide on it." in plain(decide(mine, case, "reopen"), 422)
    assert not Exposure.objects.filter(reader=both, case=case).exists()


def test_whoever_opens_a_case_with_a_report_knows_the_report(lead: Any, client: Client) -> None:
    case = factories.make_bare_case()
    make_report(FRACTURE, case=case)
    include(lead, case, "fracture")
    page(client, "cohort-cases", box="included")
    assert not Exposure.objects.filter(case=case, what="report").exists()
    assert "Mentions a fracture, candidate" in page(client, "cohort-cases", box="included", case=case.pk)
    assert Exposure.objects.filter(case=case, what="report", reader__user=lead).exists()


def test_an_engineer_looks_and_has_no_form(lead: Any) -> None:
    case = factories.make_bare_case()
    engineer = client_of(factories.make_user(Role.ENGINEER))
    html = page(engineer, "cohort-cases", box="open:case")
    assert case.name in html
    assert "cohort-decide" not in html
    assert "/decide" not in html
    assert decide(engineer, case, "include", inclusion="control").status_code == 403
    resident = client_of(factories.make_user(Role.RESIDENT))
    assert resident.get(reverse("cohort")).status_code == 403
