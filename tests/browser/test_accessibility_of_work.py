"""No page, in no state that a person meets, has a serious violation of axe-core's rules: models, jobs, segmentation."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import Look, looks_at
from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person

#: One job in each state, with everything that a job can say; a model with everything that a model can say.
MAKE = """
import itertools, os
from tests import factories
factories._next = itertools.count(os.getpid() * 1000)  # each process counts from one
from labeling.models import Case
cases = list(Case.objects.order_by("-pk")[:5])
long = "Bodies, refined masks of the thoracolumbar cohort, second reading"
model = factories.make_model_version(
    name=long, recipe={"epochs": 60, "simulated": True}, metrics={"Dice": 0.91, "found": "346 of 346"}, note="Try it."
)
factories.make_model_version(name="Before", state="retired", metrics={"Dice": 0.8})
from tests.pages.opinions import classified, make_classifier, measured
from tests.pages.test_classifier_pages import METRICS, PACKAGE, SAGITTAL, slice_set, told
slices = slice_set(left_out={"vertebrae marked unclear": 3})
classifier = make_classifier("Classifier of the thoracolumbar cohort", state="candidate", metrics=METRICS,
                             recipe=told(SAGITTAL, PACKAGE), dataset=slices)
opined = factories.make_case()
factories.make_anatomy(opined)
classified(opined, classifier)
measured(opined)
curves = {name: [[n, 1 / (n + 1)] for n in range(30)] for name in ("train loss", "validation loss", "Dice")}
log = "\\n".join(f"epoch {n}" for n in range(80))
factories.make_job(kind="train-segmentation", state="running", title=f"Train {long}", progress=0.4,
                   stage="Epoch 30 of 60", curves=curves, log_tail=log)
factories.make_job(kind="train-segmentation", state="done", title="Train it", curves=curves, model_version=model)
for state in ("running", "failed"):
    pending = factories.make_case()
    anatomy = factories.make_anatomy(pending)
    factories.make_job(kind="classify", key=f"classify:{anatomy.pk}:0", state=state, case=pending, progress=0.5,
                       model_version=classifier, title=f"Classify {pending.name}", stage="Classifying")
for state, case in zip(("queued", "running", "failed", "cancelled", "done"), cases):
    factories.make_job(state=state, title=f"Segment with {long}", case=case, model_version=model, stage="Window 3 of 6",
                       progress=1.0 if state == "done" else 0.5)
"""


@pytest.fixture
def work(application: Application, new_case: NewCase) -> dict[str, int]:
    """State of a segmentation -> the case that has it; the newest case has the first state."""
    made = [new_case(masked=masked)["id"] for masked in (True, False, False, False, False)]
    application.manage("shell", "-c", MAKE)
    states = ("queued", "running", "failed", "cancelled", "done")
    return dict(zip(states, sorted(made, reverse=True), strict=True))


@looks_at("jobs", "job", "case", "case-opinions", "cases")
def test_jobs_and_the_vertebrae_of_a_case(
    application: Application, person: Person, look: Look, work: dict[str, int]
) -> None:
    page = person("lead")
    for query in ("", "?state=failed", "?kind=train-segmentation", "?case=nobody"):
        page.goto(f"/jobs{query}")
        look(page, query or "all")
    page.goto("/jobs?state=waiting")
    page.get_by_role("button", name="Cancel").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look(page, "asked whether it is meant")
    for row in application.sql(
        "SELECT id, kind, state FROM labeling_job WHERE kind IN ('segment', 'train-segmentation')"
    ):
        page.goto(f"/jobs/{row['id']}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for summary in page.get_by_text("As a table").all():
            summary.click()
        look(page, f"{row['kind']}, {row['state']}")
    for state, case in work.items():
        page.goto(f"/cases/{case}")
        expect(page.get_by_role("region", name="Vertebrae")).to_be_visible()
        look(page, f"segmentation {state}")
    for row in application.sql("SELECT case_id, state FROM labeling_job WHERE kind = 'classify'"):
        page.goto(f"/cases/{row['case_id']}#models")
        look(page, f"classification {row['state']}")
    opined = application.one("SELECT max(case_id) AS id FROM labeling_read WHERE round_id IS NULL")
    page.goto(f"/cases/{opined['id']}")
    page.get_by_role("button", name="Show what they say").click()
    expect(page.get_by_text("Slices fractured")).to_be_visible()
    look(page, "what models say")
    page.goto("/cases")
    page.get_by_role("button", name="Segment all without vertebrae").click()
    look(page, "asked whether all are meant")


@looks_at("models", "model", "model-import", "model-train", "model-train-classifier")
def test_models(application: Application, people: People, person: Person, look: Look, work: dict[str, int]) -> None:
    people.foresee(r"status of 422")
    page = person("engineer")
    page.goto("/models")
    look(page, "versions")
    for row in application.sql("SELECT id, state FROM labeling_modelversion"):
        page.goto(f"/models/{row['id']}")
        for summary in page.locator("summary").all():
            summary.click()
        look(page, row["state"])
    page.get_by_role("button", name="Activate").click()
    look(page, "asked whether it is meant")
    page.goto("/models/import")
    look(page, "empty")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("No file is chosen.")).to_be_visible()
    look(page, "nothing chosen")
    page.goto("/models/train")
    look(page, "too few masks")
    page.get_by_label("Epochs").fill("0")
    page.get_by_role("button", name="Freeze the masks and train").press("Enter")
    expect(page.get_by_role("alert").first).to_be_visible()
    look(page, "refused")
    page.goto("/models/train/classifier")
    page.get_by_label("A file on the server").check()
    look(page, "weights of a file")
    page.get_by_role("button", name="Freeze the slices and train").press("Enter")
    expect(page.get_by_role("alert").first).to_be_visible()
    look(page, "refused")
