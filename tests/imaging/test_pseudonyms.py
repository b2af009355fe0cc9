"""Pseudonyms, UIDs and date shifts: the same every time, unlike under another key, and never the same for two."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.uid import RE_VALID_UID, UID

from labeling.imaging.pseudonyms import LONGEST_SHIFT_DAYS, Pseudonymizer
from labeling.imaging.refusal import Refusal

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
OURS = Pseudonymizer(KEY)
THEIRS = Pseudonymizer(OTHER_KEY)

patient_ids = st.text(min_size=1, max_size=64).filter(lambda text: any(c.isalnum() and c != "0" for c in text))
uids = st.from_regex(r"1\.(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,5}", fullmatch=True)


def usable(patient_id: str) -> bool:
    try:
        OURS.patient(patient_id)
    except Refusal:
        return False
    return True


@given(patient_ids, st.text(max_size=20))
def test_the_same_patient_gets_the_same_pseudonym_from_a_second_pseudonymizer(patient_id: str, issuer: str) -> None:
    assume(usable(patient_id))
    pseudonym = OURS.patient(patient_id, issuer)
    assert pseudonym == Pseudonymizer(KEY).patient(patient_id, issuer)
    assert re.fullmatch(r"SAG-[0-9A-HJKMNP-TV-Z]{8}", pseudonym)


def test_a_file_name_with_undecodable_bytes_can_name_a_patient() -> None:
    assert OURS.patient(b"M\xfcller".decode("utf-8", "surrogateescape")).startswith("SAG-")


@given(patient_ids)
def test_another_key_gives_another_pseudonym(patient_id: str) -> None:
    assume(usable(patient_id))
    assert OURS.patient(patient_id) != THEIRS.patient(patient_id)


def test_spelling_makes_no_difference_but_issuer_and_leading_zeros_do() -> None:
    assert OURS.patient(" ab12 ", "usz") == OURS.patient("AB12\0", "USZ ")
    assert OURS.patient("AB12", "USZ") != OURS.patient("AB12", "HUG")
    assert OURS.patient("00AB12") != OURS.patient("AB12")
    assert OURS.patient("AB", "12") != OURS.patient("AB1", "2")


@pytest.mark.parametrize(
    "nobody", ["", "  ", "\0", "0", "000000", "ANONYMOUS", "anonymous", "Unknown", "N/A", "no id", "--"]
)
def test_a_patient_without_an_identifier_is_refused_instead_of_being_merged_with_all_the_others(nobody: str) -> None:
    with pytest.raises(Refusal) as refused:
        OURS.patient(nobody, "USZ")
    assert refused.value.code == "no-patient-id"
    assert refused.value.sentence.startswith("The patient has no identifier.")


def test_a_patient_known_by_one_study_is_bound_to_it_and_is_nobody_else() -> None:
    bound = OURS.patient_of_study("1.2.3")
    assert bound == OURS.patient_of_study(" 1.2.3\0")
    assert bound != OURS.patient_of_study("1.2.4")
    assert bound != OURS.patient("1.2.3")
    with pytest.raises(Refusal):
        OURS.patient_of_study(" ")


@given(uids)
def test_a_uid_is_valid_and_the_same_every_time(original: str) -> None:
    made = OURS.uid(original)
    assert made == OURS.uid(original + "\0") == OURS.uid(f" {original} ")
    assert UID(made).is_valid
    assert re.match(RE_VALID_UID, made)
    assert len(made) <= 64
    assert made.startswith("2.25.")
    assert made != original
    assert made != THEIRS.uid(original)


@given(uids)
def test_a_uid_is_a_uuid_of_version_8(original: str) -> None:
    bits = int(OURS.uid(original).removeprefix("2.25."))
    assert bits < 1 << 128
    assert bits >> 76 & 0xF == 8
    assert bits >> 62 & 0x3 == 2


def test_an_empty_uid_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        OURS.uid("\0 ")
    assert refused.value.code == "no-uid"


def test_derived_uids_keep_their_parts_apart() -> None:
    made = [
        OURS.derived_uid("ab", "c"),
        OURS.derived_uid("a", "bc"),
        OURS.derived_uid("abc"),
        OURS.derived_uid("ab", "c", 0),
        OURS.derived_uid("ab", "c", 1),
        OURS.derived_uid(b"ab", "c"),
        OURS.uid("abc"),
    ]
    assert len(set(made)) == len(made)
    assert made[0] == OURS.derived_uid("ab", "c")
    with pytest.raises(Refusal):
        OURS.derived_uid()


def test_100_000_patients_and_uids_never_collide() -> None:
    count = 100_000
    assert len({OURS.patient(f"P{n}", "USZ") for n in range(count)}) == count
    assert len({OURS.uid(f"1.2.840.{n}") for n in range(count)}) == count
    assert len({OURS.derived_uid("stack", n) for n in range(count)}) == count


@given(st.text(max_size=30))
def test_a_shift_is_never_zero_and_always_the_same(patient: str) -> None:
    assert 1 <= OURS.shift_days(patient) <= LONGEST_SHIFT_DAYS
    assert OURS.shift_days(patient) == Pseudonymizer(KEY).shift_days(patient)


def test_shifts_of_many_patients_fill_the_whole_range() -> None:
    shifts = [OURS.shift_days(f"SAG-{n}") for n in range(20_000)]
    assert min(shifts) >= 1
    assert max(shifts) <= LONGEST_SHIFT_DAYS
    assert len(set(shifts)) > 0.98 * LONGEST_SHIFT_DAYS
    assert abs(sum(shifts) / len(shifts) - LONGEST_SHIFT_DAYS / 2) < 40


dates = st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2100, 12, 31))


@given(dates, dates, st.text(max_size=12))
def test_dates_of_a_patient_keep_their_interval_and_move_back(
    one: datetime.date, other: datetime.date, patient: str
) -> None:
    moved = [
        datetime.datetime.strptime(OURS.shift_date(day.strftime("%Y%m%d"), patient), "%Y%m%d").date()
        for day in (one, other)
    ]
    assert moved[1] - moved[0] == other - one
    assert moved[0] < one
    assert OURS.shift_date(one, patient) == moved[0].strftime("%Y%m%d")


def test_older_spellings_of_a_date_give_the_same_date() -> None:
    assert OURS.shift_date("2024.02.29", "p") == OURS.shift_date("2024-02-29 ", "p") == OURS.shift_date("20240229", "p")


@pytest.mark.parametrize(
    "garbage", ["", "2024", "20241301", "20230229", "Mustermann", "2024-0229", "00010102", "20240101\\20240102"]
)
def test_what_is_no_date_becomes_nothing(garbage: str) -> None:
    assert OURS.shift_date(garbage, "SAG-1") == ""


def test_a_short_key_is_refused_and_a_key_is_never_shown() -> None:
    with pytest.raises(Refusal) as refused:
        Pseudonymizer(b"secret")
    assert refused.value.sentence == (
        "The pseudonym key has 6 bytes. At least 32 random bytes are needed. Set a longer key and start again."
    )
    assert "secret" not in repr(Pseudonymizer(b"secret" * 6))
