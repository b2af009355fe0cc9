"""Training: read the frozen set, train epoch by epoch, calibrate on validation, hand out. Only for the child.

A checkpoint is complete after each epoch, so a job that was killed goes on where it was and comes to the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import platform
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.classifier.calibrate import NONE, Calibration, fit, threshold
from inference.classifier.description import Description, write_description
from inference.classifier.manifest import SliceSet, read_slices
from inference.classifier.metrics import (
    area_under_curve,
    average_precision,
    interval,
    pool,
    sensitivity_specificity,
)
from inference.classifier.recipes import Recipe
from inference.classifier.settings import TrainingSettings
from inference.classifier.stopping import Cancelled
from inference.segmentation import speaking
from labeling.imaging.refusal import Refusal

__all__ = ["run"]

LATEST = "latest.ckpt"


@dataclass(frozen=True, slots=True)
class _Job:
    source: SliceSet
    recipe: Recipe
    start: Mapping[str, Any]
    work: Path
    out: Path
    seed: int
    device: str
    threads: int
    simulated: bool


def run(job: Mapping[str, Any]) -> None:
    """Do a train job.

    Parameters
    ----------
    job
        ``dataset``: folder of a frozen set (`manifest`). ``work``: folder that survives restarts. ``out``: folder of
        the model. ``recipe``: its name, or all of it. ``weights``: see `weights.start`. ``settings``: ``seed``,
        ``device`` (auto, cpu, cuda), ``threads`` (0 for all), and what of the recipe is changed (`settings`).
        ``simulated``: whether all of the set is simulated CT; absent for no.

    Raises
    ------
    Refusal
        what cannot be trained on, see `manifest.read_slices` and `weights.start`; ``not-a-number`` where the loss grew
        beyond all bounds.
    Cancelled
        soon after SIGTERM; the checkpoint of the last epoch lies in `work`.
    """
    begun = time.monotonic()
    speaking.stage("Reading the slices", 0.0)
    one = _read(job)
    speaking.stage("Loading", 0.02)
    module = _train(one)
    speaking.stage("Calibrating", 0.95)
    description = _hand_out(one, module)
    result = {
        "metrics": dict(description.metrics),
        "epochs": len(module.history),
        "epoch": description.epoch,
        "curves": module.history,
        "seconds": round(time.monotonic() - begun, 1),
        "weights_sha256": description.weights_sha256,
        "called": description.called,
    }
    (one.work / "result.json").write_text(json.dumps(result, indent=1))
    speaking.stage("Trained", 1.0)


def _read(job: Mapping[str, Any]) -> _Job:
    try:
        folders = [Path(job[name]) for name in ("dataset", "work", "out")]
        given, weights = dict(job.get("settings") or {}), dict(job.get("weights") or {"kind": "random"})
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal("bad-job", f"The job of the training lacks something: {error}. Start it again.") from error
    settings = TrainingSettings.read(job.get("recipe", "sagittal"), given)
    source = read_slices(folders[0], settings.recipe.slices)
    cores = settings.threads or len(os.sched_getaffinity(0))
    return _Job(
        source=source,
        recipe=settings.recipe,
        start=weights,
        work=folders[1],
        out=folders[2],
        seed=settings.seed,
        device=settings.device,
        threads=cores,
        simulated=job.get("simulated") is True,
    )


def _train(job: _Job) -> Any:
    """The module with the weights that are kept, in `best`."""
    # Before torch: it reads this once.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from inference.classifier.data import training_loader, validation_loader
    from inference.classifier.module import SliceClassifier, Watch
    from inference.classifier.weights import start

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    torch.set_num_threads(job.threads)
    net, begun_from = start(job.recipe, job.start, job.seed)
    latest = _folder(job, begun_from.plain()) / LATEST
    module = SliceClassifier(net, job.recipe, job.source, job.seed, begun_from.plain())
    watch = Watch(latest)
    _stop_on_sigterm(watch)
    # Checkpoints are written through temporary files: on the same disk, and nowhere else.
    tempfile.tempdir = str(latest.parent)
    if latest.is_file():
        _take_up(module, latest)
    if len(module.history) < job.recipe.epochs and not (module.history and module.is_tired):
        try:
            _trainer(job, watch).fit(
                module,
                training_loader(job.source, job.recipe.batch, job.seed, job.recipe.balanced),
                validation_loader(job.source, job.recipe.batch),
                ckpt_path=str(latest) if module.history else None,
                weights_only=True,
            )
        except SIGTERMException as error:
            # Lightning looks for the signal at places of its own, and would end as if all were done.
            raise Cancelled from error
    if watch.stop:
        raise Cancelled
    if module.best_value == float("inf"):
        raise Refusal(
            "not-a-number", "The loss grew beyond all bounds. Start the training again with a lower learning rate."
        )
    return module


def _trainer(job: _Job, watch: Any) -> Any:
    """Lightning's trainer, without anything that it would write or print itself."""
    import lightning.pytorch as pl

    return pl.Trainer(
        accelerator=_accelerator(job.device),
        devices=1,
        max_epochs=job.recipe.epochs,
        callbacks=[watch],
        deterministic=True,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=job.work,
    )


def _take_up(module: Any, latest: Path) -> None:
    """Go on after the last epoch; a checkpoint that cannot be read is thrown away, and the training begins anew."""
    import torch

    from inference.classifier.module import tell

    try:
        module.on_load_checkpoint(torch.load(latest, map_location="cpu", weights_only=True))
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        speaking.log(f"{latest.name} cannot be read ({type(error).__name__}) and is left out.")
        latest.unlink()
        return
    # The points of what was done are said again, for the last may not have arrived.
    for epoch in range(len(module.history)):
        tell(module.history, epoch)
    speaking.log(f"Taken up after epoch {len(module.history)}.")


def _folder(job: _Job, begun_from: Mapping[str, str]) -> Path:
    """The folder for checkpoints, emptied of those of another training."""
    of = json.dumps([job.recipe.plain(), job.source.sha256, job.seed, dict(begun_from)], sort_keys=True)
    digest = hashlib.sha256(of.encode()).hexdigest()
    job.work.mkdir(parents=True, exist_ok=True)
    mark = job.work / "of.txt"
    if not mark.is_file() or mark.read_text() != digest:
        shutil.rmtree(job.work / "checkpoints", ignore_errors=True)
        mark.write_text(digest)
    folder = job.work / "checkpoints"
    folder.mkdir(exist_ok=True)
    for left in (*folder.glob("*.part"), *folder.glob("tmp*")):
        left.unlink()
    return folder


def _accelerator(wanted: str) -> str:
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise Refusal("no-gpu", "There is no GPU that PyTorch can use. Choose the device cpu or auto.")
    return "gpu" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _stop_on_sigterm(watch: Any) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        watch.stop = True

    signal.signal(signal.SIGTERM, stop)


def _hand_out(job: _Job, module: Any) -> Description:
    """Weights and description into `out`; the description last."""
    from inference.classifier.weights import save_weights

    module.net.load_state_dict(module.best)
    job.out.mkdir(parents=True, exist_ok=True)
    (job.out / "model.json").unlink(missing_ok=True)
    sha256 = save_weights(module.net, job.out)
    slices, vertebrae, least, metrics = _calibrated(job, module.logits_of_best())
    start = module.begun_from
    called = job.recipe.name if start["kind"] != "random" else f"{job.recipe.name}, random start"
    description = Description(
        called=called,
        recipe=job.recipe,
        weights_sha256=sha256,
        start=start,
        slices=slices,
        vertebrae=vertebrae,
        threshold=least,
        dataset=job.source.sha256,
        seed=job.seed,
        epoch=module.best_epoch + 1,
        metrics=metrics,
        packages={
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "timm", "lightning", "safetensors", "numpy")},
        },
        simulated=job.simulated,
    )
    write_description(job.out, description)
    return description


def _calibrated(job: _Job, logits: NDArray[np.float64]) -> tuple[Calibration, Calibration, float, dict[str, Any]]:
    """Calibration of slices and vertebrae, the threshold, and metrics, all on validation."""
    kept = ~job.source.training
    labels = job.source.labels[kept]
    of = pool(logits, job.source.vertebrae[kept], job.recipe.pooling, labels, job.source.patients[kept])
    vertebrae = fit(of.logits, of.labels)
    # The published probability of a slice is the network's own.
    slices = NONE if job.recipe.rule == "any slice" else fit(logits, labels)
    scores = vertebrae(of.logits)
    least = 0.5 if job.recipe.rule == "any slice" else threshold(scores, of.labels)
    greatest = pool(logits, job.source.vertebrae[kept], "max").logits
    called = greatest > 0 if job.recipe.rule == "any slice" else scores >= least
    sensitivity, specificity = sensitivity_specificity(of.labels, called)
    low, high = interval(area_under_curve, of.labels, of.logits, of.patients)
    found = {
        "split": "validation",
        "patients": len(np.unique(of.patients)),
        "vertebrae": len(of.labels),
        "fractured": int(of.labels.sum()),
        "slices": len(labels),
        "vertebra AUC": area_under_curve(of.labels, of.logits),
        "vertebra AUC from": low,
        "vertebra AUC to": high,
        "vertebra average precision": average_precision(of.labels, of.logits),
        "sensitivity": sensitivity,
        "specificity": specificity,
    }
    # JSON has no NaN: what is not defined is null.
    metrics = {
        name: (round(value, 6) if value == value else None) if isinstance(value, float) else value
        for name, value in found.items()
    }
    return slices, vertebrae, least, metrics
