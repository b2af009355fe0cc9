"""The worklist as a reader opens it: what is mine, what is next, how far I am, how long I need."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import ActiveTime, Assignment, SkipReason
from labeling.pages.worklist import about_words, clock_words
from labeling.reading.roles import Role
from labeling.reading.rounds import enter_open_round, open_read, seed_open_labelling_round
from labeling.reading.skipping import skip
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def resident():
    return factories.make_user(Role.RESIDENT)


@pytest.fixture
def client(resident):
    client = Client()
    client.force_login(resident)
    return client


def a_case():
    seed_open_labelling_round()
    case = factories.make_case()
    factories.make_anatomy(case)
    enter_open_round(case)
    return case


def text_of(client, tab="to_read", **query):
    response = client.get(reverse("worklist"), {"tab": tab, **query})
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def locked(resident, *, minutes):
    """A read of this person, locked after so many minutes at work."""
    read = open_read(user=resident, case_id=a_case().pk)
    ActiveTime.objects.create(read=read, tab="6e0a2c5c-0d3c-4f9e-8f43-0b8a0c3a7a11", ms=minutes * 60_000)
    return factories.lock_plainly(read)


def test_the_next_case_is_named_before_it_is_opened(client):
    case = a_case()
    text = text_of(client)
    assert f"Next case: {case.name}" in text
    assert 'aria-current="true"' in text


def test_where_i_stopped_comes_first_and_says_what_is_open(client, resident):
    a_case()
    read = open_read(user=resident, case_id=a_case().pk)
    text = text_of(client)
    assert text.index(read.case.name) < text.index("So far")
    assert "Still open: L2, L3, L4" in text
    assert reverse("room", args=[read.pk]) in text
    assert "Read the next case" not in text


def test_pace_and_time_left_stand_there_after_the_first_lock_and_not_before(client, resident):
    a_case()
    assert "after your first locked case" in text_of(client)
    locked(resident, minutes=2)
    a_case()
    text = text_of(client)
    assert "1 of 3" in text
    assert "2:00" in text
    assert "4 min" in text
    assert "left at your pace" in text


def test_a_row_says_how_long_i_was_at_work_on_it(client, resident):
    locked(resident, minutes=3)
    assert "3:00" in text_of(client, "locked")


def test_a_skipped_case_keeps_its_reason_and_can_be_read_after_all(client, resident):
    case = a_case()
    skip(user=resident, case_id=case.pk, reason=SkipReason.IMAGE, note="")
    text = text_of(client, "skipped")
    assert "Skipped: the image cannot be read" in text
    assert "Read it after all" in text
    assert "1 skipped" in text
    assert client.post(reverse("open-case", args=[case.pk])).url.startswith("/read/")
    assert "Skipped: the image" not in text_of(client, "skipped")
    assert Assignment.objects.get(case=case, reader__user=resident).skip_reason == ""


def test_a_skipped_draft_is_read_after_all_by_its_button_and_not_by_a_plain_link(client, resident):
    case = a_case()
    read = open_read(user=resident, case_id=case.pk)
    skip(user=resident, case_id=case.pk, reason=SkipReason.LATER)
    text = text_of(client, "skipped")
    assert "Read it after all" in text
    assert reverse("room", args=[read.pk]) not in text


def test_a_locked_read_can_be_viewed_or_opened_again(client, resident):
    room = reverse("room", args=[locked(resident, minutes=1).pk])
    text = text_of(client, "locked")
    assert f'<a href="{room}">View</a>' in text
    assert f'<a href="{room}#open-again">Open again</a>' in text


def test_a_case_without_vertebrae_leads_to_where_they_are_placed(client):
    seed_open_labelling_round()
    case = factories.make_case()
    enter_open_round(case)
    text = text_of(client)
    assert "No vertebrae yet" in text
    assert reverse("anatomy-check", args=[case.pk]) in text


@pytest.mark.parametrize("tab", ["draft", "locked", "mine", "skipped", "unclear"])
def test_an_empty_tab_says_why_and_has_one_button(client, tab):
    assert "Cases to read" not in text_of(client, tab)
    a_case()
    text = text_of(client, tab)
    assert text.count('<a class="btn"') == 1
    assert "Cases to read" in text


def test_a_search_without_a_hit_offers_everything_again(client):
    a_case()
    text = text_of(client, search="nobody")
    assert "No case here is called “nobody”" in text
    assert "Show all" in text


def test_with_nothing_left_but_a_draft_the_button_goes_on_with_it(client, resident):
    read = open_read(user=resident, case_id=a_case().pk)
    text = text_of(client)
    assert "Go on with your draft" in text
    assert text.count(reverse("room", args=[read.pk])) == 2


def test_a_case_that_waits_for_its_day_says_which(client, resident):
    case = a_case()
    Assignment.objects.filter(case=case).update(not_before=timezone.now() + timedelta(days=3))
    text = text_of(client)
    on = timezone.localtime(timezone.now() + timedelta(days=3))
    assert f"Available on {on.day} {on:%B %Y}" in text
    assert "Read the next case" not in text


@pytest.mark.parametrize(("ms", "words"), [(0, "0:00"), (84_999, "1:24"), (3_599_999, "59:59"), (3_723_000, "1:02:03")])
def test_time_that_was_spent_reads_as_on_a_watch(ms, words):
    assert clock_words(ms) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (1000, "10 seconds"),
        (44_000, "40 seconds"),
        (89_000, "90 seconds"),
        (112_000, "2 min"),
        (43 * 60_000, "43 min"),
        (130 * 60_000, "2 h 10 min"),
        (60 * 60_000, "1 h"),
        (617 * 60_000, "10 h 30 min"),
    ],
)
def test_time_that_is_left_is_said_no_more_exactly_than_it_is_known(ms, words):
    assert about_words(ms) == words
