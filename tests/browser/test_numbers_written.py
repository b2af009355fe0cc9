"""A lead reads the written report, goes to a section and behind a number, and takes the PDF along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

#: Four cases in a round of their own, read by two seniors, a model that scores, and a report, with a reference.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from labeling.reading.elsewhere.report_reads import report_reader
from tests.analysis.small_study import make_study, says, sets_truth
truth = ("A1 N N N", "A3 A3 N N", "N A4 N x", "N N N N")
study = make_study(("A1 N ? N", "A1 N N F", "N A4 N N", "N N N N"), ("A1 N N N", "A3 A3 N N", "N N N N", "A1 N N N"))
model = factories.make_model_reader()
for case, words in zip(study.cases, truth):
    sets_truth(case, words)
    says(case, model, words.replace("x", "N"), None, [0.8 if word[0] == "A" else 0.2 for word in words.split()])
    says(case, report_reader(), words.replace("A4", "N").replace("x", "N"), None)
print("made", study.round.pk)
"""


@pytest.fixture(scope="module")
def made(application: Application) -> str:
    """The number of the round."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1]


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@looks_at("numbers-written")
def test_a_lead_reads_the_report_goes_behind_a_number_and_takes_the_pdf(person: Person, look: Look, made: str) -> None:
    page = person("lead")
    page.goto(f"/numbers/written?on=round-{made}")
    expect(page.get_by_role("heading", name="Vertebral fractures on CT")).to_be_visible()
    expect(page.get_by_role("article").get_by_text("Research use only")).to_have_count(1)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.set_viewport_size({"width": 1440, "height": 900})
    look(page, "the written report")
    fits_the_screen(page)

    sections = page.get_by_role("navigation", name="Sections of the report")
    sections.get_by_role("link", name="Results: accuracy").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="8 Results: accuracy")).to_be_in_viewport()

    with page.expect_download() as taken:
        page.get_by_role("link", name="Report as PDF").click()
    assert Path(taken.value.path()).read_bytes().startswith(b"%PDF")
    assert taken.value.suggested_filename.endswith(".pdf")

    table = page.get_by_role("region", name="Table 2: Accuracy against the reference, per vertebra")
    table.get_by_role("row", name=re.compile("^False negatives")).get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/numbers/cases\?.*cell=fn"))


@looks_at("numbers-written")
def test_without_reads_the_report_says_so_in_every_section(person: Person, look: Look) -> None:
    page = person("lead")
    page.goto("/numbers/written?on=validation")
    expect(page.get_by_role("heading", name="16 STARD checklist (2015)")).to_be_visible()
    look(page, "a report without reads")
    fits_the_screen(page)
