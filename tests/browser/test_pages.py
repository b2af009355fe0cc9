"""The pages around the room: what each role finds, what it does not, and how they are got about in."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record, Room, open_case, until

ROOMS = {
    "resident": ["Worklist", "Feedback", "Teaching", "Intake"],
    "senior1": ["Worklist", "Consensus", "Feedback", "Teaching"],
    "lead": ["Rounds", "Teaching", "Intake", "Cases", "Old reads", "Labels", "Cohort", "Numbers", "Models", "Jobs"],
    "engineer": ["Intake", "Cases", "Labels", "Cohort", "Numbers", "Models", "Jobs"],
    "administrator": ["Intake", "Cases", "Cohort", "Numbers", "Models", "Jobs"],
}


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_the_navigation_shows_a_person_their_rooms_and_each_door_opens(
    people: People, person: Person, name: str
) -> None:
    page = person(name)
    page.goto("/")
    doors = page.get_by_role("navigation", name="Main").get_by_role("link")
    assert doors.all_inner_texts() == ROOMS[name]
    for title in ROOMS[name]:
        page.get_by_role("navigation", name="Main").get_by_role("link", name=title).click()
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        here = page.get_by_role("navigation", name="Main").locator("[aria-current=page]")
        expect(here).to_have_text(title)


def test_pages_of_other_roles_and_pages_that_are_not_there_say_so(people: People, person: Person) -> None:
    people.foresee(r"status of 40[34]")
    page = person("resident")
    for closed in ("/labels", "/models", "/jobs", "/models/import"):
        page.goto(closed)
        expect(page.get_by_role("heading", level=1)).to_have_text("Not for your role")
    for nowhere in ("/cases/99999999", "/read/99999999", "/no/such/page"):
        page.goto(nowhere)
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")
    page.get_by_role("link", name="Back to the start").click()
    expect(page.get_by_role("heading", name="Worklist", level=1)).to_be_visible()


def test_a_new_installation_has_a_case_to_show(application: Application, person: Person) -> None:
    page = person("lead")
    # By name: the cases of other tests may have pushed it off the first page.
    first = application.one(
        "SELECT p.pseudonym AS name FROM labeling_case c JOIN labeling_patient p ON p.id = c.patient_id"
        " WHERE c.origin = 'demonstration'"
    )
    page.goto(f"/cases?search={first['name']}")
    row = page.get_by_role("row").filter(has_text="demonstration, public CT")
    expect(row).to_contain_text("L2–L4")
    row.get_by_role("link").click()
    expect(page.get_by_role("region", name="Anatomy").get_by_role("row").filter(has_text="mask")).to_contain_text(
        "L2–L4"
    )


def test_a_read_of_someone_else_is_not_there(people: People, person: Person, new_case: NewCase) -> None:
    people.foresee(r"status of 404")
    address = open_case(person("senior1"), new_case()["name"]).page.url
    page = person("resident")
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")


def test_the_first_tab_of_a_page_skips_the_navigation(person: Person) -> None:
    page = person("lead")
    page.goto("/cases")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focus_is_in_main = "() => document.querySelector('main').contains(document.activeElement)"
    assert page.evaluate(focus_is_in_main)


def test_a_slash_goes_to_the_search_and_a_search_without_hits_says_so(person: Person) -> None:
    page = person("resident")
    page.goto("/worklist")
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Find a case")).to_be_focused()
    page.keyboard.type("nobody/here")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No case here is called “nobody/here”")).to_be_visible()


def test_the_worklist_counts_a_case_through_to_read_draft_and_locked(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case = new_case()
    page = person("senior1")

    def tab_of(name: str) -> None:
        page.goto(f"/worklist?search={case['name']}")
        page.get_by_role("navigation", name="Filter").get_by_role("link", name=name).click()

    tab_of("To read")
    expect(page.get_by_role("row").filter(has_text=case["name"])).to_contain_text("L1–L4")
    room = open_case(page, case["name"])
    for _ in range(4):
        room.press("i", "j")
    room.saved()
    tab_of("In draft")
    row = page.get_by_role("row").filter(has_text=case["name"])
    expect(row).to_contain_text("In draft, ready to lock")
    expect(row.get_by_role("img", name="L3: indeterminate")).to_be_visible()
    row.get_by_role("link", name="Continue").click()
    room = Room(page)
    room.press("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    read, record = room.read, Record(application)
    room.press("Enter")
    until(lambda: record.is_locked(read), "The read is locked")
    tab_of("Locked")
    row = page.get_by_role("row").filter(has_text=case["name"])
    expect(row.get_by_role("link", name="View")).to_be_visible()
    row.get_by_role("link", name="Open again").click()
    room = Room(page)
    expect(room.dialog).to_contain_text("Why open this read again?")
    assert page.url.endswith(f"/read/{read}")


def test_the_room_needs_no_horizontal_scrolling_on_small_and_large_screens(person: Person, new_case: NewCase) -> None:
    case = new_case()
    address = open_case(person("resident"), case["name"]).page.url
    for width, height in ((1280, 720), (1440, 900), (1920, 1080)):
        page = person("resident", screen={"width": width, "height": height})
        page.goto(address)
        Room(page)
        size = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert size == [width, height]
