"""One read on two devices: one of them writes, the other reads along and may take over, and nothing is merged."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.agreement import assert_record_is_screen, on_screen
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import LOCKED_ONCE, Record, Room, open_case, until

OFFLINE = r"net::ERR_(INTERNET_DISCONNECTED|CONNECTION_\w+|EMPTY_RESPONSE)"
TAKEN = r"status of 409"


def two_devices(person: Person, case: str) -> tuple[Room, Room]:
    """The same reader at two computers; the first came first."""
    here = person("resident")
    first = open_case(here, case)
    first.settle()
    until_claimed(first)
    there = person("resident")
    there.goto(here.url)
    return first, Room(there)


def until_claimed(room: Room) -> None:
    """Wait for the lease: the room does not, because keys must not."""
    room.saved()
    expect(room.banner).to_be_hidden()


def read_here(room: Room) -> None:
    room.banner.get_by_role("button", name="Read here").click()
    expect(room.banner).not_to_contain_text("Being written on another device")
    room.settle()


def test_the_second_device_reads_along_says_so_calmly_and_writes_nothing(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    first, second = two_devices(person, case["name"])
    expect(second.banner).to_contain_text(re.compile(r"Being written on another device, last heard of at \d\d:\d\d\."))
    expect(second.chip).to_have_text("Open on another device")
    expect(second.dialog).not_to_be_visible()
    second.press("f", "1")
    expect(second.said).to_contain_text("being written elsewhere")
    second.step(2)
    first.press("f")
    first.saved()
    assert_record_is_screen(first.page, record, first.read, clicks=1)


def test_taking_over_shows_the_record_and_the_first_device_stops_at_its_next_change(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(TAKEN)
    case, record = new_case(), Record(application)
    first, second = two_devices(person, case["name"])
    first.press("f", "2")
    first.saved()
    read_here(second)
    expect(second.state).to_have_text("Fracture, type A2")
    second.press("3")
    second.saved()
    assert_record_is_screen(second.page, record, second.read, clicks=3)

    first.press("4")
    expect(first.banner).to_contain_text("1 change made here is not saved; nothing was merged.")
    expect(first.chip).to_have_attribute("data-state", "conflict")
    # What was not sent stays in sight until the reader decides.
    expect(first.state).to_have_text("Fracture, type A4")
    first.banner.get_by_role("button", name="Show them").click()
    expect(first.dialog).to_contain_text("L1, type A4")
    first.press("Escape")
    assert record.findings(first.read)["L1"]["ao_body"] == "A3"

    read_here(first)
    expect(first.dialog).to_contain_text("not in the record")
    expect(first.dialog.get_by_role("listitem").first).to_have_text("L1, type A4")
    expect(first.state).to_have_text("Fracture, type A3")
    first.press("Enter")
    expect(first.dialog).not_to_be_visible()
    expect(first.banner).to_be_hidden()
    assert_record_is_screen(first.page, record, first.read, clicks=3)
    first.press("1")
    first.saved()
    assert_record_is_screen(first.page, record, first.read, clicks=4)


def test_a_device_that_comes_back_from_no_network_finds_its_changes_named_until_they_are_read(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(OFFLINE, TAKEN)
    case, record = new_case(), Record(application)
    first, second = two_devices(person, case["name"])
    first.wait_for_all_slices()
    first.press("f")
    first.saved()
    first.page.context.set_offline(True)
    first.press("1", "q", "u")
    expect(first.chip).to_contain_text("Not saved, 3 waiting")
    read_here(second)
    second.press("2")
    second.saved()

    first.page.context.set_offline(False)
    expect(first.banner).to_contain_text("3 changes made here are not saved; nothing was merged.")
    assert record.findings(first.read)["L1"]["ao_body"] == "A2"
    read_here(first)
    expect(first.dialog.get_by_role("listitem")).to_have_text(["L1, type A1", "L1, acuity acute", "L1, unclear"])
    # A reload does not count as having read them.
    first.page.reload()
    first = Room(first.page)
    expect(first.dialog.get_by_role("listitem")).to_have_count(3)
    first.press("Escape")
    expect(first.banner).to_contain_text("3 changes made here are not in the record.")
    assert_record_is_screen(first.page, record, first.read, clicks=2, unsaved=3)
    first.banner.get_by_role("button", name="Show them").click()
    first.dialog.get_by_role("button", name="I have read this").click()
    expect(first.banner).to_be_hidden()
    assert_record_is_screen(first.page, record, first.read, clicks=2)


def test_what_was_made_without_a_network_is_written_where_the_other_device_only_looked(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(OFFLINE, TAKEN)
    case, record = new_case(), Record(application)
    first, second = two_devices(person, case["name"])
    first.wait_for_all_slices()
    first.page.context.set_offline(True)
    first.press("f", "1")
    read_here(second)
    second.step(1)
    second.saved()
    first.page.context.set_offline(False)
    expect(first.banner).to_contain_text("2 changes made here are not saved")
    read_here(first)
    first.saved()
    assert on_screen(first.page)["unsaved"] == 0
    assert_record_is_screen(first.page, record, first.read, clicks=2)


def test_a_device_that_left_lets_the_next_one_write_at_once(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    first, second = two_devices(person, case["name"])
    expect(second.banner).to_contain_text("Being written on another device")
    # Where the reader is goes out a moment after the last movement.
    first.page.wait_for_timeout(1500)
    first.page.goto("/worklist")
    second.page.reload()
    second = Room(second.page)
    expect(second.banner).to_be_hidden()
    second.press("f")
    second.saved()
    assert_record_is_screen(second.page, record, second.read, clicks=1)


def test_a_read_locked_on_another_device_names_what_came_too_late(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(OFFLINE, TAKEN)
    case, record = new_case(), Record(application)
    first, second = two_devices(person, case["name"])
    first.wait_for_all_slices()
    first.page.context.set_offline(True)
    first.press("u")
    read_here(second)
    read = second.read
    lock(second)
    until(lambda: record.is_locked(read), "The read is locked")
    first.page.context.set_offline(False)
    expect(first.dialog).to_contain_text("1 change is not in the record")
    expect(first.topbar).to_contain_text(LOCKED_ONCE)
    first.press("Enter")
    assert not any(finding["unclear"] for finding in record.findings(read).values())


def lock(room: Room) -> None:
    """All indeterminate, then locked."""
    for level in ("L1", "L2", "L3", "L4"):
        expect(room.level).to_have_text(level)
        room.press("i", "j")
    room.saved()
    room.press("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    room.press("Enter")
