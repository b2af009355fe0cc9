"""The protocol record: what it tells, to whom, and that the same record has the same hash."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import (
    ActiveTime,
    Assignment,
    AuditEvent,
    Case,
    Exposure,
    ModelShowing,
    Participant,
    Question,
    Read,
    Reader,
    ReasonCode,
    Reference,
    Round,
    Settlement,
    Settles,
    Sitting,
)
from labeling.reading.planning.handing import hand_over, override_washout, reassign
from labeling.reading.protocol.record import content_hash, is_partial, protocol_of
from labeling.reading.roles import Role, reader_of
from labeling.reading.rounds import open_read
from tests.factories import (
    lock_plainly,
    make_anatomy,
    make_assignment,
    make_case,
    make_model_reader,
    make_model_version,
    make_patient,
    make_read,
    make_round,
    make_user,
    vertebra_of,
)
from tests.reading.conftest import send

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> User:
    return make_user(Role.SENIOR, username="anna", first_name="Anna", last_name="Vogt")


@pytest.fixture
def otto(db: None) -> User:
    return make_user(Role.SENIOR, username="otto", first_name="Otto", last_name="Lind")


@pytest.fixture
def lead(db: None) -> User:
    return make_user(Role.LEAD, username="lead")


def readable(**fields: Any) -> Case:
    case = make_case(slices=9, **fields)
    make_anatomy(case)
    return case


def of_case(record: dict[str, Any], case: Case) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in record["cases"] if one["case"] == case.name]
    (row,) = found
    return row


def row_of(record: dict[str, Any], case: Case, reader: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in of_case(record, case)["assignments"] if one["reader"] == reader]
    (row,) = found
    return row


def audited(user: User | None, verb: str, round_: Round, case: Case | None = None, **detail: Any) -> None:
    AuditEvent.objects.create(by=user, verb=verb, case=case, detail={"round": round_.pk, **detail})


# --- what it tells ----------------------------------------------------------------------------------------------------


def test_it_tells_the_round_its_rules_and_what_was_done_with_it_by_whom(lead: User, anna: User) -> None:
    first = make_round("independent", name="Blind", seed=7, by=lead)
    round_ = make_round("repeat", name="Again", follows=first, by=lead, seed=20261123)
    left = readable()
    audited(
        lead,
        "round_planned",
        round_,
        cases=3,
        left_out=[{"case": left.pk, "why": "no stack"}],
        barred=[{"reader": reader_of(anna).pk, "case": left.pk}],
        readers=[reader_of(anna).pk],
    )
    for verb in ("round_started", "round_paused", "round_resumed", "round_closed"):
        audited(lead, verb, round_)
    audited(lead, "round_started", first)
    record = protocol_of(lead, round_)
    told = record["round"]
    assert (told["name"], told["kind"], told["follows"], told["seed"]) == ("Again", "repeat", "Blind", 20261123)
    assert (told["planned_by"], told["label_schema"], told["rules"]) == ("lead", 1, round_.rules)
    assert [(one["what"], one["by"]) for one in record["events"]] == [
        ("round_planned", "lead"),
        ("round_started", "lead"),
        ("round_paused", "lead"),
        ("round_resumed", "lead"),
        ("round_closed", "lead"),
    ]
    assert record["events"][0]["left_out"] == [{"case": left.name, "why": "no stack"}]
    assert record["events"][0]["barred"] == [{"case": left.name, "reader": "anna"}]


def test_it_tells_in_which_order_each_reader_had_the_cases_and_what_else_they_are(lead: User, anna: User) -> None:
    round_ = make_round("independent")
    cases = [readable() for _ in range(3)]
    for position, case in zip((2, 3, 1), cases, strict=True):
        make_assignment(case, round=round_, reader=reader_of(anna), position=position)
    training = readable(patient=make_patient(split="training"))
    lock_plainly(make_read(training, reader=reader_of(anna)))
    model = make_model_version(by=anna)
    AuditEvent.objects.create(
        by=anna, verb="activate_model", detail={"model_version": model.pk, "sha256": model.sha256}
    )
    (reader,) = protocol_of(lead, round_)["readers"]
    assert (reader["reader"], reader["name"], reader["roles"]) == ("anna", "Anna Vogt", ["senior reader"])
    assert reader["order"] == [cases[2].name, cases[0].name, cases[1].name]
    assert reader["other_roles"]["labelled"] == {"training": 1}
    assert {(one["model"], one["did"]) for one in reader["other_roles"]["models"]} == {
        (model.name, "activate model"),
        (model.name, "brought in or trained"),
    }


def test_it_tells_what_was_visible_by_rule_and_what_was_shown_before_and_after_the_lock(lead: User, anna: User) -> None:
    round_ = make_round(rules={"model": "shown", "report": "shown"})
    case, other = readable(), readable()
    read = make_read(case, round=round_, reader=reader_of(anna))
    make_assignment(other, round=round_, reader=reader_of(anna), model_hidden=True)
    Exposure.objects.create(reader=reader_of(anna), case=case, what="report")
    model = lock_plainly(make_read(case, reader=make_model_reader(), round=None))
    ModelShowing.objects.create(read=read, model_read=model, first=True)
    ActiveTime.objects.create(read=read, tab="00000000-0000-4000-8000-000000000001", ms=61_000)
    lock_plainly(read)
    Exposure.objects.create(reader=reader_of(anna), case=case, what="truth")
    record = protocol_of(lead, round_)
    row = row_of(record, case, "anna")
    assert row["visible_by_rule"] == {
        "report": "shown",
        "model": "shown",
        "model_drawn_hidden": False,
        "outlines": "shown",
    }
    assert [(one["what"], one["before_lock"]) for one in row["shown"]] == [("report", True), ("truth", False)]
    (shown,) = row["models_shown"]
    assert (shown["sha256"], shown["before_lock"]) == (model.reader.model_version.sha256, True)
    (version,) = row["versions"]
    assert (version["version"], version["active_ms"], version["content_sha256"]) == (1, 61_000, read.content_sha)
    hidden = row_of(record, other, "anna")
    assert (hidden["visible_by_rule"]["model"], hidden["visible_by_rule"]["model_drawn_hidden"]) == ("after_lock", True)
    assert (hidden["opened"], hidden["locked"], hidden["versions"]) == (None, None, [])


def test_it_tells_of_reopening_overrides_and_changes_of_hands_with_their_reasons(
    lead: User, anna: User, otto: User
) -> None:
    first = make_round("independent")
    round_ = make_round("repeat", follows=first)
    case, exposed = readable(), readable()
    later = timezone.now() + timedelta(days=9)
    for reader in (anna, otto):
        lock_plainly(make_read(case, round=first, reader=reader_of(reader)))
    assignment = make_assignment(case, round=round_, reader=reader_of(anna), not_before=later)
    override_washout(lead, assignment.pk, "Leaves the department")
    moved = make_assignment(exposed, round=first, reader=reader_of(anna))
    draft = open_read(user=anna, case_id=exposed.pk)
    send(draft, "set_unclear", {"vertebra": vertebra_of(draft, "L2"), "value": True})
    Exposure.objects.create(reader=reader_of(otto), case=exposed, what="report")
    reassign(lead, moved.pk, reader_of(otto).pk, "On leave", override_exposure="Nobody else")
    record = protocol_of(lead, round_)
    row = row_of(record, case, "anna")
    assert row["washout_override"] == "Leaves the department"
    assert row["not_before"] is not None
    assert [(one["what"], one["reason"]) for one in of_case(record, case)["events"]] == [
        ("washout_override", "Leaves the department")
    ]
    told = of_case(protocol_of(lead, first), exposed)
    assert [(one["what"], one.get("from"), one.get("to"), one["reason"]) for one in told["events"]] == [
        ("reassigned", "anna", "otto", "On leave"),
        ("exposure_override", None, None, "Nobody else"),
    ]
    assert told["assignments"][0]["exposure_override"] == "Nobody else"
    (kept,) = told["kept_drafts"]
    assert (kept["reader"], kept["operations"]) == ("anna", 1)


def test_a_reopened_read_shows_all_its_versions_and_why(lead: User, anna: User) -> None:
    read = lock_plainly(make_read(reader=reader_of(anna)))
    same = {name: getattr(read, name) for name in ("round", "case", "reader", "stack", "anatomy")}
    lock_plainly(Read.objects.create(**same, version=2, supersedes=read, reopen_reason="L4 again"))
    assert read.round is not None
    row = row_of(protocol_of(lead, read.round), read.case, "anna")
    assert [(one["version"], one["reopen_reason"]) for one in row["versions"]] == [(1, ""), (2, "L4 again")]
    assert len({one["content_sha256"] for one in row["versions"]}) == 2


def test_an_imported_round_says_that_nobody_knows_what_its_readers_saw(lead: User, anna: User) -> None:
    round_ = make_round("independent", imported=True, state="closed", rules={"report": "shown"})
    read = make_read(round=round_, reader=reader_of(anna))
    record = protocol_of(lead, round_)
    assert record["round"]["imported"] is True
    assert row_of(record, read.case, "anna")["visible_by_rule"] is None


def test_a_moved_clock_is_told(lead: User, settings: Any, tmp_path: Any) -> None:
    round_ = make_round()
    assert protocol_of(lead, round_)["clock_days_ahead"] == 0
    settings.CLOCK_FILE = tmp_path / "days"
    settings.CLOCK_FILE.write_text("28")
    assert protocol_of(lead, round_)["clock_days_ahead"] == 28


# --- consensus --------------------------------------------------------------------------------------------------------


def settled_round(anna: User, otto: User, lead: User, *, locked: bool = True) -> tuple[Round, Case, Read]:
    """A consensus of two reads with two differences, a question and a shift; locked and the truth, or not yet."""
    first = make_round("independent")
    case = readable()
    reads = [lock_plainly(make_read(case, round=first, reader=reader_of(user))) for user in (anna, otto)]
    panel = Reader.objects.create(kind="panel", label="Panel of Settled")
    round_ = make_round("consensus", follows=first, panel=panel)
    for user in (anna, otto):
        make_assignment(case, round=round_, reader=reader_of(user))
    consensus = make_read(case, round=round_, reader=panel)
    Assignment.objects.filter(reader=panel).delete()
    Sitting.objects.create(consensus=consensus, report_shown_by=lead, report_shown_at=timezone.now())
    for user in (anna, otto):
        Participant.objects.create(consensus=consensus, reader=reader_of(user))
    Settles.objects.create(consensus=consensus, read=reads[0], letter="B")
    Settles.objects.create(
        consensus=consensus, read=reads[1], letter="A", shift=1, shift_moves="names", shift_by=reader_of(anna)
    )
    reason, _ = ReasonCode.objects.get_or_create(code="schmorl-node", defaults={"text": "Schmorl node"})
    for level, difference, took in (("L2", "verdict", "a"), ("L3", "ao", "neither")):
        Settlement.objects.create(
            consensus=consensus,
            vertebra_id=vertebra_of(consensus, level),
            difference=difference,
            took=took,
            reason=reason,
            by=reader_of(anna),
        )
    Question.objects.create(
        consensus=consensus,
        read=reads[1],
        vertebra_id=vertebra_of(consensus, "L2"),
        text="Why is this a fracture?",
        by=reader_of(anna),
    )
    if locked:
        lock_plainly(consensus)
        Reference.objects.create(case=case, read=consensus, set_by=reader_of(anna), reason="")
    return round_, case, consensus


def test_a_consensus_tells_who_sat_over_what_and_which_truth_it_set(lead: User, anna: User, otto: User) -> None:
    round_, case, consensus = settled_round(anna, otto, lead)
    settled = of_case(protocol_of(lead, round_), case)["settled"]
    (version,) = settled["versions"]
    assert [one["reader"] for one in version["present"]] == ["anna", "otto"]
    assert version["report_shown"]["by"] == "lead"
    assert [(one["letter"], one["reader"], one["shift"], one["shift_by"]) for one in version["settles"]] == [
        ("A", "otto", 1, "anna"),
        ("B", "anna", 0, None),
    ]
    assert version["settlements"] == {
        "differences": {"ao": 1, "verdict": 1},
        "took": {"a": 1, "neither": 1},
        "reasons": {"schmorl-node": 2},
    }
    (question,) = version["questions"]
    assert (question["letter"], question["level"], question["asked_by"], question["answered"]) == (
        "A",
        "L2",
        "anna",
        None,
    )
    (reference,) = settled["references"]
    assert (reference["content_sha256"], reference["set_by"], reference["current"]) == (
        consensus.content_sha,
        "anna",
        True,
    )
    sat = {one["reader"]: one["other_roles"]["sat_in_panels"] for one in protocol_of(lead, round_)["readers"]}
    assert sat == {"anna": 1, "otto": 1}


def test_which_letter_is_whose_is_not_told_before_the_panel_has_locked(lead: User, anna: User, otto: User) -> None:
    round_, case, _ = settled_round(anna, otto, lead, locked=False)
    (version,) = of_case(protocol_of(lead, round_), case)["settled"]["versions"]
    assert "settles" not in version
    assert "settlements" not in version


def test_what_was_asked_and_what_reads_say_is_in_no_record(lead: User, anna: User, otto: User) -> None:
    round_, _, _ = settled_round(anna, otto, lead)
    for each in (round_, round_.follows):
        text = json.dumps(protocol_of(lead, each))
        assert "Why is this a fracture?" not in text
        assert "indeterminate" not in text


# --- blind ------------------------------------------------------------------------------------------------------------


def test_of_a_case_that_is_still_to_be_read_only_who_has_it_and_when_it_was_opened_and_locked(otto: User) -> None:
    lead = make_user(Role.LEAD, Role.SENIOR, username="reading-lead")
    round_ = make_round("independent")
    owed, free = readable(), readable()
    for case in (owed, free):
        read = make_read(case, round=round_, reader=reader_of(otto))
        ActiveTime.objects.create(read=read, tab="00000000-0000-4000-8000-000000000001", ms=61_000)
        Exposure.objects.create(reader=reader_of(otto), case=case, what="report")
        locked = lock_plainly(read)
        same = {name: getattr(locked, name) for name in ("round", "case", "reader", "stack", "anatomy")}
        Read.objects.create(**same, version=2, supersedes=locked, reopen_reason="A fracture after all")
        audited(lead, "handed_over", round_, case, reason="because")
    mine = make_assignment(owed, round=round_, reader=reader_of(lead))
    record = protocol_of(lead, round_)
    assert is_partial(record)
    closed = of_case(record, owed)
    assert set(closed) == {"case", "closed", "assignments"}
    assert closed["closed"] is True
    for row in closed["assignments"]:
        assert set(row) == {"reader", "position", "opened", "locked"}
    assert row_of(record, owed, "otto")["locked"] is not None
    assert of_case(record, free)["closed"] is False
    told = json.dumps(record)
    assert told.count("A fracture after all") == 1, "that of the other case"
    assert Read.objects.filter(case=owed).exclude(content_sha="").get().content_sha not in told
    assert not Exposure.objects.filter(reader=reader_of(lead), case=owed).exists()
    # Once locked it stays closed, for it tells of models, until there is a reference; then all of it.
    own = lock_plainly(make_read(owed, round=round_, reader=reader_of(lead)))
    assert mine.reader is not None
    assert is_partial(protocol_of(lead, round_))
    Reference.objects.create(case=owed, read=own)
    whole = protocol_of(lead, round_)
    assert not is_partial(whole)
    assert content_hash(whole) != content_hash(record)


@pytest.mark.parametrize("state", ["planned", "open", "paused"])
def test_a_case_owed_in_another_round_is_closed_too(otto: User, anna: User, state: str) -> None:
    lead = make_user(Role.LEAD, Role.SENIOR)
    round_, case, _ = settled_round(anna, otto, lead)
    make_assignment(case, round=make_round("independent", state=state), reader=reader_of(lead))
    for each in (round_, round_.follows):
        assert each is not None
        assert set(of_case(protocol_of(lead, each), case)) == {"case", "closed", "assignments"}
    assert not Exposure.objects.filter(reader=reader_of(lead)).exists()


def test_being_told_how_a_case_was_settled_is_an_exposure(lead: User, anna: User, otto: User) -> None:
    round_, case, _ = settled_round(anna, otto, lead)
    quiet = lock_plainly(make_read(reader=reader_of(anna)))
    assert quiet.round is not None
    protocol_of(lead, quiet.round)
    assert not Exposure.objects.filter(reader__user=lead).exists()
    protocol_of(lead, round_)
    protocol_of(lead, round_)
    assert list(Exposure.objects.filter(reader__user=lead).values_list("case", "what")) == [(case.pk, "numbers")]


# --- the hash ---------------------------------------------------------------------------------------------------------


def test_the_same_record_has_the_same_hash_whoever_asks_and_another_one_another(anna: User, otto: User) -> None:
    people = [make_user(role) for role in (Role.LEAD, Role.ENGINEER, Role.ADMINISTRATOR)]
    round_, _, _ = settled_round(anna, otto, people[0])
    hashes = {content_hash(protocol_of(user, round_)) for user in (*people, *people)}
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64
    before = content_hash(protocol_of(people[0], round_))
    audited(people[0], "round_paused", round_)
    assert content_hash(protocol_of(people[0], round_)) != before


def test_there_is_no_number_of_the_database_and_no_identity_in_it(lead: User, anna: User, otto: User) -> None:
    round_, case, _ = settled_round(anna, otto, lead)
    pairs = [(round_, case)]
    moved = make_assignment(readable(), round=make_round(), reader=reader_of(anna))
    hand_over(anna, moved.pk, reader_of(otto).pk)
    pairs.append((moved.round, moved.case))
    for each, of in pairs:
        record = protocol_of(lead, each)
        keys = set(_keys(record))
        assert not {key for key in keys if key in ("id", "pk", "assignment", "read", "consensus", "user")}
        assert of.study_uid not in json.dumps(record)


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_its_cost_does_not_grow_with_the_cases(lead: User, anna: User) -> None:
    round_ = make_round("independent")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            protocol_of(lead, round_)
        return len(queries)

    for _ in range(2):
        lock_plainly(make_read(readable(), round=round_, reader=reader_of(anna)))
    few = cost()
    for _ in range(4):
        lock_plainly(make_read(readable(), round=round_, reader=reader_of(anna)))
    assert cost() == few < 45
