"""The folder of a trained classifier: model.safetensors, and model.json that says what it is. No torch here.

Nothing in the folder depends on when, where or for how long it was trained: the same training gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.classifier.calibrate import Calibration
from inference.classifier.recipes import Recipe
from labeling.imaging.refusal import Refusal

__all__ = ["DESCRIPTION", "WEIGHTS", "Description", "describe", "file_sha256", "write_description"]

DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Description:
    """What model.json says.

    called
        The recipe in words, with the start of the weights where it is not the one the recipe was published with.
    weights_sha256
        Of model.safetensors.
    start
        Where training began: ``kind`` (random, package, path), ``sha256`` where there is a file, and ``said``.
    slices, vertebrae
        Calibration of the logits of slices and of vertebrae.
    threshold
        Of the calibrated score of a vertebra; what counts under the rule ``score``.
    dataset
        SHA-256 of the set of slices.
    seed, epoch
        Of the training, and the epoch that was kept, from 1.
    metrics
        On the validation set.
    packages
        Names and versions of what trained it.
    simulated
        Whether it was trained on simulated CT alone; False in folders that do not say.
    """

    called: str
    recipe: Recipe
    weights_sha256: str
    start: Mapping[str, Any]
    slices: Calibration
    vertebrae: Calibration
    threshold: float
    dataset: str
    seed: int
    epoch: int
    metrics: Mapping[str, Any]
    packages: Mapping[str, str]
    simulated: bool = False

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "format": FORMAT,
            "kind": "classifier",
            "called": self.called,
            "recipe": self.recipe.plain(),
            "recipe_sha256": self.recipe.sha256(),
            "weights_sha256": self.weights_sha256,
            "start": dict(self.start),
            "calibration": {"slices": self.slices.plain(), "vertebrae": self.vertebrae.plain()},
            "threshold": self.threshold,
            "dataset": self.dataset,
            "seed": self.seed,
            "epoch": self.epoch,
            "metrics": dict(self.metrics),
            "packages": dict(self.packages),
            "simulated": self.simulated,
        }


def describe(folder: Path, sha256: str | None = None) -> Description:
    """What lies in a model folder; the weights are compared with their SHA-256 and not opened.

    Parameters
    ----------
    sha256
        That of model.safetensors as it was registered; None compares with the description alone.

    Raises
    ------
    Refusal
        ``not-a-model`` where files are missing or unreadable, or the threshold or a calibration makes no sense,
        ``wrong-sha256`` where the weights were changed.
    """
    try:
        content = json.loads((folder / DESCRIPTION).read_text())
        if content["format"] != FORMAT or content["kind"] != "classifier":
            raise _no_model(f"{DESCRIPTION} is of another kind or format")
        calibration = {name: Calibration(**content["calibration"][name]) for name in ("slices", "vertebrae")}
        found = Description(
            called=str(content["called"]),
            recipe=Recipe.read(content["recipe"]),
            weights_sha256=str(content["weights_sha256"]),
            start=dict(content["start"]),
            slices=calibration["slices"],
            vertebrae=calibration["vertebrae"],
            threshold=float(content["threshold"]),
            dataset=str(content["dataset"]),
            seed=int(content["seed"]),
            epoch=int(content["epoch"]),
            metrics=dict(content["metrics"]),
            packages=dict(content["packages"]),
            simulated=content.get("simulated") is True,
        )
        _check_numbers(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise _no_model(f"{DESCRIPTION} is missing or unreadable") from error
    if not (folder / WEIGHTS).is_file():
        raise _no_model(f"{WEIGHTS} is missing")
    actual = file_sha256(folder / WEIGHTS)
    for expected in (found.weights_sha256, sha256):
        if expected is not None and actual != expected.strip().lower():
            raise Refusal(
                "wrong-sha256",
                f"The weights have the SHA-256 {actual[:12]}… instead of {expected[:12]}…: they were changed or "
                "damaged. Train the model again, or import it again from its source.",
            )
    return found


def _check_numbers(said: Description) -> None:
    """What would turn every verdict into the same one, or into none, is no model."""
    if not 0 <= said.threshold <= 1:
        raise _no_model(f"its threshold is {said.threshold:g} instead of one from 0 to 1")
    for name, one in (("slices", said.slices), ("vertebrae", said.vertebrae)):
        if not (math.isfinite(one.slope) and one.slope > 0 and math.isfinite(one.offset)):
            raise _no_model(f"its calibration of {name} has the slope {one.slope:g} and the offset {one.offset:g}")


def write_description(folder: Path, description: Description) -> None:
    """Write model.json; the last file of a model folder, after its weights."""
    part = folder / f"{DESCRIPTION}.part"
    part.write_text(json.dumps(description.plain(), sort_keys=True, indent=1) + "\n")
    os.replace(part, folder / DESCRIPTION)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_model(what: str) -> Refusal:
    return Refusal("not-a-model", f"This is no classifier of vertebral slices: {what}. Train or import one.")
