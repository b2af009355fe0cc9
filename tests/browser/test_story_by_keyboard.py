"""From the login to the locked read without touching the mouse."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record, Room, each, open_case, until

MOST_TABS = 60


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(MOST_TABS):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by {MOST_TABS} times Tab.")


def test_a_resident_logs_in_reads_and_locks_with_the_keyboard_alone(
    application: Application, people: People, new_case: NewCase
) -> None:
    case, record = new_case(derived=True), Record(application)
    bodies = record.bodies(case["id"])
    page = people.stranger()
    page.goto("/")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("senior1")
    page.keyboard.press("Tab")
    page.keyboard.type(application.accounts["senior1"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/worklist")

    page.keyboard.press("/")
    page.keyboard.type(case["name"])
    page.keyboard.press("Enter")
    page.wait_for_url("**search=*")
    tab_to(page, page.get_by_role("row").filter(has_text=case["name"]).get_by_role("button", name="Read"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/read/*")
    room = Room(page)

    # The first vertebra is L1; J goes down to L2.
    expect(room.level).to_have_text("L1")
    room.see_all(room.step)
    room.press("j")
    expect(room.level).to_have_text("L2")
    middle = room.settle()
    assert middle in bodies["L2"]
    room.press("f")
    room.step(2)
    room.press("Shift+F", "1")
    expect(room.state).to_have_text("Fracture, type A1")
    room.press("0", "b", "2", "q")
    expect(page.locator("[data-room=injury-hint]")).to_have_text("Segment injury B2 between L2 and L3")
    room.press("v")
    room.press(",")
    page.keyboard.type("Front edge only, see f and n")
    room.press("Escape")
    for level in ("L3", "L4", "L1"):
        room.press("Space")
        expect(room.level).to_have_text(level)
        room.press("v")
        expect(room.state).to_have_text("Negative")
    room.saved()

    read = record.read_of(case["id"], "senior1")["id"]
    typed = {level_slice: "negative" for level in bodies for level_slice in each(level, bodies[level], "negative")}
    typed |= each("L2", range(middle, middle + 3), "fracture")
    assert record.labels(read) == typed
    finding = record.findings(read)["L2"]
    assert (finding["ao_body"], finding["process_fracture"], finding["acuity"]) == ("A1", True, "acute")
    assert finding["comment"] == "Front edge only, see f and n"
    injury = record.one("SELECT type FROM labeling_segmentinjury WHERE read_id = %s", read)
    assert injury["type"] == "B2"

    room.press("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    room.press("Enter")
    until(lambda: record.is_locked(read), "The read is locked")


def test_every_tool_that_the_help_sheet_names_has_its_key_there(person: Person, new_case: NewCase) -> None:
    case = new_case()
    room = open_case(person("resident"), case["name"])
    room.press("?")
    expect(room.dialog).to_contain_text("Everything here is also a button.")
    names = room.dialog.get_by_role("term").all_inner_texts()
    keys = room.dialog.get_by_role("definition").all_inner_texts()
    assert len(names) == len(keys) >= 35
    assert len(set(names)) == len(names)
    assert all(keys)
    room.press("Escape")
    expect(room.dialog).not_to_be_visible()


def test_undo_and_redo_walk_through_the_labels_and_the_database_follows(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    at = room.settle()
    room.press("f", "2")
    room.step(1)
    room.press("n")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    marked = {("L1", at): "fracture", ("L1", at + 1): "negative"}
    assert record.labels(read) == marked
    room.press("Control+z", "Control+z", "Control+z")
    room.saved()
    assert record.labels(read) == {}
    assert "L1" not in record.findings(read) or record.findings(read)["L1"]["verdict"] is None
    room.press("Control+Shift+z", "Control+y", "Control+y")
    room.saved()
    assert record.labels(read) == marked
    assert record.findings(read)["L1"]["ao_body"] == "A2"
    assert len(record.operations(read)) == 9
