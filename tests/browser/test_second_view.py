"""The second view: axial and coronal planes that follow the vertebra, and the patient's earlier examination."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Room, open_case, until
from tests.browser.test_viewer_exactness import WITH_WEBGL, WITHOUT_WEBGL
from tests.intake import phantoms

#: The grey in a place of a pane, from its left and top edge as shares.
READ_BACK = r"Multiple readback operations"
GREY = """(pane, [across, down]) => {
  const canvas = pane.querySelector('canvas');
  const [x, y] = [Math.round(canvas.width * across), Math.round(canvas.height * down)];
  return canvas.getContext('2d').getImageData(x, y, 1, 1).data[0];
}"""


def pane(page: Page, name: str) -> Locator:
    return page.get_by_role("application", name=re.compile(rf"^{name}"))


def place(shown: Locator) -> int:
    """Which plane of how many is shown, from 1."""
    words = re.search(r"(\d+) of \d+$", shown.get_attribute("aria-label") or "")
    return int(words[1]) if words else 0


def level_line(page: Page) -> float:
    """How far down the sagittal image the axial plane lies, in CSS pixels."""
    path = page.locator("[data-room=canvas] .guides path").get_attribute("d") or ""
    (height,) = {float(y) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path) if path.count(f" {y}") > 1}
    return height


def open_planes(page: Page, name: str) -> Room:
    room = open_case(page, name)
    room.wait_for_all_slices()
    room.press("e")
    until(lambda: place(pane(page, "Axial")) and place(pane(page, "Coronal")), "Both planes come")
    return room


@pytest.mark.parametrize("with_webgl", [True, False], ids=["webgl", "no-webgl"])
def test_axial_and_coronal_open_in_the_middle_of_the_vertebra_and_follow_it(
    people: People, person: Person, new_case: NewCase, with_webgl: bool
) -> None:
    people.foresee(READ_BACK)
    page = person("resident")
    page.add_init_script(WITH_WEBGL if with_webgl else WITHOUT_WEBGL)
    room = open_planes(page, new_case(derived=True)["name"])
    axial, coronal = pane(page, "Axial"), pane(page, "Coronal")
    expect(axial).to_contain_text("Axial, L1")
    expect(coronal).to_contain_text("Coronal, L1")
    for letters, shown in (("RLAP", axial), ("RLHF", coronal)):
        assert "".join(sorted(shown.locator(".ori").all_inner_texts())) == "".join(sorted(letters))
    # L1 reaches from z = 197 to 221 of planes 2 mm apart from 230 down: its middle is plane 11 or 12 of 66.
    upper = place(axial)
    assert upper in (11, 12)
    assert place(coronal) in (24, 25)
    room.press("j")
    until(lambda: place(axial) in (26, 27), "The axial plane goes to L2")
    expect(axial).to_contain_text("Axial, L2")
    # A body in the middle of the pane is brighter than the soft tissue beside it in a window of bone, by far more than
    # the noise of either.
    assert axial.evaluate(GREY, [0.5, 0.5]) > axial.evaluate(GREY, [0.9, 0.9]) + 20


def test_the_panes_have_the_window_of_the_image(people: People, person: Person, new_case: NewCase) -> None:
    people.foresee(READ_BACK)
    page = person("resident")
    room = open_planes(page, new_case(derived=True)["name"])
    axial = pane(page, "Axial")
    before = axial.evaluate(GREY, [0.5, 0.4])
    room.press("Shift+3")
    until(lambda: axial.evaluate(GREY, [0.5, 0.4]) > before + 60, "Bone is brighter in a window of soft tissue")


def test_a_wheel_over_a_pane_scrolls_it_and_a_click_takes_the_other_planes_there(
    person: Person, new_case: NewCase
) -> None:
    page = person("resident")
    room = open_planes(page, new_case(derived=True)["name"])
    axial, coronal = pane(page, "Axial"), pane(page, "Coronal")
    at, line, sagittal = place(axial), level_line(page), room.settle()
    axial.hover()
    for step in range(1, 4):
        page.mouse.wheel(0, 120)
        until(lambda step=step: place(axial) == at + step, "The next axial plane comes")
    assert room.settle() == sagittal
    until(lambda: level_line(page) > line + 3, "The line on the sagittal image goes down with it")
    # Keyboard: a pane that has the focus scrolls by arrows, and the sagittal image stays.
    axial.focus()
    page.keyboard.press("ArrowUp")
    until(lambda: place(axial) == at + 2, "One plane back")
    assert room.settle() == sagittal

    box, before = axial.bounding_box(), place(coronal)
    assert box
    # A third of the way from the patient's right, nearer to the front than the middle.
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.35)
    until(lambda: room.shown() not in (None, sagittal), "The sagittal image goes to the right")
    assert room.settle() < sagittal
    until(lambda: place(coronal) != before, "The coronal plane goes there too")

    # A click on the coronal pane moves the axial one and the sagittal image.
    moved, box = room.settle(), coronal.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6)
    until(lambda: room.shown() not in (None, moved), "The sagittal image goes to the left")
    until(lambda: place(axial) != at + 2, "The axial plane goes there")


def test_a_scroll_over_many_planes_asks_for_few_and_ends_at_the_last_one(person: Person, new_case: NewCase) -> None:
    page = person("resident")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/planes/axial" in request.url else None)
    open_planes(page, new_case(derived=True)["name"])
    axial = pane(page, "Axial")
    at = place(axial)

    def slow(route: Route) -> None:
        page.wait_for_timeout(80)
        route.continue_()

    page.route(re.compile("/planes/axial"), slow)
    before = len(asked)
    axial.hover()
    for _ in range(20):
        page.mouse.wheel(0, 120)
    until(lambda: place(axial) == at + 20, "The last plane comes")
    assert len(asked) - before < 20


def test_a_volume_that_is_prepared_says_how_far_it_is_and_a_trouble_stands_in_its_pane(
    people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"status of 507")
    page = person("resident")
    full = '{"code": "full", "sentence": "The disk is full. Nothing was cut."}'
    answers = [(202, '{"preparing": 0.4}'), (202, '{"preparing": 0.4}'), (507, full)]

    def answer(route: Route) -> None:
        if not answers:
            route.continue_()
            return
        status, body = answers.pop(0)
        route.fulfill(status=status, body=body, content_type="application/json")

    page.route(re.compile("/planes/axial"), answer)
    room = open_case(page, new_case(derived=True)["name"])
    room.press("e")
    axial = pane(page, "Axial")
    expect(axial).to_contain_text("Preparing the volume, 40 %")
    expect(axial).to_contain_text("The disk is full. Nothing was cut.")
    axial.get_by_role("button", name="Try again").click()
    until(lambda: place(axial), "The plane comes")
    expect(axial.get_by_text("The disk is full.")).not_to_be_visible()


def test_the_earlier_examination_opens_at_the_same_level_and_scrolls(
    application: Application, person: Person, tmp_path: Path
) -> None:
    names = []
    for date in ("20240115", "20240920"):
        files = phantoms.sagittal_dicom(
            tmp_path / date, patient_id="BROWSER-TWICE", seed=int(date) % 97, attributes={"StudyDate": date}
        )
        mask = phantoms.nifti(tmp_path / f"{date}.nii.gz", phantoms.MASK)
        names.append(application.bring_in([*files, mask])["name"])
    page = person("resident")
    room = open_case(page, names[1])
    room.wait_for_all_slices()
    room.press("e", "e")
    earlier = pane(page, "Earlier examination")
    until(lambda: place(earlier), "The slice of the earlier examination comes")
    expect(earlier).to_contain_text(names[0])
    expect(earlier).to_contain_text("8 months before")
    expect(earlier).to_contain_text("L1")
    at = place(earlier)
    assert at == room.settle() + 1
    earlier.hover()
    page.mouse.wheel(0, 120)
    until(lambda: place(earlier) == at + 1, "The next slice of it comes")
    room.press("j")
    expect(earlier).to_contain_text("L2")
    # Away again, and remembered for the next case.
    room.press("e")
    expect(earlier).not_to_be_visible()


def test_a_patient_without_an_earlier_examination_has_words_instead_of_one(person: Person, new_case: NewCase) -> None:
    page = person("resident")
    room = open_case(page, new_case()["name"])
    room.press("e", "e")
    expect(page.get_by_text("No earlier examination of this patient is here.")).to_be_visible()
    room.press("e")
    expect(page.get_by_text("No earlier examination of this patient is here.")).not_to_be_visible()
