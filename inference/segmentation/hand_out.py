"""A finished training becomes a model folder, with what it was trained on, how, and how well. Only for the child."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from inference.segmentation import speaking
from inference.segmentation.models import CHECKPOINT
from inference.segmentation.planning import CONFIGURATION, Folders
from inference.segmentation.raw import RawDataset, image_path, label_path
from inference.segmentation.settings import TrainingSettings
from labeling.imaging.nifti import read_ct, read_labels
from labeling.imaging.volume import canonical, canonical_labels

__all__ = ["dice_of_classes", "hand_out", "slim"]

_PACKAGES = ("torch", "nnunetv2", "dynamic_network_architectures", "batchgeneratorsv2", "numpy", "scipy")

VALIDATED_SHARE = 0.92


def hand_out(folders: Folders, source: RawDataset, settings: TrainingSettings, out: Path, trained: Path) -> None:
    """Write the model folder: weights without the optimizer, plans, and sagittal.json; all of it, or nothing."""
    import torch

    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    fold = part / f"fold_{settings.fold}"
    fold.mkdir(parents=True)
    final = trained / f"fold_{settings.fold}" / CHECKPOINT
    checkpoint = torch.load(final, map_location="cpu", weights_only=False)
    torch.save(slim(checkpoint), fold / CHECKPOINT)
    shutil.copyfile(folders.plans, part / "plans.json")
    shutil.copyfile(folders.raw / "dataset.json", part / "dataset.json")
    shutil.copyfile(folders.preprocessed / "dataset_fingerprint.json", part / "dataset_fingerprint.json")
    logged = checkpoint["logging"]
    begun, ended = logged["epoch_start_timestamps"], logged["epoch_end_timestamps"]
    own: dict[str, Any] = {
        "labels": source.meaning.kind,
        "configuration": CONFIGURATION,
        "trainer": f"nnU-Net {version('nnunetv2')}, {settings.planner}",
        "settings": settings.plain(),
        "cases": {name: len(source.splits[settings.fold][name]) for name in ("train", "val")},
        "curves": {
            name: [[n + 1, round(float(y), 6)] for n, y in enumerate(logged[key])]
            for name, key in (
                ("train loss", "train_losses"),
                ("validation loss", "val_losses"),
                ("Dice", "mean_fg_dice"),
            )
        },
        "metrics": {"Dice of patches": round(float(np.mean(logged["mean_fg_dice"][-3:])), 4)},
        "packages": {name: version(name) for name in _PACKAGES},
        "seconds": round(sum(b - a for a, b in zip(begun, ended, strict=True)), 1),
    }
    (part / "sagittal.json").write_text(json.dumps(own, indent=1))
    if settings.validate:
        own["metrics"] |= _validated(part, folders, source, settings)
        (part / "sagittal.json").write_text(json.dumps(own, indent=1))
    shutil.rmtree(out, ignore_errors=True)
    part.replace(out)


def slim(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What prediction needs of a checkpoint: a third of the bytes."""
    names = ("network_weights", "init_args", "trainer_name", "inference_allowed_mirroring_axes", "current_epoch")
    return {name: checkpoint[name] for name in names} | {"_best_ema": None, "optimizer_state": None, "logging": {}}


def dice_of_classes(found: np.ndarray, truth: np.ndarray, classes: dict[str, int]) -> dict[str, float]:
    """Dice of each class that either map holds."""
    result = {}
    for name, value in classes.items():
        one, other = found == value, truth == value
        total = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
        if total:
            result[name] = 2 * int(np.count_nonzero(one & other)) / total
    return result


def _validated(
    model_folder: Path, folders: Folders, source: RawDataset, settings: TrainingSettings
) -> dict[str, dict[str, float]]:
    """Mean Dice of whole cases that were not trained on, by class; each case once, however often the job restarts."""
    from inference.segmentation.network import load
    from inference.segmentation.predict import device_for, segment

    model, device = load(model_folder), device_for(settings.device)
    kept = folders.work / "validated"
    kept.mkdir(exist_ok=True)
    names = source.splits[settings.fold]["val"]
    classes = {name: value for name, value in source.description["labels"].items() if name != "background"}
    table = model.meaning.table()
    scores: dict[str, list[float]] = {}
    for place, name in enumerate(names):
        speaking.stage("Validating", VALIDATED_SHARE + (1 - VALIDATED_SHARE) * place / len(names))
        path = kept / f"{name}-{settings.epochs}.json"
        if not path.is_file():
            volume = canonical(read_ct(image_path(folders.raw, name)))
            truth = table[canonical_labels(read_labels(label_path(folders.raw, name))).array]
            found = segment(model, volume.hu(), volume.geometry, device=device, memory_gb=64)
            ours = {label: int(table[value]) for label, value in classes.items()}
            path.write_text(json.dumps(dice_of_classes(found, truth, ours)))
        for label, value in json.loads(path.read_text()).items():
            scores.setdefault(label, []).append(value)
    return {"Dice of whole cases": {label: round(float(np.mean(values)), 4) for label, values in scores.items()}}
