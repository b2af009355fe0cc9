"""From case to case: locked and on, skipped and taken back, opened again, with the next one fetched ahead."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Request, expect

from tests.browser.agreement import assert_record_is_screen
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import Person
from tests.browser.room import LOCKED_ONCE, Record, Room, open_case, until

FRAME = re.compile(r"/instances/[\d.]+/frames/1$")

#: How many bytes were sent for each of these addresses; others are those of the case after the next one.
_SENT = """(wanted) => performance.getEntriesByType("resource")
  .filter(({ name }) => wanted.includes(name)).map(({ transferSize }) => transferSize)"""

#: Keeps what the card of a new case says, which stands for a moment only.
_LISTEN = """() => {
  window.named = [];
  const card = document.querySelector("[data-room=new-case]");
  const listen = () => card.hidden || window.named.push(card.textContent);
  new MutationObserver(listen).observe(card, { attributes: true, attributeFilter: ["hidden"] });
}"""


def decide_all(room: Room) -> None:
    """Every vertebra indeterminate: the quickest complete read there is."""
    for level in ("L1", "L2", "L3", "L4"):
        expect(room.level).to_have_text(level)
        room.press("i", "j")
    room.saved()


def lock(room: Room) -> None:
    room.press("Enter")
    expect(room.dialog).to_contain_text("Nothing is missing.")
    room.press("Enter")


def name_of(page: Page) -> str:
    return page.locator("[data-room=case]").inner_text()


def on_another_read(page: Page, before: int) -> Room:
    """The room once it shows another read than before."""
    until(lambda: page.evaluate("() => location.pathname") != f"/read/{before}", "Another read is open")
    expect(page.locator("[data-room=moment]")).to_be_hidden()
    return Room(page)


def on_the_next_case(page: Page, before: int) -> Room:
    """The room of the case after one that was locked, by one more key where a model was revealed beside it first."""
    revealed = page.get_by_text("Model revealed", exact=True)
    until(lambda: page.url.endswith(f"/read/{before}") is False or revealed.is_visible(), "The read is locked")
    if page.url.endswith(f"/read/{before}"):
        page.keyboard.press("Enter")
    return on_another_read(page, before)


def test_images_of_the_next_case_are_there_before_it_is_opened_and_are_not_asked_for_again(
    application: Application, person: Person, new_case: NewCase
) -> None:
    one, _ = new_case(), new_case()
    record = Record(application)
    page = person("senior1", fresh=True)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if FRAME.search(request.url) else None)
    room = open_case(page, one["name"])
    room.wait_for_all_slices()
    own, reads = room.count, [row["id"] for row in record.sql("SELECT id FROM labeling_read ORDER BY id")]
    ahead = page.evaluate("case_ => fetch(`/api/worklist/next?after=${case_}`).then((r) => r.json())", one["id"])
    wanted = {application.url + url for url in ahead["frames"]}
    assert len(wanted) > 20
    # Asking the page lets what it requested be heard of.
    until(lambda: page.evaluate("1") and wanted <= {each.url for each in asked}, "The next case is fetched ahead")
    assert len(asked) == own + len(wanted)
    # Nothing of it was opened by that.
    assert [row["id"] for row in record.sql("SELECT id FROM labeling_read ORDER BY id")] == reads

    decide_all(room)
    page.evaluate("() => performance.clearResourceTimings()")
    page.evaluate(_LISTEN)
    before = room.read
    lock(room)
    room = on_the_next_case(page, before)
    assert record.is_locked(before)
    assert name_of(page) == ahead["name"]
    # Its name stands over the image for a moment only, once the first image is drawn.
    named = until(lambda: page.evaluate("() => window.named"), "The new case is named over its image")
    assert named == [f"New case{ahead['name']}"]
    room.wait_for_all_slices()
    # All images came from the browser's own cache: not a byte of a frame was sent.
    sent = page.evaluate(_SENT, sorted(wanted))
    assert (len(sent), sum(sent)) == (len(wanted), 0)
    expect(page.locator("[data-room=new-case]")).to_be_hidden()


def test_a_skipped_case_says_why_leads_on_and_can_be_taken_back(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, _ = new_case(), new_case()
    record = Record(application)
    page = person("senior2", fresh=True)
    room = open_case(page, case["name"])
    read = room.read
    room.press("f", "2")
    room.press("s")
    expect(room.dialog).to_contain_text(f"Why skip {case['name']}?")
    # Nothing is chosen beforehand: Enter alone skips nothing.
    room.press("Enter")
    expect(room.dialog).to_be_visible()
    room.press("2", "ArrowDown")
    expect(room.dialog.get_by_role("radio", checked=True)).to_have_value("anatomy")
    room.dialog.get_by_role("textbox", name="Note").fill("L5 has no mask")
    room.press("Enter")
    room = on_another_read(page, read)
    line = f"{case['name']} is skipped: vertebrae are wrong or missing."
    expect(room.banner).to_contain_text(line)
    expect(room.dialog).not_to_be_visible()
    skipped = record.one("SELECT state, skip_reason, skip_note FROM labeling_assignment WHERE case_id = %s", case["id"])
    assert skipped == {"state": "skipped", "skip_reason": "anatomy", "skip_note": "L5 has no mask"}
    assert record.findings(read)["L1"]["ao_body"] == "A2"

    before = room.read
    room.banner.get_by_role("button", name="Undo").click()
    room = on_another_read(page, before)
    assert room.read == read
    expect(room.banner).to_be_hidden()
    assert record.one("SELECT state FROM labeling_assignment WHERE case_id = %s", case["id"])["state"] == "open"
    assert_record_is_screen(page, record, read, clicks=2)


def test_a_locked_read_is_opened_again_with_a_reason_as_a_new_version_and_the_first_stays(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident2" if "resident2" in application.accounts else "resident")
    room = open_case(page, case["name"])
    first = room.read
    decide_all(room)
    lock(room)
    until(lambda: record.is_locked(first), "The read is locked")
    page.wait_for_timeout(300)
    page.goto(f"/read/{first}")
    room = Room(page)
    expect(room.topbar).to_contain_text(LOCKED_ONCE)
    room.press("f")
    expect(room.said).to_have_text("This read is locked.")
    room.press("s")
    expect(room.dialog).not_to_be_visible()

    room.press("Shift+R")
    expect(room.dialog).to_contain_text("Why open this read again?")
    page.keyboard.type("L2 is a fracture")
    room.press("Enter")
    room = on_another_read(page, first)
    expect(room.banner).to_contain_text("Version 2, opened again because “L2 is a fracture”.")
    second = room.read
    # Where the reader stopped, and with what was said.
    expect(room.level).to_have_text("L4")
    expect(room.state).to_have_text("Indeterminate")
    room.press("k", "k")
    expect(room.level).to_have_text("L2")
    room.settle()
    room.press("f", "1")
    room.saved()
    assert_record_is_screen(page, record, second, clicks=2)
    versions = page.locator("[data-room=versions]").get_by_role("listitem")
    expect(versions).to_have_count(2)
    expect(versions.last).to_contain_text("draft: L2 is a fracture")
    versions.first.get_by_role("link").click()
    room = Room(page)
    assert room.read == first
    expect(room.banner).not_to_contain_text("Open again")
    assert {finding["verdict"] for finding in record.findings(first).values()} == {"indeterminate"}


def test_the_window_is_remembered_for_each_case(person: Person, new_case: NewCase) -> None:
    one, two = new_case(), new_case()
    page = person("resident")
    room = open_case(page, one["name"])
    room.press("Shift+Digit3")
    expect(room.button("Soft")).to_have_attribute("aria-pressed", "true")
    room.step(1)
    at = room.settle()
    room.saved()
    page.wait_for_timeout(1200)
    address = page.url
    room = open_case(page, two["name"])
    expect(room.button("Bone")).to_have_attribute("aria-pressed", "true")
    page.goto(address)
    room = Room(page)
    assert room.settle() == at
    expect(room.button("Soft")).to_have_attribute("aria-pressed", "true")


def test_the_numbering_is_moved_by_one_after_a_look_at_what_that_does(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    room = open_case(page, case["name"])
    at = room.settle()
    room.press("f", "3")
    room.saved()
    read = room.read
    room.press("+")
    expect(room.dialog).to_contain_text("Move the numbering by one?")
    expect(room.dialog.get_by_role("listitem").first).to_have_text("L1 → L2")
    expect(room.dialog).to_contain_text("What you said of 1 vertebra goes with it")
    assert record.one("SELECT count(*) FROM labeling_anatomy WHERE case_id = %s", case["id"])["count"] == 1
    room.press("Enter")
    expect(room.rowheader("L5")).to_be_visible()
    expect(room.rowheader("L1")).to_have_count(0)
    expect(room.level).to_have_text("L2")
    expect(room.state).to_have_text("Fracture, type A3")
    assert record.labels(read) == {("L2", at): "fracture"}
    room.press("1")
    room.saved()
    assert record.findings(read)["L2"]["ao_body"] == "A1"
    room.press("-")
    expect(room.dialog.get_by_role("listitem").first).to_have_text("L2 → L1")
    room.press("Enter")
    expect(room.rowheader("L1")).to_be_visible()


def test_where_the_anatomy_is_fixed_a_level_can_be_said_and_the_numbering_stays(
    application: Application, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    page = person("resident")
    fix_the_anatomy_of(application, case["id"])
    room = open_case(page, case["name"])
    room.press("+")
    expect(room.said).to_contain_text("The numbering is fixed in this read.")
    expect(room.dialog).not_to_be_visible()
    room.press("l")
    expect(room.dialog).to_contain_text("Which level would you call L1?")
    room.dialog.get_by_role("combobox", name="Level").select_option("L2")
    room.press("Enter")
    room.saved()
    assert record.findings(room.read)["L1"]["level_said"] == "L2"
    room.press("Control+z")
    room.saved()
    assert_record_is_screen(page, record, room.read, clicks=2)
    assert record.findings(room.read).get("L1", {}).get("level_said", "") == ""


def test_where_the_anatomy_is_free_the_level_key_leads_to_its_page_with_this_read(
    person: Person, new_case: NewCase
) -> None:
    page = person("resident")
    room = open_case(page, new_case()["name"])
    read = room.read
    room.press("f", "l")
    page.wait_for_url(f"**/anatomy?read={read}")


_FIX = """
from labeling.models import Assignment, Round
old = Round.objects.get(name="Labelling")
fixed = Round.objects.create(name="Fixed anatomy %d", kind=old.kind, rules={**old.rules, "anatomy": "pinned"},
    label_schema=old.label_schema, state=old.state, started_at=old.started_at)
Assignment.objects.filter(case=%d).update(round=fixed)
"""


def fix_the_anatomy_of(application: Application, case: int) -> None:
    """The case moves from the labelling round to one in which readers do not change the anatomy."""
    application.manage("shell", "-v", "0", "-c", _FIX % (case, case))
