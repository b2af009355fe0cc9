"""The pages of rounds: for leads alone, a form with its preview, and one round."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from labeling.models import Assignment, Case, Exposure, Reader, Round
from labeling.reading.planning.making import CaseChoice, make_round
from labeling.reading.roles import Role
from tests.factories import lock_plainly, make_read, make_reader, make_user
from tests.factories import make_round as make_open_round
from tests.reading.test_planning import a_case, plan, seniors

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


def settling(client: Client, *readers: Reader, **fields: Any) -> dict[str, Any]:
    """The form of a consensus as it is opened without saying what it settles, filled in."""
    form = client.get("/rounds/new", {"kind": "consensus"}).context["form"]
    rules = {name: form[name].value() for name in form.fields if name.startswith("rule_")}
    people = [reader.user_id for reader in readers]
    kept = {"kind": "consensus", "defaults_of": form.defaults_of, "source": "filter", "readers": people}
    return {**rules, **kept, "name": "Settle", **fields}


def test_the_wash_out_is_that_of_the_round_which_is_chosen_on_the_page() -> None:
    client, (anna, otto) = lead(), seniors()
    first, case = make_open_round("labelling"), a_case(split="training")
    lock_plainly(make_read(case, reader=anna, round=first))
    Assignment.objects.filter(round=first, case=case).update(read_twice=True)
    fields = settling(client, anna, otto, follows=first.pk)
    assert (fields["defaults_of"], fields["rule_washout_days"]) == ("", 28)
    answer = client.post("/rounds/new", {**fields, "rule_audit_share": "20", "action": "make"})
    page, form = answer.content.decode(), answer.context["form"]
    assert answer.status_code == 422
    assert not Round.objects.filter(name="Settle").exists(), "nothing is made by rules that nobody saw"
    assert f"those of a round that follows {first.name} now" in page
    assert f'name="defaults_of" value="{first.pk}"' in page
    assert (form["rule_washout_days"].value(), form["rule_audit_share"].value()) == ("0", "20")
    assert "Make the round" in page, "the preview stands beside it"
    again = {**fields, "defaults_of": first.pk, "rule_washout_days": "3", "action": "make"}
    assert client.post("/rounds/new", again).status_code == 302
    round_ = Round.objects.get(name="Settle")
    assert round_.rules["washout_days"] == 3, "what is chosen after that holds"
    blind = make_open_round("independent")
    answer = client.post(f"/rounds/{round_.pk}/edit", {**again, "follows": blind.pk, "action": "preview"})
    assert answer.context["form"]["rule_washout_days"].value() == "28"
    assert f"follows {blind.name} now" in answer.content.decode()
    page = client.get("/rounds/new", {"kind": "consensus", "follows": first.pk})
    assert page.context["form"]["rule_washout_days"].value() == 0
    assert "those of a round that follows" not in page.content.decode()


def test_who_cannot_sit_in_the_panel_of_the_chosen_round_is_taken_out() -> None:
    client, (anna, otto), resident = lead(), seniors(), make_reader(Role.RESIDENT)
    first, case = make_open_round("independent"), a_case()
    for reader in (anna, otto):
        lock_plainly(make_read(case, reader=reader, round=first))
    answer = client.post("/rounds/new", settling(client, anna, resident, follows=first.pk, action="preview"))
    assert f"follows {first.name} now" in answer.content.decode()
    assert answer.context["form"].chosen_readers == {str(anna.user_id)}
    assert [one.reader for one in answer.context["seen"].readers] == [anna]
    fits = settling(client, anna, otto, follows=first.pk, action="make")
    assert client.post("/rounds/new", fits).status_code == 302, "nothing begins otherwise, so nothing is asked again"


def test_a_model_comes_first_only_where_labels_are_made() -> None:
    client = lead()
    for kind in ("practice", "independent", "repeat", "labelling"):
        words = client.get("/rounds/new", {"kind": kind}).context["form"].fields["rule_model"].choices
        assert ("shown" in dict(words)) == (kind == "labelling")


def test_a_second_reader_is_drawn_of_a_pool_alone() -> None:
    client, reader = lead(), make_reader()
    a_case(split="training")
    page = client.get("/rounds/new", {"kind": "labelling"})
    assert "Assigned readers each read every case: nothing is drawn." in page.content.decode()
    rules = {name: page.context["form"][name].value() for name in page.context["form"].fields if "rule_" in name}
    fields = {**filled(reader, kind="labelling", split="training"), **rules}
    answer = client.post("/rounds/new", {**fields, "action": "preview"})
    assert answer.context["changed"] == []
    for way, share in (("assigned", 0), ("pool", 0.1)):
        assert client.post("/rounds/new", {**fields, "name": way, "way": way, "action": "make"}).status_code == 302
        round_ = Round.objects.get(name=way)
        assert round_.rules["second_reader_share"] == share
        assert "not as usual" not in client.get(f"/rounds/{round_.pk}").content.decode()
        form = client.get(f"/rounds/{round_.pk}/edit").context["form"]
        assert form["rule_second_reader_share"].value() == 10
        Assignment.objects.filter(round=round_).delete()


@pytest.mark.parametrize("reads", ["0", "3", "999"])
def test_a_blind_round_asks_for_one_or_two_reads(reads: str) -> None:
    a_case()
    answer = lead().post("/rounds/new", {**filled(*seniors(3)), "rule_required_reads": reads, "action": "make"})
    assert answer.status_code == 422
    assert answer.context["form"].errors["rule_required_reads"] == [
        "One or two: a consensus settles two reads of a case."
    ]
    assert not Round.objects.exists()


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


def test_a_round_that_is_edited_keeps_the_order_in_which_its_cases_were_named() -> None:
    client, anna = lead(), make_reader(Role.SENIOR)
    names = tuple(a_case().name for _ in range(5))[::-1]
    asked = plan(anna, cases=CaseChoice(names=names), in_order=True, rules={"required_reads": 1})
    round_ = make_round(None, asked)
    form = client.get(f"/rounds/{round_.pk}/edit").context["form"]
    assert form["names"].value().split() == list(names)
    fields = {**filled(anna, rule_required_reads="1"), "source": "names", "names": form["names"].value()}
    assert client.post(f"/rounds/{round_.pk}/edit", {**fields, "name": "New", "action": "make"}).status_code == 302
    rows = Assignment.objects.filter(round=round_).select_related("case__patient").order_by("position")
    assert tuple(row.case.name for row in rows) == names
    assert Round.objects.get().name == "New"
