"""The tasks of segmentation: a case is segmented, a model is trained on masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from inference.tasks.frame import child, job_folder, run_task
from labeling.datasets.mask_files import write_masks
from labeling.imaging.refusal import Refusal
from labeling.intake.segmentations import prepare_volume, refuse_unless_usable, store_segmentation
from labeling.jobs.queue import Lease
from labeling.jobs.running import task
from labeling.models import Case, Dataset, Job, ModelVersion, Stack
from labeling.registry.versions import model_folder, register

__all__ = ["segment", "train_segmentation"]

PROGRAM = "inference.segmentation"

#: Of one prediction: preparing the volume, then the program, then storing.
PREPARED, PREDICTED = 0.05, 0.95


@task("inference.segment", limit_seconds=6 * 3600)
def segment(job: int) -> None:
    """Segment the case of this job, unless somebody else does or did."""
    run_task(job, _segment)


@task("inference.train_segmentation", limit_seconds=30 * 86400)
def train_segmentation(job: int) -> None:
    """Train on the mask set of this job, unless somebody else does or did."""
    run_task(job, _train_segmentation)


def _segment(lease: Lease) -> None:
    params = lease.job.params
    case = Case.objects.get(pk=params["case"])
    stack = Stack.objects.select_related("case", "source").get(pk=params["stack"])
    model = ModelVersion.objects.get(pk=params["model"])
    refuse_unless_usable(model)
    files = model_folder(model)
    folder = job_folder(lease.job.pk)
    lease.say("Preparing the volume", 0.0)
    volume = prepare_volume(stack, folder, lambda share: lease.say("Preparing the volume", PREPARED * share))
    out = folder / "out"
    if not (out / "done.json").is_file():  # else a worker died after the model had done its part
        child(
            lease,
            PROGRAM,
            "predict",
            {
                "model": str(files),
                "sha256": model.sha256,
                "volume": str(volume.path),
                "affine": volume.geometry.affine.tolist(),
                "out": str(out),
                "device": settings.INFERENCE_DEVICE,
                "mirroring": False,
                "memory_gb": settings.INFERENCE_MEMORY_BYTES / 2**30,
                "covered": volume.covered,
            },
        )
    lease.say("Storing the anatomy", PREDICTED)
    stored = store_segmentation(lease, case, stack, out, model, volume.geometry)
    was = "" if stored.new else " It was there already."
    lease.log(f"Anatomy version {stored.anatomy.n}.{was}")


def _train_segmentation(lease: Lease) -> None:
    if lease.job.model_version_id is not None:
        return  # registered by a worker that died before it could say so
    params = lease.job.params
    dataset = Dataset.objects.get(pk=params["dataset"])
    folder = job_folder(lease.job.pk)
    out = folder / "out"
    write_masks(dataset, folder / "raw", lease)
    ended = child(
        lease,
        PROGRAM,
        "train",
        {
            "dataset": str(folder / "raw"),
            "work": str(folder / "work"),
            "out": str(out),
            "settings": params["settings"],
        },
        memory_bytes=None,
    )
    lease.say("Registering the model", 1.0)
    own = _said(out / "sagittal.json")
    with transaction.atomic():
        lease.hold()
        version = register(
            out,
            kind="segmentation",
            name=params["name"],
            by=lease.job.by,
            recipe={"settings": own.get("settings", params["settings"]), "packages": own.get("packages", {})}
            | {"labels": own.get("labels", ""), "simulated": bool(dataset.recipe.get("simulated"))},
            dataset=dataset,
            metrics={**own.get("metrics", {}), "seconds": own.get("seconds", round(ended.seconds))},
            note=_note(dataset),
        )
        Job.objects.filter(pk=lease.job.pk).update(model_version=version)


def _note(dataset: Dataset) -> str:
    recipe = dataset.recipe
    said = f"Trained on {recipe.get('cases', 0)} masks of {recipe.get('patients', 0)} patients."
    return f"{said} Simulated CT only: it is no model for real CT." if recipe.get("simulated") else said


def _said(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal("bad-result", "The training left no description of its model. Start the job again.") from error
    return content
