"""A model comes in as a zip file: its SHA-256 first, for a checkpoint is a program and runs when it is loaded.

The record never imports the models' code, so unpacking and looking is asked of a program of its own.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from labeling.imaging.refusal import Refusal
from labeling.models import ModelVersion
from labeling.reading.roles import may_manage_models
from labeling.registry import classifiers
from labeling.registry.folders import file_sha256
from labeling.registry.versions import register

__all__ = ["describe", "import_model", "recipe_of"]

_REPOSITORY = Path(__file__).resolve().parents[2]

#: Program and verb that unpack and look at a model, by its kind.
_OPENING = {"segmentation": ("inference.opening", "unpack"), "classifier": ("inference.classifier", "check")}
_PATIENCE_SECONDS = 600


def import_model(path: Path, sha256: str, name: str, by: User | None, kind: str = "segmentation") -> ModelVersion:
    """Register the model in a zip file.

    For segmentation one that `nnUNetv2_export_model_to_zip` made, or a zip of a model folder; of a classifier a zip of
    its folder (model.json and model.safetensors), whose network is loaded once before it is registered.

    Parameters
    ----------
    sha256
        Of the zip, as whoever made the model gives it: 64 hexadecimal digits.
    by
        An engineer; None for a command on the server.

    Raises
    ------
    Refusal
        ``not-allowed``, ``unreadable-file``, ``wrong-sha256``, and what the look at its content finds:
        ``not-a-zip``, ``unsafe-zip``, ``not-a-model``, ``wrong-architecture``, ``disk-full``.
    """
    if kind not in _OPENING:
        raise Refusal("bad-kind", f"A model of the kind {kind!r} cannot be brought in. Choose {' or '.join(_OPENING)}.")
    if by is not None and not may_manage_models(by):
        raise Refusal("not-allowed", "Only an engineer brings in a model: its files run as a program when loaded.")
    try:
        found = file_sha256(path)
    except OSError as error:
        raise Refusal("unreadable-file", f"The file cannot be read: {error.strerror}. Check its path.") from None
    if found != sha256.strip().lower():
        raise Refusal(
            "wrong-sha256",
            f"The file has the SHA-256 {found[:12]}…, not the one that was given. It was not opened. "
            "Fetch it again, or ask its maker for the right number.",
        )
    try:
        return _brought_in(path, found, name, by, kind)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refusal("disk-full", "The disk is full. Make room on the server, then import it again.") from error


def _brought_in(path: Path, found: str, name: str, by: User | None, kind: str) -> ModelVersion:
    """The row of a model in a zip file whose SHA-256 `found` is the one that was given."""
    root = Path(settings.MODELS_ROOT)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="incoming-", dir=root) as incoming:
        folder = Path(incoming) / "model"
        program, verb = _OPENING[kind]
        facts = _ask(program, verb, {"zip": str(path.resolve()), "into": str(folder)}, Path(incoming))
        said = _classifier(facts) if kind == "classifier" else _segmentation(facts)
        return register(
            folder,
            kind=kind,
            name=name.strip() or said.name,
            by=by,
            recipe=said.recipe | {"imported": {"file_sha256": found}},
            metrics=facts["metrics"],
            note=said.note,
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """What a model says of itself, as the registry keeps it."""

    name: str
    recipe: dict[str, Any]
    note: str


def _segmentation(facts: dict[str, Any]) -> _Said:
    return _Said(str(facts["name"]), recipe_of(facts), str(facts["note"]))


def _classifier(facts: dict[str, Any]) -> _Said:
    begun = facts["start"].get("said", "weights that nobody named")
    note = f"Brought in. Recipe {facts['called']}. Begun with {begun}."
    recipe = classifiers.recipe_of(facts)
    if recipe["simulated"]:
        note += " Simulated CT only: it is no model for real CT."
    return _Said(str(facts["called"]), recipe, note)


def recipe_of(facts: dict[str, Any]) -> dict[str, Any]:
    """`ModelVersion.recipe` of a model that says this of itself."""
    shown = ("labels", "spacing", "classes", "configuration", "trainer", "folds", "size")
    return {**facts["recipe"], **{name: facts[name] for name in shown}}


def describe(folder: Path) -> dict[str, Any]:
    """What a model folder says of itself: name, labels, spacing, classes, trainer, size, note, metrics, recipe.

    Raises
    ------
    Refusal
        ``not-a-model`` with what is missing.
    """
    with tempfile.TemporaryDirectory() as beside:
        return _ask("inference.opening", "describe", {"model": str(folder)}, Path(beside))


def _ask(program: str, verb: str, job: dict[str, Any], beside: Path) -> dict[str, Any]:
    """Have a program of the models do something, and give back what it said of the model."""
    path = beside / "job.json"
    path.write_text(json.dumps(job))
    try:
        done = subprocess.run(
            [sys.executable, "-m", program, verb, str(path)],
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal("too-slow", "The model could not be opened within ten minutes. Check its file.") from None
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    refused = next((line for line in said if "refused" in line), None)
    if refused is not None:
        raise Refusal(str(refused["refused"]), str(refused["sentence"]))
    if done.returncode or not said:
        lines = done.stderr.strip().splitlines()
        raise Refusal("not-a-model", f"The model could not be opened. {lines[-1] if lines else 'It gave no reason.'}")
    facts: dict[str, Any] = said[-1]["facts"]
    if not isinstance(facts.get("metrics"), dict) or not isinstance(facts.get("recipe"), dict):
        raise Refusal("not-a-model", "What the model says of its metrics is no table. Mend its sagittal.json.")
    return facts
