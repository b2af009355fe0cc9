"""No serious violation of axe-core's rules in any state of the reading room and of the anatomy check.

`test_accessibility.py` holds the other pages, and sees to it that none is forgotten.
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.anatomy import ROWS, Check, owe_a_blind_read
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.opinions import a_model_says
from tests.browser.people import People, Person
from tests.browser.room import LOCKED_ONCE, Record, Room, open_case, until
from tests.browser.test_case_to_case import decide_all, fix_the_anatomy_of, on_another_read
from tests.browser.test_nothing_is_lost import session_key
from tests.browser.test_second_view import READ_BACK, open_planes, pane
from tests.intake import phantoms

# ---------------------------------------------------------------- the reading room


def walk(room: Room, look: Look, states: dict[str, str]) -> None:
    """Open each dialog by its key, look at it, close it."""
    for keys, words in states.items():
        room.press(keys)
        expect(room.dialog).to_be_visible()
        look(room.page, words)
        room.press("Escape")
        expect(room.dialog).to_be_hidden()


@looks_at("room")
def test_the_reading_room_in_a_draft(people: People, person: Person, new_case: NewCase, look: Look) -> None:
    people.foresee(READ_BACK)
    case = new_case(derived=True)
    lead = person("lead")
    lead.goto(f"/cases/{case['id']}")
    lead.get_by_label("Text of the report").fill("Fracture of L1. No other fracture.")
    lead.get_by_role("button", name="Save the report").click()
    page = person("resident")
    room = open_case(page, case["name"])
    room.wait_for_all_slices()
    look(page, "untouched")
    room.press("t")
    look(page, "the report the other way")
    room.press("t")
    walk(room, look, {"?": "keys", "Enter": "summary", "s": "skip", "x": "why", "+": "numbering"})
    # One vertebra of each kind, each with the panel of the next one beside it.
    for keys in (("f", "1", "0", "b", "1", "u"), ("i",), ("x", "1"), ("f", "4")):
        room.press(*keys)
        look(page, f"after {' '.join(keys)}")
        room.press("j")
    room.press("k", "k", "r", "ArrowDown", "ArrowDown")
    look(page, "a range")
    room.press("h")
    look(page, "heights are measured")
    room.press("Enter", "Escape", "d", "d", "Escape", "Escape", "g")
    look(page, "measured, with the magnifier")
    room.press("Escape")
    for _ in range(4):
        room.press("ArrowDown")
    room.button("Keys").click()
    room.dialog.get_by_role("button", name="Fracture: F. Change", exact=True).click()
    look(page, "a key is recorded")
    room.press("n")
    look(page, "a key is another's")
    room.dialog.get_by_role("button", name="Leave both").click()
    room.press("Escape")
    walk(room, look, {"Enter": "summary with verdicts"})


@looks_at("room")
def test_the_second_view(people: People, person: Person, new_case: NewCase, look: Look) -> None:
    people.foresee(READ_BACK, r"status of 507")
    page = person("resident")
    room = open_planes(page, new_case(derived=True)["name"])
    look(page, "axial and coronal")
    full = '{"code": "full", "sentence": "The disk is full. Nothing was cut."}'
    page.route(re.compile("/planes/axial"), lambda route: route.fulfill(status=507, body=full))
    room.press("j")
    expect(pane(page, "Axial")).to_contain_text("The disk is full")
    look(page, "a plane that did not come")
    room.press("e")
    expect(page.get_by_text("No earlier examination of this patient is here.")).to_be_visible()
    look(page, "no earlier examination")


@looks_at("room")
def test_an_earlier_examination_beside_the_read(
    application: Application, person: Person, look: Look, tmp_path: Path
) -> None:
    for date in ("20240115", "20240920"):
        files = phantoms.sagittal_dicom(
            tmp_path / date, patient_id="AXE-TWICE", seed=int(date) % 89, attributes={"StudyDate": date}
        )
        mask = phantoms.nifti(tmp_path / f"{date}.nii.gz", phantoms.MASK)
        name = application.bring_in([*files, mask])["name"]
    page = person("resident")
    room = open_case(page, name)
    room.wait_for_all_slices()
    room.press("e", "e")
    expect(pane(page, "Earlier examination")).to_contain_text("8 months before")
    look(page, "an earlier examination")


@looks_at("room")
def test_the_reading_room_of_a_locked_read_and_its_second_version(
    application: Application, person: Person, new_case: NewCase, look: Look
) -> None:
    page, case = person("senior1"), new_case()
    body = Record(application).bodies(case["id"])["L2"]
    a_model_says(application, case["id"], {"L2": body[4:8]}, abstained=["L3"], morphometry=True, first=True)
    room = open_case(page, case["name"])
    read = room.read
    room.wait_for_all_slices()
    room.see_all(room.step)
    room.press("j")
    look(page, "a fracture is suggested")
    room.press("a", "j")
    look(page, "accepted, and one that the model did not assess")
    room.press("k", "k")
    decide_all(room)
    room.press("Enter")
    look(page, "ready to lock")
    room.press("Enter")
    until(lambda: Record(application).is_locked(read), "The read is locked")
    # Nothing is revealed that was not shown, so the room goes on; who comes back finds both verdicts.
    page.goto(f"/read/{read}")
    room = Room(page)
    expect(page.get_by_role("heading", name="Where you and the model differ")).to_be_visible()
    expect(room.topbar).to_contain_text(LOCKED_ONCE)
    look(page, "locked, and the model revealed")
    walk(room, look, {"Shift+R": "open again"})
    room.press("Shift+R", "Enter")
    room = on_another_read(page, read)
    expect(room.banner).to_contain_text("Version 2")
    room.press("k", "k", "k", "j")
    look(page, "version 2, with the model beside it")


@looks_at("room")
def test_the_reading_room_where_the_anatomy_is_fixed(
    application: Application, person: Person, new_case: NewCase, look: Look
) -> None:
    case = new_case()
    fix_the_anatomy_of(application, case["id"])
    room = open_case(person("resident"), case["name"])
    walk(room, look, {"l": "which level"})


@looks_at("room")
def test_the_reading_room_when_something_goes_wrong(
    application: Application, people: People, person: Person, new_case: NewCase, look: Look
) -> None:
    people.foresee(r"net::ERR_", r"status of 40[139]")
    page = people.person("resident", fresh=True)
    room = open_case(page, new_case()["name"])
    room.wait_for_all_slices()
    room.saved()
    page.context.set_offline(True)
    room.press("f", "1")
    expect(room.chip).to_contain_text("Not saved, 2 waiting")
    look(page, "without a network")

    there = person("resident")
    there.goto(page.url)
    second = Room(there)
    expect(second.banner).to_contain_text("Being written on another device")
    look(there, "open on another device")
    second.banner.get_by_role("button", name="Read here").click()
    expect(second.banner).not_to_contain_text("Being written on another device")
    second.press("i")
    second.saved()
    page.context.set_offline(False)
    expect(room.banner).to_contain_text("are not saved")
    look(page, "taken over")
    room.banner.get_by_role("button", name="Read here").click()
    expect(room.dialog).to_contain_text("not in the record")
    look(page, "not in the record")
    room.press("Enter")

    application.end_session(session_key(page))
    room.press("u")
    expect(room.dialog).to_contain_text("Your session has ended.")
    look(page, "the session has ended")


@looks_at("room")
def test_the_reading_room_without_images(people: People, person: Person, new_case: NewCase, look: Look) -> None:
    people.foresee(r"net::ERR_FAILED", "Couldn't process because XMLHttpRequest")
    page = person("resident")
    page.route(re.compile("/frames/"), lambda route: route.abort())
    page.goto("/worklist?search=" + (name := new_case()["name"]))
    page.get_by_role("row").filter(has_text=name).get_by_role("button", name="Read").click()
    expect(page.locator("[data-room=not-shown]")).to_be_visible()
    look(page, "no image")


# ---------------------------------------------------------------- the anatomy check


@looks_at("anatomy-check")
def test_the_anatomy_check(person: Person, new_case: NewCase, look: Look) -> None:
    page = person("resident")
    check = Check(page, new_case())
    look(page, "untouched")
    for key, words in (("?", "keys"), ("n", "numbering"), ("Enter", "summary with open points")):
        check.press(key)
        expect(check.dialog).to_be_visible()
        look(page, words)
        check.press("Escape")
    check.press("1", "j", "2", "e", "j", "Delete", "-")
    look(page, "right, wrong, taken out, shifted")
    check.press("y", "Enter")
    check.ready()
    look(page, "ready to confirm")


@looks_at("anatomy-check")
def test_the_anatomy_check_of_a_case_without_a_mask(person: Person, new_case: NewCase, look: Look) -> None:
    page = person("resident")
    check = Check(page, new_case(masked=False))
    look(page, "nothing placed")
    check.click_body(ROWS[0])
    check.click_body(ROWS[1])
    look(page, "two placed")


@looks_at("anatomy-check")
def test_the_anatomy_check_where_it_is_fixed(
    application: Application, person: Person, new_case: NewCase, look: Look
) -> None:
    case = new_case()
    owe_a_blind_read(application, case, "senior1")
    check = Check(person("senior1"), case)
    expect(check.news).to_contain_text("Read only.")
    look(check.page, "read only")


@looks_at("anatomy-check")
def test_the_anatomy_check_when_something_goes_wrong(
    application: Application, people: People, person: Person, new_case: NewCase, look: Look
) -> None:
    people.foresee(r"status of 40[139]")
    case = new_case()
    page = people.person("lead", fresh=True)
    check, other = Check(page, case), Check(person("resident"), case)
    check.press("y", "2")
    other.press("y")
    other.confirm()
    check.press("Enter")
    expect(check.dialog).to_contain_text("Version 2 was made meanwhile")
    look(page, "a newer version")
    check.dialog.get_by_role("button", name="Make mine the next version").click()
    application.end_session(session_key(page))
    check.press("Enter")
    expect(check.dialog).to_contain_text("Your session has ended.")
    look(page, "the session has ended")
