"""The task of a classifier's training: slices are cut out of the record, a child trains on them, the result is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from inference.classifier.description import Description, describe
from inference.classifier.settings import TrainingSettings
from inference.classifier.sources import file_of_weights
from inference.tasks.frame import child, job_folder, run_task
from inference.tasks.slice_files import write_slices
from labeling.datasets.slice_manifest import manifest_rows, refuse_unless_training
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SliceRecipe
from labeling.jobs.children import Ended
from labeling.jobs.queue import Lease
from labeling.jobs.running import task
from labeling.models import Dataset, DatasetPatient, Job, ModelVersion, Split
from labeling.registry.classifiers import recipe_of
from labeling.registry.versions import register

__all__ = ["train_classifier"]

PROGRAM = "inference.classifier"

DAMAGED = ("wrong-sha256", "not-a-dataset", "bad-manifest")
"""How the child calls slices that are not those that were cut."""

CUT = 0.1
"""Of the whole, done when the slices are cut; the rest is the training."""


@task("inference.train_classifier", limit_seconds=30 * 86400)
def train_classifier(job: int) -> None:
    """Train on the slice set of this job, unless somebody else does or did."""
    run_task(job, _train_classifier)


def _train_classifier(lease: Lease) -> None:
    if lease.job.model_version_id is not None:
        return  # registered by a worker that died before it could say so
    params = lease.job.params
    dataset = Dataset.objects.get(pk=params["dataset"])
    slices, rows = manifest_rows(dataset)
    refuse_unless_training(rows)
    _refuse_unless_trainable(params, slices)
    folder = job_folder(lease.job.pk)
    left_out = write_slices(slices, rows, folder, lease, CUT)
    for why, count in left_out.items():
        lease.log(f"Left out as the slices were cut: {count} vertebrae ({why}).")
    asked = {
        "dataset": str(folder / "slices"),
        "work": str(folder / "work"),
        "out": str(folder / "out"),
        "recipe": params["recipe"],
        "weights": params["weights"],
        "settings": params["settings"],
        "simulated": bool(dataset.recipe.get("simulated")),
    }
    try:
        ended = child(lease, PROGRAM, "train", asked, memory_bytes=None, shares=(CUT, 1.0))
    except Refusal as refusal:
        if refusal.code not in DAMAGED:
            raise
        _refuse_unless_trainable(params, slices)  # of the weights, which have a SHA-256 too, it says so itself
        # The same slices frozen again are this same job: it must be able to mend them by itself.
        shutil.rmtree(folder / "slices", ignore_errors=True)
        raise Refusal(
            refusal.code,
            "The slices that were cut for this training were changed or damaged on the disk. They are thrown away and "
            "will be cut again. Start the job again.",
        ) from refusal
    lease.say("Registering the model", 1.0)
    _register(lease, dataset, folder, ended, left_out)


def _refuse_unless_trainable(params: Mapping[str, Any], slices: SliceRecipe) -> None:
    """Before hours go into cutting slices: that recipe, settings and weights are such as the child will take."""
    settings = TrainingSettings.read(params["recipe"], params["settings"])
    if settings.recipe.slices != slices:
        raise Refusal(
            "wrong-recipe",
            f"The slices of this set are cut by the recipe {slices.name}, the training by {settings.recipe.name} wants "
            f"{settings.recipe.slices.name}. Freeze a set with the recipe of the training.",
        )
    file_of_weights(params["weights"], settings.recipe.architecture)


def _register(lease: Lease, dataset: Dataset, folder: Path, ended: Ended, left_out: Mapping[str, int]) -> None:
    """The candidate, its row and the end of the job together."""
    said = describe(folder / "out")
    result = _said(folder / "work" / "result.json")
    simulated = bool(dataset.recipe.get("simulated"))
    parent = _parent(said)
    seen = _validated_on_trained(dataset, parent)
    before = {"validation patients trained on before": seen} if seen else {}
    with transaction.atomic():
        lease.hold()
        version = register(
            folder / "out",
            kind="classifier",
            name=Job.objects.get(pk=lease.job.pk).params["name"],  # it may have been named anew meanwhile
            by=lease.job.by,
            recipe=recipe_of(said.plain()) | {"simulated": simulated, "left_out_when_cut": dict(left_out)},
            dataset=dataset,
            metrics={**said.metrics, "epochs": result.get("epochs"), "seconds": round(ended.seconds), **before},
            note=_note(dataset, said, seen),
            parent=parent,
        )
        Job.objects.filter(pk=lease.job.pk).update(model_version=version)


def _parent(said: Description) -> ModelVersion | None:
    """The classifier whose weights it began with, if that is one of ours."""
    begun_with = said.start.get("sha256")
    if not begun_with:
        return None
    return ModelVersion.objects.filter(kind="classifier", recipe__weights_sha256=begun_with).first()


def _validated_on_trained(dataset: Dataset, parent: ModelVersion | None) -> int:
    """How many of the patients that a set validates on one of these versions, each begun with the next, has trained
    on, as far as their sets are known."""
    sets: set[int] = set()
    passed: set[int] = set()
    while parent is not None and parent.pk not in passed:
        passed.add(parent.pk)
        sets |= {parent.dataset_id} if parent.dataset_id is not None else set()
        parent = parent.parent
    trained = DatasetPatient.objects.filter(dataset__in=sets, split=Split.TRAINING).values("patient")
    return dataset.patients.filter(split=Split.VALIDATION, patient__in=trained).count()


def _note(dataset: Dataset, said: Description, seen: int) -> str:
    counts = dataset.recipe["counts"]
    begun = f"Recipe {said.called}. Begun with {said.start.get('said', 'weights that nobody named')}."
    trained = f"Trained and validated on {counts['slices']} slices of {counts['patients']} patients. {begun}"
    if seen:
        those = f"{seen} of its validation patients {'was' if seen == 1 else 'were'}"
        trained += f" {those} trained on by an earlier version: its metrics are too good."
    if dataset.recipe.get("simulated"):
        return f"{trained} Simulated CT only: it is no model for real CT."
    some = counts.get("simulated_patients")
    return f"{trained} {some} of {counts['patients']} patients are simulated." if some else trained


def _said(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal("bad-result", "The training left no account of itself. Start the job again.") from error
    return content
