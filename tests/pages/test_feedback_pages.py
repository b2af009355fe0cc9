"""Feedback, teaching and sums as people find them, and as those who are blind to a case do not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.models import Case, Exposure, Read, Round
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.reading.truths import a_case, a_lesson, a_read, a_truth

pytestmark = pytest.mark.django_db

SAID = {"L2": "negative", "L3": "A1", "L4": "negative"}
TRUE = {"L2": "A2", "L3": "A3", "L4": "negative"}


@pytest.fixture
def resident() -> User:
    return factories.make_user(Role.RESIDENT)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def told(user: User, case: Case | None = None) -> Read:
    case = case or a_case()
    read = a_read(case, SAID, round=factories.make_round("practice"), reader=reader_of(user))
    a_lesson(case, TRUE, "L2", explanation="The upper endplate is broken.")
    return read


def test_without_feedback_the_page_says_when_there_will_be_some(resident: User) -> None:
    assert "No feedback yet" in text_of(client_of(resident).get("/feedback"))


def test_feedback_shows_own_reads_beside_the_truth_with_sums_and_the_way_to_the_slice(resident: User) -> None:
    read = told(resident)
    text = text_of(client_of(resident).get("/feedback"))
    assert "1 missed" in text
    assert "1 other type" in text
    assert '1<span class="of"> of 2</span>' in text
    assert f"/read/{read.pk}?vertebra={factories.vertebra_of(read, 'L2')}&amp;slice=6" in text
    text = text_of(client_of(resident).get(reverse("feedback-case", args=[read.case_id])))
    assert "Fracture A2" in text
    assert "Schmorl node" in text
    assert "The upper endplate is broken." in text
    assert "Version 1, locked" in text


def test_nobody_finds_the_feedback_of_another(resident: User) -> None:
    read = told(resident)
    url = reverse("feedback-case", args=[read.case_id])
    assert client_of(factories.make_user(Role.RESIDENT)).get(url).status_code == 404
    lead = client_of(factories.make_user(Role.LEAD))
    assert lead.get(url).status_code == 403
    assert lead.get("/feedback").status_code == 403
    other = client_of(factories.make_user(Role.SENIOR, Role.LEAD))
    assert other.get(url).status_code == 404
    assert read.case.name not in text_of(other.get("/feedback"))


def test_teaching_is_found_by_reason_and_opens_for_who_may(resident: User) -> None:
    read = told(resident)
    client = client_of(resident)
    text = text_of(client.get("/teaching"))
    assert "Schmorl node" in text
    assert read.case.name in text
    consensus = Read.objects.get(reader__kind="panel")
    assert f"/read/{consensus.pk}?vertebra=" in text
    assert client.get(f"/read/{consensus.pk}").status_code == 200
    assert read.case.name in text_of(client.get("/teaching?reason=schmorl-node"))
    for role in (Role.ENGINEER, Role.ADMINISTRATOR):
        assert client_of(factories.make_user(role)).get("/teaching").status_code == 403


@pytest.mark.parametrize(("kind", "state"), [("repeat", "planned"), ("independent", "open"), ("practice", "open")])
@pytest.mark.parametrize("roles", [(Role.RESIDENT,), (Role.SENIOR, Role.LEAD)])
def test_who_is_blind_to_the_case_finds_nothing_of_it_on_any_of_these_pages(
    kind: str, state: str, roles: tuple[Role, ...]
) -> None:
    user, case = factories.make_user(*roles), a_case()
    round_ = factories.make_round("practice")
    a_read(case, SAID, round=round_, reader=reader_of(user))
    for _ in range(2):
        a_read(case, SAID, round=round_, reader=factories.make_reader())
    factories.make_assignment(case, round=factories.make_round(kind, state=state), reader=reader_of(user))
    a_lesson(case, TRUE, "L2", explanation="The upper endplate is broken.")
    client = client_of(user)
    pages = ["/feedback", "/teaching", "/teaching?reason=schmorl-node", "/notices"]
    pages += [reverse("feedback-case", args=[case.pk]), reverse("round-sums", args=[round_.pk])]
    for page in pages:
        text = client.get(page).content.decode()
        for word in (case.name, "Schmorl", "endplate", "Fracture A2", "Fracture A3"):
            assert word not in text, f"{page} says {word}"
        assert "fractures found" not in text
    assert not Exposure.objects.filter(reader__user=user).exists()


def test_sums_of_a_round_name_nobody(resident: User) -> None:
    case, round_ = a_case(), factories.make_round("practice")
    readers = [reader_of(resident), factories.make_reader()]
    for reader in readers:
        a_read(case, SAID, round=round_, reader=reader)
    a_truth(case, TRUE)
    url = reverse("round-sums", args=[round_.pk])
    text = text_of(client_of(factories.make_user(Role.LEAD)).get(url))
    assert "2 readers" in text
    assert not any(reader.user is not None and reader.user.username in text for reader in readers)
    assert case.name not in text
    assert client_of(resident).get(url).status_code == 403
    assert client_of(factories.make_user(Role.ENGINEER)).get(url).status_code == 403
    Round.objects.filter(pk=round_.pk).update(state="closed")
    missing = reverse("round-sums", args=[round_.pk + 1])
    assert client_of(factories.make_user(Role.LEAD)).get(missing).status_code == 404


def test_lessons_are_in_the_navigation_of_who_may_learn(resident: User) -> None:
    assert 'href="/teaching"' in text_of(client_of(resident).get("/account"))
    assert 'href="/feedback"' in text_of(client_of(resident).get("/account"))
    lead = text_of(client_of(factories.make_user(Role.LEAD)).get("/account"))
    assert 'href="/teaching"' in lead
    assert 'href="/feedback"' not in lead
    assert 'href="/teaching"' not in text_of(client_of(factories.make_user(Role.ENGINEER)).get("/account"))
