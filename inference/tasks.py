"""The Celery tasks of the models: the one place that knows the record on one side and the models' programs.

A worker imports no torch. It writes what a program needs into the folder of the job, starts it as a child, listens,
and stores what it gives.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from labeling.datasets.mask_files import write_masks
from labeling.imaging.refusal import Refusal
from labeling.intake.segmentations import prepare_volume, refuse_unless_usable, store_segmentation
from labeling.jobs.children import Ended, supervise
from labeling.jobs.queue import Lease
from labeling.jobs.running import run_job, task
from labeling.models import Case, Dataset, Job, JobState, ModelVersion, Stack
from labeling.reading.morphometry import measure_job
from labeling.registry.versions import model_folder, register

__all__ = ["measure", "segment", "train_segmentation"]

#: Of one prediction: preparing the volume, then the program, then storing.
PREPARED, PREDICTED = 0.05, 0.95


@task("inference.segment", limit_seconds=6 * 3600)
def segment(job: int) -> None:
    """Segment the case of this job, unless somebody else does or did."""
    _run(job, _segment)


@task("inference.train_segmentation", limit_seconds=30 * 86400)
def train_segmentation(job: int) -> None:
    """Train on the mask set of this job, unless somebody else does or did."""
    _run(job, _train_segmentation)


@task("inference.measure", limit_seconds=3600)
def measure(job: int) -> None:
    """Measure the heights of the vertebrae of this job's anatomy, unless somebody else does or did."""
    _run(job, measure_job)


def job_folder(job: int) -> Path:
    """Where a job keeps what it needs while it runs."""
    return Path(settings.JOBS_ROOT) / str(job)


def _run(job: int, work: Any) -> None:
    run_job(job, work)
    # What may be started again or gone on with keeps its folder; a segmentation begins anew in a moment.
    ended = Job.objects.filter(pk=job).exclude(state__in=[JobState.QUEUED, JobState.RUNNING])
    keeps = ended.filter(kind="train-segmentation").exclude(state=JobState.DONE)
    if ended.exists() and not keeps.exists():
        shutil.rmtree(job_folder(job), ignore_errors=True)


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
        _child(
            lease,
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
    ended = _child(
        lease,
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


def _child(lease: Lease, verb: str, job: dict[str, Any], memory_bytes: int | None = -1) -> Ended:
    """Run a program of the models on a job of its own kind."""
    folder = job_folder(lease.job.pk)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{verb}.json"
    path.write_text(json.dumps(job))
    allowed = settings.INFERENCE_MEMORY_BYTES if memory_bytes == -1 else memory_bytes
    command = [sys.executable, "-m", "inference.segmentation", verb, str(path)]
    return supervise(lease, command, folder=folder, memory_bytes=allowed)


def _said(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal("bad-result", "The training left no description of its model. Start the job again.") from error
    return content
