"""The task of pre-labels: a classifier reads an anatomy, and what it says is stored as a locked read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings

from inference.tasks.frame import child, job_folder, run_task
from labeling.imaging.refusal import Refusal
from labeling.intake.classifier_inputs import prepare_input
from labeling.jobs.queue import Lease
from labeling.jobs.running import task
from labeling.models import Anatomy, ModelVersion, SliceValue
from labeling.reading.opinions.model_reads import ModelFinding, ModelSlice, store_model_read
from labeling.reading.opinions.prelabels import read_by, refuse_unless_usable
from labeling.registry.versions import model_folder, reader_of_model, storable

__all__ = ["classify"]

PROGRAM = "inference.classifier"

#: Of one prediction: preparing the stack, then the program, then storing.
PREPARED, PREDICTED = 0.05, 0.95


@task("inference.classify", limit_seconds=6 * 3600)
def classify(job: int) -> None:
    """Classify the vertebral slices of this job's anatomy, unless somebody else does or did."""
    run_task(job, _classify)


def _classify(lease: Lease) -> None:
    params = lease.job.params
    anatomy = Anatomy.objects.select_related("case", "stack").filter(pk=params["anatomy"]).first()
    if anatomy is None:
        raise Refusal("no-anatomy", "The anatomy that was to be read is not there any more. Nothing is left to do.")
    version = ModelVersion.objects.get(pk=params["model"])
    if read_by(version, anatomy) is not None:
        lease.log("It was read before.")
        return
    refuse_unless_usable(version)
    files = model_folder(version)
    folder = job_folder(lease.job.pk)
    result = folder / "out" / "predictions.json"
    if not result.is_file():  # else a worker died after the model had done its part
        _predict(lease, anatomy, files, folder)
    refuse_unless_usable(ModelVersion.objects.get(pk=version.pk))  # it may have been retired meanwhile
    lease.say("Storing the read", PREDICTED)
    findings = _findings(result, anatomy)
    read = store_model_read(lease, reader_of_model(version), anatomy.case, anatomy.stack, anatomy, findings)
    lease.log(f"Read {read.pk}.")


def _predict(lease: Lease, anatomy: Anatomy, files: Path, folder: Path) -> None:
    stage = "Preparing the stack"
    lease.say(stage, 0.0)
    given = prepare_input(anatomy, folder, lambda share: lease.say(stage, PREPARED * share))
    child(
        lease,
        PROGRAM,
        "predict",
        {
            "model": str(files),
            "volume": str(given.volume),
            "affine": given.geometry.affine.tolist(),
            "labels": None if given.labels is None else str(given.labels),
            "vertebrae": [asdict(body) for body in given.bodies],
            "out": str(folder / "out"),
            "device": settings.INFERENCE_DEVICE,
        },
        shares=(PREPARED, PREDICTED),
    )


def _findings(path: Path, anatomy: Anatomy) -> list[ModelFinding]:
    """What the model said of each vertebra of an anatomy, slices by their SOP Instance UID.

    Raises
    ------
    Refusal
        ``bad-result`` where the file is damaged or speaks of other vertebrae or slices.
    """
    sops = dict(anatomy.stack.slices.values_list("k", "sop_uid"))
    try:
        said = json.loads(path.read_text())
        findings = [_finding(one, said["model"], sops) for one in said["vertebrae"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _bad() from error
    if sorted(one.vertebra for one in findings) != sorted(anatomy.vertebrae.values_list("vertebra", flat=True)):
        raise _bad()
    return findings


def _finding(one: dict[str, Any], model: dict[str, Any], sops: dict[int, str]) -> ModelFinding:
    evidence = {
        # For people: why nothing was said, else what to know of what was.
        "reason": one["reason"] or one["note"],
        "note": one["note"],
        "called": model["called"],
        "threshold": model["threshold"],
        "rule": model["rule"],
        "recipe_sha256": model["recipe_sha256"],
        "weights_sha256": model["weights_sha256"],
    }
    if one["metal"]["mm3"] > 0:
        evidence["metal"] = one["metal"]
    slices = {
        sops[k]: ModelSlice(SliceValue.FRACTURE if shown else SliceValue.NEGATIVE, p)
        for k, p, shown in zip(one["ks"], one["p"], one["fractured"], strict=True)
    }
    return ModelFinding(
        one["key"], one["verdict"], one["why"], score=one["score"], evidence=storable(evidence), slices=slices
    )


def _bad() -> Refusal:
    return Refusal("bad-result", "The result of the model is damaged or speaks of another case. Start the job again.")
