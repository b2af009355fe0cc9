"""The protocol record as a page and as JSON: for whom, whole or partial, and the same in both."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Read
from labeling.reading.protocol.record import content_hash
from labeling.reading.roles import Role, reader_of
from tests.factories import lock_plainly, make_assignment, make_read, make_round, make_user
from tests.reading.test_protocol import settled_round

pytestmark = pytest.mark.django_db


def logged_in(*roles: Role) -> tuple[Client, Any]:
    user, client = make_user(*roles), Client()
    client.force_login(user)
    return client, user


@pytest.mark.parametrize("role", [Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR])
def test_overseers_read_it_and_page_and_json_bear_the_same_hash(role: Role) -> None:
    client, _ = logged_in(role)
    lead = make_user(Role.LEAD, username="planner")
    anna, otto = make_user(Role.SENIOR, username="anna"), make_user(Role.SENIOR, username="otto")
    round_, case, consensus = settled_round(anna, otto, lead)
    sent = client.get(reverse("api-round-protocol", args=[round_.pk])).json()
    page = client.get(reverse("round-protocol", args=[round_.pk])).content.decode()
    assert sent["sha256"] == content_hash(sent["record"])
    assert sent["sha256"] in page
    assert sent["partial"] is False
    for words in (case.name, "anna", "otto", consensus.content_sha, "1 AO type", "Took: 1 A, 1 neither", "planner"):
        assert words in page


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_readers_do_not(role: Role) -> None:
    client, _ = logged_in(role)
    round_ = make_round("independent")
    assert client.get(reverse("round-protocol", args=[round_.pk])).status_code == 403
    assert client.get(reverse("api-round-protocol", args=[round_.pk])).status_code == 403


def test_a_round_that_is_not_there_is_not_found() -> None:
    client, _ = logged_in(Role.LEAD)
    assert client.get(reverse("round-protocol", args=[10**6])).status_code == 404
    assert client.get(reverse("api-round-protocol", args=[10**6])).status_code == 404


def test_a_lead_who_is_still_to_read_sees_a_partial_record() -> None:
    client, user = logged_in(Role.LEAD, Role.SENIOR)
    round_ = make_round("independent")
    read = lock_plainly(make_read(round=round_))
    same = {name: getattr(read, name) for name in ("round", "case", "reader", "stack", "anatomy")}
    Read.objects.create(**same, version=2, supersedes=read, reopen_reason="A fracture after all")
    make_assignment(read.case, round=round_, reader=reader_of(user))
    page = client.get(reverse("round-protocol", args=[round_.pk])).content.decode()
    sent = client.get(reverse("api-round-protocol", args=[round_.pk])).json()
    assert sent["partial"] is True
    assert "Partial." in page
    assert "closed to you" in page
    for text in (page, str(sent)):
        assert "A fracture after all" not in text
        assert read.content_sha not in text


def test_an_imported_round_an_empty_one_and_a_moved_clock_say_so(settings: Any, tmp_path: Any) -> None:
    client, _ = logged_in(Role.LEAD)
    settings.CLOCK_FILE = tmp_path / "days"
    settings.CLOCK_FILE.write_text("28")
    round_ = make_round("independent", imported=True, state="closed")
    page = client.get(reverse("round-protocol", args=[round_.pk])).content.decode()
    assert "Nothing is known of what their readers saw" in page
    assert "No case is in this round" in page
    assert "by 28 days" in page
