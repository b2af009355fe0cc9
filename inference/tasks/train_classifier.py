"""The task of a classifier's training: slices are cut out of the record, a child trains on them, the result is kept."""

from __future__ import annotations

import json
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
from labeling.models import Dataset, Job, ModelVersion
from labeling.registry.classifiers import recipe_of
from labeling.registry.versions import register

__all__ = ["train_classifier"]

PROGRAM = "inference.classifier"

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
    ended = child(
        lease,
        PROGRAM,
        "train",
        {
            "dataset": str(folder / "slices"),
            "work": str(folder / "work"),
            "out": str(folder / "out"),
            "recipe": params["recipe"],
            "weights": params["weights"],
            "settings": params["settings"],
        },
        memory_bytes=None,
        shares=(CUT, 1.0),
    )
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
    with transaction.atomic():
        lease.hold()
        version = register(
            folder / "out",
            kind="classifier",
            name=lease.job.params["name"],
            by=lease.job.by,
            recipe=recipe_of(said.plain()) | {"simulated": simulated, "left_out_when_cut": dict(left_out)},
            dataset=dataset,
            metrics={**said.metrics, "epochs": result.get("epochs"), "seconds": round(ended.seconds)},
            note=_note(dataset, said),
            parent=_parent(said),
        )
        Job.objects.filter(pk=lease.job.pk).update(model_version=version)


def _parent(said: Description) -> ModelVersion | None:
    """The classifier whose weights it began with, if that is one of ours."""
    begun_with = said.start.get("sha256")
    if not begun_with:
        return None
    return ModelVersion.objects.filter(kind="classifier", recipe__weights_sha256=begun_with).first()


def _note(dataset: Dataset, said: Description) -> str:
    counts = dataset.recipe["counts"]
    begun = f"Recipe {said.called}. Begun with {said.start.get('said', 'weights that nobody named')}."
    trained = f"Trained and validated on {counts['slices']} slices of {counts['patients']} patients. {begun}"
    return f"{trained} Simulated CT only: it is no model for real CT." if dataset.recipe.get("simulated") else trained


def _said(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal("bad-result", "The training left no account of itself. Start the job again.") from error
    return content
