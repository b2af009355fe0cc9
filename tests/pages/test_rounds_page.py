"""The pages of rounds: for leads alone, a form with its preview, and one round."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from labeling.models import Assignment, Case, Exposure, Reader, Round
from labeling.reading.roles import Role
from tests.factories import lock_plainly, make_read, make_reader, make_user
from tests.factories import make_round as make_open_round
from tests.reading.test_planning import a_case, seniors

pytestmark = pytest.mark.django_db


def lead(*more: Role) -> Client:
    client = Client()
    client.force_login(make_user(Role.LEAD, *more), backend="django.contrib.auth.backends.ModelBackend")
    return client


def filled(*readers: Reader, **fields: Any) -> dict[str, Any]:
    """The independent form as a lead fills it in."""
    rules = {
        "unit": "vertebra", "report": "hidden", "model": "never", "outlines": "hidden", "anatomy": "pinned",
        "ao_required": "True", "required_reads": "2", "feedback": "when_closed",
    }  # fmt: skip
    return {
        **{f"rule_{name}": value for name, value in rules.items()},
        "kind": "independent",
        "name": "Test reads",
        "way": "assigned",
        "source": "filter",
        "split": "test",
        "readers": [reader.user_id for reader in readers],
        **fields,
    }


def planned(client: Client, *readers: Reader) -> Round:
    assert client.post("/rounds/new", {**filled(*readers), "action": "make"}).status_code == 302
    return Round.objects.get(name="Test reads")


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR, Role.ENGINEER, Role.ADMINISTRATOR])
def test_rounds_are_the_leads_and_nobody_elses_door_is_drawn(role: Role) -> None:
    round_, client = make_open_round(), Client()
    client.force_login(make_user(role), backend="django.contrib.auth.backends.ModelBackend")
    for address in ("/rounds", "/rounds/new", f"/rounds/{round_.pk}", f"/rounds/{round_.pk}/edit"):
        assert client.get(address).status_code == 403
    assert client.post(f"/rounds/{round_.pk}/state", {"action": "close"}).status_code == 403
    assert b'href="/rounds"' not in client.get("/worklist").content
    assert b'href="/rounds"' in lead().get("/worklist").content


def test_without_rounds_the_list_says_what_a_round_is() -> None:
    page = lead().get("/rounds").content.decode()
    assert "No round yet" in page
    assert lead().get("/rounds/4711").status_code == 404
    assert lead().get("/rounds/new?kind=nonsense").status_code == 404


@pytest.mark.parametrize("kind", ["practice", "labelling", "independent", "repeat", "consensus"])
def test_every_kind_has_a_form_with_its_rules(kind: str) -> None:
    make_open_round("independent")
    make_reader(Role.SENIOR, last_name="Weber", first_name="Otto")
    page = lead().get("/rounds/new", {"kind": kind}).content.decode()
    assert "Otto Weber" in page
    assert ("Wash-out, days" in page) == (kind in ("repeat", "consensus"))
    assert ('value="pool"' in page) == (kind not in ("repeat", "consensus"))
    assert "Not looked at yet" in page


def test_a_preview_makes_nothing_and_what_it_shows_is_what_is_made() -> None:
    client, readers = lead(), seniors()
    for _ in range(4):
        a_case()
    answer = client.post("/rounds/new", {**filled(*readers), "action": "preview"})
    assert answer.status_code == 200
    assert not Round.objects.exists()
    page = answer.content.decode()
    assert "no time measured yet" in page
    shown = {one["plan"].reader: one["first"] for one in answer.context["readers"]}
    made = client.post("/rounds/new", {**filled(*readers), "seed": answer.context["seed"], "action": "make"})
    round_ = Round.objects.get()
    assert made["Location"] == f"/rounds/{round_.pk}"
    for reader, names in shown.items():
        rows = Assignment.objects.filter(reader=reader).order_by("position")
        assert [row.case.name for row in rows] == names
    forged = client.post("/rounds/new", {**filled(*readers, name="Forged"), "seed": "1", "action": "make"})
    assert forged.status_code == 302
    assert Round.objects.get(name="Forged").seed != 1, "a seed that nobody signed is not taken"


def test_a_plan_that_cannot_be_stays_on_the_page_with_all_that_was_typed() -> None:
    client, (anna, otto) = lead(), seniors()
    case = a_case()
    Exposure.objects.create(reader=anna, case=case, what="report")
    answer = client.post("/rounds/new", {**filled(anna, otto), "action": "make"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "cannot read it blind" in page
    assert "the report since" in page
    assert f'name="override-{anna.pk}-{case.pk}"' in page
    assert 'value="Test reads"' in page
    given = {**filled(anna, otto), f"override-{anna.pk}": "Read it years ago", "action": "make"}
    assert client.post("/rounds/new", given).status_code == 302
    assert Assignment.objects.get(reader=anna).exposure_override == "Read it years ago"
    round_ = Round.objects.get()
    told = client.get(f"/rounds/{round_.pk}").content.decode()
    assert "Read it years ago" in told
    again = client.get(f"/rounds/{round_.pk}/edit").content.decode()
    assert f'name="override-{anna.pk}-{case.pk}" value="Read it years ago"' in again, "no reason is typed twice"


def test_rules_that_are_none_are_refused_in_words() -> None:
    a_case(split="training")
    fields = filled(make_reader(), kind="labelling", split="training", rule_model="shown", rule_model_hidden_share="10")
    answer = lead().post("/rounds/new", {**fields, "rule_second_reader_share": "10", "action": "preview"})
    assert answer.status_code == 422
    assert "hidden in at least 20%" in answer.content.decode()


def test_names_with_nul_and_long_numbers_are_no_accident() -> None:
    fields = filled(*seniors(), source="names", names="P\x001, P2", follows="9" * 40, in_round="9" * 40)
    assert lead().post("/rounds/new", {**fields, "action": "preview"}).status_code in (200, 422)
    fields = {**filled(*seniors()), "name": "\x00", "override-99999999999999999999-1": "x", "action": "make"}
    assert lead().post("/rounds/new", fields).status_code == 422


def test_a_round_goes_from_its_page_through_its_states() -> None:
    client, readers = lead(), seniors()
    a_case()
    round_ = planned(client, *readers)
    assert "Change the plan" in client.get(f"/rounds/{round_.pk}").content.decode()
    for action, state in (("start", "open"), ("pause", "paused"), ("resume", "open"), ("close", "closed")):
        answer = client.post(f"/rounds/{round_.pk}/state", {"action": action}, follow=True)
        assert answer.status_code == 200
        assert Round.objects.get().state == state
        assert "Protocol record" in answer.content.decode()
    refused = client.post(f"/rounds/{round_.pk}/state", {"action": "start"}, follow=True).content.decode()
    assert "is closed. Only a round that is planned can be started." in refused
    assert client.get(f"/rounds/{round_.pk}/edit").status_code == 302
    assert "Print its record" in client.get("/rounds").content.decode()


def test_a_planned_round_is_changed_and_discarded_from_its_page() -> None:
    client, (anna, otto) = lead(), seniors()
    case = a_case()
    round_ = planned(client, anna, otto)
    fields = filled(anna, otto, name="Other name", source="names", names=case.name)
    assert client.post(f"/rounds/{round_.pk}/edit", {**fields, "action": "make"}).status_code == 302
    assert Round.objects.get().name == "Other name"
    assert client.post(f"/rounds/{round_.pk}/state", {"action": "discard"})["Location"] == "/rounds"
    assert not Round.objects.exists()


def test_a_repeat_and_a_consensus_are_planned_from_the_round_that_they_follow() -> None:
    client, readers = lead(), seniors()
    first, case = make_open_round("independent"), a_case()
    for reader in readers:
        lock_plainly(make_read(case, reader=reader, round=first))
    page = client.get(f"/rounds/{first.pk}").content.decode()
    assert f"?kind=repeat&amp;follows={first.pk}" in page
    for kind in ("repeat", "consensus"):
        form = client.get("/rounds/new", {"kind": kind, "follows": first.pk})
        assert form.content.decode().count("checked") >= 3, "its readers are ticked"
        rules = {f"rule_{name}": form.context["form"][f"rule_{name}"].value() for name in ("washout_days", "report")}
        fields = {**filled(*readers, kind=kind, name=kind, follows=first.pk, split=""), **rules}
        answer = client.post("/rounds/new", {**fields, "rule_audit_share": "10", "action": "preview"})
        assert "Available on" in answer.content.decode()
        assert client.post("/rounds/new", {**fields, "rule_audit_share": "10", "action": "make"}).status_code == 302
        page = client.get(f"/rounds/{Round.objects.get(name=kind).pk}").content.decode()
        assert "held back by the wash-out" in page
    assert Case.objects.count() == 1


def test_no_page_of_a_round_tells_a_lead_how_another_is_with_a_case_that_they_owe_themselves() -> None:
    client = lead(Role.SENIOR)
    own = Reader.objects.create(kind="person", user_id=client.session["_auth_user_id"])
    anna, case = make_reader(Role.SENIOR), a_case()
    round_ = planned(client, own, anna)
    client.post(f"/rounds/{round_.pk}/state", {"action": "start"})

    def told() -> str:
        return client.get(f"/rounds/{round_.pk}?reader={anna.pk}").content.decode()

    assert "Not told, you owe a read of it" in told()
    lock_plainly(make_read(case, reader=anna, round=round_))
    assert "Not told, you owe a read of it" in told()
    lock_plainly(make_read(case, reader=own, round=round_))
    assert "Not told" not in told()
