"""The anatomy check over HTTP: what is told, what is taken, and what nobody learns from it."""

import gzip
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.api.schema import described
from labeling.models import Anatomy, Case, RoundState
from tests import factories
from tests.api.conftest import Room, logged_in, post
from tests.api.test_schema import check

pytestmark = pytest.mark.django_db

_FIELDS = ("level", "certainty", "first_k", "last_k", "box", "cut", "cut_where", "mask_ok", "origin")


def proposal(anatomy: Anatomy, **changes: dict[str, Any]) -> dict[str, Any]:
    """The vertebrae of a version as they may be sent back; `changes` by level."""
    vertebrae = [
        {
            "vertebra": row.vertebra_id,
            **{name: getattr(row, name) for name in _FIELDS},
            **changes.get(row.level, {}),
        }
        for row in anatomy.vertebrae.all()
    ]
    return {"parent": anatomy.pk, "vertebrae": vertebrae, "confirm": False, "read": None, "preview": False}


def url(case: Case, what: str = "anatomies") -> str:
    return f"/api/cases/{case.pk}/{what}"


@pytest.fixture
def lead(db: None) -> Client:
    return logged_in(factories.make_user("lead", first_name="Ada", last_name="Ray"))


@pytest.fixture
def case(db: None) -> Case:
    case = factories.make_case()
    factories.make_anatomy(case)
    return case


def newest(case: Case) -> Anatomy:
    return case.anatomies.order_by("-n")[0]


def test_the_newest_anatomy_comes_with_its_stack_and_its_versions(case: Case, lead: Client) -> None:
    made = post(lead, url(case), proposal(newest(case), L2={"mask_ok": "no", "certainty": "certain"})).json()
    said = lead.get(url(case, "anatomy")).json()
    schema = json.loads(json.dumps(described(), default=str))
    check(schema, "CaseAnatomyOut", said)
    check(schema, "AnatomyMadeOut", made)
    assert (said["case"], said["name"], said["anatomy"]["id"]) == (case.pk, case.name, made["anatomy"])
    assert [one["n"] for one in said["versions"]] == [2, 1]
    assert said["anatomy"]["author"] == "Ada Ray"
    assert said["anatomy"]["origin"] == "version 1, changed by hand"
    assert said["anatomy"]["levels"] == "L2–L4"
    assert [(one["level"], one["mask_ok"]) for one in said["vertebrae"]] == [("L2", "no"), ("L3", None), ("L4", None)]
    assert (said["may_edit"], said["may_confirm"], said["why_not"], said["used_by"]) == (True, True, "", 0)
    assert len(said["stack"]["slices"]) == 12
    assert said["body_sizes"]["L1"] == [44.5, 33.3, 26.6]


def test_a_case_without_a_mask_has_no_anatomy_yet_and_takes_one_by_hand(lead: Client) -> None:
    case = factories.make_case()
    said = lead.get(url(case, "anatomy")).json()
    assert (said["anatomy"], said["vertebrae"], said["versions"]) == (None, [], [])
    body = {
        "vertebra": None, "level": "L1", "certainty": "assumed", "first_k": 3, "last_k": 8, "mask_ok": "missing",
        "box": [-9, 6, 1, 7, -8, -2], "cut": False, "cut_where": "", "origin": "by_hand",
    }  # fmt: skip
    sent = {"parent": None, "vertebrae": [body], "confirm": True, "read": None, "preview": False}
    made = post(lead, url(case), sent)
    assert (made.status_code, made.json()["n"]) == (200, 1)
    said = lead.get(url(case, "anatomy")).json()
    assert said["anatomy"]["confirmed_at"]
    assert said["anatomy"]["confirmed_by"] == "Ada Ray"
    assert said["anatomy"]["outlines_url"] is None
    assert said["vertebrae"][0]["label_value"] == 0
    # From now on the case can be read.
    factories.make_assignment(case)
    reader = logged_in(factories.make_user("resident"))
    assert post(reader, f"/api/cases/{case.pk}/open", {}).status_code == 200


def test_a_case_without_a_stack_says_what_to_send(lead: Client) -> None:
    case = factories.make_bare_case()
    answer = lead.get(url(case, "anatomy"))
    assert (answer.status_code, answer.json()["code"]) == (422, "not_readable")
    assert "Send its CT first" in answer.json()["sentence"]


def test_a_version_on_an_older_one_is_a_conflict_that_names_the_newest(case: Case, lead: Client) -> None:
    first = newest(case)
    made = post(lead, url(case), proposal(first, L2={"mask_ok": "no"})).json()
    answer = post(lead, url(case), proposal(first, L3={"mask_ok": "no"}))
    assert answer.status_code == 409
    check(json.loads(json.dumps(described(), default=str)), "NewerAnatomyOut", answer.json())
    assert answer.json() == {
        "ok": False,
        "code": "newer_anatomy",
        "sentence": "Somebody made version 2 meanwhile. Load it and make your changes there.",
        "anatomy": made["anatomy"],
        "n": 2,
    }


def test_what_cannot_be_is_refused_with_a_sentence(case: Case, lead: Client) -> None:
    answer = post(lead, url(case), proposal(newest(case), L3={"level": "L2"}))
    assert (answer.status_code, answer.json()["code"]) == (422, "level_order")
    assert answer.json()["sentence"] == "Two vertebrae are called L2. Give one of them another name."


@pytest.mark.parametrize(
    "change",
    [
        {"level": "S1"},
        {"certainty": "sure"},
        {"first_k": -1},
        {"box": [1, 2, 3]},
        {"cut_where": "head"},
        {"mask_ok": "perhaps"},
        {"origin": "model"},
        {"vertebra": "L2"},
        {"rank": 3},
    ],
)
def test_a_word_that_is_none_is_a_bad_input(case: Case, lead: Client, change: dict[str, Any]) -> None:
    answer = post(lead, url(case), proposal(newest(case), L3=change))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert f"vertebrae.1.{next(iter(change))}" in "".join(answer.json()["fields"])


def test_numbers_that_no_database_holds_are_refused_and_not_tried(case: Case, lead: Client) -> None:
    for change in ({"first_k": 10**12}, {"vertebra": 10**30}):
        assert post(lead, url(case), proposal(newest(case), L3=change)).status_code == 400
    # 1e999 is how JSON writes an infinity.
    text = json.dumps(proposal(newest(case))).replace("-9.0", "-1e999", 1)
    answer = lead.post(url(case), text, content_type="application/json")
    assert answer.status_code in (400, 422), answer.content
    assert newest(case).n == 1


def test_a_box_that_no_number_holds_or_that_has_no_end_is_a_bad_input(case: Case, lead: Client) -> None:
    box = [-6.0, 3.0, 1.0, 7.0, -10.0]
    for sent, field in (([*box, 10**400], "vertebrae.0.box.5"), (["x"] * 100_000, "vertebrae.0.box")):
        answer = post(lead, url(case), proposal(newest(case), L2={"box": sent}))
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field]), answer.content[:200]
    assert case.anatomies.count() == 1


def test_a_reader_changes_the_anatomy_and_goes_on_reading(room: Room) -> None:
    first = room.read.anatomy
    l2 = factories.vertebra_of(room.read, "L2")
    operation = {
        "uuid": "5b8c5f5e-1111-4c55-9d5e-000000000001",
        "base_seq": 0,
        "verb": "set_ao",
        "payload": {"vertebra": l2, "ao_body": "A1"},
        "client_at": "2026-01-05T10:00:00Z",
    }
    assert post(room.client, room.url("operations"), operation).status_code == 200
    assert room.client.get(url(room.case, "anatomy")).json()["used_by"] == 1
    renamed = {level: {"level": f"L{int(level[1]) + 1}"} for level in ("L2", "L3", "L4")}
    sent = {**proposal(first, **renamed), "read": room.read.pk}
    told = post(room.client, url(room.case), {**sent, "preview": True}).json()
    assert told == {"anatomy": None, "n": 2, "carried": {"read": room.read.pk, "kept": 1, "dropped": []}}
    made = post(room.client, url(room.case), sent).json()
    assert made["carried"] == told["carried"]
    again = room.client.get(room.url("room")).json()
    assert [one["level"] for one in again["vertebrae"]] == ["L3", "L4", "L5"]
    assert again["state"]["findings"][str(l2)]["ao_body"] == "A1"
    assert again["read"]["seq"] == 2


def test_another_persons_read_is_not_there_to_be_carried(room: Room, lead: Client) -> None:
    sent = {**proposal(room.read.anatomy, L2={"mask_ok": "no"}), "read": room.read.pk}
    assert post(lead, url(room.case), sent).status_code == 404


# Blindness


def test_the_answer_says_nothing_of_reads_however_many_there_are(case: Case) -> None:
    senior = factories.make_user("senior")
    blind = factories.make_round("independent")
    factories.make_assignment(case, round=blind, reader=factories.reader_of(senior))
    client = logged_in(senior)
    before = client.get(url(case, "anatomy")).json()
    locked = factories.make_read(case, round=blind, reader=factories.make_reader("senior"))
    locked.findings.create(vertebra_id=factories.vertebra_of(locked, "L2"), verdict="fracture", ao_body="A3")
    factories.lock_plainly(locked)
    factories.make_read(case)
    assert client.get(url(case, "anatomy")).json() == before
    assert before["used_by"] == 0
    assert not factories.reader_of(senior).exposures.exists()


def test_who_owes_a_blind_read_looks_and_does_not_change(case: Case) -> None:
    senior = factories.make_user("senior", "lead")
    blind = factories.make_round("independent", state=RoundState.PLANNED)
    factories.make_assignment(case, round=blind, reader=factories.reader_of(senior))
    client = logged_in(senior)
    said = client.get(url(case, "anatomy")).json()
    assert (said["may_edit"], said["may_confirm"]) == (False, False)
    assert "bound to its anatomy" in said["why_not"]
    for sent in (proposal(newest(case)), {**proposal(newest(case)), "confirm": True, "preview": True}):
        answer = post(client, url(case), sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert answer.json()["sentence"] == said["why_not"]
    assert newest(case).confirmed_at is None


def test_a_case_that_is_not_theirs_is_not_there(case: Case, resident: User) -> None:
    client = logged_in(resident)
    assert client.get(url(case, "anatomy")).status_code == 404
    assert post(client, url(case), proposal(newest(case))).status_code == 404


def test_the_number_of_queries_does_not_grow_with_versions(case: Case, lead: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            lead.get(url(case, "anatomy"))
        return len(seen)

    post(lead, url(case), proposal(newest(case), L2={"mask_ok": "no"}))
    few = queries()
    for mask_ok in ("yes", "no", "yes"):
        post(lead, url(case), proposal(newest(case), L2={"mask_ok": mask_ok}))
    assert newest(case).n == 5
    assert queries() == few


# Outlines


@pytest.fixture
def outlined(case: Case, settings: Any) -> Case:
    """Rings of the three vertebrae under the values of their mask, 1 to 3, on slice 3."""
    path = settings.MEDIA_ROOT / "outlines/one.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    rings = {"3": {str(value): [[[1, value], [3, value], [3, value + 1]]] for value in (1, 2, 3)}}
    path.write_bytes(gzip.compress(json.dumps(rings).encode()))
    Anatomy.objects.filter(case=case).update(outlines="outlines/one.json.gz", label_map="masks/one.npz")
    return case


def test_outlines_of_renamed_vertebrae_are_those_of_the_mask_under_its_values(outlined: Case, lead: Client) -> None:
    first = newest(outlined)
    renamed = {level: {"level": f"L{int(level[1]) + 1}"} for level in ("L2", "L3", "L4")}
    post(lead, url(outlined), proposal(first, **renamed))
    said = lead.get(url(outlined, "anatomy")).json()
    assert [(one["level"], one["label_value"]) for one in said["vertebrae"]] == [("L3", 1), ("L4", 2), ("L5", 3)]
    assert said["anatomy"]["outlines_url"] != f"/api/anatomies/{first.pk}/outlines"
    mine = lead.get(said["anatomy"]["outlines_url"])
    assert mine.json() == lead.get(f"/api/anatomies/{first.pk}/outlines").json()
    assert set(mine.json()["3"]) == {"1", "2", "3"}


def test_the_outline_of_what_was_taken_out_bears_no_vertebras_value(outlined: Case, lead: Client) -> None:
    sent = proposal(newest(outlined))
    sent["vertebrae"] = sent["vertebrae"][1:]
    assert post(lead, url(outlined), sent).status_code == 200
    said = lead.get(url(outlined, "anatomy")).json()
    rings = lead.get(said["anatomy"]["outlines_url"]).json()
    # The file is the mask's; what is drawn is what a vertebra of this version names.
    assert [one["label_value"] for one in said["vertebrae"]] == [2, 3]
    assert {"2", "3"} <= set(rings["3"])
