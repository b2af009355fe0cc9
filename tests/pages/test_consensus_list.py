"""The page of consensus cases: what is ready, what waits, what is settled, and the way in."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.models import Read
from labeling.reading.consensus.opening import lock_consensus
from labeling.reading.roles import Role
from tests.api.conftest import logged_in
from tests.factories import make_user
from tests.reading.sittings import Sitting, a_sitting, settle_all

pytestmark = pytest.mark.django_db


def page(user: User, tab: str = "") -> str:
    answer = logged_in(user).get("/consensus" + (f"?tab={tab}" if tab else ""))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_case_that_can_be_settled_is_one_key_away() -> None:
    sitting = a_sitting({"T12": "A1"}, {})
    text = page(sitting.senior)
    button = re.search(r"<form[^>]*action=\"([^\"]*)\"[^>]*>(?:(?!</form>).)*data-enter", text, re.DOTALL)
    assert button is not None
    assert button[1] == f"/consensus/{sitting.round.pk}/{sitting.case.pk}/open"
    answer = logged_in(sitting.senior).post(button[1])
    assert answer["Location"] == f"/consensus/{Read.objects.get(round=sitting.round).pk}"
    assert "Being settled" in page(sitting.senior)


def test_what_waits_says_since_when_and_for_what_but_counts_nobody() -> None:
    sitting = a_sitting({"T12": "A1"}, {}, days=28)
    assert re.search(r"Available on \d+ [A-Z][a-z]+ \d{4}", page(sitting.senior, "later"))
    assert "Nothing to settle now" in page(sitting.senior)
    waiting = a_sitting({}, {}, lock=False)
    assert "Waits for reads" in page(waiting.senior, "later")


def test_what_is_settled_can_be_looked_at() -> None:
    sitting = a_sitting({"T12": "A1"}, {})
    consensus = settle_all(sitting, sitting.open())
    lock_consensus(sitting.senior, consensus.pk, base_seq=consensus.seq)
    text = page(sitting.senior, "settled")
    assert f'href="/consensus/{consensus.pk}"' in text
    assert "1 of 1" in text


def test_whoever_opens_too_early_reads_why_on_the_list() -> None:
    sitting = a_sitting({}, {}, days=28)
    client = logged_in(sitting.senior)
    answer = client.post(f"/consensus/{sitting.round.pk}/{sitting.case.pk}/open", follow=True)
    assert "The wash-out of this case is not over. Available on" in answer.content.decode()


@pytest.mark.parametrize("role", [role for role in Role if role != Role.SENIOR])
def test_the_page_is_in_the_navigation_of_seniors_and_of_members_alone(role: Role) -> None:
    assert 'href="/consensus"' not in page(make_user(role)).split("<main", maxsplit=1)[0]
    assert 'href="/consensus"' in page(make_user(Role.SENIOR)).split("<main", maxsplit=1)[0]


def screen(sitting: Sitting, client: Client) -> str:
    return client.get(f"/consensus/{sitting.open().pk}").content.decode()


def test_the_screen_carries_what_the_api_answers() -> None:
    sitting = a_sitting({"T12": "A1"}, {})
    client = logged_in(sitting.senior)
    text = screen(sitting, client)
    held = re.search(r'<script id="consensus-data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert held is not None
    assert json.loads(held[1]) == client.get(f"/api/consensus/{sitting.open().pk}").json()


def test_the_screen_is_not_found_by_anybody_else() -> None:
    sitting = a_sitting({"T12": "A1"}, {})
    consensus = sitting.open()
    for role in Role:
        assert logged_in(make_user(role)).get(f"/consensus/{consensus.pk}").status_code == 404
