"""Reading over HTTP, from the pool to the lock."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import Assignment, Read, Slice
from tests import factories
from tests.api.conftest import Room, logged_in, post

pytestmark = pytest.mark.django_db


def operation(verb: str, base_seq: int = 0, *, on_screen: str = "", **payload: Any) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "base_seq": base_seq,
        "verb": verb,
        "payload": payload,
        "shown": {"sop_uid": on_screen, "window": [1800, 400], "rendered_at": "2026-01-05T09:59:59.123Z"},
        "client_at": datetime(2026, 1, 5, 10, tzinfo=UTC).isoformat(),
    }


def test_a_resident_opens_a_case_from_the_pool_and_gets_the_same_read_again(resident: User, pooled: Assignment) -> None:
    client = logged_in(resident)
    url = f"/api/cases/{pooled.case_id}/open"
    first = post(client, url, {})
    assert first.status_code == 200, first.content
    assert post(client, url, {}).json() == first.json()
    assert Read.objects.get(pk=first.json()["read"]).reader.user == resident


def test_a_case_that_is_not_there_and_one_that_is_not_theirs_look_alike(resident: User) -> None:
    hidden = factories.make_case()
    client = logged_in(resident)
    answers = [post(client, f"/api/cases/{case}/open", {}) for case in (hidden.pk, 999_999, 10**30)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.content for answer in answers}) == 1


def test_a_case_without_vertebrae_cannot_be_opened_and_says_why(resident: User) -> None:
    assignment = factories.make_assignment(factories.make_case())
    answer = post(logged_in(resident), f"/api/cases/{assignment.case_id}/open", {})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_readable")
    assert "vertebrae" in answer.json()["sentence"]


def test_the_room_holds_everything_in_reading_order(room: Room) -> None:
    said = room.client.get(room.url("room")).json()
    assert said["read"] == {
        "id": room.read.pk,
        "version": 1,
        "state": "draft",
        "seq": 0,
        "locked_at": None,
        "writable": True,
        "viewed": {},
    }
    assert said["round"]["rules"]["unit"] == "slice"
    assert said["position"] == {"index": 1, "of": 1}
    assert said["case"]["name"] == room.case.name
    assert [vertebra["level"] for vertebra in said["vertebrae"]] == ["L2", "L3", "L4"]
    assert [one["k"] for one in said["stack"]["slices"]] == list(range(12))
    sops = [one["sop_uid"] for one in said["stack"]["slices"]]
    assert [one["00080018"]["Value"][0] for one in said["stack"]["metadata"]] == sops
    frame = room.client.get(said["stack"]["frames_url"].replace("{sop_uid}", sops[3]))
    assert frame.status_code == 200
    assert said["outlines_url"] is None
    assert [gap["kind"] for gap in said["gaps"]] == ["no_verdict"] * 3


def test_the_rooms_queries_do_not_grow_with_slices_vertebrae_or_labels(room: Room) -> None:
    large = factories.make_case(slices=60)
    factories.make_anatomy(large, ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"), last_k=40)
    read = factories.make_read(large, reader=room.read.reader, round=room.round)
    counts = []
    for pk in (room.read.pk, read.pk):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert room.client.get(f"/api/reads/{pk}/room").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    # Session, account, roles, the door, state, report (3 and its savepoint), models (what else is owed), position,
    # slices, vertebrae, anatomy (2), versions, active time, and what the other planes are cut from (3, once a process).
    assert counts[0] <= 23


def test_the_report_comes_only_where_the_round_shows_it(resident: User) -> None:
    case = factories.make_case(report_text="Old fracture of L3.")
    factories.make_anatomy(case)
    reader = factories.reader_of(resident)
    shown = factories.make_read(case, reader=reader)
    client = logged_in(resident)
    assert client.get(f"/api/reads/{shown.pk}/room").json()["report"] == {"text": "Old fracture of L3."}
    other = factories.make_case(report_text="Old fracture of L3.")
    factories.make_anatomy(other)
    hidden = factories.make_read(other, reader=reader, round=factories.make_round("independent"))
    answer = client.get(f"/api/reads/{hidden.pk}/room")
    assert answer.json()["report"] is None
    assert b"Old fracture" not in answer.content


def test_nobody_sees_the_draft_of_another_not_even_an_administrator(room: Room) -> None:
    for role in ("resident", "senior", "lead", "engineer", "administrator"):
        client = logged_in(factories.make_user(role))
        for what in ("room", "gaps"):
            assert client.get(room.url(what)).status_code == 404
        sent = operation("set_verdict", vertebra=factories.vertebra_of(room.read, "L2"), verdict="indeterminate")
        assert post(client, room.url("operations"), sent).status_code == 404
        assert post(client, room.url("seen"), {"sop_uids": []}).status_code == 404
        assert post(client, room.url("lock"), {"base_seq": 0}).status_code == 404


def test_a_click_is_written_and_sent_twice_is_written_once(room: Room) -> None:
    l3, sop = factories.vertebra_of(room.read, "L3"), factories.sops_of(room.read)[2]
    sent = operation("label_slices", on_screen=sop, vertebra=l3, sop_uids=[sop], value="fracture", source="key")
    first = post(room.client, room.url("operations"), sent)
    assert first.status_code == 200, first.content
    said = first.json()
    assert said["seq"] == 1
    assert said["findings"][str(l3)]["verdict"] == "fracture"
    assert said["findings"][str(l3)]["slices"] == {sop: {"value": "fracture", "source": "key"}}
    assert "no_ao_type" in [gap["kind"] for gap in said["gaps"]]
    assert post(room.client, room.url("operations"), sent).json() == said
    assert room.client.get(room.url("room")).json()["read"]["seq"] == 1


def test_a_label_for_another_slice_than_the_one_on_screen_is_refused(room: Room) -> None:
    l3, sops = factories.vertebra_of(room.read, "L3"), factories.sops_of(room.read)
    sent = operation("label_slices", on_screen=sops[0], vertebra=l3, sop_uids=[sops[1]], value="fracture", source="key")
    answer = post(room.client, room.url("operations"), sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "another_slice")


def test_a_click_on_an_old_state_is_a_conflict_that_carries_the_new_one(room: Room) -> None:
    l3 = factories.vertebra_of(room.read, "L3")
    assert post(room.client, room.url("operations"), operation("set_ao", vertebra=l3, ao_body="A1")).status_code == 200
    answer = post(room.client, room.url("operations"), operation("set_ao", vertebra=l3, ao_body="A3"))
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["seq"]) == ("conflict", 1)
    assert answer.json()["state"]["findings"][str(l3)]["ao_body"] == "A1"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"base_sequence": 1}, "base_sequence"),
        ({"payload": None}, "payload"),
        ({"verb": "set_everything"}, "verb"),
        ({"uuid": "no"}, "uuid"),
        ({"base_seq": -1}, "base_seq"),
        ({"base_seq": 2**40}, "base_seq"),
        ({"shown": {"sop_uid": "", "mood": 1}}, "shown.mood"),
        ({"client_at": "yesterday"}, "client_at"),
    ],
)
def test_input_that_is_not_understood_is_refused_by_name(room: Room, change: dict[str, Any], named: str) -> None:
    l3 = factories.vertebra_of(room.read, "L3")
    answer = post(room.client, room.url("operations"), {**operation("set_ao", vertebra=l3, ao_body="A1"), **change})
    assert answer.status_code == 400
    said = answer.json()
    assert (said["ok"], said["code"]) == (False, "bad_input")
    assert list(said["fields"]) == [named]
    assert said["sentence"].startswith(f"{named}: ")


def test_a_payload_with_an_unknown_field_is_refused_by_name(room: Room) -> None:
    l3 = factories.vertebra_of(room.read, "L3")
    answer = post(room.client, room.url("operations"), operation("set_ao", vertebra=l3, ao_body="A1", ao="A1"))
    assert answer.status_code == 400
    assert "ao" in answer.json()["sentence"]


def test_a_whole_case_is_read_and_locked_over_the_api(room: Room) -> None:
    levels = {level: factories.vertebra_of(room.read, level) for level in ("L2", "L3", "L4")}
    sops = factories.sops_of(room.read)
    early = post(room.client, room.url("lock"), {"base_seq": 0})
    assert (early.status_code, early.json()["code"]) == (422, "not_complete")
    assert len(early.json()["gaps"]) == 3
    seen = post(room.client, room.url("seen"), {"sop_uids": sops, "viewed": {"k": 5, "vertebra": levels["L3"]}})
    assert seen.json() == {"seen": len(sops)}
    key = operation(
        "label_slices", on_screen=sops[1], vertebra=levels["L3"], sop_uids=[sops[1]], value="fracture", source="key"
    )
    steps = [
        operation("rest_negative", 0, vertebra=levels["L2"]),
        {**key, "base_seq": 1},
        operation("set_ao", 2, vertebra=levels["L3"], ao_body="A1"),
        operation("set_verdict", 3, vertebra=levels["L4"], verdict="not_assessable", why="metal"),
    ]
    for step in steps:
        assert post(room.client, room.url("operations"), step).status_code == 200
    assert room.client.get(room.url("gaps")).json() == {"gaps": []}
    assert post(room.client, room.url("lock"), {"base_seq": 3}).json()["code"] == "conflict"
    locked = post(room.client, room.url("lock"), {"base_seq": 4})
    assert locked.status_code == 200, locked.content
    assert locked.json()["version"] == 1
    said = room.client.get(room.url("room")).json()
    assert (said["read"]["state"], said["read"]["writable"], said["gaps"]) == ("locked", False, [])
    assert said["read"]["viewed"] == {"k": 5, "vertebra": levels["L3"]}
    late = post(room.client, room.url("operations"), operation("set_ao", 4, vertebra=levels["L3"], ao_body="A2"))
    assert (late.status_code, late.json()["code"]) == (409, "locked")


def test_after_the_lock_the_next_case_is_the_next_that_can_be_read(room: Room, pooled: Assignment) -> None:
    for index, level in enumerate(("L2", "L3", "L4")):
        vertebra = factories.vertebra_of(room.read, level)
        sent = operation("set_verdict", index, vertebra=vertebra, verdict="indeterminate")
        assert post(room.client, room.url("operations"), sent).status_code == 200
    assert post(room.client, room.url("lock"), {"base_seq": 3}).json()["next"] == pooled.case_id


def test_a_slice_of_another_stack_was_not_seen(room: Room) -> None:
    foreign = Slice.objects.filter(stack=factories.make_case().reading_stack).first()
    assert foreign is not None
    answer = post(room.client, room.url("seen"), {"sop_uids": [foreign.sop_uid]})
    assert (answer.status_code, answer.json()["code"]) == (422, "outside")


def test_the_worklist_lists_own_and_pooled_cases_with_counts(room: Room, pooled: Assignment) -> None:
    drafts = room.client.get("/api/worklist?tab=draft").json()
    assert [row["case"] for row in drafts["rows"]] == [room.case.pk]
    assert drafts["counts"]["draft"] == 1
    assert drafts["resume"]["read"] == room.read.pk
    to_read = room.client.get("/api/worklist").json()
    assert [row["case"] for row in to_read["rows"]] == [pooled.case_id]
    assert to_read["rows"][0]["levels"] == "L2–L4"
    answer = room.client.get("/api/worklist?tabs=draft")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["tabs"])


@pytest.mark.parametrize("left", [(), ("lead",)])
def test_who_no_longer_reads_writes_no_more_not_even_into_a_draft_of_their_own(room: Room, left: tuple[str]) -> None:
    room.user.groups.set([group for group in factories.make_user(*left).groups.all()])
    vertebra = factories.vertebra_of(room.read, "L2")
    sent = {
        "operations": operation("set_unclear", vertebra=vertebra, value=True),
        "seen": {"sop_uids": factories.sops_of(room.read)},
        "lock": {"base_seq": 0},
    }
    assert {what: post(room.client, room.url(what), data).status_code for what, data in sent.items()} == dict.fromkeys(
        sent, 404
    )
    room.read.refresh_from_db()
    assert (room.read.seq, room.read.state, room.read.seen.count()) == (0, "draft", 0)


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_round_that_is_not_open_takes_nothing_and_says_so(room: Room, state: str) -> None:
    vertebra = factories.vertebra_of(room.read, "L2")
    before = operation("set_unclear", vertebra=vertebra, value=True)
    post(room.client, room.url("operations"), before)
    room.round.state = state
    room.round.save()
    sent = {
        "operations": operation("set_unclear", 1, vertebra=vertebra, value=False),
        "seen": {"sop_uids": factories.sops_of(room.read)},
        "lock": {"base_seq": 1},
    }
    for what, data in sent.items():
        answer = post(room.client, room.url(what), data)
        assert (answer.status_code, answer.json()["code"]) == (422, "round_not_open"), what
        assert state in answer.json()["sentence"]
    assert room.client.get(room.url("room")).json()["read"]["writable"] is False
    # What was saved while it was open is answered again: the first answer may have been lost on its way.
    assert post(room.client, room.url("operations"), before).json()["seq"] == 1


def test_a_comment_may_hold_the_letters_that_stand_for_a_zero_byte(room: Room) -> None:
    vertebra = factories.vertebra_of(room.read, "L2")
    answer = post(
        room.client, room.url("operations"), operation("set_comment", vertebra=vertebra, text="C:\\u0000 \\\\u0000")
    )
    assert answer.json()["findings"][str(vertebra)]["comment"] == "C:\\u0000 \\\\u0000"
