"""Earlier cases beside a read: which they are, how long ago, and what of them stays hidden."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Case, Exposure, Read
from labeling.reading.priors import interval_words, prior_slice, priors_of
from labeling.reading.roles import Role, reader_of
from labeling.reading.visibility import case_for, prior_cases, read_for, report_for, visible_cases, visible_reads
from tests.factories import lock_plainly, make_anatomy, make_assignment, make_case, make_read, make_round, make_user

NOW = date(2021, 3, 31)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (date(2021, 3, 30), "1 day before"),
        (date(2021, 3, 18), "13 days before"),
        (date(2021, 3, 17), "2 weeks before"),
        (date(2021, 2, 1), "8 weeks before"),
        (date(2021, 1, 31), "2 months before"),
        (date(2020, 8, 1), "7 months before"),
        (date(2020, 7, 31), "8 months before"),
        (date(2019, 4, 1), "23 months before"),
        (date(2019, 3, 31), "2 years before"),
        (date(2011, 4, 1), "9 years before"),
    ],
)
def test_an_interval_is_as_coarse_as_it_matters_and_never_rounded_up(before: date, words: str) -> None:
    assert interval_words(before, NOW) == words


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(1, 10_000), st.integers(0, 3652))
def test_a_longer_interval_never_sounds_shorter_and_shifted_dates_sound_alike_within_a_unit(
    now: date, days: int, shift: int
) -> None:
    long = {"day": 1, "week": 7, "month": 28, "year": 365}
    count, unit, _ = interval_words(now - timedelta(days), now).split()
    assert int(count) >= 1
    assert int(count) * long[unit.removesuffix("s")] <= days
    moved = interval_words(now - timedelta(days + shift), now - timedelta(shift)).split()
    assert abs(int(moved[0]) - int(count)) <= 1 or moved[1] != unit


def a_read_with_a_prior(**fields: object) -> tuple[Read, Case]:
    """A resident's draft, and the case of the same patient eight months before it."""
    before = make_case(study_date=NOW - timedelta(245), report_text="Wedge fracture of L3.")
    make_anatomy(before)
    case = make_case(patient=before.patient, study_date=NOW)
    return make_read(case, **fields), before


@pytest.mark.django_db
def test_priors_are_listed_newest_first_with_how_long_before() -> None:
    read, before = a_read_with_a_prior()
    oldest = make_case(patient=before.patient, study_date=NOW - timedelta(1500))
    make_case(patient=before.patient, study_date=NOW + timedelta(30))
    make_case(patient=before.patient)
    make_case(study_date=NOW - timedelta(10))
    assert read.reader.user is not None
    listed = priors_of(read.reader.user, read)
    assert [(one["case"], one["name"], one["interval"]) for one in listed] == [
        (before.pk, before.name, "8 months before"),
        (oldest.pk, oldest.name, "4 years before"),
    ]
    assert listed[0]["url"] == f"/api/reads/{read.pk}/priors/{before.pk}/slice"


@pytest.mark.django_db
def test_a_case_without_a_date_has_no_priors() -> None:
    read, _ = a_read_with_a_prior()
    Case.objects.filter(pk=read.case_id).update(study_date=None)
    assert read.reader.user is not None
    assert priors_of(read.reader.user, Read.objects.get(pk=read.pk)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.RESIDENT, Role.SENIOR])
def test_reads_report_and_anatomy_check_of_a_prior_stay_hidden_from_whom_it_is_shown(role: Role) -> None:
    user = make_user(role)
    read, before = a_read_with_a_prior(reader=reader_of(user))
    others = lock_plainly(make_read(before))
    assert prior_slice(user, read, before.pk, level="L3", share=0.5).level == "L3"
    assert not visible_cases(user).filter(pk=before.pk).exists()
    with pytest.raises(Case.DoesNotExist):
        case_for(user, before.pk)
    assert not visible_reads(user).filter(case=before).exists()
    with pytest.raises(Read.DoesNotExist):
        read_for(user, others.pk)
    assert report_for(user, others) is None
    assert not Exposure.objects.exists()


@pytest.mark.django_db
def test_who_owes_a_blind_read_of_the_prior_still_may_have_it_assigned_after_seeing_its_image() -> None:
    user = make_user(Role.SENIOR)
    read, before = a_read_with_a_prior(reader=reader_of(user))
    prior_slice(user, read, before.pk, level="", share=0.5)
    make_assignment(before, round=make_round("independent"), reader=reader_of(user))


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
def test_priors_of_a_read_that_is_not_theirs_are_nobodys(role: Role) -> None:
    read, before = a_read_with_a_prior()
    stranger = make_user(role)
    assert not prior_cases(stranger, read).exists()
    with pytest.raises(Case.DoesNotExist):
        prior_slice(stranger, read, before.pk, level="", share=0.5)


@pytest.mark.django_db
def test_an_overseer_sees_the_priors_of_a_locked_read_unless_they_owe_one() -> None:
    read, before = a_read_with_a_prior()
    lock_plainly(read)
    lead = make_user(Role.LEAD, Role.SENIOR)
    assert list(prior_cases(lead, read)) == [before]
    make_assignment(read.case, round=make_round("independent"), reader=reader_of(lead))
    assert not prior_cases(lead, read).exists()
