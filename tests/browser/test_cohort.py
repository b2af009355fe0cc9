"""A lead goes from the flowchart to a case, decides on it, looks at the split and at Table 1."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

#: Cases of this file alone: two candidates, one of them a training patient, and one that is excluded.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from django.contrib.auth.models import User
from labeling.cohort.decisions import exclude
lead = User.objects.get(username="lead")
cases = [factories.make_bare_case(age=70 + n, kv=120.0) for n in range(3)]
exclude(lead, cases[2], "spondylodiscitis")
print("made", *(case.name for case in cases))
"""


@pytest.fixture(scope="module")
def made(application: Application) -> list[str]:
    """The names of the cases."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@looks_at("cohort", "cohort-cases", "cohort-split", "cohort-table")
def test_a_lead_decides_on_a_case_of_the_flowchart(person: Person, look: Look, made: list[str]) -> None:
    page = person("lead")
    page.goto("/cohort")
    expect(page.get_by_role("heading", name="Flowchart")).to_be_visible()
    look(page, "the flowchart")
    fits_the_screen(page)
    page.get_by_role("link", name=re.compile("ii concurrent or past spondylodiscitis")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=made[2], exact=True)).to_be_visible()
    page.goto("/cohort/cases?box=open:case")
    page.get_by_role("link", name=made[0], exact=True).press("Enter")
    expect(page.get_by_role("heading", name=made[0])).to_be_visible()
    look(page, "a candidate")
    fits_the_screen(page)
    page.get_by_label("Criterion").select_option("segmentation")
    page.get_by_label("What made it impossible").select_option("corrupt")
    page.get_by_role("button", name="Exclude").press("Enter")
    told = page.get_by_text(f"{made[0]} is excluded: segmentation impossible.")
    expect(told).to_be_visible()
    told.get_by_role("link").click()
    expect(page.get_by_text("Excluded: segmentation impossible (corrupt data)")).to_be_visible()
    look(page, "excluded, with its history")
    page.get_by_role("button", name="Reopen").press("Enter")
    expect(page.get_by_text(f"{made[0]} is a candidate again.")).to_be_visible()
    page.goto("/cohort/split")
    look(page, "the split")
    fits_the_screen(page)
    page.get_by_label("Stratified by fracture").check()
    page.get_by_role("button", name="Preview").click()
    expect(page).to_have_url(re.compile("stratified=yes"))
    page.get_by_role("navigation", name="Cohort").get_by_role("link", name="Table 1").click()
    expect(page.get_by_role("rowheader", name="Age, years")).to_be_visible()
    look(page, "Table 1")
    fits_the_screen(page)
