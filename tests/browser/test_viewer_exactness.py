"""What the browser shows is what the server stored: every pixel, its place, its proportions, with WebGL and without."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record, Room, open_case
from tests.imaging.dicom_factory import SAGITTAL, write_ct_series
from tests.intake import phantoms

#: Takes WebGL away before the page's own scripts run, as on a computer whose browser offers none.
WITHOUT_WEBGL = """
for (const Canvas of [HTMLCanvasElement, OffscreenCanvas]) {
  const getContext = Canvas.prototype.getContext;
  Canvas.prototype.getContext = function (kind, ...rest) {
    return /webgl/.test(kind) ? null : getContext.call(this, kind, ...rest);
  };
}
"""
#: Has WebGL draw although it is made in software here, where the processor would draw by itself.
WITH_WEBGL = "localStorage.setItem('sagittal:drawing', 'card');"
DIGESTS = """async () => {
  const { sops } = window.sagittal.app.open.room;
  const digests = {};
  for (let k = 0; k < sops.length; k += 1) digests[sops[k]] = await window.sagittal.viewer.pixelDigest(k);
  return digests;
}"""
#: Asks for a redraw and hears where the picture lies: pixel coordinates to CSS pixels of the canvas.
TRANSFORM = """() => new Promise((resolve) => {
  const { viewer } = window.sagittal;
  const off = viewer.events.on("view", ({ transform }) => { off(); resolve(transform); });
  viewer.setWindow(...viewer.window);
})"""

webgl = pytest.mark.parametrize("with_webgl", [True, False], ids=["webgl", "no-webgl"])


def room_of(page: Page, name: str, with_webgl: bool) -> Room:
    page.add_init_script(WITH_WEBGL if with_webgl else WITHOUT_WEBGL)
    room = open_case(page, name)
    assert page.evaluate("() => window.sagittal.viewer.hand") == ("card" if with_webgl else "processor")
    return room


def unsigned_series(folder: Path) -> list[Path]:
    """A native sagittal series of unsigned values with the usual intercept, the largest value of 12 bits included."""
    stored = (phantoms.hounsfield(7)[::-1, :, ::2].transpose(2, 0, 1) + 1024).astype(np.uint16)
    stored[3, 5, 5] = 4095
    spacing = (phantoms.SPACING[0], phantoms.SPACING[1])
    return write_ct_series(
        folder,
        stored,
        orientation=SAGITTAL,
        origin=(
            phantoms.ORIGIN[0],
            phantoms.ORIGIN[1],
            phantoms.ORIGIN[2] + (phantoms.SHAPE[0] - 1) * phantoms.SPACING[0],
        ),
        step_mm=-3.0,
        pixel_spacing=spacing,
        kernel="Br60s",
        patient_id="BROWSER-UNSIGNED",
    )


def assert_exact(application: Application, room: Room) -> None:
    digests = room.page.evaluate(DIGESTS)
    stored = application.sql("SELECT sop_uid, pixel_sha256 FROM labeling_slice WHERE sop_uid = ANY(%s)", list(digests))
    assert digests == {row["sop_uid"]: row["pixel_sha256"] for row in stored}
    assert len(digests) == room.count > 20


@pytest.mark.parametrize("derived", [True, False], ids=["derived", "native-signed"])
def test_every_frame_in_the_browser_is_bit_identical_to_the_one_stored(
    application: Application, person: Person, new_case: NewCase, derived: bool
) -> None:
    assert_exact(application, open_case(person("resident"), new_case(derived=derived)["name"]))


def test_frames_of_an_unsigned_series_are_bit_identical_too(
    application: Application, person: Person, tmp_path: Path
) -> None:
    files = [*unsigned_series(tmp_path / "series"), phantoms.nifti(tmp_path / "mask.nii.gz", phantoms.MASK)]
    case = application.bring_in(files)
    assert_exact(application, open_case(person("resident"), case["name"]))


@webgl
@pytest.mark.parametrize("ratio", [1, 2], ids=["", "4k"])
def test_outlines_and_labels_lie_where_the_pixels_are_drawn(
    person: Person, new_case: NewCase, with_webgl: bool, ratio: int
) -> None:
    """The drawn picture ends half a pixel beyond the centres of its outermost pixels, by the overlay's own measure."""
    page = person("resident")
    # As on a screen with so many dots per CSS pixel.
    metrics = {"width": 1440, "height": 900, "deviceScaleFactor": ratio, "mobile": False}
    page.context.new_cdp_session(page).send("Emulation.setDeviceMetricsOverride", metrics)
    room_of(page, new_case()["name"], with_webgl)
    # Everything but air turns white, and the whole picture is smaller than the viewport.
    page.evaluate("() => { window.sagittal.viewer.zoomBy(0.6); window.sagittal.viewer.setWindow(200, -1500); }")
    transform = page.evaluate(TRANSFORM)
    spacing = page.evaluate("() => window.sagittal.app.open.room.viewerSlices[0].metadata['00280030'].Value")
    size = page.evaluate(
        "() => { const m = window.sagittal.app.open.room.viewerSlices[0].metadata;"
        " return [m['00280011'].Value[0], m['00280010'].Value[0]]; }"
    )
    page.keyboard.press("m")
    canvas = page.locator("[data-room=canvas] canvas")
    assert canvas.evaluate("canvas => Math.round(canvas.width / canvas.clientWidth)") == ratio
    picture = np.asarray(Image.open(io.BytesIO(canvas.screenshot(scale="css"))).convert("L"))
    # A line through the middle misses corner text, letters and scale bar.
    middle = picture[picture.shape[0] // 2 + 40, 40:-40] > 128
    columns = np.flatnonzero(middle) + 40
    left = transform["a"] * -0.5 + transform["e"]
    right = transform["a"] * (size[0] - 0.5) + transform["e"]
    assert columns[0] == pytest.approx(left, abs=1.5)
    assert columns[-1] + 1 == pytest.approx(right, abs=1.5)
    # Rows are 2.0 mm and columns 1.5 mm apart: the picture must not be squeezed.
    assert transform["d"] / transform["a"] == pytest.approx(spacing[0] / spacing[1], rel=1e-4)
    assert spacing[0] != spacing[1]


def test_without_webgl_a_slice_is_shown_and_labelled(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    room = room_of(person("resident"), case["name"], with_webgl=False)
    room.step(1)
    at = room.settle()
    room.press("f")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.labels(read) == {("L1", at): "fracture"}


def test_a_slice_that_does_not_come_cannot_be_labelled_and_says_so(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    people.foresee(r"status of 500", r"Couldn't process", r"error in the page: XMLHttpRequest")
    case, record = new_case(), Record(application)
    page = person("resident")
    body = record.bodies(case["id"])["L1"]
    bad = body[len(body) // 2 + 2]
    stack = application.sql("SELECT sop_uid FROM labeling_slice s JOIN labeling_stack t ON t.id = s.stack_id"
                            " WHERE t.case_id = %s AND s.k = %s", case["id"], bad)  # fmt: skip
    broken = re.compile(rf"/instances/{re.escape(stack[0]['sop_uid'])}/frames/")

    def refuse(route: Route) -> None:
        route.fulfill(status=500, body="")

    page.route(broken, refuse)
    room = open_case(page, case["name"])
    page.evaluate("k => window.sagittal.app.open.showSlice(k)", bad)
    note = page.locator("[data-room=not-shown]")
    expect(note).to_contain_text(f"Slice {bad + 1} did not load.")
    expect(room.button("Fracture")).to_have_attribute("aria-disabled", "true")
    room.press("f")
    expect(room.said).to_have_text(f"Slice {bad + 1} is not on screen yet.")
    room.saved()
    read = record.read_of(case["id"], "resident")["id"]
    assert record.operations(read) == []

    page.unroute(broken, refuse)
    # It is asked for again every few seconds, without a click.
    assert room.settle() == bad
    expect(note).not_to_be_visible()
    room.press("f")
    room.saved()
    assert record.labels(read) == {("L1", bad): "fracture"}
