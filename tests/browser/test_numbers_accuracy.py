"""A lead looks at the accuracy of a reader, chooses another with the keyboard, opens a count, and holds it against the
paper's arithmetic."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import People, Person

#: Three cases in a round of their own, read by a senior and a model, with a reference.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from tests.analysis.small_study import make_study, says, sets_truth
study = make_study(("A1 N ? N", "A1 N N F", "N x N N"))
for case, words in zip(study.cases, ("A1 N N N", "A3 A3 N N", "N A4 N x")):
    sets_truth(case, words)
model = factories.make_model_reader()
for case, words in zip(study.cases, ("A1 N N N", "A3 A3 N F", "N N N N")):
    says(case, model, words, None, 0.7)
print("made", study.key(0), study.round.pk)
"""


@pytest.fixture(scope="module")
def made(application: Application) -> list[str]:
    """The key of the senior, and the number of the round."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@looks_at("numbers", "numbers-paper")
def test_a_lead_changes_the_reader_opens_a_count_and_goes_through_the_paper(
    people: People, person: Person, look: Look, made: list[str]
) -> None:
    people.foresee(r"status of 422")
    senior, round_ = made
    page = person("lead")
    page.goto(f"/numbers?on=round-{round_}&reader={senior}")
    table = page.get_by_role("region", name="Table 2, all cells")
    expect(table.get_by_role("cell", name="Called fracture 3")).to_be_visible()
    expect(
        page.get_by_role("region", name="By AO type, all lines").get_by_role("row", name=re.compile("^A3 1 1"))
    ).to_be_visible()
    look(page, "a reader")
    fits_the_screen(page)
    # The model stands last in the list.
    page.get_by_role("combobox", name=re.compile("^Reader")).focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="Show").press("Enter")
    expect(table.get_by_role("cell", name="True positive 3")).to_be_visible()
    look(page, "the model")
    table.get_by_role("cell", name="True positive").get_by_role("link").press("Enter")
    expect(page.get_by_role("heading", name=re.compile("fracture, Reference: fracture$"))).to_be_visible()
    expect(page.get_by_role("main").get_by_role("row")).to_have_count(1 + 3)
    page.go_back()
    page.get_by_role("link", name="Per case").press("Enter")
    expect(table.get_by_role("cell", name="Cases 3")).to_be_visible()
    look(page, "by case")

    page.get_by_role("link", name="Beside the paper's Table 2").click()
    expect(page.get_by_text("are of other counts").first).to_be_visible()
    page.get_by_role("link", name="Counts of the paper").press("Enter")
    expect(page.get_by_text("80/330 counts the true positives").first).to_be_visible()
    look(page, "the paper")
    fits_the_screen(page)
    page.get_by_label("True positive").fill("many")
    page.get_by_label("True positive").press("Enter")
    expect(page.get_by_text("A count is a whole number")).to_be_visible()
    look(page, "no count")
