"""No page, in no state that a person meets, has a serious violation of axe-core's rules: old reads, read reports."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person

REPORT = """Befund:
Frische Deckplattenimpressionsfraktur LWK 3 (AO A1), Hinterkante intakt. V. a. Fraktur LWK 4.
Querfortsatzfraktur LWK 2 links. Alte Sinterungsfraktur BWK 8 bei Z. n. Kyphoplastie BWK 9.
Beurteilung: Keine weiteren frischen Frakturen."""


@looks_at("case", "case-report-reading")
def test_a_report_read_vertebra_by_vertebra(people: People, person: Person, new_case: NewCase, look: Look) -> None:
    people.foresee(r"status of 422")
    page = person("lead")
    page.goto(f"/cases/{new_case()['id']}")
    page.get_by_label("Text of the report").fill(REPORT)
    page.get_by_role("button", name="Save the report").click()
    expect(page.get_by_role("button", name="Read it vertebra by vertebra")).to_be_visible()
    look(page, "a report that nobody has read yet")
    page.get_by_role("button", name="Read it vertebra by vertebra").click()
    expect(page.get_by_role("combobox", name="L3, verdict")).to_have_value("fracture")
    expect(page.get_by_role("combobox", name="L4, verdict")).to_have_value("indeterminate")
    look(page, "proposals")
    page.get_by_role("button", name="Confirm as the report's read").click()
    expect(page.get_by_text("Confirmed as the report's read, version 1.")).to_be_visible()
    page.get_by_role("button", name="Read it vertebra by vertebra").click()
    page.get_by_role("combobox", name="L4, verdict").select_option("fracture")
    page.get_by_role("button", name="Confirm as the report's read").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why it is confirmed again.")
    look(page, "refused")
    page.get_by_label("Why it is confirmed again").fill("MRI said so")
    page.get_by_role("button", name="Confirm as the report's read").press("Enter")
    expect(page.get_by_text("version 2.")).to_be_visible()


@looks_at("read-import")
def test_old_reads_come_in(people: People, person: Person, new_case: NewCase, look: Look, tmp_path: Path) -> None:
    people.foresee(r"status of 422")
    case = new_case()["name"]
    page = person("lead")
    page.goto("/reads/import")
    look(page, "empty")
    sheet = tmp_path / "Pilot 2019.csv"
    sheet.write_text(
        f"Fall;Wirbel;Fraktur;AO;Leser;Datum\n{case};LWK 3;ja;A1;Dr. Anna Groß;31.01.2019\nNobody;L1;1;;B;\n"
    )
    page.get_by_label("Spreadsheet").set_input_files(sheet)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("Row 3: There is no case called Nobody.")).to_be_visible()
    look(page, "rows that cannot be taken")
    sheet.write_text(
        f"Fall;Wirbel;Fraktur;AO;Leser;Datum\n{case};LWK 3;ja;A1;Dr. Anna Groß;31.01.2019\n{case};T4;1;;lead;\n"
    )
    page.get_by_label("Spreadsheet").set_input_files(sheet)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("button", name="Bring in 2 reads")).to_be_visible()
    look(page, "checked")
    page.get_by_role("button", name="Bring in 2 reads").click()
    expect(page.get_by_text("The reads are in, as the round Pilot 2019.")).to_be_visible()
    look(page, "brought in")
