"""The vertebra strip: a map of the whole spine with one tab stop, letters where they fit, shaved slices hatched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import Person
from tests.browser.room import Record, Room, each, open_case, until
from tests.imaging.dicom_factory import SAGITTAL, write_ct_series

#: VerSe numbers of C1 to L5.
WHOLE_SPINE = (*range(1, 20), *range(20, 25))
SPACING = (3.0, 0.7, 0.7)
SIZES = ((1366, 768), (1440, 900), (1920, 1080), (2560, 1440), (3840, 2160))


def whole_spine(folder: Path, *, slices: int = 21, rows: int = 720, columns: int = 96) -> list[Path]:
    """A native sagittal series of C1 to L5, wider from vertebra to vertebra, and its mask."""
    labels = np.zeros((slices, rows, columns), dtype=np.uint8)
    k, row, _ = np.ogrid[:slices, :rows, :columns]
    pitch = rows / (len(WHOLE_SPINE) + 0.5)
    for place, label in enumerate(WHOLE_SPINE):
        middle, half = pitch * (place + 0.75), slices * (0.2 + 0.2 * place / len(WHOLE_SPINE))
        body = (abs(row - middle) < pitch * 0.36) & (abs(k - (slices - 1) / 2) < half)
        labels[:, :, 30:64][np.broadcast_to(body, labels.shape)[:, :, 30:64]] = label
    values = np.where(labels > 0, 350, 40) + np.random.default_rng(5).integers(-20, 20, labels.shape)
    x, y, z = -SPACING[0] * slices / 2, -30.0, 250.0
    files = write_ct_series(
        folder / "ct",
        (values + 1024).astype(np.int16),
        orientation=SAGITTAL,
        origin=(x, y, z),
        step_mm=-SPACING[0],
        pixel_spacing=(SPACING[1], SPACING[2]),
        intercept=-1024,
        kernel="Br60s",
        patient_id="WHOLE-SPINE",
    )
    affine = np.array(
        [[-SPACING[0], 0, 0, -x], [0, 0, -SPACING[2], -y], [0, -SPACING[1], 0, z], [0, 0, 0, 1]], dtype=float
    )
    image: Any = nib.Nifti1Image(labels, affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    nib.save(image, folder / "mask.nii.gz")  # type: ignore[no-untyped-call]
    return [*files, folder / "mask.nii.gz"]


def classes(room: Room, level: str, k: int) -> set[str]:
    return set((room.cell(level, k).get_attribute("class") or "").split())


def active(room: Room) -> str:
    """What a screen reader says of the cell that the strip stands on."""
    name: str = room.page.evaluate(
        "() => document.getElementById(document.querySelector('[data-room=strip]')"
        ".getAttribute('aria-activedescendant'))?.getAttribute('aria-label') ?? ''"
    )
    return name


def stands_on(room: Room, words: str) -> None:
    """The strip is drawn with the next frame of the screen, so a key is a moment ahead of it."""
    until(lambda: active(room).startswith(words), f"The strip stands on {words!r}")


def unclipped(page: Page) -> list[str]:
    """Controls and words that do not fit where they stand, or lie outside the window."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.room :is(button, h1, h2, h3, .chip, .count, .saved)')].filter(node => {
            const box = node.getBoundingClientRect();
            if (!box.width || getComputedStyle(node).overflow === 'auto') return false;
            const beyond = box.left < -1 || box.right > innerWidth + 1;
            return beyond || node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0;
        }).map(node => `${node.className}: ${node.textContent.trim()}`)"""
    )
    return found


def scrolls(page: Page) -> int:
    """By how many pixels the rows of the strip are higher than their place."""
    beyond: int = page.evaluate(
        "() => { const box = document.querySelector('.strip-scroll'); return box.scrollHeight - box.clientHeight; }"
    )
    return beyond


def row_height(room: Room) -> float:
    height: float = room.strip.locator("tbody tr").first.evaluate("node => node.getBoundingClientRect().height")
    return height


def test_letters_stand_in_the_cells_and_shaved_slices_are_hatched(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case = new_case()
    bodies = Record(application).bodies(case["id"])
    room = open_case(person("resident", screen={"width": 1920, "height": 1080}), case["name"])
    body = bodies["L1"]
    shaved = len(body) // 5
    assert shaved > 0
    for k in body:
        is_kept = body[shaved] <= k <= body[-1 - shaved]
        assert ("shaved" in classes(room, "L1", k)) is not is_kept, k
    at = room.settle()
    room.press("f")
    expect(room.cell("L1", at)).to_have_class(re.compile(r"\bf\b"))
    letter = "node => getComputedStyle(node, '::before').content"
    assert room.cell("L1", at).evaluate(letter) == '"F"'
    room.step(1)
    room.press("n")
    expect(room.cell("L1", at + 1)).to_have_class(re.compile(r"\bn\b"))
    assert room.cell("L1", at + 1).evaluate(letter) == '"−"'
    expect(room.page.get_by_role("group", name="Legend")).to_contain_text("shaved")


def test_the_strip_is_one_tab_stop_and_the_arrows_go_by_the_map(person: Person, new_case: NewCase) -> None:
    room = open_case(person("resident"), new_case()["name"])
    at = room.settle()
    assert room.strip.locator("[tabindex]").count() == 0
    room.strip.focus()
    stands_on(room, f"L1, slice {at + 1}: ")
    room.press("ArrowRight")
    assert room.settle() == at + 1
    stands_on(room, f"L1, slice {at + 2}: ")
    room.press("ArrowDown")
    expect(room.level).to_have_text("L2")
    assert room.settle() == at + 1
    stands_on(room, f"L2, slice {at + 2}: ")
    room.press("ArrowUp", "ArrowLeft")
    expect(room.level).to_have_text("L1")
    assert room.settle() == at
    room.press("Home")
    first = room.settle()
    room.press("End")
    assert room.settle() > first
    expect(room.strip).to_be_focused()


def test_shift_and_arrows_choose_a_range_that_one_key_marks(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = open_case(person("resident"), case["name"])
    at = room.settle()
    room.strip.focus()
    for _ in range(3):
        room.press("Shift+ArrowRight")
        room.settle()
    expect(room.page.locator("[data-room=slice-title]")).to_have_text(f"Slices {at + 1} to {at + 4}")
    expect(room.cell("L1", at + 1)).to_have_attribute("aria-selected", "true")
    room.press("f")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == each("L1", range(at, at + 4), "fracture")


def test_every_cell_says_what_it_shows(person: Person, new_case: NewCase) -> None:
    room = open_case(person("resident"), new_case()["name"])
    at = room.settle()
    room.press("f")
    expect(room.cell("L1", at)).to_have_attribute("aria-label", f"L1, slice {at + 1}: fracture")
    room.press("Home")
    first = room.settle()
    expect(room.cell("L1", first)).to_have_attribute("aria-label", f"L1, slice {first + 1}: seen, would be shaved")
    room.step(-1)
    expect(room.page.locator("[data-room=mask-chip]")).to_have_text("Outside the mask")
    room.press("f")
    expect(room.page.locator("[data-room=mask-chip]")).to_have_text("Mask too small here")
    outside = f"L1, slice {first}: fracture, outside the mask, left out of datasets"
    expect(room.cell("L1", first - 1)).to_have_attribute("aria-label", outside)


def test_the_whole_spine_fits_or_scrolls_and_nothing_is_clipped(
    application: Application, person: Person, tmp_path: Path
) -> None:
    case = application.bring_in(whole_spine(tmp_path))
    page = person("senior1", screen={"width": 1366, "height": 768})
    room = open_case(page, case["name"])
    rows = room.strip.locator("tbody tr")
    assert rows.count() == len(WHOLE_SPINE)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        room.settle()
        size = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert size == [width, height]
        assert row_height(room) >= 22
        if height >= 900:
            until(lambda: scrolls(page) <= 2, f"The rows shrink until they fit at {width} x {height}", 5)
        assert unclipped(page) == [], f"{width} x {height}"
        room.press("Space")
    page.set_viewport_size({"width": 1366, "height": 768})
    room.settle()
    for _ in WHOLE_SPINE:
        room.press("j")
    expect(room.level).to_have_text("L5")
    inside = (
        "() => { const outer = document.querySelector('.strip-scroll').getBoundingClientRect();"
        " const row = document.querySelector('.strip tr[aria-current=true]').getBoundingClientRect();"
        " return row.top >= outer.top && row.bottom <= outer.bottom + 1; }"
    )
    until(lambda: page.evaluate(inside), "The current vertebra scrolls into view")


def test_the_report_folds_names_vertebrae_and_says_why_it_is_not_there(
    application: Application, person: Person, new_case: NewCase
) -> None:
    told, untold = new_case(), new_case()
    text = "Sinterung LWK 2, Fraktur L3/4.\n\nT12 unauffällig."
    application.sql("UPDATE labeling_case SET report_text = %s WHERE id = %s", text, told["id"])
    room = open_case(person("resident"), told["name"])
    report = room.page.get_by_role("region", name="Report")
    report.get_by_role("button", name="LWK 2").click()
    expect(room.level).to_have_text("L2")
    report.get_by_role("button", name="4", exact=True).click()
    expect(room.level).to_have_text("L4")
    expect(report.get_by_role("button", name="T12")).to_have_count(0)
    room.press("t")
    expect(report.get_by_text("Sinterung")).to_be_hidden()
    fold = report.get_by_role("button", name="Fold or unfold the report")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.click()
    expect(report.get_by_text("Sinterung")).to_be_visible()
    room = open_case(person("senior2"), untold["name"])
    expect(room.page.get_by_role("region", name="Report")).to_contain_text("This case came without a report.")
