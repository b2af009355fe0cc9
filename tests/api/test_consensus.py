"""The consensus over HTTP: the one answer, what a panel sends, and who is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labeling.api.schema import described
from labeling.api.shapes_consensus import ConsensusOut, SettledOut
from labeling.models import (
    ActiveTime,
    Case,
    Exposure,
    Question,
    Read,
    Reader,
    ReaderKind,
    Reference,
    RoundKind,
    Settles,
)
from labeling.reading import washout
from labeling.reading.roles import Role, reader_of
from labeling.reading.visibility import report_for
from tests.api.conftest import logged_in, post
from tests.api.test_schema import check
from tests.factories import make_assignment, make_round, make_user
from tests.reading.opinions import make_opinion
from tests.reading.sittings import Sitting, a_sitting

pytestmark = pytest.mark.django_db

FIRST = {"T12": "A1", "L1": "A1"}
SECOND = {"L1": "A3"}


class Table:
    """A senior before an open consensus."""

    def __init__(self, sitting: Sitting) -> None:
        self.sitting = sitting
        self.consensus = sitting.open()
        self.client = logged_in(sitting.senior)

    def url(self, what: str = "") -> str:
        return f"/api/consensus/{self.consensus.pk}" + (f"/{what}" if what else "")

    def get(self) -> dict[str, Any]:
        answer = self.client.get(self.url())
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def settle(self, level: str, *, client: Client | None = None, **fields: Any) -> Any:
        return post(client or self.client, self.url("settle"), self.settlement(level, **fields))

    def settlement(self, level: str, **fields: Any) -> dict[str, Any]:
        return {
            "uuid": str(uuid4()),
            "base_seq": Read.objects.get(pk=self.consensus.pk).seq,
            "vertebra": self.sitting.vertebra(level),
            "took": "a",
            "finding": None,
            "injury": None,
            "reason": "limbus",
            "acuity": "unknown",
            "teach": False,
            "explanation": "",
            **fields,
        }


@pytest.fixture
def table() -> Table:
    return Table(a_sitting(FIRST, SECOND))


def fits(shape: Any, answer: dict[str, Any]) -> None:
    """Every field of the shape is there and no other, down to the last."""
    assert set(answer) == set(shape().fields), set(answer) ^ set(shape().fields)
    check(described(), shape.__name__, answer)


def test_one_answer_holds_all_that_the_screen_shows(table: Table) -> None:
    answer = table.get()
    fits(ConsensusOut, answer)
    assert [one["why"] for one in answer["asked"]] == ["Fracture or negative", "A1 or A3"]
    assert len(answer["agreed"]) == 4
    assert answer["letters"] == ["A", "B"]
    assert {gap["kind"] for gap in answer["gaps"]} == {"not_settled"}
    assert [member["you"] for member in answer["members"]].count(True) == 1
    assert {member["reader"] for member in answer["members"] if member["present"]} == {
        reader_of(table.sitting.senior).pk
    }
    assert answer["consensus"]["writable"] is True
    assert answer["position"] == {"index": 1, "of": 1}
    assert {reason["code"] for reason in answer["reasons"]} >= {"schmorl-node", "limbus", "level"}


def test_readers_are_letters_and_never_names(table: Table) -> None:
    names = {str(read.reader) for read in table.sitting.reads}
    text = table.client.get(table.url()).content.decode()
    assert not [name for name in names if f'"{name}"' in text]
    assert not [read for read in table.sitting.reads if f'"read":{read.pk}' in text]


def test_time_and_lock_of_each_read_stand_in_the_record(table: Table) -> None:
    read = Settles.objects.get(consensus=table.consensus, letter="A").read
    ActiveTime.objects.create(read=read, tab=uuid4(), ms=161_000)
    answer = table.get()
    assert answer["reads"]["A"]["active_ms"] == 161_000
    assert ("A", "locked after 2:41 active") in [(one["who"], one["what"]) for one in answer["record"]]


def test_whoever_looks_is_exposed_in_the_same_moment(table: Table) -> None:
    reader = reader_of(table.sitting.senior)
    assert not Exposure.objects.filter(reader=reader).exists()
    table.get()
    assert {"read", "truth"} <= set(Exposure.objects.filter(reader=reader).values_list("what", flat=True))


def test_nobody_but_a_member_finds_it(table: Table) -> None:
    for user in (*(make_user(role) for role in Role), *(read.reader.user for read in table.sitting.reads)):
        assert isinstance(user, User)
        assert logged_in(user).get(table.url()).status_code == 404


def test_nothing_in_it_depends_on_what_a_model_has_said(table: Table) -> None:
    before = table.get()
    anatomy = table.sitting.case.anatomies.get()
    make_opinion(anatomy, {table.sitting.vertebra("T12"): {"verdict": "fracture"}}, comment="Whispered.")
    assert table.get() == before
    assert not Exposure.objects.filter(reader=reader_of(table.sitting.senior), what="model").exists()


def test_settling_answers_with_what_is_open_still(table: Table) -> None:
    answer = table.settle("T12", took="b", teach=True, explanation="Wedged like its neighbours.", acuity="old")
    assert answer.status_code == 200
    fits(SettledOut, answer.json())
    key = str(table.sitting.vertebra("T12"))
    assert answer.json()["settled"][key] == {
        "took": "b",
        "reason": "limbus",
        "acuity": "old",
        "teach": True,
        "explanation": "Wedged like its neighbours.",
    }
    assert [gap["vertebra"] for gap in answer.json()["gaps"]] == [table.sitting.vertebra("L1")]


def test_the_same_settlement_sent_twice_is_answered_twice_and_written_once(table: Table) -> None:
    uuid, base = str(uuid4()), Read.objects.get(pk=table.consensus.pk).seq
    first, second = (table.settle("T12", uuid=uuid, base_seq=base) for _ in range(2))
    assert first.json() == second.json()
    assert first.json()["seq"] == base + 1


#: What a settlement may cost: whoever settles waits for it at every vertebra.
MOST_QUERIES = {"vertebra": 24, "slice": 26}


@pytest.mark.parametrize("unit", ["vertebra", "slice"])
def test_a_settlement_keeps_to_a_number_of_queries(unit: str, django_assert_max_num_queries: Any) -> None:
    table = Table(a_sitting(FIRST, SECOND, rules={"unit": unit}))
    for took in ("a", "b"):
        sent = table.settlement("T12", took=took)
        with django_assert_max_num_queries(MOST_QUERIES[unit]):
            answer = post(table.client, table.url("settle"), sent)
        assert answer.status_code == 200


@pytest.mark.parametrize("unit", ["vertebra", "slice"])
def test_a_settlement_answers_what_the_whole_screen_is_told_of_it_afterwards(unit: str) -> None:
    table = Table(a_sitting(FIRST, SECOND, rules={"unit": unit}))
    nothing = {"why": "", "process_fracture": False, "acuity": "unknown", "unclear": False, "comment": ""}
    said = {"verdict": "indeterminate", "ao_body": None, "level_said": "", "slices": {}, "measures": [], **nothing}
    torn = {"type": "B2", "lower": table.sitting.vertebra("L1")}
    acts: list[tuple[str, dict[str, Any]]] = [
        ("T12", {"took": "a", "acuity": "old"}),
        ("L1", {"took": "b"}),
        ("T12", {"took": "b"}),
        ("T12", {"took": "neither", "finding": said, "injury": torn, "acuity": "acute"}),
        ("T12", {"took": "a", "reason": "level", "teach": True}),
    ]
    for level, fields in acts:
        answer = table.settle(level, **fields)
        assert answer.status_code == 200, answer.json()
        _is_told_by(table.get(), answer.json())
    sent = {"uuid": str(uuid4()), "base_seq": answer.json()["seq"], "vertebra": table.sitting.vertebra("T12")}
    answer = post(table.client, table.url("unsettle"), sent)
    _is_told_by(table.get(), answer.json())
    assert [gap["vertebra"] for gap in answer.json()["gaps"]] == [table.sitting.vertebra("T12")]


def _is_told_by(whole: dict[str, Any], answer: dict[str, Any]) -> None:
    assert answer == {"seq": whole["consensus"]["seq"], **{name: whole[name] for name in ("settled", "state", "gaps")}}


def test_another_machine_is_told_to_reload(table: Table) -> None:
    base = Read.objects.get(pk=table.consensus.pk).seq
    table.settle("T12", base_seq=base)
    other = logged_in(table.sitting.seniors[1])
    answer = table.settle("L1", base_seq=base, client=other)
    assert (answer.status_code, answer.json()["code"], answer.json()["seq"]) == (409, "conflict", base + 1)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"took": "c"}, 400, "bad_input"),
        ({"took": "neither"}, 422, "no_finding"),
        ({"took": "neither", "finding": {"verdict": "negative"}}, 400, "bad_payload"),
        ({"reason": "because"}, 422, "unknown_reason"),
        ({"vertebra": 2**62}, 422, "unknown_vertebra"),
        ({"acuity": "ancient"}, 400, "bad_input"),
        ({"explanation": "x" * 2001}, 400, "bad_input"),
        ({"more": 1}, 400, "bad_input"),
    ],
)
def test_what_is_not_a_settlement_is_refused(table: Table, fields: dict[str, Any], status: int, code: str) -> None:
    answer = table.settle("T12", **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_unsettling_opens_it_again(table: Table) -> None:
    seq = table.settle("T12").json()["seq"]
    sent = {"uuid": str(uuid4()), "base_seq": seq, "vertebra": table.sitting.vertebra("T12")}
    answer = post(table.client, table.url("unsettle"), sent)
    assert (answer.status_code, answer.json()["settled"]) == (200, {})
    assert post(table.client, table.url("unsettle"), {**sent, "uuid": str(uuid4())}).status_code == 409


def test_a_member_is_put_at_the_table_and_taken_away(table: Table) -> None:
    other = reader_of(table.sitting.seniors[1])
    for present in (True, False):
        answer = post(table.client, table.url("members"), {"reader": other.pk, "present": present})
        assert {one["reader"]: one["present"] for one in answer.json()["members"]}[other.pk] is present


def test_a_shift_answers_with_the_whole_and_is_undone() -> None:
    table = Table(a_sitting({"T11": "A1", "L1": "A3"}, {"T10": "A1", "T12": "A3"}))
    offered = table.get()["shift"]
    assert (offered["letter"], offered["moves"], offered["differ_now"], offered["differ_after"]) == (
        "B",
        "findings",
        4,
        0,
    )
    sent = {"letter": "B", "by": offered["by"], "moves": "findings"}
    answer = post(table.client, table.url("shift"), sent)
    fits(ConsensusOut, answer.json())
    assert answer.json()["asked"] == []
    assert answer.json()["shifted"]["B"]["by"] == offered["by"]
    assert answer.json()["shift"] is None
    undone = post(table.client, table.url("shift"), {"letter": "B", "by": 0, "moves": ""})
    assert len(undone.json()["asked"]) == 4
    assert undone.json()["shift"] == offered


def test_a_question_goes_there_and_its_answer_comes_back(table: Table) -> None:
    sent = {"letter": "B", "vertebra": table.sitting.vertebra("T12"), "text": "Why negative?"}
    answer = post(table.client, table.url("questions"), sent)
    (asked,) = answer.json()["questions"]
    assert (asked["letter"], asked["answer"], asked["answered_at"]) == ("B", "", None)
    reader = Question.objects.get().read.reader
    assert reader.user is not None
    replied = post(logged_in(reader.user), f"/api/questions/{asked['id']}/answer", {"text": "It is a limbus vertebra."})
    assert replied.status_code == 200
    assert table.get()["questions"][0]["answer"] == "It is a limbus vertebra."


def test_the_report_stays_hidden_until_the_lead_shows_it(table: Table) -> None:
    Case.objects.filter(pk=table.sitting.case.pk).update(report_text="Fracture of T12.")
    assert table.get()["report"] == {"open": False, "may_show": False, "text": None}
    assert post(table.client, table.url("report"), {}).status_code == 422
    lead = logged_in(make_user(Role.LEAD))
    assert post(lead, table.url("report"), {}).status_code == 200
    assert table.get()["report"] == {"open": True, "may_show": False, "text": "Fracture of T12."}
    assert Exposure.objects.filter(reader=reader_of(table.sitting.senior), what="report").exists()


def test_a_report_that_comes_after_the_lock_opens_to_the_members_with_the_lock_of_the_panel() -> None:
    table = Table(_with_the_report_after_the_lock(a_sitting(FIRST, SECOND)))
    Case.objects.filter(pk=table.sitting.case.pk).update(report_text="Fracture of T12.")
    told = Exposure.objects.filter(what="report", case=table.sitting.case)
    assert table.get()["report"] == {"open": False, "may_show": False, "text": None}
    for level in ("T12", "L1"):
        seq = table.settle(level).json()["seq"]
    assert table.get()["report"]["open"] is False
    assert not told.exists()
    assert post(table.client, table.url("lock"), {"base_seq": seq}).status_code == 200
    assert table.get()["report"] == {"open": True, "may_show": False, "text": "Fracture of T12."}
    assert told.filter(reader=reader_of(table.sitting.senior)).exists()
    for read in table.sitting.reads:
        assert read.reader.user is not None
        assert report_for(read.reader.user, Read.objects.get(pk=table.consensus.pk)) is None
    later = post(table.client, table.url("correct"), {"reason": "L1 looked at again"}).json()["consensus"]
    for consensus in (table.consensus.pk, later):
        answer = table.client.get(f"/api/consensus/{consensus}").json()
        assert answer["report"] == {"open": False, "may_show": False, "text": None}


def _with_the_report_after_the_lock(sitting: Sitting) -> Sitting:
    """The same panel in another round: the rules of one that has begun stay what they are."""
    before = sitting.round
    rules = {**before.rules, "report": "after_lock"}
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label="Panel with the report after its lock")
    sitting.round = make_round(RoundKind.CONSENSUS, rules=rules, follows=before.follows, panel=panel)
    before.assignments.all().delete()
    for user in sitting.seniors:
        make_assignment(sitting.case, round=sitting.round, reader=reader_of(user))
    washout.refresh(sitting.round, sitting.case)
    return sitting


def test_the_lock_makes_the_reference_and_a_correction_a_later_version(table: Table) -> None:
    seq = Read.objects.get(pk=table.consensus.pk).seq
    refused = post(table.client, table.url("lock"), {"base_seq": seq})
    assert (refused.status_code, len(refused.json()["gaps"])) == (422, 2)
    for level in ("T12", "L1"):
        seq = table.settle(level).json()["seq"]
    answer = post(table.client, table.url("lock"), {"base_seq": seq})
    assert answer.status_code == 200
    assert answer.json()["next"] is None
    assert Reference.objects.get(pk=answer.json()["reference"]).read == table.consensus
    shown = table.get()
    assert (shown["consensus"]["state"], shown["consensus"]["reopenable"], shown["gaps"]) == ("locked", True, [])
    assert table.settle("T12").status_code == 409
    later = post(table.client, table.url("correct"), {"reason": "L1 looked at again"}).json()["consensus"]
    again = table.client.get(f"/api/consensus/{later}").json()
    assert (again["consensus"]["version"], len(again["settled"]), again["gaps"]) == (2, 2, [])
    assert [one["reason"] for one in again["versions"]] == ["", "L1 looked at again"]


def test_a_member_who_comes_to_owe_a_read_loses_sight_of_it(table: Table) -> None:
    table.get()
    make_assignment(
        table.sitting.case,
        round=make_round(RoundKind.REPEAT),
        reader=reader_of(table.sitting.senior),
        exposure_override="So small a clinic.",
    )
    assert table.client.get(table.url()).status_code == 404
    assert table.settle("T12").status_code == 404
