"""Old reads come in as a round of their own, whole or not at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.utils import timezone

from labeling.datasets.slice_truth import true_reads
from labeling.imaging.refusal import Refusal
from labeling.models import AuditEvent, Case, Exposure, Finding, Read, Reader, ReaderKind, Round, SegmentInjury
from labeling.reading.consensus.opening import open_consensus
from labeling.reading.consensus.rows import offer_of, table_of
from labeling.reading.elsewhere.imported_reads import Check, check_reads, import_reads
from labeling.reading.roles import Role, reader_of
from labeling.reading.visibility import exportable_reads, visible_reads
from labeling.reading.washout import refresh
from tests import factories

pytestmark = pytest.mark.django_db

HEAD = "case,level,verdict,ao,reader,date\n"


@pytest.fixture
def lead() -> User:
    return factories.make_user(Role.LEAD)


@pytest.fixture
def case() -> Case:
    case = factories.make_case()
    factories.make_anatomy(case, ("T12", "L1", "L2", "L3"), cut=("T12",))
    return case


def sheet(*rows: str) -> bytes:
    return (HEAD + "\n".join(rows)).encode()


def bring_in(user: User | None, data: bytes, **how: Any) -> Round:
    return import_reads(user, data, "pilot.csv", **how)


def look_at(user: User | None, data: bytes, **how: Any) -> Check:
    return check_reads(user, data, "pilot.csv", **how)


def said(read: Read) -> dict[str, tuple[str | None, str]]:
    levels = dict(read.anatomy.vertebrae.values_list("vertebra", "level"))
    return {levels[row.vertebra_id]: (row.verdict, row.why) for row in Finding.objects.filter(read=read)}


def test_a_sheet_becomes_a_closed_imported_round_with_locked_reads(lead: User, case: Case) -> None:
    data = sheet(
        f"{case.name},L1,fracture,A3,Anna Groß,2019-05-02", f"{case.name},L1,no,,Ben,", f"{case.name},L2,yes,A1,Ben,"
    )
    round_ = bring_in(lead, data)
    assert (round_.name, round_.kind, round_.state, round_.imported) == ("pilot", "independent", "closed", True)
    assert (round_.rules["unit"], round_.rules["report"], round_.rules["model"]) == ("vertebra", "shown", "never")
    assert round_.rules["required_reads"] == 2
    assert round_.started_at is not None
    assert round_.by == lead
    anna, ben = Read.objects.filter(round=round_).order_by("reader")
    assert (anna.state, anna.version, anna.anatomy) == ("locked", 1, case.anatomies.get())
    assert timezone.localtime(anna.locked_at).date() == date(2019, 5, 2)
    assert timezone.localtime(anna.locked_at).hour == 12
    assert timezone.localtime(ben.locked_at).date() == timezone.localdate()
    assert len(anna.content_sha) == 64
    assert anna.content_sha != ben.content_sha
    row = Finding.objects.get(read=anna, verdict="fracture")
    assert (row.ao_body, row.level_said) == ("A3", "")
    event = AuditEvent.objects.get(verb="reads_imported")
    assert (event.by, event.detail["round"], event.detail["reads"]) == (lead, round_.pk, 2)


def test_what_is_not_listed_stays_unsaid_unless_told_otherwise_and_cut_stays_cut(lead: User, case: Case) -> None:
    data = sheet(f"{case.name},L1,fracture,,A,")
    read = Read.objects.get(round=bring_in(lead, data))
    assert said(read) == {"T12": ("not_assessable", "cut"), "L1": ("fracture", ""), "L2": (None, ""), "L3": (None, "")}
    other = Read.objects.get(round=bring_in(lead, data + b"\n", name="again", unlisted="negative"))
    assert said(other) == {
        "T12": ("not_assessable", "cut"), "L1": ("fracture", ""), "L2": ("negative", ""), "L3": ("negative", ""),
    }  # fmt: skip


def test_a_segment_injury_lies_below_the_vertebra_of_its_row(lead: User, case: Case) -> None:
    bring_in(lead, sheet(f"{case.name},L1,,B2,A,", f"{case.name},L3,,C,A,"))
    levels = dict(case.anatomies.get().vertebrae.values_list("vertebra", "level"))
    found = {levels[one.upper_id]: (one.type, levels.get(one.lower_id)) for one in SegmentInjury.objects.all()}
    assert found == {"L1": ("B2", "L2"), "L3": ("C", None)}


def test_levels_that_are_not_in_view_are_listed_and_kept_in_the_record(lead: User, case: Case) -> None:
    data = sheet(f"{case.name},L1,fracture,,A,", f"{case.name},T4,fracture,A1,A,")
    assert [(row.number, row.level) for row in look_at(lead, data).not_in_view] == [(3, "T4")]
    bring_in(lead, data)
    kept = AuditEvent.objects.get(verb="reads_imported").detail["not_in_view"]
    assert kept == [{"row": 3, "case": case.pk, "level": "T4", "verdict": "fracture", "ao": "A1"}]


def test_readers_are_matched_by_account_or_full_name_and_others_get_an_account_without_a_door(
    lead: User, case: Case
) -> None:
    senior = factories.make_user(Role.SENIOR, first_name="Anna", last_name="Groß")
    other = factories.make_user(Role.SENIOR, username="bmeier")
    rows = [f"{case.name},L1,1,,{name}," for name in ("Anna Groß", "bmeier", "Dr. Carla Süß")]
    check = look_at(lead, sheet(*rows))
    assert [(one.name, one.account, one.is_new) for one in check.readers] == [
        ("Anna Groß", senior.username, False), ("bmeier", "bmeier", False), ("Dr. Carla Süß", "dr.carla.suss", True),
    ]  # fmt: skip
    bring_in(lead, sheet(*rows))
    new = User.objects.get(username="dr.carla.suss")
    assert not new.has_usable_password()
    assert not new.groups.exists()
    assert new.get_full_name() == "Dr. Carla Süß"
    assert set(Read.objects.values_list("reader__user", flat=True)) == {senior.pk, other.pk, new.pk}
    again = look_at(lead, sheet(*rows, f"{case.name},L2,1,,bmeier,"), name="again")
    assert not any(one.is_new for one in again.readers), "the new account is found by its full name"


def test_two_names_of_one_account_and_a_name_of_two_accounts_are_errors(lead: User, case: Case) -> None:
    factories.make_user(username="agross", first_name="Anna", last_name="Groß")
    rows = (f"{case.name},L1,1,,agross,", f"{case.name},L2,1,,Anna Groß,")
    assert "both the account agross" in look_at(lead, sheet(*rows)).errors[0].sentence
    factories.make_user(first_name="Anna", last_name="Groß")
    assert "2 accounts belong to a Anna Groß" in look_at(lead, sheet(*rows)).errors[0].sentence


def test_with_one_wrong_row_nothing_comes_in(lead: User, case: Case) -> None:
    bare = factories.make_case()
    data = sheet(f"{case.name},L1,1,,A,", "Nobody,L1,1,,A,", f"{bare.name},L1,1,,A,", f"{case.name},L9,1,,A,")
    check = look_at(lead, data)
    assert [one.number for one in check.errors] == [3, 4, 5]
    with pytest.raises(Refusal, match=r"Row 3: There is no case called Nobody\. 2 more rows are refused\."):
        bring_in(lead, data)
    assert not Round.objects.exists()
    assert not Read.objects.exists()
    assert not AuditEvent.objects.filter(verb="reads_imported").exists()


def test_a_second_examination_is_found_by_its_name_in_any_case_of_letters(lead: User, case: Case) -> None:
    second = factories.make_case(patient=case.patient)
    factories.make_anatomy(second, ("L1",))
    bring_in(lead, sheet(f"{second.name.lower()},L1,1,,A,"))
    assert Read.objects.get().case == second


def test_the_same_file_comes_in_once_and_a_name_is_taken_once(lead: User, case: Case) -> None:
    data = sheet(f"{case.name},L1,1,,A,")
    bring_in(lead, data)
    with pytest.raises(Refusal, match=r"This file was brought in on .* as pilot"):
        bring_in(lead, data, name="other")
    with pytest.raises(Refusal, match="There is a round called pilot"):
        bring_in(lead, data + b"\n")
    assert Round.objects.count() == 1


def test_whoever_brings_it_in_has_been_shown_the_reads(lead: User, case: Case) -> None:
    untouched = factories.make_case()
    look_at(lead, sheet(f"{case.name},L1,1,,A,"))
    assert list(Exposure.objects.values_list("reader__user", "case", "what")) == [(lead.pk, case.pk, "read")]
    assert not Exposure.objects.filter(case=untouched).exists()
    bring_in(None, sheet(f"{case.name},L1,1,,A,"))
    assert Exposure.objects.count() == 1, "the command line is nobody"


def test_a_lead_who_owes_a_read_of_a_case_in_it_is_refused_with_the_case_named(case: Case) -> None:
    lead = factories.make_user(Role.LEAD, Role.SENIOR)
    factories.make_assignment(case, round=factories.make_round("independent"), reader=reader_of(lead))
    data = sheet(f"{case.name},L1,1,,A,")
    assert look_at(lead, data).refusals == (
        f"You are asked to read {case.name} yourself. Let somebody else bring this sheet in, or take these rows out.",
    )
    with pytest.raises(Refusal, match=f"asked to read {case.name} yourself"):
        bring_in(lead, data)
    assert not Exposure.objects.exists()
    assert not Round.objects.filter(imported=True).exists()
    bring_in(None, data)
    assert not visible_reads(lead).exists()
    assert not exportable_reads(lead).exists()


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR, Role.ENGINEER, Role.ADMINISTRATOR])
def test_only_leads_bring_reads_in(role: Role, case: Case) -> None:
    with pytest.raises(PermissionDenied):
        look_at(factories.make_user(role), sheet(f"{case.name},L1,1,,A,"))


def test_old_reads_are_no_truth_until_a_consensus_has_settled_them(lead: User, case: Case) -> None:
    bring_in(lead, sheet(f"{case.name},L1,1,,A,"))
    assert true_reads([case]) == {}


def test_a_consensus_settles_old_reads_and_sees_that_one_counted_a_vertebra_too_high(lead: User, case: Case) -> None:
    name = case.name
    rows = [f"{name},L1,1,A1,A,2019-01-02", f"{name},L2,1,A3,A,2019-01-02"]
    rows += [f"{name},L2,1,A1,B,2019-01-03", f"{name},L3,1,A3,B,2019-01-03"]
    imported = bring_in(lead, sheet(*rows), unlisted="negative")
    panel = Reader.objects.create(kind=ReaderKind.PANEL, label="Panel")
    consensus = factories.make_round("consensus", follows=imported, panel=panel)
    senior = factories.make_reader(Role.SENIOR)
    factories.make_assignment(case, round=consensus, reader=senior)
    refresh(consensus, case)
    assert senior.user is not None
    table = table_of(open_consensus(senior.user, consensus.pk, case.pk))
    levels = dict(case.anatomies.get().vertebrae.values_list("vertebra", "level"))
    assert {levels[one.vertebra] for one in table.asked} == {"L1", "L2", "L3"}
    offer = offer_of(table)
    assert offer is not None
    assert abs(offer.by) == 1


def test_the_command_checks_without_storing_then_brings_in(tmp_path: Path, case: Case, capsys: Any) -> None:
    file = tmp_path / "Pilot 2019.csv"
    file.write_bytes(f"Nr;Höhe;fx;Kürzel\n{case.name};L1;1;AB\n{case.name};T2;1;AB\n".encode())
    columns = ["--map", "Nr=case", "Kürzel=reader"]
    call_command("import_reads", str(file), "--check", *columns)
    out = capsys.readouterr().out
    assert "AB: a new account, ab" in out
    assert "Row 3: " in out
    assert "1 reads of 1 cases by 1 readers." in out
    assert not Round.objects.exists()
    call_command("import_reads", str(file), "--name", "Old", "--unlisted", "negative", *columns)
    assert Round.objects.get().name == "Old"
    with pytest.raises(CommandError, match="It comes in once"):
        call_command("import_reads", str(file), *columns)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_reads", str(tmp_path / "none.csv"))
    with pytest.raises(CommandError, match="no account of a lead"):
        call_command("import_reads", str(file), "--by", "nobody")
