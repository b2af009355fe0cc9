"""The page of the split: what a draw would do, the draw, and every draw that was made."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.cohort.decisions import include
from labeling.cohort.splitting import Wanted, preview_split
from labeling.models import Patient, SplitDraw
from labeling.reading.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Any:
    return factories.make_user(Role.LEAD, first_name="Sofia", last_name="Brunner")


@pytest.fixture
def client(lead: Any) -> Client:
    client = Client()
    client.force_login(lead, backend="django.contrib.auth.backends.ModelBackend")
    return client


def plain(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def page(client: Client, **query: str) -> str:
    return plain(client.get(reverse("cohort-split"), query))


def include_some(lead: Any, fractured: int, controls: int) -> None:
    for n in range(fractured + controls):
        include(lead, factories.make_bare_case(), "fracture" if n < fractured else "control")


def test_without_included_cases_it_says_what_to_do(client: Client) -> None:
    html = page(client)
    assert "Nobody waits for a split. Include cases first." in html
    assert "No split was drawn yet." in html
    assert ">Draw<" not in html


def test_the_draw_does_what_the_preview_said_and_is_drawn_once(lead: Any, client: Client) -> None:
    include_some(lead, 16, 4)
    asked = {"test": "20", "validation": "25", "stratified": "yes"}
    preview = preview_split(Wanted(0.2, 0.25, True))
    html = page(client, **asked)
    assert "20 patients wait" in html
    assert [row.new for row in client.get(reverse("cohort-split"), asked).context["rows"]] == [12, 4, 4]
    assert not SplitDraw.objects.exists(), "looking draws nothing"
    answer = client.post(reverse("cohort-split"), {**asked, "waiting": "20"}, follow=True)
    assert "20 patients were drawn: 12 training, 4 validation, 4 test." in plain(answer)
    found = {split: Patient.objects.filter(split=split).count() for split in preview.new}
    assert found == preview.new
    html = page(client)
    assert "Sofia Brunner" in html
    assert "by fracture" in html
    assert "Every patient with an included case is in one." in html
    client.post(reverse("cohort-split"), {**asked, "waiting": "0"})
    assert SplitDraw.objects.count() == 1
    assert {split: Patient.objects.filter(split=split).count() for split in preview.new} == found


def test_with_the_usual_shares_it_is_nine_to_one_and_a_tenth(lead: Any, client: Client) -> None:
    include_some(lead, 3, 0)
    rows = client.get(reverse("cohort-split")).context["rows"]
    usual = preview_split(Wanted(0.1, 0.1))
    assert [row.new for row in rows] == list(usual.new.values())
    client.post(reverse("cohort-split"), {"waiting": "3"})
    draw = SplitDraw.objects.get()
    assert (draw.test_share, draw.validation_share, draw.stratified) == (0.1, 0.1, False)


def test_who_came_in_meanwhile_is_looked_at_before_the_draw(lead: Any, client: Client) -> None:
    include_some(lead, 2, 0)
    html = plain(client.post(reverse("cohort-split"), {"waiting": "1"}), 422)
    assert "Who waits for a split has changed: 2 now. Nothing was drawn." in html
    assert not SplitDraw.objects.exists()


@pytest.mark.parametrize("share", ["100", "-1", "nan", "inf", "a tenth", ""])
def test_a_share_that_is_none_is_said(lead: Any, client: Client, share: str) -> None:
    include_some(lead, 1, 0)
    assert "A share is 0 or more and less than 100 %." in page(client, test=share)
    plain(client.post(reverse("cohort-split"), {"test": share, "waiting": "1"}), 422)
    assert not SplitDraw.objects.exists()


def test_a_patient_keeps_their_split_with_every_case(lead: Any, client: Client) -> None:
    include_some(lead, 2, 0)
    client.post(reverse("cohort-split"), {"waiting": "2"})
    patient = Patient.objects.exclude(split="unassigned").first()
    assert patient is not None
    include(lead, factories.make_bare_case(patient=patient, number=2), "control")
    assert "Nobody waits for a split." in page(client)
    assert [row.settled for row in client.get(reverse("cohort-split")).context["rows"]].count(0) >= 1
    before = patient.split
    patient.refresh_from_db()
    assert patient.split == before


def test_who_is_read_in_the_labelling_round_trains_and_is_named(lead: Any, client: Client) -> None:
    include_some(lead, 1, 0)
    patient = Patient.objects.get()
    case = patient.cases.get()
    case.assignments.all().delete()
    factories.make_assignment(case, reader=factories.make_reader(), round=factories.make_round("labelling"))
    asked = {"test": "99.9999999", "validation": "0"}
    assert f"The draw puts {patient.pseudonym} into the test set, but" in page(client, **asked)
    answer = client.post(reverse("cohort-split"), {**asked, "waiting": "1"}, follow=True)
    assert "they train" in plain(answer)
    patient.refresh_from_db()
    assert patient.split == "training"


def test_an_engineer_looks_and_does_not_draw(lead: Any) -> None:
    include_some(lead, 1, 0)
    engineer = Client()
    engineer.force_login(factories.make_user(Role.ENGINEER), backend="django.contrib.auth.backends.ModelBackend")
    html = page(engineer)
    assert "What a draw would do" in html
    assert ">Draw<" not in html
    assert engineer.post(reverse("cohort-split"), {"waiting": "1"}).status_code == 403
