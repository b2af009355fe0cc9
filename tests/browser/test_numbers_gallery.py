"""A lead looks at misses as pictures, goes on to false alarms, and opens the room at one of them by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

#: Two cases in a round of their own, read by a senior, with a reference.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from tests.analysis.small_study import make_study, says, sets_truth
study = make_study(("A1 N N N", "A1 A3 N N"))
for case, words in zip(study.cases, ("A1 A3 N N", "N A3 A4 N")):
    sets_truth(case, words)
print("made", study.key(0), study.round.pk)
"""


@pytest.fixture(scope="module")
def made(application: Application) -> list[str]:
    """The key of the senior, and the number of the round."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


@looks_at("numbers-gallery")
def test_a_lead_looks_at_misses_and_opens_one_in_the_room(person: Person, look: Look, made: list[str]) -> None:
    senior, round_ = made
    page = person("lead")
    page.goto(f"/numbers/gallery?on=round-{round_}&reader={senior}")
    pictures = page.get_by_role("img", name=re.compile("^Sagittal CT about"))
    expect(pictures).to_have_count(2)
    # Each is there, and as large as the others.
    for place in range(2):
        pictures.nth(place).scroll_into_view_if_needed()
        expect(pictures.nth(place)).to_have_js_property("naturalWidth", 240)
    look(page, "misses")
    page.get_by_role("link", name="False alarms").press("Enter")
    expect(pictures).to_have_count(1)
    expect(page.get_by_role("link", name="False alarms")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name=re.compile("Sagittal CT about L1")).press("Enter")
    page.wait_for_url(re.compile(r"/read/\d+\?vertebra=\d+&slice=\d+"))


@looks_at("numbers-gallery")
def test_nothing_missed_says_so(person: Person, look: Look, made: list[str]) -> None:
    senior, round_ = made
    page = person("lead")
    page.goto(f"/numbers/gallery?on=round-{round_}&reader={senior}&level=L4")
    expect(page.get_by_text("None", exact=True)).to_be_visible()
    look(page, "nothing")
