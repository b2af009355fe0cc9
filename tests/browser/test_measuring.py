"""Ruler, heights and magnifier in the room: what is measured stands in the record, on its slice, and in undo."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record, Room, open_case, until
from tests.browser.test_viewer_exactness import TRANSFORM, WITH_WEBGL, WITHOUT_WEBGL
from tests.intake import phantoms

#: mm between rows and columns of the phantom's slices.
ROW, COLUMN = phantoms.SPACING[0], phantoms.SPACING[1]
#: Of every body of the phantom, in mm.
HEIGHT = 24.0


#: This test itself reads pixels back.
READ_BACK = r"Multiple readback operations"


def measures_of(record: Record, read: int) -> dict[str, list[dict[str, Any]]]:
    """Level -> its measures, as they are stored."""
    return {level: row["measures"] for level, row in record.findings(read).items() if row["measures"]}


def lines(page: Page) -> Locator:
    return page.locator("[data-room=canvas] .measure")


def on_screen(page: Page, column: float, row: float) -> tuple[float, float]:
    """Where a pixel of the slice lies in the window."""
    view = page.evaluate(TRANSFORM)
    box = page.locator("[data-room=canvas]").bounding_box()
    assert box
    return box["x"] + view["a"] * column + view["e"], box["y"] + view["d"] * row + view["f"]


def open_read(page: Page, name: str) -> Room:
    room = open_case(page, name)
    room.wait_for_all_slices()
    room.press("Home")
    room.settle()
    room.step(6)
    return room


def test_heights_are_proposed_from_the_mask_corrected_by_keyboard_and_kept_by_enter(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_read(page, case["name"])
    at = room.settle()
    room.press("h")
    hint = page.locator(".tool-hint")
    expect(hint).to_contain_text("Anterior upper: arrows move it, Tab takes the next point.")
    assert record.operations(room.read) == []
    # Six points: the third Tab chooses the lower middle one, which goes two rows up.
    room.press("Tab", "Tab", "Tab")
    expect(hint).to_contain_text("Middle lower")
    room.press("ArrowUp", "ArrowUp")
    assert room.settle() == at
    room.press("Enter")
    room.saved()
    kept = measures_of(record, room.read)
    assert list(kept) == ["L1"]
    (measure,) = kept["L1"]
    assert measure["kind"] == "heights"
    assert record.slice_of(measure["sop_uid"]) == at
    high = [abs(measure["points"][n + 1][1] - measure["points"][n][1]) * ROW for n in (0, 2, 4)]
    assert high == pytest.approx([HEIGHT, HEIGHT - 2 * ROW, HEIGHT], abs=1.1 * ROW)
    expect(lines(page)).to_contain_text(re.compile(rf"mid {high[1]:.1f} mm"))
    expect(lines(page)).to_contain_text("against its posterior height")

    # One Enter, one operation: undo takes it back, redo brings it again.
    assert len(record.operations(room.read)) == 1
    room.press("Escape")
    room.press("Control+z")
    room.saved()
    expect(lines(page)).to_have_count(0)
    assert measures_of(record, room.read) == {}
    room.press("Control+Shift+z")
    room.saved()
    expect(lines(page)).to_have_count(1)
    assert measures_of(record, room.read)["L1"] == [measure]

    # On its own slice only, and still there after a reload.
    room.step(1)
    expect(lines(page)).to_have_count(0)
    room.step(-1)
    expect(lines(page)).to_have_count(1)
    page.reload()
    room = Room(page)
    expect(lines(page)).to_have_count(1)


def test_the_loss_of_height_is_told_against_the_neighbours_that_were_measured(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_read(page, case["name"])
    room.press("h")
    for _ in range(3):
        room.press("Enter")
        room.press("j")
        room.settle()
        expect(page.locator(".tool-hint")).to_contain_text("Anterior upper")
    # L4: its whole upper endplate comes down by three rows, point by point.
    for _ in range(3):
        room.press("ArrowDown", "ArrowDown", "ArrowDown", "Tab", "Tab")
    room.press("Enter", "Escape")
    room.saved()
    assert sorted(measures_of(record, room.read)) == ["L1", "L2", "L3", "L4"]
    words = lines(page).filter(has_text="against L3")
    expect(words).to_contain_text(re.compile(r"ant 1\d\.\d mm +−2\d %"))


def test_a_drag_and_two_clicks_measure_lengths_in_millimetres_where_pixels_are_not_square(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_read(page, case["name"])
    room.press("d")
    page.mouse.move(*on_screen(page, 14, 10))
    page.mouse.down()
    page.mouse.move(*on_screen(page, 20, 12), steps=4)
    page.mouse.move(*on_screen(page, 26, 16), steps=4)
    page.mouse.up()
    expect(lines(page)).to_have_count(1)
    for column, row in ((10, 30), (10, 42)):
        page.mouse.click(*on_screen(page, column, row))
    expect(lines(page)).to_have_count(2)
    room.saved()
    first, second = measures_of(record, room.read)["L1"]
    assert first["points"] == [pytest.approx([14, 10], abs=0.3), pytest.approx([26, 16], abs=0.3)]
    for measure in (first, second):
        (c0, r0), (c1, r1) = measure["points"]
        length = ((c1 - c0) ** 2 * COLUMN**2 + (r1 - r0) ** 2 * ROW**2) ** 0.5
        expect(lines(page).filter(has_text=f"{length:.1f} mm")).to_have_count(1)
    assert len(record.operations(room.read)) == 2

    # A point that is dragged is one more operation; Delete takes the length away.
    page.mouse.move(*on_screen(page, *second["points"][1]))
    page.mouse.down()
    page.mouse.move(*on_screen(page, 16, 42), steps=6)
    page.mouse.up()
    room.saved()
    moved = measures_of(record, room.read)["L1"][1]["points"]
    assert moved == [second["points"][0], pytest.approx([16, 42], abs=0.3)]
    room.press("Delete")
    room.saved()
    assert measures_of(record, room.read)["L1"] == [first]
    assert len(record.operations(room.read)) == 4


def test_a_length_is_measured_by_keyboard_alone_and_esc_leaves_without_one(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_read(page, case["name"])
    at = room.settle()
    room.press("d", "d")
    expect(lines(page)).to_contain_text("20.0 mm")
    room.press("Escape", "Escape")
    expect(lines(page)).to_have_count(0)
    expect(page.locator(".tool-hint")).not_to_be_visible()
    room.press("d", "d", "Shift+ArrowRight", "Enter", "Escape")
    room.saved()
    assert room.settle() == at
    expect(lines(page)).to_contain_text(f"{20 + 5 * COLUMN:.1f} mm")
    (measure,) = measures_of(record, room.read)["L1"]
    assert measure["kind"] == "length"
    # The keys are the room's again.
    room.press("ArrowDown")
    assert room.settle() == at + 1


@pytest.mark.parametrize("with_webgl", [True, False], ids=["webgl", "no-webgl"])
def test_the_magnifier_shows_the_slice_at_the_pointer_and_goes_by_keyboard(
    people: People, person: Person, new_case: NewCase, with_webgl: bool
) -> None:
    people.foresee(READ_BACK)
    page = person("resident")
    page.add_init_script(WITH_WEBGL if with_webgl else WITHOUT_WEBGL)
    room = open_read(page, new_case()["name"])
    lens = page.locator(".lens")
    expect(lens).not_to_be_visible()
    room.press("g")
    expect(lens).to_be_visible()
    before = lens.bounding_box()
    assert before
    room.press("Shift+ArrowRight")
    until(lambda: (box := lens.bounding_box()) and box["x"] > before["x"], "The lens goes to the right")
    x, y = on_screen(page, 24, 10)
    page.mouse.move(x, y)
    until(lambda: (box := lens.bounding_box()) and abs(box["x"] + box["width"] / 2 - x) < 2, "The lens follows")
    # Air in front of the phantom is black, the middle of a body is grey.
    assert middle_of(lens) > 60
    page.mouse.move(*on_screen(page, 2, 10))
    until(lambda: middle_of(lens) == 0, "The lens shows air")
    room.press("Escape")
    expect(lens).not_to_be_visible()


def middle_of(lens: Locator) -> int:
    """The grey in the middle of the lens."""
    grey: int = lens.evaluate(
        "lens => lens.getContext('2d').getImageData(lens.width / 2, lens.height / 2, 1, 1).data[0]"
    )
    return grey


def test_bodies_placed_by_hand_are_drawn_as_boxes_and_chosen_by_a_click(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case = new_case(masked=False)
    boxes = {"L1": [-20.25, 18.75, -15.75, 14.25, 197, 221], "L2": [-20.25, 18.75, -15.75, 14.25, 167, 191]}
    vertebrae = [
        {
            "vertebra": None,
            "level": level,
            "certainty": "certain",
            "first_k": 6,
            "last_k": 18,
            "box": box,
            "cut": False,
            "cut_where": "",
            "mask_ok": None,
            "origin": "by_hand",
        }
        for level, box in boxes.items()
    ]
    body = {"parent": None, "vertebrae": vertebrae, "confirm": True, "read": None, "preview": False}
    application.api("POST", f"/api/cases/{case['id']}/anatomies", body)
    page = person("resident")
    room = open_case(page, case["name"])
    outlines = page.locator("[data-room=canvas] .outline")
    expect(outlines).to_have_count(2)
    expect(room.level).to_have_text("L1")
    # The middle of L2's box: y -0.75, z 179.
    page.mouse.click(*on_screen(page, (-0.75 + 36) / COLUMN, (230 - 179) / ROW))
    expect(room.level).to_have_text("L2")
    # Rows from z = 191 to 167, columns from y = -15.75 to 14.25, as the corners of the path say.
    path = page.locator("[data-room=canvas] .outline.current").get_attribute("d") or ""
    corners = [tuple(float(number) for number in pair.split()) for pair in re.findall(r"[-\d.]+ [-\d.]+", path)]
    left, right, top, bottom = (-15.75 + 36) / COLUMN, (14.25 + 36) / COLUMN, (230 - 191) / ROW, (230 - 167) / ROW
    assert corners == [pytest.approx(corner) for corner in ((left, top), (right, top), (right, bottom), (left, bottom))]
    room.press("h")
    expect(page.locator(".tool-hint")).to_contain_text("Click anterior upper, point 1 of 6.")
