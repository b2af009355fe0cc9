"""The anatomy check and anatomy by hand: what a person confirms is what the database holds, and nothing is lost."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.anatomy import ROWS, Check, bodies, owe_a_blind_read, versions
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person, log_in
from tests.browser.room import Record, Room, open_case, until

NO_NETWORK = r"net::ERR_(INTERNET_DISCONNECTED|FAILED|ABORTED)"
CONFLICT = r"status of 409"


def test_a_case_is_checked_by_keyboard_alone(application: Application, person: Person, new_case: NewCase) -> None:
    case = new_case()
    (before,) = versions(application, case)
    check = Check(person("resident"), case)
    assert check.shown() == 11, "the check opens at the middle slice"
    expect(check.level).to_have_text("L1")
    check.press("y")
    check.press("j", "j")
    expect(check.level).to_have_text("L3")
    check.press("2", "e")
    expect(check.row("L3")).to_contain_text("wrong")
    check.press("ArrowUp")
    until(lambda: check.shown() == 10, "One slice up")
    check.press("[")
    check.press("Shift+c")
    check.press("Enter")
    check.ready()
    expect(check.dialog).to_contain_text("4 vertebrae in view, L1 to L4, and no other.")
    expect(check.dialog).to_contain_text("All levels are certain")
    expect(check.dialog).to_contain_text("L3 is cut at the")
    expect(check.dialog).to_contain_text("3 masks right; wrong: L3.")
    check.press("Enter")
    check.page.wait_for_url(f"**/cases/{case['id']}")
    assert [(row["n"], row["parent_id"], row["confirmed_by"]) for row in versions(application, case)] == [
        (1, None, None),
        (2, before["id"], "resident"),
    ]
    said = bodies(application, versions(application, case)[-1]["id"])
    assert {level: row["mask_ok"] for level, row in said.items()} == {"L1": "yes", "L2": "yes", "L3": "no", "L4": "yes"}
    assert {row["certainty"] for row in said.values()} == {"certain"}
    assert said["L3"]["cut"]
    assert said["L3"]["first_k"] == 10
    expect(check.page.get_by_text("Checked by")).to_be_visible()


def test_nothing_is_confirmed_before_every_mask_was_looked_at(person: Person, new_case: NewCase) -> None:
    check = Check(person("resident"), new_case())
    check.press("2", "Enter")
    expect(check.dialog).to_contain_text("Is the mask right? Not said of L2, L3 and L4.")
    expect(check.dialog.get_by_role("button", name=re.compile("^Confirm"))).to_have_count(0)
    # Those of which nothing was said are right; L1 stays wrong.
    check.press("y")
    check.ready()
    expect(check.dialog).to_contain_text("3 masks right; wrong: L1.")
    check.press("Escape")
    expect(check.row("L1")).to_contain_text("wrong")
    check.press("Control+z")
    expect(check.row("L2")).to_contain_text("not looked at")


def test_one_key_shifts_the_numbering_and_a_draft_follows_with_its_labels(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_case(page, case["name"])
    room.press("j")
    at = room.settle()
    room.press("f", "1")
    room.saved()
    read = room.read
    check = Check(page, case, f"?read={read}")
    check.press("-", "y", "Enter")
    check.ready()
    expect(check.dialog).to_contain_text("What your draft says of 1 vertebra goes with it.")
    check.press("Enter")
    page.wait_for_url(f"**/read/{read}")
    room = Room(page)
    expect(room.rowheader("T12")).to_be_visible()
    assert record.labels(read) == {("L1", at): "fracture"}, "the same bone under another name"
    said = bodies(application, versions(application, case)[-1]["id"])
    assert list(said) == ["T12", "L1", "L2", "L3"]
    assert {row["certainty"] for row in said.values()} == {"assumed"}


def test_what_a_draft_would_lose_is_told_before_it_goes(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_case(page, case["name"])
    room.press("Home")
    first = room.settle()
    room.press("f")
    room.saved()
    read = room.read
    check = Check(page, case, f"?read={read}")
    check.press("End")
    last = until(lambda: check.shown() != 11 and check.shown(), "The last slice of L1")
    check.press("[", "y", "Enter")
    check.ready()
    expect(check.dialog).to_contain_text("This has no place in the new version and would go from your draft:")
    expect(check.dialog).to_contain_text("L1:")
    assert record.labels(read) == {("L1", first): "fracture"}, "so far nothing went"
    check.press("Enter")
    page.wait_for_url(f"**/read/{read}")
    assert record.labels(read) == {}
    assert record.bodies(case["id"])["L1"] == [last]


def test_a_case_without_a_mask_gets_its_vertebrae_by_clicks_and_is_read(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(masked=False), Record(application)
    page = person("resident")
    check = Check(page, case)
    expect(check.list).to_contain_text("There is no mask. Click the centre of each vertebral body")
    expect(page.get_by_text("Click the centre of T12")).to_be_visible()
    check.press("+")
    expect(page.get_by_text("Click the centre of L1")).to_be_visible()
    for row in ROWS:
        check.click_body(row)
    check.expect_levels("L1", "L2", "L3", "L4")
    check.click_body(0.98)
    check.expect_levels("L1", "L2", "L3", "L4", "L5")
    check.press("Backspace")
    check.expect_levels("L1", "L2", "L3", "L4")
    check.press("Escape")
    check.drag_body(ROWS[3], 4 / 132)
    expect(page.get_by_role("button", name="Undo")).to_have_attribute("title", re.compile("L4: box moved"))
    check.press("Enter")
    check.ready()
    expect(check.dialog).to_contain_text("All were placed by hand; there are no masks.")
    check.press("Enter")
    page.wait_for_url(f"**/cases/{case['id']}")
    (version,) = versions(application, case)
    said = bodies(application, version["id"])
    assert {row["origin"] for row in said.values()} == {"by_hand"}
    # The phantom's bodies are 30 mm deep, 24 mm high and 39 mm wide about x = 0, y = 0.
    for level, z in zip(("L1", "L2", "L3", "L4"), (211, 181, 151, 117), strict=True):
        x0, x1, y0, y1, z0, z1 = said[level]["box"]
        assert abs((z0 + z1) / 2 - z) < 3, level
        assert abs((y0 + y1) / 2) < 3, level
        assert x0 < 0 < x1

    room = open_case(page, case["name"])
    expect(room.level).to_have_text("L1")
    at = room.settle()
    room.press("f", "2")
    room.saved()
    assert record.labels(room.read) == {("L1", at): "fracture"}


def test_a_reload_keeps_every_change_and_the_way_back(person: Person, new_case: NewCase) -> None:
    check = Check(person("resident"), new_case())
    check.press("1", "j", "2", "-")
    check.expect_levels("T12", "L1", "L2", "L3")
    expect(check.chip).to_contain_text("Kept in this browser")
    check.page.reload()
    check.settle()
    expect(check.said).to_contain_text("are here again")
    check.expect_levels("T12", "L1", "L2", "L3")
    expect(check.row("L1")).to_contain_text("wrong")
    check.press("Control+z", "Control+z", "Control+z")
    check.expect_levels("L1", "L2", "L3", "L4")
    expect(check.chip).to_contain_text("Nothing changed")
    check.press("Control+Shift+z")
    expect(check.row("L1")).to_contain_text("right")


def test_two_people_at_once_lose_nothing_and_nothing_is_merged(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(CONFLICT)
    case = new_case()
    slow, quick = Check(person("lead"), case), Check(person("resident"), case)
    slow.press("2", "-")
    quick.press("y")
    quick.confirm()
    slow.press("y", "Control+z")
    slow.press("Enter")
    expect(slow.dialog).to_contain_text("Version 2 was made meanwhile")
    expect(slow.dialog).to_contain_text("4 vertebrae, L1–L4, confirmed")
    slow.dialog.get_by_role("button", name="Look at theirs").click()
    slow.expect_levels("L1", "L2", "L3", "L4")
    expect(slow.row("L1")).to_contain_text("mask right")
    expect(slow.news).to_contain_text("This is version 2.")

    slow.page.reload()
    slow.settle()
    expect(slow.dialog).to_contain_text("4 vertebrae, T12 to L3, 2 changes")
    slow.dialog.get_by_role("button", name="Make mine the next version").click()
    slow.expect_levels("T12", "L1", "L2", "L3")
    slow.press("Enter", "y")
    slow.ready()
    slow.press("Enter")
    slow.page.wait_for_url(f"**/cases/{case['id']}")
    first, second, third = versions(application, case)
    assert (second["parent_id"], second["confirmed_by"]) == (first["id"], "resident")
    assert (third["parent_id"], third["confirmed_by"]) == (second["id"], "lead")
    assert {level: row["mask_ok"] for level, row in bodies(application, third["id"]).items()} == {
        "T12": "no",
        "L1": "yes",
        "L2": "yes",
        "L3": "yes",
    }
    assert {row["mask_ok"] for row in bodies(application, second["id"]).values()} == {"yes"}


def test_without_a_network_nothing_is_said_to_be_confirmed(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(NO_NETWORK)
    case = new_case()
    check = Check(person("resident"), case)
    expect(check.page.get_by_role("progressbar", name="Slices loaded", include_hidden=True)).to_have_class(
        re.compile(r"\bdone\b")
    )
    check.press("y", "Enter")
    check.ready()
    check.page.context.set_offline(True)
    check.press("Enter")
    expect(check.dialog).to_contain_text("The server does not answer. Nothing was sent")
    check.press("Escape")
    expect(check.chip).to_contain_text("not confirmed")
    check.press("Enter")
    expect(check.dialog).to_contain_text("The server does not answer.")
    assert len(versions(application, case)) == 1
    check.press("Escape")
    check.page.context.set_offline(False)
    check.confirm()
    assert [row["confirmed_by"] for row in versions(application, case)] == [None, "resident"]


def test_an_ended_session_keeps_the_page_and_its_changes(
    application: Application, people: People, new_case: NewCase
) -> None:
    # The second: slices that were still on their way when the session ended.
    people.foresee(r"status of 40[13]", r"Couldn't process because XMLHttpRequest")
    case = new_case()
    page = people.person("resident", fresh=True)
    check = Check(page, case)
    check.press("y", "j", "2")
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "sessionid"]
    application.end_session(cookie["value"])
    check.press("Enter")
    expect(check.dialog).to_contain_text("Your session has ended.")
    with page.context.expect_page() as opened:
        check.dialog.get_by_role("link", name="Log in").click()
    login = opened.value
    log_in(login, "resident", application.accounts["resident"])
    login.wait_for_url(lambda url: "/login" not in url)
    check.dialog.get_by_role("button", name="I have logged in").click()
    check.ready()
    check.press("Enter")
    page.wait_for_url(f"**/cases/{case['id']}")
    assert versions(application, case)[-1]["confirmed_by"] == "resident"


def test_where_the_anatomy_is_fixed_the_page_only_shows_it_and_says_why(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case = new_case()
    owe_a_blind_read(application, case, "senior1")
    check = Check(person("senior1"), case)
    expect(check.news).to_contain_text("Read only. Your read of this case is bound to its anatomy.")
    expect(check.chip).to_contain_text("Read only")
    check.press("-", "y", "2", "Delete")
    check.expect_levels("L1", "L2", "L3", "L4")
    expect(check.said).to_contain_text("bound to its anatomy")
    check.press("j")
    expect(check.level).to_have_text("L2")
    check.press("Enter")
    expect(check.dialog).to_contain_text("not yours to change")


def test_thirteen_thoracic_vertebrae_are_named_by_the_chooser_with_all_names_shown_before(
    person: Person, new_case: NewCase
) -> None:
    check = Check(person("resident"), new_case())
    check.press("n")
    expect(check.dialog).to_contain_text("Numbering")
    check.press("t", "ArrowUp", "ArrowUp", "ArrowUp")
    expect(check.dialog.get_by_role("listitem")).to_have_text(["L1→T11", "L2→T12", "L3→T13", "L4→L1"])
    check.press("Enter")
    check.expect_levels("T11", "T12", "T13", "L1")
    check.press("n", "l")
    check.press("Escape")
    check.expect_levels("T11", "T12", "T13", "L1")
    check.press("Control+z")
    check.expect_levels("L1", "L2", "L3", "L4")


def test_a_body_taken_out_leaves_a_gap_that_is_told_and_a_click_fills_it_again(
    person: Person, new_case: NewCase
) -> None:
    check = Check(person("resident"), new_case())
    check.press("j", "Delete")
    check.expect_levels("L1", "L3", "L4")
    expect(check.list).to_contain_text("L2 not in the list")
    check.press("a")
    check.click_body(ROWS[1])
    check.expect_levels("L1", "L2", "L3", "L4")
    expect(check.row("L2")).to_contain_text("mask missing")
    check.press("Escape")
    check.click_body(ROWS[3])
    expect(check.level).to_have_text("L4")
