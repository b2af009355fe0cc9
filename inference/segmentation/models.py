"""A model folder as nnU-Net lays it out: what it is, whether it is the one that was registered, whether it loads.

plans.json, dataset.json and fold_<n>/checkpoint_final.pth; sagittal.json is ours and may be absent. Nothing here
imports torch but `check`, which opens the checkpoint and is for the child.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.segmentation.labels import Meaning, meaning_of
from labeling.imaging.refusal import Refusal

__all__ = ["CHECKPOINT", "ModelFacts", "check", "describe", "folder_sha256", "meaning_in", "read_json"]

CHECKPOINT = "checkpoint_final.pth"

_CONFIGURATIONS = ("3d_fullres", "3d_lowres")
"""Those that work alone on volumes; `2d` sees no neighbouring slices, a cascade needs another model before it."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model folder says of itself.

    labels
        ``bodies``, ``vertebrae`` or ``verse``.
    spacing
        Millimetres (head-feet, front-back, left-right) at which it sees images.
    classes
        Labels, background not counted.
    trainer
        nnU-Net's name for how it was trained.
    folds
        Networks whose scores are averaged.
    size
        Bytes of all files.
    note
        A sentence that goes with it, else ''.
    """

    name: str
    labels: str
    spacing: tuple[float, float, float]
    classes: int
    configuration: str
    trainer: str
    folds: tuple[str, ...]
    size: int
    note: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def describe(folder: Path) -> ModelFacts:
    """What lies in a model folder, without opening its weights.

    Raises
    ------
    Refusal
        ``not-a-model`` with what is missing.
    """
    plans, own = read_json(folder / "plans.json"), {}
    if (folder / "sagittal.json").is_file():
        own = read_json(folder / "sagittal.json")
    meaning = meaning_in(folder)
    folds = _folds(folder)
    configurations = plans.get("configurations")
    if not isinstance(configurations, dict):
        raise _no_model("plans.json holds no configurations")
    configuration = str(own.get("configuration") or next((c for c in _CONFIGURATIONS if c in configurations), ""))
    if configuration not in configurations:
        raise _no_model(f"it has no configuration {' or '.join(_CONFIGURATIONS)}")
    try:
        spacing = [float(value) for value in configurations[configuration]["spacing"]]
        ordered = [spacing[list(plans["transpose_forward"]).index(axis)] for axis in range(3)]
        planner = str(plans.get("experiment_planner_used", ""))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _no_model(f"its plans lack the spacing of {configuration}") from error
    return ModelFacts(
        name=str(own.get("name") or plans.get("dataset_name") or folder.name),
        labels=meaning.kind,
        spacing=(ordered[0], ordered[1], ordered[2]),
        classes=meaning.classes,
        configuration=configuration,
        trainer=str(own.get("trainer") or planner),
        folds=folds,
        size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        note=str(own.get("note", "")),
    )


def meaning_in(folder: Path) -> Meaning:
    """What the labels of a model mean, by the names in its dataset.json."""
    labels = read_json(folder / "dataset.json").get("labels")
    if not isinstance(labels, dict):
        raise _no_model("dataset.json names no labels")
    channels = read_json(folder / "dataset.json").get("channel_names", {"0": "CT"})
    if not isinstance(channels, dict) or len(channels) != 1:
        raise _no_model("it wants more than one image of a case")
    return meaning_of(labels)


def folder_sha256(folder: Path) -> str:
    """The SHA-256 of a model folder: over the names of its files, sorted, and their bytes.

    A name counts as its path below the folder with '/', followed by a zero byte and the number of bytes that come.

    Raises
    ------
    Refusal
        ``not-a-model`` for a folder that is not there, is empty or holds a link.
    """
    digest = hashlib.sha256()
    paths = sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()) if folder.is_dir() else []
    if any(path.is_symlink() for path in paths):
        raise _no_model("it holds a link instead of a file")
    files = [path for path in paths if path.is_file()]
    if not files:
        raise _no_model("the folder is missing or empty")
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def check(folder: Path, sha256: str | None = None) -> ModelFacts:
    """That a folder is the model it is said to be and that its network loads; for the child, because it needs torch.

    Raises
    ------
    Refusal
        ``wrong-sha256``, ``not-a-model`` or ``wrong-architecture``.
    """
    check_sha256(folder, sha256)
    facts = describe(folder)
    from inference.segmentation.network import load

    load(folder)
    return facts


def check_sha256(folder: Path, sha256: str | None) -> None:
    """Refuse a folder whose files are not those that were registered; without a number nothing is compared."""
    if sha256 is None:
        return
    found = folder_sha256(folder)
    if found != sha256.strip().lower():
        raise Refusal(
            "wrong-sha256",
            f"The files of the model have the SHA-256 {found[:12]}… instead of {sha256[:12]}…: they were changed or "
            "damaged. Import the model again from its source.",
        )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder.

    Raises
    ------
    Refusal
        ``not-a-model`` where there is none.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _no_model(f"{path.name} is missing or unreadable") from error
    if not isinstance(content, dict):
        raise _no_model(f"{path.name} holds no JSON object")
    return content


def _folds(folder: Path) -> tuple[str, ...]:
    names = sorted(path.parent.name for path in folder.glob(f"fold_*/{CHECKPOINT}"))
    # `fold_all` is another training on all cases, not one more fold.
    numbered = tuple(name for name in names if name != "fold_all")
    if not names:
        raise _no_model(f"there is no fold_0/{CHECKPOINT}")
    return numbered or tuple(names)


def _no_model(what: str) -> Refusal:
    return Refusal(
        "not-a-model",
        f"This is no nnU-Net model folder: {what}. Export the model with nnUNetv2_export_model_to_zip and import that.",
    )
