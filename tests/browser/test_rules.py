"""What the room refuses, and how it says so."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import Person
from tests.browser.room import LOCKED_ONCE, Record, Room, each, open_case, until


def test_a_whole_vertebra_is_not_negative_before_all_its_slices_were_on_screen_and_the_room_says_so(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    body = record.bodies(case["id"])["L1"]
    room = open_case(person("resident"), case["name"])
    room.button("Rest of it negative").click()
    expect(room.said).to_have_text(re.compile(r"\b12 slices .*(seen|on screen)"))
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.operations(read) == []

    room.button("Lock, next case").click()
    expect(room.dialog).to_contain_text("4 things are missing.")
    expect(room.dialog.get_by_role("button", name=re.compile(r"^L1\b"))).to_contain_text("No verdict yet")
    room.press("Escape")

    room.press("Home")
    assert room.settle() == body[0]
    room.step(len(body) - 1)
    room.button("Rest of it negative").click()
    expect(room.state).to_have_text("Negative")
    room.saved()
    assert record.labels(read) == each("L1", body, "negative")
    assert set(body) <= record.seen(read)


def test_enter_lists_what_is_missing_and_leads_to_the_first_of_it(person: Person, new_case: NewCase) -> None:
    case = new_case()
    room = open_case(person("resident"), case["name"])
    room.press("j", "f")
    expect(room.state).to_have_text("Fracture")
    room.press("Enter")
    expect(room.dialog).to_contain_text("L2 is a fracture and needs its AO type.")
    expect(room.dialog).to_contain_text(re.compile(r"1[012] slices have not been seen on L2\."))
    expect(room.dialog.get_by_role("button", name=re.compile("^Lock"))).to_have_count(0)
    room.press("Enter")
    expect(room.dialog).not_to_be_visible()
    expect(room.level).to_have_text("L1")


def test_a_slice_far_from_the_body_takes_no_label(application: Application, person: Person, new_case: NewCase) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    body = record.bodies(case["id"])["L1"]
    room.step(body[-1] + 3 - room.settle())
    room.button("Fracture").click(force=True)  # it says that it cannot be used, and why when it is pressed all the same
    expect(room.said).to_have_text("This slice does not cross L1.")
    room.step(-1)
    room.button("Fracture").click()
    expect(room.said).to_contain_text("The mask of L1 ends before this slice.")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == {("L1", body[-1] + 2): "fracture"}


def test_not_assessable_asks_why_and_a_digit_answers_that_and_nothing_else(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("senior2"), case["name"])
    for digit in ("1", "2", "3", "4"):
        room.press("x")
        expect(room.dialog).to_contain_text("not assessable?")
        room.press(digit)
        expect(room.state).to_contain_text("Not assessable:")
        room.press("j")
    room.saved()
    read = record.read_of(case["id"], "senior2")["id"]
    findings = record.findings(read).values()
    assert [(finding["verdict"], finding["ao_body"]) for finding in findings] == [("not_assessable", None)] * 4
    assert len({finding["why"] for finding in findings}) == 4


def test_the_sheet_of_keys_closes_by_the_key_that_opened_it(person: Person, new_case: NewCase) -> None:
    case = new_case()
    room = open_case(person("resident"), case["name"])
    room.press("?")
    expect(room.dialog).to_contain_text("Everything here is also a button.")
    room.press("?")
    expect(room.dialog).not_to_be_visible()


def test_a_locked_read_takes_nothing_more_and_says_so(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("senior2")
    room = open_case(page, case["name"])
    room.press("i", "j", "i", "j", "i", "j", "i")
    room.saved()
    address, read = page.url, room.read
    room.press("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    room.press("Enter")
    until(lambda: record.is_locked(read), "The read is locked")

    page.goto(address)
    room = Room(page)
    expect(room.topbar).to_contain_text(LOCKED_ONCE)
    before = record.operations(read)
    assert len(before) == 4
    room.press("f")
    expect(room.said).to_have_text("This read is locked.")
    # Also where the button is put away, because a model is revealed.
    page.locator("[data-command=markFracture]").dispatch_event("click")
    assert record.operations(read) == before
