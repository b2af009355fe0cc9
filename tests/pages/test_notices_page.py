"""Notices and questions as people find them: the bell, the page, and an answer that is sent once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from labeling.models import Notice, NoticeKind, Question
from labeling.pages.notices import where
from labeling.reading.notices import notices_of, tell, unseen_count
from labeling.reading.planning.calling import call
from labeling.reading.roles import Role, reader_of
from tests import factories
from tests.reading.sittings import a_sitting
from tests.reading.truths import a_case, a_read, a_truth

pytestmark = pytest.mark.django_db


@pytest.fixture
def senior() -> User:
    return factories.make_user(Role.SENIOR)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_the_bell_counts_what_is_new_until_the_page_was_opened(senior: User) -> None:
    client = client_of(senior)
    assert 'aria-label="Notices"' in text_of(client.get("/worklist"))
    tell([reader_of(senior)], NoticeKind.ASSIGNED, "12 cases are yours to read.")
    assert 'aria-label="Notices, 1 new"' in text_of(client.get("/worklist"))
    text = text_of(client.get("/notices"))
    assert "12 cases are yours to read." in text
    assert ">New<" in text
    assert unseen_count(senior) == 0
    assert ">New<" not in text_of(client.get("/notices"))


def test_without_notices_the_page_says_what_will_stand_there(senior: User) -> None:
    assert "Nothing was told you yet" in text_of(client_of(senior).get("/notices"))


def test_only_what_the_page_showed_counts_as_seen(senior: User) -> None:
    for n in range(51):
        tell([reader_of(senior)], NoticeKind.ASSIGNED, f"Notice {n}.")
    client = client_of(senior)
    assert "Page 1 of 2, 51 notices" in text_of(client.get("/notices"))
    assert unseen_count(senior) == 1
    assert "Notice 0." in text_of(client.get("/notices?page=2"))
    assert unseen_count(senior) == 0


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_notice_leads_to_a_page_that_is_there(senior: User, kind: NoticeKind) -> None:
    question = a_question(reader_of(senior))
    tell([reader_of(senior)], kind, "Look.", case=question.read.case, question=question)
    url, go = where(notices_of(senior).get(), plans=False)
    assert go
    # This senior sat in no panel and has no feedback of a case of nobody's training.
    closed = kind in (NoticeKind.ANSWER, NoticeKind.FEEDBACK)
    assert client_of(senior).get(url).status_code == (404 if closed else 200)


def test_the_frame_of_a_page_asks_once_for_the_bell(senior: User, django_assert_max_num_queries: Any) -> None:
    client = client_of(senior)
    client.get("/account")
    with django_assert_max_num_queries(6):
        client.get("/account")


def test_a_moved_clock_is_said_on_every_page(senior: User, settings: Any, tmp_path: Path) -> None:
    client = client_of(senior)
    assert "ahead" not in text_of(client.get("/worklist"))
    settings.CLOCK_FILE = tmp_path / "clock"
    settings.CLOCK_FILE.write_text("28")
    assert "Clock 28 days ahead" in text_of(client.get("/worklist"))


def test_the_bell_says_that_a_wash_out_is_over_and_leads_to_the_list(settings: Any, tmp_path: Path) -> None:
    sitting = a_sitting({}, {"L1": "A1"}, days=28)
    client = client_of(sitting.senior)
    call()
    assert 'aria-label="Notices"' in text_of(client.get("/consensus"))
    settings.CLOCK_FILE = tmp_path / "clock"
    settings.CLOCK_FILE.write_text("28")
    call()
    assert 'aria-label="Notices, 1 new"' in text_of(client.get("/consensus"))
    text = text_of(client.get("/notices"))
    assert f"{sitting.case.name} of {sitting.round.name} can be settled now." in text
    assert 'href="/consensus"' in text


# --- questions --------------------------------------------------------------------------------------------------------


def a_question(reader: Any) -> Question:
    case = a_case()
    round_ = factories.make_round("independent")
    read = a_read(case, {"L3": "A1"}, round=round_, reader=reader, slices={"L3": (4, 6)})
    a_read(case, {"L3": "A4"}, round=round_, reader=factories.make_reader(Role.SENIOR))
    consensus = a_truth(case, {"L3": "indeterminate"})
    return Question.objects.create(
        consensus=consensus,
        read=read,
        vertebra_id=factories.vertebra_of(read, "L3"),
        text="Which endplate did you see broken?",
        by=factories.make_reader(Role.SENIOR),
    )


def test_a_question_shows_the_own_finding_the_way_to_it_and_nothing_of_another(senior: User) -> None:
    question = a_question(reader_of(senior))
    text = text_of(client_of(senior).get(reverse("question", args=[question.pk])))
    assert "Which endplate did you see broken?" in text
    assert "Fracture A1" in text
    assert "<dd>5, 6, 7</dd>" in text
    assert f"/read/{question.read_id}?vertebra={question.vertebra_id}&amp;slice=6" in text
    assert "Fracture A4" not in text
    assert "ndeterminate" not in text


def test_an_answer_is_sent_once(senior: User) -> None:
    question = a_question(reader_of(senior))
    client, url = client_of(senior), reverse("question", args=[question.pk])
    assert "Nothing is written" in text_of(client.post(url, {"text": "  "}), 422)
    assert "longer than" in text_of(client.post(url, {"text": "x" * 2001}), 422)
    assert client.post(url, {"text": "The upper one."}).status_code == 302
    text = text_of(client.get(url))
    assert "The upper one." in text
    assert "<textarea" not in text
    assert "never changes" in text_of(client.post(url, {"text": "The lower one."}), 422)
    question.refresh_from_db()
    assert question.answer == "The upper one."


def test_nobody_else_finds_the_question_and_neither_does_who_owes_a_repeat(senior: User) -> None:
    question = a_question(reader_of(senior))
    url = reverse("question", args=[question.pk])
    assert question.by.user is not None
    for user in (question.by.user, factories.make_user(Role.LEAD), factories.make_user(Role.SENIOR)):
        assert client_of(user).get(url).status_code == 404
        assert client_of(user).post(url, {"text": "mine"}).status_code == 404
    tell([reader_of(senior)], NoticeKind.QUESTION, "A question.", case=question.read.case, question=question)
    client = client_of(senior)
    assert "A question." in text_of(client.get("/notices"))
    factories.make_assignment(
        question.read.case, round=factories.make_round("repeat", state="planned"), reader=reader_of(senior)
    )
    assert "A question." not in text_of(client.get("/notices"))
    assert client.get(url).status_code == 404
    assert client.post(url, {"text": "The upper one."}).status_code == 404
    assert Notice.objects.count() == 1
