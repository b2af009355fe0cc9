"""The reports of the cohort: the sentences that were found, what is decided on them, and how they come in."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.cohort import report_rows
from labeling.cohort.crawl import crawl_job
from labeling.cohort.decisions import decide_report, include
from labeling.jobs.running import run_job
from labeling.models import CohortState, Exposure, Job, ReportDecided, ReportDecision, RoundKind, StudyReport
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.cohort.studies import EXCLUDED, FRACTURE, NEGATED, NOTHING, OLD, make_report

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


def page(client: Client, **query: Any) -> str:
    return plain(client.get(reverse("cohort-reports"), query))


def decide(client: Client, report: StudyReport, action: str, **fields: str) -> Any:
    report.refresh_from_db()
    state = report.case.cohort_state if report.case else ""
    data = {"action": action, "seen": report.decision, "seen_case": state, "tab": "to-confirm", **fields}
    return client.post(reverse("cohort-report-decide", args=[report.pk]), data)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_bring_in(client: Client) -> None:
    html = page(client)
    assert "No report has come in yet" in html
    make_report(NOTHING)
    assert "Nothing is to be confirmed" in page(client)
    assert "Every report is searched" in page(client, tab="waiting")


def test_each_report_shows_its_sentences_with_words_for_what_is_marked(client: Client) -> None:
    case = factories.make_bare_case()
    make_report(EXCLUDED, case=case, year=2019)
    make_report(OLD)
    make_report(NEGATED)
    html = page(client)
    assert re.search(r'<mark class="mk mk-fracture"><span class="sr">fracture: </span>[^<]*Sinterungsfraktur', html)
    assert re.search(r'<mark class="mk mk-exclusion"><span class="sr">speaks for excluding: </span>', html)
    assert re.search(r'<mark class="mk mk-history"><span class="sr">history: </span>', html)
    assert "May be excluded by i spinal fusion, augmentation or extensive surgery" in html
    assert case.name in html
    assert "German, 2019," in html
    assert "At L1" in html
    assert "new, but criterion i" in html
    assert 'To confirm <span class="n">2</span>' in html
    others = page(client, tab="others")
    assert re.search(r'mk-negated"><span class="sr">negated: </span>', others)
    assert 'value="include"' not in others


def test_text_of_a_report_is_written_as_text(client: Client) -> None:
    make_report("Frische Fraktur von LWK 1 <script>alert(1)</script>.")
    assert "<script>alert" not in client.get(reverse("cohort-reports")).content.decode()


def test_what_is_asked_for_in_the_address_and_is_not_there_is_the_first_list(client: Client) -> None:
    make_report()
    for query in ({"tab": "x"}, {"page": "99"}, {"page": "-1"}, {"page": "²"}, {"page": "9" * 30}):
        assert "Deckplattenimpressionsfraktur" in page(client, **query)


def test_fifty_stand_on_a_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert report_rows.PAGE == 50
    monkeypatch.setattr(report_rows, "PAGE", 2)
    for _ in range(3):
        make_report()
    assert "Page 1 of 2" in page(client)
    second = page(client, page="2")
    assert second.count('class="report"') == 1
    assert "Previous" in second


def test_who_oversees_and_does_not_lead_looks_and_decides_nothing() -> None:
    report = make_report()
    client = client_of(factories.make_user(Role.ENGINEER))
    html = page(client)
    assert "Deckplattenimpressionsfraktur" in html
    assert "data-decide" not in html
    assert "A lead decides on reports." in html
    assert decide(client, report, "confirm").status_code == 403


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_a_lead_confirms_and_opens_it_again(client: Client) -> None:
    report = make_report()
    assert decide(client, report, "confirm")["Location"].endswith("?tab=to-confirm")
    report.refresh_from_db()
    assert report.decision == ReportDecision.CONFIRMED
    assert "confirmed" in page(client, tab="confirmed")
    decide(client, report, "undo")
    decide(client, report, "not")
    report.refresh_from_db()
    assert report.decision == ReportDecision.NOT_CANDIDATE
    one = plain(client.get(reverse("cohort-report", args=[report.pk])))
    assert one.count("Sofia Brunner,") == 3
    assert "Opened again" in one


def test_the_answer_to_a_script_is_the_row_and_the_counts(client: Client) -> None:
    report = make_report()
    make_report()
    html = plain(decide(client, report, "confirm", part="1"))
    assert html.count("data-report ") == 1
    assert 'To confirm <span class="n">1</span>' in html
    assert 'Confirmed <span class="n">1</span>' in html
    assert 'value="undo"' in html
    assert "<html" not in html


def test_a_case_is_confirmed_and_included_in_one_step_and_both_are_taken_back(client: Client) -> None:
    case = factories.make_bare_case()
    report = make_report(case=case)
    html = plain(decide(client, report, "include", part="1"))
    case.refresh_from_db()
    assert (case.cohort_state, case.inclusion_reason) == ("included", "fracture")
    assert f"confirmed, {case.name} is included" in html
    assert 'value="undo-case"' in html
    decide(client, report, "undo-case", part="1")
    case.refresh_from_db()
    report.refresh_from_db()
    assert (case.cohort_state, report.decision) == ("candidate", "")


def test_a_case_is_excluded_by_the_reason_that_its_report_names(client: Client) -> None:
    case = factories.make_bare_case()
    report = make_report(EXCLUDED, case=case)
    assert 'value="exclude:instrumented"' in page(client)
    plain(decide(client, report, "exclude:instrumented", part="1"))
    case.refresh_from_db()
    report.refresh_from_db()
    assert (case.cohort_state, case.exclusion_reason, report.decision) == ("excluded", "instrumented", "confirmed")


def test_an_exclusion_that_is_refused_leaves_the_report_open(client: Client) -> None:
    report = make_report(case=factories.make_bare_case())
    html = plain(decide(client, report, "exclude:nonsense", part="1"), 409)
    assert "Say by which criterion" in html
    assert ReportDecided.objects.count() == 0
    without = make_report()
    assert "The images of this report are not here yet." in plain(decide(client, without, "include", part="1"), 409)


def test_who_was_slower_is_told_who_decided_meanwhile(client: Client) -> None:
    report = make_report()
    decide_report(factories.make_user(Role.LEAD, first_name="Anna", last_name="Weiss"), report.pk, "not_candidate")
    fields = {"action": "confirm", "seen": "", "seen_case": "", "tab": "to-confirm"}
    url = reverse("cohort-report-decide", args=[report.pk])
    html = plain(client.post(url, {**fields, "part": "1"}), 409)
    assert "This report was set to no candidate by Anna Weiss. Nothing was changed." in html
    assert 'name="seen" value="not_candidate"' in html
    assert "by Anna Weiss. Nothing was changed." in plain(client.post(url, fields, follow=True))
    assert "The form does not say what it showed." in plain(client.post(url, {"action": "confirm", "part": "1"}), 409)


def test_the_report_of_an_included_case_is_opened_by_reopening_the_case(client: Client, lead: Any) -> None:
    case = factories.make_bare_case()
    report = make_report(case=case)
    include(lead, case, "fracture")
    html = plain(decide(client, report, "undo", part="1"), 409)
    assert "Reopen the case first." in html
    assert f"{reverse('cohort-cases')}?case={case.pk}" in html
    assert case.cohort_state == CohortState.INCLUDED


# --- blindness --------------------------------------------------------------------------------------------------------


def test_the_report_of_a_case_that_a_lead_reads_without_it_is_nowhere_and_the_others_are_written_down() -> None:
    reader = factories.make_reader(Role.LEAD, Role.SENIOR)
    mine, other = factories.make_case(slices=2), factories.make_bare_case()
    hidden = make_report("Neue Fraktur von BWK 7, verborgen.", case=mine)
    make_report(case=other)
    factories.make_assignment(mine, reader=reader, round=factories.make_round(RoundKind.INDEPENDENT))
    client = client_of(reader.user)
    for tab in report_rows.TABS:
        html = page(client, tab=tab)
        assert "verborgen" not in html
        assert mine.name not in html
    assert "1 report is left out: you are asked to read its case without the report." in html
    assert client.get(reverse("cohort-report", args=[hidden.pk])).status_code == 404
    for action in ("confirm", "include", "exclude:malignant", "not"):
        assert decide(client, hidden, action, part="1").status_code == 404
    assert list(Exposure.objects.values_list("case", "what")) == [(other.pk, "report")]
    assert ReportDecided.objects.count() == 0


def test_whoever_opens_a_report_is_exposed_to_it() -> None:
    user = factories.make_user(Role.ADMINISTRATOR)
    report = make_report(case=factories.make_bare_case())
    assert "Keine Spinalkanalstenose" in plain(client_of(user).get(reverse("cohort-report", args=[report.pk])))
    assert list(Exposure.objects.values_list("reader", "case")) == [(reader_of(user).pk, report.case_id)]


# --- coming in --------------------------------------------------------------------------------------------------------


def send(client: Client, *files: tuple[str, str]) -> Any:
    sent = [SimpleUploadedFile(name, text.encode()) for name, text in files]
    return client.post(reverse("cohort-reports-new"), {"files": sent})


def test_files_come_in_with_what_became_of_them_and_are_searched(client: Client) -> None:
    case = factories.make_bare_case()
    sheet = f"case,text\n{case.name},{FRACTURE}\nSAG-9999,{FRACTURE}\n"
    answer = send(client, ("reports.csv", sheet), ("A77.txt", NEGATED), ("broken.json", "{"))
    html = plain(answer)
    received = answer.context["received"]
    assert (received.new, received.matched, received.known, len(received.problems)) == (2, 1, 0, 2)
    assert "reports.csv, row 3: There is no case called 'SAG-9999'." in html
    assert "broken.json: " in html
    assert 'data-active="yes"' in html
    job = Job.objects.get(kind="crawl")
    assert run_job(job.pk, crawl_job)
    block = plain(client.get(reverse("cohort-reports-search")))
    assert 'data-active="no"' in block
    assert "<b>2</b> reports, <b>1</b> proposed" in block
    assert "All are searched by the current rules." in block
    again = send(client, ("reports.csv", sheet.splitlines()[0] + "\n" + sheet.splitlines()[1] + "\n"))
    assert again.context["received"].known == 1
    assert "Every report in there was here already." in plain(again)


def test_a_sending_without_a_file_or_too_large_is_refused(client: Client) -> None:
    assert "No file is chosen." in plain(client.post(reverse("cohort-reports-new"), {}), 422)
    large = client.post(reverse("cohort-reports-new"), {}, headers={"content-length": str(2**40)})
    assert "more than 64 MB together" in plain(large, 413)


def test_the_form_for_files_wants_its_token(lead: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(lead, backend="django.contrib.auth.backends.ModelBackend")
    assert send(client, ("a.txt", NEGATED)).status_code == 403
    assert not StudyReport.objects.exists()


def test_a_search_is_asked_for_where_reports_are_not_searched(client: Client) -> None:
    make_report(searched=False)
    assert "1 not searched by the current rules." in page(client)
    there = client.post(reverse("cohort-reports-search"), {"next": "https://elsewhere.example/"})
    assert there["Location"] == reverse("cohort-reports")
    job = Job.objects.get(kind="crawl")
    assert 'data-active="yes"' in page(client)
    assert run_job(job.pk, crawl_job)
    there = client.post(reverse("cohort-reports-search"), follow=True)
    assert "There is nothing to search" in plain(there)
