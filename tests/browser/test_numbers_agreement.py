"""A lead looks at the agreement of all pairs, opens a cell down to its vertebrae, and sees that it was counted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

#: Three cases in a round of their own, read by two people; four vertebrae each.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from tests.analysis.small_study import make_study, sets_truth
study = make_study(("A1 N ? N", "A1 N N F", "N x N N"), ("A1 A1 N N", "A2 N N N", "N N N A4"))
for case, words in zip(study.cases, ("A1 N N N", "A3 A3 N N", "N A4 N x")):
    sets_truth(case, words)
print("made", study.round.pk)
"""


@pytest.fixture(scope="module")
def made(application: Application) -> str:
    """The number of the round."""
    found = re.search(r"^made (\d+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1]


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@looks_at("numbers-agreement", "numbers-cases", "numbers-ledger")
def test_a_lead_opens_a_cell_of_the_matrix_down_to_its_vertebrae(person: Person, look: Look, made: str) -> None:
    page = person("lead")
    page.goto("/")
    page.get_by_role("link", name="Numbers").click()
    page.get_by_role("link", name="Agreement").click()
    page.goto(f"/numbers/agreement?on=round-{made}")
    expect(page.get_by_role("heading", name="All readers together")).to_be_visible()
    look(page, "the matrix")
    fits_the_screen(page)
    page.get_by_role("link", name="Gwet AC1").click()
    look(page, "another coefficient")
    both = page.get_by_role("region", name="Fracture or negative").get_by_role("link").first
    counted = int(both.inner_text())
    both.press("Enter")
    expect(page.get_by_role("main").get_by_role("row")).to_have_count(1 + counted)
    look(page, "the vertebrae behind a number")
    fits_the_screen(page)
    page.goto("/numbers/ledger")
    look(page, "the ledger")
    fits_the_screen(page)
