"""The classifier as people meet it: a training asked for and watched, pre-labels asked for, opinions on request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.application import Application
from tests.browser.people import Person

#: Other tests may have left a job that comes first.
WAITS = re.compile("It waits for|It begins when the job before it has ended")

#: Two training patients with a locked read each, a case that a classifier has read, and one that it has not.
MAKE = """
import itertools, json, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from labeling.models import ModelVersion
from tests.datasets.labelled import ALL, locked, masked_case
from tests.pages.opinions import classified, make_classifier, measured
for _ in range(2):
    locked(masked_case(origin="simulated"), ALL)
read, bare = (factories.make_case() for _ in range(2))
for case in (read, bare):
    factories.make_anatomy(case)
model = make_classifier("Sagittal story")
classified(read, model)
measured(read)
print(json.dumps({"read": read.pk, "bare": bare.pk}))
"""


@pytest.fixture(scope="module")
def made(application: Application) -> Iterator[dict[str, Any]]:
    # With no worker of the models about, what is asked for waits as long as a test wants.
    application.stop_models_worker()
    yield json.loads(application.manage("shell", "-c", MAKE).splitlines()[-1])
    # An active classifier would be asked for every case of the tests that follow.
    application.sql("UPDATE labeling_modelversion SET state = 'retired' WHERE name = 'Sagittal story'")


def test_an_engineer_sees_what_would_be_frozen_asks_for_a_training_and_watches_its_curves(
    application: Application, person: Person, made: dict[str, Any]
) -> None:
    # Clinical cases that other tests have made training cases of are not what is frozen here.
    application.sql(
        "UPDATE labeling_patient SET split = 'unassigned' WHERE split = 'training' AND id IN"
        " (SELECT patient_id FROM labeling_case WHERE origin = 'clinical')"
    )
    page = person("engineer")
    page.goto("/models")
    page.get_by_role("link", name="Train a version").click()
    page.get_by_role("link", name="Classifier", exact=True).click()
    frozen = page.get_by_role("region", name="What would be frozen")
    expect(frozen.get_by_role("row", name="Slices")).to_contain_text(re.compile(r"\d+ fractured"))
    expect(frozen).to_contain_text("Simulated CT only")
    expect(page.get_by_text("By the recipe paper:")).to_be_visible()
    expect(page.get_by_role("region", name="Left out")).to_contain_text("vertebrae with too few slices")

    expect(page.get_by_label("Path")).to_be_hidden()
    page.get_by_label("A file on the server").check()
    expect(page.get_by_label("Path")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^Random start")).check()
    page.get_by_label("Name", exact=True).fill("Sagittal from the form")
    page.get_by_label("Epochs").fill("2")
    page.get_by_role("button", name="Freeze the slices and train").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Train Sagittal from the form")
    expect(page.get_by_label("Progress")).to_contain_text(WAITS)
    job = int(page.url.rsplit("/", 1)[-1])
    page.evaluate("() => { window.sameVisit = true; }")
    curves = {name: [[1, 0.4], [2, 0.6]] for name in ("train loss", "vertebra average precision", "vertebra AUC")}
    application.sql(
        "UPDATE labeling_job SET state = 'running', owner = 'nobody', lease_until = now() + interval '5 minutes',"
        " started_at = now(), progress = 0.5, stage = 'Epoch 2 of 2', curves = %s WHERE id = %s",
        json.dumps(curves),
        job,
    )
    figure = page.get_by_role("img", name="AUC from 0.4 to 0.6 between epoch 1 and 2")
    expect(figure).to_be_visible()
    expect(page.get_by_label("Progress")).to_contain_text("Epoch 2 of 2")
    assert page.evaluate("() => window.sameVisit"), "the curves came without the page being loaded again"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("button", name="Start again")).to_be_visible()


def test_a_lead_asks_for_pre_labels_and_is_shown_what_models_say_on_request_alone(
    application: Application, person: Person, made: dict[str, Any]
) -> None:
    page = person("lead")
    block = page.get_by_role("region", name="Models", exact=True)
    exposures = "SELECT count(*) AS n FROM labeling_exposure WHERE what = 'model' AND case_id = %s"
    page.goto(f"/cases/{made['read']}")
    expect(block).to_contain_text("Sagittal story")
    expect(block).not_to_contain_text("Fracture at")
    assert application.one(exposures, made["read"])["n"] == 0
    block.get_by_role("button", name="Show what they say").click()
    said = block.get_by_role("table").filter(has_text="Slices fractured")
    expect(said.get_by_role("row", name="L3")).to_contain_text(re.compile(r"fracture\s*0\.87\s*2 of 4"))
    expect(block).to_contain_text("Fracture at L3")
    expect(block).to_contain_text("wedge")
    assert application.one(exposures, made["read"])["n"] == 1
    page.goto(f"/cases/{made['read']}")
    expect(block).to_contain_text("Sagittal story")
    expect(said).to_be_hidden()

    page.goto(f"/cases/{made['bare']}")
    block.get_by_role("button", name="Pre-label").press("Enter")
    expect(block).to_contain_text(WAITS)
    block.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(block).to_contain_text("The pre-labelling was cancelled.")
