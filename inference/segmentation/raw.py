"""The raw folder of a training, as nnU-Net lays it out: taken over, checked, and turned the one way round.

Whatever orientation images arrive in, they leave here as `orientation` says, with a plain affine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.segmentation.labels import Meaning, meaning_of
from inference.segmentation.orientation import write_nifti
from labeling.imaging.nifti import read_ct, read_labels
from labeling.imaging.refusal import Refusal
from labeling.imaging.volume import canonical, canonical_labels

__all__ = ["ENDING", "RawDataset", "case_names", "image_path", "label_path", "read_dataset", "take_over"]

ENDING = ".nii.gz"

SAME_PLACE_MM = 0.5
"""How far a mask may lie from its image: files hold places as 32-bit numbers."""


@dataclass(frozen=True, slots=True)
class RawDataset:
    """A raw folder that can be trained on.

    names
        Of the cases, sorted.
    splits
        For each fold the names to train and to validate on.
    """

    folder: Path
    description: dict[str, Any]
    meaning: Meaning
    names: tuple[str, ...]
    splits: tuple[dict[str, list[str]], ...]


def image_path(folder: Path, name: str, ending: str = ENDING) -> Path:
    return folder / "imagesTr" / f"{name}_0000{ending}"


def label_path(folder: Path, name: str, ending: str = ENDING) -> Path:
    return folder / "labelsTr" / f"{name}{ending}"


def case_names(folder: Path, ending: str = ENDING) -> list[str]:
    """The cases that have an image, sorted; what was left half-written does not count."""
    suffix = f"_0000{ending}"
    found = (path.name for path in (folder / "imagesTr").glob(f"*{suffix}"))
    return sorted(name[: -len(suffix)] for name in found if not name.startswith("part-"))


def read_dataset(folder: Path, fold: int) -> RawDataset:
    """What a raw folder holds.

    Raises
    ------
    Refusal
        ``bad-dataset`` with what is missing, or as `meaning_of`.
    """
    path = folder / "dataset.json"
    try:
        description = json.loads(path.read_text())
        names_of_labels, ending = description["labels"], str(description["file_ending"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refused("The training set has no dataset.json with labels and file_ending.") from error
    if ending not in (".nii", ".nii.gz"):
        raise _refused(f"The images of the training set end in {ending!r}. Only NIfTI is read.")
    names = case_names(folder, ending)
    if len(names) < 2:
        raise _refused(f"The training set holds {len(names)} images. At least two are needed: one to validate on.")
    lonely = [name for name in names if not label_path(folder, name, ending).is_file()]
    if lonely:
        raise _refused(f"{lonely[0]} of the training set has an image and no mask.")
    return RawDataset(folder, description, meaning_of(names_of_labels), tuple(names), _splits(folder, names, fold))


def _splits(folder: Path, names: list[str], fold: int) -> tuple[dict[str, list[str]], ...]:
    path = folder / "splits.json"
    if not path.is_file():
        # Every fifth case is kept back.
        kept = [[name for place, name in enumerate(names) if place % 5 == at % 5] for at in range(fold + 1)]
        return tuple({"train": [n for n in names if n not in val], "val": val or names[:1]} for val in kept)
    try:
        splits = [
            {part: [str(n) for n in one[part]] for part in ("train", "val")} for one in json.loads(path.read_text())
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise _refused("splits.json is no list of {'train': [...], 'val': [...]}.") from error
    if fold >= len(splits):
        raise _refused(f"There is no fold {fold}: splits.json has {len(splits)}.")
    train, val = splits[fold]["train"], splits[fold]["val"]
    foreign = sorted((set(train) | set(val)) - set(names))
    if foreign:
        raise _refused(f"splits.json names {foreign[0]}, which is no case of the training set.")
    if not train or not val:
        raise _refused("A fold needs at least one case to train on and one to validate on.")
    both = sorted(set(train) & set(val))
    if both:
        raise _refused(f"{both[0]} is to be trained and validated on. A case can only be one of them.")
    return tuple(splits)


def take_over(source: RawDataset, target: Path, progress: Callable[[int, int], None]) -> None:
    """Write the cases of the fold into `target` the one way round; what lies there already is kept.

    Raises
    ------
    Refusal
        ``bad-dataset`` where mask and image differ in place, or a mask has a label that dataset.json has not; what
        `labeling.imaging.nifti` refuses.
    """
    ending = str(source.description["file_ending"])
    for folder in ("imagesTr", "labelsTr"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(source.names):
        progress(place, len(source.names))
        if image_path(target, name).is_file() and label_path(target, name).is_file():
            continue
        _take_over_one(source, target, name, ending)
    description = {
        "channel_names": {"0": "CT"},
        "labels": source.description["labels"],
        "numTraining": len(source.names),
        "file_ending": ENDING,
        "overwrite_image_reader_writer": "SimpleITKIO",
    }
    (target / "dataset.json").write_text(json.dumps(description, indent=2))


def _take_over_one(source: RawDataset, target: Path, name: str, ending: str) -> None:
    volume = canonical(read_ct(image_path(source.folder, name, ending)))
    labels = canonical_labels(read_labels(label_path(source.folder, name, ending)))
    if not volume.geometry.is_close(labels.geometry, SAME_PLACE_MM):
        raise _refused(f"The mask of {name} lies elsewhere than its image, or has another shape.")
    known = {0, *source.meaning.values}
    foreign = sorted(set(np.unique(labels.array).tolist()) - known)
    if foreign:
        raise _refused(f"The mask of {name} holds the label {foreign[0]}, which dataset.json does not name.")
    hounsfield = np.clip(volume.hu(), -32768, 32767).astype(np.int16)
    write_nifti(label_path(target, name), labels.array.astype(np.uint8), labels.geometry)
    write_nifti(image_path(target, name), hounsfield, volume.geometry)


def _refused(what: str) -> Refusal:
    return Refusal("bad-dataset", f"{what} Build the training set again.")
