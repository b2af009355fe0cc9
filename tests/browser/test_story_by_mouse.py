"""From the login to the exported rows by mouse; only the login and the search are typed."""

from __future__ import annotations

import csv
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person, log_in
from tests.browser.room import Record, each, open_case, until


def exported_rows(page: Page, name: str) -> list[dict[str, str]]:
    """The rows of one case in the CSV that the button gives."""
    page.goto("/")
    page.get_by_role("link", name="Labels").click()
    with page.expect_download() as coming:
        # Other tests may have locked reads in rounds of their own.
        page.get_by_role("row").filter(has_text="Labelling").get_by_role("link", name="CSV").first.click()
    with Path(coming.value.path()).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["case"] == name]


def test_a_resident_reads_a_case_by_mouse_and_the_lead_exports_exactly_what_was_clicked(
    application: Application, people: People, person: Person, new_case: NewCase
) -> None:
    case, record = new_case(), Record(application)
    bodies = record.bodies(case["id"])
    assert list(bodies) == ["L1", "L2", "L3", "L4"]

    page = people.stranger()
    page.goto("/")
    log_in(page, "resident", application.accounts["resident"])
    room = open_case(page, case["name"])
    expect(page.get_by_role("heading", level=1)).to_have_text(case["name"])
    room.see_all(room.wheel)

    # One slice by its cell and the button, then a range by dragging over the strip.
    middle = bodies["L2"][len(bodies["L2"]) // 2]
    room.cell("L2", middle).click()
    assert room.settle() == middle
    room.button("Fracture").click()
    room.cell("L2", middle + 1).hover()
    page.mouse.down()
    room.cell("L2", middle + 3).hover()
    page.mouse.up()
    assert room.settle() == middle + 3
    room.button("Fracture").click()
    room.button("A1").click()
    page.get_by_role("radio", name="Acute").click()
    room.button("Rest of it negative").click()
    expect(room.state).to_have_text("Fracture, type A1")

    for level in ("L1", "L3", "L4"):
        room.rowheader(level).click()
        expect(room.level).to_have_text(level)
        room.button("Rest of it negative").click()
        expect(room.state).to_have_text("Negative")
    room.saved()

    read = record.read_of(case["id"], "resident")["id"]
    clicked = {
        **each("L1", bodies["L1"], "negative"),
        **each("L2", bodies["L2"], "negative"),
        **each("L2", range(middle, middle + 4), "fracture"),
        **each("L3", bodies["L3"], "negative"),
        **each("L4", bodies["L4"], "negative"),
    }
    assert record.labels(read) == clicked
    assert record.findings(read)["L2"]["ao_body"] == "A1"
    assert record.findings(read)["L2"]["acuity"] == "acute"

    room.button("Lock, next case").click()
    expect(room.dialog).to_contain_text("Nothing is missing.")
    room.dialog.get_by_role("button", name="Lock").click()
    until(lambda: record.is_locked(read), "The read is locked")

    rows = exported_rows(person("lead"), case["name"])
    assert {(row["level"], record.slice_of(row["sop_uid"])): row["slice_label"] for row in rows} == clicked
    assert len(rows) == len(clicked)
    for row in rows:
        assert row["vertebra_ao"] == ("A1" if row["slice_label"] == "fracture" else "")
        assert row["verdict"] == ("fracture" if row["level"] == "L2" else "negative")
        assert row["acuity"] == ("acute" if row["level"] == "L2" else "unknown")
        assert (row["reader"], row["read_version"]) == ("resident", "1")
    sources = {record.slice_of(row["sop_uid"]): row["source"] for row in rows if row["level"] == "L2"}
    assert sources.pop(middle) == "key"
    assert set(sources.values()) == {"range"}
