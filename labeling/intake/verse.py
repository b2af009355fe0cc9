"""VerSe in: a BIDS tree of CTs, vertebra masks and centroids (Sekuboyina 2021, Med Image Anal 73:102166).

``sub-verse004_ct.nii.gz`` beside ``sub-verse004_seg-vert_msk.nii.gz`` and ``sub-verse004_seg-subreg_ctd.json``, in one
folder or under rawdata and derivatives. What is before ``_ct`` or ``_seg-`` says which belong together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeling.anatomy.bodies import bodies_only
from labeling.anatomy.levels import SACRUM, level_of
from labeling.imaging.nifti import read_labels
from labeling.imaging.refusal import Refusal
from labeling.imaging.resample import check_verse_numbers
from labeling.imaging.volume import LabelMap, canonical_labels

__all__ = ["VerseScan", "centroid_sentences", "read_centroids", "scans_in"]

FAR_MM = 10.0
"""How far a centroid may lie from the middle of its body in the mask; readers differ by one to three."""

#: Where an index of a canonical map grows to, by axis, and its opposite.
_AXES = {"L": (0, False), "R": (0, True), "I": (1, False), "S": (1, True), "P": (2, False), "A": (2, True)}

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class VerseScan:
    """One scan of a tree: `name` before the kinds of its files, `subject` its first part."""

    name: str
    ct: Path | None
    mask: Path | None
    centroids: Path | None

    @property
    def subject(self) -> str:
        return self.name.split("_")[0]


def scans_in(root: Path) -> list[VerseScan]:
    """The scans below a folder, by name; links are not followed.

    Raises
    ------
    Refusal
        ``no-tree`` where it is no folder or holds no CT, mask or centroids, ``two-files`` where two files are of one
        kind and one scan.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in _files(root):
        kind, name = _kind_of(path.name)
        if not kind:
            continue
        other = found.setdefault(name, {}).setdefault(kind, path)
        if other != path:
            raise Refusal(
                "two-files", f"{name} has two files of the kind {kind}: {other.name} and {path.name}. Keep one of them."
            )
    if not found:
        raise Refusal(
            "no-tree", f"{root} holds no CT (…_ct.nii.gz) and no mask (…_seg-vert_msk.nii.gz). Give the tree's folder."
        )
    return [
        VerseScan(name, files.get("ct"), files.get("mask"), files.get("centroids"))
        for name, files in sorted(found.items())
    ]


def _files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root, followlinks=False):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _kind_of(name: str) -> tuple[str, str]:
    """('ct' | 'mask' | 'centroids' | '', name of the scan) of a file name."""
    for ending in (".nii.gz", ".nii", ".json"):
        if name.endswith(ending):
            *parts, last = name[: -len(ending)].split("_")
            own = "_".join(part for part in parts if not part.startswith("seg-"))
            if ending == ".json":
                return ("centroids", own) if last == "ctd" else ("", "")
            if last == "ct":
                return "ct", own
            if last == "msk" and "seg-vert" in parts:
                return "mask", own
    return "", ""


def read_centroids(path: Path) -> tuple[str, dict[int, Point]]:
    """The orientation of a centroid file, such as 'PIR', and VerSe number → voxel coordinates in that orientation.

    Raises
    ------
    Refusal
        ``bad-centroids``.
    """
    try:
        head, *rest = json.loads(path.read_text())
        direction = "".join(head["direction"])
        points = {int(one["label"]): (float(one["X"]), float(one["Y"]), float(one["Z"])) for one in rest if "X" in one}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(
            "bad-centroids", f"{path.name} is no centroid file of VerSe. The mask was not compared."
        ) from error
    if sorted(_AXES[letter][0] for letter in direction if letter in _AXES) != [0, 1, 2] or len(direction) != 3:
        raise Refusal("bad-centroids", f"{path.name} gives the orientation {direction!r}. The mask was not compared.")
    return direction, points


def centroid_sentences(mask: Path, centroids: Path) -> list[str]:
    """What of the centroids does not agree with the mask, a sentence each; none where all lie in their bodies.

    Raises
    ------
    Refusal
        as `read_centroids` and `labeling.imaging.nifti.read_labels`.
    """
    direction, points = read_centroids(centroids)
    labels = canonical_labels(read_labels(mask))
    check_verse_numbers(labels)
    return _compared(LabelMap(labels.geometry, np.ascontiguousarray(labels.array, dtype=np.uint8)), direction, points)


def _compared(labels: LabelMap, direction: str, points: Mapping[int, Point]) -> list[str]:
    bodies = bodies_only(labels.array, labels.geometry)
    present = {int(value) for value in np.unique(bodies) if value}
    sentences = []
    for number in sorted(set(points) - {SACRUM} - present):
        sentences.append(f"The centroids name {_level(number)}, which the mask has not.")
    for number in sorted(present - set(points)):
        sentences.append(f"The mask has {_level(number)}, which the centroids do not name.")
    for number in sorted(present & set(points)):
        middle = np.argwhere(bodies == number).mean(axis=0)
        index = _index(points[number], direction, labels.geometry.shape)
        far = float(np.linalg.norm((np.array(index) - middle) * labels.geometry.spacing))
        if far > FAR_MM:
            sentences.append(f"The centroid of {_level(number)} lies {far:.0f} mm from its body in the mask.")
    return sentences


def _index(point: Point, direction: str, shape: Sequence[int]) -> list[float]:
    """Coordinates in the given orientation as an index of a canonical map (k, r, c)."""
    index = [0.0, 0.0, 0.0]
    for value, letter in zip(point, direction, strict=True):
        axis, backwards = _AXES[letter]
        index[axis] = shape[axis] - 1 - value if backwards else value
    return index


def _level(number: int) -> Any:
    try:
        return level_of(number)
    except ValueError:
        return f"number {number}"
