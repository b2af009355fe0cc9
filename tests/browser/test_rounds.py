"""A lead plans a round on one page, with the mouse and with the keyboard, looks at what it costs, and starts it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import People, Person

#: Eight test cases; one senior was shown the report of the first.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from django.contrib.auth.models import User
from labeling.models import Exposure
from labeling.reading.roles import reader_of
cases = [factories.make_case(slices=2, patient=factories.make_patient(split="test")) for _ in range(8)]
for case in cases:
    factories.make_anatomy(case, first_k=0, last_k=1)
anna = reader_of(User.objects.get(username="senior1"))
Exposure.objects.create(reader=anna, case=cases[0], what="report")
print("made", *(case.name for case in cases))
"""


@pytest.fixture(scope="module")
def made(application: Application) -> list[str]:
    """The names of the cases; senior1 was shown the report of the first."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@looks_at("rounds", "round-new", "round", "round-edit")
def test_a_lead_plans_a_round_and_starts_it(
    application: Application, people: People, person: Person, look: Look, made: list[str]
) -> None:
    people.foresee(r"status of 422")
    page = person("lead")
    page.goto("/")
    page.get_by_role("link", name="Rounds").click()
    page.get_by_role("link", name="Plan a round").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan a round")
    fits_the_screen(page)
    look(page, "empty")
    page.get_by_label("Name", exact=True).fill("Test reads")
    page.get_by_label("By name").check()
    page.get_by_label("Names of cases").fill(" ".join(made))
    for senior in ("senior1", "senior2"):
        page.get_by_role("checkbox", name=re.compile(senior)).check()
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot read it blind")
    expect(page.get_by_role("table").filter(has_text="Active time")).to_contain_text(
        re.compile(r"no time measured yet|\d (seconds|min|h)\b")  # other reads on this installation may have been timed
    )
    look(page, "a reader is barred")
    fits_the_screen(page)
    page.get_by_role("button", name="Make the round").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot read it blind")
    page.get_by_label(re.compile(f"^Reason for .* and {made[0]}$")).fill("Saw it three years ago in a conference")
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    shown = page.get_by_role("row").filter(has_text="senior1").filter(has=page.get_by_role("rowheader")).first
    expect(shown).to_contain_text("8")
    order = shown.locator(".order").inner_text().split(", ")
    page.get_by_role("button", name="Make the round").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Test reads")
    expect(page.get_by_text("Saw it three years ago in a conference")).to_be_visible()
    look(page, "planned")
    fits_the_screen(page)
    page.get_by_role("link", name="senior1").click()
    drawn = page.get_by_role("table").filter(has_text="State").get_by_role("link").filter(has_text=re.compile("^P"))
    assert drawn.all_inner_texts() == order
    page.get_by_role("link", name="Change the plan").click()
    look(page, "the plan again")
    page.go_back()
    page.get_by_role("button", name="Start").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Start it").press("Enter")
    expect(page.get_by_text("Test reads has begun. Its readers are told.")).to_be_visible()
    told = application.sql(
        "SELECT text FROM labeling_notice n JOIN labeling_round r ON r.id = n.round_id WHERE r.name = 'Test reads'"
    )
    assert [row["text"] for row in told] == ["Test reads has begun: 8 cases to read. They stand in your worklist."] * 2
    look(page, "open")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.goto("/rounds")
    row = page.get_by_role("row").filter(has_text="Test reads")
    expect(row).to_contain_text(re.compile("open.*0 of 16.*16 still to lock", re.DOTALL))
    look(page, "a round")
    fits_the_screen(page)
