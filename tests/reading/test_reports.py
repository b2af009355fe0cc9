"""The clinical report of a case, coming in: who enters it, what is written down, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from labeling.imaging.refusal import Refusal
from labeling.imaging.sealing import Seal
from labeling.models import AuditEvent, Case, Exposure, Identity
from labeling.reading.elsewhere.reports import LONGEST_REPORT, report_state, set_report
from labeling.reading.roles import Role, reader_of
from labeling.reading.visibility import case_report_for, case_report_is_open, report_for
from tests.factories import make_assignment, make_case, make_patient, make_read, make_round, make_user

pytestmark = pytest.mark.django_db

TEXT = "Wedge fracture of L1 with 30 % loss of the anterior height."


def stored(case: Case) -> str:
    return Case.objects.get(pk=case.pk).report_text


def sealed(case: Case, settings: Any) -> Case:
    record = {"patient": {"patient_id": "471100", "name": "Muster^Maria", "birth_date": "19500307"}, "age": 70}
    Identity.objects.create(case=case, sealed=Seal(settings.IDENTITY_KEYS).seal(record))
    return case


@pytest.mark.parametrize("role", Role)
def test_who_enters_a_report(role: Role) -> None:
    case, user = make_case(slices=1), make_user(role)
    make_assignment(case, reader=reader_of(user))
    if role in (Role.RESIDENT, Role.SENIOR):
        with pytest.raises(PermissionDenied):
            set_report(user, case, TEXT)
        assert stored(case) == ""
    else:
        assert set_report(user, case, TEXT)
        assert stored(case) == TEXT


def test_entering_a_report_is_an_exposure_and_written_down_without_the_text() -> None:
    case, lead = make_case(slices=1), make_user(Role.LEAD)
    assert set_report(lead, case, TEXT)
    assert set_report(lead, case, "Shorter.")
    assert list(Exposure.objects.values_list("reader__user", "case", "what")) == [(lead.pk, case.pk, "report")]
    details = [event.detail for event in AuditEvent.objects.filter(verb="set_report").order_by("pk")]
    assert details == [
        {"case": case.pk, "characters": len(TEXT), "before": 0},
        {"case": case.pk, "characters": 8, "before": len(TEXT)},
    ]


def test_saving_the_same_again_writes_nothing() -> None:
    case, lead = make_case(slices=1), make_user(Role.LEAD)
    set_report(lead, case, TEXT)
    assert not set_report(make_user(Role.ENGINEER), case, f"  {TEXT}\r\n")
    assert AuditEvent.objects.count() == Exposure.objects.count() == 1


def test_an_empty_text_takes_the_report_away_and_exposes_nobody() -> None:
    case = make_case(slices=1, report_text=TEXT)
    assert set_report(make_user(Role.LEAD), case, " \r\n ")
    assert stored(case) == ""
    assert not Exposure.objects.exists()


def test_lines_end_as_one_character_and_nothing_is_left_that_the_database_cannot_store() -> None:
    case = make_case(slices=1)
    set_report(make_user(Role.LEAD), case, "\n  Findings: \r\nL1\x00 wed\u00adge.\rNo\u200b other.  \n\n")
    assert stored(case) == "Findings:\nL1 wedge.\nNo other."


def test_a_report_may_be_twenty_thousand_characters_long_and_no_longer() -> None:
    case, lead = make_case(slices=1), make_user(Role.LEAD)
    assert set_report(lead, case, "\r\n".join(["1234567"] * (LONGEST_REPORT // 8)) + "8")
    with pytest.raises(Refusal, match=r"20,001 characters, 20,000 are taken") as refused:
        set_report(lead, case, "x" * (LONGEST_REPORT + 1))
    assert refused.value.code == "report-too-long"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Frau Muster fell.", "holds the patient's name."),
        ("Frau Mus\u00adter fell.", "holds the patient's name."),
        ("Frau M\u200bust\u2060er\ufeff fell.", "holds the patient's name."),
        ("born 7.3.1950", "holds the date of birth."),
        ("PID 471100", "holds the patient's number."),
        ("Maria Muster, 07.03.1950, 471100", "the patient's name, the date of birth and the patient's number."),
    ],
)
def test_a_text_that_names_the_patient_is_refused_and_the_attempt_written_down(
    settings: Any, text: str, named: str
) -> None:
    case, lead = sealed(make_case(slices=1), settings), make_user(Role.LEAD)
    with pytest.raises(Refusal) as refused:
        set_report(lead, case, f"{TEXT} {text}")
    assert named in refused.value.sentence
    assert "Muster" not in refused.value.sentence
    assert stored(case) == ""
    assert not Exposure.objects.exists()
    event = AuditEvent.objects.get()
    assert (event.verb, event.case, event.by) == ("report_refused", case, lead)
    assert "Muster" not in str(event.detail)


def test_a_text_that_names_nobody_comes_in(settings: Any) -> None:
    assert set_report(make_user(Role.LEAD), sealed(make_case(slices=1), settings), TEXT)


def test_an_identity_that_cannot_be_opened_lets_nothing_in(settings: Any) -> None:
    case = sealed(make_case(slices=1), settings)
    settings.IDENTITY_KEYS = (Seal.new_key(),)
    with pytest.raises(Refusal) as refused:
        set_report(make_user(Role.LEAD), case, TEXT)
    assert refused.value.code == "seal-unreadable"
    assert stored(case) == ""


@pytest.mark.parametrize(
    ("kind", "open_"), [("independent", False), ("repeat", False), ("practice", False), ("labelling", True)]
)
def test_who_is_asked_to_read_the_case_without_its_report_neither_enters_nor_sees_it(kind: str, open_: bool) -> None:
    case = make_case(slices=1, report_text=TEXT)
    lead = make_user(Role.LEAD, Role.SENIOR)
    make_assignment(case, round=make_round(kind), reader=reader_of(lead))
    assert case_report_is_open(lead, case) == open_
    if open_:
        assert case_report_for(lead, case) == TEXT
        return
    assert case_report_for(lead, case) is None
    with pytest.raises(Refusal, match="asked to read this case without its report"):
        set_report(lead, case, "Something else.")
    assert stored(case) == TEXT
    assert not Exposure.objects.exists()


def test_a_case_of_a_test_patient_takes_a_report_and_its_blind_readers_do_not_see_it() -> None:
    case = make_case(patient=make_patient(split="test"))
    senior = make_user(Role.SENIOR)
    read = make_read(case, reader=reader_of(senior), round=make_round("independent"))
    assert set_report(make_user(Role.LEAD), case, TEXT)
    assert report_for(senior, read) is None
    labelled = make_read()
    assert labelled.reader.user is not None
    assert set_report(make_user(Role.LEAD), labelled.case, TEXT)
    assert report_for(labelled.reader.user, labelled) == TEXT


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_readers_have_no_way_to_a_report_outside_their_read(role: Role) -> None:
    case, user = make_case(slices=1, report_text=TEXT), make_user(role)
    make_assignment(case, reader=reader_of(user))
    assert case_report_for(user, case) is None


def test_looking_at_a_report_is_an_exposure_and_knowing_its_length_is_none() -> None:
    case, lead = make_case(slices=1), make_user(Role.LEAD, first_name="Ida", last_name="Lead")
    assert (report_state(case).characters, report_state(case).by) == (0, "")
    set_report(lead, case, TEXT)
    state = report_state(case)
    assert (state.characters, state.by) == (len(TEXT), "Ida Lead")
    assert state.at is not None
    engineer = make_user(Role.ENGINEER)
    assert case_report_for(engineer, case) == TEXT
    assert Exposure.objects.filter(reader__user=engineer, what="report").count() == 1


def test_a_report_of_the_command_line_has_no_reader() -> None:
    case = make_case(slices=1)
    assert set_report(None, case, TEXT)
    assert not Exposure.objects.exists()
    assert report_state(case).by == "the command line"
