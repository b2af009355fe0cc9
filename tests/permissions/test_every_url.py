"""Every address, every person, one row each. An address without a row fails: nothing opens by being forgotten.

The world: a case of one resident, who has a draft of it and a delivery. Everybody else is everybody else.
"""

import gzip
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from labeling.models import Anatomy, Case, IntakeBatch, Job, ModelVersion, Read, Stack, StudyReport
from tests import factories
from tests.api.test_anatomies import proposal

PEOPLE = ("anonymous", "resident", "other", "senior", "lead", "engineer", "administrator")

#: Stands for: sent to the login page.
LOGIN = "login"

#: Address and method -> what each of PEOPLE gets, in their order.
TABLE: dict[tuple[str, str], str] = {
    # Pages
    ("home", "GET"): "login 302 302 302 302 302 302",
    ("login", "GET"): "200 302 302 302 302 302 302",
    ("login", "POST"): "200 302 302 302 302 302 302",
    ("logout", "POST"): "login 302 302 302 302 302 302",
    ("worklist", "GET"): "login 200 200 200 200 200 200",
    ("cases", "GET"): "login 403 403 403 200 200 200",
    ("case", "GET"): "login 200 404 404 200 200 200",
    ("anatomy-check", "GET"): "login 200 404 404 200 200 200",
    ("anatomy-next", "GET"): "login 302 302 302 302 302 302",
    ("open-case", "POST"): "login 302 404 404 302 302 302",
    ("case-report", "GET"): "login 302 404 404 302 302 302",
    ("case-report", "POST"): "login 403 404 404 302 302 302",
    ("case-report-reading", "GET"): "login 302 404 404 302 302 302",
    ("case-report-reading", "POST"): "login 403 404 404 302 302 302",
    ("read-import", "GET"): "login 403 403 403 200 403 403",
    ("read-import", "POST"): "login 403 403 403 422 403 403",
    ("case-opinions", "GET"): "login 302 404 404 302 302 302",
    ("case-opinions", "POST"): "login 403 404 404 302 302 302",
    ("case-prelabel", "POST"): "login 403 404 404 302 302 403",
    ("identity", "POST"): "login 403 404 404 403 403 302",
    ("room", "GET"): "login 200 404 404 404 404 404",
    ("intake", "GET"): "login 200 200 403 200 200 200",
    ("intake-batches", "GET"): "login 200 200 403 200 200 200",
    ("labels", "GET"): "login 403 403 403 200 200 403",
    ("cases-segment", "POST"): "login 403 403 403 302 302 302",
    ("case-vertebrae", "GET"): "login 200 404 404 200 200 200",
    ("case-segment", "POST"): "login 403 404 404 302 302 302",
    ("models", "GET"): "login 403 403 403 200 200 200",
    ("model", "GET"): "login 403 403 403 200 200 200",
    ("model-activate", "POST"): "login 403 403 403 302 302 403",
    ("model-retire", "POST"): "login 403 403 403 302 302 403",
    ("model-import", "GET"): "login 403 403 403 403 200 403",
    ("model-train", "GET"): "login 403 403 403 403 200 403",
    ("model-train", "POST"): "login 403 403 403 403 422 403",
    ("model-train-classifier", "GET"): "login 403 403 403 403 200 403",
    ("model-train-classifier", "POST"): "login 403 403 403 403 422 403",
    ("jobs", "GET"): "login 403 403 403 200 200 200",
    ("jobs-table", "GET"): "login 403 403 403 200 200 200",
    ("job", "GET"): "login 403 403 403 200 200 200",
    ("job-now", "GET"): "login 403 403 403 200 200 200",
    ("job-cancel", "POST"): "login 403 403 403 302 302 302",
    ("job-again", "POST"): "login 403 403 403 302 302 302",
    ("rounds", "GET"): "login 403 403 403 200 403 403",
    ("round-new", "GET"): "login 403 403 403 200 403 403",
    ("round-new", "POST"): "login 403 403 403 422 403 403",
    ("round", "GET"): "login 403 403 403 200 403 403",
    ("round-edit", "GET"): "login 403 403 403 302 403 403",
    ("round-state", "POST"): "login 403 403 403 302 403 403",
    ("round-protocol", "GET"): "login 403 403 403 200 200 200",
    ("assignment", "GET"): "login 200 404 404 200 404 404",
    ("assignment-hand-over", "POST"): "login 302 404 404 302 404 404",
    ("assignment-reassign", "POST"): "login 403 404 404 302 404 404",
    ("assignment-take-back", "POST"): "login 403 404 404 302 404 404",
    ("assignment-override", "POST"): "login 403 404 404 302 404 404",
    ("open-next", "POST"): "login 302 302 302 302 302 302",
    ("feedback", "GET"): "login 200 200 200 403 403 403",
    ("feedback-case", "GET"): "login 404 404 404 403 403 403",
    ("teaching", "GET"): "login 200 200 200 200 403 403",
    ("consensus-list", "GET"): "login 200 200 200 200 200 200",
    ("consensus-open", "POST"): "login 302 302 302 302 302 302",
    ("consensus", "GET"): "login 404 404 404 404 404 404",
    ("notices", "GET"): "login 200 200 200 200 200 200",
    ("question", "GET"): "login 404 404 404 404 404 404",
    ("question", "POST"): "login 404 404 404 404 404 404",
    ("round-sums", "GET"): "login 403 403 403 200 403 403",
    ("numbers", "GET"): "login 403 403 403 200 200 200",
    ("numbers-paper", "GET"): "login 403 403 403 200 200 200",
    ("numbers-agreement", "GET"): "login 403 403 403 200 200 200",
    ("numbers-curves", "GET"): "login 403 403 403 200 200 200",
    ("numbers-compare", "GET"): "login 403 403 403 200 200 200",
    ("numbers-gallery", "GET"): "login 403 403 403 200 200 200",
    ("numbers-masks", "GET"): "login 403 403 403 404 404 404",
    ("numbers-crop", "GET"): "login 403 403 403 200 200 200",
    ("numbers-report", "GET"): "login 403 403 403 200 200 200",
    ("numbers-place", "GET"): "login 403 403 403 200 200 200",
    ("numbers-reading", "GET"): "login 403 403 403 200 200 200",
    ("numbers-written", "GET"): "login 403 403 403 200 200 200",
    ("numbers-bundle", "GET"): "login 403 403 403 200 200 200",
    ("numbers-cases", "GET"): "login 403 403 403 200 200 200",
    ("numbers-ledger", "GET"): "login 403 403 403 200 200 200",
    ("cohort", "GET"): "login 403 403 403 200 200 200",
    ("cohort-cases", "GET"): "login 403 403 403 200 200 200",
    ("cohort-decide", "POST"): "login 403 403 403 302 403 403",
    ("cohort-reports", "GET"): "login 403 403 403 200 200 200",
    ("cohort-reports-new", "GET"): "login 403 403 403 200 200 200",
    ("cohort-reports-new", "POST"): "login 403 403 403 422 422 422",
    ("cohort-reports-search", "GET"): "login 403 403 403 200 200 200",
    ("cohort-reports-search", "POST"): "login 403 403 403 302 302 302",
    ("cohort-report", "GET"): "login 403 403 403 200 200 200",
    ("cohort-report-decide", "POST"): "login 403 403 403 302 403 403",
    ("cohort-rules", "GET"): "login 403 403 403 200 200 200",
    ("cohort-rules", "POST"): "login 403 403 403 422 403 403",
    ("cohort-split", "GET"): "login 403 403 403 200 200 200",
    ("cohort-split", "POST"): "login 403 403 403 302 403 403",
    ("cohort-table", "GET"): "login 403 403 403 200 200 200",
    ("account", "GET"): "login 200 200 200 200 200 200",
    ("account", "POST"): "login 200 200 200 200 200 200",
    ("healthz", "GET"): "200 200 200 200 200 200 200",
    ("docs", "GET"): "login 200 200 200 200 200 200",
    # API
    ("me", "GET"): "401 200 200 200 200 200 200",
    ("preferences", "GET"): "401 200 200 200 200 200 200",
    ("preferences", "PUT"): "401 200 200 200 200 200 200",
    ("api-worklist", "GET"): "401 200 200 200 200 200 200",
    ("ahead", "GET"): "401 200 200 200 200 200 200",
    ("ahead", "POST"): "401 200 200 200 422 422 422",
    ("api-round-protocol", "GET"): "401 403 403 403 200 200 200",
    ("api-open-case", "POST"): "401 200 404 404 422 422 422",
    ("skip", "POST"): "401 200 404 404 422 422 422",
    ("api-room", "GET"): "401 200 404 404 404 404 404",
    ("operations", "POST"): "401 200 404 404 404 404 404",
    ("seen", "POST"): "401 200 404 404 404 404 404",
    ("gaps", "GET"): "401 200 404 404 404 404 404",
    ("lock", "POST"): "401 422 404 404 404 404 404",
    ("reopen", "POST"): "401 409 404 404 404 404 404",
    ("writer", "PUT"): "401 200 404 404 404 404 404",
    ("writer", "DELETE"): "401 200 404 404 404 404 404",
    ("writer-release", "POST"): "401 200 404 404 404 404 404",
    ("axial-plane", "GET"): "401 202 404 404 404 404 404",
    ("coronal-plane", "GET"): "401 202 404 404 404 404 404",
    ("prior-slice", "GET"): "401 200 404 404 404 404 404",
    ("api-consensus-list", "GET"): "401 200 200 200 200 200 200",
    ("api-open-consensus", "POST"): "401 422 422 422 422 422 422",
    ("api-consensus", "GET"): "401 404 404 404 404 404 404",
    ("consensus-settle", "POST"): "401 404 404 404 404 404 404",
    ("consensus-unsettle", "POST"): "401 404 404 404 404 404 404",
    ("consensus-members", "POST"): "401 404 404 404 404 404 404",
    ("consensus-shift", "POST"): "401 404 404 404 404 404 404",
    ("consensus-questions", "POST"): "401 404 404 404 404 404 404",
    ("consensus-report", "POST"): "401 404 404 404 404 404 404",
    ("consensus-lock", "POST"): "401 404 404 404 404 404 404",
    ("consensus-correct", "POST"): "401 404 404 404 404 404 404",
    ("question-answer", "POST"): "401 404 404 404 404 404 404",
    ("api-anatomy", "GET"): "401 200 404 404 200 200 200",
    ("api-anatomies", "POST"): "401 200 404 404 200 200 200",
    ("outlines", "GET"): "401 200 404 404 200 200 200",
    ("export-labels", "GET"): "401 403 403 403 200 200 403",
    ("export-findings", "GET"): "401 403 403 403 200 200 403",
    ("batches", "GET"): "401 200 200 403 200 200 200",
    ("batches", "POST"): "401 201 201 403 201 201 201",
    ("batch", "GET"): "401 200 404 403 200 200 200",
    ("batch-files", "PUT"): "401 201 404 403 404 404 404",
    ("batch-finish", "POST"): "401 200 404 403 404 404 404",
    ("batch-stop", "POST"): "401 200 404 403 404 404 404",
    ("model-upload", "PUT"): "401 403 403 403 403 400 403",
    ("api-jobs", "GET"): "401 200 200 200 200 200 200",
    ("api-job", "GET"): "401 200 404 404 200 200 200",
    ("api-job-cancel", "POST"): "401 403 404 404 200 200 200",
    ("api-job-again", "POST"): "401 403 404 404 409 409 409",
    ("schema", "GET"): "401 200 200 200 200 200 200",
    ("api-nowhere", "GET"): "401 404 404 404 404 404 404",
    # DICOMweb. A search finds nothing where a retrieve is not found.
    ("dicomweb-studies", "GET"): "401 200 200 200 200 200 200",
    ("dicomweb-all-series", "GET"): "401 200 200 200 200 200 200",
    ("dicomweb-all-instances", "GET"): "401 200 200 200 200 200 200",
    ("dicomweb-series-of-study", "GET"): "401 200 200 200 200 200 200",
    ("dicomweb-instances-of-study", "GET"): "401 200 200 200 200 200 200",
    ("dicomweb-instances-of-series", "GET"): "401 200 200 200 200 200 200",
    ("dicomweb-study", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-study-metadata", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-series", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-series-metadata", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-instance", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-instance-metadata", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-frame", "GET"): "401 200 404 404 200 200 200",
    ("dicomweb-nowhere", "GET"): "401 404 404 404 404 404 404",
}

ROWS = [
    pytest.param(name, method, person, expected, id=f"{name}-{method}-{person}")
    for (name, method), statuses in TABLE.items()
    for person, expected in zip(PEOPLE, statuses.split(), strict=True)
]

#: Searches that must come back empty for who may not see the case.
SEARCHES = [name for name, _ in TABLE if name.startswith("dicomweb-") and ("-of-" in name or "all" in name)]
SEARCHES.append("dicomweb-studies")

#: What an address must be asked with.
QUERIES = {"axial-plane": "?z=0", "coronal-plane": "?y=0"}


@dataclass
class World:
    people: dict[str, User | None]
    case: Case
    stack: Stack
    anatomy: Anatomy
    read: Read
    batch: IntakeBatch
    prior: Case
    job: Job
    model: ModelVersion
    report: StudyReport

    def client(self, person: str) -> Client:
        client = Client()
        user = self.people[person]
        if user is not None:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def url(self, name: str) -> str:
        values = {
            "case_id": self.case.pk,
            "read_id": self.read.pk,
            "round_id": self.read.round_id,
            "question_id": self.case.pk,
            "assignment_id": self.case.assignments.get().pk,
            "anatomy_id": self.anatomy.pk,
            "scope_key": "all",
            "body_id": self.anatomy.vertebrae.first().pk,
            "k": 3,
            "prior_id": self.prior.pk,
            "job_id": self.job.pk,
            "report_id": self.report.pk,
            "model_id": self.model.pk,
            "batch": self.batch.uuid,
            "study_uid": self.case.study_uid,
            "series_uid": self.stack.series_uid,
            "sop_uid": f"{self.stack.series_uid}.1",
            "frames": "1",
            "rest": "no/where",
        }
        return reverse(name, kwargs={key: values[key] for key in arguments()[name]}) + QUERIES.get(name, "")

    def body(self, name: str) -> dict[str, Any]:
        """A body that the owner may send."""
        operation = {
            "uuid": str(uuid.uuid4()),
            "base_seq": 0,
            "verb": "set_unclear",
            "payload": {"vertebra": factories.vertebra_of(self.read, "L2"), "value": True},
            "client_at": "2026-01-05T10:00:00Z",
        }
        settled = {"uuid": str(uuid.uuid4()), "base_seq": 0, "vertebra": 1}
        bodies = {
            "operations": operation,
            "seen": {"sop_uids": []},
            "lock": {"base_seq": 0},
            "api-anatomies": proposal(self.anatomy, L2={"mask_ok": "no"}),
            "reopen": {"reason": "a slice forgotten"},
            "writer": {"tab": str(uuid.uuid4())},
            "writer-release": {"tab": str(uuid.uuid4())},
            "skip": {"reason": "image"},
            "cohort-decide": {"action": "include", "inclusion": "fracture", "seen": "candidate", "box": "found"},
            "cohort-report-decide": {"action": "confirm", "seen": "", "seen_case": "candidate"},
            "cohort-rules": {"action": "publish", "seen": "0"},
            "cohort-split": {"waiting": "0"},
            "case-report": {"action": "save", "text": "No fracture."},
            "batches": {"name": "delivery"},
            "consensus-settle": {**settled, "took": "a", "reason": "limbus", "acuity": "unknown"},
            "consensus-unsettle": settled,
            "consensus-members": {"reader": 1, "present": True},
            "consensus-shift": {"letter": "A", "by": 0, "moves": ""},
            "consensus-questions": {"letter": "A", "vertebra": 1, "text": "Why?"},
            "consensus-lock": {"base_seq": 0},
            "consensus-correct": {"reason": "a slice forgotten"},
            "question-answer": {"text": "Because."},
        }
        return bodies.get(name, {})


@pytest.fixture
def world(db: None, settings: Any) -> World:
    people: dict[str, User | None] = {
        person: factories.make_user("resident" if person == "other" else person) for person in PEOPLE[1:]
    }
    people["anonymous"] = None
    prior = factories.make_case(study_date="2019-05-02")
    case = factories.make_case(patient=prior.patient, study_date="2020-01-03")
    assert case.reading_stack is not None
    anatomy = factories.make_anatomy(case, outlines="outlines/one.json.gz")
    path = settings.MEDIA_ROOT / anatomy.outlines
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"{}"))
    resident = people["resident"]
    assert resident is not None
    read = factories.make_read(case, reader=factories.reader_of(resident))
    batch = IntakeBatch.objects.create(name="delivery", source="upload", by=resident)
    model = factories.make_model_version()
    job = factories.make_job(case=case, model_version=model)
    key = factories.digest("report")
    report = StudyReport.objects.create(key=key, case=prior, text="No fracture.", source="a file")
    return World(people, case, case.reading_stack, anatomy, read, batch, prior, job, model, report)


def patterns() -> Iterator[tuple[str, URLPattern]]:
    """Every pattern of the URLconf with its whole route."""

    def walk(prefix: str, found: list[Any]) -> Iterator[tuple[str, URLPattern]]:
        for one in found:
            if isinstance(one, URLResolver):
                yield from walk(prefix + str(one.pattern), one.url_patterns)
            else:
                yield prefix + str(one.pattern), one

    yield from walk("", get_resolver().url_patterns)


def arguments() -> dict[str, list[str]]:
    return {pattern.name or "": list(pattern.pattern.converters) for _, pattern in patterns()}


def test_every_address_has_a_name_of_its_own_and_a_row() -> None:
    routes: dict[str, list[str]] = {}
    for route, pattern in patterns():
        routes.setdefault(pattern.name or "", []).append(route)
    assert "" not in routes, f"These addresses have no name: {routes['']}"
    assert {name: found for name, found in routes.items() if len(found) > 1} == {}
    assert sorted(set(routes) - {name for name, _ in TABLE}) == [], "These addresses have no row in the table."
    assert sorted({name for name, _ in TABLE} - set(routes)) == [], "These rows have no address."


@pytest.mark.parametrize(("name", "method", "person", "expected"), ROWS)
def test_who_gets_what(world: World, name: str, method: str, person: str, expected: str) -> None:
    client, url = world.client(person), world.url(name)
    if method == "GET":
        answer = client.get(url)
    elif name == "batch-files":
        answer = client.put(url, b"bytes", "application/octet-stream", headers={"X-File-Path": "a"})
    elif url.startswith("/api/"):
        send = {"POST": client.post, "PUT": client.put, "DELETE": client.delete}[method]
        answer = send(url, world.body(name), content_type="application/json")
    else:
        answer = client.post(url, world.body(name))
    if expected == LOGIN:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login?next=")
        return
    assert answer.status_code == int(expected), getattr(answer, "content", b"")[:300]
    if url.startswith(("/api/", "/dicomweb/")) and int(expected) >= 400:
        assert answer.json()["ok"] is False


@pytest.mark.parametrize("person", PEOPLE[1:])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_names_the_case_only_to_who_may_see_it(world: World, name: str, person: str) -> None:
    found = world.client(person).get(world.url(name)).json()
    assert bool(found) == (person not in {"other", "senior"})


@pytest.mark.parametrize("role", ["resident", "senior"])
def test_a_pooled_case_is_there_for_every_reader(world: World, role: str) -> None:
    pooled = factories.make_case()
    factories.make_anatomy(pooled)
    factories.make_assignment(pooled)
    client = Client()
    client.force_login(factories.make_user(role), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/dicomweb/studies/{pooled.study_uid}/metadata").status_code == 200
    assert client.post(f"/api/cases/{pooled.pk}/open", {}, content_type="application/json").status_code == 200


def test_an_account_without_a_role_sees_no_case(world: World) -> None:
    nobody = Client()
    nobody.force_login(factories.make_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert nobody.get(world.url("dicomweb-studies")).json() == []
    assert nobody.get(world.url("outlines")).status_code == 404
    assert nobody.get(world.url("batches")).status_code == 403
    assert nobody.get(world.url("api-worklist")).json()["rows"] == []
