"""The room's answers beside the labels: lease, versions, skipping, preferences, what may be fetched ahead."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import Assignment, Read, Reader
from tests import factories
from tests.api.conftest import Room, logged_in, post
from tests.api.test_reads import operation

pytestmark = pytest.mark.django_db

TAB, OTHER_TAB = str(uuid.uuid4()), str(uuid.uuid4())


def put(client: Client, url: str, data: object) -> Any:
    return client.put(url, data, content_type="application/json")


def lock(room: Room, reader_client: Client | None = None) -> None:
    """Every vertebra indeterminate, and locked."""
    for seq, level in enumerate(("L2", "L3", "L4")):
        sent = operation("set_verdict", seq, vertebra=factories.vertebra_of(room.read, level), verdict="indeterminate")
        assert post(room.client, room.url("operations"), sent).status_code == 200
    assert post(room.client, room.url("lock"), {"base_seq": 3}).status_code == 200


def test_two_tabs_over_http_one_writes_the_other_is_told_and_takes_over(room: Room) -> None:
    first = put(room.client, room.url("writer"), {"tab": TAB})
    assert (first.status_code, first.json()["mine"], first.json()["since"]) == (200, True, None)
    second = put(room.client, room.url("writer"), {"tab": OTHER_TAB}).json()
    assert (second["mine"], second["until"]) == (False, first.json()["until"])
    sent = operation("set_unclear", vertebra=factories.vertebra_of(room.read, "L2"), value=True)
    tries = {"operations": sent, "seen": {"sop_uids": []}, "lock": {"base_seq": 0}}
    for what, data in tries.items():
        for tab in ({}, {"tab": OTHER_TAB}):
            answer = post(room.client, room.url(what), {**data, **tab})
            assert (answer.status_code, answer.json()["code"]) == (409, "elsewhere"), what
            assert "Take over to write here." in answer.json()["sentence"]
    assert put(room.client, room.url("writer"), {"tab": OTHER_TAB, "take": True}).json()["mine"] is True
    assert post(room.client, room.url("operations"), {**sent, "tab": OTHER_TAB}).status_code == 200
    assert put(room.client, room.url("writer"), {"tab": TAB}).json()["mine"] is False


@pytest.mark.parametrize("how", ["delete", "json", "form"])
def test_a_tab_that_closes_lets_go(room: Room, how: str) -> None:
    put(room.client, room.url("writer"), {"tab": TAB})
    if how == "delete":
        answer = room.client.delete(room.url("writer"), {"tab": TAB}, content_type="application/json")
    elif how == "json":
        answer = post(room.client, room.url("writer/release"), {"tab": TAB})
    else:
        answer = room.client.post(room.url("writer/release"), {"tab": TAB})
    assert (answer.status_code, answer.json()) == (200, {"mine": False, "until": None, "since": None})
    assert put(room.client, room.url("writer"), {"tab": OTHER_TAB}).json()["mine"] is True


def test_what_a_closing_page_sends_needs_its_token_in_the_form(room: Room) -> None:
    strict = logged_in(room.user, enforce_csrf_checks=True)
    refused = strict.post(room.url("writer/release"), {"tab": TAB})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    strict.get("/account")
    token = strict.cookies["csrftoken"].value
    sent = strict.post(room.url("writer/release"), {"tab": TAB, "csrfmiddlewaretoken": token})
    assert sent.status_code == 200, sent.content


def test_a_locked_read_has_no_writer(room: Room) -> None:
    lock(room)
    answer = put(room.client, room.url("writer"), {"tab": TAB})
    assert (answer.status_code, answer.json()["code"]) == (409, "locked")


def test_the_room_holds_what_the_strip_the_anatomy_and_the_versions_need(room: Room) -> None:
    said = room.client.get(room.url("room")).json()
    first = said["vertebrae"][0]
    assert (first["first_k"], first["last_k"], first["kept_first_k"], first["kept_last_k"]) == (3, 8, 4, 7)
    assert (len(first["box"]), first["mask_ok"]) == (6, None)
    anatomy = room.read.anatomy
    assert said["anatomy"] == {
        "id": anatomy.pk,
        "n": anatomy.n,
        "confirmed": False,
        "editable": True,
        "url": f"/cases/{room.case.pk}/anatomy",
    }
    assert said["stack"]["affine"] == room.read.stack.affine
    assert (said["reopenable"], said["active_ms"]) == (False, {"": 0})
    assert [(one["read"], one["version"], one["reason"]) for one in said["versions"]] == [(room.read.pk, 1, "")]
    assert said["priors"] == []
    assert set(said["second"]) == {"axial", "coronal"}


def test_a_body_of_two_slices_keeps_none(resident: User) -> None:
    case = factories.make_case()
    factories.make_anatomy(case, first_k=3, last_k=4)
    read = factories.make_read(case, reader=factories.reader_of(resident))
    said = logged_in(resident).get(f"/api/reads/{read.pk}/room").json()
    assert {(one["kept_first_k"], one["kept_last_k"]) for one in said["vertebrae"]} == {(None, None)}


@pytest.mark.parametrize("kind", ["independent", "repeat", "practice"])
def test_where_the_round_pins_the_anatomy_the_room_offers_no_other(resident: User, kind: str) -> None:
    read = factories.make_read(reader=factories.reader_of(resident), round=factories.make_round(kind))
    assert logged_in(resident).get(f"/api/reads/{read.pk}/room").json()["anatomy"]["editable"] is False


def test_active_time_is_told_with_the_coverage_and_shown_to_the_reader_alone(room: Room) -> None:
    l2 = factories.vertebra_of(room.read, "L2")
    active = [{"vertebra": None, "ms": 700}, {"vertebra": l2, "ms": 4000}]
    sent = {"sop_uids": [], "tab": TAB, "active": active}
    assert post(room.client, room.url("seen"), sent).status_code == 200
    assert post(room.client, room.url("seen"), sent).status_code == 200
    assert room.client.get(room.url("room")).json()["active_ms"] == {"": 4700, str(l2): 4000}
    lock(room_after_release(room))
    assert room.client.get(room.url("room")).json()["active_ms"] == {"": 4700, str(l2): 4000}
    lead = logged_in(factories.make_user("lead")).get(room.url("room"))
    assert (lead.status_code, lead.json()["active_ms"]) == (200, {})


def room_after_release(room: Room) -> Room:
    post(room.client, room.url("writer/release"), {"tab": TAB})
    return room


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"active": [{"vertebra": 1, "ms": 5}]}, "tab"),
        ({"tab": TAB, "active": [{"vertebra": 1, "ms": -5}]}, "active.0.ms"),
        ({"tab": TAB, "active": [{"vertebra": 1, "ms": 2**31}]}, "active.0.ms"),
        ({"tab": TAB, "active": [{"ms": 1}]}, "active.0.vertebra"),
        ({"tab": TAB, "active": [{"vertebra": None, "ms": 1}] * 201}, "active"),
        ({"tab": "here"}, "tab"),
    ],
)
def test_active_time_that_is_not_understood_is_refused_by_name(room: Room, change: dict[str, Any], named: str) -> None:
    answer = post(room.client, room.url("seen"), {"sop_uids": [], **change})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [named])


def test_a_locked_read_is_reopened_with_a_reason_and_the_room_knows_both_versions(room: Room) -> None:
    early = post(room.client, room.url("reopen"), {"reason": "again"})
    assert (early.status_code, early.json()["code"]) == (409, "not_locked")
    lock(room)
    assert room.client.get(room.url("room")).json()["reopenable"] is True
    for reason in ("", "  ", "ab", "x" * 501, None):
        assert post(room.client, room.url("reopen"), {"reason": reason}).status_code == 400
    answer = post(room.client, room.url("reopen"), {"reason": "L4 is a fracture"})
    assert answer.status_code == 200, answer.content
    draft = answer.json()["read"]
    assert post(room.client, room.url("reopen"), {"reason": "once more"}).json() == {"read": draft}
    said = room.client.get(f"/api/reads/{draft}/room").json()
    assert (said["read"]["version"], said["read"]["writable"], said["reopenable"]) == (2, True, False)
    assert [(one["version"], one["reason"]) for one in said["versions"]] == [(1, ""), (2, "L4 is a fracture")]
    assert {finding["verdict"] for finding in said["state"]["findings"].values()} == {"indeterminate"}
    before = room.client.get(room.url("room")).json()
    assert (before["read"]["writable"], before["reopenable"]) == (False, False)
    late = post(logged_in(factories.make_user("senior")), room.url("reopen"), {"reason": "mine now"})
    assert late.status_code == 404


def test_another_who_may_see_the_locked_read_sees_no_draft_of_a_later_version(room: Room) -> None:
    lock(room)
    draft = post(room.client, room.url("reopen"), {"reason": "L4 is a fracture"}).json()["read"]
    lead = logged_in(factories.make_user("lead"))
    said = lead.get(room.url("room"))
    assert [one["version"] for one in said.json()["versions"]] == [1]
    assert said.json()["reopenable"] is False
    assert b"L4 is a fracture" not in said.content
    assert lead.get(f"/api/reads/{draft}/room").status_code == 404


def test_the_rooms_queries_do_not_grow_with_versions_tabs_or_priors(room: Room) -> None:
    def cost(read: int) -> int:
        room.client.get(f"/api/reads/{read}/room")
        with CaptureQueriesContext(connection) as queries:
            assert room.client.get(f"/api/reads/{read}/room").status_code == 200
        return len(queries)

    factories.lock_plainly(room.read)
    # What may be shown beside a later version is asked for with a few queries more, however many versions there are.
    later = post(room.client, f"/api/reads/{room.read.pk}/reopen", {"reason": "version 2"}).json()["read"]
    few = cost(factories.lock_plainly(Read.objects.get(pk=later)).pk)
    patient = room.case.patient
    for year in (2011, 2012, 2013):
        factories.make_anatomy(factories.make_case(patient=patient, study_date=f"{year}-05-02"))
    type(room.case).objects.filter(pk=room.case.pk).update(study_date="2020-01-03")
    read = later
    for number in range(3, 6):
        read = post(room.client, f"/api/reads/{read}/reopen", {"reason": f"version {number}"}).json()["read"]
        for _ in range(3):
            tab = {"tab": str(uuid.uuid4())}
            put(room.client, f"/api/reads/{read}/writer", {**tab, "take": True})
            told = {"sop_uids": [], "active": [{"vertebra": None, "ms": 5}], **tab}
            assert post(room.client, f"/api/reads/{read}/seen", told).status_code == 200
        factories.lock_plainly(Read.objects.get(pk=read))
    # A few more where there may be priors at all: a case without a date asks for none.
    assert cost(read) <= few + 4


def test_opening_a_case_answers_with_its_room(resident: User, pooled: Assignment) -> None:
    client = logged_in(resident)
    opened = post(client, f"/api/cases/{pooled.case_id}/open", {}).json()
    assert opened["room"] == client.get(f"/api/reads/{opened['read']}/room").json()


def test_a_case_is_skipped_and_the_next_one_is_named(room: Room, pooled: Assignment) -> None:
    for bad in ({}, {"reason": ""}, {"reason": "boring"}, {"reason": "image", "note": "x" * 501}):
        assert post(room.client, f"/api/cases/{room.case.pk}/skip", bad).status_code == 400
    answer = post(room.client, f"/api/cases/{room.case.pk}/skip", {"reason": "image", "note": "Artefacts"})
    assert (answer.status_code, answer.json()) == (200, {"next": pooled.case_id})
    said = room.client.get("/api/worklist?tab=skipped").json()
    assert [(row["case"], row["skip_reason"]) for row in said["rows"]] == [(room.case.pk, "image")]
    again = post(room.client, f"/api/cases/{room.case.pk}/open", {}).json()
    assert again["read"] == room.read.pk
    lock(room)
    late = post(room.client, f"/api/cases/{room.case.pk}/skip", {"reason": "image"})
    assert (late.status_code, late.json()["code"]) == (422, "not_readable")


def test_what_may_be_fetched_ahead_can_be_fetched_and_opens_nothing(room: Room, pooled: Assignment) -> None:
    url = f"/api/worklist/next?after={room.case.pk}"
    ahead = room.client.get(url).json()
    assert (ahead["case"], ahead["name"], ahead["outlines_url"]) == (pooled.case_id, pooled.case.name, None)
    assert len(ahead["frames"]) == 12
    assert room.client.get(ahead["frames"][0]).status_code == 200
    assert Read.objects.count() == 1
    pooled.refresh_from_db()
    assert pooled.reader is None
    opened = post(room.client, f"/api/cases/{pooled.case_id}/open", {}).json()["room"]
    start = opened["stack"]["slices"][5]["sop_uid"]
    assert ahead["frames"][0] == opened["stack"]["frames_url"].replace("{sop_uid}", start)
    assert room.client.get("/api/worklist/next?after=x").status_code == 400


def test_fetching_ahead_costs_the_same_however_long_the_list(room: Room, pooled: Assignment) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            room.client.get(f"/api/worklist/next?after={room.case.pk}")
        return len(queries)

    few = cost()
    for _ in range(5):
        case = factories.make_case(slices=30)
        factories.make_anatomy(case)
        factories.make_assignment(case, round=pooled.round)
    assert cost() == few


def test_preferences_are_kept_per_person_and_replaced_as_a_whole(resident: User) -> None:
    client, url = logged_in(resident), "/api/me/preferences"
    assert client.get(url).json() == {"keys": {}, "single_keys": True}
    assert not Reader.objects.filter(user=resident).exists()
    mine = {"keys": {"next vertebra": ["ArrowRight", " "], "lock": []}, "single_keys": False}
    assert put(client, url, mine).json() == mine
    assert logged_in(resident).get(url).json() == mine
    assert logged_in(factories.make_user("resident")).get(url).json() == {"keys": {}, "single_keys": True}
    assert put(client, url, {"keys": {}}).json() == {"keys": {}, "single_keys": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": {"lock": "Enter"}},
        {"keys": {"lock": ["x" * 41]}},
        {"keys": {"lock": [""]}},
        {"keys": {f"command {n}": ["a"] for n in range(201)}},
        {"keys": {"x" * 81: ["a"]}},
        {"keys": {"lock": ["a"] * 11}},
        {"keys": None},
        {"single_keys": "perhaps"},
        {"colour": "green"},
    ],
)
def test_preferences_that_are_not_understood_change_nothing(resident: User, wrong: dict[str, Any]) -> None:
    client, url = logged_in(resident), "/api/me/preferences"
    put(client, url, {"single_keys": False})
    answer = put(client, url, wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert client.get(url).json() == {"keys": {}, "single_keys": False}


#: A number of JSON that no float holds.
TOO_LARGE = 10**400


@pytest.mark.parametrize(
    ("what", "field"), [("seen", "viewed.window.1"), ("operations", "shown.window.1")], ids=["seen", "operations"]
)
def test_a_window_that_no_number_holds_is_a_bad_input(room: Room, what: str, field: str) -> None:
    sent = operation("set_unclear", vertebra=factories.vertebra_of(room.read, "L2"), value=True)
    window = [1800, TOO_LARGE]
    data = {"sop_uids": [], "viewed": {"window": window}} if what == "seen" else sent
    if what == "operations":
        data["shown"] = {"sop_uid": "", "window": window}
    answer = post(room.client, room.url(what), data)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field]), answer.content


@pytest.mark.parametrize(
    ("what", "data", "field"),
    [
        ("seen", {"sop_uids": [{}] * 100_000}, "sop_uids"),
        ("seen", {"sop_uids": [], "tab": TAB, "active": [{}] * 100_000}, "active"),
        ("seen", {"sop_uids": [], "viewed": {"window": ["x"] * 100_000}}, "viewed.window"),
        ("preferences", {"keys": {"f": [{}] * 100_000}}, "keys.f"),
        ("preferences", {"keys": {str(n): 1 for n in range(50_000)}}, "keys"),
    ],
    ids=["slices", "active", "window", "chords", "commands"],
)
def test_of_a_list_that_is_too_long_no_item_is_looked_at(
    room: Room, what: str, data: dict[str, Any], field: str
) -> None:
    answer = (
        put(room.client, "/api/me/preferences", data)
        if what == "preferences"
        else post(room.client, room.url(what), data)
    )
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field]), answer.content[:200]
