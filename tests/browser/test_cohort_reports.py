"""A lead brings in reports, waits for the search, and decides on them by keyboard; looks at the rules."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

SEARCHED = 40_000  # milliseconds
SHEET = """accession,date,text
{0}-1,2019-03-14,"Befund: Frische Deckplattenimpressionsfraktur von LWK 1. Keine Spinalkanalstenose."
{0}-2,2019-03-13,"Fracture-tassement récente de L1, sans recul du mur postérieur."
{0}-3,2019-03-12,"Wedge deformity of T8, fracture of uncertain age."
{0}-4,2019-03-12,"Z. n. Kyphoplastie LWK 3. Neue Sinterungsfraktur von LWK 1."
{0}-5,2019-03-12,"No evidence of a fracture of the vertebral bodies."
"""


@pytest.fixture
def mark() -> str:
    """Names the files of this test alone."""
    return uuid.uuid4().hex[:10].upper()


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def own(page: Page, mark: str, row: int) -> Locator:
    """The report of a row of this test's sheet."""
    return page.locator("[data-report]").filter(has_text=re.compile(rf"{mark}\.csv, row {row}\b"))


@looks_at("cohort-reports", "cohort-reports-new", "cohort-report", "cohort-rules")
def test_a_lead_brings_in_reports_and_confirms_them_by_keyboard(
    application: Application, person: Person, look: Look, mark: str
) -> None:
    page = person("lead")
    page.goto("/cohort/reports/new")
    look(page, "the form")
    sheet = SHEET.format(mark).encode() + f'{mark}-6,2019-03-12,""\n'.encode()
    page.get_by_label("Files").set_input_files([{"name": f"{mark}.csv", "mimeType": "text/csv", "buffer": sheet}])
    page.get_by_role("button", name="Bring them in").press("Enter")
    expect(page.get_by_role("heading", name="What came in")).to_be_visible()
    expect(page.get_by_role("list", name="What was not taken")).to_contain_text(f"{mark}.csv, row 7")
    expect(page.get_by_role("region", name="Search")).to_contain_text("All are searched", timeout=SEARCHED)
    look(page, "what came in")
    fits_the_screen(page)

    page.get_by_role("link", name="Show what is to be confirmed").press("Enter")
    first, second, third, fourth = (own(page, mark, row) for row in (2, 3, 4, 5))
    expect(first.get_by_text("fracture: ", exact=True).first).to_be_attached()
    fits_the_screen(page)
    first.focus()
    look(page, "to confirm")
    page.keyboard.press("Enter")
    expect(first).to_contain_text("confirmed")
    expect(second).to_be_focused()
    page.keyboard.press("n")
    expect(second).to_contain_text("no candidate")
    expect(third).to_be_focused()
    page.keyboard.press("u")
    expect(second.get_by_role("button", name="Confirm")).to_be_visible()
    expect(second).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(third).to_be_focused()
    page.keyboard.press("j")
    expect(fourth).to_be_focused()
    page.keyboard.press("t")
    expect(fourth.locator(".whole-text")).to_be_visible()
    look(page, "decided, with a whole text")
    own_rows = "SELECT source, decision FROM labeling_studyreport WHERE source LIKE %s ORDER BY id"
    found = [row["decision"] for row in application.sql(own_rows, f"{mark}%")]
    assert found == ["confirmed", "", "", "", ""]

    first.get_by_role("link", name="Open").press("Enter")
    expect(page.get_by_role("heading", name="Whole text")).to_be_visible()
    look(page, "one report")
    fits_the_screen(page)

    page.goto("/cohort/rules")
    look(page, "the rules")
    page.get_by_label("Sentence, or a whole report").fill("Bekannte alte Fraktur von LWK 2.")
    page.get_by_role("checkbox", name="A known old fracture").uncheck()
    page.get_by_role("button", name="Try it").press("Enter")
    tried = page.get_by_role("region", name="Try a sentence").get_by_role("status")
    expect(tried).to_contain_text("not proposed")
    expect(tried).to_contain_text("by rules not published")
    page.get_by_text("Words in German").click()
    look(page, "a sentence tried")
    fits_the_screen(page)
