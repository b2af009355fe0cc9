"""A lead looks at the curves of a model and compares it with another, and opens what stands behind a number."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

#: Two models, a senior and the reference of four cases in a round of their own, and three validation cases.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from tests.analysis.scored_study import make_scored_study
study = make_scored_study()
print("made", study.key(0), study.key(1), study.round.pk)
"""


@pytest.fixture(scope="module")
def made(application: Application) -> list[str]:
    """The keys of the two models, and the number of the round whose cases they read."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


def fits_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@looks_at("numbers-curves", "numbers-compare")
def test_a_lead_sees_curves_compares_two_models_and_opens_what_is_behind(
    person: Person, look: Look, made: list[str]
) -> None:
    first, second, round_ = made
    page = person("lead")
    page.goto(f"/numbers/curves?on=round-{round_}&reader={first}")
    expect(page.get_by_role("heading", name="ROC")).to_be_visible()
    expect(page.get_by_text("Chosen on the validation set alone")).to_be_visible()
    expect(page.get_by_role("group", name=re.compile("^ROC of"))).to_be_visible()
    look(page, "curves")
    fits_the_screen(page)
    # A reader's point opens the vertebrae on which they differ from the reference.
    page.get_by_role("link", name=re.compile("^Anna Weber: sensitivity 75.0 %")).first.click()
    expect(page.get_by_role("heading", name="One says fracture, the other negative")).to_be_visible()

    page.goto(f"/numbers/compare?on=round-{round_}&a={first}&b={second}")
    expect(page.get_by_role("heading", name="Who is right")).to_be_visible()
    look(page, "comparison")
    fits_the_screen(page)
