"""Training, stage by stage: take over, fingerprint, plan, preprocess, train, validate, hand out. Only for the child.

Each stage leaves a mark when it is complete, so a job that was killed goes on where it was. What was planned under
other settings or on another training set is thrown away.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from inference.segmentation import planning, speaking
from inference.segmentation.hand_out import hand_out
from inference.segmentation.planning import CONFIGURATION, DATASET, PLANS, Folders
from inference.segmentation.raw import RawDataset, read_dataset, take_over
from inference.segmentation.settings import TrainingSettings
from labeling.imaging.refusal import Refusal

__all__ = ["run"]

PREPARED_SHARE = 0.1
"""Share of the whole job that is done when the first epoch begins."""


@dataclass(frozen=True, slots=True)
class _Job:
    source: RawDataset
    settings: TrainingSettings
    folders: Folders
    out: Path
    threads: int


def run(job: dict[str, Any]) -> None:
    """Do a train job: ``{dataset, work, out, settings}``, see `TrainingSettings`.

    Raises
    ------
    Refusal
        what cannot be trained on; ``not-a-number`` where the loss grew beyond all bounds.
    """
    try:
        dataset, work, out = Path(job["dataset"]), Path(job["work"]), Path(job["out"])
        settings = TrainingSettings.read(job.get("settings", {}))
    except (KeyError, TypeError) as error:
        raise Refusal("bad-job", f"The job of the training lacks something: {error}. Start it again.") from error
    threads = settings.threads or len(os.sched_getaffinity(0))
    one = _Job(read_dataset(dataset, settings.fold), settings, Folders(work), out, threads)
    one.folders.into_environment(threads)
    _start_over_if_other(one)
    _stage(one, "taken over", _take_over)
    _stage(one, "fingerprint", _fingerprint)
    _stage(one, "planned", lambda given: planning.plan(given.folders, given.settings))
    _stage(one, "preprocessed", _preprocess)
    trainer = _train(one)
    hand_out(one.folders, one.source, settings, one.out, trainer)
    speaking.stage("Trained", 1.0)


def _start_over_if_other(job: _Job) -> None:
    """Throw away what was made for another training set or under another plan."""
    digest = hashlib.sha256(json.dumps([job.settings.planned(), job.settings.fold], sort_keys=True).encode())
    for name in (*job.source.names, json.dumps(job.source.description, sort_keys=True), json.dumps(job.source.splits)):
        digest.update(name.encode())
    job.folders.work.mkdir(parents=True, exist_ok=True)
    path = job.folders.work / "of.txt"
    if path.is_file() and path.read_text() == digest.hexdigest():
        return
    for folder in ("raw", "preprocessed", "results", "done"):
        shutil.rmtree(job.folders.work / folder, ignore_errors=True)
    (job.folders.work / "done").mkdir()
    path.write_text(digest.hexdigest())


def _stage(job: _Job, name: str, work: Callable[[_Job], None]) -> None:
    mark = job.folders.work / "done" / name
    if mark.is_file():
        speaking.log(f"Already {name}.")
        return
    begun = time.monotonic()
    work(job)
    mark.touch()
    speaking.log(f"{name.capitalize()} after {time.monotonic() - begun:.1f} s.")


def _take_over(job: _Job) -> None:
    take_over(job.source, job.folders.raw, lambda n, all_: speaking.stage("Reading the cases", 0.03 * n / all_))


def _fingerprint(job: _Job) -> None:
    speaking.stage("Taking the measure of the cases", 0.03)
    planning.extract_fingerprint(job.folders, job.threads)


def _preprocess(job: _Job) -> None:
    planning.preprocess(job.folders, lambda n, all_: speaking.stage("Preprocessing", 0.05 + 0.05 * n / all_))
    splits = json.dumps(list(job.source.splits))
    (job.folders.preprocessed / "splits_final.json").write_text(splits)


def _train(job: _Job) -> Path:
    """The folder of the trainer, with a final checkpoint."""
    import torch

    folder = job.folders.results / DATASET / f"SagittalTrainer__{PLANS}__{CONFIGURATION}"
    final = folder / f"fold_{job.settings.fold}" / "checkpoint_final.pth"
    if final.is_file() and json.loads((folder / "settings.json").read_text()) == job.settings.plain():
        return folder
    speaking.stage("Loading", PREPARED_SHARE)
    device = _device(job.settings.device)
    torch.set_num_threads(job.threads)
    # On few cores patches are cut in the process itself: others would only take its time.
    os.environ.update(nnUNet_n_proc_DA="0" if job.threads <= 2 else str(min(12, job.threads - 1)))
    trainer = _trainer(job, device)
    latest = Path(trainer.latest)
    for left in latest.parent.glob("*.part"):
        left.unlink()
    trainer = _taken_up(job, trainer, latest)
    (folder / "settings.json").write_text(json.dumps(job.settings.plain()))
    _stop_on_sigterm(trainer)
    trainer.run_training()
    return folder


def _device(wanted: str) -> Any:
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise Refusal("no-gpu", "There is no GPU that PyTorch can use. Choose the device cpu or auto.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def _trainer(job: _Job, device: Any) -> Any:
    from inference.segmentation.trainer import SagittalTrainer

    plans = json.loads(job.folders.plans.read_text()) | {"continue_training": False}
    description = json.loads((job.folders.raw / "dataset.json").read_text())
    trainer = SagittalTrainer(plans, CONFIGURATION, job.settings.fold, description, device)
    trainer.configured(job.settings, PREPARED_SHARE).initialize()
    return trainer


def _taken_up(job: _Job, trainer: Any, latest: Path) -> Any:
    """A trainer that goes on from the last checkpoint that can be read; the points of its epochs are said again."""
    from inference.segmentation.trainer import previous

    for path in (latest, previous(latest)):
        if not path.is_file():
            continue
        try:
            trainer.load_checkpoint(str(path))
        except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError) as error:
            speaking.log(f"{path.name} cannot be read ({type(error).__name__}) and is left out.")
            path.unlink()
            trainer = _trainer(job, trainer.device)
            continue
        for epoch in range(trainer.current_epoch):
            trainer.tell(epoch)
        speaking.log(f"Taken up after epoch {trainer.current_epoch}.")
        return trainer
    return trainer


def _stop_on_sigterm(trainer: Any) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        trainer.stop = True

    signal.signal(signal.SIGTERM, stop)
