"""A reader's own keys: given, swapped, refused, taken back; after a reload and on another device; and switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record, Room, each, open_case


@pytest.fixture(autouse=True)
def keys_as_delivered(application: Application) -> Iterator[None]:
    """The accounts are those of all tests: whatever becomes of this one, the next finds the keys as delivered."""
    yield
    application.sql("UPDATE labeling_reader SET preferences = '{}'")


def open_sheet(room: Room) -> Locator:
    room.page.get_by_role("button", name=re.compile("^Keys")).click()
    expect(room.dialog).to_contain_text("Everything here is also a button.")
    return room.dialog


def keys_of(sheet: Locator, label: str) -> str:
    """What stands beside a command: the keys, as they are printed."""
    names = sheet.get_by_role("term").all_inner_texts()
    return " ".join(sheet.get_by_role("definition").nth(names.index(label)).locator("kbd").all_inner_texts())


def record_key(room: Room, label: str, old: str, *keys: str) -> None:
    room.dialog.get_by_role("button", name=f"{label}: {old}. Change", exact=True).click()
    room.press(*keys)


def preferences(application: Application, person: str) -> dict[str, object]:
    row = application.one(
        "SELECT r.preferences FROM labeling_reader r JOIN auth_user u ON u.id = r.user_id WHERE u.username = %s", person
    )
    found: dict[str, object] = row["preferences"]
    return found


def kept(room: Room) -> None:
    expect(room.dialog).to_contain_text("Kept. The same on every device.")


def reset(room: Room) -> None:
    open_sheet(room)
    room.dialog.get_by_role("button", name="All keys as delivered").click()
    kept(room)
    room.press("Escape")


def test_a_key_that_was_given_works_at_once_after_a_reload_and_on_another_device(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    sheet = open_sheet(room)
    record_key(room, "Fracture", "F", "y")
    expect(sheet).to_contain_text("Fracture is Y.")
    assert keys_of(sheet, "Fracture") == "Y"
    kept(room)
    room.press("Escape")
    expect(room.button("Fracture").locator("kbd")).to_have_text("Y")

    at = room.settle()
    room.press("f")
    room.press("y")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == each("L1", [at], "fracture")
    assert len(record.operations(read)) == 1
    assert preferences(application, "resident")["keys"] == {"markFracture": ["y"]}

    room.page.reload()
    room = Room(room.page)
    expect(room.button("Fracture").locator("kbd")).to_have_text("Y")
    address = room.page.url
    room.page.goto("/worklist")
    room.page.close()

    # Another browser with a storage of its own, where nobody has ever been logged in.
    elsewhere = people.person("resident", fresh=True)
    elsewhere.goto(address)
    room = Room(elsewhere)
    expect(room.button("Fracture")).not_to_have_attribute("aria-disabled", "true")
    expect(room.button("Fracture").locator("kbd")).to_have_text("Y")
    expect(room.button("Fracture")).to_have_attribute("aria-keyshortcuts", "Y")
    room.press("ArrowDown")
    at = room.settle()
    room.press("y")
    room.saved()
    assert record.labels(read)["L1", at] == "fracture"
    reset(room)
    assert preferences(application, "resident")["keys"] == {}


def test_a_key_of_another_command_is_named_and_swapped_only_when_told(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("senior1"), case["name"])
    sheet = open_sheet(room)
    record_key(room, "Fracture", "F", "n")
    expect(sheet).to_contain_text("N is Negative.")
    sheet.get_by_role("button", name="Leave both").click()
    assert (keys_of(sheet, "Fracture"), keys_of(sheet, "Negative")) == ("F", "N")

    record_key(room, "Fracture", "F", "n")
    expect(sheet.get_by_role("button", name="Swap: Negative gets F")).to_be_focused()
    room.press("Enter")
    assert (keys_of(sheet, "Fracture"), keys_of(sheet, "Negative")) == ("N", "F")
    kept(room)
    room.press("Escape")
    expect(room.page.locator("[data-room=range-hint]")).to_contain_text("Shift F or Shift N")
    at = room.settle()
    room.press("f")
    room.saved()
    read = record.read_of(case["id"], "senior1")["id"]
    assert record.labels(read) == each("L1", [at], "negative")

    sheet = open_sheet(room)
    sheet.get_by_role("button", name="Fracture: keys as delivered", exact=True).click()
    assert (keys_of(sheet, "Fracture"), keys_of(sheet, "Negative")) == ("F", "N")
    kept(room)
    assert preferences(application, "senior1")["keys"] == {}


def test_keys_of_the_page_and_first_halves_are_refused_with_the_reason(person: Person, new_case: NewCase) -> None:
    room = open_case(person("senior1"), new_case()["name"])
    sheet = open_sheet(room)
    record_key(room, "Fracture", "F", "Enter")
    expect(sheet).to_contain_text("Enter shows the summary, and locks.")
    room.press("b")
    expect(sheet).to_contain_text("B begins keys of two strokes.")
    room.press("9")
    expect(sheet).to_contain_text("Fracture is B 9.")
    record_key(room, "Fracture", "B 9", "Escape")
    expect(sheet).to_contain_text("Left as it was.")
    assert keys_of(sheet, "Fracture") == "B 9"
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="All keys as delivered").click()
    assert keys_of(sheet, "Fracture") == "F"
    kept(room)
    room.press("?")
    expect(sheet).not_to_be_visible()


def test_the_sheet_is_worked_with_the_keyboard_alone(
    application: Application, person: Person, new_case: NewCase
) -> None:
    room = open_case(person("senior2"), new_case()["name"])
    room.press("?")
    change = room.dialog.get_by_role("button", name="Fit the image: O. Change", exact=True)
    change.focus()
    room.press("Enter", "Alt+o")
    given = room.dialog.get_by_role("button", name="Fit the image: Alt O. Change", exact=True)
    expect(given).to_be_focused()
    kept(room)
    room.press("Enter")
    expect(room.dialog.get_by_role("button", name="Take Alt O away")).to_be_visible()
    room.press("Tab")
    assert keys_of(room.dialog, "Fit the image") == "Alt O"
    room.press("Escape")
    room.wheel(1)
    room.press("Alt+o")
    reset(room)
    assert preferences(application, "senior2")["keys"] == {}


def test_with_single_keys_off_a_brushed_key_changes_nothing_and_every_tool_is_still_there(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("senior2"), case["name"])
    sheet = open_sheet(room)
    sheet.get_by_role("checkbox", name="Keys without Ctrl or Alt").uncheck()
    kept(room)
    room.press("Escape")
    expect(room.button("Single keys are off")).to_be_visible()
    expect(room.button("Fracture").locator("kbd")).to_be_hidden()
    at = room.settle()
    room.press("f", "n", "v", "x", "1", "Space", "?", "Shift+V", "s", "b", "1", "i", "Backspace")
    expect(room.dialog).not_to_be_visible()
    room.press("ArrowDown")
    assert room.settle() == at + 1
    room.button("Fracture").click()
    room.button("A1").click()
    room.press("Control+z")
    room.saved()
    read = record.read_of(case["id"], "senior2")["id"]
    assert record.labels(read) == each("L1", [at + 1], "fracture")
    assert [operation["verb"] for operation in record.operations(read)] == ["label_slices", "set_ao", "restore"]
    assert preferences(application, "senior2")["single_keys"] is False

    room.page.reload()
    room = Room(room.page)
    room.button("Single keys are off").click()
    room.dialog.get_by_role("checkbox", name="Keys without Ctrl or Alt").check()
    kept(room)
    room.press("Escape")
    expect(room.page.get_by_text("Single keys are off")).to_be_hidden()
    room.press("n")
    room.saved()
    assert len(record.operations(read)) == 4
