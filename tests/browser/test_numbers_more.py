"""A lead looks at the report against the reference, at another place, and at how people read."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.people import Person

#: Two readers, the reference and two of three reports, in a round of their own.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from labeling.models import Assignment
from labeling.reading.elsewhere.report_reads import report_reader
from tests.analysis.small_study import make_study, says, sets_truth
study = make_study(("A1 N N N", "A3 A3 F N", "N N N N"), ("A1 N N A3", "A3 N N N", "N N N N"))
for case, words in zip(study.cases, ("A1 N N A3", "A3 A3 N N", "A1 N N N")):
    sets_truth(case, words)
    for reader in study.readers:
        Assignment.objects.get_or_create(round=study.round, case=case, reader=reader, defaults={"position": case.pk})
for case, words in zip(study.cases, ("· N N F", "F N N N")):
    says(case, report_reader(), words, None)
print("made", study.key(0), study.round.pk, study.cases[0].name)
"""


@pytest.fixture(scope="module")
def made(application: Application) -> list[str]:
    """The key of a reader, the number of the round, and the name of its first case."""
    found = re.search(r"^made (.+)$", application.manage("shell", "-c", MAKE), re.MULTILINE)
    assert found is not None
    return found[1].split()


@looks_at("numbers-report", "numbers-place", "numbers-reading")
def test_a_lead_sees_what_no_report_names_a_reader_elsewhere_and_how_people_read(
    person: Person, look: Look, made: list[str]
) -> None:
    reader, round_, case = made
    page = person("lead")
    page.goto(f"/numbers/report?on=round-{round_}")
    expect(page.get_by_role("heading", name="In the consensus, in no report")).to_be_visible()
    expect(page.get_by_role("link", name=case)).to_be_visible()
    look(page, "report against reference")

    page.goto(f"/numbers/place?on=round-{round_}&reader={reader}&prevalence=10")
    expect(page.get_by_role("heading", name="At 10.00 % of vertebrae")).to_be_visible()
    look(page, "at your place")

    page.goto(f"/numbers/reading?on=round-{round_}")
    expect(page.get_by_role("heading", name="Automation bias")).to_be_visible()
    look(page, "reading habits")
