"""Keys that are faster than the screen, or that meet a dialog: never a label on something else, never silence."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, Route, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record, open_case, until


def middle(body: list[int]) -> int:
    return (body[0] + body[-1]) // 2


def test_f_right_after_j_labels_the_middle_slice_of_the_vertebra_below(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    bodies = record.bodies(case["id"])
    room = open_case(person("resident"), case["name"])
    room.wait_for_all_slices()
    room.press("Home")
    room.settle()
    for level in ("L2", "L3", "L4"):
        room.press("j", "f")
        expect(room.state).to_have_text("Fracture")
        expect(room.level).to_have_text(level)
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == {(level, middle(bodies[level])): "fracture" for level in ("L2", "L3", "L4")}
    for operation in record.operations(read):
        assert [operation["shown"]["sop_uid"]] == operation["payload"]["sop_uids"]
        assert operation["shown"]["rendered_at"]


def test_steps_and_labels_at_the_speed_of_the_keyboard_reach_the_slices_they_were_typed_for_or_none(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    body = record.bodies(case["id"])["L1"]
    room = open_case(person("resident"), case["name"])
    room.wait_for_all_slices()
    room.press("Home")
    assert room.settle() == body[0]
    room.press("ArrowDown", "ArrowDown", "ArrowDown", "f", "ArrowDown", "f", "ArrowDown", "ArrowDown", "n")
    room.press("ArrowDown")
    until(lambda: room.shown() == body[7], "All steps are drawn")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    wanted = {("L1", body[3]): "fracture", ("L1", body[4]): "fracture", ("L1", body[6]): "negative"}
    labels = record.labels(read)
    # A computer that needs more than its patience for a slice refuses the label, and says so.
    assert labels == wanted or (labels.items() <= wanted.items() and "not on screen yet" in room.said.inner_text())


def test_a_refused_label_stays_in_sight_marks_its_button_and_goes_once_it_is_given(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"status of 500", r"Couldn't process", r"error in the page: XMLHttpRequest")
    case, record = new_case(), Record(application)
    page = person("resident")
    bad = record.bodies(case["id"])["L1"][2]
    gone = frames_of(application, page, case["id"], bad, 500)
    room = open_case(page, case["name"])
    page.evaluate("k => window.sagittal.app.open.showSlice(k)", bad)
    room.press("f")
    sentence = f"Slice {bad + 1} is not on screen yet."
    expect(room.said).to_have_text(sentence)
    expect(page.locator("[data-room=live]")).to_have_text(sentence)
    button = room.button("Fracture")
    expect(button).to_have_attribute("data-refused", "")
    assert "px" in button.evaluate("node => getComputedStyle(node).outlineWidth")
    assert button.evaluate("node => getComputedStyle(node).animationName") == "none"
    room.press("w", "m")
    expect(room.said).to_have_text(sentence)
    expect(button).not_to_have_attribute("data-refused", "")
    page.unroute(gone)
    assert room.settle() == bad
    room.press("f")
    expect(room.state).to_have_text("Fracture")
    expect(room.said).to_have_text("")


def test_a_logged_out_room_stops_asking_for_slices_until_someone_logs_in(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"status of 401", r"Couldn't process", r"error in the page: XMLHttpRequest")
    case, record = new_case(), Record(application)
    page = person("resident")
    bad = record.bodies(case["id"])["L1"][2]
    gone = frames_of(application, page, case["id"], bad, 401)
    asked: list[float] = []
    page.on("request", lambda request: asked.append(time.monotonic()) if gone.search(request.url) else None)
    room = open_case(page, case["name"])
    expect(room.dialog).to_contain_text("Your session has ended.")
    room.press("f")
    expect(room.dialog).to_contain_text("Fracture: not done. Keys reach the read again once this is closed.")
    page.wait_for_timeout(500)
    before = len(asked)
    page.wait_for_timeout(7000)
    assert len(asked) == before
    page.unroute(gone)
    room.dialog.get_by_role("button", name="I have logged in").click()
    room.wait_for_all_slices()
    page.evaluate("k => window.sagittal.app.open.showSlice(k)", bad)
    assert room.settle() == bad
    assert record.operations(room.read) == []


def test_enter_held_down_too_long_opens_the_summary_and_locks_nothing(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("senior1")
    room = open_case(page, case["name"])
    room.press("i", "j", "i", "j", "i", "j", "i")
    room.saved()
    page.keyboard.down("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.wait_for_timeout(500)
    expect(room.dialog).to_contain_text("Nothing is missing.")
    assert not record.is_locked(room.read)


def test_b_that_a_dialog_came_after_does_not_turn_the_next_digit_into_a_segment_injury(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    room.press("b")
    room.button("Keys").click()
    room.press("b", "?")
    expect(room.dialog).not_to_be_visible()
    room.press("1")
    expect(room.state).to_have_text("Fracture, type A1")
    assert record.sql("SELECT 1 FROM labeling_segmentinjury WHERE read_id = %s", room.read) == []


def test_names_of_controls_are_words_and_the_left_column_says_what_it_holds(person: Person, new_case: NewCase) -> None:
    case = new_case()
    page = person("resident")
    room = open_case(page, case["name"])
    for name in ("A1 wedge", "Fracture", "Range from here", "Clear the slice", "Clear the vertebra", "Unclear"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Comment", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="This case")).to_be_visible()
    expect(page.get_by_role("region", name="Report")).to_contain_text("This case came without a report.")
    expect(room.button("Clear the vertebra")).to_have_attribute("aria-disabled", "true")
    room.press("u")
    expect(room.button("Clear the vertebra")).not_to_have_attribute("aria-disabled", "true")


def test_at_1440_pixels_the_person_is_never_cut_and_a_count_stands_beside_its_segment_injury(
    person: Person, new_case: NewCase
) -> None:
    page = person("resident")
    room = open_case(page, new_case()["name"])
    room.press("b", "1", "0", "u")
    expect(room.rowheader("L1")).to_have_accessible_name("L1, level assumed")
    end = room.row("L1").locator(".count")
    expect(end).to_contain_text("B1 A0")
    expect(end).to_contain_text("12 left")
    last_cell = room.row("L1").locator("td[data-k]").last.bounding_box()
    extras = end.locator(".extras").bounding_box()
    assert last_cell
    assert extras
    assert last_cell["x"] + last_cell["width"] <= extras["x"]
    # A longer name and place than a phantom has.
    page.locator("[data-room=case]").evaluate("node => { node.textContent = 'SAG-NVN0ZVTM-12'; }")
    page.locator("[data-room=position]").evaluate("node => { node.textContent = '118 of 1200'; }")
    words = page.locator("[data-room=person]")
    assert words.evaluate("node => node.scrollWidth <= node.clientWidth")
    box, bar = words.bounding_box(), page.locator(".topbar > div").first.bounding_box()
    assert box
    assert bar
    assert box["y"] < bar["y"] + bar["height"]
    assert box["x"] + box["width"] <= bar["x"] + bar["width"]


def frames_of(application: Application, page: Page, case: int, k: int, status: int) -> re.Pattern[str]:
    """Let the server answer so to the frames of one slice."""
    (row,) = application.sql(
        "SELECT sop_uid FROM labeling_slice s JOIN labeling_stack t ON t.id = s.stack_id"
        " WHERE t.case_id = %s AND s.k = %s",
        case,
        k,
    )
    pattern = re.compile(rf"/instances/{re.escape(row['sop_uid'])}/frames/")

    def refuse(route: Route) -> None:
        route.fulfill(status=status, body="")

    page.route(pattern, refuse)
    return pattern
