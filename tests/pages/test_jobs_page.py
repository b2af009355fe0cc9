"""The jobs page and the page of one job: what runs, what waits and why, how it ended, and who may press what."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import Job
from labeling.pages.job_rows import JobRow, elapsed_words
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.pages.test_pages import client_of, text_of

pytestmark = pytest.mark.django_db

OVERSEERS = [Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR]


@pytest.fixture
def lead() -> Client:
    return client_of(Role.LEAD)


def table(client: Client, query: str = "") -> str:
    """The part that is asked for again, in one line."""
    return " ".join(text_of(client, f"{reverse('jobs-table')}{query}").split())


def page(client: Client, job: Job) -> str:
    return " ".join(text_of(client, reverse("job", args=[job.pk])).split())


def test_an_empty_page_says_what_will_stand_there(lead: Client) -> None:
    text = text_of(lead, reverse("jobs"))
    assert "Nothing has been asked for yet" in text
    assert 'data-active="no"' in text


def test_running_comes_before_waiting_and_waiting_before_ended(lead: Client) -> None:
    for state in ("done", "queued", "failed", "running", "cancelled"):
        factories.make_job(state=state, title=f"This one is {state}")
    text = table(lead)
    places = [text.index(f"This one is {state}") for state in ("running", "queued")]
    ended = [text.index(f"This one is {state}") for state in ("done", "failed", "cancelled")]
    assert places == sorted(places)
    assert max(places) < min(ended)
    assert "1 running, 1 waiting" in text
    assert 'data-active="yes"' in text


def test_a_running_job_shows_stage_share_time_tries_and_who_asked(lead: Client) -> None:
    engineer = factories.make_user(Role.ENGINEER, first_name="Jonas", last_name="Frei")
    job = factories.make_job(
        state="running", title="Segment with A", progress=0.347, stage="Window 11 of 32", by=engineer
    )
    for text in (table(lead), page(lead, job)):
        for words in ('value="34"', "34 %", "Window 11 of 32", "Jonas Frei", "Segment with A"):
            assert words in text
    assert "40 s so far" in page(lead, job)


def test_a_waiting_job_says_what_it_waits_for(lead: Client, settings: Any) -> None:
    factories.make_job()
    assert "It waits for a worker." in table(lead)
    settings.INFERENCE_STATUS_FILE.write_text(json.dumps({"state": "installing", "detail": "Getting torch."}))
    assert "It waits for the inference packages" in table(lead)
    Job.objects.all().delete()
    factories.make_job(kind="measure")
    assert "It waits for a worker." in table(lead), "only models need those packages"


def test_a_failed_job_keeps_its_sentence(lead: Client) -> None:
    job = factories.make_job(state="failed")
    assert "<b>The disk is full.</b>" in table(lead)
    assert "Make room, then start it again." in page(lead, job)
    assert 'role="alert"' in page(lead, job)


def test_jobs_are_found_by_state_kind_and_case(lead: Client) -> None:
    case = factories.make_case()
    factories.make_job(title="Hers", case=case)
    factories.make_job(title="Somebody's", case=factories.make_case(), state="failed")
    factories.make_job(kind="train-segmentation", title="A training", state="running")
    shown = {
        "?state=waiting": {"Hers"},
        "?state=failed": {"Somebody&#x27;s"},
        "?kind=train-segmentation": {"A training"},
        f"?case={case.patient.pseudonym}": {"Hers"},
        "?kind=segment&state=failed": {"Somebody&#x27;s"},
        "?state=nonsense&kind=nonsense&page=-3": {"Hers", "Somebody&#x27;s", "A training"},
    }
    for query, titles in shown.items():
        text = table(lead, query)
        assert {title for title in ("Hers", "Somebody&#x27;s", "A training") if f">{title}<" in text} == titles, query
    nothing = table(lead, "?case=nobody")
    assert "No job is like this" in nothing
    assert "Show all jobs" in nothing


def test_the_filters_keep_one_another(lead: Client) -> None:
    case = factories.make_case()
    factories.make_job(state="failed", case=case)
    factories.make_job(kind="measure", state="done", case=case)
    text = text_of(lead, reverse("jobs") + "?state=failed&kind=segment&case=P")
    assert "?kind=segment&amp;case=P" in text, "another state keeps kind and case"
    assert "?state=failed&amp;kind=measure&amp;case=P" in text, "another kind keeps state and case"


@pytest.mark.parametrize("role", OVERSEERS)
def test_whoever_oversees_cancels_and_starts_again(role: Role) -> None:
    client = client_of(role)
    job = factories.make_job()
    here = reverse("jobs") + "?state=waiting"
    answer = client.post(reverse("job-cancel", args=[job.pk]), {"next": here})
    assert answer.url == here
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert "Start again" in table(client)
    answer = client.post(reverse("job-again", args=[job.pk]), follow=True)
    assert "started again" in answer.content.decode()
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("queued", 0)


def test_what_has_ended_is_not_cancelled_and_says_so(lead: Client) -> None:
    job = factories.make_job(state="done")
    assert "Cancel</button>" not in page(lead, job)
    answer = lead.post(reverse("job-cancel", args=[job.pk]), follow=True)
    assert "already ended" in answer.content.decode()
    job.refresh_from_db()
    assert job.state == "done"


def test_a_delivery_is_sent_again_not_started_again(lead: Client) -> None:
    job = factories.make_job(kind="import", state="failed")
    assert "Start again" not in table(lead)
    assert "cannot be started again" in lead.post(reverse("job-again", args=[job.pk]), follow=True).content.decode()


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org", "javascript:alert(1)", ""])
def test_the_way_back_never_leads_out_of_the_house(lead: Client, elsewhere: str) -> None:
    job = factories.make_job()
    answer = lead.post(reverse("job-cancel", args=[job.pk]), {"next": elsewhere})
    assert answer.url == reverse("job", args=[job.pk])


def test_a_training_shows_its_curves_as_tables_and_its_log(lead: Client) -> None:
    curves = {
        "train loss": [[0, 0.9], [1, 0.5], [2, 0.4]],
        "validation loss": [[0, 0.95], [2, 0.6]],
        "Dice": [[0, 0.1], [2, 0.8]],
    }
    job = factories.make_job(kind="train-segmentation", state="running", curves=curves, log_tail="epoch 2\n<b>loss</b>")
    text = page(lead, job)
    assert '<th scope="col">train loss</th><th scope="col">validation loss</th>' in text
    assert '<td data-value="1.0">1</td><td data-value="0.5">0.5000</td><td data-value="">–</td>' in text
    assert text.count("<figure") == 2
    assert "&lt;b&gt;loss&lt;/b&gt;" in text


def test_a_long_training_is_shown_by_some_of_its_epochs_and_the_last(lead: Client) -> None:
    curves = {"train loss": [[epoch, 1 / (epoch + 1)] for epoch in range(1000)]}
    job = factories.make_job(kind="train-segmentation", state="done", curves=curves)
    text = page(lead, job)
    assert "every 3 epochs, and the last" in text
    assert 'data-value="999.0"' in text


def test_curves_that_are_none_do_no_harm(lead: Client) -> None:
    odd = {"train loss": "nothing", "Dice": [[0], [1, None], "ab", [2, 0.5]], "rate": []}
    assert "Dice" in page(lead, factories.make_job(kind="train-segmentation", curves=odd))


@pytest.mark.parametrize("kind", ["train-segmentation", "train-classifier"])
@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_training_is_offered_again_only_to_who_may_begin_one(lead: Client, kind: str, state: str) -> None:
    job = factories.make_job(kind=kind, state=state)
    for client, offered in ((lead, False), (client_of(Role.ADMINISTRATOR), False), (client_of(Role.ENGINEER), True)):
        for text in (table(client), page(client, job)):
            assert ("Start again" in text) is offered
    assert (
        "started again by an engineer" in lead.post(reverse("job-again", args=[job.pk]), follow=True).content.decode()
    )
    assert Job.objects.get(pk=job.pk).state == state


def test_the_kinds_of_the_classifier_have_words(lead: Client) -> None:
    factories.make_job(kind="classify", case=factories.make_case(), title="")
    factories.make_job(kind="train-classifier", title="")
    text = table(lead)
    assert "Classification of P" in text
    assert "Classifier training" in text
    assert 'kind=train-classifier">Classifier training' in text_of(lead, reverse("jobs"))


def test_a_finished_training_of_a_classifier_leads_to_its_model(lead: Client) -> None:
    model = factories.make_model_version(kind="classifier")
    job = factories.make_job(kind="train-classifier", state="done", model_version=model)
    assert "Open the model" in page(lead, job)


@pytest.mark.parametrize("kind", ["measure", "classify"])
def test_what_reads_a_case_shows_no_log_and_hides_from_who_owes_a_read_of_it(kind: str) -> None:
    case = factories.make_case()
    job = factories.make_job(kind=kind, case=case, state="done", log_tail="L1: fracture", title="Measure")
    assert "fracture" not in page(client_of(Role.LEAD), job)
    reading_lead = factories.make_user(Role.LEAD, Role.SENIOR)
    factories.make_assignment(case, round=factories.make_round("independent"), reader=reader_of(reading_lead))
    client = Client()
    client.force_login(reading_lead)
    assert "Measure" not in table(client)
    for name in ("job", "job-now"):
        assert client.get(reverse(name, args=[job.pk])).status_code == 404
    assert client.post(reverse("job-again", args=[job.pk])).status_code == 404


def test_a_job_leads_to_its_case_and_its_model(lead: Client) -> None:
    case, model = factories.make_case(), factories.make_model_version()
    job = factories.make_job(case=case, model_version=model, state="done")
    text = page(lead, job)
    assert f'href="{reverse("case", args=[case.pk])}"' in text
    assert f'href="{reverse("model", args=[model.pk])}"' in text
    assert f'href="{reverse("anatomy-check", args=[case.pk])}"' in text


def test_sixty_jobs_take_as_many_queries_as_one_and_the_older_ones_are_on_the_next_page(
    lead: Client, django_assert_max_num_queries: Any
) -> None:
    case, model = factories.make_case(), factories.make_model_version()
    for state in ("queued", "running"):
        for _ in range(5):
            factories.make_job(state=state, case=case, model_version=model, by=factories.make_user())
    for number in range(60):
        factories.make_job(state="done", case=case, title=f"number {number}")
    text_of(lead, reverse("jobs"))
    with django_assert_max_num_queries(16):
        text = text_of(lead, reverse("jobs"))
    assert "Page 1 of 2" in text
    assert "number 3<" in text_of(lead, reverse("jobs") + "?page=2")


def test_the_addresses_of_parts_are_asked_again_and_never_kept(lead: Client) -> None:
    job = factories.make_job()
    for url in (reverse("jobs-table"), reverse("job-now", args=[job.pk])):
        assert "no-store" in lead.get(url).headers["Cache-Control"]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=43), "43 s"),
        (timedelta(minutes=4, seconds=5), "4 min 05 s"),
        (timedelta(hours=3, minutes=2), "3 h 02 min"),
        (timedelta(days=1, hours=4), "1 day 4 h"),
        (timedelta(days=2), "2 days 0 h"),
    ],
)
def test_a_span_is_said_in_two_units(span: timedelta, words: str) -> None:
    assert elapsed_words(span) == words


def test_a_share_is_rounded_down_so_that_all_is_said_at_the_end_only() -> None:
    for progress, state, percent in (
        (0.999, "running", 99),
        (1.0, "running", 99),
        (1.0, "done", 100),
        (0.0, "queued", 0),
    ):
        job = factories.make_job(progress=progress, state=state)
        assert JobRow(job, factories.make_user(), timezone.now(), "").percent == percent
