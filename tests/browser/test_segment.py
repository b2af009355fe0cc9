"""From a case without vertebrae to the anatomy check: one press, a model at work, and what it found."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.application import Application
from tests.browser.people import People, Person
from tests.browser.room import until

#: Seconds from the press to the result, on two cores beside a browser.
PATIENCE = 60.0

SEEDS = itertools.count(11)


@pytest.fixture
def simulated(application: Application, tmp_path: Path) -> dict[str, Any]:
    """A simulated CT that came in without its mask, another one for each test."""
    seed = str(next(SEEDS))
    (folder,) = application.manage("simulate_cohort", "--cases", "1", "--seed", seed, "--into", str(tmp_path)).split()
    return application.bring_in(sorted((Path(folder) / "ct").iterdir()))


def block(page: Page) -> Any:
    return page.get_by_role("region", name="Vertebrae")


def test_a_press_becomes_vertebrae_to_check_while_the_page_tells_how_far_it_is(
    application: Application, people: People, person: Person, simulated: dict[str, Any]
) -> None:
    page = person("engineer")
    page.goto(f"/cases/{simulated['id']}")
    expect(block(page)).to_contain_text("trained on simulated CT")
    # No model works yet: what was asked for waits, and says so; other tests may have left a job that seems to run.
    application.stop_models_worker()
    block(page).get_by_role("button", name="Segment").press("Enter")
    expect(block(page)).to_contain_text(re.compile("It waits for a worker|It begins when the job before it has ended"))
    page.evaluate("() => { window.sameVisit = true; }")
    begun = time.monotonic()
    application.start_models_worker()
    bar = block(page).get_by_role("progressbar")
    expect(block(page)).to_contain_text("so far", timeout=30_000)
    shares = set()
    while bar.count() and time.monotonic() < begun + PATIENCE:
        shares.add(bar.get_attribute("value"))
        page.wait_for_timeout(300)
    found = block(page).get_by_text(re.compile(r"\d+ vertebrae, [CTL]\d+–[TL]\d+.*: check them"))
    expect(found).to_be_visible(timeout=int(max(1.0, begun + PATIENCE - time.monotonic()) * 1000))
    # How many of its steps the page sees depends on how fast the machine is; that it moves does not.
    assert len(shares) > 1, f"the bar stood at {sorted(shares, key=str)}"
    assert page.evaluate("() => window.sameVisit"), "the page came to its result without being loaded again"
    assert time.monotonic() - begun < PATIENCE
    expect(page.get_by_role("region", name="Anatomy").get_by_role("row").nth(1)).to_contain_text("Starter")

    anatomy = application.one(
        "SELECT a.id, a.note, (SELECT count(*) FROM labeling_anatomyvertebra v WHERE v.anatomy_id = a.id) AS vertebrae"
        " FROM labeling_anatomy a WHERE a.case_id = %s",
        simulated["id"],
    )
    found.get_by_role("link").click()
    listed = page.get_by_role("table", name="Vertebrae from head to feet").locator("tbody tr[data-key]")
    expect(listed).to_have_count(anatomy["vertebrae"])
    assert anatomy["note"]
    expect(page.get_by_role("note", name="On what the names rest")).to_have_text(anatomy["note"])
    expect(page.get_by_text("found by Starter")).to_be_visible()


def test_a_job_is_cancelled_from_the_case_and_started_again_from_the_jobs(
    application: Application, people: People, person: Person, simulated: dict[str, Any]
) -> None:
    # With no worker of the models about, what is asked for waits as long as this test wants.
    application.stop_models_worker()
    page = person("lead")
    page.goto(f"/cases/{simulated['id']}")
    block(page).get_by_role("button", name="Segment").click()
    block(page).get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(block(page)).to_contain_text("The segmentation was cancelled.")
    expect(page).to_have_url(re.compile(rf"/cases/{simulated['id']}$"))
    page.goto(f"/jobs?case={simulated['name']}")
    row = page.get_by_role("row").filter(has_text=simulated["name"])
    expect(row).to_contain_text("cancelled")
    row.get_by_role("button", name="Start again").click()
    expect(row).to_contain_text("waiting")
    page.context.set_offline(True)
    people.foresee("ERR_INTERNET_DISCONNECTED")
    expect(page.get_by_text("The network is away.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("The network is away.")).to_be_hidden()
    state = "SELECT state FROM labeling_job WHERE kind = 'segment' AND case_id = %s"
    until(lambda: application.one(state, simulated["id"])["state"] == "queued", "The job waits again")
    row.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    until(lambda: application.one(state, simulated["id"])["state"] == "cancelled", "The job is cancelled")
