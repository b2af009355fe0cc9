"""A frozen set of slices on disk: images one after another, a line of JSON for each, and what it all is.

images.raw holds uint8 of shape (n, channels, canvas, canvas); manifest.jsonl a line for each image, in the same order;
dataset.json how the slices were cut and the SHA-256 of both. It is written last: a folder without it is none.
No torch here: a worker writes such folders.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SliceRecipe
from labeling.imaging.vertebral_slices import VertebralSlices

__all__ = ["SPLITS", "SliceSet", "SliceWriter", "read_slices"]

SPLITS = ("training", "validation")
FORMAT = 1


class SliceWriter:
    """Writes such a folder vertebra by vertebra; used as a context, complete when it is left without an exception.

    Parameters
    ----------
    folder
        Made where it is not there; what lies in it of an earlier try is written over.
    recipe
        How the slices were cut.
    """

    def __init__(self, folder: Path, recipe: SliceRecipe) -> None:
        self.folder, self.recipe = folder, recipe
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dataset.json").unlink(missing_ok=True)
        self._images = open(folder / "images.raw", "wb")  # noqa: SIM115  # closed when the context is left
        self._lines = open(folder / "manifest.jsonl", "wb")  # noqa: SIM115
        self._digests = hashlib.sha256(), hashlib.sha256()
        self.count = 0

    def add(
        self,
        slices: VertebralSlices,
        *,
        sop_uids: Sequence[str],
        labels: Sequence[int],
        case: str,
        patient: str,
        vertebra: str,
        split: str,
    ) -> None:
        """The kept slices of one vertebra, with a SOP Instance UID and a label (1 fracture, 0 negative) for each.

        Raises
        ------
        ValueError
            where the numbers of slices, UIDs and labels differ, or a label is neither 0 nor 1.
        """
        if not len(slices.ks) == len(slices.images) == len(sop_uids) == len(labels):
            counts = len(slices.ks), len(sop_uids), len(labels)
            raise ValueError(f"There are {counts[0]} slices, {counts[1]} UIDs and {counts[2]} labels. They must agree.")
        if slices.frame is None or not set(labels) <= {0, 1}:
            raise ValueError("Only slices with images are written, under the labels 0 and 1.")
        common = {"case": case, "patient": patient, "vertebra": vertebra, "level": slices.level, "split": split}
        frame = {"content": list(slices.frame.content), "pixel_mm": list(slices.frame.pixel_mm)}
        for k, uid, label in zip(slices.ks.tolist(), sop_uids, labels, strict=True):
            line = {"sop": uid, **common, "k": k, "label": int(label), **frame}
            self._write(1, (json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n").encode())
        self._write(0, np.ascontiguousarray(slices.images).tobytes())
        self.count += len(labels)

    def _write(self, which: int, content: bytes) -> None:
        (self._images, self._lines)[which].write(content)
        self._digests[which].update(content)

    def __enter__(self) -> SliceWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._images, self._lines):
            file.flush()
            os.fsync(file.fileno())
            file.close()
        if kind is not None:
            return
        content = {
            "format": FORMAT,
            "slices": self.recipe.plain(),
            "count": self.count,
            "images_sha256": self._digests[0].hexdigest(),
            "manifest_sha256": self._digests[1].hexdigest(),
        }
        part = self.folder / "dataset.json.part"
        part.write_text(json.dumps(content, sort_keys=True, indent=1))
        os.replace(part, self.folder / "dataset.json")


@dataclass(frozen=True, slots=True, eq=False)
class SliceSet:
    """A frozen set of slices in memory; everything has one entry for each slice, images are mapped from the disk.

    images
        (n, channels, canvas, canvas) uint8.
    labels
        (n,) int64, 1 for a fracture.
    vertebrae, patients
        (n,) int64: places in `vertebra_names` and `patient_names`.
    content
        (n, 4) int64: the crop on the canvas, see `CropFrame`.
    training
        (n,) whether a slice is trained on; else it validates.
    sha256
        Of the manifest and the images together: the name of the set.
    """

    recipe: SliceRecipe
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    vertebrae: NDArray[np.int64]
    patients: NDArray[np.int64]
    content: NDArray[np.int64]
    training: NDArray[np.bool_]
    vertebra_names: tuple[str, ...]
    patient_names: tuple[str, ...]
    sop_uids: tuple[str, ...]
    sha256: str


def read_slices(folder: Path, recipe: SliceRecipe) -> SliceSet:
    """A set of slices, every byte of it checked.

    Raises
    ------
    Refusal
        ``not-a-dataset`` for a folder that is none, ``wrong-sha256`` for files that are not those that were frozen,
        ``wrong-recipe`` where the slices were cut otherwise, ``bad-manifest`` for a line that cannot be used,
        ``test-patient`` where a slice of the test split stands in it, ``patient-in-both`` where one patient trains and
        validates, ``one-class`` and ``no-validation`` where there is nothing to learn or to choose by.
    """
    about = _about(folder)
    own = _recipe(about)
    if own != recipe:
        raise Refusal(
            "wrong-recipe",
            f"The slices of this set were cut by the recipe {own.name} ({own.sha256()[:12]}), the training wants "
            f"{recipe.name} ({recipe.sha256()[:12]}). Freeze a set with the recipe of the training.",
        )
    for name, key in (("images.raw", "images_sha256"), ("manifest.jsonl", "manifest_sha256")):
        _check_file(folder / name, str(about.get(key)))
    rows = [_row(line, number) for number, line in enumerate((folder / "manifest.jsonl").read_text().splitlines(), 1)]
    shape = (len(rows), len(recipe.channels), recipe.canvas, recipe.canvas)
    size = (folder / "images.raw").stat().st_size
    if not rows or len(rows) != about.get("count") or size != int(np.prod(shape)):
        raise Refusal(
            "bad-manifest",
            f"The manifest names {len(rows)} slices, the images hold {size / max(int(np.prod(shape[1:])), 1):g}. "
            "Freeze the set again.",
        )
    images = np.memmap(folder / "images.raw", dtype=np.uint8, mode="r", shape=shape)
    sha = hashlib.sha256(f"{about['manifest_sha256']}{about['images_sha256']}".encode()).hexdigest()
    return _set(rows, images, recipe, sha)


def _set(rows: list[dict[str, Any]], images: NDArray[np.uint8], recipe: SliceRecipe, sha256: str) -> SliceSet:
    vertebra_names = tuple(dict.fromkeys(f"{row['case']}/{row['vertebra']}" for row in rows))
    patient_names = tuple(dict.fromkeys(row["patient"] for row in rows))
    places = {name: place for place, name in enumerate(vertebra_names)}
    people = {name: place for place, name in enumerate(patient_names)}
    found = SliceSet(
        recipe,
        images,
        np.array([row["label"] for row in rows], dtype=np.int64),
        np.array([places[f"{row['case']}/{row['vertebra']}"] for row in rows], dtype=np.int64),
        np.array([people[row["patient"]] for row in rows], dtype=np.int64),
        np.array([row["content"] for row in rows], dtype=np.int64),
        np.array([row["split"] == "training" for row in rows]),
        vertebra_names,
        patient_names,
        tuple(row["sop"] for row in rows),
        sha256,
    )
    both = set(found.patients[found.training].tolist()) & set(found.patients[~found.training].tolist())
    if both:
        raise Refusal(
            "patient-in-both",
            f"The patient {patient_names[min(both)]} stands in training and in validation. Split the set by patient.",
        )
    if found.training.all() or not found.training.any():
        missing = "validation" if found.training.all() else "training"
        raise Refusal(
            "no-validation", f"The set has no slice for {missing}. Freeze a set with patients in both splits."
        )
    classes = set(found.labels[found.training].tolist())
    if len(classes) < 2:
        word = "fractured" if classes == {0} else "negative"
        raise Refusal("one-class", f"No slice for training is {word}. A classifier needs both kinds.")
    return found


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / "dataset.json").read_text())
    except (OSError, ValueError) as error:
        raise Refusal(
            "not-a-dataset", "There is no complete set of slices in this folder. Freeze the set again."
        ) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise Refusal("not-a-dataset", "The set of slices is of a format that is not known here. Freeze the set again.")
    return about


def _recipe(about: dict[str, Any]) -> SliceRecipe:
    try:
        return SliceRecipe.read(about["slices"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Refusal("not-a-dataset", "The set does not say how its slices were cut. Freeze the set again.") from error


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise Refusal("not-a-dataset", f"The file {path.name} of the set is missing. Freeze the set again.")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise Refusal(
            "wrong-sha256",
            f"The file {path.name} has the SHA-256 {found[:12]}… instead of {expected[:12]}…: it was changed or "
            "damaged. Freeze the set again.",
        )


def _row(line: str, number: int) -> dict[str, Any]:
    """One line of a manifest, checked."""
    try:
        row = json.loads(line)
        texts = all(isinstance(row[name], str) for name in ("sop", "case", "patient", "vertebra", "split"))
        whole = all(isinstance(value, int) for value in (row["k"], row["label"], *row["content"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("bad-manifest", f"Line {number} of the manifest cannot be read. Freeze the set again.") from error
    if not (texts and whole and row["label"] in (0, 1) and len(row["content"]) == 4):
        raise Refusal("bad-manifest", f"Line {number} of the manifest holds values of the wrong kind. Freeze it again.")
    if row["split"] == "test":
        raise Refusal(
            "test-patient",
            f"Line {number} of the manifest names a patient of the test split. Nothing is trained on test patients: "
            "freeze the set again without them.",
        )
    if row["split"] not in SPLITS:
        raise Refusal(
            "bad-manifest", f"Line {number} names the split {row['split']!r}. There are {' and '.join(SPLITS)}."
        )
    return dict(row)
