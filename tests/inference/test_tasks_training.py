"""Train, from frozen masks to a registered candidate: a real worker, killed once, that goes on where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from config.processes import wait_until
from inference import tasks
from inference.tasks import job_folder
from labeling.datasets.mask_sets import freeze_masks, train_segmentation
from labeling.intake.frames import media_path
from labeling.intake.label_maps import body_map
from labeling.intake.segmentations import segment
from labeling.models import Case, Dataset, Job, ModelVersion, Split
from labeling.reading.splits import assign_split
from labeling.registry.versions import model_folder
from tests.factories import make_user
from tests.inference import tiny
from tests.inference.workers import Worker, brought_in, ended, processes_below, small_case, wait_for, worker_died

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

KILLED_AFTER = 2  # epochs


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    started = Worker(tmp_path)
    yield started
    started.kill()
    wait_until(lambda: not processes_below(tmp_path), 10)


def cohort(folder: Path, count: int) -> list[Case]:
    """Simulated training patients with their masks."""
    cases = []
    for number, (spec, seed) in enumerate(tiny.specs()[-count:]):
        simulated = small_case(spec.top, spec.bottom, seed)
        case = brought_in(folder, simulated, f"T-{number}", mask=True)
        assign_split(case.patient, Split.TRAINING, by=None, reason="test")
        cases.append(case)
    return cases


def epochs_of(job: Job) -> list[float]:
    return [x for x, _ in job.curves.get("train loss", [])]


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float(np.count_nonzero(found & truth)) / float(np.count_nonzero(found) + np.count_nonzero(truth))


def test_a_training_outlives_its_worker_and_gives_one_candidate_that_finds_every_body(worker: Worker, tmp_path: Path):
    cohort(tmp_path / "sent", 6)
    engineer = make_user("engineer")
    dataset = freeze_masks("Six small spines", engineer)
    job = train_segmentation(dataset, tiny.SETTINGS, engineer, "Small")
    assert train_segmentation(dataset, tiny.SETTINGS, engineer, "Small again") == job
    worker.start()
    wait_for(job, lambda job: len(epochs_of(job)) >= KILLED_AFTER or ended(job), 200)
    worker.kill()
    assert wait_until(lambda: not processes_below(tmp_path), 10)
    job.refresh_from_db()
    assert job.state == "running"
    before = job.curves["train loss"][:KILLED_AFTER]
    worker.start()
    worker_died(job)
    wait_for(job, ended, 200)
    assert (job.state, job.message, job.attempts) == ("done", "", 2)
    # It went on: the epochs that were there are the same to the digit, and each is drawn once.
    assert epochs_of(job) == list(range(1, tiny.SETTINGS["epochs"] + 1))
    assert job.curves["train loss"][:KILLED_AFTER] == before
    version = ModelVersion.objects.get(kind="segmentation")
    assert job.model_version == version
    assert (version.name, version.kind, version.state, version.by) == ("Small", "segmentation", "candidate", engineer)
    assert version.dataset == dataset
    assert version.metrics["Dice of patches"] > 0.5
    assert version.recipe["settings"]["epochs"] == tiny.SETTINGS["epochs"]
    assert version.recipe["simulated"] is True
    assert "no model for real CT" in version.note
    assert model_folder(version).is_dir()
    wait_until(lambda: not job_folder(job.pk).exists(), 5)
    # Every body of a spine that it has never seen.
    simulated = small_case()
    found = wait_for(segment(brought_in(tmp_path / "sent", simulated, "S-9"), model=version, by=engineer), ended)
    assert found.state == "done", found.message
    anatomy = found.case.anatomies.get()
    bodies = body_map(anatomy)
    assert anatomy.vertebrae.count() == len(np.unique(simulated.bodies)) - 1
    for row, value in zip(anatomy.vertebrae.all(), sorted(set(np.unique(simulated.bodies)) - {0}), strict=True):
        if not row.cut:
            assert dice(bodies == row.label_value, simulated.bodies == value) > 0.8, row.level


def failed(job: Job) -> str:
    tasks.train_segmentation(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert not ModelVersion.objects.filter(kind="segmentation").exists()
    return job.message


def test_a_training_on_a_set_that_was_tampered_with_says_so(tmp_path: Path):
    case = cohort(tmp_path / "sent", 2)[0]
    dataset = freeze_masks("Two", None)
    job = train_segmentation(dataset, tiny.SETTINGS, None, "Two")
    anatomy = case.anatomies.get()
    kept = media_path(anatomy.label_map).read_bytes()
    with np.load(media_path(anatomy.label_map)) as stored:
        np.savez_compressed(media_path(anatomy.label_map), labels=np.roll(stored["labels"], 1))
    assert failed(job) == "The record no longer holds a mask of this set as it was. Freeze the set again."
    media_path(anatomy.label_map).write_bytes(kept)
    manifest = media_path(dataset.manifest)
    rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join(rows[:-1]) + "\n")
    Job.objects.filter(pk=job.pk).update(state="queued")
    assert failed(job) == "The manifest of Two is missing or was changed. Freeze it again."


def test_settings_that_make_no_training_fail_with_what_there_is(tmp_path: Path):
    cohort(tmp_path / "sent", 2)
    dataset = freeze_masks("Two", None)
    job = train_segmentation(dataset, {"epochs": 1, "planner": "None"}, None, "Two")
    assert failed(job).startswith("There is no planner 'None'. There are ExperimentPlanner, ")
    # What was written stays for the next attempt with the same settings.
    assert (job_folder(job.pk) / "raw" / "dataset.json").is_file()
    described = json.loads((job_folder(job.pk) / "raw" / "dataset.json").read_text())
    assert described["labels"] == {"background": 0, "body": 1}
    shutil.rmtree(job_folder(job.pk))
    assert Dataset.objects.get().recipe["masks"] == "bodies"
