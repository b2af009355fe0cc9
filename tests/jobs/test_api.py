"""Jobs over HTTP: who sees which, what they are told, who may stop them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from labeling.api.schema import described
from labeling.jobs import queue
from labeling.jobs.queue import claim_job, enqueue
from labeling.models import Case, Job, JobState
from tests import factories
from tests.api.conftest import logged_in, post
from tests.api.test_schema import check

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "kick", lambda job: None)


@pytest.fixture
def case() -> Case:
    return factories.make_case()


def job_of(kind: str, case: Case | None = None, **more: Any) -> Job:
    return enqueue(f"{kind}:{factories.number()}", kind, {}, title=kind, case=case, announce=False, **more)


def client_of(*roles: str) -> Client:
    return logged_in(factories.make_user(*roles))


def seen(client: Client, query: str = "") -> list[int]:
    return [job["id"] for job in client.get(f"/api/jobs{query}").json()["jobs"]]


@pytest.mark.parametrize("role", ["lead", "engineer", "administrator"])
def test_overseers_see_every_job_newest_first_and_may_narrow_it_down(case: Case, role: str):
    segment, measure, train = job_of("segment", case), job_of("measure", case), job_of("train-segmentation")
    client = client_of(role)
    assert seen(client) == [train.pk, measure.pk, segment.pk]
    assert seen(client, f"?case={case.pk}") == [measure.pk, segment.pk]
    assert seen(client, "?kind=segment") == [segment.pk]
    assert seen(client, "?state=running") == []
    assert claim_job(train.pk) is not None
    assert seen(client, "?state=running") == [train.pk]
    assert client.get("/api/jobs?state=asleep").status_code == 400
    assert client.get("/api/jobs?cases=1").status_code == 400


def test_a_reader_sees_segmentations_of_their_own_cases_and_no_log(case: Case):
    resident = factories.make_user("resident")
    other = factories.make_case()
    factories.make_assignment(case, reader=factories.reader_of(resident))
    segment = job_of("segment", case)
    lease = claim_job(segment.pk)
    assert lease is not None
    lease.log("a line")
    lease.finish(JobState.FAILED, "The model found nothing.")
    hidden = [job_of("measure", case), job_of("segment", other), job_of("segment"), job_of("import")]
    client = logged_in(resident)
    assert seen(client) == [segment.pk]
    told = client.get(f"/api/jobs/{segment.pk}").json()
    assert (told["log_tail"], told["message"]) == ("", "The model found nothing.")
    assert (told["may_cancel"], told["may_retry"]) == (False, False)
    for job in hidden:
        assert client.get(f"/api/jobs/{job.pk}").status_code == 404
        assert post(client, f"/api/jobs/{job.pk}/cancel", {}).status_code == 404
    assert client_of("engineer").get(f"/api/jobs/{segment.pk}").json()["log_tail"] == "a line"


def test_what_measures_a_case_is_hidden_from_an_overseer_who_owes_a_read_of_it(case: Case):
    lead = factories.make_user("lead", "resident")
    factories.make_assignment(case, reader=factories.reader_of(lead))
    segment = job_of("segment", case)
    measure, elsewhere, nowhere = job_of("measure", case), job_of("measure", factories.make_case()), job_of("measure")
    client = logged_in(lead)
    assert seen(client) == [nowhere.pk, elsewhere.pk, segment.pk]
    assert client.get(f"/api/jobs/{measure.pk}").status_code == 404


def test_nobody_is_shown_the_log_of_what_reads_a_case(case: Case):
    measure = job_of("measure", case)
    Job.objects.filter(pk=measure.pk).update(log_tail="L2: loss 40 %")
    assert client_of("engineer").get(f"/api/jobs/{measure.pk}").json()["log_tail"] == ""


def test_a_job_is_stopped_once_and_started_again_once(case: Case):
    engineer = factories.make_user("engineer")
    client, job = logged_in(engineer), job_of("segment", case)
    stopped = post(client, f"/api/jobs/{job.pk}/cancel", {})
    assert stopped.status_code == 200
    assert (stopped.json()["state"], stopped.json()["may_retry"]) == ("cancelled", True)
    twice = post(client, f"/api/jobs/{job.pk}/cancel", {})
    assert (twice.status_code, twice.json()["code"]) == (409, "job_ended")
    again = post(client, f"/api/jobs/{job.pk}/again", {})
    assert (again.status_code, again.json()["state"], again.json()["message"]) == (200, "queued", "")
    twice = post(client, f"/api/jobs/{job.pk}/again", {})
    assert (twice.status_code, twice.json()["code"]) == (409, "job_goes_on")
    assert post(client, f"/api/jobs/{job.pk}/again", {"now": True}).status_code == 400


def test_stopping_the_job_of_a_delivery_stops_the_delivery():
    engineer = factories.make_user("engineer")
    from labeling.intake import batches

    batch = batches.new_batch(engineer, "delivery", "upload")
    job = batches.finish_batch(batch)
    assert (job.title, job.by) == ("Import of 0 files", engineer)
    assert post(logged_in(engineer), f"/api/jobs/{job.pk}/cancel", {}).status_code == 200
    batch.refresh_from_db()
    assert (batch.state, batch.message[:19]) == ("failed", "Stopped by a person")
    again = post(logged_in(engineer), f"/api/jobs/{job.pk}/again", {})
    assert (again.status_code, again.json()["code"]) == (409, "not_again")


def test_who_asked_for_a_job_may_stop_it_and_another_reader_may_not(case: Case):
    asked, other = factories.make_user("resident"), factories.make_user("resident")
    for user in (asked, other):
        factories.make_assignment(case, reader=factories.reader_of(user))
    job = job_of("segment", case, by=asked)
    refused = post(logged_in(other), f"/api/jobs/{job.pk}/cancel", {})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_yours")
    assert post(logged_in(asked), f"/api/jobs/{job.pk}/cancel", {}).status_code == 200


def test_answers_are_what_the_schema_says(case: Case):
    schema = json.loads(json.dumps(described(), default=str))
    client = client_of("engineer")
    job = job_of("segment", case, by=factories.make_user("engineer"))
    lease = claim_job(job.pk)
    assert lease is not None
    lease.curve("loss", 1, None)
    lease.finish(JobState.FAILED, "It stopped.")
    check(schema, "JobsOut", client.get("/api/jobs").json())
    check(schema, "JobWholeOut", client.get(f"/api/jobs/{job.pk}").json())
    check(schema, "JobWholeOut", post(client, f"/api/jobs/{job.pk}/again", {}).json())


def test_a_list_of_jobs_asks_the_database_a_few_times_however_long_it_is(case: Case, django_assert_max_num_queries):
    client = client_of("engineer")
    for _ in range(60):
        job_of("segment", case)
    assert len(seen(client)) == 50
    with django_assert_max_num_queries(12):
        seen(client)
